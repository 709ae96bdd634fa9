//! Contents of store paths against the hashes that the store has of them.
//!
//! In: paths of a store as it was read. Out: which are damaged, which could not be compared, and on the way how far it is.
//! Nothing is changed by it, so it needs no plan; what is done about damage does (see [`super::keep`]).

use super::JobEvent;
use crate::domain::{Age, Bytes, StorePath};
use crate::inventory::{Inventory, Row};
use crate::server::{Server, ServerError, Verified, chunks};
use serde::Serialize;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// Paths of one call, and their bytes: a call ends within a minute on a slow disk, so that progress is seen and it can stop.
const PATHS: usize = 200;
const BYTES: u64 = 1 << 30;

/// The warning for [`Compared::times_moved`].
pub const TIMES_MOVED: &str = "the check has changed access times there, which collections go by; run as root with unshare and mount, it does not";

/// A path that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    pub path: StorePath,
    /// What Nix says of it. Fit to be shown.
    pub message: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Paths that were looked at.
    pub checked: usize,
    /// Their NAR sizes together.
    pub bytes: u64,
    /// Those whose contents are not what their hash says.
    pub corrupt: Vec<Damage>,
    /// Those that could not be compared.
    pub failed: Vec<Damage>,
    /// Whether reading them has moved their access times.
    pub times_moved: bool,
}

/// How it ended.
#[derive(Debug)]
pub enum End {
    /// All were looked at.
    Whole,
    /// It was cancelled before that.
    Cancelled,
    /// The server could not go on.
    Broken(ServerError),
}

/// All paths of the store.
pub fn all(inventory: &Inventory) -> Vec<Row> {
    let rows = 0..inventory.len() as Row;
    rows.filter(|row| inventory.state(*row).is_present())
        .collect()
}

/// Compares the contents of these paths, in calls that are short enough to cancel between them.
pub async fn compare(
    server: &Server,
    inventory: &Inventory,
    rows: &[Row],
    events: UnboundedSender<JobEvent>,
    cancel: &CancellationToken,
) -> (Compared, End) {
    let ask = |paths: Vec<StorePath>| async move { server.verify(&paths).await };
    compare_by(ask, inventory, rows, events, cancel).await
}

async fn compare_by<F>(
    ask: impl Fn(Vec<StorePath>) -> F,
    inventory: &Inventory,
    rows: &[Row],
    events: UnboundedSender<JobEvent>,
    cancel: &CancellationToken,
) -> (Compared, End)
where
    F: Future<Output = Result<Verified, ServerError>>,
{
    let mut found = Compared::default();
    let all = bytes(inventory, rows);
    let started = Instant::now();
    let progress = |found: &Compared| {
        // A receiver that is gone needs no report.
        let _ = events.send(JobEvent::Progress {
            done: found.checked,
            total: rows.len(),
            note: note(found.bytes, all, started),
        });
    };
    for some in calls(inventory, rows) {
        progress(&found);
        let paths = some.iter().map(|row| inventory.path(*row)).collect();
        let said = tokio::select! {
            biased;
            () = cancel.cancelled() => return (found, End::Cancelled),
            said = ask(paths) => match said {
                Ok(said) => said,
                Err(error) => return (found, End::Broken(error)),
            },
        };
        let damage = |(path, message)| Damage { path, message };
        for (_, message) in &said.corrupt {
            let _ = events.send(JobEvent::Log(message.clone()));
        }
        found.corrupt.extend(said.corrupt.into_iter().map(damage));
        found.failed.extend(said.failed.into_iter().map(damage));
        found.times_moved |= !said.times_kept;
        found.checked += some.len();
        found.bytes = found.bytes.saturating_add(bytes(inventory, some));
    }
    progress(&found);
    (found, End::Whole)
}

fn size(inventory: &Inventory, row: Row) -> u64 {
    inventory.nar_size(row).unwrap_or_default()
}

