//! Where a command goes and everything that ssh's configuration says about the way there.
//!
//! In: [`Options`] of the command line or the configuration. Out: a [`Place`]. The way is asked of `ssh -G`, which knows Include,
//! Match and all; without an installed ssh only what was given explicitly counts, and [`SshTarget::note`] says so.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::process::Command as Program;

use super::address::{self, Address};
use super::error::{LinkError, sentence, shown};
use super::keys::Secrets;
use super::known_hosts::HostName;
use super::settings::{Settings, build};

/// How many hosts a chain of jumps may have: more is a loop in the configuration.
const MOST_HOPS: usize = 8;

/// What was said about a server, before anything is looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `host`, `user@host`, `ssh://[user@]host[:port]`, an alias of the ssh configuration, or `local`.
    pub name: String,
    /// The user; wins over the one in `name`.
    pub user: Option<String>,
    /// The port; wins over the one in `name`.
    pub port: Option<u16>,
    /// Key files to try first.
    pub identity_files: Vec<PathBuf>,
    /// Hosts to go through, as for `ssh -J`.
    pub jump: Option<String>,
    /// The only `known_hosts` file to believe, and to write to.
    pub known_hosts: Option<PathBuf>,
    /// The ssh configuration file, instead of the usual two. The word `none` reads none.
    pub ssh_config: Option<PathBuf>,
}

/// Where commands run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Local,
    /// Over SSH.
    Ssh(Box<SshTarget>),
}

impl Place {
    /// For people: `root@cache.example.org`, with the port where it is not 22; `local`.
    pub fn describe(&self) -> String {
        match self {
            Self::Local => "local".to_owned(),
            Self::Ssh(target) => target.describe(),
        }
    }
}

/// What to do with a host that no file knows. There is no way to accept a changed or revoked one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strict {
    /// Refuse.
    Yes,
    /// Ask a person. `StrictHostKeyChecking no` means this too: it is not honoured in its unsafe sense.
    Ask,
    /// Accept and record, unless something else about the host is known.
    AcceptNew,
}

/// Which agent is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AgentAt {
    Environment,
    Socket(PathBuf),
    None,
}

/// How the first byte gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Via {
    Direct,
    Jump(Box<SshTarget>),
    Command(String),
}

/// Which ways to log in are switched on here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Methods {
    pub(crate) public_key: bool,
    pub(crate) keyboard_interactive: bool,
    pub(crate) password: bool,
}

/// A resolved SSH destination.
// Each of its switches is one of ssh's own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTarget {
    /// The name as it was given.
    pub name: String,
    /// The host to connect to.
    pub host: String,
    pub port: u16,
    /// The user there.
    pub user: String,
    pub(crate) known_as: HostName,
    pub(crate) known_hosts: Vec<PathBuf>,
    pub(crate) global_known_hosts: Vec<PathBuf>,
    /// `KnownHostsCommand`, its late tokens not filled in.
    pub(crate) known_hosts_command: Option<Vec<String>>,
    /// `NoHostAuthenticationForLocalhost` is set, which is not followed.
    pub(crate) localhost_unchecked: bool,
    pub(crate) hash_known_hosts: bool,
    pub(crate) check_host_ip: bool,
    pub(crate) revoked_host_keys: Option<PathBuf>,
    pub(crate) strict: Strict,
    /// The ones that were named by the person, who wants to hear when they are of no use.
    pub(crate) explicit: Vec<PathBuf>,
    pub(crate) identities: Vec<PathBuf>,
    pub(crate) certificates: Vec<PathBuf>,
    pub(crate) identities_only: bool,
    pub(crate) agent: AgentAt,
    pub(crate) methods: Methods,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) via: Via,
    pub(crate) secrets: Secrets,
    pub(crate) configured: bool,
}

impl SshTarget {
    /// `user@host`, with the port where it is not 22.
    pub fn describe(&self) -> String {
        match (self.port, self.host.contains(':')) {
            (22, _) => format!("{}@{}", self.user, self.host),
            (port, false) => format!("{}@{}:{port}", self.user, self.host),
            (port, true) => format!("{}@[{}]:{port}", self.user, self.host),
        }
    }

