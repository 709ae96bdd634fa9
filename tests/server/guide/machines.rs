//! Machines as a guide's reader has them: their own file systems, one network, a root each.
//!
//! In: names. Out: [`Machines`], which runs lines of shell on them as root, and ends all of it when it is dropped or the test process ends.

use crate::rig::need;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// What makes them.
const MAKE: &str = include_str!("machines.sh");

pub(super) struct Machines {
    /// The first process of their namespaces, whose standard input is open as long as they are.
    shell: Child,
    /// Of each machine the id of a process that is there.
    inside: BTreeMap<String, String>,
    /// Where their file systems are; they are gone with the process.
    _folder: TempDir,
}

impl Machines {
    /// Makes machines with these names.
    pub(super) fn new(names: &[&str]) -> Self {
        need::root();
        for program in ["nix", "sshd", "ssh", "ssh-keygen", "mount", "busybox"] {
            need::program(program);
        }
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().with_extension("sh");
        fs::write(&script, MAKE).unwrap();
        let mut shell = Command::new(need::program("unshare"))
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child"])
            .args(["sh".as_ref(), script.as_os_str()])
            .arg(folder.path())
            .arg(env!("CARGO_BIN_EXE_storekeeper"))
            .args(names)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut inside = BTreeMap::new();
        let said = BufReader::new(shell.stdout.take().unwrap());
        for line in said.lines().take(names.len()) {
            let line = line.unwrap();
            let (name, pid) = line.split_once(' ').unwrap();
            inside.insert(name.to_owned(), pid.to_owned());
        }
        fs::remove_file(&script).unwrap();
        assert_eq!(inside.len(), names.len(), "the machines could not be made");
        Self {
            shell,
            inside,
            _folder: folder,
        }
    }

    /// Runs a line of shell as root of a machine, in root's home.
    pub(super) fn run(&self, machine: &str, line: &str) -> Output {
        Command::new("nsenter")
            .args([
                "--target",
                &self.inside[machine],
                "--net",
                "--mount",
                "--pid",
            ])
            .args(["/usr/bin/env", "-i", "HOME=/root", "LC_ALL=C.UTF-8"])
            .arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .args(["sh", "-c", &format!("cd && {line}")])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
