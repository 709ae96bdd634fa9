//! A key revocation list in OpenSSH's own format.
//!
//! In: the bytes of a file behind its magic; none of them trusted. Out: [`Krl`], or why it can't be read. As strict as `ssh_krl_from_blob` about
//! what is left over and what is not known. Numbers of certificates stay ranges and bitmaps, so nothing grows beyond the file. Source:
//! OpenSSH's PROTOCOL.krl and krl.c.

use super::Listed;
use crate::domain::ssh_key::{Fingerprint, PublicSshKey, Reader};
use std::collections::BTreeSet;

/// At the beginning of each.
pub(super) const MAGIC: &[u8] = b"SSHKRL\n\0";

/// The only version of the format.
const VERSION: u32 = 1;

/// Sections.
const CERTIFICATES: u8 = 1;
const KEYS: u8 = 2;
const SHA1: u8 = 3;
const SIGNATURE: u8 = 4;
const SHA256: u8 = 5;
const EXTENSION: u8 = 255;

/// Sections within [`CERTIFICATES`].
const SERIALS: u8 = 0x20;
const RANGE: u8 = 0x21;
const BITMAP: u8 = 0x22;
const IDS: u8 = 0x23;
const CERTIFICATE_EXTENSION: u8 = 0x39;

/// Bytes of a bitmap at most: OpenSSH's limit of 16384 bits, and a leading zero.
const MOST_BITMAP: usize = 16384 / 8 + 1;

/// A list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Krl {
    /// Keys, by the SHA-256 of their blobs.
    keys: BTreeSet<Fingerprint>,
    /// The same by SHA-1.
    sha1: BTreeSet<[u8; 20]>,
    certificates: Vec<Certificates>,
}

/// Certificates of one authority.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Certificates {
    /// `None` for all authorities.
    authority: Option<Fingerprint>,
    /// First and last numbers.
    ranges: Vec<(u64, u64)>,
    /// The number of the lowest bit, and the bits, the lowest in the last byte.
    bitmaps: Vec<(u64, Box<[u8]>)>,
    ids: BTreeSet<Box<[u8]>>,
}

impl Krl {
    /// Reads what follows the magic.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = Reader(bytes);
        let version = reader.u32().map_err(damaged)?;
        if version != VERSION {
            return Err(format!(
                "unknown version {version} of its format, not {VERSION}"
            ));
        }
        // Its number, its date and its flags, what is reserved, and a comment.
        for _ in 0..3 {
            reader.u64().map_err(damaged)?;
        }
        reader.string().map_err(damaged)?;
        words(&mut reader)?;
        let mut krl = Self::default();
        while !reader.0.is_empty() {
            let kind = reader.u8().map_err(damaged)?;
            let mut section = Reader(reader.string().map_err(damaged)?);
            match kind {
                CERTIFICATES => krl.certificates.push(certificates(&mut section)?),
                KEYS => {
                    while !section.0.is_empty() {
                        let blob = section.string().map_err(damaged)?;
                        krl.keys.insert(Fingerprint::of(blob));
                    }
                }
                SHA1 => {
                    while !section.0.is_empty() {
                        krl.sha1.insert(digest(&mut section)?);
                    }
                }
                SHA256 => {
                    while !section.0.is_empty() {
                        krl.keys
                            .insert(Fingerprint::from_bytes(digest(&mut section)?));
                    }
                }
                EXTENSION => extension(&mut section)?,
                SIGNATURE => {
                    return Err(
                        "it is signed, and signatures of such lists are not checked".to_owned()
                    );
                }
                other => return Err(format!("it has a section of the unknown kind {other}")),
            }
            ended(&section)?;
        }
        Ok(krl)
    }

    /// Whether it has a key, or of a certificate what it says.
    pub(super) fn has(&self, key: &PublicSshKey) -> Option<Listed> {
        let listed = |sha256: &Fingerprint, sha1: &[u8; 20]| {
            self.keys.contains(sha256) || self.sha1.contains(sha1)
        };
        if listed(&key.fingerprint(), key.sha1()) {
            return Some(Listed::Key);
        }
        let certificate = key.certificate()?;
        if listed(&certificate.authority, &certificate.authority_sha1) {
            return Some(Listed::Authority);
        }
        let mut all = self.certificates.iter().filter(|of| {
            of.authority
                .is_none_or(|authority| authority == certificate.authority)
        });
        all.find_map(|of| of.has(certificate.serial, certificate.id.as_bytes()))
    }
}

