//! The upload lease on a real store: someone's own `nix-collect-garbage` does not take what has just arrived.

use crate::help::{Cut, carry_out, connect, cut_off, wait};
use crate::rig::{Access, Rig, Twist, need};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use storekeeper::change::access::About;
use storekeeper::change::keep::{KeepError, install_lease};
use storekeeper::change::{Answer, Outcome, Plan, Receipt};
use storekeeper::domain::When;
use storekeeper::link::{Options, resolve};
use storekeeper::server::{LeaseInstall, Server, Spec};

const DAY: i64 = 86_400;

/// The script as a timer runs it, by the shell that is asked for.
fn lease(rig: &Rig, shell: &[&str], days: u32) {
    let file = rig.scratch().join("lease.sh");
    fs::write(&file, LeaseInstall::script_text()).unwrap();
    let nix = rig.nix.command("nix");
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .arg(file)
        .arg(days.to_string())
        .arg(rig.file("server/nix/store"))
        .arg(rig.file("server/nix/var/nix/gcroots"))
        .arg(nix.get_program());
    succeeds(rig, &mut command);
}

/// Runs something as root there does, with nothing to complain of.
pub(super) fn succeeds(rig: &Rig, command: &mut Command) {
    command
        .env("NIX_REMOTE", format!("local?root={}", rig.file("server")))
        .env("NIX_CONF_DIR", rig.file("conf"))
        .env("HOME", rig.file("home-daemon"))
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// Where the links are, and the base names that they lead to.
fn leased(rig: &Rig) -> BTreeSet<(PathBuf, String)> {
    let folder = rig
        .scratch()
        .join("server/nix/var/nix/gcroots/storekeeper-lease");
    let mut found = BTreeSet::new();
    for day in fs::read_dir(folder).unwrap() {
        for link in fs::read_dir(day.unwrap().path()).unwrap() {
            let link = link.unwrap().path();
            let target = fs::read_link(&link).unwrap().display().to_string();
            found.insert((link, target));
        }
    }
    found
}

fn targets(rig: &Rig) -> BTreeSet<String> {
    leased(rig).into_iter().map(|(_, target)| target).collect()
}

fn register(rig: &Rig, paths: &str, ago: i64) {
    let at = When::now().unix() - ago;
    rig.sql(&format!(
        "update ValidPaths set registrationTime = {at} where {paths}"
    ));
}

/// What the NixOS module makes of `leaseDays`, by the real Nix, with as much of nixpkgs' `lib` as the module uses.
#[test]
fn the_nixos_module_runs_the_same_script() {
    let rig = Rig::new();
    register(&rig, "1", 30 * DAY);
    register(&rig, "path like '%-top-1.0'", DAY);
    let module = fs::canonicalize("docs/nixos/module.nix").unwrap();
    let expression = format!(
        "let lib = {{ mkEnableOption = _: {{ }}; mkOption = option: option; mkIf = on: value: if on then value else {{ }};
           mkMerge = parts: parts; optionalString = on: text: if on then text else \"\";
           types = {{ str = 1; bool = 1; nullOr = _: 1; ints.positive = 1; }}; }};
         of = leaseDays: builtins.elemAt (import {} {{ inherit lib; config.services.storekeeper = {{
           enable = true; user = \"nix-ssh\"; serve = true; signingKey = null; stateDir = \"/var/lib/storekeeper\";
           knock = false; inherit leaseDays; }}; }}).config 2;
         file = (of 14).environment.etc.\"storekeeper/lease\";
         in {{ none = of null; text = builtins.readFile file.source; inherit (file) mode;
           run = (of 14).systemd.services.storekeeper-lease.script;
           timer = (of 14).systemd.timers.storekeeper-lease; }}",
        module.display()
    );
    let value = rig.evaluate(&expression);
    assert_eq!(value["none"], serde_json::json!({}));
    assert_eq!(value["text"], LeaseInstall::script_text());
    assert_eq!(value["mode"], "0555");
    for line in ["OnBootSec=1min", "OnUnitInactiveSec=5min"] {
        let (name, time) = line.split_once('=').unwrap();
        assert_eq!(value["timer"]["timerConfig"][name], time);
        assert!(LeaseInstall::timer().contains(line));
    }
    // As the service runs it, but for the places.
    let file = rig.scratch().join("lease.sh");
    fs::write(&file, value["text"].as_str().unwrap()).unwrap();
    let run = value["run"]
        .as_str()
        .unwrap()
        .replace("/etc/storekeeper/lease", &file.display().to_string())
        .replace("/nix/var/nix", &rig.file("server/nix/var/nix"))
        .replace(
            " /nix/store ",
            &format!(" {} ", rig.file("server/nix/store")),
        );
    let mut command = Command::new("sh");
    command.arg("-c").arg(run);
    succeeds(&rig, &mut command);
    assert_eq!(targets(&rig), [rig.path("top-1.0").to_owned()].into());
}

