//! Planning again what waits, from what is there now.
//!
//! In: a connected server, and a plan that waits there. Out: the plan of the second administrator, or why there is none. Only what this kind
//! of change is planned from is looked at.

use super::super::args::plans::Confirm;
use super::super::error::CliError;
use super::super::gc::{choose, unfinished};
use super::super::ground::{Ground, policy, policy_file};
use super::super::looked::Looked;
use super::super::progress::Progress;
use super::super::session::Session;
use super::login;
use crate::change::Plan;
use crate::change::access::{About, certificate_name};
use crate::change::collect::{self, rules};
use crate::change::sign::strip::look;
use crate::change::two::{Needs, Seen, TwoError, again, may, needs};
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::two_persons::{FoundPlan, Intent, Login, TwoPersons};
use crate::domain::{Explain as _, Unknown};
use crate::link::certify::{CaKey, Terminal, ca_key};
use crate::server::Server;
use std::path::PathBuf;
use std::sync::Arc;

/// Plans it again.
pub(super) async fn planned(
    session: &Session,
    server: &Server,
    args: &Confirm,
    two: &TwoPersons,
    found: &FoundPlan,
) -> Result<Plan, CliError> {
    let (about, login) = (About::of(server), login(server));
    let plan = |seen: &Seen<'_>| Ok(again(&about, &login, two, found, seen)?);
    // Before the store is read for nothing.
    let waiting = may(found, &login, two.at)?;
    match needs(&waiting.intent) {
        Needs::Nothing => plan(&Seen::default()),
        Needs::Access => {
            let signs = signs(args, &waiting.intent).await?;
            let facts = server.access().await?;
            plan(&Seen {
                access: Some(Ok(&facts)),
                signs,
                ..Seen::default()
            })
        }
        Needs::Policy => {
            let policy = policy_file(server).await?;
            plan(&Seen {
                policy: Some(&policy),
                ..Seen::default()
            })
        }
        Needs::Collection => collection(session, server, args, (two, found, &login)).await,
        Needs::Store => {
            let looked = Looked::at(session, server, &Progress::new(session.quiet)).await?;
            let generations = server.generations(&looked.roots).await?;
            let access = server.access().await;
            let access = access.as_ref().map_err(|why| Unknown::new(why.to_string()));
            let stored = match &waiting.intent {
                Intent::Strip { key, .. } => Some(look(server, key).await?),
                _ => None,
            };
            let (keep, folder) = (looked.keep(), server.pins_dir());
            plan(&Seen {
                access: Some(access),
                kept: Some(looked.kept(&keep)),
                pins: looked.pins()?,
                folder: &folder,
                generations: &generations,
                stored: stored.as_ref(),
                ..Seen::default()
            })
        }
    }
}

/// What signs a certificate, and where that is written.
async fn signs(args: &Confirm, intent: &Intent) -> Result<Option<(CaKey, PathBuf)>, CliError> {
    let (Intent::SignCert { key, .. }, Some(file)) = (intent, &args.ca) else {
        return Ok(None);
    };
    let ca = ca_key(file, Terminal::Free).await;
    let ca = ca.map_err(|error| CliError::usage(error.notice()))?;
    let usual = || PublicSshKey::parse(key).map(|key| certificate_name(&key));
    let out = args.out.clone().map_or_else(usual, Ok);
    let out = out.map_err(|error| CliError::usage(error.notice()))?;
    Ok(Some((ca, out)))
}

/// A collection, by the rules of the first and of what that one has seen.
async fn collection(
    session: &Session,
    server: &Server,
    args: &Confirm,
    (two, found, login): (&TwoPersons, &FoundPlan, &Login),
) -> Result<Plan, CliError> {
    let waiting = may(found, login, two.at)?;
    let Intent::Collect { rules: kept, list } = &waiting.intent else {
        return Err(TwoError::None(waiting.id.clone()).into());
    };
    let mut notes = unfinished(server, args.dry_run).await?;
    let list = Arc::new(server.plan_list(&waiting.id, list).await?);
    let policy = if kept.policy {
        policy_file(server).await?.found
    } else {
        None
    };
    let policy = policy.map(|(text, _)| self::policy(&text)).transpose()?;
    let policy = policy.map(Arc::new);
    let ground = Box::pin(Ground::look(session, server, &Progress::new(session.quiet))).await?;
    notes.extend(ground.notes.iter().cloned());
    let rules = rules(kept, policy, Arc::clone(&list), ground.in_flight);
    let rules = rules.map_err(|why| TwoError::Impossible {
        id: waiting.id.clone(),
        why,
    })?;
    let situation = ground.situation();
    let collection = choose(&situation, &rules)?;
    let reached = server.spec().place.describe();
    let seen = Seen {
        collection: Some((
            collect::About {
                server: session.name(),
                reached: &reached,
                situation: &situation,
                rules: &rules,
                collection: &collection,
                links: ground.links,
                notes: &notes,
            },
            list.as_ref(),
        )),
        ..Seen::default()
    };
    Ok(again(&About::of(server), login, two, found, &seen)?)
}
