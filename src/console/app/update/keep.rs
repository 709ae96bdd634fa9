//! The way from a key to a confirmed change of what the store keeps: a collection, a pin, a root that goes.

use crate::change::Answer;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::plan;
use crate::console::plan::space_dialog::{Order, Wanted};
use crate::console::plan::space_dialog::{SpaceDialog, Typing, expiry};
use crate::console::screens::space::state::View;
use crate::console::types::key::{Code, Key};
use crate::console::types::problem::Problem;
use crate::console::types::screen::Screen;
use crate::console::types::server::Link;
use crate::console::types::space::pin_name;
use crate::console::types::text::Text;
use crate::console::widgets::input;
use crate::domain::count::count;
use crate::domain::roots::RootKind;
use crate::domain::{Age, StorePath};
use crate::inventory::Row;
use tui_input::Input;

/// How old generations are that go, before anyone has said.
const OLD: &str = "30d";

/// `x`: the dialog before the collection that is planned; elsewhere, the way there.
pub(super) fn collect(model: &mut Model) -> Vec<Effect> {
    if !crate::console::app::reasons::on_plan(model) {
        let effects = crate::console::app::update::nav::go(model, Screen::Space);
        model.space.view = View::Plan;
        model.space.settled();
        return effects;
    }
    match model.space.planned.clone() {
        Some(planned) => show(model, Wanted::Collect(Box::new(planned))),
        None => vec![],
    }
}

/// `W`: the dialog before all that is dead is collected.
pub(super) fn whole(model: &mut Model) -> Vec<Effect> {
    let saved = model.space.known.as_ref().and_then(|known| known.saved());
    show(model, Wanted::Whole { saved })
}

/// `O`, or the palette with an age: the dialog before old generations are removed.
pub(super) fn generations(model: &mut Model, age: &str) -> Vec<Effect> {
    if let Err(reason) = crate::console::app::reasons::can_remove_generations(model) {
        model.toast = Some(reason.into_owned());
        return vec![];
    }
    open(
        model,
        Wanted::Generations,
        if age.is_empty() { OLD } else { age },
    )
}

/// The paths that a change means: the marked ones, else those under the cursor.
fn paths(model: &Model) -> Vec<StorePath> {
    let Some(inventory) = &model.cx.data.inventory else {
        return vec![];
    };
    let rows: Vec<Row> = if model.cx.marks.count() > 0 {
        model.cx.marks.rows().collect()
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
pub(super) fn show(model: &mut Model, wanted: Wanted) -> Vec<Effect> {
    open(model, wanted, OLD)
}

fn open(model: &mut Model, wanted: Wanted, age: &str) -> Vec<Effect> {
    let name = match &wanted {
        Wanted::Pin(paths) if paths.len() == 1 => pin_name(model.space.known.as_deref(), &paths[0]),
        _ => String::new(),
    };
    model.layers.push(Layer::Space(Box::new(SpaceDialog {
        wanted,
        name: Input::new(name),
        expires: Input::default(),
        age: Input::new(age.to_owned()),
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
    let asked = model.cx.next_number();
    let now = model.cx.now;
    let (judged, inventory) = (model.space.judged.clone(), model.cx.data.inventory.clone());
    let Some(Layer::Space(dialog)) = model.layers.last_mut() else {
        return vec![];
    };
    dialog.asked = asked;
    dialog.plan = None;
    dialog.word = Input::default();
    let expires = match expiry(dialog.expires.value(), now) {
        Ok(expires) => expires,
        Err(why) => {
            dialog.plan = Some(Err(Problem::say(why)));
            return vec![];
        }
    };
    let age = match dialog.age.value().trim().parse::<Age>() {
        Ok(age) => age,
        Err(why) => {
            dialog.plan = Some(Err(Problem::say(why)));
            return vec![];
        }
    };
    let note = dialog.note.value().trim();
    vec![Effect::PlanSpace {
        asked,
        order: Box::new(Order {
            wanted: dialog.wanted.clone(),
            judged,
            inventory,
            name: dialog.name.value().trim().to_owned(),
            expires,
            age,
            note: (!note.is_empty()).then(|| note.to_owned()),
        }),
    }]
}

/// `e` in the dialog: until when a pin keeps, or how old generations are that go.
pub(super) fn age(model: &mut Model) -> Vec<Effect> {
    let old = matches!(model.layers.last(), Some(Layer::Space(dialog)) if matches!(dialog.wanted, Wanted::Generations));
    typing(model, if old { Typing::Age } else { Typing::Expires })
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
        Some(Typing::Age) => {
            input::edit(&mut dialog.age, key);
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
        Some(Typing::Age) => input::paste(&mut dialog.age, text.trim()),
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
        && plan.word().is_some()
    {
        dialog.typing = Some(Typing::Word);
        return vec![];
    }
    run(model, &Answer::Key)
}

/// The word, and with it the change, if it is the right one and the change can be made now.
fn say_word(model: &mut Model) -> Vec<Effect> {
    if let Err(reason) = crate::console::app::reasons::keep_ready(model) {
        model.toast = Some(reason.into_owned());
        return vec![];
    }
    let Some(Layer::Space(dialog)) = model.layers.last() else {
        return vec![];
    };
    let typed = dialog.word.value().to_owned();
    if let Some(Ok(plan)) = &dialog.plan
        && let Some(word) = plan.word()
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
        of: None,
    };
    model.layers.push(Layer::Text(text));
    vec![]
}

/// A change of what the store keeps has ended: what is shown is looked at anew.
pub(super) fn ended(model: &mut Model) -> Vec<Effect> {
    if !matches!(model.cx.link, Link::Up { .. }) {
        return vec![];
    }
    vec![crate::console::app::update::space::read(model)]
}
