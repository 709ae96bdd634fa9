//! Databases for tests: made as Nix makes them, with rows as it writes them.

use super::facts::{Facts, Said};
use super::folder::Folder;
use super::row::stored_hash;
use crate::domain::{NarHash, PathInfo, StorePath, When};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The tables of Nix's schema 10.
const SCHEMA: &str = "
    create table ValidPaths (id integer primary key autoincrement not null, path text unique not null,
        hash text not null, registrationTime integer not null, deriver text, narSize integer,
        ultimate integer, sigs text, ca text);
    create table Refs (referrer integer not null, reference integer not null,
        primary key (referrer, reference),
        foreign key (referrer) references ValidPaths(id) on delete cascade,
        foreign key (reference) references ValidPaths(id) on delete restrict);
    create index IndexReferrer on Refs(referrer);
    create index IndexReference on Refs(reference);
    create trigger DeleteSelfRefs before delete on ValidPaths
        begin delete from Refs where referrer = old.id and reference = old.id; end;
    create table DerivationOutputs (drv integer not null, id text not null, path text not null,
        primary key (drv, id), foreign key (drv) references ValidPaths(id) on delete cascade);
    create index IndexDerivationOutputs on DerivationOutputs(path);";

/// A state folder with a database, in which so many paths are.
pub(crate) fn state(folder: &Path, wal: bool) -> Connection {
    std::fs::create_dir_all(folder.join("db")).unwrap();
    std::fs::write(folder.join("db/schema"), "10").unwrap();
    let connection = Connection::open(database(folder)).unwrap();
    let mode = if wal { "wal" } else { "truncate" };
    connection
        .pragma_update(None, "journal_mode", mode)
        .unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    connection
}

/// What a database is like of which nothing but the schema matters.
pub(crate) fn facts() -> Facts {
    match Said::parse("storekeeper-database schema=10") {
        Some(Said::Facts(facts)) => facts,
        other => panic!("{other:?}"),
    }
}

/// The database below a state folder.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("db").join(Folder::DATABASE)
}

/// The path of this number.
pub(crate) fn path(number: u64) -> StorePath {
    let mut digest = [7; 20];
    digest[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    StorePath::from_parts(&digest, &format!("path-{number}")).unwrap()
}

/// A path as most are, with these references.
pub(crate) fn info(number: u64, references: &[u64]) -> PathInfo {
    let mut references: Vec<StorePath> = references.iter().map(|to| path(*to)).collect();
    references.sort_unstable();
    references.dedup();
    PathInfo {
        path: path(number),
        deriver: None,
        nar_hash: NarHash([number as u8; 32]),
        nar_size: 100 + number,
        references,
        registered: When::from_unix(1_700_000_000 + number as i64),
        ultimate: false,
        signatures: Vec::new(),
        content_address: None,
    }
}

/// Registers paths as Nix does: each, and then what each refers to.
pub(crate) fn register(connection: &mut Connection, infos: &[PathInfo]) {
    let transaction = connection.transaction().unwrap();
    let mut ids = HashMap::new();
    {
        let mut insert = transaction
            .prepare("insert into ValidPaths (path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca) values (?,?,?,?,?,?,?,?)")
            .unwrap();
        let mut refer = transaction
            .prepare("insert or replace into Refs values (?, (select id from ValidPaths where path = ?))")
            .unwrap();
        for info in infos {
            let signatures = info.signatures.join(" ");
            let id = insert
                .insert(params![
                    info.path.to_string(),
                    stored_hash(info.nar_hash),
                    info.registered.unix(),
                    info.deriver.as_ref().map(ToString::to_string),
                    (info.nar_size != 0).then_some(info.nar_size.cast_signed()),
                    info.ultimate.then_some(1),
                    (!signatures.is_empty()).then_some(signatures),
                    info.content_address,
                ])
                .unwrap();
            ids.insert(info.path.clone(), id);
        }
        for info in infos {
            for reference in &info.references {
                refer
                    .execute(params![ids[&info.path], reference.to_string()])
                    .unwrap();
            }
        }
    }
    transaction.commit().unwrap();
}
