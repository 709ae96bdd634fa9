//! The policy timer on a real store: it is installed by a plan, takes exactly what a dry run lists, says how it went, and goes again.

use super::lease::House;
use super::retention::{POLICY, fill, listed, valid, write_policy};
use crate::help::{carry_out, text, wait};
use crate::rig::Rig;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use storekeeper::change::access::About;
use storekeeper::change::keep::{KeepError, install_policy_timer, remove_installed};
use storekeeper::change::{Answer, Outcome, Plan, Receipt};
use storekeeper::domain::installable::{Installable, Installation};
use storekeeper::domain::policy_run::PolicyRun;
use storekeeper::server::{Places, PolicyTimer, Removal};

/// A server with systemd, more or less, and with storekeeper.
fn house(rig: &Rig) -> House {
    let house = House::of(Rig::with(&rig.nix));
    let program = house.rig.file("first/storekeeper");
    let built = env!("CARGO_BIN_EXE_storekeeper");
    if fs::hard_link(built, &program).is_err() {
        fs::copy(built, &program).unwrap();
    }
    house
}

fn timer(house: &House, when: &str) -> PolicyTimer {
    let timer = PolicyTimer::of(&house.server, "storekeeper".to_owned(), when.to_owned());
    PolicyTimer {
        folder: house.rig.file("etc-storekeeper"),
        units: house.rig.file("units"),
        ..timer.unwrap()
    }
}

fn places(house: &House) -> Places {
    Places {
        folder: house.rig.file("etc-storekeeper"),
        units: house.rig.file("units"),
    }
}

fn found(house: &House) -> Installation {
    wait(house.server.policy_timer_installation(&places(house))).unwrap()
}

fn install(house: &House, when: &str) -> Result<Plan, KeepError> {
    let timer = timer(house, when);
    let facts = wait(house.server.policy_timer_facts(&timer)).unwrap();
    install_policy_timer(&About::of(&house.server), &facts, timer, None)
}

fn carry(house: &House, plan: Plan) -> Receipt {
    wait(carry_out(&house.server, plan, &Answer::Flag, None))
}

fn shown(house: &House) -> Option<PolicyRun> {
    wait(house.server.reprobe()).unwrap();
    house.server.facts().policy_timer.clone()
}

/// The timer's time has come.
fn run(house: &House) -> (bool, String) {
    let start = "systemctl start storekeeper-gc.service";
    let mut ssh = house.rig.ssh_as("root", house.sshd.port, start);
    let output = ssh.output().unwrap();
    (output.status.success(), text(&output.stderr))
}

#[test]
fn a_run_takes_what_the_dry_run_lists_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let house = house(rig);
        let rig = &house.rig;
        let store = fill(rig);
        let before = valid(rig);
        // Without a policy nothing is installed: the dry run that an installation makes has none to go by.
        let made = install(&house, "daily").unwrap();
        let receipt = carry(&house, made);
        assert_eq!(receipt.result, Outcome::Failed, "{receipt:?}");
        assert!(
            receipt.failed[0].message.contains("no retention policy"),
            "{receipt:?}"
        );
        assert!(!found(&house).is_there() && shown(&house).is_none());

        let policy = write_policy(rig, "new.toml", POLICY);
        rig.ask(&format!("retention root set {} --yes", policy.display()), 0);
        let receipt = carry(&house, install(&house, "daily").unwrap());
        assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
        assert_eq!(valid(rig), before, "an installation takes nothing");
        assert!(matches!(
            install(&house, "daily"),
            Err(KeepError::Nothing(_))
        ));
        assert!(install(&house, "weekly").is_ok());
        let waits = shown(&house).unwrap();
        assert!(waits.on && waits.at.is_none() && waits.problem.is_none());

        let plan = rig.ask("gc root --policy --dry-run", 0);
        assert_eq!(listed(&plan), store.goes);
        let (fine, said) = run(&house);
        assert!(fine, "{said}");
        let gone: BTreeSet<String> = before.difference(&valid(rig)).cloned().collect();
        assert_eq!(gone, store.goes);
        let ran = shown(&house).unwrap();
        assert_eq!((ran.paths, &ran.problem), (store.goes.len(), &None));
        assert!(
            ran.on && ran.at.is_some() && ran.freed.0 > 100_000,
            "{ran:?}"
        );
        // It is in the log of the server, as whose run it was.
        let log = fs::read_to_string(rig.file("var/audit.jsonl")).unwrap();
        let records = log.lines().map(|line| serde_json::from_str(line).unwrap());
        let records: Vec<Value> = records.collect();
        let record = records
            .iter()
            .find(|record| record["change"] == "gc")
            .unwrap();
        assert_eq!(record["reason"], "timer");
        let items = record["items"].as_array().unwrap().iter();
        let items: BTreeSet<String> = items.map(|item| item.as_str().unwrap().into()).collect();
        assert_eq!(items, store.goes);
        let count = records.len();
        // There is nothing left to take, which is no failure, and no record.
        assert!(run(&house).0);
        assert_eq!(shown(&house).unwrap().paths, 0);
        let log = fs::read_to_string(rig.file("var/audit.jsonl")).unwrap();
        assert_eq!(log.lines().count(), count);
    });
}

