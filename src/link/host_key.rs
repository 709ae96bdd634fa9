//! Is this the host that was meant? The policy around the pure check of `known_hosts`.
//!
//! In: the key or certificate that a server proved to hold. Out: yes, or the error that says why not. What a person accepts is written
//! down first; a changed or revoked key cannot be accepted at all, nor any key where a line that revokes one cannot be read.

use std::net::IpAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg};

use super::error::{LinkError, appended, homely, sentence, shown};
use super::known_hosts::command::{self, About};
use super::known_hosts::{
    self, At, HostKey, HostName, KnownHosts, Unknown, Verdict, principals_match,
};
use super::prompt::{Prompter, Question};
use super::target::{SshTarget, Strict};
use crate::domain::Bytes;
use crate::domain::revocation::RevocationList;
use crate::domain::ssh_key::PublicSshKey;
use tokio::io::AsyncReadExt as _;

/// What a server proved to hold.
pub(super) enum Offered<'a> {
    Key(&'a russh::keys::PublicKey),
    Certificate(&'a Certificate),
}

/// The `known_hosts` of a target, as they are now.
pub(super) async fn known(target: &SshTarget, about: About<'_>) -> Result<KnownHosts, LinkError> {
    let files: Vec<_> = target
        .known_hosts
        .iter()
        .chain(&target.global_known_hosts)
        .cloned()
        .collect();
    let mut known = known_hosts::read(&files)?;
    add_command(&mut known, target, &target.known_as, about).await?;
    Ok(known)
}

/// Adds what `KnownHostsCommand` says of this name.
async fn add_command(
    known: &mut KnownHosts,
    target: &SshTarget,
    name: &HostName,
    about: About<'_>,
) -> Result<(), LinkError> {
    if let Some(words) = &target.known_hosts_command {
        let lines = command::run(words, name, about).await?;
        known.add("KnownHostsCommand", &lines);
    }
    Ok(())
}

/// Which host key algorithms to ask for: those of known keys first, so that a known host stays known. SHA-1 never.
pub(super) fn algorithms(types: &[&str]) -> Vec<Algorithm> {
    let rsa = |hash| Algorithm::Rsa { hash: Some(hash) };
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    let all = [
        ("ssh-ed25519", Algorithm::Ed25519),
        ("ecdsa-sha2-nistp256", ecdsa(EcdsaCurve::NistP256)),
        ("ecdsa-sha2-nistp384", ecdsa(EcdsaCurve::NistP384)),
        ("ecdsa-sha2-nistp521", ecdsa(EcdsaCurve::NistP521)),
        ("ssh-rsa", rsa(HashAlg::Sha512)),
        ("ssh-rsa", rsa(HashAlg::Sha256)),
    ];
    let (known, other): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(kind, _)| types.contains(kind));
    known
        .into_iter()
        .chain(other)
        .map(|(_, algorithm)| algorithm)
        .collect()
}

