//! The scratch store: real derivations, built elsewhere and copied in, with a path for each thing that can be wrong.
//!
//! Out: [`Template`], a folder with `server/` (a chroot store, `local?root=`), `builder/` (where it was built) and
//! `keys/`, made once for each version of Nix and kept under the target folder; every rig copies it. The expected trust
//! class of each path is written down here by the hand that made it so, never computed.

use super::need;
use super::nix::{Nix, text_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use storekeeper::domain::TrustClass;

const PACKAGES: &str = include_str!("packages.nix");

/// The names of the keys: the cache's own, the one before it, an upstream's, and one that nobody trusts.
pub(crate) const OURS: &str = "cache.example.org-1";
pub(crate) const RETIRED: &str = "cache.example.org-0";
pub(crate) const UPSTREAM: &str = "upstream.example.org-1";
const STRANGER: &str = "stranger-1";
/// The file of another key that calls itself [`OURS`].
const IMPOSTER: &str = "imposter";

/// Attribute in `packages.nix`, name, its class, and whether something refused is in its closure.
const EXPECTED: [(&str, &str, TrustClass, bool); 24] = [
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

/// Makes a template.
struct Maker<'a> {
    nix: &'a Nix,
    dir: &'a Path,
    server: String,
    builder: String,
}

impl<'a> Maker<'a> {
    fn new(nix: &'a Nix, dir: &'a Path) -> Self {
        Self {
            nix,
            dir,
            server: format!("local?root={}/server", dir.display()),
            builder: format!("local?root={}/builder", dir.display()),
        }
    }

    fn make(&self) {
        for part in ["server", "builder", "keys", "home"] {
            fs::create_dir_all(self.dir.join(part)).expect("the target folder can't be written");
        }
        fs::write(self.dir.join("packages.nix"), PACKAGES)
            .expect("the target folder can't be written");
        for name in [OURS, RETIRED, UPSTREAM, STRANGER] {
            self.key(name, name);
        }
        self.key(IMPOSTER, OURS);
        self.fill();
        self.sign();
        self.spoil();
        let mut paths: Vec<String> = self
            .sql("select path from ValidPaths")
            .lines()
            .map(str::to_owned)
            .collect();
        paths.sort();
        fs::write(self.dir.join("paths"), paths.join("\n"))
            .expect("the target folder can't be written");
    }

    /// Builds in one store and copies into the other, as a builder uploads to a cache.
    fn fill(&self) {
        let mut wanted: Vec<String> = vec![self.file("packages.nix"), "--no-out-link".to_owned()];
        wanted.extend(self.nix.build_options());
        for (attribute, ..) in EXPECTED {
            if !attribute.is_empty() && attribute != "builtHere" {
                wanted.extend(["-A".to_owned(), attribute.to_owned()]);
            }
        }
        let built = self.run("nix-build", &wanted, &self.builder);
        let mut copy: Vec<String> = [
            "copy",
            "--no-check-sigs",
            "--from",
            &self.builder,
            "--to",
            &self.server,
        ]
        .map(str::to_owned)
        .to_vec();
        copy.extend(built.lines().map(str::to_owned));
        self.run("nix", &copy, "");

        // Built on the server itself: it trusts this path and its derivation is there, yet clients have no signature.
        let mut here: Vec<String> = vec![
            self.file("packages.nix"),
            "--no-out-link".into(),
            "-A".into(),
            "builtHere".into(),
        ];
        here.extend(self.nix.build_options());
        self.run("nix-build", &here, &self.server);

        // Content-addressed: a tree, a flat file, a text, and a text that refers to it.
        let (tree, flat) = (self.dir.join("tree"), self.dir.join("flat.txt"));
        fs::create_dir_all(&tree).expect("the target folder can't be written");
        fs::write(tree.join("file"), "in a tree\n").expect("the target folder can't be written");
        fs::write(&flat, "flat\n").expect("the target folder can't be written");
        let tree = tree.display().to_string();
        self.run(
            "nix",
            &["store", "add-path", "--name", "tree-1.0", &tree],
            &self.server,
        );
        self.run(
            "nix",
            &["store", "add-file", &flat.display().to_string()],
            &self.server,
        );
        let texts = r#"builtins.toFile "text.txt" "see ${builtins.toFile "base.txt" "base"}""#;
        self.run(
            "nix-instantiate",
            &["--eval", "--read-write-mode", "-E", texts],
            &self.server,
        );
    }

    fn sign(&self) {
        let signed = [
            (OURS, "leaf-1.0"),
            (OURS, "left-1.0"),
            (OURS, "right-1.0"),
            (OURS, "top-1.0"),
            (OURS, "application-2.0"),
            (RETIRED, "retired-0.9"),
            (RETIRED, "rotated-1.0"),
            (OURS, "rotated-1.0"),
            (UPSTREAM, "upstream-3.0"),
            (STRANGER, "stranger-1.0"),
            (OURS, "flipped-1.0"),
            (IMPOSTER, "imposter-1.0"),
            (OURS, "truncated-1.0"),
            (UPSTREAM, "truncated-beside-1.0"),
            (UPSTREAM, "wrong-beside-1.0"),
        ];
        for (key, name) in signed {
            let file = self.file(&format!("keys/{key}.sec"));
            let path = self.sql(&format!(
                "select path from ValidPaths where path like '%-{name}'"
            ));
            self.run(
                "nix",
                &["store", "sign", "-k", &file, path.trim()],
                &self.server,
            );
        }
    }

    /// Makes the signatures that no tool makes, in the database.
    fn spoil(&self) {
        let leaf = self.signatures("leaf-1.0");
        let short = changed(&leaf, |bytes| bytes.truncate(40));
        let flipped = changed(&self.signatures("flipped-1.0"), |bytes| bytes[7] ^= 1);
        let set = |name: &str, value: &str| {
            self.sql(&format!(
                "update ValidPaths set sigs = '{value}' where path like '%-{name}'"
            ));
        };
        set("flipped-1.0", &flipped);
        set("other-path-1.0", &leaf);
        set("truncated-1.0", &short);
        set(
            "truncated-beside-1.0",
            &format!("{} {short}", self.signatures("truncated-beside-1.0")),
        );
        set(
            "wrong-beside-1.0",
            &format!("{} {leaf}", self.signatures("wrong-beside-1.0")),
        );
        self.sql(
            "update ValidPaths set ca = 'fixed:r:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s' \
             where path like '%-false-address-1.0'",
        );
    }

    fn signatures(&self, name: &str) -> String {
        let text = self.sql(&format!(
            "select sigs from ValidPaths where path like '%-{name}'"
        ));
        text.trim().to_owned()
    }

    fn key(&self, file: &str, name: &str) {
        let secret = self.run("nix", &["key", "generate-secret", "--key-name", name], "");
        let path = self.dir.join(format!("keys/{file}.sec"));
        fs::write(&path, &secret).expect("the target folder can't be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode can't be set");
        let mut convert = self.command("nix", "");
        convert
            .args(["key", "convert-secret-to-public"])
            .stdin(File::open(&path).expect("the key was just written"));
        fs::write(
            self.dir.join(format!("keys/{file}.pub")),
            text_of(&mut convert),
        )
        .expect("the target folder can't be written");
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn sql(&self, statement: &str) -> String {
        sql(&self.dir.join("server/nix/var/nix/db/db.sqlite"), statement)
    }

    fn command(&self, program: &str, store: &str) -> Command {
        let mut command = self.nix.command(program);
        command
            .envs(own_settings(&self.dir.join("home")))
            .current_dir(self.dir)
            .stdin(Stdio::null());
        if !store.is_empty() {
            command.env("NIX_REMOTE", store);
        }
        command
    }

    fn run<A: AsRef<std::ffi::OsStr>>(&self, program: &str, args: &[A], store: &str) -> String {
        text_of(self.command(program, store).args(args))
    }
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

/// Runs statements (and dot-commands, each on its line) on a database with the `sqlite3` program.
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
        .write_all(format!(".timeout 10000\n{statements};\n").as_bytes())
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

/// The same signature with its bytes changed.
fn changed(signature: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let (name, data) = signature.split_once(':').expect("a signature has a name");
    let mut bytes = STANDARD.decode(data).expect("a signature is base64");
    change(&mut bytes);
    format!("{name}:{}", STANDARD.encode(bytes))
}
