//! The server's own host keys, for the `known_hosts` of clients.
//!
//! In: the answers of one script, and the key that was verified when connecting. Out: the public keys of the sshd that serves this
//! connection, the best first.

use super::error::ServerError;
use super::script::{self, Answers};
use super::{Inner, Server};
use crate::domain::ssh_key::{Material, PublicSshKey};
use crate::link::Command;

impl Server {
    /// The public host keys, without comments: Ed25519, ECDSA, RSA. Before them the one that was verified, where the server's files
    /// don't have it: they are another sshd's, or have changed since this one was started.
    pub async fn host_keys(&self) -> Result<Vec<PublicSshKey>, ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let command = Command::script(script::HOST_KEYS).sudo(start.sudo);
        let answers = script::ask(link, &command, &start.place).await?;
        Ok(with_verified(read(&answers), link.host_key()))
    }
}

fn with_verified(shown: Vec<PublicSshKey>, verified: Option<PublicSshKey>) -> Vec<PublicSshKey> {
    let first = verified.filter(|key| !shown.contains(key));
    first.into_iter().chain(shown).collect()
}

fn read(answers: &Answers) -> Vec<PublicSshKey> {
    let mut keys: Vec<(u8, PublicSshKey)> = Vec::new();
    for line in answers.all("key") {
        let Ok(mut key) = PublicSshKey::parse(line) else {
            continue;
        };
        let rank = match key.material() {
            Material::Ed25519 => 0,
            Material::Ecdsa(_) => 1,
            Material::Rsa { .. } => 2,
            // DSA, which no client takes any more, and what is no host key.
            _ => continue,
        };
        key.set_comment("");
        if key.certificate().is_none() && keys.iter().all(|(_, other)| *other != key) {
            keys.push((rank, key));
        }
    }
    keys.sort_by_key(|(rank, _)| *rank);
    keys.into_iter().map(|(_, key)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhVmVJUK";

    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGXs2KNeJ3AO2cI+n7cZ8vzxyl5ay1djYqMYqoUgPl+W/P+7fiU0kdHqldzaQ+/zrZpQFuY27Wc5EitaK/NNhuY=";

    #[test]
    fn only_keys_and_each_once() {
        let text = format!(
            "storekeeper-answer\nkey=nonsense\nkey={ED25519} root@\u{1b}\nkey={ED25519}\nwhy={ED25519}\nend=\n"
        );
        let keys = read(&Answers::parse(text.as_bytes()).unwrap());
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].line(), ED25519.as_bytes());
    }

    #[test]
    fn what_was_verified_is_the_servers() {
        let key = |text: &str| PublicSshKey::parse(text).unwrap();
        let shown = vec![key(ED25519), key(ECDSA)];
        for (verified, kept) in [
            (None, shown.clone()),
            (Some(key(ECDSA)), shown.clone()),
            (Some(key(OTHER)), vec![key(OTHER), key(ED25519), key(ECDSA)]),
        ] {
            assert_eq!(with_verified(shown.clone(), verified), kept);
        }
        assert_eq!(with_verified(Vec::new(), Some(key(OTHER))), [key(OTHER)]);
    }
}
