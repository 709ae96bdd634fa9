//! Plans that suspend a key and resume it. Its lines stay where they are, behind a comment sign: sshd reads none of them, whatever its
//! version and its clock, and what the lines were comes back byte for byte.
//!
//! In: the files as they were read. Out: each line with the key, as it is suspended or as it was before.

use super::files::{document, editable, files};
use super::keys::{Lines, find, finish, name, own_way_in, warn};
use super::left::{elsewhere, sessions};
use super::{About, AccessError, AccessOperation, FileEdit, line_item};
use crate::change::Plan;
use crate::domain::access::{AccessFacts, KeyFile};
use crate::domain::authorized_keys::{AuthorizedKeys, Line, SuspendedLine, Suspension};
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::judge;
use crate::server::access::Edit;

/// Where a key is suspended, of the files that could be read.
pub(super) fn suspended_in(facts: &AccessFacts, key: Fingerprint) -> Option<AccessError> {
    facts.files.iter().find_map(|file| {
        let document = document(file).ok()?;
        let line = *document.find_suspended(&key).first()?;
        Some(AccessError::Suspended {
            fingerprint: key,
            file: visible(&file.path).into_owned(),
            line,
        })
    })
}

/// What changes in one file.
struct Change<'a> {
    file: &'a KeyFile,
    before: AuthorizedKeys,
    after: AuthorizedKeys,
    numbers: Vec<usize>,
}

impl Change<'_> {
    /// Into the plan, with the keys that sshd sees come or go.
    fn add(
        self,
        plan: &mut Plan,
        operation: &mut AccessOperation,
        key: Fingerprint,
        (come, go): (Vec<Fingerprint>, Vec<Fingerprint>),
    ) {
        let file = self.file;
        plan.lines.push(("file", file.place()));
        for number in &self.numbers {
            let text = |document: &AuthorizedKeys| document.line(*number).map(|l| l.raw().to_vec());
            let (old, new) = (text(&self.before), text(&self.after));
            let change = (old.as_deref(), new.as_deref());
            line_item(plan, file, Some(*number), key, change);
        }
        operation.edits.push(FileEdit {
            edit: Edit::change(file, &self.before, &self.after, come, go),
            file: file.clone(),
            after: self.after.to_bytes(),
            lines: Vec::new(),
            items: self.numbers.len(),
        });
    }
}

/// A key to suspend. With `end_sessions`, those that are open end too.
pub fn suspend(
    about: &About,
    facts: &AccessFacts,
    login: &str,
    key: Fingerprint,
    end_sessions: bool,
    reason: Option<String>,
) -> Result<Plan, AccessError> {
    let found = match find(facts, key) {
        Err(AccessError::Suspended { .. }) => {
            let why = format!("the key {key} is suspended already");
            return Err(AccessError::Nothing(why));
        }
        found => found?,
    };
    let suspension = Suspension {
        since: facts.at,
        by: about.by.clone(),
        reason: reason.clone().unwrap_or_default(),
    };
    let mut plan = about.plan("suspend", String::new(), AccessOperation::default());
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
            &format!("take the key {key} out of nix.sshServe.keys for as long"),
        )?;
        let mut after = document.clone();
        for number in &numbers {
            after.suspend(*number, &suspension)?;
            if let Some(line) = document.line(*number).and_then(Line::key) {
                comment = line.key.comment().into_owned();
            }
            let place = visible(&file.path);
            let command = format!("put a comment sign before line {number} of {place}");
            plan.commands.push(command);
        }
        operation.own_way |= own_way_in(facts, login, file, key)?;
        if let Some(other) = facts.also_read_for(file) {
            let user = visible(&other.user);
            plan.warnings.push(format!(
                "{} is read for {user} too: the key does not log in as {user} either",
                visible(&file.path)
            ));
        }
        let gone = vec![key; numbers.len()];
        let change = Change {
            file,
            before: document,
            after,
            numbers,
        };
        change.add(&mut plan, &mut operation, key, (Vec::new(), gone));
    }
    plan.summary = format!("suspend {}", name(&comment, key));
    sessions(&mut plan, &mut operation, facts, key, end_sessions);
    plan.warnings.extend(elsewhere(facts, key));
    Ok(finish(plan, operation, reason))
}

