//! Whatever the administrator's login shell is, the server gives the same answers: real shells under a real sshd.

use crate::rig::{Access, Rig, login_shell, need};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Required, and used where they are.
const SHELLS: [&str; 5] = ["bash", "zsh", "dash", "fish", "tcsh"];
const MORE: [&str; 6] = ["csh", "ksh", "mksh", "rc", "nu", "xonsh"];

/// Each with whether it is always there.
fn shells(rig: &Rig) -> Vec<(PathBuf, bool)> {
    let applets = rig.scratch().join("applets");
    need::busybox(&applets);
    let required = SHELLS.map(need::program).into_iter();
    let more = MORE.iter().filter_map(|shell| need::find(shell));
    required
        .chain([applets.join("sh")])
        .map(|shell| (shell, true))
        .chain(more.map(|shell| (shell, false)))
        .collect()
}

/// A text that some shell would read as something else.
const REASON: &str = "it's \"x\" \\ \\n !! !$ 100% %s $HOME `id` ~ é {a,b} *";

fn run(rig: &Rig, words: &[&str], shell: &Path) -> Value {
    let mut command = rig.storekeeper_command(words.iter().copied());
    let output = command.arg("--json").output().unwrap();
    assert!(
        matches!(output.status.code(), Some(0..=2)),
        "{} {words:?}: {output:?}",
        shell.display()
    );
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{} {words:?}: {error}: {output:?}", shell.display()))
}

/// What does not change from one moment to the next.
fn answers(rig: &Rig, server: &str, shell: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for (line, fields) in [
        ("paths @", &["paths"][..]),
        ("keys @ list", &["keys", "posture", "files"]),
        ("roots @", &["roots"]),
        ("gc @ --whole --dry-run", &["plan"]),
    ] {
        let line = line.replace('@', server);
        let words: Vec<&str> = line.split(' ').collect();
        let answer = run(rig, &words, shell);
        let parts = fields.iter().map(|field| {
            assert!(!answer[field].is_null(), "{line}: no {field} in {answer}");
            format!("{field}={}", answer[field])
        });
        all.push(format!("{line}: {}", parts.collect::<Vec<_>>().join(" ")));
    }
    let status = run(rig, &["status", server], shell);
    for check in status["checks"].as_array().unwrap() {
        all.push(format!("{} {}", check["id"], check["state"]));
    }
    all
}

#[test]
fn every_login_shell_gives_the_same_answers() {
    let rig = Rig::new();
    let usual = Path::new("/bin/sh");
    let expected = ["root", "sudo"].map(|server| answers(&rig, server, usual));
    let path = rig.path("application-2.0");
    for (shell, required) in shells(&rig) {
        for access in [Access::Root, Access::Sudo] {
            login_shell(rig.scratch(), access.user(), &shell);
        }
        let servers = if required {
            &["root", "sudo"][..]
        } else {
            &["root"]
        };
        for (server, expected) in servers.iter().zip(&expected) {
            assert_eq!(
                &answers(&rig, server, &shell),
                expected,
                "{server} {}",
                shell.display()
            );
            // A change: the lock that its connection holds, input for a script, and the record.
            run(
                &rig,
                &[
                    "pin", server, path, "--name", "shells", "--reason", REASON, "--yes",
                ],
                &shell,
            );
            let log = run(&rig, &["audit", server], &shell).to_string();
            let reason = serde_json::to_string(REASON).unwrap();
            assert!(log.contains(&reason), "{server} {}: {log}", shell.display());
            run(&rig, &["unpin", server, "shells", "--yes"], &shell);
        }
    }
}
