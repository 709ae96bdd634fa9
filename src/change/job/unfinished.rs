//! The in-progress marker of a job, on the server while it has no record; and the records of those that were killed.
//!
//! In: the plan, and the markers of others beside the audit log. Out: a lock that lives as long as the job; and for each
//! stale marker of a killed job a record, `interrupted`. A collection's says how many of its paths are gone.

use super::cache::{CacheServer, CallError};
use super::space::{SpaceStep, SpaceStepped};
use super::{Job, keep};
use crate::change::audit::{INTERRUPTED, MOST_NAMED, Record};
use crate::change::plan::{Item, Operation, Plan};
use crate::change::receipt::Failure;
use crate::domain::StorePath;
use crate::domain::text::visible;
use crate::domain::unfinished::Unfinished;
use crate::server::{Beginning, Whose};
use std::path::Path;

/// Paths that are asked about at a time.
const AT_A_TIME: usize = 20_000;

/// Writes the in-progress marker. Of a collection it has all paths, so that how far it got is known; of others as many items
/// as a record names.
pub(super) async fn begin<C: CacheServer>(job: &mut Job<C>, plan: &Plan) -> Result<(), CallError> {
    let makes_room = matches!(plan.operation, Operation::Collect(_));
    let (lines, how): (Vec<String>, _) = if makes_room {
        let paths = plan.items.iter().filter_map(Item::path);
        let names = paths.map(|path| path.base_name().to_owned());
        (names.collect(), Beginning::MakesRoom)
    } else {
        let named = plan.items.iter().take(MOST_NAMED);
        let lines = named.map(|item| visible(&item.to_string()).into_owned());
        (lines.collect(), Beginning::First)
    };
    let asked = job.cache.begin(&job.token, &job.about, &lines, how);
    let held = job.patiently(asked).await?;
    // What fills the disk may be what this would take away.
    if !held.room {
        job.no_room = true;
        job.log("there is no room for a record; this collection makes some, and its record is written afterwards");
    }
    if !held.kept {
        job.log("the list of paths can't be written on the server; if this is killed, its progress will be unknown");
    }
    job.others = held.others;
    job.rule = held.rule;
    job.held = Some(held.lock);
    Ok(())
}

/// Writes the records of those that do not run. Whatever of it can't be done is left for the next one: it hinders nothing.
pub(super) async fn close<C: CacheServer>(job: &mut Job<C>, server: &str, state: Option<&Path>) {
    for other in job.others.clone() {
        if other.running != Some(false) {
            continue;
        }
        let Some(record) = record(job, &other, server).await else {
            continue;
        };
        let how_far = if other.collects() {
            format!("{} of its {} paths are gone", record.done, other.total)
        } else {
            other.next().to_owned()
        };
        job.log(&format!(
            "the {} {} that {} began at {} was interrupted: {how_far}",
            other.kind(),
            other.id,
            other.by,
            other.at
        ));
        if !job.no_room
            && let Err(why) = keep(job, &record, Whose::Left, server, state).await
        {
            job.log(&format!("the next change will write its record: {why}"));
        }
    }
}

async fn record<C: CacheServer>(job: &Job<C>, other: &Unfinished, server: &str) -> Option<Record> {
    let asked = job.cache.space(SpaceStep::Planned(&other.id));
    let Ok(SpaceStepped::Lines(lines)) = job.patiently(asked).await else {
        return None;
    };
    let record = Record {
        id: other.id.clone(),
        at: other.at.to_string(),
        by: other.by.clone(),
        server: server.to_owned(),
        change: other.change.clone(),
        summary: other.summary.clone(),
        items_total: other.total,
        reason: Some(format!("found by {}", job.about.by)),
        result: INTERRUPTED.to_owned(),
        ..Record::default()
    };
    if other.collects() {
        return gone(job, record, &lines).await;
    }
    let what = Failure {
        item: other.summary.clone(),
        message: format!(
            "its progress is unknown, so none of it is counted: {}",
            other.next()
        ),
    };
    Some(Record {
        items: lines.into_iter().take(MOST_NAMED).collect(),
        failed: vec![what],
        failed_total: 1,
        ..record
    })
}

/// How far a collection got.
async fn gone<C: CacheServer>(job: &Job<C>, record: Record, lines: &[String]) -> Option<Record> {
    let planned: Vec<StorePath> = lines
        .iter()
        .filter_map(|name| StorePath::from_base_name(name).ok())
        .collect();
    let mut still = 0;
    for some in planned.chunks(AT_A_TIME) {
        let asked = job.cache.space(SpaceStep::Valid(some));
        let Ok(SpaceStepped::Paths(valid)) = job.patiently(asked).await else {
            return None;
        };
        still += valid.len();
    }
    let named = planned.iter().take(MOST_NAMED);
    Some(Record {
        items: named.map(StorePath::to_string).collect(),
        done: planned.len().saturating_sub(still),
        ..record
    })
}
