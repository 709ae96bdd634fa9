//! The knock as `setup --knock` installs it, for an sshd of the rig.
//!
//! In: a rig. Out: the script and its queue, and the lines for sshd that run it.

use super::Rig;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};

/// The user that the knock runs as.
const KNOCKER: u32 = 61_004;

impl Rig {
    /// The folder of the script, to be held as long as sshd runs it, and the lines for sshd. The folder is no part of the scratch one: sshd takes no
    /// script below a folder that others may write.
    pub(crate) fn knock(&self) -> (tempfile::TempDir, String) {
        let folder = tempfile::Builder::new()
            .prefix("storekeeper-knock-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in("/var/lib")
            .expect("/var/lib can be written");
        let script = folder.path().join("knock");
        fs::copy("src/server/scripts/knock.sh", &script).expect("the script is there");
        fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("it is root's");
        let queue = self.scratch().join("var/requests");
        let waiting = queue.join("waiting");
        fs::create_dir_all(&waiting).expect("the scratch folder can be written");
        fs::set_permissions(&waiting, Permissions::from_mode(0o700)).expect("it is root's");
        chown(&waiting, Some(KNOCKER), None).expect("the tests run as root");
        let lines = format!(
            "AuthorizedKeysCommand {} %u %t %k %f {}\nAuthorizedKeysCommandUser storekeeper\n",
            script.display(),
            queue.display()
        );
        (folder, lines)
    }
}
