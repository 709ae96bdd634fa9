//! Keys that somebody should look at.
//!
//! In: the keys of a server with the findings on each. Out: a check for each kind of trouble, which names the first key and how many
//! more there are.

use super::{Check, Line, Looked, SOON, State, Subject, check};
use crate::domain::Remedy;
use crate::domain::count::count;
use crate::judge::access::{Cause, KeyRow};
use crate::judge::finding::{Finding, Level};

/// Characters of a comment that are shown.
const NAME: usize = 30;

/// Where a key stands.
pub(super) fn subject(row: &KeyRow) -> Subject {
    Subject::Key(row.fingerprint, row.file.clone(), row.line)
}

/// All of them.
pub(super) fn checks(looked: &Looked<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut groups: [(&'static str, Vec<(&KeyRow, &Finding)>); 4] = [
        ("keys-revoked", Vec::new()),
        ("keys-weak", Vec::new()),
        ("keys-reach", Vec::new()),
        ("keys-odd", Vec::new()),
    ];
    let over = |row: &KeyRow| row.expires.is_some_and(|end| end <= looked.now);
    let suspended = |row: &KeyRow| row.suspended.is_some();
    for row in looked
        .keys
        .iter()
        .filter(|row| !over(row) && !suspended(row))
    {
        // What holds for every key is said once, by the server's findings.
        let own = |finding: &&Finding| {
            let common = looked.posture.iter().any(|one| one.code == finding.code);
            finding.level > Level::Note
                && !common
                && !matches!(finding.code, "expiring" | "expired")
        };
        let findings = row.findings.iter().filter(own);
        let Some(gravest) = findings.max_by_key(|finding| (finding.level, is_back(finding))) else {
            continue;
        };
        let id = kind(gravest);
        if let Some((_, group)) = groups.iter_mut().find(|(own, _)| *own == id) {
            group.push((row, gravest));
        }
    }
    for (id, group) in &groups {
        checks.extend(of_group(looked, id, group));
    }
    if groups.iter().all(|(_, group)| group.is_empty()) {
        let summary = "nothing is odd about any key".to_owned();
        checks.push(check("keys-odd", State::Fine, summary, None));
    }
    checks.push(expiring(looked));
    checks.extend(expired(looked));
    checks.extend(unused(looked));
    checks.extend(suspended_keys(looked));
    checks.push(reviewed(looked));
    checks
}

/// When somebody has looked at all keys last. It is a warning where the configuration says how often that has to be.
fn reviewed(looked: &Looked<'_>) -> Check {
    let id = "keys-review";
    let limit = looked.limits.review_age;
    let last = looked.facts.reviewed.as_ref();
    let age = last.map(|last| last.at.age(looked.now));
    let due = limit.is_some_and(|limit| age.is_none_or(|age| age > limit));
    let summary = match last {
        Some(last) => format!(
            "the keys were reviewed {} ago by {}",
            last.at.age(looked.now),
            last.by
        ),
        None => "no review of the keys is recorded".to_owned(),
    };
    let mark = || Remedy::command(format!("storekeeper keys {} review --mark", looked.server));
    if due {
        check(id, State::Warning, summary, Some(mark()))
    } else {
        check(id, State::Fine, summary, None)
    }
}

/// Keys that somebody has suspended, the one that has been for longest. That is no trouble.
fn suspended_keys(looked: &Looked<'_>) -> Option<Check> {
    let suspended = looked.keys.iter().filter_map(|row| {
        let suspension = row.suspended.as_ref()?;
        Some((suspension.since, suspension, row))
    });
    let suspended: Vec<_> = suspended.collect();
    let (_, suspension, row) = suspended.iter().min_by_key(|(since, ..)| *since)?;
    let text = format!("{} was {}", name(row), suspension.words(looked.now));
    let note = match suspended.len() - 1 {
        0 => String::new(),
        more => format!("and {}", count(more, "more key")),
    };
    Some(named("keys-suspended", State::Fine, row, text, note, None))
}

fn is_back(finding: &Finding) -> bool {
    finding.code == "revoked-before"
}

fn kind(finding: &Finding) -> &'static str {
    match (finding.code, finding.level) {
        ("revoked-before", _) => "keys-revoked",
        (
            "shell" | "shell-trusted" | "inject" | "gc" | "forward" | "cert-authority"
            | "environment",
            _,
        ) => "keys-reach",
        (_, Level::Refuse) => "keys-weak",
        _ => "keys-odd",
    }
}

fn name(row: &KeyRow) -> String {
    match row.comment.as_str() {
        "" => row.fingerprint.to_string(),
        comment => comment.chars().take(NAME).collect(),
    }
}

fn list(looked: &Looked<'_>) -> Remedy {
    let server = looked.server;
    Remedy::command(format!("storekeeper keys {server} list"))
}

