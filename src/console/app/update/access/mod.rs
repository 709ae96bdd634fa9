//! Screen 4: what comes in about access, and the way from a key to a confirmed change of who may log in.

mod typing;

pub(super) use typing::{paste, typed};

use crate::change::{Answer, Outcome};
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::plan;
use crate::console::plan::access::{AccessDialog, Order, Typing, Wanted};
use crate::console::screens::access::state::{LIFETIMES, USUAL};
use crate::console::types::access::{AccessSnapshot, Line};
use crate::console::types::action::Act;
use crate::console::types::problem::Problem;
use crate::console::types::secret::Secret;
use crate::console::types::server::Link;
use crate::console::types::text::Text;
use crate::console::widgets::pen::wrap;
use crate::domain::When;
use crate::onboard::proof::letter;
use std::sync::Arc;
use tui_input::Input;

/// The server was looked at, or could not be.
pub(super) fn known(model: &mut Model, known: Result<Arc<AccessSnapshot>, Problem>) -> Vec<Effect> {
    match known {
        Ok(known) => model.access.take(known),
        Err(trouble) => model.access.trouble = Some(trouble),
    }
    vec![]
}

/// `a`: lets the request under the cursor in, else asks for a key.
pub(super) fn authorize(model: &mut Model) -> Vec<Effect> {
    let wanted = match model.access.current() {
        Some(Line::Request(entry)) => Wanted::Approve(Box::new(entry.request.clone())),
        _ => Wanted::Authorize(None),
    };
    open(model, wanted)
}

/// `d`.
pub(super) fn deny(model: &mut Model) -> Vec<Effect> {
    match model.access.current() {
        Some(Line::Request(entry)) => {
            let wanted = Wanted::Deny(Box::new(entry.request.clone()));
            open(model, wanted)
        }
        _ => vec![],
    }
}

/// `r`.
pub(super) fn revoke(model: &mut Model) -> Vec<Effect> {
    match model.access.current() {
        Some(Line::Key(entry)) => {
            let wanted = Wanted::Revoke(entry.row.fingerprint);
            open(model, wanted)
        }
        _ => vec![],
    }
}

/// `K` on the activity screen.
pub(super) fn end_session(model: &mut Model) -> Vec<Effect> {
    match model.current_session() {
        Some(session) => {
            let wanted = Wanted::End(Box::new(session.clone()));
            open(model, wanted)
        }
        None => vec![],
    }
}

/// `o`: what to send to the requester under the cursor.
pub(super) fn proof(model: &mut Model) -> Vec<Effect> {
    match model.access.current() {
        Some(Line::Request(entry)) => {
            let wanted = Wanted::Prove(Box::new(entry.request.clone()), None);
            open(model, wanted)
        }
        _ => vec![],
    }
}

/// `y` in the dialog: what to send, else all that the plan says.
pub(super) fn copy(model: &Model, dialog: &AccessDialog) -> Vec<Effect> {
    if let (Wanted::Prove(request, None), Some(known)) = (&dialog.wanted, &model.access.known) {
        let challenge = request.challenge(&known.facts.host);
        return vec![Effect::Copy(letter(&request.key, &challenge))];
    }
    match plan::made(dialog.plan.as_ref()) {
        Ok(plan) => vec![Effect::Copy(plan::text(plan))],
        Err(_) => vec![],
    }
}

/// `e`: when a key ends; for a request, how long an approval will be good.
pub(super) fn expiry(model: &mut Model) -> Vec<Effect> {
    match model.access.current() {
        Some(Line::Key(entry)) => {
            let wanted = Wanted::Expire(entry.row.fingerprint);
            open(model, wanted)
        }
        Some(Line::Request(_)) => {
            model.access.lifetime = (model.access.lifetime + 1) % LIFETIMES.len();
            let (words, _) = LIFETIMES[model.access.lifetime];
            model.toast = Some(format!("lifetime {words}; a shows the plan"));
            vec![]
        }
        _ => vec![],
    }
}

/// `n`: the card of the next request or key.
pub(super) fn next(model: &mut Model) -> Vec<Effect> {
    let access = &mut model.access;
    let rows = access
        .known
        .as_ref()
        .map_or(0, |known| known.requests.len() + known.keys.len());
    if rows > 0 {
        access.list.cursor = (access.list.cursor + 1) % rows;
        access.card = Some(0);
        access.settled();
    }
    vec![]
}

fn open(model: &mut Model, wanted: Wanted) -> Vec<Effect> {
    let typing = match &wanted {
        Wanted::Authorize(None) => Typing::Key,
        _ => Typing::Nothing,
    };
    let lifetime = match &wanted {
        Wanted::Approve(_) => model.access.lifetime,
        _ => USUAL,
    };
    model.layers.push(Layer::Access(Box::new(AccessDialog {
        wanted,
        lifetime,
        end_sessions: true,
        plan: None,
        pasted: Secret::new(),
        from: Input::default(),
        comment: Input::default(),
        reason: Input::default(),
        word: Input::default(),
        typing,
        asked: 0,
    })));
    ask_plan(model)
}

