//! What changes on the server, as it happens.
//!
//! In: a connected server, and how often somebody wants to know. Out: events, until the connection ends or the watch can't go
//! on. One script does all looks over one channel (`scripts/watch.sh`); it looks when it is asked to and writes only what has
//! changed. So the pace is kept here, nothing stays behind on the server, and what it may write is known before it does.

use super::error::{ServerError, Why};
use super::script;
use super::{Inner, Server};
use crate::domain::server_facts::Disk;
use crate::domain::{Bytes, text};
use crate::link::{Command, LinkError, Process};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

/// How long it may take until everything was looked at once.
const BEGIN: Duration = Duration::from_secs(90);

/// How often the server has to show that it is still there, and how long it may take.
const ALIVE: Duration = Duration::from_secs(30);

/// Looks that are further apart than this look at everything.
const OFTEN: Duration = Duration::from_secs(5);

/// Bytes of a line; what a login shell prints before is skipped up to some more.
const LINE: usize = 512;
const GREETING: usize = 256 << 10;

/// Lines that one look may write, and that all looks together may be owed.
const PER_LOOK: usize = 12;
const OWED: usize = 60;

/// Commands that a connection has to allow at a time: those that others keep waiting for a long time (a daemon, the lock of a
/// job) and their questions come first.
const ENOUGH: usize = 4;

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// Nix's database and its write-ahead log.
    Database,
    /// The key files of the cache user, their folders, and lists of keys that sshd names.
    KeyFiles,
    /// The folders of requests.
    Requests,
    /// The audit log.
    AuditLog,
    /// In-progress markers of jobs.
    Jobs,
    /// sshd's log, but for what this connection does.
    LoginLog,
    /// sshd's configuration.
    SshdConfig,
    /// The file system of the store.
    Disk,
    /// Nix's lock for collections.
    GcLock,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// From now on changes are told.
    Began {
        /// What this login can't see change.
        hidden: Vec<Watched>,
    },
    /// Nothing happened, and the server is there.
    Alive,
    /// It is not as it was.
    Changed(Watched),
    /// How full the store's file system is: first as it is, then when it has changed by a thousandth.
    Disk(Disk),
    /// Whether anybody listens at the daemon's socket.
    Daemon(bool),
    /// Whether a collection runs.
    GcLock(bool),
}

/// A line of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchLine {
    /// Something happened.
    Event(WatchEvent),
    /// Changes of this can't be seen.
    Hidden(Watched),
    /// Everything was looked at once.
    Began,
    /// There can be no watch. Fit to be shown.
    Problem(String),
}

impl WatchLine {
    /// Reads a line without its end. `None` for anything else than the script writes.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let (word, value) = line.trim_end_matches('\r').split_once('=')?;
        let flag = || match value {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let event = match word {
            "began" => return Some(Self::Began),
            "hidden" => return watched(value).map(Self::Hidden),
            "problem" => return Some(Self::Problem(text::visible(value).into_owned())),
            "alive" => WatchEvent::Alive,
            "disk" => WatchEvent::Disk(disk(value)?),
            "daemon" => WatchEvent::Daemon(flag()?),
            "gc" => WatchEvent::GcLock(flag()?),
            word => WatchEvent::Changed(watched(word)?),
        };
        Some(Self::Event(event))
    }
}

fn watched(word: &str) -> Option<Watched> {
    Some(match word {
        "database" => Watched::Database,
        "keys" => Watched::KeyFiles,
        "requests" => Watched::Requests,
        "audit" => Watched::AuditLog,
        "jobs" => Watched::Jobs,
        "login" => Watched::LoginLog,
        "sshd" => Watched::SshdConfig,
        "disk" => Watched::Disk,
        "gc" => Watched::GcLock,
        _ => return None,
    })
}

/// `stat -f`: the size of a block; blocks in all, free, and free for everybody; inodes in all and free.
fn disk(value: &str) -> Option<Disk> {
    let numbers: Vec<u64> = value
        .split_ascii_whitespace()
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    let [block, all, free, available, inodes, inodes_free] = numbers.try_into().ok()?;
    let bytes = |blocks: u64| Bytes(blocks.saturating_mul(block));
    Some(Disk {
        size: bytes(all),
        used: bytes(all.saturating_sub(free)),
        available: bytes(available),
        inodes,
        inodes_used: inodes.saturating_sub(inodes_free),
    })
}

