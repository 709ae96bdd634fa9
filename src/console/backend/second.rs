//! Plans that wait for a second administrator, and plans that will.
//!
//! In: a connected server, and a plan. Out: what the two-person rule makes of it; or a plan that waits, planned again from what is there now.

use crate::change::access::About;
use crate::change::audit::who::login;
use crate::change::sign::strip::look;
use crate::change::two::{Needs, Seen, TwoError, again, drop_plan, may, needs};
use crate::change::{Plan, Second};
use crate::console::plan::request::PlanRequest;
use crate::console::types::change::TwoChange;
use crate::console::types::problem::Problem;
use crate::domain::Unknown;
use crate::domain::two_persons::{FoundPlan, TwoPersons, Wish};
use crate::server::Server;

/// Notes on a plan that it will wait, where the server has such a rule. A look that fails is no reason to stop: the job decides.
pub(super) async fn ahead(server: &Server, plan: &mut Plan) {
    if plan.second.is_none()
        && let Ok(two) = server.two_persons().await
        && two.rule.is_ok_and(|rule| rule.needs(plan.change))
    {
        plan.second = Some(Second::Needed);
    }
}

/// Makes the plan.
pub(super) async fn plan(
    server: &Server,
    request: &PlanRequest,
    change: &TwoChange,
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
    confirmed(server, request, &two, found).await
}

async fn confirmed(
    server: &Server,
    request: &PlanRequest,
    two: &TwoPersons,
    shown: &FoundPlan,
) -> Result<Plan, Problem> {
    let problem = |error: TwoError| Problem::new(&error);
    let found = two.plans.iter().find(|found| found.file == shown.file);
    let found = found.ok_or_else(|| problem(TwoError::None(shown.id.clone())))?;
    let about = About::of(server);
    let login = login(server);
    let waiting = may(found, &login, two.at).map_err(problem)?;
    let planned = match needs(&waiting.wish) {
        Needs::Nothing => again(&about, &login, two, found, &Seen::default()),
        Needs::Access => {
            let facts = server.access().await;
            let facts = facts.map_err(|error| Problem::new(&error))?;
            let seen = Seen {
                access: Some(Ok(&facts)),
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
        Needs::Store => {
            let assessment = request.assessment()?;
            let pins = server.pins().await;
            let pins = pins.map_err(|error| Problem::new(&error))?;
            let pins = pins.map_err(|why| Problem::new(&why))?;
            let roots = assessment.known.roots.as_deref().unwrap_or_default();
            let generations = server.generations(roots).await;
            let generations = generations.map_err(|error| Problem::new(&error))?;
            let stored = match &waiting.wish {
                Wish::Strip { key, .. } => {
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
                policy: None,
            };
            again(&about, &login, two, found, &seen)
        }
    };
    planned.map_err(problem)
}
