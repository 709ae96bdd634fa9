//! What `why --for` says of a client, against what becomes of it: each client of the rig runs the real `nix copy --from` with its own
//! key, and with the host keys that onboarding gives.

use super::House;
use crate::help::{connect, text, wait};
use crate::rig::{Access, Nix, Rig, Twist, key_pair, login_shell, wait_until};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use storekeeper::domain::cache_daemon::CacheDaemon;
use storekeeper::domain::ssh_key::PublicSshKey;

/// A path that no server has.
const ABSENT: &str = "/nix/store/00000000000000000000000000000000-absent-1.0";

/// The binary with the Nix under test first on its search path.
pub(super) fn binary(rig: &Rig, line: &str) -> Command {
    let mut command = rig.storekeeper_command(line.split(' '));
    if let Some(bin) = rig.nix.bin() {
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", bin.display()));
    }
    command
}

/// What it prints as JSON, and its exit code.
pub(super) fn asked(rig: &Rig, line: &str) -> (Value, i32) {
    let output = binary(rig, line).arg("--json").output().unwrap();
    let document = serde_json::from_str(&text(&output.stdout));
    let document = document.unwrap_or_else(|_| panic!("{line}: {}", text(&output.stderr)));
    (document, output.status.code().unwrap())
}

/// A client's machine.
pub(super) struct Machine<'a> {
    rig: &'a Rig,
    /// The server as `storekeeper` calls it.
    server: &'a str,
    /// What it was given when it was set up.
    onboarding: Value,
}

impl<'a> Machine<'a> {
    pub(super) fn new(rig: &'a Rig, server: &'a str) -> Self {
        let (onboarding, _) = asked(rig, &format!("onboard {server}"));
        Self {
            rig,
            server,
            onboarding,
        }
    }

    /// The real client with this key: whether it got the path, and what it said.
    pub(super) fn copies(&self, key: &str, path: &str) -> (bool, String) {
        let Self {
            rig, onboarding, ..
        } = self;
        let hosts = onboarding["knownHosts"].as_array().unwrap();
        let hosts: Vec<&str> = hosts.iter().map(|line| line.as_str().unwrap()).collect();
        let hosts = hosts.join("\n") + "\n";
        let port = hosts
            .split("]:")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let port = port.unwrap_or("22").to_owned();
        let known = rig.file("client-hosts");
        fs::write(&known, hosts).unwrap();
        let store = PathBuf::from(rig.file("client-store"));
        fs::create_dir_all(&store).unwrap();
        let options = format!(
            "-F none -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={known} -o BatchMode=yes -p {port}",
            rig.file(key)
        );
        let url = onboarding["cacheAddress"].as_str().unwrap();
        // Before 2.32 a port in the address is taken for a part of the host's name.
        let url = url.strip_suffix(&format!(":{port}")).unwrap_or(url);
        let nix = rig.nix_here("nix");
        let mut command = Command::new("timeout");
        command.arg("60").arg(nix.get_program());
        for (name, value) in nix.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = command
            .env("NIX_SSHOPTS", options)
            .env_remove("NIX_REMOTE")
            .env_remove("SSH_AUTH_SOCK")
            .args(["copy", "--from", url, "--to"])
            .arg(format!("local?root={}", store.display()))
            .args(["--option", "trusted-public-keys"])
            .arg(rig.trusted_keys().join(" "))
            .args(["--option", "require-sigs", "true", path])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let _ = fs::remove_dir_all(&store);
        (output.status.success(), text(&output.stderr))
    }

    /// Compares both. `wrong` are the steps that are wrong; none means that the client gets the path.
    fn agrees(&self, key: &str, path: &str, wrong: &[&str]) {
        self.agrees_for(&format!("{key}.pub"), key, path, wrong);
    }

