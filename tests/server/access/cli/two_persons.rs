//! The two-person rule on a real server: two administrators with a key each, the real binary, the real sshd.

use super::{House, fingerprint};
use crate::help::text;
use crate::rig::{Nix, key_pair, wait_until};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Bob's key and a third one log in as root, too.
pub(super) fn administrators(house: &House) {
    key_pair(&house.rig.scratch().join("third"), "third");
    let keys = house.rig.scratch().join("home-root/.ssh/authorized_keys");
    let mut text = fs::read_to_string(&keys).unwrap();
    for name in ["other.pub", "third.pub"] {
        text += &fs::read_to_string(house.rig.scratch().join(name)).unwrap();
    }
    fs::write(&keys, text).unwrap();
}

/// With a rule for everything that can wait.
fn house() -> House {
    let house = House::new();
    administrators(&house);
    house.says("plans prod set-rule --yes", 0);
    house
}

/// The same program with the key of this file.
pub(super) fn by(house: &House, key: &str, line: &str) -> Command {
    let usual = house.command(line);
    let mut command = Command::new(usual.get_program());
    let id = house.rig.file("id");
    for argument in usual.get_args() {
        let own = argument == id.as_str();
        command.arg(if own {
            house.rig.file(key).into()
        } else {
            argument.to_owned()
        });
    }
    for (name, value) in usual.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

pub(super) fn bob(house: &House, line: &str, code: i32) -> Value {
    let output = by(house, "other", line).arg("--json").output().unwrap();
    let (document, errors) = (text(&output.stdout), text(&output.stderr));
    let ended = output.status.code();
    assert_eq!(ended, Some(code), "{line}: {document}{errors}");
    serde_json::from_str(&document).unwrap()
}

/// A key of a client that is to be authorized, planned by ada; the plan's id.
fn planned(house: &House, name: &str) -> (String, String) {
    let public = house.new_key(name, name);
    let line = format!("keys prod authorize {public} --yes --reason moving");
    let waits = house.json(&line, 5);
    assert_eq!(waits["plan"]["second"], "needed", "{waits}");
    assert_eq!(waits["receipt"]["result"], "waiting", "{waits}");
    assert_eq!(waits["receipt"]["done"], 0, "{waits}");
    let id = waits["receipt"]["waits"]["plan"].as_str().unwrap();
    (id.to_owned(), public)
}

pub(super) fn folder(house: &House) -> PathBuf {
    house.rig.scratch().join("var/plans")
}

fn records(house: &House) -> Vec<Value> {
    let log = fs::read_to_string(house.rig.scratch().join("var/audit.jsonl")).unwrap();
    let lines = log.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_key_is_authorized_by_two_administrators_with_two_keys() {
    let house = house();
    let before = fs::read(house.key_file()).unwrap();
    let (id, public) = planned(&house, "ada");
    assert_eq!(fs::read(house.key_file()).unwrap(), before);
    assert!(!house.lets_in("ada"));
    let mode = |file: PathBuf| fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder(&house)), 0o700);
    assert_eq!(mode(folder(&house).join(format!("{id}.json"))), 0o600);

    // The same login can't, whatever is said with it, and changes nothing by trying.
    let listed = house.json("plans prod", 0);
    let row = &listed["plans"][0];
    assert_eq!(
        (&row["id"], &row["confirmable"]),
        (&id.as_str().into(), &false.into())
    );
    for flags in ["--yes", "--dry-run", "--yes --my-own-key"] {
        let refused = house.json(&format!("plans prod confirm {id} {flags}"), 4);
        assert_eq!(refused["error"]["kind"], "policy", "{refused}");
        let said = refused["error"]["message"].as_str().unwrap();
        assert!(said.contains("the same key"), "{said}");
    }
    // Bob sees it, and a look is no confirmation.
    let listed = bob(&house, "plans prod list", 0);
    let row = &listed["plans"][0];
    assert_eq!(
        (&row["state"], &row["reason"]),
        (&"waiting".into(), &"moving".into())
    );
    assert_eq!(row["confirmable"], true, "{row}");
    bob(&house, &format!("plans prod show {id}"), 0);
    bob(&house, &format!("plans prod confirm {id} --dry-run"), 0);
    bob(
        &house,
        &format!("plans prod confirm {id} --yes --read-only"),
        4,
    );
    assert!(!house.lets_in("ada"));

    let done = bob(&house, &format!("plans prod confirm {id} --yes"), 0);
    assert_eq!(done["receipt"]["result"], "done", "{done}");
    assert!(house.lets_in("ada"));
    let own = |name: &str| fingerprint(&house.rig.file(name));
    let first = done["receipt"]["plannedBy"].as_str().unwrap();
    assert!(first.contains(&own("id.pub")), "{first}");
    let records = records(&house);
    let [waiting, record] = &records[records.len() - 2..] else {
        panic!()
    };
    assert_eq!(
        (&waiting["result"], &waiting["plan"]),
        (&"waiting".into(), &id.as_str().into())
    );
    assert_eq!(
        (&record["result"], &record["plan"]),
        (&"done".into(), &id.as_str().into())
    );
    assert_eq!(record["reason"], "moving");
    for (field, key) in [("plannedBy", "id.pub"), ("confirmedBy", "other.pub")] {
        let who = record[field].as_str().unwrap();
        assert!(who.contains(&own(key)), "{record}");
    }
    // It is gone, and can't be confirmed a second time.
    assert_eq!(fs::read_dir(folder(&house)).unwrap().count(), 0);
    bob(&house, &format!("plans prod confirm {id} --yes"), 2);
    house.says("audit prod --verify", 0);

    // What goes waits as well.
    house.says(
        &format!("keys prod revoke {} --yes", fingerprint(&public)),
        5,
    );
    assert!(house.lets_in("ada"));
    let listed = house.json("plans prod", 0);
    let id = listed["plans"][0]["id"].as_str().unwrap().to_owned();
    bob(&house, &format!("plans prod confirm {id} --yes"), 0);
    assert!(!house.lets_in("ada"));
}

