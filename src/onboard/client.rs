//! What a new client of the cache does.
//!
//! In: [`Cache`], as it was found out on the server. Out: the steps for one platform. The machine's root asks the cache, since
//! it is Nix's daemon that fetches.

#[cfg(test)]
mod tests;

use super::{Step, add_line, ci, word};
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::text::{nix_string, visible};
use crate::domain::{Explain, Notice, notice};
use crate::domain::{KeyRing, PublicKey};
use thiserror::Error;

/// A client's system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Linux with systemd and a Nix daemon.
    Linux,
    /// macOS.
    MacOs,
    /// NixOS.
    NixOs,
    /// Jobs of GitHub Actions.
    GitHub,
    /// Jobs of GitLab CI.
    GitLab,
}

/// Seconds that ssh waits for the server before Nix goes on without it.
const CONNECT_TIMEOUT: u8 = 5;

/// A path that the cache can't give is built.
pub(super) const FALLBACK: &str = "fallback = true";

impl Platform {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Linux,
        Self::MacOs,
        Self::NixOs,
        Self::GitHub,
        Self::GitLab,
    ];

    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::MacOs => "macos",
            Self::NixOs => "nixos",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
        }
    }
}

/// What clients have to know of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// What stands in `substituters`, such as `ssh://nix-ssh@cache.example.org`.
    pub address: String,
    /// The user that clients log in as.
    pub user: String,
    /// The host that clients connect to.
    pub host: String,
    pub port: u16,
    /// The port has to come from ssh's configuration: versions of Nix before 2.32 hand an address with a port to ssh as a host name.
    pub port_by_ssh: bool,
    /// Its host keys, the best first.
    pub host_keys: Vec<PublicSshKey>,
    /// The keys that sign for it, as in `trusted-public-keys`.
    pub public_keys: Vec<String>,
}

/// What the administrator says that clients write is no address over ssh.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub struct NoAddress {
    address: String,
    user: String,
}

impl Explain for NoAddress {
    fn notice(&self) -> Notice {
        let Self { address, user } = self;
        notice!(
            "cache_address \"{address}\" is no address over ssh",
            "write ssh://{user}@host"
        )
    }
}

impl Cache {
    /// For clients that log in as `user`: what the administrator says that they write, else what [`Cache::derived`] makes of the
    /// `place` that the administrator uses and of what the server runs for them.
    pub fn of(
        said: Option<&str>,
        user: &str,
        place: (&str, u16),
        protocol: Option<&str>,
    ) -> Result<Self, NoAddress> {
        match said {
            Some(address) => Self::at(address, user).ok_or_else(|| NoAddress {
                address: visible(address).into_owned(),
                user: visible(user).into_owned(),
            }),
            None => Ok(Self::derived(user, place.0, place.1, protocol)),
        }
    }

    /// From what clients write in `substituters`; `None` if that is no address over ssh.
    pub fn at(address: &str, default_user: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://")?;
        if !matches!(scheme, "ssh" | "ssh-ng") {
            return None;
        }
        let rest = rest.split(['/', '?']).next().unwrap_or_default();
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (user, place),
            None => (default_user, rest),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(bracketed) => {
                let (host, rest) = bracketed.split_once(']')?;
                (host, rest.strip_prefix(':'))
            }
            None => match place.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (place, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None => 22,
        };
        (!host.is_empty()).then(|| Self {
            address: address.to_owned(),
            user: user.to_owned(),
            host: host.to_owned(),
            port,
            port_by_ssh: false,
            host_keys: Vec::new(),
            public_keys: Vec::new(),
        })
    }

    /// Where nobody has said what clients write: the host and port that the administrator uses. `protocol` is the scheme of what the
    /// server runs for them, `ssh` where that is not known.
    pub fn derived(user: &str, host: &str, port: u16, protocol: Option<&str>) -> Self {
        let scheme = protocol.unwrap_or("ssh");
        let written = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        Self {
            address: format!("{scheme}://{user}@{written}"),
            user: user.to_owned(),
            host: host.to_owned(),
            port,
            port_by_ssh: port != 22,
            host_keys: Vec::new(),
            public_keys: Vec::new(),
        }
    }

    /// Takes down the keys that sign for it. Also the older ones: a new client needs them for what only they have signed.
    pub fn signed_by(&mut self, keys: &KeyRing, retired: &[PublicKey]) {
        let all = keys.ours().into_iter().chain(retired);
        self.public_keys = all.map(ToString::to_string).collect();
    }

    /// The name under which ssh looks the host up in `known_hosts`.
    pub fn known_as(&self) -> String {
        match self.port {
            22 => self.host.clone(),
            port => format!("[{}]:{port}", self.host),
        }
    }

