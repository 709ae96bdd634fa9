//! Planning again what waits, for the second administrator.
//!
//! In: a plan that waits, who is logged in, and the facts of now. Out: the plan, which says whose it is; or why it may not be confirmed:
//! the same person, too late, confirmed already, or not what the first has seen any more.

use super::error::TwoError;
use super::intent::{DOUBT, effects, new_key};
use crate::change::access::{
    About, AccessError, SignCertRequest, approve, authorize, expire, resume, revoke, sign_cert,
    suspend,
};
use crate::change::collect;
use crate::change::keep::{KeepError, Kept, delete_paths, remove_all, retention, unpin};
use crate::change::second::{Confirms, Second};
use crate::change::sign::strip::{self, Stored, StripError};
use crate::change::{Item, Plan};
use crate::domain::access::AccessFacts;
use crate::domain::count::count;
use crate::domain::key_request::Request;
use crate::domain::pin::Pin;
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::two_persons::{
    FoundPlan, Intent, Login, PathList, Rule, TwoPersons, WaitingPlan,
};
use crate::domain::{Explain, Fact, Notice, When};
use crate::link::certify::CaKey;
use crate::server::{Generation, PolicyFile};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Paths of a difference that are named.
const NAMED: usize = 20;

/// What has to be found out before a plan can be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Who may log in.
    Access,
    /// The store, and what keeps its paths.
    Store,
    /// The retention policy.
    Policy,
    /// All that a collection is planned from.
    Collection,
    /// Nothing more.
    Nothing,
}

/// What was found out.
#[derive(Clone, Default)]
pub struct Seen<'a> {
    /// Who may log in.
    pub access: Option<Fact<&'a AccessFacts>>,
    /// The store, its roots and Nix's settings.
    pub kept: Option<Kept<'a>>,
    /// The pins.
    pub pins: &'a [Pin],
    /// Where pins are on the server.
    pub folder: &'a str,
    /// Generations of profiles.
    pub generations: &'a [Generation],
    /// What the server has of the key whose signatures go.
    pub stored: Option<&'a Stored>,
    /// The retention policy that is there.
    pub policy: Option<&'a PolicyFile>,
    /// What a collection by the rules of the intent would take, and what the first has seen.
    pub collection: Option<(collect::About<'a>, &'a PathList)>,
    /// The key that signs a certificate, and where that is written.
    pub signs: Option<(CaKey, PathBuf)>,
}

/// What has to be looked at to plan this again.
pub const fn needs(intent: &Intent) -> Needs {
    match intent {
        Intent::Authorize { .. }
        | Intent::Approve { .. }
        | Intent::Revoke { .. }
        | Intent::Suspend { .. }
        | Intent::Resume { .. }
        | Intent::Expire { .. }
        | Intent::SignCert { .. } => Needs::Access,
        Intent::Delete { .. }
        | Intent::Unpin { .. }
        | Intent::RemoveRoots { .. }
        | Intent::Strip { .. } => Needs::Store,
        Intent::Collect { .. } => Needs::Collection,
        Intent::SetRetention { .. } => Needs::Policy,
        Intent::SetRule { .. } => Needs::Nothing,
    }
}

/// The plan, if this login may confirm it now.
pub fn may<'a>(
    found: &'a FoundPlan,
    login: &Login,
    now: When,
) -> Result<&'a WaitingPlan, TwoError> {
    let id = || found.id.clone();
    let plan = found.plan.as_ref().map_err(|why| TwoError::Unreadable {
        id: id(),
        why: why.clone(),
    })?;
    if found.begun {
        return Err(TwoError::Begun(id()));
    }
    if plan.is_over(now) {
        return Err(TwoError::Over {
            id: id(),
            until: plan.until,
        });
    }
    login.may_confirm(&plan.first).map_err(TwoError::Same)?;
    Ok(plan)
}

