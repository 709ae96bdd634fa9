//! The way from a key to another retention policy: read, edited, planned.
//!
//! In: what the server has, what the editor has left. Out: the editor's turn, and the dialog before the change. What was written and is
//! not the server's policy yet is kept for the next time.

use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::{plan, show};
use crate::console::screens;
use crate::console::types::change::{ChangeKind, SpaceChange};
use crate::console::types::problem::Problem;
use crate::console::types::space::PolicyDraft;
use crate::judge::retention::Policy;
use crate::server::PolicyFile;
use std::path::PathBuf;

/// It was read: the editor begins with it, or with what was written before.
pub(super) fn read(model: &mut Model, found: Result<PolicyFile, Problem>) -> Vec<Effect> {
    let shown = match found {
        Ok(shown) => shown,
        Err(problem) => {
            show::show_problem(model, "The retention policy", &problem);
            return vec![];
        }
    };
    if !model.layers.is_empty() {
        model.toast = Some("the editor was not opened: something else was, meanwhile".to_owned());
        return vec![];
    }
    let mut draft = PolicyDraft {
        shown,
        text: String::new(),
    };
    let written = model.space.draft.clone();
    draft.text = written.unwrap_or_else(|| draft.before().to_owned());
    vec![Effect::Space(screens::space::Effect::Edit(Box::new(draft)))]
}

/// A file of this machine is to be the policy.
pub(super) fn ask_file(model: &mut Model, file: &str) -> Vec<Effect> {
    if let Err(why) = model.cx.can_change() {
        model.toast = Some(format!("Cannot write the retention policy: {why}"));
        return vec![];
    }
    vec![Effect::Space(screens::space::Effect::ReadPolicyOfFile(
        PathBuf::from(file),
    ))]
}

/// It was read, and what the server has.
pub(super) fn of_file(model: &mut Model, draft: Result<Box<PolicyDraft>, Problem>) -> Vec<Effect> {
    let draft = match draft {
        Ok(draft) => draft,
        Err(problem) => {
            show::show_problem(model, "The retention policy", &problem);
            return vec![];
        }
    };
    if !model.layers.is_empty() {
        model.toast = Some("no plan was made of the file: something else was opened".to_owned());
        return vec![];
    }
    if let Err(error) = Policy::parse(&draft.text) {
        show::show_problem(model, "That is no retention policy", &Problem::new(&error));
        return vec![];
    }
    let there = draft.shown.found.as_ref();
    if there.is_some_and(|(text, _)| *text == draft.text) {
        model.toast = Some("that is the policy of the server already".to_owned());
        return vec![];
    }
    plan::open(model, ChangeKind::Space(SpaceChange::Policy(draft)))
}

/// The editor has ended.
pub(super) fn edited(
    model: &mut Model,
    draft: PolicyDraft,
    left: Result<String, Problem>,
) -> Vec<Effect> {
    let text = match left {
        Ok(text) => text,
        Err(problem) => {
            show::show_problem(model, "The editor", &problem);
            return vec![];
        }
    };
    if text == draft.before() {
        model.space.draft = None;
        model.toast = Some("the retention policy was not changed".to_owned());
        return vec![];
    }
    model.space.draft = Some(text.clone());
    if let Err(error) = Policy::parse(&text) {
        let problem = Problem::new(&error);
        show::show_problem(model, "That is no retention policy", &problem);
        model.toast = Some("edit it again: what you wrote is not lost".to_owned());
        return vec![];
    }
    let draft = PolicyDraft { text, ..draft };
    plan::open(
        model,
        ChangeKind::Space(SpaceChange::Policy(Box::new(draft))),
    )
}
