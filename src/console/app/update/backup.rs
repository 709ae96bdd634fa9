//! A copy of Nix's database on this machine, as a job.
//!
//! In: a key, a file from the palette, and what became of it. Out: the job, and a text about it. Nothing changes on the server.

use crate::console::app::layer::{Layer, Palette};
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::reasons::can_back_up;
use crate::console::app::update::{activity, show};
use crate::console::screens;
use crate::console::screens::activity::backup::Backup;
use crate::console::screens::activity::job::{Job, State};
use crate::console::types::JobId;
use crate::domain::text::visible;
use crate::server::backup_name;
use std::path::PathBuf;

/// `B`: the palette with a file's name, which can be changed.
pub(super) fn ask(model: &mut Model) -> Vec<Effect> {
    let name = backup_name(&model.cx.server, model.cx.now);
    let typed = format!("backup {}", name.display());
    show::push(model, Layer::Palette(Palette::with(&typed)))
}

/// Begins it.
pub(super) fn run(model: &mut Model, file: &str) -> Vec<Effect> {
    if let Err(reason) = can_back_up(model) {
        model.toast = Some(format!("Cannot back up the database: {reason}"));
        return vec![];
    }
    let title = format!("back up the database to {}", visible(file));
    let job = Job::new(model.cx.next_number(), "backup", title, model.cx.now, 0);
    let id = job.id;
    model.toast = Some(format!("{}: running, 6 shows it", job.title));
    model.activity.jobs.insert(0, job);
    vec![Effect::Activity(screens::activity::Effect::BackUp {
        job: id,
        file: PathBuf::from(file),
    })]
}

/// It has ended: what was saved is shown, at once if nothing else has the keys.
pub(super) fn ended(model: &mut Model, id: JobId, backup: Backup) -> Vec<Effect> {
    let Some(job) = model.activity.jobs.iter_mut().find(|job| job.id == id) else {
        return vec![];
    };
    let lines = backup.lines(job);
    let short = format!("{}: {}", job.title, backup.brief());
    job.state = State::BackedUp(Box::new(backup));
    activity::go_on(model, id);
    show::show_end(model, "Backup", None, lines, short);
    vec![]
}
