//! Which advisories a server's Nix has no fix for, by its version number.
//!
//! In: `advisories.toml` beside this file, and a version as the daemon names it. Out: the advisories that it is older than the fix of.
//! A version number is not the whole truth, since a distribution may have added a fix to an older one: that is said with it.

use crate::domain::Notice;
use serde::Deserialize;
use std::sync::OnceLock;

/// All of them.
const TABLE: &str = include_str!("advisories.toml");

/// Lix counts on from Nix 2.18, and its daemon speaks the protocol of that time.
const LIX: ((u8, u8), u32) = ((1, 35), 90);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// Its main number.
    pub id: String,
    /// Other numbers of the same, or of what was fixed with it.
    #[serde(default)]
    pub also: Vec<String>,
    /// What somebody can do by it.
    pub what: String,
    affects: Vec<Affects>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Affects {
    product: Product,
    from: Option<String>,
    fixed: Vec<String>,
}

/// Whose Nix it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Product {
    /// Nix, and what is built on its releases.
    Nix,
    /// Lix.
    Lix,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    advisory: Vec<Advisory>,
}

/// A release: `2.28.3`.
type Release = (u32, u32, u32);

/// Reads `2.28.3`, `2.34` and `2.35.0pre20260101_abcdef`, which counts as the release before it.
fn release(text: &str) -> Option<Release> {
    let mut parts = text.trim().splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let digits = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit());
        let (number, rest) = text.split_at(end.unwrap_or(text.len()));
        let before = rest.starts_with("pre") || rest.starts_with("-pre");
        Some((number.parse::<u32>().ok()?, before))
    };
    let (minor, early) = digits(parts.next()?)?;
    let (patch, before) = match parts.next() {
        Some(text) => digits(text)?,
        None => (0, early),
    };
    Some(match (before, patch, minor) {
        (false, ..) => (major, minor, patch),
        (true, 0, minor) => (major, minor.checked_sub(1)?, u32::MAX),
        (true, patch, minor) => (major, minor, patch - 1),
    })
}

fn all() -> Result<&'static [Advisory], Notice> {
    static READ: OnceLock<Result<Vec<Advisory>, String>> = OnceLock::new();
    let read = READ.get_or_init(|| {
        let table = toml::from_str::<Table>(TABLE);
        table
            .map(|table| table.advisory)
            .map_err(|error| error.message().to_owned())
    });
    match read {
        Ok(all) => Ok(all),
        Err(why) => Err(Notice::new(
            format!("the table of advisories can't be read: {why}"),
            "use another build of this program",
        )),
    }
}

/// Which product a daemon is of, by its version and protocol.
pub fn product(version: &str, protocol: (u8, u8)) -> Product {
    let (speaks, least) = LIX;
    match release(version) {
        Some((2, minor, _)) if protocol == speaks && minor >= least => Product::Lix,
        _ => Product::Nix,
    }
}

impl Affects {
    fn affects(&self, version: Release) -> bool {
        if self.from.as_deref().and_then(release) > Some(version) {
            return false;
        }
        let fixed = || self.fixed.iter().filter_map(|text| release(text));
        let branch = |one: &Release| (one.0, one.1) == (version.0, version.1);
        match fixed().find(branch) {
            Some(fixed) => version < fixed,
            None => fixed().max().is_some_and(|newest| version < newest),
        }
    }
}