fn bytes(inventory: &Inventory, rows: &[Row]) -> u64 {
    let sizes = rows.iter().map(|row| size(inventory, *row));
    sizes.fold(0, u64::saturating_add)
}

/// Bytes, rate and time left.
fn note(done: u64, all: u64, started: Instant) -> String {
    let seconds = started.elapsed().as_secs_f64();
    if done == 0 || seconds < 1.0 {
        return format!("of {}", Bytes(all));
    }
    let rate = done as f64 / seconds;
    let left = all.saturating_sub(done) as f64 / rate;
    format!(
        "{} of {}, {} a second, {} left",
        Bytes(done),
        Bytes(all),
        Bytes(rate as u64),
        Age(left as u64)
    )
}

/// Rows that are asked about together.
fn calls<'a>(inventory: &Inventory, rows: &'a [Row]) -> Vec<&'a [Row]> {
    chunks(rows, PATHS, BYTES, |row| size(inventory, *row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::testing::{info, inventory, path};
    use proptest::prelude::*;
    use tokio::sync::mpsc;

    fn store(sizes: &[u64]) -> Inventory {
        let names: Vec<String> = (0..sizes.len()).map(|at| format!("p{at}")).collect();
        let infos: Vec<_> = names
            .iter()
            .zip(sizes)
            .map(|(name, size)| crate::domain::PathInfo {
                nar_size: *size,
                ..info(name, &[], 100)
            })
            .collect();
        inventory(&infos)
    }

    fn fine() -> Verified {
        Verified {
            corrupt: vec![],
            failed: vec![],
            times_kept: true,
        }
    }

    #[tokio::test]
    async fn what_is_found_and_how_far_it_is() {
        let inventory = store(&[BYTES; 3]);
        let (tell, mut events) = mpsc::unbounded_channel();
        let ask = async |paths: Vec<StorePath>| {
            let mut said = fine();
            if paths[0] == path("p1") {
                said.corrupt.push((path("p1"), "modified".to_owned()));
                said.times_kept = false;
            }
            Ok(said)
        };
        let rows = all(&inventory);
        let never = CancellationToken::new();
        let (found, end) = compare_by(ask, &inventory, &rows, tell, &never).await;
        assert!(matches!(end, End::Whole));
        assert_eq!((found.checked, found.bytes), (3, 3 * BYTES));
        assert_eq!(found.corrupt.len(), 1);
        assert!(found.times_moved && found.failed.is_empty());
        let mut reported = Vec::new();
        while let Some(event) = events.recv().await {
            reported.push(match event {
                JobEvent::Progress { done, total, .. } => format!("{done}/{total}"),
                JobEvent::Log(line) => line,
            });
        }
        assert_eq!(reported, ["0/3", "1/3", "modified", "2/3", "3/3"]);
    }

    #[tokio::test]
    async fn it_stops_at_once_and_keeps_what_it_has_found() {
        let inventory = store(&[BYTES; 3]);
        let (tell, _events) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        let ask = |paths: Vec<StorePath>| {
            let cancel = cancel.clone();
            async move {
                if paths[0] == path("p1") {
                    cancel.cancel();
                    std::future::pending::<()>().await;
                }
                Ok(fine())
            }
        };
        let (found, end) = compare_by(ask, &inventory, &all(&inventory), tell, &cancel).await;
        assert!(matches!(end, End::Cancelled));
        assert_eq!(found.checked, 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn each_path_is_in_one_call(sizes in prop::collection::vec(prop_oneof![0..9_u64, BYTES / 3..BYTES * 2, Just(u64::MAX)], 0..300)) {
            let inventory = store(&sizes);
            let rows = all(&inventory);
            let some = calls(&inventory, &rows);
            prop_assert_eq!(&some.concat(), &rows);
            for call in some {
                prop_assert!(!call.is_empty() && call.len() <= PATHS);
                prop_assert!(call.len() == 1 || bytes(&inventory, call) <= BYTES);
            }
        }
    }
}
