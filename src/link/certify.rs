//! User certificates, made on this machine by the real `ssh-keygen -s`.
//!
//! In: a public key, and what its certificate is to say. Out: the certificate. The authority's secret stays where it is: `ssh-keygen` reads
//! its file, and asks for its passphrase on the terminal where that is free, or has the ssh-agent sign. Source: ssh-keygen(1), CERTIFICATES.

use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::domain::text::visible;
use crate::domain::{Explain, Notice, When, notice};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use thiserror::Error;

/// Bytes of a certificate's file at most.
const MOST: usize = 64 << 10;

/// A key that signs certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaKey {
    /// Its file here: the private key, or the public one where the agent has the other half.
    pub file: PathBuf,
    /// Whether the agent signs.
    pub in_agent: bool,
    /// Of its public half.
    pub fingerprint: Fingerprint,
    /// Whether the terminal is free for a question.
    pub terminal: Terminal,
}

/// Whether `ssh-keygen` may ask for a passphrase on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// It may.
    Free,
    /// A console is on it.
    Taken,
}

/// What a certificate is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The key that it is for.
    pub key: PublicSshKey,
    /// What signs it.
    pub ca: CaKey,
    /// What sshd's log calls it.
    pub id: String,
    /// Its number.
    pub serial: u64,
    /// The names that it may log in as.
    pub principals: Vec<String>,
    /// From when on it holds.
    pub after: When,
    /// When it ends.
    pub before: When,
    /// The addresses that it may come from, as in `from=` but addresses alone.
    pub source: Option<String>,
    /// What it runs, whatever its owner asks for.
    pub command: Option<String>,
}

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum CertifyError {
    /// `ssh-keygen` could not be run, or its files not be kept.
    Run(String),
    /// It says no.
    Refused(String),
    /// The key has a passphrase, and nobody can be asked for it.
    Passphrase(PathBuf),
    /// It has made something else.
    Other(&'static str),
}

impl Explain for CertifyError {
    fn notice(&self) -> Notice {
        match self {
            Self::Run(why) => notice!(
                "ssh-keygen cannot be run: {why}",
                "install OpenSSH's client here"
            ),
            Self::Refused(why) => Notice::new(
                format!("ssh-keygen makes no certificate: {}", visible(why)),
                "name the private key of the authority, or its .pub file where the agent has it",
            ),
            Self::Passphrase(file) => {
                let file = file.display().to_string();
                let file = visible(&file);
                notice!(
                    "{file} can't be used without its passphrase",
                    "load the key with ssh-add and name its .pub file"
                )
            }
            Self::Other(what) => notice!(
                "the certificate that ssh-keygen made has another {what} than the plan showed",
                "look at the authority's file and plan again"
            ),
        }
    }
}

/// Looks at an authority's key. Of a private one only the public half is read, by `ssh-keygen`.
pub async fn ca_key(file: &Path, terminal: Terminal) -> Result<CaKey, CertifyError> {
    let mut command = keygen(terminal);
    let output = run(command
        .arg("-l")
        .arg("-E")
        .arg("sha256")
        .arg("-f")
        .arg(file))
    .await?;
    let mut words = output.split_ascii_whitespace();
    let print = words.nth(1).and_then(Fingerprint::parse);
    let fingerprint =
        print.ok_or_else(|| CertifyError::Refused("it does not say what key it is".to_owned()))?;
    let in_agent = file.extension().is_some_and(|end| end == "pub");
    if terminal == Terminal::Taken && !in_agent {
        let mut command = keygen(terminal);
        let command = command.args(["-y", "-P", "", "-f"]).arg(file);
        let opens = run(command).await;
        opens.map_err(|_| CertifyError::Passphrase(file.to_owned()))?;
    }
    Ok(CaKey {
        file: file.to_owned(),
        in_agent,
        fingerprint,
        terminal,
    })
}

/// Makes a certificate, and looks whether it says what was asked for. Nothing is left on the disk but what the caller writes.
pub async fn certify(request: &CertificateRequest) -> Result<PublicSshKey, CertifyError> {
    let failed = |error: std::io::Error| CertifyError::Run(error.to_string());
    let folder = tempfile::tempdir().map_err(failed)?;
    let file = folder.path().join("key.pub");
    let mut line = request.key.line();
    line.push(b'\n');
    std::fs::write(&file, line).map_err(failed)?;
    let mut command = keygen(request.ca.terminal);
    // Times without a zone are local ones; a Z behind them is not known before OpenSSH 9.1.
    command.env("TZ", "UTC").arg("-q");
    if request.ca.in_agent {
        command.arg("-U");
    }
    let validity = format!("{}:{}", digits(request.after), digits(request.before));
    command.arg("-s").arg(&request.ca.file);
    command.args(["-I", &request.id, "-n", &request.principals.join(",")]);
    command.args(["-z", &request.serial.to_string(), "-V", &validity]);
    command.args(["-O", "clear"]);
    for (name, value) in [
        ("source-address", &request.source),
        ("force-command", &request.command),
    ] {
        if let Some(value) = value {
            command.arg("-O").arg(format!("{name}={value}"));
        }
    }
    run(command.arg(&file)).await?;
    let made = std::fs::read(folder.path().join("key-cert.pub")).map_err(failed)?;
    let made = made.get(..made.len().min(MOST)).unwrap_or_default();
    let made = PublicSshKey::parse(&String::from_utf8_lossy(made))
        .map_err(|error| CertifyError::Refused(error.to_string()))?;
    check(request, &made)?;
    Ok(made)
}

/// Whether a certificate says what was asked for, no more and no less.
fn check(request: &CertificateRequest, made: &PublicSshKey) -> Result<(), CertifyError> {
    let certificate = made
        .certificate()
        .ok_or(CertifyError::Other("form of a key"))?;
    let seconds = |when: When| u64::try_from(when.unix()).ok();
    let options = [
        ("force-command", &request.command),
        ("source-address", &request.source),
    ];
    let options = options
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let own = certificate.critical.iter();
    let own = own.map(|option| (option.name.as_str(), option.value.as_str()));
    let all = [
        (made.fingerprint() == request.key.fingerprint(), "key"),
        (certificate.authority == request.ca.fingerprint, "authority"),
        (certificate.for_user, "kind"),
        (certificate.id == request.id, "id"),
        (certificate.serial == request.serial, "serial number"),
        (certificate.principals == request.principals, "set of names"),
        (
            Some(certificate.after) == seconds(request.after)
                && certificate.before == seconds(request.before),
            "time",
        ),
        (
            own.eq(options) && certificate.extensions.is_empty(),
            "set of options",
        ),
    ];
    match all.into_iter().find(|(same, _)| !same) {
        Some((_, what)) => Err(CertifyError::Other(what)),
        None => Ok(()),
    }
}

fn keygen(terminal: Terminal) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("ssh-keygen");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if terminal == Terminal::Taken {
        // Whatever it would ask is declined, by releases before 8.4 too.
        command
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("SSH_ASKPASS", "false")
            .env("DISPLAY", ":");
    }
    command
}

/// What it printed.
async fn run(command: &mut tokio::process::Command) -> Result<String, CertifyError> {
    let output = command.output().await;
    let output = output.map_err(|error| CertifyError::Run(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Err(CertifyError::Refused(
        last.unwrap_or("it does not say why").trim().to_owned(),
    ))
}

/// `20260102030405`, in UTC.
fn digits(when: When) -> String {
    let text = when.to_string();
    text.chars().filter(char::is_ascii_digit).collect()
}
