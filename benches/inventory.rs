//! What the inventory costs at a million paths, beside a yardstick from the same run.
//!
//! Absolute times say more about the machine than about the code, so each question stands beside a plain loop that
//! does the least work that could answer it; the report at the end gives the ratios. `STOREKEEPER_BENCH_PATHS` sets
//! another number of paths.

use criterion::{Criterion, SamplingMode};
use std::hint::black_box;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use storekeeper::domain::{Assessment, NarHash, PathInfo, StorePath, TrustClass, Verdict, When};
use storekeeper::inventory::{
    Builder, Inventory, Query, Row, SearchFacts, Sort, SortKey, unsigned_groups, view,
};

/// References a path.
const REFERENCES: usize = 6;

const KEYS: [SortKey; 5] = [
    SortKey::Name,
    SortKey::Size,
    SortKey::Closure,
    SortKey::Added,
    SortKey::Trust,
];

/// The epoch of the synthetic store.
const EPOCH: i64 = 1_700_000_000;

const WORDS: [&str; 24] = [
    "python3.11",
    "haskell",
    "perl5.38",
    "ledger",
    "openssl",
    "glibc",
    "storefront",
    "curl",
    "linux",
    "firmware",
    "texlive",
    "rust",
    "lib",
    "core",
    "http",
    "parser",
    "json",
    "crypto",
    "test",
    "utils",
    "data",
    "async",
    "render",
    "db",
];

/// A small generator of pseudo-random numbers (splitmix64), so that every run has the same store.
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

/// A store shaped like a cache: 300 base libraries that everything stands on, above them families of 64 paths that
/// refer among each other and to the base. A closure has some two hundred paths.
struct Synthetic {
    paths: Vec<StorePath>,
}

