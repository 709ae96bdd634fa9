//! The arguments of the subcommands about access.
//!
//! In: arguments. Out: [`Keys`], [`Requests`], [`Onboard`], [`Setup`].

use super::super::when::{End, end};
use super::Change;
use crate::domain::installable::{LEASE_DAYS, POLICY_PROGRAM, POLICY_WHEN};
use crate::domain::ssh_key::Fingerprint;
use crate::judge::concern::Concern;
use crate::onboard::client::Platform;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

/// Arguments of `keys`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Keys {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// What to do.
    #[command(subcommand)]
    pub(in crate::cli) what: KeysCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KeysCommand {
    /// List the keys of the cache user: what each can do here, when it ends, when it was used.
    List,
    /// Authorize a key.
    Authorize(Authorize),
    /// Remove a key from the key files and end its sessions.
    Revoke(Refuse),
    /// Set when a key expires.
    Expire(Expire),
    /// Suspend a key and end its sessions: sshd refuses it, and its line stays in the file to be resumed.
    Suspend(Refuse),
    /// Resume a suspended key; its line is restored byte for byte.
    Resume(Resume),
    /// Print who may log in: since when, approved by whom and why, last use, and what each key can do. --mark records the review.
    Review(Review),
    /// Make a user certificate with a CA key of this machine or its ssh-agent, and record it in the server's audit log.
    SignCert(SignCert),
    /// Check a public key: how strong it is, and whether the server knows it; exit 4 if it would be refused.
    Check(Check),
}

/// Arguments of `keys authorize`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Authorize {
    /// The file with the public key, - for standard input.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) file: String,
    /// Only from these addresses or names, separated by commas.
    #[arg(long, value_name = "PATTERN")]
    pub(in crate::cli) from: Option<String>,
    /// How long the key lasts: 30d, 90d, 1y, another age, a date or a moment, or never for no end.
    #[arg(long, value_name = "WHEN", value_parser = end, default_value_t = End::usual())]
    pub(in crate::cli) expires: End,
    /// The comment of its line, in place of the key's own.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) comment: Option<String>,
    /// Into this key file of the cache user; by default the first that can be edited.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) into: Option<String>,
    /// What is accepted by name.
    #[command(flatten)]
    pub(in crate::cli) accept: Accept,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// What is accepted by name.
#[derive(Debug, Args)]
pub(in crate::cli) struct Accept {
    /// With --yes: authorize the key although it has these findings, separated by commas. The plan names those that it has.
    #[arg(long = "accept", value_name = "FINDING", value_delimiter = ',', value_parser = concerns())]
    pub(in crate::cli) concerns: Vec<Concern>,
}

/// The ids of all concerns, each with what it means.
fn concerns() -> impl TypedValueParser<Value = Concern> {
    let values = Concern::ALL.map(|concern| {
        PossibleValue::new(concern.id()).help(format!("The key {}.", concern.means()))
    });
    PossibleValuesParser::new(values).try_map(|id| {
        let named = |concern: &Concern| concern.id() == id;
        Concern::ALL
            .into_iter()
            .find(named)
            .ok_or("no such finding")
    })
}

