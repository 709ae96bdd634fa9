//! Is a collection of ours under way, or did one never end?
//!
//! In: the lists of paths that collections have left on the server, and how many of them are gone. Out: [`Check`]s.

use super::{Check, State, check};
use crate::domain::space::Unfinished;

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

/// One for each.
pub fn checks(server: &str, left: &[Left]) -> Vec<Check> {
    left.iter()
        .map(|left| {
            let Unfinished {
                id,
                at,
                by,
                running,
                ..
            } = &left.what;
            let progress = left.progress();
            match running {
                Some(true) => check(
                    "collection-running",
                    State::Fine,
                    format!("{by} collects garbage since {at}: {progress}"),
                    None,
                ),
                Some(false) => check(
                    "collection-interrupted",
                    State::Warning,
                    format!("the collection {id} of {by} from {at} was interrupted: {progress}"),
                    Some(format!("storekeeper gc {server}")),
                ),
                None => check(
                    "collection-running",
                    State::Unknown,
                    format!(
                        "whether the collection {id} of {by} from {at} still runs is not known"
                    ),
                    None,
                ),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::When;

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
        let all = [
            left(Some(true), Some(2)),
            left(Some(false), Some(3)),
            left(Some(false), None),
            left(None, None),
        ];
        let found = checks("prod", &all);
        let states: Vec<State> = found.iter().map(|check| check.state).collect();
        assert_eq!(
            states,
            [State::Fine, State::Warning, State::Warning, State::Unknown]
        );
        assert_eq!(
            found[1].summary,
            "the collection 7f3a0011 of root via ada@laptop from 1970-01-01T00:00:00Z was interrupted: 3 of its 9 paths are gone"
        );
        assert_eq!(found[1].fix.as_deref(), Some("storekeeper gc prod"));
        assert!(checks("prod", &[]).is_empty());
    }
}
