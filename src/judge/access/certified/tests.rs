//! Certificates of every kind, and what sshd makes of them. The real sshd holds the same in `tests/server/access/cli/way_certificates.rs`.

use super::limits::is_from;
use super::*;
use crate::domain::authorities::CertificateFacts;
use crate::domain::ssh_key::CriticalOption;
use crate::domain::{Fact, Unknown as Why};
use crate::judge::access::standing;
use crate::judge::access::tests::{KEY, OTHER, key, with};
use base64::Engine as _;
use proptest::prelude::*;

/// A certificate of the key by an authority, made by `ssh-keygen -s`: for `ci` and `ops`, until 2100.
fn made() -> PublicSshKey {
    PublicSshKey::parse(include_str!("certificate.pub")).unwrap()
}

/// Its authority's public key.
const CA: &str = include_str!("authority.pub");

/// What is judged of a certificate that says something else than [`made`]; the signature is then not looked at.
fn judged(
    content: &str,
    from: Option<&str>,
    change: impl Fn(&mut AccessFacts, &mut Certificate),
) -> Vec<(&'static str, State, String)> {
    let mut facts = with(content);
    facts.sshd.version = Ok("OpenSSH_9.2p1".to_owned());
    let key = made();
    let mut certificate = key.certificate().unwrap().clone();
    change(&mut facts, &mut certificate);
    let case = Case {
        facts: &facts,
        key: &key,
        certificate: &certificate,
        from,
    };
    let reading = Reading::new(&facts);
    let (by, _) = authority::way(&reading, case);
    let mut steps = vec![made_of(case), valid(case)];
    steps.extend(by);
    steps.extend(revoked(case));
    steps
        .into_iter()
        .map(|step| (step.id, step.state, step.message))
        .collect()
}

use super::made as made_of;

