//! What is the matter with the space of a cache server?
//!
//! In: what one look found out about its disks, database and pins, and a forecast. Out: [`Check`]s, as for everything else. The
//! store's own file system is among the checks of [`super::checks`], since every connection finds that out.

use super::{Check, State, check, paths};
use crate::domain::pin::Pin;
use crate::domain::space::{AccessTimes, Collector, DatabaseFacts, FileSystem, SpaceFacts};
use crate::domain::{Age, Fact, Floor, When};
use crate::judge::growth::Forecast;

/// A database that has less to give back is left alone.
const WORTHWHILE: u64 = 256 << 20;

/// A disk that is full within this many days is a warning.
const SOON_DAYS: u64 = 14;

/// Someone who waits this long for another collection should look at it.
const LONG: Age = Age(3600);

/// What was found out.
#[derive(Clone, Copy)]
pub struct Looked<'a> {
    /// The server as commands name it.
    pub server: &'a str,
    /// Disks, database, who collects.
    pub facts: &'a SpaceFacts,
    /// Pins.
    pub pins: &'a Fact<Vec<Pin>>,
    /// When the store's disk is full; `None` where nobody asked.
    pub forecast: Option<&'a Forecast>,
    /// Less than this left is a warning, less than that is critical.
    pub limits: (Floor, Floor),
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
        Err(unknown) => checks.push(not_known("root-disk", unknown)),
    }
    match &facts.database {
        Ok(database) => checks.extend(of_database(database)),
        Err(unknown) => checks.push(not_known("database", unknown)),
    }
    match &facts.collecting {
        Ok(collecting) => checks.extend(of_collectors(collecting, facts.at)),
        Err(unknown) => checks.push(not_known("collecting", unknown)),
    }
    checks.extend(of_pins(looked));
    if let Ok(store) = &facts.store {
        checks.extend(of_access_times(store));
    }
    if facts.optimised == Ok(false) {
        checks.push(check(
            "hard-links",
            State::Fine,
            "equal files of the store are not linked to each other".to_owned(),
            Some("nix-store --optimise on the server, which takes a while".to_owned()),
        ));
    }
    checks
}

fn not_known(id: &'static str, unknown: &crate::domain::Unknown) -> Check {
    // Told with its next step behind the last semicolon.
    let (summary, fix) = match unknown.0.rsplit_once("; ") {
        Some((summary, fix)) => (summary, Some(fix.to_owned())),
        None => (unknown.0.as_str(), None),
    };
    check(id, State::Unknown, summary.to_owned(), fix)
}

fn of_forecast(looked: &Looked<'_>, forecast: &Forecast) -> Check {
    let (state, fix) = match forecast {
        Forecast::Full { days, .. } if *days <= SOON_DAYS => (
            State::Warning,
            Some(format!(
                "storekeeper gc {} --until-free {}",
                looked.server, looked.limits.0
            )),
        ),
        Forecast::Full { .. } | Forecast::NotSoon { .. } => (State::Fine, None),
        Forecast::Unknown(_) => (State::Unknown, None),
    };
    let summary = match forecast {
        Forecast::Unknown(why) => why.clone(),
        known => format!("the store's disk is {known}"),
    };
    check("forecast", state, summary, fix)
}

fn of_root(root: &FileSystem, (warning, critical): (Floor, Floor)) -> Check {
    let undercut = |limit: Floor| limit.undercut(root.available, root.size);
    let state = if undercut(critical) {
        State::Critical
    } else if undercut(warning) {
        State::Warning
    } else {
        State::Fine
    };
    let fix = (state != State::Fine)
        .then(|| "free space there: logs in /var/log, builds in /tmp".to_owned());
    let summary = format!("{} of {} left on {}", root.available, root.size, root.mount);
    check("root-disk", state, summary, fix)
}

fn of_database(database: &DatabaseFacts) -> Vec<Check> {
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
            Some(
                "sqlite3 /nix/var/nix/db/db.sqlite vacuum on the server, when nothing else runs"
                    .to_owned(),
            ),
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
            Some("end old connections, or restart nix-daemon on the server".to_owned()),
        ));
    }
    if checks.is_empty() {
        let summary = format!("Nix's database is {}", database.size);
        checks.push(check("database", State::Fine, summary, None));
    }
    checks
}

