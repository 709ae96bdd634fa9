//! Collecting on a real server: what goes, in which order, what stays when something happens in between, and what is said
//! after a collection that was killed. Nix itself is asked what is dead and whether the store is whole afterwards.

use crate::help::{read, runtime, text, wait};
use crate::rig::{Access, Holder, Nix, Rig, wait_until};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use storekeeper::change::audit::{self, Record};
use storekeeper::change::collect::{About, plan};
use storekeeper::change::{Answer, JobEvent, Outcome, Plan, Policy, Receipt, run_in};
use storekeeper::domain::space::UseSource;
use storekeeper::domain::{Age, Bytes, StorePath, When};
use storekeeper::inventory::{Keep, Liveness, Row, Usage};
use storekeeper::judge::collect::{Prepared, Rules, Situation};
use storekeeper::server::Server;
use storekeeper::wire::{Encoder, Reader, Request, client_handshake};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// The plan as `gc` makes it.
async fn planned(server: &Server, rules: &Rules) -> Plan {
    let inventory = read(server).await;
    let roots = server.roots().await.unwrap();
    let last_use = server.last_use().await.unwrap();
    let keep = Keep::default();
    let targets: Vec<Row> = roots
        .roots
        .iter()
        .filter_map(|root| inventory.find(&root.target))
        .collect();
    let situation = Situation {
        inventory: &inventory,
        liveness: &Liveness::of(&inventory, &targets, &keep),
        pinned: &[],
        usage: &Usage::new(&inventory, &last_use),
        keep,
        now: When::now(),
        disk: server.facts().disk.map(|disk| (disk.size, disk.available)),
        saved: Some(Bytes(0)),
    };
    let collection = Prepared::new(&situation)
        .unwrap()
        .plan(&situation, rules, &AtomicBool::new(false))
        .unwrap();
    let about = About {
        server: "prod",
        reached: "here",
        situation: &situation,
        rules,
        collection: &collection,
        links: None,
        notes: &[],
    };
    plan(&about, None).unwrap()
}

fn everything() -> Rules {
    Rules {
        grace: Age(0),
        keep_newest: 0,
        ..Rules::default()
    }
}

struct Running {
    job: tokio::task::JoinHandle<Receipt>,
    events: UnboundedReceiver<JobEvent>,
    cancel: CancellationToken,
}

fn start(rig: &Rig, server: &Server, plan: Plan) -> Running {
    let confirmed = plan
        .confirm(&Answer::Flag, Policy { read_only: false })
        .unwrap();
    let (sender, events) = unbounded_channel();
    let (server, state, cancel) = (server.clone(), rig.state(), CancellationToken::new());
    let token = cancel.clone();
    let job = runtime()
        .spawn(async move { run_in(Some(state), confirmed, &server, sender, token).await });
    Running {
        job,
        events,
        cancel,
    }
}

fn run(rig: &Rig, server: &Server, plan: Plan) -> Receipt {
    wait(start(rig, server, plan).job).unwrap()
}