/// The advisories whose fix is newer than this version.
pub fn of(version: &str, product: Product) -> Result<Vec<&'static Advisory>, Notice> {
    let number = release(version).ok_or_else(|| {
        let version = crate::domain::text::visible(version);
        Notice::from(format!(
            "whether advisories concern this Nix is not known: {version:?} is no version number"
        ))
    })?;
    let concerns = |advisory: &&Advisory| {
        let mut affects = advisory.affects.iter();
        affects.any(|one| one.product == product && one.affects(number))
    };
    Ok(all()?.iter().filter(concerns).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(version: &str, product: Product) -> Vec<&'static str> {
        let found = of(version, product).unwrap();
        found.iter().map(|advisory| advisory.id.as_str()).collect()
    }

    #[test]
    fn each_entry_is_whole() {
        let all = all().unwrap();
        assert!(all.len() >= 3);
        for advisory in all {
            let ids = [&advisory.id].into_iter().chain(&advisory.also);
            for id in ids {
                let known = ["CVE-", "GHSA-"];
                assert!(known.iter().any(|start| id.starts_with(start)), "{id}");
            }
            // One sentence, and no claim about this server.
            assert!(!advisory.what.is_empty() && !advisory.what.ends_with('.'));
            assert!(!advisory.what.contains("vulnerable"), "{}", advisory.what);
            assert!(!advisory.affects.is_empty());
            for one in &advisory.affects {
                assert!(!one.fixed.is_empty());
                let releases = one.fixed.iter().chain(&one.from);
                assert!(releases.map(|text| release(text)).all(|one| one.is_some()));
            }
        }
    }

    /// The release before one.
    fn before((major, minor, patch): Release) -> String {
        match patch {
            0 => format!("{major}.{}.99", minor - 1),
            patch => format!("{major}.{minor}.{}", patch - 1),
        }
    }

    #[test]
    fn each_fix_is_a_boundary() {
        for advisory in all().unwrap() {
            for one in &advisory.affects {
                let has = |version: &str| ids(version, one.product).contains(&&*advisory.id);
                for fixed in &one.fixed {
                    assert!(!has(fixed), "{} in {fixed}", advisory.id);
                    let last = before(release(fixed).unwrap());
                    assert!(has(&last), "{} not in {last}", advisory.id);
                }
                let newest = one.fixed.iter().filter_map(|text| release(text)).max();
                let (major, minor, _) = newest.unwrap();
                assert!(!has(&format!("{major}.{}.0", minor + 1)));
                match &one.from {
                    Some(from) => {
                        assert!(has(from), "{} not in {from}", advisory.id);
                        let earlier = before(release(from).unwrap());
                        assert!(!has(&earlier), "{} in {earlier}", advisory.id);
                    }
                    None => assert!(has("2.3.16"), "{}", advisory.id),
                }
            }
        }
    }

    #[test]
    fn branches_without_a_fix_count_by_the_newest_one() {
        // 2.25 got none, and is older than what did.
        assert!(ids("2.25.9", Product::Nix).contains(&"CVE-2025-46415"));
        assert!(ids("2.34.6", Product::Nix) == ["CVE-2026-44028"]);
        assert_eq!(
            ids("2.8.0", Product::Nix),
            ["CVE-2025-46415", "CVE-2026-39860"]
        );
        assert_eq!(ids("2.35.0", Product::Nix), [""; 0]);
        assert_eq!(ids("2.93.3", Product::Lix), ["CVE-2026-44028"]);
        assert_eq!(ids("2.35.0pre20260101_0", Product::Nix), [""; 0]);
        assert!(of("unknown", Product::Nix).is_err());
    }

    #[test]
    fn lix_is_told_by_its_number_and_protocol() {
        assert_eq!(product("2.93.1", (1, 35)), Product::Lix);
        assert_eq!(product("2.18.1", (1, 35)), Product::Nix);
        assert_eq!(product("2.93.1", (1, 38)), Product::Nix);
    }

    proptest! {
        #[test]
        fn never_panics(version in "\\PC{0,12}|[0-9]{1,11}\\.[0-9]{1,11}(\\.[0-9]{1,11})?(pre|-pre|\\+)?[a-z0-9_]{0,4}") {
            for product in [Product::Nix, Product::Lix] {
                let _ = of(&version, product);
            }
        }

        #[test]
        fn a_newer_release_of_a_branch_has_no_more(minor in 3u32..40, patch in 0u32..20) {
            let older = ids(&format!("2.{minor}.{patch}"), Product::Nix);
            let newer = ids(&format!("2.{minor}.{}", patch + 1), Product::Nix);
            // Where an advisory has a first release, the older one may be before it.
            for id in newer {
                prop_assert!(older.contains(&id) || (minor, patch + 1) == (24, 4));
            }
        }
    }
}
