//! Who may use the cache: what the server's sshd, files, log and requests say, and the changes to them.
//!
//! In: a connected server. Out: [`AccessFacts`] for the judges; and, with a token, an edited key file, an ended session, a
//! decided request, an installed knock.

mod certificates;
mod edit;
mod editable;
mod facts;
mod files;
mod knock;
mod log;
mod past;
mod requests;
mod sessions;
mod settings;
mod strict;

pub use edit::{Edit, Edited, Kind};
pub use files::KeyFileContent;
pub use knock::{KNOCK_SCRIPT, KNOCK_USER, KnockFacts, KnockInstall, KnockSeen};
pub use log::MOST_EVENTS;
pub use requests::Folder;

use super::error::ServerError;
use super::facts::Rights;
use super::{Inner, Server, Spec};
use crate::domain::access::{AccessFacts, Fact, KeyFile, Session};
use crate::domain::key_request::{Request, RevokedKey};
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::link::Place;

impl Server {
    /// Everything about access that can be found out now, in one round trip over several channels.
    pub async fn access(&self) -> Result<AccessFacts, ServerError> {
        let server = self.facts();
        let (found, log, requests) = tokio::try_join!(
            facts::ask(&self.inner, &server.user),
            log::read(&self.inner),
            requests::read(&self.inner)
        )?;
        let own_key = self.link().used_key();
        Ok(AccessFacts {
            host: server.host.clone(),
            at: found.at,
            utc_offset: found.utc_offset,
            cache_user: found.cache_user,
            sshd: found.sshd,
            files: found.files,
            other_files: found.other_files,
            trusted_users: server.trusted_users.clone(),
            own_key: own_key.as_deref().and_then(Fingerprint::parse),
            events: log.events,
            undated: log.undated,
            reach: log.reach,
            log: log.position,
            sessions: log.sessions,
            requests: requests.requests,
            overflow: requests.overflow,
            revoked: requests.revoked,
            past: found.past.into_iter().chain(requests.past).collect(),
            reviewed: requests.reviewed,
            service: found.service,
            certificates: found.certificates,
        })
    }

    /// The same facts with what is new in sshd's log, and with the sessions that are open now. Nothing else is looked at.
    pub async fn follow_log(&self, mut facts: AccessFacts) -> Result<AccessFacts, ServerError> {
        log::go_on(&self.inner, &mut facts).await?;
        Ok(facts)
    }

    /// The requests and the revoked keys. Nothing else is looked at.
    pub async fn queue(&self) -> Result<(Fact<Vec<Request>>, Fact<Vec<RevokedKey>>), ServerError> {
        let found = requests::read(&self.inner).await?;
        Ok((found.requests, found.revoked))
    }

    /// The key files of the cache user. Nothing else is looked at.
    pub async fn key_files(&self) -> Result<Vec<KeyFile>, ServerError> {
        facts::ask_files(&self.inner, &self.facts().user).await
    }

    /// What the file of an edit holds now. Nothing else is looked at.
    pub async fn key_file(&self, edit: &Edit) -> Result<Fact<KeyFileContent>, ServerError> {
        files::ask(&self.inner, edit).await
    }

    /// The sessions of the cache user that are open now, each with its key where the log says it.
    pub async fn sessions(&self) -> Result<Fact<Vec<Session>>, ServerError> {
        Ok(log::read(&self.inner).await?.sessions)
    }
}

/// Why the sshd that serves this connection may have other settings than those that were asked for, as `sshd.sh` says it. On this machine
/// there is no connection whose sshd could be another one than the usual.
fn assumed(spec: &Spec, why: Option<&str>) -> Option<String> {
    let why = why.filter(|why| !why.is_empty() && spec.place != Place::Local);
    why.map(|why| visible(why).into_owned())
}

/// Whether commands there have root's rights.
fn is_root(inner: &Inner) -> bool {
    let facts = inner.facts.read();
    let facts = facts.unwrap_or_else(std::sync::PoisonError::into_inner);
    facts.rights != Rights::User
}
