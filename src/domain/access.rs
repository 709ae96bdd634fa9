//! Who may use the cache: what was found out on the server about its sshd, its key files, its log and its requests.
//!
//! In: the server room fills these in from `sshd -T`, the file system, the user database, Nix's configuration and the log.
//! Out: plain data for `judge`. What could not be found out is [`Unknown`] with the reason, never a guess.

use super::When;
use super::authorities::CertificateFacts;
use super::authorized_keys::AuthorizedKeys;
use super::key_request::{PastKey, PastReview, Request, RevokedKey};
use super::notice::Notice;
use super::overflow::Overflow;
use super::ssh_key::Fingerprint;
use super::sshd_log::KeyUse;
use super::text::visible;
use std::collections::BTreeMap;

pub use super::fact::{Fact, Unknown};

/// Everything about access that one look at the server finds out.
#[derive(Debug, Clone)]
pub struct AccessFacts {
    /// The server's own name, the same for every administrator.
    pub host: String,
    /// When it was looked at, by the server's clock.
    pub at: When,
    /// The server's time zone now, in seconds east of UTC: what a time without a zone in a key file or a log means there.
    pub utc_offset: i32,
    /// The user that clients log in as, `nix-ssh` by default.
    pub cache_user: Fact<CacheUser>,
    /// The sshd that serves this very connection.
    pub sshd: SshdFacts,
    /// The key files that sshd reads for the cache user, in sshd's order.
    pub files: Vec<KeyFile>,
    /// Key files of root and of the login user, to find the same key there. Never edited as the cache user's.
    pub other_files: Vec<KeyFile>,
    /// Nix's `trusted-users`: names, `@group`, `*`.
    pub trusted_users: Fact<Vec<String>>,
    /// The key that this connection logged in with; `None` where it was no key or is not known.
    pub own_key: Option<Fingerprint>,
    /// What sshd's log says, oldest first.
    pub events: Fact<Vec<LogEvent>>,
    /// Of a log without dates, what it says of each key: counts and addresses, and no times.
    pub undated: BTreeMap<Fingerprint, KeyUse>,
    /// How far back the log goes; `None` where there is none.
    pub reach: Option<LogReach>,
    /// Where the log was read to.
    pub log: LogPosition,
    /// Sessions on the cache user that are open now.
    pub sessions: Fact<Vec<Session>>,
    /// The requests that wait, and those that were decided on.
    pub requests: Fact<Vec<Request>>,
    /// What the queue of requests did not take.
    pub overflow: Fact<Overflow>,
    /// Keys that were revoked here.
    pub revoked: Fact<Vec<RevokedKey>>,
    /// Keys that were authorized from here, as far as the end of the audit log tells, oldest first.
    pub past: Vec<PastKey>,
    /// When the keys were marked as reviewed last, as far as the end of the audit log tells.
    pub reviewed: Option<PastReview>,
    /// What the forced command does, where it is one of Nix's servers.
    pub service: Fact<Service>,
    /// Whose certificates sshd's settings take for the cache user, beside the authorities in the key files.
    pub certificates: CertificateFacts,
}

/// What a forced command does when it is run as sshd runs it: by the cache user's login shell, with its rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// It answers as one of Nix's servers does.
    Answers,
    /// So it does, but something else is written before, which begins with this. Clients stop at it.
    Noise(String),
    /// It does not; the last line that it said.
    Fails(String),
}

/// What the user database says of the cache user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheUser {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group's id.
    pub gid: u32,
    /// Names of all its groups, for `@group` in `trusted-users` and sshd's `AllowGroups`.
    pub groups: Vec<String>,
    /// Home directory.
    pub home: String,
    /// Login shell; an empty field of the database is `/bin/sh`.
    pub shell: String,
}

/// The sshd that serves this connection.
#[derive(Debug, Clone)]
pub struct SshdFacts {
    /// The configuration that [`Self::settings`] were read from: the `-f` that it was started with, else the usual file.
    pub config_file: String,
    /// Why it may go by another file, or by settings of its command line as well; `None` where its arguments were seen.
    pub assumed: Option<String>,
    /// Its version as it names itself, such as `OpenSSH_9.2p1`.
    pub version: Fact<String>,
    /// What holds for the cache user, after all Match blocks.
    pub settings: Fact<SshdSettings>,
}

