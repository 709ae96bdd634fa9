//! Signatures and signing keys in Nix's file formats.
//!
//! In: `name:base64` text from stores, key files and configurations. Out: parsed keys, signatures, verification.
//! Source: `src/libutil/signature/local-keys.cc` of Nix (`crypto.cc` before 2.20). Ed25519 without pre-hash over the
//! fingerprint of a path info. A secret key is 64 bytes, the seed and then the public key; it is wiped when dropped.

use super::text::visible;
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use ed25519_dalek::Signer as _;
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// Reads base64 with or without padding, as Nix does.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Why a text is no key or no signature. Secrets are never part of the message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// No colon after a name.
    #[error("it is not of the form name:base64")]
    Form,
    /// A name that would break stored signatures or key lists, or mislead a reader.
    #[error("its name has a blank, a colon or an invisible character, or is empty")]
    Name,
    /// Not base64.
    #[error("what follows its name is not base64")]
    Base64,
    /// Decodes to more bytes than Ed25519 has, as keys and signatures of other algorithms do.
    #[error("it is of an unknown algorithm, as it decodes to {0} bytes")]
    Algorithm(usize),
    /// Decodes to too few bytes.
    #[error("it decodes to {got} bytes; {want} are needed")]
    Length {
        /// Bytes needed.
        want: usize,
        /// Bytes found.
        got: usize,
    },
    /// 32 bytes that are no point of the curve, or halves that do not belong together.
    #[error("its bytes are not an Ed25519 key")]
    NotAKey,
}

/// The name of a signing key, such as `cache.example.org-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Box<str>);

impl KeyName {
    /// Takes every name that Nix can sign and verify with, as far as it can be shown as it is: a colon makes a key unusable
    /// there, and a blank breaks signatures as stored and lists of keys. Such a name may still mean something to a shell or
    /// to a file system (see [`Self::is_plain`]).
    pub fn new(name: &str) -> Result<Self, KeyError> {
        let breaks = |c: char| c == ':' || c.is_whitespace();
        if name.is_empty() || name.contains(breaks) || visible(name) != name {
            return Err(KeyError::Name);
        }
        Ok(Self(name.into()))
    }

    /// Whether it is made of `[A-Za-z0-9._-]`, and so is the same to a shell, in a file name and in a configuration.
    pub fn is_plain(&self) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        self.0.bytes().all(plain)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A public key of a cache, `name:base64` of 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: KeyName,
    key: ed25519_dalek::VerifyingKey,
}

impl PublicKey {
    /// Reads the text that clients write in `trusted-public-keys`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, data) = split(text.trim())?;
        let bytes: [u8; 32] = exact(&decode(data)?)?;
        Self::from_bytes(KeyName::new(name)?, &bytes)
    }

    /// Names 32 bytes, such as the public half that an agent holds.
    pub fn from_bytes(name: KeyName, bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAKey)?;
        Ok(Self { name, key })
    }

    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether these 64 bytes sign this message; small-order keys and loose encodings are refused, as libsodium does.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.key.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}",
            self.name,
            general_purpose::STANDARD.encode(self.as_bytes())
        )
    }
}

/// A signature that is fit to be stored: a clean name and 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: KeyName,
    bytes: [u8; 64],
}

impl Signature {
    /// Names 64 bytes that something else, such as an agent, has made.
    pub fn from_bytes(name: KeyName, bytes: [u8; 64]) -> Self {
        Self { name, bytes }
    }

    /// Reads stored text strictly: what this accepts can be sent to every version of the daemon.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, data) = split(text)?;
        Ok(Self {
            name: KeyName::new(name)?,
            bytes: exact(&decode(data)?)?,
        })
    }

    /// The name of the key.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Its 64 bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.bytes
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}",
            self.name,
            general_purpose::STANDARD.encode(self.bytes)
        )
    }
}

