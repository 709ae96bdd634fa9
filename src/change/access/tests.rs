//! Plans on files and settings made up here; that they work is tried on a real server.

use super::*;
use crate::domain::When;
use crate::domain::access::{CacheUser, LogPosition, SshdFacts, SshdSettings};
use crate::domain::authorized_keys::NewKey;
use crate::domain::key_request::Source;
use crate::domain::ssh_key::PublicSshKey;
use sha2::{Digest as _, Sha256};

/// Two keys, as ssh-keygen wrote them.
pub(in crate::change) const ADA: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH8CIYFI8w+joHuTldXj7LIPDxihX0AYWvSwr07Dyj9v ada";
pub(in crate::change) const BOB: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPEfmHDFI/pBGqJ6NnCVaJuOU6QfyNB1JYf7qfuCkRdF bob";

pub(in crate::change) fn key(text: &str) -> PublicSshKey {
    PublicSshKey::parse(text).unwrap()
}

pub(in crate::change) fn new(text: &str) -> NewKey {
    NewKey {
        key: key(text),
        restrict: true,
        from: None,
        expires: None,
    }
}

pub(in crate::change) fn file(path: &str, user: &str, content: &str) -> KeyFile {
    KeyFile {
        path: path.into(),
        resolved: path.into(),
        user: user.into(),
        exists: true,
        content: Ok(content.into()),
        numbers: None,
        size: content.len() as u64,
        sha256: Sha256::digest(content).into(),
        mode: 0o644,
        editable: Ok(()),
        strict_modes_problem: None,
        generated_by: None,
    }
}

pub(in crate::change) fn facts(files: Vec<KeyFile>) -> AccessFacts {
    AccessFacts {
        host: "cache".into(),
        at: When::from_unix(1_800_000_000),
        utc_offset: 0,
        cache_user: Ok(CacheUser {
            name: "nix-ssh".into(),
            uid: 7,
            gid: 7,
            groups: vec!["nix-ssh".into()],
            home: "/h".into(),
            shell: "/bin/sh".into(),
        }),
        sshd: SshdFacts {
            config_file: "/etc/ssh/sshd_config".into(),
            assumed: None,
            version: Ok("OpenSSH_9.2".into()),
            settings: Ok(SshdSettings {
                force_command: Some("nix-store --serve".into()),
                ..SshdSettings::default()
            }),
        },
        files,
        other_files: vec![],
        trusted_users: Ok(vec!["root".into()]),
        own_key: None,
        events: Ok(vec![]),
        undated: std::collections::BTreeMap::new(),
        reach: None,
        log: LogPosition::default(),
        sessions: Ok(vec![]),
        requests: Ok(vec![]),
        overflow: Ok(crate::domain::overflow::Overflow::default()),
        revoked: Ok(vec![]),
        past: Vec::new(),
        certificates: crate::domain::authorities::CertificateFacts::default(),
        reviewed: None,
        service: Ok(crate::domain::access::Service::Answers),
    }
}

pub(in crate::change) fn about() -> About {
    About {
        server: "prod".into(),
        address: "root@cache".into(),
        by: "root via ada@laptop".into(),
    }
}

pub(in crate::change) fn operation(plan: &Plan) -> &AccessOperation {
    match &plan.operation {
        Operation::Access(operation) => operation,
        _ => panic!("another operation"),
    }
}

#[test]
fn the_line_is_shown_as_it_will_stand() {
    let before = "# team\nssh-rsa broken";
    let facts = facts(vec![file("/k", "nix-ssh", before)]);
    let plan = authorize(&about(), &facts, &new(ADA), None, Some("new".into())).unwrap();
    let line = format!("restrict {ADA}");
    assert!(plan.lines.contains(&("+", line.clone())));
    assert!(plan.lines.iter().any(|(label, _)| *label == "can"));
    let Item::Key {
        after, line: None, ..
    } = &plan.items[0]
    else {
        panic!("{:?}", plan.items);
    };
    assert_eq!(after.as_deref(), Some(line.as_str()));
    let after = &operation(&plan).edits[0].after;
    assert_eq!(
        String::from_utf8_lossy(after),
        format!("{before}\n{line}\n")
    );
    assert_eq!(plan.commands, [format!("printf '%s\\n' '{line}' >> /k")]);
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["items"][0]["after"], line);
    assert_eq!(json["items"][0]["file"], "/k");
}

