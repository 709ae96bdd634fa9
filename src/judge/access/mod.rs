//! Who may use the cache, row by row, and who asks to.
//!
//! In: the facts of one look at the server. Out: the documents that `keys list` and `requests list` print, their keys in the order of the
//! output contract; screens show the same rows. Comments, options and names are made visible here.

use super::finding::{Finding, Level};
use super::hygiene;
use super::posture::{self, Ability, KeyPosture, Posture};
use crate::domain::access::{AccessFacts, KeyFile, SshdSettings};
use crate::domain::authorized_keys::{AuthorizedKeys, KeyLine, KeyOptions, LineKind, NewKey};
use crate::domain::key_request::{Request, Source};
use crate::domain::ssh_key::{Fingerprint, Material, PublicSshKey};
use crate::domain::sshd_log::{KeyUse, by_key};
use crate::domain::text::{visible, visible_bytes};
use crate::domain::{Age, When};
use serde::Serialize;
use std::collections::BTreeMap;

/// The document of `keys list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Version of the form.
    pub schema: u32,
    /// The user that clients log in as; null if there is none.
    pub cache_user: Option<String>,
    /// Its key files.
    pub files: Vec<FileRow>,
    /// What holds for every key.
    pub posture: Posture,
    /// The keys, by file and line.
    pub keys: Vec<KeyRow>,
}

/// A key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRow {
    /// As sshd names it.
    pub path: String,
    /// Whether it may be changed here.
    pub editable: bool,
    /// Why not.
    pub why: Option<String>,
    /// What is wrong with it, and with lines that are no keys.
    pub findings: Vec<Finding>,
}

/// A key of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRow {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its type as in the file.
    pub r#type: String,
    /// Its size; null for a type that is not known here.
    pub bits: Option<u32>,
    /// Its comment.
    pub comment: String,
    /// Its options as written; null if sshd would not read them.
    pub options: Option<Vec<String>>,
    /// When it ends.
    pub expires: Option<When>,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Whether sshd lets it in today, as far as line, file and settings tell.
    pub active: bool,
    /// What it can do; null if that is not known. Nothing if it is not active.
    pub can: Option<Vec<Ability>>,
    /// Last login; null if the log has none.
    pub last_used: Option<Used>,
    /// How far back the log goes; null without one.
    pub logs_since: Option<When>,
    /// What there is to say.
    pub findings: Vec<Finding>,
    /// Connections in which it was refused; null without a log that has them.
    pub refused: Option<u64>,
    /// Sessions that it has open now.
    pub sessions: Option<usize>,
    /// Whether this very connection logged in with it.
    pub own: bool,
    /// What it can do, in words.
    pub words: String,
}

/// When and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Used {
    /// When.
    pub at: When,
    /// The address.
    pub from: String,
}

/// The document of `requests list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Version of the form.
    pub schema: u32,
    /// Those that wait, the oldest first.
    pub requests: Vec<RequestRow>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRow {
    /// What people type.
    pub id: String,
    /// The key's fingerprint.
    pub fingerprint: Fingerprint,
    /// The key's type.
    pub r#type: String,
    /// The key's size.
    pub bits: Option<u32>,
    /// The key's own comment, not verified.
    pub comment: String,
    /// How it came in.
    pub source: Source,
    /// First seen.
    pub first_seen: Option<When>,
    /// Last seen.
    pub last_seen: Option<When>,
    /// How often it was tried, as far as is known.
    pub tries: u64,
    /// Addresses it was tried from, the latest first, by sshd's log.
    pub from: Vec<String>,
    /// Whether the requester has shown to hold the private key.
    pub proven: bool,
    /// The line that an approval with the defaults writes; null where it cannot be written.
    pub line: Option<String>,
    /// What there is to say.
    pub findings: Vec<Finding>,
    /// What it could do then, in words.
    pub words: String,
}

/// A place where a key stands.
struct Place<'a> {
    file: &'a KeyFile,
    line: usize,
}

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
            .filter_map(|file| {
                let content = file.content.as_ref().ok()?;
                Some((file, AuthorizedKeys::parse(content)))
            })
            .collect();
        let uses = match (&facts.events, &facts.cache_user) {
            (Ok(events), Ok(user)) => by_key(events, &user.name),
            _ => BTreeMap::new(),
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
            rows.extend(
                document
                    .keys()
                    .map(|(number, line)| key_row(&reading, file, number, line, soon)),
            );
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
    let active = is_active(facts, file, line);
    let (can, words) = match line.effective() {
        Some(options) if active => {
            let KeyPosture {
                can,
                words,
                findings: dangers,
            } = posture::of_key(facts, options);
            findings.extend(dangers);
            (can, words)
        }
        _ => (
            Some(Vec::new()),
            "nothing: sshd does not let it in".to_owned(),
        ),
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
                    "it was revoked at {}{}, and stands here again",
                    old.at,
                    because(&old.reason)
                ),
            )
            .fix("revoke it again, if nobody has let it in on purpose"),
        );
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    let usage = reading.uses.get(&fingerprint);
    let log = facts.events.is_ok();
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
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(" ({})", visible(reason))
    }
}

