//! A real `sshd` on a free port of the loopback address, with accounts of its own.
//!
//! It runs in a mount namespace in which `/etc/passwd`, `group`, `shadow` and `sudoers` are the rig's: nothing of it is
//! left on the machine, root's home is in the scratch folder, and the checks that sshd makes of files and modes hold.

use super::guard::{Guard, wait_until};
use super::need;
use super::nix::{self, Nix, text_of};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The accounts of the server, with their ids: who administers with sudo, who has no rights, and the cache user.
pub(crate) const ADMIN: (&str, u32) = ("keeper", 61_001);
pub(crate) const PLAIN: (&str, u32) = ("visitor", 61_002);
pub(crate) const CACHE: (&str, u32) = ("nix-ssh", 61_003);

/// Mounts the private files, makes folders read-only, hides programs, then is sshd; the mounts end with the namespace.
const START: &str = r#"
set -e
etc=$1 read_only=$2 hide=$3 syslog=$4 own=$5 sshd=$6 config=$7
if [ -n "$own" ]; then
  # A copy, in place of this machine's.
  [ -e "$own/passwd" ] || cp -a /etc/. "$own"
  mkdir -p "$own/systemd/system" "$own/ssh/sshd_config.d"
  mount --bind "$own" /etc
fi
for name in passwd group shadow sudoers; do
  [ -e "/etc/$name" ] || continue
  mount --bind "$etc/$name" "/etc/$name"
done
for dir in $read_only; do
  mount --bind "$dir" "$dir"
  mount -o remount,bind,ro "$dir"
done
for file in $hide; do mount --bind /dev/null "$file"; done
[ -n "$syslog" ] || exec "$sshd" -D -e -f "$config"
# A /dev of its own, in which the log's socket is the rig's.
dev=$etc/dev
mkdir -p "$dev"
mount -t tmpfs -o mode=755 dev "$dev"
for name in null zero full random urandom tty; do
  : >"$dev/$name"
  mount --bind "/dev/$name" "$dev/$name"
done
mkdir "$dev/pts" "$dev/shm"
mount --bind /dev/pts "$dev/pts"
ln -s pts/ptmx "$dev/ptmx"
ln -s /proc/self/fd "$dev/fd"
ln -s /proc/self/fd/0 "$dev/stdin"
ln -s /proc/self/fd/1 "$dev/stdout"
ln -s /proc/self/fd/2 "$dev/stderr"
ln -s "$syslog" "$dev/log"
mount --rbind "$dev" /dev
exec "$sshd" -D -f "$config"
"#;

/// What is out of the ordinary on a server.
#[derive(Default, Clone)]
pub(crate) struct Twist {
    /// A folder of programs that come before all others in a session.
    pub(crate) first: Option<PathBuf>,
    /// The server has no Nix.
    pub(crate) without_nix: bool,
    /// The store and its database can't be written.
    pub(crate) read_only: bool,
    /// More lines for the configuration of sshd, before its `Match` blocks.
    pub(crate) more: String,
    /// Another `NIX_REMOTE` for root's sessions.
    pub(crate) root_store: Option<String>,
    /// An empty folder that becomes its `/etc`: a copy of this machine's, which may be written.
    pub(crate) own_etc: Option<PathBuf>,
    /// It logs to a file as `/var/log/auth.log` is written: see [`Sshd::auth_log`].
    pub(crate) syslog: bool,
}

/// What one sshd is for.
pub(crate) struct Plan<'a> {
    /// A word for its files.
    pub(crate) name: &'a str,
    /// The scratch folder of the rig.
    pub(crate) scratch: &'a Path,
    pub(crate) nix: &'a Nix,
    /// `NIX_REMOTE` of root's sessions.
    pub(crate) root_store: String,
    /// `NIX_REMOTE` of everybody else's.
    pub(crate) user_store: String,
    /// `NIX_REMOTE` of the cache user's.
    pub(crate) cache_store: String,
    pub(crate) twist: Twist,
}

/// A running sshd.
pub(crate) struct Sshd {
    guard: Option<Guard>,
    config: PathBuf,
    /// The arguments of `START`.
    arguments: [String; 5],
    log: PathBuf,
    /// What syslog writes of it.
    auth_log: PathBuf,
    pub(crate) port: u16,
}

impl Sshd {
    /// Writes its configuration and starts it.
    pub(crate) fn start(plan: &Plan<'_>) -> Self {
        let port = free_port();
        let config = plan.scratch.join(format!("sshd-{}.conf", plan.name));
        fs::write(&config, configuration(plan, port)).expect("the scratch folder can't be written");
        let mut sshd = Self {
            guard: None,
            config,
            arguments: arguments(plan),
            log: plan.scratch.join(format!("sshd-{}.log", plan.name)),
            auth_log: plan.scratch.join(format!("auth-{}.log", plan.name)),
            port,
        };
        if plan.twist.syslog {
            syslog(Path::new(&sshd.arguments[3]), &sshd.auth_log);
        }
        sshd.restart();
        sshd
    }

