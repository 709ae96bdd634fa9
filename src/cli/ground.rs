//! Everything that a collection is planned from, as one look at a server finds it.
//!
//! In: a connected server. Out: its store, what is alive, when it was used, and how full its disk is; what was not found out is among
//! the notes.

use super::error::{CliError, Kind};
use super::load::load;
use super::progress::Progress;
use super::session;
use crate::change::collect::{first_open, output_pairs};
use crate::domain::access::Session;
use crate::domain::count::count;
use crate::domain::space::SpaceFacts;
use crate::domain::{Bytes, Fact, StorePath, When};
use crate::inventory::{Inventory, Keep, Liveness, Row, Usage};
use crate::judge::collect::Situation;
use crate::judge::retention::Policy;
use crate::server::{PolicyFile, Server, ServerError};

/// What was found.
pub(super) struct Ground {
    /// The store.
    pub(super) inventory: Inventory,
    liveness: Liveness,
    pinned: Vec<Row>,
    usage: Usage,
    pairs: Vec<(Row, Row)>,
    derivations: bool,
    outputs: bool,
    now: When,
    disk: Option<(Bytes, Bytes)>,
    saved: Option<Bytes>,
    /// When the first of the open sessions of the cache user began: what was registered since is in flight.
    pub(super) in_flight: Option<When>,
    /// Files in the store's `.links`, if that is known.
    pub(super) links: Option<u64>,
    /// Notes for the administrator.
    pub(super) notes: Vec<String>,
}

impl Ground {
    /// Looks.
    pub(super) async fn look(
        session: &session::Session,
        server: &Server,
        progress: &Progress,
    ) -> Result<Self, CliError> {
        let mut notes = Vec::new();
        let inventory = load(session, server, progress, |_| Ok(())).await?.inventory;
        progress.log("reading roots, last use and what fills the disk");
        // After the listing: what was rooted since then is seen.
        let (roots, last_use, space, links, pins, sessions) = tokio::join!(
            server.roots(),
            server.last_use(),
            server.space(),
            server.links(),
            server.pins(),
            server.sessions()
        );
        let (roots, last_use, space) = (roots?, last_use?, space?);
        notes.extend(roots.notes.iter().map(|note| format!("Nix says: {note}")));
        let unreadable = inventory.counts().unreadable;
        if unreadable > 0 {
            notes.push(format!(
                "the server could not read {unreadable} paths; they stay"
            ));
        }
        let links = match links {
            Ok(Ok(links)) => Some(links),
            Ok(Err(unknown)) => {
                notes.push(format!("what hard links save is not known: {unknown}"));
                None
            }
            Err(error) => {
                notes.push(format!("what hard links save is not known: {error}"));
                None
            }
        };
        let pins: Vec<StorePath> = match pins {
            Ok(Ok(pins)) => pins.into_iter().map(|pin| pin.target).collect(),
            // Each of them is a root all the same.
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        let pairs = kept_outputs(server, &inventory, &space, &mut notes).await?;
        let (derivations, outputs) = (
            space.keep_derivations.clone().unwrap_or(true),
            space.keep_outputs.clone().unwrap_or(false),
        );
        let keep = Keep {
            derivations,
            outputs,
            output_pairs: &pairs,
        };
        let rows = |paths: &mut dyn Iterator<Item = &StorePath>| -> Vec<Row> {
            paths.filter_map(|path| inventory.find(path)).collect()
        };
        let targets = rows(&mut roots.roots.iter().map(|root| &root.target));
        let pinned = rows(&mut pins.iter());
        let facts = server.facts();
        let store = space.store.as_ref().ok();
        let disk = store.map(|store| store.disk).or(facts.disk);
        Ok(Self {
            liveness: Liveness::of(&inventory, &targets, &keep),
            pinned,
            usage: Usage::new(&inventory, &last_use),
            derivations,
            outputs,
            now: facts.there(When::now()),
            disk: disk.map(|disk| (disk.size, disk.available)),
            saved: links.map(|links| links.saved),
            links: links.map(|links| links.files),
            in_flight: in_flight(sessions, &mut notes),
            notes,
            pairs,
            inventory,
        })
    }

    /// The planner's input.
    pub(super) fn situation(&self) -> Situation<'_> {
        Situation {
            inventory: &self.inventory,
            liveness: &self.liveness,
            pinned: &self.pinned,
            usage: &self.usage,
            keep: Keep {
                derivations: self.derivations,
                outputs: self.outputs,
                output_pairs: &self.pairs,
            },
            now: self.now,
            disk: self.disk,
            saved: self.saved,
        }
    }
}

/// Since when uploads are in flight, by the sessions that are open.
fn in_flight(
    sessions: Result<Fact<Vec<Session>>, ServerError>,
    notes: &mut Vec<String>,
) -> Option<When> {
    let open = match sessions {
        Ok(Ok(open)) => open,
        Ok(Err(unknown)) => {
            notes.push(format!(
                "open sessions are unknown, so only temporary roots show uploads in flight: {unknown}"
            ));
            return None;
        }
        Err(error) => {
            notes.push(format!(
                "open sessions are unknown, so only temporary roots show uploads in flight: {error}"
            ));
            return None;
        }
    };
    let since = first_open(&open)?;
    notes.push(format!(
        "{} of the cache user {} open: what was uploaded since {since} stays",
        count(open.len(), "session"),
        if open.len() == 1 { "is" } else { "are" },
    ));
    Some(since)
}

/// Which outputs live derivations keep, where Nix is set so.
async fn kept_outputs(
    server: &Server,
    inventory: &Inventory,
    space: &SpaceFacts,
    notes: &mut Vec<String>,
) -> Result<Vec<(Row, Row)>, CliError> {
    for (name, known) in [
        ("keep-derivations", &space.keep_derivations),
        ("keep-outputs", &space.keep_outputs),
    ] {
        if let Err(unknown) = known {
            notes.push(format!("how Nix is set there ({name}) is not known, so its default is assumed; what it keeps besides, it refuses to delete ({unknown})"));
        }
    }
    if !matches!(space.keep_outputs, Ok(true)) {
        return Ok(Vec::new());
    }
    Ok(output_pairs(server, inventory).await?)
}

/// The file of the server's policy.
pub(super) async fn policy_file(server: &Server) -> Result<PolicyFile, CliError> {
    let file = server.policy().await?;
    file.map_err(|unknown| CliError::new(Kind::Server, unknown))
}

/// The policy of a text.
pub(super) fn policy(text: &str) -> Result<Policy, CliError> {
    use crate::domain::Explain as _;
    Policy::parse(text).map_err(|error| CliError::usage(error.notice()))
}
