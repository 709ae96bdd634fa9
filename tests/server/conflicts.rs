//! What an administrator decides on is looked at again: somebody else has changed it between the plan and the job, on a real server.

use crate::help::{self, wait};
use crate::rig::{Access, Rig, Twist, key_pair};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use storekeeper::change::access::{About, approve, submit};
use storekeeper::change::keep::{Kept, PinRequest, older_than, pin, remove, unpin};
use storekeeper::change::{Answer, Outcome, Plan, Receipt, Undo};
use storekeeper::domain::authorized_keys::NewKey;
use storekeeper::domain::key_request::{Decision, Request, Source};
use storekeeper::domain::pin::Pin;
use storekeeper::domain::roots::{Root, RootKind};
use storekeeper::domain::ssh_key::PublicSshKey;
use storekeeper::domain::{Age, StorePath, When};
use storekeeper::inventory::{Builder, Inventory, Keep};
use storekeeper::server::Server;

fn connect(rig: &Rig, port: u16) -> Server {
    wait(async { help::connect(rig.spec("root", port).await).await })
}

fn carry_out(server: &Server, plan: Plan) -> Receipt {
    let answer = Answer::Accepting(plan.concerns.clone());
    wait(help::carry_out(server, plan, &answer, None))
}

/// A server, and two administrators who look at its pins and then decide.
struct House {
    rig: Rig,
    server: Server,
    inventory: Inventory,
    leaf: StorePath,
}

impl House {
    fn new() -> Self {
        let rig = Rig::new();
        let server = connect(&rig, rig.port(Access::Root));
        let leaf = StorePath::parse(rig.path("leaf-1.0")).unwrap();
        let inventory = Builder::new(vec![leaf.clone()]).finish();
        Self {
            rig,
            server,
            inventory,
            leaf,
        }
    }

    fn pins(&self) -> Vec<Pin> {
        wait(self.server.pins()).unwrap().unwrap()
    }

    fn about(&self, by: &str) -> About {
        About {
            by: by.to_owned(),
            ..About::of(&self.server)
        }
    }

    fn pin(&self, by: &str, pins: &[Pin], note: &str, expires: Option<When>) -> Plan {
        let wanted = PinRequest {
            name: Some("release".parse().unwrap()),
            reason: Some(note.to_owned()),
            expires,
        };
        pin(
            &self.about(by),
            &self.inventory,
            pins,
            &self.server.pins_dir(),
            std::slice::from_ref(&self.leaf),
            &wanted,
            When::now(),
        )
        .unwrap()
    }

    fn unpin(&self, pins: &[Pin]) -> Plan {
        let keep = Keep::default();
        let kept = Kept {
            inventory: &self.inventory,
            roots: &[],
            keep: &keep,
        };
        let names = [pins[0].name.clone()];
        let folder = self.server.pins_dir();
        unpin(&self.about("root via max"), kept, pins, &folder, &names).unwrap()
    }

    fn note(&self) -> PathBuf {
        self.rig.scratch().join("var/pins/release.json")
    }
}

/// The second of two who decided on the same pin changes nothing and reads who was first.
fn lost(receipt: &Receipt, said: &str) {
    assert_eq!((receipt.result, receipt.done), (Outcome::Failed, 0));
    for text in [
        receipt.conflict.as_deref().unwrap_or_default(),
        receipt.failed[0].message.as_str(),
    ] {
        assert!(text.contains(said), "{receipt:?}");
    }
}

