//! Comparing contents with their hashes, as a job that can be cancelled.
//!
//! In: a connected server, rows. Out: progress, and what was found.

use crate::change::contents::{self, Compared, End};
use crate::console::app::msg::Msg;
use crate::console::backend::{Backend, Sender, work};
use crate::console::screens;
use crate::console::screens::activity::comparison::Comparison;
use crate::console::types::JobId;
use crate::console::types::problem::Problem;
use crate::domain::{StorePath, When};
use crate::inventory::{Inventory, Row};
use crate::server::Server;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Why there is nothing to tell.
const LOST: &str = "the connection was lost first; try it again";

/// What is to be compared; without rows, all of it.
struct Task {
    job: JobId,
    inventory: Arc<Inventory>,
    rows: Option<Vec<Row>>,
}

impl Backend {
    /// Begins it.
    pub(super) fn compare(
        &mut self,
        job: JobId,
        inventory: Arc<Inventory>,
        rows: Option<Vec<Row>>,
    ) {
        let cancel = CancellationToken::new();
        self.jobs.insert(job, cancel.clone());
        let server = self
            .session
            .as_ref()
            .and_then(crate::console::backend::Session::server);
        let send = self.send.clone();
        let task = Task {
            job,
            inventory,
            rows,
        };
        tokio::spawn(run(server, send, task, cancel));
    }
}

async fn run(server: Option<Server>, send: Sender, task: Task, cancel: CancellationToken) {
    let Task {
        job,
        inventory,
        rows,
    } = task;
    let of = |rows: &Vec<Row>| rows.iter().map(|row| inventory.path(*row)).collect();
    let paths: Option<Vec<StorePath>> = rows.as_ref().map(of);
    let (found, cancelled, problem) = match server {
        // The link broke between the last draw and the key.
        None => (Compared::default(), false, Some(Problem::say(LOST))),
        Some(server) => {
            let (tell, events) = mpsc::unbounded_channel();
            let forward = tokio::spawn(work::forward(events, send.clone(), job));
            let rows = rows.unwrap_or_else(|| contents::all(&inventory));
            let (found, end) = contents::compare(&server, &inventory, &rows, tell, &cancel).await;
            let _ = forward.await;
            match end {
                End::Whole => (found, false, None),
                End::Cancelled => (found, true, None),
                End::Broken(error) => (found, false, Some(Problem::new(&error))),
            }
        }
    };
    let comparison = Comparison {
        at: When::now(),
        found,
        cancelled,
        problem,
    };
    let _ = send.send(Msg::Activity(screens::activity::Msg::Compared {
        job,
        paths,
        comparison: Box::new(comparison),
    }));
}
