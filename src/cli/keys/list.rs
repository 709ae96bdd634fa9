//! `keys SERVER list`.
//!
//! In: a server. Out: the key files, what holds for every key, and each key with what it can do, when it ends and when it was used;
//! exit code 1 where a key file could not be read, since keys that are not shown may be there.

use super::super::error::{CliError, Kind};
use super::super::out::Out;
use super::super::session::Session;
use super::print_findings;
use crate::domain::access::{AccessFacts, Unknown};
use crate::domain::count::count;
use crate::domain::text::visible;
use crate::judge::access::{Access, KeyRow, keys};
use crate::judge::health::access::SOON;
use std::fmt::Write as _;

/// Runs it.
pub(super) async fn run(session: &Session, out: &mut Out) -> Result<u8, CliError> {
    let server = session.connect().await?;
    let facts = server.access().await;
    server.link().close().await;
    let facts = facts?;
    let access = keys(&facts, SOON);
    if out.json() {
        out.document(&access)?;
    } else {
        text(&facts, &access, out)?;
    }
    Ok(match unknown(&facts) {
        Some(_) => Kind::Server.code(),
        None => 0,
    })
}

/// Why some keys of the cache user may not be known.
fn unknown(facts: &AccessFacts) -> Option<&Unknown> {
    let settings = facts.sshd.settings.as_ref().err();
    facts
        .files
        .iter()
        .find_map(|file| file.content.as_ref().err())
        .or(settings.filter(|_| facts.files.is_empty()))
        .or(facts.cache_user.as_ref().err())
}

fn text(facts: &AccessFacts, access: &Access, out: &mut Out) -> Result<(), CliError> {
    let user = access.cache_user.as_deref().unwrap_or("not known");
    let runs = match (&access.posture.forced_command, &facts.sshd.settings) {
        (Some(command), _) => format!("every key runs {command}"),
        (None, Ok(_)) => "no command is forced".to_owned(),
        (None, Err(_)) => "what keys run is not known".to_owned(),
    };
    out.line(&format!("cache user {user}; {runs}"))?;
    print_findings(&access.posture.findings, "  ", out)?;
    for file in &access.files {
        let why = match &file.why {
            Some(why) => format!("not edited here: {why}"),
            None => "can be edited".to_owned(),
        };
        let resolved = file.resolved.as_ref();
        let leads = resolved.map_or(String::new(), |resolved| format!(" -> {resolved}"));
        out.line(&format!("file {}{leads}; {why}", file.path))?;
        print_findings(&file.findings, "  ", out)?;
    }
    for key in &access.keys {
        out.line("")?;
        for line in describe(key, facts) {
            out.line(&line)?;
        }
        print_findings(&key.findings, "    ", out)?;
    }
    if !access.authorities.is_empty() {
        out.line("")?;
        out.line("certificates are taken of:")?;
    }
    for authority in &access.authorities {
        out.line(&format!("  {}", authority.words()))?;
    }
    if !access.refused.is_empty() {
        out.line("")?;
        out.line("refused within a day:")?;
    }
    for one in &access.refused {
        let (name, times) = (one.name(), times(one.times));
        let (age, from) = (one.last.at.age(facts.at), &one.last.from);
        out.line(&format!(
            "  {name}: {times}, last {age} ago from {from}; {}",
            one.message
        ))?;
    }
    let (keys, active) = (
        access.keys.len(),
        access.keys.iter().filter(|key| key.active).count(),
    );
    out.line("")?;
    out.line(&match unknown(facts) {
        None => format!("{}, {active} of them authorized", count(keys, "key")),
        Some(why) => format!(
            "{} known, {active} of them authorized; there may be more: {}",
            count(keys, "key"),
            visible(&why.to_string())
        ),
    })?;
    Ok(())
}

fn times(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "time")
}

fn describe(key: &KeyRow, facts: &AccessFacts) -> [String; 4] {
    let mut first = format!("{} {}", key.r#type, key.fingerprint);
    if let Some(bits) = key.bits {
        let _ = write!(first, " {bits}");
    }
    if key.suspended.is_some() {
        first.push_str(" (suspended)");
    } else if !key.active {
        first.push_str(" (refused)");
    }
    if key.own {
        first.push_str(" (your own login)");
    }
    let options = match &key.options {
        Some(options) if options.is_empty() => "none".to_owned(),
        Some(options) => options.join(","),
        None => "not readable for sshd".to_owned(),
    };
    let expires = match key.expires {
        Some(end) => format!("expires {end}"),
        None => "no expiry".to_owned(),
    };
    let used = match (&key.last_used, key.logs_since, &facts.events) {
        (Some(used), _, _) => {
            format!("last used {} ago from {}", used.at.age(facts.at), used.from)
        }
        (None, Some(since), _) => format!("not seen since {since} (oldest log)"),
        (None, None, Err(why)) => {
            let of_key = facts.undated.get(&key.fingerprint);
            let counts = of_key.map_or_else(
                || "use not known".to_owned(),
                |seen| {
                    format!(
                        "used {}, refused {}, when is not known",
                        times(seen.accepted),
                        times(seen.refused)
                    )
                },
            );
            format!("{counts}: {}", visible(&why.to_string()))
        }
        (None, None, Ok(_)) => "use not known, the log is empty".to_owned(),
    };
    let sessions = match key.sessions {
        Some(0) | None => String::new(),
        Some(open) => format!(", {open} open now"),
    };
    [
        first,
        format!("    {}  ({}:{})", key.comment, key.file, key.line),
        format!("    can {}", key.words),
        format!("    {expires}, options {options}, {used}{sessions}"),
    ]
}
