//! The plan of a user certificate: no file of the server changes, and its audit log says who was given what until when.
//!
//! In: a key, an authority of this machine, and what the certificate is to say. Out: a plan that shows what sshd makes of it there: whether any
//! authority of the server admits it, as whom, and what it can do.

use super::keys::{doubt, name};
use super::{About, AccessError, AccessOperation};
use crate::change::{Item, Operation, Plan};
use crate::domain::access::AccessFacts;
use crate::domain::authorized_keys::KeyOptions;
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::text::visible;
use crate::domain::{Age, When, notice};
use crate::judge::access::of_candidate;
use crate::judge::authorities::{self, Authority};
use crate::judge::finding::{Level, refuses};
use crate::judge::posture;
use crate::link::certify::{CaKey, CertificateRequest};
use crate::link::quote;
use std::path::{Path, PathBuf};

/// What a certificate runs where the server forces nothing.
const SERVE: &str = "nix-store --serve";

/// How long before now a certificate begins, in seconds: clocks differ.
const EARLY: i64 = 300;

/// What an administrator wants of a certificate.
#[derive(Debug, Clone)]
pub struct SignCertRequest {
    /// The key that it is for.
    pub key: PublicSshKey,
    /// What signs it.
    pub ca: CaKey,
    /// When it ends.
    pub expires: When,
    /// The names that it may log in as; none for what the server wants.
    pub principals: Vec<String>,
    /// The addresses that it may come from.
    pub from: Option<String>,
    /// What sshd's log calls it; the key's comment or fingerprint where nothing is said.
    pub id: Option<String>,
    /// Its number.
    pub serial: u64,
    /// Where it is written here.
    pub out: PathBuf,
}

/// A certificate that is made and written here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCertificate {
    /// What it says.
    pub request: CertificateRequest,
    /// Where it is written.
    pub out: PathBuf,
}

/// Bits of a serial number: as many as a JSON number holds exactly.
const SERIAL: u64 = (1 << 53) - 1;

/// A number that no other certificate has, in practice.
pub fn serial() -> Result<u64, AccessError> {
    let mut bytes = [0_u8; 8];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| {
        AccessError::Certificate(notice!(
            "this system has no random numbers: {error}",
            "make the certificate on another one"
        ))
    })?;
    Ok(u64::from_le_bytes(bytes) & SERIAL)
}

/// What the file of a certificate is called where nobody says it, by the key's comment: `ada@laptop-cert.pub`.
pub fn certificate_name(key: &PublicSshKey) -> PathBuf {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-@".contains(c) {
            c
        } else {
            '-'
        }
    };
    let comment: String = key.comment().chars().map(plain).take(60).collect();
    let name = match comment.trim_matches(['.', '-']) {
        "" => key.fingerprint().id(),
        name => name.to_owned(),
    };
    PathBuf::from(format!("{name}-cert.pub"))
}

/// Whether a certificate may be written there: nothing is there, or an older certificate of the same key.
pub fn may_write(out: &Path, key: &PublicSshKey) -> Result<(), AccessError> {
    if out.symlink_metadata().is_err() {
        return Ok(());
    }
    let text = std::fs::read_to_string(out).unwrap_or_default();
    let older = PublicSshKey::parse(&text).is_ok_and(|older| {
        older.certificate().is_some() && older.fingerprint() == key.fingerprint()
    });
    if older {
        return Ok(());
    }
    let file = out.display();
    Err(AccessError::Certificate(notice!(
        "{file} is there already and is no certificate of this key",
        "name another file for it"
    )))
}

