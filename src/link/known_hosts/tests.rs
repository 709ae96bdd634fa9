//! The format, line by line, and against ssh-keygen's own hashing.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

/// A key with these parts.
fn key(kind: &str, parts: &[&[u8]]) -> HostKey {
    let mut blob = Vec::new();
    for part in [&[kind.as_bytes()], parts].concat() {
        blob.extend((part.len() as u32).to_be_bytes());
        blob.extend(part);
    }
    HostKey {
        kind: kind.into(),
        blob,
    }
}

/// An Ed25519 key, different for each seed.
fn ed(seed: u8) -> HostKey {
    key("ssh-ed25519", &[&[seed; 32]])
}

/// An RSA key of 2048 bits.
fn rsa(seed: u8) -> HostKey {
    let mut modulus = vec![0];
    modulus.extend([seed | 0x81; 256]);
    key("ssh-rsa", &[&[1, 0, 1], &modulus])
}

fn changed(kind: &str, line: usize) -> Verdict {
    Verdict::Changed {
        kind: kind.into(),
        at: at(line),
    }
}

fn unknown(verdict: Verdict) -> Unknown {
    match verdict {
        Verdict::Unknown(unknown) => unknown,
        other => panic!("{other:?}"),
    }
}

fn text(key: &HostKey) -> String {
    format!("{} {}", key.kind, STANDARD.encode(&key.blob))
}

fn hosts(lines: &str) -> KnownHosts {
    let mut hosts = KnownHosts::default();
    hosts.add("kh", lines.as_bytes());
    hosts
}

fn at(line: usize) -> At {
    At {
        file: "kh".into(),
        line,
    }
}

fn name(host: &str) -> HostName {
    HostName::new(host, 22)
}

#[test]
fn several_keys_of_one_type_are_all_good() {
    let known = hosts(&format!("h {}\nh {}\n", text(&ed(1)), text(&ed(2))));
    assert_eq!(known.check(&name("h"), &ed(1)), Verdict::Known(at(1)));
    assert_eq!(known.check(&name("H"), &ed(2)), Verdict::Known(at(2)));
    assert_eq!(known.check(&name("h"), &ed(3)), changed("ssh-ed25519", 1));
}

#[test]
fn another_type_is_a_change() {
    let known = hosts(&format!("h {}\n", text(&rsa(1))));
    assert_eq!(known.check(&name("h"), &ed(1)), changed("ssh-rsa", 1));
    assert_eq!(known.key_types(&name("h")), ["ssh-rsa"]);
    // The line of the type that was sent says more.
    let known = hosts(&format!("h {}\nh {}\n", text(&rsa(1)), text(&ed(2))));
    assert_eq!(known.check(&name("h"), &ed(1)), changed("ssh-ed25519", 2));
}

#[test]
fn the_same_key_under_another_name_is_reported() {
    let known = hosts(&format!("other,10.0.0.1 {}\n", text(&ed(1))));
    let unknown = unknown(known.check(&name("h"), &ed(1)));
    assert_eq!(unknown.other_names, [("other,10.0.0.1".to_owned(), at(1))]);
}

#[test]
fn revoked_beats_known_wherever_it_stands() {
    let known = hosts(&format!(
        "h {}\n# comment\n\t@revoked\t*\t{}\tcomment\n",
        text(&ed(1)),
        text(&ed(1))
    ));
    assert_eq!(known.check(&name("h"), &ed(1)), Verdict::Revoked(at(3)));
    assert_eq!(known.revokes(&HostName::new("x", 99), &ed(1)), Some(at(3)));
    assert_eq!(known.revokes(&name("h"), &ed(2)), None);
}

