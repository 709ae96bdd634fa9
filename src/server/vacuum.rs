//! A VACUUM of Nix's database: its free pages go back to the file system.
//!
//! In: which `sqlite3` runs there. Out: what it would find and gain, to be shown before; and with a token, the database without its
//! free pages, or as it was.

use super::Server;
use super::error::ServerError;
use super::script::{self, Answers};
use super::space::{LOOK, elsewhere, free_pages, hexadecimal, page_size};
use crate::change::token::Token;
use crate::domain::{Bytes, Fact, Unknown};
use crate::link::{Command, Limits};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// It reads all of the database several times, and writes it twice; and says a line a second meanwhile.
const VACUUM: Limits = Limits {
    output: 1 << 20,
    time: Duration::from_secs(4 * 3600),
};

/// Seconds to wait for a collection that holds Nix's lock.
const COLLECTION: u32 = 60;

/// Seconds to wait for others that write to the database.
const WRITERS: u32 = 60;

/// The first release of SQLite that can copy a database while others write to it (`VACUUM INTO`).
const LEAST: [u32; 2] = [3, 27];

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacuum {
    /// The program: `sqlite3`, or its path on the server.
    pub sqlite3: String,
}

impl Default for Vacuum {
    fn default() -> Self {
        Self {
            sqlite3: "sqlite3".to_owned(),
        }
    }
}

/// What a VACUUM would find. Sizes are those of the file's header: what stands in the log is not in them yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VacuumFacts {
    /// Path of the database.
    pub database: String,
    /// Bytes of the file.
    pub size: Bytes,
    /// Bytes of its write-ahead log.
    pub wal: Bytes,
    /// Bytes of a page, how many there are, and how many of them are free; `None` where the file does not tell.
    pub pages: Option<(u64, u64, u64)>,
    /// Bytes that are available on its file system; `None` where that is not known.
    pub available: Option<Bytes>,
    /// Where the program is on the server; `None` where it is not there.
    pub sqlite3: Option<String>,
    /// Its version, as it says it.
    pub version: Option<String>,
    /// Whether `flock` is there.
    pub flock: bool,
    /// Whether the server is NixOS.
    pub nixos: bool,
    /// What an interrupted one has left: the size of its copy.
    pub left: Option<Bytes>,
}

impl VacuumFacts {
    /// Bytes of free pages.
    pub fn gain(&self) -> Option<Bytes> {
        let (size, _, free) = self.pages?;
        Some(Bytes(size.saturating_mul(free)))
    }

    /// The room that it takes for a while: a copy, and the log, which becomes as large as the database; and half of it to spare.
    pub fn needed(&self) -> Bytes {
        Bytes(self.size.0.saturating_add(self.wal.0).saturating_mul(5) / 2)
    }

    /// Whether this `sqlite3` can do it; `true` also where its version is not known.
    pub fn is_recent(&self) -> bool {
        let Some(version) = &self.version else {
            return true;
        };
        let mut numbers = version.split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => [major, minor] >= LEAST,
            _ => true,
        }
    }
}

impl Server {
    /// What a VACUUM of Nix's database would find.
    pub async fn vacuum_facts(&self, vacuum: &Vacuum) -> Result<Fact<VacuumFacts>, ServerError> {
        let command = Command::script(script::VACUUM_LOOK)
            .arg(&self.inner.spec.nix_command)
            .arg(&vacuum.sqlite3);
        let answers = super::space::look(&self.inner, command, LOOK).await?;
        Ok(facts(&answers))
    }

    /// Gives the free pages of Nix's database back. Out: how many bytes database and log take less. Where it ends early, the
    /// database is as it was, and what is left of the work is named. `tell` gets the step that it is at.
    pub async fn vacuum(
        &self,
        _: &Token,
        vacuum: &Vacuum,
        tell: &(dyn Fn(&str) + Sync),
    ) -> Result<Bytes, ServerError> {
        let command = Command::script(script::VACUUM)
            .arg(&self.inner.spec.nix_command)
            .arg(&vacuum.sqlite3)
            .arg(COLLECTION.to_string())
            .arg(WRITERS.to_string())
            .watching()
            .sudo(self.inner.start.sudo);
        let (what, next) = (
            "vacuum the database",
            "see that, and try again when the server is less busy",
        );
        let began = Mutex::new((String::new(), Instant::now()));
        let seen = |output: &[u8]| {
            let Some(at) = newest(output) else { return };
            let mut began = began.lock().unwrap_or_else(PoisonError::into_inner);
            if began.0 != at.phase {
                *began = (at.phase.to_owned(), Instant::now());
            }
            if let Some(words) = at.words(began.1.elapsed()) {
                tell(&words);
            }
        };
        let inner = &self.inner;
        let said = script::fetch_seen(inner, &command, VACUUM, (what, next), &seen).await?;
        let answers = Answers::parse(&said).unwrap_or_default();
        let number = |name| answers.get(name).and_then(|text| text.parse::<u64>().ok());
        let saved = number("before").zip(number("after"));
        Ok(Bytes(
            saved.map_or(0, |(before, after)| before.saturating_sub(after)),
        ))
    }
}

/// What the script says of where it is: a phase, bytes of the file that grows in it, and how large that may become; 0 where none grows.
#[derive(Debug, PartialEq, Eq)]
struct At<'a> {
    phase: &'a str,
    bytes: u64,
    most: u64,
}

/// The last whole line of that kind, before the answers.
fn newest(output: &[u8]) -> Option<At<'_>> {
    let end = output.iter().rposition(|byte| *byte == b'\n')?;
    let line = output.get(..end)?.rsplit(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.strip_prefix("at=")?;
    let mut words = line.split(' ');
    let phase = words.next()?;
    let mut number = || words.next()?.parse().ok();
    Some(At {
        phase,
        bytes: number()?,
        most: number()?,
    })
}

