//! A plan in words.
//!
//! In: what was planned. Out: sentences for the plan, the list and JSON.

use super::{Collection, Goal, Gone, Kept, Reason, Rules, Target};
use crate::domain::Bytes;
use crate::domain::count::{count, dependencies};
use crate::inventory::Inventory;

impl Reason {
    /// Why a path may go, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unused => "no root; nothing refers to it",
            Self::OnlyDead => "no root; only paths that go refer to it",
            Self::Derivation => "no root; a derivation whose outputs go or are not here",
        }
    }
}

impl Gone {
    /// What goes, such as `storefront-1.0 with 311 dependencies`.
    pub fn words(&self, inventory: &Inventory) -> String {
        let name = inventory.name(self.top);
        let shared = if self.shared {
            ", shared by several that go"
        } else {
            ""
        };
        let stay = match self.of - self.paths {
            0 => String::new(),
            1 => " (1 dependency is kept)".to_owned(),
            stay => format!(" ({} are kept)", dependencies(stay)),
        };
        match self.paths - 1 {
            0 => format!("{name}{shared}{stay}"),
            others => format!("{name} with {}{shared}{stay}", dependencies(others)),
        }
    }
}

impl Rules {
    /// What stays by them, such as `the newest 3 of each name stay, and what came in within 1d`.
    pub fn words(&self) -> String {
        if let Some(policy) = &self.policy {
            return format!(
                "what the policy of the server keeps: {} and the default ({})",
                count(policy.projects.len(), "project"),
                policy.default
            );
        }
        let mut stays = Vec::new();
        if self.keep_newest > 0 {
            stays.push(format!("the newest {} of each name", self.keep_newest));
        }
        if self.grace.0 > 0 {
            stays.push(format!("what was uploaded within {}", self.grace));
        }
        if let Some(age) = self.older_than {
            stays.push(format!("what was used within {age}"));
        }
        match stays.split_first() {
            None => "nothing stays but what a root keeps".to_owned(),
            Some((first, [])) => format!("{first} stays"),
            Some((first, others)) => format!("{first} stay, and {}", others.join(", and ")),
        }
    }
}

impl Kept {
    /// A sentence for each reason to stay that holds for something.
    pub fn sentences(&self, rules: &Rules) -> Vec<String> {
        let stays = |n: usize| if n == 1 { "stays" } else { "stay" };
        let mut found = Vec::new();
        let mut note = |n: usize, why: String| {
            if n > 0 {
                found.push(format!("{} {}: {why}", count(n, "path"), stays(n)));
            }
        };
        note(self.live, "kept alive by a GC root".to_owned());
        note(self.pinned, "pinned".to_owned());
        note(
            self.unseen,
            "not among what the first administrator has seen, or needed by what is not".to_owned(),
        );
        let needs = "or needed by what was";
        note(
            self.in_flight,
            format!("uploaded since a session began that is still open, {needs}"),
        );
        if rules.policy.is_some() {
            let by = |what: &str| format!("{what} for its project, or needed by what was");
            note(self.grace, by("uploaded recently enough"));
            note(self.newest, by("among the newest of its name"));
            note(self.recent, by("used recently enough"));
            note(self.quota, by("within the quota"));
            note(
                self.left,
                "more recently used; the goal or the maximum comes first".to_owned(),
            );
            found.extend(self.cannot_be_read());
            return found;
        }
        note(
            self.grace,
            format!("registered within {}, {needs}", rules.grace),
        );
        let newest = rules.keep_newest;
        note(
            self.newest,
            format!("among the newest {newest} of a name, or needed by what is"),
        );
        if let Some(age) = rules.older_than {
            note(self.recent, format!("used within {age}, {needs}"));
        }
        note(
            self.left,
            "more recently used; the goal or the maximum comes first".to_owned(),
        );
        found.extend(self.cannot_be_read());
        found
    }

    fn cannot_be_read(&self) -> Option<String> {
        (self.unreadable > 0).then(|| {
            format!(
                "{} cannot be read on the server: nothing of that goes, and what it needs is not known; the daemon refuses to delete that",
                count(self.unreadable, "path")
            )
        })
    }
}

impl Collection {
    /// What became of the targets, and what is not known of the bytes.
    pub fn goal_sentence(&self) -> String {
        let max = if self.capped {
            "; the next in order would pass the maximum"
        } else {
            ""
        };
        let unsure = match self.bytes.low {
            None if self.goal != Goal::NoTarget => {
                "; what hard links share is not known, so less may come free"
            }
            _ => "",
        };
        match &self.goal {
            Goal::NoTarget if self.capped => "as much as the maximum allows".to_owned(),
            Goal::NoTarget => "all that the rules allow".to_owned(),
            Goal::Reached(Target::UntilFree) => {
                format!("enough to have as much available as asked{unsure}")
            }
            Goal::Reached(Target::Reclaim) => format!("enough to take as much as asked{unsure}"),
            Goal::Short { by } => format!("target missed by {}{max}{unsure}", Bytes(by.0)),
            Goal::Unknown(why) => why.clone(),
        }
    }
}
