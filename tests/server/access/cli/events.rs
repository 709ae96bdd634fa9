//! `watch` on a real server: each event soon after it has really happened, for a reader of lines and for a program.

use super::{House, text};
use crate::rig::{Rig, wait_until};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A `watch` that runs.
struct Watching {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
}

impl Watching {
    /// Begins, and waits until changes are seen.
    fn start(rig: &Rig, line: &str) -> Self {
        let mut child = rig
            .storekeeper_command(line.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in output.lines() {
                let line = serde_json::from_str(&line.unwrap()).unwrap();
                kept.lock().unwrap().push(line);
            }
        });
        Self {
            child,
            lines,
            reader: Some(reader),
        }
    }

    fn of(&self, kind: &str) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let of_kind = lines.iter().filter(|line| line["event"] == kind);
        of_kind.cloned().collect()
    }

    /// Waits for so many events of a kind, and gives them.
    fn wait(&self, kind: &str, many: usize) -> Vec<Value> {
        wait_until(kind, || self.of(kind).len() >= many);
        self.of(kind)
    }

    /// Stops it as a service manager does; gives its exit code and what it said on standard error.
    fn stop(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        let output = self.child.wait_with_output().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (output.status.code(), text(&output.stderr))
    }
}

fn there(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

#[test]
fn each_event_is_told_as_it_happens() {
    let house = House::new();
    let rig = &house.rig;
    let watching = Watching::start(rig, "watch prod --jsonl");
    assert_eq!(watching.wait("connection", 1)[0]["state"], "watched");
    // What was so before is no event. How full this machine's disk is does not matter here.
    let others = {
        let lines = watching.lines.lock().unwrap();
        lines.iter().filter(|line| line["event"] != "disk").count()
    };
    assert_eq!(others, 1);
    let file = rig.scratch().join("uploaded");
    fs::write(&file, "contents").unwrap();
    let path = there(rig.nix_here("nix-store").arg("--add").arg(&file));
    assert_eq!(watching.wait("upload", 1)[0]["path"], path);
    let upload = watching.of("upload").pop().unwrap();
    assert_eq!(
        (&upload["schema"], &upload["server"]),
        (&1.into(), &"prod".into())
    );
    // It has a content address, so no client refuses it.
    assert_eq!(
        (&upload["trust"], &upload["refused"]),
        (&"content-addressed".into(), &false.into())
    );
    assert_eq!(watching.of("refused-path"), Vec::<Value>::new());

    let receipt = house.json("sign root --all --yes", 0)["receipt"].take();
    let signed = watching.wait("signature", receipt["done"].as_u64().unwrap() as usize);
    assert!(
        signed.iter().all(|one| one["trust"] == "ours"),
        "{signed:?}"
    );
    let file = rig.path("top-1.0");
    rig.sql(&format!(
        "update ValidPaths set sigs = null where path = '{file}';"
    ));
    let lost = watching.wait("refused-path", 1);
    assert_eq!(lost[0]["path"], file);

    there(rig.nix_here("nix-store").args(["--delete", &path]));
    let deleted = watching.wait("deleted", 1);
    assert_eq!(deleted[0]["paths"], 1);

    let lock = rig.scratch().join("server/nix/var/nix/gc.lock");
    let held = File::create(&lock).unwrap();
    held.lock().unwrap();
    watching.wait("collection", 1);
    held.unlock().unwrap();
    let states: Vec<Value> = watching.wait("collection", 2);
    assert!(
        states[states.len() - 2]["state"] == "began"
            && states[states.len() - 1]["state"] == "ended"
    );

    // An unknown key, for which the knock writes a request.
    house.new_key("asks", "ada");
    assert!(!house.lets_in("asks"));
    let request = watching.wait("request", 1);
    assert_eq!(request.len(), 1);
    let login = watching.wait("refused-login", 1);
    assert_eq!(login[0]["fingerprint"], request[0]["fingerprint"]);
    assert_eq!(login[0]["from"], "127.0.0.1");
    house.says(
        &format!(
            "requests prod deny {} --yes --reason no",
            request[0]["id"].as_str().unwrap()
        ),
        0,
    );
    assert!(!house.lets_in("asks"));
    let login = watching.wait("refused-login", 2);
    let why = login[1]["message"].as_str().unwrap();
    assert!(why.contains("denied"), "{why}");

    let file = house.new_key("ends", "eve");
    house.says(&format!("keys prod authorize {file} --expires 2d --yes"), 0);
    let ends = watching.wait("key-expiring", 1);
    assert_eq!(
        (&ends[0]["comment"], &ends[0]["expired"]),
        (&"eve".into(), &false.into())
    );

    let (code, said) = watching.stop();
    assert_eq!(code, Some(130), "{said}");
}

#[test]
fn a_daemon_that_stops_is_an_event_and_so_is_a_connection_that_breaks() {
    let mut rig = Rig::new();
    let watching = Watching::start(&rig, "watch via-socket --jsonl --events daemon,connection");
    watching.wait("connection", 1);
    let pid = rig.daemon_pid().to_string();
    there(Command::new("kill").args(["-KILL", &pid]));
    assert_eq!(watching.wait("daemon", 1)[0]["listens"], false);
    rig.reconfigure("");
    assert_eq!(watching.wait("daemon", 2)[1]["listens"], true);
    rig.sshd(crate::rig::Access::ViaSocket).kill_sessions();
    wait_until("a connection that is made again", || {
        let states = watching.of("connection");
        let states: Vec<&str> = states
            .iter()
            .map(|one| one["state"].as_str().unwrap())
            .collect();
        states.contains(&"lost") && states.last() == Some(&"watched")
    });
    let kinds = watching.lines.lock().unwrap();
    assert!(
        kinds
            .iter()
            .all(|line| line["event"] == "daemon" || line["event"] == "connection")
    );
    drop(kinds);
    watching.stop();
}

#[test]
fn a_program_gets_events_on_its_input_and_is_not_run_for_each() {
    let house = House::new();
    let rig = &house.rig;
    let (got, runs) = (rig.file("got"), rig.file("runs"));
    let run = format!("cat >> {got}; echo x >> {runs}");
    let mut command = rig.storekeeper_command(
        "watch prod --jsonl --events signature,connection --exec-pause 1h".split(' '),
    );
    let mut child = command
        .args(["--exec", &run])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = || fs::read_to_string(&got).unwrap_or_default().lines().count();
    let mut seen = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut reported: Vec<String> = Vec::new();
    // From then on what happens is seen.
    let began = seen.next().unwrap().unwrap();
    assert!(began.contains("watched"), "{began}");
    reported.push(began);
    // It is run for that at once.
    wait_until("a first run", || lines() == 1);
    house.says("sign root --all --yes", 0);
    // They wait for the next run, which is due in an hour, or when this ends.
    while reported.len() < 2 {
        reported.push(seen.next().unwrap().unwrap());
    }
    assert_eq!(lines(), 1);
    there(Command::new("kill").arg(child.id().to_string()));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    reported.extend(seen.map(Result::unwrap));
    let passed = fs::read_to_string(&got).unwrap();
    assert_eq!(passed.lines().collect::<Vec<_>>(), reported);
    let all: Vec<Value> = reported
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        all[1..].iter().all(|one| one["event"] == "signature"),
        "{all:?}"
    );
    assert_eq!(fs::read_to_string(&runs).unwrap(), "x\nx\n");
}

