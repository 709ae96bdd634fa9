//! What a server says of signatures: rows of its database as digits, and what its auto-sign has left.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::domain::auto_sign::AutoSign;
use storekeeper::domain::signed_row::SignedRow;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    for line in text.lines() {
        if let Some((_, row)) = SignedRow::parse(line) {
            let left = row.without("k-1");
            let begins = |one: &[u8]| one.starts_with(b"k-1:");
            assert!(!left.split(|byte| *byte == b' ').any(begins));
            assert!(row.line("k-1").ends_with('\n'));
        }
    }
    let run = AutoSign::parse(true, text.lines());
    for left in run.reasons.values() {
        assert!(!left.words().is_empty() && !left.short().is_empty());
    }
});
