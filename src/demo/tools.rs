//! Nix's command line over the synthetic store: what the server scripts ask of it.
//!
//! In: a command with its arguments and input, from a stand-in. Out: its output and exit status, in the real one's words.

use super::disk;
use super::faults::Faults;
use super::release::Release;
use super::store::Store;
use crate::domain::{SigningKey, StorePath};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A call, one line of JSON on the socket.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call {
    /// The command's name and its arguments.
    pub(super) arguments: Vec<String>,
    /// The folder it was called in.
    pub(super) folder: PathBuf,
    /// Its input, where it takes any.
    pub(super) input: String,
}

/// What a call comes to, one line of JSON on the socket.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) status: u8,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Outcome {
    pub(super) fn done(stdout: impl Into<String>) -> Self {
        Self {
            stdout: stdout.into(),
            ..Self::default()
        }
    }

    /// An error as Nix prints it.
    pub(super) fn error(message: &str) -> Self {
        Self {
            status: 1,
            stderr: format!("error: {message}\n"),
            ..Self::default()
        }
    }
}

/// Whether a call is the daemon, whose input and output are the conversation itself.
pub(super) fn is_daemon(arguments: &[String]) -> bool {
    arguments.first().is_some_and(|name| name == "nix-daemon")
        && arguments.iter().any(|argument| argument == "--stdio")
}

/// Whether a call serves a client that looks whether it is served. More is not asked of the demo that way.
pub(super) fn is_served(arguments: &[String]) -> bool {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    matches!(words.as_slice(), ["nix-store", "--serve", ..])
}

/// How Nix greets such a client: a magic number and the version of the protocol, 2.7, least byte first (`serve-protocol.hh`).
pub(super) const GREETING: [u8; 16] = [0xcb, 0xee, 0x52, 0x54, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 0, 0];

/// A key file that is the call's input.
const INPUT: &str = "/dev/stdin";

/// Whether a call reads its input.
pub(super) fn reads_input(arguments: &[String]) -> bool {
    arguments
        .iter()
        .any(|argument| ["--stdin", "convert-secret-to-public", INPUT].contains(&argument.as_str()))
}

/// What the commands work on.
pub(super) struct Tools<'a> {
    pub(super) store: &'a Store,
    pub(super) faults: &'a Faults,
    pub(super) release: Release,
    pub(super) signing_key_file: PathBuf,
}

