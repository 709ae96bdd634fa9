//! Space on a real server: what fills the disk and who collects, compared with what Nix, SQLite and the file system say.

use crate::help::{carry_out, wait};
use crate::rig::{Access, Rig, Twist, need, wait_until};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use storekeeper::change::access::About;
use storekeeper::change::keep::{KeepStep, Kept, unpin};
use storekeeper::change::{Answer, Danger, Item, Operation, Outcome, Plan};
use storekeeper::domain::pin::{Pin, Shown};
use storekeeper::domain::space::Links;
use storekeeper::domain::{Bytes, StorePath, When};
use storekeeper::inventory::{Inventory, Keep};

/// A command of the server's Nix, on its store.
fn there(rig: &Rig, program: &str) -> Command {
    let mut command = rig.nix.command(program);
    command
        .env("NIX_REMOTE", format!("local?root={}", rig.file("server")))
        .env("NIX_CONF_DIR", rig.file("conf"))
        .env("HOME", rig.file("home-daemon"));
    command
}

/// What a command printed; anything but success ends the test.
fn succeed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(mut command: Command) -> Running {
    Running(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    )
}

#[test]
fn what_fills_the_disk_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let server = wait(rig.connect(Access::Root));
        let facts = wait(server.space()).unwrap();
        let store = facts.store.unwrap();
        assert!(
            store.mount.starts_with('/') && !store.options.is_empty() && !store.kind.is_empty()
        );
        assert!(store.disk.size.0 > store.disk.available.0 && store.disk.used.0 > 0);
        let database = facts.database.unwrap();
        let file = rig.scratch().join("server/nix/var/nix/db/db.sqlite");
        assert_eq!(database.size, Bytes(fs::metadata(&file).unwrap().len()));
        rig.sql("create table x (y); insert into x values (zeroblob(1000000)); drop table x; pragma wal_checkpoint(truncate)");
        let counts = rig.sql("pragma page_size; pragma freelist_count");
        let numbers: Vec<u64> = counts.lines().map(|line| line.parse().unwrap()).collect();
        let free = wait(server.space())
            .unwrap()
            .database
            .unwrap()
            .free
            .unwrap();
        assert_eq!(free, Bytes(numbers[0] * numbers[1]));
        assert!(free.0 > 500_000);
        assert_eq!(facts.keep_derivations, Ok(true));
        assert_eq!(facts.keep_outputs, Ok(false));
        assert_eq!(facts.collecting, Ok(Vec::new()));
    });
}

#[test]
fn settings_of_the_server_count() {
    let rig = Rig::new();
    let conf = rig.scratch().join("conf/nix.conf");
    let text = fs::read_to_string(&conf).unwrap();
    fs::write(
        &conf,
        text + "keep-derivations = false\nkeep-outputs = true\n",
    )
    .unwrap();
    let facts = wait(wait(rig.connect(Access::Root)).space()).unwrap();
    assert_eq!(
        (facts.keep_derivations, facts.keep_outputs),
        (Ok(false), Ok(true))
    );
}

#[test]
fn who_holds_the_lock_and_who_waits() {
    let rig = Rig::new();
    let server = wait(rig.connect(Access::Root));
    let lock = rig.file("server/nix/var/nix/gc.lock");
    let mut holder = Command::new("flock");
    holder.args(["-x", &lock, "sleep", "60"]);
    let holder = run(holder);
    let holds = || wait(server.space()).unwrap().collecting.unwrap();
    wait_until("the lock", || !holds().is_empty());
    let mut waiter = there(&rig, "nix-store");
    waiter.arg("--gc");
    let waiter = run(waiter);
    wait_until("the one that waits", || holds().len() == 2);
    let found = holds();
    let of = |pid: u32| found.iter().find(|c| c.process == pid).unwrap();
    let (first, second) = (of(holder.0.id()), of(waiter.0.id()));
    assert!(
        first.holds && first.command.contains("sleep 60"),
        "{first:?}"
    );
    assert!(
        !second.holds && second.command.contains("--gc"),
        "{second:?}"
    );
    assert_eq!(
        (first.user.as_str(), second.user.as_str()),
        ("root", "root")
    );
    let now = wait(server.space()).unwrap().at.unix();
    let since = first.since.unwrap().unix();
    assert!((now - 120..=now + 1).contains(&since), "{since} {now}");
}

