//! The garbage collector of the server in memory.
//!
//! In: a step, or paths to delete. Out: what Nix would answer, and the store as it is then.

use super::cache::CallError;
use super::fake::{Fake, World, lost};
use super::space::{SpaceStep, SpaceStepped};
use crate::domain::server_facts::Disk;
use crate::domain::{Bytes, StorePath, When};
use crate::server::{CollectEvent, Collected, OnCollect};
use std::collections::{HashMap, HashSet};
use tokio_util::sync::CancellationToken;

/// Size of its disk.
const DISK: u64 = 1 << 40;

/// What is different from a store that nobody collects.
#[derive(Default)]
pub(super) struct Space {
    pub(super) roots: HashSet<StorePath>,
    pub(super) used: HashMap<StorePath, When>,
    /// What is available grows with each path that goes.
    pub(super) available: u64,
    /// Deleting calls, each with how many paths it was given.
    pub(super) collections: Vec<usize>,
    /// The daemon ends after so many deletions.
    pub(super) crash_after: Option<usize>,
    /// Cancels after so many deletions, and answers no more.
    pub(super) hang_after: Option<(usize, CancellationToken)>,
    /// Nix refuses everything so.
    pub(super) refuses: Option<&'static str>,
    pub(super) deleted: Vec<StorePath>,
}

impl World {
    /// What refers to a path goes before it.
    fn before(&self, path: &StorePath, listed: &HashSet<StorePath>, order: &mut Vec<StorePath>) {
        if order.contains(path) {
            return;
        }
        let referrers = self
            .infos
            .values()
            .filter(|info| info.path != *path && info.references.contains(path));
        for info in referrers.filter(|info| listed.contains(&info.path)) {
            self.before(&info.path, listed, order);
        }
        order.push(path.clone());
    }

    fn holder(&self, path: &StorePath, listed: &HashSet<StorePath>) -> Option<StorePath> {
        if self.space.roots.contains(path) {
            return Some(path.clone());
        }
        let referrers = self
            .infos
            .values()
            .filter(|info| info.path != *path && info.references.contains(path));
        for info in referrers {
            if !listed.contains(&info.path) {
                return Some(info.path.clone());
            }
            if let Some(holder) = self.holder(&info.path, listed) {
                return Some(holder);
            }
        }
        None
    }
}

pub(super) fn step(fake: &Fake, step: SpaceStep<'_>) -> Result<SpaceStepped, CallError> {
    let mut world = fake.world.lock().unwrap();
    if fake.call(&mut world)?.is_some() {
        return Err(lost());
    }
    Ok(match step {
        SpaceStep::Planned(id) => SpaceStepped::Lines(world.left[id].1.clone()),
        SpaceStep::Roots => SpaceStepped::Paths(world.space.roots.iter().cloned().collect()),
        SpaceStep::Used(paths) => SpaceStepped::Times(
            paths
                .iter()
                .filter_map(|path| Some((path.digest(), *world.space.used.get(path)?)))
                .collect(),
        ),
        SpaceStep::Referrers(paths) => SpaceStepped::Referrers(
            paths
                .iter()
                .map(|path| {
                    let infos = world.infos.values();
                    let referrers = infos.filter(|info| info.references.contains(path));
                    referrers.map(|info| info.path.clone()).collect()
                })
                .collect(),
        ),
        SpaceStep::Valid(paths) => SpaceStepped::Paths(
            paths
                .iter()
                .filter(|path| world.infos.contains_key(*path))
                .cloned()
                .collect(),
        ),
        SpaceStep::Disk => SpaceStepped::Disk(Some(Disk {
            size: Bytes(DISK),
            used: Bytes(DISK - world.space.available),
            available: Bytes(world.space.available),
            inodes: 0,
            inodes_used: 0,
        })),
        SpaceStep::Holders => SpaceStepped::Holders(vec!["eve collects".into()]),
    })
}

pub(super) async fn collect(
    fake: &Fake,
    paths: &[StorePath],
    on: OnCollect<'_>,
) -> Result<Collected, CallError> {
    let mut hangs = false;
    let mut answer = Collected::default();
    {
        let mut world = fake.world.lock().unwrap();
        let cut = fake.call(&mut world)?;
        world.space.collections.push(paths.len());
        let listed: HashSet<StorePath> = paths.iter().cloned().collect();
        let mut order = Vec::new();
        for path in &listed {
            world.before(path, &listed, &mut order);
        }
        for path in order {
            let why = world.space.refuses.map(str::to_owned).or_else(|| {
                let holder = world.holder(&path, &listed)?;
                Some(format!(
                    "Cannot delete path '{path}' since it is still alive ({holder})"
                ))
            });
            if why.is_some() {
                answer.refused = why;
                return Ok(answer);
            }
            let done = answer.deleted.len();
            if cut.is_some_and(|most| done >= most) {
                return Err(lost());
            }
            if world.space.crash_after.is_some_and(|most| done >= most) {
                world.space.crash_after = None;
                return Err(CallError::Refused("the daemon broke off".into()));
            }
            if let Some((most, cancel)) = &world.space.hang_after
                && done >= *most
            {
                cancel.cancel();
                hangs = true;
                break;
            }
            on(CollectEvent::Deleting(path.clone()));
            world.infos.remove(&path);
            world.space.available += 1000;
            world.space.deleted.push(path.clone());
            answer.deleted.push(path);
        }
        if cut.is_some() {
            return Err(lost());
        }
    }
    if hangs {
        std::future::pending::<()>().await;
    }
    answer.freed = Some(Bytes(answer.deleted.len() as u64 * 900));
    Ok(answer)
}