/// Plans it again, and compares that with what the first administrator has seen.
pub fn again(
    about: &About,
    login: &Login,
    two: &TwoPersons,
    found: &FoundPlan,
    seen: &Seen<'_>,
) -> Result<Plan, TwoError> {
    let waiting = may(found, login, two.at)?;
    if matches!(waiting.intent, Intent::SignCert { .. }) {
        certificate_request(waiting, seen.signs.as_ref()).map_err(TwoError::Signer)?;
    }
    let mut plan =
        planned(about, login, two, waiting, seen).map_err(|why| TwoError::Impossible {
            id: waiting.id.clone(),
            why,
        })?;
    let mut lines = differences(&waiting.effects, &effects(&plan));
    if let Some((_, list)) = &seen.collection {
        lines.extend(unseen(&plan, list));
    }
    if plan.change != waiting.change || !lines.is_empty() {
        return Err(TwoError::Differs {
            id: waiting.id.clone(),
            lines,
        });
    }
    let at = 1.min(plan.lines.len());
    let planned = format!("by {} at {}", waiting.first, waiting.at);
    plan.lines.insert(at, ("planned", planned));
    if let Some(reason) = &waiting.reason {
        plan.lines.insert(at + 1, ("reason", reason.clone()));
    }
    if let Intent::Collect { list, .. } = &waiting.intent {
        plan.lines
            .insert(at + 1, ("first saw", fewer(list.paths, &plan)));
    }
    plan.reason.clone_from(&waiting.reason);
    plan.second = Some(Second::Confirms(Box::new(Confirms {
        plan: waiting.clone(),
        sha256: found.sha256.clone(),
        login: login.clone(),
    })));
    Ok(plan)
}

/// What would happen now and was not shown, and what was shown and would not.
fn differences(shown: &[String], now: &[String]) -> Vec<String> {
    let sets = [shown, now].map(|lines| lines.iter().collect::<BTreeSet<_>>());
    let [before, after] = &sets;
    let gone = before.difference(after);
    let gone = gone.filter(|line| !line.starts_with(DOUBT));
    let new = after.difference(before);
    gone.map(|line| format!("no more: {line}"))
        .chain(new.map(|line| format!("new: {line}")))
        .collect()
}

/// What would go now and was not shown. The rules leave none of it, and here it is looked at once more.
fn unseen<'a>(plan: &'a Plan, list: &PathList) -> impl Iterator<Item = String> + use<'a> {
    let paths = plan.items.iter().filter_map(Item::path);
    let new: Vec<&'a _> = paths.filter(|path| !list.has(path)).take(NAMED).collect();
    new.into_iter().map(|path| format!("new: {path}"))
}

/// How many paths the first has seen, and how many of them stay by now.
fn fewer(seen: usize, plan: &Plan) -> String {
    let stay = seen.saturating_sub(plan.items.len());
    let stay = match stay {
        0 => "all of them go".to_owned(),
        1 => "1 of them is gone or stays by now".to_owned(),
        more => format!("{more} of them are gone or stay by now"),
    };
    format!("{}: {stay}, and nothing else goes", count(seen, "path"))
}

