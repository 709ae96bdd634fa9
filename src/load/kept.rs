//! The inventories that this machine keeps, one for each server, to start from.
//!
//! In: where a server is, and the folder of caches. Out: what was known of it the last time, or why that is of no use. The file is
//! for its owner's eyes only, and whole or not there at all: it is made beside its place and renamed.

use super::StoreSnapshot;
use crate::database::{Facts, Said, Seen};
use crate::domain::When;
use crate::domain::file_name;
use crate::inventory::{Inventory, Stamp, StoredError, stamp};
use crate::server::Spec;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

/// The place of one server's inventory.
#[derive(Debug, Clone)]
pub struct Kept {
    file: PathBuf,
    place: String,
}

impl Kept {
    /// For a server; `None` where nothing is to be kept.
    pub fn of(spec: &Spec) -> Option<Self> {
        let place = spec.place.describe();
        let folder = spec.kept.as_ref()?.join("inventories");
        Some(Self {
            file: folder.join(file_name::of(&place)),
            place,
        })
    }

    /// What the database was like that it was read from, if it was one. Reads little of the file.
    pub fn facts(&self) -> Option<Facts> {
        let stamp = stamp(BufReader::new(File::open(&self.file).ok()?)).ok()?;
        match Said::parse(&stamp.facts.filter(|_| stamp.place == self.place)?)? {
            Said::Facts(facts) => Some(facts),
            Said::Problem(_) => None,
        }
    }

    /// What was kept, and when; `None` if nothing was. What is of no use is removed.
    pub fn read(&self) -> Result<Option<(StoreSnapshot, When)>, StoredError> {
        let file = match File::open(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let restored = Inventory::restore(BufReader::new(file)).and_then(|found| {
            let Stamp { place, at, facts } = found.stamp;
            let seen = facts.and_then(|facts| Seen::from_bytes(&facts, &found.seen));
            let known = StoreSnapshot {
                inventory: Arc::new(found.inventory),
                seen: seen.map(Arc::new),
            };
            (place == self.place)
                .then_some((known, at))
                .ok_or(StoredError::Damaged)
        });
        if restored.is_err() {
            // Where it can't be removed, the next one takes its place.
            let _ = fs::remove_file(&self.file);
        }
        restored.map(Some)
    }

    /// Keeps what was just read whole. Where that can't be, the next start is slower, and the log says why.
    pub fn keep(&self, known: &StoreSnapshot) {
        if let Err(error) = self.write(known, When::now()) {
            tracing::warn!(%error, "the inventory could not be kept");
        }
    }

    /// Keeps an inventory that was whole at this time. Where another process does so at this moment, that one's is kept.
    fn write(&self, known: &StoreSnapshot, at: When) -> io::Result<()> {
        if let Some(folder) = self.file.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let new = self.file.with_extension("new");
        // Not truncated before it is locked: it may be the other process's.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&new)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(());
        }
        file.set_len(0)?;
        let stamp = Stamp {
            place: self.place.clone(),
            at,
            facts: known.seen.as_ref().map(|seen| seen.facts().to_string()),
        };
        let seen = known.seen.as_ref().map(|seen| seen.to_bytes());
        known.inventory.order_by_name();
        let out = BufWriter::with_capacity(1 << 20, &file);
        known
            .inventory
            .store(stamp, &seen.unwrap_or_default(), out)?;
        fs::rename(&new, &self.file)
    }
}

#[cfg(test)]
mod tests;
