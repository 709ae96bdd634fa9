//! The whole way of one client to one path: each step fine, wrong or not known, with what shows it and what fixes it.
//!
//! In: [`WayFacts`], gathered by the caller. Out: [`Step`]s in the order in which a client meets them, and the [`Verdict`] of
//! all. What cannot be seen from the server, the client's own configuration, is a step that only says what there has to be.

mod obstacle;
mod path;
#[cfg(test)]
mod tests;

pub use self::obstacle::{Closure, Obstacle, PathFacts};
pub use super::step::{State, Step};

use super::access::{certified, standing};
use super::posture::{Runs, runs};
use crate::domain::access::AccessFacts;
use crate::domain::authorized_keys::KeyOptions;
use crate::domain::cache_daemon::CacheDaemon;
use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::domain::text::visible;
use crate::domain::{Fact, Remedy};
use serde::Serialize;

/// The steps that are no part of the verdict where they are not known: contents need not be asked for, and a client's own
/// configuration is never seen.
const OPEN: [&str; 2] = ["contents", "nix-conf"];

/// Where clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// As in `substituters`, such as `ssh://nix-ssh@cache.example.org`.
    pub url: String,
    pub host: String,
    pub port: u16,
    /// The port has to come from the client's ssh configuration.
    pub port_by_ssh: bool,
}

impl Address {
    /// `ssh` or `ssh-ng`.
    fn scheme(&self) -> &str {
        self.url.split("://").next().unwrap_or_default()
    }
}

/// What the address shows to a client, from this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// This host key.
    Key(PublicSshKey),
    /// There is no sshd at that port: a clause, fit to be shown.
    Refused(String),
    /// It could not be reached from here, which need not hold for the client: a clause, fit to be shown.
    Unreached(String),
}

/// What the contents of a closure were found to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Paths that were compared with their hashes.
    pub checked: usize,
    /// Those that are not what their hash says.
    pub corrupt: Vec<String>,
    /// Those that could not be compared.
    pub failed: Vec<String>,
}

/// What a way is judged by.
#[derive(Debug)]
pub struct WayFacts<'a> {
    /// The server's name, quoted for a shell.
    pub server: &'a str,
    /// Where clients connect to.
    pub address: &'a Address,
    /// What they are shown there.
    pub shown: &'a Shown,
    /// The host keys that the onboarding text has.
    pub host_keys: &'a [PublicSshKey],
    /// The lines that the client's `nix.conf` has to have.
    pub nix_conf: &'a [String],
    /// Who may log in.
    pub access: &'a AccessFacts,
    /// The client's key.
    pub key: &'a Fingerprint,
    /// The certificate that the client has beside its key, where it has one.
    pub certificate: Option<&'a PublicSshKey>,
    /// The client's address, where it was given.
    pub from: Option<&'a str>,
    /// Whether Nix's daemon answers.
    pub daemon: &'a Fact<CacheDaemon>,
    /// What it fetches; `None` for any path.
    pub path: Option<&'a PathFacts>,
    /// Its contents, where they were compared.
    pub contents: Option<&'a Contents>,
}

/// Whether the client gets the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing that can be seen is in its way.
    Yes,
    /// A step is wrong.
    No,
    /// None is wrong, and one that decides is not known.
    Unknown,
}

/// A way that was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// The client's key.
    pub fingerprint: Fingerprint,
    /// Its comment, as far as any is known; fit to be shown.
    pub comment: String,
    /// Whether the client gets the path.
    pub verdict: Verdict,
    pub steps: Vec<Step>,
}

impl Way {
    /// Judges it.
    pub fn of(facts: &WayFacts<'_>) -> Self {
        let plain = standing(facts.access, facts.key, facts.from);
        let comment = plain.comment.clone();
        let (authorized, options) = match facts.certificate {
            Some(key) => certified(facts.access, key, facts.from, plain),
            None => (vec![plain.step], plain.options),
        };
        let mut steps = vec![address(facts), host_key(facts)];
        steps.extend(authorized);
        steps.push(command(facts, options.as_ref()));
        steps.push(daemon(facts.daemon));
        if let Some(path) = facts.path {
            steps.extend(path::steps(facts.server, path, facts.contents));
        }
        steps.push(nix_conf(facts));
        Self {
            fingerprint: *facts.key,
            comment,
            verdict: verdict(&steps),
            steps,
        }
    }