/// A secret signing key. Wiped from memory when dropped, never printed.
pub struct SigningKey {
    name: KeyName,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// Makes a key from 32 random bytes.
    pub fn from_seed(name: KeyName, seed: &Zeroizing<[u8; 32]>) -> Self {
        Self {
            name,
            key: ed25519_dalek::SigningKey::from_bytes(seed),
        }
    }

    /// Reads the content of a secret key file.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, data) = split(text)?;
        let name = KeyName::new(name)?;
        let cleaned: Zeroizing<String> =
            Zeroizing::new(data.chars().filter(|c| *c != '\n').collect());
        let bytes = Zeroizing::new(decode(&cleaned)?);
        let pair: Zeroizing<[u8; 64]> = Zeroizing::new(exact(&bytes)?);
        let key =
            ed25519_dalek::SigningKey::from_keypair_bytes(&pair).map_err(|_| KeyError::NotAKey)?;
        Ok(Self { name, key })
    }

    /// The content of a secret key file: one line, no newline at the end, as `nix key generate-secret` writes it.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let pair = Zeroizing::new(self.key.to_keypair_bytes());
        let data = Zeroizing::new(general_purpose::STANDARD.encode(*pair));
        Zeroizing::new(format!("{}:{}", self.name, *data))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey {
            name: self.name.clone(),
            key: self.key.verifying_key(),
        }
    }

    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Signs the fingerprint of a path info.
    pub fn sign(&self, fingerprint: &[u8]) -> Signature {
        Signature {
            name: self.name.clone(),
            bytes: self.key.sign(fingerprint).to_bytes(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.name)
    }
}

/// Splits at the first colon; the name must not be empty.
pub(crate) fn split(text: &str) -> Result<(&str, &str), KeyError> {
    match text.split_once(':') {
        Some((name, data)) if !name.is_empty() => Ok((name, data)),
        _ => Err(KeyError::Form),
    }
}

/// Decodes as Nix does: newlines are skipped, the first `=` ends it, padding is not asked for.
pub(crate) fn decode(data: &str) -> Result<Vec<u8>, KeyError> {
    let end = data.find('=').unwrap_or(data.len());
    let mut digits: Zeroizing<Vec<u8>> = Zeroizing::new(data.as_bytes()[..end].to_vec());
    digits.retain(|byte| *byte != b'\n');
    // Nix reads six bits at a time and drops an unfinished byte, where the library calls a lone digit an error.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    LENIENT.decode(&*digits).map_err(|_| KeyError::Base64)
}

