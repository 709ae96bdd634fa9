//! What keys and text do in the dialog.
//!
//! In: a key, a pasted text, an action. Out: the changed dialog, and what the console has to do for it. A plan is asked for anew
//! whenever something is chosen or typed that it is made of; until it comes there is none, so that no older one is confirmed.

use crate::change::Answer;
use crate::change::access::LIFETIMES;
use crate::console::plan::reasons;
use crate::console::plan::request::PlanRequest;
use crate::console::plan::state::{Field, Inputs, PlanDialog};
use crate::console::types::action::Act;
use crate::console::types::change::{AccessChange, ChangeKind, SpaceChange};
use crate::console::types::context::Context;
use crate::console::types::key::{Code, Key};
use crate::console::types::secret::Secret;
use crate::console::widgets::input;
use crate::domain::installable::Installable;
use crate::domain::proof::ProofError;
use crate::domain::ssh_key::{KeyError, PublicSshKey, holds_private};
use tui_input::Input;

/// What the console has to do for the dialog.
#[derive(Debug)]
pub enum Out {
    /// Nothing.
    Nothing,
    /// Make the plan of this number.
    Make(u64, Box<PlanRequest>),
    /// Close the dialog.
    Close,
    /// Say this.
    Say(String),
    /// Confirm the plan with this.
    Confirm(Answer),
}

/// Asks for the plan that the dialog describes.
pub fn ask(dialog: &mut PlanDialog, cx: &mut Context, inputs: &Inputs<'_>) -> Out {
    dialog.plan = None;
    dialog.read = false;
    dialog.texts.word = Input::default();
    ask_again(dialog, cx, inputs)
}

/// The same while something is typed: the older plan is seen until the newer one comes.
fn ask_again(dialog: &mut PlanDialog, cx: &mut Context, inputs: &Inputs<'_>) -> Out {
    match dialog.request(cx, inputs) {
        Some(request) => Out::Make(dialog.request_id, request),
        None => Out::Nothing,
    }
}

/// An action of the dialog.
pub fn act(dialog: &mut PlanDialog, act: Act, cx: &mut Context, inputs: &Inputs<'_>) -> Out {
    let choices = &mut dialog.choices;
    match act {
        Act::ConfirmPlan => return confirm(dialog),
        Act::PlanReason => return write(dialog, Field::Reason),
        Act::PlanFrom => return write(dialog, Field::From),
        Act::PlanComment => return write(dialog, Field::Comment),
        Act::PlanName if dialog.change.installs(Installable::AutoSign) => {
            return write(dialog, Field::Signs);
        }
        Act::PlanName => return write(dialog, Field::Name),
        Act::PlanExcept => return write(dialog, Field::Except),
        Act::PlanNever => return write(dialog, Field::Never),
        Act::PlanUploaders => return write(dialog, Field::Uploaders),
        Act::PlanProgram => return write(dialog, Field::Program),
        Act::PlanAuthority => return write(dialog, Field::Authority),
        Act::PlanNames => return write(dialog, Field::Names),
        Act::PlanId => return write(dialog, Field::Id),
        Act::PlanFile => return write(dialog, Field::File),
        Act::PlanLifetime if dialog.change.certifies() => return write(dialog, Field::Expires),
        Act::PlanRevisions => return write(dialog, Field::Revisions),
        Act::PlanExpiry => {
            let field = match dialog.change {
                ChangeKind::Space(SpaceChange::RemoveGenerations) => Field::Age,
                ChangeKind::Install(Installable::PolicyTimer) => Field::When,
                ChangeKind::Install(_) => Field::Days,
                _ => Field::Expires,
            };
            return write(dialog, field);
        }
        Act::PlanKey => choices.source = (choices.source + 1) % inputs.sources.len().max(1),
        Act::PlanClosure => choices.closure = !choices.closure,
        Act::PlanUpstream => choices.upstream = !choices.upstream,
        Act::PlanLifetime => choices.lifetime = (choices.lifetime + 1) % LIFETIMES.len(),
        Act::PlanRemove => match dialog.change {
            ChangeKind::Install(what) => dialog.change = ChangeKind::Remove(what),
            ChangeKind::Remove(what) => dialog.change = ChangeKind::Install(what),
            _ => return Out::Nothing,
        },
        Act::PlanSessions => choices.end_sessions = !choices.end_sessions,
        _ => return Out::Nothing,
    }
    ask(dialog, cx, inputs)
}

const fn write(dialog: &mut PlanDialog, field: Field) -> Out {
    dialog.typing = Some(field);
    Out::Nothing
}

/// `enter`: confirms, or asks for the word that confirms.
fn confirm(dialog: &mut PlanDialog) -> Out {
    if dialog.change.unanswered().is_some() {
        return write(dialog, Field::Answer);
    }
    if dialog.word().is_some() {
        return write(dialog, Field::Word);
    }
    Out::Confirm(Answer::Key)
}

