//! What a command that sshd forces lets its user do.
//!
//! In: the text of `ForceCommand` or `command=`, which the login shell runs. Out: which of Nix's servers it is. Only what is certain is
//! named: a pipe, a variable or an unheard-of argument makes it unknown.

/// What a login runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// `nix-store --serve`, with `--write` or without.
    Store {
        /// Takes paths too.
        write: bool,
    },
    /// `nix-daemon --stdio`: all that a user of the daemon can.
    Daemon,
    /// File transfer.
    Sftp,
    /// A shell, or whatever the client asks for.
    Anything,
    /// Nothing: the login shell lets nobody in.
    Nothing,
    /// Something else.
    Unknown(String),
}

impl Runs {
    /// Reads a forced command.
    pub fn of_command(command: &str) -> Self {
        let unknown = || Self::Unknown(command.to_owned());
        if command.contains(['|', '&', ';', '<', '>', '(', ')', '$', '`', '*', '?', '\n']) {
            return unknown();
        }
        let Ok(words) = shell_words::split(command) else {
            return unknown();
        };
        let mut words = words.iter().map(String::as_str).peekable();
        words.next_if_eq(&"exec");
        let program = words.next().unwrap_or_default();
        let name = program.rsplit('/').next().unwrap_or_default();
        let arguments: Vec<&str> = words.collect();
        // Arguments that change what is said and not what is done.
        let meaning = arguments
            .iter()
            .filter(|word| !matches!(**word, "-v" | "--verbose" | "--quiet"))
            .copied()
            .collect::<Vec<_>>();
        match (name, meaning.as_slice()) {
            ("nix-store", ["--serve"]) => Self::Store { write: false },
            ("nix-store", ["--serve", "--write"] | ["--write", "--serve"]) => {
                Self::Store { write: true }
            }
            ("nix-daemon", ["--stdio"]) | ("nix", ["daemon", "--stdio"]) => Self::Daemon,
            ("internal-sftp" | "sftp-server", _) => Self::Sftp,
            _ => unknown(),
        }
    }

    /// The scheme of the store addresses that it serves.
    pub const fn protocol(&self) -> Option<&'static str> {
        match self {
            Self::Store { .. } => Some("ssh"),
            Self::Daemon => Some("ssh-ng"),
            _ => None,
        }
    }
}

/// Whether a login shell runs nothing. sshd gives a forced command to it too.
pub(super) fn refuses(shell: &str) -> bool {
    matches!(
        shell.rsplit('/').next().unwrap_or_default(),
        "nologin" | "false" | "true"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        for (command, runs) in [
            ("nix-store --serve", Runs::Store { write: false }),
            (
                "exec /run/current-system/sw/bin/nix-store --serve --write",
                Runs::Store { write: true },
            ),
            (
                "'/nix/store/x-nix-2.8.0/bin/nix-store' --write --serve -v",
                Runs::Store { write: true },
            ),
            ("/nix/store/x-nix/bin/nix-daemon --stdio", Runs::Daemon),
            ("nix daemon --stdio", Runs::Daemon),
            ("internal-sftp -R", Runs::Sftp),
        ] {
            assert_eq!(Runs::of_command(command), runs, "{command}");
        }
        for command in [
            "",
            "nix-store",
            "nix-store --serve; sh",
            "nix-store --serve $SSH_ORIGINAL_COMMAND",
            "nix-store --serve 'x",
            "nix-store --serve --store /x",
            "nix-daemon --stdio --force-trusted",
            "sh -c 'nix-store --serve'",
            "my-nix-store --serve",
            "nix-store --serve & sh",
            "NIX_REMOTE=x nix-store --serve",
        ] {
            assert_eq!(Runs::of_command(command), Runs::Unknown(command.to_owned()));
        }
    }
}
