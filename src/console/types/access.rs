//! Who may log in, as it was found out at one look at the server.
//!
//! In: the facts of the look. Out: [`AccessSnapshot`], assessed once so that drawing only picks the rows in view.

use crate::console::types::log::{self, LogLine};
use crate::domain::Age;
use crate::domain::access::{AccessFacts, KeyFile};
use crate::domain::authorized_keys::AuthorizedKeys;
use crate::domain::key_request::Request;
use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::domain::text::{visible, visible_bytes};
use crate::judge::access::{FileRow, KeyRow, Refused, RequestRow};
use crate::judge::finding::{Finding, Level};
use std::collections::HashMap;

/// Keys that end within this time are pointed out.
pub const SOON: Age = Age(7 * 86_400);

/// An authorized key.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// What the judge says.
    pub row: KeyRow,
    pub key: PublicSshKey,
    /// Its line, made visible.
    pub line: String,
    /// Why the file can't be edited here.
    pub fixed: Option<String>,
}

impl KeyEntry {
    /// Whether it signs certificates, and does not log in itself.
    pub fn is_authority(&self) -> bool {
        let options = self.row.options.iter().flatten();
        let mut words = options.map(|word| word.to_ascii_lowercase());
        words.any(|word| word == "cert-authority")
    }
}

/// A certificate that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// The file that it is in, fit to be shown.
    pub file: String,
    /// Itself, as a line.
    pub line: String,
}

/// A request that waits.
#[derive(Debug, Clone)]
pub struct RequestEntry {
    /// What the judge says.
    pub row: RequestRow,
    pub request: Request,
}

/// Everything about access, assessed.
#[derive(Debug, Clone)]
pub struct AccessSnapshot {
    /// As they were found.
    pub facts: AccessFacts,
    /// Requests that wait, the oldest first.
    pub requests: Vec<RequestEntry>,
    /// Keys, by file and line.
    pub keys: Vec<KeyEntry>,
    /// Clients that were refused lately, the latest first.
    pub refused: Vec<Refused>,
    /// What holds for every key.
    pub posture: Vec<Finding>,
    /// The key files, assessed.
    pub file_rows: Vec<FileRow>,
    /// What is to be said of the server and its files, the gravest first.
    pub notices: Vec<Finding>,
    /// sshd's log, the newest entry first.
    pub log: Vec<LogLine>,
    /// Files in words: how many, and which where it is one.
    pub files: String,
}

impl AccessSnapshot {
    /// Judges.
    pub fn new(facts: AccessFacts) -> Self {
        let assessment = crate::judge::access::keys(&facts, SOON);
        // Each file is read once, however many keys it has.
        let documents: Vec<(String, &KeyFile, AuthorizedKeys)> = facts
            .files
            .iter()
            .filter_map(|file| {
                let document = file.document().ok()?;
                Some((visible(&file.path).into_owned(), file, document))
            })
            .collect();
        let refused = assessment.refused;
        let keys: Vec<KeyEntry> = assessment
            .keys
            .into_iter()
            .filter_map(|row| key_entry(&documents, row))
            .collect();
        let waiting = facts.requests.as_deref().unwrap_or_default();
        let requests = crate::judge::access::requests(&facts)
            .requests
            .into_iter()
            .filter_map(|row| {
                let same = |request: &&Request| {
                    request.waits() && request.key.fingerprint() == row.fingerprint
                };
                let request = waiting.iter().find(same)?.clone();
                Some(RequestEntry { row, request })
            })
            .collect();
        let (posture, file_rows) = (assessment.posture.findings, assessment.files);
        let mut notices = posture.clone();
        for file in &file_rows {
            notices.extend(file.findings.iter().map(|finding| Finding {
                message: format!("{}: {}", file.path, finding.message),
                ..finding.clone()
            }));
        }
        notices.extend(crate::judge::access::overflow(&facts));
        notices.extend(unknowns(&facts));
        notices.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        let files = match facts.files.as_slice() {
            [] => "no key file".to_owned(),
            [file] => visible(&file.path).into_owned(),
            files => format!("{} files", files.len()),
        };
        let log = {
            let comments: HashMap<Fingerprint, String> = keys
                .iter()
                .rev()
                .map(|entry: &KeyEntry| (entry.row.fingerprint, entry.key.comment().into_owned()))
                .collect();
            log::lines(&facts, |key| comments.get(&key).map(String::as_str))
        };
        Self {
            facts,
            requests,
            keys,
            refused,
            posture,
            file_rows,
            notices,
            log,
            files,
        }
    }

    /// The lines of the list: requests, keys, notices.
    pub const fn len(&self) -> usize {
        self.requests.len() + self.keys.len() + self.notices.len()
    }

