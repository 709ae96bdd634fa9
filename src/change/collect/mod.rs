//! Planning a collection: what `judge` has chosen, as a plan that can be shown, confirmed and run.
//!
//! In: a situation, rules, a collection. Out: a [`Plan`] whose items are the paths in the order of deletion, and a
//! [`CollectOperation`] with what the job has to know of them: how they were used when it was planned, and what has to stay
//! where one of them stays.

mod outputs;
mod request;
#[cfg(test)]
pub(super) mod tests;
mod words;

pub use outputs::output_pairs;
pub use request::{CollectRequest, rules};

use super::{Danger, Item, Operation, Plan};
use crate::domain::access::Session;
use crate::domain::space::UseSource;
use crate::domain::{Age, Bytes, Threshold, When};
use crate::domain::{Explain, Notice, notice};
use crate::inventory::{Edges, Inventory, Keep, Keeps, Row};
use crate::judge::collect::{Collection, Goal, Rules, Situation, batches};
use serde::Serialize;
use std::ops::Range;
use std::sync::Arc;
use thiserror::Error;

/// The clock by which sshd's processes began is good to this many seconds.
const SLACK: i64 = 2;

/// When the first of these sessions began.
pub fn first_open(open: &[Session]) -> Option<When> {
    let since = open.iter().filter_map(|session| session.since).min()?;
    Some(When::from_unix(since.unix() - SLACK))
}

/// The word that confirms a collection.
pub const WORD: &str = "collect";

/// What follows from a collection of the whole garbage.
pub const WHOLE: &str = "this is what nix-collect-garbage does: everything dead is deleted, even what clients used an hour ago or what was just uploaded; only paths of this list, oldest use first";

/// What the job of a collection has to know beside the paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectOperation {
    /// Access times of the paths as they were planned, by place; empty where none are kept, so that a use in between is
    /// not seen.
    pub used: Vec<Option<When>>,
    /// When each path was registered, by place; empty where uploads in flight are no reason to keep one.
    pub registered: Vec<Option<When>>,
    /// Where the needs of each place begin in `needs`, and one more.
    starts: Vec<u32>,
    needs: Vec<u32>,
    /// Places that go in one call each.
    pub batches: Vec<Range<usize>>,
    /// It may end early when the store's file system has so much available.
    pub until_free: Option<Bytes>,
    /// Each batch waits for a moment without a session, so long in all.
    pub idle: Option<Age>,
    /// NAR sizes of all paths together.
    pub planned: Bytes,
    /// What was asked for; `None` where paths were chosen one by one.
    pub request: Option<CollectRequest>,
}

impl CollectOperation {
    /// Of these rows, in this order, in one call: what refers to one of them is among them. That they were used since is no reason to keep
    /// them.
    pub fn at_once(inventory: &Inventory, keep: &Keep<'_>, order: &[Row]) -> Self {
        let (starts, needs) = needed(inventory, keep, order);
        let bytes = order.iter().filter_map(|row| inventory.nar_size(*row));
        Self {
            used: Vec::new(),
            registered: Vec::new(),
            starts,
            needs,
            batches: std::iter::once(0..order.len()).collect(),
            until_free: None,
            idle: None,
            planned: Bytes(bytes.fold(0, u64::saturating_add)),
            request: None,
        }
    }

    /// The places that have to stay where this one stays.
    pub fn needs(&self, at: usize) -> &[u32] {
        let start = self.starts.get(at).copied().unwrap_or(0) as usize;
        let end = self.starts.get(at + 1).copied().unwrap_or(0) as usize;
        self.needs.get(start..end).unwrap_or_default()
    }

    /// For tests of the job: each place with what it needs.
    #[cfg(test)]
    pub(super) fn new(needs: &[&[u32]], batches: Vec<Range<usize>>) -> Self {
        let mut starts = vec![0];
        let mut all = Vec::new();
        for some in needs {
            all.extend_from_slice(some);
            starts.push(all.len() as u32);
        }
        Self {
            used: vec![None; needs.len()],
            registered: Vec::new(),
            starts,
            needs: all,
            batches,
            until_free: None,
            idle: None,
            planned: Bytes(needs.len() as u64 * 1000),
            request: None,
        }
    }
}

/// What the JSON of a collection's plan has beside its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Amounts {
    /// How many bytes.
    pub bytes: AmountOfBytes,
    /// How many paths stay, and why.
    pub kept: AmountKept,
}

/// How many bytes come free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AmountOfBytes {
    /// NAR sizes together.
    pub nar: u64,
    /// The least that comes free; `None` where it is not known what hard links share.
    pub on_disk_low: Option<u64>,
    /// The most.
    pub on_disk_high: u64,
}

/// How many paths stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AmountKept {
    /// By a root.
    pub live: usize,
    /// By a pin.
    pub pinned: usize,
    /// By a rule.
    pub policy: usize,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum CollectError {
    /// Nothing may go.
    Nothing(String),
    /// Whether the goal is reached cannot be known.
    Unknown(String),
}

