//! What a plan has to do with a second administrator.
//!
//! In: the server's two-person rule, or a plan that waits there. Out: [`Second`], which a plan carries: that it will wait, or that it is
//! the second confirmation of one.

use super::plan::Plan;
use crate::domain::two_persons::{Login, WaitingPlan};
use serde::{Serialize, Serializer};

/// Of a plan: what the two-person rule makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Second {
    /// It waits for another administrator when it is confirmed.
    Needed,
    /// It is the second confirmation of a plan that waits.
    Confirms(Box<Confirms>),
}

impl Plan {
    /// Notes that it waits for a second administrator. Who that is makes the certificate of a plan, and chooses its file.
    pub fn needs_second(&mut self) {
        self.second = Some(Second::Needed);
        if self.change == "sign-cert" {
            let mut lines = self.lines.iter_mut();
            if let Some((_, file)) = lines.find(|(label, _)| *label == "file") {
                "where the second administrator confirms it, with the authority's key there"
                    .clone_into(file);
            }
        }
    }
}

/// A plan that waits, and who confirms it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirms {
    /// As it lies on the server.
    pub plan: WaitingPlan,
    /// The SHA-256 of that.
    pub sha256: String,
    /// Who confirms it; it is another login than the first one.
    pub login: Login,
}

impl Serialize for Second {
    /// `needed`, or the id of the plan that is confirmed and who has planned it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            confirms: &'a str,
            first: &'a Login,
        }
        match self {
            Self::Needed => serializer.serialize_str("needed"),
            Self::Confirms(confirms) => Document {
                confirms: &confirms.plan.id,
                first: &confirms.plan.first,
            }
            .serialize(serializer),
        }
    }
}