    /// Whether there is nothing to list.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A line of the list.
    pub fn line(&self, index: usize) -> Option<Line<'_>> {
        if let Some(request) = self.requests.get(index) {
            return Some(Line::Request(request));
        }
        let index = index - self.requests.len();
        if let Some(key) = self.keys.get(index) {
            return Some(Line::Key(key));
        }
        self.notices.get(index - self.keys.len()).map(Line::Notice)
    }

    /// A client that was refused: its request or its key where it stands in the list, else what is known of it.
    pub fn refused_line(&self, index: usize) -> Option<Line<'_>> {
        let refused = self.refused.get(index)?;
        let key = refused.fingerprint;
        let request = self.requests.iter().find(|own| own.row.fingerprint == key);
        let keys = self.keys.iter().filter(|own| own.row.fingerprint == key);
        // Where it stands twice, the line that sshd takes counts.
        let own = keys.max_by_key(|own| own.row.active);
        Some(match (request, own) {
            (Some(request), _) => Line::Request(request),
            (None, Some(own)) => Line::Key(own),
            (None, None) => Line::Refused(refused),
        })
    }

    /// Where it is in the list.
    pub fn place(&self, anchor: &Anchor) -> Option<usize> {
        let all = || (0..self.len()).filter_map(|index| Some((index, self.line(index)?.anchor())));
        all()
            .find(|(_, own)| own == anchor)
            // A request that was approved is a key now, and an edited file has other line numbers.
            .or_else(|| all().find(|(_, own)| anchor.key().is_some() && own.key() == anchor.key()))
            .map(|(index, _)| index)
    }
}

fn key_entry(documents: &[(String, &KeyFile, AuthorizedKeys)], row: KeyRow) -> Option<KeyEntry> {
    let (_, file, document) = documents.iter().find(|(path, ..)| *path == row.file)?;
    let line = document.line(row.line)?;
    Some(KeyEntry {
        key: line.any_key()?.key.clone(),
        line: visible_bytes(line.text()),
        fixed: fixed(file),
        row,
    })
}

/// Why a file can't be edited here.
pub fn fixed(file: &KeyFile) -> Option<String> {
    match (&file.generated_by, &file.editable) {
        (Some(by), _) => Some(format!(
            "{} is written by {}; change it there",
            visible(&file.path),
            visible(by)
        )),
        (None, Err(why)) => Some(why.visible().to_string()),
        (None, Ok(())) => None,
    }
}

/// What could not be found out, with the reason.
fn unknowns(facts: &AccessFacts) -> Vec<Finding> {
    let of = |what: &str, why: &str| Finding {
        level: Level::Note,
        code: "unknown",
        message: format!("{what}: {}", visible(why)),
        fix: None,
    };
    let mut notices = Vec::new();
    if let Err(why) = &facts.requests {
        notices.push(of("which requests wait is not known", &why.to_string()));
    }
    if let (Ok(_), Err(why)) = (&facts.requests, &facts.overflow) {
        notices.push(of(
            "how many requests were dropped is not known",
            &why.to_string(),
        ));
    }
    if let Err(why) = &facts.events {
        notices.push(of("when keys were used is not known", &why.to_string()));
    }
    if let Err(why) = &facts.sessions {
        notices.push(of("which sessions are open is not known", &why.to_string()));
    }
    if let Err(why) = &facts.revoked {
        notices.push(of(
            "which keys were revoked before is not known",
            &why.to_string(),
        ));
    }
    notices
}

/// What a line of the list is about.
#[derive(Debug, Clone, Copy)]
pub enum Line<'a> {
    /// A request.
    Request(&'a RequestEntry),
    /// A key.
    Key(&'a KeyEntry),
    /// A client that was refused and stands nowhere.
    Refused(&'a Refused),
    /// Something about the server.
    Notice(&'a Finding),
}

/// What the cursor stays on when the list changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// A request.
    Request(Fingerprint),
    /// A key, by file and line.
    Key(Fingerprint, String, usize),
    /// A client that was refused and stands nowhere.
    Refused(Fingerprint),
    /// A notice.
    Notice(String),
}

impl Anchor {
    /// The key that it is about.
    pub const fn key(&self) -> Option<&Fingerprint> {
        match self {
            Self::Request(key) | Self::Key(key, ..) | Self::Refused(key) => Some(key),
            Self::Notice(_) => None,
        }
    }
}

impl Line<'_> {
    /// What `y` copies.
    pub fn copy(&self) -> String {
        match self {
            Self::Request(entry) => visible_bytes(&entry.request.key.line()),
            Self::Key(entry) => entry.line.clone(),
            Self::Refused(refused) => refused.fingerprint.to_string(),
            Self::Notice(finding) => finding.notice().to_string(),
        }
    }

    /// What it is about.
    pub fn anchor(&self) -> Anchor {
        match self {
            Self::Request(entry) => Anchor::Request(entry.row.fingerprint),
            Self::Key(entry) => Anchor::Key(
                entry.row.fingerprint,
                entry.row.file.clone(),
                entry.row.line,
            ),
            Self::Refused(refused) => Anchor::Refused(refused.fingerprint),
            Self::Notice(finding) => Anchor::Notice(finding.message.clone()),
        }
    }
}
