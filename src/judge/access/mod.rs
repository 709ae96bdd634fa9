//! Who may use the cache, row by row, and who asks to.
//!
//! In: the facts of one look at the server. Out: the documents that `keys list` and `requests list` print, their keys in the order of the
//! output contract; screens show the same rows. Comments, options and names are made visible here.

mod candidates;
mod certified;
mod listed;
mod overflow;
mod refused;
mod rows;
mod standing;
mod suspended;
#[cfg(test)]
pub(super) mod tests;

pub use self::candidates::{of_candidate, requests, unproven};
pub use self::certified::certified;
pub use self::overflow::overflow;
pub use self::refused::{Cause, Refused};
pub use self::rows::{Access, FileRow, KeyRow, RequestRow, Requests, Used};
pub use self::standing::{Standing, standing};
pub use self::suspended::SUSPENDED;

use super::authorities;
use super::finding::{Finding, Level};
use super::hygiene;
use super::posture::{self, KeyPosture};
use crate::domain::Age;
use crate::domain::access::{AccessFacts, KeyFile, SshdSettings};
use crate::domain::authorized_keys::{AuthorizedKeys, KeyLine, LineKind};
use crate::domain::count::count;
use crate::domain::ssh_key::{Fingerprint, Material, PublicSshKey};
use crate::domain::sshd_log::{KeyUse, by_key};
use crate::domain::text::visible;
use std::collections::BTreeMap;

/// A place where a key stands.
struct Place<'a> {
    file: &'a KeyFile,
    line: usize,
}

/// Lines that are no keys are named up to this number in a file.
const MOST_FINDINGS: usize = 20;

/// What is read once for all rows.
struct Reading<'a> {
    facts: &'a AccessFacts,
    documents: Vec<(&'a KeyFile, AuthorizedKeys)>,
    uses: BTreeMap<Fingerprint, KeyUse>,
}

impl<'a> Reading<'a> {
    fn new(facts: &'a AccessFacts) -> Self {
        let files = facts.files.iter().chain(&facts.other_files);
        let documents = files
            .filter_map(|file| Some((file, file.document().ok()?)))
            .collect();
        let uses = match (&facts.events, &facts.cache_user) {
            (Ok(events), Ok(user)) => by_key(events, &user.name),
            _ => facts.undated.clone(),
        };
        Self {
            facts,
            documents,
            uses,
        }
    }

    /// Where a key stands, in all files.
    fn places(&self, fingerprint: &Fingerprint) -> Vec<Place<'a>> {
        let mut places = Vec::new();
        for (file, document) in &self.documents {
            for line in document.find(fingerprint) {
                places.push(Place { file, line });
            }
        }
        places
    }
}

/// The keys that are in, with what there is to say about each. Those that end within `soon` are pointed out.
pub fn keys(facts: &AccessFacts, soon: Age) -> Access {
    let reading = Reading::new(facts);
    let mut rows = Vec::new();
    for (file, document) in &reading.documents {
        if facts.files.iter().any(|own| std::ptr::eq(own, *file)) {
            let mut own: Vec<KeyRow> = document
                .keys()
                .map(|(number, line)| key_row(&reading, file, number, line, soon))
                .collect();
            let suspended = document.suspended();
            own.extend(
                suspended.map(|(number, line)| suspended::row(&reading, file, number, line)),
            );
            own.sort_by_key(|row| row.line);
            rows.extend(own);
        }
    }
    Access {
        schema: 1,
        cache_user: facts
            .cache_user
            .as_ref()
            .ok()
            .map(|user| visible(&user.name).into_owned()),
        files: facts
            .files
            .iter()
            .map(|file| file_row(&reading, file))
            .collect(),
        posture: posture::of_server(facts),
        refused: refused::refused(&reading, &rows),
        authorities: authorities::all(facts),
        keys: rows,
    }
}

