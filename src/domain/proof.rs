//! Proof that the requester of access holds the private key.
//!
//! In: what is to be signed, and the text that came back. Out: that the key has signed just that, or why it is not shown. The form
//! is that of `ssh-keygen -Y sign` (`PROTOCOL.sshsig` of OpenSSH), read and verified by the ssh-key crate; what this module
//! adds is the care for pasted text and the word for each way in which it can be wrong.

use super::ssh_key::{Fingerprint, PublicSshKey, holds_private};
use super::text::visible;
use crate::domain::{Explain, Notice, notice};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ssh_key::encoding::Decode as _;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, PublicKey, SshSig};
use std::borrow::Cow;
use thiserror::Error;

/// What the signature is for, as in `ssh-keygen -Y sign -n`: a signature of another program's namespace proves nothing here.
pub const NAMESPACE: &str = "storekeeper";

/// Bytes of an answer at most. Key and signature of an RSA key of 16384 bits have 5.7 KiB as text.
pub const MOST_ANSWER: usize = 16 * 1024;

/// Characters of a name in the challenge.
const MOST_NAME: usize = 100;

const VERSION: &str = "its version is not supported";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// Why an answer proves nothing. The answer itself is never part of the message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum ProofError {
    /// Nothing there.
    Empty,
    /// A private key.
    Private,
    /// More than an answer can have.
    Long,
    /// No line that begins a signature.
    NoBegin,
    /// The end is missing.
    NoEnd,
    /// Something before or behind the signature.
    Beside,
    /// Not what `ssh-keygen` writes.
    Damaged(&'static str),
    /// Another namespace.
    Namespace(String),
    /// Another key.
    OtherKey(Fingerprint),
    /// Right form, wrong text or forged.
    Wrong,
    /// SHA-1.
    Sha1,
    /// A key that signs nothing of this kind.
    Type(String),
}

impl Explain for ProofError {
    fn notice(&self) -> Notice {
        match self {
            Self::Empty => notice!(
                "there is no answer",
                "paste all of it, from {BEGIN} to {END}"
            ),
            Self::Private => notice!(
                "this is a private key and no signature, and it was not kept",
                "the requester should make a new key, since others may have seen this one"
            ),
            Self::Long => notice!(
                "it is too long for a signature",
                "paste only the lines from {BEGIN} to {END}"
            ),
            Self::NoBegin => notice!("there is no line {BEGIN}", "paste the whole answer"),
            Self::NoEnd => notice!("the answer is cut off: there is no line {END}"),
            Self::Beside => notice!(
                "there is something beside the signature",
                "paste only the lines from {BEGIN} to {END}"
            ),
            Self::Damaged(how) => notice!(
                "the signature is damaged ({how})",
                "ask for the whole answer again"
            ),
            Self::Namespace(namespace) => notice!(
                "it was signed for \"{namespace}\" and not for \"{NAMESPACE}\"",
                "the requester has to run the command as it was sent"
            ),
            Self::OtherKey(fingerprint) => notice!(
                "another key has signed it, {fingerprint}",
                "the requester has to give the file of the key of this request behind -f"
            ),
            Self::Wrong => notice!(
                "the key has not signed this text",
                "the requester has to run the command as it was sent for this very request"
            ),
            Self::Sha1 => notice!(
                "it is an RSA signature with SHA-1, which anybody may forge soon",
                "sign with the ssh-keygen of OpenSSH 8.2 or later"
            ),
            Self::Type(name) => notice!(
                "keys of the type {name} cannot prove anything here",
                "ask for an ed25519 key"
            ),
        }
    }
}

/// The one line that the requester signs. It names the key, the server and the request, so that it is worth nothing elsewhere. `server` is
/// the host's own name, the same for every administrator.
pub fn challenge(key: &Fingerprint, user: &str, server: &str, nonce: &str) -> String {
    format!(
        "storekeeper: let {key} in as {}@{}, request {}",
        plain(user),
        plain(server),
        plain(nonce)
    )
}

/// A word that no shell and no terminal makes anything of.
fn plain(text: &str) -> Cow<'_, str> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    if text.len() <= MOST_NAME && !text.is_empty() && text.chars().all(fine) {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().filter(|c| fine(*c)).take(MOST_NAME);
    Cow::Owned(kept.collect::<String>())
}

