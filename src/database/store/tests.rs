//! Databases of all kinds of stores, damaged ones, and ones that are not Nix's.

use super::super::testing::{database, facts, info, path, register, state};
use super::*;
use crate::domain::signature::tests::SECRET;
use crate::domain::{PathInfo, SigningKey};
use proptest::prelude::*;
use std::fs;

fn open(file: &Path) -> Result<Database, Stopped> {
    Database::open(file, Arc::default())
}

fn read(file: &Path) -> Result<Vec<Row>, Stopped> {
    read_all(file).map(|(rows, _)| rows)
}

fn read_all(file: &Path) -> Result<(Vec<Row>, Seen), Stopped> {
    let database = open(file)?;
    let listing = database.listing()?;
    let mut rows = Vec::new();
    let seen = Seen::begin(facts(), None).unwrap();
    let seen = database.rows(&listing, seen, None, |row| {
        rows.push(row);
        ControlFlow::Continue(())
    })?;
    Ok((rows, seen))
}

/// The rows that differ from what was seen, and what was seen now; each way to them gives the same.
fn differing(file: &Path, before: &Seen) -> (Vec<Row>, Seen) {
    let database = open(file).unwrap();
    let listing = database.listing().unwrap();
    let begin = || Seen::begin(facts(), Some(before)).unwrap();
    let mut rows = Vec::new();
    let seen = database
        .rows(&listing, begin(), Some(before), |row| {
            rows.push(row);
            ControlFlow::Continue(())
        })
        .unwrap();
    let mut others = Vec::new();
    let changes = database.changes(&database.ids().unwrap(), begin(), before, |row| {
        others.push(row);
        ControlFlow::Continue(())
    });
    assert_eq!((&others, changes.as_ref()), (&rows, Ok(&seen)));
    (rows, seen)
}