/// What the links of a folder save, counted here.
fn counted(folder: &std::path::Path) -> Links {
    let mut links = Links::default();
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().metadata().unwrap();
        links.files += 1;
        links.saved.0 += file.nlink().saturating_sub(2) * file.len();
    }
    links
}

#[test]
fn hard_links_are_counted() {
    let rig = Rig::new();
    let server = wait(rig.connect(Access::Root));
    let folder = rig.scratch().join("server/nix/store/.links");
    assert_eq!(wait(server.links()).unwrap(), Ok(counted(&folder)));
    for name in ["one", "two", "three"] {
        let file = rig.scratch().join(name);
        fs::write(&file, "x".repeat(5000)).unwrap();
        succeed(there(&rig, "nix-store").arg("--add").arg(file));
    }
    succeed(there(&rig, "nix-store").arg("--optimise"));
    let links = wait(server.links()).unwrap().unwrap();
    assert_eq!(links, counted(&folder));
    assert_eq!(links.saved, Bytes(10_000));
    assert_eq!(wait(server.space()).unwrap().optimised, Ok(true));
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(wait(server.space()).unwrap().optimised, Ok(false));
    assert_eq!(wait(server.links()).unwrap(), Ok(Links::default()));
}

#[test]
fn without_rights_it_is_said_what_is_hidden() {
    let rig = Rig::new();
    let facts = wait(wait(rig.connect(Access::NoSudo)).space()).unwrap();
    for why in [
        facts.store.unwrap_err(),
        facts.database.unwrap_err(),
        facts.collecting.unwrap_err(),
    ] {
        assert!(
            why.to_string().contains("daemon.socket") && why.to_string().contains("log in as root"),
            "{why}"
        );
    }
    // With sudo all of it is known.
    let facts = wait(wait(rig.connect(Access::Sudo)).space()).unwrap();
    assert!(facts.database.is_ok() && facts.collecting.is_ok());
}

fn path(rig: &Rig, name: &str) -> StorePath {
    StorePath::parse(rig.path(name)).unwrap()
}

/// Runs `storekeeper` as root there; its output as JSON, and how it ended.
fn reported(rig: &Rig, args: &[&str]) -> (serde_json::Value, i32, String) {
    let args = args.iter().copied().chain(["--json"]);
    let output = rig.storekeeper_command(args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let json =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (json, output.status.code().unwrap(), said)
}

/// The roots that the real Nix prints: link and target.
fn printed(rig: &Rig) -> Vec<(String, String)> {
    let text = succeed(there(rig, "nix-store").args(["--gc", "--print-roots"]));
    text.lines()
        .filter_map(|line| line.split_once(" -> "))
        .map(|(link, target)| {
            (
                link.trim_matches('"').to_owned(),
                target.trim_matches('"').to_owned(),
            )
        })
        .collect()
}

/// What the real Nix calls dead.
fn dead(rig: &Rig) -> BTreeSet<String> {
    let text = succeed(there(rig, "nix-store").args(["--gc", "--print-dead"]));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn pins_are_roots_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let top = path(rig, "top-1.0");
        let folder = rig.file("server/nix/var/nix/gcroots/storekeeper");
        let before = dead(rig);
        assert!(before.contains(&top.to_string()));
        let (json, code, said) = reported(
            rig,
            &[
                "pin",
                "root",
                "top-1.0",
                "--name",
                "release",
                "--reason",
                "v1 \u{1b}",
                "--expires",
                "30d",
                "--yes",
            ],
        );
        assert_eq!(
            (code, json["receipt"]["result"].as_str()),
            (0, Some("done")),
            "{said}"
        );
        assert_eq!(json["plan"]["items"][0]["pin"], "release");
        let link = format!("{folder}/release");
        assert!(printed(rig).contains(&(link.clone(), top.to_string())));
        let after = dead(rig);
        assert_eq!(
            before.len() - after.len(),
            4,
            "top, left, right and leaf live now"
        );

        // The list: ours as a pin, with what becomes dead without it.
        let (json, code, said) = reported(rig, &["roots", "root"]);
        assert_eq!(code, 0, "{said}");
        let roots = json["roots"].as_array().unwrap();
        let ours: Vec<_> = roots
            .iter()
            .filter(|root| root["root"] == link.as_str())
            .collect();
        assert_eq!(ours.len(), 1, "{json}");
        assert_eq!(ours[0]["kind"], "pin");
        assert_eq!(ours[0]["target"], top.to_string());
        assert_eq!(ours[0]["pin"]["name"], "release");
        assert_eq!(ours[0]["pin"]["note"], "v1 \\e");
        assert!(
            ours[0]["pin"]["by"]
                .as_str()
                .unwrap()
                .starts_with("root via ")
        );
        assert!(ours[0]["pin"]["expires"].is_string());
        let sizes = rig.sql(&format!(
            "select sum(narSize) from ValidPaths where path in ({})",
            before
                .difference(&after)
                .map(|path| format!("'{path}'"))
                .collect::<Vec<_>>()
                .join(",")
        ));
        assert_eq!(ours[0]["exclusive"], sizes.trim().parse::<u64>().unwrap());
        assert_eq!(ours[0]["closure"], ours[0]["exclusive"]);

        // Again: nothing to do. Another path by that name: a conflict, and the link is as it was.
        let (json, code, _) = reported(
            rig,
            &["pin", "root", "leaf-1.0", "--name", "release", "--yes"],
        );
        assert_eq!(
            (code, json["error"]["kind"].as_str()),
            (4, Some("conflict"))
        );
        assert_eq!(
            fs::read_link(&link).unwrap(),
            std::path::Path::new(&top.to_string())
        );

        // A real collection takes the rest and leaves the pin.
        succeed(there(rig, "nix-collect-garbage").args(["--option", "keep-derivations", "false"]));
        assert!(rig.scratch().join(format!("server{top}")).exists());

        let (json, code, said) = reported(rig, &["unpin", "root", "release", "--yes"]);
        assert_eq!(
            (code, json["receipt"]["done"].as_u64()),
            (0, Some(1)),
            "{said}"
        );
        assert!(fs::symlink_metadata(&link).is_err());
        assert!(!rig.scratch().join("var/pins/release.json").exists());
        assert!(dead(rig).contains(&top.to_string()));
        let (json, code, _) = reported(rig, &["unpin", "root", "release", "--yes"]);
        assert_eq!((code, json["error"]["kind"].as_str()), (2, Some("usage")));
    });
}

