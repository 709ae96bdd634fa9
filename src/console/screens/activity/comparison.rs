//! What a job has found that compared contents with their hashes.
//!
//! In: what was compared, and how that ended. Out: words for the activity screen, and lines of a text.

use crate::change::contents::{Compared, Damage, TIMES_MOVED};
use crate::console::screens::activity::job::Job;
use crate::console::types::action::Act;
use crate::console::types::keymap::Keymap;
use crate::console::types::problem::Problem;
use crate::console::widgets::pen::wrap;
use crate::domain::count::{count, number};
use crate::domain::{Bytes, When};
use crate::inventory::Row;

/// Contents that are to be compared with their hashes.
#[derive(Debug)]
pub struct Verification {
    /// In words.
    pub what: String,
    /// How many paths.
    pub total: usize,
    /// Their NAR bytes.
    pub bytes: u64,
    /// The paths; all without them.
    pub rows: Option<Vec<Row>>,
}

impl Verification {
    /// What the job is called.
    pub fn title(&self) -> String {
        format!("verify {} ({})", self.what, Bytes(self.bytes))
    }
}

/// Paths that are named one by one.
const NAMED: usize = 1_000;

/// How such a job has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// When.
    pub at: When,
    /// What was found, as far as it got.
    pub found: Compared,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Why it could not go on.
    pub problem: Option<Problem>,
}

impl Comparison {
    /// In one word; damage counts more than how it ended.
    pub const fn word(&self) -> &'static str {
        match (&self.problem, self.cancelled) {
            _ if !self.found.corrupt.is_empty() => "damaged",
            (Some(_), _) => "failed",
            (None, true) => "cancelled",
            (None, false) if !self.found.failed.is_empty() => "partial",
            (None, false) => "done",
        }
    }

    /// In a few words.
    pub fn brief(&self) -> String {
        let found = &self.found;
        if found.checked == 0 {
            return "no path was compared".to_owned();
        }
        let damaged = match found.corrupt.len() {
            0 => "none".to_owned(),
            several => number(several),
        };
        let unread = match found.failed.len() {
            0 => String::new(),
            several => format!(", {} could not be compared", number(several)),
        };
        let of = count(found.checked, "path");
        format!("{damaged} of {of} damaged{unread}")
    }

    /// All of it.
    pub fn lines(&self, job: &Job, keymap: &Keymap) -> Vec<String> {
        let found = &self.found;
        let mut lines = vec![
            format!("job       {}", job.title),
            format!("result    {}", self.word()),
            format!(
                "compared  {}, {}",
                count(found.checked, "path"),
                Bytes(found.bytes)
            ),
            format!("damaged   {}", count(found.corrupt.len(), "path")),
            format!("at        {}", self.at),
        ];
        let mut say = |text: &str| {
            lines.push(String::new());
            lines.extend(wrap(text, 72));
        };
        if let Some(problem) = &self.problem {
            say(&format!("It could not go on: {problem}."));
        } else if self.cancelled {
            say("Stopped on request; the other paths were not compared.");
        }
        if found.times_moved {
            say(&format!("Note: {TIMES_MOVED}."));
        }
        if !found.corrupt.is_empty() {
            let (repair, delete) = (keymap.names(Act::Repair), keymap.names(Act::DeleteDamaged));
            say(&format!(
                "{repair} plans to have Nix fetch or build anew what is damaged, {delete} to delete it with all that refers to it."
            ));
        }
        list(&mut lines, 'x', &found.corrupt);
        list(&mut lines, '?', &found.failed);
        lines
    }
}

fn list(lines: &mut Vec<String>, mark: char, paths: &[Damage]) {
    if !paths.is_empty() {
        lines.push(String::new());
    }
    for one in paths.iter().take(NAMED) {
        lines.push(format!("{mark} {}", one.path));
        let why = wrap(&one.message, 70);
        lines.extend(why.into_iter().map(|line| format!("    {line}")));
    }
    let more = paths.len().saturating_sub(NAMED);
    if more > 0 {
        lines.push(format!("… and {}", count(more, "more path")));
    }
}
