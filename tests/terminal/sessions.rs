//! Ending a session of the cache user from the screen that lists them: the real ssh ends, the other one goes on.

use super::{console, open};
use crate::rig::{Access, Rig, Twist, wait_until};
use std::process::{Child, Command, Stdio};
use storekeeper::change::audit::{self, Record};

/// A session of the cache user that stays open: `nix-store --serve` waits to be spoken to.
fn session(rig: &Rig, port: u16) -> Child {
    Command::new("ssh")
        .args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o"])
        .args(["BatchMode=yes", "-o", "LogLevel=ERROR", "-i"])
        .arg(rig.file("id"))
        .args([
            "-o",
            &format!("UserKnownHostsFile={}", rig.file("known_hosts")),
        ])
        .args(["-p", &port.to_string(), "nix-ssh@127.0.0.1", "x"])
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn records(rig: &Rig) -> Vec<Record> {
    let log = std::fs::read(rig.file("var/audit.jsonl")).unwrap_or_default();
    assert!(audit::verify(&log).broken().is_none());
    audit::read(&log)
}

fn ended(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_some()
}

#[test]
fn the_session_under_the_cursor_is_ended_and_no_other() {
    let rig = Rig::new();
    let twist = Twist {
        syslog: true,
        ..Twist::default()
    };
    let sshd = rig.twisted("logged", Access::Root, twist);
    let more = format!("sshd_log = \"{}\"", sshd.auth_log());
    rig.add_server(&rig.server_section("prod", "root", sshd.port, &more));
    let mut sessions = [session(&rig, sshd.port), session(&rig, sshd.port)];
    let log = || std::fs::read_to_string(sshd.auth_log()).unwrap_or_default();
    wait_until("two logins", || {
        log().matches("Accepted publickey for nix-ssh").count() == 2
    });

    let mut terminal = console(&rig, &["prod"]);
    terminal.keys("6");
    terminal.wait_for("in the audit log");
    terminal.keys("o");
    let listed = terminal.wait_for("2 sessions open now");
    let line = listed.lines().find(|line| line.starts_with('>')).unwrap();
    let process = line.split_whitespace().nth(3).unwrap().to_owned();
    assert!(line.contains("from 127.0.0.1"), "{line}");
    terminal.keys("K");
    let dialog = terminal.wait_for("┌ End a session");
    assert!(
        dialog.contains(&format!("end session {process} of nix-ssh")),
        "{dialog}"
    );
    terminal.keys("r");
    terminal.keys("left the team\r");
    terminal.wait_for("left the team");
    // Nothing is ended before the word is there.
    terminal.keys("\r");
    terminal.wait_for("type end:");
    terminal.keys("en\r");
    terminal.settle(std::time::Duration::from_millis(300));
    assert!(sessions.iter_mut().all(|session| !ended(session)));
    assert!(records(&rig).is_empty());
    terminal.keys("d\r");
    let receipt = terminal.wait_for("┌ Receipt");
    assert!(receipt.contains("result    done"), "{receipt}");
    wait_until("the end of a session", || sessions.iter_mut().any(ended));
    let left = |sessions: &mut [Child; 2]| {
        let ended: Vec<bool> = sessions.iter_mut().map(ended).collect();
        ended.iter().filter(|ended| !**ended).count()
    };
    assert_eq!(left(&mut sessions), 1, "the other one goes on");
    let [record] = records(&rig).try_into().unwrap();
    assert_eq!(
        (record.change.as_str(), record.result.as_str(), record.done),
        ("end-session", "done", 1)
    );
    assert_eq!(record.items, [format!("session {process} from 127.0.0.1")]);
    assert_eq!(record.reason.as_deref(), Some("left the team"));
    assert!(receipt.contains(&record.id), "{receipt}");
    terminal.keys("\u{1b}");
    terminal.wait("one session", |text| text.contains("1 session open now"));
    let text = terminal.text();
    assert!(
        !text.split_whitespace().any(|word| word == process),
        "{text}"
    );

    // With nothing to be changed, no key ends one.
    let mut watching = open(&rig, &["prod", "--read-only"]);
    super::loaded(&watching);
    watching.keys("6");
    watching.wait_for("in the audit log");
    watching.keys("o");
    watching.wait_for("1 session open now");
    watching.keys("K");
    watching.wait_for("read-only");
    watching.keys("end\r");
    // Enter shows what is known of it.
    watching.wait_for("┌ Session ");
    watching.keys("\u{1b}");
    watching.wait("no dialog", |text| !text.contains('┌'));
    assert_eq!(left(&mut sessions), 1);
    assert_eq!(records(&rig).len(), 1);
    for terminal in [&mut terminal, &mut watching] {
        terminal.keys("q");
        assert_eq!(terminal.exit(), 0);
    }
    for mut session in sessions {
        let _ = session.kill();
        let _ = session.wait();
    }
}
