//! Each kind of change that can wait for a second administrator, on a real server: it waits and changes nothing, the same login can't confirm
//! it, what has changed meanwhile is said, and what is confirmed is what happens.

use super::two_persons::{administrators, bob, by, folder};
use super::{House, fingerprint};
use crate::help::text;
use crate::rig::{Nix, OURS, wait_until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// With a rule for this.
fn house(nix: &Nix, groups: &str) -> House {
    let house = House::with(nix);
    administrators(&house);
    prepare(&house);
    house.says(&format!("plans prod set-rule {groups} --yes"), 0);
    house
}

fn state_folder(house: &House) -> PathBuf {
    house.rig.scratch().join("server/nix/var/nix")
}

/// A pin, four generations of a profile of which three are old, and a policy that is to be written.
fn prepare(house: &House) {
    let path = |name: &str| house.rig.path(name);
    house.says(
        &format!("pin prod {} --name kept --yes", path("top-1.0")),
        0,
    );
    let profiles = state_folder(house).join("profiles");
    fs::create_dir_all(&profiles).unwrap();
    for (number, name, days) in [
        (1, "leaf-1.0", 90),
        (2, "left-1.0", 80),
        (3, "right-1.0", 70),
        (4, "top-1.0", 1),
    ] {
        let link = profiles.join(format!("app-{number}-link"));
        generation(&link, path(name), days);
    }
    symlink("app-4-link", profiles.join("app")).unwrap();
    let policy = "[default]\nnewest = 9\n";
    fs::write(house.rig.file("policy.toml"), policy).unwrap();
}

fn generation(link: &Path, path: &str, days: u32) {
    let _ = fs::remove_file(link);
    symlink(path, link).unwrap();
    let age = format!("{days} days ago");
    let touched = Command::new("touch")
        .args(["-h", "-d", &age])
        .arg(link)
        .status();
    assert!(touched.unwrap().success());
}

/// All that these changes are about, as text.
fn state(house: &House) -> String {
    let rows = "select path, coalesce(sigs, '') from ValidPaths order by path";
    let mut all = house.rig.sql(rows);
    for name in ["gcroots/storekeeper", "profiles"] {
        let mut links: Vec<String> = fs::read_dir(state_folder(house).join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|link| format!("{} {:?}\n", link.display(), fs::read_link(&link)))
            .collect();
        links.sort();
        all += &links.concat();
    }
    for file in [house.key_file(), policy(house)] {
        all += &fs::read_to_string(file).unwrap_or_default();
    }
    all
}

fn policy(house: &House) -> PathBuf {
    house.rig.scratch().join("var/retention.toml")
}

/// The first confirmation; the id of the plan that waits then.
fn waits(house: &House, line: &str) -> String {
    let waits = house.json(line, 5);
    assert_eq!(waits["receipt"]["result"], "waiting", "{waits}");
    assert_eq!(waits["receipt"]["done"], 0, "{waits}");
    let id = waits["receipt"]["waits"]["plan"].as_str().unwrap();
    id.to_owned()
}

/// A kind of change.
struct Kind<'a> {
    /// What the first does.
    line: String,
    /// What the second adds to the confirmation.
    more: String,
    /// What somebody else does meanwhile, and what is reported then.
    meddle: Box<dyn Fn() + 'a>,
    said: &'static str,
    /// Takes that back.
    mend: Box<dyn Fn() + 'a>,
}

