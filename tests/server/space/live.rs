//! What is alive and what may go, against `nix-store` on a real server, with every Nix there is.

use crate::help::{read, wait};
use crate::rig::{Access, Holder, Rig, wait_until};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use storekeeper::domain::roots::{Root, RootKind};
use storekeeper::domain::space::{LastUse, UseSource};
use storekeeper::domain::{Age, StorePath, When};
use storekeeper::inventory::{Inventory, Keep, Liveness, Retained, Row, Usage};
use storekeeper::judge::collect::{Prepared, Rules, Situation};

/// Connects, reads the whole store, and asks for its roots.
pub(super) fn look(rig: &Rig, access: Access) -> (Inventory, Vec<Root>) {
    wait(async {
        let server = rig.connect(access).await;
        let inventory = read(&server).await;
        (inventory, server.roots().await.unwrap().roots)
    })
}

pub(super) fn rows(inventory: &Inventory, roots: &[Root]) -> Vec<Row> {
    // A root of a path that is not valid keeps nothing.
    roots
        .iter()
        .filter_map(|root| inventory.find(&root.target))
        .collect()
}

/// The valid paths that Nix calls dead. It also names what lies in the folder and is no path, such as the lock of a build.
pub(super) fn print_dead(rig: &Rig, options: &[&str]) -> BTreeSet<StorePath> {
    let mut nix = rig.nix_here("nix-store");
    let output = nix
        .args(["--gc", "--print-dead"])
        .args(options)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let valid = rig.sql("select path from ValidPaths;");
    let valid: BTreeSet<&str> = valid.lines().collect();
    text.lines()
        .filter(|line| valid.contains(line))
        .map(|line| StorePath::parse(line).unwrap())
        .collect()
}

pub(super) fn dead(inventory: &Inventory, roots: &[Root], keep: &Keep<'_>) -> BTreeSet<StorePath> {
    let liveness = Liveness::of(inventory, &rows(inventory, roots), keep);
    liveness
        .dead_rows()
        .map(|row| inventory.path(row))
        .collect()
}

/// Keeps the tests of this file apart, whose processes would be seen as holding paths of each other's stores.
fn alone() -> File {
    let file = File::create(concat!(env!("CARGO_TARGET_TMPDIR"), "/space-live.lock")).unwrap();
    file.lock().unwrap();
    file
}

/// A store with derivations, and a root of every kind; the processes that hold some of them.
fn furnish(rig: &Rig) -> Vec<Holder> {
    let packages = rig.file("packages-live.nix");
    fs::write(&packages, include_str!("../../rig/packages.nix")).unwrap();
    let mut instantiate = rig.nix_here("nix-instantiate");
    let done = instantiate
        .args([&packages, "-A", "fresh", "-A", "onUnsigned", "-A", "both"])
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );

    let state = rig.file("server/nix/var/nix");
    let pins = format!("{state}/gcroots/storekeeper");
    let profiles = format!("{state}/profiles");
    for folder in [&pins, &profiles] {
        fs::create_dir_all(folder).unwrap();
    }
    symlink(rig.path("application-2.0"), format!("{pins}/release")).unwrap();
    // Two links to one path, and a third below it.
    symlink(rig.path("top-1.0"), format!("{profiles}/app-1-link")).unwrap();
    symlink(rig.path("top-1.0"), format!("{profiles}/app-2-link")).unwrap();
    symlink("app-2-link", format!("{profiles}/app")).unwrap();
    symlink(rig.path("left-1.0"), format!("{state}/gcroots/left")).unwrap();
    symlink(rig.path("rotated-1.0"), format!("{state}/gcroots/both")).unwrap();
    let indirect = rig.file("result");
    symlink(rig.path("retired-0.9"), &indirect).unwrap();
    fs::create_dir_all(format!("{state}/gcroots/auto")).unwrap();
    symlink(&indirect, format!("{state}/gcroots/auto/0000")).unwrap();

    let running = Holder::of(rig.path("stranger-1.0"));
    // A build that runs: its derivation and what that needs are temporary roots.
    let expression = format!(
        "derivation {{ name = \"slow-1.0\"; system = builtins.currentSystem; builder = \"/bin/sh\"; \
         args = [ \"-c\" \"sleep 600\" ]; PATH = \"/usr/bin:/bin\"; src = builtins.storePath {}; }}",
        rig.path("flipped-1.0")
    );
    let mut build = rig.nix_here("nix-build");
    build
        .args(["--no-out-link", "-E", &expression])
        .args(rig.nix.build_options());
    let build = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let holders = vec![running, Holder(build.unwrap())];
    wait_until("the build", || {
        rig.sql("select path from ValidPaths where path like '%-slow-1.0.drv'")
            .contains("slow")
            && print_roots(rig).contains("slow-1.0")
    });
    holders
}

