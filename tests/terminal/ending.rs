//! Leaving, by whatever way: the terminal is given back and the exit code says how it was.

use super::served::Served;
use crate::help::terminal::Terminal;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

#[test]
fn every_way_out_gives_the_terminal_back() {
    let served = Served::new(400);
    for (keys, code) in [("q", 0), ("\u{3}", 0)] {
        let mut terminal = served.console();
        assert!(terminal.alternate() && terminal.cursor_hidden() && !terminal.cooked());
        terminal.keys(keys);
        assert_eq!(terminal.exit(), code, "{keys:?}");
        terminal.until("a terminal that is given back", || terminal.given_back());
    }
    for signal in ["TERM", "HUP", "INT"] {
        let mut terminal = served.console();
        // Also with a dialog open, whose keys are its own.
        terminal.keys("3");
        terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
        terminal.keys("s");
        terminal.wait_for("┌ Sign ");
        terminal.signal(signal);
        assert_eq!(terminal.exit(), 130, "{signal}");
        terminal.until("a terminal that is given back", || terminal.given_back());
    }
}

#[test]
fn stopped_and_continued_by_a_shell() {
    let served = Served::new(400);
    let folder = served.home.path();
    let console = served.command();
    let mut script = String::from("#!/bin/sh\necho $$ > pid\nexec");
    for word in std::iter::once(console.get_program()).chain(console.get_args()) {
        let _ = write!(script, " '{}'", word.to_str().unwrap());
    }
    std::fs::write(folder.join("go"), script + "\n").unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.join("go"), mode).unwrap();
    let mut shell = Command::new("/bin/sh");
    shell.arg("-i").current_dir(folder).env("PS1", "ready> ");
    for (name, value) in console.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let mut terminal = Terminal::start(&shell, 80, 24);
    terminal.wait_for("ready>");
    terminal.keys("./go\r");
    super::loaded(&terminal);
    terminal.keys("2j");
    terminal.wait_for("TRUST");
    for stop in ["key", "TSTP"] {
        if stop == "key" {
            terminal.keys("\u{1a}");
        } else {
            let pid = std::fs::read_to_string(folder.join("pid")).unwrap();
            let kill = Command::new("kill").args(["-s", stop, pid.trim()]).status();
            assert!(kill.unwrap().success());
        }
        terminal.until("the shell", || terminal.given_back());
        terminal.wait_for("Stopped");
        // The shell is usable, at another size too.
        terminal.keys("echo $((6*7))\r");
        terminal.wait_for("42");
        terminal.resize(100, 30);
        terminal.keys("fg\r");
        terminal.wait("the console", |text| {
            text.contains("TRUST") && text.contains("? help")
        });
        assert!(terminal.alternate() && terminal.cursor_hidden() && !terminal.cooked());
        terminal.resize(80, 24);
        terminal.keys("k");
        terminal.settle(std::time::Duration::from_millis(300));
    }
    terminal.keys("q");
    terminal.until("the shell", || terminal.given_back());
    terminal.keys("echo ended with $?\r");
    terminal.wait_for("ended with 0");
    terminal.keys("exit\r");
    terminal.exit();
}

/// Tells this test program to be the one that panics.
const PANICS: &str = "STOREKEEPER_TEST_PANICS";

#[test]
fn a_panic_gives_the_terminal_back_before_it_speaks() {
    if std::env::var_os(PANICS).is_some() {
        let _guard = storekeeper::console::app::terminal::Guard::enter(true).unwrap();
        panic!("an accident for the test");
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again
        .args(["--exact", "--nocapture"])
        .arg("ending::a_panic_gives_the_terminal_back_before_it_speaks")
        .env("RUST_BACKTRACE", "0")
        .env(PANICS, "1");
    let mut terminal = Terminal::start(&again, 80, 24);
    assert_ne!(terminal.exit(), 0);
    // On the screen that the shell has, so that it stays to be read.
    terminal.wait_for("an accident for the test");
    terminal.until("a terminal that is given back", || terminal.given_back());
}

#[test]
fn a_window_that_was_small_for_a_moment_is_drawn_whole() {
    let served = Served::new(40);
    let mut terminal = served.console();
    let whole = |text: &str| text.contains(" Trust ") && text.contains(" q quit");
    terminal.wait("the overview", whole);
    for _ in 0..10 {
        // So quickly that the console may learn of one change only, to the size that it has.
        terminal.resize(20, 5);
        terminal.resize(80, 24);
        terminal.wait("the overview", whole);
    }
}

/// A small generator (xorshift64): the same keys on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % limit
    }
}

#[test]
fn any_keys_leave_it_alive() {
    const KEYS: [&str; 47] = [
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "\t",
        "\u{1b}[Z",
        "j",
        "k",
        "\u{1b}[A",
        "\u{1b}[B",
        "\u{1b}[C",
        "\u{1b}[D",
        "\u{1b}[5~",
        "\u{1b}[6~",
        "g",
        "G",
        "\r",
        "\u{1b}",
        "/",
        ":",
        "*",
        " ",
        "v",
        "u",
        "o",
        "O",
        "D",
        ".",
        "s",
        "A",
        "w",
        "y",
        "R",
        "c",
        "T",
        "?",
        "x",
        "l",
        "r",
        "é日",
        "\u{7f}",
        "\u{1b}[200~a\nb\u{1b}[201~",
        "\u{c}",
        "S",
        "\u{1b}[<0;3;3M",
    ];
    let served = Served::new(400);
    for seed in [1, 2, 3] {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed << 32));
        let mut terminal = served.console();
        let mut pressed = Vec::new();
        for _ in 0..60 {
            let key = KEYS[random.below(KEYS.len())];
            pressed.push(key);
            terminal.keys(key);
            if random.below(12) == 0 {
                let (columns, rows) = [(80, 24), (20, 5), (132, 40), (61, 17)][random.below(4)];
                terminal.resize(columns, rows);
            }
            std::thread::sleep(std::time::Duration::from_millis(8));
            assert!(terminal.running(), "{pressed:?}\n{}", terminal.text());
        }
        terminal.resize(80, 24);
        // Out of whatever is open: each escape on its own, and the question while a job runs is answered. A slow machine
        // takes an escape and what follows it for one key, so it goes on until the first screen is there.
        let overview = |text: &str| text.contains(" Trust ") && !text.contains('┌');
        for _ in 0..40 {
            for key in ["\u{1b}", "1"] {
                terminal.keys(key);
                terminal.settle(std::time::Duration::from_millis(60));
            }
            if overview(&terminal.text()) {
                break;
            }
        }
        terminal.wait("the overview", overview);
        terminal.keys("q");
        while terminal.running() && !terminal.text().contains('┌') {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        if terminal.running() {
            terminal.keys("y");
        }
        assert_eq!(terminal.exit(), 0, "{pressed:?}");
        terminal.until("a terminal that is given back", || terminal.given_back());
    }
}