/// Plans a certificate.
pub fn sign_cert(
    about: &About,
    facts: &AccessFacts,
    given: SignCertRequest,
    reason: Option<String>,
) -> Result<Plan, AccessError> {
    let mut findings = of_candidate(facts, &given.key);
    // The owner of a line there may have a certificate too.
    findings.retain(|finding| finding.code != "duplicate");
    if refuses(&findings) {
        let refusals = findings.iter().filter(|one| one.level == Level::Refuse);
        let words: Vec<&str> = refusals.map(|one| one.message.as_str()).collect();
        return Err(AccessError::Weak(words.join("; ")));
    }
    if given.expires <= facts.at {
        let end = given.expires;
        return Err(AccessError::Certificate(notice!(
            "{end} is in the past by the server's clock",
            "choose an end in the future"
        )));
    }
    may_write(&given.out, &given.key)?;
    let all = authorities::all(facts);
    let own: Vec<&Authority> = all
        .iter()
        .filter(|authority| authority.fingerprint == given.ca.fingerprint)
        .collect();
    let user = facts.cache_user.clone().map(|user| user.name);
    let principals = if given.principals.is_empty() {
        let first = own.iter().find_map(|one| one.principals.first().cloned());
        vec![first.map_or(user, Ok)?]
    } else {
        given.principals
    };
    for name in [&principals[..], given.id.as_slice()].concat() {
        let odd = |c: char| c.is_control() || c == ',' || c.is_whitespace();
        let is_id = Some(&name) == given.id.as_ref();
        if name.is_empty() || name.chars().any(|c| c.is_control() || !is_id && odd(c)) {
            let name = visible(&name);
            return Err(AccessError::Certificate(notice!(
                "\"{name}\" can't be in a certificate",
                "give one name after each --principal, without blanks and commas"
            )));
        }
    }
    let key = given.key.fingerprint();
    let id = given.id.unwrap_or_else(|| {
        let comment = visible(&given.key.comment()).into_owned();
        if comment.is_empty() {
            key.to_string()
        } else {
            comment
        }
    });
    let settings = facts.sshd.settings.as_ref();
    let by_line = own.iter().any(|one| {
        let forces = |word: &String| word.to_ascii_lowercase().starts_with("command=");
        one.restrictions.iter().any(forces)
    });
    let forced = by_line || settings.is_ok_and(|settings| settings.force_command.is_some());
    let request = CertificateRequest {
        id,
        serial: given.serial,
        after: When::from_unix(facts.at.unix() - EARLY),
        before: given.expires,
        source: given.from,
        command: (!forced).then(|| SERVE.to_owned()),
        principals,
        key: given.key,
        ca: given.ca,
    };
    let mut plan = about.plan("sign-cert", String::new(), AccessOperation::default());
    plan.summary = format!(
        "certify {}: serial {}, id {}",
        name(&request.key.comment(), key),
        request.serial,
        visible(&request.id)
    );
    describe(&mut plan, facts, &request, &own);
    warn(&mut plan, facts, &request, &own);
    doubt(&mut plan, findings);
    plan.lines
        .push(("file", format!("{} here", given.out.display())));
    plan.items.push(Item::Certificate {
        serial: request.serial,
        id: request.id.clone(),
        fingerprint: key,
        authority: request.ca.fingerprint,
        principals: request.principals.clone(),
        from: request.source.clone(),
        expires: request.before,
        out: given.out.display().to_string(),
    });
    plan.operation = Operation::Access(Box::new(AccessOperation {
        certificate: Some(NewCertificate {
            request,
            out: given.out,
        }),
        ..AccessOperation::default()
    }));
    plan.reason = reason;
    Ok(plan)
}

