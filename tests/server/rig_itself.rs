//! On a real server: sshd, nix-daemon and a store as `tests/rig` makes them, with the verdicts of the real client.

use crate::rig::{Access, DelayProxy, Nix, OURS, Rig, Twist};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn every_way_in_lists_the_same_paths() {
    Rig::on_every_nix(|rig| {
        let mut expected: Vec<&str> = rig
            .entries
            .iter()
            .map(|entry| entry.path.as_str())
            .collect();
        expected.sort_unstable();
        for access in Access::ALL {
            let said = rig.on_server(
                access,
                "nix --extra-experimental-features nix-command path-info --all",
            );
            let mut paths: Vec<&str> = said.lines().collect();
            paths.sort_unstable();
            assert_eq!(paths, expected, "{access:?}");
            assert!(
                rig.on_server(access, "nix --version")
                    .trim()
                    .ends_with(&rig.nix.version)
            );
            assert_eq!(rig.on_server(access, "id -un").trim(), access.user());
        }
    });
}

#[test]
fn only_the_ways_in_that_say_so_have_sudo() {
    let rig = Rig::new();
    assert_eq!(rig.on_server(Access::Sudo, "sudo -n id -un").trim(), "root");
    let listed = rig.on_server(
        Access::Sudo,
        "sudo -n nix --extra-experimental-features nix-command path-info --all",
    );
    assert_eq!(listed.lines().count(), rig.entries.len());
    let refused = rig.ssh(Access::NoSudo, "sudo -n id").output().unwrap();
    assert!(!refused.status.success());
}

#[test]
fn a_real_client_takes_and_refuses_what_the_rig_says() {
    Rig::on_every_nix(|rig| {
        let paths: Vec<&str> = rig
            .entries
            .iter()
            .map(|entry| entry.path.as_str())
            .collect();
        let verdicts = rig.client_verdicts(&paths);
        for (entry, verdict) in rig.entries.iter().zip(&verdicts) {
            assert_eq!(
                verdict.is_err(),
                entry.closure_refused,
                "{entry:?}: {verdict:?}"
            );
            // What is refused itself is refused with its own name, or by a message that names no path.
            if let (true, Err(said)) = (entry.class.refused(), verdict) {
                let names_it = said.contains(&entry.path);
                let names_none =
                    said.contains("signature is not valid") || said.contains("storePathForDst");
                assert!(names_it || names_none, "{entry:?}: {said}");
            }
        }
        assert!(rig.refused().len() >= 8);
    });
}

#[test]
fn with_one_trusted_key_only_that_key_counts() {
    let rig = Rig::new();
    let ours = [rig.public_key(OURS)];
    assert_eq!(rig.client_accepts_with(rig.path("top-1.0"), &ours), Ok(()));
    assert_eq!(
        rig.client_accepts_with(rig.path("rotated-1.0"), &ours),
        Ok(())
    );
    assert!(
        rig.client_accepts_with(rig.path("retired-0.9"), &ours)
            .is_err()
    );
    assert!(
        rig.client_accepts_with(rig.path("upstream-3.0"), &ours)
            .is_err()
    );
}

#[test]
fn signing_on_the_server_makes_the_client_accept() {
    Rig::on_every_nix(|rig| {
        let sign = "nix --extra-experimental-features nix-command store sign -k";
        let key = rig.file(&format!("keys/{OURS}.sec"));
        for (access, name) in [
            (Access::Root, "stranger-1.0"),
            (Access::ViaSocket, "fresh-3.1"),
        ] {
            let path = rig.path(name).to_owned();
            assert!(rig.client_accepts(&path).is_err());
            rig.on_server(access, &format!("{sign} {key} {path}"));
            assert_eq!(rig.client_accepts(&path), Ok(()));
        }
        let path = rig.path("library-2.0").to_owned();
        rig.on_server(Access::Sudo, &format!("sudo -n {sign} {key} {path}"));
        assert_eq!(rig.client_accepts(rig.path("application-2.0")), Ok(()));
    });
}

#[test]
fn a_rig_can_lose_its_sshd_and_get_it_back() {
    let mut rig = Rig::new();
    let mut session = rig
        .ssh(Access::Root, "sleep 60")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    crate::rig::wait_until("the session", || {
        rig.sshd(Access::Root)
            .log_text()
            .contains("Starting session")
    });
    rig.sshd(Access::Root).kill();
    assert!(!session.wait().unwrap().success());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, rig.port(Access::Root)));
    assert!(TcpStream::connect(address).is_err());
    rig.sshd(Access::Root).restart();
    rig.sshd(Access::Root).wait();
    assert_eq!(rig.on_server(Access::Root, "echo back").trim(), "back");
}

