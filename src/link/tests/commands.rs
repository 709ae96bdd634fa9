//! Commands: streams, ends, caps, jumps, and what happens when something goes away. Most of it on both kinds of link.

use super::rig::*;
use crate::link::*;
use std::time::{Duration, Instant};
use tokio::time::timeout;

async fn local() -> Link {
    open(
        &Options {
            name: "local".into(),
            ..Options::default()
        },
        &Person::saying(&[]),
    )
    .await
    .unwrap()
}

/// The same work over SSH and here.
async fn both(work: impl AsyncFn(&Link)) {
    let sshd = Sshd::start();
    work(&sshd.open().await).await;
    work(&local().await).await;
}

#[tokio::test]
async fn arguments_output_and_exits() {
    both(async |link| {
        let command =
            Command::script("printf '%s|' \"$0\" \"$@\" \"$LC_ALL\"; echo oops >&2; exit 3")
                .arg("it's")
                .arg("$(id) \\ \n*");
        let done = output(link, &command).await;
        assert_eq!(done.stdout, b"storekeeper|it's|$(id) \\ \n*|C|");
        assert_eq!((done.stderr.as_str(), done.exit), ("oops", Exit::Code(3)));
        assert_eq!(
            output(link, &Command::script("kill -TERM $$")).await.exit,
            Exit::Signal("TERM".into())
        );
        assert!(output(link, &Command::script("true")).await.exit.success());
        assert_eq!(
            output(link, &Command::script("no-such-program-here"))
                .await
                .exit,
            Exit::Code(127)
        );
    })
    .await;
}

