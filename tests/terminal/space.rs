//! The disk by keys: a collection from its rules to its receipt, and a pin that comes and goes. Nix itself is asked what is dead, what
//! is a root and whether the store is whole afterwards.

use super::console;
use super::served::Served;
use crate::help::terminal::Terminal;
use crate::rig::{Access, Rig};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a command of the palette.
fn command(terminal: &mut Terminal, line: &str) {
    terminal.keys(":");
    terminal.wait_for("┌ Command");
    terminal.keys(&format!("{line}\r"));
    terminal.wait("no palette", |text| !text.contains("┌ Command"));
}

/// Confirms the open dialog with the word that it asks for.
fn confirm(terminal: &mut Terminal, word: &str) {
    terminal.keys("\r");
    terminal.wait_for(&format!("type {word}: "));
    terminal.keys(word);
    terminal.wait_for(&format!("type {word}: {word}"));
    terminal.keys("\r");
}

/// The receipt of a change that did all of its plan; it is closed.
fn receipt(terminal: &mut Terminal) -> String {
    let receipt = terminal.wait_for("┌ Receipt");
    assert!(receipt.contains("result    done"), "{receipt}");
    // Escape and what follows it at once would be one key.
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Receipt"));
    receipt
}

/// What the server's `nix-store` prints; it has to succeed and to complain of nothing.
fn nix_store(rig: &Rig, arguments: &[&str]) -> String {
    let output = rig.nix_here("nix-store").args(arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    for word in ["disappeared", "missing", "error"] {
        assert!(!said.contains(word), "{said}");
    }
    String::from_utf8(output.stdout).unwrap()
}

fn dead(rig: &Rig) -> BTreeSet<String> {
    let printed = nix_store(rig, &["--gc", "--print-dead"]);
    printed.lines().map(str::to_owned).collect()
}

/// Whether Nix knows a root that keeps this path.
fn is_root(rig: &Rig, path: &str) -> bool {
    nix_store(rig, &["--gc", "--print-roots"])
        .lines()
        .any(|line| line.contains("gcroots") && line.ends_with(path))
}

fn valid(rig: &Rig) -> BTreeSet<String> {
    let paths = rig.sql("select path from ValidPaths;");
    paths.lines().map(str::to_owned).collect()
}

/// Where a path of the server's really is.
fn real(rig: &Rig, path: &str) -> PathBuf {
    rig.scratch()
        .join("server")
        .join(path.trim_start_matches('/'))
}

fn log(rig: &Rig) -> String {
    fs::read_to_string(rig.file("var/audit.jsonl")).unwrap()
}

/// Makes one root; gives back what the store has, and what of it is dead.
fn one_root(rig: &Rig) -> (BTreeSet<String>, BTreeSet<String>) {
    let roots = rig.scratch().join("server/nix/var/nix/gcroots");
    fs::create_dir_all(&roots).unwrap();
    symlink(rig.path("top-1.0"), roots.join("keep")).unwrap();
    (valid(rig), dead(rig))
}

#[test]
fn space_is_collected_by_rules_and_a_word() {
    Rig::on_every_nix(|rig| {
        let (before, dead_before) = one_root(rig);
        let goes = format!("{} paths", dead_before.len());
        let mut terminal = console(rig, &[Access::Root.server()]);
        terminal.keys("5");
        terminal.wait_for("until free [20%]");
        // Whether that much is free on the disk of these tests must not matter.
        command(&mut terminal, "until -");
        terminal.wait_for("until free [-]");
        // All of it has just come in, so the other rules keep it.
        terminal.wait_for("The rules keep all that is dead");
        command(&mut terminal, "newest -");
        terminal.wait_for("newest [-]");
        command(&mut terminal, "grace 0s");
        terminal.wait("a plan of all that is dead", |text| {
            let takes = |line: &str| line.contains(" takes ") && line.contains(&goes);
            text.contains("grace [0s]")
                && text.contains("by last use")
                && text.lines().any(takes)
                && !text.contains("making the plan anew")
        });
        terminal.keys("x");
        let plan = terminal.wait("a plan in a dialog", |text| {
            text.contains("┌ Collect ") && text.contains("│ what ")
        });
        assert!(plan.contains(&format!("what      {goes}")), "{plan}");
        assert!(
            plan.contains("goal      all that the rules allow"),
            "{plan}"
        );
        assert_eq!(valid(rig), before, "a plan takes nothing");
        confirm(&mut terminal, "collect");
        let receipt = receipt(&mut terminal);
        assert!(receipt.contains(&format!("done      {goes}")), "{receipt}");
        let freed = receipt.lines().find(|line| line.contains("│ freed "));
        let freed = freed.unwrap_or_else(|| panic!("nothing came free:\n{receipt}"));
        assert!(!freed.contains("freed     0 B"), "{freed}");
        // Exactly that is gone, from the database and from the disk.
        let left: BTreeSet<String> = before.difference(&dead_before).cloned().collect();
        assert_eq!(valid(rig), left);
        assert_eq!(dead(rig), BTreeSet::new());
        for path in &before {
            assert_eq!(real(rig, path).exists(), left.contains(path), "{path}");
        }
        for kept in ["top-1.0", "left-1.0", "right-1.0", "leaf-1.0"] {
            assert!(left.contains(rig.path(kept)), "{kept}");
        }
        nix_store(rig, &["--verify", "--check-contents"]);
        // The console has seen it, and the log has it.
        terminal.wait_for("dead 0 B");
        let log = log(rig);
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("\"gc\"") && log.contains("\"done\""), "{log}");
        terminal.keys("q");
        assert_eq!(terminal.exit(), 0);
    });
}

