//! The console on a pseudo-terminal, against the demo: what it writes, what it leaves behind.

use crate::help::terminal::Terminal;
use std::process::Command;
use std::time::Duration;

/// Quiet for so long counts as at rest.
const REST: Duration = Duration::from_millis(700);

/// The console on a demo of its own, its store read.
fn console(columns: u16, rows: u16, arguments: &[&str]) -> (Terminal, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_storekeeper"));
    command
        .args(["demo", "--paths", "1000"])
        .args(arguments)
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("SSH_AUTH_SOCK")
        .env_remove("NO_COLOR");
    let terminal = Terminal::start(&command, columns, rows);
    terminal.wait_for("would be refused");
    terminal.settle(REST);
    (terminal, home)
}

/// The terminal is as it was: normal screen, cursor, no marked pastes.
fn given_back(terminal: &Terminal) {
    // What was written last may still be on its way when the program has ended.
    terminal.until("a terminal that is given back", || {
        let raw = terminal.raw_from(0);
        let off = b"\x1b[?2004l";
        let off = raw.windows(off.len()).any(|window| window == off);
        off && !terminal.alternate() && !terminal.cursor_hidden()
    });
}

#[test]
fn idle_it_writes_the_minute_at_most_and_asks_nothing() {
    let (mut terminal, _home) = console(80, 24, &[]);
    terminal.rest(Duration::from_secs(5));
    // Queries of the terminal (device attributes, cursor position, colours) would hang in some.
    let raw = terminal.raw_from(0);
    for query in [
        &b"\x1b[c"[..],
        b"\x1b[6n",
        b"\x1b[>",
        b"\x1b]11;?",
        b"\x1b[?u",
        b"\x1bP",
    ] {
        assert!(
            !raw.windows(query.len()).any(|window| window == query),
            "{query:?}"
        );
    }
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
    given_back(&terminal);
}

#[test]
fn a_step_is_one_small_frame() {
    let (mut terminal, _home) = console(80, 24, &[]);
    terminal.keys("2");
    terminal.wait_for("CLOSURE");
    terminal.rest(Duration::from_secs(3));
    let header = |terminal: &Terminal| terminal.text().lines().next().unwrap().to_owned();
    let mut steps = 0;
    while steps < 9 {
        let (before, above) = (terminal.bytes(), header(&terminal));
        terminal.keys("j");
        terminal.settle(REST);
        if header(&terminal) != above {
            // The minute has turned, or the round trip was reported anew: that is not the step's doing.
            terminal.keys("k");
            terminal.settle(REST);
            continue;
        }
        steps += 1;
        let frame = terminal.raw_from(before);
        assert!(
            !frame.is_empty() && frame.len() <= 700,
            "{} bytes",
            frame.len()
        );
        assert!(frame.starts_with(b"\x1b[?2026h") && frame.ends_with(b"\x1b[?2026l"));
    }
}

#[test]
fn everything_is_signed_by_keys() {
    let (mut terminal, _home) = console(80, 24, &[]);
    terminal.keys("3");
    terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
    terminal.keys("A");
    terminal.wait_for("every client that trusts this key");
    terminal.keys("rnightly\r");
    terminal.wait_for("nightly");
    terminal.keys("\r");
    terminal.wait_for("Receipt");
    terminal.wait_for("result    done");
    terminal.keys("q");
    terminal.wait_for("Clients refuse nothing");
    terminal.keys("6");
    terminal.wait_for("1 ended here");
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn enter_that_is_held_down_confirms_nothing() {
    let (mut terminal, _home) = console(80, 24, &[]);
    terminal.keys("3:sign the marked");
    terminal.wait_for("Sign the marked");
    // As a keyboard repeats it, for longer than the dialog takes to open.
    for _ in 0..60 {
        terminal.keys("\r\r");
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = terminal.settle(REST);
    assert!(
        text.contains("┌ Sign ") && text.contains("held down"),
        "{text}"
    );
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Sign "));
    terminal.keys("6");
    terminal.wait_for("0 running, 0 ended here");
}

#[test]
fn read_only_signs_nothing() {
    let (mut terminal, _home) = console(80, 24, &["--read-only"]);
    assert!(terminal.text().contains(" ro"));
    terminal.keys("3");
    terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
    terminal.keys("A");
    terminal.wait_for("read-only");
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for signal in ["TERM", "HUP", "INT"] {
        let (mut terminal, _home) = console(80, 24, &[]);
        terminal.signal(signal);
        assert_eq!(terminal.exit(), 130, "{signal}");
        given_back(&terminal);
    }
}

#[test]
fn too_small_says_so_and_comes_back() {
    let (mut terminal, _home) = console(80, 24, &[]);
    terminal.resize(20, 5);
    terminal.wait_for("are");
    terminal.settle(REST);
    assert!(terminal.text().contains("20x5"));
    // No key acts on what cannot be seen.
    terminal.keys("3s\r");
    terminal.settle(REST);
    terminal.resize(100, 30);
    terminal.wait_for("? help");
    let text = terminal.settle(REST);
    assert!(
        text.contains("would be refused") && !text.contains("Sign"),
        "{text}"
    );
}

#[test]
fn a_size_that_comes_with_keys_is_taken() {
    let (mut terminal, _home) = console(80, 24, &[]);
    for width in (20..40).chain((20..40).rev()) {
        terminal.keys("jk");
        terminal.resize(width, 5);
        terminal.keys("jk");
        terminal.wait_for(&format!("{width}x5"));
    }
}

#[test]
fn a_demo_leaves_nothing_behind() {
    let (mut terminal, home) = console(80, 24, &[]);
    terminal.keys("5\x1b[D");
    terminal.wait_for("as seen from here, 43 days");
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
    let state = home.path().join(".local/state/storekeeper");
    for kept in ["space", "audit"] {
        assert!(!state.join(kept).exists(), "{kept}");
    }
}

#[test]
fn no_colour_is_sent_when_none_is_wanted() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_storekeeper"));
    command
        .args(["demo", "--paths", "1000"])
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env("NO_COLOR", "1");
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.wait_for("would be refused");
    terminal.keys("2");
    terminal.wait_for("CLOSURE");
    terminal.settle(REST);
    let raw = String::from_utf8_lossy(&terminal.raw_from(0)).into_owned();
    let mut reversed = false;
    for escape in raw.split("\x1b[").skip(1) {
        let Some((codes, _)) = escape
            .split_once('m')
            .filter(|(codes, _)| codes.bytes().all(|b| b.is_ascii_digit() || b == b';'))
        else {
            continue;
        };
        for code in codes.split(';').filter_map(|code| code.parse::<u32>().ok()) {
            assert!(code < 30, "a colour was sent: {codes}");
            reversed |= code == 7;
        }
    }
    assert!(reversed && terminal.text().contains("\n>"));
}

#[test]
fn only_ascii_where_the_locale_or_the_terminal_has_no_more() {
    for (name, value) in [("LC_ALL", "C"), ("TERM", "vt100"), ("TERM", "dumb")] {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_storekeeper"));
        command
            .args(["demo", "--paths", "1000"])
            .env("HOME", home.path())
            .env(name, value)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME");
        let mut terminal = Terminal::start(&command, 80, 24);
        terminal.wait_for("would be refused");
        for keys in ["3", "s", "\u{1b}", "5", "\t", "6", "?", "q", "q"] {
            terminal.keys(keys);
            if keys != "q" {
                terminal.settle(Duration::from_millis(200));
            }
        }
        assert_eq!(terminal.exit(), 0);
        assert!(terminal.raw_from(0).is_ascii(), "{name}={value}");
    }
}