/// What the job has said until a line has these words.
fn until(running: &mut Running, words: &str) -> String {
    let mut said = String::new();
    wait(async {
        let all = async {
            while let Some(event) = running.events.recv().await {
                if let JobEvent::Log(line) = event {
                    said.push_str(&line);
                    said.push('\n');
                    if line.contains(words) {
                        return;
                    }
                }
            }
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(20), all).await;
    });
    assert!(said.contains(words), "nothing said {words:?}:\n{said}");
    said
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn items(document: &Value) -> Vec<String> {
    let items = document["plan"]["items"].as_array().unwrap().iter();
    items
        .map(|item| item["path"].as_str().unwrap().to_owned())
        .collect()
}

/// Where a store path really is.
fn real(rig: &Rig, path: &str) -> std::path::PathBuf {
    rig.scratch()
        .join("server")
        .join(path.trim_start_matches('/'))
}

fn valid(rig: &Rig) -> BTreeSet<String> {
    let paths = rig.sql("select path from ValidPaths");
    paths.lines().map(str::to_owned).collect()
}

/// What each valid path refers to, by the database.
fn references(rig: &Rig) -> BTreeMap<String, Vec<String>> {
    let rows = rig.sql("select a.path, b.path from Refs join ValidPaths a on a.id = referrer join ValidPaths b on b.id = reference");
    let mut references: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows.lines() {
        let (from, to) = row.split_once('|').unwrap();
        references
            .entry(from.to_owned())
            .or_default()
            .push(to.to_owned());
    }
    references
}

fn dead(rig: &Rig) -> BTreeSet<String> {
    let said = succeed(rig.nix_here("nix-store").args(["--gc", "--print-dead"]));
    said.lines().map(str::to_owned).collect()
}

/// Nix finds the store whole.
fn verify(rig: &Rig) {
    let mut command = rig.nix_here("nix-store");
    let output = command.arg("--verify").output().unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for word in ["disappeared", "missing", "error"] {
        assert!(!said.contains(word), "{said}");
    }
}

/// Sets the last use of a path, so many days ago.
fn used(rig: &Rig, path: &str, days: u32) {
    succeed(
        Command::new("touch")
            .args(["-h", "-a", "-d", &format!("{days} days ago")])
            .arg(real(rig, path)),
    );
}

/// Registers everything long ago, too: what was uploaded counts as used then.
fn age(rig: &Rig, days: u32) {
    rig.sql("update ValidPaths set registrationTime = registrationTime - 31536000");
    for path in valid(rig) {
        used(rig, &path, days);
    }
}

fn root(rig: &Rig, name: &str, path: &str) {
    let roots = rig.scratch().join("server/nix/var/nix/gcroots");
    fs::create_dir_all(&roots).unwrap();
    symlink(path, roots.join(name)).unwrap();
}

fn records(rig: &Rig) -> Vec<Record> {
    let log = fs::read(rig.file("var/audit.jsonl")).unwrap_or_default();
    assert_eq!(audit::verify(&log).broken(), None);
    audit::read(&log)
}

#[test]
fn the_least_recently_used_goes_first_and_nothing_else() {
    Rig::on_every_nix(|rig| {
        let accesses = [Access::Root, Access::Sudo];
        for (at, access) in accesses.into_iter().enumerate() {
            let rig = &mut Rig::with(&rig.nix);
            age(rig, 200);
            root(rig, "keep", rig.path("top-1.0"));
            // An application that is used: its library is, too, though nobody has touched that.
            used(rig, rig.path("application-2.0"), 2);
            used(rig, rig.path("rotated-1.0"), 90);
            let before = (valid(rig), references(rig), dead(rig));
            let server = access.server();
            let line = format!("gc {server} --older-than 30d --keep-newest 0 --dry-run");
            let shown = items(&rig.ask(&line, 0));
            let shown_set: BTreeSet<String> = shown.iter().cloned().collect();
            assert!(shown_set.is_subset(&before.2), "only what Nix calls dead");
            for name in ["application-2.0", "library-2.0", "leaf-1.0", "top-1.0"] {
                assert!(!shown_set.contains(rig.path(name)), "{name}");
            }
            assert!(shown.iter().any(|path| path == rig.path("rotated-1.0")));
            assert_eq!(valid(rig), before.0, "a dry run takes nothing");
            // Only a part of it: the oldest use.
            let sizes: u64 = 600;
            let line =
                format!("gc {server} --older-than 30d --keep-newest 0 --reclaim {sizes}B --yes");
            let done = rig.ask(&line, 0);
            let (went, receipt) = (items(&done), &done["receipt"]);
            assert!(went.len() > 1 && went.len() < shown.len(), "{went:?}");
            assert_eq!(went, shown[..went.len()], "in the order of the list");
            assert!(!went.iter().any(|path| path == rig.path("rotated-1.0")));
            assert_eq!(receipt["result"], "done");
            assert_eq!(receipt["done"], went.len());
            assert!(receipt["freed"].as_u64().unwrap() > 0);
            let nar = done["plan"]["bytes"]["nar"].as_u64().unwrap();
            assert!(nar >= sizes, "{nar}");
            let went: BTreeSet<String> = went.into_iter().collect();
            let left: BTreeSet<String> = before.0.difference(&went).cloned().collect();
            assert_eq!(valid(rig), left, "exactly the list");
            for (from, to) in &before.1 {
                assert!(
                    went.contains(from) || to.iter().all(|to| !went.contains(to)),
                    "{from} has lost something"
                );
            }
            for path in &went {
                assert!(!real(rig, path).exists(), "{path}");
            }
            verify(rig);
            let record = records(rig).pop().unwrap();
            assert_eq!(
                (record.change.as_str(), record.result.as_str()),
                ("gc", "done")
            );
            assert_eq!(record.planned, Some(nar));
            assert_eq!(record.freed, receipt["freed"].as_u64());
            let folder = fs::read_dir(rig.file("var")).unwrap();
            assert_eq!(
                folder
                    .flatten()
                    .filter(|e| e.file_name().to_string_lossy().contains("paths"))
                    .count(),
                0,
                "no list is left"
            );
            if at == 0 {
                // Everything that is dead, to the end.
                rig.ask(&format!("gc {server} --grace 0s --keep-newest 0 --yes"), 0);
                assert_eq!(dead(rig), BTreeSet::new());
                verify(rig);
            }
        }
    });
}

#[test]
fn the_dead_are_those_of_nix() {
    Rig::on_every_nix(|rig| {
        root(rig, "keep", rig.path("application-2.0"));
        let profiles = rig.scratch().join("server/nix/var/nix/profiles");
        fs::create_dir_all(&profiles).unwrap();
        symlink(rig.path("built-here-1.0"), profiles.join("x-1-link")).unwrap();
        let server = wait(rig.connect(Access::Root));
        let _temporary = temporary_root(rig, rig.path("fresh-3.1"));
        let plan = wait(planned(&server, &everything()));
        let ours: BTreeSet<String> = plan
            .items
            .iter()
            .filter_map(|item| item.path().map(StorePath::to_string))
            .collect();
        assert_eq!(ours, dead(rig));
        assert!(!ours.contains(rig.path("fresh-3.1")) && !ours.contains(rig.path("leaf-1.0")));
        assert!(
            !ours.contains(rig.path("built-here-1.0.drv")),
            "keep-derivations"
        );
        let found = wait(server.roots()).unwrap();
        let words: BTreeSet<&str> = found.roots.iter().map(|root| root.kind.word()).collect();
        for word in ["direct", "generation", "temporary"] {
            assert!(words.contains(word), "{words:?}");
        }
    });
}

/// A client of a daemon that keeps a path for as long as it lives.
struct Client {
    _child: tokio::process::Child,
    _reader: Reader<tokio::process::ChildStdout>,
    _stdin: tokio::process::ChildStdin,
}

fn temporary_root(rig: &Rig, path: &str) -> Client {
    wait(async {
        let mut command = tokio::process::Command::from(rig.nix_here("nix-daemon"));
        let mut child = command
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut reader = Reader::new(child.stdout.take().unwrap());
        client_handshake(&mut reader, &mut stdin).await.unwrap();
        let mut out = Encoder::new();
        Request::AddTempRoot(StorePath::parse(path).unwrap()).encode(&mut out);
        tokio::io::AsyncWriteExt::write_all(&mut stdin, out.bytes())
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::flush(&mut stdin).await.unwrap();
        // `Last` and the integer 1.
        loop {
            match storekeeper::wire::Message::read(&mut reader).await.unwrap() {
                storekeeper::wire::Message::Last => break,
                storekeeper::wire::Message::Error(error) => panic!("{error}"),
                _ => {}
            }
        }
        assert_eq!(reader.integer().await.unwrap(), 1);
        Client {
            _child: child,
            _reader: reader,
            _stdin: stdin,
        }
    })
}

#[test]
fn what_happens_between_the_plan_and_its_run_is_seen() {
    Rig::on_every_nix(|rig| {
        age(rig, 100);
        let server = wait(rig.connect(Access::Root));
        let last_use = wait(server.last_use()).unwrap();
        assert_ne!(
            last_use.source,
            UseSource::Registration,
            "{:?}",
            last_use.why
        );
        let plan = wait(planned(&server, &everything()));
        let count = plan.items.len();
        let available = wait(server.disk()).unwrap().unwrap().available;
        assert!(available.0 > 0 && available < server.facts().disk.unwrap().size);
        let _temporary = temporary_root(rig, rig.path("top-1.0"));
        used(rig, rig.path("application-2.0"), 0);
        // An upload that refers to a planned path.
        let upload = "/nix/store/00000000000000000000000000000000-upload";
        fs::create_dir(real(rig, upload)).unwrap();
        rig.sql(&format!(
            "insert into ValidPaths (path, hash, registrationTime, narSize) values ('{upload}', 'sha256:{}', 1700000000, 96); \
             insert into Refs select a.id, b.id from ValidPaths a, ValidPaths b where a.path = '{upload}' and b.path = '{}'",
            "0".repeat(64),
            rig.path("retired-0.9"),
        ));
        let receipt = run(rig, &server, plan);
        assert_eq!(receipt.result, Outcome::Partial, "{receipt:?}");
        let said = |name: &str| {
            let failure = receipt.failed.iter().find(|f| f.item == rig.path(name));
            failure.map_or("", |failure| failure.message.as_str())
        };
        for (name, words) in [
            ("top-1.0", "became a GC root"),
            ("left-1.0", "needs it"),
            ("leaf-1.0", "needs it"),
            ("application-2.0", "was used"),
            ("library-2.0", "application-2.0 needs it"),
            ("retired-0.9", "upload refers to it"),
        ] {
            assert!(said(name).contains(words), "{name}: {:?}", said(name));
            assert!(valid(rig).contains(rig.path(name)), "{name}");
        }
        assert_eq!(receipt.done + receipt.failed.len(), count, "{receipt:?}");
        assert!(receipt.done > 5);
        assert!(valid(rig).contains(upload));
        verify(rig);
    });
}

/// Paths of the plan that are gone are its beginning, and at most a part of the batch in which it was killed, apart from
/// those that the receipt says were kept: Nix takes as a root what any process of the machine names in its environment, as
/// `sudo` does for the arguments of its command.
fn check_prefix(rig: &Rig, planned: &[String], kept: &BTreeSet<String>, batch: usize) -> usize {
    let left = valid(rig);
    assert!(kept.is_subset(&left), "{kept:?}");
    let turns: Vec<&String> = planned
        .iter()
        .filter(|path| !kept.contains(*path))
        .collect();
    let first_left = turns.iter().position(|path| left.contains(*path)).unwrap();
    let last_gone = turns.iter().rposition(|path| !left.contains(*path));
    let last_gone = last_gone.unwrap();
    assert!(
        last_gone < first_left + 2 * batch,
        "{} was left at {first_left} and others up to {last_gone} went; kept: {kept:?}",
        turns[first_left]
    );
    planned.iter().filter(|path| !left.contains(*path)).count()
}

/// What a receipt says was kept after all.
fn kept(receipt: &Value) -> BTreeSet<String> {
    let failed = receipt["failed"].as_array().unwrap().iter();
    let kept = failed.filter(|failure| failure["message"].as_str().unwrap().starts_with("kept: "));
    kept.map(|failure| failure["item"].as_str().unwrap().to_owned())
        .collect()
}

fn descendants(top: u32) -> Vec<u32> {
    let mut found = vec![top];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        found.extend(
            children
                .split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
        next += 1;
    }
    found.remove(0);
    found
}

fn kill(pid: u32) {
    // It may have ended by itself.
    let _ = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status();
}

fn count(rig: &Rig) -> usize {
    rig.sql("select count(*) from ValidPaths")
        .trim()
        .parse()
        .unwrap()
}

/// Starts a collection of everything and lets it run until some of it is gone.
fn begin(rig: &Rig, access: Access, planned: &[String]) -> Child {
    let before = count(rig);
    let line = format!(
        "gc {} --grace 0s --keep-newest 0 --yes --json",
        access.server()
    );
    let child = rig
        .storekeeper_command(line.split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the first deletions", || count(rig) + 150 < before);
    assert!(planned.len() > 1000);
    child
}

#[test]
fn a_killed_console_leaves_whole_batches_and_the_next_start_says_how_far_it_got() {
    let rig = &mut Rig::bulk(&Nix::of_this_machine(), 6000);
    let planned = items(&rig.ask("gc root --grace 0s --keep-newest 0 --dry-run", 0));
    let mut child = begin(rig, Access::Root, &planned);
    child.kill().unwrap();
    child.wait().unwrap();
    // The daemon notices within a moment that its client has gone.
    let mut last = 0;
    wait_until("the end of the daemon", || {
        let now = count(rig);
        std::thread::sleep(std::time::Duration::from_millis(500));
        std::mem::replace(&mut last, now) == now
    });
    let gone = check_prefix(rig, &planned, &BTreeSet::new(), 64);
    assert!(gone >= 150 && gone < planned.len(), "{gone}");
    let next = rig.ask("gc root --grace 0s --keep-newest 0 --dry-run", 0);
    let warnings = next["plan"]["warnings"].to_string();
    let words = format!(
        "was interrupted: {gone} of its {} paths are gone",
        planned.len()
    );
    assert!(warnings.contains(&words), "{warnings}");
    let status: Value = serde_json::from_str(&text(&rig.run("status root --json").stdout)).unwrap();
    let checks = status["checks"].as_array().unwrap();
    let check = |id: &str| checks.iter().find(|check| check["id"] == id);
    let summary = check("collection-interrupted").unwrap()["summary"].to_string();
    assert!(summary.contains(&words), "{summary}");
    assert_eq!(records(rig).len(), 0);
    rig.ask("gc root --grace 0s --keep-newest 0 --reclaim 1B --yes", 0);
    let records = records(rig);
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].result, audit::INTERRUPTED);
    assert_eq!(
        (records[0].done, records[0].items_total),
        (gone, planned.len())
    );
    let third = rig.ask("gc root --grace 0s --keep-newest 0 --dry-run", 0);
    assert!(
        !third["plan"]["warnings"]
            .to_string()
            .contains("interrupted")
    );
}

