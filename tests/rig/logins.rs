//! Logins by the real `ssh`: what sshd itself says of a key.
//!
//! In: keys of the rig, each with its certificate where one lies beside it. Out: commands, sessions, and whether sshd lets in.

use super::sshd::CACHE;
use super::{Rig, need};
use std::process::{Child, Command, Stdio};

impl Rig {
    /// The real `ssh` as any user.
    pub(crate) fn ssh_as(&self, user: &str, port: u16, script: &str) -> Command {
        self.ssh_by(
            "id",
            &self.file("known_hosts"),
            &format!("{user}@127.0.0.1"),
            port,
            script,
        )
    }

    /// The same as the cache user with this key alone. Its command is forced, and ends at once where nobody speaks to it.
    pub(crate) fn login(&self, key: &str, port: u16) -> Command {
        self.login_knowing(key, &self.file("known_hosts"), port)
    }

    /// The same with a file of known hosts that is not the rig's.
    pub(crate) fn login_knowing(&self, key: &str, hosts: &str, port: u16) -> Command {
        let user = format!("{}@127.0.0.1", CACHE.0);
        self.ssh_by(key, hosts, &user, port, "anything")
    }

    /// Whether sshd lets this key in as the cache user.
    pub(crate) fn lets_in(&self, key: &str, port: u16) -> bool {
        let output = self.login(key, port).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let refused = output.status.code() == Some(255) && said.contains("Permission denied");
        assert!(refused || output.status.code() != Some(255), "{said}");
        !refused
    }

    /// A session of the cache user that is open until its standard input is closed.
    pub(crate) fn open_session(&self, key: &str, port: u16) -> Child {
        let mut ssh = self.login(key, port);
        ssh.stdin(Stdio::piped()).stdout(Stdio::null());
        ssh.spawn().unwrap()
    }

    fn ssh_by(&self, key: &str, hosts: &str, user: &str, port: u16, script: &str) -> Command {
        let mut ssh = Command::new(need::program("ssh"));
        ssh.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o"])
            .args(["BatchMode=yes", "-o", "LogLevel=ERROR", "-i"])
            .arg(self.file(key))
            .args(["-o", &format!("UserKnownHostsFile={hosts}")])
            .args(["-p", &port.to_string(), user, script])
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        ssh
    }
}
