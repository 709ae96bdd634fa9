//! Signatures over the head of an audit log, by a key that is not on the server.
//!
//! In: a line that was appended, and the key `audit_key` of the configuration. Out: a line in a file beside the log. A
//! signature over a line stands for all before it as well, since each line has the hash of the one before: so a log that
//! was rewritten without the key is detected by everybody who knows the public half. It does not show whether lines
//! were removed behind the last one that is signed, if their signatures were removed too: of that only the copy and the
//! journal know.

use super::chain::{Hash, Line};
use super::flaw::{Missing, Witness};
use crate::change::sign::read_local;
use crate::domain::PublicKey;
use crate::domain::path_info::hex;
use crate::domain::signature::Signature;
use crate::domain::text::visible;
use crate::server::Spec;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// The most signatures that are compared: more than an honest server sends.
const MOST_HEADS: usize = 1000;

/// The most bytes of an identifier that are shown.
const MOST_ID: usize = 32;

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct SignedLine {
    /// The hash of the log's line.
    head: String,
    /// The identifier of its record.
    #[serde(default)]
    id: String,
    /// `NAME:BASE64`.
    signature: String,
}

/// What is signed: nothing that Nix or this program signs otherwise looks like it.
fn message(head: &str) -> Vec<u8> {
    format!("storekeeper audit log 1 {head}").into_bytes()
}

/// The signature over a line of the log, with the configured key; nothing where none is configured.
pub fn sign(spec: &Spec, line: &str, id: &str) -> Result<Option<String>, String> {
    let Some(file) = &spec.audit_key else {
        return Ok(None);
    };
    let key = read_local(file).map_err(|error| error.to_string())?;
    let head = hex(&Sha256::digest(line));
    let signature = key.sign(&message(&head)).to_string();
    let line = SignedLine {
        head,
        id: id.to_owned(),
        signature,
    };
    Ok(serde_json::to_string(&line).ok())
}

/// The keys whose signatures count: the configured ones, and the public half of the one that signs from here.
pub fn keys(spec: &Spec) -> Vec<PublicKey> {
    let own = spec
        .audit_key
        .as_deref()
        .and_then(|file| read_local(file).ok());
    let mut keys = spec.audit_public_keys.clone();
    keys.extend(own.map(|key| key.public()));
    keys
}

/// Compares the signatures with the log.
#[derive(Default)]
pub(super) struct OfSignatures {
    keys: Vec<PublicKey>,
    /// Lines that are signed: who has signed each, its record's identifier, whether the log has it.
    heads: HashMap<Hash, (String, String, bool)>,
    /// Lines of the file that are no signature by one of the keys.
    others: usize,
    /// Who has signed the last line.
    last: Option<String>,
}

