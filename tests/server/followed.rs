//! sshd's log as it grows on a real server: only what is new is read, and the console shows it by itself.

use crate::help::terminal::{Terminal, is_read};
use crate::help::{connect, wait};
use crate::rig::{Access, Rig, Sshd, Twist, wait_until};
use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

/// Root's server and the cache user's, which logs as syslog does, with refused keys.
fn logged(rig: &Rig) -> Sshd {
    let twist = Twist {
        syslog: true,
        more: "LogLevel VERBOSE\n".to_owned(),
        ..Twist::default()
    };
    let sshd = rig.twisted("followed", Access::Root, twist);
    let more = format!("sshd_log = \"{}\"", sshd.auth_log());
    rig.add_server(&rig.server_section("prod", "root", sshd.port, &more));
    sshd
}

/// A client that the cache user's key file does not know.
fn stranger(rig: &Rig, port: u16) -> String {
    let key = rig.file("other");
    let output = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "BatchMode=yes",
        ])
        .args(["-o", "PreferredAuthentications=publickey", "-i", &key])
        .args([
            "-o",
            &format!("UserKnownHostsFile={}", rig.file("known_hosts")),
        ])
        .args(["-p", &port.to_string(), "nix-ssh@127.0.0.1", "true"])
        .env_remove("SSH_AUTH_SOCK")
        .output()
        .unwrap();
    assert!(!output.status.success(), "{output:?}");
    let print = Command::new("ssh-keygen")
        .args(["-lf", &key])
        .output()
        .unwrap();
    let line = String::from_utf8(print.stdout).unwrap();
    line.split(' ').nth(1).unwrap().to_owned()
}

fn append(file: &str, text: &str) {
    let mut file = File::options()
        .append(true)
        .create(true)
        .open(file)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn logins_come_in_by_themselves_a_refused_key_is_found_and_our_own_are_hidden() {
    let rig = Rig::new();
    let sshd = logged(&rig);
    // A run of the command line, which reads no log, and on two connections.
    let paths = rig
        .storekeeper_command(["paths", "prod", "--json"])
        .output();
    assert!(paths.unwrap().status.success());
    let mut terminal = Terminal::start(&rig.storekeeper_command(["prod"]), 80, 24);
    terminal.wait("a store that is read", is_read);
    terminal.keys("6oo");
    // Its own connections and that run's, all of them; who tried whether sshd is there is somebody else.
    let screen = terminal.wait_for("of ours hidden (m)");
    let own = ["authorized", "key found", "as root"];
    assert!(!own.iter().any(|word| screen.contains(word)), "{screen}");
    let _ = rig.ssh_as("nix-ssh", sshd.port, "true").output().unwrap();
    let begun = Instant::now();
    terminal.wait_for("as nix-ssh from 127.0.0.1");
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    let print = stranger(&rig, sshd.port);
    terminal.keys("F");
    terminal.wait_for("find [refused]");
    terminal.wait("the refused key", |text| {
        text.lines()
            .any(|line| line.contains("refused") && line.contains(&print[..20]))
    });
    terminal.keys(&format!("/{}\r", &print[..24]));
    terminal.wait_for(&format!("[refused] {}", &print[..24]));
    terminal.wait("nobody else's", |text| {
        text.contains("1 of ") || text.contains("2 of ")
    });
    // Without the filter, and with what is ours.
    terminal.keys("\u{1b}");
    terminal.wait("no filter", |text| !text.contains("find [refused]"));
    terminal.keys("m");
    terminal.wait("our own", |text| {
        text.contains("  ours: ") && !text.contains("hidden")
    });
    terminal.keys("m");
    terminal.wait_for("of ours hidden (m)");

    // As logrotate does: the file gets another name, and another one its own.
    let (log, old) = (sshd.auth_log(), format!("{}.1", sshd.auth_log()));
    fs::rename(&log, &old).unwrap();
    let lines = fs::read_to_string(&old).unwrap();
    let line = lines
        .lines()
        .rfind(|line| line.contains("Accepted publickey for nix-ssh"));
    append(
        &log,
        &format!("{}\n", line.unwrap().replace("127.0.0.1", "10.77.0.1")),
    );
    terminal.wait_for("as nix-ssh from 10.77.0.1");
    assert!(terminal.text().contains("of ours hidden (m)"));
    // What it was told to run over there is inert here.
    append(
        &log,
        &line
            .unwrap()
            .replace("for nix-ssh", "for \u{1b}[41mevil\u{7}")
            .replace("127.0.0.1", "10.77.0.2"),
    );
    append(&log, "\n");
    terminal.wait_for("as \\e[41mevil\\u{7} from");
}

#[test]
fn only_what_is_new_is_read() {
    let rig = Rig::new();
    let sshd = logged(&rig);
    let proxy = rig.proxied(Duration::ZERO);
    let log = rig.file("large.log");
    let line = |number: usize, from: &str| {
        format!(
            "2026-11-20T10:{:02}:{:02}+00:00 host sshd[{number}]: Accepted publickey for nix-ssh from {from} port {} ssh2: ED25519 SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n",
            number / 60 % 60,
            number % 60,
            1024 + number % 60_000,
        )
    };
    let many: String = (1..20_000).map(|number| line(number, "10.0.0.1")).collect();
    append(&log, &many);
    let mut spec = wait(rig.spec("root", proxy.port()));
    spec.sshd_log = Some(log.clone());
    let server = wait(connect(spec));
    let facts = wait(server.access()).unwrap();
    let count =
        |facts: &storekeeper::domain::access::AccessFacts| facts.events.as_ref().unwrap().len();
    assert_eq!(count(&facts), 19_999);
    let before = proxy.bytes();
    append(&log, &line(20_000, "10.0.0.2"));
    let facts = wait(server.follow_log(facts)).unwrap();
    assert_eq!(count(&facts), 20_000);
    let last = facts
        .events
        .as_ref()
        .unwrap()
        .iter()
        .filter(|event| event.address == "10.0.0.2");
    assert_eq!(last.count(), 1);
    assert!(
        proxy.bytes() - before < 200_000,
        "{}",
        proxy.bytes() - before
    );
    // Nothing new, and a file that is gone.
    let facts = wait(server.follow_log(facts)).unwrap();
    assert_eq!(count(&facts), 20_000);
    fs::remove_file(&log).unwrap();
    let facts = wait(server.follow_log(facts)).unwrap();
    assert!(facts.events.is_err());
    append(&log, &line(7, "10.0.0.3"));
    let facts = wait(server.follow_log(facts)).unwrap();
    assert_eq!(count(&facts), 1);
    wait_until("sshd", || sshd.pid().is_some());
}
