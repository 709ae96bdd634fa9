//! Which connections to a server are this program's, so that a log can be read without them.
//!
//! In: the links that were opened, and what the server says of the first. Out: the client's address and port of each as the server sees
//! them, which is what sshd logs, and from when to when; those of this program's other runs too, which left them in a file.
//! Behind a proxy or a translated address this side can't know them, so the server is asked, once for each connection.

use super::script::{self, Answers};
use crate::domain::When;
use crate::domain::access::OwnConnection;
use crate::link::{Command, End, Limits, Link, Place};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Connections that are remembered, the newest of all servers.
const MOST: usize = 256;

/// Bytes of the file: some thousands of connections. A longer one loses its older half.
const MOST_BYTES: usize = 1 << 20;

/// How long a login may take: sshd logs a connection before it can be asked, after passphrases and second factors.
const BEFORE: i64 = 300;

/// How long after the end of a connection sshd may log that.
const AFTER: i64 = 5;

const QUESTION: Limits = Limits {
    output: 4 << 10,
    time: Duration::from_secs(60),
};

/// By place; a console that was connected twice has both in its log.
static OWN: Mutex<Vec<(String, Connection)>> = Mutex::new(Vec::new());

/// A connection as the server sees it.
#[derive(Clone)]
struct Connection {
    address: String,
    port: u16,
    /// The server's clock.
    clock: i64,
    /// When it showed that.
    at: Instant,
    end: End,
}

impl Connection {
    /// Of a link, from the server's answers.
    fn read(answers: &Answers, end: End) -> Option<Self> {
        // `SSH_CONNECTION`: the client's address and port, the server's address and port.
        let mut words = answers.get("connection")?.split(' ');
        let (address, port) = (words.next()?, words.next()?.parse().ok()?);
        Some(Self {
            address: address.to_owned(),
            port,
            clock: answers.get("clock")?.parse().ok()?,
            at: Instant::now(),
            end,
        })
    }

    /// The server's clock at a moment since then.
    fn clock_at(&self, moment: Instant) -> i64 {
        let since = moment.saturating_duration_since(self.at).as_secs();
        self.clock
            .saturating_add(i64::try_from(since).unwrap_or(i64::MAX))
    }

    fn since(&self) -> i64 {
        self.clock.saturating_sub(BEFORE)
    }

    fn until(&self, end: Instant) -> i64 {
        self.clock_at(end).saturating_add(AFTER)
    }

    fn own(&self) -> OwnConnection {
        OwnConnection {
            address: self.address.clone(),
            port: self.port,
            since: When::from_unix(self.since()),
            until: self.end.at().map(|end| When::from_unix(self.until(end))),
        }
    }
}

/// A connection that ended, as the file has it: one JSON object a line.
#[derive(Serialize, Deserialize)]
struct Kept {
    place: String,
    address: String,
    port: u16,
    since: i64,
    until: i64,
}

/// The connections to one server. With the last clone, those that it had are left to other runs.
#[derive(Clone)]
pub(super) struct Own(Arc<Shared>);

struct Shared {
    /// `None` on this machine, where the user of this program may be logged in over ssh.
    place: Option<String>,
    file: Option<PathBuf>,
    links: Mutex<Links>,
}

#[derive(Default)]
struct Links {
    /// The first connection, where the server sees it under the address and port that it has here.
    straight: Option<(Connection, IpAddr)>,
    /// Of which it is not known yet.
    unknown: Vec<Link>,
    /// Of which it is.
    known: Vec<Connection>,
}

impl Own {
    /// None yet. `kept` is the folder of what this machine keeps.
    pub(super) fn new(place: &Place, kept: Option<&Path>) -> Self {
        Self(Arc::new(Shared {
            place: (!matches!(place, Place::Local)).then(|| place.describe()),
            file: kept.map(|folder| folder.join("connections.jsonl")),
            links: Mutex::default(),
        }))
    }

    /// The first link was opened, and this is what the server says.
    pub(super) fn first(&self, link: &Link, answers: &Answers) {
        let Some(connection) = Connection::read(answers, link.end()) else {
            self.add(link);
            return;
        };
        let local = link.local().filter(|local| {
            let (address, port) = (local.ip().to_canonical(), local.port());
            (address.to_string(), port) == (connection.address.clone(), connection.port)
        });
        let mut links = self.0.links();
        links.straight = local.map(|local| (connection.clone(), local.ip()));
        let before = std::mem::take(&mut links.unknown);
        drop(links);
        self.0.learned(connection);
        for link in before {
            self.add(&link);
        }
    }

