//! Can a signing key be dropped?
//!
//! In: the inventory, the keys that clients trust, which of them go and which one takes their place. Out: how far each key has
//! got, which paths clients accept for those that go alone, and whether any is left. What clients refuse today is nothing that a
//! key could be needed for, and is only counted.

use crate::domain::{KeyRing, Role, TrustClass, Verdict};
use crate::inventory::{Inventory, Row};
use serde::Serialize;
use std::collections::BTreeMap;

/// How far a key has got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyCoverage {
    /// Its name.
    pub key: String,
    /// Its part for this cache: `ours`, `retired` or `upstream`.
    pub role: Role,
    /// Paths with a valid signature by it.
    pub signs: usize,
    /// Of those, the ones that clients accept for this key alone.
    pub alone: usize,
}

/// The names of keys of the ring with a valid signature on a path, each once.
fn valid(inventory: &Inventory, row: Row) -> Vec<&str> {
    let mut names: Vec<&str> = inventory
        .signatures(row)
        .filter(|(_, verdict)| *verdict == Verdict::Valid)
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn rows(inventory: &Inventory) -> std::ops::Range<Row> {
    0..Row::try_from(inventory.len()).unwrap_or(Row::MAX)
}

/// How far each key of the ring has got, in the order of their names. A job: it looks at every row.
pub fn coverage(inventory: &Inventory, ring: &KeyRing) -> Vec<KeyCoverage> {
    let mut counts: BTreeMap<&str, (usize, usize)> = ring
        .names()
        .into_iter()
        .map(|name| (name, (0, 0)))
        .collect();
    for row in rows(inventory) {
        let names = valid(inventory, row);
        let accepted = inventory.trust(row).is_some_and(|class| !class.refused());
        let alone = accepted && names.len() == 1 && !inventory.needs_no_signature(row);
        for name in names {
            if let Some((signs, own)) = counts.get_mut(name) {
                *signs += 1;
                *own += usize::from(alone);
            }
        }
    }
    counts
        .into_iter()
        .filter_map(|(name, (signs, alone))| {
            let (role, _) = ring.get(name)?;
            Some(KeyCoverage {
                key: name.to_owned(),
                role,
                signs,
                alone,
            })
        })
        .collect()
}

/// Where a rotation stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Accepted today for the keys that go alone, and not signed by the new one. In the order of rows.
    pub needing: Vec<Row>,
    /// Clients that trust an old key and not yet the new one accept these; one that trusts the new one refuses them, as Nix gives
    /// up at the malformed signature under its name.
    pub spoilt: Vec<Row>,
    /// Valid paths of which the server can tell nothing.
    pub unreadable: Vec<Row>,
    /// Paths that have not been read yet.
    pub unread: usize,
    /// Accepted, and signed by the new key.
    pub covered: usize,
    /// Accepted for a key that stays, without the new one.
    pub by_others: usize,
    /// Accepted without any signature.
    pub addressed: usize,
    /// Refused today.
    pub refused: usize,
}

impl Rotation {
    /// From the keys of these names to the one of that name. A job: it looks at every row.
    pub fn new(inventory: &Inventory, from: &[&str], to: &str) -> Self {
        let mut found = Self::default();
        for row in rows(inventory) {
            let Some(class) = inventory.trust(row) else {
                if inventory.problem(row).is_some() {
                    found.unreadable.push(row);
                } else {
                    found.unread += usize::from(inventory.state(row).is_present());
                }
                continue;
            };
            let names = valid(inventory, row);
            let old = names.iter().any(|name| from.contains(name));
            if class.refused() {
                let wrong = |(name, verdict)| name == to && verdict == Verdict::Bad;
                let spoilt = class == TrustClass::Bad
                    && old
                    && inventory.signatures(row).any(wrong)
                    && !inventory.refused_for_its_address(row);
                if spoilt {
                    found.spoilt.push(row);
                } else {
                    found.refused += 1;
                }
            } else if inventory.needs_no_signature(row) {
                found.addressed += 1;
            } else if names.contains(&to) {
                found.covered += 1;
            } else if names.iter().any(|name| !from.contains(name)) {
                found.by_others += 1;
            } else {
                found.needing.push(row);
            }
        }
        found
    }