impl Tools<'_> {
    /// Runs a call.
    pub(super) fn run(&self, call: &Call) -> Outcome {
        let (name, rest) = match call.arguments.split_first() {
            Some((name, rest)) => (name.as_str(), rest),
            None => ("nix", &[][..]),
        };
        if rest.iter().any(|argument| argument == "--version") {
            return Outcome::done(format!("{name} (Nix) {}\n", self.release.version()));
        }
        match name {
            "df" => return disk::df(self.store, rest),
            "find" => return self.find(rest),
            "stat" => return disk::stat(self.store),
            _ => {}
        }
        if name != "nix" {
            return Outcome::error(&format!("the demo's '{name}' can only tell its version"));
        }
        let words = without_settings(rest);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["show-config", rest @ ..] | ["config", "show", rest @ ..] => self.settings(rest),
            ["key", "convert-secret-to-public", ..] => match SigningKey::parse(&call.input) {
                Ok(key) => Outcome::done(key.public().to_string()),
                Err(_) => Outcome::error("secret key is not valid"),
            },
            ["store", "sign", rest @ ..] => self.sign(rest, call),
            ["store", "verify", rest @ ..] => self.verify(rest),
            ["store", "info" | "ping", rest @ ..] if rest.contains(&"--json") => {
                let version = self.release.version();
                Outcome::done(format!(
                    "{{\"trusted\":1,\"url\":\"local\",\"version\":\"{version}\"}}\n"
                ))
            }
            ["store", "info" | "ping", ..] => Outcome {
                stderr: format!(
                    "Store URL: local\nVersion: {}\nTrusted: 1\n",
                    self.release.version()
                ),
                ..Outcome::default()
            },
            [command, ..] => Outcome::error(&format!("'{command}' is not a recognised command")),
            [] => Outcome::error("no subcommand specified"),
        }
    }

    fn settings(&self, arguments: &[&str]) -> Outcome {
        let keys = [
            self.store.signing_key().public().to_string(),
            self.store.retired_key().to_string(),
            self.store.upstream_key().to_string(),
        ];
        let settings = [
            ("allowed-users", vec!["*".to_owned()]),
            ("keep-derivations", vec!["true".to_owned()]),
            ("keep-outputs", vec!["false".to_owned()]),
            (
                "secret-key-files",
                vec![self.signing_key_file.to_string_lossy().into_owned()],
            ),
            ("store", vec!["auto".to_owned()]),
            ("trusted-public-keys", keys.to_vec()),
            ("trusted-users", vec!["root".to_owned()]),
        ];
        let names: Vec<&&str> = arguments
            .iter()
            .filter(|argument| !argument.starts_with('-'))
            .collect();
        if let Some(name) = names.first() {
            return match settings.iter().find(|(known, _)| known == *name) {
                Some((_, values)) => Outcome::done(format!("{}\n", values.join(" "))),
                None => Outcome::error(&format!("could not find setting '{name}'")),
            };
        }
        if arguments.contains(&"--json") {
            let settings: serde_json::Map<String, serde_json::Value> = settings
                .into_iter()
                .map(|(name, values)| (name.to_owned(), serde_json::json!({ "value": values })))
                .collect();
            return Outcome::done(format!("{}\n", serde_json::Value::Object(settings)));
        }
        let lines = settings
            .iter()
            .map(|(name, values)| format!("{name} = {}\n", values.join(" ")));
        Outcome::done(lines.collect::<String>())
    }

    /// 980 GiB or more, of which 82 or 83 % are in use at first, and 61 % of the inodes.
    /// `find STORE/. … -printf '%A@ %f\n'` over all of the store, or `find PATH… -maxdepth 0 …` over some of it.
    fn find(&self, arguments: &[String]) -> Outcome {
        let given = arguments.iter().take_while(|word| !word.starts_with('-'));
        let bases = given.filter_map(|path| path.rsplit('/').next());
        let numbers: Vec<u32> = if arguments.iter().any(|word| word == "-mindepth") {
            self.store.valid().collect()
        } else {
            bases
                .filter_map(|base| StorePath::from_base_name(base).ok())
                .filter_map(|path| self.store.find(&path))
                .collect()
        };
        let mut text = String::new();
        for at in numbers {
            if let Some(path) = self.store.path(at) {
                let used = self.store.used(at).unix();
                // Writing to a text does not fail.
                let _ = writeln!(text, "{used}.0000000000 {}", path.base_name());
            }
        }
        Outcome::done(text)
    }

    fn sign(&self, arguments: &[&str], call: &Call) -> Outcome {
        let mut key_file = None;
        let mut paths = Vec::new();
        let (mut all, mut closure) = (false, false);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "-k" | "--key-file" => key_file = arguments.next(),
                "--all" => all = true,
                "-r" | "--recursive" => closure = true,
                "--stdin" => paths.extend(call.input.split_whitespace()),
                "--" => {}
                flag if flag.starts_with('-') => {
                    return Outcome::error(&format!("unrecognised flag '{flag}'"));
                }
                path => paths.push(path),
            }
        }
        let Some(key_file) = key_file else {
            return Outcome::error("you must specify a secret key file using '-k'");
        };
        let read = if *key_file == INPUT {
            parse_key(&call.input)
        } else {
            read_key(&call.folder.join(key_file))
        };
        let key = match read {
            Ok(key) => key,
            Err(message) => return Outcome::error(&message),
        };
        let numbers = if all {
            self.store.valid().collect()
        } else {
            match self.resolve(&paths, closure) {
                Ok(numbers) => numbers,
                Err(message) => return Outcome::error(&message),
            }
        };
        let mut added = 0;
        for at in numbers {
            if self.faults.refuses_signature() {
                return Outcome::error(
                    "SQLite database '/nix/var/nix/db/db.sqlite': attempt to write a readonly database",
                );
            }
            added += usize::from(self.store.sign(at, &key));
        }
        Outcome {
            stderr: format!("added {added} signatures\n"),
            ..Outcome::default()
        }
    }

    /// Nothing of the demo is damaged: it has no contents.
    fn verify(&self, arguments: &[&str]) -> Outcome {
        let paths: Vec<&str> = arguments
            .iter()
            .filter(|argument| !argument.starts_with('-'))
            .copied()
            .collect();
        match self.resolve(&paths, false) {
            Ok(_) => Outcome::default(),
            Err(message) => Outcome::error(&message),
        }
    }

    /// All paths are looked up before any is signed, as the real one does.
    fn resolve(&self, paths: &[&str], closure: bool) -> Result<Vec<u32>, String> {
        let mut numbers = Vec::with_capacity(paths.len());
        for text in paths {
            let path = StorePath::parse(text)
                .map_err(|_| format!("path '{text}' is not in the Nix store"))?;
            let at = self.store.find(&path);
            numbers.push(at.ok_or_else(|| format!("path '{path}' is not valid"))?);
        }
        if closure {
            let mut seen: std::collections::BTreeSet<u32> = numbers.iter().copied().collect();
            while let Some(at) = numbers.pop() {
                for to in self.store.references(at) {
                    if seen.insert(*to) {
                        numbers.push(*to);
                    }
                }
            }
            numbers = seen.into_iter().collect();
        }
        Ok(numbers)
    }
}

