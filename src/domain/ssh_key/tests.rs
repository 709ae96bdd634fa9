//! Keys against the real `ssh-keygen`, and against what goes wrong.

use super::*;
use crate::domain::randomart::randomart;
use proptest::prelude::*;
use std::path::Path;
use std::process::Command;

/// Runs `ssh-keygen`; what it wrote, if it succeeded.
fn keygen(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// The base point of P-256, which is a point on it.
const POINT: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Keys that cannot be made without a token.
fn token_keys() -> Vec<String> {
    let ed25519 = [
        string(b"sk-ssh-ed25519@openssh.com"),
        string(&[7; 32]),
        string(b"ssh:"),
    ]
    .concat();
    let ecdsa = [
        string(b"sk-ecdsa-sha2-nistp256@openssh.com"),
        string(b"nistp256"),
        string(&hex(POINT)),
        string(b"ssh:"),
    ]
    .concat();
    vec![
        format!(
            "sk-ssh-ed25519@openssh.com {} token one",
            STANDARD.encode(ed25519)
        ),
        format!(
            "sk-ecdsa-sha2-nistp256@openssh.com {}",
            STANDARD.encode(ecdsa)
        ),
    ]
}

#[test]
fn says_what_ssh_keygen_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut lines = token_keys();
    for (name, kind, bits) in [
        ("ed25519", "ed25519", "256"),
        ("rsa1024", "rsa", "1024"),
        ("rsa2048", "rsa", "2048"),
        ("rsa2047", "rsa", "2047"),
        ("rsa3072", "rsa", "3072"),
        ("p256", "ecdsa", "256"),
        ("p384", "ecdsa", "384"),
        ("p521", "ecdsa", "521"),
        // Newer OpenSSH can't make it, so it is compared where it can.
        ("dsa", "dsa", "1024"),
    ] {
        let arguments = [
            "-q", "-t", kind, "-b", bits, "-N", "", "-C", "a b", "-f", name,
        ];
        if keygen(folder, &arguments).is_none() {
            assert_eq!(kind, "dsa");
            continue;
        }
        lines.push(std::fs::read_to_string(folder.join(format!("{name}.pub"))).unwrap());
        if name == "ed25519" {
            continue;
        }
        let file = format!("{name}.pub");
        let sign = ["-q", "-s", "ed25519", "-I", "id x", "-z", "42", &file];
        assert!(keygen(folder, &sign).is_some() || kind == "dsa");
        if let Ok(line) = std::fs::read_to_string(folder.join(format!("{name}-cert.pub"))) {
            let key = PublicSshKey::parse(&line).unwrap();
            let certificate = key.certificate().unwrap();
            assert_eq!((certificate.id.as_str(), certificate.serial), ("id x", 42));
            let ca = std::fs::read_to_string(folder.join("ed25519.pub")).unwrap();
            assert_eq!(
                certificate.authority,
                PublicSshKey::parse(&ca).unwrap().fingerprint()
            );
            lines.push(line);
        }
    }
    assert!(lines.len() >= 17, "{}", lines.len());
    for line in lines {
        std::fs::write(folder.join("one.pub"), &line).unwrap();
        let key = PublicSshKey::parse(&line).unwrap();
        let shown = keygen(folder, &["-l", "-v", "-E", "sha256", "-f", "one.pub"]).unwrap();
        let (first, art) = shown.split_once('\n').unwrap();
        let comment = match key.comment() {
            comment if comment.is_empty() => "no comment".to_owned(),
            comment => comment.into_owned(),
        };
        let ours = format!(
            "{} {} {comment} ({})",
            key.bits().unwrap(),
            key.fingerprint(),
            key.short_type()
        );
        assert_eq!(ours, first);
        assert_eq!(randomart(&key).join("\n"), art.trim_end(), "{first}");
        assert_eq!(key.line(), line.trim_end().as_bytes());
        assert_eq!(
            Fingerprint::parse(&key.fingerprint().to_string()),
            Some(key.fingerprint())
        );
    }
}

