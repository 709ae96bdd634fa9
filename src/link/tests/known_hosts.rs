//! The differential: a real ssh and this program look at the same `known_hosts` files and the same sshd, and must come to the same verdict.
//!
//! In a case's lines, `$E`, `$R` and `$C` are the server's Ed25519, RSA and ECDSA keys, `$e`, `$r` and `$c` other ones of those types, `$A`
//! the authority of its certificate and `$a` another; `$N` is its name with the port, `$H` without, `$K` the alias. `$h(NAME)` is a hashed name.
//! Where this program refuses or asks more than ssh does, the case says why, and is held to that direction.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use super::known_hosts_cases::{CASES, Case, Host};
use super::rig::*;
use crate::link::known_hosts::{HostKey, HostName, line};
use crate::link::*;

const ALIAS: &str = "cache.example.org";

/// In order of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Accepted,
    /// And recorded.
    New,
    Unknown,
    Changed,
    Revoked,
    /// A line that may revoke the key could not be read; ssh has no such verdict.
    Unreadable,
}

/// The values of `StrictHostKeyChecking` beside `yes` that matter after this verdict. In `ask` there is nobody to answer.
fn more_modes(verdict: Seen) -> &'static [&'static str] {
    match verdict {
        Seen::Accepted | Seen::New => &[],
        Seen::Unknown | Seen::Revoked => &["accept-new"],
        Seen::Changed | Seen::Unreadable => &["accept-new", "ask"],
    }
}

/// Each of these keys is another one.
pub(super) fn keys(dir: &Path) {
    for (name, kind) in [
        ("host_rsa", "rsa"),
        ("other_ed25519", "ed25519"),
        ("other_rsa", "rsa"),
        ("other_ecdsa", "ecdsa"),
        ("ca", "ed25519"),
        ("other_ca", "ed25519"),
    ] {
        run(dir, "ssh-keygen", &["-q", "-t", kind, "-N", "", "-f", name]);
    }
    let names = format!("127.0.0.1,{ALIAS}");
    let sign = ["-q", "-s", "ca", "-I", "host", "-h", "-n", &names];
    run(
        dir,
        "ssh-keygen",
        &[&sign[..], &["host_ed25519.pub"]].concat(),
    );
    run(
        dir,
        "ssh-keygen",
        &[
            "-q",
            "-s",
            "ca",
            "-I",
            "host",
            "-h",
            "-n",
            &names,
            "other_ed25519.pub",
        ],
    );
}

/// `PerSourcePenalties` came with OpenSSH 9.8, which would soon serve nobody here.
fn penalties() -> &'static str {
    let done = std::process::Command::new("ssh")
        .arg("-V")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    let version = text.trim_start_matches("OpenSSH_");
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    let version: (u32, u32) = (next(), next());
    if version >= (9, 8) {
        "PerSourcePenalties no\n"
    } else {
        ""
    }
}

/// The lines of a case, for this server.
pub(super) fn fill(sshd: &Sshd, text: &str) -> Vec<u8> {
    let mut text = text.to_owned();
    for (token, file) in [
        ("$EC", "host_ed25519-cert.pub"),
        ("$eC", "other_ed25519-cert.pub"),
        ("$E", "host_ed25519.pub"),
        ("$R", "host_rsa.pub"),
        ("$C", "host_ecdsa.pub"),
        ("$e", "other_ed25519.pub"),
        ("$r", "other_rsa.pub"),
        ("$c", "other_ecdsa.pub"),
        ("$A", "ca.pub"),
        ("$a", "other_ca.pub"),
    ] {
        let public = sshd.public(file);
        let (kind, blob) = public.split_once(' ').unwrap();
        // `$E` is type and key; `$E.k` the key alone.
        text = text
            .replace(&format!("{token}.k"), blob)
            .replace(&format!("{token}.t"), &format!("{kind}\t{blob}"))
            .replace(token, &public);
    }
    text = text
        .replace("$N", &sshd.known_as())
        .replace("$H", "127.0.0.1")
        .replace("$P", &sshd.port.to_string())
        .replace("$L", &"x".repeat(2000))
        .replace("$K", ALIAS);
    while let Some(start) = text.find("$h(") {
        let end = start + text[start..].find(')').unwrap();
        let name = text[start + 3..end].to_owned();
        text.replace_range(start..=end, &hashed(&name));
    }
    // `\xff` stands for a byte that is not text.
    let mut bytes = text.into_bytes();
    while let Some(at) = bytes.windows(4).position(|four| four == b"\\xff") {
        bytes.splice(at..at + 4, [0xff]);
    }
    bytes
}

