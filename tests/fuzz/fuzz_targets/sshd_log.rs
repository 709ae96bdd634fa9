//! A log that clients have had a hand in: as a text file, and as the journal's JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::domain::When;
use storekeeper::domain::sshd_log::{by_key, read_journal, read_text};

fuzz_target!(|data: &[u8]| {
    let now = When::from_unix(1_795_000_000);
    for log in [read_text(data, now, 3600), read_journal(data)] {
        by_key(&log.events, "nix-ssh");
    }
});
