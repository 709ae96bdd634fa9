//! Plans for lines of key files.
//!
//! In: the files as they were read. Out: a plan that adds a line, removes one, or changes when one expires.

use super::files::{document, editable, files, target};
use super::left::{elsewhere, sessions};
use super::suspend::suspended_in;
use super::{About, AccessError, AccessOperation, FileEdit, is_own_way, line_item};
use crate::change::{Danger, Operation, Plan};
use crate::domain::Notice;
use crate::domain::access::{AccessFacts, KeyFile};
use crate::domain::authorized_keys::{AuthorizedKeys, NewKey};
use crate::domain::key_request::RevokedKey;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::domain::{Age, When};
use crate::judge::finding::{Finding, Level, refuses};
use crate::judge::{self, authorities, concern, posture};
use crate::link::quote;
use crate::server::access::Edit;

/// The word that confirms a revocation.
const REVOKE: Danger = Danger::Destroys { word: "revoke" };

/// The word that confirms a change to the administrator's own login.
const OWN: Danger = Danger::Destroys { word: "my own key" };

pub(super) fn name(comment: &str, fingerprint: Fingerprint) -> String {
    if comment.is_empty() {
        fingerprint.to_string()
    } else {
        format!("{} ({fingerprint})", visible(comment))
    }
}

/// A key to authorize. `file` names one of the key files, where it is not left to the rule.
pub fn authorize(
    about: &About,
    facts: &AccessFacts,
    new: &NewKey,
    file: Option<&str>,
    reason: Option<String>,
) -> Result<Plan, AccessError> {
    let key = new.key.fingerprint();
    let findings = judge::access::of_candidate(facts, &new.key);
    if refuses(&findings) {
        let refusals = findings
            .into_iter()
            .filter(|finding| finding.level == Level::Refuse);
        let words: Vec<String> = refusals.map(|finding| finding.message).collect();
        return Err(AccessError::Weak(words.join("; ")));
    }
    for file in files(facts)? {
        if let Some(line) = document(file)?.find(&key).first() {
            return Err(AccessError::There {
                fingerprint: key,
                file: visible(&file.path).into_owned(),
                line: *line,
            });
        }
    }
    if let Some(error) = suspended_in(facts, key) {
        return Err(error);
    }
    let line = new.line()?;
    let text = String::from_utf8_lossy(&line).into_owned();
    let file = target(facts, file, &text)?;
    let mut edited = document(file)?;
    let number = edited.append(new)?;
    let options = edited
        .line(number)
        .and_then(|line| line.key()?.effective().cloned());
    let after = edited.to_bytes();
    let before = file.content.as_deref().unwrap_or_default();
    let mut lines = line.clone();
    lines.push(b'\n');
    // What the server puts behind the file is a line end where one is missing, and the line.
    let simple = file.numbers.is_some()
        || after.strip_prefix(before).is_some_and(|added| {
            added == lines
                || (added.strip_prefix(b"\n") == Some(&lines) && !before.ends_with(b"\n"))
        });
    let edit = if simple {
        Edit::append(file, lines.clone(), vec![key])
    } else {
        Edit::replace(file, after.clone(), vec![key], Vec::new())
    };
    let operation = AccessOperation {
        edits: vec![FileEdit {
            edit,
            file: file.clone(),
            after,
            lines,
            items: 1,
        }],
        ..AccessOperation::default()
    };
    let summary = format!("authorize {}", name(&new.key.comment(), key));
    let mut plan = about.plan("authorize", summary, operation);
    plan.lines.push(("file", file.place()));
    line_item(&mut plan, file, None, key, (None, Some(&line)));
    let expires = new.expires.map_or("never".to_owned(), |end| {
        // Half an hour is for clocks that differ.
        let Age(seconds) = facts.at.age(end);
        format!("{end} (in {})", Age(seconds + 1800))
    });
    plan.lines.push(("expires", expires));
    if let Some(options) = options {
        let posture = posture::of_key(facts, &options);
        plan.lines.push(("can", posture.words));
        doubt(&mut plan, posture.findings);
    }
    plan.commands.push(format!(
        "printf '%s\\n' {} >> {}",
        quote(&text),
        quote(&file.path)
    ));
    if let Some(problem) = &file.strict_modes_problem {
        plan.warnings
            .push(format!("the key will not work yet: {problem}"));
    }
    if !file.exists {
        plan.warnings
            .push(format!("{} does not exist and will be made", file.path));
    }
    if new.expires.is_some_and(|end| end <= facts.at) {
        plan.warnings
            .push("its expiry is in the past, so sshd refuses it at once".to_owned());
    }
    doubt(&mut plan, findings);
    plan.reason = reason;
    Ok(plan)
}

