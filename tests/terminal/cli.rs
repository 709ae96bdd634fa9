//! The command line on a terminal: what is asked, what is seen of the answers, and what a no does.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use storekeeper::demo::{Demo, Options};

const BINARY: &str = env!("CARGO_BIN_EXE_storekeeper");

/// The flag of a terminal that gathers lines, as termios(3) has it on Linux.
const ICANON: u32 = 0o2;

struct Server {
    runtime: tokio::runtime::Runtime,
    demo: Demo,
    home: tempfile::TempDir,
}

impl Server {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut options = Options::new(PathBuf::from(BINARY));
        options.paths = 400;
        let demo = runtime.block_on(Demo::start(options)).unwrap();
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.toml"), demo.config_text()).unwrap();
        std::fs::copy(demo.known_hosts_file(), home.path().join("hosts")).unwrap();
        Self {
            runtime,
            demo,
            home,
        }
    }

    /// Starts it on a terminal.
    fn terminal(&self, line: &str) -> Terminal {
        let mut command = CommandBuilder::new(BINARY);
        command.args(line.split(' '));
        command.args(["--ssh-config", "none", "--config"]);
        command.arg(self.home.path().join("config.toml"));
        command.arg("--known-hosts");
        command.arg(self.home.path().join("hosts"));
        Terminal::start(command, self.home.path())
    }

    fn signatures(&self) -> usize {
        let store = self.demo.store();
        (0..store.len() as u32)
            .filter_map(|at| store.info(at))
            .map(|info| info.signatures.len())
            .sum()
    }

    fn stop(self) {
        self.runtime.block_on(self.demo.stop());
    }
}

