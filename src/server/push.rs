//! Copies closures into the store of a server with this machine's own `nix copy`.
//!
//! In: a token, paths, and the store that they come from. Out: what Nix says on the way, or why it could not. Nix talks to a socket
//! in a private folder here, and each of its conversations goes on over a connection of this program to a daemon on the server. So it
//! comes in exactly as everything else does (keys, jumps, sudo, the daemon's command), and it needs no ssh of its own. The
//! store address is `unix://` (`nix help-stores`, Local Daemon Store), which every Nix since 2.4 knows.

use super::Server;
use super::daemon::{Daemon, Queue, Start};
use super::error::{ServerError, Why};
use super::script;
use super::store::{self, InfoReply};
use crate::change::token::Token;
use crate::domain::StorePath;
use crate::domain::text::plain;
use crate::link::{Command, Limits, Link, LinkError, NoPrompter, Place, Process, Prompter};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Bytes of one line of Nix that are read, and of all lines that are kept to find the error in.
const MOST_LINE: u64 = 16 << 10;
const MOST_SAID: usize = 64 << 10;

/// How often the bytes that were sent are reported.
const PACE: Duration = Duration::from_millis(500);

/// Lines that wait to be looked at.
const WAITING: usize = 64;

/// Paths that one `nix copy` is given.
const AT_A_TIME: usize = 500;

/// Room and time for a short command here: somebody's build waits for it.
const SHORT: Limits = Limits {
    output: 64 << 10,
    time: Duration::from_secs(15),
};

/// What is reported while it copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushEvent {
    /// The copying of this path begins.
    Copying(StorePath),
    /// So many bytes have gone to the server.
    Sent(u64),
}

/// Called for each event as it happens.
pub type OnPush<'a> = &'a mut (dyn FnMut(PushEvent) + Send);

/// A store that paths are pushed from: this machine's, or another that its Nix can open.
#[derive(Debug, Clone)]
pub struct Origin {
    link: Link,
    start: Start,
}

impl Origin {
    /// Opens it through this machine's Nix; without an address, the store that Nix itself takes.
    pub async fn open(address: Option<&str>) -> Result<Self, ServerError> {
        let mut command = vec!["nix-daemon".to_owned(), "--stdio".to_owned()];
        if let Some(address) = address {
            command.extend(["--store".to_owned(), address.to_owned()]);
        }
        Ok(Self {
            link: here().await?,
            start: Start {
                command,
                sudo: false,
                place: address.unwrap_or("this machine").to_owned(),
            },
        })
    }

    /// What it knows of these paths, in their order.
    pub async fn path_infos(&self, paths: &[StorePath]) -> Result<Vec<InfoReply>, ServerError> {
        let daemon = Daemon::open(&self.link, &self.start).await?;
        let queue = Queue::new(paths.iter().cloned().collect());
        let asked = store::ask_all(&self.link, &self.start, daemon, &queue, None).await?;
        Ok(asked.replies)
    }

    /// How it is called in messages.
    pub fn place(&self) -> &str {
        &self.start.place
    }
}

/// Keeps paths of this machine from being collected for as long as these links are there: the first is `link`, the next `link-2`.
pub async fn keep_here(link: &Path, paths: &[StorePath]) -> Result<(), ServerError> {
    const WHAT: &str = "keep the paths from being collected";
    let named = link.to_str();
    let named = named.ok_or_else(|| refused(WHAT, "the name of its folder is not UTF-8".into()))?;
    let command = Command::script(script::ROOT)
        .arg(named)
        .args(paths.iter().map(ToString::to_string));
    quickly(&command, WHAT).await.map(drop)
}

/// The outputs of a derivation of this machine, for Nix 2.8, whose hooks do not say what was built.
pub async fn outputs_here(derivation: &StorePath) -> Result<Vec<StorePath>, ServerError> {
    let command = Command::script(script::OUTPUTS).arg(derivation.to_string());
    let said = quickly(&command, "say what the derivation makes").await?;
    Ok(said
        .lines()
        .filter_map(|line| StorePath::parse(line).ok())
        .collect())
}

/// What a short command of this machine's Nix prints.
async fn quickly(command: &Command, what: &'static str) -> Result<String, ServerError> {
    let output = here().await?.run(command, b"", SHORT).await?;
    if output.exit.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = Why::from_stderr(&output.stderr);
    Err(refused(
        what,
        why.unwrap_or_else(|| "Nix did not say why".into()),
    ))
}

