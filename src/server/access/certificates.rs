//! What sshd's settings for the cache user say of certificates.
//!
//! In: the answers about the files that `TrustedUserCAKeys`, `AuthorizedPrincipalsFile` and `RevokedKeys` name. Out: [`CertificateFacts`].

use super::facts::{get, unknown};
use super::files;
use crate::domain::access::Fact;
use crate::domain::authorities::{CertificateFacts, limited, principals, trusted};
use crate::domain::revocation::RevocationList;
use crate::domain::text::visible;

/// Of the cache user's part of the answers.
pub(super) fn read(answers: &[(&str, &str)]) -> CertificateFacts {
    let list = content(answers, "trusted-");
    let names = content(answers, "principals-");
    CertificateFacts {
        file: get(answers, "trusted-path").map(str::to_owned),
        trusted: list.map_or_else(
            || Ok(Vec::new()),
            |content| content.map(|content| trusted(&content)),
        ),
        limited: match &names {
            Some(Ok(content)) => limited(content),
            _ => Vec::new(),
        },
        principals: names.map(|content| content.map(|content| principals(&content))),
        revoked: revoked(answers),
    }
}

/// The list of revoked keys.
fn revoked(answers: &[(&str, &str)]) -> Option<Fact<RevocationList>> {
    if get(answers, "revoked-missing").is_some() {
        return Some(Ok(RevocationList::Missing));
    }
    let read = |content: Vec<u8>| {
        RevocationList::parse(&content).map_err(|why| {
            unknown(format!(
                "{why}; where sshd can't read it, it refuses every key"
            ))
        })
    };
    content(answers, "revoked-").map(|content| content.and_then(read))
}

/// What a file holds; `None` where no file is set.
fn content(answers: &[(&str, &str)], prefix: &str) -> Option<Fact<Vec<u8>>> {
    let own: Vec<(&str, &str)> = answers
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, *value)))
        .collect();
    if own.is_empty() {
        return None;
    }
    let path = visible(get(&own, "path").unwrap_or("the file")).into_owned();
    // Of a large file only lines that can hold a key are reported, so names would be missing.
    let large = get(&own, "lines").map(|_| "it has more than 2 MiB");
    let why = get(&own, "content-why").or(large).map(str::to_owned);
    let read = files::read(&own).map(|(content, _)| content);
    Some(match (why, read) {
        (Some(why), _) => Err(unknown(format!("{path}: {why}"))),
        (None, Ok(content)) => Ok(content),
        (None, Err(why)) => Err(unknown(format!("{path} can't be read: {why}"))),
    })
}
