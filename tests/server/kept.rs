//! What this machine keeps of a store, to start from, over a real sshd and with the real Nix changing the store meanwhile.

use crate::rig::{Access, OURS, Rig};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// The file of the only server that anything is kept of.
fn kept(rig: &Rig) -> PathBuf {
    let folder = rig
        .scratch()
        .join("home-here/.cache/storekeeper/inventories");
    let files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [file] = files.as_slice() else {
        panic!("{files:?}")
    };
    file.clone()
}

/// All that is said of the paths, from what is kept and without it.
fn both(rig: &Rig, server: &str) -> (Value, Value) {
    let paths = |more: &str| rig.ask(&format!("paths {server}{more}"), 0)["paths"].clone();
    (paths(""), paths(" --no-cache"))
}

#[test]
fn what_is_kept_never_says_anything_else_than_the_store() {
    Rig::on_every_nix(|rig| {
        let before = rig.ask("paths root --no-cache", 0);
        let (first, fresh) = both(rig, "root");
        assert_eq!(first, before["paths"]);
        assert_eq!(first, fresh);
        let mode = fs::metadata(kept(rig)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // A signature that comes, one that is spoiled, a path that goes: none of it is taken from what was known.
        let unsigned = rig.refused()[0].to_owned();
        rig.ask(&format!("sign root {unsigned} --yes"), 0);
        let (after, fresh) = both(rig, "root");
        assert_eq!(after, fresh);
        assert_ne!(after, first);
        let all = after.as_array().unwrap();
        let ours = all.iter().find(|path| path["trust"] == "ours").unwrap();
        let path = ours["path"].as_str().unwrap();
        rig.sql(&format!(
            "update ValidPaths set narSize = narSize + 1 where path = '{path}'"
        ));
        let (spoiled, fresh) = both(rig, "root");
        assert_eq!(spoiled, fresh);
        assert_ne!(spoiled, after);
    });
}

#[test]
fn other_keys_make_other_verdicts() {
    let rig = Rig::new();
    let (first, _) = both(&rig, "root");
    assert!(first.to_string().contains("\"ours\""));
    // The same place, and nothing is known of the cache's own key.
    let more = format!(
        "public_keys = [\"{}\"]\nsigning_key = \"/nowhere\"",
        rig.public_key(OURS).replace(':', "-other:")
    );
    rig.add_server(&rig.server_section("other", "root", rig.port(Access::Root), &more));
    let (other, fresh) = both(&rig, "other");
    assert_eq!(other, fresh);
    assert_ne!(other, first);
    assert_eq!(both(&rig, "root").0, first);
}

#[test]
fn a_damaged_file_is_dropped_and_made_anew() {
    let rig = Rig::new();
    let (first, _) = both(&rig, "root");
    let file = kept(&rig);
    let whole = fs::read(&file).unwrap();
    for damage in [0, 40, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[damage] ^= 1;
        fs::write(&file, &bytes).unwrap();
        assert_eq!(both(&rig, "root").0, first, "{damage}");
        assert_ne!(fs::read(&file).unwrap(), bytes, "{damage}");
    }
    for length in [0, 10, whole.len() / 2] {
        fs::write(&file, &whole[..length]).unwrap();
        assert_eq!(both(&rig, "root").0, first, "{length}");
    }
    // Of another server, whatever its name says.
    fs::write(&file, &whole).unwrap();
    let port = rig.port(Access::Sudo).to_string();
    let other = file
        .to_string_lossy()
        .replace(&rig.port(Access::Root).to_string(), &port);
    fs::write(&other, &whole).unwrap();
    let (sudo, fresh) = both(&rig, "sudo");
    assert_eq!(sudo, fresh);
}