#[test]
fn a_fresh_upload_outlives_a_collection_on_every_nix() {
    Rig::on_every_nix(|rig| {
        register(rig, "1", 30 * DAY);
        register(rig, "path like '%-top-1.0'", DAY);
        register(rig, "path like '%-right-1.0'", 3 * DAY);
        lease(rig, &["sh"], 14);
        let expected: BTreeSet<String> = ["top-1.0", "right-1.0"]
            .map(|name| rig.path(name).to_owned())
            .into();
        assert_eq!(targets(rig), expected);
        let before = leased(rig);
        lease(rig, &["sh"], 14);
        assert_eq!(leased(rig), before);

        let output = rig.nix_here("nix-collect-garbage").output().unwrap();
        assert!(output.status.success());
        let there =
            |name: &str| Path::new(&format!("{}{}", rig.file("server"), rig.path(name))).exists();
        for name in ["top-1.0", "left-1.0", "leaf-1.0", "right-1.0"] {
            assert!(there(name), "{name}");
        }
        assert!(!there("fresh-3.1"));

        // Afterwards it goes: the folder of its day, and with it the path.
        lease(rig, &["sh"], 1);
        assert_eq!(targets(rig), [rig.path("top-1.0").to_owned()].into());
        register(rig, "1", 30 * DAY);
        fs::remove_dir_all(
            rig.scratch()
                .join("server/nix/var/nix/gcroots/storekeeper-lease"),
        )
        .unwrap();
        lease(rig, &["sh"], 14);
        assert_eq!(leased(rig), BTreeSet::new());
        assert!(
            rig.nix_here("nix-collect-garbage")
                .output()
                .unwrap()
                .status
                .success()
        );
        assert!(!there("top-1.0"));
    });
}

#[test]
fn busybox_and_dash_do_the_same() {
    let rig = Rig::new();
    register(&rig, "1", 30 * DAY);
    register(&rig, "path like '%-top-1.0'", DAY);
    lease(&rig, &["dash"], 14);
    let by_dash = leased(&rig);
    assert_eq!(by_dash.len(), 1);
    fs::remove_dir_all(
        rig.scratch()
            .join("server/nix/var/nix/gcroots/storekeeper-lease"),
    )
    .unwrap();
    // The shell's own applets come first.
    let tools = rig.scratch().join("busybox");
    let busybox = need::busybox(&tools);
    let path = format!("PATH={}", tools.display());
    lease(&rig, &["env", &path, busybox.to_str().unwrap(), "sh"], 14);
    assert_eq!(leased(&rig), by_dash);
}

