//! What a job has done when it is cut off in the middle of a call counts, on a real server: its sessions are killed, or it is
//! cancelled while the server does not answer. Decisions on requests, the list of revoked keys, ended sessions, pins, roots.

use crate::help::{self, Cut, cut_off, stuck, wait};
use crate::rig::{Access, DelayProxy, Rig, Sshd, Twist, key_pair, wait_until};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use storekeeper::change::access::{About, approve, deny, end_session, revoke, submit};
use storekeeper::change::keep::{Kept, PinRequest, pin, remove, unpin};
use storekeeper::change::{Answer, Outcome, Plan, Receipt};
use storekeeper::domain::access::AccessFacts;
use storekeeper::domain::authorized_keys::NewKey;
use storekeeper::domain::key_request::{Request, Source};
use storekeeper::domain::ssh_key::PublicSshKey;
use storekeeper::domain::{StorePath, When};
use storekeeper::inventory::{Builder, Inventory, Keep};
use storekeeper::server::Server;

const BOTH: [Cut; 2] = [Cut::Sessions, Cut::Cancel];

struct House {
    rig: Rig,
    sshd: Sshd,
    server: Server,
    first: PathBuf,
}

impl House {
    fn new() -> Self {
        let rig = Rig::new();
        let first = stuck(rig.scratch(), &["rm", "sync", "sleep"]);
        let twist = Twist {
            first: Some(first.clone()),
            syslog: true,
            ..Twist::default()
        };
        let sshd = rig.twisted("stuck", Access::Root, twist);
        let mut spec = wait(rig.spec("root", sshd.port));
        spec.sshd_log = Some(sshd.auth_log());
        let server = wait(help::connect(spec));
        Self {
            rig,
            sshd,
            server,
            first,
        }
    }

    fn about(&self) -> About {
        About::of(&self.server)
    }

    fn facts(&self) -> AccessFacts {
        wait(self.after_all().access()).unwrap()
    }

    /// Another connection, since the first one may have been killed.
    fn after_all(&self) -> Server {
        wait(self.server.reopen()).unwrap()
    }

    fn key(&self, name: &str) -> PublicSshKey {
        let file = self.rig.scratch().join(name);
        key_pair(&file, name);
        PublicSshKey::parse(&fs::read_to_string(file.with_extension("pub")).unwrap()).unwrap()
    }

    fn waiting(&self, key: &PublicSshKey) -> Request {
        let request = Request {
            key: key.clone(),
            source: Source::File,
            user: String::new(),
            first_seen: None,
            last_seen: None,
            tries: 1,
            nonce: None,
            proof: None,
            decision: None,
        };
        let asked = submit(&self.about(), &self.facts(), &request).unwrap();
        let answer = Answer::Accepting(asked.concerns.clone());
        let receipt = wait(help::carry_out(&self.after_all(), asked, &answer, None));
        assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
        self.facts().requests.unwrap().remove(0)
    }

    /// Runs a plan until a program was called with these words.
    fn cut(&self, plan: Plan, words: &str, cut: Cut) -> Receipt {
        fs::write(self.first.join("ready"), words).unwrap();
        let reached = self.first.join("reached");
        let server = self.after_all();
        let receipt = cut_off(&server, plan, &reached, cut, || {
            self.sshd.kill_sessions();
        });
        fs::remove_file(reached).unwrap();
        // What hangs there lets its locks go.
        self.sshd.kill_sessions();
        receipt
    }
}

fn all_done(receipt: &Receipt, items: usize, what: &str) {
    assert_eq!(
        (receipt.result, receipt.done, receipt.failed.as_slice()),
        (Outcome::Done, items, [].as_slice()),
        "{what}: {receipt:?}"
    );
}

fn line(key: &PublicSshKey) -> NewKey {
    NewKey {
        key: key.clone(),
        restrict: true,
        from: None,
        expires: None,
    }
}

#[test]
fn decisions() {
    for cut in BOTH {
        let house = House::new();
        let key = house.key("ada");
        let waiting = house.waiting(&key);
        let plan = deny(&house.about(), &house.facts(), &waiting, "who?").unwrap();
        let receipt = house.cut(plan, "rm -f waiting/", cut);
        all_done(&receipt, 1, &format!("{cut:?} deny"));
        let now = house.facts().requests.unwrap().remove(0);
        assert!(now.decision.is_some_and(|own| !own.approved));

        let denied = house.facts().requests.unwrap().remove(0);
        let about = house.about();
        let plan = approve(&about, &house.facts(), &denied, &line(&key), None, "").unwrap();
        let receipt = house.cut(plan, "rm -f waiting/", cut);
        all_done(&receipt, 2, &format!("{cut:?} approve"));
        let now = house.facts().requests.unwrap().remove(0);
        assert!(now.decision.is_some_and(|own| own.approved));

        let plan = revoke(
            &about,
            &house.facts(),
            "root",
            key.fingerprint(),
            false,
            None,
        )
        .unwrap();
        let items = plan.items.len();
        let receipt = house.cut(plan, "rm -f approved/", cut);
        all_done(&receipt, items, &format!("{cut:?} revoke"));
        assert_eq!(house.facts().revoked.unwrap().len(), 1);
    }
}