impl Server {
    /// Tells what changes, looking as often as `pace` says, until the receiver is gone. It takes one channel of the connection
    /// for questions; where that has none to spare, and where the server says nothing any more, that is the error.
    pub async fn watch(
        &self,
        sink: mpsc::Sender<WatchEvent>,
        pace: watch::Receiver<Duration>,
    ) -> Result<(), ServerError> {
        let Inner {
            spec, link, start, ..
        } = &*self.inner;
        let command = Command::script(script::WATCH)
            .arg(&spec.nix_command)
            .arg(&spec.cache_user)
            .arg(&spec.requests_dir)
            .arg(&spec.audit_log)
            .arg(spec.sshd_log.as_deref().unwrap_or_default())
            .args(spec.key_files.iter().cloned())
            .sudo(start.sudo);
        let few = || {
            self.not_watched(
                "it has no session to spare on this connection"
                    .to_owned()
                    .into(),
            )
        };
        if link.allows() < ENOUGH {
            return Err(few());
        }
        let process = link.start_spare(&command).await?.ok_or_else(few)?;
        let mut talk = Talk::new(self, process, sink)?;
        let begun = timeout(BEGIN, talk.begin()).await;
        begun.unwrap_or_else(|_| Err(self.silent(BEGIN)))?;
        let crowded = || (link.allows() < ENOUGH).then(few);
        talk.go_on(pace, crowded).await
    }

    fn not_watched(&self, why: Why) -> ServerError {
        ServerError::Script {
            place: self.inner.start.place.clone(),
            what: "be watched for changes",
            why,
            next: "R reads everything again",
        }
    }

    fn silent(&self, patience: Duration) -> ServerError {
        ServerError::Link(LinkError::Timeout {
            place: self.inner.start.place.clone(),
            what: "answer",
            seconds: patience.as_secs(),
        })
    }
}

/// The conversation with the script.
struct Talk<'a> {
    server: &'a Server,
    process: Process,
    output: BufReader<crate::link::BoxedReader>,
    input: crate::link::BoxedWriter,
    sink: mpsc::Sender<WatchEvent>,
    /// The line that is being read.
    line: Vec<u8>,
    /// Lines that it may still write.
    owed: usize,
}

/// What reading came to.
enum Read {
    Line,
    /// As many bytes without an end as a line may have.
    TooLong,
    End,
}

impl<'a> Talk<'a> {
    fn new(
        server: &'a Server,
        mut process: Process,
        sink: mpsc::Sender<WatchEvent>,
    ) -> Result<Self, ServerError> {
        let empty: crate::link::BoxedReader = Box::new(tokio::io::empty());
        let output = BufReader::new(std::mem::replace(&mut process.stdout, empty));
        let input = process.stdin.take();
        let input =
            input.ok_or_else(|| server.not_watched("it takes no input".to_owned().into()))?;
        Ok(Self {
            server,
            process,
            output,
            input,
            sink,
            line: Vec::new(),
            owed: OWED,
        })
    }

