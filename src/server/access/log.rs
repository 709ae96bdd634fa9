//! sshd's log, and the sessions of the cache user that are open now.
//!
//! In: the report of one script: processes first, then the log as it lies there, the newest part of it. Out: events, how
//! far back they go, and sessions with their keys.

use super::sessions;
use crate::domain::When;
use crate::domain::access::{Fact, LogEvent, LogReach, LogSource, Session, Unknown};
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

/// What one reading finds.
pub(super) struct Found {
    pub(super) events: Fact<Vec<LogEvent>>,
    pub(super) undated: BTreeMap<Fingerprint, KeyUse>,
    pub(super) reach: Option<LogReach>,
    pub(super) sessions: Fact<Vec<Session>>,
}

/// Reads it.
pub(super) async fn read(inner: &Inner) -> Result<Found, ServerError> {
    let command = Command::script(script::ACCESS_LOG)
        .arg(&inner.spec.cache_user)
        .arg(inner.spec.sshd_log.as_deref().unwrap_or_default())
        .sudo(inner.start.sudo);
    let output = inner.link.run(&command, b"", READ).await?;
    let whole = sort(&output.stdout, &inner.spec.cache_user);
    let mut found = whole.unwrap_or_else(|| {
        let unknown = Unknown::new(format!("sshd's log can't be read: {}", why(&output)));
        Found {
            events: Err(unknown.clone()),
            undated: BTreeMap::new(),
            reach: None,
            sessions: Err(unknown),
        }
    });
    if !super::is_root(inner) {
        // What is seen of others' processes then would look as if there were none.
        found.sessions = Err(Unknown(notice!(
            "the sessions of others are not seen without root's rights",
            "log in as root or allow sudo -n"
        )));
    }
    Ok(found)
}

/// Splits the report; `None` if it is not whole.
fn sort(output: &[u8], user: &str) -> Option<Found> {
    let answers = Answers::parse(output)?;
    let end = b"\nend=\n";
    let at = output.windows(end.len()).position(|part| part == end)?;
    let log = output.get(at + end.len()..)?;
    let mut open = sessions::read(&answers, user);
    let mut undated = BTreeMap::new();
    let (events, reach) = if let Some(source) = answers.get("source") {
        events(source, log, &answers, user, &mut undated)
    } else {
        let why = answers
            .get("log-why")
            .unwrap_or("it is not known where it is");
        (Err(Unknown::new(visible(why))), None)
    };
    sessions::join(&mut open, events.as_deref().unwrap_or_default());
    Some(Found {
        events,
        undated,
        reach,
        sessions: Ok(open),
    })
}

fn events(
    source: &str,
    log: &[u8],
    answers: &Answers,
    user: &str,
    undated: &mut BTreeMap<Fingerprint, KeyUse>,
) -> (Fact<Vec<LogEvent>>, Option<LogReach>) {
    let now = answers
        .get("now")
        .and_then(|text| text.parse().ok())
        .map_or_else(When::now, When::from_unix);
    let zone = answers.get("zone").and_then(super::facts::utc_offset);
    let (read, source) = match source.strip_prefix("file ") {
        Some(file) => (
            sshd_log::read_text(log, now, zone.unwrap_or(0)),
            LogSource::File(visible(file).into_owned()),
        ),
        None => (sshd_log::read_journal(log), LogSource::Journal),
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