/// What was not written is not called done.
#[test]
fn a_decision_that_did_not_arrive() {
    let house = House::new();
    let waiting = house.waiting(&house.key("ada"));
    let plan = deny(&house.about(), &house.facts(), &waiting, "").unwrap();
    // Right before it is put into its place.
    let receipt = house.cut(plan, "sync ./new.", Cut::Cancel);
    assert_eq!(receipt.done, 0, "{receipt:?}");
    let why = &receipt.failed[0].message;
    assert!(why.contains("it is seen not to be kept"), "{why}");
    assert!(house.facts().requests.unwrap().remove(0).waits());
}

#[test]
fn pins_and_roots() {
    for cut in BOTH {
        let house = House::new();
        let leaf = StorePath::parse(house.rig.path("leaf-1.0")).unwrap();
        let inventory: Inventory = Builder::new(vec![leaf.clone()]).finish();
        let folder = house.server.pins_dir();
        let wanted = PinRequest {
            name: Some("release".parse().unwrap()),
            reason: Some("v1".to_owned()),
            expires: None,
        };
        let about = house.about();
        let paths = std::slice::from_ref(&leaf);
        let plan = pin(
            &about,
            &inventory,
            &[],
            &folder,
            paths,
            &wanted,
            When::now(),
        )
        .unwrap();
        // Its link is made.
        let receipt = house.cut(plan, "sync .|", cut);
        all_done(&receipt, 1, &format!("{cut:?} pin"));
        let pins = wait(house.after_all().pins()).unwrap().unwrap();
        assert_eq!(pins.len(), 1);

        let keep = Keep::default();
        let kept = |roots| Kept {
            inventory: &inventory,
            roots,
            keep: &keep,
        };
        let names = [pins[0].name.clone()];
        let plan = unpin(&about, kept(&[]), &pins, &folder, &names).unwrap();
        let receipt = house.cut(plan, "rm -f ./release.json", cut);
        all_done(&receipt, 1, &format!("{cut:?} unpin"));
        assert_eq!(wait(house.after_all().pins()).unwrap().unwrap(), []);

        // A root that a user has made.
        let link = house.rig.scratch().join("result");
        let real = format!("{}/server{leaf}", house.rig.scratch().display());
        assert!(fs::exists(real).unwrap());
        symlink(leaf.to_string(), &link).unwrap();
        let auto = house.rig.file("server/nix/var/nix/gcroots/auto");
        fs::create_dir_all(&auto).unwrap();
        symlink(&link, format!("{auto}/made-by-hand")).unwrap();
        let found = wait(house.after_all().roots()).unwrap().roots;
        let link = link.display().to_string();
        assert!(found.iter().any(|root| root.link == link));
        let plan = remove(&about, kept(&found), &[], &folder, &[], &link).unwrap();
        let receipt = house.cut(plan, "rm -f ./made-by-hand", cut);
        all_done(&receipt, 1, &format!("{cut:?} root"));
        let found = wait(house.after_all().roots()).unwrap().roots;
        assert!(found.iter().all(|root| root.link != link));
    }
}

#[test]
fn ended_sessions() {
    for cut in BOTH {
        let house = House::new();
        let mut session = house.rig.open_session("id", house.sshd.port);
        wait_until("the session", || house.facts().sessions.unwrap().len() == 1);
        let open = house.facts().sessions.unwrap().remove(0);
        let plan = end_session(&house.about(), &open, None);
        // The job comes through a proxy, so that its own connection can be cut alone.
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, house.sshd.port));
        let proxy = DelayProxy::start(target, Duration::ZERO);
        house.rig.trust_port(proxy.port());
        let mut spec = wait(house.rig.spec("root", proxy.port()));
        spec.sshd_log = Some(house.sshd.auth_log());
        let server = wait(help::connect(spec));
        // It is told to end, and does while nobody hears of it.
        let signal = |name: &str| {
            let mut kill = Command::new("kill");
            kill.args([name, &open.pid.to_string()]);
            assert!(kill.status().unwrap().success());
        };
        signal("-STOP");
        fs::write(house.first.join("ready"), "sleep 0.1").unwrap();
        let reached = house.first.join("reached");
        let watch = reached.clone();
        let receipt = std::thread::scope(|scope| {
            scope.spawn(|| {
                wait_until("the signal", || watch.exists());
                signal("-CONT");
            });
            cut_off(&server, plan, &reached, cut, || proxy.cut())
        });
        all_done(&receipt, 1, &format!("{cut:?}"));
        assert_eq!(house.facts().sessions.unwrap(), []);
        wait_until("the end of the session", || {
            session.try_wait().unwrap().is_some()
        });
    }
}
