//! One message of sshd.
//!
//! In: its text, which a client has had a hand in: a user name is logged as it was sent, and so is the name of a certificate. Out: what
//! happened. The beginning is matched from the left, everything behind the user name from the end of the line; where two readings
//! are possible, none is taken. Sources: OpenSSH's auth.c (`auth_log`), auth2-pubkey.c, session.c, packet.c.

use crate::domain::access::LogKind;
use crate::domain::ssh_key::Fingerprint;
use std::net::IpAddr;

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: LogKind,
    pub(super) user: String,
    pub(super) address: String,
    pub(super) port: u16,
    pub(super) key: Option<(String, Fingerprint)>,
}

/// A place that a connection comes from.
struct Peer<'a> {
    address: &'a str,
    port: u16,
}

/// Reads a message; `None` for what does not matter here, and for what can be read in more than one way.
pub(super) fn parse(text: &str) -> Option<Message> {
    let text = text.strip_suffix(" [preauth]").unwrap_or(text);
    let text = text.strip_prefix("error: ").unwrap_or(text);
    if let Some(rest) = text.strip_prefix("Accepted key ") {
        return found(rest);
    }
    if let Some(rest) = text.strip_prefix("Accepted ") {
        return login(rest, LogKind::Accepted);
    }
    if let Some(rest) = text.strip_prefix("Failed ") {
        return login(rest, LogKind::Failed);
    }
    if let Some(rest) = text.strip_prefix("Authentication key ") {
        let (key, _) = rest.split_once(" revoked by file ")?;
        return Some(Message {
            key: Some(type_and_fingerprint(key)?),
            ..of(LogKind::Revoked)
        });
    }
    if let Some(rest) = text.strip_prefix("Authentication refused: ") {
        return Some(of(LogKind::BadModes(rest.to_owned())));
    }
    if let Some(rest) = text.strip_prefix("Starting session: ") {
        return session(rest);
    }
    // Newer ones say at which line of which file.
    let refused = ["Refused by key options", "Refused by certificate options"];
    let after = refused.iter().find_map(|words| text.strip_prefix(words));
    if after.is_some_and(|rest| rest.is_empty() || rest.starts_with(" at ")) {
        return Some(of(LogKind::RefusedByOptions));
    }
    not_from_there(text).or_else(|| connection(text))
}

/// A message that names nobody.
fn of(kind: LogKind) -> Message {
    Message {
        kind,
        user: String::new(),
        address: String::new(),
        port: 0,
        key: None,
    }
}

/// `METHOD for [invalid user ]USER from ADDRESS port PORT ssh2[: KEY]`.
fn login(text: &str, kind: fn(String) -> LogKind) -> Option<Message> {
    let (method, rest) = text.split_once(" for ")?;
    if method.is_empty() || method.contains(' ') {
        return None;
    }
    let (head, key) = match rest.strip_suffix(" ssh2") {
        Some(head) => (head, None),
        None => key_at_end(rest)?,
    };
    let (user, peer) = peer_at_end(head, " from ")?;
    Some(Message {
        user: user
            .strip_prefix("invalid user ")
            .unwrap_or(user)
            .to_owned(),
        address: peer.address.to_owned(),
        port: peer.port,
        key,
        ..of(kind(method.to_owned()))
    })
}

/// Takes ` ssh2: TYPE SHA256:…`, or the same of a certificate, from the end.
fn key_at_end(text: &str) -> Option<(&str, Option<(String, Fingerprint)>)> {
    const MARK: &str = " ssh2: ";
    // A plain key has no blank but the one between its two words, so the last mark is sshd's.
    if let Some((head, key)) = text.rsplit_once(MARK)
        && let Some(key) = type_and_fingerprint(key)
    {
        return Some((head, Some(key)));
    }
    // A certificate ends with `(serial N) CA TYPE SHA256:…`. The user name before it and its own name within it both came
    // from the client, so there has to be one mark only that can be the right one.
    let (before, authority) = text.rsplit_once(" CA ")?;
    type_and_fingerprint(authority)?;
    let number = before.strip_suffix(')')?.rsplit_once(" (serial ")?.1;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut readings = text.match_indices(MARK).filter_map(|(at, _)| {
        let head = &text[..at];
        let key = text[at + MARK.len()..].split_once(" ID ")?.0;
        peer_at_end(head, " from ")?;
        Some((head, Some(type_and_fingerprint(key)?)))
    });
    let one = readings.next()?;
    readings.next().is_none().then_some(one)
}

