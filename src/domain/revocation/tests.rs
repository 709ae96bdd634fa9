//! Lists against the real `ssh-keygen`, which makes them and is asked what they have.

use super::*;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn keygen(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("ssh-keygen")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // It says 1 where a key is revoked.
    assert!(
        output.status.success() || args[0] == "-Q" && output.status.code() == Some(1),
        "{args:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// Two authorities and four keys; of each key certificates by both, of many numbers.
struct House {
    folder: tempfile::TempDir,
    all: Vec<PathBuf>,
}

/// Numbers of certificates: alone, close together, far from each other.
const SERIALS: [&str; 9] = [
    "0",
    "1",
    "2",
    "7",
    "64",
    "65",
    "300",
    "4711000",
    "18446744073709551615",
];

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let mut all = Vec::new();
        for name in ["ca0", "ca1", "k0", "k1", "k2", "k3"] {
            keygen(
                at,
                &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name],
            );
            all.push(PathBuf::from(format!("{name}.pub")));
        }
        for (turn, serial) in SERIALS.iter().enumerate() {
            for ca in ["ca0", "ca1"] {
                let key = format!("k{}", turn % 4);
                let id = format!("id-{turn}");
                let public = format!("{key}.pub");
                keygen(
                    at,
                    &["-q", "-s", ca, "-I", &id, "-n", "x", "-z", serial, &public],
                );
                let made = format!("{ca}-{turn}-cert.pub");
                fs::rename(at.join(format!("{key}-cert.pub")), at.join(&made)).unwrap();
                all.push(made.into());
            }
        }
        Self { folder, all }
    }

    /// By the real program.
    fn refused(&self, list: &str) -> Vec<bool> {
        let names: Vec<&str> = self.all.iter().map(|name| name.to_str().unwrap()).collect();
        let said = keygen(
            self.folder.path(),
            &[&["-Q", "-f", list], names.as_slice()].concat(),
        );
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), names.len(), "{said}");
        lines.iter().map(|line| line.ends_with("REVOKED")).collect()
    }

    /// By this program.
    fn judged(&self, list: &str) -> Vec<bool> {
        let content = fs::read(self.folder.path().join(list)).unwrap();
        let list = RevocationList::parse(&content).unwrap();
        let all = self.all.iter().map(|name| {
            let text = fs::read_to_string(self.folder.path().join(name)).unwrap();
            list.has(&PublicSshKey::parse(&text).unwrap()).is_some()
        });
        all.collect()
    }

    fn agrees(&self, list: &str) -> Vec<bool> {
        let (real, ours) = (self.refused(list), self.judged(list));
        assert_eq!(ours, real, "{:?}", self.all);
        real
    }

    /// A list of certificates by this text; of this authority, or of all.
    fn krl(&self, spec: &str, ca: &str) -> Vec<bool> {
        fs::write(self.folder.path().join("spec"), spec).unwrap();
        let _ = fs::remove_file(self.folder.path().join("krl"));
        keygen(
            self.folder.path(),
            &["-q", "-k", "-f", "krl", "-s", ca, "spec"],
        );
        self.agrees("krl")
    }
}

/// A line of what `ssh-keygen -k` reads.
fn line() -> impl Strategy<Value = String> {
    let some = |number: u64| number % 400 + 1;
    prop_oneof![
        prop::sample::select(SERIALS[1..].to_vec()).prop_map(|serial| format!("serial: {serial}")),
        any::<u64>().prop_map(move |number| format!("serial: {}", some(number))),
        (any::<u64>(), any::<u64>()).prop_map(move |(one, other)| {
            let (low, high) = (some(one).min(some(other)), some(one).max(some(other)));
            // ssh-keygen takes no range of one number.
            format!("serial: {low}-{}", high.max(low + 1))
        }),
        (0..SERIALS.len()).prop_map(|id| format!("id: id-{id}")),
    ]
}

