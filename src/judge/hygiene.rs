//! Whether a key is strong, and its line in order.
//!
//! In: a public key, or its line in a file. Out: findings: weak, odd or expired. All of it is arithmetic on the key itself; what needs
//! data that is not here (the weak keys that Debian made in 2008) is said to be unchecked.

use super::finding::{Finding, Level};
use crate::domain::authorized_keys::KeyLine;
use crate::domain::ssh_key::{Material, PublicSshKey};
use crate::domain::text::visible;
use crate::domain::{Age, When};

/// RSA keys below this are not authorized.
const LEAST_RSA: u32 = 2048;

/// RSA keys below this are warned about.
const GOOD_RSA: u32 = 3072;

/// A comment with more characters than this is odd.
const LONG_COMMENT: usize = 200;

/// The odd primes that a modulus is tried with. They are those of the ROCA test (CVE-2017-15361) for keys of all sizes.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Findings about a key itself.
pub fn of_key(key: &PublicSshKey) -> Vec<Finding> {
    let mut findings = Vec::new();
    match key.material() {
        Material::Rsa { modulus, exponent } => of_rsa(key, modulus, exponent, &mut findings),
        Material::Dsa(_) => {
            findings.push(
                Finding::new(
                    Level::Refuse,
                    "dsa",
                    "DSA keys have 1024 bits and are too weak; OpenSSH no longer supports them",
                )
                .fix("ask for an ed25519 key: ssh-keygen -t ed25519"),
            );
            findings.push(debian());
        }
        Material::Unknown => findings.push(
            Finding::new(
                Level::Refuse,
                "unknown-type",
                format!(
                    "unknown key type {}, so this key was not examined",
                    visible(key.algorithm())
                ),
            )
            .fix("ask for an ed25519 key: ssh-keygen -t ed25519"),
        ),
        Material::Ecdsa(_) | Material::Ed25519 | Material::SkEcdsa | Material::SkEd25519 => {}
    }
    if key.certificate().is_some() {
        findings.push(
            Finding::new(
                Level::Refuse,
                "certificate",
                "this is a certificate and not a key",
            )
            .fix("ask for the .pub file without -cert in its name"),
        );
    }
    let comment = key.comment();
    if visible(&comment) != comment {
        findings.push(Finding::new(
            Level::Warning,
            "comment-hostile",
            "the comment has characters that can't be seen or that move the cursor; they are shown by their numbers",
        ));
    }
    if comment.chars().count() > LONG_COMMENT {
        findings.push(Finding::new(
            Level::Note,
            "comment-long",
            format!("the comment has {} characters", comment.chars().count()),
        ));
    }
    findings
}

fn of_rsa(key: &PublicSshKey, modulus: &[u8], exponent: &[u8], findings: &mut Vec<Finding>) {
    let bits = key.bits().unwrap_or(0);
    let new_key = "ask for an ed25519 key: ssh-keygen -t ed25519";
    let mut add = |level, code, message: String| {
        findings.push(Finding::new(level, code, message).fix(new_key));
    };
    if bits < LEAST_RSA {
        let message = format!(
            "an RSA key of {bits} bits is too short: {LEAST_RSA} are the minimum, {GOOD_RSA} are recommended"
        );
        add(Level::Refuse, "rsa-short", message);
    } else if bits < GOOD_RSA {
        let message =
            format!("an RSA key of {bits} bits is shorter than the recommended {GOOD_RSA}");
        add(Level::Warning, "rsa-below-3072", message);
    }
    let even = |number: &[u8]| number.last().is_none_or(|last| last % 2 == 0);
    if even(exponent) || exponent == [1] {
        let message = "the key's exponent is 1 or even, so it is no working RSA key and anybody could sign for it".to_owned();
        add(Level::Refuse, "rsa-exponent", message);
    } else if exponent == [3] {
        let message = "the key's exponent is 3, which old or careless programs choose".to_owned();
        add(Level::Warning, "rsa-exponent-3", message);
    }
    if even(modulus) || PRIMES.iter().any(|prime| remainder(modulus, *prime) == 0) {
        let message = "the key's modulus has a small factor, so it is no working RSA key and anybody could find its private half".to_owned();
        add(Level::Refuse, "rsa-factor", message);
    } else if is_roca(modulus) {
        let message = "the key was made by a faulty Infineon chip (ROCA, CVE-2017-15361): its private half can be computed from it".to_owned();
        add(Level::Refuse, "roca", message);
    }
    findings.push(debian());
}

