//! Text from the server that would like to be more than text.

use crate::help::terminal::Terminal;
use crate::rig::{Access, Rig, Twist};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Sets a title, clears the screen, moves the cursor, asks the terminal what it is, fills the clipboard, turns text round.
const ESCAPES: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[3;3Hhere\u{1b}[c\u{1b}]52;c;b3duZWQ=\u{7}\r\u{8}\u{9b}31m\u{202e}drow";

/// Whether any of it came through to the terminal as what it wants to be.
fn inert(terminal: &Terminal) {
    let raw = terminal.raw_from(0);
    let text = String::from_utf8_lossy(&raw);
    for bad in [
        "\u{1b}]0;",
        "\u{1b}[2J\u{1b}[3;3H",
        "\u{1b}[c",
        "\u{1b}]52;",
        "\u{9b}",
        "\u{202e}",
    ] {
        assert!(!text.contains(bad), "{bad:?}");
    }
    assert!(terminal.alternate() && terminal.cursor_hidden());
}

fn program(folder: &Path, name: &str, script: &str) {
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_a_broken_server_says_is_only_text() {
    let rig = Rig::new();
    let folder = rig.scratch().join("hostile");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("words"), format!("hostile {ESCAPES}\n")).unwrap();
    let words = folder.join("words").display().to_string();
    program(&folder, "nix-daemon", &format!("cat {words} >&2; exit 7"));
    let _server = rig.twisted(
        "hostile",
        Access::Root,
        Twist {
            first: Some(folder),
            ..Twist::default()
        },
    );
    let mut terminal = super::open(&rig, &["hostile"]);
    let failed = terminal.wait("a failure", |text| {
        super::header(text).contains("not connected") || text.contains("hostile ")
    });
    terminal.keys("\r");
    let details = terminal.settle(std::time::Duration::from_millis(300));
    assert!(
        failed.contains("hostile") && details.contains("hostile"),
        "{failed}\n{details}"
    );
    inert(&terminal);
    terminal.keys("\u{1b}");
    terminal.settle(std::time::Duration::from_millis(100));
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn what_stands_in_the_audit_log_is_only_text() {
    let rig = Rig::new();
    let signed = rig
        .storekeeper_command(["sign", "root", "fresh-3.1", "--yes", "--reason", "first"])
        .output()
        .unwrap();
    assert!(signed.status.success());
    // Another hand has been at the log of the server.
    let file = rig.file("var/audit.jsonl");
    let mut record: serde_json::Value =
        serde_json::from_str(std::fs::read_to_string(&file).unwrap().trim()).unwrap();
    for field in ["summary", "by", "reason"] {
        record[field] = format!("hostile {ESCAPES}").into();
    }
    std::fs::write(&file, format!("{record}\n")).unwrap();
    let mut terminal = super::console(&rig, &["root"]);
    terminal.wait_for("hostile ");
    terminal.keys("6");
    terminal.wait_for("1 more in the audit log");
    terminal.wait_for("hostile ");
    terminal.keys("\r");
    terminal.wait_for("┌ Record");
    terminal.settle(std::time::Duration::from_millis(200));
    inert(&terminal);
    terminal.keys("\u{1b}");
    terminal.settle(std::time::Duration::from_millis(100));
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}
