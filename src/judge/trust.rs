//! Would a client of this cache take this path?
//!
//! In: a path info and the keys that clients trust. Out: the trust class and a verdict on each signature.
//! The rule is Nix's own (`ValidPathInfo::checkSignatures`): a true content address needs no signature; else one valid
//! signature by a trusted key is enough. A signature that names a trusted key and is not 64 bytes of base64 makes Nix
//! give up on the whole path, whatever else it carries, so such a path is `bad` however many good ones stand beside it.

use crate::domain::signature::{decode, split};
use crate::domain::{Assessment, KeyRing, PathInfo, Role, TrustClass, Verdict};

/// Judges one path.
pub fn assess(ring: &KeyRing, info: &PathInfo) -> Assessment {
    let fingerprint = info.fingerprint();
    let mut best: Option<Role> = None;
    let mut bad = false;
    let mut malformed = false;
    let mut signatures = Vec::with_capacity(info.signatures.len());
    for text in &info.signatures {
        let (name, data) = split(text).unwrap_or((text.as_str(), ""));
        let verdict = match ring.get(name) {
            None => Verdict::UnknownKey,
            Some((role, key)) => {
                let bytes: Option<[u8; 64]> =
                    decode(data).ok().and_then(|bytes| bytes.try_into().ok());
                malformed |= bytes.is_none();
                let valid = match (&fingerprint, bytes) {
                    (Some(message), Some(bytes)) => key.verifies(message, &bytes),
                    _ => false,
                };
                if valid {
                    best = Some(best.map_or(role, |other| better(other, role)));
                    Verdict::Valid
                } else {
                    bad = true;
                    Verdict::Bad
                }
            }
        };
        signatures.push((name.to_owned(), verdict));
    }
    let class = match best {
        Some(role) if !malformed => match role {
            Role::Ours => TrustClass::Ours,
            Role::Retired => TrustClass::Retired,
            Role::Upstream => TrustClass::Upstream,
        },
        _ if info.is_content_addressed() => TrustClass::ContentAddressed,
        _ if bad => TrustClass::Bad,
        _ if signatures.is_empty() => TrustClass::Unsigned,
        _ => TrustClass::UnknownKey,
    };
    Assessment { class, signatures }
}

/// Of two roles the one that says more about the path.
fn better(a: Role, b: Role) -> Role {
    let rank = |role| match role {
        Role::Ours => 0,
        Role::Retired => 1,
        Role::Upstream => 2,
    };
    if rank(a) <= rank(b) { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_info::tests::vector;
    use crate::domain::{KeyName, SigningKey};
    use zeroize::Zeroizing;

    fn key(name: &str, seed: u8) -> SigningKey {
        SigningKey::from_seed(KeyName::new(name).unwrap(), &Zeroizing::new([seed; 32]))
    }

    fn ring() -> KeyRing {
        KeyRing::new(
            vec![key("ours-1", 1).public()],
            vec![key("old-1", 2).public()],
            vec![key("up-1", 3).public()],
        )
    }

    fn signed(keys: &[SigningKey]) -> PathInfo {
        let mut info = vector();
        let fingerprint = info.fingerprint().unwrap();
        info.signatures = keys
            .iter()
            .map(|k| k.sign(&fingerprint).to_string())
            .collect();
        info
    }

    fn class(info: &PathInfo) -> TrustClass {
        assess(&ring(), info).class
    }

    #[test]
    fn the_classes() {
        assert_eq!(class(&vector()), TrustClass::Unsigned);
        assert_eq!(class(&signed(&[key("ours-1", 1)])), TrustClass::Ours);
        assert_eq!(class(&signed(&[key("old-1", 2)])), TrustClass::Retired);
        assert_eq!(class(&signed(&[key("up-1", 3)])), TrustClass::Upstream);
        assert_eq!(
            class(&signed(&[key("stranger", 4)])),
            TrustClass::UnknownKey
        );
        let all = [
            key("up-1", 3),
            key("old-1", 2),
            key("ours-1", 1),
            key("stranger", 4),
        ];
        assert_eq!(class(&signed(&all)), TrustClass::Ours);
    }

    #[test]
    fn wrong_signatures_are_bad_and_nothing_else_is() {
        // Another key of the same name.
        assert_eq!(class(&signed(&[key("ours-1", 9)])), TrustClass::Bad);
        // A signature of another path.
        let mut other = signed(&[key("ours-1", 1)]);
        other.nar_size += 1;
        assert_eq!(class(&other), TrustClass::Bad);
        // A good one beside a wrong one is enough.
        assert_eq!(
            class(&signed(&[key("ours-1", 9), key("up-1", 3)])),
            TrustClass::Upstream
        );
        // Garbage under an unknown name is not bad.
        let mut garbage = vector();
        garbage.signatures = vec!["stranger:!!".into(), "nocolon".into()];
        assert_eq!(class(&garbage), TrustClass::UnknownKey);
    }

    #[test]
    fn a_malformed_signature_of_a_known_key_spoils_the_path() {
        let mut info = signed(&[key("up-1", 3)]);
        info.signatures.push("ours-1:AAAA".into());
        let assessment = assess(&ring(), &info);
        assert_eq!(assessment.class, TrustClass::Bad);
        assert_eq!(assessment.signatures[0].1, Verdict::Valid);
        assert_eq!(assessment.signatures[1].1, Verdict::Bad);
    }

    #[test]
    fn without_a_size_no_signature_counts() {
        let mut info = signed(&[key("ours-1", 1)]);
        info.nar_size = 0;
        assert_eq!(class(&info), TrustClass::Bad);
    }
}
