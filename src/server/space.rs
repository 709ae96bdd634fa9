//! What fills the disk: file systems, the database, hard links, and who collects garbage.
//!
//! In: the answers of two scripts. Out: values of `domain::space`. What could not be found out says why, and what to do.

use super::error::ServerError;
use super::script::{self, Answers};
use super::{Inner, Server};
use crate::domain::space::{Collector, DatabaseFacts, FileSystem, Lease, Links, SpaceFacts};
use crate::domain::text::visible;
use crate::domain::{Bytes, Fact, Unknown, When};
use crate::link::{Command, Limits};
use std::time::Duration;

/// Room and time for one look; `nix config show` is the slow part.
pub(super) const LOOK: Limits = Limits {
    output: 256 << 10,
    time: Duration::from_secs(60),
};

/// Seconds that counting hard links may take: a million files take some seconds when the disk's cache is cold.
const COUNTING: u32 = 120;

impl Server {
    /// Looks at what fills the disk. Reads nothing of the store's contents, so no access time moves.
    pub async fn space(&self) -> Result<SpaceFacts, ServerError> {
        let command = Command::script(script::SPACE).arg(&self.inner.spec.nix_command);
        let answers = look(&self.inner, command, LOOK).await?;
        Ok(facts(&answers))
    }

    /// Counts the files of the store's `.links` and what their links save. Time grows with the number of files.
    pub async fn links(&self) -> Result<Fact<Links>, ServerError> {
        let limits = Limits {
            time: Duration::from_secs(u64::from(COUNTING) + 30),
            ..LOOK
        };
        let command = Command::script(script::LINKS)
            .arg(&self.inner.spec.nix_command)
            .arg(COUNTING.to_string());
        let answers = look(&self.inner, command, limits).await?;
        Ok(links(&answers))
    }
}

/// Runs a script that looks at the store's folders.
pub(super) async fn look(
    inner: &Inner,
    command: Command,
    limits: Limits,
) -> Result<Answers, ServerError> {
    let command = command.sudo(inner.start.sudo);
    script::ask_within(&inner.link, &command, limits, &inner.start.place).await
}

fn unknown<T>(why: impl Into<String>) -> Fact<T> {
    Err(Unknown(why.into()))
}

/// Why nothing below the store is looked at.
pub(super) fn elsewhere(answers: &Answers) -> Option<Unknown> {
    let store = answers.shown("store")?;
    Some(Unknown(format!(
        "the server's Nix uses the store {store}, and only stores in the usual places are looked at; log in as root"
    )))
}

fn facts(answers: &Answers) -> SpaceFacts {
    let elsewhere = elsewhere(answers);
    let of_store = |what: Fact<FileSystem>| match &elsewhere {
        Some(unknown) => Err(unknown.clone()),
        None => what,
    };
    let store = of_store(file_system(answers, "store"));
    let root = file_system(answers, "root").map(|root| {
        let same = answers.get("store-device") == answers.get("root-device")
            || store.as_ref().is_ok_and(|store| store.mount == root.mount);
        (!same).then_some(root)
    });
    SpaceFacts {
        at: answers
            .get("clock")
            .and_then(|text| text.parse().ok())
            .map_or_else(When::now, When::from_unix),
        store,
        root,
        database: match &elsewhere {
            Some(unknown) => Err(unknown.clone()),
            None => database(answers),
        },
        optimised: match (&elsewhere, answers.get("linked")) {
            (Some(unknown), _) => Err(unknown.clone()),
            (None, Some("yes")) => Ok(true),
            (None, Some("no")) => Ok(false),
            (None, _) => unknown(
                "whether equal files are linked to each other is hidden from this login; log in as root, or allow `sudo -n`",
            ),
        },
        collecting: match &elsewhere {
            Some(unknown) => Err(unknown.clone()),
            None => collecting(answers),
        },
        lease: answers.get("lease").map(|_| Lease {
            at: answers
                .get("lease-at")
                .and_then(|text| text.parse().ok())
                .map(When::from_unix),
            problem: answers
                .shown("lease-problem")
                .filter(|text| !text.is_empty()),
        }),
        keep_derivations: flag(answers, "keep-derivations"),
        keep_outputs: flag(answers, "keep-outputs"),
    }
}

