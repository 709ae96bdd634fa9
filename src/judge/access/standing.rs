//! Whether sshd takes a key now, and by which line of which file.
//!
//! In: the facts of one look at the server, a key, and the address that it is used from. Out: a step of its way, and the options
//! of the line that counts. sshd goes on behind a line that refuses the key, so the best of its lines decides.

#[cfg(test)]
mod tests;

use super::{Reading, listed, refused, suspended, takes};
use crate::domain::access::{AccessFacts, CacheUser, KeyFile, SshdSettings};
use crate::domain::authorized_keys::{KeyLine, KeyOptions};
use crate::domain::pattern::{glob, lets_in};
use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::domain::sshd_log::{KeyUse, Seen};
use crate::domain::text::visible;
use crate::domain::{Age, Remedy};
use crate::judge::finding::Level;
use crate::judge::hygiene;
use crate::judge::step::{State, Step};

/// The id of the step.
const ID: &str = "authorized";

/// What sshd makes of a key.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The key's comment, as far as any is known; fit to be shown.
    pub comment: String,
    /// Whether it logs in now.
    pub step: Step,
    /// The options of the line that counts; `None` where no file has the key.
    pub options: Option<KeyOptions>,
}

/// Judges a key that is used from this address; where none is given, from the one that the log has of it last.
pub fn standing(facts: &AccessFacts, key: &Fingerprint, from: Option<&str>) -> Standing {
    let reading = Reading::new(facts);
    let usage = reading.uses.get(key).cloned().unwrap_or_default();
    let from = from.or_else(|| Some(latest(&usage)?.from.as_str()));
    let lines = own_lines(&reading, key);
    let verdicts = lines
        .iter()
        .map(|(file, number, line)| of_line(facts, file, *number, line, from));
    // The first of the best: fine, then not known.
    let mut verdicts = verdicts.enumerate().collect::<Vec<_>>();
    verdicts.sort_by_key(|(_, step)| match step.state {
        State::Fine => 0,
        State::Unknown => 1,
        State::Wrong => 2,
    });
    let best = verdicts.into_iter().next();
    let (comment, options) = match &best {
        Some((at, _)) => {
            let line = lines[*at].2;
            let comment = visible(&line.key.comment()).into_owned();
            (comment, line.effective().cloned())
        }
        None => (refused::of_stranger(facts, key, &usage).comment, None),
    };
    let step = of_user(facts).unwrap_or_else(|| match best {
        Some((at, step)) if step.state == State::Fine => {
            revoked(facts, &lines[at].2.key, &usage).unwrap_or(step)
        }
        Some((_, step)) => step,
        None => stranger(facts, key, &usage),
    });
    Standing {
        comment,
        step: Step {
            message: with_last_use(step.message, facts, &usage, step.state),
            ..step
        },
        options,
    }
}

/// The latest try that the log has of a key.
pub(super) fn latest(usage: &KeyUse) -> Option<&Seen> {
    let both = [&usage.last_accepted, &usage.last_refused];
    both.into_iter().flatten().max_by_key(|seen| seen.at)
}

/// Where the key stands in the cache user's own files, in sshd's order. What signs certificates does not log in itself.
fn own_lines<'a>(
    reading: &'a Reading<'_>,
    key: &Fingerprint,
) -> Vec<(&'a KeyFile, usize, &'a KeyLine)> {
    let own = |file: &KeyFile| {
        let mut files = reading.facts.files.iter();
        files.any(|one| std::ptr::eq(one, file))
    };
    let mut found = Vec::new();
    for (file, document) in reading.documents.iter().filter(|(file, _)| own(file)) {
        let keys = document.keys().filter(|(_, line)| {
            let authority = line
                .effective()
                .is_some_and(|options| options.cert_authority);
            line.key.fingerprint() == *key && !authority
        });
        found.extend(keys.map(|(number, line)| (*file, number, line)));
    }
    found
}