#[test]
fn all_that_is_dead_goes_whatever_the_rules_say() {
    Rig::on_every_nix(|rig| {
        let (before, dead_before) = one_root(rig);
        let goes = format!("{} paths", dead_before.len());
        let mut terminal = console(rig, &[Access::Root.server()]);
        terminal.keys("5");
        terminal.wait_for("by last use");
        // All of it has just come in.
        command(&mut terminal, "until -");
        terminal.wait_for("W takes all of it");
        terminal.keys("W");
        let plan = terminal.wait("a plan in a dialog", |text| {
            text.contains("┌ Collect all that is dead ") && text.contains("│ what ")
        });
        assert!(plan.contains(&format!("what      {goes}")), "{plan}");
        assert!(
            plan.contains("this is what nix-collect-garbage does"),
            "{plan}"
        );
        confirm(&mut terminal, "collect");
        let receipt = receipt(&mut terminal);
        assert!(receipt.contains(&format!("done      {goes}")), "{receipt}");
        assert_eq!(
            valid(rig),
            before.difference(&dead_before).cloned().collect()
        );
        assert_eq!(dead(rig), BTreeSet::new());
        nix_store(rig, &["--verify", "--check-contents"]);
        terminal.keys("q");
        assert_eq!(terminal.exit(), 0);
    });
}

