//! The line that says what a database is like at one moment.
//!
//! In: a line of `database.sh`. Out: [`Said`]. Two such lines, one from before the copying and one from after it, tell whether
//! anything wrote to the database in between: its file is written by checkpoints only, which move its time; and a log that is
//! begun anew gets new salts. A log that only grew has not changed what was copied of it.

use std::fmt;
use std::time::Duration;

/// What such a line begins with.
const BEGIN: &str = "storekeeper-database";

/// The schema of Nix's database that this program reads: that of every release since 2.0.
const SCHEMA: u64 = 10;

/// File times move in steps of a few milliseconds: a file that is younger than this can be written again and keep its time.
const STEP: Duration = Duration::from_millis(50);

/// The same for a file system that keeps whole seconds, or two of them.
const COARSE_STEP: Duration = Duration::from_millis(2_100);

/// What the script has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// There is a database, like this.
    Facts(Facts),
    /// There is none to be read: why, as a clause.
    Problem(String),
}

/// What a database is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its schema; `None` where the file that tells it is not a number.
    schema: Option<u64>,
    inode: u64,
    /// Bytes of the database.
    pub size: u64,
    /// When it was written last, since 1970.
    modified: Duration,
    /// Bytes of the write-ahead log; 0 also where there is none.
    pub log: u64,
    /// When the log was written last, since 1970.
    log_modified: Duration,
    /// The first 32 bytes of the log.
    salts: String,
    /// Bytes of the rollback journal; 0 also where there is none.
    journal: u64,
    /// The server's time.
    clock: Duration,
    /// Whether gzip is there.
    pub gzip: bool,
    /// Whether zstd is there.
    pub zstd: bool,
}

impl Said {
    /// Reads a line; `None` if it is not such a line.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.trim_end().split(' ');
        if words.next() != Some(BEGIN) {
            return None;
        }
        let mut facts = Facts::default();
        // A file that is gone leaves its numbers empty, which no file has.
        let number = |value: &str| value.parse().unwrap_or_default();
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            match name {
                "problem" => return Some(Self::Problem(problem(value))),
                "schema" => facts.schema = value.parse().ok(),
                "inode" => facts.inode = number(value),
                "size" => facts.size = number(value),
                "modified" => facts.modified = time(value),
                "log" => facts.log = number(value),
                "log_modified" => facts.log_modified = time(value),
                "salts" => value.clone_into(&mut facts.salts),
                "journal" => facts.journal = number(value),
                "clock" => facts.clock = time(value),
                "packers" => {
                    facts.gzip = value.split(',').any(|name| name == "gzip");
                    facts.zstd = value.split(',').any(|name| name == "zstd");
                }
                _ => {}
            }
        }
        Some(Self::Facts(facts))
    }
}

/// Why there is no database to read, by what the script calls it. A clause.
fn problem(word: &str) -> String {
    match word {
        "store" => "its store is in an unknown place",
        "socket" => "NIX_DAEMON_SOCKET_PATH is set there, so its daemon may have another store",
        "missing" => "there is no database in Nix's state folder there",
        "odd" => "its database is not a regular file",
        "rights" => "this login may not read the database",
        "tools" => "stat, dd, od or head is missing there",
        _ => "it can't hand its database out",
    }
    .to_owned()
}

/// Seconds and a fraction, which may be missing: busybox's `date` writes `%N` as it is.
fn time(text: &str) -> Duration {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds = seconds.parse().unwrap_or_default();
    let nanoseconds = if fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{fraction:0<9}").parse().unwrap_or_default()
    } else {
        0
    };
    Duration::new(seconds, nanoseconds)
}

impl Facts {
    /// Why such a database is not read here, if it is not.
    pub fn refused(&self) -> Option<String> {
        match self.schema {
            Some(SCHEMA) => None,
            Some(other) => Some(format!(
                "its database has schema {other}, and only {SCHEMA} is supported"
            )),
            None => Some("the schema of its database is not known".to_owned()),
        }
    }

    /// Whether a write from now on would show: the file is old enough to get another time by it, and no transaction of a
    /// rollback journal is under way.
    pub fn is_stable(&self) -> bool {
        self.journal == 0 && self.is_old(self.modified)
    }

    /// Whether a file of this time gets another one when it is written to.
    fn is_old(&self, modified: Duration) -> bool {
        let step = if modified.subsec_nanos() == 0 {
            COARSE_STEP
        } else {
            STEP
        };
        self.clock.abs_diff(modified) >= step
    }

    /// Whether nothing at all was written since then, where these are the facts now. A log that was begun anew in its old
    /// length has its time only to show what came into it.
    pub fn same(&self, now: &Self) -> bool {
        let same_log = self.log == 0
            || (self.log_modified == now.log_modified && self.is_old(self.log_modified));
        self.is_stable() && self.still(now) && self.log == now.log && same_log
    }

