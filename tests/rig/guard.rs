//! Processes that end with the test, however the test ends.
//!
//! Each server runs under a small shell that waits on a pipe from the test process. When the guard is dropped, or the test
//! process dies in any way, the pipe closes and the shell stops that one process by its own id.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Says the id of the child, then waits for the pipe. An interrupt from the terminal must not end this shell first.
const WATCH: &str = r#"
trap '' INT HUP
"$@" </dev/null >&2 & child=$!
echo "$child"
exec >&-
while read -r line; do :; done
kill -TERM "$child" 2>/dev/null
wait "$child" 2>/dev/null
exit 0
"#;

/// Removes the scratch folder once the pipe closes, whatever ends the test; the servers need a moment to end.
const REAP: &str = r#"
trap '' INT HUP TERM
while read -r line; do :; done
rm -rf -- "$1" 2>/dev/null || { sleep 1; rm -rf -- "$1"; }
"#;

/// A server process that belongs to the test.
pub(crate) struct Guard {
    shell: Child,
    pid: u32,
}

impl Guard {
    /// Starts a program with its messages going to `log`.
    pub(crate) fn spawn(program: &Command, log: &Path) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", WATCH, "watch"])
            .arg(program.get_program());
        shell.args(program.get_args());
        for (key, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        if let Some(dir) = program.get_current_dir() {
            shell.current_dir(dir);
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log of a server can't be opened");
        let mut shell = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("/bin/sh can't be started");
        let mut first = String::new();
        let stdout = shell.stdout.take().expect("the pipe was asked for");
        BufReader::new(stdout)
            .read_line(&mut first)
            .expect("the shell says the id of its child");
        let pid = first.trim().parse().expect("the shell printed no id");
        Self { shell, pid }
    }

    /// The id of the server itself.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Kills the server and everything below it (the sessions it serves), as a machine that loses power does.
    pub(crate) fn kill_tree(&mut self) {
        for pid in descendants(self.pid) {
            send(pid, Signal::KILL);
        }
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }

    /// Kills only what runs below the server: every session drops, new ones are served.
    pub(crate) fn kill_below(&self) {
        // What is stopped starts nothing more: a child that is made meanwhile would go on, with the locks of its parent.
        let mut stopped: Vec<u32> = Vec::new();
        loop {
            let mut new = descendants(self.pid);
            new.retain(|pid| *pid != self.pid && !stopped.contains(pid));
            if new.is_empty() {
                break;
            }
            for pid in &new {
                send(*pid, Signal::STOP);
            }
            stopped.append(&mut new);
        }
        for pid in stopped {
            send(pid, Signal::KILL);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// A process that ends with the test.
pub(crate) struct Holder(pub(crate) Child);

impl Holder {
    /// One that names a path in its environment, which Nix takes as a root.
    pub(crate) fn of(path: &str) -> Self {
        let mut sleep = Command::new("sleep");
        sleep.arg("600").env("HELD", path);
        Self(sleep.spawn().expect("sleep can't be started"))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // A build's own process takes its builder with it, if it is asked to end and not killed.
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.0.wait();
    }
}

/// Removes the scratch folder when the test process is gone.
pub(crate) struct Reaper(Child);

impl Reaper {
    /// Starts to wait for the end.
    pub(crate) fn new(scratch: &Path) -> Self {
        let child = Command::new("/bin/sh")
            .args(["-c", REAP, "reap"])
            .arg(scratch)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("/bin/sh can't be started");
        Self(child)
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// A process and all below it, itself first.
fn descendants(top: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // After the command's closing parenthesis: state, then the parent's id (proc(5)).
        let parent = std::fs::read_to_string(entry.path().join("stat"))
            .ok()
            .and_then(|stat| {
                let rest = stat.rsplit_once(')')?.1.to_owned();
                rest.split_whitespace().nth(1)?.parse().ok()
            });
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![top];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        found.extend(children.remove(&pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// How long something may take before the test fails. Generous: it bounds a hang, it measures nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until something is true; the sentence says what, when it never was.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(
            Instant::now() < end,
            "{what} did not happen within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
