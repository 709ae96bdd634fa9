//! What screen 6 asks for: the audit log, and the jobs that change nothing.
//!
//! In: effects. Out: messages, from tasks beside the loop.

use crate::console::backend::connect::Session;
use crate::console::backend::{Backend, work};
use crate::console::screens::activity::Effect;

impl Backend {
    /// Begins what the lists of changes and jobs ask for.
    pub(super) fn activity(&mut self, effect: Effect) {
        match effect {
            Effect::ReadAudit => {
                if let Some(state) = self.session.as_ref().map(Session::state) {
                    self.with_server(|server, send| work::read_audit(server, state, send));
                }
            }
            Effect::VerifyAudit => {
                if let Some(state) = self.session.as_ref().map(Session::state) {
                    self.with_server(|server, send| work::verify_audit(server, state, send));
                }
            }
            Effect::Compare {
                job,
                inventory,
                rows,
            } => self.compare(job, inventory, rows),
            Effect::BackUp { job, file } => self.back_up(job, &file),
        }
    }
}
