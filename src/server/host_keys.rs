//! The server's own host keys, for the `known_hosts` of clients.
//!
//! In: the answers of one script. Out: the public keys of the sshd that serves this connection, the best first.

use super::error::ServerError;
use super::script::{self, Answers};
use super::{Inner, Server};
use crate::domain::ssh_key::{Material, PublicSshKey};
use crate::link::Command;

impl Server {
    /// The public host keys, without comments: Ed25519, ECDSA, RSA. Empty where the server does not show them.
    pub async fn host_keys(&self) -> Result<Vec<PublicSshKey>, ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let command = Command::script(script::HOST_KEYS).sudo(start.sudo);
        let answers = script::ask(link, &command, &start.place).await?;
        Ok(read(&answers))
    }
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

    #[test]
    fn only_keys_and_each_once() {
        let text = format!(
            "storekeeper-answer\nkey=nonsense\nkey={ED25519} root@\u{1b}\nkey={ED25519}\nwhy={ED25519}\nend=\n"
        );
        let keys = read(&Answers::parse(text.as_bytes()).unwrap());
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].line(), ED25519.as_bytes());
    }
}
