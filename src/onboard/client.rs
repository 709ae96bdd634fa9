//! What a new client of the cache does.
//!
//! In: [`Cache`], as it was found out on the server. Out: the steps for one platform. The machine's root asks the cache, since
//! it is Nix's daemon that fetches.

use super::{Step, add_line, word};
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::text::nix_string;

/// A client's system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Linux with systemd and a Nix daemon.
    Linux,
    /// macOS.
    MacOs,
    /// NixOS.
    NixOs,
}

impl Platform {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::MacOs => "macos",
            Self::NixOs => "nixos",
        }
    }

    const fn root_home(self) -> &'static str {
        match self {
            Self::Linux | Self::NixOs => "/root",
            Self::MacOs => "/var/root",
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
    /// Its port.
    pub port: u16,
    /// The port has to come from ssh's configuration: versions of Nix before 2.32 hand an address with a port to ssh as a host name.
    pub port_by_ssh: bool,
    /// Its host keys, the best first.
    pub host_keys: Vec<PublicSshKey>,
    /// The keys that sign for it, as in `trusted-public-keys`.
    pub public_keys: Vec<String>,
}

impl Cache {
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
                "the cache has no signing key that is known here, so clients will refuse its paths; set secret-key-files in the server's nix.conf, or public_keys in the configuration of storekeeper"
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
                "Run all of it as root (sudo -i): it is the machine's Nix daemon that fetches."
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

/// The steps.
pub fn steps(cache: &Cache, platform: Platform) -> Vec<Step> {
    let mut steps = vec![key(cache, platform)];
    if platform == Platform::NixOs {
        steps.push(Step::new(
            "Put this into the machine's configuration",
            module(cache),
        ));
        steps.push(Step::new("Make it so", ["nixos-rebuild switch"]));
    } else {
        steps.extend(known_hosts(cache, platform));
        steps.push(nix_conf(cache));
        let restart = match platform {
            Platform::MacOs => "launchctl kickstart -k system/org.nixos.nix-daemon",
            Platform::Linux | Platform::NixOs => "systemctl restart nix-daemon",
        };
        steps.push(Step::new("Have Nix's daemon read that", [restart]));
    }
    steps.push(Step::new(
        "Try it, once the administrator has let the key in",
        [format!(
            "nix --extra-experimental-features nix-command store ping --store {}",
            word(&cache.address)
        )],
    ));
    steps
}

fn key(cache: &Cache, platform: Platform) -> Step {
    let home = platform.root_home();
    let port = match cache.port {
        22 => String::new(),
        port => format!("-p {port} "),
    };
    let who = word(&cache.user);
    let host = word(&cache.host);
    Step::new(
        "A key of this machine, without a passphrase: nobody is there to type one",
        [
            format!("install -d -m 700 {home}/.ssh"),
            format!(
                "[ -e {home}/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -C \"root@$(hostname)\" -f {home}/.ssh/id_ed25519"
            ),
            "# Send this one line to the administrator, and never the file without .pub:"
                .to_owned(),
            format!("cat {home}/.ssh/id_ed25519.pub"),
            format!(
                "# Where the server takes requests by itself, this is enough; it is refused until the key is let in:\n# ssh -i {home}/.ssh/id_ed25519 {port}{who}@{host}"
            ),
        ],
    )
}

fn known_hosts(cache: &Cache, platform: Platform) -> Vec<Step> {
    let home = platform.root_home();
    let file = format!("{home}/.ssh/known_hosts");
    let lines: Vec<String> = cache
        .known_hosts()
        .iter()
        .map(|line| add_line(line, &file))
        .collect();
    let mut steps = Vec::new();
    if !lines.is_empty() {
        steps.push(Step::new("Know the server by its host key", lines));
    }
    if cache.port_by_ssh {
        let config = format!("{home}/.ssh/config");
        steps.push(Step::new(
            "The server's port",
            [format!(
                "grep -qxF -- {} {config} 2>/dev/null || printf 'Host %s\\n    Port %s\\n' {} {} >> {config}",
                word(&format!("Host {}", cache.host)),
                word(&cache.host),
                cache.port
            )],
        ));
    }
    steps
}

fn nix_conf(cache: &Cache) -> Step {
    let mut lines = vec![add_line(
        &format!("extra-substituters = {}", cache.address),
        "/etc/nix/nix.conf",
    )];
    if !cache.public_keys.is_empty() {
        lines.push(add_line(
            &format!(
                "extra-trusted-public-keys = {}",
                cache.public_keys.join(" ")
            ),
            "/etc/nix/nix.conf",
        ));
    }
    Step::new(
        "Add it to substituters and trusted-public-keys in nix.conf",
        lines,
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
    if cache.port_by_ssh {
        lines.push(format!(
            "  programs.ssh.extraConfig = {};",
            // `\n` of the Nix language.
            nix_string(&format!("Host {}\n  Port {}\n", cache.host, cache.port))
                .replace('\n', "\\n")
        ));
    }
    lines.push("}".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onboard::text;
    use proptest::prelude::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhVmVJUK";

    fn cache(address: &str) -> Cache {
        Cache {
            host_keys: vec![PublicSshKey::parse(KEY).unwrap()],
            public_keys: vec!["cache.example.org-1:AAAA=".to_owned()],
            ..Cache::at(address, "nix-ssh").unwrap()
        }
    }

    #[test]
    fn addresses() {
        for (address, user, host, port) in [
            (
                "ssh://nix-ssh@cache.example.org",
                "nix-ssh",
                "cache.example.org",
                22,
            ),
            ("ssh-ng://c@h:2222", "c", "h", 2222),
            ("ssh://h", "nix-ssh", "h", 22),
            ("ssh://u@[::1]:7", "u", "::1", 7),
            ("ssh://u@h?ssh-key=/k", "u", "h", 22),
        ] {
            let cache = Cache::at(address, "nix-ssh").unwrap();
            assert_eq!(
                (cache.user.as_str(), cache.host.as_str(), cache.port),
                (user, host, port),
                "{address}"
            );
        }
        for address in ["https://h", "h", "ssh://", "ssh://u@h:x", "ssh://[h"] {
            assert_eq!(Cache::at(address, "nix-ssh"), None, "{address}");
        }
    }

    #[test]
    fn derived_addresses() {
        let cache = Cache::derived("u", "::1", 2222, Some("ssh-ng"));
        assert_eq!(
            (cache.address.as_str(), cache.port_by_ssh),
            ("ssh-ng://u@[::1]", true)
        );
        assert_eq!(cache.known_as(), "[::1]:2222");
        let cache = Cache::derived("u", "h", 22, None);
        assert_eq!(
            (cache.address.as_str(), cache.port_by_ssh),
            ("ssh://u@h", false)
        );
    }

    #[test]
    fn everything_is_filled_in() {
        let cache = cache("ssh://nix-ssh@cache.example.org:2222");
        for platform in [Platform::Linux, Platform::MacOs, Platform::NixOs] {
            let text = text(&cache.head(platform), &steps(&cache, platform));
            for part in [
                "ssh://nix-ssh@cache.example.org:2222",
                "cache.example.org-1:AAAA=",
                "[cache.example.org]:2222",
                KEY,
                "ssh-keygen -q -t ed25519 -N ''",
                "store ping --store",
            ] {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert!(!text.contains("MISSING"), "{text}");
            let restart = match platform {
                Platform::Linux => "systemctl restart nix-daemon",
                Platform::MacOs => "launchctl kickstart -k system/org.nixos.nix-daemon",
                Platform::NixOs => "nixos-rebuild switch",
            };
            assert!(text.contains(restart), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let bare = Cache::at("ssh://h", "nix-ssh").unwrap();
        let text = text(&bare.head(Platform::Linux), &steps(&bare, Platform::Linux));
        assert_eq!(text.matches("# MISSING: ").count(), 2, "{text}");
        assert!(!text.contains("trusted-public-keys ="), "{text}");
    }

    #[test]
    fn a_port_that_nix_cannot_pass_on_goes_into_the_configuration_of_ssh() {
        let mut cache = cache("ssh://nix-ssh@h");
        (cache.port, cache.port_by_ssh) = (2222, true);
        let linux = text("", &steps(&cache, Platform::Linux));
        assert!(
            linux.contains(r"printf 'Host %s\n    Port %s\n' h 2222 >> /root/.ssh/config"),
            "{linux}"
        );
        let nixos = text("", &steps(&cache, Platform::NixOs));
        assert!(
            nixos.contains(r#"programs.ssh.extraConfig = "Host h\n  Port 2222\n";"#),
            "{nixos}"
        );
    }

    proptest! {
        #[test]
        fn a_host_is_never_a_command(host in "[ -~]{1,12}") {
            prop_assume!(!host.contains(['@', ':', '/', '?', '[', '#']));
            let cache = Cache::at(&format!("ssh://u@{host}"), "u").unwrap();
            for step in steps(&cache, Platform::Linux) {
                for line in step.lines.iter().filter(|line| !line.starts_with('#')) {
                    // Each is still a sound command line.
                    prop_assert!(shell_words::split(line).is_ok(), "{line}");
                }
            }
        }
    }
}