/// What it says, line by line, and the command.
fn describe(
    plan: &mut Plan,
    facts: &AccessFacts,
    request: &CertificateRequest,
    own: &[&Authority],
) {
    let ca = &request.ca;
    let held = if ca.in_agent {
        "in the agent"
    } else {
        "in its file"
    };
    let file = ca.file.display();
    let lines = &mut plan.lines;
    lines.push(("by", format!("{} ({file}, {held})", ca.fingerprint)));
    for authority in own {
        lines.push(("admitted", authority.words()));
    }
    lines.push(("id", format!("{}, serial {}", request.id, request.serial)));
    lines.push(("for", request.principals.join(", ")));
    let from = request.source.as_deref().unwrap_or("anywhere");
    lines.push(("from", from.to_owned()));
    let Age(seconds) = facts.at.age(request.before);
    // Half an hour is for clocks that differ.
    let left = Age(seconds + 1800);
    lines.push(("expires", format!("{} (in {left})", request.before)));
    let forced = request.command.as_deref();
    let forced = forced.map_or("what the server forces".to_owned(), str::to_owned);
    lines.push((
        "options",
        format!("no terminal, no forwarding; runs {forced}"),
    ));
    let restricted = KeyOptions {
        command: request.command.clone(),
        ..KeyOptions::parse(b"restrict").unwrap_or_default()
    };
    lines.push(("can", posture::of_key(facts, &restricted).words));
    lines.push((
        "revoke",
        "it ends by itself; before that only sshd's RevokedKeys refuses it: ssh-keygen -k -f KRL -s CA.pub FILE with a line `serial: N`".to_owned(),
    ));
    let option = |name: &str, value: &Option<String>| {
        let value = value.as_ref()?;
        Some(format!(" -O {}", quote(&format!("{name}={value}"))))
    };
    plan.commands.push(format!(
        "ssh-keygen{} -s {} -I {} -n {} -z {} -V +{seconds}s -O clear{}{} KEY.pub",
        if ca.in_agent { " -U" } else { "" },
        quote(&file.to_string()),
        quote(&request.id),
        quote(&request.principals.join(",")),
        request.serial,
        option("source-address", &request.source).unwrap_or_default(),
        option("force-command", &request.command).unwrap_or_default(),
    ));
}

/// What sshd there will mind about it, and where else it leads.
fn warn(plan: &mut Plan, facts: &AccessFacts, request: &CertificateRequest, own: &[&Authority]) {
    let warnings = &mut plan.warnings;
    let has = |names: &[String]| names.iter().any(|name| request.principals.contains(name));
    let may = |one: &&&Authority| has(&one.principals) || one.principals_unknown.is_some();
    let admitting: Vec<&&Authority> = own.iter().filter(may).collect();
    if let Err(why) = &facts.certificates.trusted {
        warnings.push(format!(
            "the authorities in sshd's settings are unknown: {}",
            visible(&why.to_string())
        ));
    }
    if own.is_empty() {
        warnings.push("no authority of the server has this key, so sshd will refuse the certificate; put cert-authority and the authority's public key into a key file of the cache user".to_owned());
    } else if admitting.is_empty() {
        let names: Vec<String> = own.iter().flat_map(|one| one.principals.clone()).collect();
        warnings.push(format!(
            "sshd will refuse the certificate: it wants one of the names {}; give it one of them",
            names.join(", ")
        ));
    }
    let ends = admitting.iter().map(|one| one.expires);
    // Without an end of one line, there is none for the certificate.
    if let Some(Some(end)) = ends.min_by_key(|end| end.map_or(i64::MIN, |end| -end.unix()))
        && end < request.before
    {
        warnings.push(format!(
            "the line of the authority ends {end}, before the certificate"
        ));
    }
    if admitting.iter().any(|one| one.by_settings) {
        let user = facts.cache_user.as_ref().ok().map(|user| &user.name);
        for name in request.principals.iter().filter(|name| Some(*name) != user) {
            warnings.push(format!(
                "the authority is trusted for every account of the server: the certificate may log in as {} too",
                visible(name)
            ));
        }
    }
    for file in &facts.other_files {
        let Ok(document) = file.document() else {
            continue;
        };
        let opens = document.keys().any(|(_, line)| {
            let options = line.effective().filter(|options| options.cert_authority);
            line.key.fingerprint() == request.ca.fingerprint
                && options.is_some_and(|options| match &options.principals {
                    Some(list) => list.split(',').any(|name| has(&[name.to_owned()])),
                    None => has(std::slice::from_ref(&file.user)),
                })
        });
        if opens {
            warnings.push(format!(
                "the certificate logs in as {} too, by {}",
                visible(&file.user),
                file.place()
            ));
        }
    }
}

#[cfg(test)]
pub(in crate::change) mod tests {
    use super::*;
    use crate::change::access::tests::{ADA, BOB, about, facts, file, key};
    use crate::link::certify::Terminal;

