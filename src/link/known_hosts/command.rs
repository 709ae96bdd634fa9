//! `KnownHostsCommand`: a program of the person whose output are lines of `known_hosts`, run as ssh runs it.
//!
//! In: the words of the setting, and what is asked about. Out: its lines. One that fails ends the connection, as for ssh: it may
//! have wanted to revoke the key.

use std::process::Stdio;
use std::time::Duration;

use russh::keys::HashAlg;
use russh::keys::ssh_key::public::KeyData;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::HostName;
use crate::link::error::{LinkError, sentence};

/// How long it may take: ssh waits for good, but its user sees that.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is larger than this is no list of keys.
const MOST_BYTES: u64 = 32 << 20;

/// The tokens that are filled in when it is run; the others are filled in when the settings are read.
pub(in crate::link) const LATE: [char; 5] = ['I', 'H', 't', 'f', 'K'];

/// Why it is run: `%I`.
#[derive(Debug, Clone, Copy)]
pub(in crate::link) enum About<'a> {
    /// Which types of key to ask for.
    Order,
    /// A key that the host sent.
    Hostname(&'a KeyData),
    /// The same key, under the host's address (`CheckHostIP`).
    Address(&'a KeyData),
}

impl About<'_> {
    const fn word(self) -> &'static str {
        match self {
            Self::Order => "ORDER",
            Self::Hostname(_) => "HOSTNAME",
            Self::Address(_) => "ADDRESS",
        }
    }

    /// `%t`, `%f` and `%K`.
    fn key(self) -> [String; 3] {
        let (Self::Hostname(key) | Self::Address(key)) = self else {
            return ["NONE", "NONE", "NONE"].map(str::to_owned);
        };
        let line = russh::keys::PublicKey::new(key.clone(), "").to_openssh();
        let line = line.unwrap_or_default();
        [
            key.algorithm().to_string(),
            key.fingerprint(HashAlg::Sha256).to_string(),
            line.split(' ').nth(1).unwrap_or("NONE").to_owned(),
        ]
    }
}

/// Runs it; the bytes that it printed.
pub(in crate::link) async fn run(
    words: &[String],
    name: &HostName,
    about: About<'_>,
) -> Result<Vec<u8>, LinkError> {
    let failed = |why: String| LinkError::KnownHostsCommand {
        command: sentence(words.first().map_or("", String::as_str)),
        why: sentence(&why),
    };
    let Some((program, arguments)) = words.split_first() else {
        return Err(failed("it is empty".to_owned()));
    };
    if !program.starts_with('/') {
        return Err(failed("its path is not absolute".to_owned()));
    }
    let key = about.key();
    let late = |word: &String| fill(word, name, about, &key);
    let mut child = tokio::process::Command::new(program)
        .args(arguments.iter().map(late))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let Some(stdout) = child.stdout.take() else {
        return Err(failed("its output cannot be read".to_owned()));
    };
    let whole = async {
        let mut lines = Vec::new();
        stdout.take(MOST_BYTES + 1).read_to_end(&mut lines).await?;
        if lines.len() as u64 > MOST_BYTES {
            return Err(std::io::Error::other("it prints more than 32 MiB"));
        }
        Ok((lines, child.wait().await?))
    };
    match timeout(PATIENCE, whole).await {
        Ok(Ok((lines, status))) if status.success() => Ok(lines),
        Ok(Ok((_, status))) => Err(failed(status.to_string())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!(
            "it takes more than {} s",
            PATIENCE.as_secs()
        ))),
    }
}

/// Fills the late tokens in; `%%` is one percent sign.
fn fill(
    word: &str,
    name: &HostName,
    about: About<'_>,
    [kind, print, blob]: &[String; 3],
) -> String {
    let mut out = String::with_capacity(word.len());
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('I') => out.push_str(about.word()),
            Some('H') => out.push_str(&name.to_string()),
            Some('t') => out.push_str(kind),
            Some('f') => out.push_str(print),
            Some('K') => out.push_str(blob),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}
