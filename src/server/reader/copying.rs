//! Takes a copy of the database over a link.
//!
//! In: a link, the folder of caches, and what there is of the database already. Out: the copy, or that it would say nothing new,
//! or why there is none. The stream is read here, with limits on waiting; what it means is worked out on a thread of its own,
//! which also writes it down.

use super::super::daemon::{Pace, Patience, READING, Waits};
use super::super::error::Why;
use super::super::{Spec, script};
use crate::database::{
    Facts, Folder, Held, Received, Removal, Saved, Stopped, Word, receive, save,
};
use crate::domain::file_name;
use crate::link::{BoxedReader, BoxedWriter, Command, Link, Process};
use futures_util::FutureExt as _;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

/// Bytes that are read from the stream at one time.
const PIECE: usize = 256 << 10;

/// Pieces that may wait to be written down.
const AHEAD: usize = 8;

/// What has to come: a copy of a gigabyte that comes more slowly is nobody's in a day.
const WAITS: Waits = Waits {
    pace: Some(Pace {
        window: Duration::from_secs(60),
        least: 256 << 10,
    }),
    ..READING
};

/// A copy of the database. Its files go with it.
pub(in crate::server) struct Copy {
    pub(super) held: Box<Held>,
    pub(super) removal: Removal,
}

/// Under which name a copy of a server's database is kept, if anything is.
pub(in crate::server) fn kept_as(spec: &Spec) -> Option<String> {
    let place = || file_name::of(&spec.place.describe());
    spec.kept.is_some().then(place)
}

impl Copy {
    /// Leaves it for the next process that reads this server.
    pub(in crate::server) fn keep(&self, name: &str) {
        self.held.keep(name);
    }

    /// Saves it as a file. Blocks.
    pub(in crate::server) fn save(mut self, to: &Path) -> Result<Saved, Stopped> {
        save(&mut self.held, to)
    }
}

/// What there is of the database already.
#[derive(Default)]
pub(in crate::server) struct Before {
    /// What it was like when it was read.
    pub(in crate::server) known: Option<Facts>,
    /// A copy that may be brought up to date.
    pub(in crate::server) copy: Option<Copy>,
}

/// What has become of it.
pub(super) enum Copied {
    /// There is a copy of the database as it is.
    Copy(Copy, Facts),
    /// It is as it is known. An older copy stays what it is.
    Same(Facts, Option<Copy>),
}

/// Takes a copy, or brings one up to date, if the database is not as it is known.
pub(super) async fn copy(
    link: &Link,
    nix_command: &str,
    sudo: bool,
    cache: PathBuf,
    kept_as: Option<String>,
    Before { known, copy }: Before,
) -> Result<Copied, String> {
    let broken = |why: &dyn std::fmt::Display| format!("its database can't be copied: {why}");
    let (mut held, removal) = if let Some(Copy { held, removal }) = copy {
        (held, removal)
    } else {
        let made = tokio::task::spawn_blocking(move || {
            let kept = kept_as.and_then(|name| Held::take_over(&cache, &name));
            kept.map_or_else(|| Folder::new(&cache).map(Held::new), Ok)
        });
        let made = made.await.map_err(|why| broken(&why))?;
        let held = made.map_err(|why| format!("there is no room for its copy here: {why}"))?;
        let removal = held.folder().removal();
        (Box::new(held), removal)
    };
    let had = held.is_copy();
    let mut command = Command::script(script::DATABASE)
        .arg(nix_command)
        .sudo(sudo);
    if held.asks(known.as_ref()) {
        command = command.arg("ask");
    }
    let process = link.start(&command).await.map_err(|why| broken(&why))?;
    let Process {
        stdin,
        stdout,
        hold,
    } = process;
    let stdin = stdin.unwrap_or_else(|| Box::new(tokio::io::sink()));
    let (pieces, mut taken) = mpsc::channel(AHEAD);
    let (words, spoken) = mpsc::channel(1);
    let asked = known.clone();
    let write = tokio::task::spawn_blocking(move || {
        let say = |word| words.blocking_send(word).map_err(|_| broken_pipe());
        match receive(&mut Pieces::new(&mut taken), say, &mut held, asked.as_ref()) {
            Ok(received) => Ok((received, held)),
            Err(why) => Err((why.to_string(), why.broke_off)),
        }
    });
    let pump = pump(stdout, stdin, pieces, spoken);
    let (written, ()) = tokio::join!(write, pump);
    match written {
        Ok(Ok((received, held))) => {
            let copy = Copy { held, removal };
            match (received, known) {
                (Received::Held(facts), _) => Ok(Copied::Copy(copy, facts)),
                (Received::Same, Some(known)) => Ok(Copied::Same(known, had.then_some(copy))),
                (Received::Same, None) => Err(broken(&"it is like nothing that is known")),
            }
        }
        Ok(Err((why, broke_off))) => Err(match Why::from_stderr(&hold.stderr_tail()) {
            Some(said) if broke_off => format!("{why} ({said})"),
            _ => why,
        }),
        Err(error) => Err(broken(&error)),
    }
}

fn broken_pipe() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

type Piece = io::Result<Vec<u8>>;

/// Carries pieces there and words back, until nobody takes pieces any more.
async fn pump(
    stdout: BoxedReader,
    mut stdin: BoxedWriter,
    pieces: mpsc::Sender<Piece>,
    mut words: mpsc::Receiver<Word>,
) {
    let mut stdout = Patience::new(stdout, WAITS);
    stdout.begin(WAITS.pace);
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        tokio::select! {
            read = stdout.read_buf(&mut piece) => {
                let mut read = read;
                // What has come besides goes with it: packets are small.
                while matches!(read, Ok(1..)) && piece.len() < PIECE {
                    match stdout.read_buf(&mut piece).now_or_never() {
                        Some(more) => read = more,
                        None => break,
                    }
                }
                if !piece.is_empty() {
                    let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE));
                    if pieces.send(Ok(full)).await.is_err() {
                        return;
                    }
                }
                match read {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) => {
                        let _ = pieces.send(Err(error)).await;
                        return;
                    }
                }
            }
            word = words.recv() => {
                let Some(word) = word else {
                    return;
                };
                stdout.begin(WAITS.pace);
                let said = async {
                    stdin.write_all(word.line().as_bytes()).await?;
                    stdin.flush().await
                };
                if let Err(error) = said.await {
                    let _ = pieces.send(Err(error)).await;
                    return;
                }
            }
        }
    }
}

/// The pieces as one stream.
struct Pieces<'p> {
    from: &'p mut mpsc::Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
}

impl<'p> Pieces<'p> {
    fn new(from: &'p mut mpsc::Receiver<Piece>) -> Self {
        Self {
            from,
            piece: Vec::new(),
            at: 0,
        }
    }
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.piece.len() {
            self.at = 0;
            self.piece = self.from.blocking_recv().transpose()?.unwrap_or_default();
        }
        Ok(&self.piece[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.piece.len());
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?;
        let count = got.len().min(into.len());
        into[..count].copy_from_slice(&got[..count]);
        self.consume(count);
        Ok(count)
    }
}
