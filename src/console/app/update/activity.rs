//! The lists of screen 6: choosing one, and opening a job, a record of the audit log, a session, an entry of a log.

use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens;
use crate::console::screens::activity::job::{Job, State, receipt_lines, undo_line};
use crate::console::screens::activity::logins;
use crate::console::screens::activity::state::{Activity, Part};
use crate::console::types::JobId;
use crate::console::types::access::AccessSnapshot;
use crate::console::types::key::Key;
use crate::console::types::problem::Problem;
use crate::console::types::text::Text;
use crate::console::widgets::input;
use crate::console::widgets::list::List;
use crate::console::widgets::pen::wrap;
use crate::domain::count::number;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use std::sync::Arc;

/// `o`: the next list of the screen.
pub(super) fn next_part(model: &mut Model) -> Vec<Effect> {
    model.activity.part = model.activity.part.next();
    model.activity.typing = false;
    model.activity.list = List::default();
    vec![]
}

/// Begins to type the filter of the list.
pub(super) fn search(model: &mut Model) -> Vec<Effect> {
    model.activity.typing = true;
    vec![]
}

/// `F`: only what was refused, or all again. Goes to the log, where another list is shown.
pub(super) fn refused(model: &mut Model) -> Vec<Effect> {
    let on_log = model.activity.part == Part::Log;
    show_log(model);
    model.activity.refused = !on_log || !model.activity.refused;
    model.activity.list = List::default();
    vec![]
}

/// `m`: also what this program did itself, or not. The cursor stays on its line where that is shown.
pub(super) fn ours(model: &mut Model) -> Vec<Effect> {
    let on_log = model.activity.part == Part::Log;
    show_log(model);
    model.activity.ours = !on_log || !model.activity.ours;
    vec![]
}

fn show_log(model: &mut Model) {
    if model.activity.part != Part::Log {
        model.activity.part = Part::Log;
        model.activity.list = List::default();
    }
}

/// A key while the filter is typed: the list follows each of them.
pub(super) fn search_key(model: &mut Model, key: Key, leaves: bool) -> Vec<Effect> {
    let activity = &mut model.activity;
    if key.is("enter") || leaves {
        activity.typing = false;
        if leaves {
            clear(activity);
        }
        return vec![];
    }
    let before = activity.words().value().to_owned();
    input::edit(activity.words_mut(), key);
    if activity.words().value() != before {
        activity.list = List::default();
    }
    vec![]
}

/// Takes the filter away; whether there was one.
pub(super) fn clear(activity: &mut Activity) -> bool {
    let was = match activity.part {
        Part::Changes => !activity.words.changes.value().is_empty(),
        Part::Sessions => false,
        Part::Log => activity.filter().is_set(),
    };
    if was {
        activity.words_mut().reset();
        activity.refused &= activity.part != Part::Log;
        activity.list = List::default();
    }
    was
}

/// The log has more: what is new is read, one look at a time.
pub(super) fn log_changed(model: &mut Model) -> Vec<Effect> {
    let Some(known) = &model.access.known else {
        return vec![Effect::Access(screens::access::Effect::Read)];
    };
    if model.access.following.is_some() {
        model.access.following = Some(true);
        return vec![];
    }
    model.access.following = Some(false);
    vec![Effect::Access(screens::access::Effect::FollowLog {
        known: Arc::clone(known),
    })]
}

/// What was new. What was read meanwhile in another way is newer than what this began from, so it is looked at again.
pub(super) fn followed(
    model: &mut Model,
    before: &Arc<AccessSnapshot>,
    known: Result<Arc<AccessSnapshot>, Problem>,
) -> Vec<Effect> {
    let again = model.access.following.take() == Some(true);
    let same = model.access.known.as_ref();
    let same = same.is_some_and(|known| Arc::ptr_eq(known, before));
    if same {
        match known {
            Ok(known) => model.access.take(known),
            // The list stays, and so does what it stands on; the header and the Overview tell of a link that is lost.
            Err(_) => return vec![],
        }
    }
    if again || !same {
        return log_changed(model);
    }
    vec![]
}

