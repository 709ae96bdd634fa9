//! Does a plan wait for a second administrator?
//!
//! In: what a server has of the two-person rule. Out: [`Check`]s; none where there is neither a rule nor a plan.

use super::{Check, State, check};
use crate::domain::count::count;
use crate::domain::two_persons::{FoundPlan, TwoPersons};
use crate::domain::{Fact, Remedy};

/// Plans that are named one by one.
const NAMED: usize = 3;

/// What there is to say.
pub fn checks(server: &str, found: &Fact<TwoPersons>) -> Vec<Check> {
    let unknown = |why: &str| {
        let text = format!("whether a plan waits for a second administrator is not known: {why}");
        vec![check("plans-waiting", State::Unknown, text, None)]
    };
    let found = match found {
        Ok(found) if found.hidden => return vec![],
        Ok(found) => found,
        Err(why) => return unknown(&why.to_string()),
    };
    let mut checks = Vec::new();
    if let Err(why) = &found.rule {
        let text = format!(
            "every change is refused: which need a second administrator is not known: {why}"
        );
        let fix = Remedy::Advice(format!("root on the server has to correct {}", found.file));
        checks.push(check("two-persons", State::Warning, text, Some(fix)));
    }
    let fix = |what: &str| {
        Some(Remedy::command(format!(
            "storekeeper plans {server} {what}"
        )))
    };
    let waits = |plan: &&FoundPlan| {
        !plan.begun && plan.plan.as_ref().is_ok_and(|one| !one.is_over(found.at))
    };
    let (waiting, left): (Vec<_>, Vec<_>) = found.plans.iter().partition(waits);
    if !waiting.is_empty() {
        let named = waiting.iter().take(NAMED).filter_map(|found| {
            let plan = found.plan.as_ref().ok()?;
            Some(format!(
                "{} (by {}, {})",
                plan.summary, plan.first.by, found.id
            ))
        });
        let mut named: Vec<String> = named.collect();
        if waiting.len() > NAMED {
            named.push(format!("and {} more", waiting.len() - NAMED));
        }
        let verb = if waiting.len() == 1 { "waits" } else { "wait" };
        let head = format!(
            "{} {verb} for a second administrator",
            count(waiting.len(), "plan")
        );
        let next = match waiting.as_slice() {
            [one] => format!("confirm {}", one.id),
            _ => "list".to_owned(),
        };
        let mut one = check(
            "plans-waiting",
            State::Warning,
            format!("{head}: {}", named.join("; ")),
            fix(&next),
        );
        one.line.text = head;
        checks.push(one);
    }
    if !left.is_empty() {
        let verb = if left.len() == 1 { "is" } else { "are" };
        let text = format!(
            "{} {verb} left that nobody can confirm any more",
            count(left.len(), "plan")
        );
        checks.push(check("plans-left", State::Fine, text, fix("list")));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::two_persons::{Intent, Login, Rule, WaitingPlan};
    use crate::domain::{Unknown, When};

    fn plan(id: &str, until: i64, begun: bool) -> FoundPlan {
        let first = Login {
            account: "root".into(),
            key: None,
            by: "root via ada@laptop".into(),
        };
        let intent = Intent::RemoveRoots {
            roots: vec!["/r".into()],
        };
        let times = (When::from_unix(0), When::from_unix(until));
        FoundPlan {
            id: id.into(),
            file: format!("{id}.json"),
            sha256: String::new(),
            begun,
            plan: Ok(WaitingPlan::new(
                id.into(),
                "remove-root",
                "remove the root /r",
                first,
                times,
                None,
                intent,
                &[],
            )),
        }
    }

    #[test]
    fn what_waits_is_a_warning_and_what_is_over_is_not() {
        let two = |plans| TwoPersons {
            at: When::from_unix(100),
            file: "/f".into(),
            rule: Ok(Rule::default()),
            shown: None,
            plans,
            hidden: false,
        };
        let of = |two| checks("prod", &Ok(two));
        assert!(of(two(vec![])).is_empty());
        let one = of(two(vec![plan("7f3a0011", 200, false)]));
        assert_eq!(one[0].state, State::Warning);
        assert_eq!(
            one[0].summary,
            "1 plan waits for a second administrator: remove the root /r (by root via ada@laptop, 7f3a0011)"
        );
        assert_eq!(
            one[0].fix.as_ref().map(Remedy::text),
            Some("storekeeper plans prod confirm 7f3a0011")
        );
        let over = of(two(vec![
            plan("7f3a0011", 50, false),
            plan("7f3a0012", 200, true),
        ]));
        assert_eq!((over[0].id, over[0].state), ("plans-left", State::Fine));
        let broken = TwoPersons {
            rule: Err("it is no text".into()),
            ..two(vec![])
        };
        assert_eq!(of(broken)[0].id, "two-persons");
        let hidden = TwoPersons {
            hidden: true,
            ..two(vec![])
        };
        assert!(of(hidden).is_empty());
        let unknown = checks("prod", &Err(Unknown::new("no answer")));
        assert_eq!(unknown[0].state, State::Unknown);
    }
}
