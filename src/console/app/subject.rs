//! What is under the cursor, so that a key is never taken for something else than was seen.

use crate::console::screens::activity::state::Part;
use crate::console::screens::space::state::View;
use crate::console::types::screen::Screen;

/// What a key would act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The list that it is in. Another list was gone to by a key.
    pub(super) list: (Screen, View, Part),
    /// Which it is.
    pub(super) id: String,
    /// What it is called on the screen.
    pub(super) name: String,
}
