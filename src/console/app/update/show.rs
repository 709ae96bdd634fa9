//! Texts over the screen that nobody asked for: errors, and what jobs have left.

use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::types::JobId;
use crate::console::types::problem::Problem;
use crate::console::types::screen::Screen;
use crate::console::types::text::Text;
use crate::console::widgets::pen::wrap;

/// Puts a layer over the others.
pub(super) fn push(model: &mut Model, layer: Layer) -> Vec<Effect> {
    model.layers.push(layer);
    vec![]
}

/// Shows an error over the screen.
pub(super) fn show_problem(model: &mut Model, title: &str, problem: &Problem) {
    let sentence = problem.to_string();
    let mut lines = wrap(&sentence, 72);
    if problem.details != sentence {
        lines.push(String::new());
        lines.extend(problem.details.lines().map(str::to_owned));
    }
    model.layers.push(Layer::Text(Text {
        title: title.to_owned(),
        lines,
        copy: problem.details.clone(),
        top: 0,
        of: None,
    }));
}

/// Shows what a job has left, at once if nothing else has the keys; else says it in short.
pub(super) fn show_end(
    model: &mut Model,
    title: &str,
    of: Option<JobId>,
    lines: Vec<String>,
    short: String,
) {
    // The question whether to quit although a job runs has answered itself.
    let running = model
        .activity
        .jobs
        .iter()
        .any(crate::console::screens::activity::job::Job::is_running);
    model.quit |= model.leaving && !running;
    model
        .layers
        .retain(|layer| running || !matches!(layer, Layer::Quit));
    let typing = match model.screen {
        Screen::Store => model.store.searching,
        Screen::Activity => model.activity.typing,
        _ => false,
    };
    if model.layers.is_empty() && !typing {
        model.layers.push(Layer::Text(Text {
            title: title.to_owned(),
            copy: lines.join("\n"),
            lines,
            top: 0,
            of,
        }));
        model.toast = None;
    } else {
        model.toast = Some(short);
    }
}
