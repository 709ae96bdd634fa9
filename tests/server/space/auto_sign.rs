//! Signing that runs by itself, on a real store: what a rule names is signed with all that it needs, and a real client takes it; what
//! none names, or what needs such a path, stays, with its reason.

use super::lease::{House, newer_nix, succeeds};
use crate::help::{carry_out, text, wait};
use crate::rig::{OURS, RETIRED, Rig, UPSTREAM, need};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use storekeeper::change::access::About;
use storekeeper::change::keep::{KeepError, install_auto_sign};
use storekeeper::change::{Answer, Outcome};
use storekeeper::server::AutoSignInstall;

fn install(rig: &Rig, names: &[&str], never: &[&str]) -> AutoSignInstall {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    AutoSignInstall {
        names: words(names),
        never: words(never),
        uploaders: vec![],
        sshd_log: None,
        key: rig.secret_key_file(OURS).display().to_string(),
        trusted: [OURS, RETIRED, UPSTREAM]
            .map(|key| rig.public_key(key))
            .into(),
        store: rig.file("server/nix/store"),
        log: rig.file("var/audit.jsonl"),
        folder: rig.file("etc-storekeeper"),
        units: rig.file("units"),
    }
}

/// The script as a timer runs it, by the shell that is asked for.
fn run(rig: &Rig, shell: &[&str], names: &[&str], never: &[&str]) {
    run_as(rig, shell, &install(rig, names, never));
}

fn run_as(rig: &Rig, shell: &[&str], install: &AutoSignInstall) {
    let nix = rig.nix.command("nix");
    run_with(rig, shell, install, nix.get_program());
}

fn run_with(rig: &Rig, shell: &[&str], install: &AutoSignInstall, nix: &OsStr) {
    fs::create_dir_all(rig.file("var")).unwrap();
    fs::create_dir_all(&install.folder).unwrap();
    let put =
        |file: &str, text: &str| fs::write(format!("{}/{file}", install.folder), text).unwrap();
    put("auto-sign", AutoSignInstall::script_text());
    put("audit-append", AutoSignInstall::append_text());
    put("auto-sign.rules", &install.rules());
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .arg(install.script())
        .arg(install.rules_file())
        .arg(nix);
    if let Some(bin) = rig.nix.bin() {
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", bin.display()));
    }
    succeeds(rig, &mut command);
}

/// Why each path that was left was left, by name, as the state file says.
fn left(rig: &Rig) -> BTreeMap<String, String> {
    let state = fs::read_to_string(rig.file("var/auto-sign.state")).unwrap();
    let waits = state.lines().filter_map(|line| line.strip_prefix("wait "));
    waits
        .map(|wait| {
            let mut words = wait.split(' ');
            let name = words.next().unwrap()[33..].to_owned();
            let why = words.next().unwrap();
            let of = words.next().unwrap();
            (name, format!("{why} {}", of.get(33..).unwrap_or(of)))
        })
        .collect()
}

fn check(rig: &Rig) -> Value {
    let output = rig.run("status root --json");
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = status["checks"].as_array().unwrap().iter();
    let found = checks.clone().find(|check| check["id"] == "auto-sign");
    found.cloned().unwrap_or_default()
}

