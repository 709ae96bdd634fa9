//! The whole way of one client: which one is asked about, and what was found.
//!
//! In: keys on screen 4 or on a path, and the assessed way. Out: the question for the backend, then a text over the screen.

use crate::console::app::layer::{Clients, Layer};
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::reasons::can_ask;
use crate::console::app::update::show;
use crate::console::screens;
use crate::console::types::access::Line;
use crate::console::types::action::Act;
use crate::console::types::client::{ClientWay, clients};
use crate::console::types::problem::Problem;
use crate::console::widgets::list::List;
use crate::console::widgets::pen::wrap;
use crate::domain::StorePath;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::inventory::Row;
use crate::judge::way::{State, Step};

/// Columns of a line: what fits on the smallest screen.
const WIDTH: usize = 74;

/// Where the words of a step begin.
const INDENT: usize = 13;

/// `w` on screen 4: of the key under the cursor, to the path that is marked, if one is.
pub(super) fn of_key(model: &mut Model) -> Vec<Effect> {
    let (key, name) = match model.access.current() {
        Some(Line::Key(entry)) => (entry.row.fingerprint, entry.row.comment.clone()),
        Some(Line::Request(entry)) => (entry.row.fingerprint, entry.row.comment.clone()),
        Some(Line::Refused(refused)) => (refused.fingerprint, refused.name()),
        _ => return vec![],
    };
    let path = marked(model);
    go(model, key, &name, path)
}

/// The path that is marked, if one is.
fn marked(model: &Model) -> Option<StorePath> {
    let marked: Vec<Row> = model.cx.marks.rows().take(2).collect();
    match (&model.cx.data.inventory, marked.as_slice()) {
        (Some(inventory), [row]) => Some(inventory.path(*row)),
        _ => None,
    }
}

/// From the palette: of the certificate or public key in a file, to the path that is marked, else under the cursor, if one is.
pub(super) fn of_file(model: &mut Model, file: String) -> Vec<Effect> {
    if let Err(reason) = can_ask(model) {
        model.toast = Some(format!(
            "Cannot show the way of {}: {reason}",
            visible(&file)
        ));
        return vec![];
    }
    let Some(known) = model.access.known.clone() else {
        return vec![];
    };
    let under_cursor = || {
        let inventory = model.cx.data.inventory.as_ref()?;
        Some(inventory.path(model.current_row()?))
    };
    let path = marked(model).or_else(under_cursor);
    model.toast = Some(format!("going the way of {}…", visible(&file)));
    vec![Effect::Access(screens::access::Effect::WayOfFile {
        server: model.cx.server.clone(),
        known,
        file: file.into(),
        path,
    })]
}

/// `W` on a path: which client?
pub(super) fn ask(model: &mut Model) -> Vec<Effect> {
    let (Some(inventory), Some(row), Some(known)) = (
        &model.cx.data.inventory,
        model.current_row(),
        &model.access.known,
    ) else {
        return vec![];
    };
    let asked = Clients {
        path: inventory.path(row),
        all: clients(known),
        list: List::default(),
    };
    show::push(model, Layer::Clients(Box::new(asked)))
}

/// This one.
pub(super) fn choose(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Clients(mut asked)) = model.layers.pop() else {
        return vec![];
    };
    let at = asked.list.cursor;
    if at >= asked.all.len() {
        return vec![];
    }
    let client = asked.all.swap_remove(at);
    go(model, client.key, &client.name, Some(asked.path))
}

fn go(model: &mut Model, key: Fingerprint, name: &str, path: Option<StorePath>) -> Vec<Effect> {
    let Some(known) = model.access.known.clone() else {
        return vec![];
    };
    model.toast = Some(format!("going the way of {name}…"));
    vec![Effect::Access(screens::access::Effect::Way {
        server: model.cx.server.clone(),
        known,
        key,
        path,
    })]
}

/// It was gone through.
pub(super) fn shown(model: &mut Model, found: Result<Box<ClientWay>, Problem>) -> Vec<Effect> {
    let ClientWay { server, path, way } = match found {
        Ok(found) => *found,
        Err(problem) => {
            model.toast = Some(problem.to_string());
            return vec![];
        }
    };
    // An answer of the server that was left.
    if server != model.cx.server {
        return vec![];
    }
    let name = way.name();
    let mut lines = wrap(&way.sentence(), WIDTH);
    lines.push(String::new());
    let to = if let Some(path) = &path {
        format!("to {path}")
    } else {
        let key = model.cx.keymap.names(Act::WayTo);
        format!("to any path; {key} on a path of screen 2 asks for one of them")
    };
    lines.extend(wrap(&to, WIDTH));
    for step in &way.steps {
        lines.extend(of_step(step));
    }
    let short = format!("{name}: {}", way.sentence());
    show::show_end(model, &format!("The way of {name}"), None, lines, short);
    vec![]
}

/// Mark and name, then what was found; what fixes it stands below.
fn of_step(step: &Step) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in wrap(&step.message, WIDTH - INDENT) {
        lines.push(if lines.is_empty() {
            format!("{} {:<10} {line}", step.state.mark(), step.id)
        } else {
            format!("{:INDENT$}{line}", "")
        });
    }
    // What is fine needs no next step.
    let remedy = step.remedy.as_ref().filter(|_| step.state != State::Fine);
    for (at, line) in remedy
        .iter()
        .flat_map(|remedy| remedy.text().lines())
        .enumerate()
    {
        for (part, line) in wrap(line, WIDTH - INDENT - 3).iter().enumerate() {
            let mark = if at == 0 && part == 0 { "->" } else { "" };
            lines.push(format!("{:INDENT$}{mark:<3}{line}", ""));
        }
    }
    lines
}
