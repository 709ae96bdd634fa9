//! Generations of profiles that are older than an age, as `nix-collect-garbage --delete-older-than` chooses them.
//!
//! In: all generations with the times of their links. Out: a plan that removes some. Source: `deleteGenerationsOlderThan` in
//! `profiles.cc` of Nix: of each profile the newest generation that is older stays, since it was in use at that time; those
//! before it go, but for the current one.

use super::{About, Age, KeepError, Kept, Plan, roots};
use crate::domain::When;
use crate::domain::count::count;
use crate::domain::roots::{Root, RootKind};
use crate::server::Generation;
use std::collections::BTreeMap;

/// Removes the generations of all profiles that are older than this, by the server's clock.
pub fn older_than(
    about: &About,
    kept: Kept<'_>,
    generations: &[Generation],
    age: Age,
    now: When,
) -> Result<Plan, KeepError> {
    let seconds = i64::try_from(age.0).unwrap_or(i64::MAX);
    let limit = When::from_unix(now.unix().saturating_sub(seconds));
    let going = choose(generations, limit);
    if going.is_empty() {
        return Err(KeepError::Nothing(format!(
            "no generation of a profile is older than {age}, apart from those in use at that time"
        )));
    }
    let links: Vec<(&Root, Option<When>)> = going
        .iter()
        .map(|found| (&found.root, found.made()))
        .collect();
    let mut plan = roots(about, kept, &links)?;
    plan.summary = format!(
        "remove {} of profiles that are older than {age}",
        count(going.len(), "generation")
    );
    plan.warnings.push(
        "a profile can't be rolled back to a generation that is gone; the current ones, and those in use at that time, stay"
            .to_owned(),
    );
    Ok(plan)
}

fn choose(generations: &[Generation], limit: When) -> Vec<&Generation> {
    let mut profiles: BTreeMap<&str, BTreeMap<u64, &Generation>> = BTreeMap::new();
    for found in generations {
        if let RootKind::Generation { profile, number } = &found.root.kind {
            let profile = profiles.entry(profile).or_default();
            profile.insert(*number, found);
        }
    }
    let mut going = Vec::new();
    for profile in profiles.values() {
        let older = profile.values().rev().filter(|found| found.at < limit);
        // By number, newest first: the first one that is older was in use then.
        let mut older: Vec<&Generation> = older
            .skip(1)
            .filter(|found| !found.current)
            .copied()
            .collect();
        older.reverse();
        going.extend(older);
    }
    going
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::testing::path;

    fn generation(profile: &str, number: u64, at: i64, current: bool) -> Generation {
        Generation {
            root: Root {
                link: format!("{profile}-{number}-link"),
                target: path("x"),
                kind: RootKind::Generation {
                    profile: profile.into(),
                    number,
                },
            },
            at: When::from_unix(at),
            current,
        }
    }

    fn chosen(generations: &[Generation]) -> Vec<String> {
        let going = choose(generations, When::from_unix(100));
        going
            .into_iter()
            .map(|found| found.root.link.clone())
            .collect()
    }

    #[test]
    fn as_nix_chooses() {
        let all = [
            generation("/p", 1, 10, false),
            generation("/p", 2, 20, false),
            generation("/p", 3, 99, false),
            generation("/p", 4, 100, true),
            generation("/q", 1, 1, true),
            generation("/q", 2, 2, false),
            generation("/q", 3, 3, false),
            generation("/r", 1, 1, true),
        ];
        // 3 was in use at 100. Of the other profile the current one stays, and the newest.
        assert_eq!(chosen(&all), ["/p-1-link", "/p-2-link", "/q-2-link"]);
        assert!(chosen(&[]).is_empty());
    }
}
