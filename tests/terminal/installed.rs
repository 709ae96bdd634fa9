//! What runs by itself, installed and removed by keys on a real server: the real program on a terminal, the real sshd, scripts and Nix.

use crate::help::terminal::Terminal;
use crate::rig::Rig;
use std::fs;
use std::path::Path;

/// Confirms the plan on the screen, after its warnings were read in its list.
fn confirm(terminal: &mut Terminal) -> String {
    terminal.keys("l");
    terminal.wait("the plan in full", |text| {
        text.contains("same as") || text.contains("warning")
    });
    terminal.keys("G");
    terminal.keys("\u{1b}");
    terminal.wait("the dialog", |text| text.contains("does "));
    terminal.keys("\r");
    let receipt = terminal.wait_for("┌ Receipt");
    assert!(receipt.contains("result    done"), "{receipt}");
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Receipt"));
    receipt
}

/// Opens the list, and waits until it is known how all of them are.
fn list(terminal: &mut Terminal) -> String {
    terminal.keys("b");
    terminal.wait("the list", |text| {
        text.contains("┌ Install or remove what runs by itself")
            && !text.contains("being looked at")
    })
}

fn shut(terminal: &mut Terminal) {
    terminal.keys("\u{1b}");
    terminal.wait("no list", |text| !text.contains("┌ Install or remove"));
}

#[test]
fn auto_sign_and_the_policy_timer_are_installed_and_removed_by_keys() {
    let rig = Rig::new();
    let _sshd = rig.installing("prod");
    let before = rig.installed_files();
    let policy = rig.scratch().join("new.toml");
    fs::write(&policy, "[default]\nnewest = 1\n").unwrap();
    assert!(rig.client_accepts(rig.path("library-2.0")).is_err());
    let mut terminal = super::console(&rig, &["prod"]);

    // From the screen of what is refused, by a name.
    terminal.keys("3");
    terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
    let text = list(&mut terminal);
    assert_eq!(text.matches("not installed").count(), 4, "{text}");
    terminal.keys("\r");
    terminal.wait_for("┌ Install auto-sign");
    terminal.keys("library-*\r");
    terminal.wait_for("sign new uploads called library-*");
    confirm(&mut terminal);
    assert!(rig.installed_files().len() > before.len());
    // By the real client.
    assert_eq!(rig.client_accepts(rig.path("library-2.0")), Ok(()));
    terminal.keys("1");
    terminal.wait_for("auto-sign is on");

    // A timer has a policy to go by, or is none; a file of this machine is one.
    terminal.keys("5");
    terminal.wait_for("until free [");
    list(&mut terminal);
    terminal.keys("\r");
    terminal.wait_for("the server has no retention policy");
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Install the policy"));
    terminal.keys("F");
    terminal.wait_for("┌ Command");
    terminal.keys(&format!("{}\r", policy.display()));
    let plan = terminal.wait_for("┌ Write the retention policy");
    assert!(plan.contains("newest = 1"), "{plan}");
    assert!(!Path::new(&rig.file("var/retention.toml")).exists());
    terminal.keys("\r");
    terminal.wait_for("┌ Receipt");
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Receipt"));
    assert_eq!(
        fs::read_to_string(rig.file("var/retention.toml")).unwrap(),
        "[default]\nnewest = 1\n"
    );
    list(&mut terminal);
    terminal.keys("\r");
    terminal.wait_for("collect by the retention policy by a timer: daily");
    confirm(&mut terminal);
    // What is fine is at the end.
    terminal.keys("1G");
    terminal.wait_for("policy timer is on");

    // Both stand in the list, and go again from there; nothing of them stays.
    let text = list(&mut terminal);
    for part in ["installed, on: library-*", "installed, on: daily"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    terminal.keys("\r");
    terminal.wait_for("┌ Remove auto-sign");
    terminal.wait_for("sign new uploads by themselves no more");
    confirm(&mut terminal);
    terminal.keys(":setup gc\r");
    terminal.wait_for("collect by the retention policy by a timer no more");
    confirm(&mut terminal);
    let text = list(&mut terminal);
    assert_eq!(text.matches("not installed").count(), 4, "{text}");
    shut(&mut terminal);
    assert_eq!(rig.installed_files(), before);
    for state in ["var/auto-sign.state", "var/gc.state"] {
        assert!(!Path::new(&rig.file(state)).exists(), "{state}");
    }
}
