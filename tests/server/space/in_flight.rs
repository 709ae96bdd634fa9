//! Uploads in flight on a real store: what was uploaded since a session began that is open stays, though nothing roots it.

use crate::help::{text, wait};
use crate::rig::{Access, Rig, wait_until};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storekeeper::domain::StorePath;
use storekeeper::wire::{Encoder, Message, Reader, client_handshake};

const ALL: &str = "gc root --grace 0 --keep-newest 0 --yes";

/// Whether the server lists so many sessions.
fn sessions(rig: &Rig) -> usize {
    let server = wait(rig.connect(Access::Root));
    wait(server.sessions()).unwrap().unwrap().len()
}

/// The operation `AddToStoreNar` (`worker-protocol.hh` of Nix), whose archive comes in frames.
const ADD_TO_STORE_NAR: u64 = 39;

/// A client over the daemon's protocol that roots nothing of its own: each path over a connection of its own, which ends with it, and
/// each needs the one before.
fn upload_raw(rig: &Rig, at: u8, needs: Option<&StorePath>) -> StorePath {
    let path = StorePath::from_parts(&[at + 1; 20], &format!("raw-{at}")).unwrap();
    let mut archive = Encoder::new();
    for word in [
        "nix-archive-1",
        "(",
        "type",
        "regular",
        "contents",
        "raw",
        ")",
    ] {
        archive.text(word);
    }
    let hash = Sha256::digest(archive.bytes());
    let hash = hash
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let mut out = Encoder::new();
    out.integer(ADD_TO_STORE_NAR)
        .path(&path)
        .text("")
        .text(hash);
    out.paths(needs.into_iter().collect::<Vec<_>>().into_iter());
    out.integer(0).integer(archive.len() as u64).boolean(false);
    out.texts::<&str>(&[]).text("");
    // Neither repaired nor checked for signatures.
    out.boolean(false).boolean(true);
    out.integer(archive.len() as u64);
    out.append(&archive);
    out.integer(0);
    wait(async {
        let mut command = tokio::process::Command::from(rig.nix_here("nix-daemon"));
        command
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut reader = Reader::new(child.stdout.take().unwrap());
        client_handshake(&mut reader, &mut stdin).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stdin, out.bytes())
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::flush(&mut stdin).await.unwrap();
        loop {
            match Message::read(&mut reader).await.unwrap() {
                Message::Last => break,
                Message::Error(error) => panic!("{error}"),
                _ => {}
            }
        }
        drop(stdin);
        child.wait().await.unwrap();
    });
    path
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
        let old = rig.add("old", "old");
        rig.sql("update ValidPaths set registrationTime = registrationTime - 1000");
        let mut session = rig.open_session("id", rig.port(Access::Root));
        wait_until("the session", || sessions(rig) == 1);
        let fresh = rig.add("fresh", "fresh");
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

/// A client that was told by Nix that a path is there keeps no root of it, and nothing else on the server knows. So a collection that
/// was asked to waits for a moment without a session, or takes nothing.
#[test]
fn what_a_session_may_have_been_told_of_outlives_it_where_that_is_asked_for() {
    Rig::on_every_nix(|rig| {
        let old = rig.add("old", "old");
        let other = rig.add("other", "other");
        rig.sql("update ValidPaths set registrationTime = registrationTime - 1000");
        let mut session = rig.open_session("id", rig.port(Access::Root));
        wait_until("the session", || sessions(rig) == 1);
        let before = valid(rig);
        let busy = rig.ask(&format!("{ALL} --idle 1s"), 1);
        assert!(
            busy["receipt"]["failed"]
                .to_string()
                .contains("were open for all of 1s"),
            "{busy}"
        );
        assert_eq!(valid(rig), before);
        // Also where the policy of the server says so, whoever collects by it.
        let file = rig.scratch().join("idle.toml");
        fs::write(
            &file,
            "idle = \"1s\"\n[default]\nnewest = 0\nuploaded = \"0\"\n",
        )
        .unwrap();
        rig.ask(&format!("retention root set {} --yes", file.display()), 0);
        let line = "gc root --policy --yes";
        assert!(rig.run(line).status.code() == Some(1) && valid(rig) == before);

        let mut command = rig.storekeeper_command(format!("{ALL} --idle 1h").split(' '));
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let begun = || {
            let mut files = fs::read_dir(rig.scratch().join("var")).unwrap().flatten();
            files.any(|file| {
                file.file_name()
                    .to_string_lossy()
                    .starts_with("unfinished-")
            })
        };
        wait_until("the job", begun);
        assert_eq!(valid(rig), before);
        drop(session.stdin.take());
        session.wait().unwrap();
        assert!(child.wait().unwrap().success());
        let now = valid(rig);
        assert!(!now.contains(&old) && !now.contains(&other), "{now:?}");
    });
}

/// Two clients, one of them without roots, while one collection without grace follows the other: each path that was copied is there.
#[test]
fn clients_that_copy_while_collections_run_get_every_path() {
    Rig::on_every_nix(|rig| {
        rig.sql("update ValidPaths set registrationTime = registrationTime - 1000");
        let mut session = rig.open_session("id", rig.port(Access::Root));
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
                let mut last = None;
                let mut all = Vec::new();
                for at in 0..30 {
                    let path = upload_raw(rig, at, last.as_ref());
                    all.push(path.to_string());
                    last = Some(path);
                    std::thread::sleep(Duration::from_millis(20));
                }
                all
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
