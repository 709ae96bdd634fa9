//! The script itself, run here on files that grow and are rotated: whatever the cuts, the pieces are the whole.

use super::*;
use proptest::prelude::*;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const AT: i64 = 1_790_000_000;

fn shell(log: &Path, cursor: Option<&str>) -> Vec<u8> {
    // The sessions of this machine are not what this is about.
    let text = script::ACCESS_LOG.replace("for folder in /proc/[0-9]*", "for folder in");
    let output = std::process::Command::new("sh")
        .args(["-c", &text, "sh", "nix-ssh"])
        .arg(log)
        .arg(cursor.unwrap_or_default())
        .output()
        .unwrap();
    output.stdout
}

/// A reader that goes on where it was, as [`go_on`] does.
#[derive(Default)]
struct Reader {
    events: Vec<LogEvent>,
    cursor: Option<String>,
    /// How often all of it was read.
    whole: usize,
}

impl Reader {
    fn read(&mut self, log: &Path) {
        match sort(
            &shell(log, self.cursor.as_deref()),
            "nix-ssh",
            self.cursor.as_deref(),
        )
        .unwrap()
        {
            Log::Whole(found) => {
                self.whole += 1;
                self.events = found.events.unwrap();
                self.cursor = found.position.cursor;
            }
            Log::New { events, cursor, .. } => {
                self.events.extend(events);
                self.events.sort_by_key(|event| event.at);
                self.cursor = cursor;
            }
        }
    }
}

fn line(number: usize) -> String {
    let at = When::from_unix(AT + number as i64)
        .to_string()
        .replace(' ', "T");
    let user = ["root", "nix-ssh", "é\u{1b}[31m", "x from y port 7"][number % 4];
    format!(
        "{at} host sshd[{}]: Failed publickey for {user} from 10.0.{}.{} port {} ssh2: ED25519 SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n",
        100 + number,
        number / 200 % 200,
        number % 200,
        1000 + number % 60000,
    )
}

fn append(file: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .unwrap();
    file.write_all(bytes).unwrap();
}

fn all(files: &[PathBuf]) -> Vec<LogEvent> {
    let bytes: Vec<u8> = files
        .iter()
        .flat_map(|file| fs::read(file).unwrap_or_default())
        .collect();
    sshd_log::read_text(&bytes, When::from_unix(AT + 1_000_000), 0).events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn pieces_are_the_whole_wherever_it_is_cut(
        cuts in proptest::collection::vec((0usize..400, any::<bool>()), 1..7),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("auth.log");
        File::create(&log).unwrap();
        append(&log, line(0).as_bytes());
        let mut reader = Reader::default();
        reader.read(&log);
        let text: Vec<u8> = (1..40).flat_map(|number| line(number).into_bytes()).collect();
        let mut rest = text.as_slice();
        let mut parts = Vec::new();
        for (bytes, rotate) in cuts {
            let (now, later) = rest.split_at(bytes.min(rest.len()));
            append(&log, now);
            rest = later;
            reader.read(&log);
            // Whoever rotates a log does it between two lines, and the file of before keeps its name for one turn.
            if rotate && fs::read(&log).unwrap().ends_with(b"\n") {
                let old = folder.path().join("auth.log.1");
                parts.push(fs::read(&log).unwrap());
                fs::rename(&log, &old).unwrap();
                File::create(&log).unwrap();
                reader.read(&log);
            }
        }
        append(&log, rest);
        reader.read(&log);
        reader.read(&log);
        let whole = folder.path().join("whole");
        for part in &parts {
            append(&whole, part);
        }
        append(&whole, &fs::read(&log).unwrap());
        prop_assert_eq!(&reader.events, &all(&[whole]));
        prop_assert_eq!(reader.whole, 1);
    }
}

#[test]
fn what_was_written_to_the_old_file_before_the_rotation_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("auth.log");
    let old = folder.path().join("auth.log.1");
    append(&log, line(1).as_bytes());
    let mut reader = Reader::default();
    reader.read(&log);
    append(&log, line(2).as_bytes());
    fs::rename(&log, &old).unwrap();
    append(&log, line(3).as_bytes());
    reader.read(&log);
    assert_eq!(reader.events, all(&[old, log]));
    assert_eq!((reader.events.len(), reader.whole), (3, 1));
}