/// Whether `key` has signed `challenge` and the line end behind it, by what somebody has pasted.
pub fn check(key: &PublicSshKey, challenge: &str, answer: &str) -> Result<(), ProofError> {
    let signature = read(answer)?;
    let wanted = own_key(key)?;
    if signature.public_key() != wanted.key_data() {
        let mut blob = Vec::new();
        let encoded = ssh_key::encoding::Encode::encode(signature.public_key(), &mut blob);
        encoded.map_err(|_| ProofError::Damaged("the key in it can't be read"))?;
        return Err(ProofError::OtherKey(Fingerprint::of(&blob)));
    }
    if signature.namespace() != NAMESPACE {
        let namespace: String = signature.namespace().chars().take(MOST_NAME).collect();
        return Err(ProofError::Namespace(visible(&namespace).into_owned()));
    }
    if matches!(signature.algorithm(), Algorithm::Rsa { hash: None }) {
        return Err(ProofError::Sha1);
    }
    let text = format!("{challenge}\n");
    let verified = wanted.verify(NAMESPACE, text.as_bytes(), &signature);
    verified.map_err(|_| ProofError::Wrong)
}

/// Reads the armour and what is in it, to the last byte.
fn read(answer: &str) -> Result<SshSig, ProofError> {
    if holds_private(answer) {
        return Err(ProofError::Private);
    }
    let answer = answer.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{feff}');
    if answer.is_empty() {
        return Err(ProofError::Empty);
    }
    if answer.len() > MOST_ANSWER {
        return Err(ProofError::Long);
    }
    let (before, rest) = answer.split_once(BEGIN).ok_or(ProofError::NoBegin)?;
    let (inside, behind) = rest.split_once(END).ok_or(ProofError::NoEnd)?;
    if !before.is_empty() || !behind.is_empty() {
        return Err(ProofError::Beside);
    }
    // Mail programs and terminals break lines anew.
    let base64: String = inside.split_ascii_whitespace().collect();
    let bytes = STANDARD
        .decode(base64)
        .map_err(|_| ProofError::Damaged("it is not base64"))?;
    let mut reader = bytes.as_slice();
    let signature = SshSig::decode(&mut reader).map_err(|error| why(&error))?;
    if !reader.is_empty() {
        return Err(ProofError::Damaged("it goes on behind its end"));
    }
    // The crate takes older versions too; there is none.
    if signature.version() != SshSig::VERSION {
        return Err(ProofError::Damaged(VERSION));
    }
    Ok(signature)
}

fn why(error: &ssh_key::Error) -> ProofError {
    match error {
        ssh_key::Error::Version { .. } => ProofError::Damaged(VERSION),
        ssh_key::Error::Namespace => ProofError::Namespace(String::new()),
        ssh_key::Error::FormatEncoding => ProofError::Damaged("it is no signature of SSH"),
        ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => {
            ProofError::Damaged("its algorithm is not supported")
        }
        _ => ProofError::Damaged("it does not have the form that ssh-keygen writes"),
    }
}

