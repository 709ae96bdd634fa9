//! What runs by itself on a server: how it is, and the plans that install it or take it away.
//!
//! In: a connected server, what was typed. Out: a message with how each is; plans.

use crate::change::Plan;
use crate::change::install::{self, Planned};
use crate::console::app::msg::Msg;
use crate::console::backend::Sender;
use crate::console::plan::request::PlanRequest;
use crate::console::plan::space::effect;
use crate::console::types::problem::Problem;
use crate::domain::installable::Installable;
use crate::domain::{When, notice};
use crate::server::{Server, ServerError};

/// Looks at all of it.
pub(super) async fn read(server: Server, send: Sender) {
    let found = Box::pin(install::look_at_all(&server)).await;
    let found = found.map(Vec::from).map_err(|error| Problem::new(&error));
    let _ = send.send(Msg::Installed(found));
}

/// Plans to install one. A timer that would have no policy to go by is none.
pub(super) async fn install(
    server: &Server,
    request: PlanRequest,
    what: Installable,
) -> Result<Plan, Problem> {
    let chosen = request.installs.clone();
    let chosen = chosen.unwrap_or_else(|| install::usual(what));
    let reason = request.reason.clone();
    let mut would = None;
    if what == Installable::PolicyTimer {
        let policy = server.policy().await;
        let policy = policy.map_err(|error| Problem::new(&error))?;
        let policy = policy.map_err(|unknown| Problem::new(&unknown))?;
        let (text, _) = policy.found.ok_or_else(|| {
            Problem::say(notice!(
                "the server has no retention policy, so a timer would have none to go by",
                "write one first: E on screen 5"
            ))
        })?;
        let work = move || effect(&request, &text, When::now());
        // Without what is dead there is a plan all the same.
        would = tokio::task::spawn_blocking(work).await.unwrap_or_default();
    }
    planned(install::install(server, what, &chosen, would).await, reason)
}

/// Plans to take one away.
pub(super) async fn remove(
    server: &Server,
    request: &PlanRequest,
    what: Installable,
) -> Result<Plan, Problem> {
    planned(install::remove(server, what).await, request.reason.clone())
}

fn planned(planned: Result<Planned, ServerError>, reason: Option<String>) -> Result<Plan, Problem> {
    let plan = planned.map_err(|error| Problem::new(&error))?;
    let plan = plan.map_err(|error| Problem::new(&error))?;
    Ok(Plan { reason, ..plan })
}
