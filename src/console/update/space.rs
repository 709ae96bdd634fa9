//! Screen 5: what comes in about space, and the way from a key to a confirmed change of what the store keeps.

use super::plan;
use crate::change::{Answer, Danger};
use crate::console::keys::{Code, Key};
use crate::console::model::{Layer, Link, Model, Screen, Text, Trouble};
use crate::console::msg::Effect;
use crate::console::page::Page;
use crate::console::space::dialog::{SpaceDialog, Typing, expiry};
use crate::console::space::{Field, Judged, Known, Order, Planned, View, Wanted, pin_name};
use crate::console::text::count;
use crate::console::widgets::input;
use crate::domain::roots::RootKind;
use crate::domain::{Bytes, StorePath};
use crate::inventory::Row;
use std::sync::Arc;
use tui_input::Input;

/// Looks at the server.
pub(super) fn read(model: &mut Model) -> Effect {
    let look = model.next_number();
    model.space.look = look;
    Effect::ReadSpace { look }
}

/// The server was looked at, or could not be. Only the newest look counts.
pub(super) fn known(
    model: &mut Model,
    look: u64,
    known: Result<Arc<Known>, Trouble>,
) -> Vec<Effect> {
    if look != model.space.look {
        return vec![];
    }
    match known {
        Ok(known) => {
            let before = model.space.known.as_ref().and_then(|known| known.saved());
            let saved = known.saved();
            model.space.known = Some(known);
            model.space.trouble = None;
            let effects = judge(model);
            if effects.is_empty() && before != saved {
                return replan(model);
            }
            effects
        }
        Err(trouble) => {
            model.space.trouble = Some(trouble);
            vec![]
        }
    }
}

/// Asks for what follows from the look for the store, once both are whole.
pub(super) fn judge(model: &mut Model) -> Vec<Effect> {
    let Some(known) = model.space.known.clone() else {
        return vec![];
    };
    let whole = !model.data.loading && model.data.trouble.is_none();
    let Some(inventory) = model.data.inventory.clone().filter(|_| whole) else {
        return vec![];
    };
    if known.roots.is_err() {
        model.space.judged = None;
        model.space.planned = None;
        return vec![];
    }
    if known.last_use.is_none() {
        return vec![];
    }
    let done = model.space.judged.as_ref().is_some_and(|judged| {
        judged.known.look == known.look && Arc::ptr_eq(&judged.inventory, &inventory)
    });
    if done {
        return vec![];
    }
    let asked = model.next_number();
    model.space.judging = asked;
    model.space.working = true;
    vec![Effect::JudgeSpace {
        asked,
        generation: model.data.generation,
        inventory,
        known,
    }]
}

/// It was worked out.
pub(super) fn judged(
    model: &mut Model,
    asked: u64,
    judged: Result<Arc<Judged>, Trouble>,
) -> Vec<Effect> {
    if asked != model.space.judging {
        return vec![];
    }
    model.space.working = false;
    let judged = match judged {
        Ok(judged) if judged.generation == model.data.generation => judged,
        Ok(_) => return vec![],
        Err(trouble) => {
            model.space.trouble = Some(trouble);
            return vec![];
        }
    };
    model.space.take(judged);
    let mut effects = replan(model);
    // Its times and marks are a column of the store's list and an order of it.
    effects.extend(super::data::ask_view(model));
    effects
}

/// Asks for the plan by the rules of the form.
fn replan(model: &mut Model) -> Vec<Effect> {
    let Some(judged) = model.space.judged.clone() else {
        return vec![];
    };
    let saved = model.space.known.as_ref().and_then(|known| known.saved());
    let asked = model.next_number();
    model.space.asked = asked;
    model.space.stale = true;
    vec![Effect::PlanCollection {
        asked,
        judged,
        rules: model.space.form.rules.clone(),
        saved,
    }]
}

/// The planner has planned.
pub(super) fn planned(model: &mut Model, asked: u64, planned: Planned) -> Vec<Effect> {
    if asked == model.space.asked && planned.judged.generation == model.data.generation {
        model.space.replan(planned);
    }
    vec![]
}

/// Another view.
pub(super) fn turn(model: &mut Model, by: usize) -> Vec<Effect> {
    model.space.view = model.space.view.turn(by);
    model.space.settled();
    vec![]
}

/// Packages, or every path.
pub(super) fn every_path(model: &mut Model) -> Vec<Effect> {
    let space = &mut model.space;
    space.paths = !space.paths;
    space.plan = crate::console::widgets::list::List::default();
    space.settled();
    vec![]
}

