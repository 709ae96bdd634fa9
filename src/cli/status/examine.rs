//! Asking one server how it is.
//!
//! In: a server. Out: its [`Report`], or why it could not be asked.

use super::report::{Report, critical};
use crate::change::audit::copy::state_folder;
use crate::change::samples;
use crate::change::unfinished::left;
use crate::cli::error::{CliError, Kind};
use crate::cli::load::load;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::domain::Explain;
use crate::domain::space::SpaceFacts;
use crate::domain::{Unknown, When};
use crate::inventory::Inventory;
use crate::judge::compromised::carrying;
use crate::judge::growth::{self, Forecast, Growth, Sample};
use crate::judge::health::refusals::Refusals;
use crate::judge::health::{self, Check, State, Vitals, checks};
use crate::link::{Link, Prompter};
use crate::server::Server;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long an sshd may take to answer a question that it answers whatever else goes on.
const SILENT: Duration = Duration::from_secs(10);

/// How long after an answer it is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks a server, as long as it answers at all: a link that hangs is not waited for. `prompter` answers what connecting asks for; `reached` is called when it is connected.
pub(super) async fn examine(
    session: &Session,
    prompter: Arc<dyn Prompter>,
    reached: impl FnOnce(),
) -> Result<Report, CliError> {
    let server = match session.connect_to_read_with(prompter).await {
        Ok(server) => server,
        Err(CliError::Message {
            kind: Kind::Server,
            notice,
        }) => return Ok(Report::broken(session.name(), notice)),
        Err(error) => return Err(error),
    };
    reached();
    tokio::select! {
        report = connected(session, &server) => report,
        () = silent(server.link()) => Err(super::all::hangs(SILENT)),
    }
}

/// Returns when the link has not answered for so long.
async fn silent(link: &Link) {
    while timeout(SILENT, link.round_trip()).await.is_ok() {
        sleep(PAUSE).await;
    }
}

async fn connected(session: &Session, server: &Server) -> Result<Report, CliError> {
    let round_trip = server.link().round_trip().await.ok();
    let progress = Progress::new(session.quiet);
    let (inventory, access, space, pins, left, two) = tokio::join!(
        load(session, server, &progress, |_| Ok(())),
        server.access(),
        server.space(),
        server.pins(),
        left(server),
        server.two_persons()
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
    let limits = session.target.settings.thresholds;
    let counts = inventory.as_ref().ok().map(Inventory::counts);
    let samples = space.as_ref().ok().map(|space| {
        let samples = samples::look(state_folder().as_deref(), session.name(), space);
        (space.at, samples)
    });
    let earlier = samples.as_ref().and_then(|(at, samples)| {
        let earlier = samples.iter().rev().find(|sample| sample.at < *at);
        earlier.map(|sample| sample.at)
    });
    let refusals = inventory
        .as_ref()
        .ok()
        .map(|inventory| Refusals::of(inventory, earlier));
    let now = facts.there(When::now());
    let mut vitals = Vitals::of(
        session.name(),
        &place,
        round_trip,
        &facts,
        counts.as_ref(),
        limits,
    );
    let inventory_of = inventory.as_ref();
    let compromised = inventory_of.map(|inventory| carrying(inventory, facts.keys.compromised()));
    vitals.compromised = compromised.as_deref().unwrap_or_default();
    vitals.refusals = refusals.as_ref().map(|refusals| (refusals, now));
    let mut checks = checks(&vitals);
    if let Err(unlisted) = &inventory {
        checks.retain(|check| !health::about_paths(check));
        checks.insert(1, unlisted.clone());
    }
    match access {
        Ok(access) => checks.extend(health::access::checks(session.name(), &access, &limits)),
        // Without its sshd a cache is read all the same: by this very connection.
        Err(error) => {
            let summary = format!("who may log in is not known: {error}");
            checks.push(Check::new("access", State::Unknown, summary, None));
        }
    }
    let samples = samples.as_ref().map_or(&[][..], |(_, samples)| samples);
    match space.and_then(|space| Ok((space, pins?))) {
        Ok((space, pins)) => {
            checks.extend(health::space::checks(&health::space::Looked {
                server: session.name(),
                facts: &space,
                pins: &pins,
                forecast: Some(&forecast(samples, &space, inventory.as_ref().ok())),
                inventory: inventory.as_ref().ok(),
                limits,
                now: space.at,
            }));
        }
        Err(error) => {
            let summary = format!("what fills the disk is not known: {error}");
            checks.push(Check::new("space", State::Unknown, summary, None));
        }
    }
    let left = left.map_err(|error| Unknown(error.notice()));
    checks.extend(health::unfinished::checks(session.name(), &left, now));
    let two = two.map_err(|error| Unknown(error.notice()));
    checks.extend(health::plans::checks(session.name(), &two));
    Ok(Report::new(session.name(), checks, counts, &facts))
}

/// When the store's disk is full, by what was in use at each look from here.
fn forecast(samples: &[Sample], space: &SpaceFacts, inventory: Option<&Inventory>) -> Forecast {
    let growth =
        inventory.map(|inventory| Growth::by_registration(inventory, space.at, growth::DAYS));
    let store = space.store.as_ref().ok();
    let available = store.map(|store| store.disk.available);
    growth::forecast(samples, growth.as_ref(), available, space.at)
}
