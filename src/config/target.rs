//! What SERVER on the command line means.
//!
//! In: a name of the configuration, an address, and what other arguments override. Out: [`Target`], or why the text
//! is no server. Nothing is looked up here; an alias of the ssh configuration is resolved by `link`.

use super::{Config, ConfigError, ServerConfig, home};
use crate::domain::text::visible;
use crate::domain::{Notice, notice};
use crate::link::{self, LinkError, Options};
use crate::server::Spec;
use std::path::{Path, PathBuf};

/// What arguments say over the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--identity`: the only key file to log in with.
    pub identity: Option<PathBuf>,
    /// `--known-hosts`: the only file of known hosts.
    pub known_hosts: Option<PathBuf>,
    /// `--ssh-config`: the configuration of ssh to use.
    pub ssh_config: Option<PathBuf>,
    /// `--read-only`: nothing may be changed.
    pub read_only: bool,
    /// `--no-cache`: nothing is started from what this machine keeps, and nothing is kept.
    pub no_cache: bool,
}

/// A server that was asked for, and how to get there.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its settings; `name` is what the user called it, `read_only` has the override in it.
    pub settings: ServerConfig,
    /// The file of known hosts, where not ssh's own.
    pub known_hosts: Option<PathBuf>,
    /// The configuration of ssh, where not the user's own.
    pub ssh_config: Option<PathBuf>,
    /// The folder of what is kept of it on this machine, where not the user's own: for a server that is not for real.
    pub state: Option<PathBuf>,
    /// Nothing is started from what this machine keeps of its store, and nothing is kept.
    pub no_cache: bool,
}

impl Target {
    /// Looks the address up (by `ssh -G` where there is ssh) and puts together what a connection needs.
    pub async fn spec(&self) -> Result<Spec, LinkError> {
        let settings = &self.settings;
        let place = link::resolve(&Options {
            name: settings.host.clone(),
            user: settings.user.clone(),
            port: settings.port,
            identity_files: settings.identity_files.clone(),
            jump: settings.jump.clone(),
            known_hosts: self.known_hosts.clone(),
            ssh_config: self.ssh_config.clone(),
        })
        .await?;
        let cache = match &self.state {
            Some(state) => Some(state.join("cache")),
            None => home::cache(),
        };
        Ok(Spec {
            name: settings.name.clone(),
            place,
            kept: cache.clone().filter(|_| !self.no_cache),
            cache,
            settings: settings.settings.clone(),
        })
    }
}

impl Config {
    /// The server of this name or address.
    pub fn target(&self, text: &str, overrides: &Overrides) -> Result<Target, ConfigError> {
        let mut settings = match self.servers.iter().find(|server| server.name == text) {
            Some(server) => server.clone(),
            None => ServerConfig::unconfigured(text),
        };
        check_address(&settings.host)?;
        if let Some(identity) = &overrides.identity {
            settings.identity_files = vec![expand(identity)];
        }
        settings.read_only |= overrides.read_only;
        Ok(Target {
            settings,
            known_hosts: overrides.known_hosts.as_deref().map(expand),
            ssh_config: overrides.ssh_config.as_deref().map(expand),
            state: None,
            no_cache: overrides.no_cache,
        })
    }

    /// The server that is meant when none is named: the only one of the configuration; `None` where there are several.
    pub fn only_server(&self) -> Result<Option<&str>, ConfigError> {
        match self.servers.as_slice() {
            [server] => Ok(Some(&server.name)),
            [] => Err(ConfigError::Server(notice!(
                "no server is configured",
                "name one, such as storekeeper root@cache.example.org, or try storekeeper demo"
            ))),
            _ => Ok(None),
        }
    }
}

/// A shell expands `--identity ~/key` but not `--identity=~/key`.
fn expand(path: &Path) -> PathBuf {
    match path.to_str() {
        Some(text) => home::expand(text, home::home().as_deref()),
        None => path.to_path_buf(),
    }
}

