//! Why an action cannot be done now.
//!
//! In: the model. Out: `Ok`, or the reason as a short clause, which help, palette and toasts show.

mod space;

pub(super) use space::{
    can_ask_why, can_back_up, can_collect, can_collect_whole, can_delete, can_edit_rules, can_mend,
    can_pin, can_remove_generations, can_unpin_over, can_unroot, can_verify, can_verify_all,
    has_policy, on_plan, on_planner,
};

use crate::change::keep::Over;
use crate::console::app::find::Place;
use crate::console::app::model::Model;
use crate::console::plan;
use crate::console::screens::activity::state::Part;
use crate::console::types::access::Line;
use crate::console::types::action::{self, Act};
use crate::console::types::client::clients;
use crate::console::types::need::Need;
use crate::console::types::reason::Reason;
use crate::console::types::reason::no;
use crate::console::types::screen::Screen;
use std::borrow::Cow;

/// Whether an action can be done now, and if not, why.
pub(super) fn of(model: &Model, act: Act) -> Reason {
    if let Some(dialog) = model.plan_dialog() {
        return plan::reasons::of(dialog, act, &model.cx, &model.plan_inputs());
    }
    match action::find(act).map_or(Need::Nothing, |action| action.need) {
        Need::Nothing => Ok(()),
        Need::Connection => model.cx.connected(),
        Need::Change => model.cx.can_change(),
        Need::Rows => has_rows(model),
        Need::AllRows => has_all_rows(model),
        Need::Marks => has_marks(model),
        Need::Search => is_searched(model),
        Need::Job => job_runs(model),
        Need::Undo => can_undo(model),
        Need::Servers => other_servers(model),
        Need::WaitingPlans => crate::console::app::waiting::can_list(model),
        Need::Sign => can_sign(model),
        Need::SignAll => can_sign_all(model),
        Need::Rotate => can_rotate(model),
        Need::Access => on_access(model),
        Need::Authorize => can_authorize(model),
        Need::Deny => can_deny(model),
        Need::EditKey => can_revoke(model),
        Need::Expire => can_expire(model),
        Need::Prove => can_prove(model),
        Need::Review => can_review(model),
        Need::AskAccess => can_ask(model),
        Need::Client => can_show_way(model),
        Need::ChooseClient => can_choose_client(model),
        Need::Session => can_end_session(model),
        Need::Collect => can_collect(model),
        Need::CollectWhole => can_collect_whole(model),
        Need::RemoveGenerations => can_remove_generations(model),
        Need::EditRules => can_edit_rules(model),
        Need::Policy => has_policy(model),
        Need::Planner => on_planner(model),
        Need::Pin => can_pin(model),
        Need::Unroot => can_unroot(model),
        Need::ExpiredPins => can_unpin_over(model, Over::Pins),
        Need::ExpiredRevisions => can_unpin_over(model, Over::Revisions),
        Need::Delete => can_delete(model),
        Need::BackUp => can_back_up(model),
        Need::Verify => can_verify(model),
        Need::VerifyAll => can_verify_all(model),
        Need::Damage => can_mend(model),
        Need::AskWhy => can_ask_why(model),
    }
}

/// Screen 4 is in front, and knows who may log in.
fn on_access(model: &Model) -> Reason {
    if model.screen != Screen::Access && model.access_line().is_none() {
        return no("this is done on screen 4");
    }
    model.cx.can_change()?;
    if model.access.known.is_none() {
        return match &model.access.problem {
            Some(problem) => Err(Cow::Owned(problem.to_string())),
            None => no("who may log in has not been read yet"),
        };
    }
    Ok(())
}

/// A key can be authorized.
pub(super) fn can_authorize(model: &Model) -> Reason {
    on_access(model)?;
    if model.screen == Screen::Overview && !matches!(model.access_line(), Some(Line::Request(_))) {
        return no("no request is under the cursor");
    }
    let Some(known) = &model.access.known else {
        return Ok(());
    };
    let mut fixed = known
        .facts
        .files
        .iter()
        .map(crate::console::types::access::fixed);
    match fixed.next() {
        None => {
            no("which key files count is not known; name them with key_files in the configuration")
        }
        Some(Some(why)) if fixed.all(|other| other.is_some()) => Err(Cow::Owned(why)),
        Some(_) => Ok(()),
    }
}

/// Who may log in is known; read-only will do.
fn can_review(model: &Model) -> Reason {
    match (&model.access.known, &model.access.problem) {
        (Some(_), _) => Ok(()),
        (None, Some(problem)) => Err(Cow::Owned(problem.to_string())),
        (None, None) => no("who may log in has not been read yet"),
    }
}

/// The same, and the server can be asked.
pub(super) fn can_ask(model: &Model) -> Reason {
    model.cx.connected()?;
    can_review(model)
}

/// A request is under the cursor.
pub(super) fn can_deny(model: &Model) -> Reason {
    on_access(model)?;
    match model.access_line() {
        Some(Line::Request(_)) => Ok(()),
        _ => no("no request is under the cursor"),
    }
}

/// A request is under the cursor that nobody has proven yet. What to send can be shown read-only, too.
pub(super) fn can_prove(model: &Model) -> Reason {
    if model.screen != Screen::Access {
        return no("this is done on screen 4");
    }
    match model.access.current() {
        Some(Line::Request(entry)) if entry.row.proven => no("this request is proven already"),
        Some(Line::Request(_)) => Ok(()),
        _ => no("no request is under the cursor"),
    }
}

