//! What is kept of a store is read, whatever lies in its place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::inventory::Inventory;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = Inventory::restore(bytes) {
        let mut again = Vec::new();
        let _ = found.inventory.store(found.stamp, &found.seen, &mut again);
    }
});