#[test]
fn what_is_no_pin_of_ours_stays() {
    let rig = Rig::new();
    let server = wait(rig.connect(Access::Root));
    let folder = rig.scratch().join("server/nix/var/nix/gcroots/storekeeper");
    assert_eq!(server.pins_dir(), folder.display().to_string());
    assert_eq!(wait(server.pins()).unwrap(), Ok(Vec::new()));
    fs::create_dir(&folder).unwrap();
    let leaf = path(&rig, "leaf-1.0");
    symlink(leaf.to_string(), folder.join("by-hand")).unwrap();
    symlink("/etc/hostname", folder.join("elsewhere")).unwrap();
    symlink(leaf.to_string(), folder.join("a name with blanks")).unwrap();
    fs::write(folder.join("file"), "").unwrap();
    let pins = wait(server.pins()).unwrap().unwrap();
    assert_eq!(pins.len(), 1);
    assert_eq!((pins[0].name.as_str(), &pins[0].by), ("by-hand", &None));
    assert!(pins[0].at.unix() > 1_000_000);
    for name in ["elsewhere", "file"] {
        let (json, code, _) = reported(&rig, &["pin", "root", "leaf-1.0", "--name", name, "--yes"]);
        assert_eq!(
            (code, json["receipt"]["result"].as_str()),
            (1, Some("failed"))
        );
        let why = json["receipt"]["failed"][0]["message"].as_str().unwrap();
        assert!(why.contains("something else is at"), "{why}");
    }
    assert_eq!(
        fs::read_link(folder.join("elsewhere")).unwrap(),
        std::path::Path::new("/etc/hostname")
    );
    assert!(!rig.scratch().join("var/pins/file.json").exists());
    // Somebody repoints it between the plan and the job.
    let plan = |target: &StorePath| {
        let pins = [Pin {
            target: target.clone(),
            ..pins[0].clone()
        }];
        let looked = Inventory::default();
        let keep = Keep::default();
        let kept = Kept {
            inventory: &looked,
            roots: &[],
            keep: &keep,
        };
        let names = [pins[0].name.clone()];
        unpin(&About::of(&server), kept, &pins, &server.pins_dir(), &names).unwrap()
    };
    let receipt = wait(carry_out(
        &server,
        plan(&path(&rig, "top-1.0")),
        &Answer::Flag,
        None,
    ));
    assert_eq!(receipt.result, Outcome::Failed);
    assert!(receipt.failed[0].message.contains("leads to another path"));
    let receipt = wait(carry_out(&server, plan(&leaf), &Answer::Flag, None));
    assert_eq!((receipt.result, receipt.done), (Outcome::Done, 1));
    // Twice is as good as once.
    let receipt = wait(carry_out(&server, plan(&leaf), &Answer::Flag, None));
    assert_eq!((receipt.result, receipt.done), (Outcome::Done, 1));
}