impl Synthetic {
    fn new(count: usize) -> Self {
        let mut random = Random(1);
        let paths = (0..count).filter_map(|i| {
            let mut digest = [0; 20];
            digest[..8].copy_from_slice(&(random.next(usize::MAX) as u64).to_le_bytes());
            digest[12..]
                .copy_from_slice(&(i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            let mut word = || WORDS[random.next(WORDS.len())];
            let name = format!("{}-{}-{}", word(), word(), word());
            let suffix = if i % 4 == 3 { ".drv" } else { "" };
            let name = format!("{name}-{}.{}{suffix}", i % 7, i % 31);
            StorePath::from_parts(&digest, &name).ok()
        });
        Self {
            paths: paths.collect(),
        }
    }

    fn info(&self, i: usize) -> (PathInfo, Assessment) {
        let mut random = Random(i as u64);
        let base = 300.min(i);
        let family = if i < 300 { 0 } else { i % 64 };
        let references = (0..REFERENCES.min(i)).map(|k| {
            let to = if k < 4 && family > 0 {
                i - 1 - random.next(family)
            } else {
                random.next(base)
            };
            self.paths[to].clone()
        });
        let mut references: Vec<StorePath> = references.collect();
        references.sort_unstable();
        references.dedup();
        let class = match random.next(100) {
            0 => TrustClass::Unsigned,
            1..5 => TrustClass::Upstream,
            _ => TrustClass::Ours,
        };
        let key = match class {
            TrustClass::Ours => Some("cache.example.org-1"),
            TrustClass::Upstream => Some("cache.nixos.org-1"),
            _ => None,
        };
        let info = PathInfo {
            path: self.paths[i].clone(),
            deriver: Some(self.paths[i / 4 * 4].clone()),
            nar_hash: NarHash([i as u8; 32]),
            nar_size: 1000 + random.next(10_000_000) as u64,
            references,
            registered: When::from_unix(EPOCH + random.next(10_000_000) as i64),
            ultimate: false,
            signatures: Vec::new(),
            content_address: None,
        };
        let signatures = key.map(|key| (key.to_owned(), Verdict::Valid));
        (
            info,
            Assessment {
                class,
                signatures: signatures.into_iter().collect(),
            },
        )
    }
}

/// Fills as a console would: in batches, publishing whenever it is due.
fn load(store: &Synthetic) -> (Inventory, Vec<Duration>) {
    let mut builder = Builder::new(store.paths.clone());
    let mut published = Vec::new();
    let mut current = None;
    for i in 0..store.paths.len() {
        let (info, assessment) = store.info(i);
        builder.add(&info, &assessment);
        if i % 2000 == 0 && builder.due() {
            let start = Instant::now();
            current = Some(builder.snapshot());
            published.push(start.elapsed());
        }
    }
    drop(current);
    (builder.finish(), published)
}

fn sort(key: SortKey) -> Sort {
    Sort {
        key,
        reverse: false,
    }
}

fn search(inventory: &Inventory, text: &str, key: SortKey) -> usize {
    let query = Query::parse(text).unwrap_or_default();
    let now = When::from_unix(EPOCH + 10_000_000);
    let view = view(
        inventory,
        &query,
        sort(key),
        true,
        now,
        SearchFacts::default(),
        &AtomicBool::new(false),
    );
    view.map_or(0, |view| view.rows.len())
}

/// The least that a search can do: look at each name for a substring, on one core.
fn substring_scan(inventory: &Inventory, text: &str) -> usize {
    let rows = 0..inventory.len() as Row;
    rows.filter(|row| inventory.name(*row).contains(text))
        .count()
}

fn main() {
    // `cargo bench` says `--bench`; whoever else runs this wants to know that it works, not how fast.
    let bench = std::env::args().any(|argument| argument == "--bench");
    let count = std::env::var("STOREKEEPER_BENCH_PATHS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(if bench { 1_000_000 } else { 3000 });
    let store = Synthetic::new(count);
    let mut report = vec![format!("{count} paths, {REFERENCES} references each")];
    let inventory = first_times(&store, &mut report);
    repeated(&store, &inventory);
    ratios(&inventory, &mut report);
    // A closed stderr is no reason to fail a measurement.
    let _ = std::io::stderr().write_all(format!("\n{}\n", report.join("\n")).as_bytes());
}

fn once(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn sample(count: usize) -> Vec<Row> {
    (0..2000).map(|i| (i * 7919) % count as Row).collect()
}

/// What is done once for a store, and so can be timed only once.
fn first_times(store: &Synthetic, report: &mut Vec<String>) -> Inventory {
    let mut note = |what: &str, time: Duration| report.push(format!("{what:46} {time:>10.1?}"));
    let count = store.paths.len();
    let generated = once(|| {
        for i in 0..count {
            black_box(store.info(i));
        }
    });
    let start = Instant::now();
    let (inventory, published) = load(store);
    let loaded = start.elapsed().saturating_sub(generated);
    note("fill and publish, without making the infos", loaded);
    note("  of it all snapshots", published.iter().sum());
    note(
        "  the longest snapshot",
        published.iter().max().copied().unwrap_or_default(),
    );
    let named = once(|| {
        black_box(search(&inventory, "", SortKey::Name));
    });
    note("first sort by name (makes the order)", named);
    let measured = once(|| {
        black_box(search(&inventory, "", SortKey::Closure));
    });
    note(
        "first sort by closure size (measures all closures)",
        measured,
    );
    let rows = sample(count);
    let walked = once(|| {
        for row in &rows {
            black_box(inventory.closure(*row).len());
        }
    });
    let walked = walked.mul_f64(count as f64 / rows.len() as f64);
    note("  the same row by row (from a sample)", walked);
    let grouped = once(|| {
        black_box(unsigned_groups(&inventory).len());
    });
    note("refused paths in groups", grouped);
    let (info, assessment) = store.info(count / 2);
    let signed = once(|| {
        let mut builder = Builder::resume(&inventory);
        let class = TrustClass::Retired;
        let assessment = Assessment {
            class,
            ..assessment
        };
        builder.add(&info, &assessment);
        black_box(builder.finish());
    });
    note("one path signed, and the next snapshot", signed);
    inventory
}

/// What is done again and again.
fn repeated(store: &Synthetic, inventory: &Inventory) {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut group = criterion.benchmark_group("inventory");
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function("yardstick: substring scan", |b| {
        b.iter(|| substring_scan(inventory, "ledger"));
    });
    for text in [
        "ledger",
        "pyjson",
        "e",
        "zzz",
        "unsigned older:30d size:>1M",
    ] {
        group.bench_function(format!("search {text}"), |b| {
            b.iter(|| search(inventory, text, SortKey::Name));
        });
    }
    for key in KEYS {
        group.bench_function(format!("sort all by {key:?}"), |b| {
            b.iter(|| search(inventory, "", key));
        });
    }
    // What a frame asks of its visible rows: forty rows, at any size of the store.
    let rows = sample(inventory.len());
    group.bench_function("a frame of 40 rows", |b| {
        b.iter(|| {
            rows[..40]
                .iter()
                .map(|row| draw(inventory, *row))
                .sum::<usize>()
        });
    });
    let path = &store.paths[store.paths.len() / 3];
    group.bench_function("find a path", |b| b.iter(|| inventory.find(path)));
    group.finish();
}

fn draw(inventory: &Inventory, row: Row) -> usize {
    let text = inventory.name(row).len() + inventory.path(row).base_name().len();
    let closure = inventory.closure_size_known(row);
    let graph = inventory.references(row).len() + inventory.referrers(row).len();
    black_box((
        inventory.trust(row),
        inventory.registered(row),
        inventory.counts(),
    ));
    text + closure.map_or(0, |(paths, _)| paths) + graph + inventory.signatures(row).count()
}

/// The same questions as multiples of the yardstick.
fn ratios(inventory: &Inventory, report: &mut Vec<String>) {
    let median = |work: &dyn Fn() -> usize| {
        let times = (0..7).map(|_| {
            once(|| {
                black_box(work());
            })
        });
        let mut times: Vec<Duration> = times.collect();
        times.sort_unstable();
        times[3].as_secs_f64()
    };
    let yardstick = median(&|| substring_scan(inventory, "ledger"));
    let mut note = |what: String, time: f64| {
        report.push(format!(
            "{what:46} {:>9.2}x of a substring scan",
            time / yardstick
        ));
    };
    for text in ["ledger", "pyjson", "e", "zzz"] {
        note(
            format!("search {text}"),
            median(&|| search(inventory, text, SortKey::Name)),
        );
    }
    for key in KEYS {
        note(
            format!("sort all by {key:?}"),
            median(&|| search(inventory, "", key)),
        );
    }
}
