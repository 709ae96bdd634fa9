//! A change without its record: it runs, or was killed.
//!
//! In: the marker that a job writes when it begins. Out: the same for the next job, in words.

use super::When;

/// A job that has no record in the audit log yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its id, as in its receipt to be.
    pub id: String,
    /// The kind of change, as in its record to be.
    pub change: String,
    /// When it began, by the clock of the machine that started it.
    pub at: When,
    /// Who started it.
    pub by: String,
    /// Its plan in one line.
    pub summary: String,
    /// How many items it planned.
    pub total: usize,
    /// Whether it still runs; `None` where that could not be found out.
    pub running: Option<bool>,
}

impl Unfinished {
    /// Whether it deletes store paths: how far that got is known, and only one of them runs at a time.
    pub fn collects(&self) -> bool {
        self.change == "gc"
    }

    /// What it is, in a word or two.
    pub fn kind(&self) -> &'static str {
        match self.change.as_str() {
            "gc" => "collection",
            "sign" | "rotate" => "signing",
            "push" => "push",
            "authorize" | "review" | "revoke" | "expire" | "suspend" | "resume" | "approve" => {
                "change of keys"
            }
            "request" | "prove" | "deny" | "reopen" => "change of requests",
            "end-session" => "change of sessions",
            "pin" | "unpin" | "remove-root" => "change of pins and roots",
            _ => "change",
        }
    }

    /// What is to be done about one that was killed.
    pub fn next(&self) -> &'static str {
        match self.change.as_str() {
            "push" => "pushing again goes on where it stopped, and signs what it had copied",
            "sign" | "rotate" => "signing again goes on where it stopped",
            _ => "look what of it was done, and make the rest again",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let of = |change: &str| Unfinished {
            id: "7f3a0011".into(),
            change: change.into(),
            at: When::from_unix(0),
            by: "root".into(),
            summary: String::new(),
            total: 1,
            running: None,
        };
        assert_eq!((of("gc").kind(), of("gc").collects()), ("collection", true));
        assert_eq!(
            (of("revoke").kind(), of("revoke").collects()),
            ("change of keys", false)
        );
        assert_eq!(of("\u{1b}").kind(), "change");
        assert!(of("sign").next().contains("goes on"));
        assert!(of("pin").next().contains("look"));
    }
}
