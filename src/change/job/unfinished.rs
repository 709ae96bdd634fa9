//! Collections that were killed before they could write their record: whoever comes next writes it.
//!
//! In: the lists beside the audit log that nobody holds. Out: a record of each, `interrupted`, with how many of its paths
//! are gone; and no list any more.

use super::cache::Cache;
use super::space::{SpaceStep, SpaceStepped};
use super::{Job, keep};
use crate::change::audit::{INTERRUPTED, MOST_NAMED, Record};
use crate::domain::StorePath;
use crate::domain::space::Unfinished;
use std::path::Path;

/// Paths that are asked about at a time.
const AT_A_TIME: usize = 20_000;

/// Looks for collections without a record, and closes those that do not run. Whatever of it can't be done is left for the
/// next one: it hinders nothing.
pub(super) async fn close<C: Cache>(job: &mut Job<C>, server: &str, state: Option<&Path>) {
    let asked = job.cache.space(&job.token, SpaceStep::Unfinished);
    let Ok(SpaceStepped::Unfinished(others)) = job.patiently(asked).await else {
        return;
    };
    for other in others.iter().filter(|other| other.running == Some(false)) {
        let Some(record) = record(job, other, server).await else {
            continue;
        };
        job.log(&format!(
            "the collection {} that {} began at {} was interrupted: {} of its {} paths are gone",
            other.id, other.by, other.at, record.done, other.total
        ));
        if !job.no_room && keep(job, &record, server, state).await.is_ok() {
            let asked = job.cache.space(&job.token, SpaceStep::End(&other.id));
            let _ = job.patiently(asked).await;
        }
    }
    job.others = others;
}

/// Removes the list of this job, whose record is written.
pub(super) async fn end<C: Cache>(job: &mut Job<C>) {
    let id = job.about.id.clone();
    let asked = job.cache.space(&job.token, SpaceStep::End(&id));
    let ended = tokio::time::timeout(job.limit(), asked).await;
    if !matches!(ended, Ok(Ok(_))) {
        job.log("the list of paths could not be removed from the server; the next collection removes it");
    }
}

/// How far it got.
async fn record<C: Cache>(job: &Job<C>, other: &Unfinished, server: &str) -> Option<Record> {
    let asked = job.cache.space(&job.token, SpaceStep::Planned(&other.id));
    let Ok(SpaceStepped::Paths(planned)) = job.patiently(asked).await else {
        return None;
    };
    let mut still = 0;
    for some in planned.chunks(AT_A_TIME) {
        let asked = job.cache.space(&job.token, SpaceStep::Valid(some));
        let Ok(SpaceStepped::Paths(valid)) = job.patiently(asked).await else {
            return None;
        };
        still += valid.len();
    }
    Some(Record {
        id: other.id.clone(),
        at: other.at.to_string(),
        by: other.by.clone(),
        server: server.to_owned(),
        change: "gc".to_owned(),
        summary: other.summary.clone(),
        items: planned
            .iter()
            .take(MOST_NAMED)
            .map(StorePath::to_string)
            .collect(),
        items_total: other.total,
        reason: Some(format!("found by {}", job.about.by)),
        result: INTERRUPTED.to_owned(),
        done: planned.len() - still,
        ..Record::default()
    })
}