#[test]
fn old_generations_go_by_an_age_and_a_word() {
    let rig = &mut Rig::new();
    let profiles = rig.scratch().join("server/nix/var/nix/profiles");
    fs::create_dir_all(&profiles).unwrap();
    let link = |number: u8| profiles.join(format!("app-{number}-link"));
    for (number, name) in [(1, "leaf-1.0"), (2, "left-1.0"), (3, "top-1.0")] {
        symlink(rig.path(name), link(number)).unwrap();
        let mut touch = Command::new("touch");
        touch.args(["-h", "-d", "2 days ago"]).arg(link(number));
        assert!(touch.status().unwrap().success());
    }
    symlink("app-3-link", profiles.join("app")).unwrap();
    let mut terminal = console(rig, &[Access::Root.server()]);
    terminal.keys("5");
    terminal.wait_for("by last use");
    terminal.keys("O");
    terminal.wait_for("no generation of a profile is older");
    terminal.keys("e");
    // Three characters away, and another age.
    terminal.keys("\u{7f}\u{7f}\u{7f}1d\r");
    let plan = terminal.wait("a plan in a dialog", |text| {
        text.contains("│ effect ") && text.contains("? help")
    });
    assert!(
        plan.contains("-leaf-1.0") && plan.contains("-left-1.0"),
        "{plan}"
    );
    assert!(plan.contains("can't be rolled back"), "{plan}");
    assert!(link(1).is_symlink(), "a plan changes nothing");
    confirm(&mut terminal, "remove");
    receipt(&mut terminal);
    assert_eq!(
        [1, 2, 3].map(|number| link(number).is_symlink()),
        [false, false, true]
    );
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn space_is_kept_by_a_pin_until_it_is_removed() {
    Rig::on_every_nix(|rig| {
        let path = rig.path("top-1.0");
        let pin = rig.file("server/nix/var/nix/gcroots/storekeeper/top-1.0");
        assert!(!is_root(rig, path) && dead(rig).contains(path));
        let mut terminal = console(rig, &[Access::Root.server()]);
        terminal.keys("2");
        terminal.wait_for("find / searches");
        terminal.keys("/top-1.0\r");
        terminal.wait("one path", |text| {
            text.contains("find top-1.0") && text.contains(" 1 of ")
        });
        terminal.keys("p");
        terminal.wait_for("┌ Pin ");
        terminal.keys("r");
        terminal.keys("the release\r");
        // While a note is typed, the keys of the last line are other ones.
        let plan = terminal.wait("a plan with its note", |text| {
            text.contains("│ keeps ")
                && text.contains("reason    the release")
                && text.contains("? help")
        });
        assert!(plan.contains("keeps     4 paths"), "{plan}");
        assert!(plan.contains("name      top-1.0"), "{plan}");
        assert!(!Path::new(&pin).exists(), "a plan changes nothing");
        terminal.keys("\r");
        receipt(&mut terminal);
        assert_eq!(fs::read_link(&pin).unwrap(), Path::new(path));
        assert!(is_root(rig, path));
        for kept in ["top-1.0", "left-1.0", "right-1.0", "leaf-1.0"] {
            assert!(!dead(rig).contains(rig.path(kept)), "{kept}");
        }
        // Among the roots, it goes by its word only.
        terminal.keys("5");
        terminal.wait_for("Roots 1");
        terminal.keys("\u{1b}[C");
        let roots = terminal.wait("the pin", |text| {
            text.contains("KEEPS ALONE") && text.contains("keeps     for good")
        });
        assert!(roots.contains("reason    the release"), "{roots}");
        terminal.keys("d");
        terminal.wait_for("│ effect ");
        confirm(&mut terminal, "unpin");
        receipt(&mut terminal);
        assert!(!Path::new(&pin).is_symlink());
        assert!(!is_root(rig, path) && dead(rig).contains(path));
        terminal.wait_for("The store has no root");
        let log = log(rig);
        assert_eq!(log.lines().count(), 2, "{log}");
        assert!(
            log.contains("\"pin\"") && log.contains("\"unpin\""),
            "{log}"
        );
        terminal.keys("q");
        assert_eq!(terminal.exit(), 0);
    });
}

#[test]
fn damage_is_found_by_keys_and_deleted_by_its_word() {
    Rig::on_every_nix(|rig| {
        rig.damage("leaf-1.0");
        let before = valid(rig);
        let referrers = nix_store(
            rig,
            &["--query", "--referrers-closure", rig.path("leaf-1.0")],
        );
        let goes: BTreeSet<String> = referrers.lines().map(str::to_owned).collect();
        // One path, where nothing may be changed.
        let mut terminal = console(rig, &[Access::Root.server(), "--read-only"]);
        terminal.keys("2");
        terminal.wait_for("find / searches");
        terminal.keys("/leaf-1.0\r");
        terminal.wait("one path", |text| {
            text.contains("find leaf-1.0") && text.contains(" 1 of ")
        });
        terminal.keys("V");
        let found = terminal.wait_for("┌ Verification");
        assert!(found.contains("result    damaged"), "{found}");
        assert!(found.contains("compared  1 path,"), "{found}");
        assert!(found.contains("modified! expected hash"), "{found}");
        terminal.keys("X");
        terminal.wait_for("read-only");
        terminal.keys("\u{1b}");
        terminal.wait("no dialog", |text| !text.contains("┌ Verification"));
        terminal.keys("q");
        assert_eq!(terminal.exit(), 0);
        assert!(!Path::new(&rig.file("var/audit.jsonl")).exists());
        // All of them.
        let mut terminal = console(rig, &[Access::Root.server()]);
        terminal.keys("5");
        terminal.wait_for("until free [");
        terminal.keys("C");
        terminal.wait_for("?");
        terminal.keys("\r");
        let found = terminal.wait_for("┌ Verification");
        assert!(found.contains("damaged   1 path"), "{found}");
        let all = format!("compared  {} paths,", before.len());
        assert!(found.contains(&all), "{found}");
        terminal.keys("X");
        let plan = terminal.wait("a plan in a dialog", |text| {
            text.contains("┌ Delete ") && text.contains("│ what ")
        });
        assert!(
            plan.contains(&format!("what      {} paths", goes.len())),
            "{plan}"
        );
        assert!(plan.contains("-leaf-1.0"), "{plan}");
        assert_eq!(valid(rig), before, "a plan takes nothing");
        confirm(&mut terminal, "delete");
        receipt(&mut terminal);
        assert_eq!(valid(rig), before.difference(&goes).cloned().collect());
        nix_store(rig, &["--verify", "--check-contents"]);
        terminal.keys("X");
        terminal.wait_for("no path is known to be damaged");
        let log = log(rig);
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("\"delete\""), "{log}");
        terminal.keys("q");
        assert_eq!(terminal.exit(), 0);
    });
}

