//! Writes the protocol's primitives.
//!
//! In: integers, texts, paths. Out: bytes in a buffer that its owner sends when it sees fit.

use crate::domain::StorePath;
use crate::domain::store_path::STORE_DIR;

/// A buffer of encoded values.
#[derive(Debug, Default, Clone)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// 8 bytes, little endian.
    pub fn integer(&mut self, value: u64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// 0 or 1.
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.integer(u64::from(value))
    }

    /// A length, the bytes, zeros up to a multiple of 8.
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        let text = text.as_ref();
        self.integer(text.len() as u64);
        self.bytes.extend_from_slice(text);
        self.pad(text.len());
        self
    }

    /// A full store path, without a copy on the way.
    pub fn path(&mut self, path: &StorePath) -> &mut Self {
        let length = STORE_DIR.len() + 1 + path.base_name().len();
        self.integer(length as u64);
        self.bytes.extend_from_slice(STORE_DIR.as_bytes());
        self.bytes.push(b'/');
        self.bytes.extend_from_slice(path.base_name().as_bytes());
        self.pad(length);
        self
    }

    /// A path, or the empty text for none.
    pub fn optional_path(&mut self, path: Option<&StorePath>) -> &mut Self {
        match path {
            Some(path) => self.path(path),
            None => self.text(""),
        }
    }

    /// A count and that many paths.
    pub fn paths<'a>(&mut self, paths: impl ExactSizeIterator<Item = &'a StorePath>) -> &mut Self {
        self.integer(paths.len() as u64);
        for path in paths {
            self.path(path);
        }
        self
    }

    /// A count and that many texts.
    pub fn texts<T: AsRef<[u8]>>(&mut self, texts: &[T]) -> &mut Self {
        self.integer(texts.len() as u64);
        for text in texts {
            self.text(text);
        }
        self
    }

    /// What another buffer holds.
    pub fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// What was written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of bytes written so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets what was written and keeps the room for it.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    fn pad(&mut self, length: usize) {
        let padding = length.next_multiple_of(8) - length;
        self.bytes.extend_from_slice(&[0; 8][..padding]);
    }
}
