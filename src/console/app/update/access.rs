//! Screen 4: what comes in about access, and the way from a key to a confirmed change of who may log in.

use crate::change::Outcome;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::reasons::can_ask;
use crate::console::app::update::{plan, undo};
use crate::console::plan::state::Field;
use crate::console::screens;
use crate::console::screens::access::state::LIFETIMES;
use crate::console::types::access::{AccessSnapshot, Certified, Line};
use crate::console::types::action::Act;
use crate::console::types::change::AccessChange;
use crate::console::types::change::ChangeKind;
use crate::console::types::problem::Problem;
use crate::console::types::text::Text;
use crate::console::widgets::pen::wrap;
use crate::domain::text::visible;
use crate::judge::review;
use crate::onboard::client::Platform;
use std::path::PathBuf;
use std::sync::Arc;
use tui_input::Input;

/// The server was looked at, or could not be.
pub(super) fn known(model: &mut Model, known: Result<Arc<AccessSnapshot>, Problem>) -> Vec<Effect> {
    match known {
        Ok(known) => {
            model.access.take(known);
            undo::looked(model, None)
        }
        Err(problem) => {
            model.access.problem = Some(problem.clone());
            undo::looked(model, Some(problem))
        }
    }
}

/// `a`: approves the request under the cursor, else asks for a key to authorize.
pub(super) fn authorize(model: &mut Model) -> Vec<Effect> {
    let change = match model.access_line() {
        Some(Line::Request(entry)) => AccessChange::Approve(Box::new(entry.request.clone())),
        _ => AccessChange::Authorize(None),
    };
    open(model, change)
}

/// A key that somebody has sent is to wait for a decision.
pub(super) fn add_request(model: &mut Model) -> Vec<Effect> {
    open(model, AccessChange::Submit(None))
}

/// `d`.
pub(super) fn deny(model: &mut Model) -> Vec<Effect> {
    match model.access_line() {
        Some(Line::Request(entry)) => {
            let change = AccessChange::Deny(Box::new(entry.request.clone()));
            open(model, change)
        }
        _ => vec![],
    }
}

/// `r`.
pub(super) fn revoke(model: &mut Model) -> Vec<Effect> {
    match model.access_line() {
        Some(Line::Key(entry)) => {
            let change = AccessChange::Revoke(entry.row.fingerprint);
            open(model, change)
        }
        _ => vec![],
    }
}

/// `z`: suspends the key under the cursor, or resumes it.
pub(super) fn suspend(model: &mut Model) -> Vec<Effect> {
    match model.access_line() {
        Some(Line::Key(entry)) => {
            let key = entry.row.fingerprint;
            let change = match entry.row.suspended {
                Some(_) => AccessChange::Resume(key),
                None => AccessChange::Suspend(key),
            };
            open(model, change)
        }
        _ => vec![],
    }
}

/// `V`: all keys with their approvals, to be read and copied.
pub(super) fn review(model: &mut Model) -> Vec<Effect> {
    let Some(known) = &model.access.known else {
        return vec![];
    };
    let review = review::of(&model.cx.server, &known.facts);
    let lines = review::text(&review);
    model.layers.push(Layer::Text(Text {
        title: "Access review".to_owned(),
        lines: lines.lines().flat_map(|line| wrap(line, 74)).collect(),
        copy: review::markdown(&review),
        top: 0,
        of: None,
    }));
    vec![]
}

/// `M`.
pub(super) fn mark_reviewed(model: &mut Model) -> Vec<Effect> {
    open(model, AccessChange::Review)
}

/// `K` on the activity screen.
pub(super) fn end_session(model: &mut Model) -> Vec<Effect> {
    match model.current_session() {
        Some(session) => {
            let change = AccessChange::EndSession(Box::new(session.clone()));
            open(model, change)
        }
        None => vec![],
    }
}

/// `o`: what to send to the requester under the cursor.
pub(super) fn proof(model: &mut Model) -> Vec<Effect> {
    match model.access.current() {
        Some(Line::Request(entry)) => {
            let change = AccessChange::Prove(Box::new(entry.request.clone()), None);
            open(model, change)
        }
        _ => vec![],
    }
}

/// How long a certificate is good before anybody has said it.
const CERTIFICATE: &str = "30d";