/// What `df` says, in blocks and in inodes, and the line of the mount table (proc(5), `/proc/PID/mountinfo`).
fn file_system(answers: &Answers, name: &str) -> Fact<FileSystem> {
    let of = |what: &str| answers.get(&format!("{name}-{what}"));
    let Some((mount, disk)) = super::probe::df(of("blocks"), of("inodes")) else {
        let folder = answers.shown("folder").filter(|_| name == "store");
        return unknown(format!(
            "`df` does not tell of {} there; check that the folder exists",
            folder.as_deref().unwrap_or("/")
        ));
    };
    let (options, kind) = of("mount").map(mounted).unwrap_or_default();
    Ok(FileSystem {
        mount,
        kind,
        options,
        disk,
    })
}

/// Options of the mount and of its file system, and its type.
fn mounted(line: &str) -> (Vec<String>, String) {
    let words: Vec<&str> = line.split(' ').collect();
    let Some(dash) = words.iter().position(|word| *word == "-") else {
        return (Vec::new(), String::new());
    };
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let mut options: Vec<String> = Vec::new();
    for option in word(5).split(',').chain(word(dash + 3).split(',')) {
        let option = visible(option).into_owned();
        // A read-only mount of a writable file system has `ro` first and `rw` behind: the mount decides.
        let opposite = matches!(option.as_str(), "rw" | "ro")
            && options.iter().any(|o| o == "ro" || o == "rw");
        if !option.is_empty() && !opposite && !options.contains(&option) {
            options.push(option);
        }
    }
    (options, visible(word(dash + 1)).into_owned())
}

fn database(answers: &Answers) -> Fact<DatabaseFacts> {
    let number = |name: &str| answers.get(name).and_then(|text| text.parse().ok());
    let Some(size) = number("database") else {
        let file = answers.shown("database-file").unwrap_or_default();
        let user = answers.shown("user").unwrap_or_default();
        return unknown(format!(
            "{file} is missing or hidden from {user}; log in as root, or allow `sudo -n`"
        ));
    };
    let free = answers.get("page").zip(answers.get("free"));
    Ok(DatabaseFacts {
        size: Bytes(size),
        wal: Bytes(number("wal").unwrap_or_default()),
        free: free
            .and_then(|(page, free)| free_pages(page, free))
            .map(Bytes)
            // Of a file that is smaller than its header says, nothing is known.
            .filter(|free| free.0 <= size),
    })
}

/// Bytes 16 and 17, where 1 stands for 65536, times bytes 36 to 39, each as hexadecimal digits.
fn free_pages(page: &str, free: &str) -> Option<u64> {
    let hex = |text: &str, digits: usize| {
        (text.len() == digits).then(|| u64::from_str_radix(text, 16).ok())?
    };
    let page = match hex(page, 4)? {
        1 => 65_536,
        page if page.is_power_of_two() && page >= 512 => page,
        _ => return None,
    };
    Some(page * hex(free, 8)?)
}

fn flag(answers: &Answers, name: &str) -> Fact<bool> {
    match answers.get(name) {
        Some("true" | "yes" | "1") => Ok(true),
        Some("false" | "no" | "0") => Ok(false),
        Some(other) => unknown(format!(
            "the server's Nix says {name} = {}, which is neither true nor false",
            visible(other)
        )),
        None => unknown(match answers.shown("config-from") {
            Some(file) => format!(
                "Nix does not tell its settings there, and {file} does not set {name} itself"
            ),
            None => format!("the server's Nix does not tell {name}"),
        }),
    }
}