/// Adds the findings as warnings, and those that must be accepted by name as concerns.
pub(super) fn doubt(plan: &mut Plan, findings: Vec<Finding>) {
    plan.concerns.extend(concern::of(&findings));
    plan.concerns.sort_unstable();
    plan.concerns.dedup();
    warn(plan, findings);
}

/// A finding and its remedy, in one sentence.
pub(super) fn warn(plan: &mut Plan, findings: Vec<Finding>) {
    for finding in findings {
        if finding.level > Level::Note {
            let fix = finding.fix.map_or(String::new(), |fix| format!("; {fix}"));
            plan.warnings.push(format!("{}{fix}", finding.message));
        }
    }
}

/// The lines of the cache user's files that have one of these keys.
pub(super) struct Lines<'a> {
    pub(super) file: &'a KeyFile,
    pub(super) document: AuthorizedKeys,
    pub(super) numbers: Vec<usize>,
}

/// Those that sshd reads.
pub(super) fn find(facts: &AccessFacts, key: Fingerprint) -> Result<Vec<Lines<'_>>, AccessError> {
    match find_by(facts, key, |document| document.find(&key)) {
        Err(error @ AccessError::NotThere(_)) => Err(suspended_in(facts, key).unwrap_or(error)),
        found => found,
    }
}

fn find_by(
    facts: &AccessFacts,
    key: Fingerprint,
    numbers: impl Fn(&AuthorizedKeys) -> Vec<usize>,
) -> Result<Vec<Lines<'_>>, AccessError> {
    let mut found = Vec::new();
    for file in files(facts)? {
        let document = document(file)?;
        let numbers = numbers(&document);
        if !numbers.is_empty() {
            found.push(Lines {
                file,
                document,
                numbers,
            });
        }
    }
    if found.is_empty() {
        return Err(AccessError::NotThere(key));
    }
    Ok(found)
}

/// Warns that the administrator's own login is touched, and asks for the typed word.
fn own_way(plan: &mut Plan) {
    plan.warnings.insert(
        0,
        "you are logged in with this key; the change stays only if another login works afterwards"
            .to_owned(),
    );
    plan.danger = OWN;
}

/// A key to revoke. With `end_sessions`, those that are open end too.
pub fn revoke(
    about: &About,
    facts: &AccessFacts,
    login: &str,
    key: Fingerprint,
    end_sessions: bool,
    reason: Option<String>,
) -> Result<Plan, AccessError> {
    // Suspended lines go too.
    let found = find_by(facts, key, |document| {
        let mut numbers = document.find(&key);
        numbers.extend(document.find_suspended(&key));
        numbers.sort_unstable();
        numbers
    })?;
    let mut plan = about.plan("revoke", String::new(), AccessOperation::default());
    plan.danger = REVOKE;
    let mut operation = AccessOperation::default();
    let mut comment = String::new();
    for Lines {
        file,
        document,
        numbers,
    } in found
    {
        editable(
            file,
            &format!("take the key {key} out of nix.sshServe.keys"),
        )?;
        plan.lines.push(("file", file.place()));
        let mut edited = document.clone();
        // From the end, so that earlier line numbers stay right.
        for number in numbers.iter().rev() {
            edited.remove(*number)?;
        }
        for number in &numbers {
            let Some(line) = document.line(*number) else {
                continue;
            };
            if let Some(key) = line.any_key() {
                comment = key.key.comment().into_owned();
            }
            line_item(
                &mut plan,
                file,
                Some(*number),
                key,
                (Some(line.raw()), None),
            );
            plan.commands
                .push(format!("sed -i {number}d {}", quote(&file.path)));
        }
        let after = edited.to_bytes();
        operation.own_way |= own_way_in(facts, login, file, key)?;
        operation.edits.push(FileEdit {
            edit: Edit::change(
                file,
                &document,
                &edited,
                Vec::new(),
                vec![key; document.find(&key).len()],
            ),
            file: file.clone(),
            after,
            lines: Vec::new(),
            items: numbers.len(),
        });
    }
    plan.commands.reverse();
    plan.summary = format!("revoke {}", name(&comment, key));
    plan.warnings.extend(of_authority(facts, key));
    operation.revoked.push(RevokedKey {
        fingerprint: key,
        comment,
        at: When::now(),
        by: about.by.clone(),
        reason: reason.clone().unwrap_or_default(),
    });
    sessions(&mut plan, &mut operation, facts, key, end_sessions);
    plan.warnings.extend(elsewhere(facts, key));
    Ok(finish(plan, operation, reason))
}

