//! sshd's log, and the sessions of the cache user that are open now.
//!
//! In: the report of one script: processes first, then the log as it lies there: the newest part of it, or what is new since
//! the last look. Out: events, how far back they go, and sessions with their keys.

use super::sessions;
use crate::domain::When;
use crate::domain::access::{
    AccessFacts, Fact, LogEvent, LogPosition, LogReach, LogSource, Session, Unknown,
};
use crate::domain::notice;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::sshd_log::{self, KeyUse};
use crate::domain::text::visible;
use crate::link::{Command, Limits};
use crate::server::Inner;
use crate::server::error::ServerError;
use crate::server::script::{self, Answers, why};
use std::collections::BTreeMap;
use std::time::Duration;

/// The script keeps the newest 8 MiB of a log, of which each line of the journal is one JSON object.
const READ: Limits = Limits {
    output: 16 << 20,
    time: Duration::from_secs(90),
};

/// Entries that are kept of a log, the newest.
pub const MOST_EVENTS: usize = 50_000;

/// Bytes of the server's word for how far a log was read.
const CURSOR: usize = 512;

/// What the script writes where the journal does not go on after an entry.
const FAILED: &[u8] = b"storekeeper-failed";

/// What one reading finds.
pub(super) struct Found {
    pub(super) events: Fact<Vec<LogEvent>>,
    pub(super) undated: BTreeMap<Fingerprint, KeyUse>,
    pub(super) reach: Option<LogReach>,
    pub(super) position: LogPosition,
    pub(super) sessions: Fact<Vec<Session>>,
}

/// What is new, where that could be had, or else all of it.
enum Log {
    Whole(Found),
    New {
        events: Vec<LogEvent>,
        cursor: Option<String>,
        sessions: Vec<Session>,
    },
}

/// Reads it.
pub(super) async fn read(inner: &Inner) -> Result<Found, ServerError> {
    let mut found = match ask(inner, None).await? {
        Ok(Log::Whole(found)) => found,
        // Nobody has asked for that.
        Ok(Log::New { .. }) => nothing("it is not whole"),
        Err(why) => nothing(&why),
    };
    limit(&mut found.events, &mut found.reach, &mut found.position);
    found.sessions = seen(inner, found.sessions);
    Ok(found)
}

/// Brings the log and the sessions up to date: only what is new of the log is read, where the server can tell what that is.
pub(super) async fn go_on(inner: &Inner, facts: &mut AccessFacts) -> Result<(), ServerError> {
    let cursor = facts.log.cursor.as_deref().filter(|_| facts.events.is_ok());
    match ask(inner, cursor).await? {
        Ok(Log::Whole(found)) => {
            facts.events = found.events;
            facts.undated = found.undated;
            facts.reach = found.reach;
            facts.log = found.position;
            facts.sessions = seen(inner, found.sessions);
        }
        Ok(Log::New {
            events,
            cursor,
            mut sessions,
        }) => {
            if let Ok(known) = &mut facts.events {
                known.extend(events);
                // Stable: lines of the same second keep their order.
                known.sort_by_key(|event| event.at);
            }
            sessions::join(&mut sessions, facts.events.as_deref().unwrap_or_default());
            facts.log.cursor = cursor;
            facts.sessions = seen(inner, Ok(sessions));
        }
        // What was read before stays, and the next look begins anew.
        Err(_) => facts.log.cursor = None,
    }
    limit(&mut facts.events, &mut facts.reach, &mut facts.log);
    facts.log.own = inner.own.all().await;
    Ok(())
}

/// What is seen of others' processes without root's rights would look as if there were none.
fn seen(inner: &Inner, sessions: Fact<Vec<Session>>) -> Fact<Vec<Session>> {
    if super::is_root(inner) {
        return sessions;
    }
    Err(Unknown(notice!(
        "the sessions of others are not seen without root's rights",
        "log in as root or allow sudo -n"
    )))
}

/// Keeps the newest.
fn limit(
    events: &mut Fact<Vec<LogEvent>>,
    reach: &mut Option<LogReach>,
    position: &mut LogPosition,
) {
    let Ok(events) = events else {
        return;
    };
    let over = events.len().saturating_sub(MOST_EVENTS);
    if over > 0 {
        events.drain(..over);
        position.dropped += over as u64;
        if let (Some(reach), Some(first)) = (reach, events.first()) {
            reach.since = first.at;
        }
    }
}

fn nothing(why: &str) -> Found {
    let unknown = Unknown::new(format!("sshd's log can't be read: {why}"));
    Found {
        events: Err(unknown.clone()),
        undated: BTreeMap::new(),
        reach: None,
        position: LogPosition::default(),
        sessions: Err(unknown),
    }
}

