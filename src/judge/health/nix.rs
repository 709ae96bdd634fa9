//! Which Nix the server has, and which advisories it has no fix for.
//!
//! In: the version that its daemon names, and where its program lies. Out: [`Check`]s.

use super::{Check, State, Vitals, check};
use crate::domain::text::visible;
use crate::domain::{Notice, Remedy};
use crate::judge::advisories;

/// Its version and protocol.
pub(super) fn version(vitals: &Vitals<'_>) -> Check {
    let (major, minor) = vitals.protocol;
    let summary = format!("Nix {}, protocol {major}.{minor}", vitals.nix_version);
    check("nix", State::Fine, summary, None)
}

/// By the version number, which is all that can be known from here.
pub(super) fn advisories(vitals: &Vitals<'_>) -> Check {
    let id = "advisories";
    let version = vitals.nix_version;
    let product = advisories::product(version, vitals.protocol);
    let found = match advisories::of(version, product) {
        Ok(found) => found,
        Err(notice) => {
            let Notice { message, hint } = notice;
            return check(id, State::Unknown, message, hint.map(Remedy::from));
        }
    };
    let shown = visible(version);
    let Some(first) = found.first() else {
        let summary = format!("by its version number, Nix {shown} has the fixes of all advisories");
        return check(id, State::Fine, summary, None);
    };
    let more: Vec<&str> = found.iter().skip(1).map(|one| &*one.id).collect();
    let more = match more.as_slice() {
        [] => String::new(),
        more => format!("; nor of {}", more.join(", ")),
    };
    let summary = format!(
        "by its version number, Nix {shown} lacks the fix of {} ({}){more}",
        first.id, first.what
    );
    // Distributions add fixes to old numbers; what comes from a store is as it was released.
    let packaged = vitals
        .nix_program
        .is_none_or(|program| !program.starts_with("/nix/store/"));
    let (state, fix) = if packaged {
        let fix = "look whether its distribution has added the fix, or install a newer Nix there";
        (State::Unknown, fix)
    } else {
        (State::Warning, "install a newer Nix there")
    };
    check(id, state, summary, Some(fix.into()))
}
