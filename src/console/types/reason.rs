//! Why an action can't be done now.

use crate::change::Refusal;
use crate::console::types::context::Context;
use crate::console::types::server::Link;
use std::borrow::Cow;

/// `Ok`, or the reason as a short clause, which help, palette and short messages show.
pub type Reason = Result<(), Cow<'static, str>>;

/// It can't be done, for this reason.
pub const fn no(reason: &'static str) -> Reason {
    Err(Cow::Borrowed(reason))
}

impl Context {
    /// There is a server to ask.
    pub fn connected(&self) -> Reason {
        match self.link {
            Link::Up { .. } => {}
            Link::Connecting => return no("not connected yet"),
            Link::Down { .. } | Link::Failed(_) => {
                return no("not connected; R connects again");
            }
        }
        if self.facts.is_none() {
            return no("the server has not been asked yet");
        }
        Ok(())
    }

    /// What every change needs: permission and a connection.
    pub fn can_change(&self) -> Reason {
        if self.policy.read_only {
            return Err(Cow::Owned(Refusal::ReadOnly.to_string()));
        }
        self.connected()
    }

    /// What a change of paths needs besides: that they are shown as they are, and not as they were the last time.
    pub fn can_change_paths(&self) -> Reason {
        self.can_change()?;
        match self.data.kept {
            Some(_) => no("the store is shown as it was kept; wait until it has been read"),
            None => Ok(()),
        }
    }
}