fn of_group(looked: &Looked<'_>, id: &'static str, group: &[(&KeyRow, &Finding)]) -> Option<Check> {
    let worst = group.iter().rev().max_by_key(|(_, finding)| finding.level);
    let (row, finding) = *worst?;
    // What a finding says of "the key" is said of its owner.
    let text = match finding.message.strip_prefix("the key ") {
        Some(can) => format!("{} {can}", name(row)),
        None => format!("{}: {}", name(row), finding.message),
    };
    let state = match (id, finding.level) {
        ("keys-reach", Level::Refuse) => State::Critical,
        _ => State::Warning,
    };
    let more = group.len() - 1;
    let (others, fix) = match more {
        0 => (
            String::new(),
            finding.fix.clone().or_else(|| Some(list(looked))),
        ),
        more => (
            format!("and {}", count(more, "more key")),
            Some(list(looked)),
        ),
    };
    Some(named(id, state, row, text, others, fix))
}

/// One that names a key.
fn named(
    id: &'static str,
    state: State,
    row: &KeyRow,
    text: String,
    note: String,
    fix: Option<Remedy>,
) -> Check {
    let summary = match note.as_str() {
        "" => text.clone(),
        note => format!("{text}, {note}"),
    };
    let line = Line {
        text,
        note,
        subject: Some(subject(row)),
    };
    Check {
        line,
        ..check(id, state, summary, fix)
    }
}

fn expiring(looked: &Looked<'_>) -> Check {
    let id = "keys-expiring";
    let days = SOON.0 / 86_400;
    let soon = looked.keys.iter().filter_map(|row| {
        let end = row.expires?;
        let soon = row.active && end > looked.now && looked.now.age(end) <= SOON;
        soon.then_some((end, row))
    });
    let mut soon: Vec<_> = soon.collect();
    soon.sort_by_key(|(end, _)| *end);
    let Some((end, row)) = soon.first() else {
        let summary = format!("no key expires within {days} days");
        return check(id, State::Fine, summary, None);
    };
    let text = format!("{} expires in {}", name(row), looked.now.age(*end));
    let note = match soon.len() - 1 {
        0 => String::new(),
        more => format!("and {} within {days} days", count(more, "more key")),
    };
    let fix = Remedy::command(format!(
        "storekeeper keys {} expire {} 90d",
        looked.server, row.fingerprint
    ));
    named(id, State::Warning, row, text, note, Some(fix))
}

/// Lines whose time is over. A client that was refused for it lately is named by that.
fn expired(looked: &Looked<'_>) -> Option<Check> {
    let refused = |row: &KeyRow| {
        let mut refused = looked.refused.iter();
        refused.any(|one| one.fingerprint == row.fingerprint && one.cause == Cause::Expired)
    };
    let over = looked.keys.iter().filter_map(|row| {
        let end = row.expires.filter(|end| *end <= looked.now)?;
        (!refused(row) && row.suspended.is_none()).then_some((end, row))
    });
    let over: Vec<_> = over.collect();
    let (end, row) = over.iter().max_by_key(|(end, _)| *end)?;
    let text = format!("{} expired {} ago", name(row), end.age(looked.now));
    let note = match over.len() - 1 {
        0 => String::new(),
        more => format!("and {}", count(more, "more key")),
    };
    let fix = "revoke it, or set a later expiry".into();
    Some(named(
        "keys-expired",
        State::Warning,
        row,
        text,
        note,
        Some(fix),
    ))
}

/// Keys that nobody has used for longer than the configuration allows. What the log does not reach back to is not known.
fn unused(looked: &Looked<'_>) -> Option<Check> {
    let id = "keys-unused";
    let limit = looked.limits.key_age?;
    let idle = |since: crate::domain::When| since.age(looked.now) >= limit;
    let active: Vec<&&KeyRow> = looked.keys.iter().filter(|row| row.active).collect();
    let seen = |row: &KeyRow| row.last_used.as_ref().map(|used| used.at);
    let unused: Vec<&&KeyRow> = active
        .iter()
        .copied()
        .filter(|row| seen(row).or(row.logs_since).is_some_and(idle))
        .collect();
    let Some(row) = unused.iter().min_by_key(|row| seen(row)) else {
        let reach = active.iter().filter_map(|row| row.logs_since).min();
        let known = active.iter().all(|row| seen(row).is_some()) || reach.is_some_and(idle);
        let (state, summary) = if known {
            (State::Fine, format!("every key was used within {limit}"))
        } else {
            let summary = format!(
                "whether each key was used within {limit} is not known: the log does not reach back so far"
            );
            (State::Unknown, summary)
        };
        return Some(check(id, state, summary, None));
    };
    let text = match seen(row) {
        Some(at) => format!("{} was last used {} ago", name(row), at.age(looked.now)),
        None => format!("{} was not used for {limit} or longer", name(row)),
    };
    let note = match unused.len() - 1 {
        0 => String::new(),
        more => format!("and {}", count(more, "more key")),
    };
    let fix = "revoke keys that nobody needs".into();
    Some(named(id, State::Warning, row, text, note, Some(fix)))
}