/// Who it is and since when.
pub fn collector(one: &Collector, now: When) -> String {
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

fn of_collectors(collecting: &[Collector], now: When) -> Vec<Check> {
    let holder = collecting.iter().find(|one| one.holds);
    collecting
        .iter()
        .map(|one| {
            let who = collector(one, now);
            if one.holds {
                let summary = format!("a collection holds Nix's lock, {who}");
                return check("collecting", State::Fine, summary, None);
            }
            let behind = holder.map_or_else(String::new, |holder| {
                format!(" behind process {}", holder.process)
            });
            let long = one.since.is_some_and(|since| since.age(now) >= LONG);
            check(
                "collecting",
                if long { State::Warning } else { State::Fine },
                format!("a collection waits{behind}, {who}"),
                long.then(|| "look at what holds the lock; end it if it hangs".to_owned()),
            )
        })
        .collect()
}

fn of_pins(looked: &Looked<'_>) -> Option<Check> {
    let pins = match looked.pins {
        Ok(pins) => pins,
        Err(unknown) => return Some(not_known("pins", unknown)),
    };
    let expired = pins.iter().filter(|pin| pin.expired(looked.facts.at));
    let summary = match expired.count() {
        0 if pins.is_empty() => return None,
        0 => {
            let pinned = match pins.len() {
                1 => "1 pin, and it has not expired".to_owned(),
                count => format!("{count} pins, none of which has expired"),
            };
            return Some(check("pins", State::Fine, pinned, None));
        }
        1 => "1 pin has expired and keeps its path".to_owned(),
        count => format!("{count} pins have expired and keep {}", paths(count)),
    };
    let fix = format!("storekeeper unpin {} --expired", looked.server);
    Some(check("pins", State::Warning, summary, Some(fix)))
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
        Some("mount it with relatime, if last use shall count".to_owned()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Bytes, StorePath, Unknown};

    const GIB: u64 = 1 << 30;

    fn disk(mount: &str, available: u64) -> FileSystem {
        FileSystem {
            mount: mount.into(),
            kind: "ext4".into(),
            options: vec!["rw".into(), "relatime".into()],
            size: Bytes(100 * GIB),
            used: Bytes(100 * GIB - available),
            available: Bytes(available),
            inodes: 0,
            inodes_used: 0,
        }
    }

    fn facts() -> SpaceFacts {
        SpaceFacts {
            at: When::from_unix(100_000),
            store: Ok(disk("/nix", 50 * GIB)),
            root: Ok(None),
            database: Ok(DatabaseFacts {
                size: Bytes(GIB),
                wal: Bytes(0),
                free: Some(Bytes(0)),
            }),
            optimised: Ok(true),
            collecting: Ok(vec![]),
            keep_derivations: Ok(true),
            keep_outputs: Ok(false),
        }
    }

    fn of(facts: &SpaceFacts, pins: &Fact<Vec<Pin>>, forecast: Option<&Forecast>) -> Vec<Check> {
        checks(&Looked {
            server: "prod",
            facts,
            pins,
            forecast,
            limits: (Floor::Percent(15.0), Floor::Percent(5.0)),
        })
    }

    fn one<'a>(checks: &'a [Check], id: &str) -> &'a Check {
        checks.iter().find(|check| check.id == id).unwrap()
    }

    #[test]
    fn all_is_well() {
        let found = of(&facts(), &Ok(vec![]), None);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].summary, "Nix's database is 1.0 GiB");
        assert_eq!(found[0].state, State::Fine);
    }

    #[test]
    fn what_is_not_known_is_said_with_its_next_step() {
        let why = || Unknown("it is hidden from eve; log in as root".into());
        let facts = SpaceFacts {
            root: Err(why()),
            database: Err(why()),
            collecting: Err(why()),
            store: Err(why()),
            ..facts()
        };
        let found = of(
            &facts,
            &Err(why()),
            Some(&Forecast::Unknown("no forecast: x".into())),
        );
        assert_eq!(found.len(), 5);
        for check in &found {
            assert_eq!(check.state, State::Unknown);
            if check.id != "forecast" {
                assert_eq!(check.fix.as_deref(), Some("log in as root"));
            }
        }
        assert_eq!(super::super::worst(&found), State::Fine);
    }

    #[test]
    fn the_disk_of_the_system() {
        for (left, state) in [
            (50, State::Fine),
            (10, State::Warning),
            (1, State::Critical),
        ] {
            let facts = SpaceFacts {
                root: Ok(Some(disk("/", left * GIB))),
                ..facts()
            };
            let found = of(&facts, &Ok(vec![]), None);
            let check = one(&found, "root-disk");
            assert_eq!(check.state, state);
            assert_eq!(check.fix.is_some(), state != State::Fine);
        }
    }

    #[test]
    fn a_database_with_much_air() {
        let with = |free, wal| SpaceFacts {
            database: Ok(DatabaseFacts {
                size: Bytes(GIB),
                wal: Bytes(wal),
                free,
            }),
            ..facts()
        };
        let found = of(&with(Some(Bytes(GIB / 2)), 0), &Ok(vec![]), None);
        assert!(
            one(&found, "database")
                .summary
                .starts_with("512 MiB of the 1.0 GiB")
        );
        let found = of(&with(None, GIB), &Ok(vec![]), None);
        assert_eq!(one(&found, "database-log").state, State::Warning);
        let found = of(&with(Some(Bytes(GIB / 8)), GIB / 8), &Ok(vec![]), None);
        assert_eq!(one(&found, "database").state, State::Fine);
    }

    #[test]
    fn who_collects_and_who_waits() {
        let who = |process, holds, since: i64| Collector {
            process,
            user: "root".into(),
            since: Some(When::from_unix(100_000 - since)),
            command: "nix-store --gc".into(),
            holds,
        };
        let facts = SpaceFacts {
            collecting: Ok(vec![
                who(7, true, 7200),
                who(8, false, 60),
                who(9, false, 7200),
            ]),
            ..facts()
        };
        let found = of(&facts, &Ok(vec![]), None);
        let lines: Vec<(&str, State)> = found
            .iter()
            .filter(|check| check.id == "collecting")
            .map(|check| (check.summary.as_str(), check.state))
            .collect();
        assert_eq!(
            lines,
            [
                (
                    "a collection holds Nix's lock, process 7 of root for 2h: nix-store --gc",
                    State::Fine
                ),
                (
                    "a collection waits behind process 7, process 8 of root for 1m: nix-store --gc",
                    State::Fine
                ),
                (
                    "a collection waits behind process 7, process 9 of root for 2h: nix-store --gc",
                    State::Warning
                ),
            ]
        );
    }

    #[test]
    fn pins_that_have_expired() {
        let pin = |end: Option<i64>| Pin {
            name: "x".parse().unwrap(),
            target: StorePath::from_parts(&[1; 20], "x").unwrap(),
            by: None,
            note: None,
            at: When::from_unix(1),
            expires: end.map(When::from_unix),
        };
        let found = of(&facts(), &Ok(vec![pin(None), pin(Some(100_001))]), None);
        assert_eq!(one(&found, "pins").state, State::Fine);
        let found = of(&facts(), &Ok(vec![pin(Some(100_000)), pin(Some(1))]), None);
        let check = one(&found, "pins");
        assert_eq!(check.summary, "2 pins have expired and keep 2 paths");
        assert_eq!(
            check.fix.as_deref(),
            Some("storekeeper unpin prod --expired")
        );
    }

    #[test]
    fn times_links_and_forecasts() {
        let mut store = disk("/nix", GIB);
        store.options = vec!["noatime".into()];
        let facts = SpaceFacts {
            store: Ok(store),
            optimised: Ok(false),
            ..facts()
        };
        let soon = Forecast::Full {
            days: 3,
            basis: "1 GiB a day".into(),
        };
        let found = of(&facts, &Ok(vec![]), Some(&soon));
        assert_eq!(one(&found, "access-times").state, State::Unknown);
        assert!(one(&found, "hard-links").fix.is_some());
        let check = one(&found, "forecast");
        assert_eq!(check.state, State::Warning);
        assert_eq!(
            check.fix.as_deref(),
            Some("storekeeper gc prod --until-free 15%")
        );
        let late = Forecast::Full {
            days: 300,
            basis: "x".into(),
        };
        let found = of(&facts, &Ok(vec![]), Some(&late));
        assert_eq!(one(&found, "forecast").state, State::Fine);
    }
}
