//! A store read from its database, against the same store read through the daemon of every Nix there is.

use super::real::{Scratch, connect, info, scratches};
use crate::domain::signature::tests::SECRET;
use crate::domain::{SigningKey, StorePath};
use crate::server::store::{InfoReply, ReadSummary, StoreEvent};
use crate::server::{Reader, Server, ServerError, Source, Spec};
use rusqlite::Connection;
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// All that one reading says of each path, and how it went.
type Reported = (BTreeMap<StorePath, InfoReply>, ReadSummary);

async fn read(server: &Server) -> Result<Reported, ServerError> {
    let (sink, mut events) = mpsc::channel(4);
    let taking = async {
        let (mut listed, mut reported) = (None, BTreeMap::new());
        while let Some(event) = events.recv().await {
            match event {
                StoreEvent::Listed(paths) => {
                    assert_eq!(listed.replace(paths.iter().collect::<Vec<_>>()), None);
                }
                StoreEvent::Same(_) => panic!("nothing is known"),
                StoreEvent::Replies(replies) => {
                    assert!(listed.is_some());
                    for reply in replies {
                        let path = match &reply {
                            InfoReply::Valid(info) => &info.path,
                            InfoReply::Invalid(path) | InfoReply::Failed(path, _) => path,
                        };
                        assert_eq!(reported.insert(path.clone(), reply), None);
                    }
                }
            }
        }
        (listed, reported)
    };
    let (summary, (listed, reported)) = tokio::join!(server.read_store(sink, None), taking);
    let summary = summary?;
    let mut listed = listed.unwrap();
    listed.sort_unstable();
    assert!(listed.iter().eq(reported.keys()));
    assert_eq!(
        (summary.listed, summary.answered),
        (reported.len(), reported.len())
    );
    Ok((reported, summary))
}

fn spec(scratch: &Scratch, reader: Reader) -> Spec {
    let mut spec = scratch.spec();
    spec.reader = reader;
    spec.cache = Some(scratch.file("cache"));
    spec
}

async fn reported(scratch: &Scratch, reader: Reader) -> Result<Reported, ServerError> {
    read(&connect(spec(scratch, reader)).await?).await
}

fn sql(scratch: &Scratch) -> Connection {
    Connection::open(scratch.file("top/nix/var/nix/db/db.sqlite")).unwrap()
}

/// What rows of the real world have in them, and what nobody should have put there.
fn odd_rows() -> Vec<String> {
    let key = SigningKey::parse(SECRET).unwrap();
    let [one, two] = [b"1", b"2"].map(|text| key.sign(text).to_string());
    let longer = one.replacen("test-key-1", "test-key", 1);
    let nar_hash = info(1).nar_hash;
    let (hex, digits) = (nar_hash.to_hex(), nar_hash.to_nix32());
    let deriver = crate::database::testing::path(5);
    let mut rows: Vec<String> = [
        "narSize = null",
        "narSize = 0",
        "narSize = -1",
        "narSize = 4611686018427387904",
        "narSize = 'x'",
        "narSize = 1.5",
        "registrationTime = 0",
        "registrationTime = -5",
        "registrationTime = 1099511627776",
        "registrationTime = 'x'",
        "ultimate = null",
        "ultimate = 1",
        "ultimate = 2",
        "deriver = ''",
        "deriver = 'x'",
        "deriver = 'unknown-deriver'",
        "deriver = x'ff00'",
        "sigs = ''",
        "sigs = 'x'",
        "sigs = 'x:y'",
        "sigs = ':'",
        "sigs = x'ff00'",
        "ca = ''",
        "ca = 'x'",
        "ca = 'fixed:git:sha1:x'",
        "hash = 'x'",
        "hash = ''",
        "hash = 'sha256:00'",
        "hash = 'sha1:0000000000000000000000000000000000000000'",
        "hash = x'00ff'",
    ]
    .map(str::to_owned)
    .to_vec();
    rows.extend([
        format!("deriver = '{deriver}'"),
        format!("sigs = '{one}'"),
        format!("sigs = '{two} {one}'"),
        format!("sigs = '{one}  {one} '"),
        format!("sigs = ' {one} {longer}'"),
        format!("sigs = '{one}x'"),
        format!("sigs = '{one}' || char(10)"),
        format!("ca = 'fixed:r:sha256:{digits}'"),
        format!("ca = 'fixed:sha256:{hex}'"),
        format!("ca = 'text:sha256:{digits}'"),
        "ca = 'fixed:sha1:w7fqrmv2q7f7srh9xxivyf5q8k6b2v8z'".to_owned(),
        format!("hash = 'sha256:{digits}'"),
        format!("hash = 'sha256:{}'", hex.to_uppercase()),
        format!("hash = 'sha256:{hex}' || char(0)"),
    ]);
    rows
}