impl Explain for CollectError {
    fn notice(&self) -> Notice {
        match self {
            Self::Nothing(why) => notice!("there is nothing to collect: {why}"),
            Self::Unknown(why) => notice!("{why}"),
        }
    }
}

/// Everything that a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The server's name, and how it is reached.
    pub server: &'a str,
    /// How it is reached, such as `root@cache.example.org`.
    pub reached: &'a str,
    /// What it was chosen from.
    pub situation: &'a Situation<'a>,
    /// What was asked for.
    pub rules: &'a Rules,
    /// What was chosen.
    pub collection: &'a Collection,
    /// Files in the store's `.links`, if that is known: each call looks at all of them.
    pub links: Option<u64>,
    /// What else should be known, such as what was not found out.
    pub notes: &'a [String],
}

/// Makes the plan.
pub fn plan(about: &About<'_>, reason: Option<String>) -> Result<Plan, CollectError> {
    let collection = about.collection;
    if let Goal::Unknown(why) = &collection.goal {
        return Err(CollectError::Unknown(why.clone()));
    }
    if collection.order.is_empty() {
        return Err(CollectError::Nothing(words::nothing(about)));
    }
    let operation = operation(about);
    let Situation {
        inventory, usage, ..
    } = *about.situation;
    let items = collection
        .order
        .iter()
        .zip(&collection.reasons)
        .map(|(row, reason)| Item::Collect {
            path: inventory.path(*row),
            nar_size: inventory.nar_size(*row).unwrap_or(0),
            last_used: usage.used(*row),
            reason: reason.words(),
        })
        .collect();
    Ok(Plan {
        change: "gc",
        server: about.server.to_owned(),
        summary: words::summary(about),
        items,
        commands: words::commands(about, operation.batches.len()),
        warnings: words::warnings(about),
        concerns: Vec::new(),
        amounts: Some(amounts(collection)),
        push: None,
        second: None,
        lines: words::lines(about),
        danger: Danger::Destroys { word: WORD },
        operation: Operation::Collect(Arc::new(operation)),
        reason,
    })
}

/// What the JSON of a plan has beside its items.
pub fn amounts(collection: &Collection) -> Amounts {
    let (bytes, kept) = (&collection.bytes, &collection.kept);
    Amounts {
        bytes: AmountOfBytes {
            nar: bytes.nar,
            on_disk_low: bytes.low,
            on_disk_high: bytes.high,
        },
        kept: AmountKept {
            live: kept.live,
            pinned: kept.pinned,
            policy: kept.policy(),
        },
    }
}

/// For each place of an order, where its needs begin; and the places that each needs.
fn needed(inventory: &Inventory, keep: &Keep<'_>, order: &[Row]) -> (Vec<u32>, Vec<u32>) {
    let mut place = vec![u32::MAX; inventory.len()];
    for (at, row) in (0..).zip(order) {
        place[*row as usize] = at;
    }
    let keeps = Keeps::new(inventory, keep);
    let edges = Edges::of(&keeps, |row| place[row as usize] != u32::MAX);
    let mut starts = Vec::with_capacity(order.len() + 1);
    let mut needs = Vec::with_capacity(edges.len());
    starts.push(0);
    for row in order {
        needs.extend(edges.from(*row).iter().map(|to| place[*to as usize]));
        starts.push(needs.len() as u32);
    }
    (starts, needs)
}

/// How long is waited for moments without a session.
fn idle(rules: &Rules) -> Option<Age> {
    let policy = rules.policy.as_ref().and_then(|policy| policy.idle);
    rules.idle.or(policy)
}

fn operation(about: &About<'_>) -> CollectOperation {
    let Situation {
        inventory,
        usage,
        keep,
        ..
    } = about.situation;
    let order = &about.collection.order;
    let (starts, needs) = needed(inventory, keep, order);
    let watched = usage.source != UseSource::Registration;
    let until_free = match (about.rules.until_free, about.situation.disk) {
        (Some(Threshold::Size(bytes)), _) => Some(bytes),
        (Some(Threshold::Percent(percent)), Some((size, _))) => {
            Some(Bytes((size.0 as f64 * percent / 100.0).ceil() as u64))
        }
        _ => None,
    };
    CollectOperation {
        used: if watched {
            order.iter().map(|row| usage.own(*row)).collect()
        } else {
            Vec::new()
        },
        registered: order.iter().map(|row| inventory.registered(*row)).collect(),
        starts,
        needs,
        batches: batches(about.collection, about.links),
        // With a second target, both have to be reached.
        until_free: until_free.filter(|_| about.rules.reclaim.is_none()),
        idle: idle(about.rules),
        planned: Bytes(about.collection.bytes.nar),
        request: Some(CollectRequest::of(about.rules)),
    }
}
