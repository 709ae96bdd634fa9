//! A cache server in memory, for the tests of jobs.
//!
//! In: a store, and what goes wrong at which call. Out: what the calls of a job answer, and the store as it is then.

use super::cache::{CacheServer, CallError, Held, Step, Stepped, TwoStep};
use super::fake_space;
use super::space::{SpaceStep, SpaceStepped};
use crate::change::audit;
use crate::change::keep::KeepStep;
use crate::change::testing::{KEY_FILE, facts, ours};
use crate::change::token::Token;
use crate::domain::SignedPath;
use crate::domain::pin::PinName;
use crate::domain::signed_row::SignedRow;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::two_persons::{Login, Rule, WaitingPlan};
use crate::domain::unfinished::Unfinished;
use crate::domain::{PathInfo, PublicKey, StorePath};
use crate::server::facts::Facts;
use crate::server::{
    Beginning, Collected, InfoReply, LinkChange, OnCollect, OnPush, PushEvent, Stripped, Whose,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// What the server has and how it behaves.
#[derive(Default)]
pub(super) struct World {
    pub(super) infos: BTreeMap<StorePath, PathInfo>,
    /// What a push copies from, in order.
    pub(super) origin: Vec<PathInfo>,
    pub(super) log: Vec<u8>,
    pub(super) pins: HashSet<PinName>,
    /// Files that keep what was changed.
    pub(super) files: HashSet<String>,
    pub(super) calls: usize,
    /// The link is cut in this call.
    pub(super) cut_at: Option<usize>,
    /// Of a change that is cut, this many items are still done.
    pub(super) done_before_cut: usize,
    /// New links can be opened.
    pub(super) reopens: bool,
    /// Paths whose mention spoils a call to Nix.
    pub(super) poison: HashSet<StorePath>,
    /// What Nix says whenever it is to sign.
    pub(super) no_signing: Option<&'static str>,
    /// The server claims to sign and does not.
    pub(super) lies: bool,
    /// The log cannot be written.
    pub(super) full: bool,
    /// What jobs have left beside the log.
    pub(super) left: BTreeMap<String, (Unfinished, Vec<String>)>,
    /// Calls that reported on a job, each with how it went.
    pub(super) begun: Vec<Beginning>,
    /// Roots, uses, collections.
    pub(super) space: super::fake_space::Space,
    /// The two-person rule.
    pub(super) rule: Rule,
    /// The file of it can't be read.
    pub(super) rule_why: Option<String>,
    /// The key of who is logged in.
    pub(super) own_key: Option<Fingerprint>,
    /// Plans that wait.
    pub(super) plans: BTreeMap<String, WaitingPlan>,
    /// The plan that a job has taken.
    pub(super) taken: String,
    /// From this call on nothing is answered.
    pub(super) hangs_at: Option<usize>,
    /// This call is not answered.
    pub(super) stuck_at: Option<usize>,
    /// A pin of this call is made, whether it is answered or not.
    pub(super) pins_at: Option<usize>,
    /// Cancels when this call is made.
    pub(super) cancel_at: Option<(usize, CancellationToken)>,
}

#[derive(Clone)]
pub(super) struct Fake {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) down: Arc<AtomicBool>,
    facts: Arc<Facts>,
}

pub(super) fn lost() -> CallError {
    CallError::Lost("the server closed the connection".into())
}

impl Fake {
    pub(super) fn new(world: World) -> Self {
        Self {
            world: Arc::new(Mutex::new(world)),
            down: Arc::default(),
            facts: Arc::new(facts()),
        }
    }

    /// Makes one call: how many of its items are still done, and whether an answer arrives.
    pub(super) fn call(&self, world: &mut World) -> Result<Option<usize>, CallError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(lost());
        }
        world.calls += 1;
        if let Some((at, cancel)) = &world.cancel_at
            && *at == world.calls
        {
            cancel.cancel();
        }
        if world.cut_at == Some(world.calls) {
            self.down.store(true, Ordering::SeqCst);
            return Ok(Some(world.done_before_cut));
        }
        Ok(None)
    }

    /// Waits as long as the server does before it takes a call.
    async fn wait(&self) {
        let hangs = {
            let mut world = self.world.lock().unwrap();
            let next = world.calls + 1;
            let hangs = world.hangs_at.is_some_and(|at| next >= at) || world.stuck_at == Some(next);
            if hangs {
                world.calls = next;
                if let Some((at, cancel)) = &world.cancel_at
                    && *at == next
                {
                    cancel.cancel();
                }
            }
            hangs
        };
        if hangs {
            std::future::pending::<()>().await;
        }
    }

    fn change(&self, items: &[SignedPath]) -> Result<(), CallError> {
        let mut world = self.world.lock().unwrap();
        let cut = self.call(&mut world)?;
        let lies = world.lies;
        for item in items.iter().take(cut.unwrap_or(usize::MAX)) {
            if !lies && let Some(info) = world.infos.get_mut(&item.path) {
                info.signatures.push(item.signature.to_string());
            }
        }
        cut.map_or(Ok(()), |_| Err(lost()))
    }
}

