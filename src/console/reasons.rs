//! Why an action cannot be done now.
//!
//! In: the model. Out: `Ok`, or the reason as a short clause, which help, palette and toasts show.

use super::model::{Layer, Link, Model, Screen};
use crate::change::Refusal;
use std::borrow::Cow;

type Reason = Result<(), Cow<'static, str>>;

fn no(reason: &'static str) -> Reason {
    Err(Cow::Borrowed(reason))
}

/// Nothing in the way.
#[allow(clippy::unnecessary_wraps, reason = "has the type of the others")]
pub(super) fn always(_: &Model) -> Reason {
    Ok(())
}

/// Comes with a later version.
pub(super) fn not_yet_built(_: &Model) -> Reason {
    no("not yet built")
}

/// What every change needs: permission and a connection.
pub(super) fn can_change(model: &Model) -> Reason {
    if model.policy.read_only {
        return Err(Cow::Owned(Refusal::ReadOnly.to_string()));
    }
    match model.link {
        Link::Up { .. } => {}
        Link::Connecting => return no("not connected yet"),
        Link::Down { .. } | Link::Failed(_) => {
            return no("not connected; R connects again");
        }
    }
    if model.facts.is_none() {
        return no("the server has not been asked yet");
    }
    Ok(())
}

/// There is something here that signing could mean.
pub(super) fn can_sign(model: &Model) -> Reason {
    can_change(model)?;
    if model.screen == Screen::Overview && model.pages.is_empty() {
        return can_sign_all(model);
    }
    if model.marks.count() == 0 && model.current_rows().is_empty() {
        return no("no path is marked or under the cursor");
    }
    Ok(())
}

/// Something is refused.
pub(super) fn can_sign_all(model: &Model) -> Reason {
    can_change(model)?;
    match &model.data.inventory {
        None => no("the store has not been read yet"),
        Some(inventory) if inventory.counts().refused == 0 => {
            no("clients refuse no path, there is nothing to sign")
        }
        Some(_) => Ok(()),
    }
}

/// The list shows rows.
pub(super) fn has_rows(model: &Model) -> Reason {
    if model.rows_shown() == 0 {
        return no("the list is empty");
    }
    Ok(())
}

/// Something is marked.
pub(super) fn has_marks(model: &Model) -> Reason {
    if model.marks.count() == 0 {
        return no("nothing is marked");
    }
    Ok(())
}

/// A marked path and another one under the cursor.
pub(super) fn two_paths(model: &Model) -> Reason {
    let current = model.current_row();
    let mut others = model.marks.rows().filter(|row| Some(*row) != current);
    match (current, others.next(), others.next()) {
        (Some(_), Some(_), None) => Ok(()),
        (None, ..) => no("no path is under the cursor"),
        (_, None, _) => no("mark one path first, then go to another"),
        (_, Some(_), Some(_)) => no("more than one path is marked; u takes the marks away"),
    }
}

/// The job under the cursor runs.
pub(super) fn job_runs(model: &Model) -> Reason {
    match model.current_job() {
        Some(job) if job.cancelling => no("it is being cancelled already"),
        Some(job) if job.is_running() => Ok(()),
        _ => no("no running job is under the cursor"),
    }
}

/// There is another server to go to.
pub(super) fn other_servers(model: &Model) -> Reason {
    if model.servers.len() < 2 {
        return no("the configuration names no other server");
    }
    if model.jobs.iter().any(super::jobs::Job::is_running) {
        return no("a job runs; wait for it or cancel it");
    }
    Ok(())
}

/// The plan in the dialog can be confirmed.
pub(super) fn plan_ready(model: &Model) -> Reason {
    let Some(Layer::Sign(dialog)) = model.layers.last() else {
        return no("there is no plan");
    };
    can_change(model)?;
    match &dialog.plan {
        None => no("the plan is still being made"),
        Some(Err(trouble)) => Err(Cow::Owned(trouble.summary.clone())),
        Some(Ok(plan)) if plan.items.is_empty() => Err(Cow::Owned(Refusal::Nothing.to_string())),
        Some(Ok(_)) => Ok(()),
    }
}
