//! What comes in for screen 6.

use super::backup::Backup;
use super::comparison::Comparison;
use super::state::PastChange;
use crate::change::Receipt;
use crate::console::types::JobId;
use crate::console::types::problem::Problem;
use crate::domain::StorePath;

/// Something has happened.
#[derive(Debug)]
pub enum Msg {
    /// A job goes on.
    Progress {
        /// The job.
        job: JobId,
        /// Items done.
        done: usize,
        /// Items in all.
        total: usize,
        /// What it does.
        note: String,
    },
    /// A job says something.
    Log {
        /// The job.
        job: JobId,
        /// What.
        line: String,
    },
    /// Contents were compared, as far as it got.
    Compared {
        /// The job.
        job: JobId,
        /// What was to be compared; `None` for all.
        paths: Option<Vec<StorePath>>,
        /// What was found.
        comparison: Box<Comparison>,
    },
    /// The database was copied here, or could not be.
    BackedUp {
        /// The job.
        job: JobId,
        /// What became of it.
        backup: Box<Backup>,
    },
    /// A job has ended.
    Ended {
        /// The job.
        job: JobId,
        /// Its receipt.
        receipt: Receipt,
    },
    /// The audit log was read.
    Audit(Result<Vec<PastChange>, Problem>),
    /// What was found in the audit log.
    AuditVerified(Result<Vec<String>, Problem>),
}
