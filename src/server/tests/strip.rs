//! The scripts that take signatures away from Nix's database: whole or nothing wherever they are killed, beside a writer that never
//! stops, with data that nobody vouches for.

use crate::domain::StorePath;
use crate::domain::signed_row::SignedRow;
use crate::server::script::{STRIP, STRIP_LOOK};
use rusqlite::Connection;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

const KEY: &str = "k-1";

struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    /// A state folder with so many rows that have a signature by the key, and as many that have none.
    fn new(rows: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("db")).unwrap();
        std::fs::write(folder.path().join("db/big-lock"), "").unwrap();
        let scene = Self { folder };
        let connection = scene.open();
        connection.execute_batch("pragma journal_mode = wal; create table ValidPaths (id integer primary key autoincrement not null, path text unique not null, hash text not null, registrationTime integer not null, deriver text, narSize integer, ultimate integer, sigs text, ca text);").unwrap();
        let mut insert = connection
            .prepare("insert into ValidPaths (path, hash, registrationTime, sigs) values (?1, 'sha256:00', 1, ?2)")
            .unwrap();
        for at in 0..rows {
            let signed = format!("a'; drop table ValidPaths; --:{at} {KEY}:{at} k-10:x");
            insert.execute((path(at * 2).to_string(), signed)).unwrap();
            let other = ["x:k-1:1", "k-10:1", "k-1"][at % 3];
            insert
                .execute((path(at * 2 + 1).to_string(), other))
                .unwrap();
        }
        drop(insert);
        scene
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("db/db.sqlite")
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("stripped-1.sql")
    }

    fn open(&self) -> Connection {
        let connection = Connection::open(self.database()).unwrap();
        connection
            .busy_timeout(std::time::Duration::from_secs(120))
            .unwrap();
        connection
    }

    /// All rows, as they are.
    fn all(&self) -> Vec<(i64, String, Option<String>)> {
        let connection = self.open();
        let mut rows = connection
            .prepare("select id, path, sigs from ValidPaths order by id")
            .unwrap();
        let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn script(&self, text: &str, args: &[&str], tools: Option<&Path>, input: &str) -> Output {
        let mut command = Command::new("sh");
        command
            .args(["-c", text, "storekeeper"])
            .arg(self.database())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(tools) = tools {
            let path = format!("{}:/usr/bin:/bin", tools.display());
            command.env("PATH", path);
        }
        let mut child = command.spawn().unwrap();
        // What ends early does not read it all.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn look(&self) -> Vec<SignedRow> {
        let digits = crate::domain::signed_row::digits(KEY);
        let output = self.script(STRIP_LOOK, &[&digits, "0", "100000"], None, "");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let rows = text.lines().filter_map(|line| line.strip_prefix("row="));
        rows.map(|line| SignedRow::parse(line).unwrap().1).collect()
    }

    fn strip(&self, rows: &[SignedRow], tools: Option<&Path>) -> Output {
        let lines: String = rows.iter().map(|row| row.line(KEY)).collect();
        let backup = self.backup();
        self.script(STRIP, &[backup.to_str().unwrap()], tools, &lines)
    }
}

fn path(at: usize) -> StorePath {
    let mut digest = [0; 20];
    digest[..8].copy_from_slice(&(at as u64).to_be_bytes());
    StorePath::from_parts(&digest, "x").unwrap()
}

fn said(output: &Output, what: &str) -> usize {
    let text = String::from_utf8_lossy(&output.stdout);
    let begin = format!("{what}=");
    text.lines().filter(|line| line.starts_with(&begin)).count()
}

/// What the rows have to be afterwards.
fn stripped(before: &[(i64, String, Option<String>)]) -> Vec<(i64, String, Option<String>)> {
    let of = |row: &(i64, String, Option<String>)| {
        let sigs = row.2.clone().unwrap();
        let left: Vec<&str> = sigs
            .split(' ')
            .filter(|one| !one.starts_with("k-1:"))
            .collect();
        (
            row.0,
            row.1.clone(),
            Some(left.join(" ")).filter(|left| !left.is_empty()),
        )
    };
    before.iter().map(of).collect()
}

