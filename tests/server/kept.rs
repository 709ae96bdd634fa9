//! What this machine keeps of a store, to start from, over a real sshd and with the real Nix changing the store meanwhile.

use crate::help::{connect, read_over as over, wait};
use crate::rig::{Access, Nix, OURS, Rig, wait_until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use storekeeper::inventory::{Inventory, Row};
use storekeeper::load::StoreSnapshot;
use storekeeper::server::Source;

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

/// All that an inventory says of each path.
fn all(inventory: &Inventory) -> BTreeMap<String, String> {
    let rows = (0..inventory.len() as Row).filter(|row| inventory.state(*row).is_present());
    let named = |rows: &[Row]| {
        let mut paths: Vec<String> = rows
            .iter()
            .map(|row| inventory.path(*row).to_string())
            .collect();
        paths.sort();
        paths
    };
    rows.map(|row| {
        let signatures: Vec<String> = inventory
            .signatures(row)
            .map(|one| format!("{one:?}"))
            .collect();
        let said = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {signatures:?} {:?} {:?} {:?}",
            inventory.state(row),
            inventory.trust(row),
            inventory.nar_size(row),
            inventory.registered(row),
            inventory.deriver(row),
            inventory.nar_hash(row),
            named(inventory.references(row)),
            named(inventory.referrers(row)),
            inventory.with_closure(row),
        );
        (inventory.path(row).to_string(), said)
    })
    .collect()
}

fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(200));
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let rig = Rig::bulk(&Nix::of_this_machine(), 20_000);
    let proxy = rig.proxied(std::time::Duration::ZERO);
    rig.add_server(&rig.server_section("slow", "root", proxy.port(), ""));
    settle();
    let sent = |line: &str| {
        let before = proxy.bytes();
        let answer = rig.ask(line, 0);
        (answer, proxy.bytes() - before)
    };
    let (first, cold) = sent("paths slow");
    let (again, warm) = sent("paths slow");
    assert_eq!(first["paths"], again["paths"]);
    assert_eq!(again["source"], "database");
    assert!(
        warm < 300_000 && 20 * warm < cold,
        "{cold} and {warm} bytes"
    );
    // What is signed is read again, and said as it is.
    rig.ask("sign slow --all --yes", 0);
    settle();
    let (signed, _) = sent("paths slow");
    assert_eq!(
        signed["paths"],
        rig.ask("paths slow --no-cache", 0)["paths"]
    );
    assert_ne!(signed["paths"], first["paths"]);
}

#[test]
fn the_next_process_goes_on_with_the_copy_of_the_one_before() {
    let rig = Rig::bulk(&Nix::of_this_machine(), 20_000);
    let proxy = rig.proxied(std::time::Duration::ZERO);
    rig.add_server(&rig.server_section("slow", "root", proxy.port(), ""));
    // Who has the database open keeps Nix from writing its log into it.
    let open = wait(rig.connect(Access::Root));
    settle();
    let sent = |line: &str| {
        let before = proxy.bytes();
        let answer = rig.ask(line, 0);
        (answer, proxy.bytes() - before)
    };
    let add = |number: u32| {
        rig.add(&format!("new-{number}"), &format!("contents {number}"));
        settle();
    };
    let copies = rig.scratch().join("home-here/.cache/storekeeper");
    let kept = || {
        let names = fs::read_dir(&copies).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names
            .filter(|name| name != "inventories" && name != "connections.jsonl")
            .collect();
        names.sort();
        names
    };
    let (_, cold) = sent("paths slow");
    let [name] = kept().try_into().unwrap();
    assert!(
        name.starts_with("kept-root%40127.0.0.1") || name.starts_with("kept-root@127.0.0.1"),
        "{name}"
    );
    for number in 0..3 {
        add(number);
        let (answer, bytes) = sent("paths slow");
        assert!(
            bytes < 300_000 && 10 * bytes < cold,
            "{cold} and {bytes} bytes"
        );
        assert_eq!(answer["source"], "database");
        assert_eq!(
            answer["paths"],
            rig.ask("paths slow --no-cache", 0)["paths"]
        );
        assert_eq!(kept(), std::slice::from_ref(&name), "one, and nothing else");
    }
    let mode = |file: PathBuf| fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(copies.join(&name)), 0o700);
    assert_eq!(mode(copies.join(&name).join("db.sqlite")), 0o600);
    // The log was written into the database: the copy is of no use, and another one takes its place.
    drop(open);
    rig.sql("pragma wal_checkpoint(truncate);");
    add(3);
    let (answer, bytes) = sent("paths slow");
    assert!(10 * bytes > cold, "{cold} and {bytes} bytes");
    assert_eq!(
        answer["paths"],
        rig.ask("paths slow --no-cache", 0)["paths"]
    );
    assert_eq!(kept(), [name]);
    // Nothing is kept where nothing may be.
    fs::remove_dir_all(&copies).unwrap();
    rig.ask("paths slow --no-cache", 0);
    assert!(!copies.exists() || kept().is_empty());
}

