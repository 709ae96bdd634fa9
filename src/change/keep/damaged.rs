//! The plans that repair damaged paths: fetch them anew, or delete them.
//!
//! In: paths whose contents are not what their hash says, the store and its roots. Out: a plan. A damaged path can't go before what
//! refers to it, so all of that goes, too, and is listed; what a root keeps is refused.

use super::{About, Danger, Item, KeepError, KeepStep, Kept, Operation, Plan, empty};
use crate::domain::Notice;
use crate::domain::count::count;
use crate::domain::{Bytes, StorePath};
use crate::inventory::{Inventory, Liveness, Row};
use std::collections::{HashMap, HashSet};

/// Damaged paths that are named one by one.
const NAMED: usize = 5;

/// Has Nix fetch or build the damaged paths anew.
pub fn repair(
    about: &About,
    inventory: &Inventory,
    damaged: &[StorePath],
) -> Result<Plan, KeepError> {
    if damaged.is_empty() {
        return Err(KeepError::Nothing("no path is damaged".to_owned()));
    }
    let mut plan = empty(
        about,
        "repair",
        format!("repair {}", count(damaged.len(), "damaged path")),
        Danger::Adds,
    );
    plan.lines.push((
        "how",
        "Nix fetches each from a substituter of the server, or builds it anew where it can"
            .to_owned(),
    ));
    plan.lines.extend(named(damaged.iter()));
    for path in damaged {
        let row = inventory.find(path);
        plan.items.push(Item::Path {
            path: path.clone(),
            nar_size: row
                .and_then(|row| inventory.nar_size(row))
                .unwrap_or_default(),
        });
        plan.commands
            .push(format!("nix-store --repair-path {path}"));
    }
    plan.operation = Operation::Keep(damaged.iter().cloned().map(KeepStep::Repair).collect());
    Ok(plan)
}

/// Deletes the damaged paths, with all that refers to them.
pub fn delete(about: &About, kept: Kept<'_>, damaged: &[StorePath]) -> Result<Plan, KeepError> {
    let inventory = kept.inventory;
    let rows: Vec<Row> = damaged
        .iter()
        .filter_map(|path| inventory.find(path))
        .filter(|row| inventory.state(*row).is_present())
        .collect();
    if rows.is_empty() {
        return Err(KeepError::Nothing("no path is damaged".to_owned()));
    }
    let roots: Vec<Row> = kept
        .roots
        .iter()
        .filter_map(|root| inventory.find(&root.target))
        .collect();
    let live = Liveness::of(inventory, &roots, kept.keep);
    if let Some(row) = rows.iter().find(|row| live.is_live(**row)) {
        let chain = inventory.why_alive(&roots, *row, kept.keep);
        let top = chain
            .and_then(|chain| chain.first().copied())
            .unwrap_or(*row);
        return Err(KeepError::Refused(Notice::new(
            format!(
                "{} is damaged and kept by a root of {}",
                inventory.path(*row),
                inventory.path(top)
            ),
            "have it repaired instead, or remove that root first",
        )));
    }
    let order = with_referrers(inventory, &rows, &HashMap::new());
    let bytes: u64 = order
        .iter()
        .filter_map(|row| inventory.nar_size(*row))
        .sum();
    let mut plan = empty(
        about,
        "delete",
        format!("delete {}", count(rows.len(), "damaged path")),
        Danger::Destroys { word: "delete" },
    );
    plan.lines.push((
        "what",
        format!("{}, {}", count(order.len(), "path"), Bytes(bytes)),
    ));
    let paths: Vec<StorePath> = rows.iter().map(|row| inventory.path(*row)).collect();
    plan.lines.extend(named(paths.iter()));
    if order.len() > rows.len() {
        plan.warnings.push(format!("{} depend on what is damaged and are deleted with it; clients that need them have to get them elsewhere", count(order.len() - rows.len(), "path")));
    }
    for row in &order {
        let path = inventory.path(*row);
        plan.commands.push(format!("nix-store --delete {path}"));
        plan.items.push(Item::Path {
            path,
            nar_size: inventory.nar_size(*row).unwrap_or_default(),
        });
    }
    let steps = order
        .iter()
        .map(|row| KeepStep::Delete(inventory.path(*row)));
    plan.operation = Operation::Keep(steps.collect());
    Ok(plan)
}

