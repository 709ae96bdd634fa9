//! The sessions of the cache user that are open now, and ending one.
//!
//! In: the process table as the log script reports it, and sshd's log. Out: [`Session`]s with the key that each logged in
//! with. The key is found by the client's address and port, and else by the number of the process that logged.

use crate::change::token::Token;
use crate::domain::When;
use crate::domain::access::{LogEvent, LogKind, Session};
use crate::link::{Command, Limits};
use crate::server::error::{ServerError, Why};
use crate::server::script::{self, Answers, why};
use crate::server::{Inner, Server};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Ending one takes at most four seconds there.
const END: Limits = Limits {
    output: 4096,
    time: Duration::from_secs(30),
};

/// One process of an sshd that serves the user.
struct Process<'a> {
    monitor: bool,
    pid: u32,
    above: u32,
    uid: Option<u32>,
    ticks: Option<i64>,
    program: &'a str,
    sockets: Vec<&'a str>,
}

impl Process<'_> {
    fn is_sshd(&self) -> bool {
        let program = self.program.trim_end_matches(" (deleted)");
        program.ends_with("/sshd") || program.ends_with("/sshd-session")
    }
}

/// Reads the report.
pub(super) fn read(answers: &Answers, user: &str) -> Vec<Session> {
    let mut processes: Vec<Process<'_>> = Vec::new();
    let mut peers = HashMap::new();
    for (name, value) in answers.iter() {
        match (name, processes.last_mut()) {
            ("monitor" | "child", _) => {
                let mut words = value.split_ascii_whitespace();
                let mut number = || words.next().and_then(|word| word.parse().ok());
                let (Some(pid), Some(above)) = (number(), number()) else {
                    continue;
                };
                let uid = number();
                // From field 3 of proc(5) on: the start is field 22.
                let ticks = words.nth(19).and_then(|word| word.parse().ok());
                processes.push(Process {
                    monitor: name == "monitor",
                    pid,
                    above,
                    uid,
                    ticks,
                    program: "",
                    sockets: Vec::new(),
                });
            }
            ("program", Some(process)) => process.program = value,
            ("socket", Some(process)) => process.sockets.push(value),
            ("tcp" | "tcp6", _) => {
                let fields: Vec<&str> = value.split_ascii_whitespace().collect();
                if let (Some(remote), Some(inode)) = (fields.get(2), fields.get(9))
                    && let Some(remote) = address(remote)
                {
                    peers.insert(*inode, remote);
                }
            }
            _ => {}
        }
    }
    let number = |name: &str| answers.get(name).and_then(|text| text.parse::<i64>().ok());
    let boot = number("boot");
    let hertz = number("ticks").filter(|hertz| *hertz > 0).unwrap_or(100);
    let served = |process: &Process<'_>| {
        // Before the login, no child carries the user's name; root has no child that does.
        process.uid == Some(0)
            && process.is_sshd()
            && (!process.monitor
                || processes
                    .iter()
                    .any(|child| !child.monitor && child.above == process.pid))
    };
    let counts = |process: &&Process<'_>| {
        served(process)
            && (process.monitor
                || !processes
                    .iter()
                    .any(|other| other.monitor && other.pid == process.above))
    };
    processes
        .iter()
        .filter(counts)
        .map(|process| {
            let peer = process.sockets.iter().find_map(|inode| peers.get(inode));
            Session {
                pid: process.pid,
                user: user.to_owned(),
                from: peer.map(|(address, port)| format!("{address} port {port}")),
                since: boot
                    .zip(process.ticks)
                    .map(|(boot, ticks)| When::from_unix(boot.saturating_add(ticks / hertz))),
                fingerprint: None,
            }
        })
        .collect()
}

/// `0100007F:1F90` of `/proc/net/tcp`: the address in words of 32 bits in the machine's own order, which is little-endian on
/// all that Nix runs on, and the port.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::with_capacity(16);
    for at in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_le_bytes());
    }
    let address = if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        IpAddr::V4(Ipv4Addr::from(four))
    } else {
        let six = Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?);
        // A socket for both kinds shows the older as a part of the newer; sshd's log does not.
        IpAddr::V6(six).to_canonical()
    };
    Some((address, port))
}