#[test]
fn ports() {
    let known = hosts(&format!("[h]:2222 {}\nh {}\n", text(&ed(1)), text(&ed(2))));
    let on_port = HostName::new("h", 2222);
    assert_eq!(known.check(&on_port, &ed(1)), Verdict::Known(at(1)));
    assert_eq!(known.check(&on_port, &ed(3)), changed("ssh-ed25519", 1));
    assert_eq!(known.check(&name("h"), &ed(1)), changed("ssh-ed25519", 2));
    // No line for the port: the plain name may vouch, and may not accuse.
    let other = HostName::new("h", 2200);
    assert_eq!(known.check(&other, &ed(2)), Verdict::Known(at(2)));
    assert_eq!(
        unknown(known.check(&other, &ed(3))).other_keys,
        [("another ssh-ed25519 key on port 22".to_owned(), at(2))]
    );
    // A line for the port, of whatever type, and the plain name says nothing any more.
    let known = hosts(&format!("[h]:2222 {}\nh {}\n", text(&rsa(1)), text(&ed(2))));
    assert_eq!(known.check(&on_port, &ed(2)), changed("ssh-rsa", 1));
    assert_eq!(known.key_types(&on_port), ["ssh-rsa"]);
    assert_eq!(known.key_types(&other), ["ssh-ed25519"]);
    // An alias has no port.
    let known = hosts(&format!("alias {}\n", text(&ed(1))));
    assert_eq!(
        known.check(&HostName::alias("Alias"), &ed(1)),
        Verdict::Known(at(1))
    );
}

#[test]
fn a_revocation_that_cannot_be_read_is_found() {
    let good = text(&ed(1));
    for (line, hosts_named) in [
        ("@revoked h ssh-ed25519 ***".to_owned(), true),
        ("@revoked h ssh-ed25519".to_owned(), true),
        (
            "@revoked h ssh-new AAAAB3NzaC1uZXcAAAABMQ==".to_owned(),
            true,
        ),
        (format!("@revoked h,\u{fffd} ssh-rsa {}", &good[12..]), true),
        (format!("@revoked @cert-authority h {good}"), false),
        (format!("@cert-authority @revoked h {good}"), false),
        (format!("@REVOKED h {good}"), false),
        (format!("@revoked,h {good}"), false),
        ("@revoked".to_owned(), false),
        (format!("@revoked |1|x|y {good}"), false),
        (format!("@revoked {},h {good}", "x".repeat(2000)), false),
        (format!("@revoked\th ssh-ed25519 {}", &good[13..]), true),
    ] {
        let known = hosts(&line);
        let may = |host: &str, port| known.may_revoke(&HostName::new(host, port)).is_some();
        assert!(may("h", 22) && may("h", 2222), "{line}");
        assert_eq!(may("other", 22), !hosts_named, "{line}");
    }
    assert!(
        hosts(&format!("@revoked h {good}\n"))
            .may_revoke(&name("h"))
            .is_none()
    );
    assert!(
        hosts(&format!("@other h {good}\n"))
            .may_revoke(&name("h"))
            .is_none()
    );
}

#[test]
fn a_line_that_cannot_be_read_makes_its_host_no_new_one() {
    let known = hosts("# x\nh ssh-ed25519 ***\n");
    let found = unknown(known.check(&HostName::new("h", 2222), &ed(1)));
    assert_eq!(
        found
            .unreadable
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["kh:2 (the key is not base64)"]
    );
    assert!(
        unknown(known.check(&name("x"), &ed(1)))
            .unreadable
            .is_empty()
    );
}

#[test]
fn patterns_and_negation() {
    let known = hosts(&format!(
        "*.Example.org,!bad.example.org {}\n",
        text(&ed(1))
    ));
    assert_eq!(
        known.check(&name("a.example.ORG"), &ed(1)),
        Verdict::Known(at(1))
    );
    assert!(matches!(
        known.check(&name("bad.example.org"), &ed(1)),
        Verdict::Unknown(_)
    ));
}