#[test]
fn a_file_that_was_emptied_or_is_another_one_is_read_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("auth.log");
    append(&log, format!("{}{}", line(1), line(2)).as_bytes());
    let mut reader = Reader::default();
    reader.read(&log);
    // Emptied in place: the same inode, at first shorter, then longer than it was.
    fs::write(&log, line(3)).unwrap();
    reader.read(&log);
    assert_eq!((reader.events.len(), reader.whole), (1, 2));
    let more: String = (4..9).map(line).collect();
    fs::write(&log, more).unwrap();
    reader.read(&log);
    assert_eq!((reader.events.len(), reader.whole), (5, 3));
    // Gone, and there again.
    fs::remove_file(&log).unwrap();
    let gone = sort(
        &shell(&log, reader.cursor.as_deref()),
        "nix-ssh",
        reader.cursor.as_deref(),
    );
    assert!(matches!(
        gone,
        Some(Log::Whole(Found { events: Err(_), .. }))
    ));
    append(&log, line(9).as_bytes());
    reader.read(&log);
    assert_eq!(reader.events.len(), 1);
}

#[test]
fn a_hundred_thousand_lines_in_a_moment_are_the_newest_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("auth.log");
    append(&log, line(0).as_bytes());
    let mut reader = Reader::default();
    reader.read(&log);
    let many: String = (1..=100_000).map(line).collect();
    append(&log, many.as_bytes());
    reader.read(&log);
    assert_eq!(reader.whole, 2);
    let last = all(std::slice::from_ref(&log)).pop().unwrap();
    assert_eq!(reader.events.last(), Some(&last));
    let mut events = Ok(std::mem::take(&mut reader.events));
    let first = When::from_unix(AT);
    let source = LogSource::Journal;
    let mut reach = Some(LogReach {
        since: first,
        source,
    });
    let mut position = LogPosition::default();
    let before = events.as_ref().unwrap().len();
    events
        .as_mut()
        .unwrap()
        .splice(0..0, vec![last.clone(); MOST_EVENTS - 10]);
    limit(&mut events, &mut reach, &mut position);
    let kept = events.unwrap();
    assert_eq!(kept.len(), MOST_EVENTS);
    assert_eq!(position.dropped, (before - 10) as u64);
    assert_eq!(reach.unwrap().since, kept[0].at);
}

/// A journal of this machine's own making: as many entries as it has lines, numbered from 1.
fn journalctl(folder: &Path) -> PathBuf {
    let program = folder.join("journalctl");
    let text = format!(
        r#"#!/bin/sh
after=0
reverse=
for word; do
    case $word in --after-cursor=s=*) after=${{word#*=s=}} ;; --after-cursor=*) exit 1 ;; -r) reverse=yes ;; esac
done
n=0
while IFS= read -r line; do
    n=$((n + 1))
    if [ $n -gt "$after" ]; then
        printf '{{"__CURSOR":"s=%s","__REALTIME_TIMESTAMP":"%s000000","SYSLOG_IDENTIFIER":"sshd","_PID":"7","_UID":"0","MESSAGE":"%s"}}\n' "$n" "$((1790000000 + n))" "$line"
    fi
done <'{}' | if [ -n "$reverse" ]; then tac; else cat; fi
"#,
        folder.join("journal").display()
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn a_journal_goes_on_after_its_cursor() {
    let folder = tempfile::tempdir().unwrap();
    journalctl(folder.path());
    let journal = folder.path().join("journal");
    let ask = |cursor: Option<&str>| {
        let text = format!(
            "PATH={}:$PATH\n{}",
            folder.path().display(),
            script::ACCESS_LOG
        );
        let output = std::process::Command::new("sh")
            .args(["-c", &text, "sh", "nix-ssh", "", cursor.unwrap_or_default()])
            .output()
            .unwrap();
        sort(&output.stdout, "nix-ssh", cursor).unwrap()
    };
    let said = |port: u16| {
        format!(
            "Failed publickey for root from 10.0.0.9 port {port} ssh2: ED25519 SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n"
        )
    };
    append(&journal, format!("{}{}", said(1), said(2)).as_bytes());
    let Log::Whole(found) = ask(None) else {
        panic!("it was not asked for less");
    };
    assert_eq!(found.events.unwrap().len(), 2);
    let cursor = found.position.cursor.unwrap();
    assert_eq!(cursor, "journal s=2");
    let new = |cursor: &str| match ask(Some(cursor)) {
        Log::New { events, cursor, .. } => (
            events.iter().map(|event| event.port).collect::<Vec<_>>(),
            cursor,
        ),
        Log::Whole(_) => panic!("all of it was read"),
    };
    assert_eq!(new(&cursor), (vec![], Some(cursor.clone())));
    append(&journal, format!("{}{}", said(3), said(4)).as_bytes());
    assert_eq!(new(&cursor), (vec![3, 4], Some("journal s=4".to_owned())));
    // An entry that the journal does not have any more: the next look begins anew.
    assert_eq!(new("journal gone"), (vec![], None));
}
