//! What Nix makes of a row of `ValidPaths`.
//!
//! In: a row's columns and the paths that it refers to. Out: the same [`PathInfo`] as the daemon's answer about it gives, or the
//! word that the daemon is to be asked. Source: `LocalStore::queryPathInfoInternal` in `src/libstore/local-store.cc` of Nix.
//!
//! Numbers are read as Nix reads them: NULL is 0, and what is below 0 wraps. Of texts, only the forms that every release writes
//! and reads alike are taken.

use crate::domain::budget::most;
use crate::domain::{ContentAddress, NarHash, PathInfo, Signature, StorePath, When};
use rusqlite::types::ValueRef;

/// The columns of a row, in the order in which [`read`] takes them.
pub(super) const COLUMNS: &str =
    "hash, registrationTime, deriver, narSize, ultimate, sigs, ca, path";

/// The place of the path among them, and that of the number, where it comes behind them.
pub(super) const PATH: usize = 7;
pub(super) const ID: usize = 8;

/// More signatures are no real path's.
const SIGNATURES: usize = 256;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// As the daemon would answer.
    Plain(PathInfo),
    /// Something about it is unusual: what it means, the daemon has to say.
    Odd(StorePath),
}

/// Reads a row. The columns may fail, as those of a damaged page do: then the row is odd.
pub(super) fn read<'r>(
    path: &StorePath,
    column: impl Fn(usize) -> rusqlite::Result<ValueRef<'r>>,
    references: Vec<StorePath>,
) -> Row {
    match plain(path, column, references) {
        Some(info) if info.memory() <= most::INFO => Row::Plain(info),
        _ => Row::Odd(path.clone()),
    }
}

fn plain<'r>(
    path: &StorePath,
    column: impl Fn(usize) -> rusqlite::Result<ValueRef<'r>>,
    mut references: Vec<StorePath>,
) -> Option<PathInfo> {
    let column = |at| column(at).ok();
    let nar_hash = hash(text(column(0)?)?)?;
    let registered = number(column(1)?)?;
    let deriver = match column(2)? {
        ValueRef::Null => None,
        deriver => Some(StorePath::parse(text(deriver)?).ok()?),
    };
    let nar_size = number(column(3)?)?;
    let ultimate = number(column(4)?)? == 1;
    let signatures = signatures(text(column(5)?)?)?;
    let content_address = match text(column(6)?)? {
        "" => None,
        address => Some(content_address(address)?),
    };
    references.sort_unstable();
    Some(PathInfo {
        path: path.clone(),
        deriver,
        nar_hash,
        // As on the wire, where both are sent without a sign.
        nar_size: nar_size.cast_unsigned(),
        references,
        registered: When::from_unix(if registered < 0 { i64::MAX } else { registered }),
        ultimate,
        signatures,
        content_address,
    })
}

/// A text; NULL is an empty one.
fn text(value: ValueRef<'_>) -> Option<&str> {
    match value {
        ValueRef::Null => Some(""),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// A whole number; NULL is 0.
fn number(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Null => Some(0),
        ValueRef::Integer(number) => Some(number),
        _ => None,
    }
}

/// `sha256:` and 64 lower-case hexadecimal digits.
fn hash(text: &str) -> Option<NarHash> {
    let hash = NarHash::from_hex(text.strip_prefix("sha256:")?)?;
    Some(hash)
}

/// Signatures between blanks, each once, in order. Newer releases stop at a malformed one, older ones pass it on.
fn signatures(text: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if found.len() == SIGNATURES || Signature::parse(word).ok()?.to_string() != word {
            return None;
        }
        found.push(word.to_owned());
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// A content address with its hash in base-32, as Nix writes it whatever form it reads.
fn content_address(text: &str) -> Option<String> {
    ContentAddress::parse(text)?;
    let (_, digits) = text.rsplit_once(':')?;
    let lengths = [16, 20, 32, 64].map(crate::domain::nix32::encoded_len);
    let is_base_32 = digits
        .bytes()
        .all(|byte| crate::domain::nix32::digit(byte).is_some());
    (is_base_32 && lengths.contains(&digits.len())).then(|| text.to_owned())
}

/// The hash as the column has it.
#[cfg(test)]
pub(super) fn stored_hash(hash: NarHash) -> String {
    format!("sha256:{}", hash.to_hex())
}
