//! The retention policy in an editor that the console gives the terminal to, and what comes of what it leaves.

use crate::help::terminal::Terminal;
use crate::rig::{Access, Rig};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// An editor that shows what there is, and takes one line in its place.
const EDITOR: &str = r#"#!/bin/sh
echo "editing: $(grep -v '^#' "$1" | tr '\n' ' ')"
read -r line
printf '%s\n' "$line" >"$1"
"#;

fn begin(terminal: &mut Terminal, with: &str) {
    terminal.keys("E");
    terminal.wait("the editor", |text| {
        text.contains("editing: ") && text.contains(with)
    });
    terminal.until("a terminal that is the editor's", || {
        terminal.cooked() && !terminal.alternate()
    });
}

#[test]
fn the_policy_is_edited_and_the_terminal_comes_back() {
    let rig = Rig::new();
    let editor = rig.file("editor");
    fs::write(&editor, EDITOR).unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = rig.storekeeper_command([Access::Root.server()]);
    command.env("EDITOR", &editor).env_remove("VISUAL");
    let mut terminal = Terminal::start(&command, 80, 24);
    super::loaded(&terminal);
    terminal.keys("5");
    terminal.wait_for("until free [");
    // Ctrl-C is the editor's, which ends by it; the console goes on.
    begin(&mut terminal, "newest = 3");
    terminal.keys("\u{3}");
    terminal.wait_for("the editor ended with an error");
    terminal.until("a terminal that is the console's", || {
        terminal.alternate() && !terminal.cooked()
    });
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("the editor ended"));
    // What is no policy is said, and edited again.
    begin(&mut terminal, "newest = 3");
    terminal.keys("default = { newset = 1 }\r");
    terminal.wait_for("That is no retention policy");
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("That is no"));
    begin(&mut terminal, "newset");
    terminal.resize(100, 30);
    terminal.keys("default = { newest = 1 }\r");
    // What was typed is still on the other screen.
    let plan = terminal.wait_for("┌ Write the retention policy");
    for part in ["default = { newest = 1 }", " of NARs, now"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    let policy = rig.file("var/retention.toml");
    assert!(fs::metadata(&policy).is_err(), "a plan writes nothing");
    terminal.keys("\r");
    let receipt = terminal.wait_for("┌ Receipt");
    assert!(receipt.contains("result    done"), "{receipt}");
    let written = fs::read_to_string(&policy).unwrap();
    assert_eq!(written, "default = { newest = 1 }\n");
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Receipt"));
    // Ended while the editor has it, it leaves the terminal as it was.
    begin(&mut terminal, "newest = 1");
    terminal.signal("TERM");
    terminal.exit();
    terminal.until("a terminal that is given back", || terminal.given_back());
}