#[test]
fn each_look_at_the_disk_keeps_a_sample() {
    let served = Served::new(1_000);
    let mut terminal = served.console();
    terminal.keys("5");
    terminal.wait_for("by last use");
    let file = served
        .home
        .path()
        .join(".local/state/storekeeper/space/cache.json");
    let text = fs::read_to_string(file).unwrap();
    let samples: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(samples.as_array().map(Vec::len), Some(1), "{text}");
    // What the demo's `df` says.
    assert_eq!(samples[0]["used"], 843_055_104_u64 * 1024);
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn verifying_is_called_off_at_once() {
    let served = Served::new(1_000);
    let mut terminal = served.console();
    terminal.keys("5");
    terminal.wait_for("by last use");
    // The names of the paths of one call alone take longer now than a test waits.
    let faults = served.demo.as_ref().unwrap().faults();
    faults.set(|plan| plan.bandwidth = Some(200));
    terminal.keys("C");
    terminal.wait_for("Verify all 1,000 paths?");
    terminal.keys("\r");
    terminal.keys("6");
    let running = terminal.wait_for(" 1 running");
    assert!(running.contains("0 of 1,000"), "{running}");
    terminal.keys("c");
    let text = terminal.wait_for("┌ Verification");
    assert!(text.contains("result    cancelled"), "{text}");
    assert!(text.contains("Stopped on request"), "{text}");
    faults.clear();
    // The connection is as good as before.
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Verification"));
    terminal.keys("5C");
    terminal.wait_for("Verify all 1,000 paths?");
    terminal.keys("\r");
    terminal.wait("all of it", |text| {
        text.contains("result    done") && text.contains("compared  1,000 paths")
    });
    terminal.keys("q");
    terminal.wait("no dialog", |text| !text.contains("┌ Verification"));
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}
