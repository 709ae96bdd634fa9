//! The demo as a server of this process, and the console on it as a program of its own.

use super::SIZE;
use crate::help::terminal::Terminal;
use std::path::PathBuf;
use std::process::Command;
use storekeeper::demo::{Demo, Options};

const BINARY: &str = env!("CARGO_BIN_EXE_storekeeper");

/// A running demo and a home for its user.
pub(super) struct Served {
    runtime: tokio::runtime::Runtime,
    pub(super) demo: Option<Demo>,
    pub(super) home: tempfile::TempDir,
}

impl Served {
    pub(super) fn new(paths: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut options = Options::new(PathBuf::from(BINARY));
        options.paths = paths;
        let demo = runtime.block_on(Demo::start(options)).unwrap();
        let home = tempfile::tempdir().unwrap();
        // `demo` is a subcommand; as a server it needs another name.
        let config = demo
            .config_text()
            .replace("[servers.demo]", "[servers.cache]");
        std::fs::write(home.path().join("config.toml"), config).unwrap();
        Self {
            runtime,
            demo: Some(demo),
            home,
        }
    }

    /// The console on it.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(BINARY);
        command.arg("cache").arg("--config");
        command.arg(self.home.path().join("config.toml"));
        command.args(["--ssh-config", "none", "--known-hosts"]);
        command.arg(self.demo.as_ref().unwrap().known_hosts_file());
        command
            .env("HOME", self.home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("NO_COLOR")
            .current_dir(self.home.path());
        command
    }

    /// The console on a terminal, with the store read.
    pub(super) fn console(&self) -> Terminal {
        let terminal = Terminal::start(&self.command(), SIZE.0, SIZE.1);
        super::loaded(&terminal);
        terminal
    }

    /// How many signatures its store has.
    pub(super) fn signatures(&self) -> usize {
        let store = self.demo.as_ref().unwrap().store();
        (0..store.len() as u32)
            .filter_map(|at| store.info(at))
            .map(|info| info.signatures.len())
            .sum()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(demo) = self.demo.take() {
            self.runtime.block_on(demo.stop());
        }
    }
}
