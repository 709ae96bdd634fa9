//! The real program on a real pseudo-terminal, and what a person in front of it would see.
//!
//! In: a command, a size, keys. Out: the screen as a terminal emulator shows it, how many bytes were written to it, how
//! the program ended. Waiting is for a text to appear, never for a time to pass.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read as _, Write};
use std::num::NonZeroU16;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a text may take to appear before the test fails. Generous: it bounds a hang, it measures nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whether the first screen counts a store that is all there, and of now.
pub(crate) fn is_read(text: &str) -> bool {
    let not_yet = ["loading", "as of ", "reading again"];
    text.contains("connected, ")
        && text.contains(" Trust ")
        && !not_yet.iter().any(|words| text.contains(words))
}

struct Seen {
    parser: vt100::Parser,
    bytes: usize,
    raw: Vec<u8>,
}

/// A program on a terminal.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    seen: Arc<Mutex<Seen>>,
}

impl Terminal {
    /// Starts a command at a size of columns and rows.
    pub(crate) fn start(command: &Command, columns: u16, rows: u16) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => builder.env(name, value),
                None => builder.env_remove(name),
            }
        }
        let says = |wanted: &str| command.get_envs().any(|(name, _)| name == wanted);
        if !says("TERM") {
            builder.env("TERM", "xterm-256color");
        }
        if !says("LC_ALL") {
            builder.env("LC_ALL", "C.UTF-8");
        }
        if let Some(folder) = command.get_current_dir() {
            builder.cwd(folder);
        }
        let child = pair
            .slave
            .spawn_command(builder)
            .expect("the program starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let seen = Arc::new(Mutex::new(Seen {
            parser: parser(columns, rows),
            bytes: 0,
            raw: Vec::new(),
        }));
        let sink = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut chunk = vec![0; 65536];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                let mut seen = sink.lock().unwrap();
                seen.bytes += count;
                seen.raw.extend_from_slice(&chunk[..count]);
                seen.parser.process(&chunk[..count]);
            }
        });
        let writer = pair.master.take_writer().expect("a writer");
        Self {
            child,
            master: pair.master,
            writer,
            seen,
        }
    }

    /// Types text as it is; `\r` is enter, `\u{1b}` is escape. Enter by itself comes as slowly as a person presses it who has
    /// read what it confirms.
    pub(crate) fn keys(&mut self, keys: &str) {
        if keys == "\r" {
            std::thread::sleep(Duration::from_millis(1_100));
        }
        self.writer
            .write_all(keys.as_bytes())
            .expect("the program reads keys");
        self.writer.flush().expect("the program reads keys");
    }

    /// The screen as lines of text.
    pub(crate) fn text(&self) -> String {
        self.seen.lock().unwrap().parser.screen().contents()
    }

    /// All bytes that were written so far.
    pub(crate) fn bytes(&self) -> usize {
        self.seen.lock().unwrap().bytes
    }

    /// The raw output from an offset on.
    pub(crate) fn raw_from(&self, offset: usize) -> Vec<u8> {
        self.seen.lock().unwrap().raw[offset..].to_vec()
    }

    /// Whether the program has switched to the alternate screen.
    pub(crate) fn alternate(&self) -> bool {
        self.seen.lock().unwrap().parser.screen().alternate_screen()
    }

    /// Whether the cursor is hidden.
    pub(crate) fn cursor_hidden(&self) -> bool {
        self.seen.lock().unwrap().parser.screen().hide_cursor()
    }

    /// Whether the terminal gathers lines and shows what is typed, as for a shell: not in raw mode.
    pub(crate) fn cooked(&self) -> bool {
        // The flag of termios(3) on Linux.
        const ICANON: u32 = 0o2;
        let modes = self.master.get_termios().expect("a terminal");
        modes.local_flags.bits() & ICANON != 0
    }

    /// Whether the terminal is as a shell expects it.
    pub(crate) fn given_back(&self) -> bool {
        let paste = self.seen.lock().unwrap().parser.screen().bracketed_paste();
        !self.alternate() && !self.cursor_hidden() && !paste && self.cooked()
    }

    /// Waits until something holds that is not on the screen.
    pub(crate) fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(
                start.elapsed() < PATIENCE,
                "it never came to {what}; the screen shows:\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the program runs.
    pub(crate) fn running(&mut self) -> bool {
        self.child.try_wait().expect("waits").is_none()
    }

    /// Waits until the screen satisfies a condition, and returns it.
    pub(crate) fn wait(&self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let text = self.text();
            // A dialog whose plan is still made is not yet the one that is waited for.
            if condition(&text) && !text.contains("Making the plan.") {
                return text;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the screen never showed {what}; it shows:\n{text}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the screen shows a text.
    pub(crate) fn wait_for(&self, needle: &str) -> String {
        self.wait(&format!("{needle:?}"), |text| text.contains(needle))
    }

    /// Marks all that the list shows, as soon as the list is whole.
    pub(crate) fn mark_all(&mut self) {
        let not_yet = "the list is still being made";
        loop {
            self.keys("*");
            let answered = |text: &str| text.contains(" marked, ") || text.contains(not_yet);
            if self.wait("marks", answered).contains(" marked, ") {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until nothing has been written for a while, and returns the screen.
    pub(crate) fn settle(&self, quiet: Duration) -> String {
        let start = Instant::now();
        let mut last = (self.bytes(), Instant::now());
        while last.1.elapsed() < quiet {
            assert!(start.elapsed() < PATIENCE, "the screen never came to rest");
            std::thread::sleep(Duration::from_millis(10));
            if self.bytes() != last.0 {
                last = (self.bytes(), Instant::now());
            }
        }
        self.text()
    }

    /// Waits for a time of this length in which nothing happens but the minute of the clock: what was begun with the console, such
    /// as the watch, is done by then. One that never rests fails.
    pub(crate) fn rest(&self, time: Duration) {
        let start = Instant::now();
        // A tick is 10 ms: one for each second is a hundredth of a core, in a build that is not optimized.
        let most = 2 + time.as_secs();
        loop {
            let (bytes, ticks, since) = (self.bytes(), self.cpu_ticks(), Instant::now());
            let (written, used) = loop {
                std::thread::sleep(Duration::from_millis(100));
                let done = (self.bytes() - bytes, self.cpu_ticks() - ticks);
                if since.elapsed() >= time || done.0 > 200 || done.1 > most {
                    break done;
                }
            };
            if written <= 200 && used <= most {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{written} bytes and {used} ticks while idle: {}",
                self.text()
            );
        }
    }

    /// Changes the size, as a person does with the window.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let mut seen = self.seen.lock().unwrap();
        seen.parser
            .screen_mut()
            .set_size(nonzero(rows), nonzero(columns));
        drop(seen);
        self.master
            .resize(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .expect("resizes");
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().expect("a running program")
    }

    /// Sends a signal by name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// Waits for the end and returns the exit code.
    pub(crate) fn exit(&mut self) -> u32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("waits") {
                return status.exit_code();
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the program did not end; it shows:\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Processor time used so far, in clock ticks (`proc(5)`, fields 14 and 15 of stat).
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("proc");
        let (_, fields) = stat.rsplit_once(')').expect("a stat line");
        let fields: Vec<&str> = fields.split_whitespace().collect();
        fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parser(columns: u16, rows: u16) -> vt100::Parser {
    vt100::Parser::new(nonzero(rows), nonzero(columns), 0)
}

fn nonzero(value: u16) -> NonZeroU16 {
    NonZeroU16::new(value).expect("a size above zero")
}
