//! The bytes of a key: what its type says is there, and nothing else.
//!
//! In: the decoded second word of a key line. Out: the numbers that decide about it. Sources: RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4,
//! OpenSSH's PROTOCOL.certkeys and PROTOCOL.u2f. As strict as sshd is about lengths and left-over bytes.

use super::certificate::{self, Certificate};
use super::{Fingerprint, KeyError};
use sha1::{Digest as _, Sha1};

/// Bytes of one number at most: OpenSSH's limit of 16384 bits, and a leading zero.
const MOST_NUMBER: usize = 16384 / 8 + 1;

/// What a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material {
    /// RSA: the modulus and the exponent, big-endian without leading zeros.
    Rsa {
        /// The modulus.
        modulus: Box<[u8]>,
        /// The public exponent.
        exponent: Box<[u8]>,
    },
    /// DSA, with the bits of its prime.
    Dsa(u32),
    /// ECDSA on a NIST curve of so many bits.
    Ecdsa(u32),
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256 in a hardware token.
    SkEcdsa,
    /// Ed25519 in a hardware token.
    SkEd25519,
    /// An unknown type.
    Unknown,
}

/// A blob that was read.
pub(super) struct Blob {
    /// The name of the key's type, which is not always the one on the line.
    pub(super) name: Box<str>,
    /// The key as sshd would write it, with that name at its front.
    pub(super) bytes: Box<[u8]>,
    pub(super) material: Material,
    pub(super) certificate: Option<Certificate>,
    /// Of the key without its certificate, as `ssh-keygen` shows it.
    pub(super) fingerprint: Fingerprint,
    /// The same by SHA-1.
    pub(super) sha1: [u8; 20],
}

/// Reads a blob whose line says that it is `algorithm`.
pub(super) fn read(algorithm: &str, blob: &[u8]) -> Result<Blob, KeyError> {
    let mut reader = Reader(blob);
    let named = reader.string()?;
    let Some((plain, certified)) = plain_type(algorithm) else {
        if named != algorithm.as_bytes() {
            return Err(KeyError::TypeMismatch);
        }
        return Ok(Blob {
            name: algorithm.into(),
            bytes: blob.into(),
            material: Material::Unknown,
            certificate: None,
            fingerprint: Fingerprint::of(blob),
            sha1: Sha1::digest(blob).into(),
        });
    };
    // The data may have another name of the same type than the line.
    let inner = std::str::from_utf8(named).ok().and_then(plain_type);
    if inner != Some((plain, certified)) {
        return Err(KeyError::TypeMismatch);
    }
    let name = if certified {
        certified_type(plain)
    } else {
        plain
    };
    let bytes = [
        &(name.len() as u32).to_be_bytes(),
        name.as_bytes(),
        reader.0,
    ]
    .concat();
    if certified {
        reader.string()?; // the nonce
    }
    let before = reader.0;
    let material = fields(plain, &mut reader)?;
    let body = &before[..before.len() - reader.0.len()];
    let certificate = certified
        .then(|| certificate::read(&mut reader))
        .transpose()?;
    if !reader.0.is_empty() {
        return Err(KeyError::Damaged("there are bytes left over"));
    }
    let mut whole = Vec::with_capacity(plain.len() + 4 + body.len());
    whole.extend((plain.len() as u32).to_be_bytes());
    whole.extend(plain.as_bytes());
    whole.extend(body);
    Ok(Blob {
        name: name.into(),
        bytes: bytes.into(),
        material,
        certificate,
        fingerprint: Fingerprint::of(&whole),
        sha1: Sha1::digest(&whole).into(),
    })
}

