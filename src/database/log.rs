//! How far a copy of a write-ahead log goes.
//!
//! In: the log's bytes. Out: the place behind the last transaction that is whole, from which on more of it is to be copied; what
//! lies behind it may have been half written when it was copied. Source: the WAL format in SQLite's `fileformat2.html`, section 4.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes of the log's header, and of a frame's.
const HEADER: usize = 32;
const FRAME: usize = 24;

/// The log's first four bytes; the last bit says that sums go by big-endian words.
const MAGIC: u32 = 0x377f_0682;

/// The largest page.
const LARGEST: u32 = 65_536;

/// The place behind a transaction, with what is needed to go on from there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct End {
    /// Bytes from the beginning of the log; 0 where it has no header yet.
    pub(super) at: u64,
    /// The end of the last frame that is whole, whether its transaction is or not.
    pub(super) read: u64,
    sums: (u32, u32),
    page: u32,
    big_endian: bool,
    salts: [u8; 8],
}

impl End {
    /// The end of all that is whole, found from here on.
    pub(super) fn advance(self, log: &mut (impl Read + Seek)) -> io::Result<Self> {
        let mut end = if self.at == 0 {
            log.seek(SeekFrom::Start(0))?;
            match beginning(log)? {
                Some(end) => end,
                None => return Ok(Self::default()),
            }
        } else {
            log.seek(SeekFrom::Start(self.at))?;
            self
        };
        end.read = end.at;
        let mut sums = end.sums;
        let mut frame = vec![0; FRAME + end.page as usize];
        while fill(log, &mut frame)? {
            let (header, page) = frame.split_at(FRAME);
            if header[8..16] != end.salts {
                break;
            }
            sums = add(sums, &header[..8], end.big_endian);
            sums = add(sums, page, end.big_endian);
            if sums != (number(&header[16..]), number(&header[20..])) {
                break;
            }
            end.read += frame.len() as u64;
            // The frame that ends a transaction tells how many pages the database has then.
            if number(&header[4..]) != 0 {
                (end.at, end.sums) = (end.read, sums);
            }
        }
        Ok(end)
    }

    /// Bytes of a frame with its page.
    pub(super) fn frame(self) -> u64 {
        FRAME as u64 + u64::from(self.page)
    }
}

/// The place behind the header, if there is one.
fn beginning(log: &mut impl Read) -> io::Result<Option<End>> {
    let mut header = [0; HEADER];
    if !fill(log, &mut header)? {
        return Ok(None);
    }
    let big_endian = number(&header) & 1 == 1;
    let page = number(&header[8..]);
    let sums = add((0, 0), &header[..FRAME], big_endian);
    let whole = number(&header) & !1 == MAGIC
        && sums == (number(&header[24..]), number(&header[28..]))
        && page.is_power_of_two()
        && (512..=LARGEST).contains(&page);
    let mut salts = [0; 8];
    salts.copy_from_slice(&header[16..24]);
    Ok(whole.then_some(End {
        at: HEADER as u64,
        read: HEADER as u64,
        sums,
        page,
        big_endian,
        salts,
    }))
}

/// Whether there was as much.
fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(into) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        other => other.map(|()| true),
    }
}

/// The big-endian number at the beginning.
fn number(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// Goes on with the sums over these bytes.
fn add((mut one, mut two): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let word = |bytes: [u8; 4]| {
        if big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    };
    for [a, b, c, d, e, f, g, h] in bytes.as_chunks().0 {
        one = one.wrapping_add(word([*a, *b, *c, *d])).wrapping_add(two);
        two = two.wrapping_add(word([*e, *f, *g, *h])).wrapping_add(one);
    }
    (one, two)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{database, info, register, state};
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Each transaction of SQLite's ends where it is found to end, also when the log is cut anywhere and goes on from there.
        #[test]
        fn ends_are_those_of_the_transactions(sizes in prop::collection::vec(1_u64..40, 1..8), cut in any::<prop::sample::Index>(), junk in any::<u8>()) {
            let folder = tempfile::tempdir().unwrap();
            let mut connection = state(folder.path(), true);
            connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
            let log = database(folder.path()).with_file_name("db.sqlite-wal");
            let mut ends = Vec::new();
            let mut next = 0;
            for size in sizes {
                let infos: Vec<_> = (next..next + size).map(|at| info(at, &[at])).collect();
                next += size;
                register(&mut connection, &infos);
                ends.push(std::fs::metadata(&log).unwrap().len());
            }
            let mut bytes = std::fs::read(&log).unwrap();
            let end = End::default().advance(&mut Cursor::new(&bytes)).unwrap();
            prop_assert_eq!((end.at, end.read), (bytes.len() as u64, bytes.len() as u64));
            let cut = cut.index(bytes.len());
            let some = End::default().advance(&mut Cursor::new(&bytes[..cut])).unwrap();
            prop_assert!(some.at <= some.read && some.read <= cut as u64);
            let reached = ends.iter().rfind(|end| **end <= cut as u64);
            prop_assert!(some.at >= reached.copied().unwrap_or_default());
            prop_assert!(some.at <= HEADER as u64 || ends.contains(&some.at) || some.at < ends[0]);
            prop_assert_eq!(some.advance(&mut Cursor::new(&bytes)).unwrap(), end);
            bytes[cut] ^= junk;
            let damaged = End::default().advance(&mut Cursor::new(&bytes)).unwrap();
            prop_assert!(junk == 0 || damaged.at <= cut as u64);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let _ = End::default().advance(&mut Cursor::new(bytes));
        }
    }
}