#[test]
fn a_killed_daemon_or_link_is_told_in_the_receipt() {
    for (access, sessions) in [(Access::Root, true), (Access::ViaSocket, false)] {
        // Between two calls there is no daemon to be killed, and the collection goes on to its end.
        let hit = (0..5).any(|_| killed_is_reported(access, sessions));
        assert!(hit, "nothing was ever cut off");
    }
}

/// Whether the collection was cut off; what is reported then must be true. Meanwhile a process comes to hold one of the paths.
fn killed_is_reported(access: Access, sessions: bool) -> bool {
    let rig = &mut Rig::bulk(&Nix::of_this_machine(), 6000);
    let line = format!(
        "gc {} --grace 0s --keep-newest 0 --dry-run",
        access.server()
    );
    let planned = items(&rig.ask(&line, 0));
    let before = count(rig);
    // So slow that a kill comes in the middle of a call.
    rig.sql("create trigger slow before delete on ValidPaths begin select length(hex(randomblob(500000))); end;");
    let child = begin(rig, access, &planned);
    // One that needs nothing, so that it alone is kept.
    let needs = references(rig);
    let mut later = planned.iter().skip(1100);
    let held = later.find(|path| !needs.contains_key(*path)).unwrap();
    let _holder = Holder::of(held);
    wait_until("what comes after it", || count(rig) + 1200 < before);
    if sessions {
        rig.sshd(access).kill_sessions();
    } else {
        for pid in descendants(rig.daemon_pid()) {
            kill(pid);
        }
    }
    let output = child.wait_with_output().unwrap();
    let receipt: Value = serde_json::from_slice(&output.stdout).unwrap();
    let receipt = &receipt["receipt"];
    let kept = kept(receipt);
    assert!(kept.contains(held), "{receipt}");
    if receipt["failed"].as_array().unwrap().len() == kept.len() {
        assert_eq!(receipt["done"], planned.len() - kept.len());
        return false;
    }
    assert_eq!(output.status.code(), Some(1), "{receipt}");
    // Through the socket, how many hard links there are is not known, and batches are larger.
    let batch = if access == Access::Root { 64 } else { 1024 };
    let gone = check_prefix(rig, &planned, &kept, batch);
    assert_eq!(receipt["result"], "partial");
    assert_eq!(
        receipt["done"], gone,
        "what the receipt says is gone is gone"
    );
    assert_eq!(records(rig).pop().unwrap().done, gone);
    // Nix's count of a call that was cut off never came, so the sum of the others is not what came free.
    let whole = (gone + kept.len()).is_multiple_of(batch);
    let known = receipt["freed"].is_null() || receipt["freedMeasured"] == true;
    assert!(whole || known, "{receipt}");
    true
}

