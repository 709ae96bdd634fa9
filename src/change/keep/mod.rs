//! Planning what the store keeps: pins that come and go, and roots that go.
//!
//! In: the pins and roots of a server, the store, and what the administrator wants. Out: a [`Plan`] that says what is kept, or
//! what nothing keeps afterwards; or why there is none. Nothing here asks the server.

mod auto_sign;
mod chosen;
mod damaged;
mod error;
mod generations;
mod lease;
mod moves;
mod policy_timer;
mod removal;
mod retention;
mod step;
#[cfg(test)]
mod tests;
mod vacuum;

pub use auto_sign::install_auto_sign;
pub use chosen::delete_paths;
pub use damaged::{delete, repair};
pub use error::KeepError;
pub use generations::older_than;
pub use lease::install_lease;
pub use moves::{Over, PinMove, Revision, move_pin, over, pin_or_move};
pub use policy_timer::install_policy_timer;
pub use removal::{edited, remove_installed};
pub use retention::{Effect, NO_POLICY, retention};
pub use step::KeepStep;
pub use vacuum::vacuum;

use super::access::About;
use super::{Danger, Item, Operation, Plan};
use crate::domain::count::count;
use crate::domain::pin::{Pin, PinName, Shown};
use crate::domain::roots::{Root, RootKind};
use crate::domain::text::visible;
use crate::domain::{Age, Bytes, StorePath, When};
use crate::domain::{Notice, notice};
use crate::inventory::{Inventory, Keep, Liveness, Row};
use crate::link::quote;
use crate::server::Generation;

/// Taking a root away.
const REMOVE: Danger = Danger::Destroys { word: "remove" };

/// Taking a pin away.
const UNPIN: Danger = Danger::Destroys { word: "unpin" };

/// What is requested of a pin, beside its path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PinRequest {
    /// Its name; else one is made from the path's.
    pub name: Option<PinName>,
    /// Why, in the administrator's words.
    pub reason: Option<String>,
    /// When it may go.
    pub expires: Option<When>,
}

/// Pins paths. `folder` is where pins are on the server.
pub fn pin(
    about: &About,
    inventory: &Inventory,
    pins: &[Pin],
    folder: &str,
    paths: &[StorePath],
    request: &PinRequest,
    now: When,
) -> Result<Plan, KeepError> {
    if let Some(end) = request.expires
        && end <= now
    {
        return Err(KeepError::Refused(notice!(
            "the pin would have expired already, at {end}",
            "choose a later time"
        )));
    }
    let mut all = pins.to_vec();
    let mut new = Vec::new();
    for path in paths {
        let row = inventory
            .find(path)
            .filter(|row| inventory.state(*row).is_present())
            .ok_or_else(|| KeepError::NotValid(path.clone()))?;
        let taken = |name: &PinName| all.iter().find(|pin| pin.name == *name);
        let name = match &request.name {
            Some(name) => name.clone(),
            None => PinName::for_path(path, |name| {
                taken(name).is_some_and(|pin| pin.target != *path)
            }),
        };
        let before = taken(&name).cloned();
        if let Some(before) = &before {
            if before.target != *path {
                return Err(KeepError::Taken {
                    name,
                    target: before.target.clone(),
                });
            }
            if (&before.reason, before.expires) == (&request.reason, request.expires) {
                continue;
            }
        }
        let pin = Pin {
            name,
            target: path.clone(),
            by: Some(about.by.clone()),
            reason: request.reason.clone(),
            at: now,
            expires: request.expires,
            sha256: None,
        };
        all.retain(|other| other.name != pin.name);
        all.push(pin.clone());
        new.push((pin, row, before.as_ref().map_or(Shown::Absent, Shown::of)));
    }
    if new.is_empty() {
        return Err(KeepError::Nothing(
            "that is pinned already, with the same reason and end".to_owned(),
        ));
    }
    let (kept, bytes) = closure(inventory, new.iter().map(|(_, row, _)| *row));
    let until = request
        .expires
        .map_or_else(|| "for ever".to_owned(), |end| format!("until {end}"));
    let summary = match new.as_slice() {
        [(pin, ..)] => format!("pin {} as {} {until}", pin.target.base_name(), pin.name),
        several => format!("pin {} paths {until}", several.len()),
    };
    let mut plan = empty(about, "pin", summary, Danger::Adds);
    plan.lines.push((
        "keeps",
        format!(
            "{}, {}, dependencies included",
            count(kept, "path"),
            Bytes(bytes)
        ),
    ));
    for (pin, _, shown) in &new {
        let how = match shown {
            Shown::Absent => "",
            Shown::Bare | Shown::Note(_) => " (another reason)",
        };
        plan.lines
            .push(("+", format!("{folder}/{} -> {}{how}", pin.name, pin.target)));
        plan.commands.push(format!(
            "ln -s {} {}",
            pin.target,
            quote(&format!("{folder}/{}", pin.name))
        ));
        plan.items.push(Item::Pin {
            pin: pin.name.clone(),
            path: pin.target.clone(),
            reason: pin.reason.clone(),
            expires: pin.expires,
        });
    }
    if let Some(reason) = &request.reason {
        plan.lines.push(("reason", reason.clone()));
    }
    plan.operation = Operation::Keep(
        new.into_iter()
            .map(|(pin, _, shown)| KeepStep::Pin {
                pin: Box::new(pin),
                shown,
            })
            .collect(),
    );
    Ok(plan)
}

