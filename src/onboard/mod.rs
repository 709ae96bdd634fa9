//! What somebody else has to do on another machine, written out for this cache: a new client, a new server.
//!
//! In: what is known of the cache. Out: [`Step`]s of shell or Nix that can be pasted as they are. Nothing is run here.

mod ci;
pub mod client;
pub mod proof;
pub mod rotation;
pub mod server;

use std::borrow::Cow;
use std::fmt::Write as _;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// What it is for, one line.
    pub title: String,
    /// What to paste: shell commands, or a part of a configuration.
    pub lines: Vec<String>,
}

impl Step {
    fn new<T: Into<String>>(title: &str, lines: impl IntoIterator<Item = T>) -> Self {
        Self {
            title: title.to_owned(),
            lines: lines.into_iter().map(Into::into).collect(),
        }
    }
}

/// All steps as one text that a shell takes as a whole: what is no command is a comment.
pub fn text(head: &str, steps: &[Step]) -> String {
    let mut text = String::new();
    for line in head.lines() {
        let _ = writeln!(text, "# {line}");
    }
    for (number, step) in steps.iter().enumerate() {
        let _ = writeln!(text, "\n# {}. {}", number + 1, step.title);
        for line in &step.lines {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// A word for a shell.
fn word(text: &str) -> Cow<'_, str> {
    shell_words::quote(text)
}

/// Puts a line into a file unless it is there already.
fn add_line(line: &str, file: &str) -> String {
    let line = word(line);
    format!("grep -qxF -- {line} {file} 2>/dev/null || printf '%s\\n' {line} >> {file}")
}

/// Ends the last line of a file, so that what is put behind it is a line of its own.
fn end_line(file: &str) -> String {
    format!("[ -z \"$(tail -c 1 {file} 2>/dev/null)\" ] || echo >> {file}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::nix_string;

    #[test]
    fn what_is_no_command_is_a_comment() {
        let steps = [Step::new("One", ["true"]), Step::new("Two", ["false"])];
        assert_eq!(
            text("a\nb", &steps),
            "# a\n# b\n\n# 1. One\ntrue\n\n# 2. Two\nfalse\n"
        );
    }

    #[test]
    fn strings() {
        assert_eq!(nix_string(r#"a"\${b}"#), r#""a\"\\\${b}""#);
        assert_eq!(
            add_line("a 'b'", "f"),
            r"grep -qxF -- 'a '\''b'\''' f 2>/dev/null || printf '%s\n' 'a '\''b'\''' >> f"
        );
    }
}
