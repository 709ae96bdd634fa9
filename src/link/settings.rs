//! The answer of `ssh -G`, and the target that it makes together with what was given explicitly.
//!
//! In: lines of a keyword in lower case and a value. Out: an [`SshTarget`]. Pure but for the look whether a file with a space in its
//! name exists.

use std::path::PathBuf;
use std::time::Duration;

use super::address::{self, Address, Tokens};
use super::keys::Secrets;
use super::known_hosts::{HostName, command};
use super::target::{AgentAt, Methods, Options, SshTarget, Strict, Via};

/// The lines.
#[derive(Debug, Default)]
pub(super) struct Settings<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Settings<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        Self(
            text.lines()
                .filter_map(|line| line.split_once(' '))
                .map(|(key, value)| (key, value.trim()))
                .collect(),
        )
    }

    /// The first value; ssh writes `none` for what is switched off.
    fn get(&self, key: &str) -> Option<&'a str> {
        self.all(key)
            .next()
            .filter(|value| !value.is_empty() && *value != "none")
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(found, _)| *found == key)
            .map(|(_, value)| *value)
    }

    /// Whether a switch is on. Some values are neither on nor off (`pubkeyauthentication unbound`); they count as on.
    fn is(&self, key: &str, default: bool) -> bool {
        self.get(key)
            .map_or(default, |value| !matches!(value, "no" | "false"))
    }

    fn port(&self, given: Option<u16>) -> Result<u16, String> {
        match self.get("port") {
            Some(port) => port
                .parse()
                .map_err(|_| "the port is not a number".to_owned()),
            None => Ok(given.unwrap_or(22)),
        }
    }

    fn strict(&self) -> Strict {
        match self.get("stricthostkeychecking") {
            Some("yes" | "true") => Strict::Yes,
            Some("accept-new") => Strict::AcceptNew,
            _ => Strict::Ask,
        }
    }
}

/// Everything but the way there: the jump, if there is one, is handed back. Without settings (no ssh is installed) only what was given
/// and ssh's own defaults count.
pub(super) fn build(
    options: &Options,
    address: &Address,
    settings: Option<&Settings<'_>>,
) -> Result<(SshTarget, Option<String>), String> {
    let none = Settings::default();
    let read = settings.unwrap_or(&none);
    let host = read.get("hostname").unwrap_or(&address.host);
    address::check_host(host).map_err(|why| format!("HostName: {why}"))?;
    let user = match (&address.user, read.get("user")) {
        (_, Some(user)) => user.to_owned(),
        (Some(user), None) => user.clone(),
        (None, None) => address::local_user(),
    };
    address::check_user(&user)?;
    let port = read.port(address.port)?;
    let known_as = match read.get("hostkeyalias") {
        Some(alias) => HostName::alias(alias),
        None => HostName::new(host, port),
    };
    let shown_name = known_as.to_string();
    let files = Files {
        options,
        read,
        tokens: Tokens {
            original: &address.host,
            host,
            port,
            user: &user,
            known_as: &shown_name,
        },
    };
    let jump = match settings {
        Some(_) => read.get("proxyjump").map(str::to_owned),
        None => options.jump.clone().filter(|jump| jump != "none"),
    };
    let via = match read.get("proxycommand") {
        Some(_) if jump.is_none() && read.is("proxyusefdpass", false) => {
            return Err("ProxyUseFdpass is not supported here".into());
        }
        Some(command) if jump.is_none() => Via::Command(files.tokens.expand(command)?),
        _ => Via::Direct,
    };
    let (known_hosts, global_known_hosts) = files.known_hosts()?;
    let target = SshTarget {
        name: options.name.clone(),
        host: host.to_owned(),
        port,
        known_hosts,
        global_known_hosts,
        known_hosts_command: files.command()?,
        localhost_unchecked: read.is("nohostauthenticationforlocalhost", false)
            && read.get("hostkeyalias").is_none(),
        hash_known_hosts: read.is("hashknownhosts", false),
        check_host_ip: read.is("checkhostip", false),
        revoked_host_keys: files.paths("revokedhostkeys")?.into_iter().next(),
        strict: read.strict(),
        explicit: options.identity_files.clone(),
        identities: files.identities(settings.is_some())?,
        certificates: files.paths("certificatefile")?,
        identities_only: read.is("identitiesonly", false),
        agent: files.agent()?,
        methods: Methods {
            public_key: read.is("pubkeyauthentication", true),
            keyboard_interactive: read.is("kbdinteractiveauthentication", true),
            password: read.is("passwordauthentication", true),
        },
        connect_timeout: read
            .get("connecttimeout")
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs),
        via,
        secrets: Secrets::default(),
        configured: settings.is_some(),
        known_as,
        user: user.clone(),
    };
    Ok((target, jump))
}