#[test]
fn suspending_resuming_and_expiring_wait_too() {
    let house = House::new();
    administrators(&house);
    let public = house.new_key("ada", "ada");
    house.says(&format!("keys prod authorize {public} --yes"), 0);
    house.says("plans prod set-rule access --yes", 0);
    for (line, lets_in) in [
        ("keys prod suspend ada --yes", false),
        ("keys prod resume ada --yes", true),
        ("keys prod expire ada 2020-01-01 --yes", false),
        ("keys prod expire ada never --yes", true),
    ] {
        let before = fs::read(house.key_file()).unwrap();
        let waits = house.json(line, 5);
        assert_eq!(fs::read(house.key_file()).unwrap(), before, "{line}");
        let id = waits["receipt"]["waits"]["plan"].as_str().unwrap();
        bob(&house, &format!("plans prod confirm {id} --yes"), 0);
        assert_eq!(house.lets_in("ada"), lets_in, "{line}");
    }
}

#[test]
fn a_request_is_approved_by_two() {
    let house = house();
    let public = house.new_key("carl", "carl");
    house.says(&format!("requests prod add {public} --yes"), 0);
    let requests = house.json("requests prod list", 0);
    let request = requests["requests"][0]["id"].as_str().unwrap().to_owned();
    let line = format!("requests prod approve {request} --yes --accept unproven");
    let waits = house.json(&line, 5);
    let id = waits["receipt"]["waits"]["plan"].as_str().unwrap();
    let requests = house.json("requests prod list", 0);
    assert_eq!(
        requests["requests"].as_array().unwrap().len(),
        1,
        "still waits"
    );
    assert!(!house.lets_in("carl"));
    // What is doubtful is accepted by both.
    bob(&house, &format!("plans prod confirm {id} --yes"), 4);
    let line = format!("plans prod confirm {id} --yes --accept unproven");
    bob(&house, &line, 0);
    assert!(house.lets_in("carl"));
    let requests = house.json("requests prod list", 0);
    assert_eq!(requests["requests"], Value::Array(Vec::new()));
}

