//! Servers that allow few sessions on a connection (sshd's `MaxSessions`): everything works, down to one.

use crate::help::terminal::{Terminal, is_read};
use crate::rig::{Access, Rig, Twist};
use serde_json::Value;

const SESSIONS: [u32; 5] = [1, 2, 3, 4, 6];

/// One connection after another learns the number anew, and in another order.
const STARTS: usize = 2;

fn with(rig: &Rig, sessions: u32) -> (String, crate::rig::Sshd) {
    let name = format!("few-{sessions}");
    let twist = Twist {
        more: format!("MaxSessions {sessions}\n"),
        ..Twist::default()
    };
    let sshd = rig.twisted(&name, Access::Root, twist);
    (name, sshd)
}

fn ask(rig: &Rig, line: &str) -> (Option<i32>, Value) {
    let mut command = rig.storekeeper_command(line.split(' '));
    let output = command.arg("--json").output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{line}: {error}: {output:?}"));
    assert!(answer["error"].is_null(), "{line}: {answer}");
    (output.status.code(), answer)
}

#[test]
fn commands_give_the_answers_of_a_server_that_allows_many() {
    let rig = Rig::new();
    let codes = [
        "status @",
        "paths @",
        "keys @ list",
        "gc @ --whole --dry-run",
        "sign @ --all --dry-run",
    ]
    .map(|line| (line, ask(&rig, &line.replace('@', "root")).0));
    for sessions in SESSIONS {
        let (name, _sshd) = with(&rig, sessions);
        for _ in 0..STARTS {
            for (line, code) in codes {
                let (found, answer) = ask(&rig, &line.replace('@', &name));
                assert_eq!(found, code, "{line} {sessions}: {answer}");
                if let Some(checks) = answer["checks"].as_array() {
                    let text = answer.to_string();
                    assert!(
                        checks.len() > 8 && !text.contains("session"),
                        "{sessions}: {text}"
                    );
                }
            }
        }
    }
}

#[test]
fn paths_are_signed() {
    let mut left = 0;
    for sessions in SESSIONS {
        let rig = Rig::new();
        let (name, _sshd) = with(&rig, sessions);
        let (code, answer) = ask(&rig, &format!("sign {name} --all --yes"));
        assert_eq!(code, Some(0), "{sessions}: {answer}");
        let refused = ask(&rig, &format!("paths {name} --refused")).1;
        let refused = refused["paths"].as_array().unwrap().len();
        assert!(refused < rig.refused().len(), "{sessions}");
        assert!(left == 0 || left == refused, "{sessions}");
        left = refused;
    }
}

#[test]
fn every_screen_of_the_console_comes() {
    let rig = Rig::new();
    for sessions in SESSIONS {
        let (name, _sshd) = with(&rig, sessions);
        for _ in 0..STARTS {
            let command = rig.storekeeper_command([name.as_str()]);
            let mut terminal = Terminal::start(&command, 100, 30);
            terminal.wait("a store that is read", is_read);
            for screen in ["2", "3", "4", "5", "6", "1"] {
                terminal.keys(screen);
                terminal.settle(std::time::Duration::from_millis(300));
                terminal.wait(
                    &format!("screen {screen} with {sessions} sessions"),
                    |text| {
                        !["loading", "reading", "looking"]
                            .iter()
                            .any(|word| text.contains(word))
                    },
                );
                let text = terminal.text();
                for word in ["MaxSessions", "does not run", "opens no", "cannot"] {
                    assert!(!text.contains(word), "screen {screen}, {sessions}: {text}");
                }
            }
            terminal.keys("q");
            assert_eq!(terminal.exit(), 0);
        }
    }
}