/// A suspended key to take back into use, each line as it was.
pub fn resume(
    about: &About,
    facts: &AccessFacts,
    key: Fingerprint,
    reason: Option<String>,
) -> Result<Plan, AccessError> {
    let mut plan = about.plan("resume", String::new(), AccessOperation::default());
    let mut operation = AccessOperation::default();
    let mut last: Option<SuspendedLine> = None;
    for file in files(facts)? {
        let before = document(file)?;
        let numbers = before.find_suspended(&key);
        if numbers.is_empty() {
            continue;
        }
        editable(file, &format!("add the key {key} to nix.sshServe.keys"))?;
        let mut after = before.clone();
        for number in &numbers {
            after.resume(*number)?;
            let place = visible(&file.path);
            let command = format!("put line {number} of {place} back as it was");
            plan.commands.push(command);
        }
        let mut lines = before.suspended();
        last = lines
            .find(|(number, _)| numbers.contains(number))
            .map(|(_, line)| line.clone())
            .or(last);
        let come = vec![key; numbers.len()];
        let change = Change {
            file,
            before: before.clone(),
            after,
            numbers,
        };
        change.add(&mut plan, &mut operation, key, (come, Vec::new()));
        if let Some(problem) = &file.strict_modes_problem {
            plan.warnings
                .push(format!("the key will not work yet: {problem}"));
        }
    }
    let Some(last) = last else {
        find(facts, key)?;
        let why = format!("the key {key} is not suspended");
        return Err(AccessError::Nothing(why));
    };
    let named = &last.line.key;
    plan.summary = format!("resume {}", name(&named.comment(), key));
    plan.lines.push(("was", last.suspension.words(facts.at)));
    let end = judge::hygiene::expiry(&last.line, facts.utc_offset);
    if let Some(end) = end.filter(|end| *end <= facts.at) {
        plan.warnings
            .push(format!("the key is still refused: it expired at {end}"));
    }
    // The plan shows that it is suspended.
    let mut findings = judge::access::of_candidate(facts, named);
    findings.retain(|finding| finding.code != judge::access::SUSPENDED);
    warn(&mut plan, findings);
    Ok(finish(plan, operation, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Item;
    use crate::change::access::tests::{ADA, BOB, about, facts, file, key, new, operation};
    use crate::change::access::{authorize, expire, revoke};
    use crate::domain::access::Session;

    /// The content of each file after the plan.
    fn after(plan: &Plan) -> Vec<String> {
        let edits = operation(plan).edits.iter();
        edits
            .map(|edit| String::from_utf8(edit.after.clone()).unwrap())
            .collect()
    }

    #[test]
    fn every_line_of_a_key_is_suspended_and_comes_back_as_it_was() {
        let content = format!("{ADA}\r\n{BOB}\n  no-pty\t{ADA}");
        let mut facts = facts(vec![
            file("/k", "nix-ssh", &content),
            file("/l", "nix-ssh", ADA),
        ]);
        facts.other_files = vec![file("/root/k", "root", ADA)];
        let ada = key(ADA).fingerprint();
        facts.sessions = Ok(vec![Session {
            pid: 5,
            user: "nix-ssh".into(),
            from: None,
            since: Some(facts.at),
            fingerprint: Some(ada),
        }]);
        let reason = Some("on leave".to_owned());
        let plan = suspend(&about(), &facts, "root", ada, true, reason.clone()).unwrap();
        assert_eq!(plan.items.len(), 4, "three lines and a session");
        assert!(
            plan.warnings
                .iter()
                .any(|text| text.contains("still logs in as root")),
            "{:?}",
            plan.warnings
        );
        let suspended = after(&plan);
        let lines: Vec<&str> = suspended[0].lines().collect();
        assert_eq!(lines[1], BOB);
        for line in [lines[0], lines[2], &suspended[1]] {
            assert!(
                line.starts_with("# ") && line.contains("on leave"),
                "{line}"
            );
        }
        let kept = suspend(&about(), &facts, "root", ada, false, reason).unwrap();
        assert!(
            kept.items
                .iter()
                .all(|item| matches!(item, Item::Key { .. }))
        );

        let facts_then = facts;
        let facts = AccessFacts {
            files: vec![
                file("/k", "nix-ssh", &suspended[0]),
                file("/l", "nix-ssh", &suspended[1]),
            ],
            ..facts_then.clone()
        };
        let again = suspend(&about(), &facts, "root", ada, true, None);
        assert!(matches!(again, Err(AccessError::Nothing(_))), "{again:?}");
        for error in [
            authorize(&about(), &facts, &new(ADA), None, None).unwrap_err(),
            expire(&about(), &facts, "root", ada, None, None).unwrap_err(),
        ] {
            let said = error.to_string();
            assert!(
                said.contains("is suspended, line 1 of /k; resume it"),
                "{said}"
            );
        }
        // A suspended key can be revoked: no line of it is left.
        let gone = revoke(&about(), &facts, "root", ada, true, None).unwrap();
        assert_eq!(after(&gone), [format!("{BOB}\n"), String::new()]);

        let plan = resume(&about(), &facts, ada, None).unwrap();
        assert_eq!(after(&plan), [content, ADA.to_owned()]);
        let was = plan
            .lines
            .iter()
            .find(|(label, _)| *label == "was")
            .unwrap();
        assert_eq!(was.1, "suspended 0s ago by root via ada@laptop (on leave)");
        let nothing = resume(&about(), &facts_then, ada, None);
        assert!(
            matches!(nothing, Err(AccessError::Nothing(_))),
            "{nothing:?}"
        );
        let bob = resume(&about(), &facts, key(BOB).fingerprint(), None);
        assert!(matches!(bob, Err(AccessError::Nothing(_))), "{bob:?}");
        let stranger = AccessFacts {
            files: vec![file("/k", "nix-ssh", BOB)],
            ..facts_then
        };
        let none = resume(&about(), &stranger, ada, None).unwrap_err();
        assert_eq!(none, AccessError::NotThere(ada));
    }

    #[test]
    fn what_is_generated_is_not_edited() {
        let ada = key(ADA).fingerprint();
        let mut generated = file("/etc/ssh/authorized_keys.d/nix-ssh", "nix-ssh", ADA);
        generated.generated_by = Some("NixOS from nix.sshServe.keys".into());
        let refused = suspend(&about(), &facts(vec![generated]), "root", ada, true, None);
        let said = refused.unwrap_err();
        assert!(
            said.is_policy() && said.to_string().contains("out of nix.sshServe.keys"),
            "{said}"
        );
    }

    #[test]
    fn ones_own_way_in_is_tried_and_what_changed_since_is_shown() {
        let ada = key(ADA).fingerprint();
        let ended = format!("expiry-time=\"20200101Z\" {ADA}\n");
        let mut facts = facts(vec![file("/k", "nix-ssh", &ended)]);
        facts.own_key = Some(ada);
        facts.other_files = vec![file("/k", "root", &ended)];
        let plan = suspend(&about(), &facts, "root", ada, true, None).unwrap();
        assert!(operation(&plan).own_way && plan.word() == Some("my own key"));
        let suspended = after(&plan);
        // Somebody has put the key back by hand meanwhile.
        let both = format!("{}{ADA}\n", suspended[0]);
        facts.files = vec![file("/k", "nix-ssh", &both)];
        facts.other_files.clear();
        let plan = resume(&about(), &facts, ada, None).unwrap();
        for words in [
            "it expired at 2020-01-01",
            "authorized already (/k, line 2)",
        ] {
            assert!(
                plan.warnings.iter().any(|text| text.contains(words)),
                "{words}: {:?}",
                plan.warnings
            );
        }
        assert_eq!(plan.word(), None);
    }
}
