//! Whether sshd takes a certificate now, step by step.
//!
//! In: the facts of one look at the server, a certificate, and the address that it is used from. Out: steps of its way, and the options
//! that its session has. Sources: `user_cert_trusted_ca` in OpenSSH's auth2-pubkey.c, `auth_check_authkey_line` in its auth2-pubkeyfile.c,
//! `sshauthopt_from_cert` and `sshauthopt_merge` in its auth-options.c, `sshkey_cert_check_authority` in its sshkey.c.

mod authority;
mod limits;
#[cfg(test)]
mod tests;

use super::standing::{Standing, latest, of_user};
use super::{Reading, listed};
use crate::domain::access::{AccessFacts, LogKind, SshdSettings};
use crate::domain::authorized_keys::KeyOptions;
use crate::domain::ssh_key::{Certificate, Fingerprint, Material, PublicSshKey};
use crate::domain::text::visible;
use crate::domain::{Remedy, When};
use crate::judge::step::{State, Step};

/// What is judged.
#[derive(Clone, Copy)]
struct Case<'a> {
    facts: &'a AccessFacts,
    key: &'a PublicSshKey,
    certificate: &'a Certificate,
    from: Option<&'a str>,
}

/// The steps of a client that has a certificate beside its key, and what its session may do; `plain` is how the key stands by itself. ssh
/// offers the certificate first and then the key, so a certificate that is refused costs nothing where the key stands in a file.
pub fn certified(
    facts: &AccessFacts,
    key: &PublicSshKey,
    from: Option<&str>,
    plain: Standing,
) -> (Vec<Step>, Option<KeyOptions>) {
    let Some(certificate) = key.certificate() else {
        return (vec![plain.step], plain.options);
    };
    let reading = Reading::new(facts);
    let usage = reading.uses.get(&key.fingerprint());
    let seen = usage.and_then(latest).map(|seen| seen.from.as_str());
    let case = Case {
        facts,
        key,
        certificate,
        from: from.or(seen),
    };
    if let Some(step) = of_user(facts) {
        return (vec![step], None);
    }
    let (by, options) = authority::way(&reading, case);
    let mut steps = vec![made(case), valid(case)];
    steps.extend(by);
    steps.extend(revoked(case));
    let in_state = |state: State| steps.iter().find(|step| step.state == state);
    match in_state(State::Wrong).or_else(|| in_state(State::Unknown)) {
        Some(first) if plain.step.state != State::Wrong => {
            let word = match first.state {
                State::Wrong => "is refused",
                _ => "may be refused",
            };
            let message = format!(
                "certificate {word} ({}: {}); ssh goes on with the key itself",
                first.id, first.message
            );
            let step = Step::new("signed", State::Fine, message);
            (vec![step, plain.step], plain.options)
        }
        _ => (steps, options),
    }
}

/// The first or the worst of several findings about one step; fine where there is none.
fn worst(id: &'static str, found: Vec<Step>, fine: impl FnOnce() -> String) -> Step {
    let mut wrong = found.iter().position(|step| step.state == State::Wrong);
    if wrong.is_none() && !found.is_empty() {
        wrong = Some(0);
    }
    let chosen = wrong.and_then(|at| found.into_iter().nth(at));
    chosen.unwrap_or_else(|| Step::new(id, State::Fine, fine()))
}

/// Whether it is a user's certificate, by algorithms that sshd takes, and whose signature holds.
fn made(case: Case<'_>) -> Step {
    const ID: &str = "signed";
    let Case {
        facts,
        key,
        certificate,
        ..
    } = case;
    let settings = facts.sshd.settings.as_ref().ok();
    let signed_with = visible(&certificate.signed_with);
    let mut found = Vec::new();
    let mut wrong = |message: String, remedy: &str| {
        found.push(Step::new(ID, State::Wrong, message).remedy(remedy));
    };
    if !certificate.for_user {
        let message = "it is a certificate of a host, and not of a user".to_owned();
        wrong(message, "sign the key without ssh-keygen's -h");
    }
    if let Some(why) = refused_type(settings, key) {
        wrong(why, "sign an ed25519 key of the client");
    }
    let taken = settings.map_or(&[][..], |settings| &settings.ca_signature_algorithms);
    if !taken.is_empty() && !taken.contains(&certificate.signed_with) {
        let message = format!("sshd takes no certificate that is signed with {signed_with}");
        wrong(
            message,
            "sign it with an ed25519 key, or with an RSA key by ssh-keygen -t rsa-sha2-512",
        );
    }
    match key.is_signed() {
        Some(true) => {}
        Some(false) => {
            let message =
                "its signature does not hold: its file is damaged or was changed".to_owned();
            wrong(message, "copy the file again, or sign the key anew");
        }
        None => {
            let message = format!("its signature by {signed_with} can't be checked");
            found.push(Step::new(ID, State::Unknown, message));
        }
    }
    worst(ID, found, || {
        let id = visible(&certificate.id);
        let serial = certificate.serial;
        format!("user certificate \"{id}\", serial {serial}, signed with {signed_with}")
    })
}

