//! What was stored comes back, damage is seen, and no bytes are too odd to be looked at.
//!
//! In: random stores, and damage. Out: equal inventories, or an error.

use super::*;
use crate::inventory::testing::{Model, model};
use proptest::prelude::*;

fn a_stamp() -> Stamp {
    Stamp {
        place: "root@cache:22".to_owned(),
        at: When::from_unix(1_700_000_000),
        facts: Some("as it was".to_owned()),
    }
}

fn stored(inventory: &Inventory) -> Vec<u8> {
    let mut bytes = Vec::new();
    inventory.store(a_stamp(), b"seen", &mut bytes).unwrap();
    bytes
}

proptest! {
    #[test]
    fn it_comes_back_as_it_was(model in model(true)) {
        let inventory = Model::inventory(&model);
        inventory.order_by_name();
        let bytes = stored(&inventory);
        let restored = Inventory::restore(bytes.as_slice()).unwrap();
        prop_assert_eq!(&restored.stamp, &a_stamp());
        prop_assert_eq!(restored.seen, b"seen");
        prop_assert_eq!(stamp(bytes.as_slice()).unwrap(), a_stamp());
        let again = restored.inventory;
        prop_assert_eq!(again.order.known(), inventory.order.known());
        prop_assert_eq!(again.counts(), inventory.counts());
        prop_assert_eq!(stored(&again), bytes);
        for row in 0..inventory.len() as crate::inventory::Row {
            prop_assert_eq!(again.find(&inventory.path(row)), Some(row));
            prop_assert_eq!(again.deriver(row), inventory.deriver(row));
            prop_assert_eq!(again.referrers(row), inventory.referrers(row));
            prop_assert_eq!(again.with_closure(row), inventory.with_closure(row));
        }
    }

    #[test]
    fn damage_is_seen(model in model(true), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = stored(&Model::inventory(&model));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Inventory::restore(bytes.as_slice()).is_err());
        bytes.truncate(at);
        prop_assert!(Inventory::restore(bytes.as_slice()).is_err());
    }

    #[test]
    fn parts_of_any_bytes_are_read_or_refused(part in prop::collection::vec(any::<u8>(), 0..200), rows in 0..5_u32) {
        let header = Header {
            stamp: a_stamp(),
            ring: None,
            proof_key: None,
            keys: Vec::new(),
            rows,
            late_derivers: false,
        };
        let _ = chunk::decode(&part, rows as usize, &header);
    }
}
