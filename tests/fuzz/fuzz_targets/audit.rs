//! An audit log that somebody has been at, in two files, a copy of it, and what a journal and signatures say of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::change::audit::{Check, Copied, compare, read, verify};
use storekeeper::server::LogEvent;

fuzz_target!(|data: &[u8]| {
    let (log, copy) = data.split_at(data.len() / 2);
    let found = verify(log);
    assert!(!found.whole(), "nothing vouches for its end");
    assert!(found.flaws.len() <= found.flaws_total);
    let _ = compare(log, copy);
    let _ = read(log);
    let mut check = Check::new(Ok(Copied::of(copy)));
    let none = &mut |_: &[u8]| ();
    for line in copy.split(|byte| *byte == b'\n') {
        check.take(&LogEvent::Entry(line), none);
        check.take(&LogEvent::Signed(line), none);
    }
    for (name, live, bytes) in [("audit-000001.jsonl", false, copy), ("audit.jsonl", true, log)] {
        check.take(&LogEvent::File { name, live }, none);
        for some in bytes.chunks(5) {
            check.take(&LogEvent::Bytes(some), none);
        }
    }
    let _ = check.finish(none);
});
