//! What comes into the model, and what goes out of it.
//!
//! In: [`Msg`], from the terminal and the backend. Out: [`Effect`], for the backend and the loop. Nothing here does anything.

use crate::change::sign::KeyChoice;
use crate::change::{Confirmed, Plan};
use crate::console::plan::request::PlanRequest;
use crate::console::screens;
use crate::console::types::JobId;
use crate::console::types::ask::Ask;
use crate::console::types::ask::Source;
use crate::console::types::export::{Export, Form};
use crate::console::types::key::Key;
use crate::console::types::problem::Problem;
use crate::console::types::secret::Secret;
use crate::console::types::server::Health;
use crate::domain::When;
use crate::domain::installable::Installation;
use crate::inventory::Inventory;
use crate::server::WatchEvent;
use crate::server::facts::Facts;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Something has happened.
#[derive(Debug)]
pub enum Msg {
    /// The console begins.
    Start,
    /// A key was pressed.
    Key(Key),
    /// A key that is held down, or that came before what is on the screen could be read: it confirms nothing.
    Held(Key),
    /// Text was pasted.
    Paste(String),
    /// The mouse wheel: rows down, negative for up.
    Wheel(i32),
    /// A click of the left button, in this column and row.
    Click(u16, u16),
    /// The terminal has a new size.
    Resize(u16, u16),
    /// A second has passed while something counts seconds, or a minute.
    Tick,
    /// Someone wants the program to end: what runs is cancelled, and its receipts are waited for.
    Terminate,
    /// They were waited for long enough.
    EndNow,
    /// The process was continued after a stop.
    Continued,
    /// The connection is open.
    Up(Arc<Facts>),
    /// A round trip was measured.
    RoundTrip(Duration),
    /// Something has changed on the server.
    Watch(WatchEvent),
    /// The server is not watched any more, or never was.
    WatchEnded(Problem),
    /// The connection is lost, or an attempt to open it again has failed.
    Down {
        /// Why.
        problem: Problem,
        /// When the next attempt is made; `None` if one is being made.
        again: Option<When>,
    },
    /// The connection cannot be opened.
    Failed(Problem),
    /// The connection asks something.
    Ask(Ask),
    /// An answer is no longer wanted.
    AskOver(u64),
    /// More of the store.
    Inventory {
        /// Rows are numbered alike in one generation.
        generation: u64,
        /// What is known now.
        inventory: Arc<Inventory>,
        /// Whether more comes.
        loading: bool,
        /// When it was kept, if it is what this machine remembers and nothing of it was read yet.
        kept: Option<When>,
    },
    /// The whole store was read.
    Read {
        /// Why not from the database, where that was wanted. A clause.
        fallback: Option<String>,
    },
    /// The store could not be read to its end.
    LoadFailed(Problem),
    /// What is looked for in a list is to be looked for in the next lines.
    FindOn,
    /// Something for screen 2.
    Store(screens::store::Msg),
    /// Something for screen 3.
    Unsigned(screens::unsigned::Msg),
    /// Something for screen 4.
    Access(screens::access::Msg),
    /// Something for screen 5.
    Space(screens::space::Msg),
    /// Something for screen 6.
    Activity(screens::activity::Msg),
    /// How each is that runs by itself.
    Installed(Result<Vec<Installation>, Problem>),
    /// A plan was made, or not.
    Planned {
        /// Of this request.
        request_id: u64,
        /// The plan.
        plan: Result<Box<Plan>, Problem>,
    },
    /// A key that can sign was found, or not.
    Source(Result<Source, Problem>),
    /// The server's address, once it is known.
    Place(String),
    /// How a server is that is not on the screen.
    Examined {
        /// Its name.
        server: String,
        /// How it is.
        health: Health,
    },
    /// Something else worth a line.
    Toast(String),
    /// The short message of this number was there long enough.
    ToastOver(u64),
}

/// Something is to be done, outside of the loop.
#[derive(Debug)]
pub enum Effect {
    /// Open the connection to the server.
    Connect {
        /// Its name.
        server: String,
    },
    /// Find out how a server is that is not on the screen.
    Examine {
        /// Its name.
        server: String,
    },
    /// Take [`Msg::FindOn`] in when what has come before it was.
    FindOn,
    /// Try again now.
    Reconnect,
    /// Ask the server for its facts and read the store.
    Refresh,
    /// Measure the round trip.
    Ping,
    /// Reads what has changed of the store.
    Renew,
    /// Find out anew what the server is, and read of the store what that changes.
    Reprobe,
    /// Look at what runs by itself.
    ReadInstalled,
    /// Make a plan.
    Plan {
        /// The number of the request.
        request_id: u64,
        /// What it is made of.
        request: Box<PlanRequest>,
    },
    /// What screen 2 asks for.
    Store(screens::store::Effect),
    /// What screen 3 asks for.
    Unsigned(screens::unsigned::Effect),
    /// What screen 4 asks for.
    Access(screens::access::Effect),
    /// What screen 5 asks for.
    Space(screens::space::Effect),
    /// What screen 6 asks for.
    Activity(screens::activity::Effect),
    /// Look at a key that is to sign.
    FindKey(KeyChoice),
    /// Do it.
    Run {
        /// The job's number.
        job: JobId,
        /// What was confirmed.
        confirmed: Box<Confirmed>,
    },
    /// Stop it.
    Cancel(JobId),
    /// Hand an answer over; none if it was declined.
    Answer {
        /// The question.
        id: u64,
        /// The answer.
        answer: Option<Secret>,
    },
    /// Keep what was run from the palette for the next time.
    Remember(String),
    /// Keep a choice in the configuration.
    Save(Setting),
    /// Write a list to a file.
    Export {
        /// Which file; `~/` is of the home folder.
        file: PathBuf,
        /// How.
        form: Form,
        /// What.
        list: Export,
    },
    /// Copy through the terminal.
    Copy(String),
    /// Write the whole screen anew.
    Redraw,
    /// Stop the process until it is continued.
    Suspend,
}

/// A choice that the configuration keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// The columns of the store's list.
    Columns(Vec<&'static str>),
    /// A filter.
    Filter {
        /// Its name.
        name: String,
        /// What it stands for.
        query: String,
    },
}
