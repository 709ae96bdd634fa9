//! Why an action about what the store keeps cannot be done now.

use crate::change::keep::{Over, over};
use crate::console::app::model::Model;
use crate::console::app::reasons::two_paths;
use crate::console::screens::activity::job::Job;
use crate::console::screens::space::state::View;
use crate::console::types::reason::{Reason, no};
use crate::console::types::screen::Screen;
use crate::domain::roots::RootKind;
use crate::inventory::Inventory;
use std::borrow::Cow;

/// What is dead is known.
fn assessment(model: &Model) -> Reason {
    let space = &model.space;
    if space.assessment.is_some() {
        return Ok(());
    }
    match (&space.known, &space.problem) {
        (None, Some(problem)) => Err(Cow::Owned(problem.to_string())),
        (None, None) => no("the server has not been asked for its roots yet"),
        (Some(known), _) => match &known.roots {
            Err(why) => Err(Cow::Owned(format!("the roots are not known: {why}"))),
            Ok(_) if known.last_use.is_none() => {
                no("when paths were last used is still being read")
            }
            Ok(_) if model.cx.data.problem.is_some() => {
                no("the store was not read to its end; R reads it again")
            }
            Ok(_) if model.cx.data.loading || model.cx.data.inventory.is_none() => {
                no("the store is still being read; what is dead is known when all of it is")
            }
            Ok(_) => no("what is dead is still being worked out"),
        },
    }
}

/// Whether the plan is what one looks at.
pub(in crate::console) fn on_plan(model: &Model) -> bool {
    model.screen == Screen::Space && model.page().is_none() && model.space.view == View::Plan
}

/// The planner is in front.
pub(in crate::console) fn on_planner(model: &Model) -> Reason {
    if model.space.view != View::Plan {
        return no("this is done in the plan view, to the left");
    }
    assessment(model)
}

/// The server has a policy.
pub(in crate::console) fn has_policy(model: &Model) -> Reason {
    on_planner(model)?;
    match model.space.known.as_ref().map(|known| &known.policy) {
        Some(Ok(Some(_))) => Ok(()),
        Some(Err(why)) => Err(Cow::Owned(why.to_string())),
        _ => no("the server has no retention policy; E writes one"),
    }
}

/// The rules can be edited, also before there is a plan.
pub(in crate::console) fn can_edit_rules(model: &Model) -> Reason {
    if model.space.view != View::Plan {
        return no("this is done in the plan view, to the left");
    }
    Ok(())
}

/// There is a plan that could run. From other screens one only goes to the planner.
pub(in crate::console) fn can_collect(model: &Model) -> Reason {
    if !on_plan(model) {
        return Ok(());
    }
    model.cx.can_change()?;
    assessment(model)?;
    let space = &model.space;
    if let Some((_, why)) = &space.form.problem {
        return Err(Cow::Owned(why.clone()));
    }
    match &space.planned {
        _ if space.stale => no("the plan is still being made"),
        None => no("the plan is still being made"),
        Some(planned) if planned.collection.order.is_empty() => {
            no("nothing goes by these rules; e changes them")
        }
        Some(_) => Ok(()),
    }
}

/// There is something dead.
pub(in crate::console) fn can_collect_whole(model: &Model) -> Reason {
    can_remove_generations(model)?;
    match &model.space.assessment {
        Some(assessment) if assessment.liveness.dead().0 == 0 => no("nothing in the store is dead"),
        _ => Ok(()),
    }
}

/// What goes with old generations is known.
pub(in crate::console) fn can_remove_generations(model: &Model) -> Reason {
    model.cx.can_change()?;
    assessment(model)
}

/// There is a path to pin.
pub(in crate::console) fn can_pin(model: &Model) -> Reason {
    model.cx.can_change_paths()?;
    if model.cx.marks.count() == 0 && model.current_row().is_none() {
        return no("no path is marked or under the cursor");
    }
    Ok(())
}

/// There is a path to delete, and what keeps it is known.
pub(in crate::console) fn can_delete(model: &Model) -> Reason {
    can_pin(model)?;
    assessment(model)
}

/// Contents can be compared with their hashes. Read-only will do.
pub(in crate::console) fn can_verify(model: &Model) -> Reason {
    can_verify_all(model)?;
    if model.cx.marks.count() == 0 && model.current_row().is_none() {
        return no("no path is marked or under the cursor");
    }
    Ok(())
}

/// The same for all paths.
pub(in crate::console) fn can_verify_all(model: &Model) -> Reason {
    model.cx.connected()?;
    let data = &model.cx.data;
    let unread = |inventory: &Inventory| inventory.counts().unread > 0 || data.kept.is_some();
    match &data.inventory {
        // While it is read again, what was read before is whole.
        Some(inventory) if !(data.loading && unread(inventory)) => {}
        _ => return no("the store is still being read"),
    }
    let verifies = |job: &Job| job.change == "verify" && job.is_running();
    if model.activity.jobs.iter().any(verifies) {
        return no("paths are being verified already; 6 shows how far that is");
    }
    Ok(())
}

/// Something is known to be damaged.
pub(in crate::console) fn can_mend(model: &Model) -> Reason {
    model.cx.can_change_paths()?;
    if model.space.damaged.is_empty() {
        return no("no path is known to be damaged; V verifies paths");
    }
    Ok(())
}

/// A root is under the cursor that a person can take away.
pub(in crate::console) fn can_unroot(model: &Model) -> Reason {
    if model.space.view != View::Roots {
        return no("this is done in the view of roots");
    }
    model.cx.can_change()?;
    assessment(model)?;
    let Some(line) = model.space.current_root() else {
        return no("no root is under the cursor");
    };
    match &line.root.kind {
        RootKind::Pin(_) | RootKind::Generation { .. } | RootKind::Indirect => Ok(()),
        RootKind::Direct => {
            no("Nix or the system made it for itself; remove it by hand if you are sure")
        }
        RootKind::Profile => {
            no("this is the generation in use; switch the profile to another one first")
        }
        RootKind::Temporary => no("a client holds it; it goes when the client is done"),
        RootKind::Runtime(_) => no("a process uses it; it goes when the process ends"),
        RootKind::Censored => no("the daemon hides from this login what holds it"),
        RootKind::Unknown => no("unknown root type; look at it on the server"),
    }
}

/// A pin has expired.
pub(in crate::console) fn can_unpin_over(model: &Model, which: Over) -> Reason {
    model.cx.can_change()?;
    assessment(model)?;
    let known = model.space.known.as_ref();
    let pins = known.and_then(|known| Some((known.pins.as_deref().ok()?, known)));
    match pins {
        Some((pins, known)) if over(pins, which, known.there(model.cx.now)).is_empty() => {
            no(match which {
                Over::Pins => "no pin has expired",
                Over::Revisions => "no revision of a pin has expired",
            })
        }
        _ => Ok(()),
    }
}

/// The server can be copied from, and no copy is on its way.
pub(in crate::console) fn can_back_up(model: &Model) -> Reason {
    model.cx.connected()?;
    let copies = |job: &Job| job.change == "backup" && job.is_running();
    if model.activity.jobs.iter().any(copies) {
        return no("the database is being copied already; 6 shows that");
    }
    Ok(())
}

/// Two paths, or one and the roots.
pub(in crate::console) fn can_ask_why(model: &Model) -> Reason {
    if two_paths(model).is_ok() {
        return Ok(());
    }
    if model.current_row().is_none() {
        return no("no path is under the cursor");
    }
    assessment(model)
}
