//! Keys that are not in yet: those that ask, and one that somebody holds in the hand.
//!
//! In: the facts. Out: the document of `requests list`, and the findings on any one key.

use super::{Reading, because, listed, suspended};
use crate::domain::access::AccessFacts;
use crate::domain::authorized_keys::{KeyOptions, NewKey};
use crate::domain::key_request::{Proof, Request};
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::sshd_log::KeyUse;
use crate::domain::text::{visible, visible_bytes};
use crate::judge::access::rows::{RequestRow, Requests};
use crate::judge::finding::{Finding, Level};
use crate::judge::{hygiene, posture};

/// What there is to say about a key that is to be authorized.
pub fn of_candidate(facts: &AccessFacts, key: &PublicSshKey) -> Vec<Finding> {
    candidate(&Reading::new(facts), key)
}

/// What there is to say about a request whose requester has shown no private key.
pub fn unproven() -> Finding {
    Finding::new(
        Level::Warning,
        "unproven",
        "that the requester holds the private key was not proven; anybody can offer a public key",
    )
    .fix("have it proven first")
}

fn candidate(reading: &Reading<'_>, key: &PublicSshKey) -> Vec<Finding> {
    let fingerprint = key.fingerprint();
    let mut findings = hygiene::of_key(key);
    for place in reading.places(&fingerprint) {
        let at = format!("{}, line {}", visible(&place.file.path), place.line);
        let ours = reading
            .facts
            .files
            .iter()
            .any(|file| std::ptr::eq(file, place.file));
        findings.push(if ours {
            Finding::new(
                Level::Warning,
                "duplicate",
                format!("the key is authorized already ({at})"),
            )
        } else if place.file.user == "root" {
            Finding::new(
                Level::Warning,
                "also-root",
                format!("the same key logs in as root ({at})"),
            )
            .fix("ask for another key")
        } else {
            Finding::new(
                Level::Note,
                "also-elsewhere",
                format!("the same key is also in {at}"),
            )
        });
    }
    if let Some(found) = suspended::of(reading.facts, &fingerprint) {
        let message = found.message.replacen("key ", "the key was ", 1);
        findings.push(Finding::new(Level::Warning, suspended::SUSPENDED, message).fix(found.fix));
    }
    let revoked = reading.facts.revoked.iter().flatten();
    for old in revoked.filter(|old| old.fingerprint == fingerprint) {
        findings.push(
            Finding::new(
                Level::Warning,
                "revoked-before",
                format!("the key was revoked at {}{}", old.at, because(&old.reason)),
            )
            .fix("ask for a new key"),
        );
    }
    findings.extend(listed::finding(reading.facts, key, Level::Warning));
    let decided = reading.facts.requests.iter().flatten();
    for decision in decided
        .filter(|request| request.key.fingerprint() == fingerprint)
        .filter_map(|request| request.decision.as_ref())
    {
        if !decision.approved {
            findings.push(Finding::new(
                Level::Warning,
                "denied-before",
                format!(
                    "the key was denied at {}{}",
                    decision.at,
                    because(&decision.reason)
                ),
            ));
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    findings
}

/// The requests that wait, with what there is to say about each.
pub fn requests(facts: &AccessFacts) -> Requests {
    let reading = Reading::new(facts);
    let waiting = facts
        .requests
        .iter()
        .flatten()
        .filter(|request| request.waits());
    let mut requests: Vec<RequestRow> = waiting
        .map(|request| request_row(&reading, request))
        .collect();
    requests.sort_by(|a, b| (a.first_seen, &a.id).cmp(&(b.first_seen, &b.id)));
    let overflow = facts.overflow.as_ref().ok();
    Requests {
        schema: 1,
        requests,
        dropped: overflow.and_then(|overflow| overflow.dropped),
        unread: overflow.map(|overflow| overflow.unread),
    }
}

fn request_row(reading: &Reading<'_>, request: &Request) -> RequestRow {
    let key = &request.key;
    let fingerprint = key.fingerprint();
    let usage = reading.uses.get(&fingerprint);
    let line = NewKey {
        key: key.clone(),
        restrict: true,
        from: None,
        expires: None,
    }
    .line();
    let restricted = KeyOptions::parse(b"restrict").unwrap_or_default();
    let earliest = [request.first_seen, usage.and_then(|usage| usage.first_seen)];
    let latest = [
        request.last_seen,
        usage
            .and_then(|usage| usage.last_refused.as_ref())
            .map(|seen| seen.at),
    ];
    RequestRow {
        id: request.id(),
        fingerprint,
        r#type: visible(key.algorithm()).into_owned(),
        bits: key.bits(),
        comment: visible(&key.comment()).into_owned(),
        source: request.source,
        first_seen: earliest.into_iter().flatten().min(),
        last_seen: latest.into_iter().flatten().max(),
        // Both count the same tries, each with gaps.
        tries: request.tries.max(usage.map_or(0, KeyUse::tries)),
        from: usage.map_or_else(Vec::new, |usage| {
            usage
                .addresses
                .iter()
                .map(|address| visible(address).into_owned())
                .collect()
        }),
        proven: request.proof.is_some(),
        line: line.ok().map(|line| visible_bytes(&line)),
        findings: candidate(reading, key),
        words: posture::of_key(reading.facts, &restricted).words,
        proof: request.proof.as_ref().map(|proof| Proof {
            at: proof.at,
            by: visible(&proof.by).into_owned(),
        }),
        challenge: request.challenge(&reading.facts.host),
    }
}
