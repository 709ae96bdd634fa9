//! What a server's policy timer says of its last run.
//!
//! In: the lines of `gc.state`, which nobody vouches for. Out: when, what came of it. Source of the form: `scripts/policy-run.sh`.

use super::{Bytes, When, timer_state};

/// Lines that are read: the script writes no more.
const MOST: usize = 20;

/// The last run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyRun {
    /// Whether its timer runs.
    pub on: bool,
    /// Whether systemd could not run it.
    pub failed: bool,
    /// When it ran last, by the server's clock.
    pub at: Option<When>,
    /// What went wrong, as it came.
    pub problem: Option<String>,
    /// Paths that it has taken.
    pub paths: usize,
    /// What came free by that.
    pub freed: Bytes,
}

impl PolicyRun {
    /// Reads the lines, each a word and its value.
    pub fn parse<'a>(on: bool, failed: bool, lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found = Self {
            on,
            failed,
            ..Self::default()
        };
        for line in lines.into_iter().take(MOST) {
            let (word, value) = timer_state::word(line);
            match word {
                "at" => found.at = timer_state::at(value),
                "problem" => found.problem = timer_state::problem(value),
                "paths" => found.paths = value.parse().unwrap_or(0),
                "freed" => found.freed = Bytes(value.parse().unwrap_or(0)),
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let text = "at 1790000000\ncode 0\nproblem \npaths 3\nfreed 4096\n";
        let found = PolicyRun::parse(true, false, text.lines());
        assert_eq!(found.at, Some(When::from_unix(1_790_000_000)));
        assert_eq!((found.paths, found.freed), (3, Bytes(4096)));
        assert_eq!(found.problem, None);
        let text = "at \nproblem there is no policy\npaths x\n";
        let found = PolicyRun::parse(false, true, text.lines());
        assert_eq!((found.at, found.paths), (None, 0));
        assert_eq!(found.problem.as_deref(), Some("there is no policy"));
        assert!(found.failed && !found.on);
    }

    proptest! {
        #[test]
        fn never_panics(text in "((at|code|problem|paths|freed) ?\\PC{0,12}\n){0,24}") {
            let _ = PolicyRun::parse(true, false, text.lines());
        }
    }
}
