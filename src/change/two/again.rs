//! Planning again what waits, for the second administrator.
//!
//! In: a plan that waits, who is logged in, and the facts of now. Out: the plan, which says whose it is; or why it may not be confirmed:
//! the same person, too late, confirmed already, or not what the first has seen any more.

use super::wish::{DOUBT, effects, new_key};
use crate::change::Plan;
use crate::change::access::{
    About, AccessError, approve, authorize, expire, resume, revoke, suspend,
};
use crate::change::keep::{KeepError, Kept, delete_paths, remove, retention, unpin};
use crate::change::second::{Confirms, Second};
use crate::change::sign::strip::{self, Stored, StripError};
use crate::domain::access::AccessFacts;
use crate::domain::pin::Pin;
use crate::domain::two_persons::{
    FoundPlan, Login, Rule, RuleError, TwoPersons, WaitingPlan, Wish,
};
use crate::domain::{Explain, Fact, Notice, When};
use crate::server::{Generation, PolicyFile};
use std::collections::BTreeSet;
use thiserror::Error;

/// Lines of a difference that are shown.
const SHOWN: usize = 20;

/// What has to be found out before a plan can be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Who may log in.
    Access,
    /// The store, and what keeps its paths.
    Store,
    /// The retention policy.
    Policy,
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
}

/// Why a plan that waits is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum TwoError {
    /// There is none of this id.
    None(String),
    /// It can't be read.
    Unreadable {
        /// Which.
        id: String,
        /// Why.
        why: String,
    },
    /// Somebody has confirmed it.
    Begun(String),
    /// Its time has ended.
    Over {
        /// Which.
        id: String,
        /// When.
        until: When,
    },
    /// It is the same administrator.
    Same(Notice),
    /// Something else would happen than the first has seen.
    Differs {
        /// Which.
        id: String,
        /// Line by line.
        lines: Vec<String>,
    },
    /// There is nothing to do any more, or it can't be done.
    Impossible {
        /// Which.
        id: String,
        /// Why.
        why: Notice,
    },
    /// The text is no rule.
    Rule(RuleError),
    /// The rule is that already.
    Nothing,
    /// The rule that is there is not known.
    Unknown(String),
}

impl TwoError {
    /// Whether it is a matter of what has changed meanwhile.
    pub const fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Begun(_) | Self::Differs { .. } | Self::Impossible { .. }
        )
    }

    /// Whether it is a matter of the rule.
    pub const fn is_policy(&self) -> bool {
        matches!(self, Self::Same(_) | Self::Over { .. })
    }
}

impl Explain for TwoError {
    fn notice(&self) -> Notice {
        match self {
            Self::None(id) => Notice::new(
                format!("no plan {id} waits here"),
                "`storekeeper plans SERVER` lists those that wait",
            ),
            Self::Unreadable { id, why } => Notice::new(
                format!("the plan {id} can't be confirmed: {why}"),
                "drop it, and plan the change again",
            ),
            Self::Begun(id) => Notice::new(
                format!("the plan {id} was confirmed already: its job runs, or was killed"),
                "look into the audit log; drop the plan where its job was killed, and plan the rest again",
            ),
            Self::Over { id, until } => Notice::new(
                format!("the plan {id} could be confirmed until {until}"),
                "drop it, and plan the change again",
            ),
            Self::Same(why) => why.clone(),
            Self::Differs { id, lines } => {
                let shown: Vec<&str> = lines.iter().take(SHOWN).map(String::as_str).collect();
                Notice::new(
                    format!(
                        "what the plan {id} would do now is not what its first administrator has seen: {}",
                        shown.join("; ")
                    ),
                    "drop it, and plan the change again",
                )
            }
            Self::Impossible { id, why } => Notice::new(
                format!(
                    "the plan {id} can't be carried out any more: {}",
                    why.message
                ),
                "drop it, and plan the change again if it is still wanted",
            ),
            Self::Rule(error) => error.notice(),
            Self::Nothing => {
                Notice::from("there is nothing to do: that is the rule already".to_owned())
            }
            Self::Unknown(why) => Notice::new(
                format!("which changes need a second administrator is not known: {why}"),
                "root on the server has to correct the rule's file",
            ),
        }
    }
}

