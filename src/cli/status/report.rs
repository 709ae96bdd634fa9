//! What is found out of one server, as documents have it.
//!
//! In: checks, counts and sizes; or why there are none. Out: the elements of `status --json`.

use crate::cli::error::{CliError, Object};
use crate::domain::Notice;
use crate::domain::Remedy;
use crate::inventory::Counts;
use crate::judge::health::{Check, State, order, worst};
use crate::server::facts::Facts;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

/// A server that was asked.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) server: String,
    pub(super) state: State,
    /// Worst first.
    pub(super) checks: Vec<Check>,
    pub(super) counts: Option<CountsObject>,
    pub(super) disk: Disk,
    pub(super) nix: Option<Nix>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CountsObject {
    pub(super) paths: usize,
    pub(super) refused: usize,
    pub(super) by_trust: ByTrust,
}

pub(super) struct ByTrust(pub(super) Counts);

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
pub(super) struct Disk {
    pub(super) store: Option<Store>,
    pub(super) database: Option<Database>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Store {
    pub(super) size: u64,
    pub(super) used: u64,
    pub(super) available: u64,
    pub(super) inodes: Option<u64>,
    pub(super) inodes_used: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Database {
    pub(super) size: u64,
    pub(super) wal: u64,
}

#[derive(Serialize)]
pub(super) struct Nix {
    version: String,
    protocol: String,
    trusted: Option<bool>,
}

impl Report {
    /// Of a server that answered.
    pub(super) fn new(
        server: &str,
        mut checks: Vec<Check>,
        counts: Option<Counts>,
        facts: &Facts,
    ) -> Self {
        order::sort(&mut checks);
        Self {
            server: server.to_owned(),
            state: worst(&checks),
            checks,
            counts: counts.map(|counts| CountsObject {
                paths: counts.paths,
                refused: counts.refused,
                by_trust: ByTrust(counts),
            }),
            disk: disk(facts),
            nix: Some(Nix {
                version: facts.nix_version.clone(),
                protocol: format!("{}.{}", facts.protocol.0, facts.protocol.1),
                trusted: facts.trusted,
            }),
        }
    }

    /// The server is there and its Nix is not: that is an answer, not an error of ours.
    pub(super) fn broken(server: &str, notice: Notice) -> Self {
        Self {
            server: server.to_owned(),
            state: State::Critical,
            checks: vec![critical("nix", notice)],
            counts: None,
            disk: Disk::default(),
            nix: None,
        }
    }

    /// The exit code of a server like this.
    pub(super) const fn code(&self) -> u8 {
        match self.state {
            State::Fine | State::Unknown => 0,
            State::Warning => 1,
            State::Critical => 2,
        }
    }
}

/// An error that clients of the cache would meet too.
pub(super) fn critical(id: &'static str, notice: Notice) -> Check {
    Check::new(
        id,
        State::Critical,
        notice.message,
        notice.hint.map(Remedy::from),
    )
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

/// What asking a server came to.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ServerStatus {
    /// It answered.
    Answered(Box<Report>),
    /// It could not be asked.
    Unreachable(Unreachable),
}

/// A server that could not be asked.
#[derive(Serialize)]
pub(super) struct Unreachable {
    server: String,
    state: &'static str,
    #[serde(serialize_with = "object")]
    pub(super) error: CliError,
}

fn object<S: Serializer>(error: &CliError, serializer: S) -> Result<S::Ok, S::Error> {
    Object::of(error).serialize(serializer)
}

/// The exit code where a server can't be asked.
pub(super) const UNREACHABLE: u8 = 3;

impl ServerStatus {
    /// Of a server by this name.
    pub(super) fn new(server: &str, asked: Result<Report, CliError>) -> Self {
        match asked {
            Ok(report) => Self::Answered(Box::new(report)),
            Err(error) => Self::Unreachable(Unreachable {
                server: server.to_owned(),
                state: "unreachable",
                error,
            }),
        }
    }

    /// The server as commands name it.
    pub(super) fn server(&self) -> &str {
        match self {
            Self::Answered(report) => &report.server,
            Self::Unreachable(unreachable) => &unreachable.server,
        }
    }

    /// The word for how it is.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Answered(report) => report.state.word(),
            Self::Unreachable(unreachable) => unreachable.state,
        }
    }

    /// Its exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Answered(report) => report.code(),
            Self::Unreachable(_) => UNREACHABLE,
        }
    }
}