    /// What to call the client: its comment, or else its fingerprint.
    pub fn name(&self) -> String {
        if self.comment.is_empty() {
            self.fingerprint.to_string()
        } else {
            self.comment.clone()
        }
    }

    /// The verdict as a clause: what is wrong first, in words, else the steps that it leaves open.
    pub fn sentence(&self) -> String {
        let of = |state: State| self.steps.iter().filter(move |step| step.state == state);
        let ids = |steps: Vec<&Step>| {
            let ids: Vec<&str> = steps.iter().map(|step| step.id).collect();
            ids.join(", ")
        };
        match self.verdict {
            Verdict::Yes => format!(
                "yes, as far as can be seen from here; not looked at: {}",
                ids(of(State::Unknown).collect())
            ),
            Verdict::No => {
                let mut wrong = of(State::Wrong);
                let first = wrong.next().map_or("", |step| step.message.as_str());
                let others: Vec<&Step> = wrong.collect();
                if others.is_empty() {
                    format!("no: {first}")
                } else {
                    format!("no: {first}; also wrong: {}", ids(others))
                }
            }
            Verdict::Unknown => {
                let open = of(State::Unknown).filter(|step| !OPEN.contains(&step.id));
                format!("not known: {}", ids(open.collect()))
            }
        }
    }

    /// What keeps this client from the cache, whatever the path, as obstacles to it.
    pub fn access_obstacles(&self, path: &str) -> Vec<Obstacle> {
        let about_path = ["path", "closure", "signatures"];
        let wrong = self
            .steps
            .iter()
            .filter(|step| step.state == State::Wrong && !about_path.contains(&step.id));
        wrong
            .map(|step| Obstacle {
                path: path.to_owned(),
                kind: if step.id == "contents" {
                    "bad"
                } else {
                    "access"
                },
                message: step.message.clone(),
                fix: step.remedy.clone(),
            })
            .collect()
    }
}

fn verdict(steps: &[Step]) -> Verdict {
    let has = |state: State| {
        let mut deciding = steps.iter();
        deciding
            .any(|step| step.state == state && (state == State::Wrong || !OPEN.contains(&step.id)))
    };
    if has(State::Wrong) {
        Verdict::No
    } else if has(State::Unknown) {
        Verdict::Unknown
    } else {
        Verdict::Yes
    }
}

fn address(facts: &WayFacts<'_>) -> Step {
    let Address {
        url, host, port, ..
    } = facts.address;
    let (url, host) = (visible(url), visible(host));
    let step = |state, message| Step::new("address", state, message);
    match facts.shown {
        Shown::Key(_) => step(
            State::Fine,
            format!("{url}: an sshd answers on port {port} of {host}"),
        ),
        Shown::Refused(why) => step(
            State::Wrong,
            format!("{url}: port {port} of {host}: {why}"),
        )
        .remedy(
            "correct cache_address of this server in the configuration of storekeeper, and substituters of its clients",
        ),
        Shown::Unreached(why) => step(
            State::Unknown,
            format!("{url}: port {port} of {host} can't be reached from this machine: {why}"),
        )
        .remedy(format!("try it at the client: ssh -p {port} {host}")),
    }
}

fn host_key(facts: &WayFacts<'_>) -> Step {
    let step = |state, message| Step::new("host-key", state, message);
    let Shown::Key(shown) = facts.shown else {
        return step(State::Unknown, "no host key was shown here".to_owned());
    };
    let named = |key: &PublicSshKey| {
        let algorithm = visible(key.algorithm());
        format!("{algorithm} {}", key.fingerprint())
    };
    if facts.host_keys.is_empty() {
        let message = format!(
            "the server's own host keys can't be read; clients are shown {}",
            named(shown)
        );
        return step(State::Unknown, message)
            .remedy("compare it with /etc/ssh/ssh_host_ed25519_key.pub there");
    }
    let same = |key: &&PublicSshKey| key.fingerprint() == shown.fingerprint();
    if facts.host_keys.iter().any(|key| same(&key)) {
        let message = format!(
            "clients are shown the key that onboarding names: {}",
            named(shown)
        );
        return step(State::Fine, message);
    }
    let own: Vec<String> = facts.host_keys.iter().map(named).collect();
    let message = format!(
        "clients are shown {}, and onboarding names {}",
        named(shown),
        own.join(", ")
    );
    step(State::Wrong, message).remedy(
        "restart sshd if its host key was replaced there; else the address leads to another machine",
    )
}

