//! What a watch tells of a real server: each change soon after it has really happened, nothing where nothing happens, and nothing
//! that stays behind when the client is gone.

use crate::help::terminal::{Terminal, is_read};
use crate::help::{connect, wait};
use crate::rig::{Access, Nix, Rig, Sshd, Twist, need, wait_until};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use storekeeper::link::Limits;
use storekeeper::server::{Server, ServerError, WatchEvent, Watched};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{timeout, timeout_at};

/// So often that a test need not wait.
const PACE: Duration = Duration::from_millis(100);

/// No machine is so busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Some rounds in which nothing may come.
const QUIET: Duration = Duration::from_secs(2);

struct Watching {
    events: mpsc::Receiver<WatchEvent>,
    _pace: watch::Sender<Duration>,
    task: JoinHandle<Result<(), ServerError>>,
    /// What it can't see.
    hidden: Vec<Watched>,
    /// What it said before it began to look.
    first: Vec<WatchEvent>,
}

impl Watching {
    async fn start(server: &Server) -> Self {
        let (sink, mut events) = mpsc::channel(64);
        let (pace, every) = watch::channel(PACE);
        let server = server.clone();
        let task = tokio::spawn(async move { server.watch(sink, every).await });
        let begun = timeout(PATIENCE, events.recv()).await.unwrap();
        let Some(WatchEvent::Began { hidden }) = begun else {
            panic!("{begun:?}: {:?}", task.await);
        };
        let mut first = Vec::new();
        while let Ok(Some(event)) = timeout(QUIET, events.recv()).await {
            first.push(event);
        }
        Self {
            events,
            _pace: pace,
            task,
            hidden,
            first,
        }
    }

    /// The next event, but for the disk, on which others write as well.
    async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            match self.events.recv().await {
                Some(WatchEvent::Disk(_)) => {}
                event => return event,
            }
        }
    }

    /// All that comes up to this.
    async fn until(&mut self, wanted: &WatchEvent) -> Vec<WatchEvent> {
        let mut all = Vec::new();
        let end = tokio::time::Instant::now() + PATIENCE;
        while !all.contains(wanted) {
            let event = timeout_at(end, self.next()).await;
            let event = event.unwrap_or_else(|_| panic!("{wanted:?} was never reported: {all:?}"));
            all.push(event.expect("the watch has ended"));
        }
        all
    }

    async fn changed(&mut self, what: Watched) -> Vec<WatchEvent> {
        self.until(&WatchEvent::Changed(what)).await
    }

    /// What comes in the next rounds.
    async fn rest(&mut self) -> Vec<WatchEvent> {
        let mut all = Vec::new();
        while let Ok(Some(event)) = timeout(QUIET, self.next()).await {
            all.push(event);
        }
        all
    }
}

fn logged(rig: &Rig, first: Option<PathBuf>) -> (Sshd, Server) {
    let twist = Twist {
        first,
        syslog: true,
        ..Twist::default()
    };
    let sshd = rig.twisted("watched", Access::Root, twist);
    let mut spec = wait(rig.spec("root", sshd.port));
    spec.sshd_log = Some(sshd.auth_log());
    let server = wait(connect(spec));
    (sshd, server)
}