#[tokio::test]
async fn through_sudo() {
    let here = std::process::Command::new("sudo")
        .args(["-n", "true"])
        .status()
        .is_ok_and(|status| status.success());
    both(async |link| {
        let done = output(
            link,
            &Command::script("id -u; printf '%s %s' \"$1\" \"$LC_ALL\"")
                .arg("a b")
                .sudo(true),
        )
        .await;
        if here {
            assert_eq!(
                (done.stdout.as_slice(), done.exit),
                (b"0\na b C".as_slice(), Exit::Code(0))
            );
        } else {
            assert!(!done.exit.success() && !done.stderr.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn much_in_and_much_out() {
    const MANY: usize = 20 << 20;
    both(async |link| {
        let data: Vec<u8> = (0..MANY)
            .map(|index| (index * 7 + index / 251) as u8)
            .collect();
        let done = link
            .run(&Command::script("cat"), &data, LIMITS)
            .await
            .unwrap();
        assert!(done.stdout == data);
        let done = link
            .run(
                &Command::script("wc -c; head -c 100000 /dev/zero | tr '\\0' e >&2"),
                &data,
                LIMITS,
            )
            .await
            .unwrap();
        assert_eq!(
            String::from_utf8(done.stdout).unwrap().trim(),
            MANY.to_string()
        );
        assert!(done.stderr.len() <= 16 << 10 && done.stderr.ends_with("eee"));
        // A command that does not read is no error.
        assert!(
            link.run(&Command::script("true"), &data, LIMITS)
                .await
                .unwrap()
                .exit
                .success()
        );
    })
    .await;
}

#[tokio::test]
async fn streams_both_ways() {
    both(async |link| {
        let mut process = link
            .start(&Command::script(
                "while read -r line; do echo \"got $line\"; done; echo end",
            ))
            .await
            .unwrap();
        let mut stdin = process.stdin.take().unwrap();
        for index in 0..3 {
            stdin
                .write_all(format!("{index}\n").as_bytes())
                .await
                .unwrap();
            stdin.flush().await.unwrap();
            let mut answer = [0; 6];
            process.stdout.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, format!("got {index}\n").as_bytes());
        }
        stdin.shutdown().await.unwrap();
        let mut rest = String::new();
        process.stdout.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "end\n");
        assert_eq!(process.wait().await, Exit::Code(0));
        let waiting = link
            .start(&Command::script("cat >/dev/null; exit 4"))
            .await
            .unwrap();
        assert_eq!(waiting.wait().await, Exit::Code(4));
    })
    .await;
}

#[tokio::test]
async fn caps_hold() {
    both(async |link| {
        let limits = |output, millis| Limits {
            output,
            time: Duration::from_millis(millis),
        };
        let error = link
            .run(&Command::script("yes"), b"", limits(1000, 30_000))
            .await
            .unwrap_err();
        assert!(
            matches!(error, LinkError::TooMuch { limit: 1000, .. }),
            "{error}"
        );
        let start = Instant::now();
        let error = link
            .run(&Command::script("sleep 600"), b"", limits(1000, 300))
            .await
            .unwrap_err();
        assert!(
            matches!(error, LinkError::Timeout { .. }) && start.elapsed() < Duration::from_secs(10),
            "{error}"
        );
        assert!(output(link, &Command::script("true")).await.exit.success());
    })
    .await;
}

/// Whether a process whose command line has the marker is alive.
async fn ends(marker: &str) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        let alive = std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(marker)
        });
        if !alive {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn dropping_a_process_ends_it() {
    both(async |link| {
        // One that waits for its input, one that writes, one that does neither.
        for (script, index) in [
            ("echo ready; cat", 1),
            ("echo ready; yes", 2),
            ("echo ready; sleep 700", 3),
        ] {
            // sshd passes no signals on to what root runs.
            if index == 3 && link.used_key().is_some() && user() == "root" {
                continue;
            }
            let marker = format!("marker-{}-{index}-{:p}", std::process::id(), link);
            let mut process = link
                .start(&Command::script(script).arg(marker.as_str()))
                .await
                .unwrap();
            let mut ready = [0; 5];
            process.stdout.read_exact(&mut ready).await.unwrap();
            drop(process);
            assert!(ends(&marker).await, "{script}");
        }
    })
    .await;
}

#[tokio::test]
async fn one_that_nobody_reads_stalls_no_other() {
    let sshd = Sshd::start();
    let link = sshd.open().await;
    let mut unread = link
        .start(&Command::script(
            "head -c 30000000 /dev/zero; echo done >&2",
        ))
        .await
        .unwrap();
    let done = timeout(
        Duration::from_secs(20),
        output(&link, &Command::script("echo hi")),
    )
    .await
    .unwrap();
    assert_eq!(done.stdout, b"hi\n");
    let mut all = Vec::new();
    unread.stdout.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), 30_000_000);

    // One that never ends is ended.
    let mut flood = link.start(&Command::script("cat /dev/zero")).await.unwrap();
    let exit = timeout(Duration::from_secs(60), flood.hold.exit())
        .await
        .unwrap();
    assert_eq!(exit, Exit::Lost);
    let error = tokio::io::copy(&mut flood.stdout, &mut tokio::io::sink())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("nobody read"), "{error}");
    assert!(output(&link, &Command::script("true")).await.exit.success());
}

#[tokio::test]
async fn on_a_bulk_link_the_server_waits() {
    let sshd = Sshd::start();
    sshd.know();
    let (_, link) = open_both(&sshd.options()).await;
    let mut process = link
        .start(&Command::script("head -c 80000000 /dev/zero"))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut total = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let got = process.stdout.read(&mut buffer).await.unwrap();
        if got == 0 {
            break;
        }
        total += got;
    }
    assert_eq!(total, 80_000_000);
    assert_eq!(process.wait().await, Exit::Code(0));
}

