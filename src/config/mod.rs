//! The configuration file, and what a server's name on the command line means.
//!
//! In: `$XDG_CONFIG_HOME/storekeeper/config.toml` or the file of `--config`; all of it is optional. Out: [`Config`], and
//! by [`Config::target`] all that is needed to connect. A name that is not known or a value that is not fit is an error
//! with file and line: a misspelled `read_only` that is passed over would be worse than no configuration.

mod colour;
pub mod edit;
pub mod editor;
mod read;
mod schema;
mod target;

pub use colour::Colour;
pub use schema::STORE_COLUMNS;
pub use target::{Overrides, Target};

use crate::domain::{Explain, Notice, Thresholds, notice};
use crate::server::spec::Settings;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Larger files are not configurations.
const MAX_FILE: u64 = 1 << 20;

/// Why there is no configuration, or no server in it. All of these are exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum ConfigError {
    /// The file is not there or not readable.
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        cause: String,
        /// The next step.
        next: &'static str,
    },
    /// Something in the file is not right.
    Invalid {
        /// The file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// What, and what to do about it.
        problem: Notice,
    },
    /// The server that was asked for is none.
    Server(Notice),
}

impl Explain for ConfigError {
    fn notice(&self) -> Notice {
        match self {
            Self::Unreadable { file, cause, next } => {
                notice!("cannot read {file}: {cause}", "{next}")
            }
            Self::Invalid {
                file,
                line,
                problem,
            } => problem.clone().after(format_args!("{file}:{line}: ")),
            Self::Server(notice) => notice.clone(),
        }
    }
}

/// All that was configured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// The file it came from; `None` if there is none.
    pub file: Option<PathBuf>,
    /// Name of the console's theme.
    pub theme: Option<String>,
    /// Whether the console takes the mouse.
    pub mouse: bool,
    /// Whether the console keeps to ASCII.
    pub ascii: bool,
    /// Keys for actions, in the order of the file.
    pub keys: Vec<Remap>,
    /// Filters of the store: name and query, which may be wrong.
    pub filters: Vec<(String, String)>,
    /// The columns of the console's list of paths, in their order.
    pub store_columns: Option<Vec<String>>,
    /// Servers, in the order of the file.
    pub servers: Vec<ServerConfig>,
}

/// Keys that the user gives to an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remap {
    /// Id of the action, such as `store.search`.
    pub action: String,
    /// The keys as written.
    pub keys: Vec<String>,
    /// Line in the file, for [`Config::complain`].
    pub line: usize,
}

/// One cache server; what belongs to the server itself reads as its own fields.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerConfig {
    /// The user's name for it.
    pub name: String,
    /// Where it is; its name, if the file does not say.
    pub host: String,
    /// Login user.
    pub user: Option<String>,
    /// Port of sshd.
    pub port: Option<u16>,
    /// Keys to log in with; `~` is expanded.
    pub identity_files: Vec<PathBuf>,
    /// Jump host.
    pub jump: Option<String>,
    /// Nothing may be changed on it.
    pub read_only: bool,
    /// Of its name, in the console.
    pub colour: Option<Colour>,
    /// What clients write in `substituters`.
    pub cache_address: Option<String>,
    /// What belongs to the server itself.
    pub settings: Settings,
    /// Limits of the health checks.
    pub thresholds: Thresholds,
}

impl Deref for ServerConfig {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl DerefMut for ServerConfig {
    fn deref_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}

impl ServerConfig {
    /// A server that the file says nothing of.
    pub fn unconfigured(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            host: name.to_owned(),
            user: None,
            port: None,
            identity_files: Vec::new(),
            jump: None,
            read_only: false,
            colour: None,
            cache_address: None,
            settings: Settings::default(),
            thresholds: Thresholds::default(),
        }
    }
}

impl Config {
    /// Reads the file that is asked for, else the user's own; without one, everything has its default.
    pub fn load(explicit: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(file) = explicit.map(Path::to_path_buf).or_else(Self::usual_file) else {
            return Ok(Self::default());
        };
        match read_file(&file) {
            Ok(text) => Self::parse(&text, &file),
            Err(error) if explicit.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(ConfigError::Unreadable {
                file: shown(&file),
                cause: error.to_string(),
                next: if explicit.is_some() {
                    "give --config a file that can be read"
                } else {
                    "correct that, or give another file with --config"
                },
            }),
        }
    }

    /// The user's own file, where no other is named; it need not be there.
    pub fn usual_file() -> Option<PathBuf> {
        home::config_home().map(|home| home.join("storekeeper/config.toml"))
    }

    /// Reads the text of a file; `file` is only named in errors.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        read::parse(text, file)
    }

    /// An error about a line of this file that another room has found, such as an action that does not exist.
    pub fn complain(&self, line: usize, problem: Notice) -> ConfigError {
        ConfigError::Invalid {
            file: self.file.as_deref().map(shown).unwrap_or_default(),
            line,
            problem,
        }
    }
}

fn read_file(file: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let limit = MAX_FILE + 1;
    std::fs::File::open(file)?
        .take(limit)
        .read_to_string(&mut text)?;
    if text.len() as u64 == limit {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

/// A path for a message.
fn shown(file: &Path) -> String {
    crate::domain::text::visible(&file.to_string_lossy()).into_owned()
}

/// The user's directories on this machine.
pub mod home {
    use std::path::{Path, PathBuf};

    /// The home directory.
    pub fn home() -> Option<PathBuf> {
        std::env::home_dir().filter(|home| home.is_absolute())
    }

    /// `$XDG_CONFIG_HOME`, by default `~/.config`.
    pub fn config_home() -> Option<PathBuf> {
        base("XDG_CONFIG_HOME", ".config")
    }

    /// This program's folder below `$XDG_CACHE_HOME`, by default `~/.cache`.
    pub fn cache() -> Option<PathBuf> {
        base("XDG_CACHE_HOME", ".cache").map(|home| home.join("storekeeper"))
    }

    /// The XDG rule: a relative value counts as not set.
    fn base(variable: &str, default: &str) -> Option<PathBuf> {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| home().map(|home| home.join(default)))
    }

    /// Puts the home directory in place of a leading `~/`.
    pub fn expand(path: &str, home: Option<&Path>) -> PathBuf {
        match (path.strip_prefix('~'), home) {
            (Some(""), Some(home)) => home.to_path_buf(),
            (Some(rest), Some(home)) if rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(path),
        }
    }
}