impl CacheServer for Fake {
    fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.facts)
    }

    fn audit_log(&self) -> String {
        "/var/lib/storekeeper/audit.jsonl".into()
    }

    async fn path_infos(&self, paths: &[StorePath]) -> Result<Vec<InfoReply>, CallError> {
        self.wait().await;
        let mut world = self.world.lock().unwrap();
        if self.call(&mut world)?.is_some() {
            return Err(lost());
        }
        let reply = |path: &StorePath| match world.infos.get(path) {
            Some(info) => InfoReply::Valid(info.clone()),
            None => InfoReply::Invalid(path.clone()),
        };
        Ok(paths.iter().map(reply).collect())
    }

    async fn add_signatures(
        &self,
        _: &Token,
        items: &[SignedPath],
    ) -> Result<Vec<(StorePath, String)>, CallError> {
        self.wait().await;
        self.change(items).map(|()| Vec::new())
    }

    async fn push(
        &self,
        _: &Token,
        _: Option<&str>,
        paths: &[StorePath],
        on: OnPush<'_>,
    ) -> Result<(), CallError> {
        self.wait().await;
        let mut world = self.world.lock().unwrap();
        let cut = self.call(&mut world)?;
        if let Some(path) = paths.iter().find(|path| world.poison.contains(*path)) {
            return Err(CallError::Refused(format!("{path} is cursed")));
        }
        let World { infos, origin, .. } = &mut *world;
        for info in origin.iter().take(cut.unwrap_or(usize::MAX)) {
            on(PushEvent::Copying(info.path.clone()));
            infos
                .entry(info.path.clone())
                .or_insert_with(|| info.clone());
        }
        cut.map_or(Ok(()), |_| Err(lost()))
    }

    async fn sign_on_server(
        &self,
        _: &Token,
        file: &str,
        key: &PublicKey,
        paths: &[StorePath],
    ) -> Result<Vec<(StorePath, String)>, CallError> {
        self.wait().await;
        assert_eq!(file, KEY_FILE);
        assert_eq!(*key, ours().public());
        let items: Vec<SignedPath> = {
            let world = self.world.lock().unwrap();
            if let Some(message) = world.no_signing {
                return Err(CallError::Refused(message.into()));
            }
            if let Some(path) = paths.iter().find(|path| world.poison.contains(*path)) {
                return Err(CallError::Refused(format!("{path} is cursed")));
            }
            if let Some(path) = paths.iter().find(|path| !world.infos.contains_key(path)) {
                return Err(CallError::Refused(format!("path '{path}' is not valid")));
            }
            let sign = |path: &StorePath| SignedPath {
                path: path.clone(),
                signature: ours().sign(&world.infos[path].fingerprint().unwrap()),
            };
            paths.iter().map(sign).collect()
        };
        self.change(&items).map(|()| Vec::new())
    }

    async fn strip(
        &self,
        _: &Token,
        key: &str,
        file: &str,
        rows: &[SignedRow],
    ) -> Result<HashMap<StorePath, Stripped>, CallError> {
        self.wait().await;
        let mut world = self.world.lock().unwrap();
        let cut = self.call(&mut world)?;
        let mut said = HashMap::new();
        // Whole or nothing.
        if cut != Some(0) {
            world.files.insert(file.to_owned());
            for row in rows {
                let Some(info) = world.infos.get_mut(&row.path) else {
                    said.insert(row.path.clone(), Stripped::Gone);
                    continue;
                };
                let now = info.signatures.join(" ").into_bytes();
                let wanted = row.without(key);
                let what = if now == row.stored || now == wanted {
                    let left = String::from_utf8(wanted).unwrap();
                    info.signatures = left.split_whitespace().map(str::to_owned).collect();
                    Stripped::Done
                } else {
                    Stripped::Changed
                };
                said.insert(row.path.clone(), what);
            }
        }
        cut.map_or(Ok(said), |_| Err(lost()))
    }

    async fn access(&self, _: &Token, _: Step<'_>) -> Result<Stepped, CallError> {
        Err(CallError::Refused("this server has no sshd".into()))
    }

    async fn keep(
        &self,
        _: &Token,
        step: &KeepStep,
        _: &(dyn Fn(&str) + Sync),
    ) -> Result<LinkChange, CallError> {
        if let KeepStep::Pin { pin, .. } = step {
            let mut world = self.world.lock().unwrap();
            if world.pins_at == Some(world.calls + 1) {
                world.pins.insert(pin.name.clone());
            }
        }
        self.wait().await;
        let mut world = self.world.lock().unwrap();
        let cut = self.call(&mut world)?;
        let KeepStep::Pin { pin, .. } = step else {
            return Err(CallError::Refused("this server has no roots".into()));
        };
        if !world.infos.contains_key(&pin.target) {
            return Err(CallError::Refused("the store does not have it".into()));
        }
        if cut != Some(0) {
            world.pins.insert(pin.name.clone());
        }
        cut.map_or(Ok(LinkChange::Done), |_| Err(lost()))
    }

    async fn is_kept(&self, step: &KeepStep) -> Result<Option<bool>, CallError> {
        self.wait().await;
        let mut world = self.world.lock().unwrap();
        if self.call(&mut world)?.is_some() {
            return Err(lost());
        }
        Ok(match step {
            KeepStep::Pin { pin, .. } => Some(world.pins.contains(&pin.name)),
            _ => None,
        })
    }

    async fn space(&self, step: SpaceStep<'_>) -> Result<SpaceStepped, CallError> {
        self.wait().await;
        fake_space::step(self, step)
    }

    async fn collect(
        &self,
        _: &Token,
        paths: &[StorePath],
        on: OnCollect<'_>,
    ) -> Result<Collected, CallError> {
        self.wait().await;
        fake_space::collect(self, paths, on).await
    }

    async fn begin(
        &self,
        _: &Token,
        what: &Unfinished,
        lines: &[String],
        how: Beginning,
    ) -> Result<Held, CallError> {
        self.wait().await;
        let mut world = self.world.lock().unwrap();
        if self.call(&mut world)?.is_some() {
            return Err(lost());
        }
        let makes_room = how == Beginning::MakesRoom;
        if world.full && !makes_room {
            return Err(CallError::Refused("no space is left on the device".into()));
        }
        world.begun.push(how);
        let others = world.left.values().map(|(what, _)| what.clone()).collect();
        if how != Beginning::Again && !world.full {
            let one = (what.clone(), lines.to_vec());
            world.left.insert(what.id.clone(), one);
        }
        Ok(Held {
            others,
            room: !world.full,
            kept: !world.full,
            rule: match &world.rule_why {
                Some(why) => Err(why.clone()),
                None => Ok(world.rule.clone()),
            },
            lock: Box::new(()),
        })
    }

    fn login(&self) -> Login {
        Login {
            account: "root".into(),
            key: self.world.lock().unwrap().own_key,
            by: "root via test".into(),
        }
    }

    async fn two(&self, _: &Token, step: TwoStep<'_>) -> Result<LinkChange, CallError> {
        self.wait().await;
        let mut world = self.world.lock().unwrap();
        let cut = self.call(&mut world)?;
        let done = cut != Some(0);
        let changed = match step {
            TwoStep::Put(plan, _) => {
                if done {
                    world.plans.insert(plan.id.clone(), plan.clone());
                }
                LinkChange::Done
            }
            TwoStep::Take { plan, .. } => {
                if done && world.plans.remove(&plan.id).is_none() && world.taken != plan.id {
                    LinkChange::Changed("somebody else was quicker".into())
                } else {
                    world.taken.clone_from(&plan.id);
                    LinkChange::Done
                }
            }
            TwoStep::Drop { .. } => {
                world.taken.clear();
                LinkChange::Done
            }
        };
        cut.map_or(Ok(changed), |_| Err(lost()))
    }

    async fn append_audit(
        &self,
        _: &Token,
        line: &str,
        id: &str,
        whose: Whose,
    ) -> Result<String, CallError> {
        self.wait().await;
        let mut world = self.world.lock().unwrap();
        if self.call(&mut world)?.is_some() {
            return Err(lost());
        }
        if world.left.remove(id).is_none() && whose == Whose::Left {
            return Err(CallError::Refused("somebody else has written it".into()));
        }
        let line = format!("{{\"prev\":\"{}\",{}", audit::verify::FIRST, &line[1..]);
        world.log.extend(line.bytes().chain([b'\n']));
        Ok(line)
    }

    async fn sign_audit(&self, _: &Token, _: &str, _: &str) -> Result<(), CallError> {
        Ok(())
    }

    async fn reopen(&self) -> Result<Self, CallError> {
        if !self.world.lock().unwrap().reopens {
            return Err(lost());
        }
        Ok(Self {
            down: Arc::default(),
            ..self.clone()
        })
    }
}
