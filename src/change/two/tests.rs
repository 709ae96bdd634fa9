//! What is wanted comes back as it was shown, and a difference is seen.

use super::*;
use crate::change::access::certify::tests::sign_request;
use crate::change::access::tests::{ADA, BOB, about, facts, file, key, new};
use crate::change::access::{authorize, expire, resume, revoke, sign_cert, suspend};
use crate::change::collect::tests::{all, with};
use crate::change::{Plan, Second, collect};
use crate::domain::access::AccessFacts;
use crate::domain::space::UseSource;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::two_persons::{FoundPlan, Login, PathList, Rule, TwoPersons, WaitingPlan};
use crate::domain::{When, two_persons};
use crate::judge::collect::Rules;
use std::sync::Arc;

fn login(seed: u8) -> Login {
    Login {
        account: "root".into(),
        key: Some(Fingerprint::of(&[seed])),
        by: "root via x".into(),
    }
}

fn waits(plan: &Plan, until: i64) -> FoundPlan {
    let waiting = WaitingPlan::new(
        "7f3a0011".into(),
        plan.change,
        &plan.summary,
        login(1),
        (When::from_unix(0), When::from_unix(until)),
        Some("why"),
        intent(plan).unwrap(),
        &effects(plan),
    );
    let text = waiting.text().unwrap();
    FoundPlan {
        id: "7f3a0011".into(),
        file: "7f3a0011.json".into(),
        sha256: String::new(),
        begun: false,
        plan: WaitingPlan::parse("7f3a0011", text.as_bytes()),
    }
}

fn server(at: i64, rule: Rule) -> TwoPersons {
    TwoPersons {
        at: When::from_unix(at),
        file: "/var/two-persons.toml".into(),
        rule: Ok(rule),
        shown: None,
        plans: vec![],
        hidden: false,
    }
}

fn confirm(found: &FoundPlan, facts: &AccessFacts, who: u8, at: i64) -> Result<Plan, TwoError> {
    let seen = Seen {
        access: Some(Ok(facts)),
        ..Seen::default()
    };
    again(
        &about(),
        &login(who),
        &server(at, Rule::default()),
        found,
        &seen,
    )
}

#[test]
fn every_change_of_access_is_planned_again_as_it_was() {
    let mut facts = facts(vec![file("/k", "nix-ssh", ADA)]);
    let ada = key(ADA).fingerprint();
    let plans = [
        authorize(&about(), &facts, &new(BOB), None, None),
        revoke(&about(), &facts, "root", ada, true, None),
        suspend(&about(), &facts, "root", ada, false, None),
        expire(
            &about(),
            &facts,
            "root",
            ada,
            Some(When::from_unix(2_000_000_000)),
            None,
        ),
    ];
    for plan in plans {
        let plan = plan.unwrap();
        let second = confirm(&waits(&plan, 10), &facts, 2, 5).unwrap();
        assert_eq!(effects(&second), effects(&plan));
        assert!(matches!(second.second, Some(Second::Confirms(_))));
        assert_eq!(second.reason.as_deref(), Some("why"));
    }
    let suspended = suspend(&about(), &facts, "root", ada, false, None).unwrap();
    let crate::change::Operation::Access(operation) = &suspended.operation else {
        panic!()
    };
    let now = String::from_utf8(operation.edits[0].after.clone()).unwrap();
    facts.files = vec![file("/k", "nix-ssh", &now)];
    let plan = resume(&about(), &facts, ada, None).unwrap();
    assert!(confirm(&waits(&plan, 10), &facts, 2, 5).is_ok());
}

#[test]
fn not_by_the_same_not_too_late_not_twice_and_not_something_else() {
    let facts = facts(vec![file("/k", "nix-ssh", ADA)]);
    let ada = key(ADA).fingerprint();
    let plan = revoke(&about(), &facts, "root", ada, true, None).unwrap();
    let found = waits(&plan, 10);
    assert!(matches!(
        confirm(&found, &facts, 1, 5),
        Err(TwoError::Same(_))
    ));
    assert!(matches!(
        confirm(&found, &facts, 2, 11),
        Err(TwoError::Over { .. })
    ));
    let begun = FoundPlan {
        begun: true,
        ..found.clone()
    };
    assert!(matches!(
        confirm(&begun, &facts, 2, 5),
        Err(TwoError::Begun(_))
    ));
    let with = |content: &str| AccessFacts {
        files: vec![file("/k", "nix-ssh", content)],
        ..facts.clone()
    };
    // Another line above it is no difference; another line of the key is.
    assert!(confirm(&found, &with(&format!("{BOB}\n{ADA}")), 2, 5).is_ok());
    for content in [
        format!("{ADA}\n{ADA}\nno-pty {ADA}"),
        format!("no-pty {ADA}"),
    ] {
        let Err(TwoError::Differs { lines, .. }) = confirm(&found, &with(&content), 2, 5) else {
            panic!("{content}")
        };
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("new: /k: - no-pty")),
            "{lines:?}"
        );
    }
    let gone = confirm(&found, &with(BOB), 2, 5);
    assert!(matches!(gone, Err(TwoError::Impossible { .. })), "{gone:?}");
}

