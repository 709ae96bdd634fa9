//! What confirms a plan, and its form in JSON.

use super::*;
use crate::change::testing::path;
use proptest::prelude::*;

fn plan(items: usize, danger: Danger) -> Plan {
    let paths: Vec<StorePath> = (0..items).map(|at| path(&format!("p-{at}"))).collect();
    Plan {
        change: "sign",
        server: "prod".into(),
        summary: "sign 1 path".into(),
        items: paths
            .iter()
            .map(|path| Item::Path {
                path: path.clone(),
                nar_size: 7,
            })
            .collect(),
        commands: vec!["nix store sign".into()],
        warnings: vec![],
        concerns: vec![],
        amounts: None,
        push: None,
        second: None,
        lines: vec![("on", "prod".into())],
        danger,
        operation: Operation::Sign {
            paths,
            with: KeySource::Server {
                file: "/k".into(),
                name: "k".into(),
            },
            key: Box::new(
                crate::domain::PublicKey::from_bytes(
                    crate::domain::KeyName::new("k").unwrap(),
                    &[9; 32],
                )
                .unwrap(),
            ),
        },
        reason: None,
    }
}

fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Flag),
        Just(Answer::Key),
        "(collect|yes|.{0,8})".prop_map(Answer::Word),
    ]
}

fn dangers() -> impl Strategy<Value = Danger> {
    prop_oneof![
        Just(Danger::Adds),
        Just(Danger::Destroys { word: "collect" })
    ]
}

proptest! {
    #[test]
    fn nothing_is_confirmed_read_only(items in 0_usize..3, answer in answers(), danger in dangers()) {
        let confirmed = plan(items, danger).confirm(&answer, Policy { read_only: true });
        prop_assert_eq!(confirmed.err(), Some(Refusal::ReadOnly));
    }

    #[test]
    fn what_destroys_needs_its_word(answer in answers()) {
        let word = answer == Answer::Flag || answer == Answer::Word("collect".into());
        let danger = Danger::Destroys { word: "collect" };
        let confirmed = plan(1, danger).confirm(&answer, Policy { read_only: false });
        prop_assert_eq!(confirmed.is_ok(), word);
    }
}

#[test]
fn concerns_are_accepted_by_name_or_by_word() {
    let write = Policy { read_only: false };
    let doubtful = || Plan {
        concerns: vec![Concern::Revoked, Concern::Unproven],
        ..plan(1, Danger::Adds)
    };
    let refused = |answer: Answer| doubtful().confirm(&answer, write).unwrap_err();
    let reported = "the key was revoked before and was not proven to be the requester's, so nothing was changed; to authorize it all the same, add --accept revoked,unproven";
    assert_eq!(refused(Answer::Flag).to_string(), reported);
    let some = refused(Answer::Accepting(vec![Concern::Unproven, Concern::Denied]));
    assert_eq!(
        some.to_string(),
        "the key was revoked before, so nothing was changed; to authorize it all the same, add --accept revoked,unproven"
    );
    assert_eq!(refused(Answer::Key), Refusal::Word("revoked"));
    assert_eq!(
        refused(Answer::Word("yes".into())),
        Refusal::Word("revoked")
    );
    for answer in [
        Answer::Word("revoked".into()),
        Answer::Accepting(vec![Concern::Unproven, Concern::Revoked]),
    ] {
        assert!(doubtful().confirm(&answer, write).is_ok(), "{answer:?}");
    }
    let json = serde_json::to_value(doubtful()).unwrap();
    assert_eq!(json["accept"], serde_json::json!(["revoked", "unproven"]));
}

#[test]
fn nothing_is_not_confirmed() {
    let write = Policy { read_only: false };
    let empty = plan(0, Danger::Adds).confirm(&Answer::Flag, write);
    assert_eq!(empty.err(), Some(Refusal::Nothing));
    assert!(plan(1, Danger::Adds).confirm(&Answer::Key, write).is_ok());
}

#[test]
fn the_form_that_scripts_read() {
    assert_eq!(
        serde_json::to_string(&plan(1, Danger::Adds)).unwrap(),
        format!(
            r#"{{"change":"sign","server":"prod","summary":"sign 1 path","items":[{{"path":"{}"}}],"commands":["nix store sign"],"warnings":[]}}"#,
            path("p-0")
        )
    );
}
