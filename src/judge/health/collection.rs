//! Is a collection of ours under way, or did one never end?
//!
//! In: the lists of paths that collections have left on the server, and how many of them are gone. Out: [`Check`]s.

use super::{Check, State, check};
use crate::domain::space::Unfinished;
use crate::domain::{Fact, When};

/// A collection that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Whose it is, since when.
    pub what: Unfinished,
    /// How many of its paths the store does not have any more; `None` where its list could not be read.
    pub gone: Option<usize>,
}

impl Left {
    /// How far it got, in words.
    pub fn progress(&self) -> String {
        let Unfinished { total, .. } = self.what;
        match self.gone {
            Some(gone) => format!("{gone} of its {total} paths are gone"),
            None => format!("how many of its {total} paths are gone is not known"),
        }
    }
}

/// One for each; `now` is by the server's clock.
pub fn checks(server: &str, left: &Fact<Vec<Left>>, now: When) -> Vec<Check> {
    let left = match left {
        Ok(left) => left,
        Err(why) => {
            let summary = format!("whether a collection was interrupted is not known: {why}");
            return vec![check(
                "collection-interrupted",
                State::Unknown,
                summary,
                None,
            )];
        }
    };
    let of = |left: &Left| {
        let what = &left.what;
        let (id, state, how, fix) = match what.running {
            Some(true) => ("collection-running", State::Fine, "a collection runs", None),
            Some(false) => {
                let fix = format!("storekeeper gc {server}");
                let how = "a collection was interrupted";
                ("collection-interrupted", State::Warning, how, Some(fix))
            }
            None => {
                let how = "whether a collection still runs is not known";
                ("collection-running", State::Unknown, how, None)
            }
        };
        let (progress, age) = (left.progress(), what.at.age(now));
        let who = format!("begun {age} ago by {} ({})", what.by, what.id);
        check(id, state, format!("{how}: {progress}; {who}"), fix)
    };
    left.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Unknown;

    #[test]
    fn one_that_runs_is_fine_and_one_that_does_not_is_a_warning() {
        let left = |running, gone| Left {
            what: Unfinished {
                id: "7f3a0011".into(),
                at: When::from_unix(0),
                by: "root via ada@laptop".into(),
                summary: "collect 9 paths".into(),
                total: 9,
                running,
            },
            gone,
        };
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
        assert_eq!(found[1].fix.as_deref(), Some("storekeeper gc prod"));
        assert!(checks("prod", &Ok(vec![]), now).is_empty());
        let found = checks("prod", &Err(Unknown("it is hidden".into())), now);
        assert_eq!(found[0].state, State::Unknown);
    }
}
