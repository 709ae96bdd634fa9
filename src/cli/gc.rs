//! `gc`: collect what no root keeps, least recently used first.
//!
//! In: targets and rules. Out: a plan that is carried out as every change is; first whether another collection runs, or
//! was interrupted.

use super::args::gc::Gc;
use super::change::{carry_out, nothing_of};
use super::error::{CliError, Kind};
use super::load::load;
use super::out::{Out, say};
use super::progress::Progress;
use super::roots;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::Plan;
use crate::change::collect::{About, Amounts, CollectError, WHOLE, amounts, output_pairs, plan};
use crate::change::unfinished::left;
use crate::domain::Notice;
use crate::domain::alike::grouped;
use crate::domain::space::SpaceFacts;
use crate::domain::unfinished::Unfinished;
use crate::domain::{StorePath, When};
use crate::inventory::{Inventory, Keep, Liveness, Row, Usage};
use crate::judge::collect::{Prepared, Rules, Situation};
use crate::server::Server;
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

fn rules(args: &Gc) -> Rules {
    if args.whole {
        return Rules::whole();
    }
    Rules {
        until_free: args.until_free,
        reclaim: args.reclaim,
        max: args.max,
        older_than: args.older_than,
        keep_newest: args.keep_newest,
        grace: args.grace,
    }
}

/// Connects, reads everything that a plan is made from, and makes it.
async fn prepare(session: &Session, args: &Gc) -> Result<(Server, Planned), CliError> {
    let server = session.connect_to_read().await?;
    let progress = Progress::new(session.quiet);
    let mut notes = unfinished(&server, args).await?;
    let inventory = load(&server, &progress, |_| Ok(())).await?.inventory;
    progress.log("reading roots, last use and what fills the disk");
    // After the listing: what was rooted since then is seen.
    let (roots, last_use, space, links, pins) = tokio::join!(
        server.roots(),
        server.last_use(),
        server.space(),
        server.links(),
        server.pins()
    );
    let (roots, last_use, space) = (roots?, last_use?, space?);
    notes.extend(roots.notes.iter().map(|note| format!("Nix says: {note}")));
    if args.whole {
        notes.push(WHOLE.to_owned());
    }
    let unreadable = inventory.counts().unreadable;
    if unreadable > 0 {
        notes.push(format!(
            "the server could not tell anything of {unreadable} paths; they stay"
        ));
    }
    let links = match links {
        Ok(Ok(links)) => Some(links),
        Ok(Err(unknown)) => {
            notes.push(format!("what hard links save is not known: {unknown}"));
            None
        }
        Err(error) => {
            notes.push(format!("what hard links save is not known: {error}"));
            None
        }
    };
    let pins: Vec<StorePath> = match pins {
        Ok(Ok(pins)) => pins.into_iter().map(|pin| pin.target).collect(),
        // Each of them is a root all the same.
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    let pairs = kept_outputs(&server, &inventory, &space, &mut notes).await?;
    let keep = Keep {
        derivations: space.keep_derivations.clone().unwrap_or(true),
        outputs: space.keep_outputs.clone().unwrap_or(false),
        output_pairs: &pairs,
    };
    let rows = |paths: &mut dyn Iterator<Item = &StorePath>| -> Vec<Row> {
        paths.filter_map(|path| inventory.find(path)).collect()
    };
    let targets = rows(&mut roots.roots.iter().map(|root| &root.target));
    let pinned = rows(&mut pins.iter());
    let facts = server.facts();
    let situation = Situation {
        inventory: &inventory,
        liveness: &Liveness::of(&inventory, &targets, &keep),
        pinned: &pinned,
        usage: &Usage::new(&inventory, &last_use),
        keep,
        now: facts.there(When::now()),
        disk: space
            .store
            .as_ref()
            .ok()
            .map(|store| store.disk)
            .or(facts.disk)
            .map(|disk| (disk.size, disk.available)),
        saved: links.map(|links| links.saved),
    };
    let rules = rules(args);
    let prepared =
        Prepared::new(&situation).map_err(|why| CliError::new(Kind::Server, why.to_string()))?;
    let never = AtomicBool::new(false);
    let Some(collection) = prepared.plan(&situation, &rules, &never) else {
        return Err(CliError::new(Kind::Interrupted, "planning was called off"));
    };
    let reached = server.spec().place.describe();
    let about = About {
        server: session.name(),
        reached: &reached,
        situation: &situation,
        rules: &rules,
        collection: &collection,
        links: links.map(|links| links.files),
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

/// Which outputs live derivations keep, where Nix is set so.
async fn kept_outputs(
    server: &Server,
    inventory: &Inventory,
    space: &SpaceFacts,
    notes: &mut Vec<String>,
) -> Result<Vec<(Row, Row)>, CliError> {
    for (name, known) in [
        ("keep-derivations", &space.keep_derivations),
        ("keep-outputs", &space.keep_outputs),
    ] {
        if let Err(unknown) = known {
            notes.push(format!("how Nix is set there ({name}) is not known, so its default is assumed; what it keeps besides, it refuses to delete ({unknown})"));
        }
    }
    if !matches!(space.keep_outputs, Ok(true)) {
        return Ok(Vec::new());
    }
    Ok(output_pairs(server, inventory).await?)
}

/// What collections were interrupted, as notes; an error if one runs and this is to be another.
async fn unfinished(server: &Server, args: &Gc) -> Result<Vec<String>, CliError> {
    let mut notes = Vec::new();
    let Ok(found) = left(server).await else {
        return Ok(notes);
    };
    for other in found.into_iter().filter(|other| other.what.collects()) {
        match other.what.running {
            Some(true) if !args.change.dry_run => {
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
