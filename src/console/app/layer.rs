//! What lies over the screen.
//!
//! In: nothing. Out: plain data, a part of the model.

use crate::console::app::model::Model;
use crate::console::plan::state::PlanDialog;
use crate::console::screens::activity::comparison::Verification;
use crate::console::types::ask::Ask;
use crate::console::types::scope::Scope;
use crate::console::types::secret::Secret;
use crate::console::types::text::Text;
use crate::console::widgets::list::List;
use tui_input::Input;

/// What lies over the screen; the last one has the keys.
#[derive(Debug)]
pub enum Layer {
    /// The keys that work in a scope.
    Help {
        /// Where it was asked for.
        scope: Scope,
        /// Where it is scrolled to.
        top: usize,
    },
    /// `:`.
    Palette(Palette),
    /// Before a change.
    Plan(Box<PlanDialog>),
    /// A text.
    Text(Text),
    /// A question of the connection.
    Ask {
        /// The question.
        ask: Ask,
        /// The answer so far.
        answer: Secret,
    },
    /// Compare so much?
    Verify(Box<Verification>),
    /// A choice of servers.
    Servers(List),
    /// Quit although a job runs?
    Quit,
}

impl Model {
    /// The dialog of a plan, if it is on top.
    pub fn plan_dialog(&self) -> Option<&PlanDialog> {
        match self.layers.last()? {
            Layer::Plan(dialog) => Some(dialog),
            _ => None,
        }
    }

    /// The number of the plan in the dialog on top, once it is made.
    pub fn plan_shown(&self) -> Option<u64> {
        let dialog = self.plan_dialog()?;
        dialog.made().map(|_| dialog.request_id)
    }
}

/// The command palette.
#[derive(Debug, Default)]
pub struct Palette {
    /// What is typed.
    pub input: Input,
    /// Which of the matches is chosen.
    pub cursor: usize,
    /// Which line of the history is shown, counted from the newest.
    pub past: Option<usize>,
}
