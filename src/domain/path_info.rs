//! What the store's database knows of one valid path, and the fingerprint that signatures are made over.
//!
//! In: the fields of a `QueryPathInfo` reply. Out: [`PathInfo`], its fingerprint bytes.
//! Source: `ValidPathInfo::fingerprint` in `src/libstore/path-info.cc` of Nix.

use super::budget::{entry, heap};
use super::store_path::STORE_DIR;
use super::{ContentAddress, Signature, StorePath, When, nix32};
use std::fmt;

/// The SHA-256 of a path's NAR serialisation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NarHash(pub [u8; 32]);

impl NarHash {
    /// Reads 64 lower-case hexadecimal digits, the form on the wire.
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// 52 digits of Nix's base-32.
    pub fn to_nix32(self) -> String {
        nix32::encode(&self.0)
    }
}

impl fmt::Debug for NarHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.to_nix32())
    }
}

/// The bytes of a SHA-256 from 64 lower-case hexadecimal digits.
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    let value = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut out = [0; 32];
    for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        *slot = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(out)
}

/// Lower-case hexadecimal digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// One valid path as the store's database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathInfo {
    pub path: StorePath,
    /// The derivation that it was built by, which need not be here.
    pub deriver: Option<StorePath>,
    pub nar_hash: NarHash,
    /// Size of its NAR in bytes; 0 means that the store does not know it.
    pub nar_size: u64,
    /// What it refers to, itself included where it does, sorted.
    pub references: Vec<StorePath>,
    /// When it became valid here, which for a cache is the upload.
    pub registered: When,
    /// Built by this very store, which therefore needs no signature for it. Clients do not take this over.
    pub ultimate: bool,
    /// Signatures as stored, `name:base64`, sorted; what is stored need not be well-formed.
    pub signatures: Vec<String>,
    /// The content address as stored, if any.
    pub content_address: Option<String>,
}

impl PathInfo {
    /// Bytes of memory that it takes; texts that it shares with others count in full.
    pub fn memory(&self) -> u64 {
        let path = |path: &StorePath| heap(16 + path.base_name().len());
        let text = |text: &String| heap(text.len());
        let references = self.references.iter();
        let signatures = self.signatures.iter();
        size_of::<Self>() as u64
            + path(&self.path)
            + self.deriver.as_ref().map_or(0, path)
            + references
                .map(|one| entry::<StorePath>() + path(one))
                .sum::<u64>()
            + signatures
                .map(|one| entry::<String>() + text(one))
                .sum::<u64>()
            + self.content_address.as_ref().map_or(0, text)
    }

    /// The bytes that a signature of this path signs, or `None` where Nix defines none (unknown NAR size).
    pub fn fingerprint(&self) -> Option<Vec<u8>> {
        if self.nar_size == 0 {
            return None;
        }
        let mut references: Vec<&StorePath> = self.references.iter().collect();
        references.sort_unstable();
        references.dedup();
        let mut text = format!(
            "1;{};sha256:{};{};",
            self.path,
            self.nar_hash.to_nix32(),
            self.nar_size
        );
        // Once for each signature of a store: one text that grows, not one for each reference.
        text.reserve(references.len() * 80);
        for (number, reference) in references.into_iter().enumerate() {
            if number > 0 {
                text.push(',');
            }
            text.push_str(STORE_DIR);
            text.push('/');
            text.push_str(reference.base_name());
        }
        Some(text.into_bytes())
    }

    /// Whether the content address is true, so that no client asks for a signature.
    pub fn is_content_addressed(&self) -> bool {
        self.content_address
            .as_deref()
            .and_then(ContentAddress::parse)
            .and_then(|address| address.store_path(self.path.name(), &self.references, &self.path))
            .is_some_and(|path| path == self.path)
    }

    /// Whether it claims a content address that belongs to another path. Whatever signs it, clients give up on such a
    /// path: Nix from 2.24 on when it computes the path; before that when the contents do not have that hash, or when the
    /// path that follows from it is another one.
    pub fn has_false_address(&self) -> bool {
        let claims = self
            .content_address
            .as_deref()
            .and_then(ContentAddress::parse);
        claims.is_some() && !self.is_content_addressed()
    }
}

/// A path and a signature to add to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPath {
    pub path: StorePath,
    pub signature: Signature,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The measured vector, made with `nix store sign` 2.8.0.
    pub(crate) fn vector() -> PathInfo {
        let path = |text: &str| StorePath::parse(text).unwrap();
        PathInfo {
            path: path("/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0"),
            deriver: None,
            nar_hash: NarHash::from_hex(
                "9bc95b2ec9d317d0c9a29cbeefee205822e1a563c4f964e53ece3a3ef6ba576a",
            )
            .unwrap(),
            nar_size: 226_560,
            references: vec![
                path("/nix/store/z3wmkz8ndfgfl8bvfnkqzcdmd0fr8pfa-aaa-0.1"),
                path("/nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-demo-lib-2.3"),
                path("/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0"),
            ],
            registered: When::from_unix(1_700_000_000),
            ultimate: false,
            signatures: vec![],
            content_address: None,
        }
    }

    #[test]
    fn fingerprint_of_the_vector() {
        let expected = "1;/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0;\
            sha256:0sjppbv3wfnf7vjn9yf4cfjy28jq43pfzglwlb4x05ykr4p5pjcv;226560;\
            /nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-demo-lib-2.3,\
            /nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0,\
            /nix/store/z3wmkz8ndfgfl8bvfnkqzcdmd0fr8pfa-aaa-0.1";
        assert_eq!(vector().fingerprint().unwrap(), expected.as_bytes());
    }

    #[test]
    fn no_fingerprint_without_a_size() {
        let info = PathInfo {
            nar_size: 0,
            ..vector()
        };
        assert_eq!(info.fingerprint(), None);
    }

    proptest! {
        #[test]
        fn hexadecimal_round_trip(bytes: [u8; 32]) {
            prop_assert_eq!(NarHash::from_hex(&NarHash(bytes).to_hex()), Some(NarHash(bytes)));
        }

        #[test]
        fn hexadecimal_never_panics(text in ".{0,70}") {
            let _ = NarHash::from_hex(&text);
        }
    }
}
