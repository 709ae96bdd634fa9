//! The scratch store: real derivations, built elsewhere and copied in, with a path for each thing that can be wrong.
//!
//! Out: [`Template`], a folder with `server/` (a chroot store, `local?root=`), `builder/` (where it was built) and
//! `keys/`, made once for each version of Nix and kept under the target folder; every rig copies it. The expected trust
//! class of each path is written down here by the hand that made it so, never computed.

use super::make::Maker;
use super::need;
use super::nix::{Nix, text_of};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use storekeeper::domain::TrustClass;

pub(super) const PACKAGES: &str = include_str!("packages.nix");

/// The names of the keys: the cache's own, the one before it, an upstream's, and one that nobody trusts.
pub(crate) const OURS: &str = "cache.example.org-1";
pub(crate) const RETIRED: &str = "cache.example.org-0";
pub(crate) const UPSTREAM: &str = "upstream.example.org-1";
pub(super) const STRANGER: &str = "stranger-1";
/// The file of another key that calls itself [`OURS`].
pub(super) const IMPOSTER: &str = "imposter";

/// Attribute in `packages.nix`, name, its class, and whether something refused is in its closure.
pub(super) const EXPECTED: [(&str, &str, TrustClass, bool); 26] = [
    ("leaf", "leaf-1.0", TrustClass::Ours, false),
    ("left", "left-1.0", TrustClass::Ours, false),
    ("right", "right-1.0", TrustClass::Ours, false),
    ("top", "top-1.0", TrustClass::Ours, false),
    ("unsignedLibrary", "library-2.0", TrustClass::Unsigned, true),
    ("onUnsigned", "application-2.0", TrustClass::Ours, true),
    ("fresh", "fresh-3.1", TrustClass::Unsigned, true),
    ("retired", "retired-0.9", TrustClass::Retired, false),
    ("both", "rotated-1.0", TrustClass::Ours, false),
    ("upstream", "upstream-3.0", TrustClass::Upstream, false),
    ("stranger", "stranger-1.0", TrustClass::UnknownKey, true),
    ("flipped", "flipped-1.0", TrustClass::Bad, true),
    ("otherPath", "other-path-1.0", TrustClass::Bad, true),
    ("imposter", "imposter-1.0", TrustClass::Bad, true),
    ("truncated", "truncated-1.0", TrustClass::Bad, true),
    (
        "truncatedBeside",
        "truncated-beside-1.0",
        TrustClass::Bad,
        true,
    ),
    (
        "wrongBeside",
        "wrong-beside-1.0",
        TrustClass::Upstream,
        false,
    ),
    (
        "falseAddress",
        "false-address-1.0",
        TrustClass::Unsigned,
        true,
    ),
    (
        "falseAddressSigned",
        "false-address-signed-1.0",
        TrustClass::Bad,
        true,
    ),
    // Its content address is that of its contents, and belongs to another path.
    ("misplaced", "misplaced-1.0", TrustClass::Bad, true),
    ("builtHere", "built-here-1.0", TrustClass::Unsigned, true),
    (
        "",
        "built-here-1.0.drv",
        TrustClass::ContentAddressed,
        false,
    ),
    ("", "tree-1.0", TrustClass::ContentAddressed, false),
    ("", "flat.txt", TrustClass::ContentAddressed, false),
    ("", "base.txt", TrustClass::ContentAddressed, false),
    ("", "text.txt", TrustClass::ContentAddressed, false),
];

/// What no signature fixes: a signature by a trusted key that is not 64 bytes, and a content address that is not the path's.
pub(crate) const UNMENDABLE: [&str; 5] = [
    "false-address-1.0",
    "false-address-signed-1.0",
    "misplaced-1.0",
    "truncated-1.0",
    "truncated-beside-1.0",
];

/// One path of the scratch store and what must be said of it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its name, after the hash.
    pub(crate) name: String,
    /// The full store path.
    pub(crate) path: String,
    /// Its trust class for a client that trusts ours, retired and upstream.
    pub(crate) class: TrustClass,
    /// Whether such a client refuses the path *or something that it needs*.
    pub(crate) closure_refused: bool,
}

