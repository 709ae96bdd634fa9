//! The only shell that is ever run on a server, each script fixed at compile time; data goes as arguments or on stdin.
//!
//! In: arguments. Out: the output of the script, or an error that says what failed.

use super::Inner;
use super::error::{ServerError, Why};
use crate::domain::text;
use crate::link::{Command, Exit, Limits, Link, Output};
use std::time::Duration;

/// Scripts that are run as one, with Nix's usual places put behind the login's own search path. What the parts before the last
/// one are for, their first lines say.
macro_rules! script {
    ($($name:literal),+) => {
        concat!(
            include_str!("scripts/path.sh"),
            $(include_str!(concat!("scripts/", $name))),+
        )
    };
}

pub(super) const WHOAMI: &str = script!("whoami.sh");
pub(super) const PROBE: &str = script!("nix-settings.sh", "store.sh", "probe.sh");
pub(super) const SPACE: &str = script!("nix-settings.sh", "store.sh", "space.sh");
pub(super) const LINKS: &str = script!("nix-settings.sh", "store.sh", "links.sh");
/// Hands Nix's database out, for a copy.
pub(super) const DATABASE: &str = script!("nix-settings.sh", "store.sh", "database.sh");
pub(super) const VACUUM_LOOK: &str = script!("nix-settings.sh", "store.sh", "vacuum-look.sh");
pub(super) const VACUUM: &str = script!("nix-settings.sh", "store.sh", "folder.sh", "vacuum.sh");
pub(super) const VERIFY: &str = script!("nix-settings.sh", "store.sh", "verify.sh");
pub(super) const REPAIR: &str = script!("repair.sh");
pub(super) const PINS: &str = script!("pins.sh");
pub(super) const PIN_ADD: &str = script!("folder.sh", "pin-look.sh", "pin-add.sh");
pub(super) const PIN_MOVE: &str = script!("folder.sh", "pin-look.sh", "pin-move.sh");
pub(super) const PIN_REMOVE: &str = script!("folder.sh", "pin-look.sh", "pin-remove.sh");
pub(super) const GENERATIONS: &str = script!("generations.sh");
pub(super) const ROOT_REMOVE: &str = script!("folder.sh", "account.sh", "root-remove.sh");
/// What [`ROOT_REMOVE`] runs beside a profile.
pub(super) const GENERATION_REMOVE: &str = include_str!("scripts/generation-remove.sh");
pub(super) const RETENTION_LOOK: &str = script!("retention-look.sh");
pub(super) const RETENTION_PUT: &str = script!("folder.sh", "retention-put.sh");
pub(super) const PLANS_LOOK: &str = script!("rule.sh", "plans-look.sh");
pub(super) const PLAN_PUT: &str = script!("folder.sh", "plan-folder.sh", "plan-put.sh");
pub(super) const PLAN_LIST: &str = script!("plan-list.sh");
pub(super) const PLAN_TAKE: &str = script!("folder.sh", "plan-folder.sh", "plan-take.sh");
pub(super) const PLAN_DROP: &str = script!("folder.sh", "plan-folder.sh", "plan-drop.sh");
pub(super) const DAEMON: &str = script!("daemon.sh");
/// Runs on this machine.
pub(super) const COPY: &str = script!("copy.sh");
/// Runs on this machine.
pub(super) const ROOT: &str = script!("root.sh");
/// Runs on this machine.
pub(super) const OUTPUTS: &str = script!("outputs.sh");
pub(super) const SIGN: &str = script!("sign.sh");
pub(super) const STRIP_LOOK: &str = script!("sqlite.sh", "strip-look.sh");
pub(super) const STRIP: &str = script!("sqlite.sh", "folder.sh", "strip.sh");
pub(super) const ABSENT: &str = script!("absent.sh");
pub(super) const AUDIT_APPEND: &str = script!("folder.sh", "audit-log.sh", "audit-append.sh");
pub(super) const AUDIT_SIGN: &str = script!("folder.sh", "audit-log.sh", "audit-sign.sh");
pub(super) const AUDIT_READ: &str = script!("audit-read.sh");
pub(super) const LAST_USE: &str = script!("last-use.sh");
pub(super) const AVAILABLE: &str = script!("available.sh");
pub(super) const JOB_BEGIN: &str = script!(
    "folder.sh",
    "audit-log.sh",
    "rule.sh",
    "jobs.sh",
    "job-begin.sh"
);
pub(super) const JOB_LOOK: &str = script!("jobs.sh", "job-look.sh");
pub(super) const JOB_ITEMS: &str = script!("job-items.sh");
pub(super) const HOST_KEYS: &str = script!("sshd.sh", "host-keys.sh");
pub(super) const CACHE_DAEMON: &str = script!("sshd.sh", "cache-daemon.sh");
pub(super) const ACCESS_FACTS: &str = script!("sshd.sh", "access-facts.sh");
pub(super) const ACCESS_LOG: &str = script!("access-log.sh");
pub(super) const ACCESS_END: &str = script!("access-end.sh");
pub(super) const ACCESS_EDIT: &str = script!("folder.sh", "account.sh", "access-edit.sh");
pub(super) const ACCESS_REQUESTS: &str = script!("access-requests.sh");
pub(super) const ACCESS_MARK: &str = script!("folder.sh", "access-mark.sh");
pub(super) const ACCESS_KNOCK_LOOK: &str = script!("sshd.sh", "access-knock-look.sh");
pub(super) const ACCESS_KNOCK: &str =
    script!("sshd.sh", "folder.sh", "sshd-reload.sh", "access-knock.sh");
