//! Leaving: at once where nothing runs, else after what runs was cancelled and has left its receipts.
//!
//! In: a key, or the news that somebody wants the end. Out: the jobs that are cancelled for it.

use super::show::push;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens::activity::job::Job;
use crate::console::types::action::Act;
use crate::console::types::key::{Code, Key};

/// `q`: closes a dialog, else leaves; asks only while a job runs.
pub(super) fn quit(model: &mut Model) -> Vec<Effect> {
    if model.layers.pop().is_some() {
        return vec![];
    }
    if model.activity.jobs.iter().any(Job::is_running) {
        return push(model, Layer::Quit);
    }
    model.quit = true;
    vec![]
}

/// Cancels what runs and leaves with its receipts; said again, leaves at once.
pub(super) fn leave(model: &mut Model) -> Vec<Effect> {
    let again = model.leaving;
    let effects = cancel(model);
    model.quit |= again;
    effects
}

/// The same for a signal, or a terminal that is gone: whoever closes the dialog does not stay.
pub(super) fn terminate(model: &mut Model) -> Vec<Effect> {
    model.stopped = true;
    let effects = cancel(model);
    if !model.quit && !matches!(model.layers.last(), Some(Layer::Quit)) {
        push(model, Layer::Quit);
    }
    effects
}

fn cancel(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    for job in model
        .activity
        .jobs
        .iter_mut()
        .filter(|job| job.is_running())
    {
        job.cancelling = true;
        effects.push(Effect::Cancel(job.id));
    }
    model.quit |= effects.is_empty();
    model.leaving = true;
    effects
}

/// Keys while the terminal is too small to show what they would do.
pub(super) fn quit_only(model: &mut Model, key: Key) -> Vec<Effect> {
    let typing = model.scope().is_none();
    let interrupt = key.ctrl && key.code == Code::Char('c');
    if interrupt || (!typing && model.cx.keymap.keys(Act::Quit).contains(&key)) {
        if model.activity.jobs.iter().any(Job::is_running) {
            // The small message says so.
            return vec![];
        }
        model.quit = true;
    }
    vec![]
}
