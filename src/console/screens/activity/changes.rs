//! The list of changes: the jobs of this console, then the audit log, as far as its filter leaves them.
//!
//! In: both, and the filter's words. Out: the places of what has all of the words, found anew only where one of the three is another.

use crate::console::screens::activity::job::{Job, receipt_lines};
use crate::console::screens::activity::state::PastChange;
use crate::console::types::JobId;
use std::sync::Arc;

/// A line of the list.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// A job of this console.
    Job(&'a Job),
    /// A record of the audit log.
    Past(&'a PastChange),
}

/// What a filter leaves.
#[derive(Debug, Default)]
pub struct Filtered {
    words: String,
    jobs: Vec<(JobId, bool)>,
    past: Arc<[PastChange]>,
    /// Of each record, in small letters: all that its page shows.
    texts: Vec<String>,
    /// Places in the list of all of them.
    pub shown: Vec<usize>,
}

impl Filtered {
    /// Looks through them again where they or the words are others; none without words.
    pub(super) fn anew(
        last: Option<Self>,
        words: &str,
        jobs: &[Job],
        past: &Arc<[PastChange]>,
    ) -> Option<Self> {
        let words = words.trim().to_lowercase();
        if words.is_empty() {
            return None;
        }
        let mut next = last.unwrap_or_default();
        let jobs_now = || jobs.iter().map(|job| (job.id, job.is_running()));
        let same = Arc::ptr_eq(&next.past, past);
        if same && next.words == words && next.jobs.iter().copied().eq(jobs_now()) {
            return Some(next);
        }
        if !same {
            next.texts = past.iter().map(text_of_past).collect();
            next.past = Arc::clone(past);
        }
        let wanted: Vec<&str> = words.split_whitespace().collect();
        let has = |text: &str| wanted.iter().all(|word| text.contains(word));
        // What runs is never out of sight.
        let of_jobs = jobs
            .iter()
            .map(|job| job.is_running() || has(&text_of_job(job)));
        let of_past = next.texts.iter().map(|text| has(text));
        next.shown = of_jobs
            .chain(of_past)
            .enumerate()
            .filter_map(|(at, has)| has.then_some(at))
            .collect();
        next.jobs = jobs_now().collect();
        next.words = words;
        Some(next)
    }
}

fn text_of_past(past: &PastChange) -> String {
    let PastChange {
        id,
        at: _,
        by,
        what,
        result,
        lines,
    } = past;
    format!("{id}\n{by}\n{what}\n{result}\n{}", lines.join("\n")).to_lowercase()
}

fn text_of_job(job: &Job) -> String {
    let mut lines = vec![job.change.to_owned(), job.title.clone()];
    lines.extend(job.planned.iter().map(|(_, text)| text.clone()));
    if let Some(receipt) = job.receipt() {
        lines.extend(receipt_lines(job, receipt));
    }
    lines.join("\n").to_lowercase()
}