/// Begins to edit the rules.
pub(super) fn rules(model: &mut Model) -> Vec<Effect> {
    model.space.form.enter();
    vec![]
}

/// A rule, from the palette.
pub(super) fn rule(model: &mut Model, field: Field, text: &str) -> Vec<Effect> {
    let mut effects = super::nav::go(model, Screen::Space);
    model.space.view = View::Plan;
    model.space.form.write(field, text);
    if let Some((_, why)) = &model.space.form.problem {
        model.toast = Some(why.clone());
    }
    effects.extend(replan(model));
    effects
}

/// Does something with the form; a change of the rules gives a new plan at once.
pub(super) fn form(
    model: &mut Model,
    change: impl FnOnce(&mut crate::console::space::Form),
) -> Vec<Effect> {
    let before = model.space.form.rules.clone();
    change(&mut model.space.form);
    if before == model.space.form.rules {
        return vec![];
    }
    replan(model)
}

/// A key while the form is edited.
pub(super) fn form_key(model: &mut Model, key: Key) -> Vec<Effect> {
    let interrupt = key.ctrl && key.code == Code::Char('c');
    if key.is("esc") || interrupt {
        return form(model, |form| form.leave(false));
    }
    if key.is("enter") {
        if let Some((_, why)) = &model.space.form.problem {
            model.toast = Some(why.clone());
            return vec![];
        }
        return form(model, |form| form.leave(true));
    }
    match key.code {
        Code::Named("tab" | "down") => form(model, |form| form.turn(1)),
        Code::Named("shift-tab" | "up") => form(model, |form| form.turn(Field::ALL.len() - 1)),
        _ => form(model, |form| form.edit(key)),
    }
}

/// Steps in the list in view.
pub(super) fn step(model: &mut Model, step: crate::console::widgets::list::Move, height: usize) {
    let rows = model.space.rows();
    model.space.list_mut().step(step, rows, height);
    model.space.settled();
}

/// Opens the page of the path under the cursor.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    if let (Some(inventory), Some(row)) = (&model.data.inventory, model.space.current_row()) {
        model.pages.push(Page::new(inventory, row));
    }
    vec![]
}

/// `x`: the dialog before the collection that is planned; elsewhere, the way there.
pub(super) fn collect(model: &mut Model) -> Vec<Effect> {
    if model.screen != Screen::Space || model.page().is_some() {
        let effects = super::nav::go(model, Screen::Space);
        model.space.view = View::Plan;
        model.space.settled();
        return effects;
    }
    match model.space.planned.clone() {
        Some(planned) => show(model, Wanted::Collect(Box::new(planned))),
        None => vec![],
    }
}

/// The paths that a change means: the marked ones, else those under the cursor.
fn paths(model: &Model) -> Vec<StorePath> {
    let Some(inventory) = &model.data.inventory else {
        return vec![];
    };
    let rows: Vec<Row> = if model.marks.count() > 0 {
        model.marks.rows().collect()
    } else {
        model.current_row().into_iter().collect()
    };
    rows.into_iter().map(|row| inventory.path(row)).collect()
}

/// `p`.
pub(super) fn pin(model: &mut Model) -> Vec<Effect> {
    let paths = paths(model);
    show(model, Wanted::Pin(paths))
}

/// `V`.
pub(super) fn verify(model: &mut Model) -> Vec<Effect> {
    let mut paths = paths(model);
    if model.marks.count() == 0
        && let Some(inventory) = &model.data.inventory
    {
        let rows = model.current_rows();
        paths = rows.into_iter().map(|row| inventory.path(row)).collect();
    }
    show(model, Wanted::Verify(paths))
}

/// `d` in the view of roots.
pub(super) fn unroot(model: &mut Model) -> Vec<Effect> {
    let Some(line) = model.space.current_root() else {
        return vec![];
    };
    let wanted = match &line.root.kind {
        RootKind::Pin(name) => match name.parse() {
            Ok(name) => Wanted::Unpin(name),
            Err(_) => Wanted::RemoveRoot(line.root.clone()),
        },
        _ => Wanted::RemoveRoot(line.root.clone()),
    };
    show(model, wanted)
}