/// Whether sshd lets a key in today.
fn is_active(facts: &AccessFacts, file: &KeyFile, line: &KeyLine) -> bool {
    let ended = hygiene::expiry(line, facts.utc_offset).is_some_and(|end| end <= facts.at);
    let disabled = line.lints().iter().any(|lint| lint.disables);
    let settings = facts.sshd.settings.as_ref().ok();
    let strict = settings.is_none_or(|settings| settings.strict_modes != Some(false));
    let unread = strict && file.strict_modes_problem.is_some();
    let off = settings.is_some_and(|settings| settings.pubkey_authentication == Some(false));
    !ended && !disabled && !unread && !off && takes(settings, &line.key)
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
            visible(&unknown.0),
        ));
    }
    if let Some(problem) = &file.strict_modes_problem {
        findings.push(Finding::new(
            Level::Warning,
            "not-read",
            format!("sshd does not read it: {}", visible(problem)),
        ));
    }
    let document = reading
        .documents
        .iter()
        .find(|(own, _)| std::ptr::eq(*own, file));
    for (number, line) in document.iter().flat_map(|(_, document)| document.lines()) {
        if let LineKind::Invalid(why) = line.kind() {
            let message = format!(
                "line {number} is no key to sshd: {}",
                visible(&why.to_string())
            );
            findings.push(
                Finding::new(Level::Warning, "invalid-line", message)
                    .fix("mend it or take it out by hand"),
            );
        }
    }
    FileRow {
        path: visible(&file.path).into_owned(),
        editable: file.editable.is_ok(),
        why: file
            .editable
            .as_ref()
            .err()
            .map(|why| visible(why).into_owned()),
        findings,
    }
}

/// What there is to say about a key that shall be let in.
pub fn of_candidate(facts: &AccessFacts, key: &PublicSshKey) -> Vec<Finding> {
    candidate(&Reading::new(facts), key)
}

fn candidate(reading: &Reading<'_>, key: &PublicSshKey) -> Vec<Finding> {
    let fingerprint = key.fingerprint();
    let mut findings = hygiene::of_key(key);
    for place in reading.places(&fingerprint) {
        let at = format!("{}, line {}", visible(&place.file.path), place.line);
        let ours = reading
            .facts
            .files
            .iter()
            .any(|file| std::ptr::eq(file, place.file));
        findings.push(if ours {
            Finding::new(
                Level::Warning,
                "duplicate",
                format!("the key is let in already ({at})"),
            )
        } else if place.file.user == "root" {
            Finding::new(
                Level::Warning,
                "also-root",
                format!("the same key logs in as root ({at})"),
            )
            .fix("ask for another key")
        } else {
            Finding::new(
                Level::Note,
                "also-elsewhere",
                format!("the same key is also in {at}"),
            )
        });
    }
    let revoked = reading.facts.revoked.iter().flatten();
    for old in revoked.filter(|old| old.fingerprint == fingerprint) {
        findings.push(
            Finding::new(
                Level::Warning,
                "revoked-before",
                format!("the key was revoked at {}{}", old.at, because(&old.reason)),
            )
            .fix("ask for a new key"),
        );
    }
    let decided = reading.facts.requests.iter().flatten();
    for decision in decided
        .filter(|request| request.key.fingerprint() == fingerprint)
        .filter_map(|request| request.decision.as_ref())
    {
        if !decision.approved {
            findings.push(Finding::new(
                Level::Warning,
                "denied-before",
                format!(
                    "the key was denied at {}{}",
                    decision.at,
                    because(&decision.note)
                ),
            ));
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    findings
}

/// The requests that wait, with what there is to say about each.
pub fn requests(facts: &AccessFacts) -> Requests {
    let reading = Reading::new(facts);
    let waiting = facts
        .requests
        .iter()
        .flatten()
        .filter(|request| request.waits());
    let mut requests: Vec<RequestRow> = waiting
        .map(|request| request_row(&reading, request))
        .collect();
    requests.sort_by(|a, b| (a.first_seen, &a.id).cmp(&(b.first_seen, &b.id)));
    Requests {
        schema: 1,
        requests,
    }
}

fn request_row(reading: &Reading<'_>, request: &Request) -> RequestRow {
    let key = &request.key;
    let fingerprint = key.fingerprint();
    let usage = reading.uses.get(&fingerprint);
    let line = NewKey {
        key: key.clone(),
        restrict: true,
        from: None,
        expires: None,
    }
    .line();
    let restricted = KeyOptions::parse(b"restrict").unwrap_or_default();
    let earliest = [request.first_seen, usage.and_then(|usage| usage.first_seen)];
    let latest = [
        request.last_seen,
        usage
            .and_then(|usage| usage.last_refused.as_ref())
            .map(|seen| seen.at),
    ];
    RequestRow {
        id: request.id(),
        fingerprint,
        r#type: visible(key.algorithm()).into_owned(),
        bits: key.bits(),
        comment: visible(&key.comment()).into_owned(),
        source: request.source,
        first_seen: earliest.into_iter().flatten().min(),
        last_seen: latest.into_iter().flatten().max(),
        // Both count the same tries, each with gaps.
        tries: request.tries.max(usage.map_or(0, KeyUse::tries)),
        from: usage.map_or_else(Vec::new, |usage| {
            usage
                .addresses
                .iter()
                .map(|address| visible(address).into_owned())
                .collect()
        }),
        proven: request.proven,
        line: line.ok().map(|line| visible_bytes(&line)),
        findings: candidate(reading, key),
        words: posture::of_key(reading.facts, &restricted).words,
    }
}

#[cfg(test)]
mod tests;
