//! How much an action can do, and when it is hinted at.

/// How much an action can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Danger {
    /// Only looks.
    None,
    /// Leads to a plan; nothing happens before that is confirmed.
    Plans,
    /// Confirms a plan that was shown.
    Confirms,
}

/// When an action is hinted at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintWhen {
    /// Always; dimmed while it can't be done.
    Always,
    /// While there is a line under the cursor.
    OnLine,
    /// While a key or a request is under the cursor, and always on the screen of those.
    OnKey,
    /// While it can be done.
    Possible,
}

impl HintWhen {
    /// Whether it is hinted at now.
    pub const fn now(self, possible: bool, on_line: bool, on_key: bool) -> bool {
        match self {
            Self::Always => true,
            Self::OnLine => on_line,
            Self::OnKey => on_key,
            Self::Possible => possible,
        }
    }
}
