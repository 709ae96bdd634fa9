//! Several files, the copy and the journal: what they find that a chain cannot.

use super::flaw::{Flaw, Verification, Witness};
use super::tests::{append, cut, flaws, lines, log, place, record, swap};
use super::verify::{Check, check, compare, rotated, verify};
use super::witness::Copied;
use crate::server::{JournalState, LogEvent};
use proptest::prelude::*;

fn of_files(files: &[(&str, &[u8])]) -> Verification {
    let mut check = Check::new(Err("no copy".into()));
    let none = &mut |_: &[u8]| ();
    for (name, bytes) in files {
        let live = *name == "audit.jsonl";
        check.take(&LogEvent::File { name, live }, none);
        for some in bytes.chunks(7) {
            check.take(&LogEvent::Bytes(some), none);
        }
    }
    check.finish(none)
}

#[test]
fn several_files_are_one_chain() {
    let mut all = log(2);
    append(&mut all, "{\"part\":2,\"id\":\"2\"}");
    append(&mut all, &record(3));
    append(&mut all, "{\"part\":3,\"id\":\"4\"}");
    let parts = lines(&all);
    let (one, two, three) = (
        parts[..2].concat(),
        parts[2..4].concat(),
        parts[4..].concat(),
    );
    let files = [
        ("audit-000001.jsonl", one.as_slice()),
        ("audit-000002.jsonl", &two),
        ("audit.jsonl", &three),
    ];
    let found = of_files(&files);
    assert_eq!(
        (found.records, found.flaws_total, found.files.len()),
        (5, 0, 3)
    );
    let gone = of_files(&files[2..]);
    assert_eq!(gone.flaws[0].why, Flaw::MissingParts(1, 2));
    let gone = of_files(&[files[0], files[2]]);
    assert_eq!(gone.flaws[0].why, Flaw::MissingParts(2, 2));
    assert_eq!(gone.flaws[0].at.line, 1);
    // The one that is written to is gone, or was emptied.
    assert!(of_files(&files[..2]).unknown[0].contains("not there"));
    let emptied = of_files(&[files[0], files[1], ("audit.jsonl", b"")]);
    assert!(emptied.unknown[0].contains("empty"), "{emptied:?}");
    let changed = swap(&two, "00000003", "0000000f");
    let found = of_files(&[files[0], ("audit-000002.jsonl", &changed), files[2]]);
    assert_eq!(
        found.flaws[0].to_string().split(':').next(),
        Some("record in line 2 of audit-000002.jsonl")
    );
}

#[test]
fn the_copy_finds_what_the_chain_cannot() {
    let all = log(3);
    let with = |log: &[u8]| check(log, Ok(Copied::of(&all)));
    assert!(with(&all).whole());
    assert_eq!(compare(&all, b""), None);
    // The last record has nothing behind it.
    let rewritten = swap(
        &all,
        "\"id\":\"00000002\",\"at\":\"\"",
        "\"id\":\"00000002\",\"at\":\"x\"",
    );
    assert_eq!(verify(&rewritten).broken(), None);
    let found = with(&rewritten);
    assert_eq!(found.missing[0].changed_in, Some(place(3)));
    assert!(!found.whole() && !found.unknown.is_empty());
    let shorter = cut(&all, 3);
    assert_eq!(verify(&shorter).broken(), None);
    let missing = compare(&shorter, &all).unwrap();
    assert_eq!(
        (missing.id.as_str(), missing.changed_in),
        ("00000002", None)
    );
    let emptied = with(b"");
    assert_eq!((emptied.missing_total, emptied.whole()), (3, false));
    // Somebody else has written the last one: it fits, and nothing here vouches for it.
    let found = check(&log(4), Ok(Copied::of(&all)));
    assert!(!found.is_broken() && !found.whole());
    // Never written there.
    let local_only = [all.as_slice(), b"{\"prev\":null,\"id\":\"9\"}\n"].concat();
    assert_eq!(compare(&all, &local_only), None);
}