/// The whole check. `peer` is the address that was connected to, where that is the host's own.
pub(super) async fn verify(
    target: &SshTarget,
    peer: Option<IpAddr>,
    prompter: &dyn Prompter,
    offered: Offered<'_>,
) -> Result<(), LinkError> {
    let name = &target.known_as;
    let unreadable = || LinkError::connect(target.describe(), "its host key cannot be read");
    let (key_data, authority) = match &offered {
        Offered::Key(key) => (key.key_data(), None),
        Offered::Certificate(certificate) => {
            (certificate.public_key(), Some(certificate.signature_key()))
        }
    };
    let mut known = known(target, About::Hostname(key_data)).await?;
    let address = address(target, peer);
    if let Some(address) = &address {
        add_command(&mut known, target, address, About::Address(key_data)).await?;
    }
    let key = HostKey::of(key_data).ok_or_else(unreadable)?;
    let fingerprint = key_data.fingerprint(HashAlg::Sha256).to_string();
    let revoked = |at: String| LinkError::RevokedHost {
        host: name.to_string(),
        fingerprint: fingerprint.clone(),
        at,
    };
    let mut notes = Vec::new();
    for data in [Some(key_data), authority].into_iter().flatten() {
        let blob = HostKey::of(data).ok_or_else(unreadable)?;
        if let Some(at) = known.revokes(name, &blob) {
            return Err(revoked(at.to_string()));
        }
    }
    if let Some(file) = &target.revoked_host_keys
        && in_revocation_list(file, &offered).await?
    {
        return Err(revoked(homely(file)));
    }
    if let Some(problem) = known.may_revoke(name) {
        return Err(LinkError::UnreadableRevocation {
            host: name.to_string(),
            at: problem.at.to_string(),
            why: problem.why,
        });
    }
    if let (Offered::Certificate(certificate), Some(authority)) = (&offered, authority) {
        let authority = HostKey::of(authority).ok_or_else(unreadable)?;
        if let Some(at) = known.trusts(name, &authority) {
            match certificate_problem(certificate, target) {
                None => return Ok(()),
                Some(why) => notes.push(format!(
                    "its certificate, by the authority of {at}, is not good: {why}"
                )),
            }
        }
    }
    let local = unchecked(target, peer);
    let changed = |name: &HostName, kind: &str, at: &At| LinkError::ChangedHost {
        host: name.to_string(),
        key_type: key.kind.clone(),
        fingerprint: fingerprint.clone(),
        known: match &local {
            Some(note) => format!("{kind} in {at} ({note})"),
            None => format!("{kind} in {at}"),
        },
    };
    let unknown = match known.check(name, &key) {
        Verdict::Known(_) => None,
        Verdict::Revoked(at) => return Err(revoked(at.to_string())),
        Verdict::Changed { kind, at } => return Err(changed(name, &kind, &at)),
        Verdict::Unknown(unknown) => Some(unknown),
    };
    if let Some(address) = &address {
        match known.check(address, &key) {
            Verdict::Known(_) | Verdict::Unknown(_) => {}
            Verdict::Revoked(at) => return Err(revoked(at.to_string())),
            Verdict::Changed { kind, at } => return Err(changed(address, &kind, &at)),
        }
    }
    let Some(unknown) = unknown else {
        return Ok(());
    };
    let careful =
        !(unknown.other_keys.is_empty() && unknown.unreadable.is_empty() && notes.is_empty());
    notes.extend(reported(&unknown));
    notes.extend(local);
    if target.known_hosts.is_empty() {
        notes.push(
            "no file keeps its key (UserKnownHostsFile of ssh's configuration), so this is asked each time unless --known-hosts names one"
                .to_owned(),
        );
    }
    accept(target, prompter, &key, fingerprint, &notes, careful).await
}

/// What to say where ssh's configuration asks for no check at all, which is not followed: a tunnel can lead anywhere.
fn unchecked(target: &SshTarget, peer: Option<IpAddr>) -> Option<String> {
    let local = target.localhost_unchecked && peer.is_some_and(|peer| peer.is_loopback());
    local.then(|| {
        "NoHostAuthenticationForLocalhost is not followed here: give each server behind this machine a HostKeyAlias of its own in ssh's configuration"
            .to_owned()
    })
}

/// The address to look up beside the name (`CheckHostIP`). As in ssh, none for this machine itself, for a host that was named by its
/// address, and behind a proxy.
fn address(target: &SshTarget, peer: Option<IpAddr>) -> Option<HostName> {
    let peer = peer.filter(|peer| target.check_host_ip && !peer.is_loopback())?;
    let text = peer.to_string();
    (text != target.host).then(|| HostName::new(&text, target.port))
}

