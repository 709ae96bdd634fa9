//! Installing the knock: what would be found, and doing it.
//!
//! In: where things are there. Out: the lines for sshd, to be shown before; and with a token, script, folders and lines in
//! place and in effect, or all as it was.

use crate::change::token::Token;
use crate::domain::path_info::hex;
use crate::domain::text::visible;
use crate::link::{Command, Limits};
use crate::server::error::{ServerError, Why};
use crate::server::script::{self, why};
use crate::server::{Inner, Server, access};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// `useradd`, `sshd -t`, and a second for the reload.
const INSTALL: Limits = Limits {
    output: 16 << 10,
    time: Duration::from_secs(90),
};

/// The user that the knock runs as, and owns nothing but what waits.
pub const KNOCK_USER: &str = "storekeeper";

/// Where the knock goes. Below /usr/local, Debian lets a group write, and sshd would refuse it.
pub const KNOCK_SCRIPT: &str = "/etc/storekeeper/knock";

/// What an installation would find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnockFacts {
    /// The server is NixOS: its module installs the knock.
    pub nixos: bool,
    /// sshd's configuration.
    pub config: String,
    /// Why the sshd that serves this connection may have another one; see [`SshdFacts::assumed`].
    ///
    /// [`SshdFacts::assumed`]: crate::domain::access::SshdFacts::assumed
    pub assumed: Option<String>,
    /// The folder of further files that it includes, such as `/etc/ssh/sshd_config.d`; `None` where it includes none.
    pub folder: Option<String>,
    /// The script is there already, the same as ours.
    pub script_there: bool,
    /// The user exists.
    pub user_there: bool,
    /// sshd's version, such as `OpenSSH_9.2p1`; `None` where it does not say it.
    pub sshd_version: Option<String>,
}

impl KnockFacts {
    /// Whether sshd can tell the script the addresses of a connection (`%C`, OpenSSH 9.4). An older one ends each connection
    /// for which it would run a script with this token.
    pub fn tells_addresses(&self) -> bool {
        self.sshd_version.as_deref().is_some_and(tells_addresses)
    }
}

/// What is there of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnockSeen {
    /// The script, whole.
    pub script: bool,
    /// sshd's lines, whole, and its configuration says so for the cache user.
    pub lines: bool,
}

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnockInstall {
    /// Where the script goes.
    pub script: String,
    /// Whom it runs as.
    pub user: String,
    /// The file for sshd's lines.
    pub lines_file: String,
    /// The folder of requests.
    pub requests_dir: String,
    /// The user that clients log in as.
    pub cache_user: String,
    /// sshd tells the script the addresses of a connection.
    pub addresses: bool,
}

impl KnockInstall {
    /// What sshd runs.
    pub fn command(&self) -> String {
        let connection = if self.addresses { " %C" } else { "" };
        format!(
            "{} %u %t %k %f {}{connection}",
            self.script, self.requests_dir
        )
    }

    /// The lines for sshd. Refused keys are logged only at VERBOSE.
    pub fn lines(&self) -> String {
        format!(
            "# Written by storekeeper: a key that no file has is noted as a request for access, and refused as before.\n\
             Match User {}\n    \
             AuthorizedKeysCommand {}\n    \
             AuthorizedKeysCommandUser {}\n    \
             LogLevel VERBOSE\n\
             Match all\n",
            self.cache_user,
            self.command(),
            self.user
        )
    }

    /// The script's text.
    pub fn script_text() -> &'static str {
        script::KNOCK
    }

    /// Whether sshd would read these words as they are: it splits at blanks, and knows tokens and quotes.
    pub fn is_plain(&self) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@+".contains(c);
        [
            &self.script,
            &self.user,
            &self.requests_dir,
            &self.cache_user,
        ]
        .iter()
        .all(|word| !word.is_empty() && word.chars().all(plain))
    }
}