#[test]
fn authorities() {
    let known = hosts(&format!("@cert-authority *.example.org {}\n", text(&ed(9))));
    assert_eq!(known.trusts(&name("a.example.org"), &ed(9)), Some(at(1)));
    assert_eq!(
        known.trusts(&HostName::new("a.example.org", 222), &ed(9)),
        Some(at(1))
    );
    assert_eq!(known.trusts(&name("a.example.com"), &ed(9)), None);
    // One that is named with the port stands alone.
    let both = hosts(&format!(
        "@cert-authority [h]:222 {}\n@cert-authority h {}\n",
        text(&ed(1)),
        text(&ed(2))
    ));
    assert_eq!(both.trusts(&HostName::new("h", 222), &ed(1)), Some(at(1)));
    assert_eq!(both.trusts(&HostName::new("h", 222), &ed(2)), None);
    assert!(known.has_authority(&name("a.example.org")));
    // An authority's key is no host's key.
    assert!(matches!(
        known.check(&name("a.example.org"), &ed(9)),
        Verdict::Unknown(_)
    ));
    let principals = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
    assert!(principals_match(
        &principals(&["x", "*.Example.org"]),
        &name("a.example.org")
    ));
    assert!(principals_match(
        &principals(&["h"]),
        &HostName::new("h", 2222)
    ));
    assert!(!principals_match(&principals(&["b"]), &name("a")));
    assert!(!principals_match(&[], &name("a")));
}

#[test]
fn a_bad_line_is_only_its_own_problem() {
    let lines = format!(
        "h ssh-ed25519\n@other h {good}\nh ssh-rsa {wrong}\n|1|x|y {good}\n|2|aa==|bb== {good}\nh ssh-ed25519 ***\n\u{0}\n, {good}\n\
         h 1024 35 1234567\nh {good} some comment\r\n",
        good = text(&ed(1)),
        wrong = STANDARD.encode(ed(1).blob),
    );
    let mut bytes = b"\xff\xfe x y\n".to_vec();
    bytes.extend(lines.as_bytes());
    let mut known = KnownHosts::default();
    known.add("kh", &bytes);
    assert_eq!(known.problems().len(), 9, "{:?}", known.problems());
    assert_eq!(known.check(&name("h"), &ed(1)), Verdict::Known(at(11)));
}

#[test]
fn reads_what_ssh_keygen_hashes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kh");
    let keygen = |args: &[&str]| {
        let done = std::process::Command::new("ssh-keygen")
            .args(args)
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    keygen(&["-q", "-t", "ed25519", "-N", "", "-f", "key"]);
    let public = std::fs::read_to_string(dir.path().join("key.pub")).unwrap();
    let blob = STANDARD.decode(public.split(' ').nth(1).unwrap()).unwrap();
    let real = HostKey {
        kind: "ssh-ed25519".into(),
        blob,
    };
    std::fs::write(
        &path,
        format!(
            "plain.example.org,10.1.2.3 {}\n[h]:2222 {}\n",
            text(&real),
            text(&real)
        ),
    )
    .unwrap();
    keygen(&["-q", "-H", "-f", "kh"]);
    let hashed = std::fs::read(&path).unwrap();
    assert!(hashed.starts_with(b"|1|"));
    let mut known = KnownHosts::default();
    known.add("kh", &hashed);
    for (host, port) in [("plain.example.org", 22), ("10.1.2.3", 22), ("h", 2222)] {
        assert!(
            matches!(
                known.check(&HostName::new(host, port), &real),
                Verdict::Known(_)
            ),
            "{host}"
        );
    }
    assert!(matches!(
        known.check(&name("h"), &real),
        Verdict::Unknown(_)
    ));
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        fuzz(&bytes);
    }

    #[test]
    fn never_panics_on_words(words in proptest::collection::vec("(@revoked|@Revoke|@cert-authority|\\|1\\||\\*|!|,|h|ssh-ed25519|AAAAC3NzaC1lZDI1NTE5|[ \t\r\n]){1,3}", 0..30)) {
        fuzz(words.concat().as_bytes());
    }

    #[test]
    fn what_is_written_is_known(host in "[a-zA-Z0-9.-]{1,30}", port in any::<u16>(), seed in any::<u8>(), salt in proptest::option::of(any::<[u8; 20]>()), noise in "[^\n]{0,60}") {
        let name = HostName::new(&host, port);
        let key = ed(seed);
        let known = hosts(&format!("{noise}\n{}", line(&name, &key, salt)));
        let verdict = known.check(&name, &key);
        prop_assert!(matches!(verdict, Verdict::Known(_)), "{:?}", verdict);
    }
}
