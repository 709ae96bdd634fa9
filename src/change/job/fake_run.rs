//! Running a job on the server in memory.
//!
//! In: a plan, which is confirmed at once. Out: its receipt, and what it has said.

use super::fake::Fake;
use super::{JobEvent, run_on};
use crate::change::plan::{Answer, Plan, Policy};
use crate::change::receipt::Receipt;
use std::path::PathBuf;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

impl Fake {
    /// Runs it to its end.
    pub(super) fn run(
        &self,
        plan: Plan,
        chunk: usize,
        state: Option<PathBuf>,
        cancel: CancellationToken,
    ) -> (Receipt, UnboundedReceiver<JobEvent>) {
        let confirmed = plan.confirm(&Answer::Flag, Policy { read_only: false });
        let (sender, events) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let job = run_on(
            confirmed.unwrap(),
            self.clone(),
            chunk,
            state,
            sender,
            cancel,
        );
        (runtime.block_on(job), events)
    }
}