/// The key of the request, as the crate knows it.
fn own_key(key: &PublicSshKey) -> Result<PublicKey, ProofError> {
    let other = || ProofError::Type(visible(key.algorithm()).into_owned());
    if key.certificate().is_some() {
        return Err(other());
    }
    let blob = key.blob();
    let mut reader = blob;
    let data = KeyData::decode(&mut reader).map_err(|_| other())?;
    match data {
        KeyData::Dsa(_) | KeyData::Other(_) => Err(other()),
        data => Ok(PublicKey::from(data)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Keys and signatures as `ssh-keygen` of OpenSSH 9.2 wrote them, over [`SIGNED`] and a line end.
    const SIGNED: &str = "storekeeper: let SHA256:x in as nix-ssh@cache, request 00ff";
    const ED25519: &str = include_str!("proof/ed25519.pub");
    const RSA: &str = include_str!("proof/rsa.pub");
    const ECDSA: &str = include_str!("proof/ecdsa.pub");
    const BY_ED25519: &str = include_str!("proof/ed25519.sig");
    const BY_RSA: &str = include_str!("proof/rsa.sig");
    const BY_ECDSA: &str = include_str!("proof/ecdsa.sig");
    /// The same key and text, for the namespace `file`.
    const FOR_FILE: &str = include_str!("proof/file.sig");

    fn key(text: &str) -> PublicSshKey {
        PublicSshKey::parse(text).unwrap()
    }

    /// A security key, and what it signs, made here by the rules of `PROTOCOL.u2f`.
    fn by_security_key(text: &str, flags: u8) -> (PublicSshKey, String) {
        use ed25519_dalek::{Signer as _, SigningKey};
        use sha2::{Digest as _, Sha256, Sha512};
        let string = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
        let signing = SigningKey::from_bytes(&[7; 32]);
        let name = b"sk-ssh-ed25519@openssh.com";
        let point = signing.verifying_key().to_bytes();
        let blob = [string(name), string(&point), string(b"ssh:")].concat();
        let hash = Sha512::digest(text);
        let enveloped = [
            b"SSHSIG".to_vec(),
            string(NAMESPACE.as_bytes()),
            string(b""),
            string(b"sha512"),
            string(&hash),
        ]
        .concat();
        let counter = [flags, 0, 0, 0, 9];
        let data = [
            Sha256::digest(b"ssh:").to_vec(),
            counter.to_vec(),
            Sha256::digest(enveloped).to_vec(),
        ]
        .concat();
        let raw = signing.sign(&data).to_bytes();
        let signature = [string(name), string(&raw), counter.to_vec()].concat();
        let all = [
            b"SSHSIG".to_vec(),
            1_u32.to_be_bytes().to_vec(),
            string(&blob),
            string(NAMESPACE.as_bytes()),
            string(b""),
            string(b"sha512"),
            string(&signature),
        ]
        .concat();
        let line = format!("sk-ssh-ed25519@openssh.com {}", STANDARD.encode(&blob));
        (key(&line), armoured(&all))
    }

    fn armoured(bytes: &[u8]) -> String {
        format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(bytes))
    }

    fn inside(answer: &str) -> Vec<u8> {
        let lines: String = answer
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        STANDARD.decode(lines).unwrap()
    }

    #[test]
    fn what_ssh_keygen_has_signed() {
        for (public, answer) in [(ED25519, BY_ED25519), (RSA, BY_RSA), (ECDSA, BY_ECDSA)] {
            assert_eq!(check(&key(public), SIGNED, answer), Ok(()), "{public}");
            // As terminals and mail programs hand it on.
            let broken = answer.replace('\n', "\r\n  ");
            assert_eq!(
                check(&key(public), SIGNED, &format!("\n {broken} ")),
                Ok(())
            );
            let other = check(
                &key(public),
                "storekeeper: let SHA256:x in as nix-ssh@other, request 00ff",
                answer,
            );
            assert_eq!(other, Err(ProofError::Wrong), "{public}");
        }
    }

    #[test]
    fn a_security_key() {
        let (sk, answer) = by_security_key(&format!("{SIGNED}\n"), 1);
        assert_eq!(check(&sk, SIGNED, &answer), Ok(()));
        assert_eq!(check(&sk, "x", &answer), Err(ProofError::Wrong));
        assert!(matches!(
            check(&key(ED25519), SIGNED, &answer),
            Err(ProofError::OtherKey(print)) if print == sk.fingerprint()
        ));
    }

    #[test]
    fn each_wrong_answer_has_its_sentence() {
        let ed25519 = key(ED25519);
        let of = |answer: &str| check(&ed25519, SIGNED, answer).unwrap_err();
        assert_eq!(of(" \n"), ProofError::Empty);
        assert_eq!(of("yes, it is mine"), ProofError::NoBegin);
        assert_eq!(of(&BY_ED25519[..120]), ProofError::NoEnd);
        assert_eq!(of(&format!("> here\n{BY_ED25519}")), ProofError::Beside);
        assert_eq!(of(&format!("{BY_ED25519}\nbye")), ProofError::Beside);
        assert_eq!(of(&format!("{BY_ED25519}{BY_ED25519}")), ProofError::Beside);
        assert_eq!(of(&"A".repeat(MOST_ANSWER + 1)), ProofError::Long);
        assert_eq!(of(FOR_FILE), ProofError::Namespace("file".to_owned()));
        assert_eq!(of(BY_RSA), ProofError::OtherKey(key(RSA).fingerprint()));
        let secret = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----";
        assert_eq!(of(secret), ProofError::Private);
        let bytes = inside(BY_ED25519);
        assert!(matches!(
            of(&armoured(&bytes[..bytes.len() - 1])),
            ProofError::Damaged(_)
        ));
        let more = [bytes.as_slice(), b"x"].concat();
        assert_eq!(
            of(&armoured(&more)),
            ProofError::Damaged("it goes on behind its end")
        );
        assert!(matches!(of(&armoured(b"SSHSIH")), ProofError::Damaged(_)));
        assert_eq!(
            of(&format!("{BEGIN}\n!\n{END}")),
            ProofError::Damaged("it is not base64")
        );
        // A claim of 4 GiB.
        let claim = [b"SSHSIG\0\0\0\x01".as_slice(), &[0xff; 4]].concat();
        assert!(matches!(of(&armoured(&claim)), ProofError::Damaged(_)));
        for version in [0, 2] {
            let mut other = bytes.clone();
            other[9] = version;
            assert_eq!(of(&armoured(&other)), ProofError::Damaged(VERSION));
        }
        for error in [of(FOR_FILE), of(BY_RSA), of("")] {
            assert!(!error.to_string().ends_with('.'), "{error}");
        }
    }

    #[test]
    fn an_rsa_signature_with_sha1_proves_nothing() {
        // The name of the algorithm, in place of `rsa-sha2-512`: verified or not, it is refused.
        let bytes = inside(BY_RSA);
        let name = b"\0\0\0\x0crsa-sha2-512";
        let at = bytes
            .windows(name.len())
            .position(|part| part == name)
            .unwrap();
        let mut old = bytes[..at].to_vec();
        let length = u32::from_be_bytes(old[at - 4..].try_into().unwrap()) - 5;
        old.truncate(at - 4);
        old.extend(length.to_be_bytes());
        old.extend(b"\0\0\0\x07ssh-rsa");
        old.extend(&bytes[at + name.len()..]);
        assert_eq!(
            check(&key(RSA), SIGNED, &armoured(&old)),
            Err(ProofError::Sha1)
        );
    }

    #[test]
    fn keys_that_cannot_sign_so() {
        let blob = [b"\0\0\0\x07new-one".as_slice(), b"\0\0\0\x01x"].concat();
        let unknown = key(&format!("new-one {}", STANDARD.encode(blob)));
        assert_eq!(
            check(&unknown, SIGNED, BY_ED25519),
            Err(ProofError::Type("new-one".to_owned()))
        );
    }

    #[test]
    fn the_challenge_is_one_harmless_line() {
        let print = key(ED25519).fingerprint();
        let text = challenge(&print, "nix-ssh", "cache.example.org", "00ff");
        assert_eq!(
            text,
            format!("storekeeper: let {print} in as nix-ssh@cache.example.org, request 00ff")
        );
        let hostile = challenge(
            &print,
            "a'b\n$(x)",
            "h\u{1b}]0;\u{202e}ost",
            &"n".repeat(500),
        );
        assert!(
            hostile
                .bytes()
                .all(|b| (0x20..0x7f).contains(&b) && !b"'\\$`\"".contains(&b)),
            "{hostile}"
        );
        assert!(hostile.len() < 300);
    }

    proptest! {
        #[test]
        fn never_panics(answer in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let ed25519 = key(ED25519);
            prop_assert!(check(&ed25519, SIGNED, &answer).is_err());
            prop_assert!(check(&ed25519, SIGNED, &armoured(&bytes)).is_err());
            let begun = [b"SSHSIG\0\0\0\x01".as_slice(), &bytes].concat();
            prop_assert!(check(&ed25519, SIGNED, &armoured(&begun)).is_err());
        }

        /// One bit that is different anywhere: no proof any more.
        #[test]
        fn any_change_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut bytes = inside(BY_ED25519);
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(check(&key(ED25519), SIGNED, &armoured(&bytes)).is_err());
        }
    }
}
