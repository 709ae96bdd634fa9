//! Signing by keys, with each of the three kinds of key, judged by a real client; and that read-only holds.

use super::{console, signatures};
use crate::help::terminal::Terminal;
use crate::rig::{Access, OURS, Rig, UNMENDABLE};

/// Marks everything that is refused and goes to the dialog with the plan.
pub(super) fn plan_all(terminal: &mut Terminal) {
    terminal.keys("3");
    terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
    terminal.mark_all();
    terminal.keys("s");
    terminal.wait_for("┌ Sign ");
}

/// Chooses the key whose line has these words.
pub(super) fn choose_key(terminal: &mut Terminal, words: &str) {
    let key = |screen: &str| {
        let shown = |line: &&str| line.contains("│ key ") || line.contains("│ with ");
        screen.lines().filter(shown).collect::<String>()
    };
    let planned = |text: &str| !key(text).is_empty();
    for _ in 0..6 {
        let shown = key(&terminal.wait("a plan", planned));
        if shown.contains(words) {
            return;
        }
        terminal.keys("k");
        // The plan with the key before may stay on the screen for a while.
        terminal.wait("another key", |text| planned(text) && key(text) != shown);
    }
    panic!("no key {words:?} can be chosen:\n{}", terminal.text());
}

/// Signs all by keys, and asks the client before and after.
fn signs(rig: &Rig, mut terminal: Terminal, key: &str) {
    let mendable: Vec<&str> = rig
        .refused()
        .into_iter()
        .filter(|path| UNMENDABLE.iter().all(|name| *path != rig.path(name)))
        .collect();
    let probe = rig.path("fresh-3.1");
    let only_ours = [rig.public_key(OURS)];
    assert!(rig.client_accepts_with(probe, &only_ours).is_err());
    plan_all(&mut terminal);
    choose_key(&mut terminal, key);
    let plan = terminal.wait("a plan", |text| text.contains("┌ Sign "));
    assert!(
        plan.contains(&format!("┌ Sign {} paths", mendable.len())),
        "{plan}"
    );
    terminal.keys("r");
    terminal.keys("nightly uploads\r");
    terminal.wait_for("nightly uploads");
    terminal.keys("\r");
    let receipt = terminal.wait_for("┌ Receipt");
    assert!(receipt.contains("result    done"), "{receipt}");
    assert!(
        receipt.contains(&format!("done      {} paths", mendable.len())),
        "{receipt}"
    );
    // The same client now accepts, and what could be signed is.
    assert_eq!(rig.client_accepts_with(probe, &only_ours), Ok(()));
    for (path, verdict) in mendable.iter().zip(rig.client_verdicts(&mendable)) {
        assert_eq!(verdict, Ok(()), "{path}");
    }
    // The console has seen it too, and the log has it.
    terminal.wait_for(&format!("3 Unsigned {}", UNMENDABLE.len()));
    // Escape and what follows it at once would be one key.
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Receipt"));
    terminal.keys("6");
    terminal.wait_for("0 running, 1 ended here");
    let log = std::fs::read_to_string(rig.file("var/audit.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.contains("nightly uploads") && log.contains("\"done\""),
        "{log}"
    );
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn with_the_servers_key_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let terminal = console(rig, &[Access::Root.server()]);
        signs(rig, terminal, "the server's key");
    });
}

#[test]
fn with_the_servers_key_through_the_socket() {
    let rig = Rig::new();
    let terminal = console(&rig, &[Access::ViaSocket.server()]);
    signs(&rig, terminal, "the server's key");
}

#[test]
fn with_a_key_file_of_this_machine() {
    let rig = Rig::new();
    let mut terminal = console(&rig, &[Access::Root.server()]);
    let file = rig.secret_key_file(OURS);
    terminal.keys(":");
    terminal.wait_for("┌ Command");
    terminal.keys(&format!("key {}\r", file.display()));
    terminal.wait_for("can sign with");
    signs(&rig, terminal, ", the file ");
}

#[test]
fn with_a_key_that_an_agent_holds() {
    let rig = Rig::new();
    let agent = rig.agent();
    agent.add_nix_key(&rig.secret_key_file(OURS));
    let mut command = rig.storekeeper_command([Access::ViaSocket.server()]);
    command.env("SSH_AUTH_SOCK", &agent.socket);
    let terminal = Terminal::start(&command, 80, 24);
    super::loaded(&terminal);
    // It is the cache's own key, so nobody has to name it.
    signs(&rig, terminal, "ssh-agent's");
}

#[test]
fn read_only_changes_nothing_and_says_why() {
    let rig = Rig::new();
    let before = signatures(&rig);
    let mut terminal = console(&rig, &["root", "--read-only"]);
    for screen in ["1", "2", "3"] {
        terminal.keys(screen);
        for key in ["s", "A"] {
            terminal.keys("\u{c}");
            terminal.settle(std::time::Duration::from_millis(100));
            terminal.keys(key);
            let said = terminal.wait_for("storekeeper is read-on");
            assert!(!said.contains("┌ Sign"), "{said}");
        }
    }
    assert_eq!(signatures(&rig), before);
    assert!(!std::path::Path::new(&rig.file("var/audit.jsonl")).exists());
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}
