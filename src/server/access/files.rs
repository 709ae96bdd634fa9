//! One key file as it was found.
//!
//! In: the answers about it. Out: a [`KeyFile`], with why it can't be edited, and why sshd would not read it.

use super::facts;
use super::strict::{self, Stat, User};
use crate::domain::access::{CacheUser, Fact, KeyFile};
use crate::domain::text::visible;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// One file's answers; `root` is whether we have root's rights there, `strict` sshd's `StrictModes`.
pub(super) fn file(
    path: &str,
    answers: &[(&str, &str)],
    who: &User<'_>,
    user: &CacheUser,
    strict: bool,
    root: bool,
    nixos: bool,
) -> KeyFile {
    let resolved = facts::get(answers, "resolved").unwrap_or(path);
    let stat = facts::get(answers, "stat").and_then(Stat::parse);
    let content_why = facts::get(answers, "content-why");
    let exists = stat.is_some() || content_why.is_some();
    let content: Fact<Vec<u8>> = match (content_why, facts::get(answers, "content")) {
        (Some(why), _) => Err(facts::unknown(format!(
            "{} can't be read: {why}",
            visible(path)
        ))),
        (None, Some(text)) => STANDARD
            .decode(text)
            .map_err(|_| facts::unknown(format!("{} did not arrive whole", visible(path)))),
        (None, None) => Ok(Vec::new()),
    };
    let folders: Vec<(Stat, &str)> = answers
        .iter()
        .filter(|(name, _)| *name == "dir")
        .filter_map(|(_, value)| Stat::parse(value))
        .collect();
    let generated_by = generated(path, resolved, who.name, nixos);
    let in_home = resolved
        .strip_prefix(who.home)
        .is_some_and(|rest| rest.starts_with('/'));
    let (mode, owner) = match stat {
        Some((stat, rest)) => (stat.mode, rest.split(' ').nth(1).unwrap_or("").to_owned()),
        // sshd reads it as the user: one outside of the home has to be readable for all.
        None if in_home => (0o600, format!("{}:{}", who.name, user.gid)),
        None => (0o644, "root:root".to_owned()),
    };
    let editable = match (&generated_by, content_why) {
        (Some(by), _) => Err(format!(
            "{} is written by {by}, so an edit would be lost; make the change there",
            visible(path)
        )),
        (None, Some(why)) => Err(format!("{} can't be read: {why}", visible(path))),
        (None, None) if !root && facts::get(answers, "writable").is_none() => Err(format!(
            "this login may not write {}; log in as root or allow sudo -n",
            visible(path)
        )),
        (None, None) => Ok(()),
    };
    let strict_modes_problem = match (stat, content_why) {
        (_, Some("it is not a regular file")) => {
            Some("sshd does not read it: it is not a regular file".to_owned())
        }
        (Some((stat, _)), _) => strict::problem(who, resolved, stat, &folders, strict)
            .map(|problem| visible(&problem).into_owned()),
        (None, _) => None,
    };
    KeyFile {
        path: path.to_owned(),
        resolved: resolved.to_owned(),
        user: who.name.to_owned(),
        exists,
        sha256: Sha256::digest(content.as_deref().unwrap_or_default()).into(),
        content,
        owner,
        mode,
        editable,
        strict_modes_problem,
        generated_by,
    }
}

/// What writes the file anew. On NixOS each activation copies `users.users.*.openssh.authorizedKeys` to
/// `/etc/ssh/authorized_keys.d`, as regular files.
pub(super) fn generated(path: &str, resolved: &str, user: &str, nixos: bool) -> Option<String> {
    let activation = nixos
        && [path, resolved]
            .iter()
            .any(|path| path.starts_with("/etc/ssh/authorized_keys.d/"));
    if activation || resolved.starts_with("/nix/store/") || resolved.starts_with("/etc/static/") {
        let option = format!("users.users.{user}.openssh.authorizedKeys");
        return Some(if user == crate::server::spec::CACHE_USER {
            format!("NixOS from nix.sshServe.keys or {option}")
        } else {
            format!("NixOS from {option}")
        });
    }
    None
}