#[test]
fn a_path_that_is_collected_meanwhile_is_not_pinned() {
    let rig = Rig::new();
    let server = wait(rig.connect(Access::Root));
    let fresh = path(&rig, "fresh-3.1");
    let pin = Pin {
        name: "x".parse().unwrap(),
        target: fresh.clone(),
        by: None,
        reason: None,
        at: When::now(),
        expires: None,
        sha256: None,
    };
    let step = KeepStep::Pin {
        pin: Box::new(pin),
        shown: Shown::Absent,
    };
    let plan = Plan {
        change: "pin",
        server: "prod".into(),
        summary: "pin".into(),
        items: vec![Item::Path {
            path: fresh.clone(),
            nar_size: 0,
        }],
        commands: vec![],
        warnings: vec![],
        concerns: Vec::new(),
        amounts: None,
        push: None,
        second: None,
        lines: vec![],
        danger: Danger::Adds,
        operation: Operation::Keep(vec![step]),
        reason: None,
    };
    succeed(there(&rig, "nix-store").args(["--delete", &fresh.to_string()]));
    let receipt = wait(carry_out(&server, plan, &Answer::Flag, None));
    assert_eq!(receipt.result, Outcome::Failed);
    assert!(
        receipt.failed[0]
            .message
            .contains("does not have this path"),
        "{receipt:?}"
    );
    assert!(
        !rig.scratch()
            .join("server/nix/var/nix/gcroots/storekeeper/x")
            .exists()
    );
}

/// An hour later.
fn expire(rig: &Rig, name: &str) {
    let note = rig.scratch().join(format!("var/pins/{name}.json"));
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&note).unwrap()).unwrap();
    assert!(json["expires"].is_string());
    json["expires"] = "2020-01-01T00:00:00Z".into();
    fs::write(note, json.to_string()).unwrap();
}

#[test]
fn expired_pins_keep_until_they_are_taken_away() {
    let rig = Rig::new();
    for (name, end) in [("old", "1h"), ("new", "1h"), ("for-ever", "never")] {
        let (_, code, said) = reported(
            &rig,
            &[
                "pin",
                "root",
                "leaf-1.0",
                "--name",
                name,
                "--expires",
                end,
                "--yes",
            ],
        );
        assert_eq!(code, 0, "{said}");
    }
    expire(&rig, "old");
    assert!(!dead(&rig).contains(rig.path("leaf-1.0")));
    let (json, code, said) = reported(&rig, &["unpin", "root", "--expired", "--yes"]);
    assert_eq!(
        (code, json["receipt"]["done"].as_u64()),
        (0, Some(1)),
        "{said}"
    );
    assert_eq!(json["plan"]["items"][0]["pin"], "old");
    let (json, code, _) = reported(&rig, &["unpin", "root", "--expired", "--yes"]);
    assert_eq!(
        (code, json["plan"]["items"].as_array().map(Vec::len)),
        (0, Some(0))
    );
}

#[test]
fn who_may_not_and_where_there_is_no_folder() {
    let rig = Rig::new();
    // Without rights nothing is pinned, and it is said why.
    let (json, code, said) = reported(&rig, &["pin", "no-sudo", "leaf-1.0", "--yes"]);
    assert_eq!(code, 1, "{json} {said}");
    // With sudo it is.
    let (_, code, said) = reported(&rig, &["pin", "sudo", "leaf-1.0", "--yes"]);
    assert_eq!(code, 0, "{said}");
    let (json, code, _) = reported(&rig, &["unpin", "root", "leaf-1.0", "--dry-run"]);
    assert_eq!((code, json.get("receipt").is_none()), (0, true));
    // Read-only refuses.
    let (json, code, _) = reported(&rig, &["unpin", "root", "leaf-1.0", "--yes", "--read-only"]);
    assert_eq!((code, json["error"]["kind"].as_str()), (4, Some("policy")));
    // The folder of roots is missing: Nix makes it again, and the pin is a root.
    fs::remove_dir_all(rig.scratch().join("server/nix/var/nix/gcroots")).unwrap();
    let (json, code, _) = reported(&rig, &["pin", "root", "leaf-1.0", "--yes"]);
    assert_eq!(code, 0, "{json}");
    assert!(!dead(&rig).contains(rig.path("leaf-1.0")));
}

