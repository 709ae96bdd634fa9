//! What is the matter with the space of a cache server?
//!
//! In: what one look found out about its disks, database and pins, and a forecast. Out: [`Check`]s, as for everything else. The
//! store's own file system is among the checks of [`super::checks`], since every connection finds that out.

use super::{Check, State, check, space_left};
use crate::domain::Remedy;
use crate::domain::count::count;
use crate::domain::pin::Pin;
use crate::domain::space::{
    AccessTimes, Collector, Dangling, DatabaseFacts, FileSystem, Lease, SpaceFacts,
};
use crate::domain::{Age, Fact, Thresholds, When};
use crate::domain::{Explain, Notice};
use crate::inventory::Inventory;
use crate::judge::growth::Forecast;

/// A database that has less to give back is left alone.
const WORTHWHILE: u64 = 256 << 20;

/// A disk that is full within this many days is a warning.
const SOON_DAYS: u64 = 14;

/// A process that waits this long for a collection, and a lease that has not run for this long, should be looked at.
const LONG: Age = Age(3600);

/// What was found out.
#[derive(Clone, Copy)]
pub struct Looked<'a> {
    /// The server as commands name it.
    pub server: &'a str,
    /// Disks, database, who collects.
    pub facts: &'a SpaceFacts,
    pub pins: &'a Fact<Vec<Pin>>,
    /// When the store's disk is full; `None` where nobody asked.
    pub forecast: Option<&'a Forecast>,
    /// The store, where it was read.
    pub inventory: Option<&'a Inventory>,
    /// From which values on a check warns.
    pub limits: Thresholds,
    /// The time, by the server's clock.
    pub now: When,
}

/// All checks of space, in the order in which they are listed.
pub fn checks(looked: &Looked<'_>) -> Vec<Check> {
    let facts = looked.facts;
    let mut checks = Vec::new();
    checks.extend(
        looked
            .forecast
            .map(|forecast| of_forecast(looked, forecast)),
    );
    match &facts.root {
        Ok(root) => checks.extend(root.as_ref().map(|root| of_root(root, looked.limits))),
        Err(unknown) => checks.push(not_known("root-disk", "the free space of /", unknown)),
    }
    match &facts.database {
        Ok(database) => checks.extend(of_database(looked.server, database, looked.limits)),
        Err(unknown) => checks.push(not_known("database", "the size of the database", unknown)),
    }
    match &facts.collecting {
        Ok(collecting) => checks.extend(collectors(collecting, looked.limits, looked.now)),
        Err(unknown) => checks.push(not_known("collecting", "who collects", unknown)),
    }
    checks.extend(of_pins(looked));
    checks.extend(of_dangling(looked));
    checks.extend(facts.load.map(of_load));
    checks.extend(of_units(&facts.failed_units));
    checks.extend(
        facts
            .lease
            .as_ref()
            .map(|lease| of_lease(lease, looked.server, looked.now)),
    );
    if let Ok(store) = &facts.store {
        checks.extend(of_access_times(store));
    }
    if facts.optimised == Ok(false) {
        checks.push(check(
            "hard-links",
            State::Fine,
            "equal files of the store are not linked to each other".to_owned(),
            Some("nix-store --optimise on the server, which takes a while".into()),
        ));
    }
    checks
}

/// Its timer starts it every five minutes.
fn of_lease(lease: &Lease, server: &str, now: When) -> Check {
    let id = "lease";
    let Some(at) = lease.at else {
        let summary = "whether the upload lease works is not known: its script is an older one";
        let fix = format!("storekeeper setup {server} --lease DAYS");
        return check(
            id,
            State::Unknown,
            summary.to_owned(),
            Some(Remedy::command(fix)),
        );
    };
    if let Some(problem) = &lease.problem {
        let summary = format!(
            "the upload lease does not know what was uploaded, and keeps everything: {problem}"
        );
        let fix = "systemctl start storekeeper-lease on the server, once that is fixed";
        return check(id, State::Warning, summary, Some(fix.into()));
    }
    let age = at.age(now);
    if age > LONG {
        let summary =
            format!("the upload lease last ran {age} ago, and keeps nothing that came since");
        let fix = "systemctl status storekeeper-lease.timer storekeeper-lease on the server";
        return check(id, State::Warning, summary, Some(fix.into()));
    }
    let summary = "the upload lease works".to_owned();
    check(id, State::Fine, summary, None)
}

