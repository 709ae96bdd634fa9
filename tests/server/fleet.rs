//! `status --all` and the formats of `status` for machines, on real servers of which some hang or are not there.

use crate::help::{json, text};
use crate::rig::{Access, Rig, need, wait_until};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Servers of a configuration, and those of them that hang.
const SERVERS: usize = 20;
const HANGING: usize = 3;

/// What `promtool` has to say of metrics; nothing where they are as they should be.
fn promtool(metrics: &[u8]) -> String {
    let mut child = Command::new(need::program("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(metrics).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

#[test]
fn servers_that_hang_hold_up_no_other_and_are_reported() {
    let rig = Rig::new();
    let port = rig.port(Access::Root);
    for number in 0..SERVERS - HANGING - Access::ALL.len() {
        rig.add_server(&rig.server_section(&format!("well-{number}"), "root", port, ""));
    }
    let proxies: Vec<_> = (0..HANGING)
        .map(|number| {
            let proxy = rig.proxied(Duration::ZERO);
            let name = format!("hangs-{number}");
            rig.add_server(&rig.server_section(&name, "root", proxy.port(), ""));
            proxy.stall();
            proxy
        })
        .collect();
    let output = rig.run("status --all --json -q");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    let all = json(&output);
    assert_eq!(all["state"], "unreachable");
    let servers = all["servers"].as_array().unwrap();
    let word = |name: &str| {
        let found = servers.iter().find(|server| server["server"] == name);
        found.unwrap()["state"].clone()
    };
    assert_eq!(servers.len(), SERVERS);
    for number in 0..HANGING {
        assert_eq!(word(&format!("hangs-{number}")), "unreachable");
    }
    for access in Access::ALL {
        assert_ne!(word(access.server()), "unreachable", "{all}");
    }
    for number in 0..SERVERS - HANGING - Access::ALL.len() {
        assert_ne!(word(&format!("well-{number}")), "unreachable", "{all}");
    }
    // The order is that of the configuration.
    assert!(servers.last().unwrap()["server"] == "hangs-2");
    let error = &servers.last().unwrap()["error"];
    let message = error["message"].as_str().unwrap();
    // Because not a byte has come while all the others have answered: one that has sent something would have got longer.
    assert!(message.starts_with("it has not sent a byte"), "{error}");
    drop(proxies);

    let output = rig.run("status --all -q");
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output.stdout);
    assert!(
        said.lines().next().unwrap().starts_with(" x  hangs-"),
        "{said}"
    );
    assert!(
        said.contains(" root ") && said.contains(" refused, "),
        "{said}"
    );
}

#[test]
fn one_that_hangs_once_it_is_connected_is_not_waited_for() {
    let rig = Rig::new();
    let proxy = rig.proxied(Duration::ZERO);
    // Nix's settings are asked for by the probe, the reader of the database and the look at the disk. Whichever is third, the
    // connection is there by then: it says so, and never answers.
    let [asked, hangs] = ["asked", "hangs"].map(|name| rig.file(name));
    fs::write(&hangs, "").unwrap();
    let script = format!(
        r#"case "$*" in
*show-config*)
    mkdir {asked}-1 2>/dev/null || mkdir {asked}-2 2>/dev/null || : >{asked}
    while [ -e {asked} ] && [ -e {hangs} ]; do sleep 1; done ;;
esac
exec "$real" "$@""#
    );
    let nix = rig.in_place_of_nix("hanging-nix", &script);
    let more = format!("nix_command = \"{}\"\n", nix.display());
    rig.add_server(&rig.server_section("hangs", "root", proxy.port(), &more));
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("it is connected", || Path::new(&asked).exists());
            proxy.stall();
        });
        rig.run("status hangs --json -q")
    });
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    let error = &json(&output)["error"];
    assert_eq!(
        error["message"], "it has not answered within 10 s",
        "{error}"
    );
    // One that is only slow is.
    fs::remove_file(&hangs).unwrap();
    proxy.resume();
    proxy.limit(40_000);
    let output = rig.run("status hangs --json -q");
    assert_ne!(output.status.code(), Some(3), "{}", text(&output.stdout));
}