/// What the client's session runs. A key that no file has would get what one with nothing but `restrict` gets.
fn command(facts: &WayFacts<'_>, options: Option<&KeyOptions>) -> Step {
    let step = |state, message: String| Step::new("command", state, message);
    let restricted = KeyOptions::parse(b"restrict").unwrap_or_default();
    let options = options.unwrap_or(&restricted);
    let (settings, user) = match (&facts.access.sshd.settings, &facts.access.cache_user) {
        (Ok(settings), Ok(user)) => (settings, user),
        (Err(why), _) | (_, Err(why)) => {
            let why = visible(&why.0.message);
            return step(
                State::Unknown,
                format!("what sshd runs is not known: {why}"),
            );
        }
    };
    let runs = runs(settings, user, options);
    let scheme = facts.address.scheme();
    let own = settings.force_command.is_none() && options.command.is_some();
    let forced = settings.force_command.as_ref().or(options.command.as_ref());
    let forced = visible(forced.map_or("", String::as_str));
    let force = || {
        if own {
            Remedy::from("take command= out of the key's line, or let it run nix-store --serve")
        } else {
            Remedy::sshd("ForceCommand nix-store --serve")
        }
    };
    match (runs.serves(scheme), &runs) {
        (_, Runs::Nothing) => {
            let message = format!("the login shell {} runs nothing", visible(&user.shell));
            let fix = format!("usermod -s /bin/sh {}", visible(&user.name));
            step(State::Wrong, message).remedy(Remedy::Command(fix))
        }
        (Some(false), Runs::Store { .. } | Runs::Daemon) => {
            let other = runs.protocol().unwrap_or_default();
            let message =
                format!("sshd runs {forced}, which serves {other}:// and not {scheme}://");
            let fix = format!("write {other}:// in substituters and in cache_address");
            step(State::Wrong, message).remedy(fix)
        }
        (Some(false), _) => {
            let message = format!("sshd runs {forced}, which serves no client");
            step(State::Wrong, message).remedy(force())
        }
        (None, _) => {
            let message = format!("sshd runs {forced}; whether that serves clients is not known");
            step(State::Unknown, message).remedy(force())
        }
        (Some(true), _) if settings.chroot_directory.is_some() => {
            let folder = settings.chroot_directory.as_deref().unwrap_or_default();
            let message = format!(
                "sessions run inside {}; whether Nix is there is not known",
                visible(folder)
            );
            step(State::Unknown, message)
        }
        (Some(true), Runs::Anything) => step(
            State::Fine,
            "no command is forced: what the client asks for runs".to_owned(),
        ),
        (Some(true), _) => step(State::Fine, format!("sshd runs {forced}")),
    }
}

/// Has Nix's daemon listen again. The socket does not start beside a daemon that runs for good, and with Lix each stops the other.
pub const DAEMON_ANEW: &str =
    "systemctl stop nix-daemon.service; systemctl restart nix-daemon.socket";

fn daemon(found: &Fact<CacheDaemon>) -> Step {
    let step = |state, message| Step::new("daemon", state, message);
    match found {
        Ok(CacheDaemon::NotNeeded) => {
            step(State::Fine, "the session opens the store itself".to_owned())
        }
        Ok(CacheDaemon::Answers { socket }) => {
            step(State::Fine, format!("Nix's daemon answers at {socket}"))
        }
        Ok(CacheDaemon::Silent { socket, why }) => step(
            State::Wrong,
            format!("Nix's daemon does not answer at {socket}: {why}"),
        )
        .remedy(Remedy::command(DAEMON_ANEW)),
        Err(why) => step(
            State::Unknown,
            format!(
                "whether Nix's daemon answers is not known: {}",
                visible(&why.0.message)
            ),
        ),
    }
}

fn nix_conf(facts: &WayFacts<'_>) -> Step {
    let Address {
        host,
        port,
        port_by_ssh,
        ..
    } = facts.address;
    let port = if *port_by_ssh {
        format!(
            ", and its ssh configuration Port {port} for {}",
            visible(host)
        )
    } else {
        String::new()
    };
    let message = format!(
        "the client's own files are not seen from here; its nix.conf has to have these lines{port}"
    );
    let lines: Vec<_> = facts.nix_conf.iter().map(|line| visible(line)).collect();
    Step::new("nix-conf", State::Unknown, message).remedy(Remedy::nix(lines.join("\n")))
}
