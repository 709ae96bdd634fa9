//! Jobs that come to no good end, on a real server: killed, or asked to stop by a signal. What the next one finds, what the
//! audit log says, and that exactly what is said was done.

use crate::help::terminal::{Terminal, is_read};
use crate::help::{json, text};
use crate::rig::{Nix, OURS, Rig, wait_until};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use storekeeper::change::audit::{self, Record};

/// Enough to be stopped in the middle of: a tenth is not signed.
const PATHS: u32 = 10_000;

/// Makes the database take some milliseconds for each signature, so that there is a middle.
const SLOW: &str = "create trigger slow before update on ValidPaths begin \
                    select length(hex(randomblob(1000000))); end;";

/// The same, so slow that no call comes to its end before it is cut off.
const SLOWER: &str = "create trigger slow before update on ValidPaths begin \
                      select length(hex(randomblob(6000000))); end;";

/// Takes back what was signed since the first call, and makes signing slow: each round has as much before it as the first.
fn afresh(rig: &Rig, slow: &str) {
    rig.sql(&format!(
        "drop trigger if exists slow; \
         create table if not exists AtFirst as select id from ValidPaths where sigs is not null; \
         update ValidPaths set sigs = null where id not in (select id from AtFirst); {slow}"
    ));
}

fn spawn(rig: &Rig, line: &str) -> Child {
    rig.storekeeper_command(line.split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn records(rig: &Rig) -> Vec<Record> {
    let log = std::fs::read(rig.file("var/audit.jsonl")).unwrap_or_default();
    assert!(audit::verify(&log).broken().is_none());
    audit::read(&log)
}

/// What jobs have left beside the audit log.
fn left(rig: &Rig) -> usize {
    let entries = std::fs::read_dir(rig.file("var")).unwrap();
    let names = entries.map(|entry| text(entry.unwrap().file_name().as_encoded_bytes()));
    names.filter(|name| name.starts_with("unfinished-")).count()
}

fn signed(rig: &Rig) -> BTreeSet<String> {
    rig.sql("select path from ValidPaths where sigs is not null;")
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The checks of `status` of this id.
fn checks(rig: &Rig, id: &str) -> Vec<String> {
    let status = json(&rig.run("status root --json"));
    let checks = status["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["id"] == id)
        .map(|check| check["summary"].to_string())
        .collect()
}

/// Starts to sign everything, and comes back in the middle of it.
fn signing(rig: &Rig) -> Child {
    signing_by(rig, "sign root --all --yes --json")
}

fn signing_by(rig: &Rig, line: &str) -> Child {
    let before = signed(rig).len();
    let mut child = spawn(rig, line);
    wait_until("some signatures", || {
        if child.try_wait().unwrap().is_some() {
            let mut said = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            panic!("{line} has ended: {said}");
        }
        signed(rig).len() > before + 20
    });
    child
}

#[test]
fn signing_that_is_killed_is_told_and_the_next_change_writes_its_record() {
    let rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    rig.sql(SLOW);
    let mut child = signing(&rig);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.is_empty());
    // Nix there signs to the end of what it was given.
    let mut last = 0;
    wait_until("the end of Nix", || {
        let now = signed(&rig).len();
        std::thread::sleep(std::time::Duration::from_millis(500));
        std::mem::replace(&mut last, now) == now
    });
    rig.sql("drop trigger slow;");
    wait_until("the end of the lock", || {
        !checks(&rig, "change-interrupted").is_empty()
    });
    let reported = checks(&rig, "change-interrupted");
    assert!(
        reported[0].contains("a signing was interrupted")
            && reported[0].contains("signing again goes on"),
        "{reported:?}"
    );
    assert!(records(&rig).is_empty());
    let again = rig.run("sign root --all --yes --json");
    assert_eq!(
        json(&again)["receipt"]["result"],
        "done",
        "{}",
        json(&again)
    );
    let records = records(&rig);
    assert_eq!(records.len(), 2);
    assert_eq!(
        (records[0].change.as_str(), records[0].result.as_str()),
        ("sign", audit::INTERRUPTED)
    );
    assert_eq!(records[0].items.len(), records[0].items_total.min(1000));
    assert!(reported[0].contains(&records[0].id));
    assert_eq!(records[1].result, "done");
    assert_eq!(left(&rig), 0);
    assert!(checks(&rig, "change-interrupted").is_empty());
    let verified = rig.run("audit root --verify");
    assert!(verified.status.success(), "{}", text(&verified.stdout));
}

#[test]
fn several_change_something_at_once() {
    let rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    rig.sql(SLOWER);
    let first = signing(&rig);
    assert_eq!(left(&rig), 1);
    let running = checks(&rig, "change-running");
    assert_eq!(running.len(), 1, "{running:?}");
    assert!(running[0].contains("sign "), "{running:?}");
    // Nobody is held up.
    let second = spawn(&rig, "sign root --all --yes --json");
    wait_until("both", || left(&rig) == 2);
    let paths = rig.sql("select path from ValidPaths order by id limit 1;");
    let pin = format!("pin root {} --name kept --yes", paths.trim());
    let pinned = rig.run(&pin);
    assert!(pinned.status.success(), "{}", text(&pinned.stderr));
    // Both were there at once; their end needs no time.
    rig.sql("drop trigger slow;");
    for child in [first, second] {
        let output = child.wait_with_output().unwrap();
        assert_eq!(json(&output)["receipt"]["result"], "done");
    }
    assert_eq!((records(&rig).len(), left(&rig)), (3, 0));
}

fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The last record is of a job that was cancelled, and exactly what it says was signed since then is signed, also a moment
/// later.
fn is_cancelled(rig: &Rig, before: usize) -> usize {
    let now = signed(rig).len() - before;
    let record = records(rig).pop().unwrap();
    assert_eq!((record.result.as_str(), record.done), ("cancelled", now));
    assert!(now < record.items_total, "{now}");
    assert_eq!(left(rig), 0);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(signed(rig).len() - before, now, "it went on");
    now
}

#[test]
fn a_signal_stops_a_command_in_good_order() {
    let rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    let local = format!(
        "sign root --all --yes --json --key-file {}",
        rig.secret_key_file(OURS).display()
    );
    for (name, line) in [
        ("TERM", "sign root --all --yes --json"),
        ("HUP", &local),
        ("INT", "sign sudo --all --yes --json"),
    ] {
        afresh(&rig, SLOWER);
        let before = signed(&rig).len();
        let child = signing_by(&rig, line);
        let reported = Instant::now();
        signal(child.id(), name);
        let output = child.wait_with_output().unwrap();
        assert!(reported.elapsed() < Duration::from_secs(60), "{name}");
        let receipt = &json(&output)["receipt"];
        assert_eq!(output.status.code(), Some(130), "{name}: {receipt}");
        assert_eq!(receipt["result"], "cancelled", "{name}: {receipt}");
        let done = is_cancelled(&rig, before);
        assert_eq!(receipt["done"], done, "{name}");
    }
}

/// The server `slow`: root's, behind a proxy.
fn proxied(rig: &Rig) -> crate::rig::DelayProxy {
    let proxy = rig.proxied(Duration::ZERO);
    rig.add_server(&rig.server_section("slow", "root", proxy.port(), ""));
    proxy
}

#[test]
fn on_a_server_that_stalls_one_signal_takes_seconds_and_a_second_one_nothing() {
    let rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    let proxy = proxied(&rig);
    for signals in [1, 2] {
        afresh(&rig, SLOW);
        let child = signing_by(&rig, "sign slow --all --yes --json");
        proxy.stall();
        let reported = Instant::now();
        signal(child.id(), "TERM");
        if signals == 2 {
            std::thread::sleep(Duration::from_millis(500));
            signal(child.id(), "TERM");
        }
        let output = child.wait_with_output().unwrap();
        let took = reported.elapsed();
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stdout));
        let most = if signals == 1 { 8 } else { 3 };
        assert!(took < Duration::from_secs(most), "{signals}: {took:?}");
        let answer = json(&output);
        if signals == 1 {
            assert!(
                answer["receipt"]["failed"]
                    .to_string()
                    .contains("audit log")
            );
        } else {
            assert!(
                answer["error"]["message"]
                    .to_string()
                    .contains("second signal")
            );
        }
        proxy.cut();
        proxy.resume();
        // Its record is written by the next one.
        wait_until("the end of the lock", || {
            !checks(&rig, "change-interrupted").is_empty()
        });
        let paths = rig.sql("select path from ValidPaths order by id limit 1;");
        let pin = format!("pin root {} --name kept-{signals} --yes", paths.trim());
        assert!(rig.run(&pin).status.success());
        let found = records(&rig);
        assert_eq!(found[found.len() - 2].result, audit::INTERRUPTED);
    }
}

#[test]
fn a_console_on_a_server_that_stalls_says_what_it_waits_for_and_a_second_signal_ends_it() {
    let rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    let proxy = proxied(&rig);
    for signals in [1, 2] {
        afresh(&rig, SLOW);
        let command = rig.storekeeper_command(["slow"]);
        let mut terminal = console_that_signs(&rig, &command);
        proxy.stall();
        terminal.signal("TERM");
        terminal.wait_for("Cancelling;");
        // No key keeps it.
        terminal.keys("\u{1b}");
        terminal.wait("no dialog", |text| !text.contains("Cancelling;"));
        let reported = Instant::now();
        if signals == 2 {
            terminal.signal("TERM");
        }
        assert_eq!(terminal.exit(), 130);
        let most = if signals == 1 { 9 } else { 3 };
        assert!(reported.elapsed() < Duration::from_secs(most), "{signals}");
        proxy.cut();
        proxy.resume();
    }
}

/// Opens the console, and comes back while it signs.
fn console_that_signs(rig: &Rig, command: &std::process::Command) -> Terminal {
    let before = signed(rig).len();
    let mut terminal = Terminal::start(command, 80, 24);
    terminal.wait("a store that is read", is_read);
    terminal.keys("3");
    terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
    terminal.mark_all();
    terminal.keys("s");
    terminal.wait_for("┌ Sign ");
    terminal.keys("\r");
    wait_until("some signatures", || signed(rig).len() > before + 20);
    terminal
}

#[test]
fn a_signal_stops_a_console_in_good_order() {
    let rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    for name in ["TERM", "HUP"] {
        afresh(&rig, SLOWER);
        let before = signed(&rig).len();
        let command = rig.storekeeper_command(["root"]);
        let mut terminal = console_that_signs(&rig, &command);
        terminal.signal(name);
        assert_eq!(terminal.exit(), 130, "{name}");
        terminal.until("a terminal that is given back", || terminal.given_back());
        is_cancelled(&rig, before);
    }
}

/// The same command below a shell that stays.
fn below_a_shell(command: &std::process::Command) -> std::process::Command {
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "\"$@\"; true", "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn a_terminal_that_is_gone_stops_what_runs_in_good_order() {
    let rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    for console in [true, false] {
        afresh(&rig, SLOWER);
        let before = signed(&rig).len();
        let terminal = if console {
            let command = rig.storekeeper_command(["root"]);
            console_that_signs(&rig, &below_a_shell(&command))
        } else {
            let command = rig.storekeeper_command(["sign", "root", "--all", "--yes"]);
            let terminal = Terminal::start(&below_a_shell(&command), 80, 24);
            wait_until("some signatures", || signed(&rig).len() > before + 20);
            terminal
        };
        let pid = terminal.pid();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let child = std::fs::read_to_string(children).unwrap();
        let child: u32 = child.trim().parse().unwrap();
        // With its leader the session loses its terminal.
        signal(pid, "KILL");
        wait_until("the end", || {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat"));
            stat.map_or(true, |stat| stat.contains(") Z "))
        });
        is_cancelled(&rig, before);
    }
}