pub(super) const ACCESS_KNOCK_REMOVE: &str = script!(
    "sshd.sh",
    "folder.sh",
    "sshd-reload.sh",
    "installed-gone.sh",
    "access-knock-remove.sh"
);

pub(super) const ACCESS_LOOK_FILE: &str = script!("access-look-file.sh");

/// What [`ACCESS_FACTS`] and [`ACCESS_LOOK_FILE`] run for each key file.
pub(super) const ACCESS_READ_FILE: &str = include_str!("scripts/access-read-file.sh");

/// What [`ACCESS_EDIT`] runs at the file.
pub(super) const ACCESS_EDIT_FILE: &str = concat!(
    include_str!("scripts/folder.sh"),
    include_str!("scripts/access-edit-file.sh")
);

pub(super) const WATCH: &str = script!("nix-settings.sh", "store.sh", "sshd.sh", "watch.sh");

pub(super) const TIMER_LOOK: &str = script!("timer-look.sh");
pub(super) const TIMER_INSTALL: &str = script!("folder.sh", "timer-install.sh");
pub(super) const TIMER_REMOVE: &str = script!("folder.sh", "installed-gone.sh", "timer-remove.sh");
pub(super) const INSTALLED_LOOK: &str = script!("sshd.sh", "installed-look.sh");
pub(super) const POLICY_LOOK: &str = script!("policy-look.sh");

/// What the policy timer runs. It is put on the server, not run by us.
pub(super) const POLICY_RUN: &str = include_str!("scripts/policy-run.sh");

/// What the timer of auto-sign runs. It is put on the server, not run by us.
pub(super) const AUTO_SIGN: &str = include_str!("scripts/auto-sign.sh");

/// What the timer of the upload lease runs. It is put on the server, not run by us.
pub(super) const LEASE: &str = include_str!("scripts/lease.sh");

/// What sshd runs for a key that it does not know. It is put on the server, not run by us.
pub(super) const KNOCK: &str = include_str!("scripts/knock.sh");

/// The line before the answers; what a login shell prints of its own comes before it.
pub(super) const BEGIN: &str = "storekeeper-answer";

/// The last answer.
pub(super) const END: &str = "end";

/// Room and time for a script that asks questions.
const QUESTION: Limits = Limits {
    output: 256 << 10,
    time: Duration::from_secs(60),
};

/// What a script has said, as names and values in order. The values are as they came. One text with places in it: a list of
/// pairs would take thirty times the output where each line is short.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    text: String,
    lines: Vec<Line>,
}

/// Where a line's name begins and ends, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    name: u32,
    equals: u32,
    end: u32,
}