/// What holds for every key, where it refuses all or is not known.
pub(super) fn of_user(facts: &AccessFacts) -> Option<Step> {
    let (settings, user) = match (&facts.sshd.settings, &facts.cache_user) {
        (Ok(settings), Ok(user)) => (settings, user),
        (Err(why), _) | (_, Err(why)) => {
            let why = visible(&why.0.message);
            let step = Step::new(
                ID,
                State::Unknown,
                format!("what sshd does is not known: {why}"),
            );
            let hint = "log in as root, or allow sudo without a password";
            return Some(step.remedy(hint));
        }
    };
    let name = visible(&user.name);
    if settings.pubkey_authentication == Some(false) {
        let message = format!("sshd takes no keys from {name} at all");
        let step = Step::new(ID, State::Wrong, message);
        return Some(step.remedy(Remedy::sshd("PubkeyAuthentication yes")));
    }
    match is_excluded(settings, user) {
        Some(false) => None,
        Some(true) => {
            let message = format!(
                "AllowUsers, DenyUsers, AllowGroups or DenyGroups exclude {name}, whatever its keys"
            );
            let step = Step::new(ID, State::Wrong, message);
            Some(step.remedy(Remedy::sshd(format!(
                "AllowUsers {name}, beside those who are there"
            ))))
        }
        None => {
            let message = format!(
                "whether AllowUsers, DenyUsers, AllowGroups or DenyGroups exclude {name} depends on more than its name"
            );
            Some(Step::new(ID, State::Unknown, message))
        }
    }
}

/// Whether sshd takes no login of this user; `None` where that depends on the host, or on a negated pattern.
fn is_excluded(settings: &SshdSettings, user: &CacheUser) -> Option<bool> {
    let matches = |list: &[String], names: &[&str]| {
        let plain = |entry: &&String| !entry.contains(['@', '!']);
        let hit = |entry: &String| {
            let mut names = names.iter();
            names.any(|name| glob(entry.as_bytes(), name.as_bytes()))
        };
        if list.iter().filter(plain).any(hit) {
            Some(true)
        } else if list.iter().all(|entry| plain(&entry)) {
            Some(false)
        } else {
            None
        }
    };
    let user_name = [user.name.as_str()];
    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
    let denied = |list: &[String], names: &[&str]| matches(list, names);
    let not_allowed = |list: &[String], names: &[&str]| {
        if list.is_empty() {
            return Some(false);
        }
        matches(list, names).map(|found| !found)
    };
    let all = [
        denied(&settings.deny_users, &user_name),
        denied(&settings.deny_groups, &groups),
        not_allowed(&settings.allow_users, &user_name),
        not_allowed(&settings.allow_groups, &groups),
    ];
    if all.contains(&Some(true)) {
        Some(true)
    } else if all.contains(&None) {
        None
    } else {
        Some(false)
    }
}

/// Of one line with the key.
fn of_line(
    facts: &AccessFacts,
    file: &KeyFile,
    number: usize,
    line: &KeyLine,
    from: Option<&str>,
) -> Step {
    let place = format!("line {number} of {}", visible(&file.path));
    let wrong = |message: String| Step::new(ID, State::Wrong, message);
    let settings = facts.sshd.settings.as_ref().ok();
    let strict = settings.is_none_or(|settings| settings.strict_modes != Some(false));
    if let Some(problem) = file.strict_modes_problem.as_ref().filter(|_| strict) {
        let message = format!(
            "sshd does not read {}: {}",
            visible(&file.path),
            visible(problem)
        );
        return wrong(message).remedy("correct its owner and mode");
    }
    if let Some(end) = hygiene::expiry(line, facts.utc_offset).filter(|end| *end <= facts.at) {
        let message = format!("key expired {} ago ({place})", end.age(facts.at));
        return wrong(message).remedy("give it a later end");
    }
    let options = line.effective();
    let disabled = line.lints().iter().any(|lint| lint.disables);
    let Some(options) = options.filter(|_| !disabled && takes(settings, &line.key)) else {
        let mut findings = hygiene::of_line(line, facts.at, facts.utc_offset, Age(0));
        findings.extend(hygiene::of_key(&line.key));
        findings.retain(|one| one.level != Level::Note);
        let found = findings.into_iter().next();
        let why = found.as_ref().map_or_else(
            || "sshd takes no keys of its type and size".to_owned(),
            |one| one.message.clone(),
        );
        let step = wrong(format!("key is in {place}, but {why}"));
        return Step {
            remedy: found.and_then(|one| one.fix),
            ..step
        };
    };
    let taken = || Step::new(ID, State::Fine, format!("key is in {place}"));
    let Some(list) = &options.from else {
        return taken();
    };
    let shown = visible(list);
    let allowed = from.and_then(|from| lets_in(list, from));
    match (from, allowed) {
        (_, Some(true)) => taken(),
        (Some(from), Some(false)) => {
            let from = visible(from);
            let message = format!("{place} allows it from {shown} only, not from {from}");
            wrong(message).remedy("correct from= of its line")
        }
        (from, _) => {
            let what = match from {
                Some(from) => format!("whether that has {} is unknown", visible(from)),
                None => "where the client connects from is not known".to_owned(),
            };
            let message = format!("{place} allows it from {shown} only, and {what}");
            let step = Step::new(ID, State::Unknown, message);
            step.remedy("say where the client connects from: --from ADDRESS")
        }
    }
}