/// Asks for the plan that the dialog describes. Until it comes there is none, so that no older one is confirmed.
fn ask_plan(model: &mut Model) -> Vec<Effect> {
    if let Some(Layer::Access(dialog)) = model.layers.last_mut() {
        dialog.plan = None;
        dialog.word = Input::default();
    }
    ask_again(model)
}

/// Asks for the plan while something is typed: the older one is seen until the newer one comes.
fn ask_again(model: &mut Model) -> Vec<Effect> {
    let asked = model.cx.next_number();
    let now = model.cx.now;
    let (Some(known), Some(Layer::Access(dialog))) =
        (model.access.known.clone(), model.layers.last_mut())
    else {
        return vec![];
    };
    dialog.asked = asked;
    if matches!(
        dialog.wanted,
        Wanted::Authorize(None) | Wanted::Prove(_, None)
    ) {
        return vec![];
    }
    let (_, seconds) = LIFETIMES[dialog.lifetime % LIFETIMES.len()];
    let expires = seconds.map(|seconds| When::from_unix(now.unix() + seconds));
    let typed = |input: &Input| input.value().trim().to_owned();
    vec![Effect::PlanAccess {
        asked,
        order: Box::new(Order {
            known,
            wanted: dialog.wanted.clone(),
            expires: expires.filter(|_| dialog.wanted.lasts()),
            end_sessions: dialog.end_sessions,
            from: typed(&dialog.from),
            comment: typed(&dialog.comment),
            reason: typed(&dialog.reason),
        }),
    }]
}

/// Changes the dialog and asks for the plan anew.
pub(super) fn change(model: &mut Model, change: impl FnOnce(&mut AccessDialog)) -> Vec<Effect> {
    if let Some(Layer::Access(dialog)) = model.layers.last_mut() {
        change(dialog);
    }
    ask_plan(model)
}

/// Begins to write into one of the dialog's fields.
pub(super) fn write(model: &mut Model, field: Typing) -> Vec<Effect> {
    if let Some(Layer::Access(dialog)) = model.layers.last_mut() {
        dialog.typing = field;
    }
    vec![]
}

/// All of the plan.
pub(super) fn list(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Access(dialog)) = model.layers.last() else {
        return vec![];
    };
    let plan = match plan::made(dialog.plan.as_ref()) {
        Ok(plan) => plan,
        Err(why) => {
            model.toast = Some(why);
            return vec![];
        }
    };
    let lines = plan::columns(plan::all(plan));
    let copy = plan::text(plan);
    let text = Text {
        title: plan.summary.clone(),
        lines,
        copy,
        top: 0,
        of: None,
    };
    model.layers.push(Layer::Text(text));
    vec![]
}

/// `enter` in the dialog: confirms, or asks for the word that confirms.
pub(super) fn confirm(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Access(dialog)) = model.layers.last_mut() else {
        return vec![];
    };
    if matches!(dialog.wanted, Wanted::Prove(_, None)) {
        dialog.typing = Typing::Answer;
        return vec![];
    }
    if let Some(Ok(plan)) = &dialog.plan
        && plan.word().is_some()
    {
        dialog.typing = Typing::Word;
        return vec![];
    }
    run(model, &Answer::Key)
}

/// Starts the job.
fn run(model: &mut Model, answer: &Answer) -> Vec<Effect> {
    let Some(Layer::Access(dialog)) = model.layers.pop() else {
        return vec![];
    };
    let Some(Ok(plan)) = dialog.plan else {
        return vec![];
    };
    plan::start(model, *plan, answer)
}

/// A change of access has ended: what is shown is read anew, and whoever was let in is told what to do.
pub(super) fn ended(model: &Model, change: &str, outcome: Outcome) -> Vec<Effect> {
    if !matches!(model.cx.link, Link::Up { .. }) {
        return vec![];
    }
    let mut effects = vec![Effect::ReadAccess];
    if let (Some(known), "approve", Outcome::Done) = (&model.access.known, change, outcome) {
        effects.push(Effect::Onboard {
            server: model.cx.server.clone(),
            known: Arc::clone(known),
        });
    }
    effects
}

/// The text for whoever was let in, over the receipt: one key copies it.
pub(super) fn onboarding(model: &mut Model, text: Result<String, Problem>) -> Vec<Effect> {
    let free = matches!(model.layers.as_slice(), [] | [Layer::Text(_)]);
    match text {
        Ok(text) if free => {
            let copy = model.cx.keymap.names(Act::Copy);
            model.layers.push(Layer::Text(Text {
                title: format!("What the new client does ({copy} copies it)"),
                lines: text.lines().flat_map(|line| wrap(line, 74)).collect(),
                copy: text,
                top: 0,
                of: None,
            }));
        }
        Ok(_) => {
            let text = format!(
                "storekeeper onboard {} says what the new client does",
                model.cx.server
            );
            model.toast = Some(text);
        }
        Err(trouble) => model.toast = Some(trouble.summary),
    }
    vec![]
}
