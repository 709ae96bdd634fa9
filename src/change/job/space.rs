//! What a collection asks of a cache server, step by step.
//!
//! In: a step. Out: its answer, from the typed functions of `server`.

use crate::change::token::Token;
use crate::domain::space::Unfinished;
use crate::domain::{Bytes, StorePath, When};
use crate::server::{Server, ServerError};
use std::any::Any;

/// One step.
#[derive(Clone, Copy)]
pub(in crate::change) enum SpaceStep<'a> {
    /// Which collections have no record yet.
    Unfinished,
    /// What one of them had planned.
    Planned(&'a str),
    /// Writes the list of this one, and holds its lock.
    Begin(&'a Unfinished, &'a [StorePath]),
    /// Removes the list of one whose record is written.
    End(&'a str),
    /// The targets of all GC roots.
    Roots,
    /// Access times of these.
    Used(&'a [StorePath]),
    /// What refers to each of these.
    Referrers(&'a [StorePath]),
    /// Which of these are valid.
    Valid(&'a [StorePath]),
    /// What is available on the store's file system.
    Available,
    /// Who holds the lock of the garbage collector, in sentences.
    Holders,
}

/// The answer to it.
pub(in crate::change) enum SpaceStepped {
    Unfinished(Vec<Unfinished>),
    Paths(Vec<StorePath>),
    Begun(Box<dyn Any + Send>),
    Ended,
    Times(Vec<([u8; 20], When)>),
    Referrers(Vec<Vec<StorePath>>),
    Available(Option<Bytes>),
    Holders(Vec<String>),
}

/// Asks a server.
pub(super) async fn ask(
    server: &Server,
    token: &Token,
    step: SpaceStep<'_>,
) -> Result<SpaceStepped, ServerError> {
    Ok(match step {
        SpaceStep::Unfinished => SpaceStepped::Unfinished(server.unfinished().await?),
        SpaceStep::Planned(id) => SpaceStepped::Paths(server.planned_paths(id).await?),
        SpaceStep::Begin(what, paths) => {
            let begun = server.begin_collection(token, what, paths).await?;
            SpaceStepped::Begun(Box::new(begun))
        }
        SpaceStep::End(id) => {
            server.end_collection(token, id).await?;
            SpaceStepped::Ended
        }
        SpaceStep::Roots => {
            let found = server.roots().await?;
            let targets = found.roots.into_iter().map(|root| root.target);
            SpaceStepped::Paths(targets.collect())
        }
        SpaceStep::Used(paths) => SpaceStepped::Times(server.last_use_of(paths).await?.times),
        SpaceStep::Referrers(paths) => SpaceStepped::Referrers(server.referrers(paths).await?),
        SpaceStep::Valid(paths) => SpaceStepped::Paths(server.valid_paths(paths).await?),
        SpaceStep::Available => SpaceStepped::Available(server.available().await?),
        SpaceStep::Holders => SpaceStepped::Holders(holders(server).await?),
    })
}

async fn holders(server: &Server) -> Result<Vec<String>, ServerError> {
    let found = match server.space().await?.collecting {
        Ok(found) => found,
        Err(unknown) => return Ok(vec![format!("who holds the lock is not known: {unknown}")]),
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
