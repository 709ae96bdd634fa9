//! An audit log that somebody has been at, and a copy of it. The first line is the log, the rest the copy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::change::audit::{compare, read, verify};

fuzz_target!(|data: &[u8]| {
    let (log, copy) = data.split_at(data.len() / 2);
    let found = verify(log);
    assert!(!found.whole(), "nothing vouches for its end");
    assert!(found.flaws.len() <= found.flaws_total);
    let _ = compare(log, copy);
    let _ = read(log);
});
