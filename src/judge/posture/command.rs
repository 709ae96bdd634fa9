//! What a command that sshd forces lets its user do.
//!
//! In: the text of `ForceCommand` or `command=`, which the login shell runs. Out: which of Nix's servers it is. Only what is certain is
//! named: a pipe, a variable or an unheard-of argument makes it unknown.

/// Characters that make a line more than one program with its arguments.
const COMPOUND: [char; 12] = ['|', '&', ';', '<', '>', '(', ')', '$', '`', '*', '?', '\n'];

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
        if command.contains(COMPOUND) {
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

impl Runs {
    /// Whether it serves clients whose store address has this scheme; `None` where that is not known.
    pub fn serves(&self, scheme: &str) -> Option<bool> {
        match self {
            Self::Store { .. } | Self::Daemon => Some(self.protocol() == Some(scheme)),
            Self::Anything => Some(true),
            Self::Sftp | Self::Nothing => Some(false),
            Self::Unknown(command) => never_serves(command).then_some(false),
        }
    }
}

/// Whether a forced command certainly is none of Nix's servers: one of Nix's programs without the argument that makes it one, or
/// a well-known program that ends by itself.
fn never_serves(command: &str) -> bool {
    if command.contains(COMPOUND) {
        return false;
    }
    let words = shell_words::split(command).unwrap_or_default();
    let mut words = words.iter().map(String::as_str).peekable();
    words.next_if_eq(&"exec");
    let Some(program) = words.next() else {
        return false;
    };
    let mut arguments = words;
    match program.rsplit('/').next().unwrap_or_default() {
        "nix-store" => !arguments.any(|word| word == "--serve"),
        "nix-daemon" => !arguments.any(|word| word == "--stdio"),
        "true" | "false" | "echo" | "printf" | "exit" | "cat" | "date" | "id" | "nologin" => true,
        _ => false,
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

    #[test]
    fn whom_a_command_serves() {
        for (command, ssh, daemon) in [
            ("nix-store --serve", Some(true), Some(false)),
            ("nix-daemon --stdio", Some(false), Some(true)),
            ("internal-sftp", Some(false), Some(false)),
            ("nix-store --dump-db", Some(false), Some(false)),
            ("exec /bin/false", Some(false), Some(false)),
            ("echo nix-store --serve", Some(false), Some(false)),
            ("my-wrapper", None, None),
            ("false || nix-store --serve", None, None),
            ("nix-store --serve --store /x", None, None),
            ("", None, None),
        ] {
            let runs = Runs::of_command(command);
            assert_eq!(runs.serves("ssh"), ssh, "{command}");
            assert_eq!(runs.serves("ssh-ng"), daemon, "{command}");
        }
        assert_eq!(Runs::Anything.serves("ssh"), Some(true));
        assert_eq!(Runs::Nothing.serves("ssh"), Some(false));
    }
}