/// What else is known, as sentences.
fn reported(unknown: &Unknown) -> Vec<String> {
    let list = |all: &[(String, At)]| {
        all.iter()
            .map(|(what, at)| format!("{what} ({at})"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut notes = Vec::new();
    if !unknown.other_keys.is_empty() {
        notes.push(format!(
            "this host IS known, with another key: {}; a stranger in between would look like this",
            list(&unknown.other_keys)
        ));
    }
    if !unknown.unreadable.is_empty() {
        let lines: Vec<_> = unknown.unreadable.iter().map(ToString::to_string).collect();
        notes.push(format!(
            "this host is named in lines that can't be read: {}",
            lines.join(", ")
        ));
    }
    if !unknown.other_names.is_empty() {
        notes.push(format!(
            "the same key is known for {}",
            list(&unknown.other_names)
        ));
    }
    notes
}

async fn accept(
    target: &SshTarget,
    prompter: &dyn Prompter,
    key: &HostKey,
    fingerprint: String,
    notes: &[String],
    careful: bool,
) -> Result<(), LinkError> {
    let host = target.known_as.to_string();
    let file = target.known_hosts.first();
    let unknown = || LinkError::UnknownHost {
        host: host.clone(),
        key_type: key.kind.clone(),
        fingerprint: fingerprint.clone(),
        note: appended(notes),
        file: file.map_or_else(
            || "a file that --known-hosts names".to_owned(),
            |file| homely(file),
        ),
    };
    let accepted = match target.strict {
        Strict::Yes => false,
        // Where nothing is kept, anybody's key would be new each time.
        Strict::AcceptNew if !careful && file.is_some() => true,
        Strict::AcceptNew | Strict::Ask => {
            let question = Question::UnknownHost {
                host: host.clone(),
                key_type: key.kind.clone(),
                fingerprint: fingerprint.clone(),
                note: (!notes.is_empty()).then(|| notes.join("; ")),
            };
            match prompter.ask(question).await {
                None => false,
                // As in ssh, the fingerprint itself is an even better yes.
                Some(answer) if answer.trim() == "yes" || answer.trim() == fingerprint => true,
                Some(_) => {
                    return Err(LinkError::Declined {
                        what: format!("the host key of {host}"),
                    });
                }
            }
        }
    };
    if !accepted {
        return Err(unknown());
    }
    if let Some(file) = file {
        let mut salt = [0; 20];
        let salt = if target.hash_known_hosts {
            getrandom::fill(&mut salt).is_ok().then_some(salt)
        } else {
            None
        };
        let line = known_hosts::line(&target.known_as, key, salt);
        let path = file.clone();
        let written = tokio::task::spawn_blocking(move || known_hosts::append(&path, &line)).await;
        written.unwrap_or_else(|error| {
            Err(LinkError::KnownHosts {
                file: shown(file),
                done: "written",
                why: error.to_string(),
            })
        })?;
    }
    Ok(())
}

/// Everything about a host certificate but whether its authority is trusted. `None` when all is well.
fn certificate_problem(certificate: &Certificate, target: &SshTarget) -> Option<String> {
    if certificate.cert_type() != CertType::Host {
        return Some("it is a user's certificate".into());
    }
    if certificate.signature().algorithm() == (Algorithm::Rsa { hash: None }) {
        return Some("it is signed with SHA-1".into());
    }
    if certificate.critical_options().iter().next().is_some() {
        return Some("it has critical options, and none is known".into());
    }
    if !principals_match(certificate.valid_principals(), &target.known_as) {
        let names: Vec<_> = certificate
            .valid_principals()
            .iter()
            .map(|name| sentence(name))
            .collect();
        return Some(format!(
            "it is for {}",
            if names.is_empty() {
                "no host".into()
            } else {
                names.join(", ")
            }
        ));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    if now < certificate.valid_after() {
        return Some("it is not valid yet".into());
    }
    if now >= certificate.valid_before() {
        return Some("it has expired".into());
    }
    let authority = certificate.signature_key().fingerprint(HashAlg::Sha256);
    certificate
        .validate_at(now, [&authority])
        .err()
        .map(|error| error.to_string())
}

/// The most that a list of revoked keys may have, in bytes.
const LONGEST_LIST: u64 = 16 << 20;

/// Whether `RevokedHostKeys`, a text file or a KRL, has what was offered: the key, the certificate by its number or id, or its
/// authority. A list that can't be read revokes everything, as in ssh.
async fn in_revocation_list(file: &Path, offered: &Offered<'_>) -> Result<bool, LinkError> {
    let unusable = |why: String| LinkError::KnownHosts {
        file: shown(file),
        done: "read",
        why,
    };
    let opened = tokio::fs::File::open(file).await;
    let opened = opened.map_err(|error| unusable(error.to_string()))?;
    let mut content = Vec::new();
    let mut opened = opened.take(LONGEST_LIST + 1);
    let read = opened.read_to_end(&mut content).await;
    read.map_err(|error| unusable(error.to_string()))?;
    if content.len() as u64 > LONGEST_LIST {
        return Err(unusable(format!(
            "it has more than {}",
            Bytes(LONGEST_LIST)
        )));
    }
    let list = RevocationList::parse(&content).map_err(unusable)?;
    let line = match offered {
        Offered::Key(key) => key.to_openssh(),
        Offered::Certificate(certificate) => certificate.to_openssh(),
    };
    let line = line.map_err(|error| unusable(error.to_string()))?;
    let key = PublicSshKey::parse(&line).map_err(|error| unusable(error.to_string()))?;
    Ok(list.has(&key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_are_asked_for_first() {
        let order = algorithms(&["ssh-rsa"]);
        assert_eq!(
            order[0],
            Algorithm::Rsa {
                hash: Some(HashAlg::Sha512)
            }
        );
        assert_eq!(order[2], Algorithm::Ed25519);
        assert_eq!(algorithms(&[])[0], Algorithm::Ed25519);
        assert!(!order.contains(&Algorithm::Rsa { hash: None }) && order.len() == 6);
    }
}