    /// The file that syslog writes, with [`Twist::syslog`].
    pub(crate) fn auth_log(&self) -> String {
        self.auth_log.display().to_string()
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// Starts it, again after [`Self::kill`], on the same port.
    pub(crate) fn restart(&mut self) {
        if !Path::new("/run/sshd").exists() {
            let _ = fs::create_dir("/run/sshd");
        }
        let mut command = Command::new(need::program("unshare"));
        command
            .args(["--mount", "/bin/sh", "-c", START, "start"])
            .args(&self.arguments)
            .arg(need::program("sshd"))
            .arg(&self.config);
        self.guard = Some(Guard::spawn(&command, &self.log));
    }

    /// Waits until it accepts connections.
    pub(crate) fn wait(&self) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let end = std::time::Instant::now() + std::time::Duration::from_secs(120);
        while TcpStream::connect(address).is_err() {
            assert!(
                std::time::Instant::now() < end,
                "sshd did not start: {}",
                self.log_text()
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// The process that listens.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.guard.as_ref().map(Guard::pid)
    }

    /// Kills it and all sessions at once, as a machine that loses power does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            guard.kill_tree();
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        wait_until("the end of sshd", || TcpStream::connect(address).is_err());
    }

    /// Kills every session; new ones are served.
    pub(crate) fn kill_sessions(&self) {
        if let Some(guard) = &self.guard {
            guard.kill_below();
        }
    }

    /// What it has logged.
    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("the loopback address has no free port")
        .port()
}

/// Is the system's log: puts what arrives at a socket into a file, with a host name behind the time as rsyslog does.
fn syslog(socket: &Path, file: &Path) {
    let socket = UnixDatagram::bind(socket).expect("the scratch folder can't be written");
    let mut file = fs::File::create(file).expect("the scratch folder can't be written");
    // Ends with the test's process.
    std::thread::spawn(move || {
        let mut message = vec![0; 8192];
        while let Ok(size) = socket.recv(&mut message) {
            let text = String::from_utf8_lossy(&message[..size]).into_owned();
            let text = text.split_once('>').map_or(text.as_str(), |(_, rest)| rest);
            if let (Some(time), Some(rest)) = (text.get(..15), text.get(16..)) {
                let line = format!("{time} cache {}\n", rest.trim_end_matches(['\0', '\n']));
                let _ = file.write_all(line.as_bytes());
            }
        }
    });
}

fn arguments(plan: &Plan<'_>) -> [String; 5] {
    let etc = plan.scratch.join("etc").display().to_string();
    let read_only = if plan.twist.read_only {
        plan.scratch.join("server").display().to_string()
    } else {
        String::new()
    };
    // The wrappers of a given root are left off the search path instead.
    let hide: Vec<String> = nix::PROGRAMS
        .iter()
        .filter(|_| plan.twist.without_nix)
        .filter_map(|name| need::find(name))
        .map(|file| file.display().to_string())
        .collect();
    let socket = plan.scratch.join(format!("log-{}", plan.name));
    let socket = if plan.twist.syslog {
        socket.display().to_string()
    } else {
        String::new()
    };
    let own = plan.twist.own_etc.as_ref();
    let own = own.map_or_else(String::new, |own| own.display().to_string());
    [etc, read_only, hide.join(" "), socket, own]
}

fn configuration(plan: &Plan<'_>, port: u16) -> String {
    let scratch = plan.scratch.display();
    let twist = &plan.twist;
    let bin = plan.nix.bin().filter(|_| !twist.without_nix);
    let mut path = need::session_path(bin);
    if let Some(first) = &twist.first {
        path = format!("{}:{path}", first.display());
    }
    let common = format!("PATH={path} NIX_CONF_DIR={scratch}/conf");
    let penalties = if version() >= (9, 8) {
        "PerSourcePenalties no\n"
    } else {
        ""
    };
    // Making a key for NTRU Prime, which `ssh` chooses before all others, costs it ten times what the rest of a login does (65 ms).
    let exchange = "KexAlgorithms -sntrup761x25519-sha512*\n";
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {scratch}/host\nPidFile none\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
         StrictModes yes\nLogLevel VERBOSE\nMaxStartups 100\nAuthorizedKeysFile .ssh/authorized_keys\n{exchange}{penalties}{more}\n\
         Match User {cache}\n  ForceCommand nix-store --serve\n  SetEnv {common} NIX_REMOTE={cache_store}\n\
         Match User {admin},{plain}\n  SetEnv {common} NIX_REMOTE={user_store}\n\
         Match User root\n  SetEnv {common} NIX_REMOTE={root_store}\n",
        more = twist.more,
        cache = CACHE.0,
        admin = ADMIN.0,
        plain = PLAIN.0,
        cache_store = plan.cache_store,
        user_store = plan.user_store,
        root_store = plan.root_store,
    )
}