#[test]
fn as_the_real_program_has_it() {
    let house = House::new();
    let read = |name: &str| fs::read_to_string(house.folder.path().join(name)).unwrap();
    // Every form of an entry.
    let key = read("k1.pub");
    let print = keygen(house.folder.path(), &["-l", "-f", "k2.pub"]);
    let print = print.split(' ').nth(1).unwrap();
    for (spec, least) in [
        ("serial: 64-65\nserial: 7\nid: id-8\n".to_owned(), 4),
        ("serial: 1-400\n".to_owned(), 6),
        (format!("key: {key}"), 5),
        (format!("sha1: {key}"), 5),
        (format!("sha256: {key}"), 5),
        (format!("hash: {print}\n"), 5),
        (format!("key: {}", read("ca1.pub")), 10),
    ] {
        for ca in ["ca0.pub", "none"] {
            let refused = house.krl(&spec, ca);
            let many = refused.iter().filter(|refused| **refused).count();
            assert!(many >= least, "{spec} {ca}: {many}");
        }
    }
    // Dense numbers become a bitmap.
    let odd: Vec<String> = (1..400)
        .step_by(2)
        .map(|n| format!("serial: {n}"))
        .collect();
    let odd = odd.join("\n") + "\n";
    assert!(house.krl(&odd, "ca1.pub").contains(&true));
    // Plain keys, one on each line, which only sshd reads: `tests/server` asks that.
    let text = format!("# gone\n\n \t{key}{}", read("ca0.pub"));
    fs::write(house.folder.path().join("keys"), text).unwrap();
    let refused = house.judged("keys").into_iter().filter(|refused| *refused);
    assert!(refused.count() > SERIALS.len());
    assert!(RevocationList::parse(b"nonsense\n").is_err());
    assert_eq!(
        RevocationList::Missing.has(&PublicSshKey::parse(&key).unwrap()),
        Some(Listed::All)
    );

    // Damaged anywhere, it is no list or one that says something: as the real program, which reads nothing of it then.
    house.krl(
        &format!("key: {key}{odd}id: id-3\nserial: 9-300\n"),
        "ca0.pub",
    );
    let whole = fs::read(house.folder.path().join("krl")).unwrap();
    for end in 0..whole.len() {
        if let Ok(RevocationList::Krl(_)) = RevocationList::parse(&whole[..end]) {
            fs::write(house.folder.path().join("cut"), &whole[..end]).unwrap();
            house.agrees("cut");
        }
    }
}

/// Many lists, made of what the real program takes.
#[test]
fn as_the_real_program_has_any_of_them() {
    let house = House::new();
    let config = ProptestConfig {
        cases: 24,
        ..ProptestConfig::default()
    };
    proptest!(config, |(lines in prop::collection::vec(line(), 1..12), ca in 0..3_usize)| {
        house.krl(&(lines.join("\n") + "\n"), ["ca0.pub", "ca1.pub", "none"][ca]);
    });
}

proptest! {
    #[test]
    fn any_bytes_are_a_list_or_one_sentence(
        bytes in prop::collection::vec(any::<u8>(), 0..300), magic in any::<bool>(),
    ) {
        let content = if magic { [b"SSHKRL\n\0\0\0\0\x01", &bytes[..]].concat() } else { bytes };
        if let Err(why) = RevocationList::parse(&content) {
            prop_assert!(!why.is_empty() && !why.chars().any(char::is_control));
        }
    }

    /// Sections in the right form, with numbers of any kind in them.
    #[test]
    fn any_sections_are_read_within_their_bounds(
        parts in prop::collection::vec(
            (prop::sample::select(vec![0x20_u8, 0x21, 0x22, 0x23, 0x39]), prop::collection::vec(any::<u8>(), 0..40)), 0..6,
        ),
    ) {
        let string = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
        let mut section = [string(b""), string(b"")].concat();
        for (kind, bytes) in &parts {
            section.push(*kind);
            section.extend(string(bytes));
        }
        let head = [&b"SSHKRL\n\0\0\0\0\x01"[..], &[0; 24], &string(b""), &string(b"")].concat();
        let content = [head, vec![1], string(&section)].concat();
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhVmVJUK a";
        if let Ok(list) = RevocationList::parse(&content) {
            prop_assert_eq!(list.has(&PublicSshKey::parse(key).unwrap()), None);
        }
    }
}