/// A key while something is typed.
pub fn typed(dialog: &mut PlanDialog, key: Key, cx: &mut Context, inputs: &Inputs<'_>) -> Out {
    let interrupt = key.ctrl && key.code == Code::Char('c');
    let leaves = key.is("esc") || interrupt;
    let ends = leaves || key.is("enter") || key.is("tab");
    let Some(field) = dialog.typing else {
        return Out::Nothing;
    };
    match field {
        Field::Key if leaves => Out::Close,
        Field::Key if key.is("enter") => take_key(dialog, cx, inputs),
        Field::Answer if leaves => {
            dialog.pasted = Secret::new();
            dialog.typing = None;
            Out::Nothing
        }
        // A terminal that pastes by typing ends each line with this key.
        Field::Answer if key.is("enter") && begun(dialog.pasted.reveal()) => {
            dialog.pasted.push('\n');
            Out::Nothing
        }
        Field::Answer if key.is("enter") => take_answer(dialog, cx, inputs),
        Field::Key | Field::Answer => {
            edit_pasted(&mut dialog.pasted, key);
            Out::Nothing
        }
        Field::Word if leaves => {
            dialog.typing = None;
            dialog.texts.word = Input::default();
            Out::Nothing
        }
        Field::Word if key.is("enter") => say_word(dialog, cx, inputs),
        // The key that ends the text does not confirm the plan.
        Field::Reason if ends && !dialog.change.plans_reason() => {
            dialog.typing = None;
            Out::Nothing
        }
        _ if ends && field != Field::Word => {
            dialog.typing = None;
            ask(dialog, cx, inputs)
        }
        _ => {
            if let Some(text) = dialog.texts.of_mut(field) {
                input::edit(text, key);
            }
            edited(dialog, field, cx, inputs)
        }
    }
}

/// What follows from a text that has changed: what is written into a key's line is seen in the plan at once.
fn edited(dialog: &mut PlanDialog, field: Field, cx: &mut Context, inputs: &Inputs<'_>) -> Out {
    match field {
        Field::From | Field::Comment if dialog.change.writes_line() => {
            ask_again(dialog, cx, inputs)
        }
        _ => Out::Nothing,
    }
}

fn edit_pasted(pasted: &mut Secret, key: Key) {
    if key.is("backspace") {
        pasted.pop();
    } else if key.ctrl && key.code == Code::Char('u') {
        *pasted = Secret::new();
    } else if let Some(c) = key.typed() {
        pasted.push(c);
    }
}

/// The key that was typed or pasted becomes what is wanted, or is refused.
fn take_key(dialog: &mut PlanDialog, cx: &mut Context, inputs: &Inputs<'_>) -> Out {
    match PublicSshKey::parse(dialog.pasted.reveal()) {
        Ok(key) => {
            dialog.pasted = Secret::new();
            dialog.typing = None;
            let certifies = dialog.change.certifies();
            dialog.change = ChangeKind::Access(match dialog.change {
                ChangeKind::Access(AccessChange::Certify(_)) => AccessChange::Certify(Some(key)),
                ChangeKind::Access(AccessChange::Submit(_)) => AccessChange::Submit(Some(key)),
                _ => AccessChange::Authorize(Some(key)),
            });
            if certifies && dialog.texts.authority.value().is_empty() {
                dialog.typing = Some(Field::Authority);
            }
            ask(dialog, cx, inputs)
        }
        Err(error) => {
            if error == KeyError::Private {
                dialog.pasted = Secret::new();
            }
            Out::Say(error.to_string())
        }
    }
}

/// Whether the answer has begun and not ended.
fn begun(answer: &str) -> bool {
    answer.contains("-----BEGIN") && !answer.contains("-----END")
}

/// The answer that was typed or pasted is looked at when the plan is made.
fn take_answer(dialog: &mut PlanDialog, cx: &mut Context, inputs: &Inputs<'_>) -> Out {
    let answer = dialog.pasted.take();
    dialog.typing = None;
    if holds_private(&answer) {
        return Out::Say(ProofError::Private.to_string());
    }
    if let ChangeKind::Access(AccessChange::Prove(_, slot)) = &mut dialog.change {
        *slot = Some(answer.as_str().into());
    }
    ask(dialog, cx, inputs)
}

/// The word, and with it the change, if it is the right one and the change can be made now.
fn say_word(dialog: &PlanDialog, cx: &Context, inputs: &Inputs<'_>) -> Out {
    if let Err(reason) = reasons::ready(dialog, cx, inputs) {
        return Out::Say(reason.into_owned());
    }
    let typed = dialog.texts.word.value();
    match dialog.word() {
        Some(word) if word != typed => Out::Say(format!("type {word}, all of it, or press esc")),
        _ => Out::Confirm(Answer::Word(typed.to_owned())),
    }
}

/// Text was pasted. A private key is never taken in, and a word that confirms is typed by hand.
pub fn paste(dialog: &mut PlanDialog, text: &str, cx: &mut Context, inputs: &Inputs<'_>) -> Out {
    let waits = dialog.change.unanswered().is_some();
    match dialog.typing {
        Some(Field::Key) if holds_private(text) => {
            dialog.pasted = Secret::new();
            Out::Say(KeyError::Private.to_string())
        }
        Some(Field::Key) => {
            text.trim().chars().for_each(|c| dialog.pasted.push(c));
            Out::Nothing
        }
        Some(Field::Answer) | None if waits && holds_private(text) => {
            dialog.pasted = Secret::new();
            Out::Say(ProofError::Private.to_string())
        }
        Some(Field::Answer) | None if waits => {
            dialog.typing = Some(Field::Answer);
            text.chars().for_each(|c| dialog.pasted.push(c));
            if begun(dialog.pasted.reveal()) {
                return Out::Nothing;
            }
            take_answer(dialog, cx, inputs)
        }
        None | Some(Field::Answer) => Out::Nothing,
        Some(Field::Word) => Out::Say("type the word by hand".to_owned()),
        Some(field) => {
            let trims = matches!(
                field,
                Field::Name
                    | Field::Expires
                    | Field::Revisions
                    | Field::Age
                    | Field::Authority
                    | Field::File
                    | Field::Signs
                    | Field::Never
                    | Field::Uploaders
                    | Field::When
                    | Field::Program
                    | Field::Days
            );
            if let Some(input) = dialog.texts.of_mut(field) {
                input::paste(input, if trims { text.trim() } else { text });
            }
            edited(dialog, field, cx, inputs)
        }
    }
}