    /// Whether a client that trusts the new key instead of the old ones accepts all that is accepted today.
    pub fn is_safe_to_drop(&self) -> bool {
        self.needing.is_empty()
            && self.spoilt.is_empty()
            && self.unreadable.is_empty()
            && self.unread == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_info::tests::vector;
    use crate::domain::{KeyName, PathInfo, SigningKey, StorePath};
    use crate::inventory::Builder;
    use crate::judge::trust::assess;
    use zeroize::Zeroizing;

    fn key(name: &str, seed: u8) -> SigningKey {
        SigningKey::from_seed(KeyName::new(name).unwrap(), &Zeroizing::new([seed; 32]))
    }

    fn ring() -> KeyRing {
        KeyRing::new(
            vec![key("new-2", 2).public(), key("old-1", 1).public()],
            vec![key("older-0", 4).public()],
            vec![key("up-1", 3).public()],
        )
    }

    fn info(name: &str, keys: &[(&str, u8)]) -> PathInfo {
        let mut info = vector();
        info.path = StorePath::from_parts(&[name.as_bytes()[0]; 20], name).unwrap();
        info.references = vec![];
        let fingerprint = info.fingerprint().unwrap();
        let signed = keys.iter().map(|(name, seed)| key(name, *seed));
        info.signatures = signed
            .map(|key| key.sign(&fingerprint).to_string())
            .collect();
        info
    }

    fn inventory(infos: &[PathInfo], more: Option<&str>) -> Inventory {
        let mut paths: Vec<StorePath> = infos.iter().map(|info| info.path.clone()).collect();
        let unreadable = more.map(|name| info(name, &[]).path);
        paths.extend(unreadable.clone());
        let mut builder = Builder::new(paths.into_iter().collect());
        for info in infos {
            builder.add(info, &assess(&ring(), info));
        }
        if let Some(path) = unreadable {
            builder.unreadable(&path, "no such row".to_owned());
        }
        builder.finish()
    }

    fn names(inventory: &Inventory, rows: &[Row]) -> Vec<String> {
        rows.iter()
            .map(|row| inventory.name(*row).to_owned())
            .collect()
    }

    const OLD: (&str, u8) = ("old-1", 1);
    const NEW: (&str, u8) = ("new-2", 2);

    #[test]
    fn what_only_the_old_key_signed_needs_it() {
        let infos = [
            info("a-alone", &[OLD]),
            info("b-both", &[OLD, NEW]),
            info("c-upstream", &[OLD, ("up-1", 3)]),
            info("d-other", &[OLD, ("older-0", 4)]),
            info("e-unsigned", &[]),
            info("f-new", &[NEW]),
            // Another key of the new one's name: to be signed, not covered.
            info("g-imposter", &[OLD, ("new-2", 9)]),
            info("h-stranger", &[("stranger", 8), OLD]),
        ];
        let inventory = inventory(&infos, None);
        let found = Rotation::new(&inventory, &["old-1"], "new-2");
        assert_eq!(
            names(&inventory, &found.needing),
            ["a-alone", "g-imposter", "h-stranger"]
        );
        assert_eq!((found.covered, found.by_others, found.refused), (2, 2, 1));
        assert!(!found.is_safe_to_drop());
        // Both old ones together: what either of them signed.
        let both = Rotation::new(&inventory, &["old-1", "older-0"], "new-2");
        assert_eq!(both.needing.len(), 4);
        let counted = coverage(&inventory, &ring());
        let of = |name| {
            let found = counted.iter().find(|one| one.key == name).unwrap();
            (found.signs, found.alone)
        };
        assert_eq!(of("old-1"), (6, 3));
        assert_eq!(of("new-2"), (2, 1));
        assert_eq!(of("up-1"), (1, 0));
    }

    #[test]
    fn what_cannot_be_judged_or_signed_keeps_the_old_key() {
        let fine = [info("a", &[OLD, NEW])];
        let safe = |infos: &[PathInfo], more| {
            Rotation::new(&inventory(infos, more), &["old-1"], "new-2").is_safe_to_drop()
        };
        assert!(safe(&fine, None));
        assert!(!safe(&fine, Some("z-unreadable")));
        let mut spoilt = info("b", &[OLD]);
        spoilt.signatures.push("new-2:AAAA".to_owned());
        let both = [fine[0].clone(), spoilt];
        let with = inventory(&both, None);
        let found = Rotation::new(&with, &["old-1"], "new-2");
        assert_eq!(names(&with, &found.spoilt), ["b"]);
        assert!(!found.is_safe_to_drop());
        // Not read yet.
        let mut builder = Builder::new(both.iter().map(|info| info.path.clone()).collect());
        builder.add(&both[0], &assess(&ring(), &both[0]));
        let found = Rotation::new(&builder.finish(), &["old-1"], "new-2");
        assert_eq!((found.unread, found.is_safe_to_drop()), (1, false));
    }

    #[test]
    fn a_true_content_address_needs_no_key() {
        let mut info = info("a", &[OLD]);
        // Made by `builtins.toFile` of Nix 2.8.0.
        let path = "/nix/store/gn9d5gm0z1jsdh5fyrqw0h4206vd6n3m-base.txt";
        info.path = StorePath::parse(path).unwrap();
        info.content_address =
            Some("text:sha256:18nlzmx3gl67xmv6byjywgccbgq5kh3nk9qhsw6bnl6l5wbn5rna".to_owned());
        let fingerprint = info.fingerprint().unwrap();
        info.signatures = vec![key(OLD.0, OLD.1).sign(&fingerprint).to_string()];
        let with = inventory(&[info], None);
        let found = Rotation::new(&with, &["old-1"], "new-2");
        assert_eq!((found.addressed, found.is_safe_to_drop()), (1, true));
        assert_eq!(coverage(&with, &ring())[1].alone, 0);
    }
}
