//! Screen 6: jobs and their receipts, the audit log, open sessions, sshd's log.

pub mod backup;
pub mod changes;
pub mod comparison;
mod effect;
pub mod job;
pub mod logins;
mod msg;
pub mod state;
pub mod view;

pub use effect::Effect;
pub use msg::Msg;