/// What cannot be checked without data.
fn debian() -> Finding {
    Finding::new(
        Level::Note,
        "debian-weak-not-checked",
        "not checked: whether it is one of the weak keys that Debian made before May 2008 (CVE-2008-0166), since their list is not part of this program",
    )
    .fix("if the key is that old, ask for a new one")
}

/// Whether a modulus was made by the faulty chip: it is a power of 65537 modulo each of the primes. A good key is one with probability below 2^-100.
/// Source: Nemec et al., "The Return of Coppersmith's Attack" (2017), section 3.3.
fn is_roca(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let wanted = remainder(modulus, *prime);
        let generator = 65537 % prime;
        let mut power = 1;
        loop {
            if power == wanted {
                return true;
            }
            power = power * generator % prime;
            // The powers come round to 1.
            if power == 1 {
                return false;
            }
        }
    })
}

/// A big-endian number modulo a small one.
fn remainder(number: &[u8], modulus: u32) -> u32 {
    number
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % modulus)
}

/// Findings about a key's line: its options and its expiry.
pub fn of_line(line: &KeyLine, at: When, utc_offset: i32, soon: Age) -> Vec<Finding> {
    let mut findings = Vec::new();
    for lint in line.lints() {
        let known_elsewhere = matches!(lint.code, "unknown-type" | "certificate");
        if !known_elsewhere {
            let message = visible(&lint.message).into_owned();
            findings.push(Finding::new(Level::Warning, lint.code, message));
        }
    }
    if let Some(end) = expiry(line, utc_offset) {
        if end <= at {
            findings.push(
                Finding::new(
                    Level::Warning,
                    "expired",
                    format!("it expired {} ago, at {end}; sshd refuses it", end.age(at)),
                )
                .fix("revoke it, or set a later expiry"),
            );
        } else if at.age(end) <= soon {
            findings.push(
                Finding::new(
                    Level::Warning,
                    "expiring",
                    format!("it expires in {}, at {end}", at.age(end)),
                )
                .fix("set a later expiry if it is still needed"),
            );
        }
    }
    findings
}

