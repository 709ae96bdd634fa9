//! Entries of a spool, the journal of pushes, and paths as they are typed: files and text from anywhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::change::push::given;
use storekeeper::spool::parse;

fuzz_target!(|data: &[u8]| {
    let _ = parse::entry(data);
    let _ = parse::journal(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = given::store(text);
    }
});
