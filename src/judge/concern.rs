//! What an administrator accepts by name before a key is authorized.
//!
//! In: findings on a key and on what it could do. Out: concerns, each with the stable id that `--accept` takes and a plan's JSON has.
//! This table is the only one: findings that are not in it are shown and need no confirmation.

use super::finding::{Finding, Level};
use serde::{Serialize, Serializer};

/// A reason not to authorize a key, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// It was revoked.
    Revoked,
    /// A request for it was denied.
    Denied,
    /// It logs in as root too.
    AlsoRoot,
    /// It could run any command.
    AnyCommand,
    /// It could store paths without a valid signature.
    UnsignedPaths,
    /// It could run garbage collection.
    Gc,
    /// It could read and write files.
    Files,
    /// It could forward ports or tunnels.
    Forwarding,
    /// What it could do is not known.
    UnknownCommand,
    /// It is weaker than it should be.
    Weak,
    /// Its comment hides characters.
    Comment,
    /// Nobody has shown to hold its private half.
    Unproven,
}

impl Concern {
    /// All of them, in their order.
    pub const ALL: [Self; 12] = [
        Self::Revoked,
        Self::Denied,
        Self::AlsoRoot,
        Self::AnyCommand,
        Self::UnsignedPaths,
        Self::Gc,
        Self::Files,
        Self::Forwarding,
        Self::UnknownCommand,
        Self::Weak,
        Self::Comment,
        Self::Unproven,
    ];

    /// The word of `--accept` and of JSON.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Denied => "denied",
            Self::AlsoRoot => "also-root",
            Self::AnyCommand => "any-command",
            Self::UnsignedPaths => "unsigned-paths",
            Self::Gc => "gc",
            Self::Files => "files",
            Self::Forwarding => "forwarding",
            Self::UnknownCommand => "unknown-command",
            Self::Weak => "weak",
            Self::Comment => "comment",
            Self::Unproven => "unproven",
        }
    }

    /// What it says of a key: the end of a sentence that begins with "the key".
    pub const fn means(self) -> &'static str {
        match self {
            Self::Revoked => "was revoked before",
            Self::Denied => "was denied before",
            Self::AlsoRoot => "logs in as root too",
            Self::AnyCommand => "could run any command",
            Self::UnsignedPaths => "could store unsigned paths, or that is not known",
            Self::Gc => "could run garbage collection",
            Self::Files => "could read and write files",
            Self::Forwarding => "could forward ports or tunnels",
            Self::UnknownCommand => "could run an unknown command",
            Self::Weak => "is weaker than it should be",
            Self::Comment => "has hidden characters in its comment",
            Self::Unproven => "was not proven to be the requester's",
        }
    }

    /// The codes of the findings that stand for it.
    const fn codes(self) -> &'static [&'static str] {
        match self {
            Self::Revoked => &["revoked-before", "revoked-by-sshd"],
            Self::Denied => &["denied-before"],
            Self::AlsoRoot => &["also-root"],
            Self::AnyCommand => &["shell", "shell-trusted"],
            Self::UnsignedPaths => &["inject", "inject-unknown"],
            Self::Gc => &["gc"],
            Self::Files => &["sftp"],
            Self::Forwarding => &["forward"],
            Self::UnknownCommand => &["unknown-command", "posture-unknown"],
            Self::Weak => &["rsa-below-3072", "rsa-exponent-3"],
            Self::Comment => &["comment-hostile"],
            Self::Unproven => &["unproven"],
        }
    }
}

impl Serialize for Concern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

/// The concerns that these findings raise, each once and the gravest first.
pub fn of(findings: &[Finding]) -> Vec<Concern> {
    let raised = |concern: &Concern| {
        findings
            .iter()
            .any(|found| found.level > Level::Note && concern.codes().contains(&found.code))
    };
    Concern::ALL.into_iter().filter(raised).collect()
}

/// The ids in one text, as `--accept` takes them.
pub fn ids(concerns: &[Concern]) -> String {
    let ids: Vec<&str> = concerns.iter().map(|concern| concern.id()).collect();
    ids.join(",")
}

/// What a key with these concerns is like: "was revoked before and could run any command".
pub fn meanings(concerns: &[Concern]) -> String {
    let mut meanings: Vec<&str> = concerns.iter().map(|concern| concern.means()).collect();
    match (meanings.pop(), meanings.as_slice()) {
        (None, _) => String::new(),
        (Some(last), []) => last.to_owned(),
        (Some(last), before) => format!("{} and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_an_id_of_its_own_and_the_order_of_the_list() {
        let mut ids: Vec<&str> = Concern::ALL.iter().map(|concern| concern.id()).collect();
        assert!(Concern::ALL.is_sorted());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Concern::ALL.len());
        let mut codes: Vec<&str> = Concern::ALL
            .iter()
            .flat_map(|concern| concern.codes())
            .copied()
            .collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn of_findings() {
        let found = |level, code| Finding::new(level, code, "x");
        let concerns = of(&[
            found(Level::Warning, "inject"),
            found(Level::Refuse, "shell-trusted"),
            found(Level::Note, "comment-long"),
            found(Level::Warning, "duplicate"),
            found(Level::Warning, "revoked-before"),
        ]);
        assert_eq!(ids(&concerns), "revoked,any-command,unsigned-paths");
        assert_eq!(
            meanings(&concerns[..2]),
            "was revoked before and could run any command"
        );
        assert_eq!((ids(&[]), meanings(&[])), (String::new(), String::new()));
    }
}
