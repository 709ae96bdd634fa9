//! `retention edit` on a real server: what the editor leaves is a plan like any other, and what is not taken is not lost.

use super::retention::{POLICY, fill, valid, write_policy};
use crate::help::{json, text};
use crate::rig::Rig;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

fn there(rig: &Rig) -> PathBuf {
    rig.scratch().join("var/retention.toml")
}

/// Edits it with this command, which is given the file.
fn edit(rig: &Rig, editor: &str, more: &str) -> Output {
    let line = format!("retention root edit {more}");
    let mut command = rig.storekeeper_command(line.split(' ').filter(|word| !word.is_empty()));
    command.env("EDITOR", editor).env_remove("VISUAL");
    command.env("TMPDIR", rig.file("drafts"));
    command.output().unwrap()
}

/// What has been kept of drafts.
fn drafts(rig: &Rig) -> Vec<String> {
    let files = fs::read_dir(rig.file("drafts")).unwrap().flatten();
    files
        .map(|file| fs::read_to_string(file.path()).unwrap())
        .collect()
}

#[test]
fn what_the_editor_leaves_is_shown_and_written() {
    let rig = &Rig::new();
    fs::create_dir(rig.file("drafts")).unwrap();
    let store = fill(rig);
    let before = valid(rig);
    let new = write_policy(rig, "new.toml", POLICY);
    // Where there is none, it begins with one that says what can be written.
    let copies = format!("cat $1 >{}; cp {} $1; :", rig.file("began"), new.display());
    let said = |editor: &str, more: &str| {
        let output = edit(rig, editor, more);
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };
    let copies = format!("sh -c '{copies}' x");
    let shown = said(&copies, "--dry-run");
    assert!(shown.contains("5 paths"), "{shown}");
    assert!(!there(rig).exists());
    let began = fs::read_to_string(rig.file("began")).unwrap();
    assert!(began.contains("# [[project]]") && began.contains("newest = 3"));
    let done = said(&copies, "--yes");
    assert!(done.contains("done"), "{done}");
    assert_eq!(fs::read_to_string(there(rig)).unwrap(), POLICY);

    // The diff, and what the next run takes by it: the same as the run.
    let done = said("sed -i s/7d/9d/", "--yes");
    for part in ["uploaded = \"7d\"", "uploaded = \"9d\"", "4 paths"] {
        assert!(done.contains(part), "{part}: {done}");
    }
    let taken = rig.ask("gc root --policy --yes", 0);
    assert_eq!(taken["receipt"]["done"], 4, "{taken}");
    let now = valid(rig);
    let gone: Vec<&String> = before.difference(&now).collect();
    assert!(gone.len() == 4 && gone.iter().all(|path| store.goes.contains(*path)));
    let same = json(&edit(rig, "true", "--yes --json"));
    assert_eq!(same["plan"]["items"], Value::Array(vec![]));
    assert_eq!(drafts(rig), Vec::<String>::new());
}

#[test]
fn what_is_not_taken_is_kept_here() {
    let rig = &Rig::new();
    fs::create_dir(rig.file("drafts")).unwrap();
    let new = write_policy(rig, "new.toml", POLICY);
    rig.ask(&format!("retention root set {} --yes", new.display()), 0);
    let refused = |editor: &str, more: &str, code: i32| {
        let output = edit(rig, editor, more);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    };
    let said = refused("sed -i s/newest/newset/", "--yes", 2);
    assert!(
        said.contains("line 3") && said.contains("what you wrote is in"),
        "{said}"
    );
    let kept = drafts(rig);
    assert!(kept.len() == 1 && kept[0].contains("newset"), "{kept:?}");
    // Somebody else is quicker.
    let other = "[default]\nnewest = 7\n";
    let meanwhile = write_policy(rig, "other.toml", other);
    let copies = format!(
        "cp {} {}; echo \"# mine\" >>$1; :",
        meanwhile.display(),
        there(rig).display()
    );
    let said = refused(&format!("sh -c '{copies}' x"), "--yes", 4);
    assert!(said.contains("somebody else has changed"), "{said}");
    assert_eq!(fs::read_to_string(there(rig)).unwrap(), other);
    assert!(drafts(rig).iter().any(|text| text.ends_with("# mine\n")));
    // An editor that fails, and one that was never asked for.
    let said = refused("false", "--yes", 2);
    assert!(said.contains("the editor ended with an error"), "{said}");
    let read_only = edit(rig, "touch /tmp/never-run", "--yes --read-only");
    assert_eq!(read_only.status.code(), Some(4), "{read_only:?}");
    // Without a terminal and without --yes it is shown, and not done.
    let said = refused("sed -i s/7/8/", "", 2);
    assert!(said.contains("without a terminal"), "{said}");
    assert_eq!(fs::read_to_string(there(rig)).unwrap(), other);
    assert!(drafts(rig).iter().any(|text| text.contains("newest = 8")));
}