#[test]
fn roots_of_others_are_removed_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let profile = rig.file("server/nix/var/nix/profiles/app");
        for name in ["leaf-1.0", "left-1.0", "top-1.0"] {
            succeed(there(rig, "nix-env").args(["-p", &profile, "--set", rig.path(name)]));
        }
        let result = rig.file("result");
        succeed(there(rig, "nix-store").args([
            "--realise",
            rig.path("right-1.0"),
            "--add-root",
            &result,
            "--indirect",
        ]));
        let link = |number: u32| format!("{profile}-{number}-link");
        let links = || {
            printed(rig)
                .into_iter()
                .map(|(link, _)| link)
                .collect::<BTreeSet<_>>()
        };
        assert!(links().is_superset(&[link(1), link(2), link(3), result.clone()].into()));

        let (json, code, _) = reported(rig, &["roots", "root", "remove", &link(3), "--yes"]);
        assert_eq!(
            (code, json["error"]["kind"].as_str()),
            (4, Some("policy")),
            "{json}"
        );
        let (json, code, said) = reported(rig, &["roots", "root", "remove", &link(1), "--yes"]);
        assert_eq!(
            (code, json["receipt"]["done"].as_u64()),
            (0, Some(1)),
            "{said}"
        );
        assert!(!links().contains(&link(1)) && links().contains(&link(2)));
        assert!(!std::path::Path::new(&format!("{profile}.lock")).exists());
        // nix-env agrees on what is left, and can still switch.
        let left = succeed(there(rig, "nix-env").args(["-p", &profile, "--list-generations"]));
        assert_eq!(left.lines().count(), 2, "{left}");
        succeed(there(rig, "nix-env").args(["-p", &profile, "--switch-generation", "2"]));
        let (json, code, _) = reported(rig, &["roots", "root", "remove", &link(2), "--yes"]);
        assert_eq!(
            (code, json["error"]["kind"].as_str()),
            (4, Some("policy")),
            "{json}"
        );

        let (_, code, said) = reported(rig, &["roots", "root", "remove", &result, "--yes"]);
        assert_eq!(code, 0, "{said}");
        assert!(!links().contains(&result));
        assert!(
            fs::symlink_metadata(&result).is_ok(),
            "the user's own link stays"
        );
    });
}

#[test]
fn verify_finds_damage_and_moves_no_access_time_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let (json, code, said) = reported(rig, &["verify", "root"]);
        assert_eq!(
            (code, json["checked"].as_u64()),
            (0, Some(rig.entries.len() as u64)),
            "{said}"
        );
        let top = rig.damage("leaf-1.0");
        let sound = PathBuf::from(format!("{}{}", rig.file("server"), rig.path("fresh-3.1")));
        for path in [&top, &sound] {
            // Old enough for relatime to move it at the next reading.
            succeed(
                Command::new("touch")
                    .args(["-a", "-d", "@1000000000"])
                    .arg(path),
            );
        }
        let (json, code, said) = reported(rig, &["verify", "root"]);
        assert_eq!(code, 1, "{said}");
        assert_eq!(json["corrupt"].as_array().map(Vec::len), Some(1), "{json}");
        assert_eq!(json["corrupt"][0]["path"], rig.path("leaf-1.0"));
        assert_eq!(json["failed"].as_array().map(Vec::len), Some(0), "{json}");
        assert_eq!(json["accessTimes"], "kept");
        for path in [&top, &sound] {
            assert_eq!(
                fs::metadata(path).unwrap().atime(),
                1_000_000_000,
                "{}",
                path.display()
            );
        }
        // Only what is asked for.
        let (json, code, _) = reported(rig, &["verify", "root", "fresh-3.1"]);
        assert_eq!((code, json["checked"].as_u64()), (0, Some(1)));

        // It can't go before what needs it: all of that is listed, and goes.
        let needed = succeed(there(rig, "nix-store").args([
            "--query",
            "--referrers-closure",
            rig.path("leaf-1.0"),
        ]));
        assert!(needed.lines().count() > 3, "{needed}");
        let (json, code, said) =
            reported(rig, &["verify", "root", "leaf-1.0", "--delete", "--yes"]);
        assert_eq!(
            (code, json["receipt"]["result"].as_str()),
            (0, Some("done")),
            "{json} {said}"
        );
        let listed: BTreeSet<&str> = json["plan"]["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["path"].as_str().unwrap())
            .collect();
        assert_eq!(listed, needed.lines().collect());
        for path in listed {
            assert!(!Path::new(&format!("{}{path}", rig.file("server"))).exists());
        }
        succeed(there(rig, "nix-store").args(["--verify", "--check-contents"]));
    });
}

