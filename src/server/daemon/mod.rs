//! One conversation with `nix-daemon --stdio`.
//!
//! In: a link, or any two streams. Out: typed answers. The rules that keep it going: only well-formed paths and
//! signatures are sent; reading never waits for writing; the sending side stays open until all is answered, and giving
//! up means dropping both directions (a half-closed daemon forgets its replies); silence is limited by us.

mod patience;
mod pipeline;
mod queue;
mod space;

pub(super) use patience::{Pace, Patience, Waits};
pub(super) use pipeline::{Batch, Broken};
pub(super) use queue::{Asker, Queue};

use super::error::{ServerError, Why};
use super::script;
use crate::domain::budget::{Budget, most};
use crate::domain::{PathList, Signature, StorePath, text};
use crate::link::{BoxedReader, BoxedWriter, Command, Exit, Hold, Link, Process};
use crate::wire::{
    Encoder, Hello, Message, Options, Reader, RemoteError, Request, WireError, client_handshake,
};

use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

/// How long a daemon may say nothing.
pub(super) const SILENCE: Duration = Duration::from_secs(60);

/// How long one change may take; a daemon that waits for its database reports so every 10 s and never gives up.
const CHANGE: Duration = Duration::from_secs(120);

/// What reading has to bring: a slow disk gives more, and so does any line that is of use.
const PACE: Pace = Pace {
    window: SILENCE,
    least: 16 << 10,
};

/// Waiting for what is only read.
pub(super) const READING: Waits = Waits {
    silence: SILENCE,
    pace: Some(PACE),
};

/// Bytes of an error that are an answer like others.
const LONG_ERROR: u64 = 8 << 10;

/// Log lines that are kept of a conversation: a root that leads nowhere makes one each.
const MAX_NOTES: usize = 1000;

/// How to start a daemon.
#[derive(Debug, Clone)]
pub(super) struct Start {
    /// Program and arguments.
    pub(super) command: Vec<String>,
    /// Through `sudo -n`.
    pub(super) sudo: bool,
    /// Where, for messages.
    pub(super) place: String,
}

/// What comes from the daemon.
struct Incoming {
    reader: Reader<Patience<BoxedReader>>,
    /// The answer to `SetOptions` was not read yet.
    owes_options: bool,
    notes: Vec<String>,
    /// How much it may say before the present request is answered.
    said: Budget,
    waits: Waits,
}

/// A daemon that has shaken hands.
pub(super) struct Daemon {
    incoming: Incoming,
    writer: BoxedWriter,
    process: Option<(Link, Hold)>,
    place: String,
    hello: Hello,
}

/// A request that was answered with an error; the conversation goes on.
type Soft<T> = Result<T, RemoteError>;

impl Incoming {
    /// A request is about to be sent. Of one that deletes, each path has a line or two.
    fn begin(&mut self, deletes: usize) {
        let (base, each) = (most::MESSAGES, most::MESSAGES_PER_PATH);
        self.said = Budget::for_paths("the log of one request", base, each, deletes);
        self.reader.get_mut().begin(self.waits.pace);
    }

    /// Reads the next message; `None` for the last one.
    async fn message(&mut self) -> Result<Option<Message>, WireError> {
        let message = Message::read(&mut self.reader).await?;
        if message == Message::Last {
            return Ok(None);
        }
        let took = Message::COST + self.reader.budget().spent();
        if matches!(message, Message::Error(_)) {
            // It is an answer; only what is beyond a long one counts.
            self.said.charge(took.saturating_sub(LONG_ERROR))?;
            return Ok(Some(message));
        }
        self.reader.get_mut().discount(took);
        self.said.charge(took)?;
        Ok(Some(message))
    }

    /// Reads up to the end of the messages: the reply follows, or there was an error.
    async fn answer(&mut self) -> Result<Soft<()>, WireError> {
        if self.owes_options {
            self.owes_options = false;
            // An option that is refused changes nothing of what is asked here.
            let _ = self.messages().await?;
        }
        self.messages().await
    }

    async fn messages(&mut self) -> Result<Soft<()>, WireError> {
        while let Some(message) = self.message().await? {
            match message {
                Message::Error(error) => return Ok(Err(error)),
                Message::Log(log) if self.notes.len() < MAX_NOTES => {
                    let line: String = text::plain(beginning(&log)).chars().take(300).collect();
                    if !line.is_empty() {
                        self.notes.push(line);
                    }
                }
                _ => {}
            }
        }
        Ok(Ok(()))
    }
}

impl Daemon {
    /// Starts a daemon over a link and shakes hands.
    pub(super) async fn open(link: &Link, start: &Start) -> Result<Self, ServerError> {
        Self::open_waiting(link, start, READING).await
    }

