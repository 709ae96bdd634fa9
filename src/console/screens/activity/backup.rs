//! What a job has left that copied Nix's database here.
//!
//! In: how that ended. Out: words for the activity screen, and lines of a text.

use crate::console::screens::activity::job::Job;
use crate::console::types::problem::Problem;
use crate::console::widgets::pen::wrap;
use crate::domain::When;
use crate::server::Saved;

/// How such a job has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// When.
    pub at: When,
    /// Where the copy is, fit to be shown.
    pub file: String,
    /// What was saved; `None` where it was cancelled.
    pub saved: Result<Option<Saved>, Problem>,
}

impl Backup {
    /// In one word.
    pub const fn word(&self) -> &'static str {
        match &self.saved {
            Ok(Some(_)) => "done",
            Ok(None) => "cancelled",
            Err(_) => "failed",
        }
    }

    /// In a few words.
    pub fn brief(&self) -> String {
        match &self.saved {
            Ok(Some(saved)) => saved.words(),
            Ok(None) => "stopped on request".to_owned(),
            Err(problem) => problem.to_string(),
        }
    }

    /// All of it.
    pub fn lines(&self, job: &Job) -> Vec<String> {
        let mut lines = Vec::new();
        for (label, text) in [
            ("job", job.title.as_str()),
            ("result", self.word()),
            ("file", &self.file),
            ("copy", &self.brief()),
            ("at", &self.at.to_string()),
        ] {
            for (index, part) in wrap(text, 64).into_iter().enumerate() {
                let label = if index == 0 { label } else { "" };
                lines.push(format!("{label:<10}{part}"));
            }
        }
        lines
    }
}
