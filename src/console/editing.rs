//! The editor that has the terminal for a while.
//!
//! In: a text. Out: what the editor leaves of it, as a message; and what belongs to the editor meanwhile.

use crate::config::editor::{self, Draft};
use crate::console::app::msg::Msg;
use crate::console::screens;
use crate::console::types::problem::Problem;
use crate::console::types::space::PolicyDraft;
use crate::domain::Notice;
use std::io;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How much later than the end of the editor that it has ended its interrupt may be noticed.
const LATE: Duration = Duration::from_secs(1);

/// An editor that runs, or none.
pub(super) struct Editing {
    running: Option<JoinHandle<Msg>>,
    /// Until then an interrupt was meant for the one before.
    deaf: Instant,
}

impl Editing {
    /// None.
    pub(super) fn new() -> Self {
        Self {
            running: None,
            deaf: Instant::now(),
        }
    }

    /// Whether the terminal is an editor's.
    pub(super) const fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// Whether an interrupt is the editor's: while the terminal is ours, the key for it is no signal.
    pub(super) fn takes_interrupts(&self) -> bool {
        self.is_on() || Instant::now() < self.deaf
    }

    /// Starts one.
    pub(super) fn begin(&mut self, draft: Box<PolicyDraft>) {
        self.running = Some(tokio::spawn(async move {
            let left = async {
                let file = Draft::new("retention", &draft.text)?;
                editor::edit(file.path()).await?;
                file.read()
            };
            let left: Result<String, Notice> = left.await;
            let left = left.map_err(|why| Problem::say(why.to_string()));
            Msg::Space(screens::space::Msg::Edited { draft, left })
        }));
    }

    /// Waits for the end of the one that runs; for ever where none does.
    pub(super) async fn ended(&mut self) -> Msg {
        let Some(running) = &mut self.running else {
            return std::future::pending().await;
        };
        let left = match running.await {
            Ok(left) => left,
            Err(error) => Msg::Toast(error.to_string()),
        };
        self.running = None;
        self.deaf = Instant::now() + LATE;
        left
    }
}

/// Stops this process, of which the terminal is another's at this moment: the key that stops an editor stops both.
pub(super) fn stop_too() -> io::Result<()> {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
    Ok(())
}