/// What is known of the store when something is to be kept no longer.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    /// Its paths.
    pub inventory: &'a Inventory,
    /// All of its roots.
    pub roots: &'a [Root],
    /// Nix's settings.
    pub keep: &'a Keep<'a>,
}

impl Kept<'_> {
    /// Paths and bytes that nothing keeps once these roots are gone, beyond those that nothing keeps now.
    fn freed(&self, gone: impl Fn(&Root) -> bool) -> (usize, u64) {
        let rows = |roots: &mut dyn Iterator<Item = &Root>| {
            roots
                .filter_map(|root| self.inventory.find(&root.target))
                .collect::<Vec<_>>()
        };
        let now = Liveness::of(self.inventory, &rows(&mut self.roots.iter()), self.keep);
        let rest = rows(&mut self.roots.iter().filter(|root| !gone(root)));
        let then = Liveness::of(self.inventory, &rest, self.keep);
        let ((paths, bytes), (before, of_those)) = (then.dead(), now.dead());
        (paths.saturating_sub(before), bytes.saturating_sub(of_those))
    }
}

/// The pins of these names, at least one.
pub fn named<'a>(pins: &'a [Pin], names: &[PinName]) -> Result<Vec<&'a Pin>, KeepError> {
    if names.is_empty() {
        return Err(KeepError::Nothing("no pin has expired".to_owned()));
    }
    let of = |name: &PinName| {
        let pin = pins.iter().find(|pin| pin.name == *name);
        pin.ok_or_else(|| KeepError::NoPin(name.to_string()))
    };
    names.iter().map(of).collect()
}

/// Takes pins away.
pub fn unpin(
    about: &About,
    kept: Kept<'_>,
    pins: &[Pin],
    folder: &str,
    names: &[PinName],
) -> Result<Plan, KeepError> {
    let going = named(pins, names)?;
    let summary = match going.as_slice() {
        [pin] => format!("unpin {}, which keeps {}", pin.name, pin.target.base_name()),
        several => format!("take {} pins away", several.len()),
    };
    let mut plan = empty(about, "unpin", summary, UNPIN);
    let freed = kept.freed(|root| {
        matches!(&root.kind, RootKind::Pin(name) if names.iter().any(|gone| gone.as_str() == name))
    });
    plan.lines.push(("effect", effect(freed)));
    for pin in &going {
        plan.lines
            .push(("-", format!("{folder}/{} -> {}", pin.name, pin.target)));
        plan.commands
            .push(format!("rm {}", quote(&format!("{folder}/{}", pin.name))));
        plan.items.push(Item::Pin {
            pin: pin.name.clone(),
            path: pin.target.clone(),
            reason: pin.reason.clone(),
            expires: pin.expires,
        });
    }
    let step = |pin: &&Pin| KeepStep::Unpin {
        name: pin.name.clone(),
        target: pin.target.clone(),
        shown: Shown::of(pin),
    };
    plan.operation = Operation::Keep(going.iter().map(step).collect());
    Ok(plan)
}

/// Removes one root: a generation of a profile that is not its current one, an indirect root, or a pin.
pub fn remove(
    about: &About,
    kept: Kept<'_>,
    pins: &[Pin],
    folder: &str,
    generations: &[Generation],
    link: &str,
) -> Result<Plan, KeepError> {
    let root = find(kept, link)?;
    let RootKind::Pin(name) = &root.kind else {
        return roots(about, kept, &[(root, goes(root, generations)?)]);
    };
    let name = name.parse().map_err(|_| {
        KeepError::Refused(Notice::new(
            format!(
                "{} is a link in the folder of pins that is no pin",
                visible(link)
            ),
            "remove it there by hand",
        ))
    })?;
    unpin(about, kept, pins, folder, &[name])
}

/// Removes several roots, none of them a pin. What is not there any more is no error: it is not in the plan.
pub fn remove_all(
    about: &About,
    kept: Kept<'_>,
    generations: &[Generation],
    links: &[String],
) -> Result<Plan, KeepError> {
    let there = links.iter().filter_map(|link| find(kept, link).ok());
    let going = there.map(|root| Ok((root, goes(root, generations)?)));
    roots(about, kept, &going.collect::<Result<Vec<_>, KeepError>>()?)
}