struct Terminal {
    writer: Box<dyn std::io::Write + Send>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts a program on a terminal of 100 columns, with this folder as its home and for what it keeps for a while.
    fn start(mut command: CommandBuilder, home: &Path) -> Self {
        let pty = native_pty_system()
            .openpty(PtySize {
                rows: 40,
                cols: 100,
                ..PtySize::default()
            })
            .unwrap();
        command.env_clear();
        command.env("HOME", home);
        command.env("TMPDIR", home);
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("TERM", "xterm-256color");
        command.cwd(home);
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pty.master.try_clone_reader().unwrap();
        let into = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                into.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self {
            writer: pty.master.take_writer().unwrap(),
            master: pty.master,
            child,
            seen,
        }
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    fn wait_for(&self, text: &str) {
        let start = Instant::now();
        while !self.seen().contains(text) {
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "no {text:?} in {}",
                self.seen()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the terminal gathers lines and shows what is typed, as for a shell.
    fn is_cooked(&self) -> bool {
        let modes = self.master.get_termios().unwrap();
        modes.local_flags.bits() & ICANON != 0
    }

    /// Waits for a question, and until it is the program that reads the keys.
    fn wait_for_question(&self, text: &str) {
        self.wait_for(text);
        let start = Instant::now();
        while self.is_cooked() {
            assert!(start.elapsed() < Duration::from_secs(60), "no key is read");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn type_keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn end(mut self) -> (u32, String) {
        let status = self.child.wait().unwrap();
        assert!(self.is_cooked(), "the terminal was not given back");
        std::thread::sleep(Duration::from_millis(50));
        (status.exit_code(), self.seen())
    }
}

#[test]
fn an_unknown_host_needs_a_typed_yes() {
    let server = Server::new();
    let hosts = server.home.path().join("hosts");
    let known = std::fs::read_to_string(&hosts).unwrap();
    std::fs::write(&hosts, "").unwrap();
    for no in ["y\r", "\r", "\u{1b}", "\u{3}"] {
        let mut terminal = server.terminal("paths demo --limit 1");
        terminal.wait_for_question("Type yes");
        assert!(terminal.seen().contains("SHA256:"), "{}", terminal.seen());
        terminal.type_keys(no);
        let (code, seen) = terminal.end();
        assert!([3, 130].contains(&code), "{no:?} {code} {seen}");
        assert!(!seen.contains("/nix/store/"), "{seen}");
        assert_eq!(std::fs::read_to_string(&hosts).unwrap(), "");
    }
    let mut terminal = server.terminal("paths demo --limit 1");
    terminal.wait_for_question("Type yes");
    terminal.type_keys("yes\r");
    let (code, seen) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("/nix/store/"), "{seen}");
    let key = |line: &str| line.split_whitespace().nth(2).map(str::to_owned);
    assert_eq!(key(&std::fs::read_to_string(&hosts).unwrap()), key(&known));
    // From now on nothing is asked.
    let (code, seen) = server.terminal("paths demo --limit 1").end();
    assert_eq!((code, seen.contains("Type yes")), (0, false), "{seen}");
    server.stop();
}

#[test]
fn a_passphrase_is_asked_for_and_not_shown() {
    let server = Server::new();
    let key = server.home.path().join("id");
    std::fs::copy(server.demo.identity_file(), &key).unwrap();
    let changed = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"])
        .arg(&key)
        .status();
    assert!(
        changed
            .expect("ssh-keygen is needed: install openssh-client")
            .success()
    );
    let config = server.demo.config_text().replace(
        server.demo.identity_file().to_str().unwrap(),
        key.to_str().unwrap(),
    );
    std::fs::write(server.home.path().join("config.toml"), config).unwrap();
    let mut terminal = server.terminal("paths demo --limit 1");
    terminal.wait_for_question("Passphrase for");
    terminal.type_keys("open sesame\r");
    let (code, seen) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("sesame"), "{seen}");
    assert_eq!(
        seen.matches("Passphrase for").count(),
        1,
        "asked twice: {seen}"
    );
    server.stop();
}

#[test]
fn a_change_is_confirmed_by_a_typed_yes() {
    let server = Server::new();
    let before = server.signatures();
    for no in ["no\r", "\r", "\u{3}"] {
        let mut terminal = server.terminal("sign demo --all");
        terminal.wait_for_question("Type yes");
        // The plan stands above the question.
        assert!(
            terminal.seen().contains("cache.example.org-1"),
            "{}",
            terminal.seen()
        );
        terminal.type_keys(no);
        let (code, seen) = terminal.end();
        assert_eq!(code, 130, "{no:?} {seen}");
        assert_eq!(server.signatures(), before);
    }
    // Read-only is refused before anything is asked.
    let (code, seen) = server.terminal("sign demo --all --read-only").end();
    assert_eq!((code, seen.contains("Type yes")), (4, false), "{seen}");
    assert_eq!(server.signatures(), before);
    let mut terminal = server.terminal("sign demo --all");
    terminal.wait_for_question("Type yes");
    terminal.type_keys("yes\r");
    let (code, seen) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("done: "), "{seen}");
    assert!(server.signatures() > before);
    server.stop();
}

#[test]
fn progress_is_for_terminals_and_can_be_switched_off() {
    let server = Server::new();
    let (code, seen) = server.terminal("paths demo --limit 1 --quiet").end();
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains('\u{1b}'), "{seen:?}");
    // Slow enough for the bar to be drawn.
    server
        .demo
        .faults()
        .set(|plan| plan.latency = Duration::from_millis(50));
    let (code, seen) = server.terminal("paths demo --limit 1").end();
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("reading the store"), "{seen:?}");
    server.stop();
}

/// The scratch folders of demos below a folder.
fn scratch(home: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("storekeeper-demo-"))
        .collect()
}

/// Whether a demo below a folder has its store: the first roots are put there right behind it.
fn has_store(home: &Path) -> bool {
    let folders = scratch(home);
    folders
        .iter()
        .any(|folder| folder.join("state/profiles").exists())
}

#[test]
fn the_demo_is_drawn_and_can_be_left_before_its_store_is_there() {
    let home = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new(BINARY);
    // Far more than what is made while a frame is drawn, in memory that is not touched until then.
    command.args(["demo", "--paths", "2000000"]);
    let mut terminal = Terminal::start(command, home.path());
    terminal.wait_for("Overview");
    assert_eq!(scratch(home.path()).len(), 1);
    assert!(!has_store(home.path()), "drawn when the store was made");
    terminal.type_keys("q");
    while terminal.child.try_wait().unwrap().is_none() {
        assert!(!has_store(home.path()), "left when the store was made");
        std::thread::sleep(Duration::from_millis(5));
    }
    let (code, seen) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert_eq!(scratch(home.path()), [] as [PathBuf; 0]);
}