    /// The same for a client that is named by this file.
    pub(super) fn agrees_for(&self, file: &str, key: &str, path: &str, wrong: &[&str]) {
        let Self { rig, server, .. } = self;
        let line = format!(
            "why {server} {path} --for {} --from 127.0.0.1",
            rig.file(file)
        );
        let (document, code) = asked(rig, &line);
        let steps = document["client"]["steps"].as_array().unwrap().iter();
        let found: Vec<&str> = steps
            .filter(|step| step["state"] == "wrong")
            .map(|step| step["id"].as_str().unwrap())
            .collect();
        assert_eq!(
            found, wrong,
            "{line} on Nix {}: {document:#}",
            rig.nix.version
        );
        let verdict = if wrong.is_empty() { "yes" } else { "no" };
        assert_eq!(
            document["client"]["verdict"], verdict,
            "{line}: {document:#}"
        );
        assert_eq!(
            document["wouldCopy"],
            wrong.is_empty(),
            "{line}: {document:#}"
        );
        assert_eq!(code, i32::from(!wrong.is_empty()), "{line}");
        let (copied, said) = self.copies(key, path);
        assert_eq!(copied, wrong.is_empty(), "{line}: {said}\n{document:#}");
    }
}

pub(super) fn append(file: &Path, line: &str) {
    let before = fs::read_to_string(file).unwrap();
    fs::write(file, format!("{before}{line}\n")).unwrap();
}

/// On the oldest Nix that there is, and on the newest: it is sshd that decides here.
pub(super) fn on_oldest_and_newest(test: impl Fn(&mut House)) {
    for nix in Nix::oldest_and_newest() {
        eprintln!("on Nix {}", nix.version);
        test(&mut House::with(&nix));
    }
}

#[test]
fn each_key_fares_as_it_is_said() {
    on_oldest_and_newest(|house| {
        let key = |name: &str| {
            let public = house.new_key(name, name);
            (
                fs::read_to_string(&public).unwrap().trim().to_owned(),
                public,
            )
        };
        let file = house.key_file();
        let top = house.rig.path("top-1.0");
        let machine = Machine::new(&house.rig, "prod");
        let fares = |key: &str, wrong: &[&str]| machine.agrees(key, top, wrong);
        fares("id", &[]);

        append(
            &file,
            &format!("restrict,from=\"127.0.0.0/8\" {}", key("near").0),
        );
        fares("near", &[]);
        append(
            &file,
            &format!("restrict,from=\"192.0.2.0/24\" {}", key("elsewhere").0),
        );
        fares("elsewhere", &["authorized"]);
        append(
            &file,
            &format!("restrict,expiry-time=\"20200101Z\" {}", key("ended").0),
        );
        fares("ended", &["authorized"]);
        append(
            &file,
            &format!("restrict,expiry-time=\"22000101Z\" {}", key("lasts").0),
        );
        fares("lasts", &[]);
        append(&file, &format!("restrict,unheard-of {}", key("odd").0));
        fares("odd", &["authorized"]);
        // A line that refuses it, and one behind it that does not.
        let twice = key("twice").0;
        append(
            &file,
            &format!("restrict,expiry-time=\"20200101Z\" {twice}\nrestrict {twice}"),
        );
        fares("twice", &[]);
        // A command of its own line is not run: sshd's comes first.
        append(
            &file,
            &format!("restrict,command=\"/bin/false\" {}", key("own").0),
        );
        fares("own", &[]);

        let (_, left) = key("left");
        house.says(&format!("keys prod authorize {left} --yes"), 0);
        fares("left", &[]);
        house.says("keys prod revoke left --yes --reason gone", 0);
        fares("left", &["authorized"]);
        // By the comment that it had, too.
        let (document, _) = asked(&house.rig, &format!("why prod {top} --for left"));
        let steps = document["client"]["steps"].as_array().unwrap();
        let step = steps
            .iter()
            .find(|step| step["id"] == "authorized")
            .unwrap();
        let message = step["message"].as_str().unwrap();
        assert!(
            message.contains("revoked") && message.contains("(gone)"),
            "{message}"
        );

        let (public, denied) = key("denied");
        house.says(&format!("requests prod add {denied} --yes"), 0);
        fares("denied", &["authorized"]);
        let id = PublicSshKey::parse(&public).unwrap().fingerprint().id();
        house.says(
            &format!("requests prod deny {id} --yes --reason unknown"),
            0,
        );
        fares("denied", &["authorized"]);

        let before = fs::read_to_string(&file).unwrap();
        append(&file, &format!("restrict {}", key("away").0));
        fares("away", &[]);
        fs::write(&file, before).unwrap();
        fares("away", &["authorized"]);

        key("stranger");
        fares("stranger", &["authorized"]);

        // Modes that sshd refuses.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        fares("id", &["authorized"]);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fares("id", &[]);
    });
}