#[test]
fn only_these_signatures_go_and_they_can_be_put_back() {
    let scene = Scene::new(40);
    let alone = format!("update ValidPaths set sigs = '{KEY}:1' where id = 1");
    scene.open().execute_batch(&alone).unwrap();
    let before = scene.all();
    let rows = scene.look();
    assert_eq!(rows.len(), 40);
    let output = scene.strip(&rows, None);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(said(&output, "now"), 40);
    assert_eq!(scene.all(), stripped(&before));
    assert_eq!(scene.all()[0].2, None);
    // A second time: they are so already.
    assert_eq!(said(&scene.strip(&rows, None), "done"), 40);
    // The file puts back exactly what was there.
    let back = std::fs::read_to_string(scene.backup()).unwrap();
    scene.open().execute_batch(&back).unwrap();
    assert_eq!(scene.all(), before);
    let mode = std::fs::metadata(scene.backup())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_row_that_is_another_by_now_stays() {
    let scene = Scene::new(3);
    let rows = scene.look();
    scene
        .open()
        .execute_batch("update ValidPaths set sigs = sigs || ' new:1' where id = 1; delete from ValidPaths where id = 3;")
        .unwrap();
    let output = scene.strip(&rows, None);
    let counts = ["changed", "gone", "now"].map(|what| said(&output, what));
    assert_eq!(counts, [1, 1, 1], "{output:?}");
    assert!(scene.all()[0].2.as_ref().unwrap().contains("k-1:0"));
}

#[test]
fn what_is_no_list_of_rows_changes_nothing() {
    let scene = Scene::new(2);
    let before = scene.all();
    let good = scene.look()[0].line(KEY);
    for wrong in ["", "x\n", "2f 61 61; drop\n", "2f  61\n", "2F 61 61\n"] {
        for input in [wrong.to_owned(), format!("{good}{wrong}")] {
            if input == good {
                continue;
            }
            let backup = scene.backup();
            let output = scene.script(STRIP, &[backup.to_str().unwrap()], None, &input);
            assert_eq!(output.status.code(), Some(65), "{input:?} {output:?}");
        }
    }
    let digits = crate::domain::signed_row::digits(KEY);
    for args in [
        ["6b' or 1", "0", "9"],
        [&digits, "0;", "9"],
        [&digits, "0", ""],
    ] {
        let output = scene.script(STRIP_LOOK, &args, None, "");
        assert!(!output.status.success(), "{args:?}");
    }
    assert_eq!(scene.all(), before);
    assert!(!scene.backup().exists());
}

/// A `sqlite3` in a folder of its own, which runs the real one as this says.
fn tool(folder: &Path, text: &str) {
    let file = folder.join("sqlite3");
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Cut off behind each line that SQLite is given: all rows are as they were, or all are without; and no row changes before the
/// file is there that puts it back.
#[test]
fn killed_at_each_step_it_is_whole_or_nothing() {
    let tools = tempfile::tempdir().unwrap();
    let mut changed = 0;
    for lines in 0..28 {
        let scene = Scene::new(4);
        let before = scene.all();
        let rows = scene.look();
        // The script is killed with it, so that nothing more is said or done.
        tool(
            tools.path(),
            &format!("head -n {lines} | /usr/bin/sqlite3 \"$@\"\nkill -KILL $PPID"),
        );
        let output = scene.strip(&rows, Some(tools.path()));
        assert!(!output.status.success(), "{output:?}");
        let after = scene.all();
        let whole = after == stripped(&before);
        assert!(whole || after == before, "{lines}: {after:?}");
        changed += usize::from(whole);
        let back = std::fs::read_to_string(scene.backup()).unwrap();
        scene.open().execute_batch(&back).unwrap();
        assert_eq!(scene.all(), before, "{lines}");
    }
    assert!((1..20).contains(&changed), "{changed}");
    // Killed before SQLite: the rows are as they were.
    for steps in ["cksum", "mv"] {
        let scene = Scene::new(2);
        let before = scene.all();
        let rows = scene.look();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(steps);
        std::fs::write(&file, "#!/bin/sh\nkill -KILL $PPID\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let output = scene.strip(&rows, Some(folder.path()));
        assert!(!output.status.success(), "{steps}");
        assert_eq!(scene.all(), before);
    }
}

/// A disk that is full, a file that can't be written: nothing is changed without what puts it back.
#[test]
fn without_a_file_that_puts_them_back_nothing_goes() {
    let scene = Scene::new(2);
    let before = scene.all();
    let rows = scene.look();
    let lines: String = rows.iter().map(|row| row.line(KEY)).collect();
    for file in ["/proc/none/stripped.sql", "/dev/full/x"] {
        let output = scene.script(STRIP, &[file], None, &lines);
        assert!(!output.status.success(), "{file}");
    }
    assert_eq!(scene.all(), before);
}

#[test]
fn beside_a_writer_that_never_stops_no_row_is_lost() {
    let scene = Scene::new(300);
    let before = scene.all();
    let rows = scene.look();
    let stop = AtomicBool::new(false);
    let added = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let connection = scene.open();
            let mut added = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let own = path(1_000_000 + added.len()).to_string();
                connection
                    .execute("insert into ValidPaths (path, hash, registrationTime, sigs) values (?1, 'sha256:00', 1, 'w:1')", [&own])
                    .unwrap();
                added.push(own);
            }
            added
        });
        let output = scene.strip(&rows, None);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(said(&output, "now"), 300, "{output:?}");
        writer.join().unwrap()
    });
    let after = scene.all();
    assert_eq!(after[..before.len()], stripped(&before)[..]);
    let new: Vec<String> = after[before.len()..]
        .iter()
        .map(|row| row.1.clone())
        .collect();
    assert_eq!(new, added);
    assert!(!added.is_empty());
}

#[test]
fn without_sqlite_it_says_so() {
    let scene = Scene::new(1);
    let output = Command::new("/bin/sh")
        .args(["-c", include_str!("../scripts/sqlite.sh"), "storekeeper"])
        .arg(scene.database())
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(69));
}
