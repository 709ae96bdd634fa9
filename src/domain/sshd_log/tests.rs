//! Lines of real logs, and of people who want to be somebody else in them.

use super::*;
use crate::domain::ssh_key::Fingerprint;
use proptest::prelude::*;

const A: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
const B: &str = "SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0";

fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint::parse(text).unwrap()
}

fn now() -> When {
    When::from_unix(1_795_000_000) // 2026-11-18T11:06:40Z
}

/// Reads messages as if sshd with this pid had written them.
fn log(lines: &[(u32, &str)]) -> Vec<LogEvent> {
    let text: String = lines
        .iter()
        .map(|(pid, line)| format!("2026-11-18T10:00:00.5+00:00 cache sshd[{pid}]: {line}"))
        .collect::<Vec<_>>()
        .join("\n");
    read_text(text.as_bytes(), now(), 0).events
}

fn one(line: &str) -> Option<LogEvent> {
    let mut events = log(&[(7, line)]);
    assert!(events.len() <= 1);
    events.pop()
}

#[test]
fn reads_logins() {
    let event = one(&format!(
        "Accepted publickey for nix-ssh from 10.0.0.7 port 48328 ssh2: ED25519 {A}"
    ))
    .unwrap();
    assert_eq!(event.kind, LogKind::Accepted("publickey".into()));
    assert_eq!(
        (event.user.as_str(), event.address.as_str(), event.port),
        ("nix-ssh", "10.0.0.7", 48328)
    );
    assert_eq!(
        (event.pid, event.fingerprint),
        (Some(7), Some(fingerprint(A)))
    );
    assert_eq!(event.key_type.as_deref(), Some("ED25519"));

    let event = one(&format!(
        "Failed publickey for invalid user bob from fe80::1%eth0 port 9 ssh2: ECDSA-SK {B} [preauth]"
    ))
    .unwrap();
    assert_eq!(
        (event.user.as_str(), event.address.as_str()),
        ("bob", "fe80::1%eth0")
    );

    let event = one(&format!(
        "Accepted publickey for nix-ssh from ::1 port 9 ssh2: ED25519-CERT {A} ID ada at work (serial 42) CA RSA {B}"
    ))
    .unwrap();
    assert_eq!(event.fingerprint, Some(fingerprint(A)));
    assert_eq!(event.key_type.as_deref(), Some("ED25519-CERT"));

    let event = one("Accepted password for root from 10.0.0.7 port 1 ssh2").unwrap();
    assert_eq!(event.kind, LogKind::Accepted("password".into()));
    assert_eq!(event.fingerprint, None);
}

#[test]
fn reads_the_rest() {
    let kind = |line: &str| one(line).map(|event| event.kind);
    assert_eq!(
        kind(&format!(
            "Accepted key ED25519 {A} found at /etc/ssh/k s:12"
        )),
        Some(LogKind::Found {
            file: "/etc/ssh/k s".into(),
            line: 12
        })
    );
    let revoked = format!("error: Authentication key ED25519 {A} revoked by file /etc/ssh/revoked");
    assert_eq!(kind(&revoked), Some(LogKind::Revoked));
    assert_eq!(
        kind("error: Refused by key options"),
        Some(LogKind::RefusedByOptions)
    );
    let event = one("/etc/ssh/keys:3: Authentication tried for nix-ssh with correct key but not from a permitted host (host=h, ip=10.0.0.7, required=10.9.0.0/16).").unwrap();
    assert_eq!(
        (event.kind, event.user.as_str(), event.address.as_str()),
        (LogKind::RefusedByOptions, "nix-ssh", "10.0.0.7")
    );
    assert_eq!(
        kind(
            "Authentication refused: bad ownership or modes for file /home/x/.ssh/authorized_keys"
        ),
        Some(LogKind::BadModes(
            "bad ownership or modes for file /home/x/.ssh/authorized_keys".into()
        ))
    );
    for (line, command, forced) in [
        (
            "forced-command (config) 'nix-store --serve'",
            "nix-store --serve",
            true,
        ),
        (
            "forced-command (key-option) 'a 'b' c' on pts/3",
            "a 'b' c",
            true,
        ),
        ("subsystem 'sftp'", "sftp", false),
        ("shell on pts/0", "", false),
        ("command", "command", false),
    ] {
        let line = format!("Starting session: {line} for nix-ssh from 10.0.0.7 port 5 id 0");
        let event = one(&line).unwrap();
        assert_eq!(
            event.kind,
            LogKind::Session {
                command: command.into(),
                forced
            }
        );
        assert_eq!((event.user.as_str(), event.port), ("nix-ssh", 5));
    }
    for (line, kind, user) in [
        (
            "Connection closed by authenticating user root 127.0.0.1 port 48336 [preauth]",
            LogKind::ClosedBeforeLogin,
            "root",
        ),
        (
            "Connection reset by invalid user x y 127.0.0.1 port 4 [preauth]",
            LogKind::ClosedBeforeLogin,
            "x y",
        ),
        (
            "Connection closed by 127.0.0.1 port 4 [preauth]",
            LogKind::ClosedBeforeLogin,
            "",
        ),
        (
            "Disconnected from user nix-ssh 127.0.0.1 port 4",
            LogKind::Disconnected,
            "nix-ssh",
        ),
    ] {
        let event = one(line).unwrap();
        assert_eq!(
            (event.kind, event.user.as_str(), event.address.as_str()),
            (kind, user, "127.0.0.1")
        );
    }
    for line in [
        "",
        "Server listening on 0.0.0.0 port 22.",
        "Accepted",
        "Accepted x y for z from 1.1.1.1 port 1 ssh2",
    ] {
        assert_eq!(one(line), None, "{line}");
    }
}

