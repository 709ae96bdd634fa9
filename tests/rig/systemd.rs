//! In place of systemd, and an `/etc` that is a rig's own: what is installed on a server changes nothing of this machine.
//!
//! In: a rig. Out: an sshd whose sessions have a `systemctl` that does what a unit says, and may write to `/etc`.

use super::{Access, Rig, Sshd, Twist};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Does what the unit says, in the order in which it is asked. A unit is in the folder beside its own, else where systemd looks. While
/// `running` is there a service runs; `broken` makes it fail; `ready` makes the end of a call hang, which is `reached` then.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >>"$0.log"
[ -e "$0.broken" ] && { echo "Failed to connect to bus"; exit 1; }
# The answer of a call that is over is not sent.
stuck() { if [ -e "$0.ready" ]; then mv "$0.ready" "$0.reached"; sleep 60; fi; }
case $1 in
is-active)
    case $2 in
    *.timer)
        case $(grep -E "^(enable|disable) --now $2\$" "$0.log" | tail -n 1) in
        enable*) echo active ;;
        *) echo inactive ;;
        esac
        ;;
    *) if [ -e "$0.running" ]; then echo activating; else echo inactive; fi ;;
    esac
    exit ;;
start)
    unit=$(dirname "$0")/../units/$2
    [ -e "$unit" ] || unit=/etc/systemd/system/$2
    environment=$(sed -n 's/^Environment=//p' "$unit")
    if [ -n "$environment" ]; then export "$environment"; fi
    $(sed -n 's/^ExecStart=//p' "$unit")
    code=$?
    stuck
    exit $code ;;
reset-failed) stuck ;;
esac
"#;

impl Rig {
    /// A folder of programs for the front of a session's search path, with `systemctl` in it.
    pub(crate) fn systemctl(&self) -> PathBuf {
        let first = self.scratch().join("first");
        fs::create_dir(&first).unwrap();
        program(&first.join("systemctl"), SYSTEMCTL);
        first
    }

    /// An sshd of this name on a server where everything can be installed: systemd more or less, an `/etc` of its own with a folder of
    /// further lines for sshd, and storekeeper.
    pub(crate) fn installing(&self, name: &str) -> Sshd {
        let first = self.systemctl();
        let built = env!("CARGO_BIN_EXE_storekeeper");
        if fs::hard_link(built, first.join("storekeeper")).is_err() {
            fs::copy(built, first.join("storekeeper")).unwrap();
        }
        let own = self.scratch().join("own-etc");
        fs::create_dir(&own).unwrap();
        fs::set_permissions(&own, Permissions::from_mode(0o755)).unwrap();
        let twist = Twist {
            first: Some(first),
            own_etc: Some(own),
            syslog: true,
            more: "Include /etc/ssh/sshd_config.d/*.conf\n".to_owned(),
            ..Twist::default()
        };
        self.twisted(name, Access::Root, twist)
    }

    /// Every file of that `/etc` that storekeeper may write, as sshd's sessions name it, sorted.
    pub(crate) fn installed_files(&self) -> Vec<String> {
        let own = self.scratch().join("own-etc");
        let mut found = Vec::new();
        for folder in ["storekeeper", "systemd/system", "ssh/sshd_config.d"] {
            below(&own.join(folder), &mut found);
        }
        let start = own.display().to_string();
        let mut found: Vec<String> = found
            .iter()
            .filter_map(|file| Some(format!("/etc{}", file.to_str()?.strip_prefix(&start)?)))
            .filter(|file| file.contains("storekeeper"))
            .collect();
        found.sort();
        found
    }
}

fn program(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
}

/// The files and links below a folder, and folders that are empty.
fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            let before = found.len();
            below(&path, found);
            if found.len() > before {
                continue;
            }
        }
        found.push(path);
    }
}
