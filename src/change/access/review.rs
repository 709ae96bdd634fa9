//! The plan that marks the keys as reviewed: it changes only the audit log, which then says who reviewed which keys.
//!
//! In: the key files as they were read. Out: a plan with every key, suspended ones too; an error where a file can't be read.

use super::files::{document, files};
use super::{About, AccessError, AccessOperation};
use crate::change::{Item, Operation, Plan};
use crate::domain::access::AccessFacts;
use crate::domain::count::count;

/// Marks all keys as reviewed.
pub fn review(
    about: &About,
    facts: &AccessFacts,
    reason: Option<String>,
) -> Result<Plan, AccessError> {
    let mut plan = about.plan("review", String::new(), AccessOperation::default());
    for file in files(facts)? {
        let document = document(file)?;
        let keys = document.lines().filter_map(|(number, line)| {
            let fingerprint = line.any_key()?.key.fingerprint();
            Some(Item::Key {
                fingerprint,
                file: file.place(),
                line: Some(number),
                before: None,
                after: None,
            })
        });
        let before = plan.items.len();
        plan.items.extend(keys);
        let keys = count(plan.items.len() - before, "key");
        plan.lines
            .push(("file", format!("{}, {keys}", file.place())));
    }
    if plan.items.is_empty() {
        return Err(AccessError::Nothing("there is no key to review".to_owned()));
    }
    if let Some(last) = &facts.reviewed {
        let words = format!("{} ago by {}", last.at.age(facts.at), last.by);
        plan.lines.push(("before", words));
    }
    plan.lines.push((
        "effect",
        "the audit log says that you have looked at these keys; no file changes".to_owned(),
    ));
    plan.summary = format!("mark {} as reviewed", count(plan.items.len(), "key"));
    plan.operation = Operation::Access(Box::new(AccessOperation {
        reviewed: plan.items.len(),
        ..AccessOperation::default()
    }));
    plan.reason = reason;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::access::tests::{ADA, BOB, about, facts, file};
    use crate::domain::access::Unknown;

    #[test]
    fn every_key_is_named_and_none_is_changed() {
        let content = format!("# team\n{ADA}\nrestrict {BOB}\n");
        let mut facts = facts(vec![
            file("/k", "nix-ssh", &content),
            file("/l", "nix-ssh", ADA),
        ]);
        let plan = review(&about(), &facts, Some("quarterly".into())).unwrap();
        assert_eq!(plan.summary, "mark 3 keys as reviewed");
        assert_eq!(plan.items.len(), 3);
        assert!(matches!(&plan.operation, Operation::Access(operation)
            if operation.reviewed == 3 && operation.edits.is_empty()));
        // What is not known was not reviewed.
        facts.files[1].content = Err(Unknown::new("no rights"));
        assert!(matches!(
            review(&about(), &facts, None),
            Err(AccessError::Unknown(_))
        ));
        facts.files = vec![file("/k", "nix-ssh", "# nobody\n")];
        assert!(matches!(
            review(&about(), &facts, None),
            Err(AccessError::Nothing(_))
        ));
    }
}