#[test]
fn a_user_name_cannot_be_somebody_else() {
    let spoof = format!("root from 9.9.9.9 port 5 ssh2: RSA {B}");
    let event = one(&format!(
        "Failed publickey for invalid user {spoof} from 127.0.0.1 port 4000 ssh2: ED25519 {A}"
    ))
    .unwrap();
    assert_eq!(event.address, "127.0.0.1");
    assert_eq!(event.fingerprint, Some(fingerprint(A)));
    assert_eq!(event.user, spoof);

    let event = one(&format!(
        "Failed password for invalid user {spoof} from 127.0.0.1 port 4000 ssh2"
    ))
    .unwrap();
    assert_eq!(
        (event.address.as_str(), event.fingerprint),
        ("127.0.0.1", None)
    );

    let event =
        one("Connection closed by invalid user a 9.9.9.9 port 5 127.0.0.1 port 4000 [preauth]")
            .unwrap();
    assert_eq!(event.address, "127.0.0.1");
    // A name that looks like another message does not begin one.
    for line in [
        format!("Invalid user Accepted publickey for {spoof} from 127.0.0.1 port 4"),
        "Received disconnect from 1.1.1.1 port 5:11: Authentication tried for root with correct key but not from a permitted host (host=h, ip=9.9.9.9, required=x).".to_owned(),
        "Invalid user k: Authentication tried for root with correct key but not from a permitted host (host=h, ip=9.9.9.9) from 127.0.0.1 port 4".to_owned(),
    ] {
        assert_eq!(one(&line), None, "{line}");
    }
}

#[test]
fn a_certificates_name_cannot_be_somebody_else() {
    let tail = format!("(serial 0) CA ED25519 {B}");
    let inside = format!("x from 9.9.9.9 port 5 ssh2: RSA-CERT {B} ID y");
    // In the name of the certificate, in the name of the user, and plain within a certificate: two readings, or sshd's own.
    for line in [
        format!(
            "Failed publickey for nix-ssh from 127.0.0.1 port 4 ssh2: ED25519-CERT {A} ID {inside} {tail}"
        ),
        format!(
            "Failed publickey for invalid user {inside} from 127.0.0.1 port 4 ssh2: ED25519-CERT {A} ID z {tail}"
        ),
    ] {
        assert_eq!(one(&line), None, "{line}");
    }
    let plain = format!("x from 9.9.9.9 port 5 ssh2: RSA {B}");
    let event = one(&format!(
        "Failed publickey for nix-ssh from 127.0.0.1 port 4 ssh2: ED25519-CERT {A} ID {plain} {tail}"
    ))
    .unwrap();
    assert_eq!(
        (event.address.as_str(), event.fingerprint),
        ("127.0.0.1", Some(fingerprint(A)))
    );
}