async fn ask(inner: &Inner, cursor: Option<&str>) -> Result<Result<Log, String>, ServerError> {
    let command = Command::script(script::ACCESS_LOG)
        .arg(&inner.spec.cache_user)
        .arg(inner.spec.sshd_log.as_deref().unwrap_or_default())
        .arg(cursor.unwrap_or_default())
        .sudo(inner.start.sudo);
    let (output, ()) = tokio::join!(
        inner.link.run(&command, b"", READ),
        Box::pin(inner.own.learn())
    );
    let output = output?;
    let mut found = sort(&output.stdout, &inner.spec.cache_user, cursor);
    if let Some(Log::Whole(found)) = &mut found {
        found.position.own = inner.own.all().await;
    }
    Ok(found.ok_or_else(|| why(&output).to_string()))
}

/// Splits the report; `None` if it is not whole.
fn sort(output: &[u8], user: &str, before: Option<&str>) -> Option<Log> {
    let answers = Answers::parse(output)?;
    let end = b"\nend=\n";
    let at = output.windows(end.len()).position(|part| part == end)?;
    let log = output.get(at + end.len()..)?;
    let mut open = sessions::read(&answers, user);
    let said = answers.get("cursor").map(str::to_owned);
    if let (Some(before), Some("yes"), Some(source)) =
        (before, answers.get("part"), answers.get("source"))
    {
        let found = lines(source, log, &answers);
        let cursor = match source {
            "journal" if log.trim_ascii_end().ends_with(FAILED) => None,
            // Where there is nothing new, it is where it was.
            "journal" => found.cursor.or_else(|| Some(before.to_owned())),
            _ => said,
        };
        return Some(Log::New {
            events: found.events,
            cursor: cursor.and_then(fit),
            sessions: open,
        });
    }
    let mut undated = BTreeMap::new();
    let mut cursor = None;
    let (events, reach) = if let Some(source) = answers.get("source") {
        let mut found = lines(source, log, &answers);
        // What has no end yet is read again from its beginning, which a log without dates is anyway.
        let whole = log.iter().rposition(|byte| *byte == b'\n');
        if source.starts_with("file ") && said.is_some() && !found.undated && !log.is_empty() {
            let end = whole.map_or(0, |at| at + 1);
            if end < log.len() {
                found = lines(source, log.get(..end).unwrap_or_default(), &answers);
            }
        }
        cursor = found.cursor.clone().or(said).and_then(fit);
        events(source, found, user, &mut undated)
    } else {
        let why = answers
            .get("log-why")
            .unwrap_or("it is not known where it is");
        (Err(Unknown::new(visible(why))), None)
    };
    sessions::join(&mut open, events.as_deref().unwrap_or_default());
    Some(Log::Whole(Found {
        events,
        undated,
        reach,
        position: LogPosition {
            cursor,
            ..LogPosition::default()
        },
        sessions: Ok(open),
    }))
}

/// A cursor that can be given back.
fn fit(cursor: String) -> Option<String> {
    let plain = cursor.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    (cursor.len() <= CURSOR && plain).then_some(cursor)
}

/// What the log says. A journal's cursor is its last entry's.
fn lines(source: &str, log: &[u8], answers: &Answers) -> sshd_log::Log {
    let now = answers
        .get("now")
        .and_then(|text| text.parse().ok())
        .map_or_else(When::now, When::from_unix);
    let zone = answers.get("zone").and_then(super::facts::utc_offset);
    if source.starts_with("file ") {
        return sshd_log::read_text(log, now, zone.unwrap_or(0));
    }
    let mut found = sshd_log::read_journal(log);
    found.cursor = found.cursor.map(|cursor| format!("journal {cursor}"));
    found
}

fn events(
    source: &str,
    read: sshd_log::Log,
    user: &str,
    undated: &mut BTreeMap<Fingerprint, KeyUse>,
) -> (Fact<Vec<LogEvent>>, Option<LogReach>) {
    let source = match source.strip_prefix("file ") {
        Some(file) => LogSource::File(visible(file).into_owned()),
        None => LogSource::Journal,
    };
    if read.undated {
        *undated = read.undated_by_key(user);
        let unknown = notice!(
            "the log has no dates, so logins can't be dated",
            "log to syslog or the journal"
        );
        return (Err(Unknown(unknown)), None);
    }
    let reach = read.oldest.map(|since| LogReach { since, source });
    (Ok(read.events), reach)
}

#[cfg(test)]
mod tests;