/// Warns whether the certificates of an authority stop working with it.
fn of_authority(facts: &AccessFacts, key: Fingerprint) -> Vec<String> {
    let all = authorities::all(facts);
    let (settings, lines): (Vec<_>, Vec<_>) = all
        .into_iter()
        .filter(|authority| authority.fingerprint == key)
        .partition(|authority| authority.by_settings);
    let mut warnings = Vec::new();
    if !lines.is_empty() {
        warnings.push("this is a certificate authority: every certificate of it is refused from then on, and sessions that such a certificate has opened go on; a single certificate is refused by a KRL in sshd's RevokedKeys (ssh-keygen -k)".to_owned());
    }
    for authority in settings {
        warnings.push(format!(
            "its certificates still log in: TrustedUserCAKeys has it, in {}, line {}",
            authority.file, authority.line
        ));
    }
    warnings
}

/// Completes a plan; one that touches the administrator's own login asks for the typed word.
pub(super) fn finish(mut plan: Plan, operation: AccessOperation, reason: Option<String>) -> Plan {
    if operation.own_way {
        own_way(&mut plan);
    }
    plan.operation = Operation::Access(Box::new(operation));
    plan.reason = reason;
    plan
}

/// Whether the administrator is logged in with this key. Such a change is undone if no login works afterwards, so the file as it was has to be known.
pub(super) fn own_way_in(
    facts: &AccessFacts,
    login: &str,
    file: &KeyFile,
    key: Fingerprint,
) -> Result<bool, AccessError> {
    let own = is_own_way(facts, login, file, key);
    if !own || file.numbers.is_none() {
        return Ok(own);
    }
    Err(AccessError::NotEditable(Notice::new(
        format!(
            "{} is too large to be restored, and this is the key that you are logged in with",
            visible(&file.path)
        ),
        "log in with another key, or make the file smaller first",
    )))
}

/// Sets when a key expires; `None` for never. Open sessions go on.
pub fn expire(
    about: &About,
    facts: &AccessFacts,
    login: &str,
    key: Fingerprint,
    expires: Option<When>,
    reason: Option<String>,
) -> Result<Plan, AccessError> {
    let found = find(facts, key)?;
    let mut plan = about.plan("expire", String::new(), AccessOperation::default());
    let mut operation = AccessOperation::default();
    let mut comment = String::new();
    for Lines {
        file,
        document,
        numbers,
    } in found
    {
        let mut edited = document.clone();
        for number in &numbers {
            edited.set_expiry(*number, expires)?;
        }
        let after = edited.to_bytes();
        if file.content.as_deref() == Ok(after.as_slice()) {
            continue;
        }
        editable(
            file,
            &format!("change the line of {key} in nix.sshServe.keys"),
        )?;
        plan.lines.push(("file", file.place()));
        let mut items = 0;
        for number in numbers {
            let (Some(old), Some(new)) = (document.line(number), edited.line(number)) else {
                continue;
            };
            if let Some(key) = old.key() {
                comment = key.key.comment().into_owned();
            }
            if old.raw() != new.raw() {
                items += 1;
                let change = (Some(old.raw()), Some(new.raw()));
                line_item(&mut plan, file, Some(number), key, change);
            }
        }
        operation.own_way |= own_way_in(facts, login, file, key)?;
        operation.edits.push(FileEdit {
            edit: Edit::change(file, &document, &edited, Vec::new(), Vec::new()),
            file: file.clone(),
            after,
            lines: Vec::new(),
            items,
        });
    }
    if operation.edits.is_empty() {
        let end = expires.map_or("has no end".to_owned(), |end| format!("ends {end}"));
        return Err(AccessError::Nothing(format!("the key {key} {end} already")));
    }
    let when = expires.map_or("never".to_owned(), |end| end.to_string());
    plan.summary = match expires {
        Some(end) => format!("set the expiry of {} to {end}", name(&comment, key)),
        None => format!("remove the expiry of {}", name(&comment, key)),
    };
    for edit in &operation.edits {
        plan.commands.push(format!(
            "set expiry-time of {key} in {} to {when}",
            quote(edit.edit.path())
        ));
    }
    if expires.is_some() {
        plan.warnings.push(
            "sessions that are open at that time go on until they end by themselves".to_owned(),
        );
    }
    Ok(finish(plan, operation, reason))
}
