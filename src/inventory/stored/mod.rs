//! An inventory as bytes, to start from what is known.
//!
//! In: an inventory, and what it is of. Out: bytes; and back, or why not. Nothing is taken from a file that is damaged, of
//! another version or of another server: every part has a checksum, every number is checked, and no part is read before
//! its length is found to be possible.
//!
//! Format, all numbers little-endian: [`MAGIC`]; then parts, each with its length, its CRC-32 and its bytes. The first part
//! is the [`Header`] as JSON, the second one whatever the store was read from wants to know again, the third one the place of each
//! row in the order by name, which may be empty; the others are [`CHUNK`] rows each (see `chunk`).

mod bytes;
mod chunk;
#[cfg(test)]
mod tests;

use super::builder::{Builder, Parts};
use super::names::{CHUNK, Names};
use super::order::NameOrder;
use super::proof::ProofKey;
use super::{Inventory, columns::Columns};
use crate::domain::When;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use thiserror::Error;

/// The first bytes of such a file, with the version of the format.
const MAGIC: &[u8; 24] = b"storekeeper inventory 4\n";

/// The longest part, in bytes: rows with more references than any store has.
const MOST: usize = 256 << 20;

/// Parts that are made or read at one time: enough for all cores, and little memory.
const AT_ONCE: usize = 8;

/// Bytes that are read at one time.
const PIECE: usize = 1 << 20;

/// What a stored inventory is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The server, as `user@host:port`.
    pub place: String,
    /// When the store was read.
    pub at: When,
    /// What it was read from was like then, in a line of its own.
    pub facts: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    stamp: Stamp,
    /// What the verdicts were made with.
    ring: Option<[u8; 32]>,
    proof_key: Option<[u8; 16]>,
    keys: Vec<String>,
    rows: u32,
    late_derivers: bool,
}

/// Why a stored inventory is of no use.
#[derive(Debug, Error)]
pub enum StoredError {
    /// The file can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It does not begin as such a file does.
    #[error("it was written by another version of storekeeper")]
    Version,
    /// It is not what was written.
    #[error("it is damaged")]
    Damaged,
}

impl Inventory {
    /// Writes all that is needed to have it again, and with it what was seen of what it was read from.
    pub fn store(&self, stamp: Stamp, seen: &[u8], mut out: impl Write) -> io::Result<()> {
        let header = Header {
            stamp,
            ring: self.ring,
            proof_key: self.proof_key.map(|key| key.0),
            keys: self.keys.names().map(str::to_owned).collect(),
            rows: self.len() as u32,
            late_derivers: self.late_derivers,
        };
        out.write_all(MAGIC)?;
        write_part(&serde_json::to_vec(&header)?, &mut out)?;
        write_part(seen, &mut out)?;
        let ranks = self.order.known().unwrap_or_default();
        let ranks: Vec<u8> = ranks.iter().flat_map(|rank| rank.to_le_bytes()).collect();
        write_part(&ranks, &mut out)?;
        let chunks: Vec<usize> = (0..self.len().div_ceil(CHUNK)).collect();
        for some in chunks.chunks(AT_ONCE) {
            let parts: Vec<Vec<u8>> = some
                .par_iter()
                .map(|chunk| chunk::encode(self, *chunk))
                .collect();
            for part in parts {
                write_part(&part, &mut out)?;
            }
        }
        out.flush()
    }

    /// Reads what [`Inventory::store`] has written.
    pub fn restore(mut from: impl Read) -> Result<Restored, StoredError> {
        let header = read_header(&mut from)?;
        let seen = read_part(&mut from)?;
        let ranks = read_part(&mut from)?;
        let rows = header.rows as usize;
        let mut names = Names::with_capacity(rows.min(1 << 20));
        let mut columns = Columns::new();
        let mut left = rows;
        while left > 0 {
            let mut parts = Vec::with_capacity(AT_ONCE);
            while left > 0 && parts.len() < AT_ONCE {
                let count = left.min(CHUNK);
                parts.push((count, read_part(&mut from)?));
                left -= count;
            }
            let decoded: Option<Vec<_>> = parts
                .par_iter()
                .map(|(count, part)| chunk::decode(part, *count, &header))
                .collect();
            for chunk in decoded.ok_or(StoredError::Damaged)? {
                if !names.share(&chunk.bases) {
                    return Err(StoredError::Damaged);
                }
                columns.push(chunk.columns);
            }
        }
        columns.count(|row| super::is_derivation(names.base(row)));
        let parts = Parts {
            names,
            columns,
            order: order(&ranks, rows).ok_or(StoredError::Damaged)?,
            keys: header.keys,
            ring: header.ring,
            proof_key: header.proof_key.map(ProofKey),
            late_derivers: header.late_derivers,
        };
        let builder = Builder::from_parts(parts);
        builder.check().map_err(|_| StoredError::Damaged)?;
        Ok(Restored {
            stamp: header.stamp,
            seen,
            inventory: builder.finish(),
        })
    }
}

/// What was stored.
#[derive(Debug)]
pub struct Restored {
    /// What it is of.
    pub stamp: Stamp,
    /// What was seen of what it was read from.
    pub seen: Vec<u8>,
    pub inventory: Inventory,
}

/// What a stored inventory is of, without reading it.
pub fn stamp(mut from: impl Read) -> Result<Stamp, StoredError> {
    read_header(&mut from).map(|header| header.stamp)
}

fn read_header(from: &mut impl Read) -> Result<Header, StoredError> {
    let mut magic = [0; MAGIC.len()];
    from.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(StoredError::Version);
    }
    serde_json::from_slice(&read_part(from)?).map_err(|_| StoredError::Damaged)
}

/// The order that these bytes tell: a place for each row, or for none.
fn order(ranks: &[u8], rows: usize) -> Option<NameOrder> {
    let (ranks, []) = ranks.as_chunks() else {
        return None;
    };
    if ranks.is_empty() {
        return Some(NameOrder::default());
    }
    let ranks: Vec<u32> = ranks.iter().map(|rank| u32::from_le_bytes(*rank)).collect();
    let mut taken = vec![false; rows];
    let each_once = ranks.iter().all(|rank| {
        let place = taken.get_mut(*rank as usize);
        place.is_some_and(|place| !std::mem::replace(place, true))
    });
    (ranks.len() == rows && each_once).then(|| NameOrder::of(ranks))
}

fn write_part(part: &[u8], out: &mut impl Write) -> io::Result<()> {
    let length = u32::try_from(part.len())
        .ok()
        .filter(|length| *length as usize <= MOST)
        .ok_or(io::ErrorKind::FileTooLarge)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&crc32fast::hash(part).to_le_bytes())?;
    out.write_all(part)
}

fn read_part(from: &mut impl Read) -> Result<Vec<u8>, StoredError> {
    let mut head = [0; 8];
    from.read_exact(&mut head)?;
    let [a, b, c, d, crc @ ..] = head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MOST {
        return Err(StoredError::Damaged);
    }
    let mut part = Vec::new();
    // Grows with what is there, not with what the file says; and by no more than that.
    while part.len() < length {
        let piece = (length - part.len()).min(PIECE);
        part.reserve_exact(piece);
        if from.by_ref().take(piece as u64).read_to_end(&mut part)? < piece {
            break;
        }
    }
    if part.len() != length || crc32fast::hash(&part) != u32::from_le_bytes(crc) {
        return Err(StoredError::Damaged);
    }
    Ok(part)
}
