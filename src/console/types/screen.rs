//! The six screens.

use crate::console::types::scope::Scope;

/// The six screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Screen {
    Overview,
    Store,
    Unsigned,
    Access,
    Space,
    Activity,
}

impl Screen {
    /// In the order of their keys.
    pub const ALL: [Self; 6] = [
        Self::Overview,
        Self::Store,
        Self::Unsigned,
        Self::Access,
        Self::Space,
        Self::Activity,
    ];

    /// Its name.
    pub const fn title(self) -> &'static str {
        self.scope().title()
    }

    /// Its keys.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Overview => Scope::Overview,
            Self::Store => Scope::Store,
            Self::Unsigned => Scope::Unsigned,
            Self::Access => Scope::Access,
            Self::Space => Scope::Space,
            Self::Activity => Scope::Activity,
        }
    }
}