/// Why sshd takes no certificates of this key's type or size.
fn refused_type(settings: Option<&SshdSettings>, key: &PublicSshKey) -> Option<String> {
    let accepted = settings.map_or(&[][..], |settings| &settings.pubkey_accepted_algorithms);
    let has = |name: &str| accepted.is_empty() || accepted.iter().any(|one| one == name);
    let kind = visible(key.algorithm());
    match key.material() {
        Material::Unknown => Some(format!("sshd takes no certificates of type {kind}")),
        Material::Rsa { .. } => {
            let required = settings.and_then(|settings| settings.required_rsa_size);
            let least = required.unwrap_or(0).max(1024);
            if key.bits() < Some(least) {
                return Some(format!("sshd takes no RSA key of less than {least} bits"));
            }
            let signs = [
                "rsa-sha2-512-cert-v01@openssh.com",
                "rsa-sha2-256-cert-v01@openssh.com",
                "ssh-rsa-cert-v01@openssh.com",
            ];
            let takes = signs.into_iter().any(has);
            (!takes).then(|| "sshd takes no certificates of RSA keys".to_owned())
        }
        _ if has(key.algorithm()) => None,
        _ => Some(format!("sshd takes no certificates of type {kind}")),
    }
}

/// Whether its time has come and is not over, by the server's clock.
fn valid(case: Case<'_>) -> Step {
    const ID: &str = "valid";
    let Case {
        facts, certificate, ..
    } = case;
    let now = u64::try_from(facts.at.unix()).unwrap_or(0);
    let when = |seconds: u64| When::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX));
    let (after, before) = (when(certificate.after), certificate.before.map(when));
    if now < certificate.after {
        let wait = facts.at.age(after);
        let message = format!("certificate begins {after}, in {wait} by the server's clock");
        return Step::new(ID, State::Wrong, message)
            .remedy("wait, or sign the key anew; compare the clocks of both machines");
    }
    match before {
        Some(end) if end <= facts.at => {
            let message = format!("certificate expired {} ago, at {end}", end.age(facts.at));
            Step::new(ID, State::Wrong, message).remedy("sign the key anew")
        }
        Some(end) => {
            let left = facts.at.age(end);
            Step::new(ID, State::Fine, format!("until {end} (in {left})"))
        }
        None => Step::new(ID, State::Fine, "for good: it has no end"),
    }
}

/// Whether `RevokedKeys` has it; where the list can't be read, as far as the log tells. Nothing where there is no such list.
fn revoked(case: Case<'_>) -> Option<Step> {
    const ID: &str = "revoked";
    let Case {
        facts,
        key,
        certificate,
        ..
    } = case;
    let list = facts.sshd.settings.as_ref().ok()?.revoked_keys.as_ref()?;
    let list = visible(list);
    let why = match &facts.certificates.revoked {
        Some(Ok(read)) => {
            return Some(match read.has(key) {
                Some(found) => {
                    let step = Step::new(ID, State::Wrong, listed::words(found, &list));
                    step.remedy(listed::certificate(read))
                }
                None => Step::new(
                    ID,
                    State::Fine,
                    format!("sshd's list {list} has neither it, nor its key or its authority"),
                ),
            });
        }
        Some(Err(why)) => format!("can't be read here ({})", visible(&why.0.message)),
        None => "is not read here".to_owned(),
    };
    let of = |print: Fingerprint, certificates: bool| {
        let events = facts.events.as_deref().unwrap_or_default().iter();
        let mut events = events.filter(move |event| {
            let kind = event.key_type.as_deref().unwrap_or_default();
            event.fingerprint == Some(print) && kind.ends_with("-CERT") == certificates
        });
        let decided = |kind: &LogKind| matches!(kind, LogKind::Revoked | LogKind::Accepted(_));
        events.rfind(move |event| decided(&event.kind))
    };
    // What was said of a certificate of this key before this one was made is of another one.
    let begun = |at: When| u64::try_from(at.unix()).is_ok_and(|at| at >= certificate.after);
    let own = of(key.fingerprint(), true).filter(|event| begun(event.at));
    let authority = of(certificate.authority, false);
    let ago = |at: When| at.age(facts.at);
    let (state, message) = match (own, authority) {
        (_, Some(event)) if event.kind == LogKind::Revoked => (
            State::Wrong,
            format!(
                "its authority is in sshd's list of revoked keys, {list}; refused {} ago",
                ago(event.at)
            ),
        ),
        (Some(event), _) if event.kind == LogKind::Revoked => (
            State::Wrong,
            format!(
                "sshd refused a certificate of this key by its list {list} {} ago",
                ago(event.at)
            ),
        ),
        (Some(event), _) => (
            State::Fine,
            format!("a certificate of this key logged in {} ago", ago(event.at)),
        ),
        (None, _) => (
            State::Unknown,
            format!("whether sshd's list {list} has it, its key or its authority {why}"),
        ),
    };
    let step = Step::new(ID, state, message);
    Some(match state {
        State::Wrong => step.remedy("sign a new key of the client"),
        State::Unknown => step.remedy(Remedy::Command(format!(
            "ssh-keygen -Q -f {} KEY-cert.pub",
            shell_words::quote(&list)
        ))),
        State::Fine => step,
    })
}