/// Refuses what is no address in any form, before a part of it reaches `ssh` or a shell.
fn check_address(text: &str) -> Result<(), ConfigError> {
    let wrong = |why: &str| {
        Err(ConfigError::Server(Notice::new(
            format!("\"{}\" is not a server: {why}", visible(text)),
            "write a name of the configuration, user@host, ssh://user@host:port, or local",
        )))
    };
    if text.is_empty() || text.starts_with('-') {
        return wrong("it is empty or begins with a dash");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return wrong("it has blanks or control characters");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        if text.contains('/') {
            return wrong("it has a slash");
        }
        return match text.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => Err(password()),
            Some((user, host)) if user.is_empty() || host.is_empty() || host.starts_with('-') => {
                wrong("its user or host is missing")
            }
            _ => Ok(()),
        };
    };
    if scheme != "ssh" {
        return wrong("only ssh:// is spoken");
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, rest),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err(password());
    }
    if user.is_some_and(str::is_empty) {
        return wrong("its user is empty");
    }
    let port = match place.strip_prefix('[') {
        Some(bracketed) => match bracketed.split_once(']') {
            Some((host, rest)) if !host.is_empty() => match rest.strip_prefix(':') {
                Some(port) => Some(port),
                None if rest.is_empty() => None,
                None => return wrong("something other than a port follows its brackets"),
            },
            _ => return wrong("its brackets are not closed"),
        },
        None => place.split_once(':').map(|(_, port)| port),
    };
    if place.is_empty() || place.starts_with([':', '-']) || place.contains('/') {
        return wrong("its host is missing or has a path behind it");
    }
    match port.map(str::parse::<u16>) {
        Some(Err(_) | Ok(0)) => wrong("its port is not a number from 1 to 65535"),
        _ => Ok(()),
    }
}

/// The address is not repeated: messages are kept in logs.
fn password() -> ConfigError {
    ConfigError::Server(notice!(
        "a server's address can't have a password in it",
        "leave it out, it is asked for where it is needed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ok(text: &str) -> bool {
        check_address(text).is_ok()
    }

    #[test]
    fn addresses() {
        for text in [
            "prod",
            "root@cache.example.org",
            "local",
            "ssh://cache",
            "ssh://root@cache:2222",
            "ssh://cache/",
            "ssh://root@[::1]:22",
            "ssh://[fe80::1]",
            "::1",
        ] {
            assert!(ok(text), "{text}");
        }
        for text in [
            "",
            "-oProxyCommand=x",
            "a b",
            "a\nb",
            "@host",
            "root@",
            "root@-x",
            "/nix/store",
            "https://cache",
            "ssh://",
            "ssh://root:secret@cache",
            "ssh://cache:0",
            "ssh://cache:ssh",
            "ssh://cache/path",
            "ssh://[::1",
            "ssh://[::1]x",
            "ssh://-x",
        ] {
            assert!(!ok(text), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        for text in ["ssh://root:secret@cache", "root:secret@cache"] {
            let error = check_address(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_name_of_the_configuration_comes_first() {
        let config = Config::parse(
            "[servers.prod]\nhost = \"h\"\nidentity_files = [\"/a\"]\n[servers.bad]\nhost = \"-x\"",
            Path::new("c"),
        )
        .unwrap();
        let overrides = Overrides {
            identity: Some("/b".into()),
            read_only: true,
            ..Overrides::default()
        };
        let target = config.target("prod", &overrides).unwrap();
        assert_eq!(target.settings.host, "h");
        assert_eq!(target.settings.identity_files, [PathBuf::from("/b")]);
        assert!(target.settings.read_only);
        let other = config.target("h2", &Overrides::default()).unwrap();
        assert_eq!(
            (other.settings.host.as_str(), other.settings.read_only),
            ("h2", false)
        );
        assert!(config.target("bad", &overrides).is_err());
        assert_eq!(config.only_server(), Ok(None));
        assert!(Config::default().only_server().is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(ssh://)?[a@:\\[\\]/\\-. é\\x00]{0,12}") {
            let _ = check_address(&text);
        }
    }
}