/// One reason may hide several things, so each says what it is about.
fn not_known(id: &'static str, what: &str, unknown: &crate::domain::Unknown) -> Check {
    let Notice { message, hint } = unknown.notice();
    let summary = format!("{what} is not known: {message}");
    check(id, State::Unknown, summary, hint.map(Remedy::from))
}

fn of_forecast(looked: &Looked<'_>, forecast: &Forecast) -> Check {
    let (state, fix) = match forecast {
        Forecast::Full { days, .. } if *days > SOON_DAYS => (State::Fine, None),
        Forecast::Now | Forecast::Full { .. } => (
            State::Warning,
            Some(Remedy::command(format!(
                "storekeeper gc {} --until-free {}",
                looked.server, looked.limits.disk_warning
            ))),
        ),
        Forecast::NotSoon(_) => (State::Fine, None),
        Forecast::Unknown(_) => (State::Unknown, None),
    };
    check("forecast", state, forecast.sentence(), fix)
}

fn of_root(root: &FileSystem, limits: Thresholds) -> Check {
    let disk = &root.disk;
    let state = space_left(
        disk.available,
        disk.size,
        limits.disk_warning,
        limits.disk_critical,
    );
    let fix =
        (state != State::Fine).then(|| "free space there: logs in /var/log, builds in /tmp".into());
    let summary = format!("{} of {} left on {}", disk.available, disk.size, root.mount);
    check("root-disk", state, summary, fix)
}

fn of_database(server: &str, database: &DatabaseFacts, limits: Thresholds) -> Vec<Check> {
    let mut checks = Vec::new();
    let free = database.free.unwrap_or_default();
    if free.0 >= WORTHWHILE && free.0 >= database.size.0 / 3 {
        checks.push(check(
            "database",
            State::Warning,
            format!(
                "{free} of the {} of Nix's database are empty",
                database.size
            ),
            Some(Remedy::command(format!(
                "storekeeper database {server} vacuum"
            ))),
        ));
    }
    if database.wal.0 >= WORTHWHILE && database.wal.0 >= database.size.0 / 2 {
        checks.push(check(
            "database-log",
            State::Warning,
            format!(
                "the log of Nix's database has grown to {}, as some process keeps reading an old state",
                database.wal
            ),
            Some("end old connections, or restart nix-daemon on the server".into()),
        ));
    }
    if let Some(most) = limits.database.filter(|most| database.size > *most) {
        let summary = format!("Nix's database is {}, more than {most}", database.size);
        let fix = format!(
            "collect garbage, then give its empty pages back: storekeeper database {server} vacuum"
        );
        checks.push(check(
            "database-size",
            State::Warning,
            summary,
            Some(fix.into()),
        ));
    }
    if checks.is_empty() {
        let summary = format!("Nix's database is {}", database.size);
        checks.push(check("database", State::Fine, summary, None));
    }
    checks
}

/// Who it is and since when.
fn collector(one: &Collector, now: When) -> String {
    let since = one
        .since
        .map(|since| format!(" for {}", since.age(now)))
        .unwrap_or_default();
    let command = if one.command.is_empty() {
        String::new()
    } else {
        format!(": {}", one.command)
    };
    let user = one.owner();
    format!("process {} of {user}{since}{command}", one.process)
}