/// A hashed name, made by the program's own writer, which another test holds against ssh-keygen.
fn hashed(name: &str) -> String {
    let key = HostKey {
        kind: "x".into(),
        blob: vec![],
    };
    let line = line(&HostName::alias(name), &key, Some([7; 20]));
    line.split(' ').next().unwrap().to_owned()
}

/// The files of one case in one mode: what was in the first one, and a configuration that names them.
struct Files {
    first: PathBuf,
    config: PathBuf,
}

impl Files {
    fn write(sshd: &Sshd, case: &Case, mode: &str, whose: &str) -> Self {
        let folder = sshd.file(&format!(
            "cases/{whose}-{mode}-{}",
            case.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
        ));
        std::fs::create_dir_all(&folder).unwrap();
        let paths: Vec<PathBuf> = (0..case.files.len())
            .map(|at| folder.join(format!("known_hosts{at}")))
            .collect();
        for (path, text) in paths.iter().zip(case.files) {
            std::fs::write(path, fill(sshd, text)).unwrap();
        }
        let shown: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        // The last file is the machine's own where a case says so.
        let (user, global) = match (case.global, shown.split_last()) {
            (true, Some((global, user))) => (user.join(" "), global.clone()),
            _ => (shown.join(" "), "none".to_owned()),
        };
        let alias = match case.host {
            Host::Port => String::new(),
            Host::Alias => format!("HostKeyAlias {}\n", ALIAS.to_uppercase()),
        };
        let command = case.command.map_or_else(String::new, |lines| {
            let file = folder.join("command");
            std::fs::write(&file, fill(sshd, lines)).unwrap();
            format!("KnownHostsCommand /bin/cat {}\n", file.display())
        });
        let first = case.more;
        let config = sshd.config(&format!(
            "{first}{command}IdentityAgent none\nIdentitiesOnly yes\nIdentityFile {}\nUpdateHostKeys no\nCheckHostIP no\nBatchMode yes\nLogLevel INFO\n\
             UserKnownHostsFile {user}\nGlobalKnownHostsFile {global}\nStrictHostKeyChecking {mode}\n{alias}",
            sshd.file("user").display()
        ));
        Self {
            first: paths[0].clone(),
            config,
        }
    }

    fn text(&self) -> Vec<u8> {
        std::fs::read(&self.first).unwrap()
    }
}

async fn real(sshd: &Sshd, case: &Case, mode: &str) -> (Seen, String) {
    let files = Files::write(sshd, case, mode, "ssh");
    let before = files.text();
    let done = tokio::process::Command::new("ssh")
        .arg("-F")
        .arg(&files.config)
        .args(["-p", &sshd.port.to_string()])
        .args(["-l", &user(), "--", "127.0.0.1", "true"])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let seen = if done.status.success() && files.text() == before {
        Seen::Accepted
    } else if done.status.success() {
        Seen::New
    } else if said.contains("REVOKED HOST KEY") {
        Seen::Revoked
    } else if said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        Seen::Changed
    } else if said.contains("host key is known for")
        || said.contains("Host key verification failed")
    {
        Seen::Unknown
    } else {
        panic!("{} ({mode}): ssh says {said}", case.name);
    };
    (seen, said)
}

async fn ours(sshd: &Sshd, case: &Case, mode: &str) -> (Seen, String) {
    let files = Files::write(sshd, case, mode, "ours");
    let before = files.text();
    let options = Options {
        known_hosts: None,
        ssh_config: Some(files.config.clone()),
        ..sshd.options()
    };
    let result = open(&options, &Person::saying(&[])).await;
    let said = result.as_ref().err().map(ToString::to_string);
    let seen = match result {
        Ok(_) if files.text() == before => Seen::Accepted,
        Ok(_) => Seen::New,
        Err(LinkError::UnknownHost { .. }) => Seen::Unknown,
        Err(LinkError::ChangedHost { .. }) => Seen::Changed,
        Err(LinkError::RevokedHost { .. }) => Seen::Revoked,
        Err(LinkError::UnreadableRevocation { .. }) => Seen::Unreadable,
        Err(error) => panic!("{} ({mode}): {error}", case.name),
    };
    (seen, said.unwrap_or_default())
}