#[test]
fn damage_that_a_root_keeps_is_repaired() {
    let rig = Rig::new();
    rig.damage("leaf-1.0");
    let (_, code, said) = reported(&rig, &["pin", "root", "top-1.0", "--yes"]);
    assert_eq!(code, 0, "{said}");
    let (json, code, _) = reported(&rig, &["verify", "root", "leaf-1.0", "--delete", "--yes"]);
    assert_eq!(
        (code, json["error"]["kind"].as_str()),
        (4, Some("policy")),
        "{json}"
    );
    // Nowhere to get it from.
    let (json, code, _) = reported(&rig, &["verify", "root", "leaf-1.0", "--repair", "--yes"]);
    assert_eq!(
        (code, json["receipt"]["result"].as_str()),
        (1, Some("failed")),
        "{json}"
    );
    // From another store.
    let conf = rig.scratch().join("conf/nix.conf");
    let text = fs::read_to_string(&conf).unwrap();
    let text = text
        .replace(
            "substitute = false\n",
            "substitute = true\nrequire-sigs = false\n",
        )
        .replace(
            "substituters =\n",
            &format!("substituters = local?root={}\n", rig.file("builder")),
        );
    fs::write(&conf, text).unwrap();
    let (json, code, said) = reported(&rig, &["verify", "root", "leaf-1.0", "--repair", "--yes"]);
    assert_eq!(
        (code, json["receipt"]["done"].as_u64()),
        (0, Some(1)),
        "{json} {said}"
    );
    let (json, code, _) = reported(&rig, &["verify", "root", "leaf-1.0"]);
    assert_eq!(code, 0, "{json}");
}

