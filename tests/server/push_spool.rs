//! The spool of pushes: a real build's hook, a drain that is killed at random, entries that are none, a server that comes back.

use crate::help::{json, text};
use crate::push::{Running, only_these_were_signed, push, records, served, signatures, there};
use crate::rig::{DelayProxy, OURS, Rig, wait_until};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

fn spool(rig: &Rig) -> PathBuf {
    rig.scratch().join("spool")
}

/// The names of the entries that wait.
fn entries(rig: &Rig) -> Vec<String> {
    let found = fs::read_dir(spool(rig)).into_iter().flatten().flatten();
    let mut names: Vec<String> = found
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| {
            name.split_once(".json")
                .is_some_and(|(stem, end)| end.is_empty() && !stem.is_empty())
                && !name.starts_with('.')
        })
        .collect();
    names.sort();
    names
}

/// What a hook calls.
fn hook(rig: &Rig, server: &str, paths: &str) -> Command {
    let folder = spool(rig).display().to_string();
    let mut hook = rig.storekeeper_there(["push", server, "--spool", &folder]);
    hook.env("OUT_PATHS", paths);
    hook
}

fn add(rig: &Rig, server: &str, paths: &str) {
    let output = hook(rig, server, paths).output().unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

fn drain_line(rig: &Rig, server: &str) -> String {
    format!(
        "push {server} --spool {} --drain --yes",
        spool(rig).display()
    )
}

fn server_through(rig: &Rig, name: &str) -> DelayProxy {
    let proxy = rig.proxied(Duration::ZERO);
    rig.add_server(&rig.server_section(name, "root", proxy.port(), ""));
    proxy
}

/// A real build with a real hook; what it made is kept here until it is there.
#[test]
fn a_post_build_hook_spools_what_was_built_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let before = signatures(rig);
        let script = rig.scratch().join("hook");
        let reported = hook(rig, "root", "");
        let mut words: Vec<String> = vec![reported.get_program().display().to_string()];
        words.extend(reported.get_args().map(|arg| arg.display().to_string()));
        fs::write(
            &script,
            format!(
                "#!/bin/sh\nset -eu\nHOME={} exec {}\n",
                rig.file("home-here"),
                words.join(" ")
            ),
        )
        .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let hook_option =
            ["--option", "post-build-hook", &script.display().to_string()].map(str::to_owned);
        let chain = rig.build_chain_with("chain", 2, 1000, &hook_option);
        assert_eq!(entries(rig).len(), 2);
        assert_eq!(there(rig, &chain), 0);
        let delete = |path: &str| {
            let output = rig
                .on_origin("nix-store")
                .args(["--delete", path])
                .output()
                .unwrap();
            (output.status.success(), text(&output.stderr))
        };
        let (gone, said) = delete(&chain[1]);
        assert!(!gone && said.contains("alive"), "{said}");
        let done = push(rig, &drain_line(rig, "root"), 0);
        assert_eq!(done["waiting"], 0, "{done}");
        assert_eq!(done["pushed"][0]["entries"].as_array().unwrap().len(), 2);
        assert_eq!(done["pushed"][0]["receipt"]["done"], 2);
        assert_eq!(entries(rig), Vec::<String>::new());
        only_these_were_signed(rig, &before, &chain);
        served(rig, &chain);
        let (gone, said) = delete(&chain[1]);
        assert!(gone, "{said}");
        // Nothing waits, and nothing is done.
        let idle = push(rig, &drain_line(rig, "root"), 0);
        assert_eq!(idle["pushed"], serde_json::json!([]));
        assert_eq!(records(rig).len(), 1);
    });
}

/// Without a connection, in an instant; a pin goes along.
#[test]
fn spooling_needs_no_server() {
    let rig = Rig::new();
    let chain = rig.build_chain("chain", 1, 10);
    rig.add_server(&rig.server_section("down", "root", 1, ""));
    let folder = spool(&rig).display().to_string();
    let line = [
        "push", "down", "--spool", &folder, &chain[0], "--pin", "release", "--json",
    ];
    let output = rig.storekeeper_there(line).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(json(&output)["spooled"]["paths"][0], chain[0]);
    let unreachable = push(&rig, &drain_line(&rig, "down"), 3);
    assert_eq!(unreachable["waiting"], 1);
    assert_eq!(entries(&rig).len(), 1);
    // Nothing was counted against it.
    let text = fs::read_to_string(spool(&rig).join(&entries(&rig)[0])).unwrap();
    assert!(text.contains("\"tries\":0"), "{text}");
    // It is for another server.
    assert_eq!(
        push(&rig, &drain_line(&rig, "root"), 0)["pushed"],
        serde_json::json!([])
    );
    fs::write(
        spool(&rig).join(&entries(&rig)[0]),
        text.replace("\"down\"", "\"root\""),
    )
    .unwrap();
    push(&rig, &drain_line(&rig, "root"), 0);
    let pin = rig.file("server/nix/var/nix/gcroots/storekeeper/release");
    assert_eq!(fs::read_link(pin).unwrap().to_string_lossy(), chain[0]);
}

