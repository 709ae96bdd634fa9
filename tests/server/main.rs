//! On a real server: sshd, nix-daemon and a store as `tests/rig` makes them, judged by the real clients. Needs root.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod access;
mod audit;
mod audit_followed;
mod cli;
mod compromised;
mod conflicts;
mod connect;
mod cut_off;
mod database;
mod equal;
mod fleet;
mod followed;
mod guide;
mod hostile_owner;
mod incidents;
mod jobs;
mod kept;
mod login_shells;
mod max_sessions;
mod odd_answers;
mod push;
mod push_spool;
mod rig_itself;
mod rotation;
mod sign;
mod space;
mod speed;
mod upkeep;
mod watch;

#[path = "../help/mod.rs"]
mod help;
#[path = "../rig/mod.rs"]
mod rig;
