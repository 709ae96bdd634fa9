//! Space on a real server: what fills the disk and who collects, compared with what Nix, SQLite and the file system say.

// Helpers of tests, outside of functions that clippy knows to be tests.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rig;

use rig::{Access, Rig, wait_until};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use storekeeper::domain::Bytes;
use storekeeper::domain::space::Links;
use storekeeper::link::{NoPrompter, Options, resolve};
use storekeeper::server::{Server, Spec};
use tokio::runtime::Runtime;

/// One runtime for all of a test: a connection ends with that which it was opened in.
fn wait<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Runtime::new().unwrap());
    runtime.block_on(future)
}

fn connect(rig: &Rig, access: Access) -> Server {
    let place = wait(resolve(&Options {
        name: "127.0.0.1".into(),
        user: Some(access.user().into()),
        port: Some(rig.port(access)),
        identity_files: vec![rig.scratch().join("id")],
        known_hosts: Some(rig.scratch().join("known_hosts")),
        ssh_config: Some(rig.scratch().join("ssh_config")),
        ..Options::default()
    }))
    .unwrap();
    let mut spec = Spec::new("prod", place);
    spec.audit_log = rig.file("var/audit.jsonl");
    wait(Server::connect(spec, Arc::new(NoPrompter))).unwrap()
}

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
        let server = connect(rig, Access::Root);
        let facts = wait(server.space()).unwrap();
        let store = facts.store.unwrap();
        assert!(
            store.mount.starts_with('/') && !store.options.is_empty() && !store.kind.is_empty()
        );
        assert!(store.size.0 > store.available.0 && store.used.0 > 0);
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
    let facts = wait(connect(&rig, Access::Root).space()).unwrap();
    assert_eq!(
        (facts.keep_derivations, facts.keep_outputs),
        (Ok(false), Ok(true))
    );
}

#[test]
fn who_holds_the_lock_and_who_waits() {
    let rig = Rig::new();
    let server = connect(&rig, Access::Root);
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
    let server = connect(&rig, Access::Root);
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
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(wait(server.links()).unwrap(), Ok(Links::default()));
}

#[test]
fn without_rights_it_is_said_what_is_hidden() {
    let rig = Rig::new();
    let facts = wait(connect(&rig, Access::NoSudo).space()).unwrap();
    for why in [
        facts.store.unwrap_err(),
        facts.database.unwrap_err(),
        facts.collecting.unwrap_err(),
    ] {
        assert!(
            why.0.contains("daemon.socket") && why.0.contains("log in as root"),
            "{why}"
        );
    }
    // With sudo all of it is known.
    let facts = wait(connect(&rig, Access::Sudo).space()).unwrap();
    assert!(facts.database.is_ok() && facts.collecting.is_ok());
}

/// The same answers from the shells and tools of small systems: busybox has none of GNU's extensions.
#[test]
fn the_scripts_run_under_busybox_and_dash() {
    let rig = Rig::new();
    let tools = rig.scratch().join("busybox");
    fs::create_dir(&tools).unwrap();
    assert!(
        Command::new("busybox")
            .arg("--install")
            .arg("-s")
            .arg(&tools)
            .output()
            .unwrap()
            .status
            .success(),
        "busybox can't be installed"
    );
    let answers = |shell: &[&str], path: &str, script: &str| {
        let text = [include_str!("../src/server/scripts/store.sh"), script].concat();
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
        include_str!("../src/server/scripts/space.sh"),
        include_str!("../src/server/scripts/links.sh"),
    ] {
        let small = answers(&["busybox", "sh"], tools.to_str().unwrap(), script);
        let usual = answers(&["dash"], "/usr/sbin:/usr/bin:/sbin:/bin", script);
        let settled = |text: &str| {
            text.lines()
                .filter(|line| {
                    ![
                        "clock=",
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
