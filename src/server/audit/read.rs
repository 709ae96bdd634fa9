//! The audit log as a stream: what the journal has of it, then its parts in order.
//!
//! In: the output of a script, in chunks of any size. Out: [`LogEvent`]s, in bounded memory whatever lies there. What the
//! files hold can't pass for anything else: each comes with its size in front.

use super::super::error::{ServerError, Why};
use super::super::script::{self, BEGIN, END, why};
use super::super::{Inner, Server};
use super::follow::Followed;
use crate::domain::text::visible;
use crate::link::{Command, LinkError, Output};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

/// Time for all of it, and for the next bytes to come.
const TIME: Duration = Duration::from_secs(900);
const SILENCE: Duration = Duration::from_secs(90);

/// The newest records that the journal is asked for. Each has 64 KiB at most there.
const FROM_JOURNAL: usize = 200;

/// Bytes of the server's word for how far the log was read.
const MOST_WORD: usize = 200;

/// Bytes of a line between the files that are kept; a longer record of the journal is cut off here.
const MOST_LINE: usize = 128 << 10;

/// What lies on the server, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum LogEvent<'a> {
    /// A file of the log begins; `live` is the one that is written to, and the last.
    File {
        /// Its name, without its folder.
        name: &'a str,
        /// Whether records are appended to it.
        live: bool,
    },
    /// The next bytes of that file.
    Bytes(&'a [u8]),
    /// A file beside the log whose name begins like its own, as other programs leave when they rotate it.
    Other(&'a str),
    /// A record in the journal, newest first. It may be cut off.
    Entry(&'a [u8]),
    /// What could be read of the journal.
    Journal(JournalState),
    /// A signature over a line of the log, oldest first.
    Signed(&'a [u8]),
}

/// What could be read of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalState {
    /// The server has none.
    None,
    /// It is empty, or this login may not read it.
    Unreadable,
    /// Its newest records of this log were read.
    Read,
    /// Reading it ended with an error.
    Failed,
}

/// What the script writes: events, and how far the log was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// An event.
    Event(LogEvent<'a>),
    /// The word for how far the log is read by this.
    Position(&'a str),
    /// What follows are no parts, and of the log only what was appended since it was read to the word that was given.
    GoesOn,
}

/// Receives all of it.
type Hear<'a> = &'a mut (dyn FnMut(Heard<'_>) + Send);

/// Receives the events.
pub type ReadLog<'a> = &'a mut (dyn FnMut(LogEvent<'_>) + Send);

impl Server {
    /// Streams the whole log as it lies on the server now, without holding up who writes; what was read of it before does not come
    /// over the link again. After an error nothing is left of `followed`.
    pub async fn follow_audit(
        &self,
        followed: &mut Followed,
        sink: ReadLog<'_>,
    ) -> Result<(), ServerError> {
        let word = followed.take_word();
        let mut now = Followed::default();
        let mut hear = |heard: Heard<'_>| now.hear(followed, heard, sink);
        self.stream_audit(word.as_deref(), &mut hear).await?;
        *followed = now.whole();
        Ok(())
    }

    async fn stream_audit(&self, from: Option<&str>, sink: Hear<'_>) -> Result<(), ServerError> {
        let Inner {
            spec, link, start, ..
        } = &*self.inner;
        let command = Command::script(script::AUDIT_READ)
            .arg(&spec.audit_log)
            .arg(FROM_JOURNAL.to_string())
            .arg(from.unwrap_or_default())
            .sudo(start.sudo);
        let failed = |why: Why| ServerError::Script {
            place: start.place.clone(),
            what: "read the audit log",
            why,
            next: "check audit_log for this server, and that this login may read it",
        };
        let slow = |_| LinkError::Timeout {
            place: start.place.clone(),
            what: "read the audit log",
            seconds: SILENCE.as_secs(),
        };
        let mut frames = Frames::default();
        let mut process = link.start(&command).await?;
        let stream = async {
            let mut buffer = vec![0; 64 << 10];
            loop {
                let read = timeout(SILENCE, process.stdout.read(&mut buffer));
                let read = read.await.map_err(slow)?;
                let read = read.map_err(|error| LinkError::Lost {
                    place: start.place.clone(),
                    why: error.to_string(),
                })?;
                let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                    return Ok::<(), ServerError>(());
                };
                if let Err(why) = frames.push(bytes, sink) {
                    return Err(failed(why.into()));
                }
            }
        };
        timeout(TIME, stream).await.map_err(slow)??;
        let exit = timeout(SILENCE, process.hold.exit()).await.map_err(slow)?;
        if exit.success() && frames.ended() {
            return Ok(());
        }
        Err(failed(why(&Output {
            stdout: Vec::new(),
            stderr: process.stderr_tail(),
            exit,
        })))
    }
}

/// Where the stream is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the script's first line.
    #[default]
    Before,
    /// At lines of the script.
    Lines,
    /// In a file, with so many bytes to come.
    File(u64),
    /// At the newline behind a file.
    Behind,
    /// Behind the script's last line.
    Ended,
}

/// Takes the script's output apart.
#[derive(Debug, Default)]
struct Frames {
    at: At,
    line: Vec<u8>,
    failed: bool,
}

/// A file was shorter than it was a moment before.
const SHRUNK: &str = "a file of it became shorter while it was read; try again";

impl Frames {
    fn ended(&self) -> bool {
        self.at == At::Ended
    }

    fn push(&mut self, mut bytes: &[u8], sink: Hear<'_>) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            match self.at {
                At::Ended => return Ok(()),
                At::File(left) => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (now, rest) = bytes.split_at(take);
                    sink(Heard::Event(LogEvent::Bytes(now)));
                    bytes = rest;
                    let left = left - take as u64;
                    self.at = if left == 0 {
                        At::Behind
                    } else {
                        At::File(left)
                    };
                }
                At::Behind => {
                    if bytes.first() != Some(&b'\n') {
                        return Err(SHRUNK);
                    }
                    bytes = bytes.get(1..).unwrap_or_default();
                    self.at = At::Lines;
                }
                At::Before | At::Lines => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let now = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
                    let room = MOST_LINE.saturating_sub(self.line.len());
                    self.line.extend(now.iter().take(room));
                    bytes = bytes.get(now.len()..).unwrap_or_default();
                    if end.is_some() {
                        bytes = bytes.get(1..).unwrap_or_default();
                        let line = std::mem::take(&mut self.line);
                        self.whole_line(&line, sink)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn whole_line(&mut self, line: &[u8], sink: Hear<'_>) -> Result<(), &'static str> {
        if self.at == At::Before {
            if line == BEGIN.as_bytes() {
                self.at = At::Lines;
            }
            return Ok(());
        }
        if let Some(entry) = line.strip_prefix(b"record=") {
            if entry == b"storekeeper-failed" {
                self.failed = true;
            } else {
                sink(Heard::Event(LogEvent::Entry(entry)));
            }
            return Ok(());
        }
        if let Some(signature) = line.strip_prefix(b"signed=") {
            sink(Heard::Event(LogEvent::Signed(signature)));
            return Ok(());
        }
        let line = String::from_utf8_lossy(line);
        // Only a file that became shorter can bring anything else here.
        let (name, value) = line.split_once('=').ok_or(SHRUNK)?;
        match name {
            "part" | "log" => {
                let (size, name_of) = value.split_once(' ').ok_or(SHRUNK)?;
                let size = size.parse().map_err(|_| SHRUNK)?;
                sink(Heard::Event(LogEvent::File {
                    name: &visible(name_of),
                    live: name == "log",
                }));
                self.at = if size == 0 {
                    At::Behind
                } else {
                    At::File(size)
                };
            }
            "other" => sink(Heard::Event(LogEvent::Other(&visible(value)))),
            "journal" => sink(Heard::Event(LogEvent::Journal(match value {
                "none" => JournalState::None,
                "read" if self.failed => JournalState::Failed,
                "read" => JournalState::Read,
                _ => JournalState::Unreadable,
            }))),
            "at" => {
                if is_word(value) {
                    sink(Heard::Position(value));
                }
            }
            "again" => sink(Heard::GoesOn),
            END => self.at = At::Ended,
            _ => return Err(SHRUNK),
        }
        Ok(())
    }
}

/// Whether the script has written such a word: device and inode, a size, a checksum, a number of parts.
fn is_word(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_digit() || b": -".contains(&byte);
    word.len() <= MOST_WORD && word.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reported(output: &[u8], chunk: usize) -> Result<(Vec<String>, bool), &'static str> {
        let mut frames = Frames::default();
        let mut reported: Vec<String> = Vec::new();
        for bytes in output.chunks(chunk) {
            frames.push(bytes, &mut |heard| match heard {
                Heard::Position(word) => reported.push(format!("at {word}")),
                Heard::GoesOn => reported.push("goes on".to_owned()),
                Heard::Event(event) => match event {
                    LogEvent::Bytes(bytes) => match reported.last_mut() {
                        Some(last) if last.starts_with("bytes ") => {
                            last.push_str(&String::from_utf8_lossy(bytes));
                        }
                        _ => reported.push(format!("bytes {}", String::from_utf8_lossy(bytes))),
                    },
                    LogEvent::Entry(entry) => {
                        reported.push(format!("entry {}", String::from_utf8_lossy(entry)));
                    }
                    LogEvent::File { name, live } => reported.push(format!("file {name} {live}")),
                    LogEvent::Signed(line) => reported.push(format!("signed {}", line.len())),
                    LogEvent::Other(name) => reported.push(format!("other {name}")),
                    LogEvent::Journal(state) => reported.push(format!("{state:?}")),
                },
            })?;
        }
        Ok((reported, frames.ended()))
    }

    #[test]
    fn files_entries_and_the_end() {
        let output = b"Welcome\nstorekeeper-answer\nother=a.jsonl.1\nat=7:9 0 4-5 1\nagain=\nat=$(x)\npart=11 a-000001.jsonl\none\nend=\nx\n\nlog=0 a.jsonl\n\nrecord={a=b}\njournal=read\nend=\n";
        for chunk in [1, 3, 1000] {
            let (reported, ended) = reported(output, chunk).unwrap();
            assert!(ended);
            assert_eq!(
                reported,
                [
                    "other a.jsonl.1",
                    "at 7:9 0 4-5 1",
                    "goes on",
                    "file a-000001.jsonl false",
                    "bytes one\nend=\nx\n",
                    "file a.jsonl true",
                    "entry {a=b}",
                    "Read"
                ]
            );
        }
        let failed = b"storekeeper-answer\nrecord=storekeeper-failed\njournal=read\nend=\n";
        assert_eq!(reported(failed, 5).unwrap().0, ["Failed"]);
    }

    #[test]
    fn what_is_cut_off_is_no_log() {
        let whole = b"storekeeper-answer\nlog=3 a\nabc\njournal=none\nend=\n";
        for length in 0..whole.len() - 1 {
            assert!(reported(&whole[..length], 7).is_ok_and(|(_, ended)| !ended));
        }
        // It shrank meanwhile.
        let short = b"storekeeper-answer\nlog=30 a\nabc\njournal=none\nend=\n";
        assert!(reported(short, 7).map_or(true, |(_, ended)| !ended));
        let short = b"storekeeper-answer\nlog=5 a\nabc\njournal=none\nend=\n";
        assert_eq!(reported(short, 7), Err(SHRUNK));
    }

    proptest! {
        #[test]
        fn never_panics(output in prop::collection::vec(any::<u8>(), 0..200), chunk in 1_usize..50) {
            let all = [b"storekeeper-answer\n".as_slice(), &output].concat();
            let _ = reported(&all, chunk);
        }
    }
}
