//! The loop: input, messages, signals; then one frame, if it looks different.
//!
//! In: the terminal's events, the backend's messages, signals. Out: frames, and effects to the backend. Nothing is read
//! and nothing waited for in it but what it selects on. Without a message nothing is drawn; there is no tick, but for one a
//! minute, since the clock and ages go on, one a second while something on the screen counts seconds, and one alarm when a
//! short message was there long enough.

use super::begin::{Kept, begin};
use super::editing::{Editing, stop_too};
use crate::config::{Config, Overrides, Target};
use crate::console::app::clipboard;
use crate::console::app::model::Model;
use crate::console::app::msg::{Effect, Msg};
use crate::console::app::paint::Painter;
use crate::console::app::presses::Presses;
use crate::console::app::terminal::Guard;
use crate::console::app::update::update;
use crate::console::app::view;
use crate::console::backend::{Backend, Examiner};
use crate::console::screens;
use crate::console::types::key::Key;
use crate::console::types::keymap::KeymapError;
use crate::console::types::space::PolicyDraft;
use crate::console::widgets::theme::ThemeError;
use crate::domain::When;
use crate::domain::{Explain, Notice, notice};
use crossterm::event::{Event, EventStream, KeyEventKind, MouseButton, MouseEventKind};
use futures_util::StreamExt as _;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Frames are at least this far apart.
const FRAME: Duration = Duration::from_millis(10);
/// Messages that are taken in before a frame, at most.
const BURST: usize = 256;

/// How long a short message stays, and how much longer for each of its characters.
const TOAST: (Duration, Duration) = (Duration::from_secs(5), Duration::from_millis(50));

/// How long leaving waits for the receipts of jobs that it has cancelled.
const LEAVE: Duration = Duration::from_secs(15);

/// What the console is opened with.
#[derive(Debug)]
pub struct Start {
    /// The user's configuration: theme, keys, other servers.
    pub config: Config,
    /// What arguments say over it.
    pub overrides: Overrides,
    /// The server to open on; it need not be in the configuration. Without one, a server is chosen first.
    pub target: Option<Target>,
    /// Who tells how a server is that is not on the screen.
    pub examiner: Arc<dyn Examiner>,
}

/// Why the console was not opened, or could not go on.
#[derive(Debug, Error)]
#[error("{}", self.notice())]
pub enum ConsoleError {
    /// The terminal.
    Terminal(#[from] io::Error),
    /// The theme.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// The keys.
    Keys {
        /// What is wrong.
        error: KeymapError,
        /// The line of the configuration that it is in, counted from 1; 0 if it is in none.
        line: usize,
    },
}

impl Explain for ConsoleError {
    fn notice(&self) -> Notice {
        match self {
            Self::Terminal(error) => notice!(
                "the terminal cannot be used: {error}",
                "run storekeeper on a terminal"
            ),
            Self::Theme(error) => error.notice(),
            Self::Keys { error, .. } => notice!("{error}"),
        }
    }
}

/// How the console was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By a key.
    Quit,
    /// By a signal, or because the terminal is gone.
    Interrupted,
}

/// Opens the console, and returns when it is left. The terminal is given back whatever happens.
pub async fn run(start: Start) -> Result<End, ConsoleError> {
    let mouse = start.config.mouse;
    let (model, backend) = begin(start)?;
    let guard = Guard::enter(mouse)?;
    Console::new(model, backend, guard)?.run().await
}

/// How long until the clock shows another minute.
fn to_the_minute(now: When) -> Duration {
    Duration::from_secs(60 - now.unix().rem_euclid(60).unsigned_abs())
}

/// The next event of the terminal; none ever while it is another's.
async fn typed(input: &mut Option<EventStream>) -> Option<io::Result<Event>> {
    match input {
        Some(input) => input.next().await,
        None => std::future::pending().await,
    }
}

struct Console {
    model: Model,
    backend: Backend,
    guard: Guard,
    painter: Painter,
    presses: Presses,
    messages: mpsc::UnboundedReceiver<Msg>,
    send: mpsc::UnboundedSender<Msg>,
    /// None while an editor has the terminal: the thread behind it reads whatever is typed.
    input: Option<EventStream>,
    /// The terminal is gone: nothing is read from it, and nothing can be drawn.
    gone: bool,
    /// While an editor has the terminal, nothing is read from it and nothing drawn.
    editing: Editing,
    signals: Signals,
}

struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    stop: Signal,
    go_on: Signal,
    resize: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            stop: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            go_on: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            resize: signal(SignalKind::window_change())?,
        })
    }
}

/// What the loop woke up for.
enum Woken {
    Message(Msg),
    Input(Option<io::Result<Event>>),
    Draw,
    Edited(Msg),
    Interrupted,
    Ended,
    Stopped,
    Continued,
    Resized,
}

impl Console {
    fn new(model: Model, (targets, keeper): Kept, guard: Guard) -> io::Result<Self> {
        let (send, messages) = mpsc::unbounded_channel();
        Ok(Self {
            backend: Backend::new(send.clone(), targets, keeper),
            model,
            guard,
            painter: Painter::default(),
            presses: Presses::default(),
            messages,
            send,
            input: Some(EventStream::new()),
            gone: false,
            editing: Editing::new(),
            signals: Signals::new()?,
        })
    }

    async fn run(mut self) -> Result<End, ConsoleError> {
        // Whether a signal has asked for the end.
        let mut stopped = false;
        let mut drawn = Instant::now();
        let mut second = Instant::now();
        let mut toast = (0, Instant::now());
        let mut leave = None;
        self.take(Msg::Start)?;
        self.draw()?;
        let mut dirty = false;
        loop {
            if self.model.quit {
                return Ok(if stopped || self.gone {
                    End::Interrupted
                } else {
                    End::Quit
                });
            }
            let frame = drawn + FRAME;
            let counts = self.model.counts_seconds();
            leave = leave
                .or_else(|| Some(Instant::now() + LEAVE))
                .filter(|_| self.model.leaving);
            if let Some(text) = &self.model.toast
                && toast.0 != self.model.toasts
            {
                let longer = TOAST.1 * text.chars().count().min(200) as u32;
                toast = (self.model.toasts, Instant::now() + TOAST.0 + longer);
            }
            let woken = tokio::select! {
                input = typed(&mut self.input), if !self.gone => Woken::Input(input),
                left = self.editing.ended() => Woken::Edited(left),
                Some(message) = self.messages.recv() => Woken::Message(message),
                _ = self.signals.terminate.recv() => Woken::Ended,
                _ = self.signals.hang_up.recv() => Woken::Ended,
                _ = self.signals.interrupt.recv() => Woken::Interrupted,
                _ = self.signals.stop.recv() => Woken::Stopped,
                _ = self.signals.go_on.recv() => Woken::Continued,
                // Crossterm tells of it too, but forgets it when keys come in the same moment.
                _ = self.signals.resize.recv() => Woken::Resized,
                () = sleep_until(frame), if dirty && !self.gone && !self.editing.is_on() => Woken::Draw,
                () = sleep_until(second + Duration::from_secs(1)), if counts => {
                    second = Instant::now();
                    Woken::Message(Msg::Tick)
                }
                () = tokio::time::sleep(to_the_minute(When::now())) => Woken::Message(Msg::Tick),
                () = sleep_until(leave.unwrap_or(frame)), if leave.is_some() => {
                    Woken::Message(Msg::EndNow)
                }
                () = sleep_until(toast.1), if self.model.toast.is_some() => {
                    Woken::Message(Msg::ToastOver(toast.0))
                }
            };
            dirty |= !matches!(woken, Woken::Draw);
            let done = match woken {
                Woken::Message(message) => self.take(message),
                Woken::Input(Some(Ok(event))) => self.event(event),
                Woken::Input(_) => Err(io::ErrorKind::UnexpectedEof.into()),
                Woken::Interrupted if self.editing.takes_interrupts() => Ok(()),
                // Said again: nothing is waited for.
                Woken::Ended | Woken::Interrupted if stopped => return Ok(End::Interrupted),
                Woken::Ended | Woken::Interrupted => {
                    stopped = true;
                    self.take(Msg::Terminate)
                }
                Woken::Edited(left) => self.edited(left),
                Woken::Stopped if self.editing.is_on() => stop_too(),
                Woken::Continued | Woken::Resized if self.editing.is_on() => Ok(()),
                Woken::Stopped => self.suspend(),
                Woken::Continued => self.go_on(),
                // Keys that came before it were meant for the old size.
                Woken::Resized => match self.drain().await {
                    Ok(()) => self.resized(),
                    failed => failed,
                },
                Woken::Draw => Ok(()),
            };
            let done = match done {
                Ok(()) => self.drain().await,
                failed => failed,
            };
            let mut there = done.is_ok();
            if there
                && dirty
                && !self.gone
                && !self.editing.is_on()
                && Instant::now() >= drawn + FRAME
            {
                there = self.draw().is_ok();
                drawn = Instant::now();
                dirty = false;
            }
            if !there && !self.gone {
                // Nobody sees it any more; what runs is stopped in good order, as after a signal.
                self.gone = true;
                self.take(Msg::Terminate)?;
            }
        }
    }

