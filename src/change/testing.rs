//! A small store for the tests of this room, and keys of every role.
//!
//! In: names, references, keys. Out: path infos, an inventory of them, facts about their server.

use crate::domain::{KeyName, KeyRing, NarHash, PathInfo, SigningKey, StorePath, When};
use crate::inventory::{Builder, Inventory, Row};
use crate::judge::trust::assess;
use crate::server::facts::{Facts, Rights, ServerKey};
use zeroize::Zeroizing;

/// When the tests take place.
pub(super) const NOW: i64 = 1_800_000_000;

/// The file of the server's key.
pub(super) const KEY_FILE: &str = "/root/nix-cache-key.sec";

pub(super) fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(KeyName::new(name).unwrap(), &Zeroizing::new([seed; 32]))
}

pub(super) fn ours() -> SigningKey {
    key("cache.example.org-1", 1)
}

pub(super) fn retired() -> SigningKey {
    key("old-1", 2)
}

pub(super) fn upstream() -> SigningKey {
    key("cache.nixos.org-1", 3)
}

pub(super) fn ring() -> KeyRing {
    KeyRing::new(
        vec![ours().public()],
        vec![retired().public()],
        vec![upstream().public()],
    )
}

pub(super) fn facts() -> Facts {
    Facts {
        at: When::from_unix(NOW),
        clock_skew: 0,
        user: "root".into(),
        host: "cache".into(),
        rights: Rights::Root,
        nix_program: Some("/usr/bin/nix".into()),
        nix_version: "2.28.3".into(),
        protocol: (1, 38),
        trusted: Some(true),
        disk: None,
        database: None,
        mount: "/nix".into(),
        store_dir: Some("/nix/store".into()),
        state_dir: Some("/nix/var/nix".into()),
        keys: ring(),
        signing_keys: vec![ServerKey {
            file: KEY_FILE.into(),
            name: Some(ours().name().to_string()),
            public: Some(ours().public()),
            problem: None,
        }],
        trusted_users: Ok(vec!["root".to_owned()]),
        store_writable: Some(true),
        unknown: vec![],
        auto_sign: None,
        policy_timer: None,
    }
}

/// A path whose digest follows from its name.
pub(super) fn path(name: &str) -> StorePath {
    let mut digest = [0; 20];
    for (slot, byte) in digest.iter_mut().zip(name.bytes().cycle()) {
        *slot = byte;
    }
    StorePath::from_parts(&digest, name).unwrap()
}

/// A path of 1000 bytes that was uploaded `age` seconds before now.
pub(super) fn info(name: &str, references: &[&str], age: i64) -> PathInfo {
    let mut references: Vec<StorePath> = references.iter().map(|name| path(name)).collect();
    references.sort();
    PathInfo {
        path: path(name),
        deriver: None,
        nar_hash: NarHash([7; 32]),
        nar_size: 1000,
        references,
        registered: When::from_unix(NOW - age),
        ultimate: false,
        signatures: vec![],
        content_address: None,
    }
}

pub(super) fn signed(mut info: PathInfo, key: &SigningKey) -> PathInfo {
    let signature = key.sign(&info.fingerprint().unwrap());
    info.signatures.push(signature.to_string());
    info
}

pub(super) fn inventory(infos: &[PathInfo]) -> Inventory {
    let mut builder = Builder::new(infos.iter().map(|info| info.path.clone()).collect());
    for info in infos {
        builder.add(info, &assess(&ring(), info));
    }
    builder.finish()
}

pub(super) fn rows(inventory: &Inventory, names: &[&str]) -> Vec<Row> {
    names
        .iter()
        .map(|name| inventory.find(&path(name)).unwrap())
        .collect()
}
