//! A copy of Nix's database on this machine: asked for, running, ended.

use crate::fixture::Console;
use crate::fixture::now;
use crate::fixture::snapshot::{dump, snap};
use crate::fixture::space::known;
use std::path::PathBuf;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::screens::activity::backup::Backup;
use storekeeper::console::types::problem::Problem;
use storekeeper::domain::Bytes;
use storekeeper::server::Saved;

fn on(size: (u16, u16), theme: &str) -> Console {
    // It changes nothing on the server, so whoever may only look may do it.
    Console::with_space(size, theme, true, known())
}

fn text(console: &Console) -> String {
    dump(&draw(&console.model))
}

fn ended(console: &mut Console, saved: Result<Option<Saved>, Problem>) {
    let (job, file) = console.backups.last().unwrap().clone();
    let backup = Backup {
        at: now(),
        file: file.display().to_string(),
        saved,
    };
    console.send(Msg::Activity(screens::activity::Msg::BackedUp {
        job,
        backup: Box::new(backup),
    }));
}

const SAVED: Saved = Saved {
    size: Bytes(810 << 20),
    paths: 104_233,
    references: 812_004,
};

#[test]
fn pictures() {
    snap("space-backup-asked", |size: (u16, u16), theme: &str| {
        let mut console = on(size, theme);
        console.keys("5B");
        console.model
    });
    snap("space-backup-ended", |size: (u16, u16), theme: &str| {
        let mut console = on(size, theme);
        console.keys("5B<enter>");
        ended(&mut console, Ok(Some(SAVED)));
        console.model
    });
}

#[test]
fn the_database_is_backed_up_by_its_key_and_by_its_name() {
    let mut console = on((80, 24), "dark");
    console.keys("1B<enter>");
    let usual = PathBuf::from("prod-2026-09-21T120000Z.sqlite");
    let (_, file) = console.backups[0].clone();
    assert_eq!(file.file_name().unwrap().len(), usual.as_os_str().len());
    // One at a time, and it can be cancelled.
    console.keys("B");
    let toast = console.model.toast.clone().unwrap();
    assert!(toast.contains("being copied already"), "{toast}");
    console.keys("6c");
    assert!(
        console
            .asked
            .iter()
            .any(|asked| asked.starts_with("Cancel("))
    );
    ended(&mut console, Ok(None));
    assert!(
        text(&console).contains("stopped on request"),
        "{}",
        text(&console)
    );
    console.keys("<esc>5:backup ~/saved.sqlite<enter>");
    assert_eq!(console.backups[1].1, PathBuf::from("~/saved.sqlite"));
    ended(&mut console, Ok(Some(SAVED)));
    let shown = text(&console);
    for words in [
        "810 MiB, 104,233 paths and",
        "812,004 references",
        "its integrity was",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
    // What it was stays on the screen of what has happened.
    console.keys("<esc>6");
    assert!(
        text(&console).contains("backup: 810 MiB"),
        "{}",
        text(&console)
    );
    console.keys("5:backup x<enter>");
    ended(
        &mut console,
        Err(Problem::say("x is there already; name another file")),
    );
    assert!(
        text(&console).contains("x is there already"),
        "{}",
        text(&console)
    );
    assert!(console.runs.is_empty());
}
