//! Addresses as people write them, and the tokens of `ssh_config(5)`.
//!
//! In: `cache`, `root@cache.example.org`, `ssh://root@cache:2222`, `local`, the hops of a `ProxyJump`. Out: an [`Address`] whose parts
//! can neither be taken for an option nor for shell syntax.

use std::path::PathBuf;

use super::error::{LinkError, home};

/// A host with what was said about user and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

/// The address of a server, as given on the command line. The name `local` is not for this function.
pub(crate) fn parse(text: &str) -> Result<Address, LinkError> {
    for scheme in ["ssh://", "ssh-ng://"] {
        if let Some(rest) = text.strip_prefix(scheme) {
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            return authority(text, rest, true);
        }
    }
    if text.contains("://") {
        return Err(LinkError::address(text, "only ssh:// is known"));
    }
    authority(text, text, false)
}

/// One hop of a `ProxyJump`: `[user@]host[:port]` or `ssh://…` (`ssh_config(5)`).
pub(crate) fn parse_hop(text: &str) -> Result<Address, LinkError> {
    let rest = text.strip_prefix("ssh://").unwrap_or(text);
    authority(text, rest.strip_suffix('/').unwrap_or(rest), true)
}

fn authority(whole: &str, text: &str, ports: bool) -> Result<Address, LinkError> {
    let bad = |why: &str| LinkError::address(whole, why);
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, text),
    };
    let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
        let (host, after) = inner
            .split_once(']')
            .ok_or_else(|| bad("the bracket is not closed"))?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(bad("something follows the bracket")),
        }
    } else {
        match rest.split_once(':') {
            // Two colons and more are an IPv6 address.
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (rest, None),
        }
    };
    if port.is_some() && !ports {
        return Err(bad("a port is written as ssh://HOST:PORT"));
    }
    let port = match port {
        Some(port) => Some(
            port.parse::<u16>()
                .ok()
                // `parse` takes a plus sign, a port has none.
                .filter(|number| *number != 0 && !port.starts_with('+'))
                .ok_or_else(|| bad("the port is not a number from 1 to 65535"))?,
        ),
        None => None,
    };
    check_host(host).map_err(bad)?;
    if let Some(user) = user {
        check_user(user).map_err(bad)?;
    }
    Ok(Address {
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port,
    })
}

/// ssh's own rule (`valid_hostname`): nothing that a shell or an option parser would read.
pub(crate) fn check_host(host: &str) -> Result<(), &'static str> {
    if host.is_empty() {
        return Err("the host is missing");
    }
    if host.starts_with('-') {
        return Err("a host cannot start with a dash");
    }
    if host
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || "'`\"$\\;&<>|(){},/@".contains(c))
    {
        return Err("a host cannot have this character");
    }
    Ok(())
}

/// As for the host, but a user may have most characters.
pub(crate) fn check_user(user: &str) -> Result<(), &'static str> {
    if user.is_empty() {
        return Err("the user is missing");
    }
    if user.starts_with('-') {
        return Err("a user cannot start with a dash");
    }
    if user
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || "'`\"$;&<>|(){}".contains(c))
    {
        return Err("a user cannot have this character");
    }
    Ok(())
}

/// What the percent tokens of `ssh_config(5)`, "TOKENS", stand for.
pub(crate) struct Tokens<'a> {
    pub(crate) original: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) user: &'a str,
    pub(crate) known_as: &'a str,
}