#[test]
fn what_is_missing_could_not_be_compared() {
    let rig = Rig::new();
    let gone = format!("{}{}", rig.file("server"), rig.path("fresh-3.1"));
    succeed(Command::new("chmod").args(["-R", "u+w", &gone]));
    succeed(Command::new("rm").args(["-rf", &gone]));
    let (json, code, said) = reported(&rig, &["verify", "root"]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(json["corrupt"].as_array().map(Vec::len), Some(0), "{json}");
    assert_eq!(json["failed"][0]["path"], rig.path("fresh-3.1"), "{json}");
    // Nothing was unregistered, as Nix's own `--verify` does.
    assert_eq!(
        rig.sql("select count(*) from ValidPaths").trim(),
        rig.entries.len().to_string()
    );
    // Through the daemon's socket times move, and it is said.
    let (json, _, said) = reported(&rig, &["verify", "via-socket", "leaf-1.0"]);
    assert_eq!(json["accessTimes"], "moved");
    assert!(said.contains("has changed access times"), "{said}");
}

/// A file system of this size at a folder, as long as it lives; what is started meanwhile sees it.
struct Small(PathBuf);

impl Small {
    fn at(folder: &Path, options: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        succeed(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", options, "tmpfs"])
                .arg(folder),
        );
        Self(folder.to_owned())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_leaves_nothing_half_done() {
    let rig = Rig::new();
    let leaf = rig.path("leaf-1.0").to_owned();
    // No inode is left for a link.
    let links = rig.scratch().join("server/nix/var/nix/gcroots/storekeeper");
    let full = Small::at(&links, "mode=755,size=64k,nr_inodes=1");
    let sshd = rig.twisted("full-links", Access::Root, Twist::default());
    let (json, code, said) = reported(&rig, &["pin", "full-links", "leaf-1.0", "--yes"]);
    assert_eq!(
        (code, json["receipt"]["result"].as_str()),
        (1, Some("failed")),
        "{json} {said}"
    );
    let why = json["receipt"]["failed"][0]["message"].as_str().unwrap();
    assert!(why.contains("can't be made; nothing was pinned"), "{why}");
    assert_eq!(
        fs::read_dir(rig.scratch().join("var/pins"))
            .unwrap()
            .count(),
        0
    );
    // What is read is read all the same.
    let (json, code, said) = reported(&rig, &["roots", "full-links"]);
    assert_eq!((code, json["roots"].is_array()), (0, true), "{said}");
    drop(sshd);
    drop(full);
    assert!(dead(&rig).contains(&leaf));

    // No room for the audit log and the notes: nothing is changed without a record.
    let _full = Small::at(&rig.scratch().join("var"), "mode=755,size=4k,nr_inodes=2");
    let _sshd = rig.twisted("full-log", Access::Root, Twist::default());
    let (json, code, _) = reported(&rig, &["pin", "full-log", "leaf-1.0", "--yes"]);
    assert_eq!(
        (code, json["receipt"]["result"].as_str()),
        (1, Some("failed")),
        "{json}"
    );
    let why = json["receipt"]["failed"][0]["message"].as_str().unwrap();
    assert!(
        why.starts_with("nothing was changed, because the audit log can't be written"),
        "{why}"
    );
    assert!(dead(&rig).contains(&leaf));
}

/// What `status` says of a check.
fn status_of<'a>(json: &'a serde_json::Value, id: &str) -> &'a serde_json::Value {
    let checks = json["checks"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["id"] == id)
        .unwrap_or_else(|| panic!("{id}: {json}"))
}

#[test]
fn status_tells_of_space() {
    let rig = Rig::new();
    let (json, _, said) = reported(&rig, &["status", "root"]);
    assert_eq!(status_of(&json, "database")["state"], "fine", "{said}");
    // What it says depends on how long the rig's store has been kept.
    assert!(status_of(&json, "forecast")["summary"].is_string());
    assert!(json["disk"]["store"]["size"].as_u64().unwrap() > 0);
    assert!(json["disk"]["database"]["size"].as_u64().unwrap() > 0);
    let (_, code, said) = reported(
        &rig,
        &[
            "pin",
            "root",
            "leaf-1.0",
            "--name",
            "old",
            "--expires",
            "1h",
            "--yes",
        ],
    );
    assert_eq!(code, 0, "{said}");
    expire(&rig, "old");
    let mut holder = Command::new("flock");
    holder.args(["-x", &rig.file("server/nix/var/nix/gc.lock"), "sleep", "60"]);
    let holder = run(holder);
    let server = wait(rig.connect(Access::Root));
    wait_until("the lock", || {
        wait(server.space()).unwrap().collecting != Ok(Vec::new())
    });
    let (json, _, _) = reported(&rig, &["status", "root"]);
    let pins = status_of(&json, "pins");
    assert_eq!(pins["state"], "warning");
    assert_eq!(pins["fix"], "storekeeper unpin root --expired");
    let collecting = status_of(&json, "collecting")["summary"].as_str().unwrap();
    assert!(
        collecting.contains(&format!("process {} of root", holder.0.id())),
        "{collecting}"
    );
    // Each look leaves a sample here, for its owner alone.
    let file = rig
        .scratch()
        .join("home-here/.local/state/storekeeper/space/root.json");
    let samples: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert!(samples[0]["used"].as_u64().unwrap() > 0);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    // Without rights: what is not known is said.
    let (json, _, _) = reported(&rig, &["status", "no-sudo"]);
    assert_eq!(status_of(&json, "collecting")["state"], "unknown");
}

#[test]
fn generations_go_as_nix_collect_garbage_lets_them() {
    let age = |rig: &Rig, number: u32, days: u32| {
        let link = rig.file(&format!("server/nix/var/nix/profiles/app-{number}-link"));
        succeed(Command::new("touch").args(["-h", "-d", &format!("{days} days ago"), &link]));
    };
    let left = |rig: &Rig| {
        let folder = rig.scratch().join("server/nix/var/nix/profiles");
        let names = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("app"))
            .collect::<BTreeSet<_>>()
    };
    let prepared = || {
        let rig = Rig::new();
        let profile = rig.file("server/nix/var/nix/profiles/app");
        for name in ["leaf-1.0", "left-1.0", "right-1.0", "top-1.0", "fresh-3.1"] {
            succeed(there(&rig, "nix-env").args(["-p", &profile, "--set", rig.path(name)]));
        }
        for (number, days) in [(1, 90), (2, 60), (3, 40), (4, 10)] {
            age(&rig, number, days);
        }
        rig
    };
    let (ours, theirs) = (prepared(), prepared());
    let (json, code, said) = reported(
        &ours,
        &[
            "roots",
            "root",
            "remove",
            "--generations-older-than",
            "30d",
            "--yes",
        ],
    );
    assert_eq!(
        (code, json["receipt"]["done"].as_u64()),
        (0, Some(2)),
        "{json} {said}"
    );
    succeed(
        there(&theirs, "nix-collect-garbage")
            .args(["--delete-older-than", "30d"])
            .env("NIX_STATE_DIR", theirs.file("server/nix/var/nix")),
    );
    assert_eq!(left(&ours), left(&theirs));
    assert!(!left(&ours).contains("app-2-link") && left(&ours).contains("app-3-link"));
    let (json, code, _) = reported(
        &ours,
        &[
            "roots",
            "root",
            "remove",
            "--generations-older-than",
            "30d",
            "--yes",
        ],
    );
    assert_eq!(
        (code, json["plan"]["items"].as_array().map(Vec::len)),
        (0, Some(0))
    );
}