impl At<'_> {
    /// In words, after so long in this phase.
    fn words(&self, since: Duration) -> Option<String> {
        let phase = match self.phase {
            "check" => "checking that the database is whole",
            "copy" => "copying it beside itself",
            "check-copy" => "checking the copy",
            "vacuum" => "VACUUM",
            "write" => "writing the log into the file",
            "compare" => "comparing it with the copy",
            _ => return None,
        };
        let seconds = since.as_secs();
        let size = if self.most == 0 {
            String::new()
        } else {
            format!("{} of about {}, ", Bytes(self.bytes), Bytes(self.most))
        };
        Some(format!("{phase}: {size}{seconds}s"))
    }
}

fn facts(answers: &Answers) -> Fact<VacuumFacts> {
    if let Some(unknown) = elsewhere(answers) {
        return Err(unknown);
    }
    let number = |name: &str| answers.get(name).and_then(|text| text.parse::<u64>().ok());
    let Some(size) = number("size") else {
        return Err(Unknown::new("Nix's database can't be looked at there"));
    };
    let page = answers.get("page").unwrap_or_default();
    let free = answers.get("free").unwrap_or_default();
    let pages = || {
        let count = hexadecimal(answers.get("pages")?, 8)?;
        // Of a file that is smaller than its header says, nothing is known.
        free_pages(page, free).filter(|bytes| *bytes <= size)?;
        let page = page_size(page)?;
        // Releases of SQLite before 3.7 leave it at 0.
        let count = if count == 0 { size / page } else { count };
        Some((page, count, hexadecimal(free, 8)?))
    };
    Ok(VacuumFacts {
        database: answers.shown("database").unwrap_or_default(),
        size: Bytes(size),
        wal: Bytes(number("wal").unwrap_or(0)),
        pages: pages(),
        available: number("available").map(|blocks| Bytes(blocks.saturating_mul(1024))),
        sqlite3: answers.shown("sqlite3"),
        version: answers.shown("version"),
        flock: answers.get("flock").is_some(),
        nixos: answers.get("nixos").is_some(),
        left: answers
            .get("left")
            .map(|_| Bytes(number("left-size").unwrap_or(0))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(lines: &str) -> Fact<VacuumFacts> {
        let output = format!("storekeeper-answer\n{lines}end=\n");
        facts(&Answers::parse(output.as_bytes()).unwrap())
    }

    #[test]
    fn what_it_finds() {
        let found = parsed(
            "database=/nix/var/nix/db/db.sqlite\nsize=40960\nwal=1000\npage=1000\npages=0000000a\nfree=00000003\n\
             available=200\nsqlite3=/usr/bin/sqlite3\nversion=3.40.1\nflock=/usr/bin/flock\nleft=yes\nleft-size=7\n",
        )
        .unwrap();
        assert_eq!(found.pages, Some((4096, 10, 3)));
        assert_eq!(found.gain(), Some(Bytes(3 * 4096)));
        assert_eq!(found.needed(), Bytes(41_960 * 5 / 2));
        assert_eq!(found.available, Some(Bytes(200 * 1024)));
        assert_eq!(found.left, Some(Bytes(7)));
        assert!(found.flock && found.is_recent() && !found.nixos);
        let old = parsed("size=40960\npage=1000\npages=00000000\nfree=00000003\n").unwrap();
        assert_eq!(old.pages, Some((4096, 10, 3)));
        assert!(parsed("database=/x\n").is_err());
        assert!(parsed("store=ssh://x\n").is_err());
        // More free than there is.
        let odd = parsed("size=4096\npage=1000\npages=00000001\nfree=00000009\n").unwrap();
        assert_eq!((odd.pages, odd.sqlite3), (None, None));
    }

    #[test]
    fn releases() {
        let recent = |version: Option<&str>| {
            let version = version.map(str::to_owned);
            VacuumFacts {
                version,
                ..VacuumFacts::default()
            }
            .is_recent()
        };
        for version in ["3.27.0", "3.40.1", "4.0", "odd"] {
            assert!(recent(Some(version)), "{version}");
        }
        assert!(recent(None) && !recent(Some("3.26.9")) && !recent(Some("2.99")));
    }

    #[test]
    fn where_it_is() {
        let at = |output: &str| {
            newest(output.as_bytes()).and_then(|at| at.words(Duration::from_secs(7)))
        };
        let said = at("Welcome\nat=copy 0 2097152\nat=copy 1048576 2097152\nat=ch");
        assert_eq!(
            said.as_deref(),
            Some("copying it beside itself: 1.0 MiB of about 2.0 MiB, 7s")
        );
        let said = at("at=check-copy 0 0\n");
        assert_eq!(said.as_deref(), Some("checking the copy: 7s"));
        for none in [
            "",
            "at=copy",
            "at=copy 1\n",
            "at=odd 1 2\n",
            "at=copy x 1\n",
            "storekeeper-answer\nleft=no\n",
        ] {
            assert_eq!(at(none), None, "{none:?}");
        }
    }

    proptest! {
        #[test]
        fn no_output_panics(output in "(at=|copy|vacuum| |[0-9]{1,30}|\n|\\PC){0,20}") {
            if let Some(at) = newest(output.as_bytes()) {
                let _ = at.words(Duration::MAX);
            }
        }

        #[test]
        fn never_panics(values in proptest::collection::vec("[0-9a-f]{0,20}", 7)) {
            let names = ["size", "wal", "page", "pages", "free", "available", "left-size"];
            let lines = names.iter().zip(&values).map(|(name, value)| format!("{name}={value}\n"));
            if let Ok(found) = parsed(&lines.collect::<String>()) {
                let _ = (found.gain(), found.needed());
            }
        }
    }
}
