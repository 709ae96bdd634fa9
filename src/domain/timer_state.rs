//! The lines that a timer on a server writes about its last run.
//!
//! In: such a line, for which nobody vouches. Out: its word and value; what all timers say alike. Source of the form: the scripts
//! `auto-sign.sh` and `policy-run.sh`.

use super::When;

/// A line's word and its value.
pub(super) fn word(line: &str) -> (&str, &str) {
    let (word, value) = line.split_once(' ').unwrap_or((line, ""));
    (word, value.trim())
}

/// The value of `at`, by the server's clock.
pub(super) fn at(value: &str) -> Option<When> {
    let at = value.parse().ok().filter(|at| *at >= 0);
    at.map(When::from_unix)
}

/// The value of `problem`, as it came.
pub(super) fn problem(value: &str) -> Option<String> {
    Some(value.to_owned()).filter(|text| !text.is_empty())
}