/// The whole way; the document of the end.
fn goes_through(house: &House, kind: &Kind<'_>) -> Value {
    let Kind { line, more, .. } = kind;
    let before = state(house);
    let confirm = |id: &str| format!("plans prod confirm {id} --yes{more}");
    let id = waits(house, line);
    assert_eq!(state(house), before, "{line}");
    let refused = house.json(&confirm(&id), 4);
    assert_eq!(refused["error"]["kind"], "policy", "{refused}");
    let why = refused["error"]["message"].as_str().unwrap();
    assert!(why.contains("the same key"), "{why}");
    house.says(&format!("plans prod drop {id} --yes"), 0);
    bob(house, &confirm(&id), 2);
    assert_eq!(fs::read_dir(folder(house)).unwrap().count(), 0, "{line}");
    assert_eq!(state(house), before, "{line}");

    let id = waits(house, line);
    (kind.meddle)();
    let meddled = state(house);
    let refused = bob(house, &confirm(&id), 4);
    assert_eq!(refused["error"]["kind"], "conflict", "{line}: {refused}");
    let why = refused["error"]["message"].as_str().unwrap();
    assert!(why.contains(kind.said), "{line}: {why}");
    assert_eq!(state(house), meddled, "{line}");
    (kind.mend)();
    assert_eq!(state(house), before, "{line}");
    let done = bob(house, &confirm(&id), 0);
    assert_eq!(done["receipt"]["result"], "done", "{line}: {done}");
    assert_ne!(state(house), before, "{line}");
    assert_eq!(fs::read_dir(folder(house)).unwrap().count(), 0, "{line}");
    done
}

fn names(document: &Value, field: &str) -> BTreeSet<String> {
    let items = document["plan"]["items"].as_array().unwrap().iter();
    items
        .map(|item| item[field].as_str().unwrap().to_owned())
        .collect()
}

fn valid(house: &House) -> BTreeSet<String> {
    let rows = house.rig.sql("select path from ValidPaths");
    rows.lines().map(str::to_owned).collect()
}

