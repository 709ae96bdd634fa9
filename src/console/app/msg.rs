//! What comes into the model, and what goes out of it.
//!
//! In: [`Msg`], from the terminal and the backend. Out: [`Effect`], for the backend and the loop. Nothing here does anything.

use crate::change::sign::KeyChoice;
use crate::change::{Confirmed, Plan, Receipt};
use crate::console::plan::request::PlanRequest;
use crate::console::screens::activity::backup::Backup;
use crate::console::screens::activity::comparison::Comparison;
use crate::console::screens::activity::state::PastChange;
use crate::console::screens::space;
use crate::console::screens::store;
use crate::console::screens::unsigned;
use crate::console::types::JobId;
use crate::console::types::access::{AccessSnapshot, Certified};
use crate::console::types::ask::Ask;
use crate::console::types::ask::Source;
use crate::console::types::client::ClientWay;
use crate::console::types::export::{Export, Form};
use crate::console::types::judged::Judged;
use crate::console::types::key::Key;
use crate::console::types::key_purpose::KeyPurpose;
use crate::console::types::problem::Problem;
use crate::console::types::secret::Secret;
use crate::console::types::server::Health;
use crate::console::types::space::{Planned, PolicyDraft, SpaceSnapshot};
use crate::domain::installable::Installation;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::{StorePath, When};
use crate::inventory::{Inventory, Row, View};
use crate::judge::rotation::KeyCoverage;
use crate::onboard::client::Platform;
use crate::server::facts::Facts;
use crate::server::{PolicyFile, WatchEvent};
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
    /// The rows that match.
    View {
        /// Of this request.
        request_id: u64,
        /// Of this generation.
        generation: u64,
        /// The rows.
        view: View,
    },
    /// What is refused, in groups, and how far each key has got.
    Groups {
        /// Of this request.
        request_id: u64,
        /// Of this generation.
        generation: u64,
        /// What was found.
        found: unsigned::Found,
    },
    /// How far each signing key has got.
    SigningKeys(KeyPurpose, Vec<KeyCoverage>),
    /// Closure sizes are known now.
    Measured,
    /// What is looked for in a list is to be looked for in the next lines.
    FindOn,
    /// A chain of references was looked for.
    Chain {
        /// From.
        from: Row,
        /// To.
        to: Row,
        /// The rows of the chain, both ends included; the direction may be turned round.
        chain: Option<Vec<Row>>,
    },
    /// A plan was made, or not.
    Planned {
        /// Of this request.
        request_id: u64,
        /// The plan.
        plan: Result<Box<Plan>, Problem>,
    },
    /// Who may log in was looked at.
    Access(Result<Arc<AccessSnapshot>, Problem>),
    /// sshd's log was read on.
    Followed {
        /// From here.
        before: Arc<AccessSnapshot>,
        /// To here.
        known: Result<Arc<AccessSnapshot>, Problem>,
    },
    /// A look at what fills the disk, or a part of it.
    Space {
        /// Of this request.
        look: u64,
        /// What is known now.
        known: Result<Arc<SpaceSnapshot>, Problem>,
    },
    /// What is live was worked out, or cannot be.
    SpaceJudged {
        /// Of this request.
        request_id: u64,
        /// What follows.
        judged: Result<Arc<Judged>, Problem>,
    },
    /// The planner has planned.
    SpacePlanned {
        /// Of this request.
        request_id: u64,
        /// What goes.
        planned: Box<Planned>,
    },
    /// What was found in the audit log.
    AuditVerified(Result<Vec<String>, Problem>),
    /// How each is that runs by itself.
    Installed(Result<Vec<Installation>, Problem>),
    /// The retention policy was read, to be edited.
    Policy(Result<PolicyFile, Problem>),
    /// The retention policy was read, and a file of this machine that is to be it.
    PolicyOfFile(Result<Box<PolicyDraft>, Problem>),
    /// The editor has left a policy.
    Edited {
        /// What it began with.
        draft: Box<PolicyDraft>,
        /// What it has left.
        left: Result<String, Problem>,
    },
    /// What keeps a path was looked for.
    Alive {
        /// Of this.
        judged: Arc<Judged>,
        /// The path.
        row: Row,
        /// From a root's path to it.
        chain: Option<Vec<Row>>,
    },
    /// What the new client has to do, or why that can't be written.
    Onboarding(Result<String, Problem>),
    /// The certificate that was made, or why it can't be shown.
    Certificate(Result<Certified, Problem>),
    /// The way of a client was gone through, or could not be.
    Way(Result<Box<ClientWay>, Problem>),
    /// A job goes on.
    Progress {
        /// The job.
        job: JobId,
        /// Items done.
        done: usize,
        /// Items in all.
        total: usize,
        /// What it does.
        note: String,
    },
    /// A job says something.
    Log {
        /// The job.
        job: JobId,
        /// What.
        line: String,
    },
    /// Contents were compared, as far as it got.
    Compared {
        /// The job.
        job: JobId,
        /// What was to be compared; `None` for all.
        paths: Option<Vec<StorePath>>,
        /// What was found.
        comparison: Box<Comparison>,
    },
    /// The database was copied here, or could not be.
    BackedUp {
        /// The job.
        job: JobId,
        /// What became of it.
        backup: Box<Backup>,
    },
    /// A job has ended.
    Ended {
        /// The job.
        job: JobId,
        /// Its receipt.
        receipt: Receipt,
    },
    /// A key that can sign was found, or not.
    Source(Result<Source, Problem>),
    /// The server's address, once it is known.
    Place(String),
    /// The audit log was read.
    Audit(Result<Vec<PastChange>, Problem>),
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
    /// Read the audit log.
    ReadAudit,
    /// Measure the round trip.
    Ping,
    /// Reads what has changed of the store.
    Renew,
    /// Find out anew what the server is, and read of the store what that changes.
    Reprobe,
    /// Make a plan.
    Plan {
        /// The number of the request.
        request_id: u64,
        /// What it is made of.
        request: Box<PlanRequest>,
    },
    /// What screen 2 asks for.
    Store(store::Effect),
    /// What screen 3 asks for.
    Unsigned(unsigned::Effect),
    /// What screen 5 asks for.
    Space(space::Effect),
    /// Look at who may log in.
    ReadAccess,
    /// Read what is new in sshd's log.
    FollowLog {
        /// What is known.
        known: Arc<AccessSnapshot>,
    },
    /// Write out what the new client has to do.
    Onboard {
        /// The server's name.
        server: String,
        /// What is known of its sshd.
        known: Arc<AccessSnapshot>,
        /// The client's system.
        platform: Platform,
    },
    /// Read the certificate that a job has made.
    ReadCertificate(PathBuf),
    /// Go through the way of a client.
    Way {
        /// The server's name.
        server: String,
        /// What is known of its sshd.
        known: Arc<AccessSnapshot>,
        /// The client's key.
        key: Fingerprint,
        /// The path; `None` for any.
        path: Option<StorePath>,
    },
    /// Go through the way of the client with the certificate or public key in a file.
    WayOfFile {
        /// The server's name.
        server: String,
        /// What is known of its sshd.
        known: Arc<AccessSnapshot>,
        /// The file; `~/` is of the home folder.
        file: PathBuf,
        /// The path; `None` for any.
        path: Option<StorePath>,
    },
    /// Verify the audit log.
    VerifyAudit,
    /// Look at what runs by itself.
    ReadInstalled,
    /// Read the retention policy, to edit it.
    ReadPolicy,
    /// Read it, and a file of this machine.
    ReadPolicyOfFile(PathBuf),
    /// Give the terminal to an editor.
    Edit(Box<PolicyDraft>),
    /// Look at a key that is to sign.
    FindKey(KeyChoice),
    /// Compare contents with their hashes.
    Compare {
        /// The job's number.
        job: JobId,
        /// In this.
        inventory: Arc<Inventory>,
        /// The paths; `None` for all.
        rows: Option<Vec<Row>>,
    },
    /// Save a copy of Nix's database here.
    BackUp {
        /// The job's number.
        job: JobId,
        /// Which file; `~/` is of the home folder.
        file: PathBuf,
    },
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
