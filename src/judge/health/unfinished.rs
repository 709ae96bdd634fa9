//! Is a change of ours under way, or did one never end?
//!
//! In: what jobs have left on the server, and of collections how many of their paths are gone. Out: [`Check`]s.

use super::{Check, State, check};
use crate::domain::unfinished::Unfinished;

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

/// One for each.
pub fn checks(server: &str, left: &[Left]) -> Vec<Check> {
    left.iter().map(|left| one(server, left)).collect()
}

fn one(server: &str, left: &Left) -> Check {
    let Unfinished {
        id,
        at,
        by,
        summary,
        running,
        ..
    } = &left.what;
    let collects = left.what.collects();
    let kind = left.what.kind();
    let (runs, interrupted) = if collects {
        ("collection-running", "collection-interrupted")
    } else {
        ("change-running", "change-interrupted")
    };
    match running {
        Some(true) => {
            let text = if collects {
                format!("{by} collects garbage since {at}: {}", left.progress())
            } else {
                format!("{by} is at it since {at}: {summary}")
            };
            check(runs, State::Fine, text, None)
        }
        Some(false) => {
            let fix = match left.what.change.as_str() {
                "gc" => Some(format!("storekeeper gc {server}")),
                "sign" => Some(format!("storekeeper sign {server} --all")),
                _ => None,
            };
            let what = if collects {
                String::new()
            } else {
                format!(" ({summary})")
            };
            let text = format!(
                "the {kind} {id} of {by} from {at} was interrupted{what}: {}",
                left.progress()
            );
            check(interrupted, State::Warning, text, fix)
        }
        None => {
            let text = format!("whether the {kind} {id} of {by} from {at} still runs is not known");
            check(runs, State::Unknown, text, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::When;

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
        let others = [
            of("sign", Some(false), None),
            of("pin", Some(false), None),
            of("sign", Some(true), None),
        ];
        let found = checks("prod", &others);
        assert_eq!(
            found[0].summary,
            "the signing 7f3a0011 of root via ada@laptop from 1970-01-01T00:00:00Z was interrupted (collect 9 paths): signing again goes on where it stopped"
        );
        assert_eq!(found[0].fix.as_deref(), Some("storekeeper sign prod --all"));
        assert_eq!((found[1].state, &found[1].fix), (State::Warning, &None));
        assert_eq!(
            (found[2].id, found[2].state),
            ("change-running", State::Fine)
        );
    }
}
