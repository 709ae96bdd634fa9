//! `status`: is this cache well?
//!
//! In: a server. Out: checks, counts and sizes; the exit code is the state, so that a monitor can run it.

use super::error::{CliError, Kind};
use super::load::load;
use super::out::Out;
use super::progress::Progress;
use super::session::Session;
use crate::change::audit::copy::state_folder;
use crate::change::samples;
use crate::change::unfinished::left;
use crate::domain::Remedy;
use crate::domain::count::number;
use crate::domain::space::SpaceFacts;
use crate::domain::text::visible;
use crate::domain::{Explain, Notice};
use crate::domain::{Unknown, When};
use crate::inventory::{Counts, Inventory};
use crate::judge::growth::{self, Forecast, Growth};
use crate::judge::health::{self, Check, State, Vitals, checks, worst};
use crate::server::facts::Facts;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    state: State,
    checks: &'a [Check],
    counts: Option<CountsObject>,
    disk: Disk,
    nix: Option<Nix<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CountsObject {
    paths: usize,
    refused: usize,
    by_trust: ByTrust,
}

struct ByTrust(Counts);

impl Serialize for ByTrust {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.by_trust.len()))?;
        // Best first, as in the output contract.
        for (class, paths, _) in self.0.by_trust.iter().rev() {
            map.serialize_entry(class.word(), paths)?;
        }
        map.end()
    }
}

#[derive(Default, Serialize)]
struct Disk {
    store: Option<Store>,
    database: Option<Database>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Store {
    size: u64,
    used: u64,
    available: u64,
    inodes: Option<u64>,
    inodes_used: Option<u64>,
}

#[derive(Serialize)]
struct Database {
    size: u64,
    wal: u64,
}

#[derive(Serialize)]
struct Nix<'a> {
    version: &'a str,
    protocol: String,
    trusted: Option<bool>,
}

/// Runs it; the exit code is 0 fine, 1 warning, 2 critical. A server that cannot be reached is an error with code 3.
pub(super) async fn run(session: &Session, out: &mut Out) -> Result<u8, CliError> {
    let server = match session.connect_to_read().await {
        Ok(server) => server,
        Err(CliError::Message {
            kind: Kind::Server,
            notice,
        }) => return broken(session.name(), notice, out),
        Err(error) => return Err(error),
    };
    let round_trip = server.link().round_trip().await.ok();
    let progress = Progress::new(session.quiet);
    let (inventory, access, space, pins, left) = tokio::join!(
        load(&server, &progress, |_| Ok(())),
        server.access(),
        server.space(),
        server.pins(),
        left(&server)
    );
    let inventory = match inventory.map(|loaded| loaded.inventory) {
        Ok(inventory) => Ok(inventory),
        // The rest is reported all the same.
        Err(CliError::Message {
            kind: Kind::Server,
            notice,
        }) => Err(critical("store-listing", notice)),
        Err(error) => return Err(error),
    };
    let facts = server.facts();
    let place = server.spec().place.describe();
    server.link().close().await;
    let thresholds = session.target.settings.thresholds;
    let limits = (thresholds.disk_warning, thresholds.disk_critical);
    let counts = inventory.as_ref().ok().map(Inventory::counts);
    let vitals = Vitals::of(
        session.name(),
        &place,
        round_trip,
        &facts,
        counts.as_ref(),
        limits,
    );
    let mut checks = checks(&vitals);
    if let Err(unlisted) = &inventory {
        checks.retain(|check| !health::about_paths(check));
        checks.insert(1, unlisted.clone());
    }
    match access {
        Ok(access) => checks.extend(health::access::checks(session.name(), &access)),
        // Without its sshd a cache is read all the same: by this very connection.
        Err(error) => checks.push(Check {
            id: "access",
            state: State::Unknown,
            summary: format!("who may log in is not known: {error}"),
            fix: None,
        }),
    }
    match space.and_then(|space| Ok((space, pins?))) {
        Ok((space, pins)) => {
            checks.extend(health::space::checks(&health::space::Looked {
                server: session.name(),
                facts: &space,
                pins: &pins,
                forecast: Some(&forecast(session.name(), &space, inventory.as_ref().ok())),
                limits,
                now: space.at,
            }));
        }
        Err(error) => checks.push(Check {
            id: "space",
            state: State::Unknown,
            summary: format!("what fills the disk is not known: {error}"),
            fix: None,
        }),
    }
    let left = left.map_err(|error| Unknown(error.notice()));
    let now = facts.there(When::now());
    checks.extend(health::unfinished::checks(session.name(), &left, now));
    let document = Document {
        schema: 1,
        server: session.name(),
        state: worst(&checks),
        checks: &checks,
        counts: counts.map(|counts| CountsObject {
            paths: counts.paths,
            refused: counts.refused,
            by_trust: ByTrust(counts),
        }),
        disk: disk(&facts),
        nix: Some(Nix {
            version: &facts.nix_version,
            protocol: format!("{}.{}", facts.protocol.0, facts.protocol.1),
            trusted: facts.trusted,
        }),
    };
    tell(&document, out)
}