#[test]
fn a_pin_is_what_was_shown_or_stays() {
    let house = House::new();
    let until = |days: i64| Some(When::from_unix(When::now().unix() + days * 86_400));
    let by_eva = |pins: &[Pin], days| house.pin("root via eva", pins, "v1", until(days));
    // Both want the name, and saw that nobody had it.
    let late = house.pin("root via max", &[], "mine", until(3));
    let early = carry_out(&house.server, by_eva(&[], 1));
    assert_eq!(early.result, Outcome::Done, "{early:?}");
    let note = fs::read(house.note()).unwrap();
    lost(
        &carry_out(&house.server, late),
        "changed it meanwhile: root via eva pinned it until ",
    );
    assert_eq!(fs::read(house.note()).unwrap(), note);

    // Its end was put off after it was shown as nearly over: it is neither removed nor given another note.
    let shown = house.pins();
    let late = [
        house.unpin(&shown),
        house.pin("root via max", &shown, "mine", None),
    ];
    let again = carry_out(&house.server, by_eva(&shown, 30));
    assert_eq!(again.result, Outcome::Done, "{again:?}");
    let note = fs::read(house.note()).unwrap();
    for plan in late {
        lost(
            &carry_out(&house.server, plan),
            "root via eva pinned it until ",
        );
        assert_eq!(fs::read(house.note()).unwrap(), note);
        assert_eq!(house.pins().len(), 1);
    }

    // Taken away meanwhile, it is not made again; removing it again is done already.
    let shown = house.pins();
    let late = house.pin("root via max", &shown, "mine", None);
    let twice = house.unpin(&shown);
    assert_eq!(
        carry_out(&house.server, house.unpin(&shown)).result,
        Outcome::Done
    );
    lost(&carry_out(&house.server, late), "taken it away meanwhile");
    assert_eq!(carry_out(&house.server, twice).result, Outcome::Done);
    assert!(house.pins().is_empty());

    // A link that somebody made by hand, which got a note since.
    let link = PathBuf::from(house.server.pins_dir()).join("release");
    symlink(house.leaf.to_string(), link).unwrap();
    let shown = house.pins();
    let late = house.unpin(&shown);
    let noted = carry_out(&house.server, by_eva(&shown, 1));
    assert_eq!(noted.result, Outcome::Done, "{noted:?}");
    lost(&carry_out(&house.server, late), "root via eva pinned it");
    // What it is now is known, so now it goes.
    let receipt = carry_out(&house.server, house.unpin(&house.pins()));
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    assert!(!house.note().exists());
}

#[test]
fn a_pin_comes_back_as_it_was_and_goes_again() {
    let house = House::new();
    let until = Some(When::from_unix(When::now().unix() + 86_400));
    let made = house.pin("root via eva", &[], "v1", until);
    let Some(Undo::Unpin(name)) = Undo::of(&made) else {
        panic!("nothing is offered");
    };
    assert_eq!(carry_out(&house.server, made).result, Outcome::Done);
    let before = house.pins();
    assert_eq!(before[0].name, name);
    let gone = house.unpin(&before);
    let Some(Undo::Pin {
        name,
        path,
        reason,
        expires,
    }) = Undo::of(&gone)
    else {
        panic!("nothing is offered");
    };
    assert_eq!(carry_out(&house.server, gone).result, Outcome::Done);
    assert!(house.pins().is_empty() && !house.note().exists());
    // By the names that the offer gives; `pin` and the offer agree on them.
    assert_eq!((name.as_str(), &path), ("release", &house.leaf));
    let again = house.pin("root via eva", &[], &reason.unwrap(), expires);
    assert_eq!(carry_out(&house.server, again).result, Outcome::Done);
    let [after] = house.pins().try_into().unwrap();
    let [before] = before.try_into().unwrap();
    assert_eq!(
        (&after.target, &after.reason, after.expires),
        (&before.target, &before.reason, before.expires)
    );
    // Changed once more by somebody else, what was made is not removed.
    let late = house.unpin(std::slice::from_ref(&after));
    let other = house.pin("root via max", &[after], "mine", None);
    assert_eq!(Undo::of(&other), None, "it had another reason before");
    assert_eq!(carry_out(&house.server, other).result, Outcome::Done);
    lost(&carry_out(&house.server, late), "root via max pinned it");
}

#[test]
fn a_root_is_what_was_shown_or_stays() {
    let house = House::new();
    let link = house.rig.scratch().join("result");
    symlink(house.leaf.to_string(), &link).unwrap();
    let root = Root {
        link: link.display().to_string(),
        target: house.leaf.clone(),
        kind: RootKind::Indirect,
    };
    let keep = Keep::default();
    let kept = Kept {
        inventory: &house.inventory,
        roots: std::slice::from_ref(&root),
        keep: &keep,
    };
    let about = house.about("root via max");
    let folder = house.server.pins_dir();
    let plan = remove(&about, kept, &[], &folder, &[], &root.link).unwrap();
    fs::remove_file(&link).unwrap();
    symlink(house.rig.path("top-1.0"), &link).unwrap();
    lost(
        &carry_out(&house.server, plan),
        "leads to another path by now: ",
    );
}

