//! What was run from the palette, newest last, each line once.
//!
//! In: lines, of this run and of those before. Out: the next older or newer one that begins as what is typed. It stays short, and has no
//! line that may be a secret.

use crate::domain::text::visible;

/// Lines that are kept.
const MOST: usize = 200;
/// A longer line is nothing that anybody wants back, in bytes.
const LONGEST: usize = 1000;
/// So many characters of base64 in one piece are no fingerprint any more, and may be a key.
const OF_A_KEY: usize = 60;

/// The lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    lines: Vec<String>,
}

impl History {
    /// Of lines from anywhere, oldest first; what can't be kept is left out.
    pub fn new<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut history = Self::default();
        for line in lines {
            history.push(line);
        }
        history
    }

    /// The lines, newest last.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Adds a line as the newest; one that is there already moves. Says whether it may be kept.
    pub fn push(&mut self, line: &str) -> bool {
        let line = line.trim();
        if line.is_empty() || line.len() > LONGEST || visible(line) != line || is_secret(line) {
            return false;
        }
        self.lines.retain(|own| own != line);
        self.lines.push(line.to_owned());
        self.lines.drain(..self.lines.len().saturating_sub(MOST));
        true
    }

    /// The place of the next older line than the one at `from` that begins with this; without `from`, of the newest.
    pub fn older(&self, from: Option<usize>, begins: &str) -> Option<usize> {
        let before = from.unwrap_or(self.lines.len()).min(self.lines.len());
        self.lines[..before]
            .iter()
            .rposition(|line| line.starts_with(begins))
    }

    /// The place of the next newer one.
    pub fn newer(&self, from: usize, begins: &str) -> Option<usize> {
        let after = from.saturating_add(1).min(self.lines.len());
        let next = self.lines[after..]
            .iter()
            .position(|line| line.starts_with(begins))?;
        Some(after + next)
    }
}

/// Whether a line may have a secret in it: the text of a private key, or a word that only a key is as long as.
fn is_secret(line: &str) -> bool {
    let of_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    line.contains("PRIVATE KEY")
        || line
            .split(|c| !of_base64(c))
            .any(|word| word.len() >= OF_A_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_line_once_and_the_newest_last() {
        let history = History::new(["sort size", "theme mono", "sort size"]);
        assert_eq!(history.lines(), ["theme mono", "sort size"]);
        assert_eq!(history.older(None, ""), Some(1));
        assert_eq!(history.older(Some(1), ""), Some(0));
        assert_eq!(history.older(Some(0), ""), None);
        assert_eq!(history.older(None, "theme"), Some(0));
        assert_eq!(history.newer(0, ""), Some(1));
        assert_eq!(history.newer(0, "theme"), None);
    }

    #[test]
    fn no_secret_is_kept() {
        let nix = format!("key cache-1:{}==", "A".repeat(86));
        let mut history = History::default();
        assert!(!history.push(&nix));
        assert!(!history.push("-----BEGIN OPENSSH PRIVATE KEY-----"));
        assert!(!history.push("filter \u{1b}[2J"));
        assert!(!history.push(&"x y ".repeat(300)));
        assert!(history.push("agent SHA256:dAdvu94LFqCZqMTxlJDFdLBI3w8GW97cQrhL9do7LBY ci-1"));
        assert_eq!(history.lines().len(), 1);
    }

    proptest! {
        #[test]
        fn it_stays_short(lines in proptest::collection::vec(".{0,20}", 0..300), begins in ".{0,2}", from in 0usize..400) {
            let history = History::new(lines.iter().map(String::as_str));
            prop_assert!(history.lines().len() <= MOST);
            for (at, line) in history.lines().iter().enumerate() {
                prop_assert!(!history.lines()[..at].contains(line));
            }
            let older = history.older(Some(from), &begins);
            prop_assert!(older.is_none_or(|at| at < from && history.lines()[at].starts_with(&begins)));
            let newer = history.newer(from, &begins);
            prop_assert!(newer.is_none_or(|at| at > from && history.lines()[at].starts_with(&begins)));
        }
    }
}