/// One for each that collects, or waits to.
pub fn collectors(collecting: &[Collector], limits: Thresholds, now: When) -> Vec<Check> {
    let holder = collecting.iter().find(|one| one.holds);
    let one = |one: &Collector| {
        let who = collector(one, now);
        let most = if one.holds {
            limits.collection_age
        } else {
            limits.collection_age.min(LONG)
        };
        let long = one.since.is_some_and(|since| since.age(now) >= most);
        let state = if long { State::Warning } else { State::Fine };
        if one.holds {
            let hangs = if long { " and may hang" } else { "" };
            let summary = format!("a collection holds Nix's lock{hangs}, {who}");
            let fix = long.then(|| {
                let advice = format!(
                    "see what process {0} does on the server; if it hangs, kill {0}",
                    one.process
                );
                advice.into()
            });
            return check("collecting", state, summary, fix);
        }
        let behind = holder.map_or_else(String::new, |holder| {
            format!(" behind process {}", holder.process)
        });
        let summary = format!("a collection waits{behind}, {who}");
        let fix = long.then(|| "look at what holds the lock; end it if it hangs".into());
        check("collecting", state, summary, fix)
    };
    // The holder of the lock is what the others wait for.
    let (holding, waiting): (Vec<_>, Vec<_>) = collecting.iter().partition(|one| one.holds);
    holding.into_iter().chain(waiting).map(one).collect()
}

fn of_pins(looked: &Looked<'_>) -> Option<Check> {
    let pins = match looked.pins {
        Ok(pins) => pins,
        Err(unknown) => return Some(not_known("pins", "what the pins keep", unknown)),
    };
    let expired = pins.iter().filter(|pin| pin.expired(looked.now));
    let expired: Vec<&Pin> = expired.collect();
    let summary = match expired.as_slice() {
        [] if pins.is_empty() => return None,
        [] => {
            let pinned = match pins.len() {
                1 => "1 pin, and it has not expired".to_owned(),
                pins => format!("{pins} pins, none of which has expired"),
            };
            return Some(check("pins", State::Fine, pinned, None));
        }
        [pin] => format!("the pin {} has expired and keeps its path", pin.name),
        several => format!(
            "{} have expired and keep {}",
            count(several.len(), "pin"),
            count(several.len(), "path")
        ),
    };
    let fix = format!("storekeeper unpin {} --expired", looked.server);
    Some(check(
        "pins",
        State::Warning,
        summary,
        Some(Remedy::command(fix)),
    ))
}

/// Roots that keep nothing any more: Nix knows nothing of their path either.
fn of_dangling(looked: &Looked<'_>) -> Option<Check> {
    let store = looked.inventory?;
    let gone = |root: &&Dangling| store.find(&root.target).is_none();
    let mut links = looked.facts.dangling.iter().filter(gone);
    let first = &links.next()?.link;
    let (lead, others) = match links.count() {
        0 => ("leads", String::new()),
        more => ("lead", format!(" and {more} more")),
    };
    let summary = format!("the root {first}{others} {lead} nowhere: what it kept is gone");
    let fix = "upload it again if it is still needed, else remove the link";
    Some(check("roots", State::Warning, summary, Some(fix.into())))
}

/// More waiting processes for each processor than this, for a quarter of an hour, is a warning.
const BUSY: f64 = 16.0;

fn of_load((load, processors): (f64, u32)) -> Check {
    let summary = format!(
        "the load of the last 15 minutes is {load:.1} on {}",
        count(processors as usize, "processor")
    );
    if load < BUSY * f64::from(processors) {
        return check("load", State::Fine, summary, None);
    }
    let fix = "look at what runs there, such as builds; clients wait meanwhile";
    check("load", State::Warning, summary, Some(fix.into()))
}

fn of_units(failed: &[String]) -> Option<Check> {
    let first = failed.first()?;
    let summary = format!("{} failed", failed.join(", "));
    let fix = format!("systemctl status {first} on the server");
    Some(check("units", State::Warning, summary, Some(fix.into())))
}

fn of_access_times(store: &FileSystem) -> Option<Check> {
    if store.access_times() != AccessTimes::Never {
        return None;
    }
    Some(check(
        "access-times",
        State::Unknown,
        format!(
            "{} keeps no access times, so a collection goes by when paths were uploaded",
            store.mount
        ),
        Some("mount it with relatime, if last use shall count".into()),
    ))
}

#[cfg(test)]
mod tests;
