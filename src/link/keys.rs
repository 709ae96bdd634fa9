//! What can be offered to a server: keys of the agent, key files, certificates, in the order in which they are offered.
//!
//! In: a target's configuration, the files that it names, an agent. Out: [`Candidate`]s, and hints on what could not be used. Secrets
//! are read only when a server has accepted their public part.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::{Certificate, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::agent::AgentKey;
use super::error::{LinkError, homely, shown};
use super::target::SshTarget;

/// How many keys a server is asked about. sshd hangs up after six (`MaxAuthTries`), newer ones hold a grudge.
pub(super) const MOST_OFFERS: usize = 5;
/// A key file is a few kilobytes.
const MOST_BYTES: u64 = 1 << 20;

/// What was unlocked once, so that the second connection and a reconnect need not ask again. In memory only, zeroized at the end,
/// shared by all clones of a target.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    keys: HashMap<PathBuf, Arc<PrivateKey>>,
    password: Option<Zeroizing<String>>,
}

impl Secrets {
    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn key(&self, file: &Path) -> Option<Arc<PrivateKey>> {
        self.with(|kept| kept.keys.get(file).cloned())
    }

    pub(super) fn keep_key(&self, file: &Path, key: Arc<PrivateKey>) {
        self.with(|kept| kept.keys.insert(file.to_owned(), key));
    }

    pub(super) fn password(&self) -> Option<Zeroizing<String>> {
        self.with(|kept| kept.password.clone())
    }

    pub(super) fn keep_password(&self, password: Option<Zeroizing<String>>) {
        self.with(|kept| kept.password = password);
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl PartialEq for Secrets {
    // What is remembered does not make another target.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Secrets {}

/// A key file, as far as it can be read without a passphrase.
#[derive(Debug, Clone)]
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    pub(super) public: Option<PublicKey>,
    pub(super) secret: Option<Secret>,
}

/// The secret half, locked or not.
#[derive(Clone)]
pub(super) enum Secret {
    Open(Arc<PrivateKey>),
    Locked(Arc<Zeroizing<String>>),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a file is of no use.
enum Useless {
    Missing,
    Why(String),
}

/// Who signs.
#[derive(Debug, Clone)]
pub(super) enum Signer {
    /// The agent, with the key or certificate of this blob.
    Agent(Vec<u8>),
    File(PathBuf, Secret),
}

/// Something to offer.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) label: String,
    /// `None`: the file must be unlocked before even its public key is known.
    pub(super) public: Option<PublicKey>,
    pub(super) certificate: Option<Box<Certificate>>,
    pub(super) signer: Signer,
}

/// Everything to offer, best first, and hints on the rest.
#[derive(Debug, Default)]
pub(super) struct Offers {
    pub(super) candidates: Vec<Candidate>,
    pub(super) hints: Vec<String>,
}

/// Collects the offers in ssh's order: certificates, agent keys that are configured, other agent keys, files; but a file that
/// was named by the person comes before the agent's other keys.
pub(super) fn offers(target: &SshTarget, agent: &[AgentKey]) -> Result<Offers, LinkError> {
    let mut offers = Offers::default();
    let mut files = Vec::new();
    for path in &target.identities {
        let explicit = target.explicit.contains(path);
        match read(path) {
            Ok(file) => files.push(file),
            Err(Useless::Missing) if explicit => {
                return Err(LinkError::key_file(
                    path,
                    "it does not exist; check the name",
                ));
            }
            Err(Useless::Missing) => {}
            Err(Useless::Why(why)) if explicit => return Err(LinkError::key_file(path, why)),
            Err(Useless::Why(why)) => offers.hints.push(format!("{}: {why}", homely(path))),
        }
    }
    certificates(target, agent, &files, &mut offers);
    let held = |public: &PublicKey| held(agent, public);
    let configured = |key: &&AgentKey| {
        files.iter().any(|file| {
            file.public
                .as_ref()
                .is_some_and(|public| public.key_data() == key.public.key_data())
        })
    };
    let from_file = |file: &KeyFile| -> Option<Candidate> {
        // One that the agent holds is offered from there.
        if file.public.as_ref().and_then(held).is_some() {
            return None;
        }
        Some(Candidate {
            label: homely(&file.path),
            public: file.public.clone(),
            certificate: None,
            signer: Signer::File(file.path.clone(), file.secret.clone()?),
        })
    };
    let (explicit, rest): (Vec<_>, Vec<_>) = files
        .iter()
        .partition(|file| target.explicit.contains(&file.path));
    offers
        .candidates
        .extend(agent.iter().filter(configured).map(from_agent));
    offers
        .candidates
        .extend(explicit.into_iter().filter_map(from_file));
    if !target.identities_only {
        offers
            .candidates
            .extend(agent.iter().filter(|key| !configured(key)).map(from_agent));
    }
    offers
        .candidates
        .extend(rest.into_iter().filter_map(from_file));
    let all = offers.candidates.len();
    if all > MOST_OFFERS {
        offers.candidates.truncate(MOST_OFFERS);
        offers.hints.push(format!(
            "{} more keys were not offered, name the right one",
            all - MOST_OFFERS
        ));
    }
    Ok(offers)
}

/// The agent's plain key with this public half.
fn held<'a>(agent: &'a [AgentKey], public: &PublicKey) -> Option<&'a AgentKey> {
    agent
        .iter()
        .find(|key| key.certificate.is_none() && key.public.key_data() == public.key_data())
}

