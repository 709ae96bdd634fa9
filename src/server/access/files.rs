//! One key file as it was found.
//!
//! In: the answers about it. Out: a [`KeyFile`], with why it can't be edited, and why sshd would not read it.

use super::edit::Edit;
use super::editable;
use super::facts;
use super::strict::{self, Stat, User};
use crate::domain::Notice;
use crate::domain::access::{Fact, KeyFile};
use crate::domain::path_info::from_hex;
use crate::domain::text::visible;
use crate::link::{Command, Limits};
use crate::server::Inner;
use crate::server::error::ServerError;
use crate::server::script::{self, Answers, why};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Room for the lines of one large file.
const LOOK: Limits = Limits {
    output: 32 << 20,
    time: Duration::from_secs(60),
};

/// One file's answers; `root` is whether we have root's rights there, `strict` sshd's `StrictModes`.
pub(super) fn file(
    path: &str,
    answers: &[(&str, &str)],
    who: &User<'_>,
    strict: bool,
    root: bool,
    nixos: bool,
) -> KeyFile {
    let resolved = facts::get(answers, "resolved").unwrap_or(path);
    let stat = facts::get(answers, "stat").and_then(Stat::parse);
    let content_why = facts::get(answers, "content-why");
    let exists = stat.is_some() || content_why.is_some();
    let read = read(answers)
        .map_err(|why| facts::unknown(format!("{} can't be read: {why}", visible(path))));
    let (
        content,
        Read {
            numbers,
            size,
            sha256,
        },
    ) = match read {
        Ok((content, read)) => (Ok(content), read),
        Err(unknown) => (Err(unknown), Read::default()),
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
    let mode = match stat {
        Some((stat, _)) => stat.mode,
        // sshd reads it as the user: one outside of the home has to be readable for all.
        None if in_home => 0o600,
        None => 0o644,
    };
    let editable = match (&generated_by, content_why) {
        (Some(by), _) => Err(Notice::new(
            format!(
                "{} is written by {by}, so an edit would be lost",
                visible(path)
            ),
            "make the change there",
        )),
        (None, Some(why)) => Err(format!("{} can't be read: {why}", visible(path)).into()),
        (None, None) if !root && facts::get(answers, "writable").is_none() => Err(Notice::new(
            format!("this login may not write {}", visible(path)),
            "log in as root or allow sudo -n",
        )),
        (None, None) => {
            let problem = editable::problem(who, resolved, stat.map(|(stat, _)| stat), &folders);
            match problem.filter(|_| root) {
                Some(problem) => Err(problem
                    .visible()
                    .after(format_args!("{} can't be edited: ", visible(path)))),
                None => Ok(()),
            }
        }
    };
    let strict_modes_problem = match (stat, content_why) {
        (_, Some("it is not a regular file")) => {
            Some("sshd does not read it: it is not a regular file".to_owned())
        }
        (Some((stat, _)), _) => strict::problem(who, resolved, stat, &folders, strict)
            .map(|problem| problem.visible().to_string()),
        (None, _) => None,
    };
    KeyFile {
        path: path.to_owned(),
        resolved: resolved.to_owned(),
        user: who.name.to_owned(),
        exists,
        content,
        numbers,
        size,
        sha256,
        mode,
        editable,
        strict_modes_problem,
        generated_by,
    }
}

/// A key file that was read by itself.
#[derive(Debug)]
pub struct KeyFileContent {
    /// All of it; of a file of more than 2 MiB the lines that can hold a key.
    pub content: Vec<u8>,
    /// Of the whole file.
    pub sha256: [u8; 32],
}

/// Reads the file of an edit, where its links led when it was shown.
pub(super) async fn ask(inner: &Inner, edit: &Edit) -> Result<Fact<KeyFileContent>, ServerError> {
    let command = Command::script(script::ACCESS_LOOK_FILE)
        .arg(script::ACCESS_READ_FILE)
        .arg(edit.resolved())
        .sudo(inner.start.sudo);
    let output = inner.link.run(&command, b"", LOOK).await?;
    let answers = Answers::parse(&output.stdout).ok_or_else(|| ServerError::Script {
        place: inner.start.place.clone(),
        what: "read the key file",
        why: why(&output),
        next: "log in there and look at it",
    })?;
    let answers: Vec<(&str, &str)> = answers.iter().collect();
    let read = read(&answers).map(|(content, read)| KeyFileContent {
        content,
        sha256: read.sha256,
    });
    Ok(read.map_err(facts::unknown))
}

/// What else is known of a file's content.
#[derive(Default)]
pub(super) struct Read {
    numbers: Option<Vec<usize>>,
    size: u64,
    sha256: [u8; 32],
}

/// Bytes of the lines of a large file that are read; a script cuts them off one byte later.
const MOST_LINES: usize = 16 << 20;

/// The content, or why there is none. What is not there is empty.
pub(super) fn read(answers: &[(&str, &str)]) -> Result<(Vec<u8>, Read), String> {
    let whole = |text: &str| {
        STANDARD
            .decode(text)
            .map_err(|_| "it did not arrive whole".to_owned())
    };
    if let Some(why) = facts::get(answers, "content-why") {
        return Err(why.to_owned());
    }
    let Some(lines) = facts::get(answers, "lines") else {
        let content = whole(facts::get(answers, "content").unwrap_or_default())?;
        let read = Read {
            numbers: None,
            size: content.len() as u64,
            sha256: Sha256::digest(&content).into(),
        };
        return Ok((content, read));
    };
    let lines = whole(lines)?;
    if lines.len() > MOST_LINES {
        return Err(format!(
            "the lines in it that can hold a key have more than {} MiB; take out by hand what is no key",
            MOST_LINES >> 20
        ));
    }
    // grep(1): 0 where it found something, 1 where not, anything else is an error.
    let lines = [b"end:0\n", b"end:1\n"]
        .iter()
        .find_map(|end| lines.strip_suffix(end.as_slice()))
        .ok_or("its lines did not arrive whole")?;
    let mut content = Vec::with_capacity(lines.len());
    let mut numbers: Vec<usize> = Vec::new();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        // `grep -n` puts the number and a colon before each.
        let colon = line.iter().position(|byte| *byte == b':');
        let number = colon
            .and_then(|at| std::str::from_utf8(&line[..at]).ok()?.parse().ok())
            .filter(|number| numbers.last().is_none_or(|last| number > last));
        let (Some(number), Some(colon)) = (number, colon) else {
            return Err("its lines did not arrive whole".to_owned());
        };
        numbers.push(number);
        content.extend_from_slice(&line[colon + 1..]);
    }
    let unended = facts::get(answers, "unended").and_then(|text| text.parse().ok());
    if unended.is_some() && numbers.last().copied() == unended {
        content.pop();
    }
    let digest = facts::get(answers, "sha256").and_then(from_hex);
    let size = facts::get(answers, "size").and_then(|text| text.parse().ok());
    let (Some(sha256), Some(size)) = (digest, size) else {
        return Err("its digest did not arrive".to_owned());
    };
    let read = Read {
        numbers: Some(numbers),
        size,
        sha256,
    };
    Ok((content, read))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the script says of a large file with these lines, as `grep -n` finds them.
    fn read_lines(lines: &[u8], unended: &str) -> Result<(Vec<u8>, Read), String> {
        let (lines, digest) = (STANDARD.encode(lines), "0".repeat(64));
        let mut answers = vec![
            ("lines", lines.as_str()),
            ("size", "3000000"),
            ("sha256", digest.as_str()),
        ];
        if !unended.is_empty() {
            answers.push(("unended", unended));
        }
        read(&answers)
    }

    #[test]
    fn lines_of_a_large_file_have_their_numbers() {
        let (content, file) = read_lines(b"7:AAAA a\n40:x:AAAA\r\nend:0\n", "").unwrap();
        assert_eq!(content, b"AAAA a\nx:AAAA\r\n");
        assert_eq!((file.numbers, file.size), (Some(vec![7, 40]), 3_000_000));
        // The last line has no end in the file; grep gave it one.
        let (content, _) = read_lines(b"7:AAAA\nend:0\n", "7").unwrap();
        assert_eq!(content, b"AAAA");
        let (content, _) = read_lines(b"7:AAAA\nend:0\n", "9").unwrap();
        assert_eq!(content, b"AAAA\n");
        assert_eq!(read_lines(b"end:1\n", "").unwrap().0, b"");
    }

    #[test]
    fn what_is_not_whole_is_not_known() {
        let odd: [&[u8]; 5] = [
            b"7:AAAA\n",
            b"7:AAAA\nend:2\n",
            b"AAAA\nend:0\n",
            b"7:AAAA\n7:AAAA\nend:0\n",
            b"",
        ];
        for lines in odd {
            assert!(read_lines(lines, "").is_err(), "{lines:?}");
        }
        let many = b"1:AAAA\n".repeat(3 << 20);
        let why = read_lines(&many, "").map(|_| ()).unwrap_err();
        assert!(why.contains("more than 16 MiB"), "{why}");
        assert!(read(&[("lines", "")]).is_err());
    }

    proptest! {
        #[test]
        fn any_lines_are_read_or_refused(lines in prop::collection::vec(any::<u8>(), 0..60), unended in "[0-9]{0,3}") {
            let mut lines = lines;
            lines.extend(b"end:0\n");
            if let Ok((content, file)) = read_lines(&lines, &unended) {
                let numbers = file.numbers.unwrap();
                let document = crate::domain::authorized_keys::AuthorizedKeys::parse_numbered(&content, numbers.clone());
                prop_assert_eq!(document.lines().count(), numbers.len());
            }
        }
    }
}
