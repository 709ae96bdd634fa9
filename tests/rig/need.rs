//! What the machine must have before a real server can be started on it.
//!
//! In: names of programs. Out: their full paths, or a panic whose one sentence names the package to install.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Program, the package that has it on Debian, and on Nix.
const PACKAGES: [(&str, &str, &str); 23] = [
    ("nix", "nix-bin", "nix"),
    ("sshd", "openssh-server", "openssh"),
    ("ssh", "openssh-client", "openssh"),
    ("ssh-keygen", "openssh-client", "openssh"),
    ("ssh-agent", "openssh-client", "openssh"),
    ("ssh-add", "openssh-client", "openssh"),
    ("sudo", "sudo", "sudo"),
    ("sqlite3", "sqlite3", "sqlite"),
    ("unshare", "util-linux", "util-linux"),
    ("nsenter", "util-linux", "util-linux"),
    ("mount", "mount", "util-linux"),
    ("cp", "coreutils", "coreutils"),
    ("id", "coreutils", "coreutils"),
    ("busybox", "busybox", "busybox"),
    ("dash", "dash", "dash"),
    ("fish", "fish", "fish"),
    ("tcsh", "tcsh", "tcsh"),
    ("zsh", "zsh", "zsh"),
    ("setfacl", "acl", "acl"),
    ("getfacl", "acl", "acl"),
    ("setfattr", "attr", "attr"),
    ("getfattr", "attr", "attr"),
    ("promtool", "prometheus", "prometheus"),
];

/// Where `sshd` and `unshare` are when `PATH` of the caller leaves the system directories out.
const MORE: [&str; 5] = [
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/run/current-system/sw/bin",
];

/// The full path of a program, if this machine has it.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(MORE.iter().map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// The full path of a program that the rig can't do without.
pub(crate) fn program(program: &str) -> PathBuf {
    find(program).unwrap_or_else(|| {
        let (debian, nix) = PACKAGES
            .iter()
            .find(|entry| entry.0 == program)
            .map_or((program, program), |entry| (entry.1, entry.2));
        panic!(
            "`{program}` is not on this machine: install it with `apt-get install {debian}` (or `nix-shell -p {nix}`)"
        )
    })
}

/// Makes a folder of links to busybox's applets, and returns where busybox itself is: it need not be among them.
pub(crate) fn busybox(folder: &Path) -> PathBuf {
    let busybox = program("busybox");
    std::fs::create_dir(folder).expect("the scratch folder can't be written");
    let installed = Command::new(&busybox)
        .args(["--install", "-s"])
        .arg(folder)
        .output()
        .expect("busybox runs");
    assert!(installed.status.success(), "busybox can't be installed");
    busybox
}

/// sshd, private `/etc` files and chroot stores all need root; says so before anything half works.
pub(crate) fn root() {
    assert!(
        rustix::process::geteuid().is_root(),
        "the tests on a real server need root (sshd, mount namespaces): run ./tests/run, which uses sudo for them"
    );
}

/// The search path of a server's session: the Nix under test first, then what this process has, then the system.
pub(crate) fn session_path(bin: Option<&Path>) -> String {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let dirs = bin
        .map(Path::to_path_buf)
        .into_iter()
        .chain(std::env::split_paths(&own))
        .chain(MORE.iter().map(PathBuf::from))
        .filter(|dir| dir.is_absolute() && !dir.to_string_lossy().contains(' '));
    std::env::join_paths(dirs)
        .expect("the search path has a colon inside a directory name")
        .into_string()
        .expect("the search path is not UTF-8")
}