fn with_journal(log: &[u8], journal: &[Vec<u8>]) -> Verification {
    let mut check = Check::new(Err("no copy".into()));
    let none = &mut |_: &[u8]| ();
    for entry in journal.iter().rev() {
        let entry = entry.strip_suffix(b"\n").unwrap_or(entry);
        check.take(&LogEvent::Entry(entry), none);
    }
    check.take(&LogEvent::Journal(JournalState::Read), none);
    check.take(
        &LogEvent::File {
            name: "audit.jsonl",
            live: true,
        },
        none,
    );
    check.take(&LogEvent::Bytes(log), none);
    check.finish(none)
}

#[test]
fn the_journal_vouches_for_the_end() {
    let all = log(4);
    let journal = lines(&all);
    let found = with_journal(&all, &journal);
    assert!(found.whole(), "{found:?}");
    assert_eq!(found.vouched_by, [Witness::Journal]);
    assert!(with_journal(&all, &journal[2..]).whole());
    // Shortened: what hangs together with the rest is missed, all of it.
    let shorter = lines(&all)[..2].concat();
    let found = with_journal(&shorter, &journal);
    let ids: Vec<_> = found
        .missing
        .iter()
        .map(|missing| missing.id.as_str())
        .collect();
    assert_eq!(ids, ["00000002", "00000003"]);
    // The last one, altered.
    let altered = swap(
        &all,
        "\"id\":\"00000003\",\"at\":\"\"",
        "\"id\":\"00000003\",\"at\":\"x\"",
    );
    let found = with_journal(&altered, &journal);
    assert_eq!(found.flaws[0].why, Flaw::Journal);
    // Emptied: it can't be distinguished from another log of this server, and is not called whole.
    let found = with_journal(b"", &journal);
    assert!(!found.whole() && found.unknown.len() == 1);
    assert!(found.notes[1].contains("4 records"), "{found:?}");
    // A system logger has cut it off.
    let mut cut = journal.clone();
    let last = cut.last_mut().unwrap();
    last.truncate(120);
    let found = with_journal(&all, &cut);
    assert!(!found.whole() && !found.is_broken());
    assert!(found.unknown[0].contains("only the start"), "{found:?}");
    // Those of another log hinder nothing.
    let mut other = Vec::new();
    append(&mut other, "{\"id\":\"0a\"}");
    let both = [lines(&other), journal].concat();
    assert!(with_journal(&all, &both).whole());
}

#[test]
fn what_other_programs_leave() {
    for (name, is) in [
        ("audit.jsonl.1", true),
        ("audit.jsonl.2.gz", true),
        ("audit.jsonl-20260102", true),
        ("audit.jsonl.bak", false),
    ] {
        assert_eq!(rotated(name), is, "{name}");
    }
}

proptest! {
    #[test]
    fn a_changed_byte_is_found(records in 2_usize..6, at: prop::sample::Index, other: u8) {
        let whole = log(records);
        let last = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
        let mut changed = whole.clone();
        let at = at.index(whole.len());
        prop_assume!(changed[at] != other);
        changed[at] = other;
        if at < last {
            prop_assert!(verify(&changed).broken().is_some());
        } else {
            // In the last record the chain or the copy finds it.
            prop_assert!(check(&changed, Ok(Copied::of(&whole))).is_broken());
        }
    }

    #[test]
    fn a_change_beside_a_torn_line_is_found(keep in 1_usize..150, at: prop::sample::Index, other: u8) {
        let mut torn = log(2);
        let line = lines(&log(3))[2].clone();
        torn.extend(&line[..keep]);
        append(&mut torn, &record(3));
        append(&mut torn, &record(4));
        let expected = flaws(&torn);
        let last = torn[..torn.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
        let at = at.index(last);
        let mut changed = torn.clone();
        prop_assume!(changed[at] != other);
        changed[at] = other;
        prop_assert_ne!(flaws(&changed), expected);
    }

    #[test]
    fn a_removed_line_is_found(records in 3_usize..8, at in 1_usize..7) {
        prop_assume!(at < records);
        prop_assert!(verify(&cut(&log(records), at)).is_broken());
    }

    #[test]
    fn never_panics(log in prop::collection::vec(any::<u8>(), 0..300), copy in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = verify(&log);
        let _ = compare(&log, &copy);
        let _ = with_journal(&log, &[copy]);
    }
}
