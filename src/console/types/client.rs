//! The clients of a cache, to choose one whose way is to be gone through.
//!
//! In: who may log in, and who was refused. Out: one line a client, who was refused first: those are asked about.

use crate::console::types::access::AccessSnapshot;
use crate::domain::StorePath;
use crate::domain::ssh_key::Fingerprint;
use crate::judge::way::Way;
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub key: Fingerprint,
    /// The key's comment, else its fingerprint; fit to be shown.
    pub name: String,
    /// How it stands, in a few words.
    pub note: String,
}

/// A way that was gone through.
#[derive(Debug)]
pub struct ClientWay {
    /// Of this server.
    pub server: String,
    /// To this path; `None` for any.
    pub path: Option<StorePath>,
    pub way: Way,
}

/// Every key that is known, each once: refused ones, those in files, those that wait.
pub fn clients(known: &AccessSnapshot) -> Vec<Client> {
    let refused = known.refused.iter().map(|one| Client {
        key: one.fingerprint,
        name: one.name(),
        note: format!("refused: {}", one.message),
    });
    let name = |comment: &str, key: Fingerprint| match comment {
        "" => key.to_string(),
        comment => comment.to_owned(),
    };
    let keys = known.keys.iter().map(|entry| Client {
        key: entry.row.fingerprint,
        name: name(&entry.row.comment, entry.row.fingerprint),
        note: match (&entry.row.suspended, entry.row.active) {
            (Some(_), _) => "suspended".to_owned(),
            (None, true) => "authorized".to_owned(),
            (None, false) => "in a file, not authorized".to_owned(),
        },
    });
    let requests = known.requests.iter().map(|entry| Client {
        key: entry.row.fingerprint,
        name: name(&entry.row.comment, entry.row.fingerprint),
        note: "its request waits".to_owned(),
    });
    let mut seen = BTreeSet::new();
    let mut all: Vec<Client> = refused.chain(keys).chain(requests).collect();
    all.retain(|client| seen.insert(client.key));
    all
}
