//! The words of a collection's plan.
//!
//! In: what was chosen from what, by which rules. Out: summary, lines of the dialog, equivalent commands, warnings.

use super::About;
use crate::domain::Bytes;
use crate::domain::count::count;
use crate::domain::space::UseSource;
use crate::domain::text::visible;
use crate::judge::collect::{Estimate, Goal, Gone};
use std::cmp::Reverse;

/// Packages that are named one by one: so many that go first, and so many of the largest.
const NAMED: usize = 4;

/// `between 20.1 and 35.2 GiB`.
fn on_disk(bytes: &Estimate) -> String {
    match bytes.low {
        Some(low) if low == bytes.high => format!("about {} on disk", Bytes(bytes.high)),
        Some(low) => format!(
            "{} to {} on disk, since files that are hard-linked to what stays free nothing",
            Bytes(low),
            Bytes(bytes.high)
        ),
        None => format!("at most {} on disk", Bytes(bytes.high)),
    }
}

pub(super) fn summary(about: &About<'_>) -> String {
    let collection = about.collection;
    format!(
        "collect {} ({}) that no root keeps, least recently used first",
        count(collection.order.len(), "path"),
        Bytes(collection.bytes.nar)
    )
}

pub(super) fn lines(about: &About<'_>) -> Vec<(&'static str, String)> {
    let collection = about.collection;
    let inventory = about.situation.inventory;
    let usage = about.situation.usage;
    let mut lines = vec![
        (
            "on",
            format!("{} ({})", visible(about.server), visible(about.reached)),
        ),
        (
            "what",
            format!(
                "{}, {} of NARs, {}",
                count(collection.order.len(), "path"),
                Bytes(collection.bytes.nar),
                on_disk(&collection.bytes)
            ),
        ),
        ("goal", collection.goal_sentence()),
        ("rules", about.rules.words()),
    ];
    if let Some(limit) = super::idle(about.rules) {
        lines.push((
            "waits",
            format!("for moments without an open session of the cache user, {limit} in all"),
        ));
    }
    if let Some(until) = collection.used_until {
        let known = match usage.source {
            UseSource::AccessTime | UseSource::AccessTimeDaily => {
                format!("nothing that was used after {until} goes")
            }
            UseSource::Registration => format!("nothing that was uploaded after {until} goes"),
        };
        lines.push(("order", known));
    }
    let groups = &collection.groups;
    let mut named: Vec<&Gone> = Vec::with_capacity(2 * NAMED);
    let mut largest: Vec<&Gone> = groups.iter().collect();
    largest.sort_by_key(|group| Reverse(group.bytes));
    for (mut label, some) in [
        ("first", groups.iter().take(NAMED).collect::<Vec<_>>()),
        ("largest", largest),
    ] {
        let new = |group: &&Gone| !named.iter().any(|other| std::ptr::eq(*other, *group));
        let some: Vec<&Gone> = some.into_iter().filter(new).take(NAMED).collect();
        for group in &some {
            let words = visible(&group.words(inventory)).into_owned();
            let size = Bytes(group.bytes).to_string();
            lines.push((
                label,
                format!("{size:>9}  {words}, last used {}", group.used),
            ));
            label = "";
        }
        named.extend(some);
    }
    let more = groups.len() - named.len();
    if more > 0 {
        let all: u64 = groups.iter().map(|group| group.bytes).sum();
        let reported: u64 = named.iter().map(|group| group.bytes).sum();
        let packages = if more == 1 { "package" } else { "packages" };
        let size = Bytes(all.saturating_sub(reported)).to_string();
        lines.push((
            "also",
            format!("{size:>9}  {more} more {packages}; --json has the whole list"),
        ));
    }
    let mut label = "keeps";
    for sentence in collection.kept.sentences(about.rules) {
        lines.push((label, sentence));
        label = "";
    }
    lines.push((
        "effect",
        "clients that need one of them get it elsewhere or build it; deleted paths do not come back"
            .to_owned(),
    ));
    lines
}

pub(super) fn commands(about: &About<'_>, calls: usize) -> Vec<String> {
    let count = about.collection.order.len();
    let Some(first) = about.collection.order.first() else {
        return Vec::new();
    };
    let path = about.situation.inventory.path(*first);
    let many = if count > 1 {
        format!("  # and {} more, in {calls} calls", count - 1)
    } else {
        String::new()
    };
    vec![format!("nix-store --delete {path}{many}")]
}

pub(super) fn warnings(about: &About<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let usage = about.situation.usage;
    if usage.source == UseSource::Registration {
        let why = usage.why.as_deref().map_or_else(String::new, |why| {
            format!(" ({})", why.trim_end_matches('.'))
        });
        warnings.push(format!(
            "when paths were last used is not known{why}, so the time of their upload counts: an old path that is used every day would go before a new one; pin what must stay"
        ));
    }
    if let Goal::Short { by } = &about.collection.goal {
        warnings.push(format!(
            "this does not reach the goal, {} are missing; loosen the rules, remove roots, or enlarge the disk",
            Bytes(by.0)
        ));
    }
    if about.collection.bytes.low.is_none() {
        warnings
            .push("what hard links share is not known, so less than this may come free".to_owned());
    }
    warnings.extend(about.notes.iter().map(|note| visible(note).into_owned()));
    warnings
}

/// Why nothing goes.
pub(super) fn nothing(about: &About<'_>) -> String {
    let collection = about.collection;
    if collection.capped {
        return "the least recently used paths that must go together are more than the maximum; raise --max".to_owned();
    }
    if matches!(collection.goal, Goal::Reached(_)) {
        return "the goal is reached already".to_owned();
    }
    let sentences = collection.kept.sentences(about.rules);
    if sentences.is_empty() {
        "the store is empty".to_owned()
    } else {
        sentences.join("; ")
    }
}