fn nix_store(house: &House, args: &[&str]) {
    let output = house.rig.nix_here("nix-store").args(args).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// A text in the store that refers to a path.
fn referrer(house: &House, path: &str) -> String {
    let text = format!("builtins.toFile \"user-1.0\" \"${{builtins.storePath \"{path}\"}}\"");
    house.rig.evaluate(&text).as_str().unwrap().to_owned()
}

#[test]
fn paths_pins_and_roots_go_with_the_second_administrator_only() {
    for nix in Nix::oldest_and_newest() {
        let house = house(&nix, "delete");
        let house = &house;
        let path = |name: &str| house.rig.path(name).to_owned();
        let (stranger, before) = (path("stranger-1.0"), valid(house));
        let pins = state_folder(house).join("gcroots/storekeeper");
        let profiles = state_folder(house).join("profiles");
        let link = |number: u32| profiles.join(format!("app-{number}-link"));

        let user = referrer(house, &stranger);
        nix_store(house, &["--delete", &user]);
        let done = goes_through(
            house,
            &Kind {
                line: format!("delete prod {stranger} --yes"),
                more: String::new(),
                meddle: Box::new(|| assert_eq!(referrer(house, &stranger), user)),
                said: "user-1.0",
                mend: Box::new(|| nix_store(house, &["--delete", &user])),
            },
        );
        assert_eq!(names(&done, "path"), [stranger.clone()].into());
        let gone: BTreeSet<String> = before.difference(&valid(house)).cloned().collect();
        assert_eq!(gone, [stranger.clone()].into());

        let relink = |link: &Path, path: String| {
            fs::remove_file(link).unwrap();
            symlink(path, link).unwrap();
        };
        let kept = pins.join("kept");
        goes_through(
            house,
            &Kind {
                line: "unpin prod kept --yes".to_owned(),
                more: String::new(),
                meddle: Box::new(|| relink(&kept, path("leaf-1.0"))),
                said: "new: ",
                mend: Box::new(|| relink(&kept, path("top-1.0"))),
            },
        );
        assert!(fs::symlink_metadata(&kept).is_err());

        let first = link(1);
        let of = |number: u32, name: &str, days| generation(&link(number), &path(name), days);
        goes_through(
            house,
            &Kind {
                line: format!("roots prod remove {} --yes", first.display()),
                more: String::new(),
                meddle: Box::new(|| of(1, "right-1.0", 90)),
                said: "new: ",
                mend: Box::new(|| of(1, "leaf-1.0", 90)),
            },
        );
        assert!(fs::symlink_metadata(&first).is_err() && fs::symlink_metadata(link(2)).is_ok());

        // Of several, one has gone by itself.
        of(1, "leaf-1.0", 90);
        let done = goes_through(
            house,
            &Kind {
                line: "roots prod remove --generations-older-than 30d --yes".to_owned(),
                more: String::new(),
                meddle: Box::new(|| fs::remove_file(link(2)).unwrap()),
                said: "no more: root",
                mend: Box::new(|| of(2, "left-1.0", 80)),
            },
        );
        let shown = |number: u32| link(number).display().to_string();
        assert_eq!(names(&done, "root"), [shown(1), shown(2)].into());
        let left = [1, 2, 3, 4].map(|number| fs::symlink_metadata(link(number)).is_ok());
        assert_eq!(left, [false, false, true, true]);
    }
}

#[test]
fn signatures_and_a_policy_change_with_the_second_administrator_only() {
    for nix in Nix::oldest_and_newest() {
        let house = house(&nix, "strip retention");
        let house = &house;
        let leaf = house.rig.path("leaf-1.0").to_owned();
        let column = format!("select sigs from ValidPaths where path = '{leaf}'");
        let signatures = house.rig.sql(&column).trim().to_owned();
        let write = |text: &str| {
            let set = format!("update ValidPaths set sigs = '{text}' where path = '{leaf}'");
            house.rig.sql(&set);
        };
        goes_through(
            house,
            &Kind {
                line: format!("compromised prod {OURS} strip --yes"),
                more: String::new(),
                meddle: Box::new(|| write("")),
                said: "no more: /nix/store/",
                mend: Box::new(|| write(&signatures)),
            },
        );
        let left = format!("select count(*) from ValidPaths where sigs like '%{OURS}:%'");
        assert_eq!(house.rig.sql(&left).trim(), "0");

        goes_through(
            house,
            &Kind {
                line: format!("retention prod set {} --yes", house.rig.file("policy.toml")),
                more: String::new(),
                meddle: Box::new(|| fs::write(policy(house), "[default]\nnewest = 1\n").unwrap()),
                said: "new: - ",
                mend: Box::new(|| fs::remove_file(policy(house)).unwrap()),
            },
        );
        assert!(
            fs::read_to_string(policy(house))
                .unwrap()
                .contains("newest = 9")
        );
    }
}

#[test]
fn a_collection_takes_what_both_have_seen_and_no_more() {
    for nix in Nix::oldest_and_newest() {
        let house = house(&nix, "collect");
        let path = |name: &str| house.rig.path(name).to_owned();
        let shown = names(&house.json("gc prod --whole --dry-run", 0), "path");
        let (before, full) = (valid(&house), state(&house));
        let line = "gc prod --whole --yes --reason full";
        let id = waits(&house, line);
        assert_eq!(state(&house), full);
        let list = folder(&house).join(format!("{id}.paths"));
        let seen = fs::metadata(&list).unwrap();
        assert_eq!(seen.len(), 16 * shown.len() as u64);
        assert_eq!(seen.permissions().mode() & 0o777, 0o600);
        let confirm = |id: &str| format!("plans prod confirm {id} --yes");
        let refused = house.json(&confirm(&id), 4);
        assert_eq!(refused["error"]["kind"], "policy", "{refused}");
        house.says(&format!("plans prod drop {id} --yes"), 0);
        assert_eq!(fs::read_dir(folder(&house)).unwrap().count(), 0);
        assert_eq!(state(&house), full);

        // What is dead by then and was not seen stays, and so does what that needs; what was pinned stays, too.
        let id = waits(&house, line);
        let later = house.rig.add("later-1.0", "x");
        let (retired, upstream) = (path("retired-0.9"), path("upstream-3.0"));
        assert!(shown.contains(&retired) && shown.contains(&upstream));
        let user = referrer(&house, &retired);
        let pins = state_folder(&house).join("gcroots/storekeeper");
        symlink(&upstream, pins.join("upstream")).unwrap();
        let expected: BTreeSet<String> = shown
            .iter()
            .filter(|path| ![&retired, &upstream].contains(path))
            .cloned()
            .collect();
        let planned = bob(&house, &format!("plans prod confirm {id} --dry-run"), 0);
        assert_eq!(names(&planned, "path"), expected);
        let said = by(
            &house,
            "other",
            &format!("plans prod confirm {id} --dry-run"),
        );
        let said = text(&{ said }.output().unwrap().stdout);
        let words = format!("{} paths: 2 of them are gone or stay by now", shown.len());
        assert!(said.contains(&words), "{said}");

        // The list beside the plan is the one that the first has seen, or nothing happens.
        let list = folder(&house).join(format!("{id}.paths"));
        let bytes = fs::read(&list).unwrap();
        for other in [
            [&bytes[..], &[7; 16]].concat(),
            bytes[16..].to_vec(),
            vec![],
        ] {
            fs::write(&list, other).unwrap();
            let refused = bob(&house, &confirm(&id), 1);
            let why = refused["error"]["message"].as_str().unwrap();
            assert!(why.contains("is not the one that the first"), "{why}");
        }
        fs::write(&list, bytes).unwrap();
        let done = bob(&house, &confirm(&id), 0);
        assert_eq!(names(&done, "path"), expected);
        let more: BTreeSet<String> = [later, user].into();
        let left: BTreeSet<String> = before.union(&more).cloned().collect();
        let left: BTreeSet<String> = left.difference(&expected).cloned().collect();
        assert_eq!(valid(&house), left);
        assert_eq!(fs::read_dir(folder(&house)).unwrap().count(), 0);
    }
}

#[test]
fn a_collection_by_the_policy_goes_by_the_one_that_the_first_has_seen() {
    let house = house(&Nix::of_this_machine(), "collect");
    let [stranger, flipped] = ["stranger-1.0", "flipped-1.0"].map(|name| house.rig.path(name));
    let project =
        |name: &str| format!("[[project]]\nname = \"{name}\"\nnewest = 0\nuploaded = \"0\"\n");
    let first = format!("{}[default]\nnewest = 9\n", project("stranger"));
    fs::write(policy(&house), &first).unwrap();
    let id = waits(&house, "gc prod --policy --yes");
    let before = valid(&house);
    let confirm = format!("plans prod confirm {id} --yes");
    fs::write(policy(&house), format!("{}{first}", project("flipped"))).unwrap();
    let refused = bob(&house, &confirm, 4);
    let why = refused["error"]["message"].as_str().unwrap();
    assert!(why.contains("new: policy: flipped: newest 0"), "{why}");
    fs::remove_file(policy(&house)).unwrap();
    let refused = bob(&house, &confirm, 4);
    let why = refused["error"]["message"].as_str().unwrap();
    assert!(why.contains("there is none any more"), "{why}");
    assert_eq!(valid(&house), before);
    fs::write(policy(&house), &first).unwrap();
    bob(&house, &confirm, 0);
    let gone: Vec<String> = before.difference(&valid(&house)).cloned().collect();
    assert_eq!(gone, [stranger]);
    assert!(valid(&house).contains(flipped));
}

#[test]
fn a_certificate_is_made_by_the_second_where_the_authority_s_key_is() {
    let house = House::new();
    administrators(&house);
    let carol = house.new_key("carol", "carol");
    let public = |name: &str| fs::read_to_string(house.rig.file(&format!("{name}.pub"))).unwrap();
    for name in ["ca", "not-ca"] {
        house.new_key(name, name);
    }
    // Only the other administrator has the private half.
    let shared = house.rig.file("shared.pub");
    fs::write(&shared, public("ca")).unwrap();
    let keys = fs::read_to_string(house.key_file()).unwrap();
    let line = format!(
        "{keys}cert-authority,restrict,principals=\"ci\" {}",
        public("ca")
    );
    fs::write(house.key_file(), line).unwrap();
    // The key that is certified was revoked once, which is forgotten before and found again meanwhile.
    house.says(&format!("keys prod authorize {carol} --yes"), 0);
    house.says("keys prod revoke carol --yes", 0);
    let revoked = revoked_lists(&house);
    let forget = || {
        for (file, _) in &revoked {
            fs::remove_file(file).unwrap();
        }
    };
    let remember = || {
        for (file, text) in &revoked {
            fs::write(file, text).unwrap();
        }
    };
    forget();
    house.says("plans prod set-rule access --yes", 0);

    let issue =
        format!("keys prod sign-cert {carol} --ca {shared} --expires 1d --id carol-laptop --yes");
    let waiting = house.json(&issue, 5);
    let id = waiting["receipt"]["waits"]["plan"].as_str().unwrap();
    let made = house.rig.file("carol-cert.pub");
    assert!(!fs::exists(&made).unwrap());
    let confirm = |file: &str| format!("plans prod confirm {id} --yes --ca {file} --out {made}");
    let ca = house.rig.file("ca");
    let refused = house.json(&confirm(&ca), 4);
    assert_eq!(refused["error"]["kind"], "policy", "{refused}");
    // Without the key, or with another one.
    let refused = bob(&house, &format!("plans prod confirm {id} --yes"), 4);
    let hint = refused["error"].to_string();
    assert!(hint.contains("--ca FILE"), "{hint}");
    let refused = bob(&house, &confirm(&house.rig.file("not-ca")), 4);
    let why = refused["error"]["message"].as_str().unwrap();
    assert!(
        why.contains(&fingerprint(&house.rig.file("ca.pub"))),
        "{why}"
    );
    remember();
    let refused = bob(&house, &confirm(&ca), 4);
    let why = refused["error"]["message"].as_str().unwrap();
    assert!(why.contains("new: doubt: revoked"), "{why}");
    forget();
    assert!(!fs::exists(&made).unwrap() && !house.lets_in("carol"));

    let done = bob(&house, &confirm(&ca), 0);
    assert_eq!(done["receipt"]["result"], "done", "{done}");
    let (item, first) = (&done["plan"]["items"][0], &waiting["plan"]["items"][0]);
    for field in ["serial", "id", "principals", "expires", "fingerprint"] {
        assert_eq!(item[field], first[field], "{field}");
    }
    assert!(house.lets_in("carol"));
    let log = fs::read_to_string(house.rig.scratch().join("var/audit.jsonl")).unwrap();
    let record: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    for (field, key) in [("plannedBy", "id.pub"), ("confirmedBy", "other.pub")] {
        let who = record[field].as_str().unwrap();
        assert!(who.contains(&fingerprint(&house.rig.file(key))), "{record}");
    }
}

/// The lists of revoked keys, each with what it says.
fn revoked_lists(house: &House) -> Vec<(PathBuf, String)> {
    let folder = house.rig.scratch().join("var/requests/revoked");
    let entries = fs::read_dir(folder).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    files
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            (file, text)
        })
        .collect()
}

