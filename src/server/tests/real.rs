//! The real Nix on stores of its own: the one of this machine, and those that `STOREKEEPER_TEST_NIX_ROOTS` names (file
//! systems of other releases, separated by colons).

use super::path;
use crate::domain::SignedPath;
use crate::domain::signature::tests::SECRET;
use crate::domain::{PathInfo, SigningKey, StorePath};
use crate::link::{NoPrompter, Place};
use crate::server::Followed;
use crate::server::spec::Spec;
use crate::server::{
    Facts, InfoReply, LogEvent, Server, ServerError, StoreEvent, Whose, audit, sign,
};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio::sync::mpsc;

/// A store that one release of Nix works on, and nothing else does.
pub(super) struct Scratch {
    dir: tempfile::TempDir,
    program: Vec<String>,
}

/// One for each release that is here.
pub(super) fn scratches() -> Vec<Scratch> {
    let mut programs = vec![vec!["nix".to_owned()]];
    let roots = std::env::var("STOREKEEPER_TEST_NIX_ROOTS").unwrap_or_default();
    for root in roots.split(':').filter(|root| !root.is_empty()) {
        // Run by the release's own loader, so that nobody has to be root for it.
        let program = format!(
            "{root}/lib64/ld-linux-x86-64.so.2 --library-path {root}/usr/lib/x86_64-linux-gnu --argv0"
        );
        let mut program: Vec<String> = program.split(' ').map(str::to_owned).collect();
        program.push("nix".to_owned());
        program.push(format!("{root}/usr/bin/nix"));
        programs.push(program);
    }
    programs.into_iter().map(Scratch::new).collect()
}

