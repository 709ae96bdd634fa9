//! What a job asks of a cache server, as far as it can go wrong.
//!
//! In: the typed functions of `server`. Out: the same, with every error sorted into the three kinds that a job tells
//! apart. Tests put a server with faults of their own in its place.

use super::space::{SpaceStep, SpaceStepped};
use crate::change::keep::KeepStep;
use crate::change::token::Token;
use crate::domain::SignedPath;
use crate::domain::access::{Fact, Session};
use crate::domain::key_request::{Request, RevokedKey};
use crate::domain::signed_row::SignedRow;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::two_persons::{Login, PathList, Rule, WaitingPlan};
use crate::domain::unfinished::Unfinished;
use crate::domain::{PublicKey, StorePath};
use crate::server::access::{Edit, Edited, Folder, KeyFileContent, KnockInstall, KnockSeen};
use crate::server::facts::Facts;
use crate::server::{
    Beginning, Collected, InfoReply, LinkChange, OnCollect, OnPush, Stripped, Whose,
};
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use thiserror::Error;

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum CallError {
    /// The link is gone: nobody knows whether it was done.
    #[error("{0}")]
    Lost(String),
    /// The server says no.
    #[error("{0}")]
    Refused(String),
    /// The server's key file holds another key than the plan showed; the call signed nothing.
    #[error("{0}")]
    KeyChanged(String),
    /// The call was cut off here, after a cancel.
    #[error("the server had not answered when it was cancelled")]
    Stopped,
}

/// One step of a change to who may log in.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Edit(&'a Edit),
    Sessions,
    End(&'a Session),
    /// Whether a request is still what was shown; changes nothing.
    Look(Folder, &'a Request),
    /// Where a key is authorized now.
    Authorized(Fingerprint),
    /// What the file of an edit holds now.
    File(&'a Edit),
    Request(Folder, &'a Request),
    Revoked(&'a RevokedKey),
    Knock(&'a KnockInstall),
    /// The requests and the revoked keys.
    Queue,
    /// What is there of the knock.
    KnockSeen(&'a KnockInstall),
}

/// The answer to it.
pub(super) enum Stepped {
    Edited(Edited),
    Sessions(Fact<Vec<Session>>),
    /// Whether the session was still there.
    Ended(bool),
    Kept,
    /// The key file and its line.
    Authorized(Option<(String, usize)>),
    File(Fact<KeyFileContent>),
    /// Why a request was left as it is: somebody else has decided it.
    Decided(String),
    Queue(Fact<Vec<Request>>, Fact<Vec<RevokedKey>>),
    Knock(KnockSeen),
}

/// One step with a plan that waits for a second administrator. Each may be done twice.
#[derive(Clone, Copy)]
pub(super) enum TwoStep<'a> {
    /// Keep it, with the list of paths that belongs to it.
    Put(&'a WaitingPlan, Option<&'a PathList>),
    /// Take it for the job of this id, which then is the only one.
    Take {
        plan: &'a WaitingPlan,
        sha256: &'a str,
        job: &'a str,
    },
    /// Remove its file.
    Drop { file: &'a str, sha256: &'a str },
}

/// A job that has begun.
pub(super) struct Held {
    /// Jobs that have no record: others that run, and those that were killed.
    pub(super) others: Vec<Unfinished>,
    /// Whether there was room for a record.
    pub(super) room: bool,
    /// Whether its items lie on the server.
    pub(super) kept: bool,
    /// The two-person rule, or why that is not known.
    pub(super) rule: Result<Rule, String>,
    /// What holds its lock there, until it is dropped.
    pub(super) lock: Box<dyn Any + Send + Sync>,
}

/// A cache server.
pub(super) trait CacheServer: Clone + Send + Sync {
    fn facts(&self) -> Arc<Facts>;
    /// Path of the audit log on the server.
    fn audit_log(&self) -> String;
    fn path_infos(
        &self,
        paths: &[StorePath],
    ) -> impl Future<Output = Result<Vec<InfoReply>, CallError>> + Send;
    /// Adds signatures; what failed for one path alone comes back with that path.
    fn add_signatures(
        &self,
        token: &Token,
        items: &[SignedPath],
    ) -> impl Future<Output = Result<Vec<(StorePath, String)>, CallError>> + Send;
    /// Copies paths with all that they need from another store. It may be done twice: what is there is not copied.
    fn push(
        &self,
        token: &Token,
        from: Option<&str>,
        paths: &[StorePath],
        on: OnPush<'_>,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Has Nix sign there; what failed for one path alone comes back with that path.
    fn sign_on_server(
        &self,
        token: &Token,
        key_file: &str,
        key: &PublicKey,
        paths: &[StorePath],
    ) -> impl Future<Output = Result<Vec<(StorePath, String)>, CallError>> + Send;
    /// Takes the signatures by this name from these rows in one transaction, and keeps what they were in a file there. It may be done twice.
    fn strip(
        &self,
        token: &Token,
        key: &str,
        file: &str,
        rows: &[SignedRow],
    ) -> impl Future<Output = Result<HashMap<StorePath, Stripped>, CallError>> + Send;
    /// One step of a change to who may log in.
    fn access(
        &self,
        token: &Token,
        step: Step<'_>,
    ) -> impl Future<Output = Result<Stepped, CallError>> + Send;
    /// One question of a collection.
    fn space(
        &self,
        step: SpaceStep<'_>,
    ) -> impl Future<Output = Result<SpaceStepped, CallError>> + Send;
    /// Deletes exactly these paths.
    fn collect(
        &self,
        token: &Token,
        paths: &[StorePath],
        on: OnCollect<'_>,
    ) -> impl Future<Output = Result<Collected, CallError>> + Send;
    /// One step of a change of what the store keeps. Each may be done twice. `tell` gets the progress of a long one.
    fn keep(
        &self,
        token: &Token,
        step: &KeepStep,
        tell: &(dyn Fn(&str) + Sync),
    ) -> impl Future<Output = Result<LinkChange, CallError>> + Send;
    /// Whether what a step changes is there as if it was done; `None` where a look can't tell.
    fn is_kept(
        &self,
        step: &KeepStep,
    ) -> impl Future<Output = Result<Option<bool>, CallError>> + Send;
    /// Looks whether a record could be appended, writes the marker of the job and holds its lock. The lines are its items.
    fn begin(
        &self,
        token: &Token,
        what: &Unfinished,
        lines: &[String],
        how: Beginning,
    ) -> impl Future<Output = Result<Held, CallError>> + Send;
    /// Who this connection is logged in as.
    fn login(&self) -> Login;
    /// One step with a plan that waits.
    fn two(
        &self,
        token: &Token,
        step: TwoStep<'_>,
    ) -> impl Future<Output = Result<LinkChange, CallError>> + Send;
    /// Removes what the job of this id has left, too, and returns the line as it was written.
    fn append_audit(
        &self,
        token: &Token,
        line: &str,
        id: &str,
        whose: Whose,
    ) -> impl Future<Output = Result<String, CallError>> + Send;
    /// Signs a record that was appended, where a key is configured; why that failed.
    fn sign_audit(
        &self,
        token: &Token,
        line: &str,
        id: &str,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
    /// The same server over a new link.
    fn reopen(&self) -> impl Future<Output = Result<Self, CallError>> + Send;
}
