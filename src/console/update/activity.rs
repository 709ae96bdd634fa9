//! Opening a job or a record of the audit log.

use crate::console::jobs::{State, receipt_lines};
use crate::console::model::{Layer, Model, Text};
use crate::console::msg::Effect;

/// Opens a job or a record of the audit log.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    match text(model) {
        Some(text) => super::act::push(model, Layer::Text(text)),
        None => vec![],
    }
}

/// What is under the cursor of the activity screen, as a text.
pub(super) fn text(model: &Model) -> Option<Text> {
    if let Some(job) = model.current_job() {
        let (title, mut lines) = match &job.state {
            State::Ended(receipt) => ("Receipt", receipt_lines(job, receipt)),
            State::Running { done, total, note } => (
                "Running job",
                vec![
                    format!("change    {}", job.title),
                    format!("done      {done} of {total}"),
                    format!("now       {note}"),
                ],
            ),
        };
        if !job.log.is_empty() {
            lines.push(String::new());
            lines.extend(job.log.iter().cloned());
        }
        return Some(Text {
            title: title.to_owned(),
            copy: lines.join("\n"),
            lines,
            top: 0,
        });
    }
    let past = model.current_past()?;
    Some(Text {
        title: format!("Record {}", past.id),
        lines: past.lines.clone(),
        copy: past.lines.join("\n"),
        top: 0,
    })
}
