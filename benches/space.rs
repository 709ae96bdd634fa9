//! What is alive, what hangs on what and what goes first: at a million paths, and against Nix.
//!
//! In: a synthetic store in memory; and, on the tests' rig (root, sshd and Nix are needed), a registered store of 100,000
//! paths. Out: the time of each step on one core with all of them together against a bar of 3 seconds, and of a changed
//! rule; then the time of `nix-store --gc --print-dead` on the rig's store beside ours for the same store, whose dead sets
//! must be equal. Ends with an error where a bar is missed. `STOREKEEPER_BENCH_PATHS` sets another number of paths, and
//! without `--bench` it is small and no bar counts.

#![allow(clippy::unwrap_used, clippy::print_stdout, unused_crate_dependencies)]

#[path = "../tests/help/mod.rs"]
mod help;
#[path = "../tests/rig/mod.rs"]
mod rig;

use rig::{Nix, Rig};
use std::collections::BTreeSet;
use std::fs;
use std::hint::black_box;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use storekeeper::domain::space::{LastUse, UseSource};
use storekeeper::domain::{Age, Assessment, Bytes, NarHash, PathInfo, StorePath, TrustClass, When};
use storekeeper::inventory::{Builder, Inventory, Keep, Liveness, Retained, Row, Usage};
use storekeeper::judge::collect::{Prepared, Rules, Situation};

/// The most that the dead set, exclusive bytes, last use and a plan may take together.
const BAR: Duration = Duration::from_secs(3);
/// The most that a changed rule may take.
const WHAT_IF_BAR: Duration = Duration::from_millis(500);
/// What our time may be of the peer's.
const PEER_BAR: f64 = 0.1;
const PAIRS: usize = 5;
const EPOCH: i64 = 1_700_000_000;

/// A small generator of pseudo-random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }
}

fn unsigned() -> Assessment {
    Assessment {
        class: TrustClass::Unsigned,
        signatures: Vec::new(),
    }
}

/// A store shaped like a cache, six references a path, every fourth a derivation that the three before it came from. Its
/// rows are in the order of the digests, as a server lists them, so that references lead all over the memory.
fn synthetic(count: usize) -> (Inventory, LastUse) {
    let mut random = Random(1);
    let paths: Vec<StorePath> = (0..count)
        .map(|i| {
            let mut digest = [0; 20];
            digest[..8].copy_from_slice(&(random.next(usize::MAX) as u64).to_le_bytes());
            digest[12..].copy_from_slice(&(i as u64).to_le_bytes());
            let end = if i % 4 == 3 { ".drv" } else { "" };
            let name = format!("package{}-{}.{}{end}", random.next(20_000), i % 7, i % 31);
            StorePath::from_parts(&digest, &name).unwrap()
        })
        .collect();
    let mut listed = paths.clone();
    listed.sort_unstable();
    let mut builder = Builder::new(listed);
    let mut times = Vec::new();
    for i in 0..count {
        let base = 300.min(i);
        let family = if i < 300 { 0 } else { i % 64 };
        let mut references: Vec<StorePath> = (0..6.min(i))
            .map(|k| match k {
                0..4 if family > 0 => i - 1 - random.next(family),
                _ => random.next(base),
            })
            .map(|to| paths[to].clone())
            .collect();
        references.sort_unstable();
        references.dedup();
        let registered = When::from_unix(EPOCH + (i * 10) as i64);
        times.push((
            paths[i].digest(),
            When::from_unix(EPOCH + (i * 10 + random.next(5_000_000)) as i64),
        ));
        builder.add(
            &PathInfo {
                path: paths[i].clone(),
                deriver: paths.get(i / 4 * 4 + 3).filter(|_| i % 4 != 3).cloned(),
                nar_hash: NarHash([0; 32]),
                nar_size: 1000 + random.next(10_000_000) as u64,
                references,
                registered,
                ultimate: false,
                signatures: Vec::new(),
                content_address: None,
            },
            &unsigned(),
        );
    }
    let source = UseSource::AccessTime;
    let why = None;
    (builder.finish(), LastUse { source, why, times })
}

/// How long this thread has had a core (`schedstat`, proc(5)): other programs of the machine don't count.
fn on_core() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split_whitespace().next().unwrap();
    Duration::from_nanos(nanoseconds.parse().unwrap())
}

fn timed<T>(what: &str, total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = on_core();
    let result = work();
    let time = on_core().saturating_sub(start);
    *total += time;
    println!("  {what:40} {time:>10.1?}");
    result
}