/// A profile with two generations that are old, one that was in use until long ago, and the one it leads to.
struct Profile<'a> {
    house: &'a House,
    path: PathBuf,
}

impl<'a> Profile<'a> {
    fn new(house: &'a House, name: &str) -> Self {
        let profiles = house.rig.scratch().join("server/nix/var/nix/profiles");
        fs::create_dir_all(&profiles).unwrap();
        let profile = Self {
            house,
            path: profiles.join(name),
        };
        for package in ["leaf-1.0", "left-1.0", "right-1.0", "top-1.0"] {
            profile.set(package);
        }
        for number in [1, 2, 3] {
            let link = profile.link(number);
            let aged = Command::new("touch")
                .args(["-h", "-d", "100 days ago"])
                .arg(link)
                .status();
            assert!(aged.unwrap().success());
        }
        profile
    }

    fn link(&self, number: u32) -> PathBuf {
        PathBuf::from(format!("{}-{number}-link", self.path.display()))
    }

    /// Which of its first six generations are there.
    fn there(&self) -> Vec<u32> {
        let is_there = |number: &u32| fs::symlink_metadata(self.link(*number)).is_ok();
        (1..=6).filter(is_there).collect()
    }

    /// What somebody else does with it.
    fn nix_env(&self, args: &[&str]) {
        let mut command = self.house.rig.nix_here("nix-env");
        let output = command.arg("-p").arg(&self.path).args(args).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    }

    fn set(&self, package: &str) {
        self.nix_env(&["--set", self.house.rig.path(package)]);
    }

    /// The first two are to go.
    fn plan(&self) -> Plan {
        let roots = wait(self.house.server.roots()).unwrap().roots;
        let mut generations = wait(self.house.server.generations(&roots)).unwrap();
        let mine = format!("{}-", self.path.display());
        generations.retain(|found| found.root.link.starts_with(&mine));
        assert_eq!(generations.len(), 4);
        let keep = Keep::default();
        let kept = Kept {
            inventory: &self.house.inventory,
            roots: &roots,
            keep: &keep,
        };
        let about = self.house.about("root via max");
        let age = Age(50 * 86_400);
        let plan = older_than(&about, kept, &generations, age, When::now()).unwrap();
        assert_eq!(plan.items.len(), 2, "{:?}", plan.items);
        plan
    }
}

/// Of two generations one stays, since somebody else has changed it, and the other goes.
fn one_stays(receipt: &Receipt, link: &Path, said: &str) {
    assert_eq!((receipt.result, receipt.done), (Outcome::Partial, 1));
    assert_eq!(receipt.failed.len(), 1, "{receipt:?}");
    assert!(receipt.failed[0].item.contains(link.to_str().unwrap()));
    for text in [
        receipt.conflict.as_deref().unwrap_or_default(),
        receipt.failed[0].message.as_str(),
    ] {
        assert!(text.contains(said), "{receipt:?}");
    }
}

#[test]
fn a_generation_is_what_was_shown_or_stays() {
    let house = House::new();

    // Deleted by somebody else: it is as it was to be.
    let profile = Profile::new(&house, "deleted");
    let plan = profile.plan();
    profile.nix_env(&["--delete-generations", "1"]);
    let receipt = carry_out(&house.server, plan);
    assert_eq!((receipt.result, receipt.done), (Outcome::Done, 2));
    assert_eq!(profile.there(), [3, 4]);

    // Others come: they are not of the plan.
    let profile = Profile::new(&house, "added");
    let plan = profile.plan();
    profile.set("application-2.0");
    let receipt = carry_out(&house.server, plan);
    assert_eq!((receipt.result, receipt.done), (Outcome::Done, 2));
    assert_eq!(profile.there(), [3, 4, 5]);

    // The profile leads to it by now.
    let profile = Profile::new(&house, "switched");
    let plan = profile.plan();
    profile.nix_env(&["--switch-generation", "2"]);
    let receipt = carry_out(&house.server, plan);
    let said = "it is the current generation of the profile (switched by root, at ";
    one_stays(&receipt, &profile.link(2), said);
    assert_eq!(profile.there(), [2, 3, 4]);

    // Nix gives the numbers of the last ones again: to another path, or to the same one, which was not used a moment ago.
    for (package, said) in [
        ("application-2.0", "it leads to another path by now: "),
        ("left-1.0", "it was made anew meanwhile, by root, at "),
    ] {
        let profile = Profile::new(&house, &format!("again-{package}"));
        let plan = profile.plan();
        profile.nix_env(&["--switch-generation", "1"]);
        profile.nix_env(&["--delete-generations", "2", "3", "4"]);
        profile.set(package);
        profile.set("top-1.0");
        assert_eq!(profile.there(), [1, 2, 3]);
        let receipt = carry_out(&house.server, plan);
        one_stays(&receipt, &profile.link(2), said);
        assert_eq!(profile.there(), [2, 3]);
    }

    // The profile is gone, so nobody knows which one it leads to.
    let profile = Profile::new(&house, "gone");
    let plan = profile.plan();
    fs::remove_file(&profile.path).unwrap();
    let receipt = carry_out(&house.server, plan);
    assert_eq!((receipt.result, receipt.done), (Outcome::Failed, 0));
    let said = &receipt.failed[0].message;
    assert!(said.contains("it is not known which generation"), "{said}");
    assert_eq!(profile.there(), [1, 2, 3, 4]);
}

