//! Copies of a database that is written to all the time, and copies that are brought up to date.
//!
//! In: a writer, quick or without end. Out: in each copy what was committed at one moment.

use super::database_script::{bring_up, copy, rows, settle};
use crate::database::testing;
use crate::database::{Facts, Folder, Held, Received, Row, Word};
use crate::domain::PathInfo;
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// So many transactions follow each other closely.
const FAST: u64 = 4_000;

/// Registers and removes paths in pairs as fast as it can: in every committed state there are as many of the one kind as of
/// the other, each referring to its fellow.
fn write_without_end(state: &Path, checkpoint: u32, ended: &AtomicBool) -> u64 {
    let connection = Connection::open(testing::database(state)).unwrap();
    connection
        .busy_timeout(std::time::Duration::from_secs(30))
        .unwrap();
    connection
        .pragma_update(None, "wal_autocheckpoint", checkpoint)
        .unwrap();
    connection
        .pragma_update(None, "synchronous", "off")
        .unwrap();
    let mut insert = connection
        .prepare(
            "insert into ValidPaths(path, hash, registrationTime, narSize) values (?1, ?2, 1, 1)",
        )
        .unwrap();
    let mut refer = connection
        .prepare("insert into Refs values (?1, ?2), (?2, ?1)")
        .unwrap();
    let hash = format!("sha256:{}", "0".repeat(64));
    let mut transactions = 0;
    while !ended.load(Ordering::Relaxed) {
        connection.execute_batch("begin immediate").unwrap();
        let number = u64::from(checkpoint + 1) * 1_000_000 + 2 * transactions;
        let [one, two] = [number, number + 1].map(|number| {
            insert
                .insert([&testing::path(number).to_string(), &hash])
                .unwrap()
        });
        refer.execute([one, two]).unwrap();
        if transactions % 3 == 0 {
            connection
                .execute_batch(&format!(
                    "delete from Refs where referrer in ({one}, {two}); delete from ValidPaths where id in ({one}, {two})"
                ))
                .unwrap();
        }
        connection.execute_batch("commit").unwrap();
        transactions += 1;
        // As fast as no Nix is, and still slower than a copy; where the machine is so busy that one takes long, the log does not grow for
        // as long as it takes to copy it.
        let pause = if transactions < FAST { 500 } else { 20_000 };
        std::thread::sleep(std::time::Duration::from_micros(pause));
    }
    transactions
}

#[test]
fn a_writer_that_never_stops_leaves_a_consistent_copy_or_a_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let (state, cache) = (scratch.path().join("state"), scratch.path().join("cache"));
    let mut connection = testing::state(&state, true);
    let infos: Vec<PathInfo> = (0..5_000).map(|at| testing::info(at, &[at / 2])).collect();
    testing::register(&mut connection, &infos);
    let (mut good, mut busy) = (0, 0);
    // From one that checkpoints all the time to one that never does.
    for checkpoint in [20, 400, 0] {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| write_without_end(&state, checkpoint, &ended));
            for _ in 0..2 {
                match copy(&["sh"], None, &state, &cache, |_| ()) {
                    Ok(folder) => {
                        good += 1;
                        consistent(&rows(&folder));
                    }
                    Err(why) => {
                        assert!(why.contains("changes all the time"), "{why}");
                        busy += 1;
                    }
                }
            }
            ended.store(true, Ordering::Relaxed);
            assert!(writer.join().unwrap() > 100);
        });
    }
    assert!(good > 0, "{good} good, {busy} busy");
}

/// What is asked for where a copy is brought up to date.
fn follow(held: Held, state: &Path) -> Result<(Held, Facts, Vec<Word>), String> {
    let mut words = Vec::new();
    let followed = bring_up(held, None, (&["sh"], None), state, |word| words.push(word));
    match followed? {
        (held, Received::Held(facts)) => Ok((held, facts, words)),
        (_, Received::Same) => panic!("the same as what is not known"),
    }
}