/// When the store's disk is full. Each look is remembered here for the next ones.
fn forecast(server: &str, space: &SpaceFacts, inventory: Option<&Inventory>) -> Forecast {
    let samples = samples::look(state_folder().as_deref(), server, space);
    let growth =
        inventory.map(|inventory| Growth::by_registration(inventory, space.at, growth::DAYS));
    let store = space.store.as_ref().ok();
    let available = store.map(|store| store.disk.available);
    growth::forecast(&samples, growth.as_ref(), available, space.at)
}

/// The server is there and its Nix is not: that is an answer, not an error of ours.
fn broken(name: &str, notice: Notice, out: &mut Out) -> Result<u8, CliError> {
    let checks = [critical("nix", notice)];
    let document = Document {
        schema: 1,
        server: name,
        state: State::Critical,
        checks: &checks,
        counts: None,
        disk: Disk::default(),
        nix: None,
    };
    tell(&document, out)
}

/// An error that clients of the cache would meet too.
fn critical(id: &'static str, notice: Notice) -> Check {
    Check {
        id,
        state: State::Critical,
        summary: notice.message,
        fix: notice.hint.map(Remedy::from),
    }
}

fn disk(facts: &Facts) -> Disk {
    Disk {
        store: facts.disk.map(|disk| {
            // A file system without a fixed number of inodes reports 0 of them.
            let counted = disk.inodes > 0;
            Store {
                size: disk.size.0,
                used: disk.used.0,
                available: disk.available.0,
                inodes: counted.then_some(disk.inodes),
                inodes_used: counted.then_some(disk.inodes_used),
            }
        }),
        database: facts.database.map(|database| Database {
            size: database.size.0,
            wal: database.wal.0,
        }),
    }
}

fn tell(document: &Document<'_>, out: &mut Out) -> Result<u8, CliError> {
    if out.json() {
        out.document(document)?;
    } else {
        text(document, out)?;
    }
    Ok(match document.state {
        State::Fine | State::Unknown => 0,
        State::Warning => 1,
        State::Critical => 2,
    })
}

fn text(document: &Document<'_>, out: &mut Out) -> Result<(), CliError> {
    out.line(&format!(
        "{}: {}",
        visible(document.server),
        document.state.word()
    ))?;
    for check in document.checks {
        out.line(&format!(
            " {}  {}",
            check.state.mark(),
            visible(&check.summary)
        ))?;
        if let Some(fix) = &check.fix {
            out.line(&format!("      {}", visible(fix.text())))?;
        }
    }
    let Some(counts) = &document.counts else {
        return Ok(());
    };
    out.line("")?;
    out.line(&format!("{:>12}  paths", number(counts.paths)))?;
    for (class, paths, bytes) in counts.by_trust.0.by_trust.iter().rev() {
        if *paths > 0 {
            let bytes = crate::domain::Bytes(*bytes);
            out.line(&format!("{:>12}  {class}, {bytes}", number(*paths)))?;
        }
    }
    Ok(())
}