/// The ids that are in this state.
fn ids(steps: &[(&'static str, State, String)], state: State) -> Vec<&'static str> {
    let of = steps.iter().filter(|(_, own, _)| *own == state);
    of.map(|(id, ..)| *id).collect()
}

fn line(options: &str) -> String {
    format!("{options} {CA}")
}

const HERE: Option<&str> = Some("10.0.0.7");

#[test]
#[expect(clippy::too_many_lines, reason = "one table, read from top to bottom")]
fn each_by_what_it_says() {
    use State::{Fine, Unknown, Wrong};
    type Change = fn(&mut AccessFacts, &mut Certificate);
    let cases: &[(&str, Change, State, &str)] = &[
        ("cert-authority,principals=\"ci,x\"", |_, _| {}, Fine, ""),
        (
            "cert-authority,principals=\"x\"",
            |_, _| {},
            Wrong,
            "principals",
        ),
        // Without a list, the user's own name counts.
        ("cert-authority", |_, _| {}, Wrong, "principals"),
        (
            "cert-authority",
            |facts, it| it.principals = vec![facts.cache_user.as_ref().unwrap().name.clone()],
            Fine,
            "",
        ),
        ("cert-authority", |_, it| it.principals.clear(), Fine, ""),
        (
            "cert-authority",
            |facts, it| {
                it.principals.clear();
                facts.sshd.version = Ok("OpenSSH_10.3".to_owned());
            },
            Unknown,
            "principals",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |_, it| it.principals.clear(),
            Wrong,
            "principals",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |_, it| it.principals = vec!["ci,x".into()],
            Unknown,
            "principals",
        ),
        // A plain line is none of an authority.
        ("restrict", |_, _| {}, Wrong, "authority"),
        (
            "cert-authority,principals=\"ci\",unheard-of",
            |_, _| {},
            Wrong,
            "authority",
        ),
        (
            "cert-authority,principals=\"ci\",expiry-time=\"20200101Z\"",
            |_, _| {},
            Wrong,
            "authority",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |facts, _| facts.files[0].strict_modes_problem = Some("bad mode".into()),
            Wrong,
            "authority",
        ),
        (
            "cert-authority,principals=\"ci\",from=\"10.0.0.0/8\"",
            |_, _| {},
            Fine,
            "",
        ),
        (
            "cert-authority,principals=\"ci\",from=\"10.1.0.0/16\"",
            |_, _| {},
            Wrong,
            "limits",
        ),
        (
            "cert-authority,principals=\"ci\",from=\"*.example.org\"",
            |_, _| {},
            Unknown,
            "limits",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |facts, it| it.after = facts.at.unix() as u64 + 1,
            Wrong,
            "valid",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |facts, it| it.after = facts.at.unix() as u64,
            Fine,
            "",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |facts, it| it.before = Some(facts.at.unix() as u64),
            Wrong,
            "valid",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |facts, it| it.before = Some(facts.at.unix() as u64 + 1),
            Fine,
            "",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |_, it| it.before = None,
            Fine,
            "",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |_, it| it.for_user = false,
            Wrong,
            "signed",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |facts, it| {
                it.signed_with = "ssh-rsa".into();
                let settings = facts.sshd.settings.as_mut().unwrap();
                settings.ca_signature_algorithms = vec!["ssh-ed25519".into()];
            },
            Wrong,
            "signed",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |facts, _| {
                let settings = facts.sshd.settings.as_mut().unwrap();
                settings.pubkey_accepted_algorithms = vec!["ssh-ed25519".into()];
            },
            Wrong,
            "signed",
        ),
        (
            "cert-authority,principals=\"ci\"",
            |facts, _| {
                let settings = facts.sshd.settings.as_mut().unwrap();
                settings.revoked_keys = Some("/krl".into());
            },
            Unknown,
            "revoked",
        ),
    ];
    for (options, change, state, id) in cases {
        let steps = judged(&line(options), HERE, change);
        let open = ids(&steps, Unknown);
        let wrong = ids(&steps, Wrong);
        let found = match (wrong.as_slice(), open.as_slice()) {
            ([], []) => (Fine, ""),
            ([], [open]) => (Unknown, *open),
            ([wrong], _) => (Wrong, *wrong),
            _ => (Wrong, "several"),
        };
        assert_eq!(found, (*state, *id), "{options}: {steps:#?}");
    }
}

#[test]
fn each_by_its_critical_options() {
    use State::{Fine, Unknown, Wrong};
    for (line_options, critical, from, state) in [
        ("", vec![("source-address", "10.0.0.0/8")], HERE, Fine),
        (
            "",
            vec![("source-address", "10.1.0.0/16,10.0.0.7")],
            HERE,
            Fine,
        ),
        ("", vec![("source-address", "10.1.0.0/16")], HERE, Wrong),
        ("", vec![("source-address", "10.0.0.7/8")], HERE, Wrong),
        ("", vec![("source-address", "here")], HERE, Wrong),
        ("", vec![("source-address", "10.0.0.0/8")], None, Unknown),
        ("", vec![("force-command", "x")], HERE, Fine),
        (",command=\"x\"", vec![("force-command", "x")], HERE, Fine),
        (",command=\"y\"", vec![("force-command", "x")], HERE, Wrong),
        (
            "",
            vec![("force-command", "x"), ("force-command", "x")],
            HERE,
            Wrong,
        ),
        ("", vec![("verify-required", "")], HERE, Fine),
        ("", vec![("unheard-of", "")], HERE, Wrong),
    ] {
        let options = format!("cert-authority,principals=\"ci\"{line_options}");
        let steps = judged(&line(&options), from, |_, it| {
            let own = critical.iter().map(|(name, value)| CriticalOption {
                name: (*name).into(),
                value: (*value).into(),
            });
            it.critical = own.collect();
        });
        let step = steps.iter().find(|(id, ..)| *id == "limits").unwrap();
        assert_eq!(step.1, state, "{options} {critical:?}: {step:?}");
    }
}

/// sshd goes on behind an authority that refuses.
#[test]
fn the_best_authority_counts() {
    let content = format!(
        "{}{}",
        line("cert-authority,principals=\"x\""),
        line("cert-authority,principals=\"ops\"")
    );
    let steps = judged(&content, HERE, |_, _| {});
    assert_eq!(ids(&steps, State::Fine).len(), steps.len(), "{steps:#?}");
    assert!(steps[2].2.starts_with("line 2"), "{steps:#?}");
}

#[test]
fn authorities_of_the_settings() {
    use State::{Fine, Unknown, Wrong};
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let of = |principals: Option<Fact<Vec<String>>>, limited: Vec<String>, empty: bool| {
        let steps = judged("", HERE, |facts, it| {
            facts.certificates = CertificateFacts {
                file: Some("/etc/ssh/ca.pub".into()),
                trusted: Ok(vec![(1, PublicSshKey::parse(CA).unwrap())]),
                principals: principals.clone(),
                limited: limited.clone(),
                revoked: None,
            };
            if empty {
                it.principals.clear();
            }
        });
        let step = steps.iter().find(|(id, ..)| *id == "principals").unwrap();
        step.1
    };
    assert_eq!(of(Some(Ok(names(&["ops"]))), vec![], false), Fine);
    assert_eq!(of(Some(Ok(names(&["x"]))), vec![], false), Wrong);
    // Without such a file the user's name counts; one without names is nobody's.
    assert_eq!(of(None, vec![], false), Wrong);
    assert_eq!(of(None, vec![], true), Wrong);
    assert_eq!(of(Some(Err(Why::new("no rights"))), vec![], false), Unknown);
    assert_eq!(
        of(Some(Ok(names(&["ops"]))), names(&["ops"]), false),
        Unknown
    );
    // What can't be read may have it.
    let steps = judged("", HERE, |facts, _| {
        facts.certificates.trusted = Err(Why::new("no rights"));
    });
    assert_eq!(ids(&steps, Unknown), ["authority"], "{steps:#?}");
}

/// The key itself may stand in a file, and ssh offers it too.
#[test]
fn the_key_itself_counts_beside_it() {
    let key = made();
    let plain = String::from_utf8(made_key()).unwrap();
    let judge = |content: &str| {
        let facts = with(content);
        let plain = standing(&facts, &key.fingerprint(), HERE);
        certified(&facts, &key, HERE, plain).0
    };
    let steps = judge(&format!("restrict {plain}\n"));
    assert!(
        steps.iter().all(|step| step.state == State::Fine),
        "{steps:#?}"
    );
    assert!(
        steps[0]
            .message
            .contains("certificate is refused (authority: "),
        "{steps:#?}"
    );
    let steps = judge(&format!(
        "{}restrict {OTHER}\n",
        line("cert-authority,principals=\"ci\"")
    ));
    assert_eq!(steps.len(), 5);
    let steps = judge("");
    assert!(
        steps.iter().any(|step| step.state == State::Wrong),
        "{steps:#?}"
    );
    // A plain key has no such steps.
    let facts = with(&format!("restrict {KEY}\n"));
    let plain = standing(&facts, &self::key(KEY).fingerprint(), HERE);
    assert_eq!(certified(&facts, &self::key(KEY), HERE, plain).0.len(), 1);
}

/// The line of the key that the certificate is for.
fn made_key() -> Vec<u8> {
    include_bytes!("key.pub").trim_ascii_end().to_vec()
}

#[test]
fn one_that_was_changed_is_no_more_signed() {
    let key = made();
    assert_eq!(key.is_signed(), Some(true));
    let mut blob = key.blob().to_vec();
    // The serial number stands behind the key.
    let at = blob.windows(2).position(|two| two == b"ci").unwrap();
    blob[at] = b'x';
    let text = base64::engine::general_purpose::STANDARD.encode(&blob);
    let other = PublicSshKey::parse(&format!("{} {text}", key.algorithm())).unwrap();
    assert_eq!(other.is_signed(), Some(false));
    assert_eq!(self::key(KEY).is_signed(), None);
}

#[test]
fn addresses() {
    let is = |list: &str| is_from(list, HERE);
    assert_eq!(is("10.0.0.7"), Ok(Some(true)));
    assert_eq!(is("::/0"), Ok(Some(false)));
    assert_eq!(is("0.0.0.0/0"), Ok(Some(true)));
    assert_eq!(is_from("fe80::/10", Some("fe80::1")), Ok(Some(true)));
    for odd in [
        "",
        "10.0.0.0/33",
        "10.0.0.0/x",
        "10.0.*",
        "!10.0.0.7",
        "10.0.0.7, 10.0.0.8",
    ] {
        assert_eq!(is(odd), Err(()), "{odd}");
    }
}

proptest! {
    #[test]
    fn never_panics(
        list in "[0-9a-f.:/,*! ]{0,40}|\\PC{0,20}",
        from in "[0-9.]{0,15}|\\PC{0,9}",
        name in "\\PC{0,9}",
        after: u64,
        before: Option<u64>,
    ) {
        let _ = is_from(&list, Some(&from));
        let _ = judged(&line("cert-authority"), Some(&from), |_, it| {
            it.critical = vec![CriticalOption { name: name.clone(), value: list.clone() }];
            it.principals = vec![name.clone()];
            (it.after, it.before) = (after, before);
        });
    }
}
