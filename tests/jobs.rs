//! Jobs that come to no good end, on a real server: killed, or asked to stop by a signal. What the next one finds, what the
//! audit log says, and that exactly what is said was done.

// Helpers of tests, outside of functions that clippy knows to be tests.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rig;

use rig::{Nix, Rig, wait_until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Child, Output, Stdio};
use storekeeper::change::audit::{self, Record};

/// Enough to be stopped in the middle of: a tenth is not signed.
const PATHS: u32 = 10_000;

/// Makes the database take some milliseconds for each signature, so that there is a middle.
const SLOW: &str = "create trigger slow before update on ValidPaths begin \
                    select length(hex(randomblob(1000000))); end;";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn spawn(rig: &Rig, line: &str) -> Child {
    rig.storekeeper_command(line.split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn cli(rig: &Rig, line: &str) -> Output {
    rig.storekeeper_command(line.split(' ')).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

fn records(rig: &Rig) -> Vec<Record> {
    let log = std::fs::read(rig.file("var/audit.jsonl")).unwrap_or_default();
    assert!(audit::verify(&log).broken.is_none());
    audit::read(&log)
}

/// What jobs have left beside the audit log.
fn left(rig: &Rig) -> usize {
    let entries = std::fs::read_dir(rig.file("var")).unwrap();
    let names = entries.map(|entry| text(entry.unwrap().file_name().as_encoded_bytes()));
    names.filter(|name| name.starts_with("unfinished-")).count()
}

fn signed(rig: &Rig) -> BTreeSet<String> {
    rig.sql("select path from ValidPaths where sigs is not null;")
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The checks of `status` of this id.
fn checks(rig: &Rig, id: &str) -> Vec<String> {
    let status = json(&cli(rig, "status root --json"));
    let checks = status["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["id"] == id)
        .map(|check| check["summary"].to_string())
        .collect()
}

/// Starts to sign everything, and comes back in the middle of it.
fn signing(rig: &Rig) -> Child {
    let before = signed(rig).len();
    let child = spawn(rig, "sign root --all --yes --json");
    wait_until("some signatures", || signed(rig).len() > before + 20);
    child
}

#[test]
fn signing_that_is_killed_is_told_and_the_next_change_writes_its_record() {
    let rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    rig.sql(SLOW);
    let mut child = signing(&rig);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.is_empty());
    // Nix there signs to the end of what it was given.
    let mut last = 0;
    wait_until("the end of Nix", || {
        let now = signed(&rig).len();
        std::thread::sleep(std::time::Duration::from_millis(500));
        std::mem::replace(&mut last, now) == now
    });
    rig.sql("drop trigger slow;");
    wait_until("the end of the lock", || {
        !checks(&rig, "change-interrupted").is_empty()
    });
    let told = checks(&rig, "change-interrupted");
    assert!(
        told[0].contains("the signing ") && told[0].contains("signing again goes on"),
        "{told:?}"
    );
    assert!(records(&rig).is_empty());
    let again = cli(&rig, "sign root --all --yes --json");
    assert_eq!(
        json(&again)["receipt"]["result"],
        "done",
        "{}",
        json(&again)
    );
    let records = records(&rig);
    assert_eq!(records.len(), 2);
    assert_eq!(
        (records[0].change.as_str(), records[0].result.as_str()),
        ("sign", audit::INTERRUPTED)
    );
    assert_eq!(records[0].items.len(), records[0].items_total.min(1000));
    assert!(told[0].contains(&records[0].id));
    assert_eq!(records[1].result, "done");
    assert_eq!(left(&rig), 0);
    assert!(checks(&rig, "change-interrupted").is_empty());
    let verified = cli(&rig, "audit root --verify");
    assert!(verified.status.success(), "{}", text(&verified.stdout));
}

#[test]
fn several_change_something_at_once() {
    let rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    rig.sql(SLOW);
    let first = signing(&rig);
    assert_eq!(left(&rig), 1);
    let running = checks(&rig, "change-running");
    assert_eq!(running.len(), 1, "{running:?}");
    assert!(running[0].contains("sign "), "{running:?}");
    // Nobody is held up.
    let paths = rig.sql("select path from ValidPaths order by id limit 1;");
    let pin = format!("pin root {} --name kept --yes", paths.trim());
    let pinned = cli(&rig, &pin);
    assert!(pinned.status.success(), "{}", text(&pinned.stderr));
    let second = spawn(&rig, "sign root --all --yes --json");
    wait_until("both", || left(&rig) == 2);
    rig.sql("drop trigger slow;");
    for child in [first, second] {
        let output = child.wait_with_output().unwrap();
        assert_eq!(json(&output)["receipt"]["result"], "done");
    }
    assert_eq!((records(&rig).len(), left(&rig)), (3, 0));
}