/// Every step once, as for a plan that is asked for; the dead paths.
fn steps(
    inventory: &Inventory,
    last_use: &LastUse,
    roots: &[Row],
) -> (Duration, Duration, Liveness) {
    let keep = Keep::default();
    let mut spent = Duration::ZERO;
    let liveness = timed("dead set", &mut spent, || {
        Liveness::of(inventory, roots, &keep)
    });
    let retained = timed("exclusive bytes of all roots", &mut spent, || {
        Retained::of(inventory, roots, &keep)
    });
    black_box(retained.of_root(0));
    let usage = timed("last use", &mut spent, || Usage::new(inventory, last_use));
    let situation = Situation {
        inventory,
        liveness: &liveness,
        pinned: &roots[..roots.len() / 10],
        usage: &usage,
        keep,
        now: When::now(),
        disk: Some((Bytes(1 << 45), Bytes(0))),
        saved: None,
    };
    let prepared = timed("order of deletion", &mut spent, || {
        Prepared::new(&situation).unwrap()
    });
    let go = AtomicBool::new(false);
    let plan = |rules: &Rules| prepared.plan(&situation, rules, &go).unwrap();
    let first = timed("first plan", &mut spent, || plan(&Rules::default()));
    println!(
        "  {} paths go in {} groups",
        first.order.len(),
        first.groups.len()
    );
    drop(first);
    let mut worst = Duration::ZERO;
    for rules in [
        Rules::default(),
        Rules {
            keep_newest: 3,
            ..Rules::default()
        },
        Rules {
            older_than: Some(Age(10_000_000)),
            keep_newest: 1,
            ..Rules::default()
        },
        Rules {
            reclaim: Some(Bytes(1 << 36)),
            ..Rules::default()
        },
    ] {
        let start = on_core();
        black_box(plan(&rules).order.len());
        worst = worst.max(on_core().saturating_sub(start));
    }
    println!("  {:40} {spent:>10.1?}", "all of these");
    println!(
        "  {:40} {worst:>10.1?}",
        "a changed rule, the slowest of four"
    );
    (spent, worst, liveness)
}

/// What the rig's database says, read without Nix so that every version is read alike; rows by path.
fn of_database(rig: &Rig) -> Inventory {
    let mut builder = Builder::new(Vec::new());
    let rows = rig.sql(
        "select p.path, p.narSize, p.registrationTime, ifnull(p.deriver, ''), \
         ifnull((select group_concat(t.path, ' ') from Refs r join ValidPaths t on t.id = r.reference where r.referrer = p.id), '') \
         from ValidPaths p order by p.path;",
    );
    for row in rows.lines() {
        let fields: Vec<&str> = row.split('|').collect();
        let path = |text: &str| StorePath::parse(text).unwrap();
        builder.add(
            &PathInfo {
                path: path(fields[0]),
                deriver: StorePath::parse(fields[3]).ok(),
                nar_hash: NarHash([0; 32]),
                nar_size: fields[1].parse().unwrap(),
                references: fields[4].split_whitespace().map(path).collect(),
                registered: When::from_unix(fields[2].parse().unwrap()),
                ultimate: false,
                signatures: Vec::new(),
                content_address: None,
            },
            &unsigned(),
        );
    }
    builder.finish()
}

/// The median ratio of our time and Nix's.
fn against_nix(paths: u32) -> f64 {
    let rig = Rig::bulk(&Nix::of_this_machine(), paths);
    let inventory = of_database(&rig);
    // Nix walks the folder, so each path gets a file; and roots, so that a part is alive.
    for row in 0..inventory.len() as Row {
        let file = format!("server/nix/store/{}", inventory.base_name(row));
        fs::write(rig.file(&file), "").unwrap();
    }
    let roots: Vec<Row> = (0..40)
        .map(|i| (i * 7919) % inventory.len() as Row)
        .collect();
    for (i, root) in roots.iter().enumerate() {
        let link = rig.file(&format!("server/nix/var/nix/gcroots/bench-{i}"));
        std::os::unix::fs::symlink(inventory.path(*root).to_string(), link).unwrap();
    }
    let source = UseSource::Registration;
    let (why, times) = (None, Vec::new());
    let last_use = LastUse { source, why, times };
    let mut ratios: Vec<f64> = (0..PAIRS)
        .map(|_| {
            let start = Instant::now();
            let (.., liveness) = steps(&inventory, &last_use, &roots);
            let ours = start.elapsed();
            let mut nix: Command = rig.nix_here("nix-store");
            let start = Instant::now();
            let output = nix
                .args(["--gc", "--print-dead"])
                .stderr(Stdio::null())
                .output()
                .unwrap();
            let theirs = start.elapsed();
            let text = String::from_utf8(output.stdout).unwrap();
            let dead: BTreeSet<StorePath> =
                text.lines().map(|l| StorePath::parse(l).unwrap()).collect();
            let own: BTreeSet<StorePath> = liveness
                .dead_rows()
                .map(|row| inventory.path(row))
                .collect();
            assert!(
                !own.is_empty() && own == dead,
                "the dead sets differ: {} and {}",
                own.len(),
                dead.len()
            );
            println!(
                "  {} dead; ours {ours:.2?}, nix-store {theirs:.2?}",
                own.len()
            );
            ours.as_secs_f64() / theirs.as_secs_f64()
        })
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    println!(
        "ratio {:.3} (from {:.3} to {:.3}), bar {PEER_BAR}",
        ratios[PAIRS / 2],
        ratios[0],
        ratios[PAIRS - 1]
    );
    ratios[PAIRS / 2]
}

fn main() -> ExitCode {
    // `cargo bench` says `--bench`; whoever else runs this wants to know that it works, not how fast.
    let bench = std::env::args().any(|argument| argument == "--bench");
    let count = std::env::var("STOREKEEPER_BENCH_PATHS").ok();
    let count = count
        .and_then(|text| text.parse().ok())
        .unwrap_or(if bench { 1_000_000 } else { 3000 });
    println!("{count} paths, six references each, one core");
    let (inventory, last_use) = synthetic(count);
    let roots: Vec<Row> = (0..count as Row / 200)
        .map(|i| (i * 7919) % inventory.len() as Row)
        .collect();
    let (all, what_if, _) = steps(&inventory, &last_use, &roots);
    println!("against nix-store --gc --print-dead");
    let ratio = against_nix(if bench { 100_000 } else { 2000 });
    if bench && (all > BAR || what_if > WHAT_IF_BAR || ratio > PEER_BAR) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