impl Answers {
    /// Reads `name=value` lines between the first and the last line of a script; `None` if they are not both there.
    pub(super) fn parse(output: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(output).into_owned();
        let mut lines = Vec::new();
        let mut begun = false;
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let (name, next) = (start, start + line.len());
            start = next;
            let line = line.strip_suffix('\n').unwrap_or(line);
            if !begun {
                begun = line.strip_suffix('\r').unwrap_or(line) == BEGIN;
                continue;
            }
            let Some(equals) = line.find('=') else {
                continue;
            };
            if line.get(..equals) == Some(END) {
                return Some(Self { text, lines });
            }
            // No output is allowed to be 4 GiB long.
            lines.push(Line {
                name: u32::try_from(name).ok()?,
                equals: u32::try_from(name + equals).ok()?,
                end: u32::try_from(name + line.len()).ok()?,
            });
        }
        None
    }

    fn pair(&self, line: Line) -> (&str, &str) {
        let [name, equals, end] = [line.name, line.equals, line.end].map(|at| at as usize);
        let part = |from, to| self.text.get(from..to).unwrap_or_default();
        (part(name, equals), part(equals + 1, end).trim())
    }

    /// The last value of this name that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut lines = self.lines.iter().rev().map(|line| self.pair(*line));
        lines
            .find(|(found, value)| *found == name && !value.is_empty())
            .map(|(_, value)| value)
    }

    /// The last value of this name that is not empty, fit to be shown.
    pub(super) fn shown(&self, name: &str) -> Option<String> {
        self.get(name)
            .map(|value| text::visible(value).into_owned())
    }

    /// All values of this name in order.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.iter().filter(move |(found, _)| *found == name);
        named.map(|(_, value)| value)
    }

    /// All of it in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|line| self.pair(*line))
    }
}

/// Runs a script that asks questions.
pub(super) async fn ask(
    link: &Link,
    command: &Command,
    place: &str,
) -> Result<Answers, ServerError> {
    ask_within(link, command, QUESTION, place).await
}

/// The same with other room and time.
pub(super) async fn ask_within(
    link: &Link,
    command: &Command,
    limits: Limits,
    place: &str,
) -> Result<Answers, ServerError> {
    let output = link.run(command, b"", limits).await?;
    Answers::parse(&output.stdout).ok_or_else(|| ServerError::NoShell {
        place: place.to_owned(),
        why: why(&output),
    })
}

/// Runs a script that must end well. Out: what it wrote; otherwise that the server cannot do `what`, and what to do `next`.
pub(super) async fn fetch(
    inner: &Inner,
    command: &Command,
    limits: Limits,
    what: &'static str,
    next: &'static str,
) -> Result<Vec<u8>, ServerError> {
    fetch_seen(inner, command, limits, (what, next), &|_| ()).await
}

/// The same; `seen` gets all of its output so far, as it comes.
pub(super) async fn fetch_seen(
    inner: &Inner,
    command: &Command,
    limits: Limits,
    (what, next): (&'static str, &'static str),
    seen: &(dyn Fn(&[u8]) + Sync),
) -> Result<Vec<u8>, ServerError> {
    let output = inner.link.run_seen(command, b"", limits, seen).await?;
    if output.exit.success() {
        return Ok(output.stdout);
    }
    Err(ServerError::Script {
        place: inner.start.place.clone(),
        what,
        why: why(&output),
        next,
    })
}

/// How a program ended that should have ended otherwise.
pub(super) fn why(output: &Output) -> Why {
    let ended = match &output.exit {
        Exit::Code(code) => format!("exit status {code}"),
        Exit::Signal(name) => format!("ended by signal {name}"),
        Exit::Lost => "the connection was lost".to_owned(),
    };
    match Why::from_stderr(&output.stderr) {
        Some(why) => why,
        None if output.stdout.is_empty() => format!("it said nothing, {ended}").into(),
        None => {
            let start: Vec<u8> = output.stdout.iter().take(60).copied().collect();
            format!("it said {:?}, {ended}", text::visible_bytes(&start)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers() {
        let output = b"Welcome!\na=0\nstorekeeper-answer\na=1\nnoise\nb= x=y \na=\nend=\na=9\n";
        let answers = Answers::parse(output).unwrap();
        assert_eq!(answers.get("a"), Some("1"));
        assert_eq!(answers.get("b"), Some("x=y"));
        assert_eq!(answers.get("c"), None);
        assert_eq!(answers.iter().count(), 3);
        assert_eq!(Answers::parse(b"storekeeper-answer\na=1\n"), None);
        assert_eq!(Answers::parse(b"a=1\nend=\n"), None);
    }

    proptest! {
        #[test]
        fn never_panics(output in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut all = b"storekeeper-answer\n".to_vec();
            all.extend(output);
            let _ = Answers::parse(&all);
        }
    }
}