#[test]
fn no_kind_is_confirmed_after_its_time() {
    let house = House::new();
    administrators(&house);
    prepare(&house);
    house.new_key("ca", "ca");
    let public = house.new_key("ada", "ada");
    house.says("plans prod set-rule --valid 1s --yes", 0);
    let path = |name: &str| house.rig.path(name).to_owned();
    let link = state_folder(&house).join("profiles/app-1-link");
    let before = state(&house);
    let ca = house.rig.file("ca");
    let plans: Vec<String> = [
        format!("keys prod authorize {public} --yes"),
        format!("keys prod sign-cert {public} --ca {ca} --expires 1d --yes"),
        format!("delete prod {} --yes", path("stranger-1.0")),
        "unpin prod kept --yes".to_owned(),
        format!("roots prod remove {} --yes", link.display()),
        "roots prod remove --generations-older-than 30d --yes".to_owned(),
        format!("compromised prod {OURS} strip --yes"),
        format!("retention prod set {} --yes", house.rig.file("policy.toml")),
        "gc prod --whole --yes".to_owned(),
    ]
    .iter()
    .map(|line| waits(&house, line))
    .collect();
    wait_until("the end of the plans", || {
        let listed = house.json("plans prod", 0);
        let states = listed["plans"].as_array().unwrap().iter();
        let over: Vec<bool> = states.map(|plan| plan["state"] == "over").collect();
        over.len() == plans.len() && !over.contains(&false)
    });
    for id in plans {
        let refused = bob(
            &house,
            &format!("plans prod confirm {id} --yes --ca {ca}"),
            4,
        );
        assert_eq!(refused["error"]["kind"], "policy", "{refused}");
    }
    assert_eq!(state(&house), before);
}