#[tokio::test]
async fn a_killed_server_is_noticed() {
    let mut sshd = Sshd::start();
    let link = sshd.open().await;
    let mut process = link
        .start(&Command::script("echo ready; sleep 600"))
        .await
        .unwrap();
    let mut ready = [0; 6];
    process.stdout.read_exact(&mut ready).await.unwrap();
    let running = {
        let link = link.clone();
        tokio::spawn(async move { link.run(&Command::script("sleep 600"), b"", LIMITS).await })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    sshd.kill();
    let error = timeout(Duration::from_secs(10), link.lost()).await.unwrap();
    assert!(matches!(error, LinkError::Lost { .. }), "{error}");
    let mut rest = Vec::new();
    assert!(process.stdout.read_to_end(&mut rest).await.is_err());
    assert_eq!(process.wait().await, Exit::Lost);
    assert!(matches!(
        running.await.unwrap(),
        Err(LinkError::Lost { .. })
    ));
    assert!(matches!(
        link.start(&Command::script("true")).await,
        Err(LinkError::Lost { .. })
    ));
    assert!(link.round_trip().await.is_err());

    sshd.start_again();
    let again = sshd.open().await;
    assert!(
        output(&again, &Command::script("true"))
            .await
            .exit
            .success()
    );
}

#[tokio::test]
async fn closing_ends_it() {
    let sshd = Sshd::start();
    for link in [sshd.open().await, local().await] {
        link.close().await;
        assert!(
            timeout(Duration::from_secs(5), link.lost())
                .await
                .unwrap()
                .to_string()
                .contains("closed")
        );
        assert!(link.start(&Command::script("true")).await.is_err());
    }
}

#[tokio::test]
async fn through_a_chain_of_jumps() {
    let (first, second, last) = (Sshd::start(), Sshd::start(), Sshd::start());
    let lines: String = [&first, &second, &last]
        .map(|sshd| format!("{} {}\n", sshd.known_as(), sshd.public("host_ed25519.pub")))
        .concat();
    std::fs::write(last.file("known_hosts"), &lines).unwrap();
    // The hops have other keys than the end of the way.
    let config = format!(
        "IdentityAgent none\nHost hop1\n HostName 127.0.0.1\n Port {}\n IdentityFile {}\nHost hop2\n HostName 127.0.0.1\n Port {}\n IdentityFile {}\n",
        first.port,
        first.file("user").display(),
        second.port,
        second.file("user").display(),
    );
    let options = Options {
        jump: Some(format!("{u}@hop1,{u}@hop2", u = user())),
        ssh_config: Some(last.config(&config)),
        ..last.options()
    };
    let link = open(&options, &Person::saying(&[])).await.unwrap();
    assert_eq!(
        output(&link, &Command::script("echo $SSH_CONNECTION"))
            .await
            .stdout
            .split(|b| *b == b' ')
            .nth(3)
            .unwrap(),
        format!("{}\n", last.port).as_bytes()
    );
    let done = link
        .run(&Command::script("cat"), &vec![7; 5 << 20], LIMITS)
        .await
        .unwrap();
    assert_eq!(done.stdout.len(), 5 << 20);
    for hop in [&first, &second] {
        assert!(hop.log().contains("Accepted publickey"));
    }
    // Each hop's host key is checked.
    let without_second: String = lines
        .lines()
        .filter(|line| !line.starts_with(&second.known_as()))
        .flat_map(|line| [line, "\n"])
        .collect();
    std::fs::write(last.file("known_hosts"), without_second).unwrap();
    let error = open(&options, &Person::saying(&[])).await.unwrap_err();
    assert!(
        matches!(&error, LinkError::UnknownHost { host, .. } if *host == second.known_as()),
        "{error}"
    );
}

#[tokio::test]
async fn through_a_proxy_command() {
    let sshd = Sshd::start();
    sshd.know();
    // A file that names itself, so that the process can be found; bash has its own TCP.
    let script = sshd.file("proxy");
    std::fs::write(
        &script,
        "exec 3<>/dev/tcp/$1/$2; cat <&3 & cat >&3; kill $!\n",
    )
    .unwrap();
    let proxied = |command: &str| Options {
        ssh_config: Some(sshd.config(&format!("IdentityAgent none\nProxyCommand {command}\n"))),
        ..sshd.options()
    };
    let link = open(
        &proxied(&format!("bash {} %h %p", script.display())),
        &Person::saying(&[]),
    )
    .await
    .unwrap();
    assert_eq!(
        output(&link, &Command::script("echo hi")).await.stdout,
        b"hi\n"
    );
    drop(link);
    assert!(ends(&script.display().to_string()).await);

    let error = open(
        &proxied("sh -c 'echo no way >&2; exit 1'"),
        &Person::saying(&[]),
    )
    .await
    .unwrap_err();
    assert!(
        matches!(error, LinkError::Proxy { .. }) && error.to_string().contains("no way"),
        "{error}"
    );
}
