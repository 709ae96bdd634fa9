//! `setup --gc`: the timer that collects by a server's retention policy.
//!
//! In: when it shall run, or that it shall not. Out: a plan that is carried out.

use super::args::access::Setup;
use super::error::{CliError, Kind};
use super::ground::{no_store, policy, policy_file};
use super::out::Out;
use super::retention::{effect, none};
use super::roots::confirm_and_run;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::Plan;
use crate::change::access::About;
use crate::change::keep::{KeepError, install_policy_timer, remove_policy_timer};
use crate::server::{PolicyTimer, Server};

/// Runs it.
pub(super) async fn run(
    session: &Session,
    when: &str,
    args: &Setup,
    out: &mut Out,
) -> Result<u8, CliError> {
    let (server, planned) = unless_stopped(Box::pin(prepare(session, when, args))).await?;
    let word = if args.off { "remove-gc" } else { "install-gc" };
    confirm_and_run(session, server, planned, &args.change, word, out).await
}

async fn prepare(
    session: &Session,
    when: &str,
    args: &Setup,
) -> Result<(Server, Result<Plan, KeepError>), CliError> {
    let server = session.connect_to_read().await?;
    let timer = PolicyTimer::of(&server, args.program.clone(), when.to_owned());
    let timer = timer.ok_or_else(no_store)?;
    let facts = server.policy_timer_facts(&timer).await?;
    let about = About::of(&server);
    if args.off {
        let planned = remove_policy_timer(&about, &facts, timer);
        return Ok((server, planned));
    }
    // What prevents a timer is reported before the store is read.
    let ready = install_policy_timer(&about, &facts, timer.clone(), None);
    if ready.is_err() {
        return Ok((server, ready));
    }
    let found = policy_file(&server).await?;
    let Some((text, _)) = &found.found else {
        return Err(none(Kind::Usage, &found));
    };
    let effect = effect(session, &server, &policy(text)?).await?;
    let planned = install_policy_timer(&about, &facts, timer, Some(effect));
    Ok((server, planned))
}
