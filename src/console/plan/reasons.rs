//! Why an action of the dialog can't be done now.

use crate::change::Refusal;
use crate::console::plan::rows;
use crate::console::plan::state::{Inputs, PlanDialog};
use crate::console::types::action::Act;
use crate::console::types::change::{ChangeKind, SpaceChange, TwoChange, What};
use crate::console::types::context::Context;
use crate::console::types::reason::{Reason, no};
use crate::domain::installable::Installable;
use std::borrow::Cow;

/// Whether an action of the dialog can be done now, and if not, why.
pub fn of(dialog: &PlanDialog, act: Act, cx: &Context, inputs: &Inputs<'_>) -> Reason {
    let change = &dialog.change;
    match act {
        Act::ConfirmPlan => ready(dialog, cx, inputs),
        Act::PlanReason if matches!(change, ChangeKind::Two(TwoChange::Confirm(_))) => {
            no("the first administrator has said why")
        }
        Act::PlanItems if dialog.made().is_none() => no("there is no plan to list yet"),
        Act::PlanClosure | Act::PlanUpstream
            if matches!(change, ChangeKind::Sign(What::Rotation(_))) =>
        {
            no("a rotation signs what only one key has signed, and nothing else")
        }
        Act::PlanFrom if change.certifies() => Ok(()),
        Act::PlanFrom | Act::PlanComment if !change.writes_line() => {
            no("this change writes no new line")
        }
        Act::PlanNames | Act::PlanId if change.signs() && !change.certifies() => {
            no("the first administrator has said that")
        }
        Act::PlanAuthority | Act::PlanNames | Act::PlanId | Act::PlanFile if !change.signs() => {
            no("this change makes no certificate")
        }
        Act::PlanClosure | Act::PlanUpstream if matches!(change, ChangeKind::Push(_)) => {
            no("a push takes whole closures, whatever their signatures")
        }
        Act::PlanLifetime if !change.has_lifetime() && !change.certifies() => {
            no("this change has no lifetime")
        }
        Act::PlanSessions if !change.ends_sessions() => no("this change ends no sessions"),
        Act::PlanExcept if !change.rotates() => no("only a rotation leaves paths out by a filter"),
        Act::PlanName | Act::PlanExpiry if let ChangeKind::Push(paths) = change => {
            if paths.len() == 1 {
                return Ok(());
            }
            no("a pin can't name several paths; push them one by one")
        }
        Act::PlanName if change.installs(Installable::AutoSign) => Ok(()),
        Act::PlanNever | Act::PlanUploaders if !change.installs(Installable::AutoSign) => {
            no("this installs no auto-sign")
        }
        Act::PlanProgram if !change.installs(Installable::PolicyTimer) => {
            no("this installs no policy timer")
        }
        Act::PlanRemove if !change.installs_or_removes() => {
            no("nothing is installed or removed by this")
        }
        Act::PlanName | Act::PlanRevisions if !change.names_pin() => match change {
            ChangeKind::Space(SpaceChange::Pin(_)) => {
                no("several pins are named after their paths, and none moves")
            }
            _ => no("this makes no pin"),
        },
        Act::PlanExpiry => match change {
            ChangeKind::Space(SpaceChange::Pin(_) | SpaceChange::RemoveGenerations)
            | ChangeKind::Install(Installable::PolicyTimer | Installable::Lease) => Ok(()),
            _ => no("this makes no pin"),
        },
        _ => Ok(()),
    }
}

/// Whether the plan can be confirmed.
pub fn ready(dialog: &PlanDialog, cx: &Context, inputs: &Inputs<'_>) -> Reason {
    cx.can_change()?;
    if dialog.change.unanswered().is_some() {
        // What follows is the answer, and then a plan.
        return Ok(());
    }
    match &dialog.plan {
        None => no("the plan is still being made"),
        Some(Err(problem)) => Err(Cow::Owned(problem.to_string())),
        Some(Ok(plan)) if plan.items.is_empty() => Err(Cow::Owned(Refusal::Nothing.to_string())),
        Some(Ok(_)) if !dialog.read && rows::of(dialog, cx, inputs).hides_warning => {
            no("a warning is not on the screen; read it with l, or make the terminal larger")
        }
        Some(Ok(_)) => Ok(()),
    }
}
