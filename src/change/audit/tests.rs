//! The chain, altered in every way, and what is found.

use super::Record;
use super::flaw::{Flaw, Place, Vouched};
use super::verify::{FIRST, digest, verify};

/// Appends as the server does, under its lock.
pub(super) fn append(log: &mut Vec<u8>, line: &str) {
    let hash = |line: Option<&[u8]>| line.map_or_else(|| FIRST.to_owned(), digest);
    let mut lines: Vec<&[u8]> = log.split(|byte| *byte == b'\n').collect();
    let torn = lines.last().is_some_and(|last| !last.is_empty());
    if !torn {
        lines.pop();
    }
    let prev = hash(lines.last().copied());
    let before = if torn {
        let before = lines.len().checked_sub(2).and_then(|at| lines.get(at));
        format!("\"before\":\"{}\",", hash(before.copied()))
    } else {
        String::new()
    };
    if torn {
        log.push(b'\n');
    }
    log.extend(format!("{{\"prev\":\"{prev}\",{before}{}\n", &line[1..]).bytes());
}

pub(super) fn record(at: usize) -> String {
    let record = Record {
        id: format!("{at:08x}"),
        summary: "sign 5 paths".into(),
        ..Record::default()
    };
    record.to_line()
}

pub(super) fn log(records: usize) -> Vec<u8> {
    let mut log = Vec::new();
    for at in 0..records {
        append(&mut log, &record(at));
    }
    log
}

pub(super) fn flaws(log: &[u8]) -> Vec<(usize, Flaw)> {
    let found = verify(log);
    assert_eq!(found.flaws.len(), found.flaws_total);
    found
        .flaws
        .into_iter()
        .map(|flaw| (flaw.at.line, flaw.why))
        .collect()
}