fn key_row(
    reading: &Reading<'_>,
    file: &KeyFile,
    number: usize,
    line: &KeyLine,
    soon: Age,
) -> KeyRow {
    let facts = reading.facts;
    let key = &line.key;
    let fingerprint = key.fingerprint();
    let mut findings = hygiene::of_key(key);
    findings.extend(hygiene::of_line(line, facts.at, facts.utc_offset, soon));
    findings.extend(doubles(&reading.places(&fingerprint), file, number));
    findings.extend(listed::finding(facts, key, Level::Note));
    let active = is_active(facts, file, line);
    let (can, words) = match line.effective() {
        Some(options) if active => {
            let KeyPosture {
                can,
                words,
                findings: dangers,
            } = posture::of_key(facts, options);
            findings.extend(dangers);
            if options.cert_authority {
                let who = authorities::of_line(facts, options).words();
                (
                    can,
                    format!("admit certificates {who}, each of which can {words}"),
                )
            } else {
                (can, words)
            }
        }
        _ => (Some(Vec::new()), "nothing: sshd refuses it".to_owned()),
    };
    let revoked = facts
        .revoked
        .as_ref()
        .ok()
        .and_then(|list| list.iter().find(|old| old.fingerprint == fingerprint));
    if let Some(old) = revoked {
        findings.push(
            Finding::new(
                Level::Warning,
                "revoked-before",
                format!(
                    "it was revoked at {}{}, and is here again",
                    old.at,
                    because(&old.reason)
                ),
            )
            .fix("revoke it again, unless somebody authorized it on purpose"),
        );
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    let usage = reading.uses.get(&fingerprint);
    let log = facts.events.is_ok() || !facts.undated.is_empty();
    KeyRow {
        fingerprint,
        r#type: visible(key.algorithm()).into_owned(),
        bits: key.bits(),
        comment: visible(&key.comment()).into_owned(),
        options: line.effective().map(|options| {
            options
                .written
                .iter()
                .map(|word| visible(word).into_owned())
                .collect()
        }),
        expires: hygiene::expiry(line, facts.utc_offset),
        file: visible(&file.path).into_owned(),
        resolved: file.leads_to(),
        line: number,
        active,
        can,
        last_used: usage
            .and_then(|usage| usage.last_accepted.as_ref())
            .map(|seen| Used {
                at: seen.at,
                from: visible(&seen.from).into_owned(),
            }),
        logs_since: facts.reach.as_ref().map(|reach| reach.since),
        findings,
        refused: log.then(|| usage.map_or(0, |usage| usage.refused)),
        sessions: facts.sessions.as_ref().ok().map(|sessions| {
            let of_key = |session: &&crate::domain::access::Session| {
                session.fingerprint == Some(fingerprint)
            };
            sessions.iter().filter(of_key).count()
        }),
        own: facts.own_key == Some(fingerprint),
        words,
        suspended: None,
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(" ({})", visible(reason))
    }
}

/// Whether sshd accepts a login with a key today.
fn is_active(facts: &AccessFacts, file: &KeyFile, line: &KeyLine) -> bool {
    let ended = hygiene::expiry(line, facts.utc_offset).is_some_and(|end| end <= facts.at);
    let disabled = line.lints().iter().any(|lint| lint.disables);
    let settings = facts.sshd.settings.as_ref().ok();
    let strict = settings.is_none_or(|settings| settings.strict_modes != Some(false));
    let unread = strict && file.strict_modes_problem.is_some();
    let off = settings.is_some_and(|settings| settings.pubkey_authentication == Some(false));
    let listed = listed::refuses(facts, &line.key).is_some();
    !ended && !disabled && !unread && !off && !listed && takes(settings, &line.key)
}

/// Whether sshd takes keys of this type and size.
fn takes(settings: Option<&SshdSettings>, key: &PublicSshKey) -> bool {
    let accepted = settings.map_or(&[][..], |settings| &settings.pubkey_accepted_algorithms);
    let has =
        |name: &str| accepted.is_empty() || accepted.iter().any(|algorithm| algorithm == name);
    match key.material() {
        Material::Unknown => false,
        Material::Rsa { .. } => {
            // OpenSSH reads no RSA key below 1024 bits.
            let least = settings
                .and_then(|settings| settings.required_rsa_size)
                .unwrap_or(0)
                .max(1024);
            let signs = ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]
                .into_iter()
                .any(has);
            key.bits() >= Some(least) && signs
        }
        // Not among the algorithms of any OpenSSH since 7.0, unless it was put there.
        Material::Dsa(_) => accepted.iter().any(|algorithm| algorithm == "ssh-dss"),
        _ if key.certificate().is_some() => has(key.algorithm()),
        _ => has(key.algorithm()),
    }
}

/// The other places of a key.
fn doubles(places: &[Place<'_>], file: &KeyFile, number: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    for place in places {
        let same_file = std::ptr::eq(place.file, file) || place.file.resolved == file.resolved;
        if same_file && place.line == number {
            continue;
        }
        let at = format!("{}, line {}", visible(&place.file.path), place.line);
        let finding = if same_file {
            Finding::new(
                Level::Warning,
                "duplicate",
                format!(
                    "the same key is also on line {}; sshd takes the first line that fits",
                    place.line
                ),
            )
            .fix("revoke one of the two")
        } else if place.file.user == "root" {
            Finding::new(
                Level::Warning,
                "also-root",
                format!("the same key logs in as root ({at})"),
            )
            .fix("use another key for root")
        } else {
            Finding::new(
                Level::Note,
                "also-elsewhere",
                format!("the same key is also in {at}"),
            )
        };
        findings.push(finding);
    }
    findings
}

fn file_row(reading: &Reading<'_>, file: &KeyFile) -> FileRow {
    let mut findings = Vec::new();
    if let Err(unknown) = &file.content {
        findings.push(Finding::new(
            Level::Warning,
            "unreadable",
            visible(&unknown.to_string()),
        ));
    }
    if let Some(problem) = &file.strict_modes_problem {
        let message = format!("sshd does not read it: {}", visible(problem));
        let user = visible(&file.user);
        let fix = format!(
            "on the server, chmod go-w what others can write, and chown what is not root's or {user}'s"
        );
        findings.push(Finding::new(Level::Warning, "not-read", message).fix(fix));
    }
    if let Some(other) = reading.facts.also_read_for(file) {
        let user = visible(&other.user);
        let message = format!("each key in it logs in as {user}, too: the file is read for {user}");
        findings.push(
            Finding::new(Level::Warning, "read-for-others", message)
                .fix("give the cache user a key file of its own"),
        );
    }
    let document = reading
        .documents
        .iter()
        .find(|(own, _)| std::ptr::eq(*own, file));
    let mut more = 0;
    for (number, line) in document.iter().flat_map(|(_, document)| document.lines()) {
        if let LineKind::Invalid(why) = line.kind() {
            if findings.len() >= MOST_FINDINGS {
                more += 1;
                continue;
            }
            let message = format!(
                "line {number} is no key to sshd: {}",
                visible(&why.to_string())
            );
            findings.push(
                Finding::new(Level::Warning, "invalid-line", message)
                    .fix("correct it or take it out by hand"),
            );
        }
    }
    if more > 0 {
        let message = format!("so are {}", count(more, "other line"));
        findings.push(Finding::new(Level::Warning, "invalid-line", message));
    }
    FileRow {
        path: visible(&file.path).into_owned(),
        resolved: file.leads_to(),
        editable: file.editable.is_ok(),
        why: file
            .editable
            .as_ref()
            .err()
            .map(|why| why.visible().to_string()),
        findings,
    }
}
