//! Reading whole stores over SSH, against what administrators have without this program, in the same run.
//!
//! In: synthetic stores on the tests' rig (root, sshd and Nix are needed). Out: a Markdown table, a line for each measure: the
//! medians of three and their ratio, beside the most that it may be. Ends with an error where one is over that.
//! `benches/run` writes it into `docs/performance.md`; words in the arguments choose the lines that hold them.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/help/mod.rs"]
mod help;
#[path = "../tests/rig/mod.rs"]
mod rig;

use help::terminal::Terminal;
use rig::{Access, DelayProxy, Nix, Rig};
use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 3;

/// 20 Mbit/s.
const SLOW: u64 = 20_000_000 / 8;

/// The database of a rig's server, where a login of it finds it.
fn database(rig: &Rig) -> String {
    format!(
        "{}/server/nix/var/nix/db/db.sqlite",
        rig.scratch().display()
    )
}

/// What a command took.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    /// The most memory that it had at one time, in MiB.
    memory: f64,
}

fn run(mut command: Command) -> Took {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut memory: f64 = 0.0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
        memory = memory.max(mebibytes(&status.unwrap_or_default(), "VmHWM:"));
        if let Some(status) = child.try_wait().unwrap() {
            // `status` tells by its code how the server is.
            assert!(status.code().is_some_and(|code| code < 3), "{command:?}");
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Took {
        seconds: start.elapsed().as_secs_f64(),
        memory,
    }
}

fn mebibytes(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    number.unwrap_or_default() / 1024.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The lines of the table.
struct Table {
    wanted: Vec<String>,
    over: bool,
}

impl Table {
    fn wants(&self, line: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|word| line.contains(word.as_str()))
    }

    /// One line: ours against theirs in turn, the ratio of the medians, and the most that it may be.
    fn line(
        &mut self,
        what: &str,
        peer: &str,
        bar: Option<f64>,
        ours: impl Fn() -> f64,
        theirs: impl Fn() -> f64,
    ) {
        if !self.wants(what) {
            return;
        }
        let pairs: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (ours(), theirs())).collect();
        let (ours, theirs): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let (ours, theirs) = (median(ours), median(theirs));
        self.tell(
            what,
            &format!("{ours:.2} s"),
            &format!("{peer} {theirs:.2} s"),
            ours / theirs,
            bar,
        );
    }

    fn tell(&mut self, what: &str, ours: &str, theirs: &str, ratio: f64, bar: Option<f64>) {
        let over = bar.is_some_and(|bar| ratio > bar);
        self.over |= over;
        let bar = bar.map_or_else(|| "-".to_owned(), |bar| format!("{bar:.2}"));
        let over = if over { ", over" } else { "" };
        println!("| {what} | {ours} | {theirs} | {ratio:.2} | {bar}{over} |");
    }
}

fn storekeeper(rig: &Rig, line: &str) -> Command {
    rig.storekeeper_command(line.split(' '))
}

fn many(table: &mut Table) {
    const NAMES: [&str; 7] = [
        "100,000 paths, `paths --json`, database",
        "100,000 paths, `paths --json`, database, beside the daemon",
        "100,000 paths, `paths --json`, kept",
        "100,000 paths, `paths --json`, dump-db",
        "100,000 paths, `paths --json`, sqlite3",
        "100,000 paths, `status`, kept",
        "100,000 paths, `paths --json`, the daemon's protocol",
    ];
    if !NAMES.iter().any(|name| table.wants(name)) {
        return;
    }
    let rig = Rig::bulk(&Nix::of_this_machine(), 100_000);
    let info = "nix --extra-experimental-features nix-command path-info --all --json";
    let file = database(&rig);
    let ours = |line: &str| run(storekeeper(&rig, line)).seconds;
    let theirs = |access, script: &str| run(rig.ssh(access, script)).seconds;
    let cold = || ours("paths root --json -q --no-cache");
    table.line(
        NAMES[0],
        "`nix path-info --all --json`",
        Some(0.25),
        cold,
        || theirs(Access::Root, info),
    );
    let through_daemon = || theirs(Access::ViaSocket, info);
    table.line(
        NAMES[1],
        "the same through the socket",
        Some(1.0 / 7.0),
        cold,
        through_daemon,
    );
    // A login for which the socket is in an unusual place is not read from the database.
    table.line(
        NAMES[6],
        "the same through the socket",
        Some(0.6),
        || ours("paths via-socket --json -q --no-cache"),
        through_daemon,
    );
    table.line(NAMES[3], "`nix-store --dump-db`", None, cold, || {
        theirs(Access::Root, "nix-store --dump-db")
    });
    let tables =
        format!("sqlite3 -readonly '{file}' 'select * from ValidPaths; select * from Refs;'");
    table.line(
        NAMES[4],
        "`sqlite3 -readonly`, both tables",
        None,
        cold,
        || theirs(Access::Root, &tables),
    );
    ours("status root -q");
    table.line(
        NAMES[2],
        "`nix path-info --all --json`",
        Some(0.05),
        || ours("paths root --json -q"),
        || theirs(Access::Root, info),
    );
    table.line(
        NAMES[5],
        "`ssh host true`",
        None,
        || ours("status root -q"),
        || theirs(Access::Root, "true"),
    );
}