    /// One more was opened.
    pub(super) fn add(&self, link: &Link) {
        let mut links = self.0.links();
        let connection = links.straight.as_ref().and_then(|(first, address)| {
            let local = link.local().filter(|local| local.ip() == *address)?;
            let at = Instant::now();
            Some(Connection {
                port: local.port(),
                clock: first.clock_at(at),
                at,
                end: link.end(),
                ..first.clone()
            })
        });
        match connection {
            Some(connection) => {
                drop(links);
                self.0.learned(connection);
            }
            None => links.unknown.push(link.clone()),
        }
    }

    /// Asks over each of which it is not known. A connection without an answer is shown like any other.
    pub(super) async fn learn(&self) {
        let unknown = std::mem::take(&mut self.0.links().unknown);
        if self.0.place.is_none() {
            return;
        }
        let asked = unknown.into_iter().map(async |link| {
            let whoami = Command::script(script::WHOAMI).arg("never");
            let output = link.run(&whoami, b"", QUESTION).await;
            let answers = Answers::parse(&output.ok()?.stdout)?;
            Connection::read(&answers, link.end())
        });
        for connection in join_all(asked).await.into_iter().flatten() {
            self.0.learned(connection);
        }
    }

    /// Those to this server, of this run and of others.
    pub(super) async fn all(&self) -> Vec<OwnConnection> {
        let Some(place) = &self.0.place else {
            return Vec::new();
        };
        let mut own: Vec<OwnConnection> = remembered()
            .iter()
            .filter(|(to, _)| to == place)
            .map(|(_, connection)| connection.own())
            .collect();
        if let Some(file) = self.0.file.clone() {
            let kept = tokio::task::spawn_blocking(move || kept(&file)).await;
            let kept = kept.into_iter().flatten();
            own.extend(
                kept.filter(|kept| kept.place == *place)
                    .map(|kept| OwnConnection {
                        address: kept.address,
                        port: kept.port,
                        since: When::from_unix(kept.since),
                        until: Some(When::from_unix(kept.until)),
                    }),
            );
        }
        own
    }
}

impl Shared {
    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learned(&self, connection: Connection) {
        let Some(place) = &self.place else {
            return;
        };
        self.links().known.push(connection.clone());
        let mut all = remembered();
        let over = (all.len() + 1).saturating_sub(MOST);
        all.drain(..over);
        all.push((place.clone(), connection));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let (Some(place), Some(file)) = (&self.place, &self.file) else {
            return;
        };
        let known = std::mem::take(&mut self.links().known);
        let lines: Vec<Kept> = known
            .iter()
            .map(|own| Kept {
                place: place.clone(),
                address: own.address.clone(),
                port: own.port,
                since: own.since(),
                until: own.until(own.end.at().unwrap_or_else(Instant::now)),
            })
            .collect();
        if let Err(error) = keep(file, &lines) {
            tracing::warn!(%error, "its own connections could not be kept");
        }
    }
}

fn remembered() -> MutexGuard<'static, Vec<(String, Connection)>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those of earlier runs, oldest first. What can't be read is shown like any other.
fn kept(file: &Path) -> Vec<Kept> {
    let bytes = fs::read(file).unwrap_or_default();
    let newest = &bytes[bytes.len().saturating_sub(MOST_BYTES)..];
    let lines = newest.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

/// Adds some, in one write, and leaves the older half out where there are too many.
fn keep(file: &Path, lines: &[Kept]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options.append(true).open(file)?.write_all(&text(lines)?)?;
    if fs::metadata(file)?.len() > MOST_BYTES as u64 {
        let all = kept(file);
        // Another run may add one meanwhile, which is shown then like any other.
        let new = file.with_extension("new");
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true).mode(0o600);
        let newest = &all[all.len() / 2..];
        options.open(&new)?.write_all(&text(newest)?)?;
        fs::rename(&new, file)?;
    }
    Ok(())
}

fn text(lines: &[Kept]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
