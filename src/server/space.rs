//! What fills the disk: file systems, the database, hard links, and who collects garbage.
//!
//! In: the answers of two scripts. Out: values of `domain::space`. What could not be found out says why, and what to do.

use super::error::ServerError;
use super::script::{self, Answers};
use super::{Inner, Server};
use crate::domain::StorePath;
use crate::domain::space::{
    Collector, Dangling, DatabaseFacts, FileSystem, Lease, Links, SpaceFacts,
};
use crate::domain::text::visible;
use crate::domain::{Bytes, Fact, Unknown, When};
use crate::domain::{Notice, notice};
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

fn unknown<T>(why: impl Into<Notice>) -> Fact<T> {
    Err(Unknown(why.into()))
}

/// Why nothing below the store is looked at.
pub(super) fn elsewhere(answers: &Answers) -> Option<Unknown> {
    let store = answers.shown("store")?;
    Some(Unknown(notice!(
        "the server's Nix uses the store {store}, and only stores in the usual places are looked at",
        "log in as root"
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
            (None, _) => unknown(notice!(
                "whether equal files are linked to each other is hidden from this login",
                "log in as root, or allow `sudo -n`"
            )),
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
        load: load(answers),
        failed_units: all(answers, "failed-unit"),
        dangling: dangling(answers),
        keep_derivations: flag(answers, "keep-derivations"),
        keep_outputs: flag(answers, "keep-outputs"),
    }
}

/// All answers of a name, fit to be shown.
fn all(answers: &Answers, name: &str) -> Vec<String> {
    let found = answers
        .iter()
        .filter(|(own, value)| *own == name && !value.is_empty());
    found
        .map(|(_, value)| visible(value).into_owned())
        .collect()
}

/// Lines of what a link is to keep, which may be a file of a path, and the link.
fn dangling(answers: &Answers) -> Vec<Dangling> {
    let found = answers.all("dangling").filter_map(|value| {
        let (target, link) = value.split_once(' ')?;
        let (_, below) = target.split_once("/nix/store/")?;
        let base = below.split('/').next()?;
        Some(Dangling {
            link: visible(link).into_owned(),
            target: StorePath::from_base_name(base).ok()?,
        })
    });
    found.collect()
}

/// The third number of `/proc/loadavg` (proc(5)).
fn load(answers: &Answers) -> Option<(f64, u32)> {
    let load: f64 = answers.get("load")?.split(' ').nth(2)?.parse().ok()?;
    let processors = answers.get("processors")?.parse().ok()?;
    (load.is_finite() && load >= 0.0 && processors > 0).then_some((load, processors))
}

/// What `df` says, in blocks and in inodes, and the line of the mount table (proc(5), `/proc/PID/mountinfo`).
fn file_system(answers: &Answers, name: &str) -> Fact<FileSystem> {
    let of = |what: &str| answers.get(&format!("{name}-{what}"));
    let Some((mount, disk)) = super::probe::df(of("blocks"), of("inodes")) else {
        let folder = answers.shown("folder").filter(|_| name == "store");
        let folder = folder.as_deref().unwrap_or("/");
        return unknown(notice!(
            "`df` reports nothing for {folder} there",
            "check that the folder exists"
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
        return unknown(notice!(
            "{file} is missing or hidden from {user}",
            "log in as root, or allow `sudo -n`"
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
pub(super) fn free_pages(page: &str, free: &str) -> Option<u64> {
    Some(page_size(page)? * hexadecimal(free, 8)?)
}

/// The size of a page in bytes, from bytes 16 and 17 of the file.
pub(super) fn page_size(page: &str) -> Option<u64> {
    match hexadecimal(page, 4)? {
        1 => Some(65_536),
        page if page.is_power_of_two() && page >= 512 => Some(page),
        _ => None,
    }
}

/// A number of so many hexadecimal digits.
pub(super) fn hexadecimal(text: &str, digits: usize) -> Option<u64> {
    (text.len() == digits).then(|| u64::from_str_radix(text, 16).ok())?
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
                "Nix does not print its settings there, and {file} does not set {name} itself"
            ),
            None => format!("the server's Nix does not print {name}"),
        }),
    }
}

fn collecting(answers: &Answers) -> Fact<Vec<Collector>> {
    match answers.get("locks") {
        Some("read") => {}
        Some("none") => return Ok(Vec::new()),
        Some("hidden") => {
            let user = answers.shown("user").unwrap_or_default();
            return unknown(notice!(
                "it is hidden from {user}",
                "log in as root, or allow `sudo -n`"
            ));
        }
        _ => {
            return unknown("there is no /proc/locks there");
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
    // A shared lock is taken by a check of the store, and for a moment by an upload: no collection, unless one
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
        Some([Some(files), _, Some(124 | 143)]) => unknown(notice!(
            "counting the files of {folder} was stopped after {COUNTING} s and {files} files",
            "try again when the server is less busy"
        )),
        _ => unknown(notice!(
            "{folder} can't be read by this login",
            "log in as root, or allow `sudo -n`"
        )),
    }
}

#[cfg(test)]
mod tests;