/// Somebody's own program on the server.
fn there(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The shells that run a watch of this rig, by their process.
fn watches(rig: &Rig) -> Vec<String> {
    let mark = rig.file("var/requests");
    let has =
        |line: &[u8], word: &str| line.windows(word.len()).any(|part| part == word.as_bytes());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            has(&line, &mark) && has(&line, "ask_files") && !line.starts_with(b"sshd")
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn scripts(rig: &Rig) -> usize {
    watches(rig).len()
}

fn each_change_is_reported(rig: &Rig, first: Option<PathBuf>) {
    let (sshd, server) = logged(rig, first);
    wait(async {
        let mut watching = Watching::start(&server).await;
        assert_eq!(watching.hidden, []);
        let reported =
            |event: &WatchEvent| matches!(event, WatchEvent::Disk(disk) if disk.size.0 > 0);
        assert!(watching.first.iter().any(reported), "{:?}", watching.first);
        assert_eq!(watching.rest().await, []);

        let file = rig.scratch().join("uploaded");
        fs::write(&file, "contents").unwrap();
        there(rig.nix_here("nix-store").arg("--add").arg(&file));
        let all = watching.changed(Watched::Database).await;
        assert_eq!(all, [WatchEvent::Changed(Watched::Database)]);
        watching.rest().await;

        // Whoever only looks changes nothing, whichever way it is: its sessions are in the log, and Nix makes an empty log
        // beside the database.
        server.access().await.unwrap();
        storekeeper::load::load(&server).await.unwrap();
        there(rig.nix_here("nix").args([
            "--extra-experimental-features",
            "nix-command",
            "path-info",
            "--all",
        ]));
        let all = watching.rest().await;
        assert!(
            !all.contains(&WatchEvent::Changed(Watched::Database)),
            "{all:?}"
        );
        server.access().await.unwrap();
        assert_eq!(watching.rest().await, []);

        let signed = rig.run("sign root --all --yes --json");
        assert!(!signed.stdout.is_empty());
        let mut all = watching.changed(Watched::AuditLog).await;
        all.extend(watching.rest().await);
        for what in [Watched::Database, Watched::Jobs] {
            assert!(
                all.contains(&WatchEvent::Changed(what)),
                "{what:?}: {all:?}"
            );
        }

        let keys = rig.scratch().join("home-nix-ssh/.ssh/authorized_keys");
        let mut file = File::options().append(true).open(keys).unwrap();
        writeln!(file, "# by hand").unwrap();
        let all = watching.changed(Watched::KeyFiles).await;
        assert_eq!(all, [WatchEvent::Changed(Watched::KeyFiles)]);

        let waiting = rig.scratch().join("var/requests/waiting");
        fs::create_dir_all(&waiting).unwrap();
        watching.changed(Watched::Requests).await;
        watching.rest().await;
        fs::write(waiting.join("key-a.json"), "{}").unwrap();
        let all = watching.changed(Watched::Requests).await;
        assert_eq!(all, [WatchEvent::Changed(Watched::Requests)]);

        // It gets nothing of what it wants to hear, and has logged in.
        let _ = rig.ssh_as("nix-ssh", sshd.port, "true").output().unwrap();
        watching.changed(Watched::LoginLog).await;
        watching.rest().await;

        let mut file = File::options().append(true).open(sshd.config()).unwrap();
        writeln!(file, "# by hand").unwrap();
        let all = watching.changed(Watched::SshdConfig).await;
        assert_eq!(all, [WatchEvent::Changed(Watched::SshdConfig)]);

        let key = rig.secret_key_file(crate::rig::OURS);
        let away = key.with_extension("away");
        for (from, to) in [(&key, &away), (&away, &key)] {
            fs::rename(from, to).unwrap();
            let all = watching.changed(Watched::Settings).await;
            assert_eq!(all, [WatchEvent::Changed(Watched::Settings)]);
        }

        let lock = rig.scratch().join("server/nix/var/nix/gc.lock");
        let held = File::create(&lock).unwrap();
        held.lock().unwrap();
        watching.until(&WatchEvent::GcLock(true)).await;
        held.unlock().unwrap();
        watching.until(&WatchEvent::GcLock(false)).await;
        assert_eq!(watching.rest().await, []);
    });
}

#[test]
fn each_change_is_told_once_and_nothing_else_is() {
    each_change_is_reported(&Rig::new(), None);
}

#[test]
fn so_it_is_where_all_programs_are_busybox() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let programs = folder.path().join("applets");
    need::busybox(&programs);
    each_change_is_reported(&Rig::new(), Some(programs));
}

#[test]
fn a_daemon_that_is_stopped_is_told_and_so_is_its_return() {
    let mut rig = Rig::new();
    let server = wait(async { connect(rig.spec("root", rig.port(Access::ViaSocket)).await).await });
    let mut watching = wait(Watching::start(&server));
    assert!(
        watching.first.contains(&WatchEvent::Daemon(true)),
        "{:?}",
        watching.first
    );
    // Where the store is, its address does not tell.
    assert!(
        watching.hidden.contains(&Watched::Database),
        "{:?}",
        watching.hidden
    );
    let pid = rig.daemon_pid().to_string();
    there(Command::new("kill").args(["-KILL", &pid]));
    wait(watching.until(&WatchEvent::Daemon(false)));
    rig.reconfigure("");
    wait(watching.until(&WatchEvent::Daemon(true)));
}

/// A file system of its own, which ends with the test.
struct Small(PathBuf);

impl Small {
    fn at(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        there(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
                .arg(folder),
        );
        Self(folder.to_owned())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_fills_is_told_in_steps() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("nix/store");
    let _small = Small::at(&store);
    let mut spec = storekeeper::server::Spec::new("here", storekeeper::link::Place::Local);
    spec.audit_log = folder.path().join("audit.jsonl").display().to_string();
    spec.requests_dir = folder.path().join("requests").display().to_string();
    let program = folder.path().join("daemon");
    let text = format!(
        "#!/bin/sh\nexport NIX_REMOTE='local?root={}'\nexec {} \"$@\"\n",
        folder.path().display(),
        need::program("nix-daemon").display()
    );
    fs::write(&program, &text).unwrap();
    let nix = folder.path().join("nix-there");
    fs::write(&nix, text.replace("nix-daemon", "nix")).unwrap();
    for file in [&program, &nix] {
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    spec.daemon_command = vec![program.display().to_string(), "--stdio".to_owned()];
    spec.nix_command = nix.display().to_string();
    wait(async {
        let server = connect(spec).await;
        let mut watching = Watching::start(&server).await;
        fs::write(store.join("little"), vec![1; 20 << 10]).unwrap();
        while let Ok(event) = timeout(QUIET, watching.events.recv()).await {
            assert!(!matches!(event, Some(WatchEvent::Disk(_))), "{event:?}");
        }
        fs::write(store.join("large"), vec![1; 8 << 20]).unwrap();
        let used = loop {
            let event = timeout(PATIENCE, watching.events.recv())
                .await
                .unwrap()
                .unwrap();
            // One that was seen while it was being written tells of a part.
            if let WatchEvent::Disk(disk) = event
                && disk.used.0 >= 1 << 20
            {
                break disk.used.0;
            }
        };
        assert!((1 << 20..16 << 20).contains(&used), "{used}");
    });
}

#[test]
fn nothing_stays_on_the_server_when_the_client_is_gone() {
    let rig = Rig::new();
    let proxy = rig.proxied(Duration::ZERO);
    let server = wait(async { connect(rig.spec("root", proxy.port()).await).await });
    let watching = wait(Watching::start(&server));
    wait_until("one watch", || scripts(&rig) == 1);
    // As when the client's process or its machine is killed: nothing is said any more.
    proxy.cut();
    wait_until("the end of the script", || scripts(&rig) == 0);
    let ended = wait(watching.task).unwrap();
    assert!(ended.is_err());

    let server = wait(async { connect(rig.spec("root", rig.port(Access::Root)).await).await });
    let watching = wait(Watching::start(&server));
    wait_until("one watch", || scripts(&rig) == 1);
    // Nobody wants to know any more.
    drop(watching.events);
    assert!(wait(watching.task).unwrap().is_ok());
    wait_until("the end of the script", || scripts(&rig) == 0);
}

#[test]
fn a_server_that_allows_few_sessions_is_not_watched_and_one_that_floods_no_longer() {
    let rig = Rig::new();
    for sessions in [1, 3] {
        let twist = Twist {
            more: format!("MaxSessions {sessions}\n"),
            ..Twist::default()
        };
        let sshd = rig.twisted(&format!("few-{sessions}"), Access::Root, twist);
        let error = wait(async {
            let server = connect(rig.spec("root", sshd.port).await).await;
            let (sink, _events) = mpsc::channel(64);
            let (_pace, every) = watch::channel(PACE);
            let limits = Limits {
                output: 10,
                time: PATIENCE,
            };
            let sleep = storekeeper::link::Command::script("sleep 1");
            let busy = async {
                // Others need sessions meanwhile, which shows how many there are.
                let run = || server.link().run(&sleep, b"", limits);
                let _ = tokio::join!(run(), run(), run(), run());
            };
            tokio::join!(server.watch(sink, every), busy).0
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("no session to spare"), "{error}");
    }

    let first = rig.scratch().join("first");
    fs::create_dir(&first).unwrap();
    let shell = first.join("sh");
    let text = "#!/bin/sh\ncase $2 in *ask_files*) ;; *) exec /bin/sh \"$@\" ;; esac\n\
                echo storekeeper-answer\necho began=\nread -r word\nexec yes database=\n";
    fs::write(&shell, text).unwrap();
    fs::set_permissions(&shell, fs::Permissions::from_mode(0o755)).unwrap();
    let twist = Twist {
        first: Some(first),
        ..Twist::default()
    };
    let sshd = rig.twisted("floods", Access::Root, twist);
    let ended = wait(async {
        let server = connect(rig.spec("root", sshd.port).await).await;
        let watching = Watching::start(&server).await;
        timeout(PATIENCE, watching.task).await.unwrap().unwrap()
    });
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("more than it was asked for"), "{error}");
}

#[test]
fn every_nix_is_watched() {
    for nix in Nix::all() {
        let rig = Rig::with(&nix);
        let server = wait(async { connect(rig.spec("root", rig.port(Access::Root)).await).await });
        let mut watching = wait(Watching::start(&server));
        let file = rig.scratch().join("uploaded");
        fs::write(&file, "contents").unwrap();
        there(rig.nix_here("nix-store").arg("--add").arg(&file));
        wait(watching.changed(Watched::Database));
    }
}

/// The console, with everything read.
fn console(rig: &Rig, server: &str) -> Terminal {
    let terminal = Terminal::start(&rig.storekeeper_command([server]), 80, 24);
    terminal.wait("a store that is read", is_read);
    terminal
}

/// A path that clients refuse, made beside the console and its connection.
fn unsigned_upload(rig: &Rig) {
    let text = rig.scratch().join("other.nix");
    fs::write(&text, "derivation { name = \"made\"; system = builtins.currentSystem; builder = \"/bin/sh\"; args = [ \"-c\" \"echo > $out\" ]; }").unwrap();
    let mut build = rig.nix_here("nix-build");
    there(
        build
            .args(rig.nix.build_options())
            .arg("--no-out-link")
            .arg(&text),
    );
}

#[test]
fn what_others_do_is_on_the_screen_without_a_key_and_nothing_is_left_when_it_is_killed() {
    let rig = Rig::new();
    let mut terminal = console(&rig, "root");
    let refused = rig.refused().len();
    terminal.wait_for(&format!("3 Unsigned {refused}"));
    let file = rig.scratch().join("uploaded");
    fs::write(&file, "contents").unwrap();
    // Not by this console, and not through its server.
    there(
        rig.nix_here("nix-store")
            .arg("--add-fixed")
            .arg("sha256")
            .arg(&file),
    );
    unsigned_upload(&rig);
    terminal.wait("the upload", |text| {
        text.contains(&format!("3 Unsigned {}", refused + 1))
    });
    // As Nix holds it while it collects.
    let lock = File::options()
        .create(true)
        .append(true)
        .open(rig.scratch().join("server/nix/var/nix/gc.lock"))
        .unwrap();
    lock.lock().unwrap();
    let holder = format!("process {} of root collects", std::process::id());
    terminal.wait_for(&holder);
    // For so long that the watch has seen it too, which looks every two seconds; else a minute may pass.
    std::thread::sleep(Duration::from_secs(6));
    drop(lock);
    terminal.wait("its end", |text| !text.contains(&holder));

    let settings = rig.scratch().join("conf/nix.conf");
    let mut file = File::options().append(true).open(settings).unwrap();
    file.write_all(b"\ntrusted-users = root *\n").unwrap();
    terminal.wait_for("Nix trusts every user");
    terminal.keys("4");
    terminal.wait_for("4 Access");
    let key = fs::read_to_string(rig.file("other.pub")).unwrap();
    let keys = rig.scratch().join("home-nix-ssh/.ssh/authorized_keys");
    let mut file = File::options().append(true).open(keys).unwrap();
    file.write_all(key.as_bytes()).unwrap();
    terminal.wait_for("somebody else");

    wait_until("one watch", || scripts(&rig) == 1);
    terminal.signal("KILL");
    wait_until("the end of the script", || scripts(&rig) == 0);
}

#[test]
fn a_stopped_daemon_is_on_the_screen_without_a_key() {
    let mut rig = Rig::new();
    let terminal = console(&rig, "via-socket");
    assert!(!terminal.text().contains("does not listen"));
    let pid = rig.daemon_pid().to_string();
    there(Command::new("kill").args(["-KILL", &pid]));
    terminal.wait_for("nix-daemon does not listen, since");
    rig.reconfigure("");
    terminal.wait("the daemon again", |text| !text.contains("does not listen"));
}

#[test]
fn a_watch_that_was_killed_is_begun_again_by_r() {
    let rig = Rig::new();
    let mut terminal = console(&rig, "root");
    // While it makes a pipe there are two for a moment.
    wait_until("a watch that is killed", || {
        let watches = watches(&rig);
        let mut kill = Command::new("kill");
        watches.len() == 1 && kill.arg("-KILL").args(watches).status().unwrap().success()
    });
    terminal.wait_for("not live: the watch's script there has ended");
    let refused = rig.refused().len();
    terminal.keys("R");
    terminal.wait("a watch", |text| !text.contains("script there"));
    unsigned_upload(&rig);
    terminal.wait_for(&format!("3 Unsigned {}", refused + 1));
    wait_until("one watch", || scripts(&rig) == 1);
}

#[test]
fn a_quiet_server_runs_few_programs_and_still_tells_what_times_do_not() {
    let rig = Rig::new();
    let first = rig.scratch().join("first");
    fs::create_dir(&first).unwrap();
    let calls = rig.scratch().join("calls");
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = -f ] || echo call >>{}\nexec {} \"$@\"\n",
        calls.display(),
        need::program("stat").display()
    );
    fs::write(&calls, "").unwrap();
    fs::set_permissions(&calls, fs::Permissions::from_mode(0o666)).unwrap();
    fs::write(first.join("stat"), text).unwrap();
    fs::set_permissions(first.join("stat"), fs::Permissions::from_mode(0o755)).unwrap();
    let (_sshd, server) = logged(&rig, Some(first));
    wait(async {
        let mut watching = Watching::start(&server).await;
        let _ = watching.rest().await;
        let before = fs::read_to_string(&calls).unwrap().len();
        let begun = std::time::Instant::now();
        assert_eq!(watching.rest().await, []);
        let rounds = begun.elapsed().as_millis() / PACE.as_millis();
        let looks = (fs::read_to_string(&calls).unwrap().len() - before) / "call\n".len();
        assert!(looks as u128 <= rounds / 6 + 2, "{looks} in {rounds}");
        // Other rights; and another file with an old time, in a folder that had the same time before.
        let keys = rig.scratch().join("home-nix-ssh/.ssh/authorized_keys");
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o640)).unwrap();
        watching.changed(Watched::KeyFiles).await;
        watching.rest().await;
        let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let file = File::options().append(true).open(&keys).unwrap();
        (&file).write_all(b"# more\n").unwrap();
        file.set_modified(old).unwrap();
        watching.changed(Watched::KeyFiles).await;
        watching.rest().await;
        // One that came from the future counts as always new, and is looked at.
        file.set_modified(std::time::SystemTime::now() + Duration::from_secs(1 << 20))
            .unwrap();
        watching.changed(Watched::KeyFiles).await;
        (&file).write_all(b"# more\n").unwrap();
        watching.changed(Watched::KeyFiles).await;
    });
}