fn a_million(table: &mut Table) {
    const NAMES: [&str; 8] = [
        "1,000,000 paths, console searchable, cold",
        "1,000,000 paths, `paths --json`, cold",
        "1,000,000 paths, `paths --json`, kept",
        "1,000,000 paths, `status`, kept",
        "1,000,000 paths, console shown, kept",
        "1,000,000 paths, memory of `paths --json`, cold",
        "1,000,000 paths, memory of `status`, kept",
        "1,000,000 paths, memory of the console",
    ];
    if !NAMES.iter().any(|name| table.wants(name)) {
        return;
    }
    let rig = Rig::bulk(&Nix::of_this_machine(), 1_000_000);
    let cat = format!("cat '{}'", database(&rig));
    let ours = |line: &str| run(storekeeper(&rig, line)).seconds;
    let theirs = || run(rig.ssh(Access::Root, &cat)).seconds;
    let peer = "`ssh host cat db.sqlite`";
    let console = |line: &str| Terminal::start(&storekeeper(&rig, line), 120, 40);
    table.line(
        NAMES[0],
        peer,
        Some(2.5),
        || {
            let start = Instant::now();
            let mut terminal = console("root --no-cache");
            // Typed before there is a store; only the last path's name ends so.
            terminal.keys("2/999999");
            terminal.wait_for(".999999");
            start.elapsed().as_secs_f64()
        },
        theirs,
    );
    table.line(
        NAMES[1],
        peer,
        Some(9.0),
        || ours("paths root --json -q --no-cache"),
        theirs,
    );
    ours("status root -q");
    table.line(
        NAMES[2],
        peer,
        Some(4.0),
        || ours("paths root --json -q"),
        theirs,
    );
    table.line(NAMES[3], peer, Some(1.5), || ours("status root -q"), theirs);
    table.line(
        NAMES[4],
        "one second",
        Some(1.0),
        || {
            let start = Instant::now();
            let terminal = console("root");
            terminal.wait_for("1,000,000");
            start.elapsed().as_secs_f64()
        },
        || 1.0,
    );
    let mut memory = |what: &str, bar: f64, had: &dyn Fn() -> f64| {
        if table.wants(what) {
            let had = had();
            table.tell(
                what,
                &format!("{had:.0} MiB"),
                &format!("{bar:.0} MiB"),
                had / bar,
                Some(1.0),
            );
        }
    };
    memory(NAMES[5], 500.0, &|| {
        run(storekeeper(&rig, "paths root --json -q --no-cache")).memory
    });
    memory(NAMES[6], 350.0, &|| {
        run(storekeeper(&rig, "status root -q")).memory
    });
    memory(NAMES[7], 350.0, &|| {
        let terminal = console("root");
        terminal.wait("a store that is read", help::terminal::is_read);
        std::thread::sleep(Duration::from_secs(10));
        let status = fs::read_to_string(format!("/proc/{}/status", terminal.pid()));
        mebibytes(&status.unwrap(), "VmRSS:")
    });
}

/// A link of 50 ms and 20 Mbit/s.
fn slow(table: &mut Table) {
    const NAMES: [&str; 3] = [
        "10,000 paths, slow link, `paths --json`",
        "10,000 paths, slow link, ten new paths, time",
        "10,000 paths, slow link, ten new paths, bytes",
    ];
    if !NAMES.iter().any(|name| table.wants(name)) {
        return;
    }
    let rig = Rig::bulk(&Nix::of_this_machine(), 10_000);
    let proxy = rig.proxied(Duration::from_millis(25));
    proxy.limit(SLOW);
    rig.add_server(&rig.server_section("slow", "root", proxy.port(), ""));
    let packed = format!("gzip -1 < '{}'", database(&rig));
    table.line(
        NAMES[0],
        "`ssh host 'gzip -1 < db.sqlite'`",
        Some(2.0),
        || run(storekeeper(&rig, "paths slow --json -q --no-cache")).seconds,
        || run(rig.ssh_as("root", proxy.port(), &packed)).seconds,
    );
    let (seconds, bytes) = help::wait(refresh(&rig, &proxy));
    for (what, ours, most, unit) in [
        (NAMES[1], seconds, 1.0, "s"),
        (NAMES[2], bytes, 300.0, "kB"),
    ] {
        if table.wants(what) {
            table.tell(
                what,
                &format!("{ours:.2} {unit}"),
                &format!("{most} {unit}"),
                ours / most,
                Some(1.0),
            );
        }
    }
}

/// Seconds and kilobytes that it takes to read a store again to which ten paths came, medians.
async fn refresh(rig: &Rig, proxy: &DelayProxy) -> (f64, f64) {
    let mut spec = rig.spec("root", proxy.port()).await;
    spec.cache = Some(rig.scratch().join("copies"));
    let server = help::connect(spec).await;
    server.keep_copy();
    let mut known = help::read_over(&server, None).await.0;
    let (mut seconds, mut bytes) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for number in 0..10 {
            let file = rig.scratch().join(format!("new-{round}-{number}"));
            fs::write(&file, format!("contents {round} {number}")).unwrap();
            let added = rig.nix_here("nix-store").arg("--add").arg(&file).output();
            assert!(added.unwrap().status.success());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (began, before) = (Instant::now(), proxy.bytes());
        known = help::read_over(&server, Some(known)).await.0;
        seconds.push(began.elapsed().as_secs_f64());
        bytes.push((proxy.bytes() - before) as f64 / 1000.0);
    }
    assert_eq!(known.inventory.counts().paths, 10_000 + 10 * ROUNDS);
    (median(seconds), median(bytes))
}

fn main() -> ExitCode {
    let words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    let mut table = Table {
        wanted: words.collect(),
        over: false,
    };
    many(&mut table);
    a_million(&mut table);
    slow(&mut table);
    ExitCode::from(u8::from(table.over))
}