#[test]
fn whole_garbage_is_what_nix_calls_dead() {
    let rig = Rig::new();
    let (_, code, said) = reported(&rig, &["pin", "root", "top-1.0", "--yes"]);
    assert_eq!(code, 0, "{said}");
    let wanted = dead(&rig);
    let (json, code, said) = reported(&rig, &["gc", "root", "--whole", "--dry-run"]);
    assert_eq!(code, 0, "{json} {said}");
    let listed: BTreeSet<String> = json["plan"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, wanted);
    let warnings = json["plan"]["warnings"].to_string();
    assert!(
        warnings.contains("what nix-collect-garbage does"),
        "{warnings}"
    );
    let (json, code, said) = reported(&rig, &["gc", "root", "--whole", "--yes"]);
    assert_eq!(code, 0, "{json} {said}");
    assert_eq!(dead(&rig), BTreeSet::new());
    succeed(there(&rig, "nix-store").args(["--verify", "--check-contents"]));
    assert!(Path::new(&format!("{}{}", rig.file("server"), rig.path("top-1.0"))).exists());
    // No profile has old generations here.
    let (json, code, _) = reported(
        &rig,
        &[
            "gc",
            "root",
            "--delete-generations-older-than",
            "30d",
            "--yes",
        ],
    );
    assert_eq!(
        (code, json["plan"]["items"].as_array().map(Vec::len)),
        (0, Some(0))
    );
}

/// The same answers from the shells and tools of small systems: busybox has none of GNU's extensions.
#[test]
fn the_scripts_run_under_busybox_and_dash() {
    let rig = Rig::new();
    let tools = rig.scratch().join("busybox");
    let busybox = need::busybox(&tools);
    let answers = |shell: &[&str], path: &str, script: &str| {
        let text = [
            include_str!("../../../src/server/scripts/nix-settings.sh"),
            include_str!("../../../src/server/scripts/store.sh"),
            script,
        ]
        .concat();
        let nix = rig.nix.command("nix");
        let output = there(&rig, "nix")
            .get_envs()
            .fold(
                &mut Command::new(shell[0]),
                |command, (name, value)| match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                },
            )
            .env("PATH", path)
            .env("LC_ALL", "C")
            .args(&shell[1..])
            .arg("-c")
            .arg(text)
            .arg("storekeeper")
            .arg(nix.get_program())
            .arg("60")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        String::from_utf8(output.stdout).unwrap()
    };
    succeed(there(&rig, "nix-store").arg("--optimise"));
    for script in [
        include_str!("../../../src/server/scripts/space.sh"),
        include_str!("../../../src/server/scripts/links.sh"),
    ] {
        let small = answers(
            &[busybox.to_str().unwrap(), "sh"],
            tools.to_str().unwrap(),
            script,
        );
        let usual = answers(&["dash"], "/usr/sbin:/usr/bin:/sbin:/bin", script);
        let settled = |text: &str| {
            text.lines()
                .filter(|line| {
                    ![
                        "clock=",
                        "load=",
                        "root-blocks",
                        "root-inodes",
                        "store-blocks",
                        "store-inodes",
                    ]
                    .iter()
                    .any(|start| line.starts_with(start))
                })
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(settled(&small), settled(&usual));
        assert!(
            small.ends_with("end=\n") && small.lines().count() > 3,
            "{small}"
        );
        assert!(
            !small.lines().any(|line| line.ends_with("-blocks=")),
            "{small}"
        );
    }
}