fn refused(what: &'static str, why: Why) -> ServerError {
    ServerError::Script {
        place: "this machine".to_owned(),
        what,
        why,
        next: "check that Nix here can be used by this user",
    }
}

/// A link to this machine.
async fn here() -> Result<Link, ServerError> {
    let nobody: Arc<dyn Prompter> = Arc::new(NoPrompter);
    Ok(Link::open(&Place::Local, &nobody).await?)
}

/// What the conversations of one copy share.
#[derive(Debug, Default)]
struct Shared {
    /// Bytes to the server.
    sent: AtomicU64,
    /// Why the server's side of a conversation ended before Nix's did.
    ended: Mutex<Option<String>>,
}

impl Shared {
    fn ended(&self) -> Option<String> {
        let ended = self.ended.lock();
        ended.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn end(&self, why: String) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.get_or_insert(why);
    }
}

impl Server {
    /// Copies these paths, with all that they need, from the store with this address, by default Nix's own on this machine. What is there
    /// already is not copied, so it may be done again. A lost link is [`ServerError::Link`]. Dropping the future stops it.
    pub async fn push(
        &self,
        _: &Token,
        from: Option<&str>,
        paths: &[StorePath],
        on: OnPush<'_>,
    ) -> Result<(), ServerError> {
        for some in paths.chunks(AT_A_TIME) {
            self.push_some(from, some, on).await?;
        }
        Ok(())
    }

    async fn push_some(
        &self,
        from: Option<&str>,
        paths: &[StorePath],
        on: OnPush<'_>,
    ) -> Result<(), ServerError> {
        let start = &self.inner.start;
        let failed = |why: String| not_copied(why.into());
        let bulk = self.bulk_link().await?;
        let folder = tempfile::Builder::new()
            .prefix("storekeeper-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(beside(&std::env::temp_dir()))
            .map_err(|error| failed(format!("no folder for its socket: {error}")))?;
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).map_err(|error| {
            failed(format!("no socket in {}: {error}", folder.path().display()))
        })?;
        let command = Command::script(script::COPY)
            .arg(from.unwrap_or_default())
            .arg(format!("unix://{}", socket.display()))
            .args(paths.iter().map(ToString::to_string));
        let nix = here().await?.start(&command).await?;
        let shared = Arc::new(Shared::default());
        let mut talks = JoinSet::new();
        let (sink, mut said_lines) = mpsc::channel(WAITING);
        let _reading = AbortOnDropHandle::new(tokio::spawn(lines(nix.stdout, sink)));
        let mut pace = tokio::time::interval(PACE);
        let mut said = String::new();
        let mut sent = 0;
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        talks.spawn(talk(bulk.clone(), start.clone(), stream, Arc::clone(&shared)));
                    }
                }
                line = said_lines.recv() => {
                    let Some(line) = line else { break };
                    if let Some(path) = copied(&line) {
                        on(PushEvent::Copying(path));
                    }
                    if said.len() + line.len() < MOST_SAID {
                        said.push_str(&line);
                        said.push('\n');
                    }
                }
                _ = pace.tick() => {
                    let now = shared.sent.load(Ordering::Relaxed);
                    if now != sent {
                        sent = now;
                        on(PushEvent::Sent(sent));
                    }
                }
            }
        }
        let exit = nix.hold.exit().await;
        talks.abort_all();
        if exit.success() {
            on(PushEvent::Sent(shared.sent.load(Ordering::Relaxed)));
            return Ok(());
        }
        let ended = shared.ended();
        if ended.is_some() || bulk.round_trip().await.is_err() {
            // The next call opens another.
            *self.inner.bulk.lock().await = None;
        }
        if let Err(error) = bulk.round_trip().await {
            return Err(error.into());
        }
        let why = Why::from_stderr(&said).unwrap_or_else(|| "it did not say why".into());
        // The daemon's end explains what Nix only sees as the end of a stream.
        Err(match ended {
            Some(ended)
                if why.has("end-of-file") || why.has("closed") || why.has("Broken pipe") =>
            {
                LinkError::Lost {
                    place: start.place.clone(),
                    why: ended,
                }
                .into()
            }
            _ => not_copied(why),
        })
    }
}