pub(super) fn lines(log: &[u8]) -> Vec<Vec<u8>> {
    log.split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

pub(super) fn cut(log: &[u8], line: usize) -> Vec<u8> {
    let mut lines = lines(log);
    lines.remove(line - 1);
    lines.concat()
}

pub(super) fn swap(log: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(log.to_vec()).unwrap();
    assert!(text.contains(from));
    text.replacen(from, to, 1).into_bytes()
}

pub(super) fn place(line: usize) -> Place {
    Place { file: None, line }
}

#[test]
fn a_chain_that_fits() {
    for records in 0..4 {
        let found = verify(&log(records));
        assert_eq!((found.records, found.broken()), (records, None));
        // A chain says nothing of its end.
        assert!(!found.whole() && !found.is_broken(), "{found:?}");
    }
}

#[test]
fn what_is_changed_or_removed_is_named() {
    let all = log(4);
    assert_eq!(
        flaws(&swap(&all, "00000001", "0000000f")),
        [(2, Flaw::Changed)]
    );
    assert_eq!(
        flaws(&swap(&all, "{\"prev\":\"0", "{\"prev\":\"1")),
        [(1, Flaw::NotFirst), (1, Flaw::Changed)]
    );
    let second = digest(lines(&all)[0].strip_suffix(b"\n").unwrap());
    assert_eq!(flaws(&swap(&all, &second, FIRST)), [(2, Flaw::OwnHash)]);
    assert_eq!(
        flaws(&swap(&all, &second, "x")),
        [(2, Flaw::OwnHash), (2, Flaw::Changed)]
    );
    assert_eq!(flaws(&cut(&all, 1)), [(1, Flaw::NotFirst)]);
    assert_eq!(flaws(&cut(&all, 2)), [(1, Flaw::Changed)]);
    let none = Vouched::default();
    assert_eq!(
        flaws(&swap(&all, "\"prev\"", "\"prex\"")),
        [(1, Flaw::NoHash(none.clone()))]
    );
    assert_eq!(
        flaws(&swap(&all, "{", "[")),
        [(1, Flaw::NotJson(none.clone()))]
    );
    assert_eq!(
        flaws(&swap(&all, "sign", "si\ngn"))[0],
        (1, Flaw::Torn(none))
    );
    for missing in [1, 5, 100] {
        assert_eq!(
            flaws(&all[..all.len() - missing]),
            [(4, Flaw::Truncated { before: true })]
        );
    }
    // All of them, not only the first.
    let twice = swap(
        &swap(&all, "\"id\":\"00000000\"", "\"id\":\"0000000f\""),
        "00000002",
        "0000000f",
    );
    assert_eq!(flaws(&twice), [(1, Flaw::Changed), (3, Flaw::Changed)]);
    let many = log(9);
    let many = cut(
        &swap(&swap(&many, "00000001", "0000000f"), "00000007", "0000000f"),
        5,
    );
    assert_eq!(
        flaws(&many),
        [(2, Flaw::Changed), (4, Flaw::Changed), (7, Flaw::Changed)]
    );
}

#[test]
fn a_torn_record_is_skipped_and_vouched_for() {
    for keep in [3, 40, 90, 150] {
        let mut torn = log(2);
        let whole = lines(&log(3))[2].clone();
        torn.extend(&whole[..keep]);
        // As it lies there after the crash.
        let found = flaws(&torn);
        assert_eq!(found, [(3, Flaw::Truncated { before: keep > 80 })]);
        append(&mut torn, &record(3));
        append(&mut torn, &record(4));
        let vouched = Vouched {
            here: true,
            before: true,
            again: None,
        };
        assert_eq!(flaws(&torn), [(3, Flaw::Torn(vouched.clone()))], "{keep}");
        let found = verify(&torn);
        assert_eq!(found.records, 4);
        assert!(found.is_broken());
        let named = found.flaws[0].id.as_deref();
        assert_eq!(named, (keep >= 90).then_some("00000002"));
        // Altered behind it, before it, and itself.
        assert_eq!(
            flaws(&swap(&torn, "00000003", "0000000f")),
            [(3, Flaw::Torn(vouched.clone())), (4, Flaw::Changed)]
        );
        assert_eq!(
            flaws(&swap(&torn, "00000001", "0000000f")),
            [
                (
                    3,
                    Flaw::Torn(Vouched {
                        before: false,
                        ..vouched.clone()
                    })
                ),
                (2, Flaw::Changed)
            ]
        );
        let first = swap(&torn, "\"id\":\"00000000\"", "\"id\":\"0000000f\"");
        assert_eq!(
            flaws(&first),
            [(1, Flaw::Changed), (3, Flaw::Torn(vouched.clone()))]
        );
        let mut parts = lines(&torn);
        parts[2].insert(1, b' ');
        let found = flaws(&parts.concat());
        assert!(
            matches!(
                &found[..],
                [(
                    3,
                    Flaw::Torn(Vouched { here: false, .. })
                        | Flaw::NotJson(Vouched { here: false, .. })
                )]
            ),
            "{found:?}"
        );
        parts.remove(2);
        assert_eq!(flaws(&parts.concat()).len(), 1);
        // Its record was written once more: then nothing is lost.
        append(&mut torn, &record(2));
        let found = verify(&torn);
        assert_eq!(found.is_broken(), keep < 90, "{found:?}");
    }
}

#[test]
fn torn_twice_and_by_zeros() {
    let mut torn = log(2);
    torn.extend(b"{\"prev\":\"0000");
    append(&mut torn, &record(2));
    torn.extend([b"{\"prev\"".as_slice(), &[0; 30]].concat());
    append(&mut torn, &record(3));
    let vouched = Vouched {
        here: true,
        before: true,
        again: None,
    };
    assert_eq!(
        flaws(&torn),
        [(3, Flaw::Torn(vouched.clone())), (5, Flaw::Torn(vouched))]
    );
}

#[test]
fn what_is_out_of_order_is_reported() {
    let mut moved = lines(&log(5));
    moved.swap(1, 2);
    let found = flaws(&moved.concat());
    assert!(
        found
            .iter()
            .all(|(_, why)| matches!(why, Flaw::OutOfOrder(_))),
        "{found:?}"
    );
    assert_eq!(found[0], (2, Flaw::OutOfOrder(place(3))));
    // A record that was put in between.
    let mut more = log(2);
    let mut forged = more.clone();
    append(&mut forged, "{\"id\":\"forged\"}");
    append(&mut more, &record(2));
    let rest = lines(&more)[2].clone();
    forged.extend(rest);
    assert_eq!(flaws(&forged), [(4, Flaw::OutOfOrder(place(2)))]);
    // A log that was begun anew behind an old one.
    let again = [log(2), log(3)].concat();
    assert_eq!(
        flaws(&again),
        [(3, Flaw::OutOfOrder(place(1)))].map(|_| (3, Flaw::Restart))
    );
}