    /// The same for work that may take its time: only silence ends it.
    pub(super) async fn open_patient(
        link: &Link,
        start: &Start,
        silence: Duration,
    ) -> Result<Self, ServerError> {
        let waits = Waits {
            silence,
            pace: None,
        };
        Self::open_waiting(link, start, waits).await
    }

    async fn open_waiting(link: &Link, start: &Start, waits: Waits) -> Result<Self, ServerError> {
        let command = Command::script(script::DAEMON)
            .args(start.command.iter().cloned())
            .sudo(start.sudo);
        let Process {
            stdin,
            stdout,
            hold,
        } = link.start(&command).await?;
        let stdin = stdin.unwrap_or_else(|| Box::new(tokio::io::sink()));
        let shaken = Self::over(stdout, stdin, &start.place, waits);
        let shaken = timeout(SILENCE, shaken).await.unwrap_or_else(|_| {
            Err(WireError::Io(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it did not shake hands within {} s", SILENCE.as_secs()),
            )))
        });
        match shaken {
            Ok(mut daemon) => {
                daemon.process = Some((link.clone(), hold));
                Ok(daemon)
            }
            Err(error) => Err(no_daemon(&error, link, &hold, start).await),
        }
    }

    /// Shakes hands over any two streams, and sets the options of this conversation.
    pub(super) async fn over(
        reader: BoxedReader,
        mut writer: BoxedWriter,
        place: &str,
        waits: Waits,
    ) -> Result<Self, WireError> {
        let mut reader = Reader::new(Patience::new(reader, waits));
        let hello = client_handshake(&mut reader, &mut writer).await?;
        let mut out = Encoder::new();
        Request::SetOptions(Options::default()).encode(&mut out);
        // A daemon that has gone is noticed when it is asked.
        let _ = writer.write_all(out.bytes()).await;
        let _ = writer.flush().await;
        Ok(Self {
            incoming: Incoming {
                reader,
                owes_options: true,
                notes: Vec::new(),
                said: Budget::new("the log of one request", most::MESSAGES),
                waits,
            },
            writer,
            process: None,
            place: place.to_owned(),
            hello,
        })
    }

    /// What it said in the handshake.
    pub(super) fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The log lines so far, fit to be shown.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.incoming.notes)
    }

    /// Every valid path.
    pub(super) async fn all_valid_paths(&mut self) -> Result<PathList, ServerError> {
        let listed = match self.ask(Request::QueryAllValidPaths).await {
            Ok(Ok(())) => {
                let reader = &mut self.incoming.reader;
                reader.allow(Budget::new("the list of store paths", most::LISTING));
                reader.path_list().await
            }
            Ok(Err(error)) => {
                return Err(ServerError::Listing {
                    place: self.place.clone(),
                    why: error.to_string(),
                    next: "look at its database there".to_owned(),
                });
            }
            Err(error) => Err(error),
        };
        match listed {
            Ok(paths) => Ok(paths),
            Err(error) => Err(self.fail(error).await),
        }
    }

    /// Those of these paths that are valid.
    pub(super) async fn valid_paths(
        &mut self,
        paths: Vec<StorePath>,
    ) -> Result<Soft<Vec<StorePath>>, WireError> {
        let allowed = answer("the list of valid paths", paths.len());
        let request = Request::QueryValidPaths {
            paths,
            substitute: false,
        };
        match self.ask(request).await? {
            Ok(()) => {
                self.incoming.reader.allow(allowed);
                Ok(Ok(self.incoming.reader.paths().await?))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Adds signatures to paths that this conversation has just seen as valid (else the daemon crashes). Few enough
    /// that all requests fit the window. `answers` gets each answer as it comes, in order.
    pub(super) async fn add_signatures(
        &mut self,
        items: &[(&StorePath, &Signature)],
        answers: &mut Vec<Soft<()>>,
    ) -> Result<(), WireError> {
        let requests = items
            .iter()
            .map(|(path, signature)| Request::AddSignatures {
                path: (*path).clone(),
                signatures: vec![signature.to_string()],
            });
        self.exchange(requests, |incoming| async move {
            // A database that is busy has its own time, below.
            incoming.reader.get_mut().begin(None);
            for _ in items {
                let answer = timeout(CHANGE, async {
                    let answer = incoming.answer().await?;
                    if answer.is_ok() {
                        incoming.reader.integer().await?;
                    }
                    Ok::<_, WireError>(answer)
                });
                answers.push(answer.await.map_err(|_| too_long())??);
            }
            Ok(())
        })
        .await
    }

    async fn ask(&mut self, request: Request) -> Result<Soft<()>, WireError> {
        self.exchange([request], Incoming::answer).await
    }

    /// Sends requests and reads their replies meanwhile: a daemon may want to be read from before it reads on. They must be
    /// few enough to fit its window. A daemon that has gone may have said why: what can be read is read, whatever became
    /// of writing.
    async fn exchange<'d, T, R>(
        &'d mut self,
        requests: impl IntoIterator<Item = Request>,
        read: impl FnOnce(&'d mut Incoming) -> R,
    ) -> Result<T, WireError>
    where
        R: Future<Output = Result<T, WireError>>,
    {
        let mut out = Encoder::new();
        for request in requests {
            request.encode(&mut out);
        }
        self.incoming.begin(0);
        let writer = &mut self.writer;
        let write = async {
            writer.write_all(out.bytes()).await?;
            writer.flush().await
        };
        let read = read(&mut self.incoming);
        tokio::pin!(write, read);
        tokio::select! {
            biased;
            replies = &mut read => {
                // What answers before it has read need not read at all.
                timeout(SILENCE, write).await.map_err(|_| not_taken())?.ok();
                replies
            }
            _ = &mut write => read.await,
        }
    }

    /// Gives a broken conversation up and finds out what happened.
    pub(super) async fn fail(&mut self, error: WireError) -> ServerError {
        if let WireError::Memory(what) = error {
            // It would go on sending for ever.
            self.process = None;
            return ServerError::too_large(&self.place, what);
        }
        let mut why = Why::from(error.to_string());
        if let Some((link, hold)) = self.process.take() {
            let exit = exit_of(&hold).await;
            if let Some(lost) = lost(&link, exit.as_ref()).await {
                return lost;
            }
            if let Some(said) = Why::from_stderr(&hold.stderr_tail()) {
                why = said.reworded(|line| format!("{error} ({line})"));
            }
        }
        ServerError::Daemon {
            place: self.place.clone(),
            why,
        }
    }
}

/// As much of a line of the daemon as is looked at; a path, in whatever colours, fits.
pub(super) fn beginning(line: &str) -> &str {
    const LOOKED_AT: usize = 4096;
    let end = (0..=line.len().min(LOOKED_AT))
        .rev()
        .find(|end| line.is_char_boundary(*end));
    line.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// What an answer about so many paths may take.
fn answer(what: &'static str, paths: usize) -> Budget {
    Budget::for_paths(what, most::ANSWER, most::ANSWER_PER_PATH, paths)
}

/// The daemon reads no requests.
fn not_taken() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("it took no request for {} s", SILENCE.as_secs()),
    )
}

fn too_long() -> WireError {
    WireError::Io(io::Error::new(
        io::ErrorKind::TimedOut,
        format!(
            "the store's database was locked for more than {} s",
            CHANGE.as_secs()
        ),
    ))
}

/// Whether the other end has gone, as opposed to being silent or talking nonsense.
pub(super) fn has_gone(error: &WireError) -> bool {
    match error {
        WireError::Closed => true,
        WireError::Io(error) => error.kind() != io::ErrorKind::TimedOut,
        _ => false,
    }
}

/// Why there was no handshake.
async fn no_daemon(error: &WireError, link: &Link, hold: &Hold, start: &Start) -> ServerError {
    if let WireError::Memory(what) = error {
        return ServerError::too_large(&start.place, *what);
    }
    let exit = exit_of(hold).await;
    if let Some(lost) = lost(link, exit.as_ref()).await {
        return lost;
    }
    // What a shell says of a command that it does not find, or may not run.
    if let Some(Exit::Code(126 | 127)) = exit {
        return ServerError::NoNix {
            place: start.place.clone(),
            command: start.command.first().cloned().unwrap_or_default(),
        };
    }
    let mut why = match (error, Why::from_stderr(&hold.stderr_tail())) {
        (WireError::Closed, Some(said)) => said,
        (error, Some(said)) => said.reworded(|line| format!("{error} ({line})")),
        (error, None) => error.to_string().into(),
    };
    // SQLite needs some room to open a database, and what Nix reserves for collections comes free only after that.
    if ["disk I/O error", "disk is full", "No space left"]
        .iter()
        .any(|words| why.has(words))
    {
        why = why.reworded(|line| format!("{line}; if its disk is full, take some MiB away by hand first, such as old logs, and then collect garbage"));
    }
    ServerError::Handshake {
        place: start.place.clone(),
        why,
        command: start.command.join(" "),
    }
}

/// How a process has ended, if it ends within a moment. Then its last words have arrived too.
async fn exit_of(hold: &Hold) -> Option<Exit> {
    timeout(Duration::from_secs(1), hold.exit()).await.ok()
}

/// The link's own error, if the process ended because of it.
async fn lost(link: &Link, exit: Option<&Exit>) -> Option<ServerError> {
    if exit != Some(&Exit::Lost) {
        return None;
    }
    let lost = timeout(Duration::from_secs(1), link.lost()).await.ok()?;
    Some(lost.into())
}