#[test]
fn a_rig_leaves_nothing_behind() {
    let mut rig = Rig::new();
    let scratch = rig.scratch().to_path_buf();
    let pids = [
        rig.sshd(Access::Root).pid(),
        rig.sshd(Access::ViaSocket).pid(),
        Some(rig.daemon_pid()),
    ];
    let alive = |pid: u32| std::path::Path::new("/proc").join(pid.to_string()).exists();
    assert!(pids.iter().all(|pid| pid.is_some_and(alive)));
    drop(rig);
    assert!(!pids.iter().any(|pid| pid.is_some_and(alive)));
    assert!(!scratch.exists());
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    assert!(!passwd.contains("storekeeper-rig"));
}

#[test]
fn the_proxy_delays_stalls_and_cuts() {
    let rig = Rig::new();
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, rig.port(Access::Root)));
    let proxy = DelayProxy::start(target, Duration::from_millis(25));
    let greeting = |wait: Duration| {
        use std::io::Read as _;
        let start = Instant::now();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        stream.set_read_timeout(Some(wait)).unwrap();
        let mut bytes = [0; 4];
        stream
            .read_exact(&mut bytes)
            .map(|()| (bytes, start.elapsed(), stream))
    };
    let (bytes, took, mut stream) = greeting(Duration::from_secs(60)).unwrap();
    assert_eq!(&bytes, b"SSH-");
    assert!(took >= Duration::from_millis(25), "{took:?}");
    proxy.stall();
    assert!(greeting(Duration::from_millis(300)).is_err());
    proxy.resume();
    assert!(greeting(Duration::from_secs(60)).is_ok());
    proxy.cut();
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut stream, &mut rest);
    assert!(proxy.bytes() > 0);
    proxy.refuse(true);
    assert!(greeting(Duration::from_secs(1)).is_err());
}

#[test]
fn the_synthetic_store_is_whole() {
    let rig = Rig::bulk(&Nix::of_this_machine(), 2_000);
    let listed = rig.on_server(
        Access::ViaSocket,
        "nix --extra-experimental-features nix-command path-info --all --sigs",
    );
    assert_eq!(listed.lines().count(), 2_000);
    let signed = listed.lines().filter(|line| line.contains(OURS)).count();
    assert!((1_700..1_900).contains(&signed), "{signed}");
    let references: u32 = rig.sql("select count(*) from Refs").trim().parse().unwrap();
    assert!((8_000..14_000).contains(&references), "{references}");
    // Nix accepts the signatures.
    let first = rig.sql("select path from ValidPaths where sigs is not null limit 1");
    let mut verify = rig.nix_here("nix");
    verify
        .args([
            "store",
            "verify",
            "--no-contents",
            "--option",
            "trusted-public-keys",
        ])
        .args([&rig.public_key(OURS), first.trim()]);
    assert!(verify.output().unwrap().status.success());
}

#[test]
fn servers_can_be_out_of_the_ordinary() {
    let rig = Rig::new();
    let status = |sshd: &crate::rig::Sshd, script: &str| {
        let output = rig.ssh_as("root", sshd.port, script).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let none = rig.twisted(
        "no-nix",
        Access::Root,
        Twist {
            without_nix: true,
            ..Twist::default()
        },
    );
    assert_eq!(
        status(
            &none,
            "nix --version || nix-daemon --version || command -v nix-store"
        )
        .0,
        Some(127)
    );

    let first = rig.scratch().join("first");
    std::fs::create_dir(&first).unwrap();
    std::fs::write(first.join("nix-daemon"), "#!/bin/sh\necho garbage\n").unwrap();
    std::fs::set_permissions(first.join("nix-daemon"), PermissionsExt::from_mode(0o755)).unwrap();
    let garbage = rig.twisted(
        "garbage",
        Access::Root,
        Twist {
            first: Some(first),
            ..Twist::default()
        },
    );
    assert_eq!(
        status(&garbage, "nix-daemon --stdio"),
        (Some(0), "garbage\n".to_owned())
    );

    let read_only = rig.twisted(
        "read-only",
        Access::Root,
        Twist {
            read_only: true,
            ..Twist::default()
        },
    );
    let write = format!("touch {}/here", rig.file("server"));
    assert_eq!(status(&read_only, &write).0, Some(1));
    assert_eq!(status(&none, &write).0, Some(0));
}

#[test]
fn an_agent_can_hold_the_key_of_the_cache() {
    let rig = Rig::new();
    let agent = rig.agent();
    let fingerprint = agent.add_nix_key(&rig.secret_key_file(OURS));
    let mut list = Command::new("ssh-add");
    let listed = list
        .arg("-l")
        .env("SSH_AUTH_SOCK", &agent.socket)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains(&fingerprint) && listed.contains(OURS),
        "{listed}"
    );
}

#[test]
fn the_peers_command_runs_through_a_proxy() {
    let rig = Rig::new();
    let proxy = rig.proxied(Duration::from_millis(5));
    let listed = rig
        .nix_there(proxy.port(), ["path-info", "--all"])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.lines().count(), rig.entries.len());
    assert!(proxy.bytes() > 10_000);
}