/// Where the socket's folder is made: the temporary folder, unless an address can't have its name. A socket's name has 108 bytes at most
/// (unix(7)), and releases of Nix differ in what they decode of an address.
fn beside(temporary: &Path) -> &Path {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let bytes = temporary.as_os_str().as_encoded_bytes();
    if bytes.len() < 80 && bytes.starts_with(b"/") && bytes.iter().all(plain) {
        temporary
    } else {
        Path::new("/tmp")
    }
}

fn not_copied(why: Why) -> ServerError {
    ServerError::Script {
        place: "Nix on this machine".to_owned(),
        what: "copy the paths",
        why,
        next: "fix that and push again: what is there already is not copied again",
    }
}

/// Carries one conversation of Nix to a daemon on the server.
async fn talk(link: Link, start: Start, stream: UnixStream, shared: Arc<Shared>) {
    let command = Command::script(script::DAEMON)
        .args(start.command.iter().cloned())
        .sudo(start.sudo);
    let Process {
        stdin,
        mut stdout,
        hold,
    } = match link.start(&command).await {
        Ok(process) => process,
        Err(error) => return shared.end(error.to_string()),
    };
    let (mut from_nix, mut to_nix) = stream.into_split();
    let up = async {
        let Some(mut stdin) = stdin else { return };
        let mut buffer = vec![0; 64 << 10];
        while let Ok(got @ 1..) = from_nix.read(&mut buffer).await {
            let piece = buffer.get(..got).unwrap_or_default();
            if stdin.write_all(piece).await.is_err() || stdin.flush().await.is_err() {
                // The other direction knows why.
                return std::future::pending().await;
            }
            shared.sent.fetch_add(got as u64, Ordering::Relaxed);
        }
    };
    let down = tokio::io::copy(&mut stdout, &mut to_nix);
    tokio::select! {
        // Nix has had all its answers.
        () = up => {}
        ended = down => {
            let said = Why::from_stderr(&hold.stderr_tail());
            shared.end(match (said, ended) {
                (Some(said), _) => said.to_string(),
                (None, Err(error)) => error.to_string(),
                (None, Ok(_)) => "its daemon ended".to_owned(),
            });
            let _ = to_nix.shutdown().await;
        }
    }
}

/// Passes the lines of a program on, fit to be shown, each cut off where it is too long.
async fn lines(reader: impl AsyncRead + Unpin, sink: mpsc::Sender<String>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut most = (&mut reader).take(MOST_LINE);
        let Ok(1..) = most.read_until(b'\n', &mut line).await else {
            return;
        };
        let text = plain(&String::from_utf8_lossy(&line));
        if sink.send(text).await.is_err() {
            return;
        }
    }
}

/// The path that a line of `nix copy` is about: `copying path '/nix/store/…' to 'unix://…'...`, the same in Nix 2.8 to 2.34.
fn copied(line: &str) -> Option<StorePath> {
    let rest = line.strip_prefix("copying path ")?;
    let path = rest.trim_start_matches(['\'', '"']);
    StorePath::parse(path.split(['\'', '"', ' ']).next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_info::tests::vector;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let path = vector().path;
        for line in [
            format!("copying path '{path}' to 'unix:///tmp/s'..."),
            format!("copying path '{path}' from 'local' to 'unix:///tmp/s'..."),
            format!("copying path \"{path}\""),
        ] {
            assert_eq!(copied(&line), Some(path.clone()), "{line}");
        }
        for line in ["copying 3 paths...", "copying path '/etc'", "error: x", ""] {
            assert_eq!(copied(line), None);
        }
    }

    #[test]
    fn where_the_socket_is() {
        let long = format!("/{}", "x".repeat(90));
        for (folder, expected) in [
            ("/run/user/1000", "/run/user/1000"),
            ("/a b", "/tmp"),
            ("relative", "/tmp"),
            ("/a?b", "/tmp"),
            (&long, "/tmp"),
        ] {
            assert_eq!(beside(Path::new(folder)), Path::new(expected));
        }
    }

    proptest! {
        #[test]
        fn never_panics(line in "(copying path )?['\"]?(/nix/store/)?.{0,60}") {
            let _ = copied(&line);
        }
    }
}