/// The first of them, for the dialog.
fn named<'a>(paths: impl ExactSizeIterator<Item = &'a StorePath>) -> Vec<(&'static str, String)> {
    let more = paths.len().saturating_sub(NAMED);
    let mut lines: Vec<_> = paths
        .take(NAMED)
        .map(|path| ("damaged", path.base_name().to_owned()))
        .collect();
    if more > 0 {
        lines.push(("damaged", format!("and {more} more")));
    }
    lines
}

/// These and all that refer to them, directly or not: what refers comes before what it refers to, but within circles. What `also`
/// has for a row counts as if it referred to it.
pub(super) fn with_referrers(
    inventory: &Inventory,
    rows: &[Row],
    also: &HashMap<Row, Vec<Row>>,
) -> Vec<Row> {
    let mut seen: HashSet<Row> = HashSet::new();
    let mut order = Vec::new();
    // Depth first: a row is done when all that refer to it are.
    let mut stack: Vec<(Row, bool)> = rows.iter().rev().map(|row| (*row, false)).collect();
    while let Some((row, done)) = stack.pop() {
        if done {
            order.push(row);
            continue;
        }
        if !seen.insert(row) {
            continue;
        }
        stack.push((row, true));
        let referrers = inventory.referrers(row).iter();
        let referrers = referrers.chain(also.get(&row).into_iter().flatten());
        stack.extend(referrers.map(|referrer| (*referrer, false)));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::testing::{info, inventory, path};
    use crate::domain::roots::Root;
    use crate::inventory::Keep;

    fn store() -> Inventory {
        inventory(&[
            info("base", &[], 100),
            info("lib", &["base"], 90),
            info("app", &["lib", "base"], 80),
            info("tool", &["base"], 70),
        ])
    }

    fn about() -> About {
        About {
            server: "prod".into(),
            address: "root@cache".into(),
            by: "root".into(),
        }
    }

    fn delete_with(roots: &[Root], damaged: &[&str]) -> Result<Plan, KeepError> {
        let inventory = store();
        let keep = Keep::default();
        let kept = Kept {
            inventory: &inventory,
            roots,
            keep: &keep,
        };
        let damaged: Vec<StorePath> = damaged.iter().map(|name| path(name)).collect();
        delete(&about(), kept, &damaged)
    }

    #[test]
    fn what_refers_goes_first_and_is_listed() {
        let plan = delete_with(&[], &["base"]).unwrap();
        let names: Vec<&str> = plan
            .items
            .iter()
            .filter_map(|item| item.path().map(StorePath::name))
            .collect();
        assert_eq!(names.len(), 4);
        let at = |name: &str| names.iter().position(|other| *other == name).unwrap();
        assert!(at("app") < at("lib") && at("lib") < at("base") && at("tool") < at("base"));
        assert!(plan.warnings[0].starts_with("3 paths depend"));
        assert_eq!(plan.danger, Danger::Destroys { word: "delete" });
        let plan = delete_with(&[], &["app"]).unwrap();
        assert_eq!((plan.items.len(), plan.warnings.len()), (1, 0));
    }

    #[test]
    fn what_a_root_keeps_is_refused() {
        let root = Root::new("/r".into(), path("app"), "/nix/var/nix", "/p");
        let Err(why @ KeepError::Refused(_)) = delete_with(&[root], &["base"]) else {
            panic!()
        };
        let why = why.to_string();
        assert!(
            why.contains(&path("app").to_string()) && why.contains("repaired instead"),
            "{why}"
        );
        assert!(matches!(delete_with(&[], &[]), Err(KeepError::Nothing(_))));
        assert!(matches!(
            delete_with(&[], &["gone"]),
            Err(KeepError::Nothing(_))
        ));
    }

    #[test]
    fn repairs() {
        let plan = repair(&about(), &store(), &[path("lib")]).unwrap();
        assert_eq!(
            plan.commands,
            [format!("nix-store --repair-path {}", path("lib"))]
        );
        assert_eq!(plan.danger, Danger::Adds);
        let reported = |paths: &[StorePath]| -> Vec<String> {
            let plan = repair(&about(), &store(), paths).unwrap();
            let lines = plan.lines.into_iter();
            lines
                .filter(|(label, _)| *label == "damaged")
                .map(|(_, text)| text)
                .collect()
        };
        assert_eq!(reported(&[path("lib")]), [path("lib").base_name()]);
        let many: Vec<StorePath> = (0..7).map(|at| path(&format!("p{at}"))).collect();
        assert_eq!(reported(&many).len(), 6);
        assert_eq!(reported(&many)[5], "and 2 more");
        assert!(matches!(
            repair(&about(), &store(), &[]),
            Err(KeepError::Nothing(_))
        ));
    }
}