    /// What the person should know about the way this was found.
    pub fn note(&self) -> Option<&'static str> {
        (!self.configured).then_some(
            "ssh is not installed here: its configuration was not read, only what was given counts",
        )
    }
}

/// Finds the way to a server.
pub async fn resolve(options: &Options) -> Result<Place, LinkError> {
    if options.name == "local" {
        return Ok(Place::Local);
    }
    let address = address::parse(&options.name)?;
    let target = find(options, address, 0).await?;
    Ok(Place::Ssh(Box::new(target)))
}

fn find(
    options: &Options,
    mut address: Address,
    hops: usize,
) -> BoxFuture<'_, Result<SshTarget, LinkError>> {
    Box::pin(async move {
        if hops > MOST_HOPS {
            return Err(LinkError::Config {
                host: address.host,
                why: "its ProxyJump goes round in a circle".into(),
            });
        }
        if let Some(user) = &options.user {
            address::check_user(user).map_err(|why| LinkError::address(user, why))?;
            address.user = Some(user.clone());
        }
        address.port = options.port.or(address.port);
        let answer = ask_ssh(options, &address).await?;
        let settings = answer.as_deref().map(Settings::parse);
        let (mut target, jump) =
            build(options, &address, settings.as_ref()).map_err(|why| LinkError::Config {
                host: address.host.clone(),
                why,
            })?;
        if let Some(jump) = jump {
            target.via = through(options, &jump, hops).await?;
        }
        Ok(target)
    })
}

/// The last host of a `ProxyJump` is the one that the server is reached from; the ones before it are its own jump.
async fn through(options: &Options, jump: &str, hops: usize) -> Result<Via, LinkError> {
    let (before, last) = match jump.rsplit_once(',') {
        Some((before, last)) => (Some(before.to_owned()), last),
        None => (None, jump),
    };
    let hop = address::parse_hop(last)?;
    let inner = Options {
        name: hop.host.clone(),
        jump: before,
        known_hosts: options.known_hosts.clone(),
        ssh_config: options.ssh_config.clone(),
        ..Options::default()
    };
    Ok(Via::Jump(Box::new(find(&inner, hop, hops + 1).await?)))
}

/// Runs `ssh -G`. `None` where no ssh is installed.
async fn ask_ssh(options: &Options, address: &Address) -> Result<Option<String>, LinkError> {
    const PATIENCE: Duration = Duration::from_secs(20);
    const MOST: usize = 1 << 20;
    let config = |why: String| LinkError::Config {
        host: address.host.clone(),
        why,
    };
    let mut ssh = Program::new("ssh");
    ssh.arg("-G")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(file) = &options.ssh_config {
        if file != Path::new("none") && !file.exists() {
            return Err(config(format!("{} does not exist", shown(file))));
        }
        ssh.arg("-F").arg(file);
    }
    if let Some(user) = &address.user {
        ssh.args(["-l", user]);
    }
    if let Some(port) = address.port {
        ssh.args(["-p", &port.to_string()]);
    }
    for file in &options.identity_files {
        ssh.arg("-i").arg(file);
    }
    if let Some(jump) = &options.jump {
        for hop in jump.split(',').filter(|_| jump != "none") {
            address::parse_hop(hop)?;
        }
        ssh.args(["-J", jump]);
    }
    ssh.args(["--", &address.host]);
    let output = match tokio::time::timeout(PATIENCE, ssh.output()).await {
        Err(_) => {
            return Err(config(format!(
                "ssh -G did not answer within {} s",
                PATIENCE.as_secs()
            )));
        }
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            if options
                .ssh_config
                .as_deref()
                .is_some_and(|file| file != Path::new("none"))
            {
                return Err(config(
                    "ssh is not installed here, so no configuration file can be read".into(),
                ));
            }
            return Ok(None);
        }
        Ok(Err(error)) => return Err(config(format!("ssh cannot be run: {error}"))),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        return Err(config(sentence(&String::from_utf8_lossy(&output.stderr))));
    }
    if output.stdout.len() > MOST {
        return Err(config("ssh -G wrote more than a megabyte".into()));
    }
    Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[cfg(test)]
mod tests;
