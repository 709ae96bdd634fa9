//! Search typed letter by letter at a million names, against `fzf --filter` for the same words in the same run.
//!
//! In: the names of a demo store, and 200 queries as people type them. Out: the times from a key to the rows, beside those of
//! `fzf` for whole queries, and three lines for the table of `benches/run`. Ends with an error where a bar is missed. `STOREKEEPER_BENCH_PATHS` sets another number of paths.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::cell::Cell;
use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use storekeeper::demo::EPOCH;
use storekeeper::demo::store::{Store, StoreOptions};
use storekeeper::domain::When;
use storekeeper::inventory::{Builder, Inventory, Query, SearchFacts, Searcher, Sort};

const QUERIES: usize = 200;
/// Queries that `fzf` is asked: it takes most of a second each.
const PEERS: usize = 25;
/// The 99th percentile of the times from a key to the first page, and to all rows.
const PAGE: Duration = Duration::from_millis(16);
const WHOLE: Duration = Duration::from_millis(50);
/// What our time may be of `fzf`'s.
const RATIO: f64 = 0.2;

/// A small generator of pseudo-random numbers (splitmix64), so that every run has the same queries.
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

fn inventory(count: usize) -> Inventory {
    let store = Store::new(&StoreOptions {
        paths: count,
        derivations: 10,
        unsigned: 180,
        seed: 1,
        epoch: When::from_unix(EPOCH),
    })
    .unwrap();
    let listed = (0..store.len() as u32).filter_map(|at| store.path(at));
    let inventory = Builder::new(listed.collect()).finish();
    inventory.order_by_name();
    inventory
}

/// What is typed by somebody who looks for a path: its package, a part of it, two words in either order, a few of its letters.
fn query(inventory: &Inventory, random: &mut Random) -> String {
    let name = inventory.name(random.next(inventory.len()) as u32);
    let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    let part = |at: usize| parts[at.min(parts.len() - 1)];
    match random.next(8) {
        0 => part(0).to_owned(),
        1 => part(1).to_owned(),
        2 => name[..name.len().min(12)].to_owned(),
        3 => format!("{} {}", part(0), part(1)),
        4 => format!("{} {}", part(parts.len() - 1), part(0)),
        5 => format!("'{}", part(1)),
        // Every other letter.
        6 => name.chars().step_by(2).take(6).collect(),
        _ => name.to_owned(),
    }
}

/// The time from a key to rows, and what was typed by then.
type Times = Vec<(Duration, String)>;

/// Types a query: times to the first page and to all rows after each key. Gives back how many rows there are at the end.
fn type_in(inventory: &Arc<Inventory>, text: &str, [pages, wholes]: &mut [Times; 2]) -> usize {
    let mut searcher = Searcher::default();
    let mut found = 0;
    for (end, c) in text.char_indices() {
        let typed = &text[..end + c.len_utf8()];
        let start = Instant::now();
        let Ok(query) = Query::parse(typed) else {
            continue;
        };
        let (sort, now, known) = (
            Sort::default(),
            When::from_unix(EPOCH),
            SearchFacts::default(),
        );
        let never = AtomicBool::new(false);
        let page = Cell::new(None);
        let first = |_| page.set(Some(start.elapsed()));
        let view = searcher.view(inventory, &query, sort, true, now, known, &never, first);
        let whole = start.elapsed();
        pages.push((page.get().unwrap_or(whole), typed.to_owned()));
        wholes.push((whole, typed.to_owned()));
        found = view.map_or(0, |view| view.rows.len());
    }
    found
}

/// Seconds of `fzf --filter` for these words over all names, and how many it finds.
fn fzf(names: &std::path::Path, text: &str) -> (f64, usize) {
    let start = Instant::now();
    let output = Command::new("fzf")
        .args(["--filter", text])
        .stdin(std::fs::File::open(names).unwrap())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let lines = output.stdout.split(|byte| *byte == b'\n').count() - 1;
    (start.elapsed().as_secs_f64(), lines)
}

/// Says how long it took; gives back the 99th percentile.
fn report(what: &str, times: &mut Times) -> Duration {
    times.sort();
    let [middle, high, top] = [50, 99, 100].map(|of_100| times[(times.len() - 1) * of_100 / 100].0);
    println!("{what}: median {middle:.1?}, 99th percentile {high:.1?}, longest {top:.1?}");
    for (time, typed) in times.iter().rev().take(5) {
        println!("  {time:>10.1?}  {typed}");
    }
    high
}

fn main() -> ExitCode {
    let bench = std::env::args().any(|argument| argument == "--bench");
    let count = std::env::var("STOREKEEPER_BENCH_PATHS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(if bench { 1_000_000 } else { 3000 });
    let inventory = Arc::new(inventory(count));
    let mut random = Random(7);
    let queries: Vec<String> = (0..QUERIES)
        .map(|_| query(&inventory, &mut random))
        .collect();
    let mut times = <[Times; 2]>::default();
    for text in &queries {
        type_in(&inventory, text, &mut times);
    }
    println!(
        "{count} names, {} keys of {QUERIES} queries",
        times[0].len()
    );
    let page = report("first page", &mut times[0]);
    let whole = report("whole", &mut times[1]);
    let mut names = tempfile::NamedTempFile::new().unwrap();
    for row in 0..inventory.len() as u32 {
        writeln!(names, "{}", inventory.name(row)).unwrap();
    }
    let mut ratios = Vec::new();
    for text in queries.iter().take(PEERS) {
        let ours = type_in(&inventory, text, &mut Default::default());
        // The whole query at once, as the peer has it.
        let start = Instant::now();
        let query = Query::parse(text).unwrap();
        let known = SearchFacts::default();
        let never = AtomicBool::new(false);
        let epoch = When::from_unix(EPOCH);
        let found = Searcher::default().view(
            &inventory,
            &query,
            Sort::default(),
            false,
            epoch,
            known,
            &never,
            |_| (),
        );
        let own = start.elapsed().as_secs_f64();
        let (theirs, lines) = fzf(names.path(), text);
        println!(
            "{text:32} {:>7.1} ms, {} rows ({ours} without derivations); fzf {:>7.1} ms, {lines} rows",
            own * 1000.0,
            found.map_or(0, |view| view.rows.len()),
            theirs * 1000.0
        );
        ratios.push(own / theirs);
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    let worst = ratios[ratios.len() - 1];
    println!("of fzf's time: median {median:.3}, largest {worst:.3}, bar {RATIO}");
    // For the table of `benches/run`.
    for (what, time, most) in [("first page", page, PAGE), ("whole", whole, WHOLE)] {
        let ratio = time.as_secs_f64() / most.as_secs_f64();
        let over = if time > most { ", over" } else { "" };
        println!(
            "| {count} names typed letter by letter, {what}, 99th percentile | {time:.1?} | {most:?} | {ratio:.2} | 1.00{over} |"
        );
    }
    let over = if worst > RATIO { ", over" } else { "" };
    println!(
        "| {count} names, whole queries, the slowest ratio | - | `fzf --filter` | {worst:.2} | {RATIO:.2}{over} |"
    );
    let missed = page > PAGE || whole > WHOLE || worst > RATIO;
    if bench && missed {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
