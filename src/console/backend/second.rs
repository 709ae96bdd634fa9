//! Plans that wait for a second administrator, and plans that will.
//!
//! In: a connected server, and a plan. Out: what the two-person rule makes of it; or a plan that waits, planned again from what is there now.

use crate::change::Plan;
use crate::change::access::About;
use crate::change::audit::who::login;
use crate::change::collect::rules;
use crate::change::sign::strip::look;
use crate::change::two::{Needs, Seen, TwoError, again, drop_plan, may, needs};
use crate::console::plan::request::PlanRequest;
use crate::console::plan::{access, space};
use crate::console::types::change::TwoChange;
use crate::console::types::problem::Problem;
use crate::domain::two_persons::{FoundPlan, Intent, Login, TwoPersons, WaitingPlan};
use crate::domain::{Explain as _, Notice, Unknown, When};
use crate::link::certify::CaKey;
use crate::server::Server;
use std::sync::Arc;

/// Notes on a plan that it will wait, where the server has such a rule. A look that fails is no reason to stop: the job decides.
pub(super) async fn ahead(server: &Server, plan: &mut Plan) {
    if plan.second.is_none()
        && let Ok(two) = server.two_persons().await
        && two.rule.is_ok_and(|rule| rule.needs(plan.change))
    {
        plan.needs_second();
    }
}

/// Makes the plan.
pub(super) async fn plan(
    server: &Server,
    request: &PlanRequest,
    change: &TwoChange,
    ca: Option<(CaKey, u64)>,
) -> Result<Plan, Problem> {
    let found = match change {
        TwoChange::Drop(found) => {
            let mut plan = drop_plan(&About::of(server), found);
            plan.reason.clone_from(&request.reason);
            return Ok(plan);
        }
        TwoChange::Confirm(found) => found,
    };
    let two = server.two_persons().await;
    let two = two.map_err(|error| Problem::new(&error))?;
    confirmed(server, request, &two, found, ca).await
}

async fn confirmed(
    server: &Server,
    request: &PlanRequest,
    two: &TwoPersons,
    shown: &FoundPlan,
    ca: Option<(CaKey, u64)>,
) -> Result<Plan, Problem> {
    let problem = |error: TwoError| Problem::new(&error);
    let found = two.plans.iter().find(|found| found.file == shown.file);
    let found = found.ok_or_else(|| problem(TwoError::None(shown.id.clone())))?;
    let about = About::of(server);
    let login = login(server);
    let waiting = may(found, &login, two.at).map_err(problem)?;
    let planned = match needs(&waiting.intent) {
        Needs::Nothing => again(&about, &login, two, found, &Seen::default()),
        Needs::Access => {
            let facts = server.access().await;
            let facts = facts.map_err(|error| Problem::new(&error))?;
            let out = access::out(request, &waiting.intent);
            let seen = Seen {
                access: Some(Ok(&facts)),
                signs: ca.map(|(ca, _)| ca).zip(out),
                ..Seen::default()
            };
            again(&about, &login, two, found, &seen)
        }
        Needs::Policy => {
            let policy = server.policy().await;
            let policy = policy.map_err(|error| Problem::new(&error))?;
            let policy = policy.map_err(|why| Problem::new(&why))?;
            let seen = Seen {
                policy: Some(&policy),
                ..Seen::default()
            };
            again(&about, &login, two, found, &seen)
        }
        Needs::Collection => {
            let shown = (&about, &login, two, found);
            collection(server, request, shown, waiting).await
        }
        Needs::Store => {
            let assessment = request.assessment()?;
            let pins = server.pins().await;
            let pins = pins.map_err(|error| Problem::new(&error))?;
            let pins = pins.map_err(|why| Problem::new(&why))?;
            let roots = assessment.known.roots.as_deref().unwrap_or_default();
            let generations = server.generations(roots).await;
            let generations = generations.map_err(|error| Problem::new(&error))?;
            let stored = match &waiting.intent {
                Intent::Strip { key, .. } => {
                    let stored = look(server, key).await;
                    Some(stored.map_err(|error| Problem::new(&error))?)
                }
                _ => None,
            };
            let access = request.access.as_ref().map(|known| &known.facts);
            let unread = || Unknown::new("who may log in has not been read yet");
            let (keep, folder) = (assessment.keep(), server.pins_dir());
            let seen = Seen {
                access: Some(access.ok_or_else(unread)),
                kept: Some(assessment.kept(&keep)),
                pins: &pins,
                folder: &folder,
                generations: &generations,
                stored: stored.as_ref(),
                ..Seen::default()
            };
            again(&about, &login, two, found, &seen)
        }
    };
    planned.map_err(problem)
}

/// A collection, by the rules of the first and of what that one has seen.
async fn collection(
    server: &Server,
    request: &PlanRequest,
    (about, login, two, found): (&About, &Login, &TwoPersons, &FoundPlan),
    waiting: &WaitingPlan,
) -> Result<Plan, TwoError> {
    let impossible = |why| TwoError::Impossible {
        id: waiting.id.clone(),
        why,
    };
    let Intent::Collect { rules: kept, list } = &waiting.intent else {
        return Err(TwoError::None(waiting.id.clone()));
    };
    let list = server.plan_list(&waiting.id, list).await;
    let list = Arc::new(list.map_err(|error| impossible(error.notice()))?);
    let policy = if kept.policy {
        super::space::policy(server).await
    } else {
        Ok(None)
    };
    let policy = policy.map_err(|unknown| impossible(unknown.notice()))?;
    let rules = rules(kept, policy, Arc::clone(&list), None).map_err(impossible)?;
    let (request, about, login) = (request.clone(), about.clone(), login.clone());
    let (two, found) = (two.clone(), found.clone());
    let planned = tokio::task::spawn_blocking(move || {
        space::again(&request, rules, (&about, When::now()), |collection| {
            let seen = Seen {
                collection: Some((*collection, list.as_ref())),
                ..Seen::default()
            };
            again(&about, &login, &two, &found, &seen)
        })
    });
    let planned = planned
        .await
        .map_err(|error| impossible(Notice::from(error.to_string())))?;
    planned.unwrap_or_else(|why| Err(impossible(why)))
}