/// When a line's key ends.
pub fn expiry(line: &KeyLine, utc_offset: i32) -> Option<When> {
    let expiry = line.effective()?.expiry?;
    Some(expiry.at(utc_offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::authorized_keys::AuthorizedKeys;
    use crate::judge::finding::refuses;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    fn string(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
    }

    fn rsa(modulus: &[u8], exponent: &[u8]) -> PublicSshKey {
        let number = |bytes: &[u8]| string(&[&[0], bytes].concat());
        let blob = [string(b"ssh-rsa"), number(exponent), number(modulus)].concat();
        PublicSshKey::parse(&format!("ssh-rsa {} c", STANDARD.encode(blob))).unwrap()
    }

    /// Multiplies a big-endian number.
    fn times(number: &[u8], factor: u32) -> Vec<u8> {
        let mut carry = 0u64;
        let mut out: Vec<u8> = number
            .iter()
            .rev()
            .map(|byte| {
                carry += u64::from(*byte) * u64::from(factor);
                let low = carry as u8;
                carry >>= 8;
                low
            })
            .collect();
        while carry > 0 {
            out.push(carry as u8);
            carry >>= 8;
        }
        out.reverse();
        out
    }

    fn codes(key: &PublicSshKey) -> Vec<&'static str> {
        of_key(key).iter().map(|finding| finding.code).collect()
    }

    /// A modulus that nothing is wrong with but its size: what `ssh-keygen` makes.
    fn real(kind: &str, bits: &str) -> PublicSshKey {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-b", bits, "-N", "", "-C", "c", "-f"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
        PublicSshKey::parse(&std::fs::read_to_string(path.with_extension("pub")).unwrap()).unwrap()
    }

    #[test]
    fn sizes() {
        let debian = "debian-weak-not-checked";
        assert_eq!(codes(&real("rsa", "1024")), ["rsa-short", debian]);
        assert_eq!(codes(&real("rsa", "2047")), ["rsa-short", debian]);
        assert_eq!(codes(&real("rsa", "2048")), ["rsa-below-3072", debian]);
        assert_eq!(codes(&real("rsa", "3072")), [debian]);
        assert_eq!(codes(&real("ed25519", "256")), [""; 0]);
        assert_eq!(codes(&real("ecdsa", "384")), [""; 0]);
        assert!(refuses(&of_key(&real("rsa", "1024"))));
        assert!(!refuses(&of_key(&real("rsa", "2048"))));
    }

    #[test]
    fn the_mark_of_the_faulty_chip() {
        // A power of 65537 is one modulo every prime; 192 of them make 3073 bits.
        let mut modulus = vec![1];
        for _ in 0..192 {
            modulus = times(&modulus, 65537);
        }
        assert!(is_roca(&modulus));
        let found = of_key(&rsa(&modulus, &[1, 0, 1]));
        assert!(
            found
                .iter()
                .any(|f| f.code == "roca" && f.level == Level::Refuse)
        );
        // 11 knows only 1 and 10 as powers, so twice such a number is none.
        assert!(!is_roca(&times(&modulus, 2)));
    }

    #[test]
    fn broken_rsa() {
        let good = real("rsa", "3072");
        let Material::Rsa { modulus, .. } = good.material() else {
            panic!("not RSA");
        };
        let with = |exponent: &[u8]| codes(&rsa(modulus, exponent))[0];
        assert_eq!(with(&[1]), "rsa-exponent");
        assert_eq!(with(&[4]), "rsa-exponent");
        assert_eq!(with(&[3]), "rsa-exponent-3");
        assert_eq!(codes(&rsa(&times(modulus, 2), &[1, 0, 1]))[0], "rsa-factor");
        assert_eq!(
            codes(&rsa(&times(modulus, 167), &[1, 0, 1]))[0],
            "rsa-factor"
        );
        assert!(codes(&rsa(&[], &[])).contains(&"rsa-short"));
    }

    #[test]
    fn comments() {
        let mut key = real("ed25519", "256");
        key.set_comment("ada \u{1b}[31m");
        assert_eq!(codes(&key), ["comment-hostile"]);
        key.set_comment("x\u{202e}y");
        assert_eq!(codes(&key), ["comment-hostile"]);
        key.set_comment(&"x".repeat(10_000));
        assert_eq!(codes(&key), ["comment-long"]);
    }

    #[test]
    fn times_of_lines() {
        let key = String::from_utf8(real("ed25519", "256").line()).unwrap();
        let at = When::from_unix(1_803_081_600); // 2027-02-20
        let of = |options: &str| -> Vec<&'static str> {
            let file = AuthorizedKeys::parse(format!("{options} {key}").as_bytes());
            let line = file.keys().next().unwrap().1;
            of_line(line, at, 3600, Age(7 * 86_400))
                .iter()
                .map(|f| f.code)
                .collect()
        };
        for (options, expected) in [
            ("expiry-time=\"20270220Z\"", vec!["expired"]),
            ("expiry-time=\"20270220000001Z\"", vec!["expiring"]),
            ("expiry-time=\"20270227Z\"", vec!["expiring"]),
            ("expiry-time=\"20270228Z\"", vec![]),
            ("expiry-time=\"20270220\"", vec!["expiry-zone", "expired"]),
            ("expiry-time=\"never\"", vec!["bad-options"]),
            ("restrict", vec![]),
        ] {
            assert_eq!(of(options), expected, "{options}");
        }
    }

    proptest! {
        #[test]
        fn any_modulus_can_be_judged(modulus in proptest::collection::vec(any::<u8>(), 0..600), exponent in proptest::collection::vec(any::<u8>(), 0..5)) {
            of_key(&rsa(&modulus, &exponent));
        }

        #[test]
        fn remainders(number: u64, prime in prop::sample::select(&PRIMES[..])) {
            prop_assert_eq!(u64::from(remainder(&number.to_be_bytes(), prime)), number % u64::from(prime));
        }
    }
}
