//! Screen 6: jobs and their receipts, the audit log, open sessions, sshd's log.

pub mod backup;
pub mod changes;
pub mod comparison;
pub mod job;
pub mod logins;
pub mod state;
pub mod view;