#[test]
fn a_connection_that_stays_takes_what_the_log_grows() {
    Rig::on_every_nix(|rig| follows(rig, None));
    follows(&Rig::bulk(&Nix::of_this_machine(), 20_000), Some(300_000));
}

/// A store that is changed by Nix again and again is read over one connection as it is read anew; after ten new paths with no
/// more than so many bytes.
fn follows(rig: &Rig, most: Option<u64>) {
    let proxy = rig.proxied(std::time::Duration::ZERO);
    settle();
    wait(async {
        let mut spec = rig.spec("root", proxy.port()).await;
        spec.cache = Some(rig.scratch().join("copies"));
        let server = connect(spec.clone()).await;
        server.keep_copy();
        let (mut known, read) = over(&server, None).await;
        assert_eq!(read.source, Source::Database);
        let equal = async |change: &str, known: &mut StoreSnapshot| {
            settle();
            let before = proxy.bytes();
            let (now, read) = over(&server, Some(known.clone())).await;
            let bytes = proxy.bytes() - before;
            assert_eq!(
                (read.source, read.fallback),
                (Source::Database, None),
                "{change}"
            );
            let fresh = connect(spec.clone()).await;
            let fresh = over(&fresh, None).await.0;
            assert_eq!(all(&now.inventory), all(&fresh.inventory), "{change}");
            *known = now;
            bytes
        };
        let mut files = Vec::new();
        for number in 0..10 {
            files.push(rig.add(&format!("new-{number}"), &format!("contents {number}")));
        }
        let bytes = equal("ten new paths", &mut known).await;
        assert!(most.is_none_or(|most| bytes < most), "{bytes} bytes");
        let bytes = equal("nothing", &mut known).await;
        assert!(bytes < 100_000, "{bytes} bytes");
        if most.is_some() {
            return;
        }
        let deleted = rig
            .nix_here("nix-store")
            .args(["--delete", &files[3]])
            .output()
            .unwrap();
        assert!(deleted.status.success(), "{deleted:?}");
        equal("a path that is deleted", &mut known).await;
        let path = &files[4];
        rig.sql(&format!(
            "update ValidPaths set sigs = 'other-1:{}==' where path = '{path}'",
            "A".repeat(86)
        ));
        equal("a signature", &mut known).await;
        rig.sql(&format!(
            "update ValidPaths set narSize = 'odd' where path = '{path}'"
        ));
        equal("an odd row", &mut known).await;
        rig.sql(&format!(
            "update ValidPaths set narSize = 120 where path = '{path}'"
        ));
        equal("a row in order again", &mut known).await;
        rig.sql("pragma wal_checkpoint(restart);");
        equal("a log that is begun anew", &mut known).await;
        let again = rig
            .nix_here("nix-store")
            .arg("--add")
            .arg(rig.scratch().join("new-3"))
            .output();
        assert!(again.unwrap().status.success());
        equal("a path that is registered again", &mut known).await;
        // Nobody else's copy was left, and this one goes with its connection.
        drop(server);
        wait_until("the end of the copy", || {
            let left = fs::read_dir(rig.scratch().join("copies")).unwrap();
            left.filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with("copy-")
            })
            .count()
                == 0
        });
    });
}