/// A journal of the rig's own: a program that prints lines of a file as `journalctl` prints entries, and a file where journald
/// has its own, whose time moves when something is written.
struct Journal {
    lines: PathBuf,
    file: PathBuf,
}

impl Journal {
    fn new(rig: &Rig, first: &Path) -> Self {
        let lines = rig.scratch().join("journal");
        fs::write(&lines, "").unwrap();
        let name = rig.scratch().file_name().unwrap().to_str().unwrap();
        let folder = Path::new("/run/log/journal").join(name);
        fs::create_dir_all(&folder).unwrap();
        let journal = Self {
            lines,
            file: folder.join("system.journal"),
        };
        journal.write("Received SIGHUP; restarting.");
        let text = format!(
            r#"#!/bin/sh
after=0 form=cat most=1000000 show= reverse=
while [ $# -gt 0 ]; do
    case $1 in
    -n) most=$2; shift ;;
    -o) form=$2; shift ;;
    -r) reverse=yes ;;
    --show-cursor) show=yes ;;
    --after-cursor=*) after=${{1#*=s=}} ;;
    esac
    shift
done
all=$(wc -l <'{lines}')
if [ "$most" = 0 ]; then after=$all; elif [ $((all - after)) -gt "$most" ]; then after=$((all - most)); fi
awk -v after="$after" -v form="$form" '
NR > after && form == "cat" {{ print; last = NR }}
NR > after && form == "json" {{
    printf "{{\"__CURSOR\":\"s=%d\",\"__REALTIME_TIMESTAMP\":\"%d000000\",\"SYSLOG_IDENTIFIER\":\"sshd\",\"_PID\":\"7\",\"_UID\":\"0\",\"MESSAGE\":\"%s\"}}\n", NR, 1790000000 + NR, $0
}}' '{lines}' | if [ -n "$reverse" ]; then tac; else cat; fi
if [ -n "$show" ]; then echo "-- cursor: s=$all"; fi
"#,
            lines = journal.lines.display()
        );
        let program = first.join("journalctl");
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        journal
    }

    fn write(&self, line: &str) {
        for (file, text) in [(&self.lines, line), (&self.file, "entry")] {
            let mut file = File::options()
                .create(true)
                .append(true)
                .open(file)
                .unwrap();
            writeln!(file, "{text}").unwrap();
        }
    }

    fn login(&self, user: &str, from: &str) {
        let key = "ED25519 SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        self.write(&format!(
            "Accepted publickey for {user} from {from} port 40123 ssh2: {key}"
        ));
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.file.parent().unwrap());
    }
}