#[test]
fn a_rule_is_changed_by_a_plan_of_its_own_kind() {
    let two = server(0, Rule::default());
    let rule = Rule::parse("changes = [\"access\"]").unwrap();
    let plan = set_rule(&about(), &two, &rule).unwrap();
    assert_eq!(plan.change, two_persons::SET_RULE);
    assert!(rule.needs(plan.change));
    assert!(intent(&plan).is_some());
    let same = set_rule(&about(), &server(0, rule.clone()), &rule);
    assert_eq!(same, Err(TwoError::Nothing));
    let broken = TwoPersons {
        rule: Err("it is no text".into()),
        ..two
    };
    assert!(matches!(
        set_rule(&about(), &broken, &rule),
        Err(TwoError::Unknown(_))
    ));
}

/// The second confirmation of a collection: by these rules, of what the first has seen.
fn collected(found: &FoundPlan, rules: &Rules, list: &PathList) -> Result<Plan, TwoError> {
    with(rules, UseSource::AccessTimeDaily, |of| {
        let seen = Seen {
            collection: Some((*of, list)),
            ..Seen::default()
        };
        let two = server(5, Rule::default());
        again(&about(), &login(2), &two, found, &seen)
    })
}

#[test]
fn a_collection_is_kept_as_rules_and_takes_nothing_that_was_not_seen() {
    let source = UseSource::AccessTimeDaily;
    let plan = with(&all(), source, |of| collect::plan(of, None).unwrap());
    let found = waits(&plan, 10);
    let shown = list(&plan).unwrap();
    assert!(shown.len() > 2);
    let only = |list: &PathList| Rules {
        only: Some(Arc::new(list.clone())),
        ..all()
    };
    let second = collected(&found, &only(&shown), &shown).unwrap();
    assert_eq!(effects(&second), effects(&plan));
    assert_eq!(list(&second), Some(shown.clone()));
    let said = |plan: &Plan, text: &str| plan.lines.iter().any(|(_, line)| line.contains(text));
    assert!(said(&second, "all of them go"), "{:?}", second.lines);
    // One path had not been seen: the rules leave it, and without them it is a difference.
    let paths: Vec<_> = plan
        .items
        .iter()
        .filter_map(crate::change::Item::path)
        .collect();
    let fewer = PathList::of(paths[1..].iter().copied());
    let second = collected(&found, &only(&fewer), &fewer).unwrap();
    assert!(list(&second).unwrap().len() < shown.len());
    assert!(said(&second, "by now"), "{:?}", second.lines);
    let Err(TwoError::Differs { lines, .. }) = collected(&found, &all(), &fewer) else {
        panic!()
    };
    assert_eq!(lines, [format!("new: {}", paths[0])]);
    // By other rules.
    let other = Rules {
        max: Some(crate::domain::Bytes(1 << 40)),
        ..only(&shown)
    };
    let other = collected(&found, &other, &shown);
    assert!(matches!(other, Err(TwoError::Differs { .. })), "{other:?}");
}

#[test]
fn a_certificate_is_signed_by_the_second_as_the_first_has_planned_it() {
    let authority = |options: &str| {
        let line = format!("cert-authority,principals=\"ci\"{options} {BOB}\n");
        let mut facts = facts(vec![file("/k", "nix-ssh", &line)]);
        facts.sshd.settings.as_mut().unwrap().force_command = None;
        facts
    };
    let known = authority("");
    let first = sign_request(&known, &[]);
    let (ca, out) = (first.ca.clone(), first.out.clone());
    let plan = sign_cert(&about(), &known, first, None).unwrap();
    let found = waits(&plan, 10);
    let confirm = |facts: &AccessFacts, signs| {
        let seen = Seen {
            access: Some(Ok(facts)),
            signs,
            ..Seen::default()
        };
        let two = server(5, Rule::default());
        again(&about(), &login(2), &two, &found, &seen)
    };
    let mut own = ca.clone();
    own.file = "/media/ca".into();
    let second = confirm(&known, Some((own, "/home/bob/ada-cert.pub".into()))).unwrap();
    assert_eq!(effects(&second), effects(&plan));
    assert_eq!(intent(&second), intent(&plan));
    let none = confirm(&known, None).unwrap_err().to_string();
    assert!(none.contains("--ca FILE"), "{none}");
    let mut other = ca.clone();
    other.fingerprint = key(ADA).fingerprint();
    let other = confirm(&known, Some((other, out.clone())));
    assert!(matches!(other, Err(TwoError::Signer(_))), "{other:?}");
    // The server forces a command by now, so the certificate would have none.
    let now = authority(",command=\"x\"");
    let Err(TwoError::Differs { lines, .. }) = confirm(&now, Some((ca, out))) else {
        panic!()
    };
    assert_eq!(lines, ["no more: runs nix-store --serve"]);
}
