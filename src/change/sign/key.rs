//! The key that signs: chosen by the administrator, looked at before anything is planned with it.
//!
//! In: a choice. Out: a [`Key`] whose public half is known, or the reason why it cannot be used. A key of this
//! machine is read here; a key of the server never is, its public half was derived there.

use super::PlanError;
use crate::change::KeySource;
use crate::domain::Notice;
use crate::domain::notice;
use crate::domain::text::visible;
use crate::domain::{KeyName, KeyRing, PublicKey, Role, SigningKey};
use crate::link::agent::{Agent, AgentKey};
use crate::server::facts::{Facts, ServerKey};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// No key file is longer.
const MOST_BYTES: u64 = 64 << 10;

/// What is to sign, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChoice {
    /// The key file on the server with this path; the first one that the server names if none is given.
    Server(Option<String>),
    /// A key file on this machine.
    Local(PathBuf),
    /// A key of ssh-agent.
    Agent {
        /// `SHA256:…`, with or without that prefix.
        fingerprint: String,
        /// The name for its signatures.
        name: String,
    },
}

impl From<KeySource> for KeyChoice {
    fn from(source: KeySource) -> Self {
        match source {
            KeySource::Server { file, .. } => Self::Server(Some(file)),
            KeySource::Local { file, .. } => Self::Local(file),
            KeySource::Agent { fingerprint, name } => Self::Agent { fingerprint, name },
        }
    }
}

/// A key that can be used.
#[derive(Debug, Clone)]
pub struct Key {
    /// Where the secret is.
    pub source: KeySource,
    /// The public half, with which every signature is checked.
    pub public: PublicKey,
    /// What clients are known to make of it; `None` if none is known to trust it.
    pub role: Option<Role>,
}

impl Key {
    /// What should be known before something is signed with it.
    pub(in crate::change) fn warning(&self) -> Option<String> {
        let name = self.public.name();
        match self.role {
            Some(Role::Ours) => None,
            Some(Role::Retired) => Some(format!(
                "{name} is listed as retired: clients that have dropped it go on refusing what it signs"
            )),
            Some(Role::Upstream) => Some(format!(
                "{name} is listed as an upstream key, not as a key of this cache"
            )),
            None => Some(format!(
                "{name} is not among the keys that clients of this cache are known to trust; give them its public half: {}",
                self.public
            )),
        }
    }
}

/// Finds the key, looks at it, and refuses one that clients would not take for what it says it is.
pub async fn choose(choice: &KeyChoice, facts: &Facts) -> Result<Key, PlanError> {
    match choice {
        KeyChoice::Server(file) => on_server(file.as_deref(), facts),
        KeyChoice::Local(file) => {
            let key = read_local(file)?;
            let source = KeySource::Local {
                file: file.clone(),
                name: key.name().to_string(),
            };
            checked(source, key.public(), &facts.keys)
        }
        KeyChoice::Agent { fingerprint, name } => {
            let (_, key, public) = in_agent(fingerprint, name).await?;
            let source = KeySource::Agent {
                fingerprint: key.fingerprint,
                name: name.clone(),
            };
            checked(source, public, &facts.keys)
        }
    }
}

fn on_server(file: Option<&str>, facts: &Facts) -> Result<Key, PlanError> {
    let key: &ServerKey = match file {
        None => facts.signing_keys.first().ok_or(PlanError::NoServerKey)?,
        Some(file) => facts
            .signing_keys
            .iter()
            .find(|key| key.file == file)
            .ok_or_else(|| PlanError::NotAsked(visible(file).into_owned()))?,
    };
    let unusable = |problem: Notice| PlanError::ServerKey {
        file: visible(&key.file).into_owned(),
        problem: problem.visible(),
    };
    if let Some(problem) = &key.problem {
        return Err(unusable(problem.clone()));
    }
    let name = key.name.as_deref().ok_or_else(|| {
        unusable(notice!(
            "its public half could not be derived",
            "check that it is a key of Nix"
        ))
    })?;
    let known = facts.keys.get(name);
    let (_, public) = known.ok_or_else(|| PlanError::NoPublicHalf(visible(name).into_owned()))?;
    // Two keys of one name: one of them is the server's, and which one clients have is not known.
    if facts
        .keys
        .shadowed()
        .iter()
        .any(|other| other.name().as_str() == name)
    {
        return Err(PlanError::OtherKey(name.to_owned()));
    }
    let source = KeySource::Server {
        file: key.file.clone(),
        name: name.to_owned(),
    };
    checked(source, public.clone(), &facts.keys)
}

/// Refuses a key that has the name of another one: clients would call its signatures wrong.
fn checked(source: KeySource, public: PublicKey, keys: &KeyRing) -> Result<Key, PlanError> {
    let role = match keys.get(public.name().as_str()) {
        Some((_, known)) if *known != public => {
            return Err(PlanError::OtherKey(public.name().to_string()));
        }
        Some((role, _)) => Some(role),
        None => None,
    };
    Ok(Key {
        source,
        public,
        role,
    })
}

/// Reads a secret key file of this machine. Like ssh, it does not use one that others can read.
pub fn read_local(file: &Path) -> Result<SigningKey, PlanError> {
    let shown = || visible(&file.to_string_lossy()).into_owned();
    let unreadable = |cause: std::io::Error| PlanError::KeyFile {
        file: shown(),
        cause: cause.to_string(),
    };
    let opened = File::open(file).map_err(unreadable)?;
    let facts = opened.metadata().map_err(unreadable)?;
    if !facts.is_file() {
        return Err(PlanError::KeyFile {
            file: shown(),
            cause: "it is not a regular file".to_owned(),
        });
    }
    if facts.mode() & 0o077 != 0 {
        return Err(PlanError::KeyFileMode {
            file: shown(),
            mode: facts.mode() & 0o7777,
        });
    }
    // Room for all of it at once: a buffer that grows leaves copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES as usize + 1));
    opened
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    SigningKey::parse(&text).map_err(|problem| PlanError::NotAKeyFile {
        file: shown(),
        problem,
    })
}

/// Finds the key in the agent.
pub(crate) async fn in_agent(
    fingerprint: &str,
    name: &str,
) -> Result<(Agent, AgentKey, PublicKey), PlanError> {
    let name = KeyName::new(name).map_err(|problem| PlanError::KeyName {
        name: visible(name).into_owned(),
        problem,
    })?;
    let agent = Agent::connect().await.map_err(PlanError::Agent)?;
    let keys = agent.identities().await.map_err(PlanError::Agent)?;
    let bare = |text: &str| text.strip_prefix("SHA256:").unwrap_or(text).to_owned();
    let key = keys
        .into_iter()
        .find(|key| bare(&key.fingerprint) == bare(fingerprint))
        .ok_or_else(|| PlanError::NotInAgent(visible(fingerprint).into_owned()))?;
    let bytes = key
        .ed25519
        .ok_or_else(|| PlanError::NotEd25519(visible(fingerprint).into_owned()))?;
    let public = PublicKey::from_bytes(name, &bytes)
        .map_err(|_| PlanError::NotEd25519(visible(fingerprint).into_owned()))?;
    Ok((agent, key, public))
}
