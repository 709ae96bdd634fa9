//! An audit log that is read again and again.
//!
//! In: what one reading brings. Out: the same events as if all of the log had been read, of which only what was appended since the
//! reading before has come over the link. The server's word for how far that one had read goes back as an argument: the file, its
//! size, a checksum of what stands before its end, and how many parts there are. Where it does not hold any more, all of it comes.
//!
//! What was read is kept as it came, so that the whole chain is checked each time, with the copy and the journal as they are then.
//! A change of a line that was read before is not seen by a reading that goes on, only by one from the beginning.

use super::read::{Heard, LogEvent, ReadLog};

/// Bytes of a log that are kept. A longer one is read whole each time.
const MOST: usize = 8 << 20;

/// What of a log was read.
#[derive(Debug, Default)]
pub struct Followed {
    /// The server's word for how far; `None` where nothing is kept.
    at: Option<String>,
    files: Vec<File>,
    bytes: usize,
    /// It was more than is kept.
    over: bool,
}

#[derive(Debug)]
struct File {
    name: String,
    live: bool,
    bytes: Vec<u8>,
}

impl Followed {
    /// The word to give back, which holds for one reading.
    pub(super) fn take_word(&mut self) -> Option<String> {
        self.at.take()
    }

    /// Takes what a reading brings, which goes on from the one before where the server says so.
    pub(super) fn hear(&mut self, before: &mut Self, heard: Heard<'_>, sink: ReadLog<'_>) {
        match heard {
            Heard::Position(word) => self.at = Some(word.to_owned()),
            Heard::GoesOn => {
                (self.files, self.bytes) = (std::mem::take(&mut before.files), before.bytes);
                for file in self.files.iter().filter(|file| !file.live) {
                    file.tell(sink);
                }
            }
            Heard::Event(event) => {
                match &event {
                    LogEvent::File { live: true, .. } if self.live().is_some() => {
                        if let Some(file) = self.live() {
                            file.tell(sink);
                        }
                        return;
                    }
                    LogEvent::File { name, live } => self.files.push(File {
                        name: (*name).to_owned(),
                        live: *live,
                        bytes: Vec::new(),
                    }),
                    LogEvent::Bytes(bytes) => self.keep(bytes),
                    _ => {}
                }
                sink(event);
            }
        }
    }

    /// What was read to its end, to be gone on with.
    pub(super) fn whole(self) -> Self {
        if self.over { Self::default() } else { self }
    }

    fn live(&self) -> Option<&File> {
        self.files.last().filter(|file| file.live)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.over |= self.bytes > MOST;
        match self.files.last_mut() {
            Some(file) if !self.over => file.bytes.extend_from_slice(bytes),
            _ => self
                .files
                .iter_mut()
                .for_each(|file| file.bytes = Vec::new()),
        }
    }
}

impl File {
    fn tell(&self, sink: ReadLog<'_>) {
        sink(LogEvent::File {
            name: &self.name,
            live: self.live,
        });
        sink(LogEvent::Bytes(&self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn file(name: &str, live: bool) -> Heard<'_> {
        Heard::Event(LogEvent::File { name, live })
    }

    fn bytes(bytes: &str) -> Heard<'_> {
        Heard::Event(LogEvent::Bytes(bytes.as_bytes()))
    }

    /// One reading, as text.
    fn read(followed: &mut Followed, heard: Vec<Heard<'_>>) -> String {
        let mut text = String::new();
        let mut now = Followed::default();
        let mut sink = |event: LogEvent<'_>| match event {
            LogEvent::File { name, live } => write!(text, "[{name} {live}]").unwrap(),
            LogEvent::Bytes(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
            other => panic!("{other:?}"),
        };
        followed.take_word();
        for heard in heard {
            now.hear(followed, heard, &mut sink);
        }
        *followed = now.whole();
        text
    }

    #[test]
    fn what_was_read_is_told_again_before_what_is_new() {
        let mut followed = Followed::default();
        let first = vec![
            Heard::Position("7:9 3 x 1"),
            file("a-000001.jsonl", false),
            bytes("old"),
            file("a.jsonl", true),
            bytes("one"),
        ];
        let whole = "[a-000001.jsonl false]old[a.jsonl true]one";
        assert_eq!(read(&mut followed, first), whole);
        for (new, all) in [("", "one"), ("two", "onetwo"), ("three", "onetwothree")] {
            let more = vec![
                Heard::Position("7:9 6 x 1"),
                Heard::GoesOn,
                file("a.jsonl", true),
                bytes(new),
            ];
            let reported = read(&mut followed, more);
            assert_eq!(
                reported,
                format!("[a-000001.jsonl false]old[a.jsonl true]{all}")
            );
        }
        let anew = vec![
            Heard::Position("7:9 1 x 1"),
            file("a.jsonl", true),
            bytes("n"),
        ];
        assert_eq!(read(&mut followed, anew), "[a.jsonl true]n");
        assert_eq!(followed.take_word().as_deref(), Some("7:9 1 x 1"));
        assert_eq!(followed.take_word(), None);
    }

    #[test]
    fn a_log_that_is_too_long_is_told_whole_and_not_kept() {
        let mut followed = Followed::default();
        let long = "x".repeat(MOST / 2 + 1);
        let reading = || {
            vec![
                Heard::Position("7:9 3 x 1"),
                file("a", true),
                bytes(&long),
                bytes(&long),
            ]
        };
        for _ in 0..2 {
            assert_eq!(
                read(&mut followed, reading()).len(),
                2 * long.len() + "[a true]".len()
            );
            assert_eq!(
                (followed.bytes, followed.files.len(), followed.take_word()),
                (0, 0, None)
            );
        }
    }
}