/// The effective settings for one user (`sshd -T -C user=…`). `None` and empty lists mean `none`, or that this sshd does not know
/// the keyword; a yes or no that was not printed is `None` too, and is then treated as not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshdSettings {
    /// `AuthorizedKeysCommand` with its arguments, as printed.
    pub authorized_keys_command: Option<String>,
    /// `AuthorizedKeysCommandUser`.
    pub authorized_keys_command_user: Option<String>,
    /// `AuthorizedPrincipalsFile`.
    pub authorized_principals_file: Option<String>,
    /// `AuthorizedPrincipalsCommand` with its arguments, as printed.
    pub authorized_principals_command: Option<String>,
    /// `TrustedUserCAKeys`: every certificate of these authorities may log in.
    pub trusted_user_ca_keys: Option<String>,
    /// `RevokedKeys`.
    pub revoked_keys: Option<String>,
    /// `ForceCommand`, which beats a key's own `command=`.
    pub force_command: Option<String>,
    /// `ChrootDirectory`.
    pub chroot_directory: Option<String>,
    /// `PermitTTY`.
    pub permit_tty: Option<bool>,
    /// `AllowTcpForwarding`.
    pub allow_tcp_forwarding: Option<Forwarding>,
    /// `AllowStreamLocalForwarding`.
    pub allow_stream_local_forwarding: Option<Forwarding>,
    /// `X11Forwarding`.
    pub x11_forwarding: Option<bool>,
    /// `AllowAgentForwarding`.
    pub allow_agent_forwarding: Option<bool>,
    /// `DisableForwarding`, which switches off all of them.
    pub disable_forwarding: Option<bool>,
    /// `PermitTunnel`: whether it is anything but `no`.
    pub permit_tunnel: Option<bool>,
    /// `PermitOpen`: empty for `any`; `["none"]` forbids.
    pub permit_open: Vec<String>,
    /// `PermitListen`: empty for `any`; `["none"]` forbids.
    pub permit_listen: Vec<String>,
    /// `PermitUserRC`.
    pub permit_user_rc: Option<bool>,
    /// `PermitUserEnvironment`: whether it is anything but `no`.
    pub permit_user_environment: Option<bool>,
    /// `PubkeyAuthentication`.
    pub pubkey_authentication: Option<bool>,
    /// `PasswordAuthentication`.
    pub password_authentication: Option<bool>,
    /// `KbdInteractiveAuthentication`.
    pub kbd_interactive_authentication: Option<bool>,
    /// `AuthenticationMethods`: lists of methods joined with commas, one of which has to be gone through; empty for `any`.
    pub authentication_methods: Vec<String>,
    /// `PubkeyAcceptedAlgorithms`.
    pub pubkey_accepted_algorithms: Vec<String>,
    /// `CASignatureAlgorithms`.
    pub ca_signature_algorithms: Vec<String>,
    /// `RequiredRSASize` in bits (OpenSSH 9.1 and later).
    pub required_rsa_size: Option<u32>,
    /// `LogLevel`.
    pub log_level: Option<LogLevel>,
    /// `MaxSessions`: sessions of one connection.
    pub max_sessions: Option<u32>,
    /// The first number of `MaxStartups`: so many connections that have not logged in yet are never dropped.
    pub max_startups: Option<u32>,
    /// `StrictModes`.
    pub strict_modes: Option<bool>,
    /// `AllowUsers`, patterns as printed.
    pub allow_users: Vec<String>,
    /// `DenyUsers`.
    pub deny_users: Vec<String>,
    /// `AllowGroups`.
    pub allow_groups: Vec<String>,
    /// `DenyGroups`.
    pub deny_groups: Vec<String>,
}

/// `AllowTcpForwarding` and its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// `yes`, `all`.
    Yes,
    /// `no`.
    No,
    /// From the client to where the server can reach.
    Local,
    /// From the server to the client.
    Remote,
}

impl Forwarding {
    /// Reads the word that `sshd -T` prints.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "yes" | "all" => Self::Yes,
            "no" => Self::No,
            "local" => Self::Local,
            "remote" => Self::Remote,
            _ => return None,
        })
    }
}

/// sshd's `LogLevel`, least talkative first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Quiet,
    /// Fatal errors.
    Fatal,
    /// Errors.
    Error,
    /// The default: accepted logins are there, most refusals are not.
    Info,
    /// Refused keys and what sessions run are there too.
    Verbose,
    /// `DEBUG`, `DEBUG1` to `DEBUG3`.
    Debug,
}

impl LogLevel {
    /// Reads the word that `sshd -T` prints, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "QUIET" => Self::Quiet,
            "FATAL" => Self::Fatal,
            "ERROR" => Self::Error,
            "INFO" => Self::Info,
            "VERBOSE" => Self::Verbose,
            "DEBUG" | "DEBUG1" | "DEBUG2" | "DEBUG3" => Self::Debug,
            _ => return None,
        })
    }
}

/// An `authorized_keys` file on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// As sshd names it.
    pub path: String,
    /// After all symbolic links; the same as `path` where there are none or where it does not exist.
    pub resolved: String,
    /// Whose logins it opens.
    pub user: String,
    /// Whether it exists. One that does not has no content, and the mode that a new file would get.
    pub exists: bool,
    /// All of it, every byte; of a large file the lines that can hold a key, as [`Self::numbers`] counts them.
    pub content: Fact<Vec<u8>>,
    /// Of a file that is too large to be read whole: the numbers of the lines in `content`, from 1.
    pub numbers: Option<Vec<usize>>,
    /// Bytes of the whole file.
    pub size: u64,
    /// SHA-256 of the whole file, to compare before it is changed.
    pub sha256: [u8; 32],
    /// Permission bits, such as `0o644`.
    pub mode: u32,
    /// Whether this program may write it, or why not.
    pub editable: Result<(), Notice>,
    /// Why sshd would not read it (`StrictModes`), as one sentence.
    pub strict_modes_problem: Option<String>,
    /// What writes it anew, such as NixOS's `users.users.nix-ssh.openssh.authorizedKeys`.
    pub generated_by: Option<String>,
}

