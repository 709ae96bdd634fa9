//! What is kept is whole or not there, whenever its writer is killed.

use super::*;
use crate::domain::path_info::tests::vector;
use crate::domain::{Assessment, PathInfo, StorePath, TrustClass};
use crate::inventory::Builder;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Names the folder to a process that is to keep on keeping until it is killed.
const KEEPS: &str = "STOREKEEPER_KEEPS_ON";

/// How often it is killed.
const KILLS: u64 = 50;

fn kept(folder: &Path) -> Kept {
    Kept {
        file: folder.join("inventory"),
        place: "here".to_owned(),
    }
}

fn known(rows: u64) -> StoreSnapshot {
    let infos = (0..rows).map(|number| {
        let mut digest = [0; 20];
        digest[..8].copy_from_slice(&number.to_le_bytes());
        let path = StorePath::from_parts(&digest, &format!("n-{number}")).unwrap();
        PathInfo { path, ..vector() }
    });
    let infos: Vec<PathInfo> = infos.collect();
    let mut builder = Builder::new(infos.iter().map(|info| info.path.clone()).collect());
    let assessment = Assessment {
        class: TrustClass::Unsigned,
        signatures: Vec::new(),
    };
    for info in &infos {
        builder.add(info, &assessment);
    }
    StoreSnapshot {
        inventory: Arc::new(builder.finish()),
        seen: None,
    }
}

#[test]
fn what_is_kept_comes_back() {
    if let Some(folder) = std::env::var_os(KEEPS) {
        let kept = kept(Path::new(&folder));
        let (known, _) = kept.read().unwrap().unwrap();
        loop {
            kept.write(&known, When::now()).unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(folder.path());
    assert!(kept.read().unwrap().is_none());
    let at = When::from_unix(1_700_000_000);
    kept.write(&known(5), at).unwrap();
    let (known, when) = kept.read().unwrap().unwrap();
    assert_eq!((known.inventory.counts().paths, when), (5, at));
}

#[test]
fn whoever_keeps_it_may_be_killed_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let kept = kept(folder.path());
    kept.write(&known(20_000), When::now()).unwrap();
    let new = kept.file.with_extension("new");
    let mut in_the_middle = 0;
    for round in 0..KILLS {
        let mut keeper = Command::new(std::env::current_exe().unwrap())
            .args(["load::kept::tests::what_is_kept_comes_back", "--exact"])
            .env(KEEPS, folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // From when it writes on; no two are killed at the same point.
        while !new.exists() {
            assert!(
                keeper.try_wait().unwrap().is_none(),
                "it has ended by itself"
            );
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_micros(round * 7919 % 50_000));
        keeper.kill().unwrap();
        keeper.wait().unwrap();
        // Made, and not yet renamed.
        let half = fs::remove_file(&new).is_ok();
        in_the_middle += u64::from(half);
        let (known, _) = kept.read().unwrap().expect("it is there");
        assert_eq!(known.inventory.counts().paths, 20_000);
    }
    assert!(in_the_middle > 0, "it was never killed while it wrote");
}