/// Major and minor version of OpenSSH here; newer ones penalise a client that fails often.
fn version() -> (u32, u32) {
    let said = Command::new(need::program("ssh"))
        .arg("-V")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stderr).into_owned())
        .unwrap_or_default();
    let digits = said.trim_start_matches("OpenSSH_");
    let mut parts = digits.split(|c: char| !c.is_ascii_digit());
    let mut number = || parts.next().and_then(|text| text.parse().ok()).unwrap_or(0);
    (number(), number())
}

/// Makes keys and the private `/etc` files of a rig; `sudo_store` is what a command run by sudo acts on.
pub(crate) fn prepare(scratch: &Path, nix: &Nix, sudo_store: &str) {
    for (file, comment) in [
        ("host", "host"),
        ("id", "administrator"),
        ("other", "somebody else"),
    ] {
        key_pair(&scratch.join(file), comment);
    }
    let public = fs::read_to_string(scratch.join("id.pub")).expect("the key was just made");
    let mut passwd = String::from(
        "sshd:x:61000:65534::/run/sshd:/bin/false\nnobody:x:65534:65534::/nonexistent:/bin/false\n\
         storekeeper:x:61004:65534::/nonexistent:/bin/false\n",
    );
    let mut group = String::from("root:x:0:\nnogroup:x:65534:\n");
    let mut shadow = String::from("sshd:*:19000:0:99999:7:::\n");
    for (user, id) in [("root", 0), ADMIN, PLAIN, CACHE] {
        let home = scratch.join(format!("home-{user}"));
        let keys = home.join(".ssh");
        fs::create_dir_all(&keys).expect("the scratch folder can't be written");
        fs::write(keys.join("authorized_keys"), &public)
            .expect("the scratch folder can't be written");
        for item in [&home, &keys, &keys.join("authorized_keys")] {
            chown(item, Some(id), Some(id)).expect("an owner can't be set");
        }
        let _ = writeln!(passwd, "{user}:x:{id}:{id}::{}:/bin/sh", home.display());
        let _ = writeln!(shadow, "{user}:*:19000:0:99999:7:::");
        if id != 0 {
            let _ = writeln!(group, "{user}:x:{id}:");
        }
    }
    let environment = format!(
        "NIX_REMOTE={sudo_store}\nNIX_CONF_DIR={}\n",
        scratch.join("conf").display()
    );
    let sudoers = format!(
        "Defaults secure_path=\"{}\"\nDefaults env_file=\"{}\"\nroot ALL=(ALL:ALL) NOPASSWD: ALL\n{} ALL=(root) NOPASSWD: ALL\n",
        need::session_path(nix.bin()),
        scratch.join("etc/sudo.env").display(),
        ADMIN.0
    );
    let etc = scratch.join("etc");
    fs::create_dir_all(&etc).expect("the scratch folder can't be written");
    for (name, text, mode) in [
        ("passwd", &passwd, 0o644),
        ("group", &group, 0o644),
        ("shadow", &shadow, 0o640),
        ("sudoers", &sudoers, 0o440),
        ("sudo.env", &environment, 0o644),
    ] {
        fs::write(etc.join(name), text).expect("the scratch folder can't be written");
        fs::set_permissions(etc.join(name), fs::Permissions::from_mode(mode))
            .expect("a mode can't be set");
    }
}

/// Gives an account another login shell, from its next session on.
pub(crate) fn login_shell(scratch: &Path, user: &str, shell: &Path) {
    let file = scratch.join("etc/passwd");
    let text = fs::read_to_string(&file).expect("the rig wrote it");
    let start = format!("{user}:");
    let lines = text.lines().map(|line| match line.rsplit_once(':') {
        Some((before, _)) if line.starts_with(&start) => format!("{before}:{}\n", shell.display()),
        _ => format!("{line}\n"),
    });
    // In place: the file is mounted over the machine's own.
    fs::write(&file, lines.collect::<String>()).expect("the scratch folder can't be written");
}

/// Makes an ed25519 key pair without a passphrase: `file` and `file.pub`.
pub(crate) fn key_pair(file: &Path, comment: &str) {
    text_of(
        Command::new(need::program("ssh-keygen"))
            .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
            .arg(file),
    );
}
