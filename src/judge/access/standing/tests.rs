//! Lines of every kind, and what sshd makes of them.

use super::*;
use crate::domain::When;
use crate::domain::access::Unknown;
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::sshd_log::read_text;
use crate::judge::access::tests::with;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

fn key() -> Fingerprint {
    PublicSshKey::parse(KEY).unwrap().fingerprint()
}

/// The state, and what was found, with a key file of these lines.
fn of(content: &str, from: Option<&str>) -> (State, String) {
    let standing = standing(&with(content), &key(), from);
    (standing.step.state, standing.step.message)
}

#[test]
fn each_line_by_its_options() {
    use State::{Fine, Unknown, Wrong};
    let here = Some("10.0.0.7");
    for (content, from, state, words) in [
        (
            format!("restrict {KEY} ada"),
            here,
            Fine,
            "line 1 of /etc/ssh/nix-ssh",
        ),
        (
            format!("expiry-time=\"20200101Z\" {KEY}"),
            here,
            Wrong,
            "key expired",
        ),
        (
            format!("expiry-time=\"20990101Z\" {KEY}"),
            here,
            Fine,
            "line 1",
        ),
        (format!("from=\"10.0.0.0/8\" {KEY}"), here, Fine, "line 1"),
        (
            format!("from=\"10.1.0.0/16\" {KEY}"),
            here,
            Wrong,
            "not from 10.0.0.7",
        ),
        (
            format!("from=\"10.1.0.0/16\" {KEY}"),
            None,
            Unknown,
            "where the client connects from is not known",
        ),
        (
            format!("from=\"*.example.org\" {KEY}"),
            here,
            Unknown,
            "is unknown",
        ),
        (format!("unheard-of {KEY}"), here, Wrong, "unheard-of"),
        // sshd goes on behind a line that refuses the key.
        (
            format!("expiry-time=\"20200101Z\" {KEY}\n{KEY}"),
            here,
            Fine,
            "line 2",
        ),
        (
            format!("from=\"10.1.*\" {KEY}\nexpiry-time=\"20200101Z\" {KEY}"),
            None,
            Unknown,
            "line 1",
        ),
        (format!("cert-authority {KEY}"), here, Wrong, "never seen"),
        (String::new(), here, Wrong, "never seen"),
    ] {
        let (found, message) = of(&content, from);
        assert_eq!(found, state, "{content}: {message}");
        assert!(message.contains(words), "{content}: {message}");
    }
}

#[test]
fn the_log_knows_where_a_client_comes_from() {
    let mut facts = with(&format!("from=\"10.1.*\" {KEY} ada"));
    let print = key();
    let log = format!(
        "2026-11-18T10:00:00Z h sshd[1]: Failed publickey for nix-ssh from 10.2.0.7 port 5 ssh2: ED25519 {print}\n"
    );
    facts.events = Ok(read_text(log.as_bytes(), facts.at, 0).events);
    let standing = standing(&facts, &print, None);
    assert_eq!(standing.step.state, State::Wrong);
    let message = &standing.step.message;
    assert!(
        message.contains("not from 10.2.0.7; last refused "),
        "{message}"
    );
    assert_eq!(standing.comment, "ada");
    // What is said counts before that.
    let said = super::standing(&facts, &print, Some("10.1.0.7"));
    assert_eq!(said.step.state, State::Fine);
}

#[test]
fn what_holds_for_every_key() {
    let fine = || with(&format!("{KEY}\n"));
    let state = |facts: &AccessFacts| standing(facts, &key(), None).step.state;
    let change = |change: &dyn Fn(&mut SshdSettings)| {
        let mut facts = fine();
        change(facts.sshd.settings.as_mut().unwrap());
        facts
    };
    let list = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(state(&fine()), State::Fine);
    for (facts, expected) in [
        (
            change(&|to| to.pubkey_authentication = Some(false)),
            State::Wrong,
        ),
        (change(&|to| to.deny_users = list(&["nix-*"])), State::Wrong),
        (change(&|to| to.deny_users = list(&["root"])), State::Fine),
        (
            change(&|to| to.deny_groups = list(&["cache"])),
            State::Wrong,
        ),
        (change(&|to| to.allow_users = list(&["root"])), State::Wrong),
        (
            change(&|to| to.allow_users = list(&["root", "nix-ss?"])),
            State::Fine,
        ),
        (
            change(&|to| to.allow_users = list(&["nix-ssh@10.*"])),
            State::Unknown,
        ),
        (
            change(&|to| to.allow_groups = list(&["staff"])),
            State::Wrong,
        ),
        (
            change(&|to| to.revoked_keys = Some("/krl".into())),
            State::Unknown,
        ),
    ] {
        assert_eq!(state(&facts), expected, "{:?}", facts.sshd.settings);
    }
    let mut facts = fine();
    facts.files[0].strict_modes_problem = Some("its mode is 666".into());
    assert_eq!(state(&facts), State::Wrong);
    facts.sshd.settings.as_mut().unwrap().strict_modes = Some(false);
    assert_eq!(state(&facts), State::Fine);
    facts.sshd.settings = Err(Unknown::new("no root"));
    assert_eq!(state(&facts), State::Unknown);
}

