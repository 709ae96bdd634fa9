//! Is a change of ours under way, or did one never end?
//!
//! In: what jobs have left on the server, and of collections how many of their paths are gone. Out: [`Check`]s.

use super::{Check, State, check};
use crate::domain::Remedy;
use crate::domain::unfinished::Unfinished;
use crate::domain::{Fact, When};

/// A change that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Whose it is, since when.
    pub what: Unfinished,
    /// Of a collection: how many of its paths the store does not have any more; `None` where its list could not be read.
    pub gone: Option<usize>,
}

impl Left {
    /// How far it got, in words.
    pub fn progress(&self) -> String {
        let Unfinished { total, .. } = self.what;
        match self.gone {
            _ if !self.what.collects() => self.what.next().to_owned(),
            Some(gone) => format!("{gone} of its {total} paths are gone"),
            None => format!("how many of its {total} paths are gone is not known"),
        }
    }
}

/// One for each; `now` is by the server's clock.
pub fn checks(server: &str, left: &Fact<Vec<Left>>, now: When) -> Vec<Check> {
    match left {
        Ok(left) => left.iter().map(|left| one(server, left, now)).collect(),
        Err(why) => {
            let summary = format!("whether a change was interrupted is not known: {why}");
            vec![check("change-interrupted", State::Unknown, summary, None)]
        }
    }
}

fn one(server: &str, left: &Left, now: When) -> Check {
    let what = &left.what;
    let collects = what.collects();
    let (runs, interrupted) = if collects {
        ("collection-running", "collection-interrupted")
    } else {
        ("change-running", "change-interrupted")
    };
    let (kind, progress) = (what.kind(), left.progress());
    let who = format!(
        "begun {} ago by {} ({})",
        what.at.age(now),
        what.by,
        what.id
    );
    // How far a collection is says what it is; for others the plan says it.
    let which = if collects {
        String::new()
    } else {
        format!(" ({})", what.summary)
    };
    match what.running {
        Some(true) if collects => {
            let text = format!("a {kind} runs: {progress}; {who}");
            check(runs, State::Fine, text, None)
        }
        Some(true) => check(
            runs,
            State::Fine,
            format!("a {kind} runs{which}; {who}"),
            None,
        ),
        Some(false) => {
            let fix = match what.change.as_str() {
                "gc" => Some(Remedy::command(format!("storekeeper gc {server}"))),
                "sign" => Some(Remedy::command(format!("storekeeper sign {server} --all"))),
                _ => None,
            };
            let text = format!("a {kind} was interrupted{which}: {progress}; {who}");
            check(interrupted, State::Warning, text, fix)
        }
        None => {
            let text =
                format!("whether a {kind} still runs is not known{which}: {progress}; {who}");
            check(runs, State::Unknown, text, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Unknown;

    #[test]
    fn one_that_runs_is_fine_and_one_that_does_not_is_a_warning() {
        let of = |change: &str, running, gone| Left {
            what: Unfinished {
                id: "7f3a0011".into(),
                change: change.into(),
                at: When::from_unix(0),
                by: "root via ada@laptop".into(),
                summary: "collect 9 paths".into(),
                total: 9,
                running,
            },
            gone,
        };
        let left = |running, gone| of("gc", running, gone);
        let now = When::from_unix(7_200);
        let all = Ok(vec![
            left(Some(true), Some(2)),
            left(Some(false), Some(3)),
            left(Some(false), None),
            left(None, None),
        ]);
        let found = checks("prod", &all, now);
        let states: Vec<State> = found.iter().map(|check| check.state).collect();
        assert_eq!(
            states,
            [State::Fine, State::Warning, State::Warning, State::Unknown]
        );
        assert_eq!(
            found[1].summary,
            "a collection was interrupted: 3 of its 9 paths are gone; begun 2h ago by root via ada@laptop (7f3a0011)"
        );
        assert_eq!(
            found[1].fix.as_ref().map(Remedy::text),
            Some("storekeeper gc prod")
        );
        assert!(checks("prod", &Ok(vec![]), now).is_empty());
        let found = checks("prod", &Err(Unknown::new("it is hidden")), now);
        assert_eq!(found[0].state, State::Unknown);
        let others = Ok(vec![
            of("sign", Some(false), None),
            of("pin", Some(false), None),
            of("sign", Some(true), None),
        ]);
        let found = checks("prod", &others, now);
        assert_eq!(
            found[0].summary,
            "a signing was interrupted (collect 9 paths): signing again goes on where it stopped; begun 2h ago by root via ada@laptop (7f3a0011)"
        );
        assert_eq!(
            found[0].fix.as_ref().map(Remedy::text),
            Some("storekeeper sign prod --all")
        );
        assert_eq!((found[1].state, &found[1].fix), (State::Warning, &None));
        assert_eq!(
            (found[2].id, found[2].state),
            ("change-running", State::Fine)
        );
    }
}