/// Whether what follows a signature's name is longer than any Ed25519 signature, and so of another algorithm: that of
/// ECDSA over P-384 has 96 bytes or more, those of ML-DSA have thousands.
pub(crate) fn is_other_algorithm(data: &str) -> bool {
    // 64 bytes take 86 digits.
    data.len() > 86 && decode(data).is_ok_and(|bytes| bytes.len() > 64)
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], KeyError> {
    bytes.try_into().map_err(|_| match bytes.len() {
        got if got > N => KeyError::Algorithm(got),
        got => KeyError::Length { want: N, got },
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::path_info::tests::vector;
    use proptest::prelude::*;

    /// A throw-away key whose signatures were measured with three versions of Nix.
    pub(crate) const SECRET: &str = "test-key-1:yOKVepmUV6qFSvjnklA4m7yYZmaXBo5WFSQaA8D/3xgMhjWZTgsIM9+27LipMRDFGaU/vFQPLBahH+OLF93j3w==";
    const PUBLIC: &str = "test-key-1:DIY1mU4LCDPftuy4qTEQxRmlP7xUDywWoR/jixfd498=";
    const SIGNATURE: &str = "test-key-1:o9+f5Ju8KLcnL5JAVb8rmXp9gJIKK813Xb+A3UxsTQqbJx6V36YAXSMS8XOGDQeuzrXw91r7joT2dm7m/HWABQ==";

    #[test]
    fn signs_as_nix_does() {
        let key = SigningKey::parse(SECRET).unwrap();
        let fingerprint = vector().fingerprint().unwrap();
        assert_eq!(key.sign(&fingerprint).to_string(), SIGNATURE);
        assert_eq!(key.public().to_string(), PUBLIC);
        let signature = Signature::parse(SIGNATURE).unwrap();
        assert!(key.public().verifies(&fingerprint, signature.as_bytes()));
        assert!(!key.public().verifies(b"other", signature.as_bytes()));
        assert_eq!(*key.to_secret_text(), SECRET);
        assert!(!format!("{key:?}").contains("yOKV"));
    }

    #[test]
    fn reads_files_as_nix_does() {
        for text in [
            format!("{SECRET}\n"),
            format!("{SECRET}\r\n"),
            SECRET.replace("DFGaU", "DFG\naU"),
            SECRET.trim_end_matches('=').to_owned(),
        ] {
            assert_eq!(
                SigningKey::parse(&text).unwrap().public().to_string(),
                PUBLIC
            );
        }
    }

    #[test]
    fn refuses() {
        assert_eq!(PublicKey::parse("nocolon").unwrap_err(), KeyError::Form);
        assert_eq!(PublicKey::parse(":AAAA").unwrap_err(), KeyError::Form);
        assert_eq!(
            PublicKey::parse("a b:AAAA").unwrap_err(),
            KeyError::Length { want: 32, got: 3 }
        );
        for name in [
            "a b",
            "a:b",
            "",
            "a\tb",
            "a\nb",
            "a\u{1b}[2J",
            "a\u{202e}b",
            " a",
        ] {
            assert_eq!(KeyName::new(name).unwrap_err(), KeyError::Name, "{name:?}");
        }
        assert_eq!(PublicKey::parse("a:****").unwrap_err(), KeyError::Base64);
        assert_eq!(
            Signature::parse("a:AAAA").unwrap_err(),
            KeyError::Length { want: 64, got: 3 }
        );
        // Keys and signatures of other algorithms are longer.
        let long = |bytes: usize| format!("a:{}", general_purpose::STANDARD.encode(vec![7; bytes]));
        assert_eq!(
            PublicKey::parse(&long(97)).unwrap_err(),
            KeyError::Algorithm(97)
        );
        assert_eq!(
            Signature::parse(&long(3309)).unwrap_err(),
            KeyError::Algorithm(3309)
        );
        assert!(is_other_algorithm(&long(96)[2..]) && !is_other_algorithm(&long(64)[2..]));
        assert!(!is_other_algorithm(&"!".repeat(100)));
        let mut pair = SECRET.to_owned();
        pair.replace_range(pair.len() - 10..pair.len() - 4, "AAAAAA");
        assert_eq!(SigningKey::parse(&pair).unwrap_err(), KeyError::NotAKey);
    }

    #[test]
    fn names_are_those_of_nix() {
        for name in [
            "build.example.net/team@example.org-1",
            "ü",
            "a\"b'c\\d",
            "-a",
            "!#$%&()*+,;<=>?[]^`{|}~",
        ] {
            let seed = Zeroizing::new([1; 32]);
            let key = SigningKey::from_seed(KeyName::new(name).unwrap(), &seed);
            let read = SigningKey::parse(&key.to_secret_text()).unwrap();
            let public = PublicKey::parse(&read.public().to_string()).unwrap();
            assert_eq!(public.name().as_str(), name);
            assert_eq!(
                Signature::parse(&key.sign(b"x").to_string())
                    .unwrap()
                    .name()
                    .as_str(),
                name
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,120}") {
            let _ = PublicKey::parse(&text);
            let _ = Signature::parse(&text);
            let _ = SigningKey::parse(&text);
        }

        #[test]
        fn a_flipped_bit_does_not_verify(seed: [u8; 32], bit in 0_usize..512) {
            let key = SigningKey::from_seed(KeyName::new("k").unwrap(), &Zeroizing::new(seed));
            let message = vector().fingerprint().unwrap();
            let mut bytes = *key.sign(&message).as_bytes();
            prop_assert!(key.public().verifies(&message, &bytes));
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!key.public().verifies(&message, &bytes));
        }
    }
}
