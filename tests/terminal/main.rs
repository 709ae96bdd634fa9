//! The console on a real terminal, on a real cache server and on the demo: what a person sees who presses keys.
//!
//! In: keys. Out: the screen as a terminal emulator shows it, the bytes that were written to it, the server's database, the
//! word of a real client. No test waits for a time to pass where it can wait for a text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bytes;
mod cli;
mod demo;
mod ending;
mod groups;
mod hostile;
mod hosts;
mod installed;
mod link;
mod policy;
mod push;
mod served;
mod sessions;
mod signing;
mod space;

#[path = "../help/mod.rs"]
mod help;
#[path = "../rig/mod.rs"]
mod rig;

use crate::help::terminal::{Terminal, is_read};
use crate::rig::Rig;
use std::collections::BTreeSet;

/// The size that has to be perfect.
const SIZE: (u16, u16) = (80, 24);

/// The console on one of the rig's servers, read to the end.
fn console(rig: &Rig, arguments: &[&str]) -> Terminal {
    let terminal = open(rig, arguments);
    loaded(&terminal);
    terminal
}

/// The same before anything has come.
fn open(rig: &Rig, arguments: &[&str]) -> Terminal {
    let command = rig.storekeeper_command(arguments.iter().copied());
    Terminal::start(&command, SIZE.0, SIZE.1)
}

/// Waits until the store is read: the first screen counts it then.
fn loaded(terminal: &Terminal) {
    terminal.wait("a store that is read", is_read);
}

/// The first line.
fn header(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Every path with its signatures, as the database has them.
fn signatures(rig: &Rig) -> String {
    rig.sql("select path, sigs from ValidPaths order by path;")
}

/// The paths that carry a signature by our key, as the database has it.
fn signed(rig: &Rig) -> BTreeSet<String> {
    let key = crate::rig::OURS;
    rig.sql(&format!(
        "select path from ValidPaths where sigs like '%{key}:%';"
    ))
    .lines()
    .map(ToOwned::to_owned)
    .collect()
}
