//! Without a real server: the command line, the demo, the console as a model, and the rules of the sources. Needs no root.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod cli;
mod columns;
mod demo;
mod docs;
mod export;
mod find;
mod fixture;
mod followed;
mod habits;
mod hostile_daemon;
mod journeys;
mod live;
mod nix;
mod other_daemons;
mod palette;
mod rules;
mod screens;
mod screenshots;
mod second;
mod sign_faults;
mod trail;
mod undo;

#[path = "../help/mod.rs"]
mod help;
