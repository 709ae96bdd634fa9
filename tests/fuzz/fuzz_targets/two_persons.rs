//! The files of the two-person rule with anything in them: a rule or one sentence, a plan or one sentence, and nothing that a terminal obeys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::domain::two_persons::{Rule, WaitingPlan};

fuzz_target!(|bytes: &[u8]| {
    let inert = |text: &str| assert!(!text.chars().any(char::is_control));
    if let Ok(text) = std::str::from_utf8(bytes) {
        match Rule::parse(text) {
            Ok(rule) => assert_eq!(Rule::parse(&rule.text()), Ok(rule)),
            Err(error) => inert(&error.to_string()),
        }
    }
    match WaitingPlan::parse("7f3a0011", bytes) {
        Ok(plan) => {
            inert(&plan.summary);
            inert(&plan.first.to_string());
            plan.effects.iter().for_each(|line| inert(line));
            if let Some(text) = plan.text() {
                assert_eq!(WaitingPlan::parse("7f3a0011", text.as_bytes()), Ok(plan));
            }
        }
        Err(why) => inert(&why),
    }
});
