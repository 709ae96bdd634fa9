//! The terminal, taken over and given back whatever happens.
//!
//! In: bytes of finished frames. Out: the terminal, in raw mode on its alternate screen with a hidden cursor, until
//! [`Guard`] is dropped or the program panics. Nothing is ever asked of the terminal: answers are slow or lost in tmux.

use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::console::app::paint;

/// Alternate screen, no cursor, pasted text marked as such.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h";
/// The reverse, from any state that a frame can leave behind.
const LEAVE: &str = "\x1b[m\x1b[?2004l\x1b[?25h\x1b[?1049l";
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Whether the terminal is ours at this moment; the panic hook must know.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether the mouse was asked for. Unless it was, nothing about it is ever written.
static MOUSE: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Holds the terminal.
#[derive(Debug)]
pub struct Guard {
    mouse: bool,
}

impl Guard {
    /// Takes the terminal over.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        HOOK.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                give_back();
                previous(info);
            }));
        });
        let guard = Self { mouse };
        guard.take()?;
        Ok(guard)
    }

    fn take(&self) -> io::Result<()> {
        crossterm::terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        write(ENTER)?;
        if self.mouse {
            MOUSE.store(true, Ordering::SeqCst);
            write(MOUSE_ON)?;
        }
        Ok(())
    }

    /// Gives the terminal back and stops this process until it is continued; then takes the terminal again.
    pub fn suspend(&self) -> io::Result<()> {
        give_back();
        // Not SIGTSTP, which is handled here and would come back as another request to suspend.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        self.take()
    }

    /// Gives the terminal to another program, until it is taken again.
    pub fn lend(&self) {
        give_back();
    }

    /// Takes the terminal again after something else has stopped and continued the process.
    pub fn take_again(&self) -> io::Result<()> {
        self.take()
    }

    /// Writes the bytes of one frame, at once.
    pub fn write(&mut self, frame: &str) -> io::Result<()> {
        write(frame)
    }

    /// Columns and rows.
    pub fn size() -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, once. There is nobody to report a failure to.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = write(paint::END);
        if MOUSE.swap(false, Ordering::SeqCst) {
            let _ = write(MOUSE_OFF);
        }
        let _ = write(LEAVE);
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// Past the line buffer of `Stdout`, which would cut a frame into pieces.
fn write(text: &str) -> io::Result<()> {
    let stdout = io::stdout();
    stdout.lock().flush()?;
    let fd = stdout.as_fd();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match rustix::io::write(fd, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = &rest[n..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