    pub(in crate::change) fn sign_request(
        facts: &AccessFacts,
        principals: &[&str],
    ) -> SignCertRequest {
        SignCertRequest {
            key: key(ADA),
            ca: CaKey {
                file: "/ca".into(),
                in_agent: false,
                terminal: Terminal::Free,
                fingerprint: key(BOB).fingerprint(),
            },
            expires: When::from_unix(facts.at.unix() + 86_400),
            principals: principals.iter().map(ToString::to_string).collect(),
            from: None,
            id: None,
            serial: 7,
            out: "/nowhere/ada-cert.pub".into(),
        }
    }

    /// The request of a plan on this key file and its warnings.
    fn planned(content: &str, principals: &[&str]) -> (CertificateRequest, Vec<String>) {
        let facts = facts(vec![file("/k", "nix-ssh", content)]);
        let given = sign_request(&facts, principals);
        let plan = sign_cert(&about(), &facts, given, None).unwrap();
        let Operation::Access(operation) = plan.operation else {
            panic!("another operation");
        };
        (operation.certificate.unwrap().request, plan.warnings)
    }

    #[test]
    fn the_servers_names_are_taken_and_others_warned_about() {
        let line = format!("cert-authority,principals=\"ci,ops\" {BOB}\n");
        let (request, warnings) = planned(&line, &[]);
        assert_eq!(request.principals, ["ci"]);
        assert_eq!(request.id, "ada");
        assert!(warnings.is_empty(), "{warnings:?}");
        let (_, warnings) = planned(&line, &["eve"]);
        assert!(
            warnings[0].contains("one of the names ci, ops"),
            "{warnings:?}"
        );
        let (request, warnings) = planned("", &[]);
        assert_eq!(request.principals, ["nix-ssh"]);
        assert!(warnings[0].contains("no authority"), "{warnings:?}");
        let ends = format!("cert-authority,expiry-time=\"20200101Z\" {BOB}\n");
        let (_, warnings) = planned(&ends, &[]);
        assert!(
            warnings[0].contains("before the certificate"),
            "{warnings:?}"
        );
    }

    #[test]
    fn a_command_is_forced_where_the_server_forces_none() {
        let forced = |content: &str, server: bool| {
            let mut facts = facts(vec![file("/k", "nix-ssh", content)]);
            let settings = facts.sshd.settings.as_mut().unwrap();
            settings.force_command = server.then(|| "nix-store --serve".to_owned());
            let given = sign_request(&facts, &[]);
            let plan = sign_cert(&about(), &facts, given, None).unwrap();
            plan.commands[0].contains("force-command=")
        };
        assert!(forced(&format!("cert-authority {BOB}"), false));
        assert!(!forced(&format!("cert-authority {BOB}"), true));
        assert!(!forced(
            &format!("cert-authority,command=\"x\" {BOB}"),
            false
        ));
    }

    #[test]
    fn a_file_of_this_folder() {
        let of = |comment: &str| {
            let mut key = key(ADA);
            key.set_comment(comment);
            certificate_name(&key).display().to_string()
        };
        assert_eq!(of("ada@laptop"), "ada@laptop-cert.pub");
        assert_eq!(of("../../etc/\u{1b}[2J"), "etc---2J-cert.pub");
        let bare = format!("{}-cert.pub", key(ADA).fingerprint().id());
        assert_eq!((of(""), of("..")), (bare.clone(), bare));
    }

    #[test]
    fn what_no_certificate_can_hold_is_refused() {
        let facts = facts(vec![file("/k", "nix-ssh", "")]);
        for name in ["", "a,b", "a b", "a\n"] {
            let plan = sign_cert(&about(), &facts, sign_request(&facts, &[name]), None);
            assert!(matches!(plan, Err(AccessError::Certificate(_))), "{name:?}");
        }
        let past = SignCertRequest {
            expires: facts.at,
            ..sign_request(&facts, &[])
        };
        let plan = sign_cert(&about(), &facts, past, None);
        assert!(matches!(plan, Err(AccessError::Certificate(_))));
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("ada-cert.pub");
        assert_eq!(may_write(&out, &key(ADA)), Ok(()));
        std::fs::write(&out, ADA).unwrap();
        assert!(may_write(&out, &key(ADA)).is_err());
    }
}
