//! What is typed and pasted into the dialog of a change of access.
//!
//! In: keys and text while a field has them. Out: the field, and the plan that follows from it. A private key is never taken in.

use crate::change::Answer;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::access::{ask_again, ask_plan, run};
use crate::console::plan::access::{Typing, Wanted};
use crate::console::types::key::{Code, Key};
use crate::console::types::secret::Secret;
use crate::console::widgets::input;
use crate::domain::proof::ProofError;
use crate::domain::ssh_key::{KeyError, PublicSshKey, holds_private};
use tui_input::Input;

/// A key while something is typed into the dialog.
pub(in crate::console::app::update) fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    let interrupt = key.ctrl && key.code == Code::Char('c');
    let leave = key.is("esc") || interrupt;
    let Some(Layer::Access(dialog)) = model.layers.last_mut() else {
        return vec![];
    };
    match dialog.typing {
        Typing::Nothing => vec![],
        Typing::Key if leave => {
            model.layers.pop();
            vec![]
        }
        Typing::Answer if leave => {
            dialog.pasted = Secret::new();
            dialog.typing = Typing::Nothing;
            vec![]
        }
        Typing::Key if key.is("enter") => take_key(model),
        Typing::Answer if key.is("enter") => {
            // A terminal that pastes by typing ends each line with this key.
            if begun(dialog.pasted.reveal()) {
                dialog.pasted.push('\n');
                return vec![];
            }
            take_answer(model)
        }
        Typing::Key | Typing::Answer => {
            if key.is("backspace") {
                dialog.pasted.pop();
            } else if key.ctrl && key.code == Code::Char('u') {
                dialog.pasted = Secret::new();
            } else if let Some(c) = key.typed() {
                dialog.pasted.push(c);
            }
            vec![]
        }
        // The key that ends the text does not confirm the plan.
        Typing::Reason | Typing::From | Typing::Comment
            if leave || key.is("enter") || key.is("tab") =>
        {
            dialog.typing = Typing::Nothing;
            ask_plan(model)
        }
        Typing::From => {
            input::edit(&mut dialog.from, key);
            ask_again(model)
        }
        Typing::Comment => {
            input::edit(&mut dialog.comment, key);
            ask_again(model)
        }
        Typing::Reason => {
            input::edit(&mut dialog.reason, key);
            vec![]
        }
        Typing::Word if leave => {
            dialog.typing = Typing::Nothing;
            dialog.word = Input::default();
            vec![]
        }
        Typing::Word if key.is("enter") => say_word(model),
        Typing::Word => {
            input::edit(&mut dialog.word, key);
            vec![]
        }
    }
}

/// The key that was typed or pasted becomes what is wanted, or is refused.
fn take_key(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Access(dialog)) = model.layers.last_mut() else {
        return vec![];
    };
    match PublicSshKey::parse(dialog.pasted.reveal()) {
        Ok(key) => {
            dialog.pasted = Secret::new();
            dialog.wanted = Wanted::Authorize(Some(key));
            dialog.typing = Typing::Nothing;
            ask_plan(model)
        }
        Err(error) => {
            if error == KeyError::Private {
                dialog.pasted = Secret::new();
            }
            model.toast = Some(error.to_string());
            vec![]
        }
    }
}

/// Whether the answer has begun and not ended.
fn begun(answer: &str) -> bool {
    answer.contains("-----BEGIN") && !answer.contains("-----END")
}

/// The answer that was typed or pasted is looked at when the plan is made.
fn take_answer(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Access(dialog)) = model.layers.last_mut() else {
        return vec![];
    };
    let answer = dialog.pasted.take();
    dialog.typing = Typing::Nothing;
    if holds_private(&answer) {
        model.toast = Some(ProofError::Private.to_string());
        return vec![];
    }
    if let Wanted::Prove(_, slot) = &mut dialog.wanted {
        *slot = Some(answer.as_str().into());
    }
    ask_plan(model)
}

/// The word, and with it the change, if it is the right one and the change can be made now.
fn say_word(model: &mut Model) -> Vec<Effect> {
    if let Err(reason) = crate::console::app::reasons::change_ready(model) {
        model.toast = Some(reason.into_owned());
        return vec![];
    }
    let Some(Layer::Access(dialog)) = model.layers.last() else {
        return vec![];
    };
    let typed = dialog.word.value().to_owned();
    match &dialog.plan {
        Some(Ok(plan)) if plan.word().is_some_and(|word| word != typed) => {
            let word = plan.word().unwrap_or_default();
            model.toast = Some(format!("type {word}, all of it, or press esc"));
            vec![]
        }
        _ => run(model, &Answer::Word(typed)),
    }
}

/// Text was pasted into the dialog.
pub(in crate::console::app::update) fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    let Some(Layer::Access(dialog)) = model.layers.last_mut() else {
        return vec![];
    };
    let waits = matches!(dialog.wanted, Wanted::Prove(_, None));
    match dialog.typing {
        Typing::Key if holds_private(text) => {
            // Nothing of it is taken in.
            dialog.pasted = Secret::new();
            model.toast = Some(KeyError::Private.to_string());
        }
        Typing::Key => text.trim().chars().for_each(|c| dialog.pasted.push(c)),
        Typing::Answer | Typing::Nothing if waits && holds_private(text) => {
            dialog.pasted = Secret::new();
            model.toast = Some(ProofError::Private.to_string());
        }
        Typing::Answer | Typing::Nothing if waits => {
            dialog.typing = Typing::Answer;
            text.chars().for_each(|c| dialog.pasted.push(c));
            if !begun(dialog.pasted.reveal()) {
                return take_answer(model);
            }
        }
        Typing::Nothing | Typing::Answer => {}
        Typing::From => {
            input::paste(&mut dialog.from, text);
            return ask_again(model);
        }
        Typing::Comment => {
            input::paste(&mut dialog.comment, text);
            return ask_again(model);
        }
        Typing::Reason => input::paste(&mut dialog.reason, text),
        // A word that confirms is typed by hand.
        Typing::Word => {
            model.toast = Some("type the word by hand".to_owned());
        }
    }
    vec![]
}
