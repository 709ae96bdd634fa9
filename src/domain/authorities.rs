//! Whose certificates sshd takes for the cache user by its settings, and which names it wants in them.
//!
//! In: the files that `TrustedUserCAKeys` and `AuthorizedPrincipalsFile` name. Out: [`CertificateFacts`]. An authority in a key file is a
//! line of that file and not here. Sources: `sshd_config(5)`; `user_cert_trusted_ca` in OpenSSH's auth2-pubkey.c and
//! `auth_process_principals` in its auth2-pubkeyfile.c.

use super::fact::Fact;
use super::revocation::RevocationList;
use super::ssh_key::PublicSshKey;

/// What sshd's settings for the cache user say of certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The file of `TrustedUserCAKeys`; `None` where there is none.
    pub file: Option<String>,
    /// The keys in it, each with its line; none where there is no such file.
    pub trusted: Fact<Vec<(usize, PublicSshKey)>>,
    /// The names in the cache user's `AuthorizedPrincipalsFile`; `None` where no file is set.
    pub principals: Option<Fact<Vec<String>>>,
    /// Those of them whose line in that file has options of its own.
    pub limited: Vec<String>,
    /// The list of `RevokedKeys`, which is of plain keys, too; `None` where no file is set.
    pub revoked: Option<Fact<RevocationList>>,
}

impl Default for CertificateFacts {
    /// sshd trusts no authority.
    fn default() -> Self {
        Self {
            file: None,
            trusted: Ok(Vec::new()),
            principals: None,
            limited: Vec::new(),
            revoked: None,
        }
    }
}

/// The keys of a `TrustedUserCAKeys` file, each with its line from 1. A line that is none is passed over, as sshd does.
pub fn trusted(content: &[u8]) -> Vec<(usize, PublicSshKey)> {
    let lines = content.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter_map(|(at, line)| {
            let key = PublicSshKey::from_words(line).ok()?;
            key.certificate().is_none().then_some((at + 1, key))
        })
        .collect()
}

/// The names of an `AuthorizedPrincipalsFile`: the last word of each line, behind its options; a `#` begins a comment.
pub fn principals(content: &[u8]) -> Vec<String> {
    named(content, |_| true)
}

/// Those of them whose line has options.
pub fn limited(content: &[u8]) -> Vec<String> {
    named(content, |options| !options.is_empty())
}

/// The names whose options, the text before them, are wanted.
fn named(content: &[u8], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let text = String::from_utf8_lossy(content);
    let names = text.lines().filter_map(|line| {
        let line = line.split('#').next()?.trim_matches([' ', '\t', '\r']);
        let (options, name) = line.rsplit_once([' ', '\t']).unwrap_or(("", line));
        (!name.is_empty() && wanted(options)).then(|| name.to_owned())
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhVmVJUK ca";

    #[test]
    fn files() {
        let found = trusted(format!("# ours\n\n{KEY}\nnonsense\n{KEY}\n").as_bytes());
        let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 5]);
        assert_eq!(found[0].1.comment(), "ca");
        let names = principals(
            b"# all\nnix-ssh\n\n  ci # builders\nfrom=\"10.0.0.0/8\",no-pty ops\r\n\tx\t\n#none\n",
        );
        assert_eq!(names, ["nix-ssh", "ci", "ops", "x"]);
        let some = limited(b"nix-ssh\n  ci # builders\nfrom=\"10.0.0.0/8\",no-pty ops\n#a b\n");
        assert_eq!(some, ["ops"]);
    }

    proptest! {
        #[test]
        fn never_panics(content in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = trusted(&content);
            for name in principals(&content) {
                prop_assert!(!name.is_empty() && !name.contains([' ', '\t', '\n', '#']));
            }
        }
    }
}
