//! Progress: one line on standard error, on a terminal only.
//!
//! In: how much is done of how much. Out: a bar that is gone when the work is.

use crate::change::JobEvent;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;

/// A progress bar, or nothing.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Shown on a terminal, unless `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        let target = if quiet || !std::io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    /// How much there is to do.
    pub(super) fn total(&self, total: usize) {
        self.0.set_length(total as u64);
    }

    /// How much is done. The note must be fit to be shown.
    pub(super) fn done(&self, done: usize, note: &str) {
        self.0.set_position(done as u64);
        self.0.set_message(note.to_owned());
    }

    /// A line above the bar; without a terminal, nothing.
    pub(super) fn log(&self, line: &str) {
        self.0.println(line);
    }

    /// What a job says.
    pub(super) fn follow(&self, event: JobEvent) {
        match event {
            JobEvent::Progress { done, note, .. } => self.done(done, &note),
            JobEvent::Log(line) => self.log(&line),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
