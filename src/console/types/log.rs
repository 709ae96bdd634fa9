//! sshd's log as a list: what each entry is about, whose it is, and which entries a filter leaves.
//!
//! In: the facts of a look at the server. Out: one [`LogLine`] for each entry, the newest first, made once so that a filter and a
//! frame only look at what is ready.

use crate::domain::When;
use crate::domain::access::{AccessFacts, LogEvent, LogKind, OwnConnection};
use crate::domain::ssh_key::Fingerprint;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its place among the facts' events.
    pub event: usize,
    /// The same for the same entry, whatever comes before or after it.
    pub id: u64,
    /// It is of a connection of this program.
    pub ours: bool,
    /// Somebody did not get in, or would not.
    pub refused: bool,
    /// What a filter looks through, in small letters.
    text: Box<str>,
}

/// What is to be listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Words that an entry has to have, in any order: of a key's comment or fingerprint, an address, a user, a command.
    pub words: String,
    /// Only what was refused.
    pub refused: bool,
    /// Also what this program did itself.
    pub ours: bool,
}

/// What a filter leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sifted {
    /// Places among the lines.
    pub shown: Vec<usize>,
    /// How many it would leave of this program's own.
    pub ours: usize,
}

impl LogFilter {
    /// Whether entries are left out that somebody has asked to.
    pub const fn is_set(&self) -> bool {
        !self.words.is_empty() || self.refused
    }

    /// The lines that pass.
    pub fn sift(&self, lines: &[LogLine]) -> Sifted {
        let words = self.words.to_lowercase();
        let words: Vec<&str> = words.split_whitespace().collect();
        let mut sifted = Sifted::default();
        for (at, line) in lines.iter().enumerate() {
            let passes = (!self.refused || line.refused)
                && words.iter().all(|word| line.text.contains(word));
            if passes {
                sifted.ours += usize::from(line.ours);
                if self.ours || !line.ours {
                    sifted.shown.push(at);
                }
            }
        }
        sifted
    }
}

/// The lines of all events. `comment` is that of a key's line, where the key is authorized.
pub fn lines<'a>(
    facts: &AccessFacts,
    comment: impl Fn(Fingerprint) -> Option<&'a str>,
) -> Vec<LogLine> {
    let events = facts.events.as_deref().unwrap_or_default();
    // Fixed keys: an entry keeps its number from one look to the next.
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut alike: HashMap<u64, u64> = HashMap::new();
    let ours = ours(events, &facts.log.own);
    let mut lines: Vec<LogLine> = events
        .iter()
        .zip(ours)
        .enumerate()
        .map(|(at, (event, ours))| {
            let same = hasher.hash_one((
                (event.at.unix(), event.pid, event.port),
                (&event.address, &event.user, word(&event.kind)),
            ));
            // Several lines of one second may say the same.
            let times = alike.entry(same).or_default();
            *times += 1;
            LogLine {
                event: at,
                id: hasher.hash_one((same, *times)),
                ours,
                refused: is_refused(&event.kind),
                text: text(event, &comment),
            }
        })
        .collect();
    lines.reverse();
    lines
}

fn text<'a>(event: &LogEvent, comment: impl Fn(Fingerprint) -> Option<&'a str>) -> Box<str> {
    let mut parts = vec![word(&event.kind), &event.user, &event.address];
    match &event.kind {
        LogKind::Accepted(text) | LogKind::Failed(text) | LogKind::BadModes(text) => {
            parts.push(text);
        }
        LogKind::Session { command, .. } => parts.push(command),
        LogKind::Found { file, .. } => parts.push(file),
        _ => {}
    }
    let key = event.fingerprint.map(|key| key.to_string());
    parts.extend(key.as_deref());
    parts.extend(event.fingerprint.and_then(comment));
    parts.join("\n").to_lowercase().into()
}

/// How long before its login a process may look for a key.
const LOGIN: i64 = 600;

/// Which of the events, oldest first, are of this program's connections. Some entries name no port: what comes before a login is
/// its process's next connection's, what comes after it the last one's.
fn ours(events: &[LogEvent], own: &[OwnConnection]) -> Vec<bool> {
    // A port is used again, by us or by somebody else at the same address.
    let mut of_port: HashMap<(&str, u16), Vec<&OwnConnection>> = HashMap::new();
    for own in own {
        let place = (own.address.as_str(), own.port);
        of_port.entry(place).or_default().push(own);
    }
    let named = |event: &LogEvent| {
        let own = of_port.get(&(event.address.as_str(), event.port));
        own.into_iter()
            .flatten()
            .any(|own| event.at >= own.since && own.until.is_none_or(|until| event.at <= until))
    };
    let mut found = vec![false; events.len()];
    let mut last: HashMap<u32, bool> = HashMap::new();
    for (event, found) in events.iter().zip(&mut found) {
        match event.pid {
            _ if event.port > 0 => {
                *found = named(event);
                last.extend(event.pid.map(|pid| (pid, *found)));
            }
            Some(pid) if !is_before_login(&event.kind) => {
                *found = last.get(&pid).copied().unwrap_or_default();
            }
            _ => {}
        }
    }
    let mut next: HashMap<u32, (bool, When)> = HashMap::new();
    for (event, found) in events.iter().zip(&mut found).rev() {
        let Some(pid) = event.pid else {
            continue;
        };
        if event.port > 0 {
            next.insert(pid, (*found, event.at));
        } else if is_before_login(&event.kind) {
            let soon = |at: When| at.unix() - event.at.unix() <= LOGIN;
            *found = next.get(&pid).is_some_and(|(ours, at)| *ours && soon(*at));
        }
    }
    found
}

const fn is_before_login(kind: &LogKind) -> bool {
    matches!(kind, LogKind::Found { .. } | LogKind::BadModes(_))
}

/// An event in a word.
pub const fn word(kind: &LogKind) -> &'static str {
    match kind {
        LogKind::Accepted(_) => "authorized",
        LogKind::Failed(_) | LogKind::RefusedByOptions => "refused",
        LogKind::Found { .. } => "key found",
        LogKind::Revoked => "revoked",
        LogKind::BadModes(_) => "not read",
        LogKind::Session { .. } => "session",
        LogKind::ClosedBeforeLogin => "no login",
        LogKind::Disconnected => "left",
    }
}

/// At sshd's usual log level a refused key leaves nothing but a connection without a login.
const fn is_refused(kind: &LogKind) -> bool {
    match kind {
        LogKind::Failed(_)
        | LogKind::RefusedByOptions
        | LogKind::Revoked
        | LogKind::BadModes(_)
        | LogKind::ClosedBeforeLogin => true,
        LogKind::Accepted(_)
        | LogKind::Found { .. }
        | LogKind::Session { .. }
        | LogKind::Disconnected => false,
    }
}