/// What has to be looked at to plan this again.
pub const fn needs(wish: &Wish) -> Needs {
    match wish {
        Wish::Authorize { .. }
        | Wish::Approve { .. }
        | Wish::Revoke { .. }
        | Wish::Suspend { .. }
        | Wish::Resume { .. }
        | Wish::Expire { .. } => Needs::Access,
        Wish::Delete { .. } | Wish::Unpin { .. } | Wish::RemoveRoot { .. } | Wish::Strip { .. } => {
            Needs::Store
        }
        Wish::SetRetention { .. } => Needs::Policy,
        Wish::SetRule { .. } => Needs::Nothing,
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
    let mut plan =
        planned(about, login, two, waiting, seen).map_err(|why| TwoError::Impossible {
            id: waiting.id.clone(),
            why,
        })?;
    let lines = differences(&waiting.effects, &effects(&plan));
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
    match &waiting.wish {
        Wish::Authorize { line, file } => {
            let facts = access()?;
            of_access(authorize(about, facts, &new(line)?, Some(file), reason))
        }
        Wish::Approve {
            request,
            line,
            file,
        } => {
            let facts = access()?;
            let requests = facts.requests.as_ref().map_err(Explain::notice)?;
            let asked = requests.iter().find(|asked| asked.id() == *request);
            let asked =
                asked.ok_or_else(|| Notice::from(format!("there is no request {request}")))?;
            if let Some(decision) = &asked.decision
                && decision.approved
            {
                return Err(Notice::from(format!(
                    "the request {request} was approved already"
                )));
            }
            let note = reason.as_deref().unwrap_or_default();
            of_access(approve(about, facts, asked, &new(line)?, Some(file), note))
        }
        Wish::Revoke { key, end_sessions } => of_access(revoke(
            about,
            access()?,
            &login.account,
            *key,
            *end_sessions,
            reason,
        )),
        Wish::Suspend { key, end_sessions } => of_access(suspend(
            about,
            access()?,
            &login.account,
            *key,
            *end_sessions,
            reason,
        )),
        Wish::Resume { key } => of_access(resume(about, access()?, *key, reason)),
        Wish::Expire { key, expires } => of_access(expire(
            about,
            access()?,
            &login.account,
            *key,
            *expires,
            reason,
        )),
        Wish::Delete { paths } => {
            let unknown = || crate::domain::Unknown::new("it was not looked at");
            let access = seen.access.clone().unwrap_or_else(|| Err(unknown()));
            of_store(delete_paths(about, kept()?, paths, access))
        }
        Wish::Unpin { pins } => of_store(unpin(about, kept()?, seen.pins, seen.folder, pins)),
        Wish::RemoveRoot { root } => of_store(remove(
            about,
            kept()?,
            seen.pins,
            seen.folder,
            seen.generations,
            root,
        )),
        Wish::Strip { key, paths } => {
            let stored = seen
                .stored
                .ok_or_else(|| Notice::from("the signatures are not known".to_owned()))?;
            let only: BTreeSet<_> = paths.iter().cloned().collect();
            let planned = strip::plan(stored, kept()?.inventory, key, Some(&only), reason);
            planned.map_err(|why: StripError| why.notice())
        }
        Wish::SetRetention { text } => {
            let file = seen
                .policy
                .ok_or_else(|| Notice::from("the retention policy is not known".to_owned()))?;
            of_store(retention(about, file, text, None))
        }
        Wish::SetRule { text } => {
            let rule = Rule::parse(text).map_err(|error| error.notice())?;
            super::set_rule(about, two, &rule).map_err(|why| why.notice())
        }
    }
}
