//! The lists of screen 6: choosing one, and opening a job, a record of the audit log, a session, an entry of a log.

use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens::activity::job::{Job, State, receipt_lines};
use crate::console::screens::activity::logins;
use crate::console::screens::activity::state::Part;
use crate::console::types::JobId;
use crate::console::types::text::Text;
use crate::console::widgets::list::List;
use crate::console::widgets::pen::wrap;
use crate::domain::count::number;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;

/// `o`: the next list of the screen.
pub(super) fn next_part(model: &mut Model) -> Vec<Effect> {
    model.activity.part = model.activity.part.next();
    model.activity.list = List::default();
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
        let event = logins::event(known, model.activity.list.cursor)?;
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
        State::Ended(receipt) => ("Receipt", receipt_lines(job, receipt)),
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