/// The script with another `nix`; what it says.
fn lease_with(rig: &Rig, shell: &[&str], nix: &Path) -> String {
    let file = rig.scratch().join("lease.sh");
    fs::write(&file, LeaseInstall::script_text()).unwrap();
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .arg(file)
        .arg("14")
        .arg(rig.file("server/nix/store"))
        .arg(rig.file("server/nix/var/nix/gcroots"))
        .arg(nix)
        .env("NIX_REMOTE", format!("local?root={}", rig.file("server")))
        .env("NIX_CONF_DIR", rig.file("conf"))
        .env("HOME", rig.file("home-daemon"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn status(rig: &Rig) -> String {
    let output = rig
        .storekeeper_command(["status", "root"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A `nix` that insists on `--json-format`, knows only some forms of JSON, and takes the option out for the real one.
/// Its `nix-store` is beside it.
pub(super) fn newer_nix(rig: &Rig) -> PathBuf {
    fs::create_dir(rig.scratch().join("newer")).unwrap();
    let of_store = rig.nix.command("nix-store").get_program().to_owned();
    symlink(of_store, rig.scratch().join("newer/nix-store")).unwrap();
    rig.in_place_of_nix(
        "newer/nix",
        r#"case " $* " in *" --json "*) ;; *) exec "$real" "$@" ;; esac
found=
for word; do
    shift
    if [ "$found" = next ]; then
        case $word in 2 | 3) found=yes; continue ;; esac
        echo "error: unknown --json-format $word" >&2; exit 1
    fi
    if [ "$word" = --json-format ]; then found=next; continue; fi
    set -- "$@" "$word"
done
if [ "$found" != yes ]; then echo "error: --json needs --json-format" >&2; exit 1; fi
exec "$real" "$@""#,
    )
}

#[test]
fn newer_versions_of_nix_are_asked_in_their_way() {
    let rig = Rig::new();
    register(&rig, "1", 30 * DAY);
    register(&rig, "path like '%-top-1.0'", DAY);
    let nix = newer_nix(&rig);
    assert_eq!(lease_with(&rig, &["sh"], &nix), "");
    assert_eq!(targets(&rig), [rig.path("top-1.0").to_owned()].into());
    assert!(status(&rig).contains("the upload lease works"));
}

#[test]
fn lix_is_asked_in_its_way() {
    let rig = Rig::new();
    register(&rig, "1", 30 * DAY);
    register(&rig, "path like '%-top-1.0'", DAY);
    let top = rig.path("top-1.0").to_owned();
    let (old, unknown) = (
        rig.path("leaf-1.0"),
        "/nix/store/00000000000000000000000000000000-gone",
    );
    // As of Nix 2.18: an array, in it what is not valid too, and no option that is newer.
    let now = When::now().unix();
    let object = |path: &str, registered: i64| {
        format!(
            r#"{{"ca":null,"narHash":"sha256-BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=","narSize":1000,"path":"{path}","references":["{path}"],"registrationTime":{registered},"signatures":[],"valid":true}}"#
        )
    };
    let answer = format!(
        r#"[{{"path":"{unknown}","valid":false}},{},{{"path":"{unknown}","valid":false}},{}]"#,
        object(old, now - 30 * DAY),
        object(&top, now - DAY)
    );
    let file = rig.scratch().join("lix-answer");
    fs::write(&file, answer).unwrap();
    let script = format!(
        r#"case " $* " in *" --json-format "*) echo "error: unrecognised flag '--json-format'" >&2; exit 1 ;; esac
case " $* " in *" path-info --json "*) exec cat {} ;; esac
exit 1"#,
        file.display()
    );
    let nix = rig.in_place_of_nix("lix", &script);
    let busybox = need::busybox(&rig.scratch().join("busybox"));
    for shell in [&["sh"][..], &["dash"], &[busybox.to_str().unwrap(), "sh"]] {
        assert_eq!(lease_with(&rig, shell, &nix), "");
        assert_eq!(targets(&rig), [top.clone()].into());
    }
}

#[test]
fn a_lease_that_cannot_look_keeps_everything_and_status_says_so() {
    let rig = Rig::new();
    let busybox = need::busybox(&rig.scratch().join("busybox"));
    let busybox = busybox.to_str().unwrap();
    let broken = [
        (
            "it fails",
            "echo 'error: the database is gone' >&2; exit 1",
            "the database is gone",
        ),
        ("it says nothing", "exit 1", "path-info fails"),
        (
            "it leaves the times out",
            r#""$real" "$@" | sed 's/"registrationTime":[0-9]*,\{0,1\}//g'"#,
            "does not say when",
        ),
    ];
    for (what, script, said) in broken {
        for shell in [&["sh"][..], &["dash"], &[busybox, "sh"]] {
            register(&rig, "1", 30 * DAY);
            lease(&rig, &["sh"], 14);
            // A folder of a day that is long over.
            let lease_folder = rig.file("server/nix/var/nix/gcroots/storekeeper-lease");
            let old = Path::new(&lease_folder).join("100");
            fs::create_dir_all(&old).unwrap();
            std::os::unix::fs::symlink(rig.path("leaf-1.0"), old.join("leaf")).unwrap();
            let nix = rig.in_place_of_nix("broken-nix", script);
            let reported = lease_with(&rig, shell, &nix);
            assert!(reported.contains(said), "{what}: {reported}");
            // All that is in the store's folder is new there, as the rig has just copied it.
            let kept = targets(&rig);
            for entry in &rig.entries {
                let there = Path::new(&format!("{}{}", rig.file("server"), entry.path)).exists();
                assert!(
                    !there || kept.contains(&entry.path),
                    "{what}: {}",
                    entry.path
                );
            }
            assert!(old.exists(), "{what}");
            let status = status(&rig);
            assert!(
                status.contains("does not know what was uploaded, and keeps everything"),
                "{what}: {status}"
            );
            fs::remove_dir_all(lease_folder).unwrap();
        }
    }
    // One row that can't be read keeps its neighbours too.
    register(&rig, "1", 30 * DAY);
    let path = rig.path("leaf-1.0");
    rig.sql(&format!(
        "update ValidPaths set deriver='x' where path='{path}'"
    ));
    let real = rig.nix.command("nix").get_program().to_owned();
    let reported = lease_with(&rig, &["sh"], Path::new(&real));
    assert!(reported.contains("everything is kept"), "{reported}");
    assert!(targets(&rig).contains(rig.path("top-1.0")));
}

pub(super) struct House {
    pub(super) rig: Rig,
    pub(super) server: Server,
    pub(super) sshd: crate::rig::Sshd,
}

impl House {
    pub(super) fn new() -> Self {
        Self::of(Rig::new())
    }

    pub(super) fn of(rig: Rig) -> Self {
        let first = rig.systemctl();
        fs::create_dir(rig.scratch().join("units")).unwrap();
        let twist = Twist {
            first: Some(first),
            ..Twist::default()
        };
        let sshd = rig.twisted("timed", Access::Root, twist);
        let place = wait(resolve(&Options {
            name: "127.0.0.1".into(),
            user: Some("root".into()),
            port: Some(sshd.port),
            identity_files: vec![rig.scratch().join("id")],
            known_hosts: Some(rig.scratch().join("known_hosts")),
            ssh_config: Some(rig.scratch().join("ssh_config")),
            ..Options::default()
        }))
        .unwrap();
        let mut spec = Spec::new("prod", place);
        spec.audit_log = rig.file("var/audit.jsonl");
        let server = wait(connect(spec));
        Self { rig, server, sshd }
    }

    fn install(&self, days: u32) -> LeaseInstall {
        LeaseInstall {
            script: self.rig.file("etc/lease"),
            units: self.rig.file("units"),
            ..LeaseInstall::of(&self.server, days).unwrap()
        }
    }

    fn plan(&self, days: u32) -> Result<Plan, KeepError> {
        let install = self.install(days);
        let facts = wait(self.server.lease_facts(&install)).unwrap();
        install_lease(&About::of(&self.server), &facts, install)
    }

    fn carry_out(&self, days: u32) -> Receipt {
        self.carry(self.plan(days).unwrap())
    }

    fn carry(&self, plan: Plan) -> Receipt {
        wait(carry_out(&self.server, plan, &Answer::Flag, None))
    }

    fn units(&self) -> usize {
        fs::read_dir(self.rig.scratch().join("units"))
            .unwrap()
            .count()
    }
}

#[test]
fn installed_by_a_plan() {
    let house = House::new();
    register(&house.rig, "1", 30 * DAY);
    register(&house.rig, "path like '%-top-1.0'", DAY);
    let receipt = house.carry_out(14);
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    let log = fs::read_to_string(house.rig.file("first/systemctl.log")).unwrap();
    assert_eq!(
        log.lines()
            .filter(|line| !line.starts_with("show-environment") && !line.starts_with("is-active"))
            .fold(String::new(), |text, line| text + line + "\n"),
        "daemon-reload\nenable --now storekeeper-lease.timer\nstart storekeeper-lease.service\n"
    );
    // It has run, on this store.
    assert_eq!(
        targets(&house.rig),
        [house.rig.path("top-1.0").to_owned()].into()
    );
    // The lease is a root like any other.
    let roots = wait(house.server.roots()).unwrap().roots;
    assert!(
        roots
            .iter()
            .any(|root| root.link.contains("/storekeeper-lease/"))
    );
    // Again: nothing to do. With other days: something.
    assert!(matches!(house.plan(14), Err(KeepError::Nothing(_))));
    assert!(house.plan(7).is_ok());
}

/// Its installation is done when the session is killed, or when the job is cancelled: it is looked at and counts.
#[test]
fn an_installation_that_was_cut_off_is_looked_at() {
    for cut in [Cut::Sessions, Cut::Cancel] {
        let house = House::new();
        register(&house.rig, "1", 30 * DAY);
        let plan = house.plan(14).unwrap();
        let ready = PathBuf::from(house.rig.file("first/systemctl.ready"));
        fs::write(&ready, "").unwrap();
        let reached = PathBuf::from(house.rig.file("first/systemctl.reached"));
        let receipt = cut_off(&house.server, plan, &reached, cut, || {
            house.sshd.kill_sessions();
        });
        assert_eq!(receipt.result, Outcome::Done, "{cut:?}: {receipt:?}");
        assert_eq!(house.units(), 2);
    }
    // While its first run lasts nobody knows whether it will be taken back.
    let house = House::new();
    let plan = house.plan(14).unwrap();
    fs::write(house.rig.file("first/systemctl.ready"), "").unwrap();
    fs::write(house.rig.file("first/systemctl.running"), "").unwrap();
    let reached = PathBuf::from(house.rig.file("first/systemctl.reached"));
    let receipt = cut_off(&house.server, plan, &reached, Cut::Cancel, || ());
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Partial, 0),
        "{receipt:?}"
    );
}

#[test]
fn taken_back_where_systemd_does_not_run() {
    let house = House::new();
    let plan = house.plan(14).unwrap();
    fs::write(house.rig.file("first/systemctl.broken"), "").unwrap();
    let receipt = house.carry(plan);
    assert_eq!(receipt.result, Outcome::Failed);
    let why = &receipt.failed[0].message;
    assert!(
        why.contains("Failed to connect to bus") && why.contains("taken back"),
        "{why}"
    );
    assert_eq!(house.units(), 0);
    // Planned then, it is refused.
    let refused = house.plan(14).unwrap_err();
    assert!(refused.to_string().contains("no systemd"), "{refused}");
}
