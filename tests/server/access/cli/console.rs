//! A knocked request in the console, on a terminal: seen, proven, authorized, used by the real client, revoked.

use super::{House, fingerprint};
use crate::help::terminal::Terminal;
use std::process::Command;
use std::time::Duration;

fn done(terminal: &mut Terminal) {
    terminal.wait_for("Receipt");
    terminal.keys("\u{1b}");
    terminal.wait("the screen below", |text| !text.contains("Receipt"));
}

#[test]
fn a_knock_is_proven_approved_used_and_revoked() {
    let house = House::new();
    let print = fingerprint(&house.new_key("mei", "root@mei"));
    for _ in 0..2 {
        assert!(!house.lets_in("mei"));
    }
    let mut terminal = Terminal::start(&house.command("prod"), 80, 24);
    terminal.wait("the first screen", |text| text.contains(" Trust "));
    terminal.keys("4");
    terminal.wait_for("waits, 2 tries");

    // What is sent, and the answer by paste.
    terminal.keys("o");
    terminal.wait_for("-Y sign -n storekeeper");
    let shown = house.json(&format!("requests prod prove {print}"), 0);
    let command = shown["command"].as_str().unwrap();
    let (before, _) = command.rsplit_once(" -f ").unwrap();
    let signed = Command::new("sh")
        .args(["-c", &format!("{before} -f {}", house.rig.file("mei"))])
        .output()
        .unwrap();
    let answer = String::from_utf8(signed.stdout).unwrap();
    terminal.keys(&format!("\u{1b}[200~{answer}\u{1b}[201~"));
    terminal.wait_for("record that the requester holds");
    terminal.keys("\r");
    done(&mut terminal);
    terminal.keys("\r");
    terminal.wait_for("the requester has shown to hold");
    terminal.keys("\u{1b}");
    terminal.wait_for("waits, 2 tries");

    // The line as it changes, with addresses and a comment.
    terminal.keys("a");
    let plan = terminal.wait_for("Approve a request");
    assert!(!plan.contains("not proven"), "{plan}");
    terminal.keys("f127.0.0.0/8");
    terminal.wait_for("restrict,from=\"127.0.0.0/8\",expiry-time=");
    terminal.keys("\rcmei of the lab\r");
    terminal.wait_for("+");
    terminal.settle(Duration::from_millis(200));
    terminal.keys("\r");
    terminal.wait_for("What the new client does");
    assert!(house.lets_in("mei") && house.nix_reads("mei"));
    let entries = std::fs::read_to_string(house.key_file()).unwrap();
    let line = entries.lines().last().unwrap();
    assert!(
        line.starts_with("restrict,from=\"127.0.0.0/8\",expiry-time=\"")
            && line.ends_with(" mei of the lab"),
        "{line}"
    );
    // The text, and the receipt below it.
    terminal.keys("\u{1b}");
    terminal.wait("no text for the client", |text| {
        !text.contains("What the new client does")
    });
    if terminal.text().contains("Receipt") {
        done(&mut terminal);
    }

    // Its open session ends with it.
    let mut session = house.open("mei");
    terminal.wait_for("mei of the lab");
    terminal.keys("gj");
    terminal.wait("the new key under the cursor", |text| {
        text.lines()
            .any(|line| line.starts_with('>') && line.contains("mei of"))
    });
    terminal.keys("r");
    terminal.wait_for("Revoke a key");
    terminal.wait("the plan", |text| {
        text.contains("restrict,from=\"127.0.0.0/8\"")
    });
    terminal.keys("\r");
    terminal.wait_for("type revoke:");
    terminal.keys("revoke\r");
    done(&mut terminal);
    terminal.until("the end of the session", || {
        // Its process has ended.
        !std::path::Path::new(&format!("/proc/{}/fd/0", session.id())).exists()
    });
    session.wait().unwrap();
    assert!(!house.lets_in("mei") && !house.nix_reads("mei"));
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn a_comment_of_ten_thousand_characters_is_inert_on_the_terminal() {
    let house = House::new();
    let comment = format!(
        "eve\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}\u{2066}\u{9b}31m{}end",
        "x".repeat(10_000)
    );
    let public = house.new_key("eve", &comment);
    house.says(
        &format!("keys prod authorize {public} --yes --accept comment"),
        0,
    );
    let mut terminal = Terminal::start(&house.command("prod"), 80, 24);
    terminal.wait("the first screen", |text| text.contains(" Trust "));
    terminal.keys("4");
    // The first screen has the name too, in its last changes.
    terminal.wait("both keys", |text| {
        text.contains(" 2 keys in ") && text.contains("eve\\e[2J")
    });
    terminal.keys("j");
    terminal.wait_for(">! eve");
    terminal.keys("\r");
    terminal.wait_for(" Key 2 of 2 ");
    terminal.keys("r");
    terminal.wait("the plan", |text| {
        let mut lines = text
            .lines()
            .skip_while(|line| !line.contains("what      revoke"));
        // The name is longer than the line, so it stands on the next one.
        lines.nth(1).is_some_and(|line| line.contains(" eve\\e[2J"))
    });
    terminal.keys("l");
    terminal.wait_for("┌ revoke eve");
    let raw = String::from_utf8_lossy(&terminal.raw_from(0)).into_owned();
    for hostile in ["\u{1b}[2J\u{1b}]0;owned", "\u{202e}", "\u{2066}", "\u{9b}"] {
        assert!(!raw.contains(hostile), "{hostile:?}");
    }
}

/// On the terminal that the console has, nothing else may ask for a passphrase.
#[test]
fn a_certificate_is_made_from_a_key_on_the_screen() {
    let house = House::new();
    for name in ["ca", "locked"] {
        house.new_key(name, name);
    }
    let locked = house.rig.file("locked");
    let changed = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "secret", "-f", &locked])
        .output()
        .unwrap();
    assert!(changed.status.success());
    let public = std::fs::read_to_string(house.rig.file("ca.pub")).unwrap();
    let authority = format!(
        "cert-authority,restrict,principals=\"ci\" {}\n",
        public.trim()
    );
    let before = std::fs::read_to_string(house.key_file()).unwrap();
    std::fs::write(house.key_file(), format!("{before}{authority}")).unwrap();
    let made = house.rig.file("copy-cert.pub");
    let mut terminal = Terminal::start(&house.command("prod"), 80, 24);
    terminal.wait("the first screen", |text| text.contains(" Trust "));
    terminal.keys("4");
    terminal.wait("a key under the cursor", |text| {
        text.lines()
            .any(|line| line.starts_with('>') && line.contains("administrator"))
    });
    terminal.keys(&format!("c{locked}\r"));
    terminal.wait_for("locked can't be used");
    terminal.keys(&format!("a\u{15}{}\r", house.rig.file("ca")));
    terminal.wait_for("certify administrator");
    terminal.keys(&format!("w{made}\r"));
    terminal.wait_for("in its file");
    terminal.settle(Duration::from_millis(200));
    assert!(!std::fs::exists(&made).unwrap());
    // The same key logs in as root, which is confirmed by its word.
    terminal.keys("\r");
    terminal.wait_for("type also-root:");
    terminal.keys("also-root\r");
    terminal.wait_for("The certificate (y copies it)");
    // It is in the file, in the audit log, and good for a login without a line of the key.
    std::fs::write(house.key_file(), authority).unwrap();
    std::fs::copy(house.rig.file("id"), house.rig.file("copy")).unwrap();
    assert!(house.lets_in("copy") && house.nix_reads("copy"));
    let log = house.json("audit prod", 0).to_string();
    assert!(
        log.contains("sign-cert") && log.contains("certify administrator"),
        "{log}"
    );
    terminal.keys("\u{1b}");
    done(&mut terminal);
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}
