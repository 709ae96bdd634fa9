//! The plan that moves a pin to another path, and keeps what it led to before as a dated revision.
//!
//! In: the pins of a server, the store, how many revisions are kept and for how long. Out: a plan that shows the old path, the new
//! one, and which revisions leave. The revision is pinned before the pin moves, and others leave after it: at every moment the old
//! path or both are kept.

use super::{
    About, Danger, Item, KeepError, KeepStep, Operation, PinRequest, Plan, closure, empty, pin,
};
use crate::domain::count::count;
use crate::domain::pin::{Pin, PinName, Revisions, Shown};
use crate::domain::{Bytes, StorePath, When, notice};
use crate::inventory::Inventory;

/// What a pin led to before, under its dated name; and how that place was shown.
pub type Revision = (Pin, Shown);

/// A pin that moves, as one step: all of it is done in order, or stops where something is not what was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinMove {
    /// The path that it leads to until now; `None` where no revision is kept.
    pub revision: Option<Revision>,
    /// As it will be.
    pub pin: Pin,
    /// What it leads to until now.
    pub from: StorePath,
    /// How it was shown.
    pub shown: Shown,
    /// The revisions that leave.
    pub leave: Vec<Pin>,
}

/// Pins paths. Where revisions are kept and a pin of the wanted name leads to another path, it moves to the one that is given.
pub fn pin_or_move(
    about: &About,
    inventory: &Inventory,
    (pins, folder): (&[Pin], &str),
    paths: &[StorePath],
    request: &PinRequest,
    revisions: Option<Revisions>,
    now: When,
) -> Result<Plan, KeepError> {
    let mut named = pins.iter();
    let before = named.find(|pin| Some(&pin.name) == request.name.as_ref());
    match (revisions, before, paths) {
        (Some(kept), Some(before), [path]) if before.target != *path => move_pin(
            about,
            inventory,
            (pins, folder),
            (before, path),
            request,
            kept,
            now,
        ),
        _ => pin(about, inventory, pins, folder, paths, request, now),
    }
}

/// Moves the pin of this name to a path; its name has to be a pin's already. `folder` is where pins are on the server.
pub fn move_pin(
    about: &About,
    inventory: &Inventory,
    (pins, folder): (&[Pin], &str),
    (before, path): (&Pin, &StorePath),
    request: &PinRequest,
    kept: Revisions,
    now: When,
) -> Result<Plan, KeepError> {
    let row = inventory
        .find(path)
        .filter(|row| inventory.state(*row).is_present())
        .ok_or_else(|| KeepError::NotValid(path.clone()))?;
    if request.expires.is_some_and(|end| end <= now) {
        return Err(KeepError::Refused(notice!(
            "the pin would have expired already",
            "choose a later time"
        )));
    }
    let name = &before.name;
    let (revision, leave) = revisions(pins, before, kept, now)?;
    let pin = Pin {
        name: name.clone(),
        target: path.clone(),
        by: Some(about.by.clone()),
        reason: request.reason.clone(),
        at: now,
        expires: request.expires,
        sha256: None,
    };
    let mut plan = empty(
        about,
        "pin",
        format!("move the pin {name} to {}", path.base_name()),
        Danger::Adds,
    );
    let (paths, bytes) = closure(inventory, std::iter::once(row));
    plan.lines.push((
        "keeps",
        format!(
            "{}, {}, dependencies included",
            count(paths, "path"),
            Bytes(bytes)
        ),
    ));
    plan.lines
        .push(("-", format!("{folder}/{name} -> {}", before.target)));
    plan.lines.push(("+", format!("{folder}/{name} -> {path}")));
    describe(
        &mut plan,
        folder,
        revision.as_ref().map(|(pin, _)| pin),
        &leave,
    );
    plan.items.push(Item::Pin {
        pin: name.clone(),
        path: path.clone(),
        reason: pin.reason.clone(),
        expires: pin.expires,
    });
    plan.commands = vec![format!(
        "ln -sfn {path} {}",
        crate::link::quote(&format!("{folder}/{name}"))
    )];
    plan.operation = Operation::Keep(vec![KeepStep::Move(Box::new(PinMove {
        revision,
        pin,
        from: before.target.clone(),
        shown: Shown::of(before),
        leave,
    }))]);
    Ok(plan)
}

/// The revision that is kept of a pin that moves, with how its place was shown, and the older ones that leave.
fn revisions(
    pins: &[Pin],
    before: &Pin,
    kept: Revisions,
    now: When,
) -> Result<(Option<Revision>, Vec<Pin>), KeepError> {
    let since = if before.at.unix() > 0 { before.at } else { now };
    let dated = before.name.revision(since).map_err(|why| {
        KeepError::Refused(crate::domain::Notice::new(why, "choose a shorter name"))
    })?;
    let of = |pin: &&Pin| pin.name.is_revision_of(&before.name);
    let mut older: Vec<&Pin> = pins.iter().filter(of).collect();
    // By their dates, which stand in their names: the newest first.
    older.sort_by(|a, b| b.name.cmp(&a.name));
    let there = older.iter().find(|pin| pin.name == dated);
    if let Some(taken) = there
        && taken.target != before.target
    {
        return Err(KeepError::Taken {
            name: dated,
            target: taken.target.clone(),
        });
    }
    let shown = there.map_or(Shown::Absent, |pin| Shown::of(pin));
    older.retain(|pin| pin.name != dated);
    let revision = (kept.count > 0).then(|| {
        let revision = Pin {
            name: dated,
            expires: kept.days.map(|days| now.plus_days(days)),
            sha256: None,
            ..before.clone()
        };
        (revision, shown)
    });
    let room = kept.count.saturating_sub(1);
    let leave = older.into_iter().enumerate();
    let leave = leave.filter(|(at, pin)| *at >= room || pin.expired(now));
    Ok((revision, leave.map(|(_, pin)| pin.clone()).collect()))
}