fn why(result: Result<Vec<Row>, Stopped>) -> String {
    match result {
        Err(Stopped::Wrong(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// What a store may hold: some paths that are gone, references to any that are left, fields of all kinds.
fn stores() -> impl Strategy<Value = (Vec<PathInfo>, Vec<bool>)> {
    let one = (
        prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        0_i64..4_000_000_000,
        prop_oneof![Just(0), 1_u64..1 << 62],
        any::<(bool, bool, bool, bool)>(),
    );
    prop::collection::vec((one, prop::bool::weighted(0.8)), 0..40).prop_map(|rows| {
        let kept: Vec<bool> = rows.iter().map(|(_, kept)| *kept).collect();
        let key = SigningKey::parse(SECRET).unwrap();
        let infos = rows
            .iter()
            .enumerate()
            .map(|(at, ((to, time, size, flags), _))| {
                let to: Vec<u64> = to
                    .iter()
                    .map(|to| to.index(rows.len()))
                    .filter(|to| kept[*to])
                    .map(|to| to as u64)
                    .collect();
                let to = if kept[at] { to } else { Vec::new() };
                let mut info = info(at as u64, &to);
                info.registered = crate::domain::When::from_unix(*time);
                info.nar_size = *size;
                info.ultimate = flags.0;
                info.deriver = flags.1.then(|| path(1_000_000 + at as u64));
                if flags.2 {
                    info.signatures = vec![key.sign(&[at as u8]).to_string()];
                    if flags.0 {
                        info.signatures.push(key.sign(&[at as u8, 1]).to_string());
                        info.signatures.sort_unstable();
                    }
                }
                info.content_address = flags
                    .3
                    .then(|| format!("fixed:r:sha256:{}", info.nar_hash.to_nix32()));
                info
            });
        (infos.collect(), kept)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_store_is_read_back_as_it_is((infos, kept) in stores(), wal: bool) {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = state(folder.path(), wal);
        register(&mut connection, &infos);
        for (info, kept) in infos.iter().zip(&kept) {
            if !kept {
                connection
                    .execute("delete from ValidPaths where path = ?", [info.path.to_string()])
                    .unwrap();
            }
        }
        let expected: Vec<Row> = infos
            .into_iter()
            .zip(kept)
            .filter_map(|(info, kept)| kept.then_some(Row::Plain(info)))
            .collect();
        prop_assert_eq!(read(&database(folder.path())).unwrap(), expected);
    }

    /// Rows that differ are those that were registered, signed, registered anew, or that lost something that they refer to;
    /// what is odd is always among them.
    #[test]
    fn what_differs_is_read_again_and_nothing_else((infos, kept) in stores(), signed in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let folder = tempfile::tempdir().unwrap();
        let file = database(folder.path());
        let mut connection = state(folder.path(), true);
        register(&mut connection, &infos);
        connection.execute("update ValidPaths set narSize = 'odd' where id = 1", []).unwrap();
        let (rows, seen) = read_all(&file).unwrap();
        let odd: Vec<Row> = rows.iter().filter(|row| matches!(row, Row::Odd(_))).cloned().collect();
        prop_assert_eq!(differing(&file, &seen), (odd, seen.clone()));
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        for (info, kept) in infos.iter().zip(&kept) {
            if !kept {
                connection.execute("delete from ValidPaths where path = ?", [info.path.to_string()]).unwrap();
            }
        }
        for signed in signed {
            if let Some(info) = (!infos.is_empty()).then(|| &infos[signed.index(infos.len())]) {
                connection.execute("update ValidPaths set sigs = 'k:AA==' where path = ?", [info.path.to_string()]).unwrap();
            }
        }
        register(&mut connection, &[info(500, &[500]), info(501, &[500])]);
        let before: std::collections::HashSet<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        let (all, now) = read_all(&file).unwrap();
        let new = |row: &Row| matches!(row, Row::Odd(_)) || !before.contains(&format!("{row:?}"));
        let (found, again) = differing(&file, &seen);
        prop_assert_eq!(found, all.into_iter().filter(new).collect::<Vec<_>>());
        prop_assert_eq!(again.len(), now.len());
        prop_assert_eq!(differing(&file, &again).1, again);
    }

    #[test]
    fn damage_is_an_error_or_an_odd_row(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = state(folder.path(), false);
        let infos: Vec<_> = (0..200).map(|at| info(at, &[at / 2, at])).collect();
        register(&mut connection, &infos);
        drop(connection);
        let file = database(folder.path());
        let mut content = fs::read(&file).unwrap();
        let at = at.index(content.len() - bytes.len());
        content[at..at + bytes.len()].copy_from_slice(&bytes);
        fs::write(&file, content).unwrap();
        let _ = read(&file);
    }
}

#[test]
fn numbers_far_apart_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = state(folder.path(), true);
    let infos: Vec<_> = (0..20).map(|at| info(at, &[])).collect();
    register(&mut connection, &infos);
    for (number, id) in [(3, i64::MAX - 1), (4, -9), (5, 1 << 40)] {
        connection
            .execute(
                "update ValidPaths set id = ? where path = ?",
                (id, path(number).to_string()),
            )
            .unwrap();
    }
    connection
        .execute_batch(&format!(
            "insert into Refs values ({}, -9), (-9, {})",
            i64::MAX - 1,
            1_i64 << 40
        ))
        .unwrap();
    let rows = read(&database(folder.path())).unwrap();
    for expected in [info(3, &[4]), info(4, &[5]), info(5, &[])] {
        assert!(rows.contains(&Row::Plain(expected)), "{rows:?}");
    }
    assert_eq!(rows.len(), infos.len());
}

#[test]
fn what_is_not_nix_s_database_is_refused() {
    let refused = |change: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = state(folder.path(), false);
        register(&mut connection, &[info(1, &[1])]);
        connection.execute_batch(change).unwrap();
        drop(connection);
        why(read(&database(folder.path())))
    };
    let view = "alter table Refs rename to R; create view Refs as select * from R;";
    assert!(refused(view).contains("no table Refs"));
    assert!(refused("drop table Refs").contains("no table Refs"));
    let fewer = "alter table ValidPaths drop column ca";
    assert!(refused(fewer).contains("no column ValidPaths.ca"));
    let loose = "drop table Refs; create table Refs (referrer, reference)";
    assert!(refused(loose).contains("no index"));
    let made = "drop table Refs; create table Refs (referrer integer, reference integer as (1), primary key (referrer))";
    assert!(refused(made).contains("no column Refs.reference"));
    for path in ["/tmp/x", "", "/nix/store/short"] {
        let row = format!(
            "insert into ValidPaths(path, hash, registrationTime) values ('{path}', 'sha256:00', 1)"
        );
        assert!(refused(&row).contains("no store path"), "{path}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db.sqlite");
    for content in [
        "",
        "no database at all, but long enough to look like the head of one",
    ] {
        fs::write(&file, content).unwrap();
        why(read(&file));
    }
}

#[test]
fn nobody_who_has_gone_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = state(folder.path(), true);
    let infos: Vec<_> = (0..5000).map(|at| info(at, &[at])).collect();
    register(&mut connection, &infos);
    let file = database(folder.path());
    let unwanted = Arc::new(AtomicBool::new(false));
    let reading = Database::open(&file, Arc::clone(&unwanted)).unwrap();
    let listing = reading.listing().unwrap();
    let stopped = reading.rows(&listing, Seen::begin(facts(), None).unwrap(), None, |_| {
        ControlFlow::Break(())
    });
    assert_eq!(stopped, Err(Stopped::Unwanted));
    unwanted.store(true, Ordering::Relaxed);
    let stopped = reading.rows(&listing, Seen::begin(facts(), None).unwrap(), None, |_| {
        ControlFlow::Continue(())
    });
    assert_eq!(stopped, Err(Stopped::Unwanted));
}
