//! What a push does, by all that is known of both stores.
//!
//! In: [`PushFacts`]. Out: the plan. Nothing here asks anybody.

use super::words;
use super::{
    Added, Amount, PushAmounts, PushError, PushOperation, PushRequest, Unsignable, contents,
};
use crate::change::access::About;
use crate::change::keep::{KeepError, pin};
use crate::change::sign::Key;
use crate::change::{Danger, Item, Operation, Plan};
use crate::domain::pin::Pin;
use crate::domain::{PathInfo, Signature, StorePath, When};
use crate::inventory::Inventory;
use crate::judge::trust::{assess, is_unmendable};
use crate::server::Facts;
use crate::spool::Begun;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is known when a push is planned.
pub(super) struct PushFacts<'a> {
    pub(super) about: &'a About,
    pub(super) facts: &'a Facts,
    pub(super) key: &'a Key,
    /// What the store that it comes from has: the whole closure, and no more.
    pub(super) infos: HashMap<StorePath, PathInfo>,
    /// The same, in order.
    pub(super) inventory: Inventory,
    /// What the server has of it.
    pub(super) there: HashMap<StorePath, PathInfo>,
    /// What pushes that were cut off have begun, and whether that has its record.
    pub(super) begun: Vec<(Begun, bool)>,
    pub(super) pins: Vec<Pin>,
    pub(super) folder: String,
}

impl PushFacts<'_> {
    /// Whether a path has a valid signature by the key there.
    fn is_signed(&self, info: &PathInfo) -> bool {
        let name = self.key.public.name().as_str();
        let Some(fingerprint) = info.fingerprint() else {
            return false;
        };
        info.signatures.iter().any(|text| {
            Signature::parse(text).is_ok_and(|signature| {
                signature.name().as_str() == name
                    && self.key.public.verifies(&fingerprint, signature.as_bytes())
            })
        })
    }

    /// Whether a push that was cut off has nothing more to do about one of its paths: it is signed, and recorded.
    pub(super) fn is_done(&self, push: &Begun, path: &StorePath) -> bool {
        let recorded = self
            .begun
            .iter()
            .any(|(own, recorded)| own.id == push.id && *recorded);
        let there = self.there.get(path);
        recorded && there.is_some_and(|info| self.is_signed(info))
    }

    /// The paths that pushes which were cut off have not finished.
    fn left(&self) -> HashSet<&StorePath> {
        let mut left = HashSet::new();
        for (push, _) in &self.begun {
            left.extend(push.paths.iter().filter(|path| !self.is_done(push, path)));
        }
        left
    }

    /// Writes the plan down.
    pub(super) fn draw(&self, request: &PushRequest, now: When) -> Result<Plan, PushError> {
        let left = self.left();
        let mut amounts = PushAmounts {
            key: self.key.public.name().to_string(),
            missing: Amount::default(),
            resumed: Amount::default(),
            there: Amount::default(),
            unsignable: Vec::new(),
        };
        let (mut added, mut items) = (Vec::new(), Vec::new());
        let mut refused = 0;
        let rows: Vec<_> = (0..u32::try_from(self.inventory.len()).unwrap_or(u32::MAX)).collect();
        for row in self.inventory.order_references_first(&rows) {
            let path = self.inventory.path(row);
            let Some(info) = self.infos.get(&path) else {
                continue;
            };
            match self.there.get(&path) {
                None => amounts.missing.add(info),
                Some(_) if left.contains(&path) => amounts.resumed.add(info),
                Some(there) => {
                    amounts.there.add(there);
                    refused += usize::from(assess(&self.facts.keys, there).class.refused());
                    continue;
                }
            }
            if let Some(reason) = self.unsignable(info) {
                let path = path.clone();
                amounts.unsignable.push(Unsignable { path, reason });
            }
            items.push(Item::Path {
                path: path.clone(),
                nar_size: info.nar_size,
            });
            added.push(Added {
                path,
                contents: contents(info),
            });
        }
        let pinned = self.pinned(request, now)?;
        if let Some(pinned) = &pinned {
            items.extend(pinned.items.iter().cloned());
        }
        if items.is_empty() {
            return Err(PushError::Nothing(words::nothing(&amounts, refused)));
        }
        let about = words::About {
            known: self,
            request,
            amounts: &amounts,
            refused,
            pinned: pinned.as_ref(),
        };
        let plan = Plan {
            change: "push",
            server: self.about.server.clone(),
            summary: about.summary(),
            commands: about.commands(),
            warnings: about.warnings(),
            lines: about.lines(),
            concerns: Vec::new(),
            amounts: None,
            danger: Danger::Adds,
            operation: Operation::Push(Arc::new(PushOperation {
                from: request.from.clone(),
                tops: request.paths.clone(),
                added,
                with: self.key.source.clone(),
                key: self.key.public.clone(),
                pins: match pinned.map(|plan| plan.operation) {
                    Some(Operation::Keep(steps)) => steps,
                    _ => Vec::new(),
                },
            })),
            items,
            reason: request.reason.clone(),
            push: Some(amounts),
            second: None,
        };
        Ok(plan)
    }

    /// Why a signature would be of no use, where it is.
    fn unsignable(&self, info: &PathInfo) -> Option<&'static str> {
        if info.nar_size == 0 {
            return Some("its NAR size is not known in the store that it comes from");
        }
        is_unmendable(&self.facts.keys, info).then_some(
            "it carries a malformed signature of a key that clients trust, or a content address that does not fit",
        )
    }

    /// The pins, as `pin` plans them; `None` where all of them are there.
    fn pinned(&self, request: &PushRequest, now: When) -> Result<Option<Plan>, PushError> {
        let mut all: Option<Plan> = None;
        for (path, wanted) in &request.pins {
            let paths = std::slice::from_ref(path);
            let planned = pin(
                self.about,
                &self.inventory,
                &self.pins,
                &self.folder,
                paths,
                wanted,
                now,
            );
            match (planned, &mut all) {
                (Err(KeepError::Nothing(_)), _) => {}
                (Err(error), _) => return Err(error.into()),
                (Ok(plan), None) => all = Some(plan),
                (Ok(plan), Some(all)) => {
                    all.items.extend(plan.items);
                    all.commands.extend(plan.commands);
                    all.lines.extend(plan.lines);
                    if let (Operation::Keep(steps), Operation::Keep(more)) =
                        (&mut all.operation, plan.operation)
                    {
                        steps.extend(more);
                    }
                }
            }
        }
        Ok(all)
    }
}