/// Whether an sshd of this version, such as `OpenSSH_9.2p1`, knows the token `%C`.
fn tells_addresses(version: &str) -> bool {
    let numbers = version.strip_prefix("OpenSSH_").unwrap_or_default();
    let mut numbers = numbers.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next().and_then(|digits| digits.parse::<u32>().ok());
    matches!((number(), number()), (Some(major), Some(minor)) if (major, minor) >= (9, 4))
}

impl Server {
    /// What an installation of the knock would find.
    pub async fn knock_facts(&self) -> Result<KnockFacts, ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let command = Command::script(script::ACCESS_KNOCK_LOOK)
            .arg(KNOCK_SCRIPT)
            .arg(KNOCK_USER)
            .sudo(start.sudo);
        let answers = script::ask(link, &command, &start.place).await?;
        let ours = hex(&Sha256::digest(script::KNOCK));
        let folder = answers
            .all("include")
            .flat_map(str::split_ascii_whitespace)
            .find_map(|pattern| pattern.trim_matches('"').strip_suffix("/*.conf"))
            .map(|folder| {
                if folder.starts_with('/') {
                    folder.to_owned()
                } else {
                    format!("/etc/ssh/{folder}")
                }
            });
        Ok(KnockFacts {
            nixos: answers.get("nixos").is_some(),
            config: visible(answers.get("config").unwrap_or("/etc/ssh/sshd_config")).into_owned(),
            assumed: access::assumed(&self.inner.spec, answers.get("assumed")),
            folder,
            script_there: answers.get("script") == Some(ours.as_str()),
            user_there: answers.get("user").is_some(),
            sshd_version: answers.shown("version"),
        })
    }

    /// What is there of an installation.
    pub async fn knock_seen(&self, install: &KnockInstall) -> Result<KnockSeen, ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let command = Command::script(script::ACCESS_KNOCK_LOOK)
            .arg(&install.script)
            .arg(&install.user)
            .arg(&install.lines_file)
            .arg(&install.cache_user)
            .sudo(start.sudo);
        let answers = script::ask(link, &command, &start.place).await?;
        let is =
            |name: &str, text: &str| answers.get(name) == Some(hex(&Sha256::digest(text)).as_str());
        Ok(KnockSeen {
            script: is("script", script::KNOCK),
            lines: is("lines", &install.lines())
                && answers.get("effective") == Some(install.command().as_str()),
        })
    }

    /// Installs the knock, and has sshd read its configuration.
    pub async fn install_knock(
        &self,
        _: &Token,
        install: &KnockInstall,
    ) -> Result<(), ServerError> {
        apply(&self.inner, install).await
    }
}

/// What [`Server::install_knock`] does.
pub(in crate::server) async fn apply(
    inner: &Inner,
    install: &KnockInstall,
) -> Result<(), ServerError> {
    let failed = |why: Why| ServerError::Script {
        place: inner.start.place.clone(),
        what: "install the knock",
        why,
        next: "fix that and try again",
    };
    if !install.is_plain() {
        return Err(failed(
            "a path or a user name has characters that sshd would read in its own way"
                .to_owned()
                .into(),
        ));
    }
    let command = Command::script(script::ACCESS_KNOCK)
        .arg(script::KNOCK)
        .arg(&install.script)
        .arg(&install.requests_dir)
        .arg(&install.user)
        .arg(&install.lines_file)
        .arg(&install.cache_user)
        .sudo(inner.start.sudo);
    let output = inner
        .link
        .run(&command, install.lines().as_bytes(), INSTALL)
        .await?;
    if output.exit.success() {
        Ok(())
    } else {
        Err(failed(why(&output)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_sshd_that_knows_it_gets_the_token() {
        for version in [
            "OpenSSH_9.4p1",
            "OpenSSH_9.9p2",
            "OpenSSH_10.0p2",
            "OpenSSH_10.6",
        ] {
            assert!(tells_addresses(version), "{version}");
        }
        for version in [
            "OpenSSH_9.3p2",
            "OpenSSH_9.2p1",
            "OpenSSH_8.9",
            "9.4",
            "OpenSSH_9",
            "OpenSSH_",
            "",
            "dropbear_9.4",
        ] {
            assert!(!tells_addresses(version), "{version}");
        }
    }
}