/// A server whose sshd logs to a journal.
fn journaled(rig: &Rig) -> (Sshd, Journal) {
    let first = rig.scratch().join("first");
    fs::create_dir(&first).unwrap();
    let journal = Journal::new(rig, &first);
    let twist = Twist {
        first: Some(first),
        ..Twist::default()
    };
    (rig.twisted("journaled", Access::Root, twist), journal)
}

#[test]
fn a_login_in_the_journal_is_told_and_what_others_write_there_is_not() {
    let rig = Rig::new();
    let (sshd, journal) = journaled(&rig);
    wait(async {
        let server = connect(rig.spec("root", sshd.port).await).await;
        let mut watching = Watching::start(&server).await;
        assert_eq!(watching.hidden, []);
        // What came before the watch is no news.
        assert_eq!(watching.rest().await, []);
        journal.login("nix-ssh", "10.0.0.8");
        let all = watching.changed(Watched::LoginLog).await;
        assert_eq!(all, [WatchEvent::Changed(Watched::LoginLog)]);
        watching.rest().await;
        for number in 0..40 {
            journal.write(&format!("Received SIGHUP; restarting, {number}."));
            tokio::time::sleep(PACE / 2).await;
        }
        assert_eq!(watching.rest().await, []);
        // A look that found nothing makes the next ones rarer; it comes all the same.
        journal.login("nix-ssh", "10.0.0.9");
        watching.changed(Watched::LoginLog).await;
        let facts = server.access().await.unwrap();
        assert_eq!(facts.events.as_ref().unwrap().len(), 2);
        journal.login("nix-ssh", "10.0.0.10");
        let facts = server.follow_log(facts).await.unwrap();
        let events = facts.events.unwrap();
        let from: Vec<_> = events.iter().map(|event| event.address.as_str()).collect();
        assert_eq!(from, ["10.0.0.8", "10.0.0.9", "10.0.0.10"]);
    });
}