/// The store as it is before any test.
pub(crate) struct Template {
    pub(crate) dir: PathBuf,
    pub(crate) entries: Vec<Entry>,
}

impl Template {
    /// The template for a version of Nix, made now if it was not made before.
    pub(crate) fn of(nix: &Nix) -> Self {
        let hash = Sha256::new()
            .chain_update(PACKAGES)
            .chain_update(include_str!("store.rs"))
            .chain_update(include_str!("make.rs"))
            .finalize();
        let tag = hash
            .iter()
            .take(6)
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let dir = base.join(format!("rig-{}-{tag}", nix.version));
        fs::create_dir_all(base).expect("the target folder can't be written");
        let lock = File::create(base.join(format!("rig-{}.lock", nix.version)))
            .expect("the target folder can't be written");
        lock.lock().expect("the template can't be locked");
        if !dir.exists() {
            let new = base.join(format!("rig-{}-new", nix.version));
            let _ = fs::remove_dir_all(&new);
            Maker::new(nix, &new).make();
            fs::rename(&new, &dir).expect("the template can't be put in its place");
        }
        let entries = read_entries(&dir);
        Self { dir, entries }
    }

    /// Copies the template to a rig's folder.
    pub(crate) fn copy_to(&self, scratch: &Path) {
        let mut copy = Command::new(need::program("cp"));
        copy.args(["-a", "--reflink=auto"])
            .args(["server", "builder", "keys"].map(|part| self.dir.join(part)))
            .arg(scratch);
        text_of(&mut copy);
    }
}

fn read_entries(dir: &Path) -> Vec<Entry> {
    let listing = fs::read_to_string(dir.join("paths")).expect("the template has no list of paths");
    let entries: Vec<Entry> = listing
        .lines()
        .map(|path| {
            let name = name_of(path);
            let (_, _, class, closure_refused) = EXPECTED
                .into_iter()
                .find(|expected| expected.1 == name)
                .unwrap_or_else(|| {
                    panic!("{path} is in the scratch store and nobody put it there")
                });
            Entry {
                name: name.to_owned(),
                path: path.to_owned(),
                class,
                closure_refused,
            }
        })
        .collect();
    for (_, name, ..) in EXPECTED {
        let count = entries.iter().filter(|entry| entry.name == name).count();
        assert_eq!(
            count, 1,
            "the scratch store has {count} paths called {name}"
        );
    }
    entries
}

/// The name in a store path: after 11 characters of folder, 32 of hash and a dash.
fn name_of(path: &str) -> &str {
    path.get("/nix/store/".len() + 33..)
        .unwrap_or_else(|| panic!("{path} is not a store path"))
}

/// Settings for the commands that the rig itself runs: nothing of the machine's or the user's configuration.
pub(crate) fn own_settings(home: &Path) -> [(&'static str, String); 3] {
    [
        ("HOME", home.display().to_string()),
        ("NIX_CONF_DIR", home.join("no-conf").display().to_string()),
        (
            "NIX_CONFIG",
            "experimental-features = nix-command\nsubstitute = false\nsubstituters =\nbuild-users-group =\n".to_owned(),
        ),
    ]
}

/// Runs statements (and dot-commands, each on its line) on a database with the `sqlite3` program. Where writers follow each
/// other closely, SQLite looks for a gap only ten times a second: the time to wait is that of a deadline, not of a write.
pub(crate) fn sql(database: &Path, statements: &str) -> String {
    let mut child = Command::new(need::program("sqlite3"))
        .args(["-bail", "-batch"])
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`sqlite3` can't be started");
    let mut input = child.stdin.take().expect("the pipe was asked for");
    input
        .write_all(format!(".timeout 120000\n{statements};\n").as_bytes())
        .expect("`sqlite3` reads its input");
    drop(input);
    let output = child.wait_with_output().expect("`sqlite3` ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "`sqlite3` refused {statements}: {said}"
    );
    String::from_utf8(output.stdout).expect("the database holds text")
}