impl Certificates {
    /// A number of 0 is none.
    fn has(&self, serial: u64, id: &[u8]) -> Option<Listed> {
        if self.ids.contains(id) {
            return Some(Listed::Id);
        }
        let in_range = |range: &(u64, u64)| (range.0..=range.1).contains(&serial);
        let in_bitmap = |(lowest, bits): &(u64, Box<[u8]>)| {
            let bit = serial.checked_sub(*lowest);
            bit.is_some_and(|bit| is_set(bits, bit))
        };
        let found = self.ranges.iter().any(in_range) || self.bitmaps.iter().any(in_bitmap);
        (serial != 0 && found).then_some(Listed::Serial)
    }
}

fn is_set(bits: &[u8], bit: u64) -> bool {
    let byte = usize::try_from(bit / 8).ok();
    let byte = byte.and_then(|byte| bits.len().checked_sub(byte.checked_add(1)?));
    byte.is_some_and(|at| bits[at] >> (bit % 8) & 1 == 1)
}

fn certificates(section: &mut Reader<'_>) -> Result<Certificates, String> {
    let authority = section.string().map_err(damaged)?;
    section.string().map_err(damaged)?; // reserved
    let mut all = Certificates {
        authority: (!authority.is_empty()).then(|| Fingerprint::of(authority)),
        ranges: Vec::new(),
        bitmaps: Vec::new(),
        ids: BTreeSet::new(),
    };
    while !section.0.is_empty() {
        let kind = section.u8().map_err(damaged)?;
        let mut part = Reader(section.string().map_err(damaged)?);
        match kind {
            SERIALS => {
                while !part.0.is_empty() {
                    let serial = part.u64().map_err(damaged)?;
                    all.ranges.push(range(serial, serial)?);
                }
            }
            RANGE => {
                let (first, last) = (part.u64().map_err(damaged)?, part.u64().map_err(damaged)?);
                all.ranges.push(range(first, last)?);
            }
            BITMAP => all.bitmaps.push(bitmap(&mut part)?),
            IDS => {
                while !part.0.is_empty() {
                    all.ids.insert(words(&mut part)?.into());
                }
            }
            CERTIFICATE_EXTENSION => extension(&mut part)?,
            other => {
                return Err(format!(
                    "it has certificates by the unknown kind {other:#x}"
                ));
            }
        }
        ended(&part)?;
    }
    Ok(all)
}

fn range(first: u64, last: u64) -> Result<(u64, u64), String> {
    if first == 0 || first > last {
        return Err("it has a range of numbers that is none".to_owned());
    }
    Ok((first, last))
}

fn bitmap(part: &mut Reader<'_>) -> Result<(u64, Box<[u8]>), String> {
    let lowest = part.u64().map_err(damaged)?;
    let bits = part.string().map_err(damaged)?;
    let negative = bits.first().is_some_and(|first| first & 0x80 != 0);
    let zeros = bits.iter().take_while(|byte| **byte == 0).count();
    let bits = &bits[zeros..];
    let unset = bits.first().map_or(0, |first| first.leading_zeros());
    let many = 8 * bits.len() as u64 - u64::from(unset);
    let wraps = many > 0 && lowest.checked_add(many - 1).is_none();
    if negative || bits.len() > MOST_BITMAP || wraps || lowest == 0 && is_set(bits, 0) {
        return Err("it has a bitmap of numbers that is none".to_owned());
    }
    Ok((lowest, bits.into()))
}

/// What is not known is passed over, unless it says that it may not be.
fn extension(section: &mut Reader<'_>) -> Result<(), String> {
    words(section)?;
    let critical = section.u8().map_err(damaged)?;
    section.string().map_err(damaged)?;
    if critical != 0 {
        return Err("it has an unknown extension that is marked critical".into());
    }
    Ok(())
}

fn digest<const N: usize>(section: &mut Reader<'_>) -> Result<[u8; N], String> {
    let bytes = section.string().map_err(damaged)?;
    bytes
        .try_into()
        .map_err(|_| "it has a digest of the wrong length".to_owned())
}

/// A text: a zero stands at its end or nowhere.
fn words<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], String> {
    let text = reader.string().map_err(damaged)?;
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    if text.contains(&0) {
        return Err("it has a text with a zero in it".to_owned());
    }
    Ok(text)
}

fn ended(section: &Reader<'_>) -> Result<(), String> {
    if section.0.is_empty() {
        return Ok(());
    }
    Err("a section of it has more than it should".to_owned())
}

fn damaged(_: crate::domain::ssh_key::KeyError) -> String {
    "it ends too early".to_owned()
}