    /// Reads on in the line. May be dropped and called again.
    async fn read(&mut self) -> Result<Read, ServerError> {
        let room = (LINE + 1).saturating_sub(self.line.len());
        let mut capped = (&mut self.output).take(room as u64);
        let read = capped.read_until(b'\n', &mut self.line).await;
        let read = read.map_err(|error| self.server.not_watched(error.to_string().into()))?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            return Ok(Read::Line);
        }
        Ok(if read == 0 { Read::End } else { Read::TooLong })
    }

    /// Why it has ended, as far as it said.
    fn ended(&self) -> ServerError {
        let said = Why::said(&self.process.stderr_tail());
        self.server
            .not_watched(said.unwrap_or_else(|| "the script there has ended".to_owned().into()))
    }

    /// Waits until everything was looked at once.
    async fn begin(&mut self) -> Result<(), ServerError> {
        let mut greeting = 0;
        loop {
            let read = self.read().await?;
            if matches!(read, Read::End) {
                return Err(self.ended());
            }
            greeting += self.line.len() + 1;
            let line = std::mem::take(&mut self.line);
            if line.strip_suffix(b"\r").unwrap_or(&line) == script::BEGIN.as_bytes() {
                break;
            }
            if greeting > GREETING {
                return Err(self.too_much());
            }
        }
        let mut hidden = Vec::new();
        // What is told before counts from the beginning.
        let mut first = Vec::new();
        loop {
            match self.next().await? {
                Some(WatchLine::Began) => break,
                Some(WatchLine::Hidden(what)) if !hidden.contains(&what) => hidden.push(what),
                Some(WatchLine::Problem(why)) => return Err(self.server.not_watched(why.into())),
                Some(WatchLine::Event(event)) => first.push(event),
                _ => {}
            }
        }
        self.tell(WatchEvent::Began { hidden }).await;
        for event in first {
            self.tell(event).await;
        }
        Ok(())
    }

    /// The next line. May be dropped and called again.
    async fn next(&mut self) -> Result<Option<WatchLine>, ServerError> {
        match self.read().await? {
            Read::End => return Err(self.ended()),
            Read::TooLong => return Err(self.too_much()),
            Read::Line => {}
        }
        self.owed = self.owed.checked_sub(1).ok_or_else(|| self.too_much())?;
        let line = WatchLine::parse(&self.line);
        self.line.clear();
        Ok(line)
    }

    fn too_much(&self) -> ServerError {
        self.server
            .not_watched("it writes more than it was asked for".to_owned().into())
    }

    async fn tell(&mut self, event: WatchEvent) {
        // Whether anybody listens is asked by the loop.
        let _ = self.sink.send(event).await;
    }

    async fn ask(&mut self, words: &str) -> Result<(), ServerError> {
        let looks = words.lines().count();
        self.owed = (self.owed + looks * PER_LOOK).min(OWED);
        let write = async {
            self.input.write_all(words.as_bytes()).await?;
            self.input.flush().await
        };
        match timeout(ALIVE, write).await {
            Ok(Ok(())) => Ok(()),
            // What is read then says more.
            Ok(Err(_)) => Err(self.ended()),
            Err(_) => Err(self.server.silent(ALIVE)),
        }
    }

    /// Asks and tells until nobody listens.
    async fn go_on(
        &mut self,
        mut pace: watch::Receiver<Duration>,
        crowded: impl Fn() -> Option<ServerError>,
    ) -> Result<(), ServerError> {
        let gone = self.sink.clone();
        let mut round = 0_u64;
        let mut looked = Instant::now();
        let mut heard = Instant::now();
        // When it was asked whether it is there, unless it has answered.
        let mut asked: Option<Instant> = None;
        loop {
            let apart = *pace.borrow_and_update();
            tokio::select! {
                () = gone.closed() => return Ok(()),
                changed = pace.changed() => if changed.is_err() {
                    return Ok(());
                },
                line = self.next() => {
                    heard = Instant::now();
                    asked = None;
                    if let Some(WatchLine::Event(event)) = line? {
                        self.tell(event).await;
                    }
                }
                () = tokio::time::sleep_until(looked + apart) => {
                    if let Some(error) = crowded() {
                        return Err(error);
                    }
                    let now = Instant::now();
                    if asked.is_some_and(|at| now.duration_since(at) > ALIVE) {
                        return Err(self.server.silent(ALIVE));
                    }
                    looked = now;
                    round += 1;
                    let mut words = String::from(match round % 2 {
                        _ if apart > OFTEN => "files\nlocks\ndisk\n",
                        0 => "files\nlocks\n",
                        _ => "files\ndisk\n",
                    });
                    if asked.is_none() && now.duration_since(heard) >= ALIVE {
                        words.push_str("alive\n");
                        asked = Some(now);
                    }
                    self.ask(&words).await?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let read = |line: &str| WatchLine::parse(line.as_bytes());
        let changed = |what| Some(WatchLine::Event(WatchEvent::Changed(what)));
        assert_eq!(read("database="), changed(Watched::Database));
        assert_eq!(read("login=\r"), changed(Watched::LoginLog));
        assert_eq!(
            read("hidden=keys"),
            Some(WatchLine::Hidden(Watched::KeyFiles))
        );
        assert_eq!(
            read("daemon=no"),
            Some(WatchLine::Event(WatchEvent::Daemon(false)))
        );
        assert_eq!(
            read("gc=yes"),
            Some(WatchLine::Event(WatchEvent::GcLock(true)))
        );
        assert_eq!(
            read("disk=4096 100 40 30 50 20"),
            Some(WatchLine::Event(WatchEvent::Disk(Disk {
                size: Bytes(409_600),
                used: Bytes(245_760),
                available: Bytes(122_880),
                inodes: 50,
                inodes_used: 30,
            })))
        );
        assert_eq!(
            read("problem=a\u{1b}[31mb"),
            Some(WatchLine::Problem("ab".to_owned()))
        );
        for line in [
            "",
            "database",
            "daemon=",
            "gc=1",
            "disk=1 2 3",
            "disk=1 2 3 4 5 x",
            "else=",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_an_event_or_nothing(
            line in proptest::collection::vec(any::<u8>(), 0..60),
            known in "(disk|hidden|problem|daemon|gc|keys)=.{0,40}",
            numbers in proptest::collection::vec(any::<u64>(), 6),
        ) {
            let _ = WatchLine::parse(&line);
            if let Some(WatchLine::Problem(why)) = WatchLine::parse(known.as_bytes()) {
                prop_assert!(!why.chars().any(char::is_control));
            }
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            let disk = WatchLine::parse(format!("disk={}", numbers.join(" ")).as_bytes());
            prop_assert!(matches!(disk, Some(WatchLine::Event(WatchEvent::Disk(_)))));
        }
    }
}
