//! Uploads in flight on a real store: what was uploaded since a session began that is open stays, though nothing roots it.

use crate::help::text;
use crate::rig::{Access, Rig, wait_until};
use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const ALL: &str = "gc root --grace 0 --keep-newest 0 --yes";

/// A session of the cache user that stays open until its input is closed, as that of a client which copies over several connections.
fn open_session(rig: &Rig) -> Child {
    let mut ssh = rig.ssh_as("nix-ssh", rig.port(Access::Root), "anything");
    ssh.stdin(Stdio::piped()).stdout(Stdio::null());
    ssh.spawn().unwrap()
}

/// Whether the server lists so many sessions.
fn sessions(rig: &Rig) -> usize {
    let server = crate::help::wait(rig.connect(Access::Root));
    crate::help::wait(server.sessions()).unwrap().unwrap().len()
}

/// An upload whose process has ended, so that no temporary root keeps it.
fn upload(rig: &Rig, name: &str) -> String {
    let file = rig.scratch().join(name);
    fs::write(&file, name).unwrap();
    let output = rig
        .nix_here("nix-store")
        .arg("--add")
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

fn valid(rig: &Rig) -> BTreeSet<String> {
    rig.sql("select path from ValidPaths")
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_came_since_an_open_session_began_stays_until_it_ends() {
    Rig::on_every_nix(|rig| {
        let old = upload(rig, "old");
        rig.sql("update ValidPaths set registrationTime = registrationTime - 1000");
        let mut session = open_session(rig);
        wait_until("the session", || sessions(rig) == 1);
        let fresh = upload(rig, "fresh");
        let plan = rig.ask("gc root --grace 0 --keep-newest 0 --dry-run", 0);
        assert!(
            plan.to_string()
                .contains("1 session of the cache user is open"),
            "{plan}"
        );
        let whole = rig.ask("gc root --whole --dry-run", 0);
        assert!(
            !whole["plan"]["items"].to_string().contains(&fresh),
            "{whole}"
        );
        assert_eq!(rig.ask(ALL, 0)["receipt"]["result"], "done");
        let now = valid(rig);
        assert!(now.contains(&fresh) && !now.contains(&old), "{now:?}");
        drop(session.stdin.take());
        session.wait().unwrap();
        wait_until("its end", || sessions(rig) == 0);
        assert!(rig.run(ALL).status.success());
        assert!(!valid(rig).contains(&fresh));
    });
}

/// Two clients, one of them without roots, while one collection without grace follows the other: each path that was copied is there.
#[test]
fn clients_that_copy_while_collections_run_get_every_path() {
    Rig::on_every_nix(|rig| {
        rig.sql("update ValidPaths set registrationTime = registrationTime - 1000");
        let mut session = open_session(rig);
        wait_until("the session", || sessions(rig) == 1);
        let ended = AtomicBool::new(false);
        let (collections, copied) = std::thread::scope(|scope| {
            let collector = scope.spawn(|| {
                let mut runs = 0;
                while !ended.load(Ordering::Relaxed) {
                    let output = rig.run(ALL);
                    // Nothing is left to be done, or what a client has just rooted is left out.
                    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
                    runs += 1;
                }
                runs
            });
            let stock = scope.spawn(|| {
                (0..6)
                    .map(|at| {
                        let file = rig.scratch().join(format!("stock-{at}"));
                        fs::write(&file, format!("stock {at}")).unwrap();
                        let name = format!("stock-{at}");
                        let mut add = rig.nix_there(
                            rig.port(Access::Root),
                            ["store", "add-path", "--name", &name, file.to_str().unwrap()],
                        );
                        let output = add.output().unwrap();
                        assert!(output.status.success(), "{}", text(&output.stderr));
                        text(&output.stdout).trim().to_owned()
                    })
                    .collect::<Vec<String>>()
            });
            let without_roots = scope.spawn(|| {
                (0..30)
                    .map(|at| {
                        std::thread::sleep(Duration::from_millis(20));
                        upload(rig, &format!("without-roots-{at}"))
                    })
                    .collect::<Vec<String>>()
            });
            let mut copied = stock.join().unwrap();
            copied.extend(without_roots.join().unwrap());
            ended.store(true, Ordering::Relaxed);
            (collector.join().unwrap(), copied)
        });
        assert!(collections > 0);
        let now = valid(rig);
        let lost: Vec<&String> = copied.iter().filter(|path| !now.contains(*path)).collect();
        assert!(lost.is_empty(), "{lost:?}");
        drop(session.stdin.take());
        session.wait().unwrap();
    });
}