    /// Whether what was copied since then is the database as it was then, where these are the facts now.
    pub fn still(&self, now: &Self) -> bool {
        // Without a log, all that was ever committed was in the file.
        let same_log = self.log == 0 || (self.salts == now.salts && self.log <= now.log);
        (self.inode, self.size, self.modified) == (now.inode, now.size, now.modified)
            && same_log
            && now.journal == 0
    }

    /// Bytes of a copy.
    pub fn bytes(&self) -> u64 {
        self.size.saturating_add(self.log)
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: Duration| format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
        write!(f, "{BEGIN} schema={}", self.schema.unwrap_or_default())?;
        write!(f, " inode={} size={}", self.inode, self.size)?;
        write!(f, " modified={} log={}", time(self.modified), self.log)?;
        write!(f, " log_modified={}", time(self.log_modified))?;
        write!(f, " salts={} journal={}", self.salts, self.journal)?;
        write!(f, " clock={}", time(self.clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = "storekeeper-database schema=10 inode=7 size=4096 modified=1700000000.409488306 log=4152 log_modified=1700000000.5 \
        salts=377f0682002de218 journal=0 clock=1700000001.5 packers=gzip,zstd,";

    fn facts(line: &str) -> Facts {
        match Said::parse(line) {
            Some(Said::Facts(facts)) => facts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_line_is_read() {
        let found = facts(LINE);
        assert_eq!((found.size, found.log, found.bytes()), (4096, 4152, 8248));
        assert!(found.gzip && found.zstd && found.is_stable());
        assert_eq!(found.refused(), None);
        assert!(found.still(&found));
        assert_eq!(Said::parse("Welcome to storekeeper-database"), None);
        let problem = Said::parse("storekeeper-database problem=rights\r");
        let Some(Said::Problem(why)) = problem else {
            panic!("{problem:?}");
        };
        assert!(why.contains("may not read"), "{why}");
        for (from, to) in [("schema=10", "schema=9"), ("schema=10", "schema=")] {
            assert!(facts(&LINE.replace(from, to)).refused().is_some());
        }
    }

    #[test]
    fn what_is_kept_of_it_is_the_same() {
        let found = facts(LINE);
        let again = facts(&found.to_string());
        assert!(found.same(&again) && again.same(&found));
        for (from, to, same) in [
            ("clock=1700000001.5", "clock=1700000099.5", true),
            ("packers=gzip,zstd,", "packers=", true),
            ("inode=7", "inode=8", false),
            ("409488306", "409488307", false),
            ("salts=37", "salts=38", false),
            ("log=4152", "log=9999", false),
            (
                "log_modified=1700000000.5",
                "log_modified=1700000000.6",
                false,
            ),
            ("journal=0", "journal=512", false),
        ] {
            assert_eq!(again.same(&facts(&LINE.replace(from, to))), same, "{to}");
        }
        // A file that was only just written to may have been written to again.
        for young in ["1700000000.42", "1700000000.51"] {
            let young = facts(&LINE.replace("clock=1700000001.5", &format!("clock={young}")));
            assert!(!young.same(&young));
        }
    }

    #[test]
    fn every_write_shows() {
        let before = facts(LINE);
        for (from, to, same) in [
            ("inode=7", "inode=8", false),
            ("size=4096", "size=8192", false),
            ("409488306", "409488307", false),
            ("salts=37", "salts=38", false),
            ("log=4152", "log=9999", true),
            ("log=4152", "log=100", false),
            ("journal=0", "journal=512", false),
            ("clock=1700000001.5", "clock=1700000099.5", true),
            ("inode=7 size=4096", "inode= size=", false),
        ] {
            assert_eq!(before.still(&facts(&LINE.replace(from, to))), same, "{to}");
        }
        let none = facts(&LINE.replace("log=4152", "log=0"));
        assert!(none.still(&before));
    }

    #[test]
    fn a_file_that_was_just_written_is_not_stable() {
        for (modified, clock, stable) in [
            ("100.409488306", "100.42", false),
            ("100.409488306", "100.48", true),
            // A clock of whole seconds is behind rather than ahead.
            ("100.409488306", "100.%N", true),
            ("100.020000000", "100.%N", false),
            ("100.000000000", "102.0", false),
            ("100.000000000", "102.2", true),
            ("900.5", "100.0", true),
        ] {
            let line = LINE
                .replace("1700000000.409488306", modified)
                .replace("1700000001.5", clock);
            assert_eq!(facts(&line).is_stable(), stable, "{modified} {clock}");
        }
        assert!(!facts(&LINE.replace("journal=0", "journal=1")).is_stable());
    }

    proptest! {
        #[test]
        fn never_panics(rest in "\\PC{0,80}", time in "[0-9.%N-]{0,30}") {
            let _ = Said::parse(&rest);
            let _ = Said::parse(&format!("{BEGIN} {rest} modified={time} clock={time} size={time}"));
        }
    }
}
