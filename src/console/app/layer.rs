//! The states of the screens, and of what lies over them.
//!
//! In: nothing. Out: plain data, parts of the model.

use crate::change::Plan;
use crate::console::app::model::Model;
use crate::console::plan::access::AccessDialog;
use crate::console::plan::sign_dialog::SignDialog;
use crate::console::plan::space_dialog::SpaceDialog;
use crate::console::screens::activity::comparison::Verification;
use crate::console::types::action::Scope;
use crate::console::types::ask::Ask;
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
    /// Before signing.
    Sign(Box<SignDialog>),
    /// Before a change of who may log in.
    Access(Box<AccessDialog>),
    /// Before a change of what the store keeps.
    Space(Box<SpaceDialog>),
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

impl Layer {
    /// The number of the plan that a dialog has asked for, and the plan once it is made.
    pub fn plan(&self) -> Option<(u64, Option<&Plan>)> {
        let (number, plan) = match self {
            Self::Sign(dialog) => (dialog.asked, &dialog.plan),
            Self::Access(dialog) => (dialog.asked, &dialog.plan),
            Self::Space(dialog) => (dialog.asked, &dialog.plan),
            _ => return None,
        };
        let plan = plan.as_ref().and_then(|plan| plan.as_deref().ok());
        Some((number, plan))
    }
}

impl Model {
    /// The number of the plan in the dialog on top, once it is made.
    pub fn plan_shown(&self) -> Option<u64> {
        let (number, plan) = self.layers.last()?.plan()?;
        plan.map(|_| number)
    }

    /// Whether the warnings of the plan in the dialog on top were all on the screen in its list.
    pub fn has_read_plan(&self) -> bool {
        self.read.is_some() && self.read == self.plan_shown()
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