#[test]
fn each_answer_of_all_is_that_of_one() {
    let rig = Rig::new();
    let all = rig.run("status --all --json -q --timeout 300");
    let all = json(&all);
    let mut worst = 0;
    for access in Access::ALL {
        let one = rig.run(&format!("status {} --json", access.server()));
        worst = worst.max(one.status.code().unwrap());
        let mut one = json(&one);
        let servers = all["servers"].as_array().unwrap().iter();
        let mut same = servers
            .filter(|server| server["server"] == access.server())
            .cloned()
            .collect::<Vec<_>>();
        // What differs from moment to moment.
        for document in same.iter_mut().chain([&mut one]) {
            let document = document.as_object_mut().unwrap();
            document.remove("schema");
            document.remove("disk");
            let checks = document["checks"].as_array_mut().unwrap();
            checks.retain(|check| {
                ![
                    "connection",
                    "store-disk",
                    "store-inodes",
                    "root-disk",
                    "database",
                    "load",
                ]
                .contains(&check["id"].as_str().unwrap())
            });
            for check in checks {
                let summary = check["summary"].as_str().unwrap();
                let words = summary.split(' ').collect::<Vec<_>>();
                let aged = |at: &usize| {
                    words
                        .get(at + 1)
                        .is_none_or(|next| !next.starts_with("ago"))
                };
                let lasting: Vec<&str> =
                    (0..words.len()).filter(aged).map(|at| words[at]).collect();
                check["summary"] = lasting.join(" ").into();
            }
        }
        assert_eq!(same, [one]);
    }
    assert_eq!(
        rig.run("status --all -q --timeout 300").status.code(),
        Some(worst)
    );
    // Worst first.
    let states = |document: &serde_json::Value| -> Vec<usize> {
        let checks = document["checks"].as_array().unwrap().iter();
        let order = ["critical", "warning", "unknown", "fine"];
        checks
            .map(|check| {
                order
                    .iter()
                    .position(|word| check["state"] == *word)
                    .unwrap()
            })
            .collect()
    };
    for server in all["servers"].as_array().unwrap() {
        assert!(states(server).is_sorted(), "{server}");
    }
}

#[test]
fn monitors_read_it() {
    let rig = Rig::new();
    let gone = rig.proxied(Duration::ZERO);
    rig.add_server(&rig.server_section("gone", "root", gone.port(), ""));
    drop(gone);
    let metrics = rig.run("status --all --format prometheus -q --timeout 300");
    assert_eq!(metrics.status.code(), Some(0), "{}", text(&metrics.stderr));
    assert_eq!(promtool(&metrics.stdout), "");
    let said = text(&metrics.stdout);
    for line in [
        "storekeeper_up{server=\"root\"} 1",
        "storekeeper_up{server=\"gone\"} 0",
        "storekeeper_check_state{server=\"root\",check=\"unsigned-paths\"}",
        "storekeeper_paths{server=\"sudo\",trust=\"ours\"}",
        "storekeeper_disk_available_bytes{server=\"root\"}",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let one = rig.run("status root --format nagios");
    let status = json(&rig.run("status root --json"));
    let first = text(&one.stdout).lines().next().unwrap().to_owned();
    let word = status["state"].as_str().unwrap().to_uppercase();
    assert!(
        first.starts_with(&format!("STOREKEEPER {word} - ")),
        "{first}"
    );
    let paths = format!("| paths={};;;0 refused=", status["counts"]["paths"]);
    assert!(first.contains(&paths), "{first}");
    assert_eq!(one.status.code(), rig.run("status root").status.code());
    let gone = rig.run("status gone --format nagios");
    assert_eq!(gone.status.code(), Some(3));
    assert!(text(&gone.stdout).starts_with("STOREKEEPER UNKNOWN - "));
    let both = rig.run("status root --json --format nagios");
    assert_eq!(both.status.code(), Some(2));
}
