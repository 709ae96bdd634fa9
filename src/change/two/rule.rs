//! Plans for the rule itself, and for plans that wait.
//!
//! In: what a server has of the two-person rule. Out: a plan that writes another rule, which needs a second administrator where there is a
//! rule already; a plan that drops one that waits.

use super::TwoError;
use crate::change::access::About;
use crate::change::keep::KeepStep;
use crate::change::{Danger, Item, Operation, Plan};
use crate::domain::text::visible;
use crate::domain::two_persons::{FoundPlan, Group, Rule, SET_RULE, TwoPersons};
use crate::link::quote;
use crate::server::PolicyEdit;

/// Writes another rule.
pub fn set_rule(about: &About, two: &TwoPersons, rule: &Rule) -> Result<Plan, TwoError> {
    let before = two
        .rule
        .as_ref()
        .map_err(|why| TwoError::Unknown(why.clone()))?;
    if before == rule || (before.groups.is_empty() && rule.groups.is_empty()) {
        return Err(TwoError::Nothing);
    }
    let mut plan = about.bare(SET_RULE, summary(rule));
    plan.lines.push(("file", two.file.clone()));
    plan.lines.push(("-", before.to_string()));
    plan.lines.push(("+", rule.to_string()));
    let changes = |group: &Group| format!("{group}: {}", group.changes().join(", "));
    let named = rule.groups.iter().map(changes);
    plan.lines.extend(named.map(|text| ("needs two", text)));
    if rule.groups.contains(&Group::Collect) {
        plan.warnings.push("with this rule the policy timer on the server collects nothing: its runs are refused; leave `collect` out and `retention` in to have two confirm the policy and none its collections".to_owned());
    }
    if rule.groups.contains(&Group::Access) {
        plan.warnings.push("with this rule a certificate is made by the second administrator, so that one needs the key of the authority".to_owned());
    }
    if before.groups.is_empty() {
        plan.warnings.push("from then on another administrator has to confirm such changes, and also a change of this rule; make sure that there is one, with a key or an account of their own".to_owned());
    }
    plan.commands = vec![format!(
        "install -m 600 two-persons.toml {}",
        quote(&two.file)
    )];
    plan.items.push(Item::File {
        file: two.file.clone(),
    });
    plan.operation = Operation::Keep(vec![KeepStep::Rule(PolicyEdit {
        text: rule.text(),
        shown: two.shown.clone(),
    })]);
    Ok(plan)
}

fn summary(rule: &Rule) -> String {
    if rule.groups.is_empty() {
        return "have no change wait for a second administrator any more".to_owned();
    }
    let words: Vec<&str> = rule.groups.iter().map(|group| group.word()).collect();
    format!("have a second administrator confirm: {}", words.join(", "))
}

/// Drops a plan that waits, or what is left of one whose job was killed.
pub fn drop_plan(about: &About, found: &FoundPlan) -> Plan {
    let mut plan = about.bare("drop-plan", format!("drop the plan {}", found.id));
    match &found.plan {
        Ok(waiting) => {
            plan.lines.push(("plan", waiting.summary.clone()));
            plan.lines
                .push(("planned", format!("by {} at {}", waiting.first, waiting.at)));
        }
        Err(why) => plan.warnings.push(visible(why).into_owned()),
    }
    if found.begun {
        plan.warnings.push("somebody has confirmed it: if its job still runs, it goes on, and its record says how it ended".to_owned());
    }
    plan.items.push(Item::File {
        file: format!("plans/{}", visible(&found.file)),
    });
    plan.danger = Danger::Destroys { word: "drop" };
    plan.operation = Operation::Keep(vec![KeepStep::DropPlan {
        file: found.file.clone(),
        sha256: found.sha256.clone(),
    }]);
    plan
}