/// Opens the dialog.
fn show(model: &mut Model, wanted: Wanted) -> Vec<Effect> {
    let name = match &wanted {
        Wanted::Pin(paths) if paths.len() == 1 => {
            pin_name(model.space.known.as_deref(), &paths[0])
        }
        _ => String::new(),
    };
    model.layers.push(Layer::Space(Box::new(SpaceDialog {
        wanted,
        name: Input::new(name),
        expires: Input::default(),
        note: Input::default(),
        word: Input::default(),
        typing: None,
        plan: None,
        asked: 0,
    })));
    ask(model)
}

/// Asks for the plan that the dialog describes.
fn ask(model: &mut Model) -> Vec<Effect> {
    let asked = model.next_number();
    let (now, known) = (model.now, model.space.known.clone());
    let Some(Layer::Space(dialog)) = model.layers.last_mut() else {
        return vec![];
    };
    dialog.asked = asked;
    dialog.plan = None;
    dialog.word = Input::default();
    let expires = match expiry(dialog.expires.value(), now) {
        Ok(expires) => expires,
        Err(why) => {
            dialog.plan = Some(Err(Trouble::say(why)));
            return vec![];
        }
    };
    let note = dialog.note.value().trim();
    vec![Effect::PlanSpace {
        asked,
        order: Box::new(Order {
            wanted: dialog.wanted.clone(),
            known,
            name: dialog.name.value().trim().to_owned(),
            expires,
            note: (!note.is_empty()).then(|| note.to_owned()),
        }),
    }]
}

/// Begins to type into a part of the dialog.
pub(super) fn typing(model: &mut Model, typing: Typing) -> Vec<Effect> {
    if let Some(Layer::Space(dialog)) = model.layers.last_mut() {
        dialog.typing = Some(typing);
    }
    vec![]
}

/// A key while something is typed into the dialog.
pub(super) fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    let interrupt = key.ctrl && key.code == Code::Char('c');
    let leave = key.is("esc") || interrupt;
    let Some(Layer::Space(dialog)) = model.layers.last_mut() else {
        return vec![];
    };
    match dialog.typing {
        None => vec![],
        Some(Typing::Word) if leave => {
            dialog.typing = None;
            dialog.word = Input::default();
            vec![]
        }
        Some(Typing::Word) if key.is("enter") => say_word(model),
        Some(Typing::Word) => {
            input::edit(&mut dialog.word, key);
            vec![]
        }
        // The key that ends the text does not confirm the plan.
        Some(part) if leave || key.is("enter") || key.is("tab") => {
            dialog.typing = None;
            if part == Typing::Reason {
                return vec![];
            }
            ask(model)
        }
        Some(Typing::Name) => {
            input::edit(&mut dialog.name, key);
            vec![]
        }
        Some(Typing::Expires) => {
            input::edit(&mut dialog.expires, key);
            vec![]
        }
        Some(Typing::Note | Typing::Reason) => {
            input::edit(&mut dialog.note, key);
            vec![]
        }
    }
}

/// Text was pasted into the dialog. A word that confirms is typed by hand.
pub(super) fn paste(model: &mut Model, text: &str) {
    let Some(Layer::Space(dialog)) = model.layers.last_mut() else {
        return;
    };
    match dialog.typing {
        None => {}
        Some(Typing::Name) => input::paste(&mut dialog.name, text.trim()),
        Some(Typing::Expires) => input::paste(&mut dialog.expires, text.trim()),
        Some(Typing::Note | Typing::Reason) => input::paste(&mut dialog.note, text),
        Some(Typing::Word) => model.toast = Some("type the word by hand".to_owned()),
    }
}

/// `r` in the dialog: a pin's note is a part of its plan, another change's reason goes into the audit log.
pub(super) fn note(model: &mut Model) -> Vec<Effect> {
    let pins = matches!(model.layers.last(), Some(Layer::Space(dialog)) if matches!(dialog.wanted, Wanted::Pin(_)));
    typing(model, if pins { Typing::Note } else { Typing::Reason })
}

/// `enter` in the dialog: confirms, or asks for the word that confirms.
pub(super) fn confirm(model: &mut Model) -> Vec<Effect> {
    if let Some(Layer::Space(dialog)) = model.layers.last_mut()
        && let Some(Ok(plan)) = &dialog.plan
        && plan.danger != Danger::Adds
    {
        dialog.typing = Some(Typing::Word);
        return vec![];
    }
    run(model, &Answer::Key)
}

