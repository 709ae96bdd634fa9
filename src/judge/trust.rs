//! Would a client of this cache take this path?
//!
//! In: path infos and the keys that clients trust. Out: the trust class of each, and a verdict on each signature.
//! The rule is Nix's own (`ValidPathInfo::checkSignatures`): a true content address needs no signature; else one valid
//! signature by a trusted key is enough. Two things spoil a path whatever else it carries, so it is `bad`: a signature
//! that names a trusted key and is not 64 bytes of base64, where Nix gives up on the whole path; and a content address
//! that is not the path's own beside a valid signature, which clients accept and then fail on when they add the path.
//! A signature of another algorithm, which is longer, is never called bad: it is one that can't be checked here. Where it has
//! the name of a trusted key of Ed25519, Nix gives up all the same.

use crate::domain::signature::{decode, is_other_algorithm, split};
use crate::domain::verify::{Claim, hold};
use crate::domain::{Assessment, KeyRing, PathInfo, Role, TrustClass, Verdict};
use rayon::prelude::*;

/// Paths whose signatures are checked together.
const HANDFUL: usize = 1024;

/// Judges one path.
pub fn assess(ring: &KeyRing, info: &PathInfo) -> Assessment {
    let (draft, claims) = Draft::new(ring, info);
    draft.finish(info, &mut hold(&claims).into_iter())
}

/// Judges all that have an info, on all cores. In handfuls, which together cost less than each alone.
pub fn assess_each<T: Sync>(
    ring: &KeyRing,
    items: &[T],
    info: impl Fn(&T) -> Option<&PathInfo> + Sync,
) -> Vec<Option<Assessment>> {
    items
        .par_chunks(HANDFUL)
        .flat_map_iter(|items| {
            let mut claims = Vec::with_capacity(items.len());
            let drafts: Vec<Option<(Draft, &PathInfo)>> = items
                .iter()
                .map(|item| {
                    let info = info(item)?;
                    let (draft, more) = Draft::new(ring, info);
                    claims.extend(more);
                    Some((draft, info))
                })
                .collect();
            let mut held = hold(&claims).into_iter();
            drafts.into_iter().map(move |draft| {
                let (draft, info) = draft?;
                Some(draft.finish(info, &mut held))
            })
        })
        .collect()
}

/// Whether no signature helps: the path has a false content address, or a signature that names a trusted key and is not
/// 64 bytes, at which Nix gives up without looking further (see above). A true content address is looked at
/// first and needs no signature.
pub fn is_unmendable(keys: &KeyRing, info: &PathInfo) -> bool {
    let malformed = |text: &String| {
        split(text).is_ok_and(|(name, data)| {
            keys.get(name).is_some() && decode(data).map_or(true, |bytes| bytes.len() != 64)
        })
    };
    info.has_false_address()
        || (!info.is_content_addressed() && info.signatures.iter().any(malformed))
}

/// What a signature is, before it was checked.
enum Sort {
    /// By no key that is known.
    Stranger,
    /// Of an algorithm that is not known.
    Foreign,
    /// By a key of this role, and whether it may still hold.
    Known(Role, bool),
}

/// A path whose signatures wait to be checked.
struct Draft {
    /// Name as stored, and what is known of the signature so far.
    signatures: Vec<(String, Sort)>,
    malformed: bool,
}