fn collecting(answers: &Answers) -> Fact<Vec<Collector>> {
    match answers.get("locks") {
        Some("read") => {}
        Some("none") => return Ok(Vec::new()),
        Some("hidden") => {
            let user = answers.shown("user").unwrap_or_default();
            return unknown(format!(
                "whether a collection runs is hidden from {user}; log in as root, or allow `sudo -n`"
            ));
        }
        _ => {
            return unknown(
                "whether a collection runs is not known, as there is no /proc/locks there",
            );
        }
    }
    let mut found: Vec<(Collector, &str)> = Vec::new();
    for (name, value) in answers.iter() {
        if name == "process" {
            if let Ok(process) = value.parse() {
                let collector = Collector {
                    process,
                    user: String::new(),
                    since: None,
                    command: String::new(),
                    holds: false,
                };
                found.push((collector, ""));
            }
            continue;
        }
        let Some((last, mode)) = found.last_mut() else {
            continue;
        };
        match name {
            "mode" => {
                *mode = value;
                last.holds = value != "waits";
            }
            "since" => last.since = value.parse().ok().map(When::from_unix),
            "owner" => last.user = visible(value).into_owned(),
            "command" => last.command = visible(value.trim()).into_owned(),
            _ => {}
        }
    }
    // A shared lock is taken by whoever checks the store, and for a moment by whoever uploads: no collection, unless one
    // waits for it.
    let waited_for = found.iter().any(|(_, mode)| *mode == "waits");
    Ok(found
        .into_iter()
        .filter(|(_, mode)| *mode != "reads" || waited_for)
        .map(|(collector, _)| collector)
        .collect())
}

