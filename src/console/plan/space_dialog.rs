//! The dialog before a change of what the store keeps.
//!
//! In: what is wanted. Out: what a plan is made of ([`Order`]), and what can be typed until it is confirmed.

use crate::change::Plan;
use crate::console::types::judged::Judged;
use crate::console::types::problem::Problem;
use crate::console::types::space::Planned;
use crate::domain::pin::PinName;
use crate::domain::roots::Root;
use crate::domain::{Age, Bytes, StorePath, When};
use crate::inventory::Inventory;
use std::sync::Arc;
use tui_input::Input;

/// What shall be done.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Delete what the planner chose.
    Collect(Box<Planned>),
    /// Delete all that is dead, whatever the rules say.
    Whole {
        /// Bytes that hard links save, where that is known.
        saved: Option<Bytes>,
    },
    /// Remove the generations of profiles that are older than an age.
    Generations,
    /// Keep these paths, each under a pin of its own.
    Pin(Vec<StorePath>),
    /// Take a pin away.
    Unpin(PinName),
    /// Take another root away.
    RemoveRoot(Root),
    /// Have Nix fetch or build these anew, which are damaged.
    Repair(Vec<StorePath>),
    /// Delete these, which are damaged.
    DeleteDamaged(Vec<StorePath>),
}

impl Wanted {
    /// Over the dialog.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Collect(_) => "Collect",
            Self::Whole { .. } => "Collect all that is dead",
            Self::Generations => "Remove old generations",
            Self::Pin(_) => "Pin",
            Self::Unpin(_) => "Unpin",
            Self::RemoveRoot(_) => "Remove a root",
            Self::Repair(_) => "Repair",
            Self::DeleteDamaged(_) => "Delete",
        }
    }
}

/// What keys type into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typing {
    /// The name of a pin.
    Name,
    /// Until when it keeps.
    Expires,
    /// How old the generations are that go.
    Age,
    /// What it is for.
    Note,
    /// Why.
    Reason,
    /// The word that confirms.
    Word,
}

/// The dialog.
#[derive(Debug)]
pub struct SpaceDialog {
    /// What shall be done.
    pub wanted: Wanted,
    /// The name of the pin.
    pub name: Input,
    /// Until when: an age from now, or empty for no end.
    pub expires: Input,
    /// How old the generations are that go.
    pub age: Input,
    /// The note of a pin, or the reason of another change.
    pub note: Input,
    /// The word that confirms.
    pub word: Input,
    /// What keys type into.
    pub typing: Option<Typing>,
    /// The plan, once it is made.
    pub plan: Option<Result<Box<Plan>, Problem>>,
    /// The number of the newest request for a plan.
    pub asked: u64,
}

/// Why there is no plan before all is read.
pub(super) const NOT_KNOWN: &str = "what is dead is not known yet";

/// All that a plan is made of.
#[derive(Debug, Clone)]
pub struct Order {
    /// What shall be done.
    pub wanted: Wanted,
    /// What was shown of roots.
    pub judged: Option<Arc<Judged>>,
    /// The store.
    pub inventory: Option<Arc<Inventory>>,
    /// The name of the pin; the path's own name where it is empty.
    pub name: String,
    /// Until when a pin keeps.
    pub expires: Option<When>,
    /// How old the generations are that go.
    pub age: Age,
    /// The note, or the reason for the audit log.
    pub note: Option<String>,
}

impl Order {
    /// The store, where it was read.
    pub fn inventory(&self) -> Result<&Inventory, Problem> {
        let inventory = self.inventory.as_deref();
        inventory.ok_or_else(|| Problem::say("the store has not been read yet"))
    }

    /// What was shown of roots, where anything was.
    pub fn judged(&self) -> Result<&Judged, Problem> {
        let judged = self.judged.as_deref();
        judged.ok_or_else(|| Problem::say(NOT_KNOWN))
    }
}

/// Reads when a pin ends: nothing for never, an age from now, or a day such as `2026-12-31`, to its end.
pub fn expiry(text: &str, now: When) -> Result<Option<When>, String> {
    let text = text.trim();
    if matches!(text, "" | "-" | "never" | "none") {
        return Ok(None);
    }
    if let Ok(Age(seconds)) = text.parse::<Age>() {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        return Ok(Some(When::from_unix(now.unix().saturating_add(seconds))));
    }
    let day = text.parse::<jiff::civil::Date>().ok();
    let end = day.and_then(|day| day.at(23, 59, 59, 0).in_tz("UTC").ok());
    match end {
        Some(end) if end.timestamp().as_second() > now.unix() => {
            Ok(Some(When::from_unix(end.timestamp().as_second())))
        }
        Some(_) => Err(format!("{text} is over already")),
        None => Err(format!(
            "{text:?} is no time; write 30d, 2026-12-31, or nothing for no end"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends() {
        let now = When::from_unix(1_790_000_000);
        assert_eq!(expiry("", now), Ok(None));
        assert_eq!(expiry(" never ", now), Ok(None));
        assert_eq!(
            expiry("1d", now),
            Ok(Some(When::from_unix(1_790_000_000 + 86_400)))
        );
        let end = expiry("2026-12-31", now).unwrap().unwrap();
        assert_eq!(end.to_string(), "2026-12-31T23:59:59Z");
        assert!(expiry("2020-01-01", now).unwrap_err().contains("over"));
        assert!(expiry("soon", now).unwrap_err().contains("soon"));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,20}", now: i64) {
            let _ = expiry(&text, When::from_unix(now));
        }
    }
}
