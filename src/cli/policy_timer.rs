//! `setup --gc`: the timer that collects by a server's retention policy.
//!
//! In: when it shall run. Out: its plan, with what a run would take now.

use super::error::{CliError, Kind};
use super::ground::{policy, policy_file};
use super::retention::{effect, none};
use super::session::Session;
use crate::change::install::{Planned, install};
use crate::domain::installable::{Chosen, Installable};
use crate::server::Server;

/// Plans to install it.
pub(super) async fn prepare(
    session: &Session,
    chosen: &Chosen,
) -> Result<(Server, Planned), CliError> {
    let server = session.connect_to_read().await?;
    let what = Installable::PolicyTimer;
    // What prevents a timer is reported before the store is read.
    let ready = install(&server, what, chosen, None).await?;
    if ready.is_err() {
        return Ok((server, ready));
    }
    let found = policy_file(&server).await?;
    let Some((text, _)) = &found.found else {
        return Err(none(Kind::Usage, &found));
    };
    let effect = effect(session, &server, &policy(text)?).await?;
    let planned = install(&server, what, chosen, Some(effect)).await?;
    Ok((server, planned))
}