#[test]
fn each_path_fares_as_it_is_said() {
    on_oldest_and_newest(|house| {
        let machine = Machine::new(&house.rig, "prod");
        for entry in &house.rig.entries {
            // Old releases can't ask for a derivation over ssh://.
            if Path::new(&entry.name).extension() == Some(OsStr::new("drv")) {
                continue;
            }
            let wrong: &[&str] = if entry.closure_refused {
                &["signatures"]
            } else {
                &[]
            };
            machine.agrees("id", &entry.path, wrong);
        }
        machine.agrees("id", ABSENT, &["path"]);
        // Contents count where they were asked for.
        house.rig.damage("leaf-1.0");
        let top = house.rig.path("top-1.0");
        let (document, code) = asked(
            &house.rig,
            &format!("why prod {top} --for administrator --contents"),
        );
        assert_eq!(
            (&document["client"]["verdict"], code),
            (&"no".into(), 1),
            "{document:#}"
        );
        let (copied, said) = machine.copies("id", top);
        assert!(!copied && said.contains("hash mismatch"), "{said}");
    });
}

#[test]
fn each_server_fares_as_it_is_said() {
    on_oldest_and_newest(|house| {
        let top = house.rig.path("top-1.0").to_owned();
        for (name, forced, wrong) in [
            ("false", "/bin/false", Some("command")),
            ("dump", "nix-store --dump-db", Some("command")),
            ("files", "internal-sftp", Some("command")),
            ("daemon", "nix-daemon --stdio", None),
            ("free", "none", None),
        ] {
            let more = format!("Match User nix-ssh\n  ForceCommand {forced}\nMatch all\n");
            let twist = Twist {
                more,
                ..Twist::default()
            };
            let _sshd = house.rig.twisted(name, Access::Root, twist);
            let machine = Machine::new(&house.rig, name);
            let wrong: Vec<&str> = wrong.into_iter().collect();
            machine.agrees("id", &top, &wrong);
        }
        // Clients that write another protocol than what is served, or another port.
        let port = house.sshd.port;
        for (name, address, wrong) in [
            (
                "other-way",
                format!("ssh-ng://nix-ssh@127.0.0.1:{port}"),
                "command",
            ),
            (
                "other-port",
                "ssh://nix-ssh@127.0.0.1:1".to_owned(),
                "address",
            ),
        ] {
            let more = format!("cache_address = \"{address}\"");
            house
                .rig
                .add_server(&house.rig.server_section(name, "root", port, &more));
            let machine = Machine::new(&house.rig, name);
            machine.agrees("id", &top, &[wrong]);
        }
        let fares = |house: &House, wrong: &[&str]| {
            let machine = Machine::new(&house.rig, "prod");
            machine.agrees("id", &top, wrong);
        };
        login_shell(
            house.rig.scratch(),
            "nix-ssh",
            Path::new("/usr/sbin/nologin"),
        );
        fares(house, &["command"]);
        login_shell(house.rig.scratch(), "nix-ssh", Path::new("/bin/sh"));
        fares(house, &[]);

        // Clients are led to another machine than the one whose host key they were given.
        key_pair(&house.rig.scratch().join("other-host"), "another");
        let mut other = house
            .rig
            .twisted("other-host", Access::Root, Twist::default());
        let config = fs::read_to_string(other.config()).unwrap();
        let key = house.rig.file("host");
        let config = config.replace(
            &format!("HostKey {key}"),
            &format!("HostKey {}", house.rig.file("other-host")),
        );
        other.kill();
        fs::write(other.config(), config).unwrap();
        other.restart();
        other.wait();
        let more = format!("cache_address = \"ssh://nix-ssh@127.0.0.1:{}\"", other.port);
        house
            .rig
            .add_server(&house.rig.server_section("led-astray", "root", port, &more));
        let machine = Machine::new(&house.rig, "led-astray");
        machine.agrees("id", &top, &["host-key"]);

        let pid = house.rig.daemon_pid().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        wait_until("the end of the daemon", || {
            std::os::unix::net::UnixStream::connect(house.rig.scratch().join("daemon.socket"))
                .is_err()
        });
        fares(house, &["daemon"]);
        house.rig.reconfigure("");
        fares(house, &[]);
    });
}

