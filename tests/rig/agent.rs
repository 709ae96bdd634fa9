//! A real ssh-agent, for logging in with its keys and for signing with a Nix key that it holds.

use super::guard::{Guard, wait_until};
use super::need;
use super::nix::text_of;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A running agent; it ends when this is dropped.
pub(crate) struct Agent {
    /// The value for `SSH_AUTH_SOCK`.
    pub(crate) socket: PathBuf,
    scratch: PathBuf,
    _guard: Guard,
}

impl Agent {
    pub(super) fn start(scratch: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let socket = scratch.join(format!("agent-{number}.socket"));
        let mut command = Command::new(need::program("ssh-agent"));
        command.arg("-D").arg("-a").arg(&socket);
        let guard = Guard::spawn(&command, &scratch.join("agent.log"));
        wait_until("the agent's socket", || {
            UnixStream::connect(&socket).is_ok()
        });
        Self {
            socket,
            scratch: scratch.to_path_buf(),
            _guard: guard,
        }
    }

    /// Gives it a private key file of OpenSSH; returns the fingerprint, `SHA256:...`.
    pub(crate) fn add(&self, file: &Path) -> String {
        let mut add = Command::new(need::program("ssh-add"));
        add.arg("-q").arg(file).env("SSH_AUTH_SOCK", &self.socket);
        text_of(&mut add);
        let mut show = Command::new(need::program("ssh-keygen"));
        let said = text_of(show.arg("-lf").arg(file));
        said.split_whitespace()
            .nth(1)
            .unwrap_or_else(|| panic!("ssh-keygen printed no fingerprint: {said}"))
            .to_owned()
    }

    /// Gives it the key of a Nix secret key file; returns the fingerprint. Nix and OpenSSH use the same Ed25519 keys.
    pub(crate) fn add_nix_key(&self, secret: &Path) -> String {
        let text = fs::read_to_string(secret).expect("the secret key is readable");
        let (name, data) = text
            .trim()
            .split_once(':')
            .expect("a secret key has a name");
        let bytes = STANDARD.decode(data).expect("a secret key is base64");
        let file = self.scratch.join(format!("agent-{name}"));
        fs::write(&file, openssh_private_key(&bytes, name))
            .expect("the scratch folder can't be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode can't be set");
        self.add(&file)
    }
}

/// The file format of OpenSSH's PROTOCOL.key, without encryption, for a seed followed by its public half.
fn openssh_private_key(pair: &[u8], comment: &str) -> String {
    let public_half = pair.get(32..64).expect("a secret key has 64 bytes");
    let mut public = Vec::new();
    put(&mut public, b"ssh-ed25519");
    put(&mut public, public_half);

    let mut private = vec![0; 8]; // two equal check numbers
    private.extend_from_slice(&public);
    put(&mut private, pair);
    put(&mut private, comment.as_bytes());
    let padding = (8 - private.len() % 8) % 8;
    private.extend((1..=padding).map(|byte| byte as u8));

    let mut file = b"openssh-key-v1\0".to_vec();
    for part in [&b"none"[..], b"none", b""] {
        put(&mut file, part);
    }
    file.extend_from_slice(&1_u32.to_be_bytes());
    put(&mut file, &public);
    put(&mut file, &private);
    let text = STANDARD.encode(file);
    let lines: Vec<&str> = (0..text.len())
        .step_by(70)
        .map(|start| &text[start..text.len().min(start + 70)])
        .collect();
    format!(
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

fn put(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    buffer.extend_from_slice(bytes);
}