fn print_roots(rig: &Rig) -> String {
    let output = rig
        .nix_here("nix-store")
        .args(["--gc", "--print-roots"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_dead_are_those_of_nix() {
    let _alone = alone();
    Rig::on_every_nix(|rig| {
        let (inventory, roots) = look(rig, Access::Root);
        let theirs = print_dead(rig, &[]);
        assert!(theirs.len() > 20);
        assert_eq!(
            dead(&inventory, &roots, &Keep::default()),
            theirs,
            "without roots"
        );

        let holders = furnish(rig);
        for access in [Access::Root, Access::ViaSocket, Access::NoSudo] {
            let (inventory, roots) = look(rig, access);
            let has = |kind: &dyn Fn(&RootKind) -> bool| roots.iter().any(|root| kind(&root.kind));
            assert!(
                has(&|kind| matches!(kind, RootKind::Pin(name) if name == "release")),
                "{roots:?}"
            );
            // Where the state folder is another than Nix's own and cannot be asked for, a generation is a link somewhere.
            let generation =
                |kind: &RootKind| matches!(kind, RootKind::Generation { number: 2, .. });
            assert!(access != Access::Root || has(&generation), "{roots:?}");
            assert!(has(&|kind| *kind == RootKind::Indirect), "{roots:?}");
            let process = |kind: &RootKind| {
                matches!(
                    kind,
                    RootKind::Runtime(_) | RootKind::Temporary | RootKind::Censored
                )
            };
            for held in ["stranger-1.0", "slow-1.0.drv"] {
                let root = roots
                    .iter()
                    .find(|root| root.target.name() == held && process(&root.kind));
                assert!(root.is_some(), "{held} as {access:?}: {roots:?}");
            }
            let pairs: Vec<(Row, Row)> = rig
                .sql("select p.path, o.path from DerivationOutputs o join ValidPaths p on p.id = o.drv;")
                .lines()
                .filter_map(|line| {
                    let (drv, output) = line.split_once('|')?;
                    let row = |text: &str| inventory.find(&StorePath::parse(text).ok()?);
                    Some((row(drv)?, row(output)?))
                })
                .collect();
            assert!(pairs.len() > 5, "{pairs:?}");
            let mut different = BTreeSet::new();
            for (derivations, outputs) in
                [(true, false), (false, false), (true, true), (false, true)]
            {
                let keep = Keep {
                    derivations,
                    outputs,
                    output_pairs: &pairs,
                };
                let words = [derivations, outputs].map(|on| on.to_string());
                let options = [
                    "--option",
                    "keep-derivations",
                    &words[0],
                    "--option",
                    "keep-outputs",
                    &words[1],
                ];
                let theirs = print_dead(rig, &options);
                assert_eq!(
                    dead(&inventory, &roots, &keep),
                    theirs,
                    "{access:?} {keep:?}"
                );
                let targets = rows(&inventory, &roots);
                for row in 0..inventory.len() as Row {
                    let chain = inventory.why_alive(&targets, row, &keep);
                    assert_eq!(chain.is_none(), theirs.contains(&inventory.path(row)));
                }
                different.insert(theirs);
            }
            assert!(different.len() > 1, "the settings make a difference here");
        }
        drop(holders);
        let (inventory, roots) = look(rig, Access::Root);
        assert_eq!(
            dead(&inventory, &roots, &Keep::default()),
            print_dead(rig, &[]),
            "afterwards"
        );
    });
}

#[test]
fn exclusive_bytes_are_what_dies_with_the_link() {
    let _alone = alone();
    Rig::on_every_nix(|rig| {
        let mut holders = furnish(rig);
        let (inventory, roots) = look(rig, Access::Root);
        let keep = Keep::default();
        let found: Vec<&Root> = roots
            .iter()
            .filter(|root| inventory.find(&root.target).is_some())
            .collect();
        let retained = Retained::of(&inventory, &rows(&inventory, &roots), &keep);
        let before = print_dead(rig, &[]);
        let lost = |before: &BTreeSet<StorePath>| {
            let after = print_dead(rig, &[]);
            let new = after
                .difference(before)
                .filter_map(|path| inventory.find(path));
            let sizes: Vec<u64> = new.filter_map(|row| inventory.nar_size(row)).collect();
            (sizes.len(), sizes.iter().sum::<u64>())
        };
        let mut some = 0;
        for (index, root) in found.iter().enumerate() {
            if !root.link.starts_with(&rig.file("")) {
                continue;
            }
            let target = fs::read_link(&root.link).unwrap();
            fs::remove_file(&root.link).unwrap();
            let expected = lost(&before);
            symlink(target, &root.link).unwrap();
            // The link of an indirect root was missing for a moment, so that Nix has dropped its own.
            if root.kind == RootKind::Indirect {
                let auto = rig.file("server/nix/var/nix/gcroots/auto/0000");
                let _ = fs::remove_file(&auto);
                symlink(&root.link, &auto).unwrap();
            }
            assert_eq!(retained.of_root(index), expected, "{root:?}");
            some += usize::from(expected.0 > 0);
        }
        assert!(some >= 3, "{found:?}");
        assert_eq!(print_dead(rig, &[]), before, "all roots are back");
        // The process: it alone keeps what it holds.
        let held = |root: &Root| root.target.name() == "stranger-1.0";
        assert_eq!(found.iter().filter(|root| held(root)).count(), 1);
        let index = found.iter().position(|root| held(root)).unwrap();
        drop(holders.remove(0));
        assert_eq!(retained.of_root(index), lost(&before));
    });
}

#[test]
fn nix_deletes_a_plan_from_the_front_unit_by_unit() {
    let _alone = alone();
    Rig::on_every_nix(|rig| {
        let holders = furnish(rig);
        let (inventory, roots) = look(rig, Access::Root);
        let keep = Keep::default();
        let liveness = Liveness::of(&inventory, &rows(&inventory, &roots), &keep);
        // Uses that are at odds with the references.
        let times = (0..inventory.len() as Row).map(|row| {
            let at = 1_700_000_000 + i64::from(row * 7919 % 31);
            (inventory.path(row).digest(), When::from_unix(at))
        });
        let source = UseSource::AccessTime;
        let last_use = LastUse {
            source,
            why: None,
            times: times.collect(),
        };
        let usage = Usage::new(&inventory, &last_use);
        let situation = Situation {
            inventory: &inventory,
            liveness: &liveness,
            pinned: &[],
            usage: &usage,
            keep,
            now: When::now(),
            disk: None,
            saved: None,
        };
        let rules = Rules {
            grace: Age(0),
            keep_newest: 0,
            ..Rules::default()
        };
        let prepared = Prepared::new(&situation).unwrap();
        let plan = prepared
            .plan(&situation, &rules, &AtomicBool::new(false))
            .unwrap();
        assert_eq!(plan.order.len(), liveness.dead().0);
        assert!(plan.order.len() > 10);
        let mut start = 0;
        for end in &plan.units {
            let paths = plan.order[start..*end as usize]
                .iter()
                .map(|row| inventory.path(*row).to_string());
            let output = rig
                .nix_here("nix-store")
                .arg("--delete")
                .args(paths)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            start = *end as usize;
        }
        assert!(print_dead(rig, &[]).is_empty());
        let verify = rig.nix_here("nix-store").arg("--verify").output().unwrap();
        assert!(
            verify.status.success(),
            "{}",
            String::from_utf8_lossy(&verify.stderr)
        );
        drop(holders);
    });
}