#[test]
fn the_first_file_that_can_be_written_is_taken() {
    let mut generated = file("/etc/ssh/authorized_keys.d/nix-ssh", "nix-ssh", "");
    generated.generated_by = Some("NixOS from nix.sshServe.keys".into());
    generated.editable = Err("no".into());
    let mut missing = file("/h/.ssh/authorized_keys", "nix-ssh", "");
    missing.exists = false;
    let runtime = file("/var/lib/k", "nix-ssh", "");
    let of = |files: &[&KeyFile], wanted: Option<&str>| {
        let facts = facts(files.iter().map(|file| (*file).clone()).collect());
        authorize(&about(), &facts, &new(ADA), wanted, None)
    };
    let path =
        |plan: Result<Plan, AccessError>| operation(&plan.unwrap()).edits[0].file.path.clone();
    assert_eq!(
        path(of(&[&generated, &missing, &runtime], None)),
        "/var/lib/k"
    );
    assert_eq!(path(of(&[&generated, &missing], None)), missing.path);
    assert_eq!(
        path(of(&[&missing, &runtime], Some(&missing.path))),
        missing.path
    );
    let error = of(&[&generated], None).unwrap_err();
    assert!(error.is_policy());
    let said = error.to_string();
    let change = format!("add \"restrict {ADA}\" to nix.sshServe.keys");
    assert!(said.contains(&change), "{said}");
    let other = of(&[&runtime], Some("/etc/passwd")).unwrap_err();
    assert_eq!(other, AccessError::OtherFile("/etc/passwd".into()));
    assert!(matches!(of(&[], None), Err(AccessError::NoFile(_))));
}

#[test]
fn a_weak_key_is_refused() {
    let facts = facts(vec![file("/k", "nix-ssh", "")]);
    // A modulus of 32 bits.
    let short = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAABQDAAAAB x";
    let error = authorize(&about(), &facts, &new(short), None, None).unwrap_err();
    assert!(
        matches!(error, AccessError::Weak(_)) && error.is_policy(),
        "{error}"
    );
}

#[test]
fn every_line_of_a_key_goes() {
    let content = format!("{ADA}\r\n{BOB}\n  no-pty\t{ADA}\nx");
    let mut facts = facts(vec![
        file("/k", "nix-ssh", &content),
        file("/l", "nix-ssh", ADA),
    ]);
    facts.other_files = vec![file("/root/k", "root", ADA)];
    let print = key(ADA).fingerprint();
    let session = Session {
        pid: 5,
        user: "nix-ssh".into(),
        from: Some("10.0.0.2".into()),
        since: Some(facts.at),
        fingerprint: Some(print),
    };
    let other = Session {
        pid: 6,
        fingerprint: None,
        ..session.clone()
    };
    facts.sessions = Ok(vec![session.clone(), other]);
    let plan = revoke(&about(), &facts, "root", print, true, Some("left".into())).unwrap();
    let operation = operation(&plan);
    assert_eq!(operation.edits[0].after, format!("{BOB}\nx").as_bytes());
    assert_eq!(operation.edits[1].after, b"");
    assert_eq!(operation.sessions, [session]);
    assert_eq!(plan.items.len(), 4);
    assert_eq!(plan.danger, Danger::Destroys { word: "revoke" });
    let warned = |word: &str| plan.warnings.iter().any(|warning| warning.contains(word));
    assert!(
        warned("still logs in as root") && warned("can't be attributed"),
        "{:?}",
        plan.warnings
    );
    assert_eq!(operation.revoked[0].reason, "left");
    // Sessions may be left alone.
    let plan = revoke(&about(), &facts, "root", print, false, None).unwrap();
    assert_eq!(plan.items.len(), 3);
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.contains("go on"))
    );
}

#[test]
fn ones_own_way_in_needs_its_own_word() {
    let mut facts = facts(vec![file("/k", "nix-ssh", ADA)]);
    let print = key(ADA).fingerprint();
    facts.own_key = Some(print);
    let revoke = |facts: &AccessFacts| revoke(&about(), facts, "root", print, true, None).unwrap();
    // The same key, in a file that does not let this login in.
    assert!(!operation(&revoke(&facts)).own_way);
    facts.other_files = vec![file("/k", "root", ADA)];
    let plan = revoke(&facts);
    assert!(operation(&plan).own_way);
    assert_eq!(plan.danger, Danger::Destroys { word: "my own key" });
    let end = Some(When::from_unix(1_900_000_000));
    let plan = expire(&about(), &facts, "root", print, end, None).unwrap();
    assert!(operation(&plan).own_way);
}

