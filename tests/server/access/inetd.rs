//! A server where no sshd listens: each connection has one of its own, as under inetd and under a socket of systemd with
//! `Accept=yes` (`sshd -i`). Such a one does not show how it was started, and nothing is to be told to reload.

use crate::help::{carry_out, connect, wait};
use crate::rig::{Access, Rig, Sshd, Twist, key_pair, need, wait_until};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use storekeeper::change::access::{About, install_knock, knock_to_install};
use storekeeper::change::{Answer, Outcome};
use storekeeper::domain::ssh_key::PublicSshKey;
use storekeeper::server::Server;

/// Accepts connections until the test ends, and starts an sshd for each, among the mounts of another one.
fn inetd(beside: &Sshd, config: Option<&Path>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mounts = format!("--mount=/proc/{}/ns/mnt", beside.pid().unwrap());
    let config = config.map(|file| file.display().to_string());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut sshd = Command::new(need::program("nsenter"));
            sshd.args([mounts.as_str(), "--"]);
            sshd.arg(need::program("sshd")).arg("-i");
            if let Some(config) = &config {
                sshd.args(["-f", config]);
            }
            let mut child = sshd
                .stdin(Stdio::from(OwnedFd::from(stream.try_clone().unwrap())))
                .stdout(Stdio::from(OwnedFd::from(stream)))
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::spawn(move || child.wait());
        }
    });
    port
}

fn server(rig: &Rig, port: u16) -> Server {
    rig.trust_port(port);
    wait(async { connect(rig.spec("root", port).await).await })
}

/// The settings are those of the usual file, and that is said.
#[test]
fn what_is_not_seen_of_an_sshd_is_said() {
    let rig = Rig::new();
    let listening = rig.twisted("listening", Access::Root, Twist::default());
    let seen = wait(async {
        let server = connect(rig.spec("root", listening.port).await).await;
        server.access().await.unwrap()
    });
    assert_eq!(seen.sshd.assumed, None);
    let port = inetd(&listening, Some(listening.config()));
    let server = server(&rig, port);
    // The files that the usual configuration names are another sshd's.
    let mut host = PublicSshKey::parse(&fs::read_to_string(rig.file("host.pub")).unwrap()).unwrap();
    host.set_comment("");
    assert_eq!(wait(server.host_keys()).unwrap()[0], host);
    let mut session = rig.open_session("id", port);
    wait_until("the session", || {
        wait(server.sessions()).unwrap().unwrap().len() == 1
    });
    drop(session.stdin.take());
    session.wait().unwrap();
    let facts = wait(server.access()).unwrap();
    let why = facts.sshd.assumed.as_deref().unwrap();
    assert!(why.contains("no sshd listens"), "{why}");
    assert_eq!(facts.sshd.config_file, "/etc/ssh/sshd_config");
    rig.add_server(&rig.server_section("inetd", "root", port, ""));
    let said = rig.ask("status inetd", 2);
    let checks = said["checks"].as_array().unwrap();
    let found = checks.iter().any(|check| {
        let summary = check["summary"].as_str().unwrap();
        check["id"] == "access-posture"
            && check["state"] == "unknown"
            && summary.contains("/etc/ssh/sshd_config")
            && summary.contains("no sshd listens")
    });
    assert!(found, "{said}");
}

/// A reload is for who listens, and never for the process that serves the connection.
#[test]
fn the_knock_is_installed_and_removed_where_each_connection_has_its_sshd() {
    let rig = Rig::new();
    let etc = rig.scratch().join("own-etc");
    fs::create_dir(&etc).unwrap();
    let pid = rig.file("listening.pid");
    let twist = Twist {
        own_etc: Some(etc.clone()),
        more: format!("Include /etc/ssh/sshd_config.d/*.conf\nPidFile {pid}\n"),
        ..Twist::default()
    };
    let listening = rig.twisted("listening", Access::Root, twist);
    // Both read the same, and the first `PidFile` counts.
    let text = fs::read_to_string(listening.config()).unwrap();
    let text = text.replace("PidFile none\n", "");
    fs::write(listening.config(), &text).unwrap();
    fs::write(etc.join("ssh/sshd_config"), &text).unwrap();
    let port = inetd(&listening, None);
    rig.add_server(&rig.server_section("inetd", "root", port, ""));
    let new_key = |name: &str| key_pair(&rig.scratch().join(name), name);
    for listens in [true, false] {
        let number = if listens {
            listening.pid().unwrap().to_string()
        } else {
            // A number that another process has by now.
            std::process::id().to_string()
        };
        fs::write(&pid, format!("{number}\n")).unwrap();
        let server = server(&rig, port);
        let about = About::of(&server);
        let facts = wait(server.knock_facts()).unwrap();
        let spec = server.spec();
        let install = knock_to_install(&facts, &spec.cache_user, &spec.requests_dir);
        let plan = install_knock(&about, &facts, install, None).unwrap();
        let warned = |warning: &String| warning.contains("no sshd listens");
        assert!(plan.warnings.iter().any(warned), "{:?}", plan.warnings);
        let answer = Answer::Accepting(plan.concerns.clone());
        let receipt = wait(carry_out(&server, plan, &answer, None));
        assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
        // Over the connection that would have been ended.
        let waiting = || wait(server.access()).unwrap().requests.unwrap().len();
        let before = waiting();
        let keys = ["ada", "bob", "cyd", "dan"].map(|name| format!("{name}-{listens}"));
        let [ada, bob, cyd, dan] = &keys;
        for name in &keys {
            new_key(name);
        }
        assert!(rig.lets_in("id", port) && !rig.lets_in(ada, port));
        assert_eq!(waiting(), before + 1);
        assert!(!rig.lets_in(bob, listening.port));
        assert_eq!(
            waiting(),
            before + 1 + usize::from(listens),
            "who listens has read it"
        );

        rig.ask("setup inetd --knock --off --yes", 0);
        let before = waiting();
        assert!(!rig.lets_in(cyd, port) && !rig.lets_in(dan, listening.port));
        assert_eq!(waiting(), before, "they are asked about no more");
    }
}