    /// The lines for `known_hosts`.
    pub fn known_hosts(&self) -> Vec<String> {
        let name = self.known_as();
        self.host_keys
            .iter()
            .map(|key| format!("{name} {} {}", key.algorithm(), key.base64()))
            .collect()
    }

    /// The lines for `nix.conf`.
    pub fn nix_conf_lines(&self) -> Vec<String> {
        let mut lines = vec![format!("extra-substituters = {}", self.address)];
        if !self.public_keys.is_empty() {
            let keys = self.public_keys.join(" ");
            lines.push(format!("extra-trusted-public-keys = {keys}"));
        }
        lines
    }

    /// What is missing for a client, one sentence each.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.host_keys.is_empty() {
            missing.push(
                "the server's host keys could not be read, so a client can't tell the server from another one; add the known_hosts line by hand, from the server's /etc/ssh/ssh_host_ed25519_key.pub"
                    .to_owned(),
            );
        }
        if self.public_keys.is_empty() {
            missing.push(
                "no signing key of the cache is known, so clients will refuse its paths; set secret-key-files in the server's nix.conf, or public_keys in the configuration of storekeeper"
                    .to_owned(),
            );
        }
        missing
    }

    /// The lines above the steps.
    pub fn head(&self, platform: Platform) -> String {
        let how = match platform {
            Platform::NixOs => "Run the commands as root (sudo -i).",
            Platform::Linux | Platform::MacOs => {
                "Run all of it as root (sudo -i): it is the machine's Nix daemon that fetches. An ssh client has to be there."
            }
            Platform::GitHub | Platform::GitLab => {
                "Each runner or project has a key of its own, with an end."
            }
        };
        let mut head = format!("How a machine uses the cache {}\n{how}", self.address);
        for missing in self.missing() {
            head.push_str("\nMISSING: ");
            head.push_str(&missing);
        }
        head
    }
}

pub fn steps(cache: &Cache, platform: Platform) -> Vec<Step> {
    let home = match platform {
        Platform::GitHub | Platform::GitLab => return ci::steps(cache, platform),
        Platform::Linux | Platform::NixOs => &UNIX,
        Platform::MacOs => &MACOS,
    };
    let mut steps = vec![key(cache, home)];
    if platform == Platform::NixOs {
        steps.push(Step::new(
            "Put this into the machine's configuration",
            module(cache),
        ));
        steps.push(Step::new("Make it so", ["nixos-rebuild switch"]));
    } else {
        steps.extend(known_hosts(cache, home));
        steps.push(ssh_config(cache, home));
        steps.push(nix_conf(cache));
        let restart: &[&str] = match platform {
            Platform::MacOs => &[
                "launchctl kickstart -k system/systems.determinate.nix-daemon 2>/dev/null || launchctl kickstart -k system/org.nixos.nix-daemon",
            ],
            // A daemon that is started for each connection (Lix) reads it anew each time, and starting it for good would stop that.
            _ => &["systemctl try-restart nix-daemon.service"],
        };
        steps.push(Step::new(
            "Have Nix's daemon read that",
            restart.iter().copied(),
        ));
    }
    steps.push(Step::new(
        "Try it, once the administrator has authorized the key",
        [format!(
            "nix --extra-experimental-features nix-command store ping --store {}",
            word(&cache.address)
        )],
    ));
    steps.push(as_a_user(cache));
    steps
}

/// Where root's side of ssh is kept.
struct Home {
    /// The folder of the key.
    folder: &'static str,
    key: &'static str,
    known_hosts: &'static str,
    config: &'static str,
    /// Whether `config` names the key: ssh does not look for it by itself.
    names_key: bool,
}

const UNIX: Home = Home {
    folder: "/root/.ssh",
    key: "/root/.ssh/id_ed25519",
    known_hosts: "/root/.ssh/known_hosts",
    config: "/root/.ssh/config",
    names_key: false,
};

/// An update of macOS may delete `/var/root/.ssh`; what is in `/etc/ssh` stays.
const MACOS: Home = Home {
    folder: "/etc/ssh/ssh_config.d",
    key: "/etc/ssh/nix_cache_ed25519",
    known_hosts: "/etc/ssh/ssh_known_hosts",
    config: "/etc/ssh/ssh_config.d/50-nix-cache.conf",
    names_key: true,
};