/// The certificates that are configured, and those that lie beside a key file.
fn certificates(target: &SshTarget, agent: &[AgentKey], files: &[KeyFile], offers: &mut Offers) {
    let beside = files.iter().map(|file| suffixed(&file.path, "-cert.pub"));
    for path in target.certificates.iter().cloned().chain(beside) {
        let Ok(certificate) = Certificate::read_file(&path) else {
            continue;
        };
        let public = PublicKey::new(certificate.public_key().clone(), "");
        let from_file = || {
            let same = |own: &PublicKey| own.key_data() == public.key_data();
            let file = files
                .iter()
                .find(|file| file.public.as_ref().is_some_and(same))?;
            Some(Signer::File(file.path.clone(), file.secret.clone()?))
        };
        let signer = held(agent, &public)
            .map(|key| Signer::Agent(key.blob.clone()))
            .or_else(from_file);
        let Some(signer) = signer else {
            offers.hints.push(format!(
                "{}: its private key is neither in a file nor in the agent",
                homely(&path)
            ));
            continue;
        };
        offers.candidates.push(Candidate {
            label: format!("certificate {}", homely(&path)),
            public: Some(public),
            certificate: Some(Box::new(certificate)),
            signer,
        });
    }
}

fn from_agent(key: &AgentKey) -> Candidate {
    Candidate {
        label: if key.comment.is_empty() {
            format!("agent {}", key.fingerprint)
        } else {
            format!("agent {} ({})", key.fingerprint, key.comment)
        },
        public: Some(key.public.clone()),
        certificate: key.certificate.clone(),
        signer: Signer::Agent(key.blob.clone()),
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read(path: &Path) -> Result<KeyFile, Useless> {
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;

    let why = |error: std::io::Error| Useless::Why(error.to_string());
    let public_beside = || PublicKey::read_openssh_file(suffixed(path, ".pub")).ok();
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Only the public half is here: the agent may have the other one.
            let public = public_beside().ok_or(Useless::Missing)?;
            return Ok(KeyFile {
                path: path.to_owned(),
                public: Some(public),
                secret: None,
            });
        }
        Err(error) => return Err(why(error)),
    };
    let meta = file.metadata().map_err(why)?;
    if !meta.is_file() {
        return Err(Useless::Why("it is no file; name the private key".into()));
    }
    let mut text = Zeroizing::new(String::new());
    let mut file = file.take(MOST_BYTES);
    if file.read_to_string(&mut text).is_err() {
        return Err(Useless::Why(
            "it is no key file; name the private key".into(),
        ));
    }
    if let Ok(public) = PublicKey::from_openssh(text.trim()) {
        return Ok(KeyFile {
            path: path.to_owned(),
            public: Some(public),
            secret: None,
        });
    }
    // ssh's rule: a secret of one's own that others can read is none.
    let own = meta.uid() == rustix::process::getuid().as_raw();
    if own && meta.mode() & 0o077 != 0 {
        return Err(Useless::Why(format!(
            "its mode {:04o} lets others read it; run `chmod 600 {}`",
            meta.mode() & 0o7777,
            shown(path)
        )));
    }
    let (public, secret) = match russh::keys::decode_secret_key(&text, None) {
        Ok(key) => (Some(key.public_key().clone()), Secret::Open(Arc::new(key))),
        Err(russh::keys::Error::KeyIsEncrypted) => {
            let public = PrivateKey::from_openssh(text.as_bytes())
                .map(|key| key.public_key().clone())
                .ok();
            (
                public.or_else(public_beside),
                Secret::Locked(Arc::new(text)),
            )
        }
        Err(_) if text.contains("ENCRYPTED") => (public_beside(), Secret::Locked(Arc::new(text))),
        Err(error) => {
            return Err(Useless::Why(format!(
                "it is no key that can be read ({error}); make one with ssh-keygen -t ed25519"
            )));
        }
    };
    Ok(KeyFile {
        path: path.to_owned(),
        public,
        secret: Some(secret),
    })
}
