//! Questions that only a person can answer. The console and the command line answer them; without either, nobody does.
//!
//! In: what the link must know to go on, and that a machine answers at all. Out: the answer, zeroized when it is dropped, or none.

use std::future::ready;

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

/// Something to ask. All text in it has passed the sanitizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// No `known_hosts` file knows this host. Only the typed word `yes` accepts it.
    UnknownHost {
        /// The host, `[host]:port` where the port is not 22.
        host: String,
        /// The key's type, such as `ssh-ed25519`.
        key_type: String,
        /// `SHA256:…`, as `ssh-keygen -l` shows it.
        fingerprint: String,
        /// A warning that belongs to it: the host is known with another type of key, the key under another name.
        note: Option<String>,
    },
    /// A key file is encrypted.
    Passphrase {
        /// The file.
        file: String,
    },
    /// The account's password.
    Password {
        /// The user there.
        user: String,
        /// The host.
        host: String,
    },
    /// The server's own question (keyboard-interactive).
    Interactive {
        /// The server's title, may be empty.
        name: String,
        /// The server's instructions, may be empty.
        instructions: String,
        /// The prompt.
        prompt: String,
        /// Whether the answer may be seen while it is typed.
        echo: bool,
    },
}

/// Someone who can be asked.
pub trait Prompter: Send + Sync {
    /// The answer, or `None` when it was declined or nobody can be asked.
    fn ask(&self, question: Question) -> BoxFuture<'_, Option<Zeroizing<String>>>;

    /// A byte has come from there, or what comes is up to a program on this machine: from now on it is slow, not dead. Said more
    /// than once.
    fn heard(&self) {}
}

/// Nobody to ask: every question is declined.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPrompter;

impl Prompter for NoPrompter {
    fn ask(&self, _question: Question) -> BoxFuture<'_, Option<Zeroizing<String>>> {
        Box::pin(ready(None))
    }
}
