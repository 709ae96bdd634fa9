//! Are signatures of compromised keys still there?
//!
//! In: the keys that the configuration calls compromised, and how many paths carry their signatures. Out: a check for all of them.

use super::{Check, State, Vitals};
use crate::domain::Remedy;
use crate::domain::count::count;
use crate::domain::text::visible;

const ID: &str = "compromised-keys";

/// One check for each key whose signatures are there, or one for none.
pub(super) fn checks(vitals: &Vitals<'_>) -> Vec<Check> {
    let still: Vec<&(String, usize)> = vitals
        .compromised
        .iter()
        .filter(|(_, paths)| *paths > 0)
        .collect();
    if still.is_empty() && !vitals.compromised.is_empty() {
        let names: Vec<_> = vitals
            .compromised
            .iter()
            .map(|(name, _)| visible(name))
            .collect();
        let summary = format!("no path carries a signature by {}", names.join(" or "));
        return vec![Check::new(ID, State::Fine, summary, None)];
    }
    still
        .into_iter()
        .map(|(name, paths)| {
            let trusted = vitals.keys.get(name).is_some();
            let state = if trusted {
                State::Critical
            } else {
                State::Warning
            };
            let carry = if *paths == 1 { "carries" } else { "carry" };
            let clients = if trusted { ", which clients trust" } else { "" };
            let name = visible(name);
            let summary = format!(
                "{} {carry} a signature by the compromised key {name}{clients}",
                count(*paths, "path")
            );
            let fix = Remedy::command(format!("storekeeper compromised {} {name}", vitals.server));
            Check::new(ID, state, summary, Some(fix))
        })
        .collect()
}
