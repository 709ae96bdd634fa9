//! Retention by policy on a real store: what the dry run lists goes, and nothing else, by Nix's own count of what is there.

use crate::help::terminal::Terminal;
use crate::help::{carry_out, connect, text, wait};
use crate::rig::{Access, Rig};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use storekeeper::change::access::About;
use storekeeper::change::keep::retention;
use storekeeper::change::{Answer, Outcome};
use storekeeper::domain::When;

const DAY: i64 = 86_400;

pub(super) const POLICY: &str = r#"# What this cache keeps
[default]
newest = 1

[[project]]
name = "web"
newest = 2

[[project]]
name = "nightly*"
uploaded = "7d"

[[project]]
name = "big*"
quota = "250K"
"#;

/// Uploads a file of this name and size, so many days ago, as last used so many days ago.
fn upload(rig: &Rig, name: &str, size: usize, days: i64) -> String {
    let path = rig.add(name, &format!("{name}{}", "x".repeat(size)));
    let at = When::now().unix() - days * DAY;
    rig.sql(&format!(
        "update ValidPaths set registrationTime = {at} where path = '{path}'"
    ));
    let used = SystemTime::UNIX_EPOCH + Duration::from_secs(at.unsigned_abs());
    let there = File::open(format!("{}{path}", rig.file("server"))).unwrap();
    there
        .set_times(FileTimes::new().set_accessed(used))
        .unwrap();
    path
}

pub(super) struct Store {
    pub(super) goes: BTreeSet<String>,
    pub(super) stays: BTreeSet<String>,
}

/// A store with several versions of some projects.
pub(super) fn fill(rig: &Rig) -> Store {
    let all = |names: &[(&str, usize, i64)]| -> BTreeSet<String> {
        names
            .iter()
            .map(|(name, size, days)| upload(rig, name, *size, *days))
            .collect()
    };
    let goes = all(&[
        ("web-1.0", 10, 50),
        ("web-1.1", 10, 40),
        ("nightly-2026-01-01", 10, 20),
        ("nightly-tools-1", 10, 8),
        ("big-1", 100_000, 30),
    ]);
    let stays = all(&[
        ("web-1.2", 10, 30),
        ("web-1.3", 10, 20),
        ("nightly-2026-02-02", 10, 3),
        ("big-2", 100_000, 20),
        ("big-3", 100_000, 10),
        ("other-1.0", 10, 400),
    ]);
    Store { goes, stays }
}

pub(super) fn valid(rig: &Rig) -> BTreeSet<String> {
    rig.sql("select path from ValidPaths")
        .lines()
        .map(str::to_owned)
        .collect()
}

pub(super) fn listed(plan: &Value) -> BTreeSet<String> {
    let items = plan["plan"]["items"].as_array().unwrap().iter();
    items
        .map(|item| item["path"].as_str().unwrap().to_owned())
        .collect()
}

pub(super) fn write_policy(rig: &Rig, name: &str, text: &str) -> PathBuf {
    let file = rig.scratch().join(name);
    fs::write(&file, text).unwrap();
    file
}

fn there(rig: &Rig) -> PathBuf {
    rig.scratch().join("var/retention.toml")
}