/// `TYPE SHA256:…` and nothing else.
fn type_and_fingerprint(text: &str) -> Option<(String, Fingerprint)> {
    let (kind, fingerprint) = text.split_once(' ')?;
    let valid = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
    if kind.is_empty() || !kind.bytes().all(valid) {
        return None;
    }
    Some((kind.to_owned(), Fingerprint::parse(fingerprint)?))
}

/// Takes `ADDRESS port PORT` from the end, with what stands before it.
fn peer_at_end<'a>(text: &'a str, before: &str) -> Option<(&'a str, Peer<'a>)> {
    let (rest, port) = text.rsplit_once(" port ")?;
    let (head, address) = rest.rsplit_once(before)?;
    let peer = Peer {
        address,
        port: number(port)?,
    };
    is_address(address).then_some((head, peer))
}

fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// An address, with a zone or without; sshd says `UNKNOWN` where there is none.
fn is_address(text: &str) -> bool {
    let plain = text.split_once('%').map_or(text, |(address, _)| address);
    plain == "UNKNOWN" || (!text.contains(' ') && plain.parse::<IpAddr>().is_ok())
}

/// `TYPE SHA256:… found at FILE:LINE`.
fn found(text: &str) -> Option<Message> {
    let (key, place) = text.split_once(" found at ")?;
    let (file, line) = place.rsplit_once(':')?;
    Some(Message {
        key: Some(type_and_fingerprint(key)?),
        ..of(LogKind::Found {
            file: file.to_owned(),
            line: line.parse().ok()?,
        })
    })
}

/// `DESCRIPTION for USER from ADDRESS port PORT id N`.
fn session(text: &str) -> Option<Message> {
    let (rest, id) = text.rsplit_once(" id ")?;
    number(id)?;
    let (head, peer) = peer_at_end(rest, " from ")?;
    let (description, user) = head.rsplit_once(" for ")?;
    let forced = description
        .strip_prefix("forced-command (config) ")
        .or_else(|| description.strip_prefix("forced-command (key-option) "));
    let command = match forced.or_else(|| description.strip_prefix("subsystem ")) {
        // A terminal may be named behind the command.
        Some(quoted) => quoted.strip_prefix('\'')?.rsplit_once('\'')?.0,
        None if description.starts_with("shell") => "",
        None => description,
    };
    Some(Message {
        user: user.to_owned(),
        address: peer.address.to_owned(),
        port: peer.port,
        ..of(LogKind::Session {
            command: command.to_owned(),
            forced: forced.is_some(),
        })
    })
}

/// `FILE:LINE: Authentication tried for USER with correct key but not from a permitted host (host=…, ip=ADDRESS, required=…).`
fn not_from_there(text: &str) -> Option<Message> {
    const TRIED: &str = "Authentication tried for ";
    // All other messages that repeat what a client sent have a blank before it.
    let after_place = || {
        let (place, rest) = text.split_once(": ")?;
        let rest = rest.strip_prefix(TRIED)?;
        (!place.contains(' ')).then_some(rest)
    };
    let rest = text.strip_prefix(TRIED).or_else(after_place)?;
    let (user, rest) = rest.split_once(" with correct key but not from a permitted host (")?;
    let address = rest.rsplit_once(", ip=")?.1.split([',', ')']).next()?;
    Some(Message {
        user: user.to_owned(),
        address: is_address(address).then(|| address.to_owned())?,
        ..of(LogKind::RefusedByOptions)
    })
}

/// `Connection closed by authenticating user USER ADDRESS port PORT` and its like.
fn connection(text: &str) -> Option<Message> {
    let rest = [
        "Connection closed by ",
        "Connection reset by ",
        "Disconnected from ",
    ]
    .iter()
    .find_map(|prefix| text.strip_prefix(prefix))?;
    let (kind, named) = if let Some(rest) = rest.strip_prefix("authenticating user ") {
        (LogKind::ClosedBeforeLogin, rest)
    } else if let Some(rest) = rest.strip_prefix("invalid user ") {
        (LogKind::ClosedBeforeLogin, rest)
    } else if let Some(rest) = rest.strip_prefix("user ") {
        (LogKind::Disconnected, rest)
    } else {
        let (address, port) = rest.rsplit_once(" port ")?;
        return Some(Message {
            address: is_address(address).then(|| address.to_owned())?,
            port: number(port)?,
            ..of(LogKind::ClosedBeforeLogin)
        });
    };
    let (user, peer) = peer_at_end(named, " ")?;
    Some(Message {
        user: user.to_owned(),
        address: peer.address.to_owned(),
        port: peer.port,
        ..of(kind)
    })
}
