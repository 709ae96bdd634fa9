//! How the scratch store is made: built, copied in, signed, and then spoiled where no tool would do it.
//!
//! In: a version of Nix and an empty folder. Out: the folder as `store.rs` describes it.

use super::nix::{Nix, text_of};
use super::store::{
    EXPECTED, IMPOSTER, OURS, PACKAGES, RETIRED, STRANGER, UPSTREAM, own_settings, sql,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes a template.
pub(super) struct Maker<'a> {
    nix: &'a Nix,
    dir: &'a Path,
    server: String,
    builder: String,
}

impl<'a> Maker<'a> {
    pub(super) fn new(nix: &'a Nix, dir: &'a Path) -> Self {
        Self {
            nix,
            dir,
            server: format!("local?root={}/server", dir.display()),
            builder: format!("local?root={}/builder", dir.display()),
        }
    }

    pub(super) fn make(&self) {
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
            (OURS, "false-address-signed-1.0"),
            (OURS, "misplaced-1.0"),
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
             where path like '%-false-address-1.0' or path like '%-false-address-signed-1.0'",
        );
        self.sql("update ValidPaths set ca = 'fixed:r:' || hash where path like '%-misplaced-1.0'");
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

/// The same signature with its bytes changed.
fn changed(signature: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let (name, data) = signature.split_once(':').expect("a signature has a name");
    let mut bytes = STANDARD.decode(data).expect("a signature is base64");
    change(&mut bytes);
    format!("{name}:{}", STANDARD.encode(bytes))
}