#[test]
fn what_a_rule_names_is_signed_and_the_rest_waits_with_its_reason() {
    Rig::on_every_nix(|rig| {
        assert_eq!(check(rig), Value::Null);
        let library = rig.path("library-2.0").to_owned();
        assert!(rig.client_accepts(&library).is_err());
        run(rig, &["sh"], &["library-*"], &[]);
        // By the real client, with what needs it.
        assert_eq!(rig.client_accepts(&library), Ok(()));
        assert_eq!(rig.client_accepts(rig.path("application-2.0")), Ok(()));
        let waits = left(rig);
        assert_eq!(waits["fresh-3.1"], "name -");
        assert_eq!(waits["stranger-1.0"], "name -");
        assert!(!waits.contains_key("library-2.0") && !waits.contains_key("leaf-1.0"));
        assert!(rig.client_accepts(rig.path("fresh-3.1")).is_err());
        // Each run that signs has a record in a log that is whole.
        let audit = rig.ask("audit root", 0);
        let record = &audit["records"][0];
        assert_eq!(
            (&record["change"], &record["done"]),
            (&"auto-sign".into(), &1.into())
        );
        let log = fs::read_to_string(rig.file("var/audit.jsonl")).unwrap();
        assert!(
            log.contains(&format!("\"items\":[\"{library}\"],\"itemsTotal\":1,")),
            "{log}"
        );
        // The server says of it what it is: there is no timer here.
        let check = check(rig);
        assert_eq!(check["state"], "warning");
        assert!(
            check["summary"].as_str().unwrap().contains("is off"),
            "{check}"
        );
        // Again: there is nothing left to sign, and no record of that.
        run(rig, &["sh"], &["library-*"], &[]);
        assert_eq!(
            rig.ask("audit root", 0)["records"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    });
}

#[test]
fn a_closure_is_signed_whole_or_not_at_all() {
    Rig::on_every_nix(|rig| {
        rig.sql("update ValidPaths set sigs = null where path like '%-top-1.0' or path like '%-left-1.0'");
        let top = rig.path("top-1.0").to_owned();
        assert!(rig.client_accepts(&top).is_err());
        run(rig, &["sh"], &["top-*"], &[]);
        assert_eq!(left(rig)["top-1.0"], "needs left-1.0");
        assert!(rig.client_accepts(&top).is_err());
        // What is forbidden is so also where clients take it already.
        run(rig, &["sh"], &["top-*", "left-*"], &["right-?.?"]);
        assert_eq!(left(rig)["top-1.0"], "never right-1.0");
        assert!(!left(rig).contains_key("left-1.0"));
        run(rig, &["sh"], &["top-*"], &["t?p-1.0"]);
        assert_eq!(left(rig)["top-1.0"], "never -");
        assert!(rig.client_accepts(&top).is_err());
        run(rig, &["sh"], &["top-*"], &[]);
        assert_eq!(rig.client_accepts(&top), Ok(()));
        // What no signature fixes is not called signed.
        run(rig, &["sh"], &["truncated-*"], &[]);
        assert_eq!(left(rig)["truncated-1.0"], "bad -");
    });
}

#[test]
fn busybox_and_dash_do_the_same() {
    let rig = Rig::new();
    run(&rig, &["dash"], &["library-*"], &["fresh-*"]);
    let by_dash = left(&rig);
    assert_eq!(by_dash["fresh-3.1"], "never -");
    let tools = rig.scratch().join("busybox");
    let busybox = need::busybox(&tools);
    let path = std::env::var("PATH").unwrap();
    let path = format!("PATH={}:{path}", tools.display());
    let shell = ["env", &path, busybox.to_str().unwrap(), "sh"];
    run(&rig, &shell, &["library-*"], &["fresh-*"]);
    assert_eq!(left(&rig), by_dash);
    run(&rig, &shell, &["built-*"], &[]);
    assert_eq!(rig.client_accepts(rig.path("built-here-1.0")), Ok(()));
}

#[test]
fn it_is_installed_by_a_plan_and_reported_as_on() {
    let house = House::new();
    let rig = &house.rig;
    let asked = install(rig, &["library-*"], &["*-secret"]);
    let plan = |asked: &AutoSignInstall| {
        let facts = wait(house.server.auto_sign_facts(asked)).unwrap();
        install_auto_sign(&About::of(&house.server), facts, asked.clone())
    };
    let made = plan(&asked).unwrap();
    let receipt = wait(carry_out(&house.server, made, &Answer::Flag, None));
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    assert_eq!(rig.client_accepts(rig.path("library-2.0")), Ok(()));
    assert!(matches!(plan(&asked), Err(KeepError::Nothing(_))));
    let other = install(rig, &["library-*", "fresh-*"], &[]);
    assert!(plan(&other).is_ok());
    // What the console and status show.
    wait(house.server.reprobe()).unwrap();
    let run = house.server.facts().auto_sign.clone().unwrap();
    assert!(run.on && run.signed == 1 && run.waiting > 3, "{run:?}");
    let fresh = storekeeper::domain::StorePath::parse(rig.path("fresh-3.1")).unwrap();
    assert_eq!(run.reasons[&fresh].words(), "no rule names it");
    // The plan on the command line of a server without systemd says so, and a pattern that is none is refused.
    let refused = rig.run("setup root --auto-sign --sign-name a/b --yes");
    assert!(
        text(&refused.stderr).contains("no pattern"),
        "{}",
        text(&refused.stderr)
    );
}

/// What the NixOS module makes of `autoSign`, by the real Nix, with as much of nixpkgs' `lib` as the module uses.
#[test]
fn the_nixos_module_runs_the_same_script() {
    let rig = Rig::new();
    let module = fs::canonicalize("docs/nixos/module.nix").unwrap();
    let expression = format!(
        "let lib = {{ mkEnableOption = _: {{ }}; mkOption = option: option; mkIf = on: value: if on then value else {{ }};
           mkMerge = parts: parts; optionalString = on: text: if on then text else \"\";
           types = {{ str = 1; bool = 1; nullOr = _: 1; listOf = _: 1; ints.positive = 1; }}; }};
         of = names: builtins.elemAt (import {} {{ inherit lib; config.nix.settings.trusted-public-keys = [ {:?} {:?} {:?} ];
           config.services.storekeeper = {{ enable = true; user = \"nix-ssh\"; serve = true; signingKey = {:?};
           stateDir = {:?}; knock = false; leaseDays = null; autoSign = {{ inherit names; never = [ \"fresh-*\" ]; uploaders = [ ]; }}; }}; }}).config 3;
         on = of [ \"library-*\" ];
         etc = name: on.environment.etc.\"storekeeper/${{name}}\";
         in {{ none = of [ ]; text = builtins.readFile (etc \"auto-sign\").source; append = (etc \"audit-append\").text;
           rules = (etc \"auto-sign.rules\").text; run = on.systemd.services.storekeeper-auto-sign.script;
           timer = on.systemd.timers.storekeeper-auto-sign; }}",
        module.display(),
        rig.public_key(OURS),
        rig.public_key(RETIRED),
        rig.public_key(UPSTREAM),
        rig.secret_key_file(OURS).display().to_string(),
        rig.file("var"),
    );
    let value = rig.evaluate(&expression);
    assert_eq!(value["none"], serde_json::json!({}));
    assert_eq!(value["text"], AutoSignInstall::script_text());
    assert_eq!(value["append"], AutoSignInstall::append_text());
    for line in ["OnBootSec=1min", "OnUnitInactiveSec=5min"] {
        let (name, time) = line.split_once('=').unwrap();
        assert_eq!(value["timer"]["timerConfig"][name], time);
        assert!(AutoSignInstall::timer().contains(line));
    }
    // The rules are the ones that an installation would write, but for the order of keys and the places.
    let here = install(&rig, &["library-*"], &["fresh-*"]);
    let places = |rules: &str| -> BTreeSet<String> {
        let rules = rules
            .replace(&format!("{}/", here.folder), "/etc/storekeeper/")
            .replace(&here.store, "/nix/store");
        rules.lines().map(str::to_owned).collect()
    };
    assert_eq!(
        places(value["rules"].as_str().unwrap()),
        places(&here.rules())
    );
    assert!(
        value["run"]
            .as_str()
            .unwrap()
            .ends_with("/etc/storekeeper/auto-sign /etc/storekeeper/auto-sign.rules")
    );
}

/// A login in sshd's log, at a time since 1970.
fn accepted(at: i64, port: u16, key: &str) -> String {
    format!(
        "{at}.5 cache sshd-session[7]: Accepted publickey for root from 10.0.0.7 port {port} ssh2: ED25519 {key}\n"
    )
}

fn closed(at: i64, port: u16) -> String {
    format!("{at}.5 cache sshd-session[9]: Disconnected from user root 10.0.0.7 port {port}\n")
}

/// Who has uploaded a path is known where all sessions at that moment were by one key, and nowhere else.
#[test]
fn only_what_a_chosen_key_is_known_to_have_uploaded_is_signed() {
    Rig::on_every_nix(|rig| {
        let log = rig.file("sshd.log");
        let (key, other) = ("SHA256:AAAAchosen", "SHA256:BBBBother");
        let at = |name: &str| -> i64 {
            let time = rig.sql(&format!(
                "select registrationTime from ValidPaths where path = '{}'",
                rig.path(name)
            ));
            time.trim().parse().unwrap()
        };
        let now = at("library-2.0");
        // One hour each: the library in a session of the chosen key, the next beside another one, the last with nobody there.
        for (name, ago) in [
            ("library-2.0", 7200),
            ("fresh-3.1", 3600),
            ("built-here-1.0", 1800),
        ] {
            let path = rig.path(name);
            rig.sql(&format!(
                "update ValidPaths set registrationTime = {} where path = '{path}'",
                now - ago
            ));
        }
        let text = [
            accepted(now - 9000, 1, other),
            closed(now - 8000, 1),
            accepted(now - 7210, 2, key),
            closed(now - 7190, 2),
            accepted(now - 3610, 3, key),
            accepted(now - 3605, 4, other),
            closed(now - 3590, 3),
            closed(now - 3580, 4),
        ];
        fs::write(&log, text.concat()).unwrap();
        let mut asked = install(rig, &["library-*", "fresh-*", "built-*"], &[]);
        asked.uploaders = vec![key.to_owned()];
        asked.sshd_log = Some(log.clone());
        run_as(rig, &["sh"], &asked);
        assert_eq!(rig.client_accepts(rig.path("library-2.0")), Ok(()));
        let waits = left(rig);
        assert_eq!(waits["fresh-3.1"], "uploader -");
        assert_eq!(waits["built-here-1.0"], "uploader -");
        assert!(rig.client_accepts(rig.path("fresh-3.1")).is_err());
        // The same in RFC 3339; and lines without a whole time tell nothing.
        let written = |zone: &str| {
            let moment = |at: i64| {
                let hours = if zone == "Z" { 0 } else { 2 };
                let text = storekeeper::domain::When::from_unix(at + hours * 3600).to_string();
                text.replace('Z', zone)
            };
            let line = |at: i64, rest: &str| format!("{} cache sshd[7]: {rest}\n", moment(at));
            line(now - 9000, "Connection closed by 10.0.0.9 port 9")
                + &line(
                    now - 3610,
                    &format!("Accepted publickey for root from ::1 port 3 ssh2: ED25519 {key}"),
                )
                + &line(
                    now - 3590,
                    "Received disconnect from ::1 port 3:11: disconnected by user",
                )
        };
        fs::write(&log, written("").replace(' ', "  ")).unwrap();
        run_as(rig, &["dash"], &asked);
        assert_eq!(left(rig)["fresh-3.1"], "uploader -");
        fs::write(&log, written("+02:00")).unwrap();
        run_as(rig, &["dash"], &asked);
        assert_eq!(rig.client_accepts(rig.path("fresh-3.1")), Ok(()));
        assert_eq!(left(rig)["built-here-1.0"], "uploader -");
    });
}

#[test]
fn a_newer_nix_is_asked_in_its_way_who_has_uploaded() {
    let rig = &Rig::new();
    let (log, key) = (rig.file("sshd.log"), "SHA256:AAAAchosen");
    let path = rig.path("library-2.0");
    let at = storekeeper::domain::When::now().unix() - 3600;
    rig.sql(&format!(
        "update ValidPaths set registrationTime = {at} where path = '{path}'"
    ));
    let text = [
        accepted(at - 900, 1, key),
        closed(at - 800, 1),
        accepted(at - 10, 2, key),
        closed(at + 10, 2),
    ];
    fs::write(&log, text.concat()).unwrap();
    let mut asked = install(rig, &["library-*"], &[]);
    asked.uploaders = vec![key.to_owned()];
    asked.sshd_log = Some(log);
    run_with(rig, &["sh"], &asked, newer_nix(rig).as_os_str());
    assert_eq!(rig.client_accepts(path), Ok(()));
}

/// Whoever connects chooses the name of a user, which stands in the log.
#[test]
fn what_a_client_calls_itself_opens_no_session_and_ends_none() {
    let rig = &Rig::new();
    let log = rig.file("sshd.log");
    let (key, other) = ("SHA256:AAAAchosen", "SHA256:BBBBother");
    let now = storekeeper::domain::When::now().unix();
    for (name, ago) in [("fresh-3.1", 3600), ("built-here-1.0", 1800)] {
        let path = rig.path(name);
        rig.sql(&format!(
            "update ValidPaths set registrationTime = {} where path = '{path}'",
            now - ago
        ));
    }
    let mut asked = install(rig, &["fresh-*", "built-*"], &[]);
    asked.uploaders = vec![key.to_owned()];
    asked.sshd_log = Some(log.clone());
    let chosen = |at: i64, name: &str| {
        format!("{at}.5 cache sshd-session[8]: Invalid user {name} from 10.0.0.8 port 77\n")
    };
    let forged = [
        accepted(now - 9000, 1, other),
        closed(now - 8000, 1),
        accepted(now - 3650, 4, other),
        chosen(now - 3640, "x Disconnected from user root 10.0.0.7 port 4"),
        chosen(
            now - 3639,
            &format!("x Accepted publickey for root from 10.0.0.9 port 5 ssh2: ED25519 {key}"),
        ),
        format!(
            "{}.5 cache sshd-session[8]: Disconnected from invalid user root 10.0.0.7 port 4 10.0.0.8 port 77 [preauth]\n",
            now - 3630
        ),
        format!(
            "{}.5 cache sshd-session[8]: Connection closed by invalid user root 10.0.0.7 port 4 10.0.0.8 port 77 [preauth]\n",
            now - 3630
        ),
        chosen(
            now - 1850,
            &format!("x Accepted publickey for root from 10.0.0.9 port 6 ssh2: ED25519 {key}"),
        ),
    ];
    fs::write(&log, forged.concat()).unwrap();
    for shell in ["sh", "dash"] {
        run_as(rig, &[shell], &asked);
        let waits = left(rig);
        assert_eq!(waits["fresh-3.1"], "uploader -", "{shell}");
        assert_eq!(waits["built-here-1.0"], "uploader -", "{shell}");
    }
}
