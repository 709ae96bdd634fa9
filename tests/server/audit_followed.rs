//! An audit log that is read again and again: what was appended comes, and nothing else, until the log is not that log any more.

use crate::help::{connect, wait};
use crate::rig::{Access, Rig};
use std::fs;
use std::path::{Path, PathBuf};
use storekeeper::change::audit::look_on;
use storekeeper::change::audit::verify::{FIRST, digest};
use storekeeper::server::{Followed, Server};

/// Lines of a chain, from a hash on; and the hash of the last one.
fn lines(mut prev: String, ids: &[&str], part: &str) -> (String, String) {
    let mut text = String::new();
    for (at, id) in ids.iter().enumerate() {
        let part = if at == 0 { part } else { "" };
        let line = format!("{{\"prev\":\"{prev}\",{part}\"id\":\"{id}\"}}");
        prev = digest(line.as_bytes());
        text.push_str(&line);
        text.push('\n');
    }
    (text, prev)
}

/// The records, and whether the chain is whole.
fn look(server: &Server, followed: &mut Followed) -> (Vec<String>, bool) {
    let look = look_on(server, Err(String::new()), 100, followed);
    let look = wait(look).unwrap();
    let ids = look.records.into_iter().map(|record| record.id).collect();
    (ids, !look.verification.is_broken())
}

fn reported(ids: &[&str]) -> (Vec<String>, bool) {
    (ids.iter().map(|id| (*id).to_owned()).collect(), true)
}

fn append(log: &Path, text: &str) {
    let before = fs::read_to_string(log).unwrap();
    // In place: the file stays the same one.
    fs::write(log, before + text).unwrap();
}

#[test]
fn only_what_was_appended_is_read_until_it_is_another_log() {
    let rig = Rig::new();
    let server = wait(async { connect(rig.spec("root", rig.port(Access::Root)).await).await });
    let log = PathBuf::from(rig.file("var/audit.jsonl"));
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    let followed = &mut Followed::default();
    assert_eq!(look(&server, followed), reported(&[]));

    let (text, end) = lines(FIRST.to_owned(), &["r1", "r2", "r3"], "");
    fs::write(&log, &text).unwrap();
    let (more, end) = lines(end, &["r4"], "");
    assert_eq!(look(&server, followed), reported(&["r1", "r2", "r3"]));
    assert_eq!(look(&server, followed), reported(&["r1", "r2", "r3"]));
    append(&log, &more);
    assert_eq!(look(&server, followed), reported(&["r1", "r2", "r3", "r4"]));

    // What was read before does not come again: a change of it is seen by a reading from the beginning.
    let whole = fs::read_to_string(&log).unwrap();
    fs::write(&log, whole.replace("\"r1\"", "\"rX\"")).unwrap();
    assert_eq!(look(&server, followed), reported(&["r1", "r2", "r3", "r4"]));
    let (ids, is_whole) = look(&server, &mut Followed::default());
    assert_eq!((ids[0].as_str(), is_whole), ("rX", false));
    fs::write(&log, &whole).unwrap();

    // What follows on from another line is reported as what it is.
    append(&log, &lines(FIRST.to_owned(), &["r5"], "").0);
    assert!(!look(&server, followed).1);
    fs::write(&log, &whole).unwrap();
    assert_eq!(look(&server, followed), reported(&["r1", "r2", "r3", "r4"]));

    // A log that became a part.
    let part = log.with_file_name("audit-000001.jsonl");
    fs::rename(&log, &part).unwrap();
    let (next, end) = lines(end, &["r5"], "\"part\":2,");
    fs::write(&log, next).unwrap();
    let all = ["r1", "r2", "r3", "r4", "r5"];
    assert_eq!(look(&server, followed), reported(&all));
    append(&log, &lines(end, &["r6"], "").0);
    let all = ["r1", "r2", "r3", "r4", "r5", "r6"];
    assert_eq!(look(&server, followed), reported(&all));
    fs::remove_file(&part).unwrap();
    assert_eq!(look(&server, followed).0, ["r5", "r6"]);

    // Another log of the same length, and a shorter one.
    let (other, _) = lines(FIRST.to_owned(), &["s1", "s2"], "");
    fs::write(&log, &other).unwrap();
    assert_eq!(look(&server, followed), reported(&["s1", "s2"]));
    fs::write(&log, other.replace("\"s1\"", "\"t1\"")).unwrap();
    let (ids, is_whole) = look(&server, followed);
    assert_eq!((ids[0].as_str(), is_whole), ("t1", false));
    let (short, _) = lines(FIRST.to_owned(), &["u1"], "");
    fs::write(&log, short).unwrap();
    assert_eq!(look(&server, followed), reported(&["u1"]));
    fs::remove_file(&log).unwrap();
    assert_eq!(look(&server, followed), reported(&[]));
}