#[test]
fn a_cancelled_collection_tells_exactly_what_is_gone() {
    let rig = &mut Rig::bulk(&Nix::of_this_machine(), 6000);
    let server = wait(rig.connect(Access::Root));
    let plan = wait(planned(&server, &everything()));
    let planned: Vec<String> = plan.items.iter().map(ToString::to_string).collect();
    let before = count(rig);
    let running = start(rig, &server, plan);
    wait_until("the first deletions", || count(rig) + 150 < before);
    running.cancel.cancel();
    let receipt = wait(running.job).unwrap();
    assert_eq!(receipt.result, Outcome::Cancelled);
    assert_eq!(receipt.done, before - count(rig));
    // Of all that is left one entry is listed, and each path is counted.
    assert_eq!(receipt.not_done, planned.len() - receipt.done);
    check_prefix(rig, &planned, &BTreeSet::new(), 1024);
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(receipt.done, before - count(rig), "nothing goes on");
    // As where the daemon is killed: without a count of the last call, what came free is measured or not known.
    let counted = receipt.freed.is_some_and(|freed| !freed.measured);
    assert!(receipt.done.is_multiple_of(64) || !counted, "{receipt:?}");
}

#[test]
fn two_at_once_and_who_holds_the_lock() {
    Rig::on_every_nix(|rig| {
        let server = wait(rig.connect(Access::Root));
        let plan = wait(planned(&server, &everything()));
        let lock = rig.scratch().join("server/nix/var/nix/gc.lock");
        let mut holder = Command::new("flock")
            .arg(&lock)
            .args(["sleep", "600"])
            .spawn()
            .unwrap();
        wait_until("the lock", || {
            !Command::new("flock")
                .arg("-n")
                .arg(&lock)
                .arg("true")
                .status()
                .unwrap()
                .success()
        });
        let mut running = start(rig, &server, plan);
        let said = until(&mut running, "the lock is held by");
        assert!(
            said.contains(&format!("process {} of root", holder.id())),
            "{said}"
        );
        assert!(said.contains("sleep 600"), "{said}");
        // Another one of ours is told of the first and does nothing.
        let second = rig.run("gc root --grace 0s --keep-newest 0 --yes");
        assert_eq!(second.status.code(), Some(4), "{}", text(&second.stderr));
        let words = text(&second.stderr);
        assert!(words.contains("runs a collection here since"), "{words}");
        assert_eq!(records(rig).len(), 0);
        let own = descendants(holder.id());
        own.into_iter().for_each(kill);
        holder.kill().unwrap();
        holder.wait().unwrap();
        let receipt = wait(running.job).unwrap();
        assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
        verify(rig);
    });
}

