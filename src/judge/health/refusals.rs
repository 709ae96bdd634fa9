//! Which paths are refused, beyond how many: the newest one, what needs them, and what is new.
//!
//! In: the store. Out: [`Refusals`], and the words of it.

use crate::domain::count::count;
use crate::domain::{TrustClass, When};
use crate::inventory::{Inventory, State, WithClosure};

/// What is worth knowing of refused paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    /// The newest of them that is not signed wrongly: its name, and when it was uploaded.
    pub newest: Option<(String, When)>,
    /// A path with a wrong signature.
    pub bad: Option<String>,
    /// Paths that are well signed and need a refused or a missing one.
    pub above: usize,
    /// Those that came after an earlier look, and when that was.
    pub since: Option<(usize, When)>,
}

impl Refusals {
    /// Of a store; `earlier` is when it was looked at before. Goes over all paths.
    pub fn of(inventory: &Inventory, earlier: Option<When>) -> Self {
        let mut found = Self::default();
        let mut new = 0;
        for row in 0..inventory.len() as u32 {
            if inventory.state(row) != State::Valid {
                continue;
            }
            let Some(class) = inventory.trust(row) else {
                continue;
            };
            if !class.refused() {
                found.above += usize::from(inventory.with_closure(row) == WithClosure::Refused);
                continue;
            }
            let at = inventory.registered(row);
            new += usize::from(at.zip(earlier).is_some_and(|(at, earlier)| at > earlier));
            if class == TrustClass::Bad {
                found
                    .bad
                    .get_or_insert_with(|| inventory.name(row).to_owned());
            } else if let Some(at) =
                at.filter(|at| found.newest.as_ref().is_none_or(|(_, best)| at > best))
            {
                found.newest = Some((inventory.name(row).to_owned(), at));
            }
        }
        found.since = earlier.map(|earlier| (new, earlier));
        found
    }

    /// Behind the number of refused paths; `now` is by the server's clock.
    pub(super) fn words(&self, refused: usize, now: When) -> String {
        let mut words = String::new();
        if let Some((name, at)) = &self.newest {
            let newest = if refused > 1 { "the newest " } else { "" };
            words = format!(": {newest}{name}, uploaded {} ago", at.age(now));
        }
        if self.above > 0 {
            let need = if self.above == 1 { "needs" } else { "need" };
            words = format!(
                "{words}; {} {need} what is refused",
                count(self.above, "signed path")
            );
        }
        if let Some((new @ 1.., at)) = self.since {
            words = format!("{words}; {new} new since a look {} ago", at.age(now));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_is_known() {
        let now = When::from_unix(100_000);
        let all = Refusals {
            newest: Some(("hello-1.0".into(), When::from_unix(99_940))),
            bad: None,
            above: 3,
            since: Some((2, When::from_unix(92_800))),
        };
        assert_eq!(
            all.words(5, now),
            ": the newest hello-1.0, uploaded 1m ago; 3 signed paths need what is refused; 2 new since a look 2h ago"
        );
        assert_eq!(Refusals::default().words(1, now), "");
    }
}
