//! The demo server, against the real `ssh` client and the real `nix`.

// A test that cannot go on has failed.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use storekeeper::demo::store::{Store, StoreOptions};
use storekeeper::demo::{Demo, EPOCH, Options, Plan};
use storekeeper::domain::{KeyRing, StorePath, TrustClass, When};
use storekeeper::judge::trust::assess;
use storekeeper::link;
use storekeeper::server::{ErrorKind, InfoReply, Server, ServerError, Spec, StoreEvent};
use storekeeper::wire::{
    self, Encoder, Message, Reader, Request, client_handshake, read_path_info,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn options(paths: usize) -> Options {
    Options {
        paths,
        ..Options::new(PathBuf::from(env!("CARGO_BIN_EXE_storekeeper")))
    }
}

async fn start(paths: usize) -> Demo {
    Demo::start(options(paths)).await.unwrap()
}

fn ssh_options(demo: &Demo, identity: &Path) -> Vec<String> {
    let known = format!("UserKnownHostsFile={}", demo.known_hosts_file().display());
    let mut all = vec!["-F".to_owned(), "none".to_owned()];
    for option in [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        &known,
    ] {
        all.extend(["-o".to_owned(), option.to_owned()]);
    }
    all.extend(["-i".to_owned(), identity.to_string_lossy().into_owned()]);
    all
}

fn ssh_as(demo: &Demo, identity: &Path) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(ssh_options(demo, identity))
        .args(["-p", &demo.address().port().to_string(), "root@127.0.0.1"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    ssh
}

fn ssh(demo: &Demo, command: &str) -> Command {
    let mut ssh = ssh_as(demo, &demo.identity_file());
    ssh.arg(command);
    ssh
}

async fn output(mut command: Command) -> Output {
    timeout(PATIENCE, command.output())
        .await
        .expect("it ends")
        .unwrap()
}

async fn run(demo: &Demo, command: &str) -> Output {
    output(ssh(demo, command)).await
}

async fn stdout(demo: &Demo, command: &str) -> String {
    let output = run(demo, command).await;
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A conversation with `nix-daemon --stdio` over ssh.
struct Talk {
    _ssh: Child,
    reader: Reader<ChildStdout>,
    writer: ChildStdin,
}

impl Talk {
    async fn start(demo: &Demo) -> Self {
        let mut talk = Self::unsaid(demo);
        client_handshake(&mut talk.reader, &mut talk.writer)
            .await
            .unwrap();
        talk
    }

    fn unsaid(demo: &Demo) -> Self {
        let mut ssh = ssh(demo, "exec nix-daemon --stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            reader: Reader::new(ssh.stdout.take().unwrap()),
            writer: ssh.stdin.take().unwrap(),
            _ssh: ssh,
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.unwrap();
        self.writer.flush().await.unwrap();
    }

    /// The message that ends the answer, or `None` where the connection ended.
    async fn ask(&mut self, request: &Request) -> Option<Message> {
        let mut out = Encoder::new();
        request.encode(&mut out);
        self.send(out.bytes()).await;
        timeout(PATIENCE, Message::read(&mut self.reader))
            .await
            .expect("an answer or an end")
            .ok()
    }

    async fn info(&mut self, path: &StorePath) -> Option<wire::InfoReply> {
        match self.ask(&Request::QueryPathInfo(path.clone())).await? {
            Message::Last => read_path_info(&mut self.reader, path).await.ok(),
            Message::Error(error) => Some(wire::InfoReply::Unreadable(error.to_string())),
            other => panic!("{other:?}"),
        }
    }

    async fn paths(&mut self) -> Vec<StorePath> {
        assert_eq!(
            self.ask(&Request::QueryAllValidPaths).await,
            Some(Message::Last)
        );
        self.reader.paths().await.unwrap()
    }
}

fn mode(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn every_trust_class_is_there_as_intended() {
    let store = Store::new(&StoreOptions {
        paths: 4000,
        derivations: 50,
        unsigned: 200,
        seed: 7,
        epoch: When::from_unix(EPOCH),
    })
    .unwrap();
    let ring = KeyRing::new(
        vec![store.signing_key().public()],
        vec![store.retired_key()],
        vec![store.upstream_key()],
    );
    let class = |at| assess(&ring, &store.info(at).unwrap()).class;
    let mut counts = std::collections::HashMap::new();
    for at in 0..4000 {
        *counts.entry(class(at)).or_insert(0) += 1;
    }
    assert_eq!(counts[&TrustClass::Unsigned], 200);
    assert_eq!(counts[&TrustClass::UnknownKey], 7);
    assert_eq!(counts[&TrustClass::Bad], 5);
    for class in [
        TrustClass::Retired,
        TrustClass::Upstream,
        TrustClass::ContentAddressed,
    ] {
        assert!((40..900).contains(&counts[&class]), "{class}: {counts:?}");
    }
    assert!(counts[&TrustClass::Ours] > 2600, "{counts:?}");
    // What is signed becomes ours, also what was signed wrongly.
    for at in 0..4000 {
        if class(at).refused() {
            assert!(store.sign(at, store.signing_key()));
            assert_eq!(class(at), TrustClass::Ours);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_runs_commands_and_nothing_is_left_behind() {
    let demo = start(300).await;
    assert!(demo.address().ip().is_loopback());
    assert_eq!(mode(demo.folder()), 0o700);
    assert_eq!(mode(&demo.identity_file()), 0o600);
    assert_eq!(mode(&demo.signing_key_file()), 0o600);
    let output = run(&demo, "echo out; echo err >&2; exit 7").await;
    assert_eq!(output.stdout, b"out\n");
    assert_eq!(output.stderr, b"err\n");
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(
        stdout(&demo, "id -un; hostname; uname -n; sudo -n -- id -u").await,
        "root\ncache\ncache\n0\n"
    );
    let disk = stdout(&demo, "df -Pk /nix/store | tail -n 1").await;
    assert!(disk.contains(" 184549376 "), "{disk}");
    // What the watch looks at is the same disk, and not this machine's.
    let fields = stdout(&demo, "df -Pk /nix/store; df -Pi /nix/store").await;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let at = |mount: usize| {
        fields
            .iter()
            .enumerate()
            .filter(|(_, word)| **word == "/nix")
            .nth(mount)
            .unwrap()
            .0
    };
    let [kib, inodes] = [0, 1].map(|mount| (fields[at(mount) - 4], fields[at(mount) - 2]));
    let watched = stdout(&demo, "stat -f -L -c '%S %b %f %a %c %d' -- /nix/store").await;
    assert_eq!(
        watched,
        format!(
            "1024 {} {} {} {} {}\n",
            kib.0, kib.1, kib.1, inodes.0, inodes.1
        )
    );
    assert_eq!(stdout(&demo, "stat -c %F /").await, "directory\n");
    let line = "LC_ALL=C exec sh -c 'printf \"%s|\" \"$0\" \"$@\"' storekeeper 'a b' '$HOME'";
    assert_eq!(stdout(&demo, line).await, "storekeeper|a b|$HOME|");
    stdout(&demo, "logger -t storekeeper -- one record").await;
    stdout(&demo, "echo another | logger -S 65536 -t storekeeper").await;
    let journal = std::fs::read_to_string(demo.journal_file()).unwrap();
    assert_eq!(journal, "one record\nanother\n");
    let folder = demo.folder().to_owned();
    demo.stop().await;
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_made_key_gets_in() {
    let demo = start(10).await;
    let key = demo.folder().join("other");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()
        .unwrap();
    assert!(made.success());
    let mut other = ssh_as(&demo, &key);
    other.arg("true");
    let refused = output(other).await;
    assert_eq!(refused.status.code(), Some(255));
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("Permission denied (publickey)"), "{why}");
    // The made key has no login shell either.
    let mut shell = ssh_as(&demo, &demo.identity_file());
    shell.arg("-T");
    let refused = output(shell).await;
    assert!(!refused.status.success());
    assert!(refused.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_key_is_refused_by_the_client() {
    let demo = start(10).await;
    demo.faults().set(|plan| plan.wrong_host_key = true);
    let output = run(&demo, "true").await;
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(why.contains("IDENTIFICATION HAS CHANGED"), "{why}");
    demo.faults().clear();
    assert!(run(&demo, "true").await.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nix_commands_answer_for_the_invented_store() {
    let demo = start(400).await;
    let key = demo.signing_key_file();
    let key = key.display();
    assert_eq!(stdout(&demo, "nix --version").await, "nix (Nix) 2.28.3\n");
    assert_eq!(
        stdout(
            &demo,
            &format!("nix key convert-secret-to-public < '{key}'")
        )
        .await,
        demo.public_key().to_string()
    );
    let path = demo.store().path(399).unwrap();
    assert!(demo.store().info(399).unwrap().signatures.is_empty());
    stdout(&demo, &format!("nix store sign -k '{key}' {path}")).await;
    assert_eq!(demo.store().info(399).unwrap().signatures.len(), 1);
    demo.faults().set(|plan| plan.no_nix = true);
    for command in ["nix --version", "nix-daemon --stdio", "nix-store --gc"] {
        let gone = run(&demo, command).await;
        assert_eq!(gone.status.code(), Some(127), "{gone:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_answers_in_every_version() {
    for protocol in 34..=38 {
        let demo = Demo::start(Options {
            protocol,
            ..options(500)
        })
        .await
        .unwrap();
        let mut talk = Talk::unsaid(&demo);
        let hello = client_handshake(&mut talk.reader, &mut talk.writer)
            .await
            .unwrap();
        assert_eq!(hello.version.minor, protocol);
        assert_eq!(hello.trusted, (protocol >= 35).then_some(true));
        let paths = talk.paths().await;
        assert_eq!(paths.len(), 500);
        assert!(paths.is_sorted());
        for at in [0_u32, 250, 499] {
            let expected = demo.store().info(at).unwrap();
            let path = expected.path.clone();
            assert_eq!(
                talk.info(&path).await,
                Some(wire::InfoReply::Valid(expected))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_are_added_stay() {
    let demo = start(400).await;
    let path = demo.store().path(398).unwrap();
    let add = Request::AddSignatures {
        path: path.clone(),
        signatures: vec!["a:AAAA".to_owned()],
    };
    let mut talk = Talk::start(&demo).await;
    assert_eq!(talk.ask(&add).await, Some(Message::Last));
    assert_eq!(talk.reader.integer().await.unwrap(), 1);
    match Talk::start(&demo).await.info(&path).await {
        Some(wire::InfoReply::Valid(info)) => assert_eq!(info.signatures, ["a:AAAA"]),
        other => panic!("{other:?}"),
    }
    demo.faults()
        .set(|plan| plan.refuse_signatures_from = Some(2));
    assert_eq!(talk.ask(&add).await, Some(Message::Last));
    assert_eq!(talk.reader.integer().await.unwrap(), 1);
    match talk.ask(&add).await {
        Some(Message::Error(error)) => assert!(error.to_string().contains("readonly"), "{error}"),
        other => panic!("{other:?}"),
    }
    // The real daemon crashes, and so does this one.
    let missing = Request::AddSignatures {
        path: StorePath::parse("/nix/store/00000000000000000000000000000000-none").unwrap(),
        signatures: Vec::new(),
    };
    assert_eq!(talk.ask(&missing).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_is_answered_twice_and_ends_it() {
    let demo = start(50).await;
    let mut talk = Talk::start(&demo).await;
    let mut out = Encoder::new();
    out.integer(26).text("/nix/store/nonsense");
    talk.send(out.bytes()).await;
    let first = Message::read(&mut talk.reader).await.unwrap();
    assert!(matches!(first, Message::Error(_)));
    assert_eq!(Message::read(&mut talk.reader).await.unwrap(), first);
    assert!(Message::read(&mut talk.reader).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_daemon() {
    let demo = start(100).await;
    let path = |at| demo.store().path(at).unwrap();
    let faults = demo.faults();
    faults.set(|plan| {
        plan.error_every = Some(10);
        plan.gone_every = Some(7);
    });
    let mut talk = Talk::start(&demo).await;
    let failed = talk.info(&path(20)).await;
    assert!(matches!(failed, Some(wire::InfoReply::Unreadable(_))));
    assert_eq!(talk.info(&path(21)).await, Some(wire::InfoReply::Invalid));
    let fine = talk.info(&path(22)).await;
    assert!(matches!(fine, Some(wire::InfoReply::Valid(_))));
    faults.clear();
    faults.set(|plan| plan.crash_at = Some(3));
    let mut talk = Talk::start(&demo).await;
    assert!(talk.info(&path(1)).await.is_some());
    assert!(talk.info(&path(2)).await.is_some());
    assert!(talk.info(&path(3)).await.is_none());
    faults.clear();
    faults.set(|plan| plan.garbage_at = Some(1));
    let garbage = Talk::start(&demo).await.info(&path(1)).await;
    assert!(garbage.is_none());
    faults.clear();
    faults.set(|plan| plan.banner = true);
    let mut talk = Talk::unsaid(&demo);
    let hello = client_handshake(&mut talk.reader, &mut talk.writer).await;
    assert!(hello.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_line_is_slow_and_a_stalled_one_stands() {
    let demo = start(10).await;
    let faults = demo.faults();
    faults.set(|plan| plan.latency = Duration::from_millis(100));
    let begin = Instant::now();
    assert!(run(&demo, "true").await.status.success());
    // Greeting, key exchange, authentication, command: at least four ways and back.
    assert!(begin.elapsed() > Duration::from_millis(800));
    faults.clear();
    faults.set(|plan| plan.stall = true);
    let mut stalled = ssh(&demo, "true").spawn().unwrap();
    let waited = timeout(Duration::from_millis(700), stalled.wait()).await;
    assert!(waited.is_err());
    faults.clear();
    let ended = timeout(PATIENCE, stalled.wait()).await.unwrap().unwrap();
    assert!(ended.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_line_ends_the_connection() {
    let demo = start(10).await;
    let faults = demo.faults();
    let mut running = ssh(&demo, "echo ready; exec sleep 1000")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap();
    assert_eq!(line.as_deref(), Some("ready"));
    faults.cut_now();
    let ended = timeout(PATIENCE, running.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(255));

    faults.set(|plan| plan.cut_after = Some(200_000));
    let cut = run(&demo, "head -c 1000000 /dev/zero").await;
    assert_eq!(cut.status.code(), Some(255));
    assert!(cut.stdout.len() < 200_000);
    // Once only.
    let whole = run(&demo, "head -c 1000000 /dev/zero").await;
    assert_eq!(whole.stdout.len(), 1_000_000);

    faults.set(|plan| plan.refuse_connections = true);
    assert_eq!(run(&demo, "true").await.status.code(), Some(255));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_started_ends_with_its_connection() {
    let demo = start(10).await;
    let pid_file = demo.folder().join("pid");
    let command = format!("echo $$ > '{}'; exec sleep 1000", pid_file.display());
    let mut running = ssh(&demo, &command).spawn().unwrap();
    let started = Instant::now();
    let pid = loop {
        assert!(started.elapsed() < PATIENCE, "the command does not start");
        let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
        if text.ends_with('\n') {
            break text.trim().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let process = PathBuf::from(format!("/proc/{pid}"));
    running.kill().await.unwrap();
    while process.exists() {
        assert!(
            started.elapsed() < PATIENCE,
            "the command outlives its client"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_input_and_output_pass_whole() {
    let demo = start(10).await;
    let mut ssh = ssh(&demo, "sha256sum; head -c 20000000 /dev/zero | sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = ssh.stdin.take().unwrap();
    let mut stdout = ssh.stdout.take().unwrap();
    stdin.write_all(&vec![0; 20_000_000]).await.unwrap();
    drop(stdin);
    let mut text = String::new();
    timeout(PATIENCE, stdout.read_to_string(&mut text))
        .await
        .unwrap()
        .unwrap();
    let sums: Vec<&str> = text.lines().collect();
    assert_eq!(sums.len(), 2);
    assert_eq!(sums[0], sums[1]);
}

/// The strongest check of the protocol: the real client reads the invented store.
#[tokio::test(flavor = "multi_thread")]
async fn the_real_nix_reads_the_store() {
    let version = Command::new("nix").arg("--version").output().await;
    if version.is_err() {
        eprintln!("there is no nix here; nothing was compared");
        return;
    }
    let demo = start(300).await;
    let mut nix = Command::new("nix");
    nix.args(["--extra-experimental-features", "nix-command"])
        .args(["path-info", "--json", "--all", "--store"])
        .arg("ssh-ng://root@127.0.0.1")
        .env("HOME", demo.folder().join("home"))
        .env(
            "NIX_SSHOPTS",
            format!(
                "{} -p {}",
                ssh_options(&demo, &demo.identity_file()).join(" "),
                demo.address().port()
            ),
        )
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = output(nix).await;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // An array before Nix 2.19, an object by path since.
    let entries: Vec<(String, serde_json::Value)> = match json {
        serde_json::Value::Array(list) => list
            .into_iter()
            .map(|entry| (entry["path"].as_str().unwrap().to_owned(), entry))
            .collect(),
        serde_json::Value::Object(entries) => entries.into_iter().collect(),
        other => panic!("{other}"),
    };
    assert_eq!(entries.len(), 300);
    for (path, entry) in entries {
        let path = StorePath::parse(&path).unwrap();
        let at = demo.store().find(&path).unwrap();
        let info = demo.store().info(at).unwrap();
        let texts = |name: &str| -> Vec<String> {
            let list = entry[name].as_array().cloned().unwrap_or_default();
            list.iter()
                .map(|text| text.as_str().unwrap().to_owned())
                .collect()
        };
        let references: Vec<String> = info.references.iter().map(ToString::to_string).collect();
        let deriver = info.deriver.map(|path| path.to_string());
        assert_eq!(entry["narSize"].as_u64(), Some(info.nar_size), "{path}");
        assert_eq!(
            entry["registrationTime"].as_i64(),
            Some(info.registered.unix())
        );
        assert_eq!(texts("signatures"), info.signatures, "{path}");
        assert_eq!(texts("references"), references, "{path}");
        assert_eq!(entry["ca"].as_str(), info.content_address.as_deref());
        assert_eq!(entry["deriver"].as_str(), deriver.as_deref());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_says_how_to_reach_it() {
    let demo = start(10).await;
    let config: toml::Table = demo.config_text().parse().unwrap();
    let server = &config["servers"]["demo"];
    assert_eq!(server["host"].as_str(), Some("127.0.0.1"));
    let port = i64::from(demo.address().port());
    assert_eq!(server["port"].as_integer(), Some(port));
    let identity = server["identity_files"][0].as_str();
    assert_eq!(identity, demo.identity_file().to_str());
    let text = demo.instructions();
    assert!(text.contains(&demo.address().to_string()));
    assert!(!text.contains("warning"));
    let known = std::fs::read_to_string(demo.known_hosts_file()).unwrap();
    assert_eq!(known.trim_end(), demo.host_key_line());
    let everywhere = Demo::start(Options {
        listen: Some("0.0.0.0:0".parse().unwrap()),
        ..options(10)
    })
    .await
    .unwrap();
    assert!(everywhere.instructions().contains("warning"));
    assert!(run(&everywhere, "true").await.status.success());
    let taken = Demo::start(Options {
        listen: Some(demo.address()),
        ..options(10)
    })
    .await;
    let why = taken.unwrap_err().to_string();
    assert!(why.contains("another address or port"), "{why}");
}

/// A server as the console and the command line have it.
async fn connect(demo: &Demo) -> Result<Server, ServerError> {
    let place = link::resolve(&link::Options {
        name: demo.address().ip().to_string(),
        user: Some("root".to_owned()),
        port: Some(demo.address().port()),
        identity_files: vec![demo.identity_file()],
        jump: None,
        known_hosts: Some(demo.known_hosts_file()),
        ssh_config: Some(PathBuf::from("/dev/null")),
    })
    .await
    .unwrap();
    let key_file = demo.signing_key_file();
    let mut spec = Spec::new("demo", place);
    spec.signing_key = Some(key_file.to_string_lossy().into_owned());
    spec.retired_keys = vec![demo.store().retired_key()];
    spec.upstream_keys = vec![demo.store().upstream_key()];
    spec.audit_log = demo.audit_file().to_string_lossy().into_owned();
    Server::connect(spec, Arc::new(link::NoPrompter)).await
}

/// Reads the store to its end, or to an error.
async fn read(server: &Server) -> Result<Vec<InfoReply>, ServerError> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(16);
    let gather = async {
        let mut all = Vec::new();
        while let Some(event) = receiver.recv().await {
            if let StoreEvent::Replies(infos) = event {
                all.extend(infos);
            }
        }
        all
    };
    let (summary, all) = timeout(PATIENCE, async {
        tokio::join!(server.read_store(sender, None), gather)
    })
    .await
    .expect("reading ends");
    summary.map(|_| all)
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_reading_sees_what_is_there() {
    let demo = start(1200).await;
    let server = connect(&demo).await.unwrap();
    let facts = server.facts();
    assert_eq!(facts.user, "root");
    assert_eq!(facts.host, "cache");
    assert_eq!(facts.nix_version, "2.28.3");
    assert_eq!(facts.protocol, (1, 38));
    assert_eq!(facts.keys.ours(), [&demo.public_key()]);
    assert_eq!(facts.signing_keys.len(), 1);
    assert_eq!(facts.signing_keys[0].problem, None);
    assert_eq!(facts.mount, "/nix");
    assert!(facts.disk.is_some() && facts.database.is_some());
    assert_eq!(facts.unknown, Vec::<String>::new());
    let all = read(&server).await.unwrap();
    assert_eq!(all.len(), 1200);
    for reply in all {
        match reply {
            InfoReply::Valid(info) => {
                let at = demo.store().find(&info.path).unwrap();
                assert_eq!(demo.store().info(at), Some(info));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_reading_meets_faults() {
    let demo = start(1200).await;
    let server = connect(&demo).await.unwrap();
    demo.faults().set(|plan| {
        plan.error_every = Some(100);
        plan.gone_every = Some(7);
    });
    let all = read(&server).await.unwrap();
    let count = |wanted: fn(&InfoReply) -> bool| all.iter().filter(|reply| wanted(reply)).count();
    // Of every hundredth, 0 and 700 are gone instead.
    assert_eq!(count(|reply| matches!(reply, InfoReply::Failed(..))), 10);
    assert_eq!(count(|reply| matches!(reply, InfoReply::Invalid(_))), 172);
    assert_eq!(all.len(), 1200);
    // A daemon that crashes on the way is followed by another one.
    demo.faults().clear();
    demo.faults().set(|plan| plan.crash_at = Some(300));
    assert_eq!(read(&server).await.unwrap().len(), 1200);
    for fault in [
        |plan: &mut Plan| plan.crash_at = Some(1),
        |plan: &mut Plan| plan.garbage_at = Some(300),
        |plan: &mut Plan| plan.cut_after = Some(150_000),
    ] {
        demo.faults().clear();
        demo.faults().set(fault);
        let plan = demo.faults().plan();
        assert!(read(&server).await.is_err(), "{plan:?}");
    }
    demo.faults().clear();
    let server = connect(&demo).await.unwrap();
    assert_eq!(read(&server).await.unwrap().len(), 1200);
    for (fault, kind) in [
        (
            (|plan: &mut Plan| plan.no_nix = true) as fn(&mut Plan),
            ErrorKind::Server,
        ),
        (|plan| plan.banner = true, ErrorKind::Server),
        (|plan| plan.wrong_host_key = true, ErrorKind::HostKey),
        (|plan| plan.refuse_connections = true, ErrorKind::Connect),
    ] {
        demo.faults().clear();
        demo.faults().set(fault);
        let error = timeout(PATIENCE, connect(&demo)).await.unwrap();
        let Err(error) = error else {
            panic!("{:?} was not noticed", demo.faults().plan());
        };
        assert_eq!(error.kind(), kind, "{error}");
    }
}
