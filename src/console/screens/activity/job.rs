//! Jobs: changes that run, and those that have ended since the console was started.
//!
//! In: progress and receipts from the backend. Out: what Activity and the header show.

use crate::change::{Outcome, Receipt, Undo};
use crate::console::screens::activity::backup::Backup;
use crate::console::screens::activity::comparison::Comparison;
use crate::console::types::JobId;
use crate::console::types::action::Act;
use crate::console::types::keymap::Keymap;
use crate::domain::count::{count, number};
use crate::domain::{Bytes, StorePath, When};
use std::path::PathBuf;

/// The lines of a job's log that are kept.
const LOG_LINES: usize = 200;

/// How far a job is.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// It runs.
    Running {
        /// Items done.
        done: usize,
        /// Items in all.
        total: usize,
        /// What it does at the moment.
        note: String,
    },
    /// It has ended, one way or another.
    Ended(Receipt),
    /// It has copied the database here, or not.
    BackedUp(Box<Backup>),
    /// It has compared contents with their hashes, and changed nothing.
    Compared(Box<Comparison>),
}

/// One change that was confirmed, or something that takes as long.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// The stable word for its kind, such as `sign`.
    pub change: &'static str,
    /// The plan's summary, or what it does.
    pub title: String,
    /// When it began.
    pub started: When,
    /// Whether it was asked to stop.
    pub cancelling: bool,
    /// How far it is.
    pub state: State,
    /// Of a collection: the least, where that is known, and the most that was to come free, in bytes.
    pub estimate: Option<(Option<u64>, u64)>,
    /// What of the plan its receipt repeats, with labels: key files with where their links lead, lines of them, when a key
    /// expires, the rules of a collection, the reason.
    pub planned: Vec<(&'static str, String)>,
    /// The damaged paths that it repairs or deletes.
    pub repairs: Vec<StorePath>,
    /// The file of the certificate that it makes.
    pub certificate: Option<PathBuf>,
    /// What it said, the newest last.
    pub log: Vec<String>,
    /// What takes it back once all of it was done.
    pub undo: Option<Undo>,
}

impl Job {
    /// One that begins now.
    pub fn new(id: JobId, change: &'static str, title: String, now: When, total: usize) -> Self {
        Self {
            id,
            change,
            title,
            started: now,
            cancelling: false,
            state: State::Running {
                done: 0,
                total,
                note: "starting".to_owned(),
            },
            estimate: None,
            planned: vec![],
            repairs: vec![],
            certificate: None,
            log: vec![],
            undo: None,
        }
    }

    /// Whether it has not ended.
    pub const fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// Its receipt, once it has ended.
    pub const fn receipt(&self) -> Option<&Receipt> {
        match &self.state {
            State::Ended(receipt) => Some(receipt),
            State::Running { .. } | State::BackedUp(_) | State::Compared(_) => None,
        }
    }

    /// What takes it back, where all of it was done.
    pub fn undo(&self, now: When) -> Option<&Undo> {
        let done = self.receipt()?.result == Outcome::Done;
        self.undo.as_ref().filter(|undo| done && undo.stands(now))
    }

    /// How much of it was done, in words.
    pub fn done(&self, receipt: &Receipt) -> String {
        let thing = if matches!(self.change, "sign" | "rotate" | "strip" | "gc") {
            "path"
        } else {
            "step"
        };
        count(receipt.done, thing)
    }

    /// Keeps a line of its log.
    pub fn say(&mut self, line: String) {
        if self.log.len() >= LOG_LINES {
            self.log.remove(0);
        }
        self.log.push(line);
    }

    /// Its state in a few words.
    pub fn word(&self) -> String {
        match &self.state {
            State::Running { .. } if self.cancelling => "cancelling".to_owned(),
            State::Running { done, total, .. } => {
                match (*done as u64 * 100).checked_div(*total as u64) {
                    Some(percent) => format!("{percent}%"),
                    None => "running".to_owned(),
                }
            }
            State::Ended(receipt) => receipt.result.word().to_owned(),
            State::BackedUp(backup) => backup.word().to_owned(),
            State::Compared(comparison) => comparison.word().to_owned(),
        }
    }
}

/// What was to come free, after what did.
fn estimate(job: &Job) -> String {
    match job.estimate {
        None => String::new(),
        Some((None, most)) => format!(", planned at most {}", Bytes(most)),
        Some((Some(least), most)) if least == most => format!(", planned {}", Bytes(most)),
        Some((Some(least), most)) => {
            format!(", planned {} to {}", Bytes(least), Bytes(most))
        }
    }
}

/// The line of a receipt that offers to take the change back.
pub fn undo_line(keymap: &Keymap, undo: &Undo) -> String {
    let key = keymap.names(Act::Undo);
    format!("undo      {key} shows the plan to {}", undo.words())
}

/// A receipt as lines of text.
pub fn receipt_lines(job: &Job, receipt: &Receipt) -> Vec<String> {
    let signs = matches!(job.change, "sign" | "rotate");
    let mut lines = vec![
        format!("change    {}", job.title),
        format!("result    {}", receipt.result.word()),
        format!("done      {}", job.done(receipt)),
    ];
    if let Some(waits) = &receipt.waits {
        let text = format!(
            "plan {}, for a second administrator, until {}",
            waits.plan, waits.until
        );
        lines.push(format!("waits     {text}"));
    }
    if let Some(first) = &receipt.planned_by {
        lines.push(format!("planned   by {first}"));
    }
    if receipt.not_done > 0 {
        lines.push(format!("not done  {}", number(receipt.not_done)));
    }
    if let Some(freed) = receipt.freed_words() {
        lines.push(format!("freed     {freed}{}", estimate(job)));
    }
    let mut labelled = |label: &str, text: &str| {
        let mut rows = crate::console::widgets::pen::wrap(text, 70).into_iter();
        lines.push(format!("{label:<10}{}", rows.next().unwrap_or_default()));
        lines.extend(rows.map(|row| format!("{:10}{row}", "")));
    };
    // On a small screen the list of what failed is below the edge.
    let stopped = receipt.result == Outcome::Cancelled;
    if let Some(first) = receipt.failed.first().filter(|_| !stopped) {
        labelled("error", &first.message);
    }
    for (label, text) in &job.planned {
        labelled(label, text);
    }
    lines.push(format!("by        {}", receipt.by));
    lines.push(format!("at        {}", receipt.at));
    lines.push(format!("took      {:.1} s", receipt.seconds));
    lines.push(format!("receipt   {}", receipt.id));
    if receipt.result != Outcome::Done {
        lines.push(String::new());
        lines.push(
            match (receipt.result, signs) {
                (Outcome::Cancelled, true) => {
                    "Stopped on request; what was done stays done. Sign again to go on."
                }
                (Outcome::Cancelled, false) => "Stopped on request; what was done stays done.",
                (Outcome::Waiting, _) => {
                    "Nothing was changed yet. Another administrator confirms it: in the console from the Overview, or with storekeeper plans."
                }
                (_, true) => "Sign again to go on with what was not done:",
                (_, false) => "Not done:",
            }
            .to_owned(),
        );
    }
    for failure in &receipt.failed {
        lines.push(failure.item.clone());
        let why = crate::console::widgets::pen::wrap(&failure.message, 70);
        lines.extend(why.into_iter().map(|line| format!("  {line}")));
    }
    if let Some(conflict) = &receipt.conflict {
        lines.push(String::new());
        lines.push("What somebody else has changed meanwhile:".to_owned());
        lines.extend(conflict.lines().map(str::to_owned));
    }
    lines
}
