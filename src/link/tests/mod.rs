//! The room as a whole, against a real sshd.

mod commands;
mod far;
mod hosts;
mod known_hosts;
mod known_hosts_cases;
mod known_hosts_command;
mod logins;
mod passwords;
mod rig;
mod sessions;
