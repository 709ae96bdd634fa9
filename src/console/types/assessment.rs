//! What follows from a look at the server for the store as it was read. Worked out once, in a job.
//!
//! In: the store, and a look. Out: [`SpaceAssessment`]: what is live, what each root keeps alone, when each path was used, and the
//! planner, which is made ready by the first plan that is asked for: on a large store it takes as much memory as the rest of the store.

use crate::change::keep::Kept;
use crate::console::types::space::SpaceSnapshot;
use crate::domain::pin::Pin;
use crate::domain::roots::{Root, RootKind};
use crate::domain::space::{LastUse, UseSource};
use crate::domain::{Bytes, Unknown, When};
use crate::inventory::{self, Inventory, Keep, Life, Liveness, Retained, Row, State, Usage};
use crate::judge::collect::{Collection, Prepared, Rules, Situation};
use crate::judge::growth::{self, Growth};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// How many of the heaviest paths are listed.
const HEAVIEST: usize = 1_000;

/// A line of the list of roots.
#[derive(Debug, Clone)]
pub struct RootLine {
    pub root: Root,
    /// Its path in the store as it was read.
    pub row: Option<Row>,
    /// Paths and NAR bytes that it alone keeps.
    pub exclusive: (usize, u64),
    /// What is known of it, for a pin.
    pub pin: Option<Pin>,
}

/// A path that keeps much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heavy {
    /// The path.
    pub row: Row,
    /// Paths and NAR bytes that only it keeps, itself included.
    pub frees: (usize, u64),
}

/// What becomes of a path at a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A pin keeps it.
    Pinned,
    /// A root keeps it.
    Live,
    /// Nothing keeps it.
    Dead,
}

impl Mark {
    /// For a narrow column.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pinned => "pin",
            Self::Live => "live",
            Self::Dead => "dead",
        }
    }
}

/// All that is worked out.
pub struct SpaceAssessment {
    /// The store's rows are numbered by this generation.
    pub generation: u64,
    /// The store.
    pub inventory: Arc<Inventory>,
    /// The look.
    pub known: Arc<SpaceSnapshot>,
    /// What is live.
    pub liveness: Liveness,
    /// What pins alone would keep.
    pub pinned: Liveness,
    /// When paths were used.
    pub usage: Usage,
    /// The roots, those that keep most alone first.
    pub roots: Vec<RootLine>,
    /// The live paths that most hangs on, heaviest first.
    pub heaviest: Vec<Heavy>,
    /// How the store has grown.
    pub growth: Growth,
    /// Roots whose path is not in the store as it was read.
    pub elsewhere: usize,
    root_rows: Vec<Row>,
    pin_rows: Vec<Row>,
    pinned_rows: Vec<Row>,
    pairs: Vec<(Row, Row)>,
    prepared: OnceLock<Option<Prepared>>,
    direct: HashMap<Row, Vec<usize>>,
}

impl fmt::Debug for SpaceAssessment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpaceAssessment")
            .field("generation", &self.generation)
            .field("roots", &self.roots.len())
            .finish_non_exhaustive()
    }
}

/// What Nix keeps besides the closures of roots.
fn keep<'a>(known: &SpaceSnapshot, pairs: &'a [(Row, Row)]) -> Keep<'a> {
    Keep {
        derivations: *known.facts.keep_derivations.as_ref().unwrap_or(&true),
        outputs: *known.facts.keep_outputs.as_ref().unwrap_or(&false),
        output_pairs: pairs,
    }
}

impl SpaceAssessment {
    /// Works it out, with the derivations and their outputs where Nix keeps those: a second or so at a million paths. While the roots or the last use are not known, or the store is not
    /// read to its end, nothing may be called dead.
    pub fn new(
        generation: u64,
        inventory: Arc<Inventory>,
        known: Arc<SpaceSnapshot>,
        pairs: Vec<(Row, Row)>,
        now: When,
    ) -> Result<Self, Unknown> {
        let roots = known.roots.as_ref().map_err(Clone::clone)?;
        let now = known.there(now);
        let unread = || Unknown::new("when paths were last used is still being read");
        let last_use = known.last_use.clone().ok_or_else(unread)?;
        let found: Vec<(&Root, Row)> = roots
            .iter()
            .filter_map(|root| Some((root, inventory.find(&root.target)?)))
            .collect();
        let root_rows: Vec<Row> = found.iter().map(|(_, row)| *row).collect();
        let pin_rows: Vec<Row> = found
            .iter()
            .filter(|(root, _)| matches!(root.kind, RootKind::Pin(_)))
            .map(|(_, row)| *row)
            .collect();
        let keeps = keep(&known, &pairs);
        let liveness = Liveness::of(&inventory, &root_rows, &keeps);
        let pinned = Liveness::of(&inventory, &pin_rows, &keeps);
        let pinned_rows = inventory.kept_by(&pin_rows, &keeps);
        let retained = Retained::of(&inventory, &root_rows, &keeps);
        let usage = match last_use.as_ref() {
            Ok(last_use) => Usage::new(&inventory, last_use),
            Err(why) => Usage::new(&inventory, &unknown_use(&why.to_string())),
        };
        let mut lines: Vec<RootLine> = found
            .iter()
            .enumerate()
            .map(|(at, (root, row))| line(&known, root, Some(*row), retained.of_root(at)))
            .collect();
        let missing = roots
            .iter()
            .filter(|root| inventory.find(&root.target).is_none());
        lines.extend(missing.map(|root| line(&known, root, None, (0, 0))));
        let elsewhere = lines.len() - found.len();
        // What keeps most alone first; of equal ones in an order that stays.
        lines.sort_by(|a, b| {
            let most = b.exclusive.1.cmp(&a.exclusive.1);
            most.then_with(|| a.root.link.cmp(&b.root.link))
        });
        let mut direct: HashMap<Row, Vec<usize>> = HashMap::new();
        for (at, line) in lines.iter().enumerate() {
            if let Some(row) = line.row {
                direct.entry(row).or_default().push(at);
            }
        }
        let heaviest = retained
            .heaviest(HEAVIEST)
            .into_iter()
            .map(|(row, paths, bytes)| Heavy {
                row,
                frees: (paths, bytes),
            })
            .collect();
        Prepared::possible(&liveness, &inventory)?;
        let growth = Growth::by_registration(&inventory, now, growth::DAYS);
        Ok(Self {
            generation,
            liveness,
            pinned,
            usage,
            roots: lines,
            heaviest,
            growth,
            elsewhere,
            root_rows,
            pin_rows,
            pinned_rows,
            pairs,
            prepared: OnceLock::new(),
            direct,
            inventory,
            known,
        })
    }