impl Draft {
    fn new<'a>(ring: &'a KeyRing, info: &PathInfo) -> (Self, Vec<Claim<'a>>) {
        let mut draft = Self {
            signatures: Vec::with_capacity(info.signatures.len()),
            malformed: false,
        };
        let mut claims = Vec::new();
        let mut fingerprint = None;
        for text in &info.signatures {
            let (name, data) = split(text).unwrap_or((text.as_str(), ""));
            let foreign = is_other_algorithm(data);
            let (role, key) = match ring.verifier(name) {
                Some(known) if !foreign => known,
                known => {
                    draft.malformed |= known.is_some();
                    let sort = if foreign {
                        Sort::Foreign
                    } else {
                        Sort::Stranger
                    };
                    draft.signatures.push((name.to_owned(), sort));
                    continue;
                }
            };
            let bytes: Option<[u8; 64]> = decode(data).ok().and_then(|bytes| bytes.try_into().ok());
            draft.malformed |= bytes.is_none();
            let message = fingerprint.get_or_insert_with(|| info.fingerprint());
            let claim = match (message, bytes) {
                (Some(message), Some(bytes)) => key.claim(message, &bytes),
                _ => None,
            };
            let open = claim.is_some();
            claims.extend(claim);
            draft
                .signatures
                .push((name.to_owned(), Sort::Known(role, open)));
        }
        (draft, claims)
    }

    /// Takes one answer for each claim that was made.
    fn finish(self, info: &PathInfo, held: &mut impl Iterator<Item = bool>) -> Assessment {
        let mut best: Option<Role> = None;
        let mut bad = false;
        let mut signatures = Vec::with_capacity(self.signatures.len());
        for (name, sort) in self.signatures {
            let verdict = match sort {
                Sort::Stranger => Verdict::UnknownKey,
                Sort::Foreign => Verdict::UnknownAlgorithm,
                Sort::Known(role, open) if open && held.next() == Some(true) => {
                    best = Some(best.map_or(role, |other| better(other, role)));
                    Verdict::Valid
                }
                Sort::Known(..) => {
                    bad = true;
                    Verdict::Bad
                }
            };
            signatures.push((name, verdict));
        }
        let class = match best {
            Some(_) if info.has_false_address() => TrustClass::Bad,
            Some(role) if !self.malformed => match role {
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
    use crate::domain::{KeyName, NarHash, SigningKey};
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
    fn a_signature_of_another_algorithm_is_not_bad() {
        let long = |name: &str, bytes: usize| format!("{name}:{}", "AAAA".repeat(bytes / 3));
        for bytes in [96, 105, 2421, 3309, 4626] {
            // Beside a valid one it changes nothing, and alone it is no reason to call the path bad.
            let mut info = signed(&[key("ours-1", 1)]);
            info.signatures.insert(0, long("cnsa-1", bytes));
            let assessment = assess(&ring(), &info);
            assert_eq!(assessment.class, TrustClass::Ours);
            assert_eq!(assessment.signatures[0].1, Verdict::UnknownAlgorithm);
            info.signatures.truncate(1);
            assert_eq!(class(&info), TrustClass::UnknownKey);
            // With the name of a key of Ed25519 clients stop at it.
            let mut info = signed(&[key("up-1", 3)]);
            info.signatures.push(long("ours-1", bytes));
            assert_eq!(class(&info), TrustClass::UnknownKey);
        }
    }

    #[test]
    fn a_false_content_address_spoils_a_signed_path() {
        let mut info = signed(&[key("ours-1", 1), key("stranger", 4)]);
        let hash = NarHash([7; 32]).to_nix32();
        info.content_address = Some(format!("fixed:r:sha256:{hash}"));
        let assessment = assess(&ring(), &info);
        assert_eq!(assessment.class, TrustClass::Bad);
        // The signature itself is as good as before.
        assert_eq!(assessment.signatures[0].1, Verdict::Valid);
        // What no client can read is no claim, and the signature counts.
        info.content_address = Some("fixed:git:sha1:00".to_owned());
        assert_eq!(class(&info), TrustClass::Ours);
        // Without a valid signature it is refused for that.
        let mut info = vector();
        info.content_address = Some(format!("fixed:r:sha256:{hash}"));
        assert_eq!(class(&info), TrustClass::Unsigned);
    }

    #[test]
    fn together_as_each_alone() {
        let mut infos = vec![
            signed(&[key("ours-1", 1), key("up-1", 3)]),
            vector(),
            signed(&[key("ours-1", 9)]),
            signed(&[key("stranger", 4), key("old-1", 2), key("ours-1", 9)]),
        ];
        let mut other = signed(&[key("ours-1", 1)]);
        other.nar_size += 1;
        infos.push(other);
        let mut malformed = signed(&[key("up-1", 3), key("ours-1", 1)]);
        malformed.signatures.insert(1, "ours-1:AAAA".into());
        infos.push(malformed);
        infos.push(signed(&[key("up-1", 3)]));
        let ring = ring();
        let alone: Vec<Assessment> = infos.iter().map(|info| assess(&ring, info)).collect();
        // More than a handful, with gaps.
        let place = |at: usize| (at % 9 != 4).then_some(at * 5 % infos.len());
        let many: Vec<Option<PathInfo>> = (0..10 * HANDFUL)
            .map(|at| place(at).map(|at| infos[at].clone()))
            .collect();
        let judged = assess_each(&ring, &many, Option::as_ref);
        assert_eq!(judged.len(), many.len());
        for (at, judged) in judged.into_iter().enumerate() {
            assert_eq!(judged, place(at).map(|at| alone[at].clone()));
        }
    }

    #[test]
    fn without_a_size_no_signature_counts() {
        let mut info = signed(&[key("ours-1", 1)]);
        info.nar_size = 0;
        assert_eq!(class(&info), TrustClass::Bad);
    }
}