/// Lix has only the old word, and newer releases of Nix have only the new one.
#[test]
fn the_daemon_is_asked_with_the_word_that_the_server_s_nix_has() {
    on_oldest_and_newest(|house| {
        for (has, lacks) in [("ping", "info"), ("info", "ping")] {
            let script = format!(
                r#"case $4 in
{lacks}) echo "error: '{lacks}' is not a recognised command" >&2; exit 1 ;;
{has}) "$real" "$1" "$2" store ping "$5" "$6" 2>/dev/null || exec "$real" "$1" "$2" store info "$5" "$6" ;;
*) exec "$real" "$@" ;;
esac"#
            );
            let nix = house.rig.in_place_of_nix(has, &script);
            let answer = wait(async {
                let mut spec = house.rig.spec("root", house.sshd.port).await;
                spec.nix_command = nix.display().to_string();
                connect(spec).await.cache_daemon().await
            });
            let answer = answer.unwrap();
            assert!(
                matches!(answer, Ok(CacheDaemon::Answers { .. })),
                "{has}: {answer:?}"
            );
        }
    });
}

/// A folder for temporary files, to see what is left in it.
fn folder(rig: &Rig) -> PathBuf {
    let folder = PathBuf::from(rig.file("tmp"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn what_is_tried_is_what_becomes_of_a_client_and_leaves_nothing() {
    on_oldest_and_newest(|house| {
        let rig = &house.rig;
        house.new_key("stranger", "stranger");
        let tmp = folder(rig);
        for (key, path, copied) in [
            ("id", "top-1.0", true),
            ("id", "application-2.0", false),
            ("stranger", "top-1.0", false),
        ] {
            let line = format!("why prod {} --try --key {}", rig.path(path), rig.file(key));
            let output = binary(rig, &line)
                .arg("--json")
                .env("TMPDIR", &tmp)
                .output()
                .unwrap();
            let document: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
            let tried = &document["client"]["try"];
            assert_eq!(tried["copied"], copied, "{line}: {document:#}");
            assert_eq!(document["wouldCopy"], copied, "{line}: {document:#}");
            assert_eq!(output.status.code(), Some(i32::from(!copied)), "{line}");
            let public = fs::read_to_string(rig.file(&format!("{key}.pub"))).unwrap();
            let print = PublicSshKey::parse(public.trim()).unwrap().fingerprint();
            assert_eq!(document["client"]["fingerprint"], print.to_string());
            assert!(is_empty(&tmp), "{line}");
        }
        let line = format!(
            "why prod {} --try --key {}",
            rig.path("top-1.0"),
            rig.file("stranger")
        );
        let output = binary(rig, &line).env("TMPDIR", &tmp).output().unwrap();
        let said = text(&output.stdout);
        for words in [
            "x authorized",
            "verdict no: ",
            "Permission denied",
            "result  the client did not get the path",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    });
}

#[test]
fn a_client_that_hangs_is_ended_with_all_that_it_made() {
    let house = House::new();
    let rig = &house.rig;
    let twist = Twist {
        more: "Match User nix-ssh\n  ForceCommand sleep 1000\nMatch all\n".to_owned(),
        ..Twist::default()
    };
    let _sshd = rig.twisted("sleeps", Access::Root, twist);
    let tmp = folder(rig);
    let line = format!(
        "why sleeps {} --try --key {}",
        rig.path("top-1.0"),
        rig.file("id")
    );
    let said = rig.file("said");
    let to = || {
        fs::File::options()
            .create(true)
            .append(true)
            .open(&said)
            .unwrap()
    };
    let mut child = binary(rig, &line)
        .env("TMPDIR", &tmp)
        .stdout(to())
        .stderr(to())
        .spawn()
        .unwrap();
    let running = || {
        let made = fs::read_dir(&tmp).unwrap().next()?.ok()?.path();
        let config = made.join("ssh_config").display().to_string();
        let all = fs::read_dir("/proc").unwrap().flatten();
        let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        lines
            .map(|line| String::from_utf8_lossy(&line).into_owned())
            .find(|line| line.contains(&config))
    };
    wait_until("ssh to the cache", || {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{}", fs::read_to_string(&said).unwrap());
        running().is_some()
    });
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(is_empty(&tmp));
    wait_until("the end of ssh", || {
        let all = fs::read_dir("/proc").unwrap().flatten();
        let mut lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        !lines.any(|line| String::from_utf8_lossy(&line).contains("storekeeper-try-"))
    });
}