#[test]
fn what_goes_wrong_is_shown_and_it_goes_again() {
    let house = house(&Rig::new());
    let rig = &house.rig;
    fill(rig);
    let policy = write_policy(rig, "new.toml", POLICY);
    rig.ask(&format!("retention root set {} --yes", policy.display()), 0);
    let receipt = carry(&house, install(&house, "Sun 03:00").unwrap());
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    let before = valid(rig);
    fs::write(rig.file("var/retention.toml"), "[default]\nnewset = 1\n").unwrap();
    let (fine, said) = run(&house);
    assert!(!fine && said.contains("newset"), "{said}");
    assert_eq!(valid(rig), before);
    let wrong = shown(&house).unwrap();
    assert!(wrong.problem.unwrap().contains("newset"));
    let status = rig.ask("status root", 2);
    let checks = status["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == "policy-timer");
    assert_eq!(check.unwrap()["state"], "warning", "{status}");
    fs::write(rig.file("var/retention.toml"), POLICY).unwrap();

    let plan = || {
        let removal = Removal {
            what: Installable::PolicyTimer,
            places: places(&house),
            files: vec![],
            links: None,
            knock: None,
        };
        remove_installed(&About::of(&house.server), &found(&house), removal)
    };
    let receipt = carry(&house, plan().unwrap());
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    assert!(shown(&house).is_none());
    assert!(fs::metadata(rig.file("etc-storekeeper")).is_err());
    assert_eq!(fs::read_dir(rig.file("units")).unwrap().count(), 0);
    assert_eq!(
        fs::read_to_string(rig.file("var/retention.toml")).unwrap(),
        POLICY
    );
    assert!(matches!(plan(), Err(KeepError::Nothing(_))));
}

#[test]
fn a_program_that_others_may_change_is_not_run_by_root() {
    let house = house(&Rig::new());
    let folder = house.rig.file("first");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&folder, open).unwrap();
    let why = install(&house, "daily").unwrap_err().to_string();
    assert!(why.contains("others than root may change"), "{why}");
    fs::remove_file(house.rig.file("first/storekeeper")).unwrap();
    let why = install(&house, "daily").unwrap_err().to_string();
    assert!(why.contains("storekeeper is not there"), "{why}");
}

/// What the NixOS module makes of `gc`, by the real Nix, with as much of nixpkgs' `lib` as the module uses; run as the service runs it.
#[test]
fn the_nixos_module_runs_the_same_script() {
    let house = house(&Rig::new());
    let rig = &house.rig;
    let store = fill(rig);
    let policy = write_policy(rig, "new.toml", POLICY);
    rig.ask(&format!("retention root set {} --yes", policy.display()), 0);
    let module = fs::canonicalize("docs/nixos/module.nix").unwrap();
    let expression = format!(
        "let lib = {{ mkEnableOption = _: {{ }}; mkOption = option: option; mkIf = on: value: if on then value else {{ }};
           mkMerge = parts: parts; optionalString = on: text: if on then text else \"\";
           types = {{ str = 1; bool = 1; package = 1; nullOr = _: 1; listOf = _: 1; ints.positive = 1; }}; }};
         of = package: builtins.elemAt (import {} {{ inherit lib; config.services.storekeeper = {{
           enable = true; user = \"nix-ssh\"; serve = true; signingKey = null; stateDir = {:?}; knock = false;
           leaseDays = null; autoSign.names = [ ]; gc = {{ inherit package; dates = \"Sun 03:00\"; }}; }}; }}).config 4;
         on = of \"/made\";
         in {{ none = of null; text = builtins.readFile on.environment.etc.\"storekeeper/gc\".source;
           config = on.environment.etc.\"storekeeper/gc.toml\".text; run = on.systemd.services.storekeeper-gc.script;
           timer = on.systemd.timers.storekeeper-gc.timerConfig; }}",
        module.display(),
        rig.file("var"),
    );
    let value = rig.evaluate(&expression);
    assert_eq!(value["none"], serde_json::json!({}));
    assert_eq!(value["text"], PolicyTimer::script_text());
    assert_eq!(value["timer"]["OnCalendar"], "Sun 03:00");
    let (script, config) = (rig.file("gc"), rig.file("gc.toml"));
    fs::write(&script, value["text"].as_str().unwrap()).unwrap();
    fs::write(&config, value["config"].as_str().unwrap()).unwrap();
    let run = value["run"].as_str().unwrap();
    let run = run
        .replace("/etc/storekeeper/gc.toml", &config)
        .replace("/etc/storekeeper/gc ", &format!("{script} "))
        .replace("/made/bin", &rig.file("first"));
    let before = valid(rig);
    let output = rig.ssh_as("root", house.sshd.port, &run).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let gone: BTreeSet<String> = before.difference(&valid(rig)).cloned().collect();
    assert_eq!(gone, store.goes);
}