#[test]
fn the_console_follows_a_journal() {
    let rig = Rig::new();
    let (sshd, journal) = journaled(&rig);
    rig.add_server(&rig.server_section("prod", "root", sshd.port, ""));
    let mut terminal = console(&rig, "prod");
    terminal.keys("6oo");
    terminal.wait_for("sshd's log");
    journal.login("nix-ssh", "10.66.0.1");
    terminal.wait_for("authorized  7");
}

#[test]
fn what_one_console_changes_the_other_shows_without_a_key() {
    let rig = Rig::new();
    let mut changes = console(&rig, "root");
    let mut watches = console(&rig, "root");
    let refused = rig.refused().len();
    watches.wait_for(&format!("3 Unsigned {refused}"));
    watches.keys("6");
    watches.wait_for("in the audit log");
    // A key for the cache user, and a signature: a file, a change of the store, and both in the audit log.
    changes.keys("3");
    changes.wait_for("3 Unsigned");
    changes.keys("A");
    changes.wait_for("Sign");
    changes.keys("\r");
    let signed = changes.wait("fewer that are refused", |text| {
        let count = text
            .split("3 Unsigned ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        count
            .and_then(|count| count.parse::<usize>().ok())
            .is_some_and(|count| count < refused)
    });
    let left = signed
        .split("3 Unsigned ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    watches.wait_for(&format!("3 Unsigned {left}"));
    watches.wait("the record", |text| {
        text.lines()
            .any(|line| line.starts_with('>') && line.contains("sign "))
    });
    // Neither wakes the other for ever: what it shows does not change any more.
    watches.settle(Duration::from_secs(6));
}