fn find<'a>(kept: Kept<'a>, link: &str) -> Result<&'a Root, KeepError> {
    let mut roots = kept.roots.iter();
    let root = roots.find(|root| root.link == link);
    root.ok_or_else(|| KeepError::NoRoot(visible(link).into_owned()))
}

/// When its link was made, where that is known; an error where this program does not remove it.
fn goes(root: &Root, generations: &[Generation]) -> Result<Option<When>, KeepError> {
    let link = &root.link;
    let (why, next) = match &root.kind {
        RootKind::Generation { .. } => {
            let known = generations.iter().find(|found| found.root.link == *link);
            match known {
                Some(found) if !found.current => return Ok(found.made()),
                Some(_) => (
                    "it is the current generation of its profile",
                    Some("switch the profile to another one first"),
                ),
                None => (
                    "it is not known whether it is the current generation of its profile",
                    Some("look again"),
                ),
            }
        }
        RootKind::Indirect => return Ok(None),
        RootKind::Pin(_) => ("it is a pin", Some("`storekeeper unpin` removes it")),
        RootKind::Profile => (
            "it is a profile itself and not one of its generations",
            Some("remove the profile there by hand"),
        ),
        RootKind::Direct => (
            "Nix or the system made it for itself",
            Some("remove the link by hand if you are sure"),
        ),
        RootKind::Temporary => (
            "it goes with the connection that builds, uploads or reads this path",
            None,
        ),
        RootKind::Runtime(_) => (
            "a running process uses the path",
            Some("it goes when the process ends"),
        ),
        RootKind::Censored => (
            "Nix hides from this login what it is",
            Some("log in as root"),
        ),
        RootKind::Unknown => (
            "this version does not know such roots",
            Some("look at it on the server"),
        ),
    };
    Err(KeepError::Refused(Notice {
        message: format!("the root {} stays: {why}", visible(link)),
        hint: next.map(str::to_owned),
    }))
}

/// Removes generations and indirect roots, all of which may go.
pub(super) fn roots(
    about: &About,
    kept: Kept<'_>,
    going: &[(&Root, Option<When>)],
) -> Result<Plan, KeepError> {
    let summary = match going {
        [] => return Err(KeepError::Nothing("no root is to go".to_owned())),
        [(root, _)] => format!("remove the root {}", visible(&root.link)),
        several => format!("remove {} roots", several.len()),
    };
    let mut plan = empty(about, "remove-root", summary, REMOVE);
    let freed = kept.freed(|root| going.iter().any(|(gone, _)| gone.link == root.link));
    plan.lines.push(("effect", effect(freed)));
    for (root, _) in going {
        plan.lines
            .push(("-", format!("{} -> {}", root.link, root.target)));
        plan.commands.push(match &root.kind {
            RootKind::Generation { profile, number } => format!(
                "nix-env -p {} --delete-generations {number}",
                quote(profile)
            ),
            _ => format!(
                "find /nix/var/nix/gcroots/auto -lname {} -delete",
                quote(&root.link)
            ),
        });
        plan.items.push(Item::Root {
            root: root.link.clone(),
            path: root.target.clone(),
        });
    }
    if going
        .iter()
        .any(|(root, _)| root.kind == RootKind::Indirect)
    {
        plan.warnings.push("only the automatic link below gcroots/auto goes; the user's own link stays, and keeps nothing any more".to_owned());
    }
    let steps = going.iter().map(|(root, made)| KeepStep::Root {
        root: (*root).clone(),
        made: *made,
    });
    plan.operation = Operation::Keep(steps.collect());
    Ok(plan)
}

/// Number of paths and NAR bytes of several closures together.
fn closure(inventory: &Inventory, rows: impl Iterator<Item = Row>) -> (usize, u64) {
    let all = inventory.closure_of(&rows.collect::<Vec<_>>());
    let sizes = all.iter().filter_map(|row| inventory.nar_size(*row));
    (all.len(), sizes.sum())
}

fn empty(about: &About, change: &'static str, summary: String, danger: Danger) -> Plan {
    Plan {
        change,
        server: about.server.clone(),
        summary,
        items: Vec::new(),
        commands: Vec::new(),
        warnings: Vec::new(),
        concerns: Vec::new(),
        amounts: None,
        push: None,
        lines: vec![("on", about.address.clone())],
        danger,
        operation: Operation::Keep(Vec::new()),
        reason: None,
        second: None,
    }
}

/// What follows for the next collection, whoever runs it.
fn effect((paths, bytes): (usize, u64)) -> String {
    if paths == 0 {
        return "nothing becomes dead: other roots keep all of it".to_owned();
    }
    format!(
        "{}, {}, become{} dead: the next collection may take {}",
        count(paths, "path"),
        Bytes(bytes),
        if paths == 1 { "s" } else { "" },
        if paths == 1 { "it" } else { "them" }
    )
}