#[tokio::test]
async fn the_database_says_what_the_daemon_says() {
    for scratch in scratches() {
        scratch.fill(300);
        let database = sql(&scratch);
        let rows = odd_rows();
        assert!(rows.len() > 27);
        for (number, set) in rows.iter().enumerate() {
            let path = info(number + 20).path;
            let changed = database.execute(
                &format!("update ValidPaths set {set} where path = ?"),
                [path.to_string()],
            );
            assert_eq!(changed.unwrap(), 1, "{set}");
        }
        let long = format!("/nix/store/{}-{}", "0".repeat(32), "x".repeat(211));
        database
            .execute_batch(&format!(
                "pragma foreign_keys = off;
                 update ValidPaths set path = '{long}' where path = '{}';
                 insert into Refs values (1, 999999), (999999, 1);
                 delete from ValidPaths where path = '{}';",
                info(290).path,
                info(291).path
            ))
            .unwrap();
        drop(database);
        let (expected, summary) = reported(&scratch, Reader::Daemon).await.unwrap();
        assert_eq!((summary.source, summary.fallback), (Source::Daemon, None));
        for reader in [Reader::Database, Reader::Auto] {
            let (found, summary) = reported(&scratch, reader).await.unwrap();
            assert_eq!((summary.source, summary.fallback), (Source::Database, None));
            for (path, reply) in &expected {
                let number = rows
                    .iter()
                    .enumerate()
                    .find(|(at, _)| info(at + 20).path == *path);
                assert_eq!(found.get(path), Some(reply), "{number:?}");
            }
            assert_eq!(found.len(), expected.len());
        }
        // Nothing is left here.
        assert_eq!(std::fs::read_dir(scratch.file("cache")).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn an_empty_store_is_one() {
    for scratch in scratches() {
        let (found, summary) = reported(&scratch, Reader::Database).await.unwrap();
        assert_eq!((found.len(), summary.source), (0, Source::Database));
    }
}

#[tokio::test]
async fn where_the_database_does_not_serve_the_daemon_does_and_the_reason_is_reported() {
    let scratch = &scratches()[0];
    scratch.fill(100);
    let state = scratch.file("top/nix/var/nix");
    let fails = async |word: &str| {
        let (found, summary) = reported(scratch, Reader::Auto).await.unwrap();
        assert_eq!(found.len(), 100, "{word}");
        assert_eq!(summary.source, Source::Daemon, "{word}");
        let why = summary.fallback.unwrap();
        assert!(why.contains(word), "{why}");
        let error = reported(scratch, Reader::Database)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(word) && error.contains("reader ="),
            "{error}"
        );
    };
    // Another store than the daemon's: the same paths, registered at another time.
    let (there, here) = (state.join("db/db.sqlite"), scratch.file("other.sqlite"));
    std::fs::copy(&there, &here).unwrap();
    let other = Connection::open(&here).unwrap();
    other
        .execute_batch("update ValidPaths set registrationTime = registrationTime + 1")
        .unwrap();
    drop(other);
    let other = std::fs::read(&here).unwrap();
    let server = connect(stranger(scratch, Reader::Auto, &other))
        .await
        .unwrap();
    let (found, summary) = read(&server).await.unwrap();
    assert_eq!((found.len(), summary.source), (100, Source::Daemon));
    let why = summary.fallback.unwrap();
    assert!(why.contains("another store"), "{why}");
    let alone = stranger(scratch, Reader::Database, &other);
    let error = read(&connect(alone).await.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("another store"), "{error}");
    // A daemon with options of its own, and no folder here.
    let mut own = spec(scratch, Reader::Auto);
    own.daemon_command
        .extend(["--option".into(), "cores".into(), "1".into()]);
    let (_, summary) = read(&connect(own).await.unwrap()).await.unwrap();
    assert!(summary.fallback.unwrap().contains("daemon_command"));
    let mut homeless = spec(scratch, Reader::Auto);
    homeless.cache = None;
    let (_, summary) = read(&connect(homeless).await.unwrap()).await.unwrap();
    assert!(summary.fallback.unwrap().contains("XDG_CACHE_HOME"));
    let mut closed = spec(scratch, Reader::Auto);
    closed.cache = Some("/dev/null/cache".into());
    let (_, summary) = read(&connect(closed).await.unwrap()).await.unwrap();
    assert!(summary.fallback.unwrap().contains("no room"));
    // Newer or older than the schema that this program knows.
    sql(scratch)
        .execute_batch("create table R as select * from Refs; drop table Refs;
             create table Refs (referrer integer, reference integer); insert into Refs select * from R")
        .unwrap();
    fails("no index").await;
}

/// A server whose settings name another store than the one that its daemon has.
fn stranger(scratch: &Scratch, reader: Reader, database: &[u8]) -> Spec {
    let top = scratch.file("elsewhere");
    let folder = top.join("nix/var/nix/db");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("schema"), "10").unwrap();
    std::fs::write(folder.join("db.sqlite"), database).unwrap();
    let text = format!("#!/bin/sh\necho 'store = local?root={}'\n", top.display());
    let mut spec = spec(scratch, reader);
    spec.nix_command = scratch.write("other-nix", &text, 0o755);
    spec
}

#[tokio::test]
async fn what_damage_hides_is_asked_for() {
    let scratch = &scratches()[0];
    scratch.fill(3000);
    let (expected, _) = reported(scratch, Reader::Daemon).await.unwrap();
    let whole = std::fs::read(scratch.file("top/nix/var/nix/db/db.sqlite")).unwrap();
    let page = usize::from(u16::from_be_bytes([whole[16], whole[17]]));
    let (mut in_the_middle, pages) = (0, whole.len() / page);
    for number in (1..pages).step_by(pages / 24) {
        let mut damaged = whole.clone();
        damaged[number * page..][..page].fill(0xff);
        let server = connect(stranger(scratch, Reader::Auto, &damaged))
            .await
            .unwrap();
        let (found, summary) = read(&server).await.unwrap();
        assert!(found == expected, "page {number}: {summary:?}");
        if let Some(why) = &summary.fallback {
            assert_eq!(summary.source, Source::Daemon);
            in_the_middle += usize::from(why.contains("malformed"));
            let spec = stranger(scratch, Reader::Database, &damaged);
            let error = read(&connect(spec).await.unwrap()).await.unwrap_err();
            assert!(error.to_string().contains("reader ="), "{error}");
        }
    }
    assert!(in_the_middle > 0);
}
