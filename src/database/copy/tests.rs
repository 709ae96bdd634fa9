//! Copies from streams that are whole, packed, changed meanwhile, cut off or no copies at all.

use super::*;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::fs;

/// One answer of a script that is not there: what comes before the word, and what after it.
struct Part {
    before: Vec<u8>,
    after: Vec<u8>,
}

/// A stream in parts, each of which waits for a word; once, what comes from the place `slow` on takes a while.
struct Script {
    parts: VecDeque<Part>,
    words: std::sync::mpsc::Receiver<Word>,
    now: Vec<u8>,
    at: usize,
    slow: Option<usize>,
}

impl Read for Script {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?;
        let count = got.len().min(into.len());
        into[..count].copy_from_slice(&got[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Script {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.now.len() {
            self.at = 0;
            self.now = match (self.words.try_recv(), self.parts.front_mut()) {
                (Ok(Word::Again), _) => {
                    self.parts.pop_front();
                    let part = self.parts.front_mut();
                    part.map(|part| std::mem::take(&mut part.before))
                        .unwrap_or_default()
                }
                (Ok(_), Some(part)) => std::mem::take(&mut part.after),
                (Err(_), Some(part)) => std::mem::take(&mut part.before),
                _ => Vec::new(),
            };
        }
        let mut end = self.now.len().min(self.at + (64 << 10));
        match self.slow {
            Some(place) if self.at < place => end = end.min(place),
            Some(_) => {
                self.slow = None;
                std::thread::sleep(Duration::from_millis(150));
            }
            None => {}
        }
        Ok(&self.now[self.at..end])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

fn line(size: usize, log: usize, time: u64, packers: &str) -> String {
    format!(
        "storekeeper-database schema=10 inode=7 size={size} modified={time}.4 log={log} salts=37 journal=0 clock=9.9 packers={packers}\n"
    )
}

/// The answers of a script whose database is this, and what its time is at the end.
fn part(database: &[u8], log: &[u8], packers: &str, end: u64, pack: fn(&[u8]) -> Vec<u8>) -> Part {
    let (first, rest) = database.split_at(Word::first(database.len() as u64) as usize);
    let before = [
        line(database.len(), log.len(), 1, packers).as_bytes(),
        first,
    ]
    .concat();
    let end = line(database.len(), log.len(), end, packers);
    let after = pack(&[rest, log, end.as_bytes()].concat());
    Part { before, after }
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

struct Got {
    result: Result<(), String>,
    words: Vec<Word>,
    files: [Option<Vec<u8>>; 2],
}

fn take(parts: Vec<Part>, slow: bool) -> Got {
    take_from(parts, slow.then_some(LINE as usize))
}

fn take_from(parts: Vec<Part>, slow: Option<usize>) -> Got {
    let cache = tempfile::tempdir().unwrap();
    let mut held = Held::new(Folder::new(cache.path()).unwrap());
    let (say, words) = std::sync::mpsc::channel();
    let mut script = Script {
        parts: parts.into(),
        words,
        now: Vec::new(),
        at: 0,
        slow,
    };
    let mut said = Vec::new();
    let result = receive(
        &mut script,
        |word| {
            said.push(word);
            say.send(word).map_err(io::Error::other)
        },
        &mut held,
        None,
    );
    let file = |name| fs::read(held.database().with_file_name(name)).ok();
    Got {
        result: result.map(|_| ()).map_err(|why| why.to_string()),
        words: said,
        files: [Folder::DATABASE, Folder::LOG].map(file),
    }
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251 + at / 7919) as u8).collect()
}

#[test]
fn the_copy_is_what_was_sent() {
    for (size, log) in [
        (4096, 0),
        (4096, 5000),
        (3 << 20, 5000),
        (1 << 20, 0),
        (1, 1),
    ] {
        let (database, log) = (bytes(size), bytes(log));
        let got = take(vec![part(&database, &log, "gzip,zstd,", 1, plain)], false);
        assert_eq!(got.result, Ok(()));
        assert_eq!(got.words, [Word::Raw]);
        assert_eq!(got.files[0].as_deref(), Some(&database[..]));
        assert_eq!(got.files[1].clone().unwrap_or_default(), log);
    }
}

#[test]
fn what_a_login_shell_prints_comes_before_it() {
    let mut one = part(&bytes(9000), b"", "", 1, plain);
    one.before = [b"Welcome!\nstorekeeper-data\n\n".to_vec(), one.before].concat();
    assert_eq!(take(vec![one], false).result, Ok(()));
    let endless = Part {
        before: b"Welcome!\n".repeat(10_000),
        after: Vec::new(),
    };
    let why = take(vec![endless], false).result.unwrap_err();
    assert!(why.contains("something else"), "{why}");
}

#[test]
fn a_slow_way_is_packed() {
    let database = bytes(8 << 20);
    for (packers, word, pack) in [
        ("gzip,zstd,", Word::Zstd, zstd as fn(&[u8]) -> Vec<u8>),
        ("gzip,", Word::Gzip, gzip),
        ("", Word::Raw, plain),
    ] {
        let got = take(vec![part(&database, b"log", packers, 1, pack)], true);
        assert_eq!((got.result, got.words), (Ok(()), vec![word]));
        assert_eq!(got.files[0].as_deref(), Some(&database[..]));
        assert_eq!(got.files[1].as_deref(), Some(&b"log"[..]));
        // A copy that was changed meanwhile is read to its end all the same, and the next one is taken.
        let parts = vec![
            part(&database, b"log", packers, 2, pack),
            // Where there is no packer, however fast the way is by then.
            part(&database, b"", "", 1, plain),
        ];
        let got = take(parts, true);
        assert_eq!(got.result, Ok(()));
        assert_eq!(got.words[..2], [word, Word::Again]);
        assert_eq!(got.files[1], None);
    }
}

#[test]
fn a_sender_that_takes_a_while_to_begin_is_no_slow_way() {
    let one = part(&bytes(8 << 20), b"", "zstd,", 1, plain);
    let line = one.before.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let got = take_from(vec![one], Some(line));
    assert_eq!((got.result, got.words), (Ok(()), vec![Word::Raw]));
}

#[test]
fn the_first_part_grows_with_the_database_and_ends_with_a_block() {
    for (size, first) in [
        (0, 0),
        (5000, 5000),
        (64 << 20, 1 << 20),
        (65 << 20, 1 << 20),
        (68 << 20, 17 << 16),
        ((900 << 20) + 1, 225 << 16),
    ] {
        assert_eq!(Word::first(size), first, "{size}");
    }
}

#[test]
fn packed_damage_is_refused() {
    let database = bytes(8 << 20);
    for (packers, pack) in [("zstd,", zstd as fn(&[u8]) -> Vec<u8>), ("gzip,", gzip)] {
        let whole = part(&database, b"log", packers, 1, pack).after;
        for cut in [0, 3, whole.len() / 2, whole.len() - 2] {
            let mut one = part(&database, b"log", packers, 1, pack);
            one.after.truncate(cut);
            assert!(take(vec![one], true).result.is_err(), "{packers} {cut}");
        }
        let mut longer = part(&database, b"log", packers, 1, plain);
        longer.after = pack(&[longer.after, b"more".to_vec()].concat());
        assert!(take(vec![longer], true).result.is_err());
    }
}

#[test]
fn a_database_that_changes_all_the_time_is_given_up() {
    let changed = || part(&bytes(9000), b"", "", 2, plain);
    let got = take((0..9).map(|_| changed()).collect(), false);
    let why = got.result.unwrap_err();
    assert!(why.contains("changes all the time"), "{why}");
    assert_eq!(
        got.words.iter().filter(|word| **word == Word::Raw).count(),
        TRIES
    );
    // One that was only just written to is looked at anew, and not copied.
    let fresh = || {
        let mut one = part(&bytes(9000), b"", "", 1, plain);
        let text = String::from_utf8_lossy(&one.before[..200]).replace("clock=9.9", "clock=1.41");
        one.before.splice(..200, text.bytes());
        one
    };
    let mut parts: Vec<Part> = (0..3).map(|_| fresh()).collect();
    parts.push(part(&bytes(9000), b"", "", 1, plain));
    let got = take(parts, false);
    assert_eq!(got.result, Ok(()));
    assert_eq!(
        got.words,
        [Word::Again, Word::Again, Word::Again, Word::Raw]
    );
    let got = take((0..50).map(|_| fresh()).collect(), false);
    assert!(got.result.is_err() && got.words.len() < LOOKS);
}

#[test]
fn reasons_come_through_and_sizes_are_limited() {
    for (line, word) in [
        (
            "storekeeper-database problem=rights\n".to_owned(),
            "may not read",
        ),
        (line(1 << 33, 0, 1, ""), "at most"),
        (
            line(9, 0, 1, "").replace("schema=10", "schema=9"),
            "schema 9",
        ),
        (String::new(), "broke off"),
    ] {
        let one = Part {
            before: line.into_bytes(),
            after: Vec::new(),
        };
        let why = take(vec![one], false).result.unwrap_err();
        assert!(why.contains(word), "{why}");
    }
}

proptest! {
    #[test]
    fn no_stream_makes_it_panic(start in "[ -~\n]{0,60}", rest in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..600) {
        let mut one = part(&bytes(200), b"12", "", 1, plain);
        one.before.truncate(cut);
        one.before = [start.into_bytes(), one.before, rest.clone()].concat();
        one.after = rest;
        let _ = take(vec![one], false);
    }
}