/// Arguments of `keys revoke` and `keys suspend`, after which sshd refuses the key.
#[derive(Debug, Args)]
pub(in crate::cli) struct Refuse {
    /// A fingerprint, a comment that only one key has, or file and line with a colon between.
    pub(in crate::cli) key: String,
    /// Leave its open sessions running.
    #[arg(long)]
    pub(in crate::cli) keep_sessions: bool,
    /// Do it even if it is the key of this login.
    #[arg(long)]
    pub(in crate::cli) my_own_key: bool,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `keys expire`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Expire {
    /// A fingerprint, a comment that only one key has, or file and line with a colon between.
    pub(in crate::cli) key: String,
    /// 90d, 2027-02-20, 2027-02-20T12:00:00Z, or never.
    #[arg(value_name = "WHEN", value_parser = end)]
    pub(in crate::cli) when: End,
    /// Do it even if it is the key of this login.
    #[arg(long)]
    pub(in crate::cli) my_own_key: bool,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `keys resume`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Resume {
    /// A fingerprint, a comment that only one key has, or file and line with a colon between.
    pub(in crate::cli) key: String,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `keys review`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Review {
    /// The output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(in crate::cli) format: Form,
    /// Mark the keys as reviewed: a record in the audit log, which status shows.
    #[arg(long, conflicts_with = "format")]
    pub(in crate::cli) mark: bool,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// The form of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Form {
    /// For people.
    Text,
    /// A table for a document.
    Markdown,
    /// For a spreadsheet, by RFC 4180.
    Csv,
    /// One JSON document, as with --json.
    Json,
}

/// Arguments of `keys sign-cert`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SignCert {
    /// The file with the public key, - for standard input.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) file: String,
    /// The authority's private key; its .pub file where the ssh-agent has the private one.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) ca: PathBuf,
    /// When the certificate ends: 8h, 30d, another age, a date or a moment.
    #[arg(long, value_name = "WHEN", value_parser = end)]
    pub(in crate::cli) expires: End,
    /// A name that it may log in as; by default the first that the server wants of this authority, else the cache user's.
    #[arg(long = "principal", value_name = "NAME")]
    pub(in crate::cli) principals: Vec<String>,
    /// Only from these addresses, separated by commas.
    #[arg(long, value_name = "ADDRESSES")]
    pub(in crate::cli) from: Option<String>,
    /// What sshd's log calls it; by default the key's comment.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) id: Option<String>,
    /// Where it is written; by default beside the key, where ssh looks for it: KEY-cert.pub.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) out: Option<PathBuf>,
    /// What is accepted by name.
    #[command(flatten)]
    pub(in crate::cli) accept: Accept,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `keys check`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The file with the public key, - for standard input.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) file: String,
    /// Skip the check whether the server knows the key.
    #[arg(long)]
    pub(in crate::cli) offline: bool,
}

/// Arguments of `requests`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Requests {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// What to do.
    #[command(subcommand)]
    pub(in crate::cli) what: RequestsCommand,
}

/// What can be done with requests.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RequestsCommand {
    /// List the requests that wait.
    List,
    /// Show a request and everything known about its key.
    Show(Show),
    /// Have the requester prove possession of the private key: prints what to send, or checks the answer.
    Prove(Prove),
    /// Authorize its key, and print what its owner has to do next.
    Approve(Approve),
    /// Deny a request; the same key can't ask again.
    Deny(Deny),
    /// Record a request that came by another way.
    Add(Add),
}

/// Arguments of `requests show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Its id or its beginning, the key's fingerprint, or a comment that only one has.
    pub(in crate::cli) id: String,
}

/// Arguments of `requests prove`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Prove {
    /// Its id or its beginning, the key's fingerprint, or a comment that only one has.
    pub(in crate::cli) id: String,
    /// The file with the answer of ssh-keygen -Y sign, - for standard input; it is checked and recorded with the request.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) signature: Option<String>,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `requests approve`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Approve {
    /// Its id or its beginning, the key's fingerprint, or a comment that only one has.
    pub(in crate::cli) id: String,
    /// How long the key lasts: 30d, 90d, 1y, another age, a date or a moment, or never for no end.
    #[arg(long, value_name = "WHEN", value_parser = end, default_value_t = End::usual())]
    pub(in crate::cli) expires: End,
    /// Only from these addresses or names, separated by commas.
    #[arg(long, value_name = "PATTERN")]
    pub(in crate::cli) from: Option<String>,
    /// The comment of its line; a request by the knock has none.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) comment: Option<String>,
    /// Into this key file of the cache user; by default the first that can be edited.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) into: Option<String>,
    /// The system of the onboarding text that is printed afterwards.
    #[arg(long, value_enum, default_value = "linux")]
    pub(in crate::cli) platform: PlatformWord,
    /// What is accepted by name.
    #[command(flatten)]
    pub(in crate::cli) accept: Accept,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `requests deny`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Deny {
    /// Its id or its beginning, the key's fingerprint, or a comment that only one has.
    pub(in crate::cli) id: String,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `requests add`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// The file with the public key, - for standard input.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) file: String,
    /// Its comment, in place of the key's own.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) comment: Option<String>,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// A client's system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(in crate::cli) enum PlatformWord {
    /// Linux with systemd, with Nix, Lix or Determinate Nix.
    Linux,
    /// macOS, with the same.
    MacOs,
    /// NixOS.
    NixOs,
    /// Jobs of GitHub Actions.
    GitHub,
    /// Jobs of GitLab CI.
    GitLab,
}