/// Whether `RevokedKeys` has the key; where the list can't be read, as far as the log tells.
fn revoked(facts: &AccessFacts, key: &PublicSshKey, usage: &KeyUse) -> Option<Step> {
    let list = facts.sshd.settings.as_ref().ok()?.revoked_keys.as_ref()?;
    let list = visible(list);
    let why = match &facts.certificates.revoked {
        Some(Ok(read)) => {
            let words = listed::words(read.has(key)?, &list);
            let step = Step::new(ID, State::Wrong, words);
            return Some(step.remedy(listed::remedy(read)));
        }
        Some(Err(why)) => format!("can't be read here ({})", visible(&why.0.message)),
        None => "is not read here".to_owned(),
    };
    if usage.refused_as_revoked > 0 && usage.refused_since > 0 {
        let message = format!("key is in sshd's list of revoked keys, {list}");
        let step = Step::new(ID, State::Wrong, message);
        return Some(step.remedy("authorize a new key of the client"));
    }
    if usage.last_accepted.is_some() && usage.refused_since == 0 {
        return None;
    }
    let message = format!(
        "key is authorized, unless it is in sshd's list of revoked keys, {list}, which {why}"
    );
    Some(Step::new(ID, State::Unknown, message))
}

/// Of a key that no file has.
fn stranger(facts: &AccessFacts, key: &Fingerprint, usage: &KeyUse) -> Step {
    if let Some(found) = suspended::of(facts, key) {
        let step = Step::new(ID, State::Wrong, found.message);
        return step.remedy(found.fix);
    }
    let settings = facts.sshd.settings.as_ref().ok();
    let unread = facts.files.iter().find(|file| file.content.is_err());
    // Our own command prints no keys; it only takes down who asks.
    let command = settings
        .and_then(|settings| settings.authorized_keys_command.as_ref())
        .filter(|command| !command.contains("storekeeper"));
    let elsewhere = if facts.files.is_empty() {
        Some("no key file is known".to_owned())
    } else if let Some(file) = unread {
        Some(format!("{} can't be read", visible(&file.path)))
    } else {
        command.map(|command| format!("keys also come from the command {}", visible(command)))
    };
    if let Some(why) = elsewhere {
        let message = format!("no file that was read has the key, and {why}");
        return Step::new(ID, State::Unknown, message);
    }
    let known = refused::of_stranger(facts, key, usage);
    Step {
        remedy: known.fix,
        ..Step::new(ID, State::Wrong, known.message)
    }
}

/// With the login that shows it, or the refusal behind it.
fn with_last_use(message: String, facts: &AccessFacts, usage: &KeyUse, state: State) -> String {
    let dated = facts.events.is_ok();
    let seen = match state {
        State::Fine => usage
            .last_accepted
            .as_ref()
            .map(|seen| ("last login", seen)),
        _ => usage
            .last_refused
            .as_ref()
            .map(|seen| ("last refused", seen)),
    };
    match seen.filter(|_| dated) {
        Some((what, seen)) => format!(
            "{message}; {what} {} ago from {}",
            seen.at.age(facts.at),
            visible(&seen.from)
        ),
        None => message,
    }
}