#[test]
fn without_rights_it_says_what_it_cannot() {
    let rig = &mut Rig::new();
    age(rig, 100);
    let before = valid(rig);
    let plan = rig.ask("gc no-sudo --grace 0s --keep-newest 0 --dry-run", 0);
    let warnings = plan["plan"]["warnings"].to_string();
    assert!(
        warnings.contains("when paths were last used is not known"),
        "{warnings}"
    );
    assert!(!items(&plan).is_empty(), "a plan is made all the same");
    let tried = rig.run("gc no-sudo --grace 0s --keep-newest 0 --yes");
    assert_eq!(tried.status.code(), Some(1));
    let words = text(&tried.stderr);
    assert!(words.contains("nothing was changed"), "{words}");
    assert!(words.contains("audit log"), "{words}");
    assert_eq!(valid(rig), before);
}

/// Unmounts at the end of a test.
struct Mount(std::path::PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Puts the store on a file system of its own, as root's sessions see it.
fn on_tmpfs(rig: &mut Rig, options: &str) -> Mount {
    let server = rig.scratch().join("server");
    let aside = rig.scratch().join("aside");
    fs::rename(&server, &aside).unwrap();
    fs::create_dir(&server).unwrap();
    succeed(
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&server),
    );
    let mount = Mount(server.clone());
    succeed(
        Command::new("cp")
            .arg("-a")
            .arg(aside.join("."))
            .arg(&server),
    );
    // Its sessions have their own view of what is mounted, made when it starts.
    rig.sshd(Access::Root).kill();
    rig.sshd(Access::Root).restart();
    rig.sshd(Access::Root).wait();
    mount
}