/// A key is under the cursor whose way can be asked about. Read-only will do.
fn can_show_way(model: &Model) -> Reason {
    if model.screen != Screen::Access {
        return no("this is done on screen 4");
    }
    model.cx.connected()?;
    match model.access.current() {
        Some(Line::Key(_) | Line::Request(_) | Line::Refused(_)) => Ok(()),
        _ => no("no key is under the cursor"),
    }
}

/// A path is under the cursor, and clients are known.
fn can_choose_client(model: &Model) -> Reason {
    model.cx.connected()?;
    if model.current_row().is_none() {
        return no("no path is under the cursor");
    }
    match &model.access.known {
        None => no("who may log in has not been read yet"),
        Some(known) if clients(known).is_empty() => no("no key of a client is known"),
        Some(_) => Ok(()),
    }
}

/// A key is under the cursor whose file can be edited.
pub(super) fn can_revoke(model: &Model) -> Reason {
    on_access(model)?;
    match model.access_line() {
        Some(Line::Key(entry)) => match &entry.fixed {
            Some(why) => Err(Cow::Owned(why.clone())),
            None => Ok(()),
        },
        _ => no("no key is under the cursor"),
    }
}

/// An open session is under the cursor of the activity screen.
pub(super) fn can_end_session(model: &Model) -> Reason {
    model.cx.can_change()?;
    match model.current_session() {
        Some(session) if session.since.is_none() => no("when the session began is not known"),
        Some(_) => Ok(()),
        None if model.activity.part == Part::Sessions => no("no session is under the cursor"),
        None => no("o shows the open sessions"),
    }
}

/// The same, or a request, whose lifetime is chosen before it is authorized.
pub(super) fn can_expire(model: &Model) -> Reason {
    on_access(model)?;
    match model.access_line() {
        Some(Line::Request(_)) => Ok(()),
        Some(Line::Key(entry)) if entry.row.suspended.is_some() => {
            no("the key is suspended; resume it first")
        }
        _ => can_revoke(model),
    }
}

/// There is something here that signing could mean.
pub(super) fn can_sign(model: &Model) -> Reason {
    model.cx.can_change_paths()?;
    if model.screen == Screen::Overview && model.pages.is_empty() {
        return can_sign_all(model);
    }
    if model.cx.marks.count() == 0 && model.current_rows().is_empty() {
        return no("no path is marked or under the cursor");
    }
    Ok(())
}

/// Something is refused.
pub(super) fn can_sign_all(model: &Model) -> Reason {
    model.cx.can_change_paths()?;
    match &model.cx.data.inventory {
        None => no("the store has not been read yet"),
        Some(inventory) if inventory.counts().refused == 0 => {
            no("clients refuse no path, there is nothing to sign")
        }
        Some(_) => Ok(()),
    }
}

/// The store was read to its end, so that what a key has signed is known.
fn can_rotate(model: &Model) -> Reason {
    model.cx.can_change_paths()?;
    match &model.cx.data.inventory {
        None => no("the store has not been read yet"),
        Some(_) if model.cx.data.loading => no("the store is still being read"),
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

/// The same, and they are all that it will show.
pub(super) fn has_all_rows(model: &Model) -> Reason {
    list_is_whole(model)?;
    has_rows(model)
}

/// The list answers the newest search, in the store as it is now.
pub(super) fn list_is_whole(model: &Model) -> Reason {
    let whole = match (model.screen, &model.store.query_error) {
        // What is shown is the answer to the search before.
        (Screen::Store, Some(error)) => return Err(error.clone().into()),
        (Screen::Store, None) => model.store.is_whole(),
        (Screen::Unsigned, _) => model.unsigned.is_whole(),
        _ => true,
    };
    if whole {
        return Ok(());
    }
    no("the list is still being made; press it again")
}

/// Something is looked for on this list.
fn is_searched(model: &Model) -> Reason {
    let searched = match Place::of(model) {
        Some(place) => !model.finds.text(place).trim().is_empty(),
        None if model.screen != Screen::Store => false,
        None => !model.store.search.value().is_empty() || !model.store.filter.is_empty(),
    };
    if searched {
        return Ok(());
    }
    let key = model.cx.keymap.names(Act::Search);
    Err(format!("nothing is searched on this list; {key} searches").into())
}

/// A receipt is shown of a change that another one takes back.
fn can_undo(model: &Model) -> Reason {
    if model.undo().is_none() {
        return no("this is no receipt of a change that can be taken back");
    }
    model.cx.can_change()
}

/// Something is marked.
pub(super) fn has_marks(model: &Model) -> Reason {
    if model.cx.marks.count() == 0 {
        return no("nothing is marked");
    }
    Ok(())
}

/// A marked path and another one under the cursor.
pub(super) fn two_paths(model: &Model) -> Reason {
    let current = model.current_row();
    let mut others = model.cx.marks.rows().filter(|row| Some(*row) != current);
    match (current, others.next(), others.next()) {
        (Some(_), Some(_), None) => Ok(()),
        (None, ..) => no("no path is under the cursor"),
        (_, None, _) => no("mark one path first, then go to another"),
        (_, Some(_), Some(_)) => no("more than one path is marked; u takes the marks away"),
    }
}

/// The job under the cursor runs.
pub(super) fn job_runs(model: &Model) -> Reason {
    match model.activity.current_job() {
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
    if model
        .activity
        .jobs
        .iter()
        .any(crate::console::screens::activity::job::Job::is_running)
    {
        return no("a job runs; wait for it or cancel it");
    }
    Ok(())
}