/// The settings that name files.
struct Files<'a> {
    options: &'a Options,
    read: &'a Settings<'a>,
    tokens: Tokens<'a>,
}

impl Files<'_> {
    /// A setting that may stand several times.
    fn paths(&self, key: &str) -> Result<Vec<PathBuf>, String> {
        self.read
            .all(key)
            .filter(|value| *value != "none" && !value.is_empty())
            .map(|value| self.tokens.path(value))
            .collect()
    }

    /// A setting whose files are joined by spaces; a name that has one is only recognized when it is the only one.
    fn list(&self, key: &str, default: &str) -> Result<Vec<PathBuf>, String> {
        let value = self.read.all(key).next().unwrap_or(default);
        if value == "none" {
            return Ok(Vec::new());
        }
        match self.tokens.path(value) {
            Ok(one) if one.exists() => Ok(vec![one]),
            _ => value
                .split(' ')
                .filter(|part| !part.is_empty())
                .map(|part| self.tokens.path(part))
                .collect(),
        }
    }

    fn known_hosts(&self) -> Result<(Vec<PathBuf>, Vec<PathBuf>), String> {
        // What is written there is gone at once, so it is no file of known hosts.
        let kept = |mut files: Vec<PathBuf>| {
            files.retain(|file| file.as_os_str() != "/dev/null");
            files
        };
        if let Some(file) = &self.options.known_hosts {
            return Ok((kept(vec![file.clone()]), Vec::new()));
        }
        Ok((
            kept(self.list(
                "userknownhostsfile",
                "~/.ssh/known_hosts ~/.ssh/known_hosts2",
            )?),
            self.list(
                "globalknownhostsfile",
                "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",
            )?,
        ))
    }

    /// The words of `KnownHostsCommand`. Who names a file wants nothing else to count.
    fn command(&self) -> Result<Option<Vec<String>>, String> {
        let Some(text) = self.read.get("knownhostscommand") else {
            return Ok(None);
        };
        if self.options.known_hosts.is_some() {
            return Ok(None);
        }
        let bad = |why: String| format!("KnownHostsCommand: {why}");
        let words = shell_words::split(text).map_err(|error| bad(error.to_string()))?;
        let filled = words.iter().enumerate().map(|(at, word)| match at {
            // ssh fills nothing into the program's own name.
            0 => Ok(word.clone()),
            _ => address::variables(&self.tokens.expand_but(word, &command::LATE)?),
        });
        let filled: Result<Vec<String>, String> = filled.collect();
        filled.map(Some).map_err(bad)
    }

    /// The named key files, then the configured ones. ssh leaves out the files that do not exist; who named one wants to hear of that.
    fn identities(&self, configured: bool) -> Result<Vec<PathBuf>, String> {
        let named = &self.options.identity_files;
        let mut all = named.clone();
        if configured {
            all.extend(
                self.paths("identityfile")?
                    .into_iter()
                    .filter(|path| !named.contains(path)),
            );
        } else if all.is_empty() {
            all.extend(
                ["ed25519", "ecdsa", "rsa"]
                    .map(|kind| address::tilde(&format!("~/.ssh/id_{kind}"))),
            );
        }
        Ok(all)
    }

    fn agent(&self) -> Result<AgentAt, String> {
        Ok(match self.read.all("identityagent").next() {
            None | Some("SSH_AUTH_SOCK") => AgentAt::Environment,
            Some("none") => AgentAt::None,
            Some(variable) if variable.starts_with('$') && !variable.starts_with("${") => {
                std::env::var_os(variable.trim_start_matches('$'))
                    .map_or(AgentAt::None, |path| AgentAt::Socket(path.into()))
            }
            Some(path) => AgentAt::Socket(self.tokens.path(path)?),
        })
    }
}
