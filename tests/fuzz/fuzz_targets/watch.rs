//! What a server writes while it is watched, line by line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::server::WatchLine;

fuzz_target!(|data: &[u8]| {
    for line in data.split(|byte| *byte == b'\n') {
        if let Some(WatchLine::Problem(why)) = WatchLine::parse(line) {
            assert!(!why.chars().any(char::is_control));
        }
    }
});