fn planned(
    about: &About,
    login: &Login,
    two: &TwoPersons,
    waiting: &WaitingPlan,
    seen: &Seen<'_>,
) -> Result<Plan, Notice> {
    let reason = waiting.reason.clone();
    let access = || match &seen.access {
        Some(Ok(facts)) => Ok(*facts),
        Some(Err(unknown)) => Err(unknown.notice()),
        None => Err(Notice::from("who may log in is not known".to_owned())),
    };
    let kept = || {
        seen.kept
            .ok_or_else(|| Notice::from("the store is not known".to_owned()))
    };
    let new = |line: &str| {
        new_key(line).ok_or_else(|| Notice::from("its line is not one of this program".to_owned()))
    };
    let of_access = |planned: Result<Plan, AccessError>| planned.map_err(|why| why.notice());
    let of_store = |planned: Result<Plan, KeepError>| planned.map_err(|why| why.notice());
    match &waiting.intent {
        Intent::Authorize { line, file } => {
            let facts = access()?;
            of_access(authorize(about, facts, &new(line)?, Some(file), reason))
        }
        Intent::Approve {
            request,
            line,
            file,
        } => {
            let facts = access()?;
            let asked = still_asked(facts, request)?;
            let note = reason.as_deref().unwrap_or_default();
            of_access(approve(about, facts, asked, &new(line)?, Some(file), note))
        }
        Intent::Revoke { key, end_sessions } => of_access(revoke(
            about,
            access()?,
            &login.account,
            *key,
            *end_sessions,
            reason,
        )),
        Intent::Suspend { key, end_sessions } => of_access(suspend(
            about,
            access()?,
            &login.account,
            *key,
            *end_sessions,
            reason,
        )),
        Intent::Resume { key } => of_access(resume(about, access()?, *key, reason)),
        Intent::Expire { key, expires } => of_access(expire(
            about,
            access()?,
            &login.account,
            *key,
            *expires,
            reason,
        )),
        Intent::Delete { paths } => {
            let unknown = || crate::domain::Unknown::new("it was not looked at");
            let access = seen.access.clone().unwrap_or_else(|| Err(unknown()));
            of_store(delete_paths(about, kept()?, paths, access))
        }
        Intent::Unpin { pins } => of_store(unpin(about, kept()?, seen.pins, seen.folder, pins)),
        Intent::RemoveRoots { roots } => {
            of_store(remove_all(about, kept()?, seen.generations, roots))
        }
        Intent::Collect { .. } => {
            let (about, _) = seen
                .collection
                .as_ref()
                .ok_or_else(|| Notice::from("the store is not known".to_owned()))?;
            collect::plan(about, reason).map_err(|why| why.notice())
        }
        Intent::SignCert { .. } => {
            let request = certificate_request(waiting, seen.signs.as_ref())?;
            of_access(sign_cert(about, access()?, request, reason))
        }
        Intent::Strip { key, paths } => {
            let stored = seen
                .stored
                .ok_or_else(|| Notice::from("the signatures are not known".to_owned()))?;
            let only: BTreeSet<_> = paths.iter().cloned().collect();
            let planned = strip::plan(stored, kept()?.inventory, key, Some(&only), reason);
            planned.map_err(|why: StripError| why.notice())
        }
        Intent::SetRetention { text } => {
            let file = seen
                .policy
                .ok_or_else(|| Notice::from("the retention policy is not known".to_owned()))?;
            of_store(retention(about, file, text, None))
        }
        Intent::SetRule { text } => {
            let rule = Rule::parse(text).map_err(|error| error.notice())?;
            super::set_rule(about, two, &rule).map_err(|why| why.notice())
        }
    }
}

/// The request of this id, if nobody has approved it.
fn still_asked<'a>(facts: &'a AccessFacts, id: &str) -> Result<&'a Request, Notice> {
    let requests = facts.requests.as_ref().map_err(Explain::notice)?;
    let asked = requests.iter().find(|asked| asked.id() == id);
    let asked = asked.ok_or_else(|| Notice::from(format!("there is no request {id}")))?;
    let decision = asked.decision.as_ref();
    if decision.is_some_and(|decision| decision.approved) {
        return Err(Notice::from(format!(
            "the request {id} was approved already"
        )));
    }
    Ok(asked)
}

/// What a certificate that waits is to say, by the key of its authority that is here.
fn certificate_request(
    waiting: &WaitingPlan,
    signs: Option<&(CaKey, PathBuf)>,
) -> Result<SignCertRequest, Notice> {
    let Intent::SignCert {
        key,
        authority,
        serial,
        id,
        principals,
        from,
        expires,
    } = &waiting.intent
    else {
        return Err(Notice::from("it is no certificate".to_owned()));
    };
    let Some((ca, out)) = signs.cloned() else {
        return Err(Notice::new(
            format!("the key of its authority, {authority}, signs it, and was not named"),
            format!(
                "where that key is: storekeeper plans SERVER confirm {} --ca FILE",
                waiting.id
            ),
        ));
    };
    if ca.fingerprint != *authority {
        let file = ca.file.display();
        return Err(Notice::from(format!(
            "{file} has the key {}, and the first administrator has chosen {authority}",
            ca.fingerprint
        )));
    }
    Ok(SignCertRequest {
        key: PublicSshKey::parse(key).map_err(|why| why.notice())?,
        ca,
        expires: *expires,
        principals: principals.clone(),
        from: from.clone(),
        id: Some(id.clone()),
        serial: *serial,
        out,
    })
}
