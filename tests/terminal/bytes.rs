//! What is written to the terminal: little for a key, nothing when nothing happens, no colours where none are wanted.

use super::served::Served;
use crate::help::terminal::Terminal;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const REST: Duration = Duration::from_millis(700);

/// How long two consoles may take to come to the same.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn left_alone_it_writes_nothing_and_takes_no_time() {
    let served = Served::new(2_000);
    let mut terminal = served.console();
    terminal.keys("2");
    terminal.wait_for("TRUST");
    // The minute of the clock, if it changes just then, and that the link is alive.
    terminal.rest(Duration::from_secs(15));
    let bytes = terminal.bytes();
    // And it is awake all the same.
    terminal.keys("j");
    terminal.until("a cursor that moved", || terminal.bytes() > bytes);
}

#[test]
fn a_notice_goes_by_itself_and_leaves_the_marks() {
    let served = Served::new(400);
    let mut terminal = served.console();
    terminal.keys("2");
    terminal.wait_for("TRUST");
    terminal.mark_all();
    terminal.keys("y");
    let noticed = terminal.wait_for("copied ");
    assert!(!noticed.contains(" marked, "), "{noticed}");
    // No key is pressed.
    let after = terminal.wait_for(" marked, ");
    assert!(!after.contains("copied "), "{after}");
    let bytes = terminal.bytes();
    terminal.settle(REST);
    let written = terminal.bytes() - bytes;
    assert!(written <= 200, "{written}: {}", terminal.text());
}

/// The parameters of every `CSI … m` of an output.
fn graphics(raw: &[u8]) -> Vec<u32> {
    let text = String::from_utf8_lossy(raw);
    let mut found = Vec::new();
    for part in text.split("\u{1b}[").skip(1) {
        let end = part.find(|c: char| c.is_ascii_alphabetic());
        if let Some(end) = end
            && part[end..].starts_with('m')
        {
            found.extend(
                part[..end]
                    .split([';', ':'])
                    .map(|n| n.parse().unwrap_or(0)),
            );
        }
    }
    found
}

fn is_colour(parameter: u32) -> bool {
    (30..=49).contains(&parameter) || (90..=107).contains(&parameter)
}

#[test]
fn no_colour_where_none_is_wanted() {
    let served = Served::new(400);
    let mut command = served.command();
    command.env("NO_COLOR", "1");
    let mut plain = Terminal::start(&command, 80, 24);
    super::loaded(&plain);
    let mut coloured = served.console();
    for terminal in [&mut plain, &mut coloured] {
        for key in [
            "2", "j", "*", "3", "\r", "s", "\u{1b}", "?", "\u{1b}", "6", "T", "\u{1b}",
        ] {
            terminal.keys(key);
            terminal.settle(Duration::from_millis(60));
        }
        terminal.keys("2jj");
        terminal.wait_for("TRUST");
    }
    let screen = plain.settle(REST);
    assert!(screen.lines().any(|line| line.starts_with('>')), "{screen}");
    let used = graphics(&plain.raw_from(0));
    assert!(!used.iter().copied().any(is_colour), "{used:?}");
    // The same keys do paint where colours are wanted, so that the test can fail.
    let used = graphics(&coloured.raw_from(0));
    assert!(used.iter().copied().any(is_colour), "{used:?}");
}

#[test]
fn too_small_is_one_message_and_no_key_acts() {
    let served = Served::new(400);
    let mut terminal = served.console();
    terminal.keys("3");
    terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
    // The header counts what has been read of the other screens too.
    terminal.wait_for("4 Access 3");
    let before = terminal.settle(REST);
    let signatures = served.signatures();
    terminal.resize(20, 5);
    let small = terminal.wait_for("20x5");
    assert!(!small.contains("Unsigned"), "{small}");
    let quiet = terminal.settle(Duration::from_millis(300));
    // Would mark, plan, confirm, go to another screen, open the palette.
    for key in ["*", "s", "\r", "A", "\r", "2", ":", "/", "x", "T", "?"] {
        terminal.keys(key);
    }
    let after = terminal.settle(Duration::from_millis(300));
    assert_eq!(after, quiet);
    terminal.resize(80, 24);
    terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
    let back = terminal.settle(REST);
    assert_eq!(below_header(&back), below_header(&before));
    assert_eq!(served.signatures(), signatures);
    // Every size on the way is drawn without an accident.
    for (columns, rows) in [
        (1, 1),
        (200, 60),
        (60, 16),
        (59, 16),
        (80, 15),
        (300, 3),
        (80, 24),
    ] {
        terminal.resize(columns, rows);
        terminal.settle(Duration::from_millis(60));
    }
    terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
    terminal.resize(20, 5);
    terminal.wait_for("20x5");
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
    terminal.until("a terminal that is given back", || terminal.given_back());
}

/// The lines below the header, which has a clock and a round trip; blanks at their ends cannot be seen.
fn below_header(text: &str) -> Vec<String> {
    let text = text.trim_end();
    let lines = text.lines().skip(1);
    lines.map(|line| line.trim_end().to_owned()).collect()
}