fn read_key(file: &Path) -> Result<SigningKey, String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("opening file '{shown}': No such file or directory")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("opening file '{shown}': Permission denied")
        }
        _ => format!("opening file '{shown}': {error}"),
    })?;
    parse_key(&Zeroizing::new(text))
}

fn parse_key(text: &str) -> Result<SigningKey, String> {
    SigningKey::parse(text).map_err(|_| "secret key is not valid".to_owned())
}

/// The arguments without settings and without what only says where the store is.
fn without_settings(arguments: &[String]) -> Vec<String> {
    let mut kept = Vec::with_capacity(arguments.len());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let values = match argument.as_str() {
            "--extra-experimental-features" | "--experimental-features" | "--store" => 1,
            "--option" => 2,
            _ => {
                kept.push(argument.clone());
                continue;
            }
        };
        for _ in 0..values {
            arguments.next();
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::store::StoreOptions;
    use crate::domain::When;
    use std::io::Write as _;

    fn store() -> Store {
        Store::new(&StoreOptions {
            paths: 400,
            derivations: 50,
            unsigned: 20,
            seed: 3,
            epoch: When::from_unix(1_767_323_045),
        })
        .unwrap()
    }

    fn run(store: &Store, key: &Path, line: &str, input: &str) -> Outcome {
        Tools {
            store,
            faults: &Faults::none(),
            release: Release::new(38),
            signing_key_file: key.to_owned(),
        }
        .run(&Call {
            arguments: line.split_whitespace().map(str::to_owned).collect(),
            folder: "/".into(),
            input: input.to_owned(),
        })
    }

    #[test]
    fn answers_as_nix_does() {
        let store = store();
        let key = Path::new("/keys/sec");
        let nix = |line: &str, input: &str| run(&store, key, line, input);
        assert_eq!(nix("nix --version", "").stdout, "nix (Nix) 2.28.3\n");
        let secret = store.signing_key().to_secret_text();
        assert_eq!(
            nix(
                "nix --extra-experimental-features nix-command key convert-secret-to-public",
                &secret
            )
            .stdout,
            store.signing_key().public().to_string()
        );
        assert_eq!(nix("nix key convert-secret-to-public", "x").status, 1);
        for line in ["nix show-config --json", "nix config show --json"] {
            let json: serde_json::Value = serde_json::from_str(&nix(line, "").stdout).unwrap();
            assert_eq!(json["secret-key-files"]["value"][0], "/keys/sec");
        }
        assert_eq!(
            nix("nix config show secret-key-files", "").stdout,
            "/keys/sec\n"
        );
        assert_eq!(nix("nix frobnicate", "").status, 1);
        assert_eq!(nix("nix", "").status, 1);
        assert_eq!(nix("nix-store --gc", "").status, 1);
    }

    #[test]
    fn signs_what_is_valid_and_nothing_when_one_is_not() {
        let store = store();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let secret = store.signing_key().to_secret_text();
        file.write_all(secret.as_bytes()).unwrap();
        let key = file.path().to_str().unwrap();
        let path = store.path(399).unwrap();
        assert!(store.info(399).unwrap().signatures.is_empty());
        let missing = "/nix/store/00000000000000000000000000000000-none";
        let line = format!("nix store sign -k {key} {path} {missing}");
        let outcome = run(&store, file.path(), &line, "");
        assert_eq!(
            outcome,
            Outcome::error(&format!("path '{missing}' is not valid"))
        );
        assert!(store.info(399).unwrap().signatures.is_empty());
        let line = format!("nix store sign --key-file {key} --stdin");
        let outcome = run(&store, file.path(), &line, &format!("{path}\n"));
        assert_eq!(
            (outcome.status, outcome.stderr.as_str()),
            (0, "added 1 signatures\n")
        );
        assert_eq!(store.info(399).unwrap().signatures.len(), 1);
        let line = format!("nix store sign -r -k {key} {path}");
        assert_eq!(run(&store, file.path(), &line, "").status, 0);
        let line = format!("nix store verify --no-trust {path}");
        assert_eq!(run(&store, file.path(), &line, ""), Outcome::default());
        let line = format!("nix store verify --no-trust {path} {missing}");
        assert_eq!(run(&store, file.path(), &line, "").status, 1);
        let line = format!("nix store sign -k /nowhere {path}");
        assert!(
            run(&store, file.path(), &line, "")
                .stderr
                .contains("No such file")
        );
    }
}
