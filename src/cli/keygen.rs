//! `keygen`: a key pair that signs for a cache.
//!
//! In: the key's name and a folder. Out: two files in Nix's format, `NAME.sec` (mode 0600) and `NAME.pub`, and what
//! to do with them. An existing file is never overwritten: a lost secret key cannot be made again.

use super::args;
use super::error::{CliError, Kind};
use super::out::Out;
use crate::domain::Notice;
use crate::domain::notice;
use crate::domain::text::visible;
use crate::domain::{KeyName, SigningKey};
use serde::Serialize;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use zeroize::Zeroizing;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    name: &'a str,
    #[serde(rename = "secretFile")]
    secret_file: String,
    #[serde(rename = "publicFile")]
    public_file: String,
    #[serde(rename = "publicKey")]
    public_key: String,
}

/// Runs it.
pub(super) fn run(args: &args::Keygen, out: &mut Out) -> Result<(), CliError> {
    let name = KeyName::new(&args.name).map_err(|error| {
        let name = visible(&args.name);
        CliError::usage(notice!(
            "\"{name}\" cannot name a key: {error}",
            "take one such as cache.example.org-1"
        ))
    })?;
    let mut seed = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *seed).map_err(|error| {
        CliError::new(
            Kind::Server,
            notice!(
                "this system gives no random numbers: {error}",
                "make the key on another one"
            ),
        )
    })?;
    let key = SigningKey::from_seed(name, &seed);
    let file = file_name(key.name());
    let secret = args.out.join(format!("{file}.sec"));
    let public = args.out.join(format!("{file}.pub"));
    // Looked at before anything is made, so that a pair is made whole or not at all; `create_new` decides in the end.
    for file in [&secret, &public] {
        if file.symlink_metadata().is_ok() {
            return Err(exists(file));
        }
    }
    create(&secret, 0o600, key.to_secret_text().as_bytes())?;
    let public_key = key.public().to_string();
    if let Err(error) = create(&public, 0o644, format!("{public_key}\n").as_bytes()) {
        // The secret was made a moment ago and nothing has been signed with it.
        let _ = std::fs::remove_file(&secret);
        return Err(error);
    }
    let document = Document {
        schema: 1,
        name: key.name().as_str(),
        secret_file: secret.to_string_lossy().into_owned(),
        public_file: public.to_string_lossy().into_owned(),
        public_key,
    };
    if out.json() {
        return out.document(&document);
    }
    let lines = [
        format!("secret key  {}  (mode 0600; keep a copy offline)", visible(&document.secret_file)),
        format!("public key  {}", visible(&document.public_file)),
        String::new(),
        document.public_key.clone(),
        String::new(),
        "On the server, put the secret key where only root reads it and name it in /etc/nix/nix.conf:".to_owned(),
        format!("  secret-key-files = /root/{file}.sec"),
        "On each client, add the public key to trusted-public-keys in nix.conf:".to_owned(),
        format!("  extra-trusted-public-keys = {}", document.public_key),
        "Then sign what is there:".to_owned(),
        format!("  storekeeper sign SERVER --all --server-key /root/{file}.sec"),
    ];
    for line in lines {
        out.line(&line)?;
    }
    Ok(())
}

/// The name as that of a file that a shell and `nix.conf` take as it is.
fn file_name(name: &KeyName) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-@+".contains(c) {
            c
        } else {
            '_'
        }
    };
    let file: String = name.as_str().chars().map(plain).collect();
    // A leading dash would be an option, and a leading dot hides it.
    if file.starts_with(['-', '.']) {
        return format!("key{file}");
    }
    file
}

fn exists(file: &Path) -> CliError {
    CliError::usage(Notice::new(
        format!("{} is there already", file.display()),
        "take another name or folder, it is not overwritten",
    ))
}

fn create(file: &Path, mode: u32, content: &[u8]) -> Result<(), CliError> {
    let opened = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(file);
    let mut opened = match opened {
        Ok(opened) => opened,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(exists(file));
        }
        Err(error) => return Err(failed(file, &error)),
    };
    opened
        .write_all(content)
        .and_then(|()| opened.sync_all())
        .map_err(|error| {
            // A half-written key is worse than none.
            let _ = std::fs::remove_file(file);
            failed(file, &error)
        })
}

fn failed(file: &Path, error: &std::io::Error) -> CliError {
    CliError::usage(Notice::new(
        format!("cannot make {}: {error}", file.display()),
        "give --out a folder that can be written to",
    ))
}
