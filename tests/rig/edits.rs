//! Edits of key files: through the library (connect, plan), or the script alone as it is sent.

use super::{Access, Rig, key_pair};
use crate::help;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use storekeeper::change::Plan;
use storekeeper::change::access::{About, authorize};
use storekeeper::domain::authorized_keys::NewKey;
use storekeeper::domain::ssh_key::PublicSshKey;
use storekeeper::server::Server;

/// A connection as root; `key_file` is named for the cache user where it is not the one that sshd reads.
pub(crate) async fn connect(rig: &Rig, key_file: Option<&Path>) -> Server {
    let mut spec = rig.spec("root", rig.port(Access::Root)).await;
    spec.key_files = key_file
        .map(|file| file.display().to_string())
        .into_iter()
        .collect();
    help::connect(spec).await
}

/// A key pair in the folder, and the key as a new line would have it.
pub(crate) fn new_key(folder: &Path, name: &str) -> NewKey {
    let file = folder.join(name);
    key_pair(&file, name);
    let text = fs::read_to_string(file.with_extension("pub")).unwrap();
    NewKey {
        key: PublicSshKey::parse(&text).unwrap(),
        restrict: true,
        from: None,
        expires: None,
    }
}

/// The plan that authorizes it.
pub(crate) async fn plan_for(server: &Server, new: &NewKey) -> Plan {
    let facts = server.access().await.unwrap();
    authorize(&About::of(server), &facts, new, None, None).unwrap()
}

/// The script of an edit, as it is sent.
const EDIT: &str = concat!(
    include_str!("../../src/server/scripts/path.sh"),
    include_str!("../../src/server/scripts/folder.sh"),
    include_str!("../../src/server/scripts/account.sh"),
    include_str!("../../src/server/scripts/access-edit.sh")
);

/// What it runs at the file.
const EDIT_FILE: &str = concat!(
    include_str!("../../src/server/scripts/folder.sh"),
    include_str!("../../src/server/scripts/access-edit-file.sh")
);

/// An edit that is made by the script alone, on this machine.
pub(crate) struct ScriptEdit<'a> {
    /// Whose logins the file opens.
    pub(crate) account: &'a str,
    pub(crate) file: &'a Path,
    /// What it held when the change was planned; `None` where it was not there.
    pub(crate) before: Option<&'a [u8]>,
    /// `replace` or `append`.
    pub(crate) kind: &'a str,
    pub(crate) content: &'a [u8],
    /// Fingerprints that come and that go, separated by blanks.
    pub(crate) come: &'a str,
    pub(crate) go: &'a str,
}

impl ScriptEdit<'_> {
    /// The command, with `first` before the script.
    pub(crate) fn command(&self, first: &str) -> Command {
        let planned = self.before.map_or_else(|| "none".to_owned(), sha256);
        let size = self.before.map_or(0, <[u8]>::len).to_string();
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{first}{EDIT}"), "storekeeper", EDIT_FILE])
            .arg(self.account)
            .arg(self.file)
            .args([&planned, &size, self.kind, &sha256(self.content)])
            .args(["", "644", self.come, self.go, "", ""])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        let mut child = command.spawn().expect("the shell starts");
        // It may end without having read its input.
        let _ = child
            .stdin
            .take()
            .map(|mut input| input.write_all(self.content));
        child.wait_with_output().expect("the shell ends")
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    storekeeper::domain::path_info::hex(&sha2::Sha256::digest(bytes))
}
