//! Adds one path to the columns.
//!
//! In: a [`Draft`]. Out: the path's number; its digest follows from its content where it has a content address.

use super::build::Builder;
use super::{Content, rank};
use crate::demo::DemoError;
use crate::demo::keys::Mark;
use crate::demo::random::{Purpose, Random};
use crate::domain::{ContentAddress, StorePath};

/// What a path is made of, next to its number.
pub(super) struct Draft<'a> {
    pub(super) name: &'a str,
    pub(super) references: &'a [u32],
    pub(super) itself: bool,
    pub(super) size: u64,
    pub(super) mark: Mark,
    pub(super) content: Content,
    pub(super) deriver: u32,
    pub(super) registered: i64,
}

impl Builder<'_> {
    /// A size around the typical one: a fifth of it to five times, in the steps of eight bytes of every NAR.
    pub(super) fn size(&mut self, typical: u64) -> u64 {
        let percent = match self.random.below(10) {
            0 => 20 + self.random.below(40),
            1..=7 => 60 + self.random.below(80),
            8 => 140 + self.random.below(120),
            _ => 260 + self.random.below(240),
        };
        (typical * percent as u64 / 100 / 8 * 8).max(112)
    }

    pub(super) fn size_of_output(&mut self, output: &str, main: u64) -> u64 {
        let typical = match output {
            "dev" | "man" | "info" => main / 20,
            "doc" => main / 6,
            "debug" => main * 2,
            _ => main / 3,
        };
        self.size(typical.max(4096))
    }

    /// Adds it.
    pub(super) fn add(&mut self, draft: &Draft<'_>) -> Result<u32, DemoError> {
        let index = self.len() as u32;
        let digest = match draft.content {
            Content::None => {
                Random::new(self.options.seed, Purpose::Digest, u64::from(index)).bytes()
            }
            _ => self.content_digest(index, draft)?,
        };
        let store = &mut self.store;
        store.digests.push(digest);
        store.names.push_str(draft.name);
        store.name_ends.push(store.names.len() as u32);
        store.sizes.push(draft.size);
        store.registered.push(draft.registered);
        store.marks.push(draft.mark);
        store.contents.push(draft.content);
        store.derivers.push(draft.deriver);
        let from = store.references.len();
        store.references.extend_from_slice(draft.references);
        if draft.itself {
            store.references.push(index);
        }
        let digests = &store.digests;
        let own = &mut store.references[from..];
        // In the order of the paths' text, as the daemon sends them.
        own.sort_unstable_by_key(|at| rank(&digests[*at as usize]));
        store.reference_ends.push(store.references.len() as u32);
        Ok(index)
    }

    /// The digest that follows from the content, by the same rule that judges it.
    fn content_digest(&self, index: u32, draft: &Draft<'_>) -> Result<[u8; 20], DemoError> {
        let invalid = || DemoError::Name(draft.name.into());
        let address = self.store.content_address_of(index, draft.content);
        let address = address
            .as_deref()
            .and_then(ContentAddress::parse)
            .ok_or_else(invalid)?;
        let references: Vec<StorePath> = draft
            .references
            .iter()
            .filter_map(|at| self.store.path(*at))
            .collect();
        let own = StorePath::from_parts(&[0; 20], draft.name).map_err(|_| invalid())?;
        let path = address
            .store_path(draft.name, &references, &own)
            .ok_or_else(invalid)?;
        Ok(path.digest())
    }
}