/// What becomes of the revisions, for the dialog.
fn describe(plan: &mut Plan, folder: &str, revision: Option<&Pin>, leave: &[Pin]) {
    match revision {
        Some(revision) => {
            let until = revision
                .expires
                .map_or_else(String::new, |end| format!(" until {end}"));
            plan.lines.push((
                "+",
                format!("{folder}/{} -> {}{until}", revision.name, revision.target),
            ));
        }
        None => plan
            .warnings
            .push("what it led to before is kept no longer by it".to_owned()),
    }
    for pin in leave {
        plan.lines
            .push(("-", format!("{folder}/{} -> {}", pin.name, pin.target)));
    }
    if !leave.is_empty() {
        plan.warnings.push(format!(
            "{} of it leave{}: what only {} kept is dead then",
            count(leave.len(), "revision"),
            if leave.len() == 1 { "s" } else { "" },
            if leave.len() == 1 { "that" } else { "these" },
        ));
    }
}

/// Which of the pins whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// All of them.
    Pins,
    /// Those that are revisions of pins that moved.
    Revisions,
}

/// The pins whose time is over.
pub fn over(pins: &[Pin], which: Over, now: When) -> Vec<PinName> {
    let meant = |pin: &&Pin| which == Over::Pins || pin.name.is_revision();
    pins.iter()
        .filter(|pin| pin.expired(now))
        .filter(meant)
        .map(|pin| pin.name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::testing::{info, inventory, path};

    fn pin(name: &str, target: &str, at: i64, expires: Option<i64>) -> Pin {
        Pin {
            name: name.parse().unwrap(),
            target: path(target),
            by: Some("root".into()),
            reason: None,
            at: When::from_unix(at),
            expires: expires.map(When::from_unix),
            sha256: Some("0".repeat(64)),
        }
    }

    const NOW: i64 = 1_800_000_000;

    fn moved(pins: &[Pin], count: usize, days: Option<u32>) -> (Plan, PinMove) {
        let about = About {
            server: "prod".into(),
            address: "root@cache".into(),
            by: "root".into(),
        };
        let store = inventory(&[info("a", &[], 100), info("b", &[], 90), info("c", &[], 80)]);
        let before = pins.iter().find(|pin| pin.name.as_str() == "web").unwrap();
        let now = When::from_unix(NOW);
        let request = PinRequest::default();
        let kept = Revisions { count, days };
        let plan = move_pin(
            &about,
            &store,
            (pins, "/pins"),
            (before, &path("c")),
            &request,
            kept,
            now,
        )
        .unwrap();
        let Operation::Keep(steps) = &plan.operation else {
            panic!()
        };
        let [KeepStep::Move(step)] = &steps[..] else {
            panic!()
        };
        let step = (**step).clone();
        (plan, step)
    }

    #[test]
    fn what_it_led_to_is_kept_and_what_is_over_leaves() {
        let at = |days: i64| NOW - days * 86_400;
        let of = |days: i64| {
            let name: PinName = "web".parse().unwrap();
            name.revision(When::from_unix(at(days))).unwrap()
        };
        let pins = [
            pin("web", "b", at(1), None),
            pin(of(9).as_str(), "a", at(9), None),
            pin(of(5).as_str(), "a", at(5), None),
            pin(of(3).as_str(), "a", at(3), Some(at(0) - 1)),
            pin("web-2", "a", at(9), None),
            pin("website", "a", at(9), None),
        ];
        let (plan, step) = moved(&pins, 3, Some(30));
        let (revision, shown) = step.revision.unwrap();
        assert_eq!(shown, Shown::Absent);
        assert_eq!((&revision.name, &revision.target), (&of(1), &path("b")));
        assert_eq!(revision.expires, Some(When::from_unix(NOW + 30 * 86_400)));
        let left: Vec<&str> = step.leave.iter().map(|pin| pin.name.as_str()).collect();
        assert_eq!(
            left,
            [of(3).as_str(), of(9).as_str()],
            "one is over, one too many"
        );
        let lines: Vec<&str> = plan.lines.iter().map(|line| line.1.as_str()).collect();
        assert!(
            lines
                .join("\n")
                .contains(&format!("/pins/{} -> {}", of(9), path("a")))
        );
        assert!(plan.warnings[0].starts_with("2 revisions of it leave:"));
        let now = When::from_unix(NOW);
        assert_eq!(over(&pins, Over::Revisions, now), [of(3)]);
        let ended = pin("old", "a", at(9), Some(at(1)));
        let more = [&pins[..], &[ended]].concat();
        assert_eq!(over(&more, Over::Revisions, now), [of(3)]);
        assert_eq!(
            over(&more, Over::Pins, now),
            [of(3), "old".parse().unwrap()]
        );
        let (plan, step) = moved(&pins, 0, None);
        assert!(step.revision.is_none() && step.leave.len() == 3);
        assert!(plan.warnings[0].contains("no longer"));
        let (plan, step) = moved(&pins[..1], 5, None);
        assert!(step.leave.is_empty() && plan.warnings.is_empty());
        assert_eq!(step.revision.unwrap().0.expires, None);
    }
}
