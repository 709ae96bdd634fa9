//! What is shown for a path, in clauses.
//!
//! In: a row of the inventory. Out: words, the same on its page and in the pane beside a list.

use crate::console::types::context::Context;
use crate::domain::auto_sign::Left;
use crate::domain::count::count;
use crate::domain::{Bytes, TrustClass};
use crate::inventory::{Inventory, Row, WithClosure};

/// What clients make of a path with all that it needs, as `why` says it.
pub(super) fn with_closure(inventory: &Inventory, row: Row) -> &'static str {
    match inventory.with_closure(row) {
        WithClosure::Accepted => "accepted",
        WithClosure::Unknown => "not all of it was read",
        WithClosure::Refused if inventory.trust(row).is_some_and(TrustClass::refused) => "refused",
        WithClosure::Refused => "refused for what it needs",
    }
}

/// The size of a path's closure, as far as it is known.
pub(super) fn closure_size(inventory: &Inventory, row: Row) -> String {
    inventory.closure_size_known(row).map_or_else(
        || "not measured yet".to_owned(),
        |(paths, bytes)| format!("{}, {}", count(paths, "path"), Bytes(bytes)),
    )
}

/// Why the server's auto-sign has left a path that clients refuse.
pub fn left<'a>(cx: &'a Context, inventory: &Inventory, row: Row) -> Option<&'a Left> {
    let run = cx.facts.as_ref()?.auto_sign.as_ref()?;
    inventory.trust(row).filter(|class| class.refused())?;
    run.reasons.get(&inventory.path(row))
}

/// What clients make of a path, in a clause; nothing for one that has not been read.
pub(super) fn meaning(inventory: &Inventory, row: Row) -> Option<&'static str> {
    if inventory.refused_for_its_address(row) {
        return Some("refused: its content address is another path's, whatever signs it");
    }
    Some(match inventory.trust(row)? {
        TrustClass::Bad => "refused: a signature by a known key does not verify",
        TrustClass::UnknownKey => "refused: signed only by unknown keys",
        TrustClass::Unsigned => "refused: it has no signature",
        TrustClass::Retired => "accepted: signed by an older key of this cache",
        TrustClass::Upstream => "accepted: signed by another trusted key",
        TrustClass::ContentAddressed => {
            "accepted: its content is its address, it needs no signature"
        }
        TrustClass::Ours => "accepted: signed by this cache's key",
    })
}