impl Scratch {
    fn new(program: Vec<String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Self { dir, program };
        fs::create_dir_all(scratch.file("conf")).unwrap();
        scratch.write("conf/nix.conf", "build-users-group =\n", 0o644);
        for name in ["nix", "nix-daemon", "nix-store"] {
            let mut call = scratch.program.clone();
            match call.iter().position(|word| word == "--argv0") {
                Some(at) => call[at + 1] = name.to_owned(),
                None => call = vec![name.to_owned()],
            }
            let root = scratch.dir.path().display();
            let text = format!(
                "#!/bin/sh\nexport NIX_REMOTE='local?root={root}/top' NIX_CONF_DIR='{root}/conf' HOME='{root}'\nexec {} \"$@\"\n",
                call.join(" ")
            );
            scratch.write(name, &text, 0o755);
        }
        // Two that find no store fail at making it both at once.
        scratch.run("nix-store", &["--load-db"], "");
        scratch
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str, mode: u32) -> String {
        let file = self.file(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file.display().to_string()
    }

    pub(super) fn run(&self, program: &str, args: &[&str], input: &str) -> String {
        let mut child = Command::new(self.file(program))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program} {args:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Registers paths that exist in the database only, each with references to some before it.
    pub(super) fn fill(&self, count: usize) -> Vec<PathInfo> {
        let infos: Vec<PathInfo> = (0..count).map(info).collect();
        let mut text = String::new();
        for info in &infos {
            let hash = info.nar_hash.to_hex();
            let (path, size) = (&info.path, info.nar_size);
            writeln!(text, "{path}\n{hash}\n{size}\n\n{}", info.references.len()).unwrap();
            for reference in &info.references {
                writeln!(text, "{reference}").unwrap();
            }
        }
        self.run("nix-store", &["--load-db"], &text);
        infos
    }

    pub(super) fn spec(&self) -> Spec {
        let mut spec = Spec::new("scratch", Place::Local);
        let program = |name: &str| self.file(name).display().to_string();
        spec.daemon_command = vec![program("nix-daemon"), "--stdio".into()];
        spec.nix_command = program("nix");
        spec.audit_log = program("log/audit.jsonl");
        spec
    }

    pub(super) async fn connect(&self) -> Server {
        connect(self.spec()).await.unwrap()
    }
}

pub(super) async fn connect(spec: Spec) -> Result<Server, ServerError> {
    Server::connect(spec, Arc::new(NoPrompter)).await
}

pub(super) fn info(number: usize) -> PathInfo {
    let mut references = vec![path(number / 2), path(number / 3), path(number)];
    references.sort();
    references.dedup();
    PathInfo {
        path: path(number),
        nar_size: 1000 + number as u64,
        references,
        ..crate::domain::path_info::tests::vector()
    }
}

/// All that one reading of the store gives.
async fn read(server: &Server) -> (Vec<StorePath>, Vec<InfoReply>) {
    let (sink, mut events) = mpsc::channel(4);
    let taking = async {
        let (mut listed, mut infos) = (Vec::new(), Vec::new());
        while let Some(event) = events.recv().await {
            match event {
                StoreEvent::Listed(paths) => listed = paths.iter().collect(),
                StoreEvent::Same(_) => panic!("nothing is known"),
                StoreEvent::Replies(replies) => infos.extend(replies),
            }
        }
        (listed, infos)
    };
    let (summary, taken) = tokio::join!(server.read_store(sink, None), taking);
    let summary = summary.unwrap();
    assert_eq!(summary.listed, taken.0.len());
    assert_eq!(summary.answered, taken.1.len());
    taken
}

#[tokio::test]
async fn a_store_is_read_as_it_is() {
    for scratch in scratches() {
        let infos = scratch.fill(3000);
        let server = scratch.connect().await;
        for _ in 0..2 {
            let (mut listed, replies) = read(&server).await;
            listed.sort();
            let mut expected: Vec<_> = infos.iter().map(|info| info.path.clone()).collect();
            expected.sort();
            assert_eq!(listed, expected);
            let mut replies: Vec<PathInfo> = replies
                .into_iter()
                .map(|reply| match reply {
                    InfoReply::Valid(info) => info,
                    other => panic!("{other:?}"),
                })
                .collect();
            replies.sort_by_key(|info| info.nar_size);
            for (reply, info) in replies.iter().zip(&infos) {
                let mut reply = reply.clone();
                reply.references.sort();
                reply.registered = info.registered;
                assert_eq!(reply, *info);
            }
            assert_eq!(replies.len(), infos.len());
        }
        let asked = [path(9), path(9999), path(10)];
        let replies = server.path_infos(&asked).await.unwrap();
        assert!(matches!(&replies[0], InfoReply::Valid(info) if info.path == asked[0]));
        assert_eq!(replies[1], InfoReply::Invalid(path(9999)));
        assert!(matches!(&replies[2], InfoReply::Valid(info) if info.path == asked[2]));
    }
}

fn facts_of(scratch: &Scratch, facts: &Facts) {
    let version = scratch.run("nix", &["--version"], "");
    assert!(version.trim().ends_with(&facts.nix_version), "{version}");
    assert_eq!(facts.protocol.0, 1);
    assert!((34..=38).contains(&facts.protocol.1));
    assert_eq!(facts.trusted, (facts.protocol.1 >= 35).then_some(true));
    let name = rustix::system::uname();
    assert_eq!(facts.host, name.nodename().to_string_lossy());
    assert!(facts.clock_skew.abs() <= 2);
    assert!(facts.disk.unwrap().size.0 > 0);
    assert!(scratch.dir.path().starts_with(&facts.mount));
    assert!(facts.database.unwrap().size.0 > 0);
    assert_ne!(facts.store_writable, Some(false));
}

#[tokio::test]
async fn the_probe_finds_the_signing_keys() {
    for scratch in scratches() {
        scratch.fill(1);
        let facts = scratch.connect().await.facts();
        facts_of(&scratch, &facts);
        assert!(facts.signing_keys.is_empty());
        assert_eq!(facts.unknown.len(), 1, "{:?}", facts.unknown);
        let good = scratch.write("good.sec", SECRET, 0o600);
        let open = scratch.write("open.sec", SECRET, 0o644);
        let junk = scratch.write("junk.sec", "nonsense", 0o600);
        let missing = scratch.file("missing.sec").display().to_string();
        let conf = format!("build-users-group =\nsecret-key-files = {open} {junk} {missing}\n");
        scratch.write("conf/nix.conf", &conf, 0o644);
        let mut spec = scratch.spec();
        spec.signing_key = Some(good.clone());
        let facts = connect(spec).await.unwrap().facts();
        let key = SigningKey::parse(SECRET).unwrap().public();
        assert_eq!(facts.keys.ours(), [&key]);
        assert_eq!(facts.unknown, Vec::<String>::new());
        let found: Vec<_> = facts
            .signing_keys
            .iter()
            .map(|key| {
                let problem = key.problem.as_ref().map(ToString::to_string);
                (
                    key.file.as_str(),
                    key.name.as_deref(),
                    problem.unwrap_or_default(),
                )
            })
            .collect();
        let name = Some("test-key-1");
        let [first, second, third, fourth] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(*first, (good.as_str(), name, String::new()));
        assert_eq!((second.0, second.1), (open.as_str(), name));
        assert!(second.2.contains("chmod 600"), "{}", second.2);
        assert_eq!((third.0, third.1), (junk.as_str(), None));
        assert!(third.2.contains("not a secret signing key"), "{}", third.2);
        assert_eq!((fourth.0, fourth.1), (missing.as_str(), None));
        assert!(fourth.2.contains("is missing"), "{}", fourth.2);
    }
}

/// Which of these the store has a valid signature for now.
async fn signed(server: &Server, key: &SigningKey, paths: &[StorePath]) -> Vec<bool> {
    let replies = server.path_infos(paths).await.unwrap();
    let signed = replies.iter().map(|reply| match reply {
        InfoReply::Valid(info) => info
            .signatures
            .contains(&key.sign(&info.fingerprint().unwrap()).to_string()),
        InfoReply::Invalid(_) => false,
        InfoReply::Failed(path, why) => panic!("{path}: {why}"),
    });
    signed.collect()
}

#[tokio::test]
async fn signatures_made_here_are_added() {
    let key = SigningKey::parse(SECRET).unwrap();
    for scratch in scratches() {
        scratch.fill(300);
        let server = scratch.connect().await;
        // One in the middle is not in the store: unasked, it would crash the daemon.
        let numbers = || (0..150).chain([9999]).chain(150..200);
        let items: Vec<SignedPath> = numbers()
            .map(|number| SignedPath {
                path: path(number),
                signature: key.sign(&info(number).fingerprint().unwrap()),
            })
            .collect();
        let mut reported = vec![None; items.len()];
        sign::add(&server.inner, &items, &mut |at, result| {
            assert_eq!(reported[at].replace(result), None);
        })
        .await
        .unwrap();
        for (at, reported) in reported.iter().enumerate() {
            let reported = reported.as_ref().unwrap();
            assert_eq!(reported.is_err(), at == 150, "{at} {reported:?}");
        }
        let paths: Vec<StorePath> = (0..300).map(path).collect();
        let signed = signed(&server, &key, &paths).await;
        for (number, signed) in signed.iter().enumerate() {
            assert_eq!(*signed, number < 200, "{number}");
        }
    }
}

#[tokio::test]
async fn the_server_signs_with_its_key() {
    let key = SigningKey::parse(SECRET).unwrap();
    for scratch in scratches() {
        scratch.fill(120);
        let file = scratch.write("a key's file.sec", SECRET, 0o600);
        let server = scratch.connect().await;
        let paths: Vec<StorePath> = (0..80).chain([9999]).chain(80..110).map(path).collect();
        let (mut done, mut failed) = (0, Vec::new());
        sign::on_server(
            &server.inner,
            &file,
            &key.public(),
            &paths,
            &mut |paths, result| match result {
                Ok(()) => done += paths.len(),
                Err(why) => failed.push((paths.to_vec(), why)),
            },
        )
        .await
        .unwrap();
        assert_eq!(done, 110);
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].0, [path(9999)]);
        assert!(failed[0].1.contains("is not valid"), "{}", failed[0].1);
        let paths: Vec<StorePath> = (0..120).map(path).collect();
        let signed = signed(&server, &key, &paths).await;
        assert!(
            signed
                .iter()
                .enumerate()
                .all(|(number, signed)| *signed == (number < 110))
        );

        let missing = scratch.file("missing.sec").display().to_string();
        let tell: crate::server::OnCall<'_> = &mut |_, _| panic!("nothing was done");
        let error = sign::on_server(&server.inner, &missing, &key.public(), &paths, tell).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("missing or not readable"), "{error}");
        // Another key by the same name is not the one that was planned with, and garbage is none.
        let other = SigningKey::from_seed(key.name().clone(), &zeroize::Zeroizing::new([9; 32]));
        std::fs::write(&file, &*other.to_secret_text()).unwrap();
        let tell: crate::server::OnCall<'_> = &mut |_, _| panic!("something was done");
        let error = sign::on_server(&server.inner, &file, &key.public(), &paths, tell).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("was changed after the plan was made")
                && error.contains(&other.public().to_string())
                && error.contains(&key.public().to_string()),
            "{error}"
        );
        std::fs::write(&file, "no key").unwrap();
        let tell: crate::server::OnCall<'_> = &mut |_, _| panic!("something was done");
        let error = sign::on_server(&server.inner, &file, &key.public(), &paths, tell).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("can't be derived"), "{error}");
    }
}

