//! A store path: `/nix/store/`, 32 base-32 digits, a dash, a name.
//!
//! In: full paths as the daemon and users write them, or base names. Out: a `StorePath` that is safe to send
//! (a malformed path costs the whole daemon connection, so none can be made).
//! Source: `checkName` in `src/libstore/path.cc` of Nix.

use super::nix32;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// The logical store directory. A chroot store has the same one.
pub const STORE_DIR: &str = "/nix/store";

/// Digits of the hash part.
pub const HASH_CHARS: usize = 32;

/// The longest name, in bytes.
pub const MAX_NAME: usize = 211;

/// Why a text is not a store path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StorePathError {
    /// Not below the store directory.
    #[error("it is not directly below {STORE_DIR}")]
    Outside,
    /// The hash part is not 32 base-32 digits.
    #[error("its hash part is not 32 base-32 digits")]
    Hash,
    /// No dash after the hash part.
    #[error("there is no dash after its hash part")]
    Dash,
    /// The name is empty or too long.
    #[error("its name has {0} bytes; 1 to {MAX_NAME} are allowed")]
    NameLength(usize),
    /// The name has a character that Nix does not allow.
    #[error("its name has a character that is not one of 0-9 A-Z a-z + - . _ ? =")]
    NameCharacter,
}

/// A valid store path. Orders as Nix orders: bytewise by the base name. Clones share the text: a listing of a million paths
/// is held by the task that asks about them and by the one that enters them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath {
    base: Arc<str>,
}

impl StorePath {
    /// Reads a full path, `/nix/store/<hash>-<name>`.
    pub fn parse(full: &str) -> Result<Self, StorePathError> {
        let base = full
            .strip_prefix(STORE_DIR)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or(StorePathError::Outside)?;
        Self::from_base_name(base)
    }

    /// Reads a base name, `<hash>-<name>`.
    pub fn from_base_name(base: &str) -> Result<Self, StorePathError> {
        check_base_name(base)?;
        Ok(Self { base: base.into() })
    }

    /// From a base name that was a `StorePath` before, such as one kept in an arena. Checked in debug builds only.
    pub(crate) fn from_known_base_name(base: &str) -> Self {
        debug_assert!(check_base_name(base).is_ok());
        Self { base: base.into() }
    }

    /// Joins a 20-byte digest and a name.
    pub fn from_parts(digest: &[u8; 20], name: &str) -> Result<Self, StorePathError> {
        Self::from_base_name(&format!("{}-{name}", nix32::encode(digest)))
    }

    /// `<hash>-<name>`.
    pub fn base_name(&self) -> &str {
        &self.base
    }

    /// The 32 digits.
    pub fn hash_part(&self) -> &str {
        &self.base[..HASH_CHARS]
    }

    /// What follows the dash, such as `hello-2.12`.
    pub fn name(&self) -> &str {
        &self.base[HASH_CHARS + 1..]
    }

    /// The hash part as bytes.
    pub fn digest(&self) -> [u8; 20] {
        // The constructor has checked all 32 digits; 32 digits are exactly 160 bits, so none overflows.
        nix32::decode(self.hash_part().as_bytes()).unwrap_or_default()
    }

    /// Whether this is a derivation (`.drv`).
    pub fn is_derivation(&self) -> bool {
        self.base.ends_with(".drv")
    }
}

/// Checks a base name without keeping it.
pub fn check_base_name(base: &str) -> Result<(), StorePathError> {
    let bytes = base.as_bytes();
    if bytes.len() < HASH_CHARS
        || !bytes[..HASH_CHARS]
            .iter()
            .all(|b| nix32::digit(*b).is_some())
    {
        return Err(StorePathError::Hash);
    }
    let Some((b'-', name)) = bytes[HASH_CHARS..].split_first() else {
        return Err(StorePathError::Dash);
    };
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(StorePathError::NameLength(name.len()));
    }
    if !name.iter().copied().all(is_name_byte) {
        return Err(StorePathError::NameCharacter);
    }
    Ok(())
}

/// Whether a name may have this byte.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-._?=".contains(&byte)
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Full(&self.base), f)
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for StorePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Full(&self.base).serialize(serializer)
    }
}

/// A base name that is written as a full path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Full<'a>(pub(crate) &'a str);

impl fmt::Display for Full<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{STORE_DIR}/{}", self.0)
    }
}

impl serde::Serialize for Full<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for StorePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FULL: &str = "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0";

    #[test]
    fn parts() {
        let path = StorePath::parse(FULL).unwrap();
        assert_eq!(path.name(), "demo-1.0");
        assert_eq!(path.hash_part(), "5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr");
        assert_eq!(path.to_string(), FULL);
        assert_eq!(
            StorePath::from_parts(&path.digest(), path.name()).unwrap(),
            path
        );
        assert!(!path.is_derivation());
    }

    #[test]
    fn refuses() {
        let cases = [
            ("/tmp/x", StorePathError::Outside),
            ("/nix/store", StorePathError::Outside),
            ("/nix/store/short-x", StorePathError::Hash),
            (
                "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vze-x",
                StorePathError::Hash,
            ),
            (
                "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr",
                StorePathError::Dash,
            ),
            (
                "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-",
                StorePathError::NameLength(0),
            ),
            (
                "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-a/b",
                StorePathError::NameCharacter,
            ),
            (
                "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-a\u{1b}[31m",
                StorePathError::NameCharacter,
            ),
        ];
        for (text, error) in cases {
            assert_eq!(StorePath::parse(text), Err(error), "{text}");
        }
        let long = format!(
            "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-{}",
            "a".repeat(212)
        );
        assert_eq!(
            StorePath::parse(&long),
            Err(StorePathError::NameLength(212))
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,80}") {
            let _ = StorePath::parse(&text);
            let _ = StorePath::from_base_name(&text);
        }

        #[test]
        fn prints_what_was_read(hash in "[0-9a-df-np-sv-z]{32}", name in "[0-9A-Za-z+._?=-]{1,211}") {
            let full = format!("/nix/store/{hash}-{name}");
            prop_assert_eq!(StorePath::parse(&full).unwrap().to_string(), full);
        }
    }
}