impl Tokens<'_> {
    /// Replaces the tokens. An unknown one is an error, as for ssh.
    pub(crate) fn expand(&self, text: &str) -> Result<String, String> {
        Ok(self.expand_but(text, &[])?.replace("%%", "%"))
    }

    /// The same for a text some of whose tokens are filled in later: those and `%%` stay.
    pub(crate) fn expand_but(&self, text: &str, late: &[char]) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let value = match chars.next() {
                Some('%') => "%".to_owned(),
                Some('h') => self.host.to_owned(),
                Some('n') => self.original.to_owned(),
                Some('p') => self.port.to_string(),
                Some('r') => self.user.to_owned(),
                Some('k') => self.known_as.to_owned(),
                Some('u') => local_user(),
                Some('d') => home().unwrap_or_default().to_string_lossy().into_owned(),
                Some('i') => rustix::process::getuid().as_raw().to_string(),
                Some('l') => local_host(),
                Some('L') => local_host()
                    .split('.')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                Some(other) if late.contains(&other) => {
                    out.extend(['%', other]);
                    continue;
                }
                Some(other) => return Err(format!("the token %{other} is not supported")),
                None => return Err("it ends in a percent sign".into()),
            };
            out.push_str(&value.replace('%', "%%"));
        }
        Ok(out)
    }

    /// A file name: `~/`, `${VARIABLE}` and the tokens.
    pub(crate) fn path(&self, text: &str) -> Result<PathBuf, String> {
        Ok(tilde(&variables(&self.expand(text)?)?))
    }
}

/// Replaces each `${VARIABLE}`.
pub(crate) fn variables(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("a ${ is not closed")?;
        let value = std::env::var(name).map_err(|_| format!("the variable {name} is not set"))?;
        out.push_str(before);
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// `~` and `~/x` in the own home.
pub(crate) fn tilde(text: &str) -> PathBuf {
    match (text.strip_prefix('~'), home()) {
        (Some(""), Some(home)) => home,
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(text),
    }
}

/// The user here, who is the user there where nothing else is said.
pub(crate) fn local_user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| {
            std::env::var(name)
                .ok()
                .filter(|user| check_user(user).is_ok())
        })
        .unwrap_or_else(|| "root".to_owned())
}

fn local_host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(user: Option<&str>, host: &str, port: Option<u16>) -> Address {
        Address {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(parse("cache").unwrap(), address(None, "cache", None));
        assert_eq!(
            parse("root@cache.example.org").unwrap(),
            address(Some("root"), "cache.example.org", None)
        );
        assert_eq!(
            parse("ssh://root@h:2222").unwrap(),
            address(Some("root"), "h", Some(2222))
        );
        assert_eq!(parse("ssh://h/").unwrap(), address(None, "h", None));
        assert_eq!(
            parse("ssh-ng://[::1]:22").unwrap(),
            address(None, "::1", Some(22))
        );
        assert_eq!(parse("a@b@h").unwrap(), address(Some("a@b"), "h", None));
        assert_eq!(parse("fe80::1").unwrap(), address(None, "fe80::1", None));
        assert_eq!(
            parse_hop("u@j:22").unwrap(),
            address(Some("u"), "j", Some(22))
        );
        for bad in [
            "",
            "-oProxyCommand=x",
            "root@-x",
            "-l@h",
            "@h",
            "h:22",
            "h h",
            "h;id",
            "$(id)",
            "ssh://h:0",
            "ssh://h:x",
            "ssh://h:70000",
            "ssh://[::1",
            "ssh://[::1]x",
            "http://h",
            "h\n",
            "ssh://h/path",
            "u`id`@h",
            "ssh://h:+22",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens() {
        let tokens = Tokens {
            original: "alias",
            host: "h",
            port: 2222,
            user: "root",
            known_as: "k",
        };
        assert_eq!(
            tokens.expand("nc %h %p %% %n %r %k").unwrap(),
            "nc h 2222 % alias root k"
        );
        assert!(tokens.expand("%C").is_err() && tokens.expand("%").is_err());
        assert_eq!(tokens.path("~/x_%h").unwrap(), home().unwrap().join("x_h"));
        assert_eq!(tokens.path("${HOME}/y").unwrap(), home().unwrap().join("y"));
        assert!(tokens.path("${SURELY_NOT_SET_1}/y").is_err());
    }

    proptest! {
        #[test]
        fn never_panics_and_never_lets_an_option_through(text in any::<String>()) {
            for address in [parse(&text), parse_hop(&text)].into_iter().flatten() {
                prop_assert!(!address.host.starts_with('-') && !address.host.is_empty());
                prop_assert!(address.user.is_none_or(|user| !user.starts_with('-')));
            }
        }
    }
}
