//! The rows of one part.
//!
//! In: the rows of an inventory, or bytes whose checksum is right. Out: bytes, or columns; `None` for what no inventory
//! has. In this order, for all rows of the part: the length of each base name and all names; state, trust class and whether
//! it is ultimate; NAR size; time of registration; NAR hash; proof; row of the deriver; then as lists the name of a deriver without
//! a row (see `deriver`), references, signatures, and the note.

use super::Header;
use super::bytes::{Reader, Writer};
use crate::domain::path_list::BaseNames;
use crate::domain::store_path::{HASH_CHARS, check_base_name};
use crate::domain::{TrustClass, Verdict};
use crate::inventory::columns::{Chunk, Lists, Signed, State};
use crate::inventory::deriver;
use crate::inventory::names::{CHUNK, NO_ROW};
use crate::inventory::{Inventory, Row};
use std::sync::Arc;

const STATES: [State; 5] = [
    State::Unread,
    State::Valid,
    State::Unreadable,
    State::Gone,
    State::Unlisted,
];

const VERDICTS: [Verdict; 4] = [
    Verdict::Valid,
    Verdict::Bad,
    Verdict::UnknownKey,
    Verdict::UnknownAlgorithm,
];

/// The number of no trust class.
const NO_CLASS: u8 = TrustClass::ALL.len() as u8;

/// Rows that were read.
pub(super) struct Decoded {
    /// Their base names, all well-formed.
    pub(super) bases: Arc<BaseNames>,
    /// Their values.
    pub(super) columns: Chunk,
}

fn code<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter()
        .position(|other| other == one)
        .unwrap_or(all.len()) as u8
}

/// The rows of a chunk as bytes.
pub(super) fn encode(inventory: &Inventory, chunk: usize) -> Vec<u8> {
    let first = chunk * CHUNK;
    let rows = first..inventory.len().min(first + CHUNK);
    let columns = inventory.columns.at(first as Row).0;
    let all = || rows.clone().map(|row| row - first);
    let mut out = Writer::default();
    let bases = rows
        .clone()
        .map(|row| inventory.base_name(row as Row).as_bytes());
    out.lists(bases, |byte| [byte]);
    out.numbers(all().map(|at| {
        [
            code(&STATES, &columns.state[at]),
            columns.trust[at].map_or(NO_CLASS, |class| code(&TrustClass::ALL, &class)),
            u8::from(columns.ultimate[at]),
        ]
    }));
    out.numbers(all().map(|at| columns.nar_size[at].to_le_bytes()));
    out.numbers(all().map(|at| columns.registered[at].to_le_bytes()));
    out.numbers(all().map(|at| columns.nar_hash[at]));
    out.numbers(all().map(|at| columns.proof[at].to_le_bytes()));
    out.numbers(all().map(|at| columns.deriver[at].to_le_bytes()));
    out.lists(all().map(|at| columns.deriver_name.get(at)), |byte| [byte]);
    out.lists(all().map(|at| columns.references.get(at)), Row::to_le_bytes);
    out.lists(
        all().map(|at| columns.signatures.get(at)),
        |signed: Signed| {
            let [low, high] = signed.key.to_le_bytes();
            [low, high, code(&VERDICTS, &signed.verdict)]
        },
    );
    out.lists(all().map(|at| columns.note.get(at)), |byte| [byte]);
    out.0
}

/// So many rows.
pub(super) fn decode(part: &[u8], count: usize, header: &Header) -> Option<Decoded> {
    let mut from = Reader(part);
    let (ends, text) = from.lists::<1>(count)?;
    let text = String::from_utf8(text.as_flattened().to_vec()).ok()?;
    let bases = Arc::new(BaseNames::from_parts(text, ends)?);
    let is_row = |row: &Row| *row == NO_ROW || *row < header.rows;
    let mut columns = Chunk::new();
    for (at, [state, class, ultimate]) in from.numbers(count)?.iter().enumerate() {
        columns.state[at] = *STATES.get(usize::from(*state))?;
        columns.trust[at] = match *class {
            NO_CLASS => None,
            class => Some(*TrustClass::ALL.get(usize::from(class))?),
        };
        columns.ultimate[at] = *ultimate == 1;
        // A class is what a path that was read has, and no other.
        if columns.trust[at].is_some() != (columns.state[at] == State::Valid) {
            return None;
        }
    }
    fill(
        &mut columns.nar_size,
        from.numbers(count)?,
        u64::from_le_bytes,
    );
    fill(
        &mut columns.registered,
        from.numbers(count)?,
        u32::from_le_bytes,
    );
    fill(&mut columns.nar_hash, from.numbers(count)?, |hash| hash);
    fill(
        &mut columns.proof,
        from.numbers(count)?,
        u128::from_le_bytes,
    );
    fill(
        &mut columns.deriver,
        from.numbers(count)?,
        Row::from_le_bytes,
    );
    let (deriver_ends, derivers) = from.lists::<1>(count)?;
    columns.deriver_name = Lists::from_parts(derivers.as_flattened().to_vec(), deriver_ends);
    let (reference_ends, references) = from.lists(count)?;
    let references: Vec<Row> = references
        .iter()
        .map(|row| Row::from_le_bytes(*row))
        .collect();
    let (signature_ends, signatures) = from.lists::<3>(count)?;
    let signatures: Option<Vec<Signed>> =
        signatures.iter().map(|one| signed(*one, header)).collect();
    let (note_ends, note) = from.lists::<1>(count)?;
    let known = columns.deriver[..count].iter().all(is_row)
        && references.iter().all(|row| *row < header.rows)
        && from.0.is_empty();
    columns.references = Lists::from_parts(references, reference_ends);
    columns.signatures = Lists::from_parts(signatures?, signature_ends);
    columns.note = Lists::from_parts(note.as_flattened().to_vec(), note_ends);
    let texts = |lists: &Lists<u8>| (0..count).all(|at| str::from_utf8(lists.get(at)).is_ok());
    let decoded = Decoded { bases, columns };
    let whole = known
        && decoded
            .bases
            .iter()
            .all(|base| check_base_name(base).is_ok())
        && texts(&decoded.columns.note)
        && decoded.bases.iter().enumerate().all(|(at, base)| {
            let own = base.get(HASH_CHARS + 1..).unwrap_or_default();
            deriver::is_well_formed(own, decoded.columns.deriver_name.get(at))
        });
    whole.then_some(decoded)
}

fn signed([low, high, verdict]: [u8; 3], header: &Header) -> Option<Signed> {
    let key = u16::from_le_bytes([low, high]);
    let named = key == u16::MAX || usize::from(key) < header.keys.len();
    Some(Signed {
        key,
        verdict: *VERDICTS.get(usize::from(verdict))?,
    })
    .filter(|_| named)
}

fn fill<T, const N: usize>(column: &mut [T], bytes: &[[u8; N]], read: impl Fn([u8; N]) -> T) {
    for (value, bytes) in column.iter_mut().zip(bytes) {
        *value = read(*bytes);
    }
}
