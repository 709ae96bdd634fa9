//! Content addresses, and the store path that follows from one.
//!
//! In: the `ca` text of a path info (`text:sha256:…`, `fixed:[r:]<algo>:…`). Out: the store path that a path with this
//! content, name and references must have. A claim whose path is another one is no content address for any client.
//! Source: `makeStorePath`, `makeFixedOutputPath`, `makeTextPath` in `src/libstore/store-dir-config.cc` of Nix.
//!
//! The experimental `fixed:git:` form is not read: a client without that feature asks for a signature.

use super::path_info::hex;
use super::store_path::STORE_DIR;
use super::{StorePath, nix32};
use base64::Engine as _;
use sha2::{Digest as _, Sha256};

/// A hash of one of the four algorithms of Nix.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hash {
    algorithm: &'static str,
    bytes: Vec<u8>,
}

/// A content address that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentAddress {
    method: Method,
    hash: Hash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Text,
    Flat,
    Recursive,
}

impl ContentAddress {
    /// Reads the stored form; `None` if it is none of the forms that every client knows.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (method, hash) = match kind {
            "text" => (Method::Text, rest),
            "fixed" => match rest.strip_prefix("r:") {
                Some(hash) => (Method::Recursive, hash),
                None => (Method::Flat, rest),
            },
            _ => return None,
        };
        let hash = Hash::parse(hash)?;
        if method == Method::Text && hash.algorithm != "sha256" {
            return None;
        }
        Some(Self { method, hash })
    }

    /// The store path that this content has under `name`, where `own` is the path whose references these are
    /// (a reference to itself enters as `self`). `None` if Nix allows no such references for this method.
    pub fn store_path(
        &self,
        name: &str,
        references: &[StorePath],
        own: &StorePath,
    ) -> Option<StorePath> {
        let refers_to_itself = references.contains(own);
        let mut others: Vec<String> = references
            .iter()
            .filter(|reference| *reference != own)
            .map(ToString::to_string)
            .collect();
        others.sort_unstable();
        others.dedup();
        let with_references = |kind: &str| {
            let mut text = kind.to_owned();
            for reference in &others {
                text.push(':');
                text.push_str(reference);
            }
            text
        };
        match self.method {
            Method::Text if refers_to_itself => None,
            Method::Text => make(&with_references("text"), &self.hash.bytes, name),
            Method::Recursive if self.hash.algorithm == "sha256" => {
                let mut kind = with_references("source");
                if refers_to_itself {
                    kind.push_str(":self");
                }
                make(&kind, &self.hash.bytes, name)
            }
            Method::Flat | Method::Recursive if refers_to_itself || !others.is_empty() => None,
            Method::Flat | Method::Recursive => {
                let prefix = if self.method == Method::Recursive {
                    "r:"
                } else {
                    ""
                };
                let inner = format!(
                    "fixed:out:{prefix}{}:{}:",
                    self.hash.algorithm,
                    hex(&self.hash.bytes)
                );
                make("output:out", &Sha256::digest(inner.as_bytes()), name)
            }
        }
    }
}

impl Hash {
    /// Reads `<algo>:<digits>` in base 16, 32 or 64, distinguished by length as Nix does.
    fn parse(text: &str) -> Option<Self> {
        let (algorithm, digits) = text.split_once(':')?;
        let (algorithm, size) = match algorithm {
            "md5" => ("md5", 16),
            "sha1" => ("sha1", 20),
            "sha256" => ("sha256", 32),
            "sha512" => ("sha512", 64),
            _ => return None,
        };
        let bytes = if digits.len() == size * 2 {
            unhex(digits)?
        } else if digits.len() == nix32::encoded_len(size) {
            match size {
                16 => nix32::decode::<16>(digits.as_bytes()).ok()?.to_vec(),
                20 => nix32::decode::<20>(digits.as_bytes()).ok()?.to_vec(),
                32 => nix32::decode::<32>(digits.as_bytes()).ok()?.to_vec(),
                _ => nix32::decode::<64>(digits.as_bytes()).ok()?.to_vec(),
            }
        } else {
            base64::engine::general_purpose::STANDARD
                .decode(digits)
                .ok()?
        };
        (bytes.len() == size).then_some(Self { algorithm, bytes })
    }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let high = char::from(*pair.first()?).to_digit(16)?;
            let low = char::from(*pair.get(1)?).to_digit(16)?;
            Some((high << 4 | low) as u8)
        })
        .collect()
}

/// `makeStorePath`: hash of the description, folded to 20 bytes.
fn make(kind: &str, hash: &[u8], name: &str) -> Option<StorePath> {
    let description = format!("{kind}:sha256:{}:{STORE_DIR}:{name}", hex(hash));
    let full = Sha256::digest(description.as_bytes());
    let mut folded = [0_u8; 20];
    for (at, byte) in full.iter().enumerate() {
        folded[at % 20] ^= byte;
    }
    StorePath::from_parts(&folded, name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> StorePath {
        StorePath::parse(text).unwrap()
    }

    proptest! {
        #[test]
        fn never_panics(text in "(text|fixed|x):(r:)?(sha256|md5|sha1|sha512)?:?.{0,70}") {
            let own = path("/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0");
            if let Some(address) = ContentAddress::parse(&text) {
                let _ = address.store_path("demo", std::slice::from_ref(&own), &own);
            }
        }
    }

    #[test]
    fn agrees_with_paths_that_nix_made() {
        // Made by `nix store add-path`, `add-file` and `builtins.toFile` of Nix 2.8.0.
        let base = "/nix/store/gn9d5gm0z1jsdh5fyrqw0h4206vd6n3m-base.txt";
        let cases = [
            (
                "/nix/store/2pgms1pbls0zjwhrimkkm02qln4bkib3-ca-tree-1",
                "fixed:r:sha256:0x8rfwm8ahk1g7chxpm8ij2nhvzxiryknb33py3dha2qxw5fkgr9",
                vec![],
            ),
            (
                base,
                "text:sha256:18nlzmx3gl67xmv6byjywgccbgq5kh3nk9qhsw6bnl6l5wbn5rna",
                vec![],
            ),
            (
                "/nix/store/gy454w1cxaq731grqwylhzf4pp9r5izh-hello.txt",
                "fixed:sha256:00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq",
                vec![],
            ),
            (
                "/nix/store/vnaqfx6bwc8lgg4badngl4arabxp1waq-with-ref.txt",
                "text:sha256:13lf8dph95961pd7gvaijn6k8fmhhc02kvzagqz0q9ryqggi2v15",
                vec![path(base)],
            ),
        ];
        for (own, address, references) in cases {
            let own = path(own);
            let address = ContentAddress::parse(address).unwrap();
            let made = address.store_path(own.name(), &references, &own);
            assert_eq!(made, Some(own.clone()));
            // The same content with other references has another path, or none.
            assert_ne!(
                address.store_path(own.name(), std::slice::from_ref(&own), &own),
                Some(own)
            );
        }
    }

    #[test]
    fn forms_that_are_not_read() {
        for text in [
            "",
            "text:",
            "text:sha1:00",
            "fixed:git:sha1:00",
            "fixed:sha256:0",
            "fixed:r:sha3:00",
        ] {
            assert_eq!(ContentAddress::parse(text), None, "{text}");
        }
    }
}
