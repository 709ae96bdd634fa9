//! What the scripts answer, and what is made of it.

use super::*;
use crate::domain::server_facts::Disk;
use crate::domain::space::AccessTimes;
use proptest::prelude::*;

fn answers(lines: &str) -> Answers {
    Answers::parse(format!("storekeeper-answer\n{lines}\nend=\n").as_bytes()).unwrap()
}

const WHOLE: &str = "clock=1000\nkeep-derivations=true\nkeep-outputs=false\nuser=root\n\
    root-blocks=/dev/vda 1000 600 300 67% /\nroot-inodes=/dev/vda 500 50 450 10% /\n\
    root-mount=27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\nroot-device=1\nfolder=/nix/store\n\
    store-blocks=/dev/vdb 2000 1000 900 53% /nix store\nstore-inodes=/dev/vdb 0 0 0 - /nix store\n\
    store-mount=28 27 254:1 / /nix\\040store ro,noatime shared:1 - btrfs /dev/vdb rw,ssd\nstore-device=2\n\
    database-file=/nix/var/nix/db/db.sqlite\nlinked=yes\ndatabase=40960\nwal=7\npage=1000\nfree=00000003\nlocks=none";

#[test]
fn a_whole_server() {
    let facts = facts(&answers(WHOLE));
    assert_eq!(facts.at, When::from_unix(1000));
    let store = facts.store.unwrap();
    assert_eq!(store.mount, "/nix store");
    assert_eq!(store.kind, "btrfs");
    assert_eq!(store.options, ["ro", "noatime", "ssd"]);
    assert_eq!(store.access_times(), AccessTimes::Never);
    assert_eq!(
        store.disk,
        Disk {
            size: Bytes(2_048_000),
            used: Bytes(1_024_000),
            available: Bytes(921_600),
            inodes: 0,
            inodes_used: 0,
        }
    );
    let root = facts.root.unwrap().unwrap();
    assert_eq!((root.mount.as_str(), root.disk.inodes_used), ("/", 50));
    assert_eq!(root.access_times(), AccessTimes::Daily);
    assert_eq!(
        facts.database.unwrap(),
        DatabaseFacts {
            size: Bytes(40_960),
            wal: Bytes(7),
            free: Some(Bytes(12_288)),
        }
    );
    assert_eq!(facts.collecting, Ok(Vec::new()));
    assert_eq!(facts.optimised, Ok(true));
    assert_eq!(
        (facts.keep_derivations, facts.keep_outputs),
        (Ok(true), Ok(false))
    );
}

#[test]
fn the_same_file_system_is_told_once() {
    let same = WHOLE.replace("store-device=2", "store-device=1");
    assert_eq!(facts(&answers(&same)).root, Ok(None));
}

#[test]
fn what_is_not_known_says_why() {
    let facts = facts(&answers(
        "user=eve\nstore=unix:///s\nconfig-from=/etc/nix/nix.conf",
    ));
    assert!(facts.optimised.is_err());
    for why in [
        facts.store.unwrap_err(),
        facts.database.unwrap_err(),
        facts.collecting.unwrap_err(),
    ] {
        assert!(
            why.to_string().contains("unix:///s") && why.to_string().contains("root"),
            "{why}"
        );
    }
    assert!(
        facts
            .keep_outputs
            .unwrap_err()
            .to_string()
            .contains("/etc/nix/nix.conf")
    );
    let hidden = answers("user=eve\ndatabase-file=/d\nlocks=hidden\nkeep-derivations=perhaps");
    let facts = super::facts(&hidden);
    assert!(
        facts
            .database
            .unwrap_err()
            .to_string()
            .contains("/d is missing or hidden from eve")
    );
    assert!(facts.collecting.unwrap_err().to_string().contains("eve"));
    assert!(
        facts
            .keep_derivations
            .unwrap_err()
            .to_string()
            .contains("perhaps")
    );
}

#[test]
fn the_header_of_the_database() {
    assert_eq!(free_pages("1000", "00000003"), Some(3 * 4096));
    assert_eq!(free_pages("0001", "00000001"), Some(65_536));
    for (page, free) in [
        ("", ""),
        ("0000", "00000001"),
        ("1001", "00000001"),
        ("1000", "3"),
    ] {
        assert_eq!(free_pages(page, free), None, "{page} {free}");
    }
}

#[test]
fn who_collects() {
    let lines = "locks=read\nprocess=12\nmode=holds\nsince=900\ncommand=nix-collect-garbage -d \nowner=root\n\
        process=13\nmode=waits\nowner=ada\ncommand=nix-store --gc\u{1b}";
    let found = collecting(&answers(lines)).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].command, "nix-collect-garbage -d");
    assert_eq!((found[0].process, found[0].holds), (12, true));
    assert_eq!(found[0].since, Some(When::from_unix(900)));
    assert_eq!((found[1].user.as_str(), found[1].holds), ("ada", false));
    assert_eq!(found[1].command, "nix-store --gc\\e");
    // A check of the store is reported only when a collection waits for it.
    let reads = "locks=read\nprocess=12\nmode=reads";
    assert_eq!(collecting(&answers(reads)), Ok(Vec::new()));
    let waited = collecting(&answers(&format!("{reads}\nprocess=13\nmode=waits"))).unwrap();
    assert_eq!(waited.len(), 2);
}

#[test]
fn what_links_save() {
    assert_eq!(
        links(&answers("folder=/nix/store/.links\nsum=3 4096 0")),
        Ok(Links {
            files: 3,
            saved: Bytes(4096)
        })
    );
    assert_eq!(
        links(&answers("folder=/l\nstate=none")),
        Ok(Links::default())
    );
    let why = |lines: &str| links(&answers(lines)).unwrap_err().to_string();
    assert!(why("folder=/l\nsum=3 4096 124").contains("3 files"));
    assert!(why("folder=/l\nstate=hidden").contains("sudo"));
    assert!(why("folder=/l\nsum=x y z").contains("root"));
}

proptest! {
    #[test]
    fn never_panics(
        lines in "((store|root)-(blocks|inodes|mount)|page|free|database|wal|locks|process|mode|since|sum|clock|keep-outputs)=.{0,30}",
        more in "(sum|free|process|store-mount)=[0-9 %/,-]{0,30}",
    ) {
        let answers = answers(&format!("{}\n{more}", lines.replace('\n', " ")));
        let _ = facts(&answers);
        let _ = links(&answers);
    }
}