#[test]
fn only_sshd_is_believed() {
    let login = format!("Accepted publickey for root from 1.1.1.1 port 1 ssh2: RSA {A}");
    for tag in ["su[1]", "sshd", "sshd[x]", "notsshd[1]", "x sshd[1]"] {
        let line = format!("Nov 18 10:00:00 cache {tag}: {login}\n");
        assert_eq!(read_text(line.as_bytes(), now(), 0).events, [], "{tag}");
    }
    let journal = |tag: &str, uid: &str, message: &str| {
        let entry = serde_json::json!({
            "__REALTIME_TIMESTAMP": "1795000000000000", "MESSAGE": message, "SYSLOG_IDENTIFIER": tag, "_PID": "9", "_UID": uid,
        });
        read_journal(format!("{entry}\nno json\n").as_bytes())
    };
    let log = journal("sshd-session", "0", &login);
    assert_eq!(log.events[0].pid, Some(9));
    assert_eq!((log.events[0].at, log.oldest), (now(), Some(now())));
    assert_eq!(journal("sshd", "1000", &login).events, []);
    assert_eq!(journal("su", "0", &login).events, []);
    let session = "Starting session: command for nix-ssh from ::1 port 5 id 0";
    assert_eq!(journal("sshd", "1000", session).events.len(), 1);
    // The journal gives bytes where a text is no UTF-8.
    let bytes = format!(
        r#"{{"__REALTIME_TIMESTAMP":"1","SYSLOG_IDENTIFIER":"sshd","MESSAGE":{:?}}}"#,
        login.as_bytes()
    );
    assert_eq!(read_journal(bytes.as_bytes()).events.len(), 1);
}

#[test]
fn times_of_text_logs() {
    let at = |line: &str, offset| {
        let line = format!("{line} cache sshd[1]: error: Refused by key options");
        read_text(line.as_bytes(), now(), offset)
            .oldest
            .map(|at| at.to_string())
    };
    for (line, offset, expected) in [
        (
            "2026-11-18T10:00:00.123456+01:00",
            0,
            "2026-11-18T09:00:00Z",
        ),
        ("Nov 18 10:00:00", 0, "2026-11-18T10:00:00Z"),
        ("Nov 18 10:00:00", 3600, "2026-11-18T09:00:00Z"),
        ("Nov  2 10:00:00", 0, "2026-11-02T10:00:00Z"),
        ("Nov 19 10:00:00", 0, "2026-11-19T10:00:00Z"),
        ("Dec 31 10:00:00", 0, "2025-12-31T10:00:00Z"),
    ] {
        assert_eq!(at(line, offset).as_deref(), Some(expected), "{line}");
    }
    for line in [
        "",
        "yesterday",
        "Feb 30 10:00:00",
        "2026-11-18",
        "é 18 10:00:00 xx",
    ] {
        assert_eq!(at(line, 0), None, "{line}");
    }
}

#[test]
fn sums_up_by_key() {
    let failed = |port: u16, key: &str| {
        format!("Failed publickey for nix-ssh from 10.0.0.{port} port {port} ssh2: ED25519 {key}")
    };
    let accepted = |port: u16, key: &str| {
        format!("Accepted publickey for nix-ssh from 10.0.0.{port} port {port} ssh2: ED25519 {key}")
    };
    let lines = [
        (1, failed(1, B)),
        (1, failed(1, B)),
        (1, accepted(1, A)),
        (2, failed(2, B)),
        (3, "error: Refused by key options".to_owned()),
        (3, failed(3, B)),
        (
            3,
            "Connection closed by authenticating user nix-ssh 10.0.0.3 port 3 [preauth]".to_owned(),
        ),
        // The same process number again, for another connection.
        (1, failed(4, A)),
        (
            5,
            format!("Failed publickey for other from 10.0.0.5 port 5 ssh2: ED25519 {B}"),
        ),
    ];
    let lines: Vec<_> = lines
        .iter()
        .map(|(pid, line)| (*pid, line.as_str()))
        .collect();
    let uses = by_key(&log(&lines), "nix-ssh");
    let a = &uses[&fingerprint(A)];
    assert_eq!((a.accepted, a.refused, a.passed_over), (1, 1, 0));
    assert_eq!(a.last_accepted.as_ref().unwrap().from, "10.0.0.1");
    let b = &uses[&fingerprint(B)];
    assert_eq!(
        (b.accepted, b.refused, b.passed_over, b.tries()),
        (0, 2, 1, 3)
    );
    assert_eq!((b.refused_by_options, b.refused_as_revoked), (1, 0));
    assert_eq!(b.last_refused.as_ref().unwrap().from, "10.0.0.3");
    assert_eq!(b.addresses, ["10.0.0.3", "10.0.0.2", "10.0.0.1"]);
}