#[test]
fn without_access_times_uploads_count_and_it_says_so() {
    let rig = &mut Rig::new();
    age(rig, 100);
    let _mount = on_tmpfs(rig, "noatime,size=200m");
    let server = wait(rig.connect(Access::Root));
    let last_use = wait(server.last_use()).unwrap();
    assert_eq!(last_use.source, UseSource::Registration);
    assert!(last_use.why.unwrap().contains("mounted with noatime"));
    rig.sql(&format!(
        "update ValidPaths set registrationTime = 1000000000 where path = '{}'",
        rig.path("rotated-1.0")
    ));
    let plan = rig.ask("gc root --grace 0s --keep-newest 0 --reclaim 1B --yes", 0);
    assert_eq!(items(&plan), [rig.path("rotated-1.0")]);
    let warnings = plan["plan"]["warnings"].to_string();
    assert!(warnings.contains("mounted with noatime"), "{warnings}");
}

#[test]
fn a_full_disk_is_made_room_on() {
    let rig = &mut Rig::new();
    age(rig, 100);
    let _mount = on_tmpfs(rig, "size=48m,mode=755");
    let log = rig.file("server/var/audit.jsonl");
    fs::create_dir(rig.file("server/var")).unwrap();
    let user = Access::Root.user();
    let section = rig
        .server_section("full", user, rig.port(Access::Root), "")
        .replace(&rig.file("var/audit.jsonl"), &log);
    rig.add_server(&section);
    // Something dead that is large.
    let large = rig.path("rotated-1.0").to_owned();
    fs::write(real(rig, &large).join("large"), vec![7_u8; 4 << 20]).unwrap();
    used(rig, &large, 300);
    let fill = rig.file("server/fill");
    let filled = Command::new("sh")
        .args(["-c", "cat /dev/zero >\"$0\"", &fill])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(!filled.success(), "the disk is full");
    // SQLite can't even open its database.
    let refused = rig.run("gc full --grace 0s --keep-newest 0 --reclaim 1B --yes");
    let words = text(&refused.stderr);
    assert!(
        words.contains("take some MiB away by hand first"),
        "{words}"
    );
    let fill = fs::File::options().write(true).open(fill).unwrap();
    let size = fill.metadata().unwrap().len();
    fill.set_len(size - (2 << 20)).unwrap();
    let done = rig.ask("gc full --grace 0s --keep-newest 0 --reclaim 1B --yes", 0);
    assert_eq!(done["receipt"]["result"], "done", "{done}");
    assert_eq!(items(&done), std::slice::from_ref(&large));
    assert!(!valid(rig).contains(&large));
    let records = audit::read(&fs::read(&log).unwrap());
    assert_eq!(records.len(), 1, "there is room for the record");
}