#[test]
fn what_has_changed_meanwhile_is_said_and_not_done() {
    let house = house();
    let (id, public) = planned(&house, "ada");
    // Somebody has authorized the key by hand.
    let line = fs::read_to_string(&public).unwrap();
    let before = fs::read_to_string(house.key_file()).unwrap();
    fs::write(house.key_file(), format!("{before}{line}")).unwrap();
    let refused = bob(&house, &format!("plans prod confirm {id} --yes"), 4);
    assert_eq!(refused["error"]["kind"], "conflict", "{refused}");
    house.says(&format!("plans prod drop {id} --yes"), 0);

    // The line of a key that is to go is another one by now.
    let waits = house.json("keys prod revoke ada --yes", 5);
    let id = waits["receipt"]["waits"]["plan"].as_str().unwrap();
    let now = format!("{before}no-pty {line}");
    fs::write(house.key_file(), &now).unwrap();
    let refused = bob(&house, &format!("plans prod confirm {id} --yes"), 4);
    let said = refused["error"]["message"].as_str().unwrap();
    assert!(
        said.contains("no more: ") && said.contains("new: ") && said.contains("no-pty"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(house.key_file()).unwrap(), now);
    assert!(house.lets_in("ada"));
    // Another key's line above it is no difference.
    fs::write(house.key_file(), format!("# a note\n{before}{line}")).unwrap();
    bob(&house, &format!("plans prod confirm {id} --yes"), 0);
    assert!(!house.lets_in("ada"));
}

#[test]
fn a_plan_ends_is_dropped_and_is_never_somebody_elses() {
    let house = House::new();
    administrators(&house);
    house.says("plans prod set-rule access --valid 1s --yes", 0);
    let (id, _) = planned(&house, "ada");
    wait_until("the end of the plan", || {
        let listed = house.json("plans prod", 0);
        listed["plans"][0]["state"] == "over"
    });
    let over = bob(&house, &format!("plans prod confirm {id} --yes"), 4);
    assert_eq!(over["error"]["kind"], "policy", "{over}");
    house.says(&format!("plans prod drop {id} --yes --read-only"), 4);
    let dropped = house.json(&format!("plans prod drop {id} --yes"), 0);
    assert_eq!(dropped["plan"]["change"], "drop-plan");
    assert_eq!(fs::read_dir(folder(&house)).unwrap().count(), 0);
    bob(&house, &format!("plans prod confirm {id} --yes"), 2);

    // What others have put there is read with limits, and confirmed by nobody.
    for (name, content) in [
        ("0123abcd.json", "{".to_owned()),
        ("1123abcd.json", "x".repeat(300 << 10)),
        ("no\u{1b}name.json", "{}".to_owned()),
    ] {
        fs::write(folder(&house).join(name), content).unwrap();
    }
    let listed = house.json("plans prod", 0);
    let states: Vec<&Value> = listed["plans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plan| &plan["state"])
        .collect();
    assert_eq!(states, ["unreadable", "unreadable"], "{listed}");
    bob(&house, "plans prod confirm 0123abcd --yes", 1);
    house.says("plans prod drop 0123abcd --yes", 0);
    assert!(!house.lets_in("ada"));
}

fn confirm(house: &House, key: &str, id: &str) -> Child {
    by(house, key, &format!("plans prod confirm {id} --yes"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Holds the lock of the plans' folder until it is dropped.
struct Lock(Child);

impl Lock {
    fn take(house: &House) -> Self {
        let mut child = Command::new("flock")
            .arg(folder(house))
            .args(["sh", "-c", "echo; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut held = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut held).unwrap();
        Self(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Markers that are whole: a job whose marker was cut off never began, and leaves no record.
fn markers(house: &House) -> usize {
    let entries = fs::read_dir(house.rig.scratch().join("var")).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("unfinished-")
        })
        .filter(|entry| {
            fs::read_to_string(entry.path()).is_ok_and(|text| text.ends_with("\nend\n"))
        })
        .count()
}

#[test]
fn of_two_who_confirm_at_once_one_does_it() {
    let house = house();
    let (id, _) = planned(&house, "ada");
    let lock = Lock::take(&house);
    let both = ["other", "third"].map(|key| confirm(&house, key, &id));
    // Both have seen it, and are in the job.
    wait_until("two jobs", || markers(&house) == 2);
    drop(lock);
    let mut codes = both.map(|child| {
        let output = child.wait_with_output().unwrap();
        output.status.code()
    });
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(4)]);
    assert!(house.lets_in("ada"));
    let results: Vec<Value> = records(&house)
        .iter()
        .map(|record| record["result"].clone())
        .collect();
    let count = |word: &str| results.iter().filter(|result| *result == word).count();
    assert_eq!((count("waiting"), count("failed")), (1, 1), "{results:?}");
    assert_eq!(fs::read_dir(folder(&house)).unwrap().count(), 0);
}

#[test]
fn who_is_killed_between_leaves_it_or_has_taken_it_for_good() {
    let house = house();
    let (id, _) = planned(&house, "ada");
    let lock = Lock::take(&house);
    let mut child = confirm(&house, "other", &id);
    wait_until("a job", || markers(&house) == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    house.sshd.kill_sessions();
    drop(lock);
    assert!(!house.lets_in("ada"));
    // Not taken: it still waits, for anybody else.
    let listed = house.json("plans prod", 0);
    if listed["plans"][0]["state"] == "waiting" {
        let file = folder(&house).join(format!("{id}.json"));
        fs::rename(&file, folder(&house).join(format!("{id}.begun-00000000"))).unwrap();
    }
    // Taken: never again.
    let refused = bob(&house, &format!("plans prod confirm {id} --yes"), 4);
    assert_eq!(refused["error"]["kind"], "conflict", "{refused}");
    assert!(!house.lets_in("ada"));
    house.says(&format!("plans prod drop {id} --yes"), 0);
    let interrupted = records(&house)
        .iter()
        .any(|record| record["result"] == "interrupted");
    assert!(interrupted, "the next change says what became of it");
}

#[test]
fn the_rule_itself_takes_two_and_what_is_not_understood_stops_everything() {
    let house = house();
    let before = fs::read(house.rig.scratch().join("var/two-persons.toml")).unwrap();
    house.says("plans prod set-rule --yes", 0);
    for line in [
        "plans prod set-rule --none --yes",
        "plans prod set-rule strip --yes",
    ] {
        house.says(line, 5);
    }
    let rule = house.rig.scratch().join("var/two-persons.toml");
    assert_eq!(fs::read(&rule).unwrap(), before);
    let public = house.new_key("ada", "ada");
    house.says(&format!("keys prod authorize {public} --yes"), 5);
    let listed = house.json("plans prod", 0);
    let plans = listed["plans"].as_array().unwrap();
    let none = plans
        .iter()
        .find(|plan| plan["summary"].as_str().unwrap().contains("no change"));
    let id = none.unwrap()["id"].as_str().unwrap().to_owned();
    bob(&house, &format!("plans prod confirm {id} --yes"), 0);
    assert!(!house.lets_in("ada"), "what waits goes on waiting");

    fs::write(&rule, "changes = [\"everything\"]\n").unwrap();
    let path = house.rig.path("leaf-1.0");
    let refused = house.json(&format!("pin prod {path} --yes"), 1);
    let said = refused["receipt"]["failed"][0]["message"].as_str().unwrap();
    assert!(said.contains("can't be understood"), "{refused}");
    house.says("plans prod rule", 1);
    house.says("plans prod set-rule --none --yes", 1);
    fs::remove_file(&rule).unwrap();
    house.says(&format!("pin prod {path} --yes"), 0);
}

/// Another audit log in a client's configuration leads past the rule beside the first one, not past the usual folder's.
#[test]
fn the_usual_folder_counts_for_every_client() {
    fs::create_dir_all("/var/lib/storekeeper").unwrap();
    // In the mounts of this process alone: each test has its own.
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "none", "/var/lib/storekeeper"])
        .status()
        .unwrap();
    assert!(mounted.success());
    fs::write(
        "/var/lib/storekeeper/two-persons.toml",
        "changes = [\"access\"]\n",
    )
    .unwrap();
    let house = House::new();
    let public = house.new_key("ada", "ada");
    house.says(&format!("keys prod authorize {public} --yes"), 5);
    assert!(!house.lets_in("ada"));
}

#[test]
fn chosen_paths_are_deleted_by_two() {
    for nix in Nix::oldest_and_newest() {
        let house = House::with(&nix);
        administrators(&house);
        house.says("plans prod set-rule delete --yes", 0);
        let path = house.rig.path("stranger-1.0").to_owned();
        let there = || {
            let found = house.json(
                &format!("paths prod {}", path.rsplit('/').next().unwrap()),
                0,
            );
            !found["paths"].as_array().unwrap().is_empty()
        };
        let waits = house.json(&format!("delete prod {path} --yes"), 5);
        assert!(there());
        let id = waits["receipt"]["waits"]["plan"]
            .as_str()
            .unwrap()
            .to_owned();
        // Somebody pins it meanwhile.
        house.says(&format!("pin prod {path} --name kept --yes"), 0);
        let refused = bob(&house, &format!("plans prod confirm {id} --yes"), 4);
        assert_eq!(refused["error"]["kind"], "conflict", "{refused}");
        // That takes two as well.
        let waits = house.json("unpin prod kept --yes", 5);
        let unpin = waits["receipt"]["waits"]["plan"].as_str().unwrap();
        bob(&house, &format!("plans prod confirm {unpin} --yes"), 0);
        bob(&house, &format!("plans prod confirm {id} --yes"), 0);
        assert!(!there());
    }
}