/// Every type: its name, and the name of a certificate for it.
const TYPES: [(&str, &str); 8] = [
    ("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
    ("ssh-rsa", "ssh-rsa-cert-v01@openssh.com"),
    (
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    ),
    (
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    ),
    (
        "ecdsa-sha2-nistp521",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    ),
    (
        "sk-ssh-ed25519@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
    ),
    (
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    ),
    ("ssh-dss", "ssh-dss-cert-v01@openssh.com"),
];

/// The type of the key in a type, and whether that is a certificate; `None` for unknown types.
///
/// OpenSSH has the names of signatures in the same table (`keyimpls` in sshkey.c), and `sshkey_read` takes them for the type of the key.
pub(super) fn plain_type(algorithm: &str) -> Option<(&'static str, bool)> {
    match algorithm {
        "rsa-sha2-256" | "rsa-sha2-512" => return Some(("ssh-rsa", false)),
        "rsa-sha2-256-cert-v01@openssh.com" | "rsa-sha2-512-cert-v01@openssh.com" => {
            return Some(("ssh-rsa", true));
        }
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com" => {
            return Some(("sk-ecdsa-sha2-nistp256@openssh.com", false));
        }
        _ => {}
    }
    TYPES.iter().find_map(|(plain, certified)| {
        if algorithm == *plain {
            Some((*plain, false))
        } else if algorithm == *certified {
            Some((*plain, true))
        } else {
            None
        }
    })
}

/// The name of a certificate for a plain type.
fn certified_type(plain: &'static str) -> &'static str {
    let found = TYPES.iter().find(|(name, _)| *name == plain);
    found.map_or(plain, |(_, certified)| certified)
}

/// The fields of a key of a known type.
fn fields(plain: &str, reader: &mut Reader<'_>) -> Result<Material, KeyError> {
    Ok(match plain {
        "ssh-rsa" => {
            let exponent = reader.number()?.into();
            let modulus = reader.number()?.into();
            Material::Rsa { modulus, exponent }
        }
        "ssh-dss" => {
            let prime = reader.number()?;
            for _ in ["q", "g", "y"] {
                reader.number()?;
            }
            Material::Dsa(bits(prime))
        }
        "ssh-ed25519" => {
            reader.ed25519()?;
            Material::Ed25519
        }
        "sk-ssh-ed25519@openssh.com" => {
            reader.ed25519()?;
            reader.string()?; // the application
            Material::SkEd25519
        }
        "sk-ecdsa-sha2-nistp256@openssh.com" => {
            reader.point("nistp256", 32)?;
            reader.string()?; // the application
            Material::SkEcdsa
        }
        "ecdsa-sha2-nistp256" => {
            reader.point("nistp256", 32)?;
            Material::Ecdsa(256)
        }
        "ecdsa-sha2-nistp384" => {
            reader.point("nistp384", 48)?;
            Material::Ecdsa(384)
        }
        _ => {
            reader.point("nistp521", 66)?;
            Material::Ecdsa(521)
        }
    })
}

/// How many bits a number has.
pub(super) fn bits(number: &[u8]) -> u32 {
    match number.first() {
        Some(first) => (number.len() as u32) * 8 - first.leading_zeros(),
        None => 0,
    }
}

/// What is left to read.
pub(in crate::domain) struct Reader<'a>(pub(in crate::domain) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], KeyError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(KeyError::Damaged("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(in crate::domain) fn u8(&mut self) -> Result<u8, KeyError> {
        Ok(self.take(1)?[0])
    }

    pub(in crate::domain) fn u32(&mut self) -> Result<u32, KeyError> {
        Ok(self
            .take(4)?
            .iter()
            .fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    pub(in crate::domain) fn u64(&mut self) -> Result<u64, KeyError> {
        Ok(u64::from(self.u32()?) << 32 | u64::from(self.u32()?))
    }

    pub(in crate::domain) fn string(&mut self) -> Result<&'a [u8], KeyError> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    /// A positive number without its leading zeros.
    fn number(&mut self) -> Result<&'a [u8], KeyError> {
        let bytes = self.string()?;
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            return Err(KeyError::Damaged("it has a negative number"));
        }
        if bytes.len() > MOST_NUMBER {
            return Err(KeyError::Damaged("it has more than 16384 bits"));
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Ok(&bytes[zeros..])
    }

    fn ed25519(&mut self) -> Result<(), KeyError> {
        match self.string()?.len() {
            32 => Ok(()),
            _ => Err(KeyError::Damaged("it has not 32 bytes")),
        }
    }

    /// A curve's name and a point on it, not compressed.
    fn point(&mut self, curve: &str, width: usize) -> Result<(), KeyError> {
        if self.string()? != curve.as_bytes() {
            return Err(KeyError::TypeMismatch);
        }
        let point = self.string()?;
        if point.len() != 1 + 2 * width || point.first() != Some(&4) {
            return Err(KeyError::Damaged("its point has the wrong form"));
        }
        Ok(())
    }
}