/// They are set aside with a reason and hold nothing up.
#[test]
fn what_can_not_be_pushed_is_set_aside() {
    let rig = Rig::new();
    let chain = rig.build_chain("chain", 2, 10);
    add(&rig, "root", &chain[0]);
    let at = |name: &str| spool(&rig).join(name);
    let good = fs::read(at(&entries(&rig)[0])).unwrap();
    fs::write(at("1.json"), &good[..30]).unwrap();
    fs::write(at("2.json"), &good).unwrap();
    std::os::unix::fs::chown(at("2.json"), Some(61_002), None).unwrap();
    fs::write(
        at("3.json"),
        r#"{"schema":1,"server":"root","paths":["/etc/passwd"]}"#,
    )
    .unwrap();
    let gone = "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0";
    fs::write(
        at("4.json"),
        format!(r#"{{"schema":1,"server":"root","paths":["{gone}"]}}"#),
    )
    .unwrap();
    let done = push(&rig, &drain_line(&rig, "root"), 1);
    assert_eq!(done["setAside"].as_array().unwrap().len(), 3, "{done}");
    assert_eq!(done["failed"][0]["entry"], "4.json");
    assert_eq!(there(&rig, &chain[..1]), 1);
    served(&rig, &chain[..1]);
    // What is gone here is tried a few times.
    push(&rig, &drain_line(&rig, "root"), 1);
    let last = push(&rig, &drain_line(&rig, "root"), 1);
    assert_eq!(last["setAside"][0]["entry"], "4.json", "{last}");
    assert!(
        fs::read_to_string(at("bad/4.json.why"))
            .unwrap()
            .contains("is not in the store")
    );
    assert_eq!(entries(&rig), Vec::<String>::new());
    assert_eq!(push(&rig, &drain_line(&rig, "root"), 0)["waiting"], 0);
}

/// It goes on as entries come, waits for a server that is away, and there is one of it.
#[test]
fn a_drain_that_follows() {
    let rig = Rig::new();
    let chain = rig.build_chain("chain", 3, 1000);
    let proxy = server_through(&rig, "far");
    let line = format!("{} --follow", drain_line(&rig, "far"));
    let running = Running::start(rig.storekeeper_there(line.split(' ')));
    wait_until("the lock", || spool(&rig).join(".lock").exists());
    wait_until("the second one", || {
        let second = rig
            .storekeeper_there(drain_line(&rig, "far").split(' '))
            .output()
            .unwrap();
        second.status.code() == Some(4) && text(&second.stderr).contains("is being drained already")
    });
    add(&rig, "far", &chain[0]);
    wait_until("the first entry", || entries(&rig).is_empty());
    proxy.refuse(true);
    proxy.cut();
    add(&rig, "far", &chain[2]);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(entries(&rig).len(), 1);
    proxy.refuse(false);
    wait_until("the second entry", || entries(&rig).is_empty());
    served(&rig, &chain);
    let (code, said) = running.terminate();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("trying again for as long as it takes"),
        "{said}"
    );
}

/// Killed at any moment, hook and drain: what was spooled is there and signed in the end, once, and was pinned once.
#[test]
fn nothing_is_lost_and_nothing_is_done_twice_whenever_it_is_killed() {
    let kills = std::env::var("STOREKEEPER_TEST_KILLS").map_or(12, |text| text.parse().unwrap());
    let rig = Rig::new();
    let before = signatures(&rig);
    let chain = rig.build_chain("chain", kills * 2, 60_000);
    let proxy = server_through(&rig, "far");
    proxy.limit(2_000_000);
    let line = drain_line(&rig, "far");
    let mut accepted = Vec::new();
    for round in 0..kills {
        for path in &chain[2 * round..2 * round + 2] {
            // A hook that was killed has not accepted its path; the build would fail, and be done again.
            let killed = Running::start(hook(&rig, "far", path));
            std::thread::sleep(Duration::from_millis(pause(round, 60)));
            killed.kill();
            let mut accepting = hook(&rig, "far", path);
            accepting.args(["--pin", &format!("pin-{}", accepted.len())]);
            assert!(accepting.status().unwrap().success());
            accepted.push(path.clone());
        }
        let drain = Running::start(rig.storekeeper_there(line.split(' ')));
        std::thread::sleep(Duration::from_millis(150 + pause(round, 1700)));
        drain.kill();
    }
    proxy.limit(0);
    wait_until("the rest", || {
        let output = rig.storekeeper_there(line.split(' ')).output().unwrap();
        assert!(
            [Some(0), Some(4)].contains(&output.status.code()),
            "{}",
            text(&output.stderr)
        );
        entries(&rig).is_empty()
    });
    only_these_were_signed(&rig, &before, &accepted);
    for path in [&accepted[0], &accepted[accepted.len() - 1]] {
        assert_eq!(
            rig.client_accepts_with(path, &[rig.public_key(OURS)]),
            Ok(())
        );
    }
    for (number, path) in accepted.iter().enumerate() {
        let pin = format!("server/nix/var/nix/gcroots/storekeeper/pin-{number}");
        let target = fs::read_link(rig.file(&pin)).unwrap();
        assert_eq!(target.to_string_lossy(), *path);
    }
    // No path or pin is in two records of pushes that came to their end, none was registered twice, and nothing was set aside.
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for record in records(&rig)
        .iter()
        .filter(|record| record["result"] == "done")
    {
        for item in record["items"].as_array().unwrap() {
            *done.entry(item.as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    let twice: Vec<_> = done.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    // A pin whose push was killed right after it was made is in the record of that one.
    let paths = done.keys().filter(|item| item.starts_with('/'));
    assert_eq!(paths.count(), accepted.len());
    assert!(!spool(&rig).join("bad").exists());
    let journal = rig
        .scratch()
        .join("home-here/.local/state/storekeeper/push/far.json");
    assert!(!journal.exists());
}

/// Milliseconds that differ from round to round and are the same each time.
fn pause(round: usize, most: u64) -> u64 {
    (round as u64 * 7919 + 13) * 104_729 % most
}