#[test]
fn a_run_by_the_policy_takes_what_its_dry_run_lists() {
    Rig::on_every_nix(|rig| {
        let store = fill(rig);
        let before = valid(rig);
        let none = rig.ask("gc root --policy --yes", 2);
        assert!(
            none["error"]["message"]
                .as_str()
                .unwrap()
                .contains("no retention policy")
        );
        assert_eq!(rig.run("retention root show").status.code(), Some(1));
        let file = write_policy(rig, "new.toml", POLICY);
        let line = format!("retention root set {} --yes", file.display());
        let set = rig.ask(&line, 0);
        assert_eq!(set["receipt"]["result"], "done", "{set}");
        assert_eq!(fs::read_to_string(there(rig)).unwrap(), POLICY);
        assert_eq!(text(&rig.run("retention root show").stdout), POLICY);
        let again = rig.ask(&line, 0);
        assert_eq!(again["plan"]["items"], serde_json::json!([]));

        let check = rig.ask("retention root check", 0);
        let verdict = |word: &str| -> BTreeSet<String> {
            let paths = check["paths"].as_array().unwrap().iter();
            let some = paths.filter(|path| path["verdict"] == word);
            some.map(|path| path["path"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(verdict("goes"), store.goes);
        assert_eq!(verdict("quota").len(), 2);
        let fresh = verdict("uploaded");
        assert!(
            fresh
                .iter()
                .any(|path| path.ends_with("nightly-2026-02-02"))
        );
        // The rig's own paths came in just now.
        assert_eq!(fresh.len(), rig.entries.len() + 1);
        assert_eq!(check["projects"][0]["goes"]["paths"], 2);
        let plan = rig.ask("gc root --policy --dry-run", 0);
        assert_eq!(listed(&plan), store.goes);
        assert_eq!(valid(rig), before, "a dry run takes nothing");

        let done = rig.ask("gc root --policy --yes", 0);
        assert_eq!(done["receipt"]["result"], "done", "{done}");
        let after = valid(rig);
        assert_eq!(
            before.difference(&after).cloned().collect::<BTreeSet<_>>(),
            store.goes
        );
        assert!(store.stays.is_subset(&after));
        // Nix finds nothing amiss, and nothing more to do.
        let verify = rig.nix_here("nix-store").arg("--verify").output().unwrap();
        assert!(verify.status.success());
        let again = rig.ask("gc root --policy --yes", 0);
        assert_eq!(again["plan"]["items"], serde_json::json!([]), "{again}");
        let log = text(&rig.run("audit root").stdout);
        assert!(
            log.contains("retention policy") && log.contains("collect 5 paths"),
            "{log}"
        );
    });
}

/// What came alive or was used after the dry run stays; nothing else goes in its place.
#[test]
fn a_run_takes_less_where_something_has_changed() {
    Rig::on_every_nix(|rig| {
        let store = fill(rig);
        let file = write_policy(rig, "new.toml", POLICY);
        assert!(
            rig.run(&format!("retention root set {} --yes", file.display()))
                .status
                .success()
        );
        let plan = rig.ask("gc root --policy --dry-run", 0);
        assert_eq!(listed(&plan), store.goes);
        let kept = store
            .goes
            .iter()
            .find(|path| path.ends_with("web-1.0"))
            .unwrap();
        let link = rig.scratch().join("server/nix/var/nix/gcroots/by-hand");
        symlink(kept, link).unwrap();
        let before = valid(rig);
        assert_eq!(
            rig.ask("gc root --policy --yes", 0)["receipt"]["result"],
            "done"
        );
        let gone: BTreeSet<String> = before.difference(&valid(rig)).cloned().collect();
        let expected: BTreeSet<String> = store
            .goes
            .iter()
            .filter(|path| *path != kept)
            .cloned()
            .collect();
        assert_eq!(gone, expected);
    });
}

#[test]
fn a_policy_that_somebody_else_has_changed_is_not_replaced() {
    let rig = Rig::new();
    let server = wait(connect(wait(rig.spec("root", rig.port(Access::Root)))));
    let file = wait(server.policy()).unwrap().unwrap();
    assert_eq!(file.found, None);
    let plan = |text: &str| retention(&About::of(&server), &file, text, None).unwrap();
    let first = "[default]\nnewest = 1\n";
    let receipt = wait(carry_out(&server, plan(first), &Answer::Flag, None));
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    let receipt = wait(carry_out(
        &server,
        plan("[default]\nnewest = 2\n"),
        &Answer::Flag,
        None,
    ));
    assert!(receipt.conflict.is_some(), "{receipt:?}");
    assert_eq!(fs::read_to_string(there(&rig)).unwrap(), first);
    // The very text that is there counts as done: it may have been written over a link that was lost.
    let receipt = wait(carry_out(&server, plan(first), &Answer::Flag, None));
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
}

#[test]
fn a_file_that_is_no_policy_takes_nothing() {
    let rig = Rig::new();
    let before = valid(&rig);
    fs::create_dir_all(rig.scratch().join("var")).unwrap();
    for (content, part) in [
        (&b"[default]\nnewest = \x1b[31m\n"[..], "line 2"),
        (b"\xff\xfe", "line 1"),
        (
            b"[[project]]\nname = \"$(touch /tmp/x)\"\nnewest = 1\n",
            "wildcards",
        ),
        (&b"#".repeat(100_000), "more than"),
    ] {
        fs::write(there(&rig), content).unwrap();
        let reported = rig.ask("gc root --policy --yes", 2);
        let message = reported["error"]["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
        assert!(!message.chars().any(char::is_control), "{message:?}");
        assert_eq!(rig.run("retention root check").status.code(), Some(2));
    }
    assert_eq!(valid(&rig), before);
    // A link in its place is not followed by the one who writes.
    let victim = rig.scratch().join("victim");
    fs::write(&victim, "victim").unwrap();
    fs::remove_file(there(&rig)).unwrap();
    symlink(&victim, there(&rig)).unwrap();
    let file = write_policy(&rig, "new.toml", POLICY);
    let set = rig.run(&format!("retention root set {} --yes", file.display()));
    assert_eq!(set.status.code(), Some(1), "{set:?}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "victim");
    let wrong = write_policy(&rig, "wrong.toml", "[default]\nkeep = 1\n");
    let set = rig.run(&format!("retention root set {} --yes", wrong.display()));
    assert_eq!(set.status.code(), Some(2), "{set:?}");
}

/// What nobody has said is the same on the command line and in the console: the newest three of a name stay, and what came within a day.
#[test]
fn where_no_rule_is_given_both_ways_to_collect_keep_the_same() {
    let rig = Rig::new();
    // The oldest first.
    let versions = |name: &str, days: &[i64]| -> Vec<String> {
        (0..)
            .zip(days)
            .map(|(at, days)| upload(&rig, &format!("{name}-1.{at}"), 1 << 20, *days))
            .collect()
    };
    let web = versions("web", &[50, 40, 30, 20, 10]);
    // Five of today: by their number alone two of them would go.
    let late = versions("late", &[0, 0, 0, 0, 0]);
    let goes: BTreeSet<String> = web[..2].iter().cloned().collect();
    let plan = |rules: &str| listed(&rig.ask(&format!("gc root {rules}--dry-run"), 0));
    let usual = plan("");
    assert_eq!(usual, goes);
    assert_eq!(plan("--keep-newest 3 --grace 24h "), usual);
    // Each of the two rules keeps something by itself.
    assert!(plan("--keep-newest 0 ").is_superset(&web.iter().cloned().collect()));
    let without_grace = plan("--grace 0s ");
    let gone = late.iter().filter(|path| without_grace.contains(*path));
    assert_eq!(gone.count(), 2, "{without_grace:?}");

    let command = rig.storekeeper_command(["root"]);
    let mut terminal = Terminal::start(&command, 100, 40);
    terminal.keys("5");
    terminal.wait_for("newest [3]");
    let shown = terminal.wait_for("grace [1d]");
    assert!(shown.contains("older [-]"), "{shown}");
    // Whether that much is free on the disk of these tests must not matter.
    terminal.keys(":");
    terminal.wait_for("┌ Command");
    terminal.keys("until -\r");
    let shown = terminal.wait("the plan", |text| {
        text.contains("until free [-]")
            && text.contains("web-1.0")
            && !text.contains("making the plan anew")
    });
    assert!(
        shown.contains("web-1.1") && !shown.contains("web-1.2"),
        "{shown}"
    );
    assert!(!shown.contains("late-"), "{shown}");
    assert!(shown.contains("2 paths"), "{shown}");
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}