/// What is known of the session or the event under the cursor.
fn login(model: &Model) -> Option<Text> {
    let known = model.access.known.as_ref()?;
    let key = |key: Option<Fingerprint>| {
        key.map_or_else(|| "not known".to_owned(), |key| key.to_string())
    };
    let or = |text: &str| match text {
        "" => "not known".to_owned(),
        text => visible(text).into_owned(),
    };
    let (title, lines) = if let Some(session) = model.current_session() {
        let since = session
            .since
            .map_or_else(|| "not known".to_owned(), |at| at.to_string());
        let from = session.from.as_deref().unwrap_or_default();
        (
            format!("Session {}", session.pid),
            vec![
                format!("user      {}", visible(&session.user)),
                format!("since     {since}"),
                format!("from      {}", or(from)),
                format!("key       {}", key(session.fingerprint)),
                format!("process   {}", session.pid),
            ],
        )
    } else if model.activity.part == Part::Log {
        let (_, event) = model
            .activity
            .log_line(Some(known), model.activity.list.cursor)?;
        (
            "An entry of sshd's log".to_owned(),
            vec![
                format!("what      {}", logins::word(&event.kind)),
                format!("at        {}", event.at),
                format!("user      {}", or(&event.user)),
                format!("from      {} port {}", or(&event.address), event.port),
                format!("key       {}", key(event.fingerprint)),
                format!("said      {}", logins::said(known, event)),
            ],
        )
    } else {
        return None;
    };
    let lines: Vec<String> = lines.iter().flat_map(|line| wrap(line, 90)).collect();
    Some(Text {
        title,
        copy: lines.join("\n"),
        lines,
        top: 0,
        of: None,
    })
}

/// Opens a job or a record of the audit log.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    match text(model) {
        Some(text) => super::show::push(model, Layer::Text(text)),
        None => vec![],
    }
}

/// How far a job is, or what it has left.
fn job_text(model: &Model, job: &Job) -> Text {
    let (title, mut lines) = match &job.state {
        State::Ended(receipt) => {
            let mut lines = receipt_lines(job, receipt);
            let back = job.undo(model.cx.now);
            lines.extend(back.map(|undo| undo_line(&model.cx.keymap, undo)));
            ("Receipt", lines)
        }
        State::BackedUp(backup) => ("Backup", backup.lines(job)),
        State::Compared(comparison) => ("Verification", comparison.lines(job, &model.cx.keymap)),
        State::Running { done, total, note } => (
            "Running job",
            vec![
                format!("change    {}", job.title),
                format!("done      {} of {}", number(*done), number(*total)),
                format!("now       {note}"),
            ],
        ),
    };
    if !job.log.is_empty() {
        lines.push(String::new());
        lines.extend(job.log.iter().cloned());
    }
    Text {
        title: title.to_owned(),
        copy: lines.join("\n"),
        lines,
        top: 0,
        of: Some(job.id),
    }
}

/// A job has gone on or has ended: a text that tells of it goes on with it.
pub(super) fn go_on(model: &mut Model, id: JobId) {
    let of = |layer: &Layer| matches!(layer, Layer::Text(text) if text.of == Some(id));
    let Some(at) = model.layers.iter().position(of) else {
        return;
    };
    let Some(job) = model.activity.jobs.iter().find(|job| job.id == id) else {
        return;
    };
    let new = job_text(model, job);
    if let Some(Layer::Text(text)) = model.layers.get_mut(at) {
        *text = Text {
            top: text.top,
            ..new
        };
    }
}

/// What is under the cursor of the activity screen, as a text.
pub(super) fn text(model: &Model) -> Option<Text> {
    if let Some(job) = model.activity.current_job() {
        return Some(job_text(model, job));
    }
    if model.activity.part != Part::Changes {
        return login(model);
    }
    let past = model.activity.current_past()?;
    Some(Text {
        title: format!("Record {}", past.id),
        lines: past.lines.clone(),
        copy: past.lines.join("\n"),
        top: 0,
        of: None,
    })
}

/// Asks the job under the cursor to stop.
pub(super) fn cancel(model: &mut Model) -> Vec<Effect> {
    let id = model.activity.current_job().map(|job| job.id);
    let Some(job) = model
        .activity
        .jobs
        .iter_mut()
        .find(|job| Some(job.id) == id)
    else {
        return vec![];
    };
    job.cancelling = true;
    model.toast = Some("cancelling; what is done stays done".to_owned());
    vec![Effect::Cancel(job.id)]
}

/// The audit log was verified: what was found is shown, at once if nothing else has the keys.
pub(super) fn audit_verified(
    model: &mut Model,
    found: Result<Vec<String>, Problem>,
) -> Vec<Effect> {
    match found {
        Ok(found) => {
            let short = found.first().cloned().unwrap_or_default();
            let lines = found.iter().flat_map(|line| wrap(line, 72)).collect();
            super::show::show_end(model, "The audit log", None, lines, short);
        }
        Err(problem) => super::show::show_problem(model, "The audit log", &problem),
    }
    vec![]
}
