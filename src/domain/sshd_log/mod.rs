//! sshd's log: who came in, who did not, with which key, from where.
//!
//! In: the journal's JSON lines (`journalctl -o json -t sshd -t sshd-session -t sshd-auth`), or `/var/log/auth.log` with times of either form.
//! Out: the events that matter, oldest first, and what they say of each key. Lines that other programs wrote are left out: by
//! their tag, and in the journal by the user id that the kernel vouches for.

mod message;
#[cfg(test)]
mod tests;
mod usage;

pub use self::usage::{KeyUse, Seen, by_key};

use super::When;
use super::access::{LogEvent, LogKind};
use super::ssh_key::Fingerprint;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Bytes of a line at most; a longer one is none of sshd's.
const MOST_LINE: usize = 16 * 1024;

/// The names that sshd's processes log under.
const TAGS: [&str; 3] = ["sshd", "sshd-session", "sshd-auth"];

/// What was read of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// The events, in the order of their times.
    pub events: Vec<LogEvent>,
    /// The time of the oldest line that was there, whoever wrote it.
    pub oldest: Option<When>,
    /// Where the journal goes on after its last entry.
    pub cursor: Option<String>,
    /// There are lines, and none of them has a time, as in what `sshd -E` writes.
    pub undated: bool,
    /// What lines without a time say, in their order. The time of each is that of nothing.
    without_time: Vec<LogEvent>,
}

impl Log {
    fn saw(&mut self, at: When) {
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
    }

    /// What a log without dates says of each key that logs in as `user`: counts and addresses, and no times.
    pub fn undated_by_key(&self, user: &str) -> BTreeMap<Fingerprint, KeyUse> {
        if !self.undated {
            return BTreeMap::new();
        }
        let mut found = by_key(&self.without_time, user);
        for entry in found.values_mut() {
            (entry.first_seen, entry.last_accepted, entry.last_refused) = (None, None, None);
        }
        found
    }

    fn add(&mut self, at: When, pid: Option<u32>, message: message::Message) {
        self.events.push(event(at, pid, message));
    }

    fn sorted(mut self) -> Self {
        // Stable: lines of the same second keep their order.
        self.events.sort_by_key(|event| event.at);
        self
    }
}

fn event(at: When, pid: Option<u32>, message: message::Message) -> LogEvent {
    let (key_type, fingerprint) = message.key.unzip();
    LogEvent {
        at,
        pid,
        kind: message.kind,
        user: message.user,
        address: message.address,
        port: message.port,
        fingerprint,
        key_type,
    }
}

/// An entry of the journal, as far as it matters.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    micros: String,
    #[serde(rename = "__CURSOR")]
    cursor: Option<String>,
    #[serde(rename = "MESSAGE")]
    message: Option<Text>,
    #[serde(rename = "SYSLOG_IDENTIFIER")]
    tag: Option<String>,
    #[serde(rename = "_PID")]
    pid: Option<String>,
    #[serde(rename = "SYSLOG_PID")]
    own_pid: Option<String>,
    #[serde(rename = "_UID")]
    uid: Option<String>,
}

/// A text of the journal: bytes where it is no UTF-8.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Bytes(Vec<u8>),
}

/// Reads JSON lines of the journal. Lines that are none are passed over.
pub fn read_journal(bytes: &[u8]) -> Log {
    let mut log = Log::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.len() > MOST_LINE {
            continue;
        }
        let Ok(entry) = serde_json::from_slice::<Entry>(line) else {
            continue;
        };
        let Ok(micros) = entry.micros.parse::<i64>() else {
            continue;
        };
        let at = When::from_unix(micros / 1_000_000);
        log.saw(at);
        log.cursor = entry.cursor;
        if !entry.tag.is_some_and(|tag| TAGS.contains(&tag.as_str())) {
            continue;
        }
        let text = match entry.message {
            Some(Text::Text(text)) => text,
            Some(Text::Bytes(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            None => continue,
        };
        let Some(message) = message::parse(&text) else {
            continue;
        };
        // Any user can log as sshd; only what root logs counts as a login. Sessions are logged by the user that they belong to.
        let of_session = matches!(
            message.kind,
            LogKind::Session { .. } | LogKind::Disconnected
        );
        if !of_session && entry.uid.is_some_and(|uid| uid != "0") {
            continue;
        }
        let pid = entry.pid.or(entry.own_pid);
        log.add(at, pid.and_then(|pid| pid.parse().ok()), message);
    }
    log.sorted()
}

/// Reads a text log. Times without a year are the last ones before `now`, on a server `utc_offset` seconds east of UTC.
pub fn read_text(bytes: &[u8], now: When, utc_offset: i32) -> Log {
    let mut log = Log::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.len() > MOST_LINE {
            continue;
        }
        let text = String::from_utf8_lossy(line);
        let Some((at, rest)) = stamp(&text, now, utc_offset) else {
            log.undated |= !text.trim().is_empty();
            // sshd writes nothing before its message there, neither a name nor a process.
            if let Some(message) = message::parse(text.trim_end_matches('\r')) {
                log.without_time
                    .push(event(When::from_unix(0), None, message));
            }
            continue;
        };
        log.saw(at);
        // `HOST TAG[PID]: MESSAGE`
        let Some((pid, message)) = rest
            .split_once(' ')
            .and_then(|(_, rest)| rest.split_once(": "))
            .and_then(|(tag, message)| Some((pid(tag)?, message)))
        else {
            continue;
        };
        if let Some(message) = message::parse(message.trim_end_matches('\r')) {
            log.add(at, Some(pid), message);
        }
    }
    log.undated &= log.oldest.is_none();
    log.sorted()
}

/// The number in `sshd[123]`, if the tag is sshd's.
fn pid(tag: &str) -> Option<u32> {
    let (tag, pid) = tag.strip_suffix(']')?.split_once('[')?;
    if !TAGS.contains(&tag) {
        return None;
    }
    pid.parse().ok()
}

/// Takes the time off a line: RFC 3339, or `Nov 22 11:25:52`.
fn stamp(line: &str, now: When, utc_offset: i32) -> Option<(When, &str)> {
    if line.starts_with(|c: char| c.is_ascii_digit()) {
        let (time, rest) = line.split_once(' ')?;
        let timestamp: Timestamp = time.parse().ok()?;
        return Some((When::from_unix(timestamp.as_second()), rest));
    }
    // Month, day in two columns, time: fifteen characters.
    let (time, rest) = line.split_at_checked(15)?;
    let rest = rest.strip_prefix(' ')?;
    let zone = TimeZone::fixed(Offset::from_seconds(utc_offset).ok()?);
    let today = Timestamp::from_second(now.unix())
        .ok()?
        .to_zoned(zone.clone());
    let in_year = |year: i16| {
        let text = format!("{year} {}", time.replace("  ", " "));
        let moment = DateTime::strptime("%Y %b %d %H:%M:%S", text).ok()?;
        let moment = moment.to_zoned(zone.clone()).ok()?;
        Some(When::from_unix(moment.timestamp().as_second()))
    };
    // A clock may be a little ahead.
    let latest = When::from_unix(now.unix() + 86_400);
    let at = in_year(today.year())
        .filter(|at| *at <= latest)
        .or_else(|| in_year(today.year() - 1))?;
    Some((at, rest))
}
