//! What the script of the watch writes, line by line.
//!
//! In: lines of a server that may be hostile. Out: events; anything else than the script writes is nothing.

use crate::domain::server_facts::Disk;
use crate::domain::{Bytes, text};

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// Nix's database and its write-ahead log.
    Database,
    /// The key files of the cache user, their folders, and lists of keys that sshd names.
    KeyFiles,
    /// The folders of requests.
    Requests,
    /// The audit log.
    AuditLog,
    /// In-progress markers of jobs.
    Jobs,
    /// sshd's log, but for what this connection does.
    LoginLog,
    /// sshd's configuration.
    SshdConfig,
    /// Nix's settings and program, and the files of signing keys.
    Settings,
    /// The file system of the store.
    Disk,
    /// Nix's lock for collections.
    GcLock,
}

impl Watched {
    /// In a list of what can't be watched.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Database => "the store",
            Self::KeyFiles => "key files",
            Self::Requests => "requests",
            Self::AuditLog => "the audit log",
            Self::Jobs => "jobs",
            Self::LoginLog => "logins",
            Self::SshdConfig => "sshd's configuration",
            Self::Settings => "Nix's settings",
            Self::Disk => "the disk",
            Self::GcLock => "collections",
        }
    }
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// From now on changes are reported.
    Began {
        /// What this login can't see change.
        hidden: Vec<Watched>,
    },
    /// Nothing happened, and the server is there.
    Alive,
    /// It is not as it was.
    Changed(Watched),
    /// How full the store's file system is: first as it is, then when it has changed by a thousandth.
    Disk(Disk),
    /// Whether anybody listens at the daemon's socket.
    Daemon(bool),
    /// Whether a collection runs.
    GcLock(bool),
}

/// A line of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchLine {
    /// Something happened.
    Event(WatchEvent),
    /// Changes of this can't be seen.
    Hidden(Watched),
    /// Everything was looked at once.
    Began,
    /// There can be no watch. Fit to be shown.
    Problem(String),
}

impl WatchLine {
    /// Reads a line without its end. `None` for anything else than the script writes.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let (word, value) = line.trim_end_matches('\r').split_once('=')?;
        let flag = || match value {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let event = match word {
            "began" => return Some(Self::Began),
            "hidden" => return watched(value).map(Self::Hidden),
            "problem" => return Some(Self::Problem(text::visible(value).into_owned())),
            "alive" => WatchEvent::Alive,
            "disk" => WatchEvent::Disk(disk(value)?),
            "daemon" => WatchEvent::Daemon(flag()?),
            "gc" => WatchEvent::GcLock(flag()?),
            word => WatchEvent::Changed(watched(word)?),
        };
        Some(Self::Event(event))
    }
}

fn watched(word: &str) -> Option<Watched> {
    Some(match word {
        "database" => Watched::Database,
        "keys" => Watched::KeyFiles,
        "requests" => Watched::Requests,
        "audit" => Watched::AuditLog,
        "jobs" => Watched::Jobs,
        "login" => Watched::LoginLog,
        "sshd" => Watched::SshdConfig,
        "settings" => Watched::Settings,
        "disk" => Watched::Disk,
        "gc" => Watched::GcLock,
        _ => return None,
    })
}

/// `stat -f`: the size of a block; blocks in all, free, and free for everybody; inodes in all and free.
fn disk(value: &str) -> Option<Disk> {
    let numbers: Vec<u64> = value
        .split_ascii_whitespace()
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    let [block, all, free, available, inodes, inodes_free] = numbers.try_into().ok()?;
    let bytes = |blocks: u64| Bytes(blocks.saturating_mul(block));
    Some(Disk {
        size: bytes(all),
        used: bytes(all.saturating_sub(free)),
        available: bytes(available),
        inodes,
        inodes_used: inodes.saturating_sub(inodes_free),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let read = |line: &str| WatchLine::parse(line.as_bytes());
        let changed = |what| Some(WatchLine::Event(WatchEvent::Changed(what)));
        assert_eq!(read("database="), changed(Watched::Database));
        assert_eq!(read("login=\r"), changed(Watched::LoginLog));
        assert_eq!(
            read("hidden=keys"),
            Some(WatchLine::Hidden(Watched::KeyFiles))
        );
        assert_eq!(
            read("daemon=no"),
            Some(WatchLine::Event(WatchEvent::Daemon(false)))
        );
        assert_eq!(
            read("gc=yes"),
            Some(WatchLine::Event(WatchEvent::GcLock(true)))
        );
        assert_eq!(
            read("disk=4096 100 40 30 50 20"),
            Some(WatchLine::Event(WatchEvent::Disk(Disk {
                size: Bytes(409_600),
                used: Bytes(245_760),
                available: Bytes(122_880),
                inodes: 50,
                inodes_used: 30,
            })))
        );
        assert_eq!(
            read("problem=a\u{1b}[31mb"),
            Some(WatchLine::Problem("a\\e[31mb".to_owned()))
        );
        for line in [
            "",
            "database",
            "daemon=",
            "gc=1",
            "disk=1 2 3",
            "disk=1 2 3 4 5 x",
            "else=",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_an_event_or_nothing(
            line in proptest::collection::vec(any::<u8>(), 0..60),
            known in "(disk|hidden|problem|daemon|gc|keys)=.{0,40}",
            numbers in proptest::collection::vec(any::<u64>(), 6),
        ) {
            let _ = WatchLine::parse(&line);
            if let Some(WatchLine::Problem(why)) = WatchLine::parse(known.as_bytes()) {
                prop_assert!(!why.chars().any(char::is_control));
            }
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            let disk = WatchLine::parse(format!("disk={}", numbers.join(" ")).as_bytes());
            prop_assert!(matches!(disk, Some(WatchLine::Event(WatchEvent::Disk(_)))));
        }
    }
}
