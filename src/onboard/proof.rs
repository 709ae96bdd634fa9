//! What a requester does to show that the private key is there.
//!
//! In: the key's type and fingerprint, and the line to be signed. Out: one command to paste, whose answer comes back to the administrator.

use super::{Step, text, word};
use crate::domain::proof::NAMESPACE;
use crate::domain::ssh_key::{Material, PublicSshKey};

/// The command that signs the challenge, with the file where a key of this type usually is.
pub fn command(key: &PublicSshKey, challenge: &str) -> String {
    let file = match key.material() {
        Material::Rsa { .. } => "id_rsa",
        Material::Ecdsa(_) => "id_ecdsa",
        Material::SkEcdsa => "id_ecdsa_sk",
        Material::SkEd25519 => "id_ed25519_sk",
        Material::Ed25519 | Material::Dsa(_) | Material::Unknown => "id_ed25519",
    };
    format!(
        "echo {} | ssh-keygen -Y sign -n {NAMESPACE} -f ~/.ssh/{file}",
        word(challenge)
    )
}

/// All that is sent to the requester: a shell takes it as a whole.
pub fn letter(key: &PublicSshKey, challenge: &str) -> String {
    let head = format!(
        "How you show that the key {} is yours.\nRun this as the user who has the private key; for a machine's Nix daemon that is root (sudo -i).",
        key.fingerprint()
    );
    let steps = [
        Step::new(
            "Sign this one line. If the key lies elsewhere, put its file behind -f",
            [command(key, challenge)],
        ),
        Step::new(
            "Send back what it has printed, from BEGIN to END. It is no secret",
            ["#"; 0],
        ),
    ];
    text(&head, &steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::proof::challenge;

    #[test]
    fn one_command_to_paste() {
        let key = PublicSshKey::parse(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH8CIYFI8w+joHuTldXj7LIPDxihX0AYWvSwr07Dyj9v ada",
        )
        .unwrap();
        let line = challenge(&key.fingerprint(), "nix-ssh", "cache", "00ff");
        let letter = letter(&key, &line);
        let commands: Vec<&str> = letter
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect();
        assert_eq!(
            commands,
            [format!(
                "echo '{line}' | ssh-keygen -Y sign -n storekeeper -f ~/.ssh/id_ed25519"
            )]
        );
    }
}
