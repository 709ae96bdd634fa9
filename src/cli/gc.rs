//! `gc`: collect what no root keeps, least recently used first.
//!
//! In: targets and rules. Out: a plan that is carried out as every change is; first whether another collection runs, or
//! was interrupted.

use super::args::gc::Gc;
use super::change::carry_out;
use super::error::{CliError, Kind};
use super::ground::{Ground, policy, policy_file};
use super::nothing::nothing_of;
use super::out::{Out, say};
use super::progress::Progress;
use super::roots;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::Plan;
use crate::change::collect::{About, Amounts, CollectError, WHOLE, amounts, plan};
use crate::change::unfinished::left;
use crate::domain::Notice;
use crate::domain::alike::grouped;
use crate::domain::unfinished::Unfinished;
use crate::judge::collect::{Collection, Prepared, Rules, Situation};
use crate::server::Server;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A plan, or why there is none.
enum Planned {
    Plan(Box<Plan>),
    Nothing(String, Amounts),
}

/// Runs it.
pub(super) async fn run(session: &Session, args: &Gc, out: &mut Out) -> Result<u8, CliError> {
    if let Some(age) = args.delete_generations_older_than {
        return roots::take(session, roots::Goes::Generations(age), &args.change, out).await;
    }
    let (server, planned) = unless_stopped(Box::pin(prepare(session, args))).await?;
    let code = match planned {
        Planned::Plan(plan) => carry_out(session, &server, *plan, &args.change, out).await,
        Planned::Nothing(why, amounts) => {
            nothing_of("gc", session.name(), &why, Some(&amounts), out)
        }
    };
    server.link().close().await;
    code
}

/// The rules of the arguments, with the server's policy where that is asked for.
async fn rules(server: &Server, args: &Gc) -> Result<Rules, CliError> {
    if args.whole {
        return Ok(Rules {
            idle: args.idle,
            ..Rules::whole()
        });
    }
    let policy = if args.policy {
        let found = policy_file(server).await?;
        let Some((text, _)) = &found.found else {
            return Err(CliError::usage(Notice::new(
                format!("there is no retention policy at {}", found.file),
                "`storekeeper retention SERVER edit` writes one",
            )));
        };
        Some(Arc::new(policy(text)?))
    } else {
        None
    };
    Ok(Rules {
        policy,
        in_flight: None,
        idle: args.idle,
        until_free: args.until_free,
        reclaim: args.reclaim,
        max: args.max,
        older_than: args.older_than,
        keep_newest: args.keep_newest,
        grace: args.grace,
        only: None,
    })
}

/// Connects, reads everything that a plan is made from, and makes it.
async fn prepare(session: &Session, args: &Gc) -> Result<(Server, Planned), CliError> {
    let server = session.connect_to_read().await?;
    let progress = Progress::new(session.quiet);
    let mut notes = unfinished(&server, args.change.dry_run).await?;
    let mut rules = rules(&server, args).await?;
    let ground = Box::pin(Ground::look(session, &server, &progress)).await?;
    rules.in_flight = ground.in_flight;
    notes.extend(ground.notes.iter().cloned());
    if args.whole {
        notes.push(WHOLE.to_owned());
    }
    let situation = ground.situation();
    let collection = choose(&situation, &rules)?;
    let reached = server.spec().place.describe();
    let about = About {
        server: session.name(),
        reached: &reached,
        situation: &situation,
        rules: &rules,
        collection: &collection,
        links: ground.links,
        notes: &notes,
    };
    let planned = match plan(&about, args.change.reason.clone()) {
        Ok(plan) => Planned::Plan(Box::new(plan)),
        Err(error @ CollectError::Nothing(_)) => {
            for note in grouped(notes.iter().map(String::as_str)) {
                say(&format!("storekeeper: {note}"));
            }
            Planned::Nothing(error.to_string(), amounts(&collection))
        }
        Err(CollectError::Unknown(why)) => return Err(CliError::new(Kind::Server, why)),
    };
    Ok((server, planned))
}

/// What goes by these rules.
pub(super) fn choose(situation: &Situation<'_>, rules: &Rules) -> Result<Collection, CliError> {
    let prepared =
        Prepared::new(situation).map_err(|why| CliError::new(Kind::Server, why.to_string()))?;
    let collection = prepared.plan(situation, rules, &AtomicBool::new(false));
    collection.ok_or_else(|| CliError::new(Kind::Interrupted, "planning was cancelled"))
}

/// What collections were interrupted, as notes; an error if one runs and this is to be another.
pub(super) async fn unfinished(server: &Server, dry_run: bool) -> Result<Vec<String>, CliError> {
    let mut notes = Vec::new();
    let Ok(found) = left(server).await else {
        return Ok(notes);
    };
    for other in found.into_iter().filter(|other| other.what.collects()) {
        match other.what.running {
            Some(true) if !dry_run => {
                return Err(CliError::new(
                    Kind::Conflict,
                    Notice::new(runs(&other.what), "wait until it has ended"),
                ));
            }
            Some(true) => notes.push(runs(&other.what)),
            Some(false) => notes.push(format!("the collection {} that {} began at {} was interrupted: {}; the next change here writes that into the audit log",
                    other.what.id,
                    other.what.by,
                    other.what.at,
                    other.progress()
                )),
            None => {}
        }
    }
    Ok(notes)
}

fn runs(other: &Unfinished) -> String {
    format!(
        "{} runs a collection here since {} ({}, id {})",
        other.by, other.at, other.summary, other.id
    )
}
