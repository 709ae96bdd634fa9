//! What runs by itself on a real server, by the real program: each is installed, listed as it is, and removed without a file that stays;
//! what was edited is named before it goes, and what somebody changes meanwhile stays.

use super::lease::House;
use super::retention::{POLICY, write_policy};
use crate::help::{Cut, carry_out, connect, cut_off, text, wait};
use crate::rig::{Rig, Sshd};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use storekeeper::change::access::About;
use storekeeper::change::keep::{KeepError, install_lease, remove_installed};
use storekeeper::change::{Answer, Outcome, Plan, Receipt, install};
use storekeeper::domain::installable::{Found, Installable, Installation};
use storekeeper::server::{LeaseInstall, Places, Removal, Server};

struct Place {
    rig: Rig,
    server: Server,
    _sshd: Sshd,
}

impl Place {
    fn new() -> Self {
        let rig = Rig::new();
        let sshd = rig.installing("prod");
        let spec = wait(rig.spec("root", sshd.port));
        let server = wait(connect(spec));
        Self {
            rig,
            server,
            _sshd: sshd,
        }
    }

    fn run(&self, line: &str, code: i32) -> String {
        let output = self.rig.run(line);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        said
    }

    fn found(&self, what: Installable) -> Installation {
        let all = wait(Box::pin(install::look_at_all(&self.server))).unwrap();
        all.into_iter().find(|found| found.what == what).unwrap()
    }

    fn plan(&self, what: Installable) -> Result<Plan, KeepError> {
        wait(Box::pin(install::remove(&self.server, what))).unwrap()
    }

    fn carry(&self, plan: Plan) -> Receipt {
        wait(carry_out(&self.server, plan, &Answer::Flag, None))
    }

    /// A file of the server's `/etc`, as it lies in the scratch folder.
    fn etc(&self, file: &str) -> PathBuf {
        self.rig.scratch().join("own-etc").join(file)
    }
}

/// Names of the files that timers write beside the audit log and Nix's roots.
fn states(rig: &Rig) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["var", "server/nix/var/nix/gcroots"] {
        let entries = fs::read_dir(rig.scratch().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        found.extend(names.filter(|name| name.contains(".state") || name.contains("lease")));
    }
    found
}

#[test]
fn each_is_installed_and_removed_and_leaves_no_file() {
    let place = Place::new();
    let rig = &place.rig;
    let policy = write_policy(rig, "new.toml", POLICY);
    rig.ask(&format!("retention root set {} --yes", policy.display()), 0);
    let before = rig.installed_files();
    for (what, options, chosen) in [
        (
            Installable::AutoSign,
            "--auto-sign --sign-name library-*",
            "library-*",
        ),
        (Installable::PolicyTimer, "--gc", "daily"),
        (Installable::Lease, "--lease", "14 days"),
        (Installable::Knock, "--knock", ""),
    ] {
        let word = format!("--{}", what.word());
        assert_eq!(place.found(what).state(), "not installed");
        let nothing = place.run(&format!("setup prod {word} --off --yes"), 0);
        assert!(nothing.contains("is not installed"), "{nothing}");
        place.run(&format!("setup prod {options} --yes"), 0);
        let found = place.found(what);
        assert_eq!(found.state(), "installed, on", "{found:?}");
        assert_eq!(found.chosen.to_string(), chosen);
        assert!(rig.installed_files().len() > before.len());
        // A dry run names each file of it, and takes none.
        let there = rig.installed_files();
        let plan = rig.ask(&format!("setup prod {word} --off --dry-run"), 0);
        assert_eq!(plan["plan"]["change"], what.remove());
        let shown = place.run(&format!("setup prod {word} --off --dry-run"), 0);
        for file in there.iter().filter(|file| !before.contains(file)) {
            assert!(shown.contains(file.as_str()), "{file}: {shown}");
        }
        assert_eq!(rig.installed_files(), there);
        let done = rig.ask(&format!("setup prod {word} --off --yes"), 0);
        assert_eq!(done["receipt"]["result"], "done", "{done}");
        assert_eq!(rig.installed_files(), before, "{what:?}");
        assert_eq!(states(rig), Vec::<String>::new(), "{what:?}");
        let gone = place.found(what);
        assert_eq!(
            (gone.state(), gone.files.len()),
            ("not installed".into(), 0)
        );
    }
    // Each has its record.
    let audit = rig.ask("audit root", 0);
    let records = audit["records"].as_array().unwrap().iter();
    let removed = records.filter(|record| {
        let change = record["change"].as_str().unwrap_or_default();
        change.starts_with("remove-")
    });
    assert_eq!(removed.count(), 4, "{audit}");
    // What auto-sign has signed stays signed, and the policy stays.
    assert_eq!(rig.client_accepts(rig.path("library-2.0")), Ok(()));
    assert!(rig.scratch().join("var/retention.toml").exists());
}

