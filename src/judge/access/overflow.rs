//! Whether requests for access were lost.
//!
//! In: the facts. Out: findings on what the queue did not take, the same in `status`, on the Overview and among the notices.

use crate::domain::Age;
use crate::domain::access::AccessFacts;
use crate::domain::count::{count, number};
use crate::domain::key_request::Source;
use crate::domain::overflow::KNOCK_CAPACITY;
use crate::judge::finding::{Finding, Level};

/// Longer ago it is not said any more; the knock then counts anew.
const SAID_FOR: Age = Age(7 * 86_400);

/// What was lost, and what to do. Nothing where it is not known: that is said beside it.
pub fn overflow(facts: &AccessFacts) -> Vec<Finding> {
    let Ok(overflow) = &facts.overflow else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let dropped = overflow.dropped;
    if let Some(dropped) = dropped.filter(|dropped| dropped.last.age(facts.at) <= SAID_FOR) {
        let knocks = |request: &&_| is_waiting_knock(request);
        let waiting = facts.requests.iter().flatten().filter(knocks).count();
        let dropped_count = usize::try_from(dropped.count).unwrap_or(usize::MAX);
        let (lost, why) = if waiting >= KNOCK_CAPACITY {
            (format!("request queue full: {}", number(dropped_count)), "")
        } else {
            (count(dropped_count, "request"), ", too many at once")
        };
        let message = format!(
            "{lost} dropped since {}{why}, the last {} ago",
            minute(&dropped.since.to_string()),
            dropped.last.age(facts.at)
        );
        findings.push(
            Finding::new(Level::Warning, "requests-dropped", message)
                .fix("deny keys that nobody knows, and ask who is missing to connect again"),
        );
    }
    if overflow.unread > 0 {
        let files = count(
            usize::try_from(overflow.unread).unwrap_or(usize::MAX),
            "file",
        );
        findings.push(
            Finding::new(
                Level::Warning,
                "requests-unread",
                format!("{files} among the waiting requests not read: more than the knock keeps"),
            )
            .fix("look at the folder `waiting` and remove what is no request"),
        );
    }
    findings
}

fn is_waiting_knock(request: &crate::domain::key_request::Request) -> bool {
    request.waits() && request.source == Source::Knock
}

/// `2026-01-02 03:04 UTC` of `2026-01-02T03:04:05Z`.
fn minute(time: &str) -> String {
    match (time.get(..10), time.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => time.to_owned(),
    }
}
