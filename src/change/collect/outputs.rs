//! Which outputs derivations keep alive where Nix's `keep-outputs` is on.
//!
//! In: the server, and the store as it is now. Out: each derivation with each of its outputs that the store has, whatever
//! deriver the output names: `queryValidDerivers`, by which Nix walks there, goes by the outputs of the derivation alone
//! (`gc.cc` of Nix).

use crate::domain::StorePath;
use crate::inventory::{Inventory, Row};
use crate::server::{Server, ServerError};

/// Asks for the outputs of every derivation of the store.
pub async fn output_pairs(
    server: &Server,
    inventory: &Inventory,
) -> Result<Vec<(Row, Row)>, ServerError> {
    let rows: Vec<Row> = (0..inventory.len() as Row)
        .filter(|row| inventory.is_derivation(*row) && inventory.state(*row).is_present())
        .collect();
    let paths: Vec<StorePath> = rows.iter().map(|row| inventory.path(*row)).collect();
    let outputs = server.outputs(&paths).await?;
    let mut pairs = Vec::new();
    for (derivation, outputs) in rows.into_iter().zip(outputs) {
        let known = outputs.iter().filter_map(|output| inventory.find(output));
        pairs.extend(known.map(|output| (derivation, output)));
    }
    Ok(pairs)
}
