//! A push by keys, from a second real store to a real server, judged by a real client.

use super::loaded;
use crate::help::terminal::Terminal;
use crate::rig::{OURS, Rig};
use std::os::unix::fs::symlink;

#[test]
fn from_the_palette_to_the_receipt_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let chain = rig.build_chain("pushed", 3, 1000);
        symlink(&chain[2], rig.scratch().join("result")).unwrap();
        let mut command = rig.storekeeper_there(["root"]);
        command.current_dir(rig.scratch());
        let mut terminal = Terminal::start(&command, 80, 24);
        loaded(&terminal);
        terminal.keys("2");
        terminal.keys("P");
        terminal.wait_for("push PATH…");
        terminal.keys("./result\r");
        let plan = terminal.wait("the plan", |text| text.contains("missing"));
        assert!(
            plan.contains("┌ Push") && plan.contains("3 paths, "),
            "{plan}"
        );
        assert!(plan.contains(OURS), "{plan}");
        terminal.keys("\r");
        let receipt = terminal.wait_for("┌ Receipt");
        assert!(
            receipt.contains("result    done") && receipt.contains("done      3"),
            "{receipt}"
        );
        assert_eq!(
            rig.client_accepts_with(&chain[2], &[rig.public_key(OURS)]),
            Ok(())
        );
        // The list has it.
        terminal.keys("\u{1b}");
        terminal.wait("no dialog", |text| !text.contains("┌ Receipt"));
        terminal.keys("2/");
        terminal.keys("pushed-2\r");
        terminal.wait("the path", |text| {
            let mut lines = text.lines();
            lines.any(|line| line.contains("pushed-2") && line.contains(" ours"))
        });
        // What is not there is said, and nothing is asked of the server.
        terminal.keys(":");
        terminal.wait_for("┌ Command");
        terminal.keys("push ./nothing\r");
        terminal.wait_for("is neither a store path");
        terminal.keys("\u{1b}");
        terminal.wait("no dialog", |text| !text.contains("┌ Push"));
        terminal.keys("q");
        assert_eq!(terminal.exit(), 0);
    });
}