#[test]
fn what_was_edited_is_named_and_what_is_not_ours_stays() {
    let place = Place::new();
    let rig = &place.rig;
    place.run("setup prod --lease 7 --yes", 0);
    let timer = place.etc("systemd/system/storekeeper-lease.timer");
    let text = fs::read_to_string(&timer).unwrap();
    fs::write(&timer, text.replace("5min", "1min")).unwrap();
    let own = place.etc("systemd/system/storekeeper-lease.service.d");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("override.conf"), "[Service]\nNice=19\n").unwrap();
    let found = place.found(Installable::Lease);
    assert_eq!(found.state(), "edited or other version, on");
    assert_eq!(found.chosen.days, Some(7));
    let edited: Vec<&str> = found.differing().collect();
    assert_eq!(edited, ["/etc/systemd/system/storekeeper-lease.timer"]);
    let shown = place.run("setup prod --lease --off --dry-run", 0);
    for part in [
        "storekeeper-lease.timer is not as this version writes it",
        "service.d, which storekeeper has not written",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = place.run("setup prod --lease 14 --dry-run", 0);
    let anew = "storekeeper-lease.timer is not as this version writes it";
    assert!(
        shown.contains(anew) && shown.contains("it is written anew"),
        "{shown}"
    );
    // Edited again after it was shown: nothing goes.
    let plan = place.plan(Installable::Lease).unwrap();
    fs::write(&timer, text.replace("5min", "2min")).unwrap();
    let there = rig.installed_files();
    let receipt = place.carry(plan);
    assert_eq!(receipt.result, Outcome::Failed, "{receipt:?}");
    assert!(
        receipt.failed[0]
            .message
            .contains("somebody else has changed"),
        "{receipt:?}"
    );
    assert_eq!(rig.installed_files(), there);
    assert!(place.found(Installable::Lease).on);
    // A link in the place of a file is nobody's to remove but who made it.
    let moved = place.etc("systemd/system/elsewhere");
    fs::rename(&timer, &moved).unwrap();
    symlink("elsewhere", &timer).unwrap();
    let refused = place.run("setup prod --lease --off --yes", 4);
    assert!(refused.contains("is a link or a folder"), "{refused}");
    fs::remove_file(&timer).unwrap();
    fs::rename(&moved, &timer).unwrap();
    let receipt = place.carry(place.plan(Installable::Lease).unwrap());
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    assert_eq!(
        rig.installed_files(),
        ["/etc/systemd/system/storekeeper-lease.service.d/override.conf"]
    );
    assert_eq!(states(rig), Vec::<String>::new());
}

#[test]
fn a_run_that_goes_on_is_not_cut_off() {
    let place = Place::new();
    let rig = &place.rig;
    place.run("setup prod --lease --yes", 0);
    let running = PathBuf::from(rig.file("first/systemctl.running"));
    fs::write(&running, "").unwrap();
    assert!(place.found(Installable::Lease).running);
    let plan = place.plan(Installable::Lease).unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|text| text.contains("a run goes on"))
    );
    // It ends while it is waited for.
    let ended = running.clone();
    let ends = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(2));
        fs::remove_file(running).unwrap();
    });
    let receipt = place.carry(plan);
    assert!(!ended.exists(), "it went while a run went on");
    ends.join().unwrap();
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    assert_eq!(rig.installed_files(), Vec::<String>::new());
}