/// What `sshd` and `sshd-session` of OpenSSH 10.6 wrote for `ada` (in a file, twice, the second time after `bob`), `bob` (in none), a key
/// that has ended, one that may come from elsewhere, and a user that there is not.
#[test]
fn reads_what_openssh_10_writes() {
    let text = include_str!("openssh-10.6.log");
    let now = When::from_unix(1_795_648_700);
    let events = read_text(text.as_bytes(), now, 0).events;
    let uses = by_key(&events, "nobody");
    let of = |print: &str| {
        let usage = &uses[&fingerprint(&format!("SHA256:{print}"))];
        (
            usage.accepted,
            usage.refused,
            usage.passed_over,
            usage.refused_by_options,
        )
    };
    assert_eq!(
        of("qADiIglUi4O/qgiYyQU3mpby9E9do+IE70A96zix+94"),
        (2, 0, 0, 0)
    );
    assert_eq!(
        of("2TUfa87fiddLx9WLzLjm49QvoqsSVQ4wVD+tKnxXsOY"),
        (0, 1, 1, 0)
    );
    assert_eq!(
        of("1XPe9r9qKTzec/smDiGQmxn3epvDJA9S5K8PtSrj8xg"),
        (0, 1, 0, 1)
    );
    assert_eq!(of("L3uYaXu3gYYxaSYr2pvICjA3fKn2YSEir7lfH8+EujQ").1, 1);
    let sessions: Vec<&LogEvent> = events
        .iter()
        .filter(|event| matches!(event.kind, LogKind::Session { .. }))
        .collect();
    assert_eq!(sessions.len(), 2);
    let command = "echo served".to_owned();
    let forced = LogKind::Session {
        command,
        forced: true,
    };
    assert!(sessions.iter().all(|event| event.kind == forced));
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), message in any::<String>(), offset: i32) {
        read_text(&bytes, now(), offset);
        read_journal(&bytes);
        let events = log(&[(1, message.replace('\n', " ").as_str())]);
        by_key(&events, "nix-ssh");
    }

    #[test]
    fn no_user_name_moves_the_address(name in any::<String>(), inner in "[a-z :]{0,8}( from 9\\.9\\.9\\.9 port 5 ssh2: (RSA|ED25519-CERT) SHA256:[A-Za-z0-9]{43})?( ID x)?( \\(serial 1\\) CA)?[a-z ]{0,5}") {
        for name in [name, inner] {
            // sshd writes control characters as octal numbers.
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            let line = format!("Failed publickey for invalid user {name} from 127.0.0.1 port 4000 ssh2: ED25519 {A}");
            let event = one(&line).unwrap();
            prop_assert_eq!(event.address, "127.0.0.1");
            prop_assert_eq!(event.fingerprint, Some(fingerprint(A)));
            prop_assert_eq!(event.user, name);
        }
    }
}

#[test]
fn a_log_without_dates_is_known_for_one() {
    let line =
        format!("Accepted publickey for nix-ssh from 10.0.0.7 port 48328 ssh2: ED25519 {A}\r\n");
    let undated = read_text(line.as_bytes(), now(), 0);
    // No time is made up, so there is nothing to show.
    assert_eq!(
        (undated.events.len(), undated.oldest, undated.undated),
        (0, None, true)
    );
    for text in ["", "\n\r\n"] {
        assert!(!read_text(text.as_bytes(), now(), 0).undated, "{text:?}");
    }
    let dated = format!("{line}2026-11-18T10:00:00Z cache sshd[7]: {line}");
    let dated = read_text(dated.as_bytes(), now(), 0);
    assert_eq!((dated.events.len(), dated.undated), (1, false));
}
