//! Takes a copy of the database over a link.
//!
//! In: a link, and the folder of caches. Out: the folder with the copy and what removes it, or why there is none. The stream is read here, with
//! limits on waiting; what it means is worked out on a thread of its own, which also writes it down.

use super::super::daemon::{Pace, Patience, READING, Waits};
use super::super::error::Why;
use super::super::script;
use crate::database::{Folder, Removal, Word, receive};
use crate::link::{BoxedReader, BoxedWriter, Command, Link, Process};
use futures_util::FutureExt as _;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
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

/// Takes a copy.
pub(super) async fn copy(
    link: &Link,
    nix_command: &str,
    sudo: bool,
    cache: PathBuf,
) -> Result<(Folder, Removal), String> {
    let command = Command::script(script::DATABASE)
        .arg(nix_command)
        .sudo(sudo);
    let broken = |why: &dyn std::fmt::Display| format!("its database can't be copied: {why}");
    let process = link.start(&command).await.map_err(|why| broken(&why))?;
    let Process {
        stdin,
        stdout,
        hold,
    } = process;
    let stdin = stdin.unwrap_or_else(|| Box::new(tokio::io::sink()));
    let (pieces, mut taken) = mpsc::channel(AHEAD);
    let (words, spoken) = mpsc::channel(1);
    let made = tokio::task::spawn_blocking(move || Folder::new(&cache)).await;
    let folder = match made {
        Ok(Ok(folder)) => folder,
        Ok(Err(error)) => return Err(format!("there is no room for its copy here: {error}")),
        Err(error) => return Err(broken(&error)),
    };
    let removal = folder.removal();
    let write = tokio::task::spawn_blocking(move || {
        let say = |word| words.blocking_send(word).map_err(|_| broken_pipe());
        match receive(&mut Pieces::new(&mut taken), say, &folder) {
            Ok(_) => Ok(folder),
            Err(why) => Err((why.to_string(), why.broke_off)),
        }
    });
    let pump = pump(stdout, stdin, pieces, spoken);
    let (written, ()) = tokio::join!(write, pump);
    match written {
        Ok(Ok(folder)) => Ok((folder, removal)),
        Ok(Err((why, broke_off))) => Err(match Why::said(&hold.stderr_tail()) {
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