fn links(answers: &Answers) -> Fact<Links> {
    if let Some(unknown) = elsewhere(answers) {
        return Err(unknown);
    }
    let folder = answers.shown("folder").unwrap_or_default();
    if answers.get("state") == Some("none") {
        return Ok(Links::default());
    }
    let words = answers.get("sum").map(|sum| {
        sum.split_ascii_whitespace()
            .map(|word| word.parse::<u64>().ok())
            .collect::<Vec<_>>()
    });
    match words.as_deref() {
        Some([Some(files), Some(saved), Some(0)]) => Ok(Links {
            files: *files,
            saved: Bytes(*saved),
        }),
        Some([Some(files), _, Some(124 | 143)]) => unknown(format!(
            "counting the files of {folder} was stopped after {COUNTING} s and {files} files; try again when the server is less busy"
        )),
        _ => unknown(format!(
            "{folder} can't be read by this login; log in as root, or allow `sudo -n`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::server_facts::Disk;
    use crate::domain::space::AccessTimes;
    use proptest::prelude::*;

    fn answers(lines: &str) -> Answers {
        Answers::parse(format!("storekeeper-answer\n{lines}\nend=\n").as_bytes()).unwrap()
    }

    const WHOLE: &str = "clock=1000\nkeep-derivations=true\nkeep-outputs=false\nuser=root\n\
        root-blocks=/dev/vda 1000 600 300 67% /\nroot-inodes=/dev/vda 500 50 450 10% /\n\
        root-mount=27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\nroot-device=1\nfolder=/nix/store\n\
        store-blocks=/dev/vdb 2000 1000 900 53% /nix store\nstore-inodes=/dev/vdb 0 0 0 - /nix store\n\
        store-mount=28 27 254:1 / /nix\\040store ro,noatime shared:1 - btrfs /dev/vdb rw,ssd\nstore-device=2\n\
        database-file=/nix/var/nix/db/db.sqlite\nlinked=yes\ndatabase=40960\nwal=7\npage=1000\nfree=00000003\nlocks=none";

    #[test]
    fn a_whole_server() {
        let facts = facts(&answers(WHOLE));
        assert_eq!(facts.at, When::from_unix(1000));
        let store = facts.store.unwrap();
        assert_eq!(store.mount, "/nix store");
        assert_eq!(store.kind, "btrfs");
        assert_eq!(store.options, ["ro", "noatime", "ssd"]);
        assert_eq!(store.access_times(), AccessTimes::Never);
        assert_eq!(
            store.disk,
            Disk {
                size: Bytes(2_048_000),
                used: Bytes(1_024_000),
                available: Bytes(921_600),
                inodes: 0,
                inodes_used: 0,
            }
        );
        let root = facts.root.unwrap().unwrap();
        assert_eq!((root.mount.as_str(), root.disk.inodes_used), ("/", 50));
        assert_eq!(root.access_times(), AccessTimes::Daily);
        assert_eq!(
            facts.database.unwrap(),
            DatabaseFacts {
                size: Bytes(40_960),
                wal: Bytes(7),
                free: Some(Bytes(12_288)),
            }
        );
        assert_eq!(facts.collecting, Ok(Vec::new()));
        assert_eq!(facts.optimised, Ok(true));
        assert_eq!(
            (facts.keep_derivations, facts.keep_outputs),
            (Ok(true), Ok(false))
        );
    }

    #[test]
    fn the_same_file_system_is_told_once() {
        let same = WHOLE.replace("store-device=2", "store-device=1");
        assert_eq!(facts(&answers(&same)).root, Ok(None));
    }

    #[test]
    fn what_is_not_known_says_why() {
        let facts = facts(&answers(
            "user=eve\nstore=unix:///s\nconfig-from=/etc/nix/nix.conf",
        ));
        assert!(facts.optimised.is_err());
        for why in [
            facts.store.unwrap_err(),
            facts.database.unwrap_err(),
            facts.collecting.unwrap_err(),
        ] {
            assert!(
                why.0.contains("unix:///s") && why.0.contains("root"),
                "{why}"
            );
        }
        assert!(
            facts
                .keep_outputs
                .unwrap_err()
                .0
                .contains("/etc/nix/nix.conf")
        );
        let hidden = answers("user=eve\ndatabase-file=/d\nlocks=hidden\nkeep-derivations=perhaps");
        let facts = super::facts(&hidden);
        assert!(
            facts
                .database
                .unwrap_err()
                .0
                .contains("/d is missing or hidden from eve")
        );
        assert!(facts.collecting.unwrap_err().0.contains("eve"));
        assert!(facts.keep_derivations.unwrap_err().0.contains("perhaps"));
    }

    #[test]
    fn the_header_of_the_database() {
        assert_eq!(free_pages("1000", "00000003"), Some(3 * 4096));
        assert_eq!(free_pages("0001", "00000001"), Some(65_536));
        for (page, free) in [
            ("", ""),
            ("0000", "00000001"),
            ("1001", "00000001"),
            ("1000", "3"),
        ] {
            assert_eq!(free_pages(page, free), None, "{page} {free}");
        }
    }

    #[test]
    fn who_collects() {
        let lines = "locks=read\nprocess=12\nmode=holds\nsince=900\ncommand=nix-collect-garbage -d \nowner=root\n\
            process=13\nmode=waits\nowner=ada\ncommand=nix-store --gc\u{1b}";
        let found = collecting(&answers(lines)).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].command, "nix-collect-garbage -d");
        assert_eq!((found[0].process, found[0].holds), (12, true));
        assert_eq!(found[0].since, Some(When::from_unix(900)));
        assert_eq!((found[1].user.as_str(), found[1].holds), ("ada", false));
        assert_eq!(found[1].command, "nix-store --gc\\e");
        // A check of the store is told only when a collection waits for it.
        let reads = "locks=read\nprocess=12\nmode=reads";
        assert_eq!(collecting(&answers(reads)), Ok(Vec::new()));
        let waited = collecting(&answers(&format!("{reads}\nprocess=13\nmode=waits"))).unwrap();
        assert_eq!(waited.len(), 2);
    }

    #[test]
    fn what_links_save() {
        assert_eq!(
            links(&answers("folder=/nix/store/.links\nsum=3 4096 0")),
            Ok(Links {
                files: 3,
                saved: Bytes(4096)
            })
        );
        assert_eq!(
            links(&answers("folder=/l\nstate=none")),
            Ok(Links::default())
        );
        let why = |lines: &str| links(&answers(lines)).unwrap_err().0;
        assert!(why("folder=/l\nsum=3 4096 124").contains("3 files"));
        assert!(why("folder=/l\nstate=hidden").contains("sudo"));
        assert!(why("folder=/l\nsum=x y z").contains("root"));
    }

    proptest! {
        #[test]
        fn never_panics(
            lines in "((store|root)-(blocks|inodes|mount)|page|free|database|wal|locks|process|mode|since|sum|clock|keep-outputs)=.{0,30}",
            more in "(sum|free|process|store-mount)=[0-9 %/,-]{0,30}",
        ) {
            let answers = answers(&format!("{}\n{more}", lines.replace('\n', " ")));
            let _ = facts(&answers);
            let _ = links(&answers);
        }
    }
}