/// The word, and with it the change, if it is the right one and the change can be made now.
fn say_word(model: &mut Model) -> Vec<Effect> {
    if let Err(reason) = crate::console::reasons::keep_ready(model) {
        model.toast = Some(reason.into_owned());
        return vec![];
    }
    let Some(Layer::Space(dialog)) = model.layers.last() else {
        return vec![];
    };
    let typed = dialog.word.value().to_owned();
    if let Some(Ok(plan)) = &dialog.plan
        && let Danger::Destroys { word } = plan.danger
        && word != typed
    {
        model.toast = Some(format!("type {word}, all of it, or press esc"));
        return vec![];
    }
    run(model, &Answer::Word(typed))
}

/// Starts the job.
fn run(model: &mut Model, answer: &Answer) -> Vec<Effect> {
    let Some(Layer::Space(dialog)) = model.layers.pop() else {
        return vec![];
    };
    let Some(Ok(mut plan)) = dialog.plan else {
        return vec![];
    };
    let note = dialog.note.value().trim();
    if !note.is_empty() {
        plan.reason = Some(note.to_owned());
    }
    plan::start(model, *plan, answer)
}

/// All of the plan, its paths included as far as a person would read; the planner lists all of them.
pub(super) fn list(model: &mut Model) -> Vec<Effect> {
    const MOST: usize = 1_000;
    let Some(Layer::Space(dialog)) = model.layers.last() else {
        return vec![];
    };
    let plan = match plan::made(dialog.plan.as_ref()) {
        Ok(plan) => plan,
        Err(why) => {
            model.toast = Some(why);
            return vec![];
        }
    };
    let commands = plan.commands.iter().map(|line| ("same as", line.as_str()));
    let mut lines = plan::columns(plan::said(plan).chain(commands));
    lines.push(String::new());
    let some = plan.items.iter().take(MOST);
    lines.extend(some.clone().map(ToString::to_string));
    let more = plan.items.len().saturating_sub(MOST);
    if more > 0 {
        lines.push(format!(
            "… and {} more; l in the planner lists every path",
            count(more, "path")
        ));
    }
    let text = Text {
        title: plan.summary.clone(),
        copy: some.map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        lines,
        top: 0,
    };
    model.layers.push(Layer::Text(text));
    vec![]
}

/// A change of what the store keeps has ended: what is shown is looked at anew.
pub(super) fn ended(model: &mut Model) -> Vec<Effect> {
    if !matches!(model.link, Link::Up { .. }) {
        return vec![];
    }
    vec![read(model)]
}

/// `w`: what keeps the path under the cursor.
pub(super) fn why(model: &Model) -> Vec<Effect> {
    match (model.space.judged.clone(), model.current_row()) {
        (Some(judged), Some(row)) => vec![Effect::WhyAlive { judged, row }],
        _ => vec![],
    }
}

/// What keeps a path was looked for.
pub(super) fn alive(
    model: &mut Model,
    judged: &Judged,
    row: Row,
    chain: Option<Vec<Row>>,
) -> Vec<Effect> {
    let inventory = &judged.inventory;
    if row as usize >= inventory.len() || judged.generation != model.data.generation {
        return vec![];
    }
    let name = inventory.name(row);
    let mut lines = Vec::new();
    if let Some(rows) = chain {
        let first = rows.first().copied().unwrap_or(row);
        let roots: Vec<String> = judged
            .roots_of(first)
            .map(|line| format!("{} {}", line.root.kind, line.root.link))
            .collect();
        lines.extend(roots.iter().take(20).cloned());
        if roots.len() > 20 {
            lines.push(format!("… and {} more", count(roots.len() - 20, "root")));
        }
        for (depth, row) in rows.iter().enumerate() {
            let arrow = if depth == 0 { "keeps " } else { "needs " };
            let indent = "  ".repeat((depth + 1).min(20));
            lines.push(format!("{indent}{arrow}{}", inventory.base_name(*row)));
        }
    } else {
        lines.push(format!(
            "Nothing keeps {name}: no root needs it. A collection may take it; p pins it."
        ));
        let referrers = inventory.referrers(row).len();
        if referrers > 0 {
            lines.push(format!(
                "{} it, dead as well: {}.",
                if referrers == 1 { "One path refers to" } else { "Paths refer to" },
                count(referrers, "path"),
            ));
        }
        let size = inventory.nar_size(row).unwrap_or(0);
        lines.push(format!("It is {}.", Bytes(size)));
    }
    model.layers.push(Layer::Text(Text {
        title: format!("Why alive: {name}"),
        copy: lines.join("\n"),
        lines,
        top: 0,
    }));
    vec![]
}