/// A server of tmux that ends with the test.
struct Tmux(String);

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = std::process::Command::new("tmux")
            .args(["-L", &self.0, "kill-server"])
            .status();
    }
}

#[test]
fn inside_tmux_it_looks_the_same() {
    let served = Served::new(400);
    let mut direct = served.console();
    let settings = served.home.path().join("tmux.conf");
    std::fs::write(&settings, "set -g status off\nset -sg escape-time 0\n").unwrap();
    let tmux = Tmux(format!("storekeeper-test-{}", std::process::id()));
    let mut command = std::process::Command::new("tmux");
    command.args(["-L", &tmux.0, "-f"]).arg(&settings);
    command.args(["new-session", "--"]);
    let console = served.command();
    command.arg(console.get_program()).args(console.get_args());
    for (name, value) in console.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // Without these tmux takes the terminal for one that cannot show boxes.
    command.env("LC_ALL", "C.UTF-8").env_remove("TMUX");
    assert!(
        std::process::Command::new("tmux")
            .arg("-V")
            .output()
            .is_ok(),
        "`tmux` is not on this machine: install it with `apt-get install tmux`"
    );
    let mut inside = Terminal::start(&command, 80, 24);
    super::loaded(&inside);
    // What comes last, and at another moment in each of them.
    for terminal in [&direct, &inside] {
        terminal.wait("all that the Overview is made of", |text| {
            text.contains(" Dead ")
                && ["not read yet", "reading again"]
                    .iter()
                    .all(|word| !text.contains(word))
        });
    }
    let mut differences = String::new();
    for keys in [
        "1", "2", "jjj", "\r", "\u{1b}", "3", "\r", "s", "\u{1b}", "6", "?", "\u{1b}",
    ] {
        for terminal in [&mut direct, &mut inside] {
            terminal.keys(keys);
        }
        let settled = || [&direct, &inside].map(|terminal| below_header(&terminal.settle(REST)));
        // Each of them reads again what has changed, at a moment of its own: that ends, and what differs by more stays.
        let patience = Instant::now() + PATIENCE;
        let mut screens = settled();
        while screens[0] != screens[1] && Instant::now() < patience {
            screens = settled();
        }
        if screens[0] != screens[1] {
            let _ = writeln!(
                differences,
                "after {keys:?}:\n{}\nin tmux:\n{}",
                screens[0].join("\n"),
                screens[1].join("\n")
            );
        }
    }
    assert!(differences.is_empty(), "{differences}");
    // By default tmux passes nothing of a program on to the clipboard: it is handed the text itself.
    inside.keys("2");
    inside.settle(REST);
    let before = inside.bytes();
    inside.keys("y");
    inside.wait_for("into tmux");
    // tmux tells its own terminal, with the sequence for its clipboard.
    let clipboard = b"\x1b]52;";
    inside.until("the clipboard of tmux's terminal", || {
        let written = inside.raw_from(before);
        written
            .windows(clipboard.len())
            .any(|part| part == clipboard)
    });
    let buffer = std::process::Command::new("tmux")
        .args(["-L", &tmux.0, "show-buffer"])
        .output()
        .unwrap();
    let text = String::from_utf8(buffer.stdout).unwrap();
    assert!(text.starts_with("/nix/store/"), "{text:?}");
    inside.keys("q");
    assert_eq!(inside.exit(), 0);
}

/// The beginnings of all that asks a terminal for the mouse, or takes that back: `CSI ? 1000 h` and its like.
fn asks_for_mouse(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw);
    text.contains("\u{1b}[?100") || text.contains("\u{1b}[?101") || text.contains("\u{1b}[?9h")
}

#[test]
fn nothing_of_the_mouse_is_written_unless_it_is_wanted() {
    let served = Served::new(400);
    let mut without = served.console();
    without.keys("2jj3?");
    without.wait_for("Keys: ");
    without.keys("qq");
    assert_eq!(without.exit(), 0);
    without.until("a terminal that is given back", || without.given_back());
    assert!(!asks_for_mouse(&without.raw_from(0)));
    let file = served.home.path().join("config.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("mouse = true\n{config}")).unwrap();
    let mut with = served.console();
    with.keys("2");
    let text = with.wait_for("TRUST");
    let rows: Vec<&str> = text.lines().collect();
    let top = rows.iter().position(|row| row.starts_with('>')).unwrap();
    // A click three rows below the cursor, as a terminal reports it; both count from 1.
    with.keys(&format!(
        "\u{1b}[<0;10;{}M\u{1b}[<0;10;{}m",
        top + 4,
        top + 4
    ));
    let at = |text: &str| text.lines().position(|row| row.starts_with('>'));
    with.wait("a cursor that followed", |text| at(text) == Some(top + 3));
    with.keys(&format!(
        "\u{1b}[<0;10;{}M\u{1b}[<0;10;{}m",
        top + 4,
        top + 4
    ));
    with.wait_for("Needed by");
    with.keys("q");
    assert_eq!(with.exit(), 0);
    with.until("a terminal that is given back", || with.given_back());
    let raw = with.raw_from(0);
    let text = String::from_utf8_lossy(&raw);
    assert!(text.contains("\u{1b}[?1000h") && text.contains("\u{1b}[?1000l"));
}