#[test]
fn a_key_in_no_file_may_come_from_elsewhere() {
    let state = |facts: &AccessFacts| standing(facts, &key(), None).step.state;
    let mut facts = with("");
    assert_eq!(state(&facts), State::Wrong);
    let settings = facts.sshd.settings.as_mut().unwrap();
    settings.authorized_keys_command = Some("/etc/ssh/storekeeper-knock %u".into());
    assert_eq!(state(&facts), State::Wrong);
    let settings = facts.sshd.settings.as_mut().unwrap();
    settings.authorized_keys_command = Some("/usr/bin/sss_ssh_authorizedkeys %u".into());
    assert_eq!(state(&facts), State::Unknown);
    let mut facts = with("");
    facts.files[0].content = Err(Unknown::new("hidden"));
    assert_eq!(state(&facts), State::Unknown);
    facts.files.clear();
    assert_eq!(state(&facts), State::Unknown);
}

#[test]
fn a_list_of_revoked_keys_is_known_by_what_it_did() {
    let mut facts = with(&format!("{KEY}\n"));
    facts.sshd.settings.as_mut().unwrap().revoked_keys = Some("/krl".into());
    let print = key();
    let accepted = format!(
        "2026-11-18T10:00:00Z h sshd[1]: Accepted publickey for nix-ssh from 10.0.0.7 port 5 ssh2: ED25519 {print}\n"
    );
    let revoked = format!(
        "2026-11-18T11:00:00Z h sshd[2]: Authentication key ED25519 {print} revoked by file /krl\n\
         2026-11-18T11:00:00Z h sshd[2]: Failed publickey for nix-ssh from 10.0.0.7 port 6 ssh2: ED25519 {print}\n"
    );
    let at = When::from_unix(1_800_000_000);
    for (log, state) in [
        (accepted.clone(), State::Fine),
        (format!("{accepted}{revoked}"), State::Wrong),
    ] {
        facts.events = Ok(read_text(log.as_bytes(), at, 0).events);
        assert_eq!(standing(&facts, &print, None).step.state, state, "{log}");
    }
}

#[test]
fn a_list_of_revoked_keys_that_was_read_decides() {
    use crate::domain::revocation::RevocationList;
    let state = |list: Option<crate::domain::Fact<RevocationList>>| {
        let mut facts = with(&format!("{KEY}\n"));
        facts.sshd.settings.as_mut().unwrap().revoked_keys = Some("/krl".into());
        facts.certificates.revoked = list;
        let standing = standing(&facts, &key(), None).step;
        let row = crate::judge::access::keys(&facts, Age(0)).keys.remove(0);
        assert_eq!(row.active, standing.state != State::Wrong, "{standing:?}");
        (standing.state, standing.message)
    };
    let read = |text: &str| Some(Ok(RevocationList::parse(text.as_bytes()).unwrap()));
    assert_eq!(state(read("# none\n")).0, State::Fine);
    let (wrong, message) = state(read(&format!("{KEY}\n")));
    assert_eq!(wrong, State::Wrong);
    assert!(
        message.contains("key is in sshd's list of revoked keys, /krl"),
        "{message}"
    );
    let (wrong, message) = state(Some(Ok(RevocationList::Missing)));
    assert_eq!(wrong, State::Wrong);
    assert!(message.contains("refuses every key"), "{message}");
    let unread = Unknown::new("/krl: it is signed, which is not checked here");
    let (unknown, message) = state(Some(Err(unread)));
    assert_eq!(unknown, State::Unknown);
    assert!(message.contains("it is signed"), "{message}");
    assert_eq!(state(None).0, State::Unknown);
}