fn key(cache: &Cache, home: &Home) -> Step {
    let port = match cache.port {
        22 => String::new(),
        port => format!("-p {port} "),
    };
    let who = word(&cache.user);
    let host = word(&cache.host);
    let (folder, file) = (home.folder, home.key);
    let mode = if home.names_key { "755" } else { "700" };
    Step::new(
        "A key of this machine, without a passphrase: nobody is there to type one",
        [
            format!("install -d -m {mode} {folder}"),
            format!(
                "[ -e {file} ] || ssh-keygen -q -t ed25519 -N '' -C \"root@$(hostname)\" -f {file}"
            ),
            "# Send this one line to the administrator, and never the file without .pub:"
                .to_owned(),
            format!("cat {file}.pub"),
            format!(
                "# Where the server takes requests by itself, this is enough; it is refused until the key is authorized:\n# ssh -i {file} {port}{who}@{host}"
            ),
        ],
    )
}

fn known_hosts(cache: &Cache, home: &Home) -> Option<Step> {
    let lines: Vec<String> = cache
        .known_hosts()
        .iter()
        .map(|line| add_line(line, home.known_hosts))
        .collect();
    (!lines.is_empty()).then(|| Step::new("Know the server by its host key", lines))
}

/// ssh's lines for the host. Nix's own `connect-timeout` is for caches over HTTP.
fn ssh_lines(cache: &Cache, home: &Home) -> Vec<String> {
    let mut lines = vec![format!("ConnectTimeout {CONNECT_TIMEOUT}")];
    if cache.port_by_ssh {
        lines.push(format!("Port {}", cache.port));
    }
    if home.names_key {
        lines.push(format!("IdentityFile {}", home.key));
    }
    lines
}

fn ssh_config(cache: &Cache, home: &Home) -> Step {
    let config = home.config;
    let title = if cache.port_by_ssh {
        "The server's port, and how long a server that is away holds builds up"
    } else {
        "How long a server that is away holds builds up"
    };
    let lines = ssh_lines(cache, home).join("\\n    ");
    Step::new(
        title,
        [format!(
            "grep -qxF -- {} {config} 2>/dev/null || printf 'Host %s\\n    {lines}\\n' {} >> {config}",
            word(&format!("Host {}", cache.host)),
            word(&cache.host),
        )],
    )
}

fn nix_conf(cache: &Cache) -> Step {
    let find = "conf=/etc/nix/nix.conf; ! grep -qs nix.custom.conf \"$conf\" || conf=/etc/nix/nix.custom.conf";
    let mut lines = vec![
        "install -d -m 755 /etc/nix".to_owned(),
        "# Determinate writes nix.conf itself, and reads nix.custom.conf.".to_owned(),
        find.to_owned(),
        super::end_line("\"$conf\""),
    ];
    let settings = cache.nix_conf_lines();
    let settings = settings.iter().map(String::as_str).chain([FALLBACK]);
    lines.extend(settings.map(|line| add_line(line, "\"$conf\"")));
    Step::new(
        "Add it to substituters and trusted-public-keys of Nix; what it can't give is built",
        lines,
    )
}

/// What is asked when it works for root only.
fn as_a_user(cache: &Cache) -> Step {
    let address = visible(&cache.address);
    Step::new(
        "If it works as root and not as a user",
        [
            "# Builds ask the cache as root, with root's key: users need no key of their own.".to_owned(),
            "# A user who is not in trusted-users can't add a cache (\"ignoring untrusted substituter\"); the lines above are for all.".to_owned(),
            format!("# nix copy --from {address} and store ping run as you, with your key: use sudo."),
        ],
    )
}

/// The part of a NixOS configuration.
fn module(cache: &Cache) -> Vec<String> {
    let mut lines = vec![
        "{".to_owned(),
        format!(
            "  nix.settings.substituters = [ {} ];",
            nix_string(&cache.address)
        ),
    ];
    if !cache.public_keys.is_empty() {
        let keys: Vec<String> = cache
            .public_keys
            .iter()
            .map(|key| nix_string(key))
            .collect();
        lines.push(format!(
            "  nix.settings.trusted-public-keys = [ {} ];",
            keys.join(" ")
        ));
    }
    for key in &cache.host_keys {
        lines.push(format!(
            "  programs.ssh.knownHosts.{} = {{",
            nix_string(&format!("{} {}", cache.known_as(), key.short_type()))
        ));
        lines.push(format!(
            "    hostNames = [ {} ];",
            nix_string(&cache.known_as())
        ));
        lines.push(format!(
            "    publicKey = {};",
            nix_string(&format!("{} {}", key.algorithm(), key.base64()))
        ));
        lines.push("  };".to_owned());
    }
    lines.push("  nix.settings.fallback = true;".to_owned());
    let ssh = ssh_lines(cache, &UNIX).join("\n  ");
    lines.push(format!(
        "  programs.ssh.extraConfig = {};",
        // `\n` of the Nix language.
        nix_string(&format!("Host {}\n  {ssh}\n", cache.host)).replace('\n', "\\n")
    ));
    lines.push("}".to_owned());
    lines
}
