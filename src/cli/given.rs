//! A public key, a signature or a policy that somebody gives: a file or standard input.
//!
//! In: `FILE` or `-`. Out: the key or the text, or why it is none. What was read is wiped: a private key may be in it by mistake.

use super::error::{CliError, Kind};
use crate::domain::Notice;
use crate::domain::key_request::Source;
use crate::domain::notice;
use crate::domain::ssh_key::{KeyError, PublicSshKey};
use crate::domain::text::visible;
use std::io::Read as _;
use zeroize::Zeroizing;

/// More than any public key has.
const MOST: u64 = 64 << 10;

/// The key, and how it came.
pub(super) fn key(
    argument: &str,
    comment: Option<&str>,
) -> Result<(PublicSshKey, Source), CliError> {
    let (mut key, source) = read(argument)?;
    if let Some(comment) = comment {
        key.set_comment(comment);
    }
    Ok((key, source))
}

/// The answer to a challenge. What it is worth is looked at where the challenge is known.
pub(super) fn answer(argument: &str) -> Result<Zeroizing<String>, CliError> {
    let bytes = bytes(argument, "the file with the signature")?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        let name = name(argument);
        CliError::usage(notice!(
            "{name} is no text",
            "give the answer of ssh-keygen -Y sign as it was printed"
        ))
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A retention policy.
pub(super) fn policy(argument: &str) -> Result<String, CliError> {
    let bytes = bytes(argument, "the policy")?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        let name = name(argument);
        CliError::usage(notice!("{name} is no text", "give a policy in TOML"))
    })?;
    Ok(text.to_owned())
}

fn name(argument: &str) -> String {
    match argument {
        "-" => "standard input".to_owned(),
        path => visible(path).into_owned(),
    }
}

/// At most [`MOST`] and one more; `what` is what should be named.
fn bytes(argument: &str, what: &str) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let mut bytes = Zeroizing::new(Vec::new());
    match argument {
        "-" => std::io::stdin()
            .lock()
            .take(MOST + 1)
            .read_to_end(&mut bytes),
        path => {
            std::fs::File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
        }
    }
    .map_err(|error| {
        CliError::usage(Notice::new(
            format!("cannot read {}: {error}", name(argument)),
            format!("name {what}, or - for standard input"),
        ))
    })?;
    Ok(bytes)
}

fn read(argument: &str) -> Result<(PublicSshKey, Source), CliError> {
    let source = match argument {
        "-" => Source::Paste,
        _ => Source::File,
    };
    let bytes = bytes(argument, "the .pub file")?;
    let name = name(argument);
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        CliError::usage(notice!(
            "{name} is no text",
            "give the one line of the .pub file"
        ))
    })?;
    let key = PublicSshKey::parse(text).map_err(|error| {
        let kind = match error {
            KeyError::Private => Kind::Policy,
            _ => Kind::Usage,
        };
        CliError::new(kind, format!("{name} cannot be used: {error}"))
    })?;
    Ok((key, source))
}
