//! One look at a store and what keeps its paths.
//!
//! In: a connected server. Out: its inventory, roots and pins, and Nix's settings about what roots keep; what was not found out
//! is reported once, on standard error.

use super::error::CliError;
use super::load::load;
use super::out::say;
use super::progress::Progress;
use super::session::Session;
use crate::change::collect::output_pairs;
use crate::change::keep::Kept;
use crate::domain::Explain;
use crate::domain::Fact;
use crate::domain::alike::grouped;
use crate::domain::pin::Pin;
use crate::domain::roots::Root;
use crate::domain::space::SpaceFacts;
use crate::inventory::{Inventory, Keep, Row};
use crate::server::Server;

/// What was found.
pub(super) struct Looked {
    /// The store.
    pub(super) inventory: Inventory,
    /// Its roots.
    pub(super) roots: Vec<Root>,
    /// Its pins.
    pub(super) pins: Fact<Vec<Pin>>,
    /// What fills its disk.
    pub(super) space: SpaceFacts,
    pairs: Vec<(Row, Row)>,
}

impl Looked {
    /// Looks.
    pub(super) async fn at(
        session: &Session,
        server: &Server,
        progress: &Progress,
    ) -> Result<Self, CliError> {
        let inventory = load(session, server, progress, |_| Ok(())).await?.inventory;
        // Roots after the store: a path that is new since then is in no inventory, and nothing of it is called dead.
        let (found, pins, space) = tokio::try_join!(server.roots(), server.pins(), server.space())?;
        for note in grouped(found.notes.iter().map(String::as_str)) {
            progress.log(&note);
        }
        let pairs = if space.keep_outputs == Ok(true) {
            output_pairs(server, &inventory).await?
        } else {
            Vec::new()
        };
        if let Err(unknown) = &space.keep_derivations {
            say(&format!(
                "storekeeper: {unknown}; taken as Nix's default, which keeps the derivations of what is kept"
            ));
        }
        Ok(Self {
            inventory,
            roots: found.roots,
            pins,
            space,
            pairs,
        })
    }

    /// Nix's settings.
    pub(super) fn keep(&self) -> Keep<'_> {
        Keep {
            derivations: *self.space.keep_derivations.as_ref().unwrap_or(&true),
            outputs: *self.space.keep_outputs.as_ref().unwrap_or(&false),
            output_pairs: &self.pairs,
        }
    }

    /// What a plan needs.
    pub(super) fn kept<'a>(&'a self, keep: &'a Keep<'a>) -> Kept<'a> {
        Kept {
            inventory: &self.inventory,
            roots: &self.roots,
            keep,
        }
    }

    /// The pins, or why they are not known.
    pub(super) fn pins(&self) -> Result<&[Pin], CliError> {
        match &self.pins {
            Ok(pins) => Ok(pins),
            Err(unknown) => Err(CliError::new(super::error::Kind::Server, unknown.notice())),
        }
    }
}