#[test]
fn an_expiry_changes_its_line_alone() {
    let content = format!("# x\n{ADA}\n{BOB}\n");
    let facts = facts(vec![file("/k", "nix-ssh", &content)]);
    let print = key(ADA).fingerprint();
    let end = When::from_unix(1_900_000_000);
    let plan = expire(&about(), &facts, "root", print, Some(end), None).unwrap();
    let after = String::from_utf8(operation(&plan).edits[0].after.clone()).unwrap();
    assert_eq!(
        after,
        format!("# x\nexpiry-time=\"20300317174640Z\" {ADA}\n{BOB}\n")
    );
    assert_eq!(plan.danger, Danger::Adds);
    let none = expire(&about(), &facts, "root", print, None, None);
    assert!(matches!(none, Err(AccessError::Nothing(_))));
    let not_there = Fingerprint::of(b"x");
    let missing = expire(&about(), &facts, "root", not_there, None, None);
    assert_eq!(missing.unwrap_err(), AccessError::NotThere(not_there));
}

#[test]
fn requests_are_decided() {
    let facts = facts(vec![file("/k", "nix-ssh", "")]);
    let request = Request::new(key(BOB), Source::Knock, "nix-ssh", facts.at);
    let plan = approve(&about(), &facts, &request, &new(BOB), None, "fine").unwrap();
    assert_eq!((plan.change, plan.items.len()), ("approve", 2));
    let (folder, decided) = &operation(&plan).requests[0];
    assert_eq!(*folder, Folder::Approved { denied: false });
    assert!(decided.decision.as_ref().unwrap().approved);
    let plan = deny(&about(), &facts, &request, "who?").unwrap();
    let (folder, decided) = &operation(&plan).requests[0];
    assert_eq!((*folder, decided.waits()), (Folder::Denied, false));
    assert_eq!(plan.reason.as_deref(), Some("who?"));
    let mut facts = facts;
    facts.requests = Ok(vec![request.clone()]);
    assert!(matches!(
        submit(&about(), &facts, &request),
        Err(AccessError::Nothing(_))
    ));
}

#[test]
fn a_proof_is_checked_before_it_is_planned() {
    use crate::domain::proof::ProofError;
    use ssh_key::{HashAlg, LineEnding, PrivateKey, private::Ed25519Keypair};
    let facts = facts(vec![file("/k", "nix-ssh", "")]);
    let private = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let public = private.public_key().to_openssh().unwrap();
    let mut request = Request::new(key(&public), Source::Knock, "nix-ssh", facts.at);
    let sign = |text: &str| {
        let signature = private.sign("storekeeper", HashAlg::Sha512, text.as_bytes());
        signature.unwrap().to_pem(LineEnding::LF).unwrap()
    };
    let answer = sign(&format!("{}\n", request.challenge("cache")));
    let plan = prove(&about(), &facts, &request, &answer).unwrap();
    assert_eq!((plan.change, plan.items.len()), ("prove", 1));
    assert_eq!(plan.danger, Danger::Adds);
    let (folder, kept) = operation(&plan).requests[0].clone();
    assert_eq!((folder, kept.waits()), (Folder::Proven, true));
    assert_eq!(kept.proof.as_ref().unwrap().by, about().by);
    // It is said at the approval, and cannot be done twice.
    let approved = approve(&about(), &facts, &kept, &new(&public), None, "").unwrap();
    assert!(approved.lines.iter().any(|(label, _)| *label == "proven"));
    assert!(!approved.warnings.iter().any(|text| text.contains("proven")));
    let again = prove(&about(), &facts, &kept, &answer).unwrap_err();
    assert!(matches!(again, AccessError::Nothing(_)), "{again}");
    // On another server, and with another nonce, the same answer is none.
    let mut other = facts.clone();
    other.host = "other".into();
    let wrong = AccessError::Proof(ProofError::Wrong);
    assert!(wrong.is_policy());
    assert_eq!(
        prove(&about(), &other, &request, &answer).unwrap_err(),
        wrong
    );
    request.nonce = Some(crate::domain::key_request::Nonce::new([1; 16]));
    assert_eq!(
        prove(&about(), &facts, &request, &answer).unwrap_err(),
        wrong
    );
}

#[test]
fn a_request_that_comes_again_keeps_its_challenge() {
    let mut facts = facts(vec![file("/k", "nix-ssh", "")]);
    let first = Request::new(key(BOB), Source::Knock, "nix-ssh", When::from_unix(5));
    let plan = submit(&about(), &facts, &first).unwrap();
    let kept = operation(&plan).requests[0].1.clone();
    assert!(kept.nonce.is_some());
    facts.requests = Ok(vec![kept.clone()]);
    let named = BOB.replace(" bob", " bob of the lab");
    let again = Request::new(key(&named), Source::Paste, "nix-ssh", facts.at);
    let plan = submit(&about(), &facts, &again).unwrap();
    let now = &operation(&plan).requests[0].1;
    assert_eq!(now.key.comment(), "bob of the lab");
    assert_eq!(now.challenge("h"), kept.challenge("h"));
    assert_eq!(now.first_seen, kept.first_seen);
}