/// What the module of NixOS runs, by the real Nix, with as much of nixpkgs' `lib` as it uses.
#[test]
fn the_nixos_module_watches_with_these_words() {
    let house = House::new();
    let module = fs::canonicalize("docs/nixos/watch.nix").unwrap();
    let words = house.rig.file("words");
    let fake = house.rig.file("package/bin/storekeeper");
    fs::create_dir_all(house.rig.file("package/bin")).unwrap();
    fs::write(
        &fake,
        format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > {words}\n"),
    )
    .unwrap();
    there(Command::new("chmod").args(["+x", &fake]));
    let expression = format!(
        "let lib = rec {{ mkOption = option: option; optionals = on: list: if on then list else [ ];
           nameValuePair = name: value: {{ inherit name value; }};
           mapAttrs' = f: set: builtins.listToAttrs (map (name: f name set.${{name}}) (builtins.attrNames set));
           escapeShellArgs = words: builtins.concatStringsSep \" \" (map (word: \"'${{word}}'\") words);
           types = {{ package = 1; str = 1; attrsOf = _: 1; submodule = _: 1; nullOr = _: 1; listOf = _: 1; }}; }};
         config.services.storekeeper-watch = {{ package = \"{}\"; configFile = \"/c.toml\";
           servers.prod = {{ events = [ \"daemon\" \"disk\" ]; exec = \"mail -s cache root\"; pause = \"1m\"; }};
           servers.test = {{ events = [ ]; exec = null; pause = \"10s\"; }}; }};
         in builtins.mapAttrs (_: service: service.script) (import {} {{ inherit lib config; }}).config.systemd.services",
        house.rig.file("package"),
        module.display()
    );
    let scripts = house.rig.evaluate(&expression);
    let run = |name: &str| -> Vec<String> {
        let script = scripts[name].as_str().unwrap();
        there(Command::new("sh").args(["-c", script]));
        let said = fs::read_to_string(&words).unwrap();
        said.lines().map(str::to_owned).collect()
    };
    let common = ["--jsonl", "--read-only", "--quiet", "--config", "/c.toml"];
    let all = [&["watch", "test"][..], &common].concat();
    assert_eq!(run("storekeeper-watch-test"), all);
    let more = [
        "--events",
        "daemon,disk",
        "--exec",
        "mail -s cache root",
        "--exec-pause",
        "1m",
    ];
    let all = [&["watch", "prod"][..], &common, &more].concat();
    assert_eq!(run("storekeeper-watch-prod"), all);
}
