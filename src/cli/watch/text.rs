//! An event for people.
//!
//! In: an event. Out: one line.

use crate::domain::count::{count, number};
use crate::domain::{Bytes, When};
use crate::judge::events::{Event, Link, Phase};
use crate::judge::health::State;

/// The line of an event that was seen at this time.
pub(super) fn line(at: When, event: &Event) -> String {
    format!("{at}  {:<13}  {}", event.kind().word(), words(event))
}

fn words(event: &Event) -> String {
    match event {
        Event::Upload {
            path,
            nar_size,
            trust,
            refused,
            ..
        } => {
            let size = nar_size.map_or_else(|| "size unknown".to_owned(), |n| Bytes(n).to_string());
            let refused = if *refused { ", refused" } else { "" };
            format!("{path}  {size}, {trust}{refused}")
        }
        Event::RefusedPath { path, trust } => format!("{path}  clients refuse it: {trust}"),
        Event::Signature { path, keys, trust } => {
            format!("{path}  signed by {}, now {trust}", keys.join(", "))
        }
        Event::Deleted { paths, nar_size } => {
            format!("{}, {}", count(*paths, "path"), Bytes(*nar_size))
        }
        Event::Request {
            id,
            fingerprint,
            comment,
        } => format!("{id}  {}", named(comment, fingerprint)),
        Event::RefusedLogin {
            fingerprint,
            comment,
            from,
            times,
            message,
            ..
        } => {
            let who = named(comment, fingerprint);
            let times = count(usize::try_from(*times).unwrap_or(usize::MAX), "time");
            format!("{who} from {from}, {times}: {message}")
        }
        Event::Disk {
            state,
            available,
            size,
            inodes_free,
        } => {
            let (left, size) = (Bytes(*available), Bytes(*size));
            let inodes = inodes_free.map_or_else(String::new, |free| {
                let free = usize::try_from(free).unwrap_or(usize::MAX);
                format!(", {} inodes", number(free))
            });
            let what = match state {
                State::Critical => "critical",
                State::Warning => "below the threshold",
                State::Fine | State::Unknown => "above the threshold again",
            };
            format!("{what}: {left}{inodes} left of {size}")
        }
        Event::KeyExpiring {
            fingerprint,
            comment,
            expires,
            expired,
        } => {
            let verb = if *expired { "expired" } else { "expires" };
            format!("{} {verb} at {expires}", named(comment, fingerprint))
        }
        Event::Collection { state } => match state {
            Phase::Began => "began",
            Phase::Ended => "ended",
        }
        .to_owned(),
        Event::Daemon { listens } => if *listens {
            "listens again"
        } else {
            "nobody listens at its socket: clients get nothing"
        }
        .to_owned(),
        Event::Connection { state, message } => {
            let state = match state {
                Link::Watched => "watched",
                Link::Polled => "read once a minute",
                Link::Unread => "could not be read",
                Link::Lost => "lost",
            };
            match message {
                Some(message) => format!("{state}: {message}"),
                None => state.to_owned(),
            }
        }
    }
}

fn named(comment: &str, fingerprint: &impl std::fmt::Display) -> String {
    if comment.is_empty() {
        fingerprint.to_string()
    } else {
        format!("{comment} ({fingerprint})")
    }
}
