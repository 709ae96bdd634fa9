//! A retention policy with anything in it: rules or one sentence, and a project or none for each name. And what its timer says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::domain::policy_run::PolicyRun;
use storekeeper::judge::retention::Policy;

fuzz_target!(|text: &str| {
    let _ = PolicyRun::parse(true, false, text.lines());
    match Policy::parse(text) {
        Ok(policy) => {
            let project = policy.project(text.lines().next().unwrap_or_default());
            assert!(project.is_none_or(|at| at < policy.projects.len()));
            assert!(!policy.rule(project).to_string().is_empty());
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control)),
    }
});