/// What is wrong with a case; `None` when all is well.
async fn compare(sshd: Arc<Sshd>, case: &'static Case) -> (Vec<Seen>, Option<String>) {
    let mut seen = Vec::new();
    let mut differs = false;
    let mut wrong = Vec::new();
    let mut modes = vec!["yes"];
    while let Some(mode) = modes.pop() {
        let (theirs, said) = real(&sshd, case, mode).await;
        if mode == "yes" {
            modes.extend(more_modes(theirs));
        }
        let (mine, why) = ours(&sshd, case, mode).await;
        seen.push(theirs);
        differs |= mine != theirs;
        let well = match case.stricter {
            None => mine == theirs,
            Some(_) => mine >= theirs,
        };
        if !well {
            wrong.push(format!(
                "{} ({mode}): ssh {theirs:?}, we {mine:?}\n  {said}\n  {why}\n",
                case.name
            ));
        }
    }
    if let (Some(reason), false) = (case.stricter, differs) {
        wrong.push(format!("{}: no exception any more ({reason})\n", case.name));
    }
    (seen, (!wrong.is_empty()).then(|| wrong.concat()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_ssh_comes_to_the_same_verdicts() {
    assert!(CASES.len() >= 80, "{}", CASES.len());
    let sshd = |certificate: &str| {
        let more = format!(
            "HostKey DIR/host_ed25519\nHostKey DIR/host_rsa\nHostKey DIR/host_ecdsa\n{certificate}{}",
            penalties()
        );
        Arc::new(Sshd::prepared(&more, keys))
    };
    let plain = sshd("");
    let certified = sshd("HostCertificate DIR/host_ed25519-cert.pub\n");
    let turns = Arc::new(tokio::sync::Semaphore::new(6));
    let mut running = tokio::task::JoinSet::new();
    for case in CASES {
        let sshd = if case.certified { &certified } else { &plain };
        let (sshd, turns) = (sshd.clone(), turns.clone());
        running.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            compare(sshd, case).await
        });
    }
    let (mut verdicts, mut wrong) = (Vec::new(), Vec::new());
    while let Some(done) = running.join_next().await {
        let (seen, complaint) = done.unwrap();
        verdicts.push(seen[0]);
        wrong.extend(complaint);
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
    // The oracle itself has seen each of them, often.
    for (seen, least) in [
        (Seen::Accepted, 20),
        (Seen::Unknown, 20),
        (Seen::Changed, 12),
        (Seen::Revoked, 8),
    ] {
        let count = verdicts.iter().filter(|verdict| **verdict == seen).count();
        assert!(count >= least, "{seen:?}: {count}");
    }
}

/// With `CheckHostIP`, the address must not be known by another key. ssh looks at no address of this machine itself, so
/// this cannot be compared with it on loopback.
#[tokio::test]
async fn an_address_known_by_another_key_is_a_change() {
    let sshd = Sshd::prepared("", keys);
    let place = resolve(&Options {
        known_hosts: Some(sshd.file("known_hosts")),
        ssh_config: Some(sshd.config("CheckHostIP yes\n")),
        ..Options {
            name: "ssh://root@cache.example.org:2222".into(),
            ..Options::default()
        }
    })
    .await
    .unwrap();
    let Place::Ssh(target) = place else { panic!() };
    let public = russh::keys::PublicKey::from_openssh(&sshd.public("host_ed25519.pub")).unwrap();
    let verify = async |lines: &str, address: Option<&str>| {
        std::fs::write(sshd.file("known_hosts"), fill(&sshd, lines)).unwrap();
        host_key::verify(
            &target,
            address.map(|address| address.parse().unwrap()),
            &*Person::saying(&[]),
            host_key::Offered::Key(&public),
        )
        .await
    };
    let known = "[cache.example.org]:2222 $E\n";
    let other = format!("{known}[192.0.2.7]:2222 $e\n");
    assert!(verify(known, Some("192.0.2.7")).await.is_ok());
    assert!(verify(&other, Some("192.0.2.8")).await.is_ok());
    assert!(verify(&other, None).await.is_ok());
    let error = verify(&other, Some("192.0.2.7")).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("THE HOST KEY OF [192.0.2.7]:2222 HAS CHANGED"),
        "{error}"
    );
    let revoked = format!("{known}@revoked [192.0.2.*]:2222 $E\n");
    let error = verify(&revoked, Some("192.0.2.7")).await.unwrap_err();
    assert!(matches!(error, LinkError::RevokedHost { .. }), "{error}");
    let loopback = format!("{known}[127.0.0.1]:2222 $e\n");
    assert!(verify(&loopback, Some("127.0.0.1")).await.is_ok());
}
