//! Which key is meant by an argument.
//!
//! In: a fingerprint, `FILE:LINE`, or a comment, and the key files. Out: the key's fingerprint, or why it is none or not one.

use super::super::error::CliError;
use crate::domain::Explain;
use crate::domain::Notice;
use crate::domain::access::{AccessFacts, KeyFile};
use crate::domain::authorized_keys::AuthorizedKeys;
use crate::domain::notice;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;

/// The most candidates that an error lists.
const LISTED: usize = 10;

/// Characters of a fingerprint that are enough to name it, where only one key begins so.
const ENOUGH: usize = "SHA256:".len() + 6;

/// A line with a key.
struct Candidate {
    fingerprint: Fingerprint,
    comment: String,
    place: String,
}

/// The one key of the cache user that is meant.
pub(in crate::cli) fn key(facts: &AccessFacts, text: &str) -> Result<Fingerprint, CliError> {
    if let Some(fingerprint) = Fingerprint::parse(text) {
        return Ok(fingerprint);
    }
    let shown = visible(text);
    let mut found = Vec::new();
    for file in &facts.files {
        let document = file.document().map_err(|unknown| {
            CliError::new(super::super::error::Kind::Server, unknown.notice())
        })?;
        collect(file, &document, text, &mut found);
    }
    let mut keys: Vec<Fingerprint> = found.iter().map(|one| one.fingerprint).collect();
    keys.sort_unstable();
    keys.dedup();
    match keys.as_slice() {
        [key] => Ok(*key),
        [] => Err(CliError::usage(notice!(
            "no key of the cache user is called \"{shown}\"",
            "give a fingerprint, a whole comment or FILE:LINE, as storekeeper keys SERVER list shows them"
        ))),
        several => Err(CliError::usage(Notice::new(
            format!(
                "{} keys are called \"{shown}\": {}",
                several.len(),
                reported(&found)
            ),
            "give the fingerprint or FILE:LINE of one",
        ))),
    }
}

fn reported(found: &[Candidate]) -> String {
    let mut reported: Vec<String> = found
        .iter()
        .take(LISTED)
        .map(|one| {
            format!(
                "{} {} at {}",
                one.fingerprint,
                visible(&one.comment),
                visible(&one.place)
            )
        })
        .collect();
    if found.len() > LISTED {
        reported.push(format!("{} more", found.len() - LISTED));
    }
    reported.join(", ")
}

fn collect(file: &KeyFile, document: &AuthorizedKeys, text: &str, found: &mut Vec<Candidate>) {
    let place = text.rsplit_once(':').and_then(|(path, line)| {
        let this = path == file.path || path == file.resolved;
        line.parse::<usize>().ok().filter(|_| this)
    });
    let begins = text.starts_with("SHA256:") && text.len() >= ENOUGH;
    let suspended = document.suspended();
    let suspended = suspended.map(|(number, suspended)| (number, &suspended.line));
    for (number, line) in document.keys().chain(suspended) {
        let fingerprint = line.key.fingerprint();
        let comment = line.key.comment();
        let shown = visible(&comment);
        let is = match place {
            Some(wanted) => wanted == number,
            None if begins => fingerprint.to_string().starts_with(text),
            // As it is, or as a list has shown it.
            None => !text.is_empty() && (comment == text || shown == text),
        };
        if is {
            found.push(Candidate {
                fingerprint,
                comment: comment.into_owned(),
                place: format!("{}:{number}", file.path),
            });
        }
    }
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::*;
    use crate::domain::When;
    use crate::domain::access::{LogPosition, SshdFacts, Unknown};

    pub(in crate::cli) const KEYS: [&str; 3] = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhVmVJUK",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI",
    ];

    /// A server with one key file.
    pub(in crate::cli) fn facts(content: &str) -> AccessFacts {
        let unknown = || Unknown::new("not asked");
        AccessFacts {
            host: "cache".into(),
            at: When::from_unix(1_800_000_000),
            utc_offset: 0,
            cache_user: Err(unknown()),
            sshd: SshdFacts {
                config_file: "/etc/ssh/sshd_config".into(),
                assumed: None,
                version: Err(unknown()),
                settings: Err(unknown()),
            },
            files: vec![KeyFile {
                resolved: "/real".into(),
                ..KeyFile::sample("/k", "nix-ssh", content)
            }],
            other_files: vec![],
            trusted_users: Err(unknown()),
            own_key: None,
            events: Err(unknown()),
            undated: std::collections::BTreeMap::new(),
            reach: None,
            log: LogPosition::default(),
            sessions: Err(unknown()),
            requests: Err(unknown()),
            overflow: Ok(crate::domain::overflow::Overflow::default()),
            revoked: Err(unknown()),
            past: Vec::new(),
            certificates: crate::domain::authorities::CertificateFacts::default(),
            reviewed: None,
            service: Err(unknown()),
        }
    }

    #[test]
    fn three_ways_to_say_it() {
        let [a, b, c] = KEYS;
        let facts = facts(&format!("# x\n{a} ada\n{b} same\n{c} same\n{a} \u{1b}\n"));
        let print = |line: &str| {
            crate::domain::ssh_key::PublicSshKey::parse(line)
                .unwrap()
                .fingerprint()
        };
        let whole = print(b).to_string();
        for (text, key) in [
            ("ada", a),
            ("/k:2", a),
            ("/real:3", b),
            ("\\e", a),
            (&whole, b),
            (&whole[..16], b),
        ] {
            assert_eq!(super::key(&facts, text), Ok(print(key)), "{text}");
        }
        for text in ["", "eve", "/k:1", "/k:9", "/other:2", "SHA256:"] {
            assert_eq!(super::key(&facts, text).unwrap_err().code(), 2, "{text}");
        }
        let error = super::key(&facts, "same").unwrap_err();
        assert_eq!(error.code(), 2);
        let reported = error.to_string();
        for part in ["2 keys", &whole, &print(c).to_string(), "/k:3", "/k:4"] {
            assert!(reported.contains(part), "{reported}");
        }
    }
}
