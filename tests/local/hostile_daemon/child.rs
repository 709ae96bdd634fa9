//! The real program, with its memory watched.
//!
//! In: arguments. Out: how it ended, what it said, and the most memory that it ever had.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Whatever happens, this machine keeps some memory: in KiB of address space.
const ADDRESS_SPACE: u64 = 12 << 20;

/// Long beyond anything that the program waits for.
const HANG: Duration = Duration::from_secs(400);

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) errors: String,
    /// In bytes.
    pub(crate) peak: u64,
    pub(crate) took: Duration,
}

/// Runs it to its end.
pub(crate) fn run(folder: &Path, config: &Path, arguments: &[&str]) -> Ended {
    let errors = folder.join("errors");
    let output = folder.join("output");
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("ulimit -v {ADDRESS_SPACE}; exec \"$0\" \"$@\""))
        .arg(env!("CARGO_BIN_EXE_storekeeper"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .arg("--quiet")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("STOREKEEPER_LOG")
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(output).unwrap())
        .stderr(std::fs::File::create(&errors).unwrap())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > HANG {
            child.kill().unwrap();
            panic!("{arguments:?} hangs, with {} MiB", peak >> 20);
        }
        peak = peak.max(memory(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    };
    let errors = std::fs::read(&errors).unwrap();
    Ended {
        code: status.code(),
        errors: String::from_utf8_lossy(&errors).into_owned(),
        peak,
        took: began.elapsed(),
    }
}

/// The most memory that a process has had so far.
pub(crate) fn memory(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