/// Every name that ssh knows, and some that it does not, on every key and within it: what `ssh-keygen` reads is read, as the same key.
#[test]
fn takes_the_names_that_ssh_keygen_takes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut keys = token_keys();
    for (name, kind) in [("ca", "ed25519"), ("rsa", "rsa"), ("ecdsa", "ecdsa")] {
        assert!(keygen(folder, &["-q", "-t", kind, "-N", "", "-f", name]).is_some());
        let file = format!("{name}.pub");
        assert!(keygen(folder, &["-q", "-s", "ca", "-I", "x", &file]).is_some());
        for file in [file, format!("{name}-cert.pub")] {
            keys.push(std::fs::read_to_string(folder.join(file)).unwrap());
        }
    }
    let mut names = vec!["rsa-sha2-1024".to_owned(), "RSA-SHA2-512".to_owned()];
    for query in ["key", "key-sig"] {
        let output = Command::new("ssh").args(["-Q", query]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        names.extend(text.lines().map(str::to_owned));
    }
    names.sort();
    names.dedup();
    assert!(names.contains(&"rsa-sha2-512".to_owned()), "{names:?}");
    let mut read = 0;
    for key in &keys {
        let whole = PublicSshKey::parse(key).unwrap();
        let rest = &whole.blob()[4 + whole.algorithm().len()..];
        for name in &names {
            let within = [string(name.as_bytes()), rest.to_vec()].concat();
            for (outer, blob) in [
                (name.as_str(), whole.blob()),
                (whole.algorithm(), &within),
                (name, &within),
            ] {
                let line = format!("{outer} {} c", STANDARD.encode(blob));
                std::fs::write(folder.join("one.pub"), &line).unwrap();
                let theirs = keygen(folder, &["-l", "-f", "one.pub"]);
                let ours = PublicSshKey::parse(&line).ok();
                // The authority's signature covers the name within, and only ssh-keygen checks it.
                if whole.certificate().is_some() && blob != whole.blob() {
                    assert_eq!(theirs, None, "{line}");
                    continue;
                }
                // The data of another type can be an RSA key of a few bits, which is named here and not read by OpenSSH.
                let ours = ours.filter(|key| match key.material() {
                    Material::Unknown => false,
                    Material::Rsa { .. } => key.bits() >= Some(1024),
                    _ => true,
                });
                let shown = ours.as_ref().map(|key| {
                    let bits = key.bits().unwrap();
                    format!("{bits} {} c ({})\n", key.fingerprint(), key.short_type())
                });
                assert_eq!(shown, theirs, "{line}");
                if let Some(ours) = ours {
                    read += 1;
                    assert_eq!(
                        (ours.blob(), ours.algorithm()),
                        (whole.blob(), whole.algorithm())
                    );
                }
            }
        }
    }
    assert!(read > 3 * keys.len(), "{read}");
}

#[test]
fn refuses_private_keys_without_repeating_them() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        keygen(
            folder.path(),
            &["-q", "-t", "ed25519", "-N", "", "-f", "key"]
        )
        .is_some()
    );
    assert!(
        keygen(
            folder.path(),
            &[
                "-q", "-t", "rsa", "-b", "1024", "-m", "PEM", "-N", "", "-f", "pem"
            ]
        )
        .is_some()
    );
    let private = std::fs::read_to_string(folder.path().join("key")).unwrap();
    let pem = std::fs::read_to_string(folder.path().join("pem")).unwrap();
    let middle = private.lines().nth(1).unwrap();
    let nix = format!("cache-1:{}", STANDARD.encode([9; 64]));
    for text in [
        private.as_str(),
        pem.as_str(),
        middle,
        &nix,
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none",
        &format!("ssh-ed25519 {middle} me"),
    ] {
        let error = PublicSshKey::parse(text).unwrap_err();
        assert_eq!(error, KeyError::Private);
        assert!(!error.to_string().contains(middle));
    }
    let public = std::fs::read_to_string(folder.path().join("key.pub")).unwrap();
    assert!(!holds_private(&public));
}

#[test]
fn names_what_is_wrong() {
    let good = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    assert!(PublicSshKey::parse(good).is_ok());
    let cut = &good[..good.len() - 4];
    for (text, error) in [
        ("", KeyError::Empty),
        (" \n", KeyError::Empty),
        ("hello", KeyError::Form),
        ("ssh-ed25519", KeyError::Form),
        ("dear admin, please", KeyError::Form),
        ("ssh-ed25519 AAA!", KeyError::Base64),
        (cut, KeyError::Damaged("it ends too early")),
        (
            &good.replace("ssh-ed25519", "ssh-rsa"),
            KeyError::TypeMismatch,
        ),
        (&format!("{good}\n{good}"), KeyError::Lines),
        (&format!("restrict {good}"), KeyError::Form),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", KeyError::Ssh2),
        (&"x".repeat(100_000), KeyError::Long),
    ] {
        assert_eq!(PublicSshKey::parse(text), Err(error), "{text:.40}");
    }
    let unknown = string(b"ssh-tomorrow");
    let key = PublicSshKey::parse(&format!("ssh-tomorrow {}", STANDARD.encode(unknown))).unwrap();
    assert_eq!((key.bits(), key.short_type()), (None, "unknown"));
    assert_eq!(randomart(&key)[0], "+----[unknown]----+");
}

proptest! {
    #[test]
    fn never_panics(text in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = PublicSshKey::parse(&text);
        let _ = PublicSshKey::from_words(&bytes);
        for algorithm in ["ssh-rsa", "ssh-dss", "ssh-ed25519-cert-v01@openssh.com"] {
            let blob = [string(algorithm.as_bytes()), bytes.clone()].concat();
            let _ = PublicSshKey::parse(&format!("{algorithm} {}", STANDARD.encode(blob)));
        }
    }

    #[test]
    fn a_line_reads_back(seed: [u8; 32], comment in any::<String>()) {
        let blob = [string(b"ssh-ed25519"), string(&seed)].concat();
        let mut key = PublicSshKey::parse(&format!("ssh-ed25519 {}", STANDARD.encode(blob))).unwrap();
        key.set_comment(&comment);
        let line = String::from_utf8(key.line()).unwrap();
        prop_assert!(!line.contains(['\n', '\r', '\0']));
        let again = PublicSshKey::from_words(line.as_bytes()).unwrap();
        prop_assert_eq!(again.fingerprint(), key.fingerprint());
        prop_assert_eq!(again.comment(), key.comment());
    }
}