    /// After a stop and a continue that others have made.
    fn go_on(&mut self) -> io::Result<()> {
        self.guard.take_again()?;
        self.resized()?;
        self.take(Msg::Continued)
    }

    /// Takes in what has already come, so that a burst costs one frame.
    async fn drain(&mut self) -> io::Result<()> {
        for _ in 0..BURST {
            if self.model.quit {
                break;
            }
            // Asked with this task's own waker: the stream keeps the first one that it is asked with.
            let input = match &mut self.input {
                Some(input) if !self.gone => {
                    poll_fn(|context| Poll::Ready(input.poll_next_unpin(context))).await
                }
                _ => Poll::Pending,
            };
            if let Poll::Ready(Some(Ok(event))) = input {
                self.event(event)?;
            } else if let Ok(message) = self.messages.try_recv() {
                self.take(message)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        let message = match event {
            Event::Key(event) => match Key::from_event(&event) {
                Some(key) => {
                    self.backend.key_pressed();
                    let repeated = event.kind == KeyEventKind::Repeat;
                    let (plan, now) = (self.model.plan_shown(), std::time::Instant::now());
                    if self.presses.held(key, repeated, plan, now) {
                        Msg::Held(key)
                    } else {
                        Msg::Key(key)
                    }
                }
                None => return Ok(()),
            },
            Event::Paste(text) => Msg::Paste(text),
            Event::Mouse(mouse) => match mouse.kind {
                MouseEventKind::ScrollDown => Msg::Wheel(3),
                MouseEventKind::ScrollUp => Msg::Wheel(-3),
                MouseEventKind::Down(MouseButton::Left) => Msg::Click(mouse.column, mouse.row),
                _ => return Ok(()),
            },
            // The signal is what counts.
            Event::Resize(..) | Event::FocusGained | Event::FocusLost => return Ok(()),
        };
        self.take(message)
    }

    fn take(&mut self, message: Msg) -> io::Result<()> {
        for effect in update(&mut self.model, When::now(), message) {
            match effect {
                Effect::Redraw => self.painter.forget(),
                Effect::Suspend => self.suspend()?,
                Effect::Copy(text) => self.copy(text)?,
                Effect::Space(screens::space::Effect::Edit(draft)) => self.edit(draft),
                effect => self.backend.run(effect),
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> io::Result<()> {
        let frame = self.painter.frame(view::draw(&self.model));
        let plan = self.model.plan_shown();
        self.presses.drawn(plan, std::time::Instant::now());
        if frame.is_empty() {
            return Ok(());
        }
        self.guard.write(&frame)
    }

    /// Gives the terminal to an editor. The thread that reads keys ends with its stream, and another stream can't be made before.
    fn edit(&mut self, draft: Box<PolicyDraft>) {
        self.input = None;
        self.guard.lend();
        self.editing.begin(draft);
    }

    /// The editor has ended: the terminal is taken again, and keys for it are none of ours.
    fn edited(&mut self, left: Msg) -> io::Result<()> {
        self.guard.take_again()?;
        self.input = Some(EventStream::new());
        self.painter.forget();
        self.resized()?;
        self.take(left)
    }

    /// Stops until the shell says to go on.
    fn suspend(&mut self) -> io::Result<()> {
        self.guard.suspend()?;
        self.painter.forget();
        self.resized()
    }

    /// The terminal may have another size by now.
    fn resized(&mut self) -> io::Result<()> {
        let (width, height) = Guard::size()?;
        self.take(Msg::Resize(width, height))
    }

    fn copy(&mut self, text: String) -> io::Result<()> {
        let said = match clipboard::sequence(&text) {
            Err(why) => why,
            Ok(sequence) => {
                self.guard.write(&sequence)?;
                if std::env::var_os("TMUX").is_some() {
                    let send = self.send.clone();
                    tokio::spawn(async move {
                        let _ = send.send(Msg::Toast(clipboard::to_tmux(text).await));
                    });
                    return Ok(());
                }
                clipboard::sent(&text)
            }
        };
        let _ = self.send.send(Msg::Toast(said));
        Ok(())
    }
}