async fn own(server: &Server, rest: &str) -> Result<String, ServerError> {
    audit::append(&server.inner, rest, "0a", Whose::Own).await
}

/// All files of the log, one behind the other.
async fn read_log(server: &Server) -> (usize, Vec<u8>) {
    let (mut files, mut log) = (0, Vec::new());
    server
        .follow_audit(&mut Followed::default(), &mut |event| match event {
            LogEvent::File { .. } => files += 1,
            LogEvent::Bytes(bytes) => log.extend_from_slice(bytes),
            _ => {}
        })
        .await
        .unwrap();
    (files, log)
}

#[tokio::test]
async fn the_audit_log_is_one_chain_whoever_writes() {
    let scratch = &scratches()[0];
    let servers = tokio::join!(scratch.connect(), scratch.connect());
    assert_eq!(read_log(&servers.0).await, (0, vec![]));
    let append = async |server: &Server, name: &str| {
        for i in 0..6 {
            let rest = format!("\"id\":\"{name}{i} $(id) 'x' \\\\ %s é\"}}");
            // A file has room for five of them, and then becomes a part.
            let line = audit::append_within(&server.inner, &rest, "0a", Whose::Own, 500).await;
            let line = line.unwrap();
            assert!(line.ends_with(&rest), "{line}");
        }
    };
    tokio::join!(append(&servers.0, "a"), append(&servers.1, "b"));
    // A line that a crash has cut off stays, and what follows counts it.
    let file = scratch.file("log/audit.jsonl");
    let mut log = fs::OpenOptions::new().append(true).open(&file).unwrap();
    log.write_all(b"{\"prev\":\"cut").unwrap();
    own(&servers.0, "\"id\":\"last\"}").await.unwrap();
    let (files, log) = read_log(&servers.1).await;
    assert_eq!(files, 3);
    let mut previous = "0".repeat(64);
    let lines: Vec<&[u8]> = log.split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 15);
    assert_eq!(lines[14], b"");
    for (at, line) in lines[..14].iter().enumerate() {
        let start = format!("{{\"prev\":\"{previous}\",");
        assert_eq!(line.starts_with(start.as_bytes()), at != 12, "{at}");
        previous = crate::domain::path_info::hex(&Sha256::digest(line));
    }
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file), 0o600);
    assert_eq!(mode(scratch.file("log")), 0o700);
    for rest in ["\"a\":1", "\"a\":1}\n", "\0}"] {
        assert!(own(&servers.0, rest).await.is_err());
    }
}

#[tokio::test]
async fn what_is_no_server_says_so() {
    let scratch = &scratches()[0];
    let with = async |command: &[&str]| {
        let mut spec = scratch.spec();
        spec.daemon_command = command.iter().map(|word| (*word).to_owned()).collect();
        connect(spec).await.err().unwrap().to_string()
    };
    let error = with(&["no-such-daemon", "--stdio"]).await;
    assert!(error.starts_with("no-such-daemon is not on"), "{error}");
    let error = with(&["echo", "Last login: today from somewhere"]).await;
    assert!(error.contains("began with \"Last login"), "{error}");
    let error = with(&["sh", "-c", "echo 'you are not allowed' >&2"]).await;
    assert!(error.contains(": you are not allowed;"), "{error}");
    let mut spec = scratch.spec();
    spec.audit_log = "/dev/null/audit.jsonl".into();
    let server = connect(spec).await.unwrap();
    let error = own(&server, "\"a\":1}").await.unwrap_err();
    assert!(error.to_string().contains("/dev/null"), "{error}");
}
