//! The plan that writes a retention policy.
//!
//! In: the file as it is, a new text, and what the next collection would take by it. Out: a plan that shows each line that goes and
//! comes; or why there is none.

use super::{About, Danger, Item, KeepError, KeepStep, Operation, Plan, empty};
use crate::domain::count::count;
use crate::domain::{Bytes, Notice};
use crate::judge::retention::{Policy, PolicyError};
use crate::server::{PolicyEdit, PolicyFile};

/// What an editor begins with where there is no policy.
pub const NO_POLICY: &str = "\
# What collections keep, project by project; docs/retention.md has all of it.
# Durations are such as \"30d\", sizes such as \"50G\".

[default]
newest = 3
used = \"90d\"

# [[project]]
# name = \"web-*\"
# newest = 10
# quota = \"50G\"
";

/// What a collection by a policy would take now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// How many paths.
    pub paths: usize,
    /// Their NAR sizes.
    pub bytes: Bytes,
}

/// Writes another policy. `effect` is what a collection would take by it, where that was worked out.
pub fn retention(
    about: &About,
    file: &PolicyFile,
    text: &str,
    effect: Option<Effect>,
) -> Result<Plan, KeepError> {
    let policy = Policy::parse(text).map_err(|error| refused(&error))?;
    let before = file.found.as_ref().map(|(text, _)| text.as_str());
    if before == Some(text) {
        return Err(KeepError::Nothing(
            "that is the policy of the server already".to_owned(),
        ));
    }
    let word = if before.is_some() { "change" } else { "write" };
    let mut plan = empty(
        about,
        "set-retention",
        format!(
            "{word} the retention policy: {}, and a default",
            count(policy.projects.len(), "project")
        ),
        Danger::Adds,
    );
    plan.lines.push(("file", file.file.clone()));
    let (old, new): (Vec<&str>, Vec<&str>) = (
        before.unwrap_or_default().lines().collect(),
        text.lines().collect(),
    );
    let (goes, comes) = difference(&old, &new);
    plan.lines
        .extend(goes.iter().map(|line| ("-", (*line).to_owned())));
    plan.lines
        .extend(comes.iter().map(|line| ("+", (*line).to_owned())));
    if let Some(effect) = effect {
        plan.lines.push((
            "effect",
            format!(
                "a collection by it would take {}, {} of NARs, now; `retention SERVER check FILE` lists them",
                count(effect.paths, "path"),
                effect.bytes
            ),
        ));
    }
    plan.warnings.push(
        "it decides what `storekeeper gc --policy` takes, also where a timer runs that; nothing is collected by this change itself"
            .to_owned(),
    );
    plan.commands = vec![format!(
        "install -m 600 retention.toml {}",
        crate::link::quote(&file.file)
    )];
    plan.items.push(Item::File {
        file: file.file.clone(),
    });
    plan.operation = Operation::Keep(vec![KeepStep::Retention(PolicyEdit {
        text: text.to_owned(),
        shown: file.found.as_ref().map(|(_, sum)| sum.clone()),
    })]);
    Ok(plan)
}

fn refused(error: &PolicyError) -> KeepError {
    use crate::domain::Explain as _;
    let Notice { message, hint } = error.notice();
    KeepError::Refused(Notice { message, hint })
}

/// The lines between what both begin and end with.
fn difference<'a, 'b>(old: &'a [&'b str], new: &'a [&'b str]) -> (&'a [&'b str], &'a [&'b str]) {
    let same = |(a, b): &(&&str, &&str)| a == b;
    let start = old.iter().zip(new).take_while(same).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(same)
        .count();
    (&old[..old.len() - end], &new[..new.len() - end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: Option<&str>) -> PolicyFile {
        PolicyFile {
            file: "/var/lib/storekeeper/retention.toml".into(),
            found: text.map(|text| (text.to_owned(), "0".repeat(64))),
        }
    }

    fn plan(before: Option<&str>, text: &str) -> Result<Plan, KeepError> {
        let about = About {
            server: "prod".into(),
            address: "root@cache".into(),
            by: "root".into(),
        };
        let effect = Some(Effect {
            paths: 3,
            bytes: Bytes(4096),
        });
        retention(&about, &file(before), text, effect)
    }

    #[test]
    fn shows_what_changes() {
        let old = "[default]\nnewest = 3\nused = \"30d\"\n";
        let shown = plan(Some(old), "[default]\nnewest = 2\nused = \"30d\"\n").unwrap();
        let of = |label: &str| {
            let lines = shown.lines.iter().filter(|line| line.0 == label);
            lines.map(|line| line.1.as_str()).collect::<Vec<_>>()
        };
        assert_eq!((of("-"), of("+")), (vec!["newest = 3"], vec!["newest = 2"]));
        assert!(
            of("effect")[0].contains("3 paths, 4.0 KiB"),
            "{:?}",
            of("effect")
        );
        let Operation::Keep(steps) = &shown.operation else {
            panic!()
        };
        assert!(matches!(&steps[..], [KeepStep::Retention(edit)] if edit.shown.is_some()));
        assert!(plan(None, old).unwrap().summary.starts_with("write"));
    }

    #[test]
    fn where_there_is_none() {
        let text = "[default]\nnewest = 3\n";
        assert!(matches!(plan(Some(text), text), Err(KeepError::Nothing(_))));
        let Err(why @ KeepError::Refused(_)) = plan(None, "[default]\nnewest = x\n") else {
            panic!()
        };
        assert!(why.to_string().contains("line 2"), "{why}");
    }
}
