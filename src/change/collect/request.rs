//! A collection that waits for a second administrator.
//!
//! In: the rules that the first has chosen by; those of a plan that waits, the list beside it and the policy that is there now. Out: what is
//! kept of them, one line for each; the rules by which it is planned again, under which nothing goes that the first has not seen.

use crate::domain::two_persons::{CollectRules, PathList};
use crate::domain::{Age, Bytes, Notice, Threshold, When};
use crate::judge::collect::Rules;
use crate::judge::retention::{Policy, Rule};
use std::sync::Arc;

/// What a collection was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectRequest {
    /// Its rules.
    pub rules: CollectRules,
    /// The same in words, with what the policy says. Exact, since two plans are compared by them.
    pub lines: Vec<String>,
}

impl CollectRequest {
    /// By these rules.
    pub fn of(rules: &Rules) -> Self {
        let kept = CollectRules {
            policy: rules.policy.is_some(),
            until_free: rules.until_free.map(|threshold| threshold.to_string()),
            reclaim: rules.reclaim.map(|bytes| bytes.0),
            max: rules.max.map(|bytes| bytes.0),
            idle: rules.idle.map(|age| age.0),
            older_than: rules.older_than.map(|age| age.0),
            keep_newest: rules.keep_newest,
            grace: rules.grace.0,
        };
        let mut lines = vec![format!("rules: {}", rules.words())];
        if let Some(threshold) = &kept.until_free {
            lines.push(format!("until {threshold} are available"));
        }
        if let Some(bytes) = rules.reclaim {
            lines.push(format!("until {bytes} are taken"));
        }
        if let Some(bytes) = rules.max {
            lines.push(format!("at most {bytes}"));
        }
        if let Some(age) = rules.idle {
            lines.push(format!("without an open session, waiting {age} for that"));
        }
        if let Some(policy) = &rules.policy {
            lines.extend(words(policy));
        }
        Self { rules: kept, lines }
    }
}

/// A policy line by line, no number rounded.
fn words(policy: &Policy) -> Vec<String> {
    let line = |name: &str, rule: &Rule| {
        let mut words = vec![
            format!("newest {}", rule.newest),
            format!("uploaded {}s", rule.uploaded.0),
        ];
        words.extend(rule.used.map(|age| format!("used {}s", age.0)));
        words.extend(rule.quota.map(|bytes| format!("quota {}B", bytes.0)));
        format!("policy: {name}: {}", words.join(", "))
    };
    let projects = policy.projects.iter();
    let mut lines: Vec<String> = projects
        .map(|project| line(&project.name, &project.rule))
        .collect();
    lines.push(line("everything else", &policy.default));
    lines.extend(policy.idle.map(|age| format!("policy: idle {}s", age.0)));
    lines
}

/// The rules of a collection that waits, for planning it again.
pub fn rules(
    kept: &CollectRules,
    policy: Option<Arc<Policy>>,
    list: Arc<PathList>,
    in_flight: Option<When>,
) -> Result<Rules, Notice> {
    let until_free = kept.until_free.as_deref().map(Threshold::parse);
    if kept.policy && policy.is_none() {
        let why = "it goes by the retention policy, and there is none any more";
        return Err(Notice::from(why.to_owned()));
    }
    Ok(Rules {
        policy: policy.filter(|_| kept.policy),
        until_free: until_free.transpose().map_err(Notice::from)?,
        reclaim: kept.reclaim.map(Bytes),
        max: kept.max.map(Bytes),
        older_than: kept.older_than.map(Age),
        keep_newest: kept.keep_newest,
        grace: Age(kept.grace),
        in_flight,
        idle: kept.idle.map(Age),
        only: Some(list),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_back_as_they_were_and_a_policy_is_compared_to_the_second() {
        let policy = |text: &str| Some(Arc::new(Policy::parse(text).unwrap()));
        let list = Arc::new(PathList::default());
        for before in [
            Rules::whole(),
            Rules {
                until_free: Some(Threshold::Percent(12.5)),
                reclaim: Some(Bytes(1)),
                max: Some(Bytes(2)),
                older_than: Some(Age(3)),
                idle: Some(Age(4)),
                ..Rules::default()
            },
            Rules {
                policy: policy("[default]\nused = \"90s\"\n"),
                until_free: Some(Threshold::Size(Bytes(5))),
                ..Rules::default()
            },
        ] {
            let kept = CollectRequest::of(&before).rules;
            let after = rules(&kept, before.policy.clone(), Arc::clone(&list), None).unwrap();
            let only = Some(Arc::clone(&list));
            assert_eq!(after, Rules { only, ..before });
        }
        let of = |text: &str| {
            let rules = Rules {
                policy: policy(text),
                ..Rules::default()
            };
            CollectRequest::of(&rules)
        };
        // Both are 1m where they are shown.
        let (one, other) = (
            of("[default]\nused = \"90s\"\n"),
            of("[default]\nused = \"91s\"\n"),
        );
        assert_ne!(one.lines, other.lines);
        let gone = rules(&one.rules, None, list, None);
        assert!(gone.unwrap_err().message.contains("there is none any more"));
    }
}