/// It is gone when its session is killed, or when the job is cancelled: it is looked at, and counts.
#[test]
fn a_removal_that_was_cut_off_is_looked_at() {
    for cut in [Cut::Sessions, Cut::Cancel] {
        let house = House::new();
        let places = Places {
            folder: house.rig.file("etc"),
            units: house.rig.file("units"),
        };
        let asked = LeaseInstall {
            script: format!("{}/lease", places.folder),
            units: places.units.clone(),
            ..LeaseInstall::of(&house.server, 14).unwrap()
        };
        let facts = wait(house.server.lease_facts(&asked)).unwrap();
        let about = About::of(&house.server);
        let plan = install_lease(&about, &facts, asked.clone()).unwrap();
        let receipt = wait(carry_out(&house.server, plan, &Answer::Flag, None));
        assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
        let found = wait(house.server.lease_installation(&places)).unwrap();
        let whole = |found: &Found| matches!(found, Found::Written { .. } | Found::State);
        assert!(
            found.files.iter().all(|file| whole(&file.found)),
            "{found:?}"
        );
        let removal = Removal {
            what: Installable::Lease,
            places: places.clone(),
            files: vec![],
            links: Some(asked.folder()),
            knock: None,
        };
        let plan = remove_installed(&about, &found, removal).unwrap();
        fs::write(house.rig.file("first/systemctl.ready"), "").unwrap();
        let reached = PathBuf::from(house.rig.file("first/systemctl.reached"));
        let receipt = cut_off(&house.server, plan, &reached, cut, || {
            house.sshd.kill_sessions();
        });
        assert_eq!(receipt.result, Outcome::Done, "{cut:?}: {receipt:?}");
        assert_eq!(fs::read_dir(house.rig.file("units")).unwrap().count(), 0);
    }
}

#[test]
fn sshd_runs_no_knock_any_more_and_requests_stay() {
    let place = Place::new();
    let rig = &place.rig;
    place.run("setup prod --knock --yes", 0);
    let waiting = rig.scratch().join("var/requests/waiting");
    fs::write(waiting.join("a-request"), "x").unwrap();
    let lines = place.etc("ssh/sshd_config.d/10-storekeeper-knock.conf");
    // The same lines again elsewhere: sshd would run the script on, without a file.
    let other = place.etc("ssh/sshd_config.d/20-other.conf");
    fs::copy(&lines, &other).unwrap();
    let receipt = place.carry(place.plan(Installable::Knock).unwrap());
    assert_eq!(receipt.result, Outcome::Failed, "{receipt:?}");
    let why = &receipt.failed[0].message;
    assert!(
        why.contains("have sshd run") && why.contains("nothing was removed"),
        "{why}"
    );
    assert!(lines.exists());
    fs::remove_file(&other).unwrap();
    let receipt = place.carry(place.plan(Installable::Knock).unwrap());
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    assert_eq!(rig.installed_files(), Vec::<String>::new());
    assert!(waiting.join("a-request").exists());
    let settings = wait(place.server.access()).unwrap().sshd.settings.unwrap();
    assert_eq!(settings.authorized_keys_command, None);
}

#[test]
fn off_needs_one_of_them_and_a_server() {
    let rig = Rig::new();
    for line in [
        "setup root --off",
        "setup --lease --off",
        "setup root --nixos --lease --off",
        "setup root --auto-sign --sign-name a --off",
        "setup root --lease --knock --off",
    ] {
        let output = rig.run(line);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{line}: {}",
            text(&output.stderr)
        );
    }
    let error: Value = rig.ask("setup no-sudo --lease --off --yes", 0);
    assert!(
        error["plan"]["summary"]
            .as_str()
            .unwrap()
            .contains("is not installed")
    );
}
