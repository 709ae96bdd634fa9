//! What a collection asks of a cache server, step by step.
//!
//! In: a step. Out: its answer, from the typed functions of `server`.

use crate::domain::server_facts::Disk;
use crate::domain::{StorePath, When};
use crate::server::{Server, ServerError};

/// One step.
#[derive(Clone, Copy)]
pub(in crate::change) enum SpaceStep<'a> {
    /// What a job without a record had planned, as it was written down.
    Planned(&'a str),
    /// The targets of all GC roots.
    Roots,
    /// Access times of these.
    Used(&'a [StorePath]),
    /// What refers to each of these.
    Referrers(&'a [StorePath]),
    /// Which of these are valid.
    Valid(&'a [StorePath]),
    /// How full the store's file system is.
    Disk,
    /// Who holds the lock of the garbage collector, in sentences.
    Holders,
}

/// The answer to it.
pub(in crate::change) enum SpaceStepped {
    Lines(Vec<String>),
    Paths(Vec<StorePath>),
    Times(Vec<([u8; 20], When)>),
    Referrers(Vec<Vec<StorePath>>),
    Disk(Option<Disk>),
    Holders(Vec<String>),
}

/// Asks a server.
pub(super) async fn ask(server: &Server, step: SpaceStep<'_>) -> Result<SpaceStepped, ServerError> {
    Ok(match step {
        SpaceStep::Planned(id) => SpaceStepped::Lines(server.planned(id).await?),
        SpaceStep::Roots => {
            let found = server.roots().await?;
            let targets = found.roots.into_iter().map(|root| root.target);
            SpaceStepped::Paths(targets.collect())
        }
        SpaceStep::Used(paths) => SpaceStepped::Times(server.last_use_of(paths).await?.times),
        SpaceStep::Referrers(paths) => SpaceStepped::Referrers(server.referrers(paths).await?),
        SpaceStep::Valid(paths) => SpaceStepped::Paths(server.valid_paths(paths).await?),
        SpaceStep::Disk => SpaceStepped::Disk(server.disk().await?),
        SpaceStep::Holders => SpaceStepped::Holders(holders(server).await?),
    })
}

async fn holders(server: &Server) -> Result<Vec<String>, ServerError> {
    let found = match server.space().await?.collecting {
        Ok(found) => found,
        Err(unknown) => {
            return Ok(vec![format!(
                "the holder of the lock is unknown: {unknown}"
            )]);
        }
    };
    let holding = found.into_iter().filter(|other| other.holds);
    Ok(holding
        .map(|other| {
            let since = other
                .since
                .map_or_else(String::new, |since| format!(", since {since}"));
            format!(
                "the lock is held by process {} of {}{since}: {}",
                other.process,
                other.owner(),
                other.command
            )
        })
        .collect())
}