#[test]
fn a_log_without_room_does_not_stop_a_collection() {
    let rig = &mut Rig::new();
    age(rig, 100);
    let var = rig.scratch().join("var");
    fs::create_dir_all(&var).unwrap();
    succeed(
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=48k,mode=755", "tmpfs"])
            .arg(&var),
    );
    let _mount = Mount(var);
    rig.sshd(Access::Root).kill();
    rig.sshd(Access::Root).restart();
    rig.sshd(Access::Root).wait();
    let before = count(rig);
    // Every other change needs room for its record first, and for more than this one.
    let sign = rig.run("sign root --all --yes");
    assert_eq!(sign.status.code(), Some(1));
    assert!(text(&sign.stderr).contains("nothing was changed"));
    let done = rig.ask("gc root --grace 0s --keep-newest 0 --reclaim 1B --yes", 0);
    assert_eq!(done["receipt"]["done"], items(&done).len());
    assert_eq!(count(rig), before - items(&done).len());
    assert_eq!(records(rig).len(), 1);
}

/// Bytes that are in use on the file system of the store, as the system's own `df` has it.
fn in_use(rig: &Rig) -> u64 {
    let folder = rig.scratch().join("server");
    let said = succeed(Command::new("df").args(["-Pk"]).arg(folder));
    let line = said.lines().last().unwrap();
    line.split_whitespace()
        .nth(2)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

#[test]
fn what_came_free_is_measured_where_one_row_cannot_be_deleted() {
    let rig = &mut Rig::new();
    age(rig, 200);
    // Nobody else writes there.
    let _mount = on_tmpfs(rig, "size=48m,mode=755");
    let large = rig.path("fresh-3.1").to_owned();
    fs::write(real(rig, &large).join("large"), vec![7_u8; 4 << 20]).unwrap();
    used(rig, &large, 300);
    rig.sql(&format!(
        "pragma foreign_keys=0; insert into Refs select 9999, id from ValidPaths where path = '{}'",
        rig.path("rotated-1.0")
    ));
    let before = valid(rig);
    let in_use_before = in_use(rig);
    let done = rig.run("gc root --grace 0s --keep-newest 0 --yes --json");
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let done: Value = serde_json::from_slice(&done.stdout).unwrap();
    let gone = before.difference(&valid(rig)).count();
    assert!(gone > 0, "{done}");
    let receipt = &done["receipt"];
    assert_eq!(receipt["done"], gone);
    assert!(!real(rig, &large).exists(), "{receipt}");
    let came_free = in_use_before - in_use(rig);
    assert!(came_free >= 4 << 20, "{came_free}");
    // The database's log is on the same file system.
    let freed = receipt["freed"].as_u64().unwrap();
    assert!(freed.abs_diff(came_free) < 1 << 20, "{freed} {came_free}");
    assert_eq!(receipt["freedMeasured"], true, "{receipt}");
    let record = records(rig).pop().unwrap();
    assert_eq!((record.freed, record.freed_measured), (Some(freed), true));
}