/// `c`: a certificate for the key under the cursor, else for one that is pasted. An authority is certified by nobody here.
pub(super) fn certify(model: &mut Model) -> Vec<Effect> {
    let key = match model.access_line() {
        Some(Line::Request(entry)) => Some(entry.request.key.clone()),
        Some(Line::Key(entry)) if !entry.is_authority() => Some(entry.key.clone()),
        _ => None,
    };
    let authority = model.access.authority.clone();
    let change = ChangeKind::Access(AccessChange::Certify(key));
    plan::open_with(model, change, |dialog| {
        if dialog.typing.is_none() && authority.is_empty() {
            dialog.typing = Some(Field::Authority);
        }
        dialog.texts.authority = Input::new(authority);
        dialog.texts.expires = Input::new(CERTIFICATE.to_owned());
    })
}

/// A certificate is there: shown over the receipt, one key copies it.
pub(super) fn certificate(model: &mut Model, made: Result<Certified, Problem>) -> Vec<Effect> {
    let free = matches!(model.layers.as_slice(), [] | [Layer::Text(_)]);
    match made {
        Ok(Certified { file, line }) if free => {
            let copy = model.cx.keymap.names(Act::Copy);
            let said = format!("It is in {file}. {BESIDE}");
            let mut lines = wrap(&said, 74);
            lines.push(String::new());
            lines.extend(wrap(&visible(&line), 74));
            model.layers.push(Layer::Text(Text {
                title: format!("The certificate ({copy} copies it)"),
                lines,
                copy: line,
                top: 0,
                of: None,
            }));
        }
        Ok(Certified { file, .. }) => {
            model.toast = Some(format!("the certificate is in {file}"));
        }
        Err(problem) => model.toast = Some(problem.to_string()),
    }
    vec![]
}

/// `e`: when a key ends; for a request, how long an approval will be good.
pub(super) fn expiry(model: &mut Model) -> Vec<Effect> {
    match model.access_line() {
        Some(Line::Key(entry)) => {
            let change = AccessChange::Expire(entry.row.fingerprint);
            open(model, change)
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
    let rows = match &access.known {
        Some(known) if !access.refused => known.requests.len() + known.keys.len(),
        _ => access.rows(),
    };
    if rows > 0 {
        access.list.cursor = (access.list.cursor + 1) % rows;
        access.card = Some(0);
        access.note_cursor();
    }
    vec![]
}

fn open(model: &mut Model, change: AccessChange) -> Vec<Effect> {
    plan::open(model, ChangeKind::Access(change))
}

/// A change of access has ended: what is shown is read anew, and the text for the new client is asked for.
pub(super) fn ended(
    model: &Model,
    change: &str,
    outcome: Outcome,
    certificate: Option<PathBuf>,
) -> Vec<Effect> {
    if !model.cx.is_up() {
        return vec![];
    }
    let mut effects = vec![Effect::Access(screens::access::Effect::Read)];
    if let (Some(file), Outcome::Done) = (certificate, outcome) {
        effects.push(Effect::Access(screens::access::Effect::ReadCertificate(
            file,
        )));
    }
    if let (Some(known), "approve", Outcome::Done) = (&model.access.known, change, outcome) {
        effects.push(Effect::Access(screens::access::Effect::Onboard {
            server: model.cx.server.clone(),
            known: Arc::clone(known),
            platform: Platform::Linux,
        }));
    }
    effects
}

/// What its owner does with a certificate.
const BESIDE: &str =
    "Its owner puts it beside the private key, as KEY-cert.pub, where ssh finds it by itself.";

/// From the palette: what a new client of this system does.
pub(super) fn onboard(model: &mut Model, platform: Platform) -> Vec<Effect> {
    if let Err(reason) = can_ask(model) {
        model.toast = Some(format!("Cannot write out what a new client does: {reason}"));
        return vec![];
    }
    let known = model.access.known.clone();
    let effects = known.map(|known| {
        Effect::Access(screens::access::Effect::Onboard {
            server: model.cx.server.clone(),
            known,
            platform,
        })
    });
    effects.into_iter().collect()
}

/// The text for the new client, over the receipt: one key copies it.
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
        Err(problem) => model.toast = Some(problem.to_string()),
    }
    vec![]
}
