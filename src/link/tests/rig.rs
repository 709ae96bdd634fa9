//! A real sshd on loopback with scratch keys, a real ssh-agent, and a person who answers from a list.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::link::*;

/// Gives prepared answers, and records the questions.
#[derive(Default)]
pub(super) struct Person {
    answers: Mutex<VecDeque<&'static str>>,
    pub(super) asked: Mutex<Vec<Question>>,
}

impl Person {
    pub(super) fn saying(answers: &[&'static str]) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.iter().copied().collect()),
            asked: Mutex::default(),
        })
    }

    pub(super) fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }
}

impl Prompter for Person {
    fn ask(&self, question: Question) -> BoxFuture<'_, Option<Zeroizing<String>>> {
        self.asked.lock().unwrap().push(question);
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move { answer.map(|answer| Zeroizing::new(answer.to_owned())) })
    }
}

/// A program that must succeed.
pub(super) fn run(dir: &Path, program: &str, args: &[&str]) -> String {
    let done = Program::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

pub(super) fn user() -> String {
    run(Path::new("/"), "id", &["-un"]).trim().to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// An sshd with an ed25519 and an ECDSA host key, and one authorized key `user`. RSA keys take a second to make: who tests
/// them makes them.
pub(super) struct Sshd {
    pub(super) dir: TempDir,
    pub(super) port: u16,
    child: Child,
}

impl Sshd {
    pub(super) fn start() -> Self {
        Self::with("")
    }

    /// With further lines of `sshd_config`; `DIR` in them is the scratch directory.
    pub(super) fn with(more: &str) -> Self {
        Self::prepared(more, |_| {})
    }

    /// With something done to the scratch directory before sshd starts.
    pub(super) fn prepared(more: &str, prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        run(
            path,
            "ssh-keygen",
            &[
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                "host",
                "-f",
                "host_ed25519",
            ],
        );
        run(
            path,
            "ssh-keygen",
            &[
                "-q",
                "-t",
                "ecdsa",
                "-N",
                "",
                "-C",
                "host",
                "-f",
                "host_ecdsa",
            ],
        );
        run(
            path,
            "ssh-keygen",
            &["-q", "-t", "ed25519", "-N", "", "-C", "user", "-f", "user"],
        );
        std::fs::copy(path.join("user.pub"), path.join("authorized_keys")).unwrap();
        prepare(path);
        let port = free_port();
        let host_keys = if more.contains("HostKey ") {
            ""
        } else {
            "HostKey DIR/host_ed25519\nHostKey DIR/host_ecdsa\n"
        };
        // bash reads ~/.bashrc under sshd, unless it thinks that it is a shell within a shell: tests stay out of the home.
        // The first value of a keyword counts, so the caller's lines come first. What OpenSSH agrees on with itself takes it
        // as long as all the rest.
        let config = format!(
            "{more}\n{host_keys}ListenAddress 127.0.0.1\nPort {port}\nAuthorizedKeysFile DIR/authorized_keys\nStrictModes no\nUsePAM no\n\
             PidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel VERBOSE\nMaxStartups 100\nSetEnv SHLVL=3\n\
             KexAlgorithms curve25519-sha256\n"
        );
        let config = config.replace("DIR", path.to_str().unwrap());
        std::fs::write(path.join("sshd_config"), config).unwrap();
        let child = Self::spawn(path);
        let sshd = Self { dir, port, child };
        sshd.wait();
        sshd
    }

    fn spawn(path: &Path) -> Child {
        // What sshd itself wants to find when it is started by root.
        let _ = std::fs::create_dir_all("/run/sshd");
        let log = std::fs::File::create(path.join("log")).unwrap();
        Program::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(path.join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn wait(&self) {
        let start = Instant::now();
        while !self.log().contains("Server listening") {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "sshd did not start: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// `[127.0.0.1]:PORT`.
    pub(super) fn known_as(&self) -> String {
        format!("[127.0.0.1]:{}", self.port)
    }

    /// The first two words of a public key file.
    pub(super) fn public(&self, name: &str) -> String {
        self.text(name)
            .split(' ')
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
            .trim()
            .to_owned()
    }

    /// Writes the server's ed25519 key to `known_hosts`.
    pub(super) fn know(&self) {
        self.know_line(&format!(
            "{} {}",
            self.known_as(),
            self.public("host_ed25519.pub")
        ));
    }

    pub(super) fn know_line(&self, line: &str) {
        std::fs::write(self.file("known_hosts"), format!("{line}\n")).unwrap();
    }

    pub(super) fn fingerprint(&self, name: &str) -> String {
        let line = run(self.dir.path(), "ssh-keygen", &["-lf", name]);
        line.split(' ').nth(1).unwrap().to_owned()
    }

    /// An address with the scratch keys and nothing of the machine's own configuration.
    pub(super) fn options(&self) -> Options {
        Options {
            name: format!("ssh://{}@127.0.0.1:{}", user(), self.port),
            identity_files: vec![self.file("user")],
            known_hosts: Some(self.file("known_hosts")),
            ssh_config: Some(self.config("IdentityAgent none\n")),
            ..Options::default()
        }
    }

    /// A configuration file for the client.
    pub(super) fn config(&self, text: &str) -> PathBuf {
        let (_, path) = tempfile::Builder::new()
            .prefix("config")
            .tempfile_in(self.dir.path())
            .unwrap()
            .keep()
            .unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(super) async fn open(&self) -> Link {
        self.know();
        open(&self.options(), &Person::saying(&[])).await.unwrap()
    }

    /// Kills sshd with all of its sessions.
    pub(super) fn kill(&mut self) {
        let pid = self.child.id();
        let mut all = Vec::new();
        descendants(pid, &mut all);
        for child in all {
            let _ = Program::new("kill")
                .args(["-9", &child.to_string()])
                .status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(super) fn start_again(&mut self) {
        self.child = Self::spawn(self.dir.path());
        self.wait();
    }
}

fn descendants(pid: u32, all: &mut Vec<u32>) {
    let children =
        std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children
        .split_whitespace()
        .filter_map(|child| child.parse().ok())
    {
        all.push(child);
        descendants(child, all);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) async fn open(options: &Options, person: &Arc<Person>) -> Result<Link, LinkError> {
    let place = resolve(options).await?;
    let prompter: Arc<dyn Prompter> = person.clone();
    Link::open(&place, &prompter).await
}

/// A link for questions and answers, and one for streams beside it.
pub(super) async fn open_both(options: &Options) -> (Link, Link) {
    let place = resolve(options).await.unwrap();
    let prompter: Arc<dyn Prompter> = Person::saying(&[]);
    let link = Link::open(&place, &prompter).await.unwrap();
    let bulk = link.beside(&place, &prompter).await.unwrap();
    (link, bulk)
}

pub(super) const LIMITS: Limits = Limits {
    output: 64 << 20,
    time: Duration::from_secs(60),
};

pub(super) async fn output(link: &Link, command: &Command) -> Output {
    link.run(command, b"", LIMITS).await.unwrap()
}

/// A real ssh-agent.
pub(super) struct RealAgent {
    child: Child,
    dir: TempDir,
}

impl RealAgent {
    pub(super) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = Program::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(dir.path().join("agent"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Self { child, dir };
        let start = Instant::now();
        while UnixStream::connect(agent.socket()).is_err() {
            assert!(start.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(5));
        }
        agent
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.path().join("agent")
    }

    pub(super) fn add(&self, key: &Path) {
        let done = Program::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", self.socket())
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for RealAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
