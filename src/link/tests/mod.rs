//! The room as a whole, against a real sshd.

mod commands;
mod hosts;
mod logins;
mod passwords;
mod rig;
