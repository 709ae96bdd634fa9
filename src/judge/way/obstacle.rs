//! What in a path's closure a client refuses, and what fixes it.
//!
//! In: what the store knows of each path of the closure. Out: [`PathFacts`] with an [`Obstacle`] for each path that is missing or
//! refused.

use crate::domain::text::visible;
use crate::domain::{Assessment, KeyRing, PathInfo, StorePath, TrustClass, Verdict};
use crate::domain::{Remedy, remedy};
use crate::judge::trust::is_unmendable;
use serde::Serialize;

/// The kind of an obstacle that is a path which is not there.
const MISSING: &str = "missing";

/// Something that keeps a client from getting a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// The path that it is about.
    pub path: String,
    /// `missing`, `unsigned`, `bad`, `unknown-key` or `access`.
    pub kind: &'static str,
    /// A sentence without a full stop.
    pub message: String,
    /// What fixes it.
    #[serde(flatten, serialize_with = "remedy::fields")]
    pub fix: Option<Remedy>,
}

/// How large a closure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Closure {
    /// Paths of it that are there.
    pub paths: usize,
    /// Their NAR sizes together, in bytes.
    pub nar_size: u64,
}

/// A path and all that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathFacts {
    pub path: String,
    /// Its closure; `None` if the path itself is not there.
    pub closure: Option<Closure>,
    /// What is in the way.
    pub obstacles: Vec<Obstacle>,
}

impl PathFacts {
    /// Of a path that is there, before its closure was entered.
    pub fn present(path: &StorePath) -> Self {
        Self {
            path: path.to_string(),
            closure: Some(Closure {
                paths: 0,
                nar_size: 0,
            }),
            obstacles: Vec::new(),
        }
    }

    /// Of a path that is not there.
    pub fn absent(path: String) -> Self {
        let obstacle = Obstacle {
            path: path.clone(),
            kind: MISSING,
            message: "it is not in the store".to_owned(),
            fix: Some(
                "storekeeper push, or nix-copy-closure --to the server, from a machine that has it; or build it again".into(),
            ),
        };
        Self {
            path,
            closure: None,
            obstacles: vec![obstacle],
        }
    }

    /// Enters a path of the closure. `sign` is the command that signs all of it.
    pub fn enter(&mut self, keys: &KeyRing, info: &PathInfo, verdict: &Assessment, sign: &str) {
        if let Some(closure) = &mut self.closure {
            closure.paths += 1;
            closure.nar_size = closure.nar_size.saturating_add(info.nar_size);
        }
        self.obstacles.extend(refused(keys, info, verdict, sign));
    }

    /// Enters a path that is needed and not there.
    pub fn miss(&mut self, missing: &StorePath) {
        let fix = format!(
            "copy the closure again: nix copy {} from a machine that has it",
            self.path
        );
        self.obstacles.push(Obstacle {
            path: missing.to_string(),
            kind: MISSING,
            message: "it is needed and not in the store of this server".to_owned(),
            fix: Some(Remedy::Advice(fix)),
        });
    }

    /// Its obstacles: paths that are not there, or else paths that are refused.
    pub(super) fn of_kind(&self, missing: bool) -> impl Iterator<Item = &Obstacle> {
        let mut all = self.obstacles.iter();
        std::iter::from_fn(move || all.find(|one| (one.kind == MISSING) == missing))
    }
}

/// What a client refuses about a path that is there.
fn refused(
    keys: &KeyRing,
    info: &PathInfo,
    assessment: &Assessment,
    sign: &str,
) -> Option<Obstacle> {
    let named = |wanted: Verdict| {
        let names: Vec<_> = assessment
            .signatures
            .iter()
            .filter(|(_, verdict)| *verdict == wanted)
            .map(|(name, _)| visible(name))
            .collect();
        names.join(", ")
    };
    let unmendable = is_unmendable(keys, info);
    let message = match assessment.class {
        _ if info.has_false_address() => {
            "its content address does not fit its path, so clients refuse it whatever signs it"
                .to_owned()
        }
        TrustClass::Unsigned => "it has no signature".to_owned(),
        TrustClass::UnknownKey if unmendable => format!(
            "its signature by {} is of an unknown algorithm, and Nix stops at it, since the trusted key of that name is one of Ed25519",
            named(Verdict::UnknownAlgorithm)
        ),
        TrustClass::UnknownKey => {
            match (named(Verdict::UnknownKey), named(Verdict::UnknownAlgorithm)) {
                (keys, foreign) if foreign.is_empty() => {
                    format!("it is signed only by {keys}, which clients of this cache do not trust")
                }
                (keys, foreign) if keys.is_empty() => {
                    format!("it is signed only by {foreign}, with an unknown algorithm")
                }
                (keys, foreign) => format!(
                    "it is signed only by {keys}, which clients of this cache do not trust, and by {foreign}, with an unknown algorithm"
                ),
            }
        }
        TrustClass::Bad if unmendable => format!(
            "its signature by {} is malformed, so clients refuse it whatever else is signed",
            named(Verdict::Bad)
        ),
        TrustClass::Bad => format!("its signature by {} does not verify", named(Verdict::Bad)),
        TrustClass::Retired
        | TrustClass::Upstream
        | TrustClass::ContentAddressed
        | TrustClass::Ours => {
            return None;
        }
    };
    let fix = if unmendable && assessment.class == TrustClass::UnknownKey {
        Remedy::from(
            "give the key of the other algorithm a name of its own, and remove this signature from the path's row in Nix's database there",
        )
    } else if unmendable {
        Remedy::Advice(format!(
            "nix store delete {} on the server, and upload it again",
            info.path
        ))
    } else {
        Remedy::command(sign)
    };
    Some(Obstacle {
        path: info.path.to_string(),
        // Of the words for obstacles, `bad` is the one for what a class that clients take does not tell.
        kind: if assessment.class.refused() {
            assessment.class.word()
        } else {
            TrustClass::Bad.word()
        },
        message,
        fix: Some(fix),
    })
}