/// The key's line is written before the decision. If somebody else has denied the request in between, it is taken back.
#[test]
fn a_line_is_taken_back_where_the_request_is_denied_while_it_is_written() {
    let rig = Rig::new();
    // The server's ssh-keygen, which reads the edited file: at its first call with one, somebody denies the request.
    let first = rig.scratch().join("first");
    fs::create_dir(&first).unwrap();
    let (ready, denied) = (first.join("ready"), first.join("denied.json"));
    let queue = rig.scratch().join("var/requests");
    let keys = rig.scratch().join("home-nix-ssh/.ssh/authorized_keys");
    key_pair(&rig.scratch().join("ada"), "ada");
    let public = fs::read_to_string(rig.scratch().join("ada.pub")).unwrap();
    let key = PublicSshKey::parse(&public).unwrap();
    let blob = public.split(' ').nth(1).unwrap().to_owned();
    let request = Request::new(key.clone(), Source::File, "nix-ssh", When::now());
    let name = request.file_name();
    let shim = format!(
        "#!/bin/sh\nif [ -e {ready} ] && grep -q {blob} {keys}; then\n  rm {ready}\n  mkdir -p {queue}/denied\n  cp {denied} {queue}/denied/{name}\n  rm {queue}/waiting/{name}\nfi\nexec $(PATH=/usr/bin:/bin command -v \"${{0##*/}}\") \"$@\"\n",
        ready = ready.display(),
        denied = denied.display(),
        keys = keys.display(),
        queue = queue.display(),
    );
    for program in ["sha256sum", "flock", "ssh-keygen"] {
        fs::write(first.join(program), &shim).unwrap();
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(first.join(program), mode).unwrap();
    }
    let twist = Twist {
        first: Some(first.clone()),
        ..Twist::default()
    };
    let sshd = rig.twisted("shimmed", Access::Root, twist);
    let server = connect(&rig, sshd.port);
    let about = About::of(&server);
    let facts = || wait(server.access()).unwrap();
    let asked = submit(&about, &facts(), &request).unwrap();
    assert_eq!(carry_out(&server, asked).result, Outcome::Done);
    let waiting = facts().requests.unwrap().remove(0);
    let decided = Request {
        decision: Some(Decision {
            approved: false,
            at: When::now(),
            by: "root via eva".to_owned(),
            reason: "who?".to_owned(),
        }),
        ..waiting.clone()
    };
    fs::write(&denied, decided.to_json().unwrap()).unwrap();

    let before = fs::read(&keys).unwrap();
    let new = NewKey {
        key,
        restrict: true,
        from: None,
        expires: None,
    };
    let plan = approve(&about, &facts(), &waiting, &new, None, "").unwrap();
    fs::write(&ready, "").unwrap();
    let receipt = carry_out(&server, plan);
    assert!(!ready.exists(), "the line was never there: {receipt:?}");
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Failed, 0),
        "{receipt:?}"
    );
    let reported = receipt.conflict.unwrap();
    assert!(
        reported.contains("root via eva denied it at "),
        "{reported}"
    );
    assert_eq!(fs::read(&keys).unwrap(), before);
    let now = facts().requests.unwrap().remove(0);
    assert!(now.decision.is_some_and(|decision| !decision.approved));
}
