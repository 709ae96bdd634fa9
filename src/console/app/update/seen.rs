//! What was last seen under the cursor, so that a change that takes it away does not turn a key on something else.
//!
//! In: the model after each message. Out: the place of the lists that have no anchor of their own, and a refusal, once, of
//! a change of what came under the cursor without a key.

use crate::console::app::model::Model;
use crate::console::app::subject::Subject;
use crate::console::screens::activity::changes::Change;
use crate::console::screens::activity::state::Part;
use crate::console::screens::space::state::View;
use crate::console::types::access::Anchor;
use crate::console::types::action::Act;
use crate::console::types::screen::Screen;
use crate::console::widgets::list::{first_of, near};

/// What is under the cursor now.
fn subject(model: &Model) -> Option<Subject> {
    let (id, name) = match model.screen {
        Screen::Access | Screen::Overview => {
            let line = model.access_line()?;
            match line.anchor() {
                Anchor::Request(key) => (format!("request {key}"), key.to_string()),
                Anchor::Key(key, file, _) => (format!("key {key} {file}"), key.to_string()),
                Anchor::Refused(key) => (format!("refused {key}"), key.to_string()),
                Anchor::Notice(text) => (format!("notice {text}"), text),
            }
        }
        Screen::Activity => {
            let id = activity_id(model, model.activity.list.cursor)?;
            (id.clone(), id)
        }
        Screen::Space if model.space.view == View::Roots && model.page().is_none() => {
            let link = &model.space.current_root()?.root.link;
            (link.clone(), link.clone())
        }
        Screen::Store | Screen::Unsigned | Screen::Space => {
            let inventory = model.cx.data.inventory.as_deref()?;
            let row = model
                .current_row()
                .filter(|row| (*row as usize) < inventory.len())?;
            let head = model.screen == Screen::Unsigned
                && model.page().is_none()
                && matches!(
                    model.unsigned.lines.get(model.unsigned.list.cursor),
                    Some(crate::console::screens::unsigned::state::UnsignedLine::Group(_))
                );
            let path = inventory.path(row);
            let page = model.page().map(|page| page.row);
            (
                format!("{path} {head} {}", page.is_some()),
                inventory.name(row).to_string(),
            )
        }
    };
    Some(Subject {
        list: (model.screen, model.space.view, model.activity.part),
        id,
        name: crate::domain::text::visible(&name).into_owned(),
    })
}

/// After a message. `by_key`: somebody who saw the list has pressed a key on it.
pub(super) fn note(model: &mut Model, by_key: bool) {
    let now = subject(model);
    let another_list = match (&model.seen, &now) {
        (Some(seen), Some(now)) => seen.list != now.list,
        (None, _) => true,
        (Some(_), None) => false,
    };
    if by_key || another_list {
        model.seen = now;
    }
}

/// Refuses a change of something else than was last seen under the cursor.
pub(super) fn check(model: &Model, act: Act) -> Result<(), String> {
    let of_marks = model.cx.marks.count() > 0;
    let changes = match act {
        Act::Authorize
        | Act::Deny
        | Act::Revoke
        | Act::SuspendKey
        | Act::Expiry
        | Act::Proof
        | Act::Certify
        | Act::Unroot
        | Act::EndSession
        | Act::CancelJob => true,
        Act::Sign | Act::Pin | Act::DeletePaths | Act::Verify | Act::Mark => !of_marks,
        _ => false,
    };
    if !changes || !model.layers.is_empty() {
        return Ok(());
    }
    match (&model.seen, subject(model)) {
        (Some(seen), Some(now)) if seen.list == now.list && seen.id != now.id => Err(format!(
            "the list has changed and the cursor is on {} now; press the key again if that is meant",
            now.name
        )),
        _ => Ok(()),
    }
}

/// A line of the activity screen, by what it is about.
fn activity_id(model: &Model, at: usize) -> Option<String> {
    let known = model.access.known.as_deref();
    let facts = known.map(|known| &known.facts);
    match model.activity.part {
        Part::Changes => {
            let change = model.activity.change(at)?;
            Some(match change {
                Change::Job(job) => format!("job {}", job.id),
                Change::Past(past) => format!("record {}", past.id),
            })
        }
        Part::Sessions => {
            let session = facts?.sessions.as_ref().ok()?.get(at)?;
            Some(format!("session {} of {}", session.pid, session.user))
        }
        Part::Log => {
            let (line, _) = model.activity.log_line(known, at)?;
            Some(format!("entry {:x}", line.id))
        }
    }
}

/// Where the cursors of the overview and of the activity screen were before a message.
pub(super) struct Places {
    part: Part,
    cursor: usize,
    ids: Vec<String>,
}

impl Places {
    /// Before the message.
    pub(super) fn of(model: &Model) -> Self {
        let cursor = model.activity.list.cursor;
        // Nobody has looked at a first line of a list that is not shown; it stays the newest.
        // Neither does the first line of the log: it is followed there.
        let log = model.activity.part == Part::Log;
        let held = (model.screen == Screen::Activity && !log) || cursor > 0;
        let rows = if held { model.activity_rows() } else { 0 };
        Self {
            part: model.activity.part,
            cursor,
            ids: near(cursor, rows)
                .filter_map(|at| activity_id(model, at))
                .collect(),
        }
    }

    /// After it: a cursor that was not moved goes with its line, or to the line's neighbour.
    pub(super) fn restore(&self, model: &mut Model) {
        let activity = &model.activity;
        let same = activity_id(model, self.cursor).as_ref() == self.ids.first();
        if activity.part != self.part || activity.list.cursor != self.cursor || same {
            return;
        }
        let rows = model.activity_rows();
        let all = (0..rows).map(|at| activity_id(model, at).unwrap_or_default());
        if let Some(at) = first_of(&self.ids, all) {
            model.activity.list.cursor = at;
        }
    }
}