impl OfSignatures {
    pub(super) fn new(keys: Vec<PublicKey>) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }

    pub(super) fn signature(&mut self, text: &[u8]) {
        if self.heads.len() == MOST_HEADS {
            return;
        }
        match self.read(text) {
            Some((hash, key, id)) => {
                self.heads.insert(hash, (key, id, false));
            }
            None => self.others += 1,
        }
    }

    fn read(&self, text: &[u8]) -> Option<(Hash, String, String)> {
        let line: SignedLine = serde_json::from_slice(text).ok()?;
        let hash = super::chain::unhex(line.head.as_bytes())?;
        let signature = Signature::parse(&line.signature).ok()?;
        let message = message(&line.head);
        let mut named = self
            .keys
            .iter()
            .filter(|key| key.name() == signature.name());
        let key = named.find(|key| key.verifies(&message, signature.as_bytes()))?;
        let id: String = line.id.chars().take(MOST_ID).collect();
        Some((hash, key.name().to_string(), visible(&id).into_owned()))
    }

    pub(super) fn line(&mut self, line: &Line<'_>) {
        self.last = None;
        if let Some((key, _, seen)) = self.heads.get_mut(&line.hash) {
            *seen = true;
            self.last = Some(key.clone());
        }
    }

    /// Who has signed the last line.
    pub(super) fn vouches(&self) -> Option<String> {
        self.last.clone()
    }

    pub(super) fn missing(&self) -> Vec<Missing> {
        let missing = self.heads.values().filter(|(.., seen)| !seen);
        let mut missing: Vec<Missing> = missing
            .map(|(key, id, _)| Missing {
                id: id.clone(),
                at: String::new(),
                witness: Witness::Signature(key.clone()),
                changed_in: None,
            })
            .collect();
        missing.sort_by(|one, other| one.id.cmp(&other.id));
        missing
    }

    /// What the check found, and a second note where something is unknown. Empty where no key is configured.
    pub(super) fn words(&self) -> (Option<String>, Option<String>) {
        if self.keys.is_empty() {
            return (None, None);
        }
        let seen = self.heads.values().any(|(.., seen)| *seen);
        if !seen {
            let why = if self.others > 0 {
                "the signatures beside it are by other keys or can't be read"
            } else {
                "there is no signature beside it"
            };
            let unknown = format!(
                "whether the log was rewritten: no line of it is signed by a key of this configuration ({why})"
            );
            return (None, Some(unknown));
        }
        let mut note = if self.last.is_some() {
            "the last record is signed: nothing before it was changed since".to_owned()
        } else {
            "the last record is not signed; one before it is, and nothing before that was changed since".to_owned()
        };
        if self.others > 0 {
            note.push_str("; some signatures are by other keys or can't be read");
        }
        (Some(note), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::audit::tests::{append, log, record};
    use crate::change::audit::verify::Check;
    use crate::change::audit::{Verification, verify::digest};
    use crate::change::testing;
    use crate::domain::SigningKey;
    use crate::server::LogEvent;

    fn head(key: &SigningKey, line: &[u8]) -> Vec<u8> {
        let head = digest(line);
        let signature = key.sign(&message(&head)).to_string();
        let id = "x".to_owned();
        serde_json::to_vec(&SignedLine {
            head,
            id,
            signature,
        })
        .unwrap()
    }

    fn found(log: &[u8], signatures: &[Vec<u8>], keys: Vec<PublicKey>) -> Verification {
        let mut check = Check::new(Err("no copy".into())).with_keys(keys);
        let none = &mut |_: &[u8]| ();
        for line in signatures {
            check.take(&LogEvent::Signed(line), none);
        }
        check.take(
            &LogEvent::File {
                name: "a",
                live: true,
            },
            none,
        );
        check.take(&LogEvent::Bytes(log), none);
        check.finish(none)
    }

    #[test]
    fn a_log_that_was_written_anew_is_found() {
        let (ours, other) = (testing::key("ops-1", 1), testing::key("ops-1", 2));
        let keys = || vec![ours.public()];
        let all = log(3);
        let lines: Vec<&[u8]> = all.split(|byte| *byte == b'\n').collect();
        let signed: Vec<Vec<u8>> = lines[..3].iter().map(|line| head(&ours, line)).collect();
        let fine = found(&all, &signed, keys());
        assert_eq!(fine.vouched_by, [Witness::Signature("ops-1".into())]);
        assert!(!fine.is_broken());
        // Later lines may have been removed together with their signatures.
        assert!(!fine.whole() && fine.unknown.len() == 1, "{fine:?}");
        let mut anew = Vec::new();
        for at in [0, 5, 6] {
            append(&mut anew, &record(at));
        }
        assert_eq!(found(&anew, &signed, keys()).missing_total, 2);
        assert_eq!(found(&[], &signed, keys()).missing_total, 3);
        // Signed by the one who wrote it anew, or not at all.
        for signatures in [vec![head(&other, lines[2])], vec![], vec![b"x".to_vec()]] {
            let found = found(&all, &signatures, keys());
            assert!(
                found.vouched_by.is_empty() && found.unknown.len() == 2,
                "{found:?}"
            );
        }
        // Without a key, signatures are not mentioned.
        assert_eq!(found(&all, &signed, vec![]).unknown.len(), 1);
    }
}
