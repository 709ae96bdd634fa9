//! Pins that move on a real store: the old path is kept as a revision, and goes when its time is over.

use crate::help::{Cut, Ends, connect, cut_off, json, stuck, text, wait};
use crate::rig::{Access, Rig, Twist};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use storekeeper::change::access::About;
use storekeeper::change::keep::{PinRequest, move_pin};
use storekeeper::domain::pin::Revisions;
use storekeeper::domain::{StorePath, When};

fn folder(rig: &Rig) -> PathBuf {
    rig.scratch().join("server/nix/var/nix/gcroots/storekeeper")
}

/// What each link of the folder of pins leads to.
fn links(rig: &Rig) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder(rig)).unwrap().flatten();
    let pairs = entries.map(|entry| {
        let target = fs::read_link(entry.path()).unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, target.display().to_string())
    });
    pairs.collect()
}

fn pin(rig: &Rig, name: &str, more: &str) -> Value {
    let output = rig.run(&format!(
        "pin root {} --name web{more} --yes --json",
        rig.path(name)
    ));
    assert!(output.status.success(), "{}", text(&output.stderr));
    json(&output)
}

/// Whether Nix keeps a path.
fn is_live(rig: &Rig, name: &str) -> bool {
    let output = rig
        .nix_here("nix-store")
        .args(["--gc", "--print-live"])
        .output()
        .unwrap();
    text(&output.stdout)
        .lines()
        .any(|line| line == rig.path(name))
}

#[test]
fn a_pin_moves_and_its_revisions_leave_in_time() {
    Rig::on_every_nix(|rig| {
        pin(rig, "top-1.0", " --keep-revisions 2");
        assert_eq!(links(rig).len(), 1);
        // Another path without being told to move is a conflict, as ever.
        let line = format!("pin root {} --name web --yes", rig.path("rotated-1.0"));
        assert_eq!(rig.run(&line).status.code(), Some(4));
        for (name, others) in [("rotated-1.0", 1), ("upstream-3.0", 2), ("retired-0.9", 2)] {
            // Dates of revisions go by seconds: this one was made a while ago.
            let note = rig.scratch().join("var/pins/web.json");
            let text = fs::read_to_string(&note).unwrap();
            let mut value: Value = serde_json::from_str(&text).unwrap();
            let made = When::from_unix(
                When::now().unix() - 1000 + 100 * others + i64::from(name == "retired-0.9"),
            );
            value["at"] = made.to_string().into();
            fs::write(&note, format!("{value}\n")).unwrap();
            let moved = pin(rig, name, " --keep-revisions 2 --keep-days 30");
            assert_eq!(moved["receipt"]["result"], "done", "{moved}");
            let now = links(rig);
            assert_eq!(now["web"], rig.path(name));
            assert_eq!(now.len() as i64, 1 + others, "{now:?}");
        }
        let now = links(rig);
        let kept: Vec<&String> = now.values().collect();
        assert!(
            !kept.iter().any(|target| *target == rig.path("top-1.0")),
            "the oldest has left: {now:?}"
        );
        for name in ["rotated-1.0", "upstream-3.0", "retired-0.9"] {
            assert!(is_live(rig, name), "{name}");
        }
        assert!(!is_live(rig, "top-1.0"));
        // Their time is over: the timer takes them, and only them.
        assert_eq!(
            rig.ask("unpin root --revisions --yes", 0)["plan"]["items"],
            serde_json::json!([])
        );
        for entry in fs::read_dir(rig.scratch().join("var/pins"))
            .unwrap()
            .flatten()
        {
            let text = fs::read_to_string(entry.path()).unwrap();
            let mut value: Value = serde_json::from_str(&text).unwrap();
            value["expires"] = "2020-01-01T00:00:00Z".into();
            fs::write(entry.path(), format!("{value}\n")).unwrap();
        }
        let gone = rig.ask("unpin root --revisions --yes", 0);
        assert_eq!(gone["plan"]["items"].as_array().unwrap().len(), 2, "{gone}");
        assert_eq!(links(rig).keys().collect::<Vec<_>>(), ["web"]);
        assert!(!is_live(rig, "rotated-1.0") && is_live(rig, "retired-0.9"));
    });
}

/// Whoever looks at the link while it moves, again and again, finds one of the two paths, never none and never something else: a
/// collection by anybody reads it so.
#[test]
fn at_every_moment_the_pin_leads_to_one_of_both_on_every_nix() {
    Rig::on_every_nix(|rig| {
        pin(rig, "top-1.0", "");
        let both = ["top-1.0", "rotated-1.0"].map(|name| rig.path(name).to_owned());
        let link = folder(rig).join("web");
        let ended = AtomicBool::new(false);
        let (looks, seen) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let (mut looks, mut seen) = (0, BTreeSet::new());
                while !ended.load(Ordering::Relaxed) {
                    looks += 1;
                    let target = fs::read_link(&link).map_err(|error| error.kind());
                    seen.insert(target.map(|target| target.display().to_string()));
                }
                (looks, seen)
            });
            let ends = Ends(&ended);
            for at in 0..6 {
                pin(
                    rig,
                    ["rotated-1.0", "top-1.0"][at % 2],
                    " --keep-revisions 0",
                );
            }
            drop(ends);
            watcher.join().unwrap()
        });
        assert!(looks > 1000, "{looks}");
        assert_eq!(seen, both.map(Ok).into());
    });
}

/// Killed after any of its steps, the old path is kept under one of its names, and another try ends as the first would have.
#[test]
fn killed_in_between_the_old_path_stays_kept() {
    for words in [
        "sync .",
        "mv -f ./web.json.new",
        "mv -fT",
        "rm -f ./.web.new",
    ] {
        let rig = Rig::new();
        let first = stuck(rig.scratch(), &["sync", "mv", "rm"]);
        let twist = Twist {
            first: Some(first.clone()),
            ..Twist::default()
        };
        let sshd = rig.twisted("stuck", Access::Root, twist);
        pin(&rig, "top-1.0", "");
        let server = wait(connect(wait(rig.spec("root", sshd.port))));
        let inventory = wait(crate::help::read(&server));
        let pins = wait(server.pins()).unwrap().unwrap();
        let path = StorePath::parse(rig.path("rotated-1.0")).unwrap();
        let kept = Revisions {
            count: 2,
            days: None,
        };
        let plan = || {
            let folder = server.pins_dir();
            move_pin(
                &About::of(&server),
                &inventory,
                (&pins, &folder),
                (&pins[0], &path),
                &PinRequest::default(),
                kept,
                When::from_unix(When::now().unix() / 1000 * 1000),
            )
            .unwrap()
        };
        fs::write(first.join("ready"), words).unwrap();
        // The job goes on over a new link, and does what is left of it.
        let receipt = cut_off(
            &server,
            plan(),
            &first.join("reached"),
            Cut::Sessions,
            || {
                sshd.kill_sessions();
            },
        );
        assert!(is_live(&rig, "top-1.0"), "{words}: {:?}", links(&rig));
        assert_eq!(receipt.done, 1, "{words}: {receipt:?}");
        assert_eq!(links(&rig)["web"], rig.path("rotated-1.0"), "{words}");
        assert_eq!(links(&rig).len(), 2, "{words}: {:?}", links(&rig));
    }
}
