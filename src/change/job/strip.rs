//! Taking signatures away, so many rows in one transaction.
//!
//! In: rows as they were shown. Out: a tally in which a row counts as done when the server's database was seen to have none of the
//! signatures, and for no other reason. Each transaction is whole or nothing and may be asked for twice, so a lost link is followed
//! by another try over a new one.

use super::Job;
use super::cache::CacheServer;
use crate::change::sign::strip::{AT_ONCE, Strip};
use crate::domain::StorePath;
use crate::server::Stripped;
use crate::server::spec::folder_of;
use std::collections::HashMap;

/// Carries it out.
pub(super) async fn run<C: CacheServer>(job: &mut Job<C>, what: &Strip) {
    let log = job.cache.audit_log();
    let folder = folder_of(&log);
    for (number, rows) in what.rows.chunks(AT_ONCE).enumerate() {
        job.progress(rows.first().map_or("", |row| row.path.name()));
        let why = if job.cancel.is_cancelled() {
            job.tally.cancelled = true;
            Some("not done: cancelled before it was tried".to_owned())
        } else {
            job.cut_off.clone().map(|why| format!("not tried: {why}"))
        };
        if let Some(why) = why {
            for row in rows {
                job.tally.fail(&row.path, why.clone());
            }
            continue;
        }
        let file = format!("{folder}/stripped-{}-{}.sql", job.about.id, number + 1);
        let answer = job
            .twice(|cache, token| {
                let file = file.clone();
                async move { cache.strip(&token, &what.key, &file, rows).await }
            })
            .await;
        match answer {
            Ok(said) => {
                job.log(&format!("the rows as they were are in {file}"));
                for row in rows {
                    record(job, &row.path, &said);
                }
            }
            error => {
                if let Err(why) = job.confirmed(error) {
                    for row in rows {
                        job.tally.fail(&row.path, why.clone());
                    }
                }
            }
        }
    }
    job.progress("");
}

/// Counts what became of a row.
fn record<C: CacheServer>(job: &mut Job<C>, path: &StorePath, said: &HashMap<StorePath, Stripped>) {
    match said.get(path) {
        Some(Stripped::Done) => job.tally.done += 1,
        Some(Stripped::Gone) => {
            job.log(&format!("{} was gone already", path.name()));
            job.tally.done += 1;
        }
        Some(Stripped::Changed) => {
            let line = format!("{path}: its signatures differ from those that were shown");
            let conflict = job.tally.conflict.get_or_insert_default();
            if !conflict.is_empty() {
                conflict.push('\n');
            }
            conflict.push_str(&line);
            job.tally.fail(
                path,
                "not changed, since its signatures differ from those that were shown; look at it again",
            );
        }
        None => {
            job.tally.unconfirmed = true;
            job.tally
                .fail(path, "not confirmed: the server did not report a result");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::CHUNK;
    use super::super::fake::{Fake, World};
    use super::*;
    use crate::change::plan::{Danger, Item, Operation, Plan};
    use crate::change::testing::{info, path};
    use crate::change::{Outcome, Receipt};
    use crate::domain::signed_row::SignedRow;

    use tokio_util::sync::CancellationToken;

    const SIGNED: &str = "k-1:AAAA other-1:BBBB";

    fn world() -> World {
        let signed = |name: &&str| {
            let mut info = info(name, &[], 60);
            info.signatures = SIGNED.split(' ').map(str::to_owned).collect();
            (path(name), info)
        };
        World {
            infos: ["a", "b"].iter().map(signed).collect(),
            reopens: true,
            ..World::default()
        }
    }

    fn strip(server: &Fake, names: &[&str], stored: &str) -> Receipt {
        let rows: Vec<SignedRow> = names
            .iter()
            .map(|name| SignedRow {
                path: path(name),
                stored: stored.as_bytes().to_vec(),
            })
            .collect();
        let plan = Plan {
            change: "strip",
            server: "prod".into(),
            summary: "strip".into(),
            items: rows
                .iter()
                .map(|row| Item::Path {
                    path: row.path.clone(),
                    nar_size: 1,
                })
                .collect(),
            commands: vec![],
            warnings: vec![],
            push: None,
            second: None,
            lines: vec![],
            danger: Danger::Destroys { word: "strip" },
            operation: Operation::Strip(Box::new(Strip {
                key: "k-1".into(),
                rows,
            })),
            concerns: Vec::new(),
            amounts: None,
            reason: None,
        };
        server.run(plan, CHUNK, None, CancellationToken::new()).0
    }

    fn signatures(server: &Fake, name: &str) -> String {
        server.world.lock().unwrap().infos[&path(name)]
            .signatures
            .join(" ")
    }

    #[test]
    fn what_has_gone_is_done_and_what_has_changed_stays() {
        let server = Fake::new(world());
        let receipt = strip(&server, &["a", "gone"], SIGNED);
        assert_eq!((receipt.result, receipt.done), (Outcome::Done, 2));
        assert_eq!(signatures(&server, "a"), "other-1:BBBB");
        assert_eq!(signatures(&server, "b"), SIGNED);
        let file = server.world.lock().unwrap().files.iter().next().cloned();
        assert!(
            file.unwrap()
                .ends_with(&format!("/stripped-{}-1.sql", receipt.id))
        );
        let receipt = strip(&server, &["b"], "k-1:CCCC");
        assert_eq!((receipt.result, receipt.done), (Outcome::Failed, 0));
        assert!(receipt.conflict.is_some());
        assert_eq!(signatures(&server, "b"), SIGNED);
    }

    /// Whatever call is cut, and whether it was carried out: what counts as done is done.
    #[test]
    fn a_lost_link_is_followed_by_another_try() {
        for cut in 1..6 {
            for done_before_cut in [0, 1] {
                for reopens in [true, false] {
                    let server = Fake::new(World {
                        cut_at: Some(cut),
                        done_before_cut,
                        reopens,
                        ..world()
                    });
                    let receipt = strip(&server, &["a", "b"], SIGNED);
                    let at = format!("{cut} {done_before_cut} {reopens}: {receipt:?}");
                    let left = ["a", "b"].map(|name| signatures(&server, name));
                    let whole = left.iter().filter(|one| *one == "other-1:BBBB").count();
                    assert!(receipt.done <= whole && whole != 1, "{at}");
                    if reopens && cut > 1 {
                        assert_eq!((receipt.done, whole), (2, 2), "{at}");
                    }
                    if cut == 2 && !reopens {
                        assert!(receipt.failed[0].message.contains("not confirmed"), "{at}");
                    }
                }
            }
        }
    }
}
