//! An audit log that is read again and again.
//!
//! In: what one reading brings. Out: the same events as if all of the log had been read, of which only what was appended since the
//! reading before has come over the link. The server's word for how far that one had read goes back as an argument: the file, its
//! size, a checksum of what stands before its end, and how many parts there are. Where it does not hold any more, all of it comes.
//!
//! What was read is kept, packed, so that the whole chain is checked each time, with the copy and the journal as they are then.
//! A change of a line that was read before is not seen by a reading that goes on, only by one from the beginning.

use super::read::{Heard, LogEvent, ReadLog};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::io::{Read as _, Write as _};

/// Bytes of a log that are kept, packed: some ten times as many as they came. A longer one is read whole each time.
const MOST: usize = 8 << 20;

/// Bytes that are unpacked at a time.
const PIECE: usize = 64 << 10;

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
    packed: DeflateEncoder<Vec<u8>>,
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
                for file in self.files.iter_mut().filter(|file| !file.live) {
                    file.replay(sink);
                }
            }
            Heard::Event(event) => {
                match &event {
                    LogEvent::File { live: true, .. } if self.live().is_some() => {
                        if let Some(file) = self.live() {
                            file.replay(sink);
                        }
                        return;
                    }
                    LogEvent::File { name, live } => self.files.push(File {
                        name: (*name).to_owned(),
                        live: *live,
                        packed: DeflateEncoder::new(Vec::new(), Compression::fast()),
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

    fn live(&mut self) -> Option<&mut File> {
        self.files.last_mut().filter(|file| file.live)
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(file) = self.files.last_mut().filter(|_| !self.over) {
            let before = file.packed.get_ref().len();
            self.over = file.packed.write_all(bytes).is_err();
            self.bytes += file.packed.get_ref().len() - before;
        }
        self.over |= self.bytes > MOST;
        if self.over {
            self.files = Vec::new();
        }
    }
}

impl File {
    fn replay(&mut self, sink: ReadLog<'_>) {
        sink(LogEvent::File {
            name: &self.name,
            live: self.live,
        });
        // What was written last can be unpacked only then.
        let flushed = self.packed.flush();
        let mut unpacked = DeflateDecoder::new(self.packed.get_ref().as_slice());
        let mut piece = vec![0; PIECE];
        while let (Ok(()), Ok(count @ 1..)) = (&flushed, unpacked.read(&mut piece)) {
            sink(LogEvent::Bytes(&piece[..count]));
        }
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
    fn a_long_log_is_kept_and_one_that_is_too_long_told_whole() {
        let mut followed = Followed::default();
        let records = "{\"schema\":1,\"what\":\"sign\"}\n".repeat(MOST / 10);
        let mut noise = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (noise >> 56) as u8
        })
        .take(MOST + PIECE)
        .collect();
        let mut reading = |bytes: &[u8]| {
            let mut now = Followed::default();
            let mut heard = 0;
            let mut sink = |event: LogEvent<'_>| {
                if let LogEvent::Bytes(bytes) = event {
                    heard += bytes.len();
                }
            };
            for heard in [
                Heard::Position("7:9 3 x 1"),
                file("a", true),
                Heard::Event(LogEvent::Bytes(bytes)),
            ] {
                now.hear(&mut followed, heard, &mut sink);
            }
            followed = now.whole();
            (
                heard == bytes.len(),
                followed.files.len(),
                followed.take_word().is_some(),
            )
        };
        assert!(records.len() > 2 * MOST);
        assert_eq!(reading(records.as_bytes()), (true, 1, true));
        assert_eq!(reading(&noise), (true, 0, false));
    }
}