    /// What goes by these rules, when hard links save so much; `None` when cancelled.
    pub fn plan(
        &self,
        rules: &Rules,
        saved: Option<Bytes>,
        now: When,
        cancel: &AtomicBool,
    ) -> Option<Collection> {
        let situation = self.situation(saved, now);
        // It was found to be possible before.
        let prepared = self.prepared.get_or_init(|| Prepared::new(&situation).ok());
        prepared.as_ref()?.plan(&situation, rules, cancel)
    }

    /// What a plan is made from, when hard links save so much.
    pub fn situation(&self, saved: Option<Bytes>, now: When) -> Situation<'_> {
        Situation {
            inventory: &self.inventory,
            liveness: &self.liveness,
            pinned: &self.pin_rows,
            usage: &self.usage,
            keep: self.keep(),
            now: self.known.there(now),
            disk: disk(&self.known),
            saved,
        }
    }

    /// The chain from a root's path to this one. A walk, for a job.
    pub fn why_alive(&self, row: Row) -> Option<Vec<Row>> {
        self.inventory.why_alive(&self.root_rows, row, &self.keep())
    }

    /// What Nix keeps besides the closures of roots.
    pub fn keep(&self) -> Keep<'_> {
        keep(&self.known, &self.pairs)
    }

    /// For the plan of a root that goes.
    pub fn kept<'a>(&'a self, keep: &'a Keep<'a>) -> Kept<'a> {
        Kept {
            inventory: &self.inventory,
            roots: self.known.roots.as_deref().unwrap_or_default(),
            keep,
        }
    }

    /// What becomes of a path; `None` for one that came after the look.
    pub fn mark(&self, row: Row) -> Option<Mark> {
        if row as usize >= self.inventory.len() {
            return None;
        }
        let state = self.inventory.state(row);
        match self.liveness.life(row) {
            _ if !state.is_present() => None,
            Life::Unknown => None,
            Life::Dead => Some(Mark::Dead),
            // What can't be read counts as alive for want of knowledge, not for a pin.
            Life::Live if state == State::Valid && self.pinned.is_live(row) => Some(Mark::Pinned),
            Life::Live => Some(Mark::Live),
        }
    }

    /// When a path was last used, by itself or by what needs it; `None` where nothing tells of use.
    pub fn used(&self, row: Row) -> Option<When> {
        let reported = self.usage.source != UseSource::Registration;
        let used = reported.then(|| self.usage.used(row))?;
        Some(used).filter(|used| *used != When::default())
    }

    /// For searches, filters and orders.
    pub fn for_search(&self) -> inventory::SearchFacts<'_> {
        let reported = self.usage.source != UseSource::Registration;
        inventory::SearchFacts {
            liveness: Some(&self.liveness),
            pinned: Some(&self.pinned_rows),
            usage: reported.then_some(&self.usage),
        }
    }

    /// What keeps a path, in a few words; the chain to it is a question of its own.
    pub fn kept_by(&self, row: Row) -> String {
        let mut roots = self.roots_of(row);
        let first = roots.next();
        let more = roots.count();
        match (first, self.mark(row)) {
            (Some(line), _) => {
                let name = match &line.root.kind {
                    RootKind::Pin(name) => format!("pin {name}"),
                    kind => format!("{kind} {}", line.root.link),
                };
                match more {
                    0 => name,
                    more => format!("{name} and {more} more"),
                }
            }
            (None, Some(Mark::Pinned)) => "the closure of a pin".to_owned(),
            (None, Some(Mark::Live)) => "the closure of a root".to_owned(),
            (None, Some(Mark::Dead)) => "nothing: it is dead".to_owned(),
            (None, None) => "not known".to_owned(),
        }
    }

    /// The roots that point at this very path.
    pub fn roots_of(&self, row: Row) -> impl Iterator<Item = &RootLine> {
        let places = self.direct.get(&row).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|at| self.roots.get(*at))
    }
}

fn line(known: &SpaceSnapshot, root: &Root, row: Option<Row>, exclusive: (usize, u64)) -> RootLine {
    let pin = match &root.kind {
        RootKind::Pin(name) => known.pin(name).cloned(),
        _ => None,
    };
    RootLine {
        root: root.clone(),
        row,
        exclusive,
        pin,
    }
}

/// Size and what is left of the store's file system.
fn disk(known: &SpaceSnapshot) -> Option<(Bytes, Bytes)> {
    let store = known.facts.store.as_ref().ok()?;
    Some((store.disk.size, store.disk.available))
}

fn unknown_use(why: &str) -> LastUse {
    LastUse {
        source: UseSource::Registration,
        why: Some(why.to_owned()),
        times: Vec::new(),
    }
}