impl AccessFacts {
    /// The same file as another account has it, where its keys log in as that account too.
    pub fn also_read_for(&self, file: &KeyFile) -> Option<&KeyFile> {
        let same = |other: &&KeyFile| other.user != file.user && other.resolved == file.resolved;
        self.other_files.iter().find(same)
    }
}

impl KeyFile {
    /// A file for tests that can be edited, in which all is well.
    #[cfg(test)]
    pub(crate) fn sample(path: &str, user: &str, content: &str) -> Self {
        Self {
            path: path.to_owned(),
            resolved: path.to_owned(),
            user: user.to_owned(),
            exists: true,
            content: Ok(content.as_bytes().to_vec()),
            numbers: None,
            size: content.len() as u64,
            sha256: [0; 32],
            mode: 0o644,
            editable: Ok(()),
            strict_modes_problem: None,
            generated_by: None,
        }
    }

    /// Where its symbolic links lead, fit to be shown, if there are any.
    pub fn leads_to(&self) -> Option<String> {
        (self.resolved != self.path).then(|| visible(&self.resolved).into_owned())
    }

    /// As sshd names it, with where its links lead, fit to be shown.
    pub fn place(&self) -> String {
        let path = visible(&self.path);
        match self.leads_to() {
            None => path.into_owned(),
            Some(resolved) => format!("{path} -> {resolved}"),
        }
    }

    /// Its lines.
    pub fn document(&self) -> Fact<AuthorizedKeys> {
        let content = self.content.as_deref().map_err(Clone::clone)?;
        Ok(match &self.numbers {
            None => AuthorizedKeys::parse(content),
            Some(numbers) => AuthorizedKeys::parse_numbered(content, numbers.clone()),
        })
    }
}

/// What a line of sshd's log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// When, by the server's clock.
    pub at: When,
    /// The process that wrote it: one connection has one, or a child of it.
    pub pid: Option<u32>,
    /// What happened.
    pub kind: LogKind,
    /// The user name that the client sent. Anything can be in it.
    pub user: String,
    /// The client's address; empty where the line names none.
    pub address: String,
    /// The client's port; 0 where the line names none.
    pub port: u16,
    /// The key.
    pub fingerprint: Option<Fingerprint>,
    /// Type as sshd's log has it, such as `ED25519`, `RSA`, `ED25519-CERT`.
    pub key_type: Option<String>,
}

/// The kinds of lines that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogKind {
    /// A login succeeded with this method, `publickey` for a key.
    Accepted(String),
    /// A login was refused with this method (VERBOSE for keys).
    Failed(String),
    /// The key was found on this line of this file (VERBOSE).
    Found {
        /// The key file.
        file: String,
        /// Its line, from 1.
        line: usize,
    },
    /// The key's options, such as `from=` and `expiry-time=`, refused it: `Refused by key options`, `… not from a permitted host`.
    RefusedByOptions,
    /// The key stands in `RevokedKeys`.
    Revoked,
    /// A key file was not read, with sshd's reason.
    BadModes(String),
    /// A session began (VERBOSE).
    Session {
        /// What runs: the forced command, else what the client asked for; empty for a shell.
        command: String,
        /// Whether it was forced by sshd's configuration or the key.
        forced: bool,
    },
    /// The client went, or was sent away, before it had logged in.
    ClosedBeforeLogin,
    /// The connection of a session ended.
    Disconnected,
}

/// Where sshd's log was read to, so that only what is new is read then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPosition {
    /// The server's word for it; `None` where the next look begins anew.
    pub cursor: Option<String>,
    /// Connections of this program there.
    pub own: Vec<OwnConnection>,
    /// Entries that were read and not kept, since there are too many.
    pub dropped: u64,
}

/// A connection of this program, as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnConnection {
    /// The client's address.
    pub address: String,
    /// The client's port.
    pub port: u16,
    /// Not before this time of the server's clock: ports are used again.
    pub since: When,
    /// Nor after this one; `None` while it is open.
    pub until: Option<When>,
}

/// How far back the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReach {
    /// The oldest entry that was read.
    pub since: When,
    /// Where it was read.
    pub source: LogSource,
}

/// Where sshd's log was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    /// The journal.
    Journal,
    /// A text file, such as `/var/log/auth.log`.
    File(String),
}

/// A session on the cache user that is open now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The sshd process whose end ends the session.
    pub pid: u32,
    pub user: String,
    /// The client's address; `None` where it could not be found out.
    pub from: Option<String>,
    /// When it began.
    pub since: Option<When>,
    /// The key it logged in with, from the log; `None` where the log does not say.
    pub fingerprint: Option<Fingerprint>,
}
