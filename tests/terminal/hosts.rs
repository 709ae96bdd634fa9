//! Whom the console trusts and as whom it comes in: unknown and changed hosts, keys with a passphrase, refused keys.

use super::{header, loaded};
use crate::help::terminal::Terminal;
use crate::rig::{Access, Rig, key_pair};
use std::process::Command;

/// The console with this identity and these known hosts.
fn start(rig: &Rig, identity: &str, known_hosts: &str) -> Terminal {
    let command = rig.storekeeper_bare([
        Access::Root.server(),
        "--config",
        &rig.file("config.toml"),
        "--identity",
        identity,
        "--known-hosts",
        known_hosts,
    ]);
    Terminal::start(&command, 80, 24)
}

fn fingerprint(file: &str) -> String {
    let output = Command::new("ssh-keygen").args(["-lf", file]).output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    said.split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn an_unknown_host_is_trusted_by_a_typed_yes_and_nothing_else() {
    let rig = Rig::new();
    let hosts = rig.file("new_hosts");
    std::fs::write(&hosts, "").unwrap();
    let mut terminal = start(&rig, &rig.file("id"), &hosts);
    let question = terminal.wait_for("┌ Unknown host");
    let shown = fingerprint(&rig.file("host.pub"));
    assert!(question.contains(&shown), "{shown}\n{question}");
    for no in ["y\r", "\r", "YES\r", "no\r"] {
        terminal.keys(no);
        let said = terminal.wait_for("type yes in full");
        assert!(said.contains("┌ Unknown host"), "{said}");
        terminal.keys("\u{7f}\u{7f}\u{7f}");
        terminal.settle(std::time::Duration::from_millis(100));
    }
    terminal.keys("\u{1b}");
    let refused = terminal.wait("a refusal", |text| !text.contains("┌ Unknown host"));
    assert!(!header(&refused).contains("connected, "), "{refused}");
    terminal.wait("that it is not connected", |text| {
        header(text).contains("not connected")
    });
    assert_eq!(std::fs::read_to_string(&hosts).unwrap(), "");
    terminal.keys("R");
    terminal.wait_for("┌ Unknown host");
    terminal.keys("yes\r");
    loaded(&terminal);
    let known = std::fs::read_to_string(&hosts).unwrap();
    let key = std::fs::read_to_string(rig.file("host.pub")).unwrap();
    let key = key.split_whitespace().nth(1).unwrap();
    assert!(known.lines().count() == 1 && known.contains(key), "{known}");
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
    // From now on nothing is asked.
    loaded(&start(&rig, &rig.file("id"), &hosts));
}

#[test]
fn a_changed_host_is_refused_without_a_question() {
    let rig = Rig::new();
    key_pair(&rig.scratch().join("another-host"), "another");
    let other = std::fs::read_to_string(rig.file("another-host.pub")).unwrap();
    let hosts = rig.file("wrong_hosts");
    let line = format!("[127.0.0.1]:{} {}", rig.port(Access::Root), other.trim());
    std::fs::write(&hosts, format!("{line}\n")).unwrap();
    let mut terminal = start(&rig, &rig.file("id"), &hosts);
    let refused = terminal.wait("a refusal", |text| header(text).contains("not connected"));
    assert!(refused.contains("CHANGED"), "{refused}");
    assert!(!refused.contains('┌'), "{refused}");
    // The whole sentence, with the line of the file, is behind enter.
    terminal.keys("\r");
    let all = terminal.wait_for("┌");
    assert!(all.contains("wrong_hosts"), "{all}");
    assert_eq!(
        std::fs::read_to_string(&hosts).unwrap(),
        format!("{line}\n")
    );
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains('┌'));
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn a_key_that_the_server_does_not_know_is_reported() {
    let rig = Rig::new();
    let mut terminal = start(&rig, &rig.file("other"), &rig.file("known_hosts"));
    let refused = terminal.wait("a refusal", |text| header(text).contains("not connected"));
    assert!(refused.contains("accepted no login"), "{refused}");
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn a_passphrase_is_asked_for_once_and_never_shown() {
    const SECRET: &str = "open sesame 42";
    let rig = Rig::new();
    let key = rig.file("encrypted");
    std::fs::copy(rig.file("id"), &key).unwrap();
    std::fs::copy(rig.file("id.pub"), rig.file("encrypted.pub")).unwrap();
    let mut change = Command::new("ssh-keygen");
    change.args(["-q", "-p", "-P", "", "-N", SECRET, "-f", &key]);
    assert!(change.status().unwrap().success());
    let mut terminal = start(&rig, &key, &rig.file("known_hosts"));
    let question = terminal.wait_for("┌ Passphrase");
    assert!(question.contains("encrypted"), "{question}");
    // Wrong first: it is asked again or refused, and what was typed is nowhere.
    terminal.keys("wrong words");
    terminal.wait_for("***********");
    terminal.keys("\r");
    terminal.wait("an answer", |text| !text.contains("***********"));
    terminal.settle(std::time::Duration::from_millis(300));
    if !terminal.text().contains("┌ Passphrase") {
        terminal.keys("R");
    }
    terminal.wait_for("┌ Passphrase");
    terminal.keys(SECRET);
    terminal.wait_for(&"*".repeat(SECRET.len()));
    terminal.keys("\r");
    loaded(&terminal);
    // The second connection, for the bulk of the store, was opened with it as well.
    let all = String::from_utf8_lossy(&terminal.raw_from(0)).into_owned();
    for part in ["sesame", "open s", "wrong w", "words"] {
        assert!(!all.contains(part), "{part}");
    }
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}
