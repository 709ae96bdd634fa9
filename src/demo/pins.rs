//! The demo's pins: links in its folder of roots, with notes beside its audit log.
//!
//! In: the store, when the demo takes place, and the state folder. Out: one pin for good and one that has expired, as
//! `storekeeper pin` makes them.

use super::store::Store;
use crate::domain::pin::Pin;
use crate::domain::{StorePath, When};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const DAY: i64 = 86_400;

/// Name, who made it, why, and days from making it to its end; each is ten days old.
const PINS: [(&str, &str, &str, Option<i64>); 2] = [
    (
        "production",
        "root via ada@laptop",
        "what the customers run",
        None,
    ),
    (
        "bisect-4711",
        "root via mei@desk",
        "until the regression is found",
        Some(7),
    ),
];

/// The folder of pins below the state folder.
pub(super) fn folder(state: &Path) -> PathBuf {
    state.join("gcroots/storekeeper")
}

/// The pins of a store.
pub(super) fn pick(store: &Store, epoch: When) -> Vec<Pin> {
    // What nothing else refers to, oldest first.
    let mut tops: Vec<(i64, StorePath)> = (0..store.len() as u32)
        .filter(|at| store.referrers(*at).iter().all(|other| other == at))
        .filter_map(|at| store.unsigned_info(at))
        .filter(|info| !info.path.is_derivation() && !info.references.is_empty())
        .map(|info| (info.registered.unix(), info.path))
        .collect();
    tops.sort_unstable();
    let at = epoch.unix() - 10 * DAY;
    let places = [tops.len() / 2, tops.len() / 3];
    PINS.into_iter()
        .zip(places)
        .filter_map(|((name, by, note, days), place)| {
            Some(Pin {
                name: name.parse().ok()?,
                target: tops.get(place)?.1.clone(),
                by: Some(by.to_owned()),
                reason: Some(note.to_owned()),
                at: When::from_unix(at),
                expires: days.map(|days| When::from_unix(at + days * DAY)),
                sha256: None,
            })
        })
        .collect()
}

/// Puts them there.
pub(super) fn make(state: &Path, pins: &[Pin]) -> std::io::Result<()> {
    let (links, notes) = (folder(state), state.join("pins"));
    fs::create_dir_all(&links)?;
    fs::create_dir_all(&notes)?;
    for pin in pins {
        symlink(pin.target.to_string(), links.join(pin.name.as_str()))?;
        let text = serde_json::to_vec(pin)?;
        fs::write(notes.join(format!("{}.json", pin.name)), text)?;
    }
    Ok(())
}
