//! A record as a line, and back.

use super::{Record, read};
use crate::change::Failure;
use proptest::prelude::*;

#[test]
fn one_line_in_a_fixed_order() {
    let record = Record {
        id: "7f3a0011".into(),
        by: "root via ada@laptop".into(),
        reason: Some("nightly".into()),
        failed: vec![Failure {
            item: "x".into(),
            message: "y".into(),
        }],
        ..Record::default()
    };
    let line = record.to_line();
    assert!(line.starts_with("{\"id\":\"7f3a0011\",\"at\":\"\",\"by\":"));
    assert!(!line.contains('\n'));
    assert_eq!(Record::from_line(line.as_bytes()), Some(record));
}

#[test]
fn what_is_read_can_be_shown() {
    let line = br#"{"prev":"x","id":"1","by":"a\u001b[2J","failed":[{"item":"\u202e","message":"m"}],"items":["\u0007"]}"#;
    let record = Record::from_line(line).unwrap();
    assert_eq!(record.by, "a\\e[2J");
    assert_eq!(record.failed[0].item, "\\u{202e}");
    assert_eq!(record.items[0], "\\u{7}");
    assert_eq!(Record::from_line(b"[]x"), None);
}

proptest! {
    #[test]
    fn reading_never_panics(log in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&log);
    }

    #[test]
    fn any_text_stays_on_one_line(reason in any::<String>(), by in any::<String>()) {
        let record = Record { reason: Some(reason), by, ..Record::default() };
        let line = record.to_line();
        let control = line.chars().any(char::is_control);
        prop_assert!(!control);
        let read = Record::from_line(line.as_bytes());
        prop_assert!(read.is_some());
    }
}