#[test]
fn a_copy_follows_what_the_log_grows() {
    let scratch = tempfile::tempdir().unwrap();
    let (state, cache) = (scratch.path().join("state"), scratch.path().join("cache"));
    let mut connection = testing::state(&state, true);
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .unwrap();
    let infos: Vec<PathInfo> = (0..3_000).map(|at| testing::info(at, &[at / 2])).collect();
    testing::register(&mut connection, &infos);
    settle();
    let mut held = copy(&["sh"], None, &state, &cache, |_| ()).unwrap();
    let mut count = infos.len();
    for round in 0..8_u64 {
        let new: Vec<PathInfo> = (0..=round * 60)
            .map(|at| testing::info((round + 1) * 10_000 + at, &[]))
            .collect();
        testing::register(&mut connection, &new);
        count += new.len();
        let words;
        let facts;
        (held, facts, words) = follow(held, &state).unwrap();
        assert!(
            matches!(words[..], [Word::Log(from, _), Word::End] if from > 0),
            "{words:?}"
        );
        assert_eq!(rows(&held).len(), count);
        settle();
        // A look at it finds nothing new; a log that was only just written to is looked at once more.
        let again;
        (held, _, again) = follow(held, &state).unwrap();
        assert!(again.len() <= 2, "{again:?}");
        settle();
        let (_, received) = bring_up(
            Held::new(Folder::new(&cache).unwrap()),
            Some(&facts),
            (&["dash"], None),
            &state,
            |_| (),
        )
        .unwrap();
        // What is known is the same unless the log was too young to say so.
        assert!(matches!(received, Received::Same | Received::Held(_)));
        let (other, now, _) = follow(held, &state).unwrap();
        held = other;
        assert_eq!(
            bring_up(
                Held::new(Folder::new(&cache).unwrap()),
                Some(&now),
                (&["sh"], None),
                &state,
                |_| ()
            )
            .unwrap()
            .1,
            Received::Same
        );
    }
    // A log that is begun anew in its old length.
    connection
        .query_row("pragma wal_checkpoint(restart)", [], |_| Ok(()))
        .unwrap();
    settle();
    testing::register(&mut connection, &[testing::info(5_000_000, &[])]);
    count += 1;
    let words;
    (held, _, words) = follow(held, &state).unwrap();
    assert!(words.contains(&Word::Copy), "{words:?}");
    settle();
    for at in 1..4 {
        testing::register(&mut connection, &[testing::info(5_000_000 + at, &[])]);
        count += 1;
        let words;
        (held, _, words) = follow(held, &state).unwrap();
        assert!(
            matches!(words[0], Word::Log(..)) && words.len() <= 4,
            "{words:?}"
        );
        assert_eq!(rows(&held).len(), count);
    }
    // Without its log there is nothing to follow.
    drop(connection);
    settle();
    let (held, _, words) = follow(held, &state).unwrap();
    assert!(words.contains(&Word::Copy), "{words:?}");
    assert_eq!(rows(&held).len(), count);
}

#[test]
fn a_copy_that_follows_a_writer_that_never_stops_is_consistent_each_time() {
    let scratch = tempfile::tempdir().unwrap();
    let (state, cache) = (scratch.path().join("state"), scratch.path().join("cache"));
    let mut connection = testing::state(&state, true);
    let infos: Vec<PathInfo> = (0..5_000).map(|at| testing::info(at, &[at / 2])).collect();
    testing::register(&mut connection, &infos);
    settle();
    let mut held = copy(&["sh"], None, &state, &cache, |_| ()).unwrap();
    let mut followed = 0;
    for checkpoint in [0, 4000] {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| write_without_end(&state, checkpoint, &ended));
            for _ in 0..8 {
                let place = || Held::new(Folder::new(&cache).unwrap());
                match follow(std::mem::replace(&mut held, place()), &state) {
                    Ok((now, _, words)) => {
                        consistent(&rows(&now));
                        followed += usize::from(!words.contains(&Word::Copy));
                        held = now;
                    }
                    Err(why) => assert!(why.contains("changes all the time"), "{why}"),
                }
            }
            ended.store(true, Ordering::Relaxed);
            assert!(writer.join().unwrap() > 20);
        });
        let (now, ..) = follow(held, &state).unwrap();
        let there: i64 = connection
            .query_row("select count(*) from ValidPaths", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows(&now).len() as i64, there);
        held = now;
    }
    assert!(followed > 3, "{followed}");
}

fn consistent(rows: &[Row]) {
    let mut pairs = 0;
    for row in rows {
        let Row::Plain(info) = row else {
            panic!("{row:?}");
        };
        if info.registered.unix() != 1 {
            continue;
        }
        pairs += 1;
        let [fellow] = info.references.as_slice() else {
            panic!("{info:?}");
        };
        assert_ne!(*fellow, info.path);
    }
    assert_eq!((rows.len() - pairs, pairs % 2), (5_000, 0));
}
