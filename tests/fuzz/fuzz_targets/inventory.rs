//! What is kept of a store is read, whatever lies in its place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::inventory::Inventory;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((stamp, inventory)) = Inventory::restore(bytes) {
        let mut again = Vec::new();
        let _ = inventory.store(stamp, &mut again);
    }
});
