//! What changes on the server, as it happens.
//!
//! In: a connected server, and how often somebody wants to know. Out: events, until the connection ends or the watch can't go
//! on. One script does all looks over one channel (`scripts/watch.sh`); it looks when it is asked to and writes only what has
//! changed. So the pace is kept here, nothing stays behind on the server, and what it may write is known before it does.

mod event;

use super::error::{ServerError, Why};
use super::script;
use super::{Inner, Server};
use crate::link::{Command, LinkError, Process};
pub use event::{WatchEvent, WatchLine, Watched};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

/// How often a server is looked at while somebody wants to know. Each look runs one program there, and looks at a part
/// of everything; all parts have had their turn within five seconds.
pub const PACE: Duration = Duration::from_millis(2400);

/// How long it may take until everything was looked at once.
const BEGIN: Duration = Duration::from_secs(90);

/// How often the server has to show that it is still there, and how long it may take.
const ALIVE: Duration = Duration::from_secs(30);

/// Looks that are further apart than this look at everything.
const OFTEN: Duration = Duration::from_secs(5);

/// Bytes of a line; what a login shell prints before is skipped up to some more.
const LINE: usize = 512;
const GREETING: usize = 256 << 10;

/// This many looks in a row may compare only file times, which miss a new owner and a clock that was set back.
const BY_TIMES: u64 = 12;

/// Lines that one look may write, and that all looks together may be owed.
const PER_LOOK: usize = 12;
const OWED: usize = 60;

/// Commands that a connection has to allow at a time: those that others keep waiting for a long time (a daemon, the lock of a
/// job) and their questions come first.
const ENOUGH: usize = 4;

impl Server {
    /// Reports changes, looking as often as `pace` says, until the receiver is gone. It takes one channel of the connection
    /// for questions; it is an error if there is none to spare, or if the server falls silent.
    pub async fn watch(
        &self,
        sink: mpsc::Sender<WatchEvent>,
        pace: watch::Receiver<Duration>,
    ) -> Result<(), ServerError> {
        let Inner {
            spec, link, start, ..
        } = &*self.inner;
        let facts = self.facts();
        // What has changed since is not in what was read before the watch began. The clocks are compared to a second.
        let since = facts.there(self.inner.begun).unix() - 1;
        let keys = facts.signing_keys.iter().map(|key| &key.file);
        let settings: Vec<String> = keys.chain(&facts.nix_program).cloned().collect();
        let command = Command::script(script::WATCH)
            .arg(&spec.nix_command)
            .arg(&spec.cache_user)
            .arg(&spec.requests_dir)
            .arg(&spec.audit_log)
            .arg(spec.sshd_log.as_deref().unwrap_or_default())
            .arg(since.to_string())
            .arg(settings.len().to_string())
            .args(settings)
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
            next: "R begins to watch again",
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

/// The result of a read.
enum Read {
    Line,
    /// A line that is too long.
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
        let said = Why::from_stderr(&self.process.stderr_tail());
        self.server.not_watched(
            said.unwrap_or_else(|| "the watch's script there has ended".to_owned().into()),
        )
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
        // What was reported before counts from the beginning.
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
        self.send(WatchEvent::Began { hidden }).await;
        for event in first {
            self.send(event).await;
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

    async fn send(&mut self, event: WatchEvent) {
        // The loop checks whether the receiver is gone.
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

    /// Asks and reports until the receiver is gone.
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
                        self.send(event).await;
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
                    let files = match round % BY_TIMES {
                        _ if apart > OFTEN => "facts",
                        0 => "facts",
                        _ => "files",
                    };
                    let other = match round % 2 {
                        _ if apart > OFTEN => "locks\ndisk",
                        0 => "locks",
                        _ => "disk",
                    };
                    let mut words = format!("{files}\n{other}\n");
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
