//! A real server as a job sees it.
//!
//! In: the typed functions of `server`. Out: what a job asks for, each error sorted by whether the link is still there.

use super::cache::{CacheServer, CallError, Held, Step, Stepped, TwoStep};
use super::space::{self, SpaceStep, SpaceStepped};
use crate::change::access::authorized_in;
use crate::change::keep::{KeepStep, PinMove};
use crate::change::token::Token;
use crate::domain::SignedPath;
use crate::domain::pin::{Pin, Shown};
use crate::domain::signed_row::SignedRow;
use crate::domain::two_persons::Login;
use crate::domain::unfinished::Unfinished;
use crate::domain::{PublicKey, StorePath};
use crate::server::facts::Facts;
use crate::server::{
    Beginning, Collected, InfoReply, LinkChange, OnCollect, OnPush, Server, ServerError, Stripped,
    Whose,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a link may take to show that it is alive.
const ALIVE: Duration = Duration::from_secs(10);

/// Sorts an error. A command or a daemon that ends early may be the first sign of a link that is gone.
async fn sort(server: &Server, error: ServerError) -> CallError {
    if let ServerError::KeyChanged { .. } = error {
        return CallError::KeyChanged(error.to_string());
    }
    let answer = tokio::time::timeout(ALIVE, server.link().round_trip()).await;
    if answer.is_ok_and(|answer| answer.is_ok()) {
        CallError::Refused(error.to_string())
    } else {
        CallError::Lost(error.to_string())
    }
}

/// Whether a server is as a step would leave it.
async fn looked(server: &Server, step: &KeepStep) -> Result<Option<bool>, ServerError> {
    Ok(match step {
        KeepStep::Pin { pin, .. } => server.pins().await?.ok().map(|pins| {
            pins.iter().any(|other| {
                Pin {
                    sha256: pin.sha256.clone(),
                    ..other.clone()
                } == **pin
            })
        }),
        KeepStep::Move(step) => server.pins().await?.ok().map(|pins| {
            let is = |pin: &Pin| (&pin.name, &pin.target) == (&step.pin.name, &step.pin.target);
            let left = |pin: &Pin| step.leave.iter().all(|gone| gone.name != pin.name);
            pins.iter().any(is) && pins.iter().all(left)
        }),
        KeepStep::Unpin { name, .. } => {
            let pins = server.pins().await?.ok();
            pins.map(|pins| pins.iter().all(|pin| pin.name != *name))
        }
        KeepStep::Root { root, .. } => {
            let found = server.roots().await?.roots;
            Some(found.iter().all(|other| other.link != root.link))
        }
        KeepStep::Delete(path) => {
            let valid = server.valid_paths(std::slice::from_ref(path)).await?;
            Some(valid.is_empty())
        }
        KeepStep::Repair(path) => {
            let verified = server.verify(std::slice::from_ref(path)).await?;
            Some(verified.corrupt.is_empty() && verified.failed.is_empty())
        }
        KeepStep::Lease(install) => server.lease_runs(install).await?,
        KeepStep::AutoSign(install) => server.auto_sign_runs(install).await?,
        KeepStep::PolicyTimer(timer) => Some(server.policy_timer_runs(timer).await?),
        KeepStep::Remove(removal) => Some(server.is_removed(removal).await?),
        // Free pages come and go.
        KeepStep::Vacuum(_) => None,
        KeepStep::Retention(edit) => {
            let file = server.policy().await?.ok();
            file.map(|file| file.found.is_some_and(|(text, _)| text == edit.text))
        }
        KeepStep::Rule(edit) => {
            let rule = server.two_persons().await?.rule;
            Some(rule.is_ok_and(|rule| rule.text() == edit.text))
        }
        KeepStep::DropPlan { file, .. } => {
            let found = server.two_persons().await?;
            (!found.hidden).then(|| found.plans.iter().all(|plan| plan.file != *file))
        }
    })
}

/// The revision first, then the pin, then those that leave; what is not as it was shown ends it there.
async fn moved(server: &Server, token: &Token, step: &PinMove) -> Result<LinkChange, ServerError> {
    if let Some((revision, shown)) = &step.revision {
        let made = server.pin(token, revision, shown).await?;
        if made != LinkChange::Done {
            return Ok(made);
        }
    }
    let PinMove {
        pin, shown, from, ..
    } = step;
    let made = server.move_pin(token, pin, shown, from).await?;
    if made != LinkChange::Done {
        return Ok(made);
    }
    for gone in &step.leave {
        let shown = Shown::of(gone);
        let left = server
            .unpin(token, &gone.name, &gone.target, &shown)
            .await?;
        if let LinkChange::Changed(why) = left {
            return Ok(LinkChange::Changed(format!("{}: {why}", gone.name)));
        }
    }
    Ok(LinkChange::Done)
}

impl CacheServer for Server {
    fn facts(&self) -> Arc<Facts> {
        Self::facts(self)
    }

    fn audit_log(&self) -> String {
        self.spec().audit_log.clone()
    }

    async fn path_infos(&self, paths: &[StorePath]) -> Result<Vec<InfoReply>, CallError> {
        match Self::path_infos(self, paths).await {
            Ok(replies) => Ok(replies),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn add_signatures(
        &self,
        token: &Token,
        items: &[SignedPath],
    ) -> Result<Vec<(StorePath, String)>, CallError> {
        let mut failed = Vec::new();
        let mut progress = |at: usize, answer: Result<(), String>| {
            if let (Some(item), Err(why)) = (items.get(at), answer) {
                failed.push((item.path.clone(), why));
            }
        };
        match Self::add_signatures(self, token, items, &mut progress).await {
            Ok(()) => Ok(failed),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn push(
        &self,
        token: &Token,
        from: Option<&str>,
        paths: &[StorePath],
        on: OnPush<'_>,
    ) -> Result<(), CallError> {
        match Self::push(self, token, from, paths, on).await {
            Ok(()) => Ok(()),
            // Its connection is another one than that which `sort` asks.
            Err(ServerError::Link(error)) => Err(CallError::Lost(error.to_string())),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn sign_on_server(
        &self,
        token: &Token,
        key_file: &str,
        key: &PublicKey,
        paths: &[StorePath],
    ) -> Result<Vec<(StorePath, String)>, CallError> {
        let mut failed = Vec::new();
        let mut all = None;
        let mut progress = |some: &[StorePath], answer: Result<(), String>| match (some, answer) {
            (_, Ok(())) => {}
            ([path], Err(why)) => failed.push((path.clone(), why)),
            // Nix does not say which one of them it was.
            (_, Err(why)) => all = Some(why),
        };
        match (
            Self::sign_on_server(self, token, key_file, key, paths, &mut progress).await,
            all,
        ) {
            (Ok(()), None) => Ok(failed),
            (Ok(()), Some(why)) => Err(CallError::Refused(why)),
            (Err(error), _) => Err(sort(self, error).await),
        }
    }

    async fn strip(
        &self,
        token: &Token,
        key: &str,
        file: &str,
        rows: &[SignedRow],
    ) -> Result<HashMap<StorePath, Stripped>, CallError> {
        match Self::strip(self, token, key, file, rows).await {
            Ok(said) => Ok(said),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn access(&self, token: &Token, step: Step<'_>) -> Result<Stepped, CallError> {
        let answer = match step {
            Step::Edit(edit) => self.edit_keys(token, edit).await.map(Stepped::Edited),
            Step::Sessions => self.sessions().await.map(Stepped::Sessions),
            Step::End(session) => self.end_session(token, session).await.map(Stepped::Ended),
            Step::Look(folder, request) => self
                .look_at_request(token, folder, request)
                .await
                .map(|decided| decided.map_or(Stepped::Kept, Stepped::Decided)),
            Step::Authorized(key) => self
                .key_files()
                .await
                .map(|files| Stepped::Authorized(authorized_in(&files, key))),
            Step::File(edit) => self.key_file(edit).await.map(Stepped::File),
            Step::Request(folder, request) => self
                .put_request(token, folder, request)
                .await
                .map(|decided| decided.map_or(Stepped::Kept, Stepped::Decided)),
            Step::Revoked(key) => self.put_revoked(token, key).await.map(|()| Stepped::Kept),
            Step::Knock(install) => self
                .install_knock(token, install)
                .await
                .map(|()| Stepped::Kept),
            Step::Queue => self
                .queue()
                .await
                .map(|(requests, revoked)| Stepped::Queue(requests, revoked)),
            Step::KnockSeen(install) => self.knock_seen(install).await.map(Stepped::Knock),
        };
        match answer {
            Ok(stepped) => Ok(stepped),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn space(&self, step: SpaceStep<'_>) -> Result<SpaceStepped, CallError> {
        match space::ask(self, step).await {
            Ok(stepped) => Ok(stepped),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn collect(
        &self,
        token: &Token,
        paths: &[StorePath],
        on: OnCollect<'_>,
    ) -> Result<Collected, CallError> {
        match Self::collect(self, token, paths, on).await {
            Ok(collected) => Ok(collected),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn keep(
        &self,
        token: &Token,
        step: &KeepStep,
        tell: &(dyn Fn(&str) + Sync),
    ) -> Result<LinkChange, CallError> {
        let answer = match step {
            KeepStep::Pin { pin, shown } => self.pin(token, pin, shown).await,
            KeepStep::Move(step) => moved(self, token, step).await,
            KeepStep::Unpin {
                name,
                target,
                shown,
            } => self.unpin(token, name, target, shown).await,
            KeepStep::Root { root, made } => self.remove_root(token, root, *made).await,
            KeepStep::Repair(path) => self.repair(token, path).await.map(|()| LinkChange::Done),
            KeepStep::Delete(path) => self.delete(token, path).await.map(|()| LinkChange::Done),
            KeepStep::Lease(install) => self
                .install_lease(token, install)
                .await
                .map(|()| LinkChange::Done),
            KeepStep::AutoSign(install) => self
                .install_auto_sign(token, install)
                .await
                .map(|()| LinkChange::Done),
            KeepStep::PolicyTimer(timer) => self
                .install_policy_timer(token, timer)
                .await
                .map(|()| LinkChange::Done),
            KeepStep::Remove(removal) => self.remove_installed(token, removal).await,
            KeepStep::Retention(edit) => self.put_policy(token, edit).await,
            KeepStep::Vacuum(vacuum) => self
                .vacuum(token, vacuum, tell)
                .await
                .map(LinkChange::Smaller),
            KeepStep::Rule(edit) => self.put_rule(token, edit).await,
            KeepStep::DropPlan { file, sha256 } => self.drop_plan(token, file, sha256).await,
        };
        match answer {
            Ok(removed) => Ok(removed),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn is_kept(&self, step: &KeepStep) -> Result<Option<bool>, CallError> {
        match looked(self, step).await {
            Ok(kept) => Ok(kept),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn begin(
        &self,
        token: &Token,
        what: &Unfinished,
        lines: &[String],
        how: Beginning,
    ) -> Result<Held, CallError> {
        match self.begin_job(token, what, lines, how).await {
            Ok(mut begun) => Ok(Held {
                others: std::mem::take(&mut begun.others),
                room: begun.room,
                kept: begun.kept,
                rule: begun.rule.clone(),
                lock: Box::new(Mutex::new(begun)),
            }),
            Err(error) => Err(sort(self, error).await),
        }
    }

    fn login(&self) -> Login {
        crate::change::audit::who::login(self)
    }

    async fn two(&self, token: &Token, step: TwoStep<'_>) -> Result<LinkChange, CallError> {
        let answer = match step {
            TwoStep::Put(plan, list) => {
                let put = self.put_plan(token, plan, list).await;
                put.map(|()| LinkChange::Done)
            }
            TwoStep::Take { plan, sha256, job } => self.take_plan(token, plan, sha256, job).await,
            TwoStep::Drop { file, sha256 } => self.drop_plan(token, file, sha256).await,
        };
        match answer {
            Ok(changed) => Ok(changed),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn append_audit(
        &self,
        token: &Token,
        line: &str,
        id: &str,
        whose: Whose,
    ) -> Result<String, CallError> {
        let rest = line.strip_prefix('{').unwrap_or(line);
        match Self::append_audit(self, token, rest, id, whose).await {
            Ok(written) => Ok(written),
            Err(error) => Err(sort(self, error).await),
        }
    }

    async fn sign_audit(&self, token: &Token, line: &str, id: &str) -> Result<(), CallError> {
        let signature = crate::change::audit::signed::sign(self.spec(), line, id);
        match signature.map_err(CallError::Refused)? {
            Some(signature) => match Self::sign_audit(self, token, &signature).await {
                Ok(()) => Ok(()),
                Err(error) => Err(sort(self, error).await),
            },
            None => Ok(()),
        }
    }

    async fn reopen(&self) -> Result<Self, CallError> {
        Self::reopen(self)
            .await
            .map_err(|error| CallError::Lost(error.to_string()))
    }
}