impl From<PlatformWord> for Platform {
    fn from(word: PlatformWord) -> Self {
        match word {
            PlatformWord::Linux => Self::Linux,
            PlatformWord::MacOs => Self::MacOs,
            PlatformWord::NixOs => Self::NixOs,
            PlatformWord::GitHub => Self::GitHub,
            PlatformWord::GitLab => Self::GitLab,
        }
    }
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text)
        .ok_or_else(|| "write it as ssh-keygen -lf does, such as SHA256:…".to_owned())
}

/// Arguments of `onboard`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Onboard {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// The client's system.
    #[arg(long, value_enum, default_value = "linux")]
    pub(in crate::cli) platform: PlatformWord,
}

/// Arguments of `setup`.
#[derive(Debug, Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[command(group(ArgGroup::new("installable").args(["knock", "lease", "auto_sign", "gc"]).multiple(true)))]
pub(in crate::cli) struct Setup {
    /// A configured name or an address, for its names and folders; with --knock, --lease, --auto-sign or --gc, that is installed there.
    pub(in crate::cli) server: Option<String>,
    /// Print a NixOS module instead of commands for Debian.
    #[arg(long)]
    pub(in crate::cli) nixos: bool,
    /// Include the script that turns unknown keys into requests.
    #[arg(long)]
    pub(in crate::cli) knock: bool,
    /// Include a timer that protects uploads of the last DAYS days (14 by default) from every collection.
    #[arg(long, value_name = "DAYS", num_args = 0..=1, default_missing_value = LEASE_DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(in crate::cli) lease: Option<u32>,
    /// Install a timer that signs new uploads whose names are given, with the server's own key and all that they need; each path of
    /// that has to be accepted by clients already, or to have such a name too.
    #[arg(long, requires = "server", conflicts_with_all = ["knock", "lease", "nixos"])]
    pub(in crate::cli) auto_sign: bool,
    /// Names that auto-sign signs, with * and ?; may be given several times.
    #[arg(long, value_name = "PATTERN", requires = "auto_sign")]
    pub(in crate::cli) sign_name: Vec<String>,
    /// Keys whose uploads auto-sign signs, by fingerprint; may be given several times. Only where sshd's log tells that all sessions at
    /// the time of an upload were by these; without it, all uploads.
    #[arg(long, value_name = "FINGERPRINT", requires = "auto_sign", value_parser = fingerprint)]
    pub(in crate::cli) sign_uploader: Vec<Fingerprint>,
    /// Names that auto-sign never signs, nor what needs such a path; may be given several times.
    #[arg(long, value_name = "PATTERN", requires = "auto_sign")]
    pub(in crate::cli) never_sign: Vec<String>,
    /// Install a timer that collects by the server's retention policy, with the storekeeper that is there: when, as systemd.time(7)
    /// has it, daily by default. Nothing is collected by the installation itself.
    #[arg(long, value_name = "WHEN", num_args = 0..=1, default_missing_value = POLICY_WHEN, requires = "server", conflicts_with_all = ["knock", "lease", "nixos", "auto_sign"])]
    pub(in crate::cli) gc: Option<String>,
    /// The storekeeper that the timer runs: its path on the server, or its name there.
    #[arg(
        long,
        value_name = "PROGRAM",
        requires = "gc",
        default_value = POLICY_PROGRAM
    )]
    pub(in crate::cli) program: String,
    /// Remove what is named: --auto-sign, --gc, --lease or --knock. No file of it stays; those that were edited are named in the plan.
    #[arg(long, requires_all = ["server", "installable"], conflicts_with_all = ["nixos", "sign_name", "sign_uploader", "never_sign"])]
    pub(in crate::cli) off: bool,
    /// Name of the new signing key.
    #[arg(long, value_name = "NAME", default_value = "cache.example.org-1")]
    pub(in crate::cli) key_name: String,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}