/// Finds the key of each session in the log.
pub(super) fn join(sessions: &mut [Session], events: &[LogEvent]) {
    for session in sessions {
        let accepted = events.iter().rev().filter(|event| {
            matches!(event.kind, LogKind::Accepted(_)) && event.user == session.user
        });
        let mut by_pid = None;
        for event in accepted {
            let client = format!("{} port {}", event.address, event.port);
            if session.from.as_deref() == Some(client.as_str()) {
                by_pid = Some(event);
                break;
            }
            // Numbers come around: only a login at the time when the process began is its own.
            let near = session
                .since
                .is_some_and(|since| since.unix().abs_diff(event.at.unix()) <= 150);
            if by_pid.is_none() && session.from.is_none() && event.pid == Some(session.pid) && near
            {
                by_pid = Some(event);
            }
        }
        session.fingerprint = by_pid.and_then(|event| event.fingerprint);
        if let Some(from) = &session.from {
            let address = from.split(' ').next().unwrap_or_default().to_owned();
            session.from = Some(address);
        }
    }
}

impl Server {
    /// Ends a session, if it is still the one that was seen. Says whether it was there.
    pub async fn end_session(&self, _: &Token, session: &Session) -> Result<bool, ServerError> {
        end(&self.inner, session).await
    }
}

/// What [`Server::end_session`] does.
pub(super) async fn end(inner: &Inner, session: &Session) -> Result<bool, ServerError> {
    let failed = |why: Why| ServerError::Script {
        place: inner.start.place.clone(),
        what: "end a session",
        why,
        next: "look at the sessions again, and end it by hand if it is still there",
    };
    let Some(since) = session.since else {
        return Err(failed("when it began is not known".into()));
    };
    let command = Command::script(script::ACCESS_END)
        .arg(session.pid.to_string())
        .arg(since.unix().to_string())
        .arg(&session.user)
        .sudo(inner.start.sudo);
    let output = inner.link.run(&command, b"", END).await?;
    if !output.exit.success() {
        return Err(failed(why(&output)));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.lines().next_back() == Some("ended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(ticks: u32) -> String {
        let mut fields = vec!["0".to_owned(); 18];
        fields.insert(0, "S".to_owned());
        fields.push(ticks.to_string());
        fields.join(" ")
    }

    #[test]
    fn finds_sessions_and_their_keys() {
        let text = format!(
            "storekeeper-answer\nboot=1000\nticks=100\n\
             monitor=50 10 0 {0}\nprogram=/usr/sbin/sshd\nsocket=77\n\
             child=51 50 7 {0}\n\
             monitor=60 10 0 {0}\nprogram=/usr/sbin/sshd\nsocket=78\n\
             monitor=70 10 7 {0}\nprogram=/tmp/sshd\n\
             child=71 70 7 {0}\n\
             tcp=  0: 0100007F:0016 0200000A:C350 01 00000000:00000000 00:00000000 00000000 0 0 77 1\nend=\n",
            stat(5000)
        );
        let answers = Answers::parse(text.as_bytes()).unwrap();
        let mut sessions = read(&answers, "nix-ssh");
        assert_eq!(sessions.len(), 1, "{sessions:?}");
        assert_eq!(sessions[0].pid, 50);
        assert_eq!(sessions[0].since, Some(When::from_unix(1050)));
        assert_eq!(sessions[0].from.as_deref(), Some("10.0.0.2 port 50000"));
        let fingerprint = crate::domain::ssh_key::Fingerprint::of(b"key");
        let event = |address: &str, port: u16, pid: u32| LogEvent {
            at: When::from_unix(1051),
            pid: Some(pid),
            kind: LogKind::Accepted("publickey".into()),
            user: "nix-ssh".into(),
            address: address.into(),
            port,
            fingerprint: Some(fingerprint),
            key_type: None,
        };
        let mut others = sessions.clone();
        join(&mut others, &[event("10.0.0.2", 50001, 50)]);
        assert_eq!(others[0].fingerprint, None);
        join(&mut sessions, &[event("10.0.0.2", 50000, 4)]);
        assert_eq!(sessions[0].fingerprint, Some(fingerprint));
        assert_eq!(sessions[0].from.as_deref(), Some("10.0.0.2"));
        let mut unseen = read(&answers, "nix-ssh");
        unseen[0].from = None;
        join(&mut unseen, &[event("10.0.0.3", 1, 50)]);
        assert_eq!(unseen[0].fingerprint, Some(fingerprint));
    }

    #[test]
    fn addresses() {
        let of = |text: &str| address(text).map(|(address, port)| format!("{address} {port}"));
        assert_eq!(of("0100007F:0016").unwrap(), "127.0.0.1 22");
        assert_eq!(
            of("0000000000000000FFFF00000100007F:0016").unwrap(),
            "127.0.0.1 22"
        );
        assert_eq!(
            of("B80D0120000000000000000001000000:0050").unwrap(),
            "2001:db8::1 80"
        );
        for odd in ["", "1:1", "0100007F", "ü100007F:1", "0100007:0016"] {
            assert_eq!(of(odd), None, "{odd}");
        }
    }
}
