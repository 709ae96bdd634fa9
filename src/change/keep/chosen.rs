//! The plan that deletes chosen paths.
//!
//! In: paths of the store, its roots, and who may log in. Out: a plan with all that has to go with them, what is needed first last, and
//! with the keys that had sessions since they were uploaded; or which root keeps one of them. A path that nothing keeps has no live
//! referrer, so what refers to it goes with it.

use super::damaged::with_referrers;
use super::{About, Danger, Item, KeepError, Kept, Operation, Plan, empty};
use crate::change::collect::CollectOperation;
use crate::domain::access::AccessFacts;
use crate::domain::count::count;
use crate::domain::roots::RootKind;
use crate::domain::text::visible;
use crate::domain::{Bytes, Fact, Notice, StorePath, When};
use crate::inventory::{Inventory, Keep, Life, Liveness, Row};
use crate::judge::exposure;
use std::collections::HashMap;
use std::sync::Arc;

/// Paths that are named one by one in the dialog.
const NAMED: usize = 5;

/// Deletes these paths, with all that refers to them. `access` says which clients may have them.
pub fn delete_paths(
    about: &About,
    kept: Kept<'_>,
    paths: &[StorePath],
    access: Fact<&AccessFacts>,
) -> Result<Plan, KeepError> {
    let inventory = kept.inventory;
    let mut chosen = Vec::new();
    for path in paths {
        let row = inventory
            .find(path)
            .filter(|row| inventory.state(*row).is_present())
            .ok_or_else(|| KeepError::Absent(path.clone()))?;
        if !chosen.contains(&row) {
            chosen.push(row);
        }
    }
    refuse_live(kept, &chosen)?;
    let order = in_order(inventory, kept.keep, &chosen);
    let bytes = order.iter().filter_map(|row| inventory.nar_size(*row));
    let bytes = Bytes(bytes.fold(0, u64::saturating_add));
    let others = order.len() - chosen.len();
    let what = match chosen.as_slice() {
        [one] => inventory.path(*one).name().to_owned(),
        several => count(several.len(), "path"),
    };
    let with = match others {
        0 => String::new(),
        others => format!(" and {}", referring(others)),
    };
    let mut plan = empty(
        about,
        "delete",
        format!("delete {what}{with} ({bytes})"),
        Danger::Destroys { word: "delete" },
    );
    plan.lines.push((
        "what",
        format!("{}, {bytes} of NARs", count(order.len(), "path")),
    ));
    let referrers = order.iter().filter(|row| !chosen.contains(row));
    for (label, rows) in [
        ("deletes", chosen.iter().collect::<Vec<_>>()),
        ("with it", referrers.collect()),
    ] {
        plan.lines.extend(named(inventory, label, &rows));
    }
    let uploaded = chosen.iter().filter_map(|row| inventory.registered(*row));
    plan.warnings.extend(had(uploaded.min(), access));
    for row in &order {
        plan.items.push(Item::Path {
            path: inventory.path(*row),
            nar_size: inventory.nar_size(*row).unwrap_or_default(),
        });
    }
    let all: Vec<String> = order
        .iter()
        .map(|row| inventory.path(*row).to_string())
        .collect();
    plan.commands
        .push(format!("nix-store --delete {}", all.join(" ")));
    plan.operation = Operation::Collect(Arc::new(CollectOperation::at_once(
        inventory, kept.keep, &order,
    )));
    Ok(plan)
}

/// `3 paths that refer to it`.
fn referring(paths: usize) -> String {
    match paths {
        1 => "1 path that refers to it".to_owned(),
        paths => format!("{paths} paths that refer to it"),
    }
}

fn named(inventory: &Inventory, label: &'static str, rows: &[&Row]) -> Vec<(&'static str, String)> {
    let first = rows.iter().take(NAMED);
    let mut lines: Vec<_> = first
        .map(|row| (label, inventory.path(**row).base_name().to_owned()))
        .collect();
    if rows.len() > NAMED {
        lines.push((label, format!("and {} more", rows.len() - NAMED)));
    }
    lines
}

/// Who may have what was uploaded then.
fn had(uploaded: Option<When>, access: Fact<&AccessFacts>) -> Vec<String> {
    let not_known = |why: &str| vec![format!("the clients that may have it are unknown: {why}")];
    match (uploaded, access) {
        (None, _) => not_known("its upload time is unknown"),
        (_, Err(why)) => not_known(&visible(&why.to_string())),
        (Some(when), Ok(facts)) => exposure::since(facts, when).sentences(when),
    }
}

/// Names the root that keeps one of them.
fn refuse_live(kept: Kept<'_>, chosen: &[Row]) -> Result<(), KeepError> {
    let inventory = kept.inventory;
    let roots = kept.roots.iter();
    let roots: Vec<(Row, &_)> = roots
        .filter_map(|root| Some((inventory.find(&root.target)?, root)))
        .collect();
    let targets: Vec<Row> = roots.iter().map(|(row, _)| *row).collect();
    let live = Liveness::of(inventory, &targets, kept.keep);
    let Some(row) = chosen.iter().find(|row| live.life(**row) != Life::Dead) else {
        return Ok(());
    };
    let path = inventory.path(*row);
    let chain = inventory.why_alive(&targets, *row, kept.keep);
    let top = chain.as_ref().and_then(|chain| chain.first().copied());
    let root = top.and_then(|top| roots.iter().find(|(target, _)| *target == top));
    let Some((top, root)) = root else {
        return Err(KeepError::Refused(Notice::new(
            format!("what keeps {path} is unknown"),
            "read the store again; a path that the server cannot read may need it",
        )));
    };
    let through = if top == row {
        String::new()
    } else {
        format!(", through {}", inventory.path(*top))
    };
    let next = match &root.kind {
        RootKind::Pin(name) => format!("unpin {} first", visible(name)),
        _ => "remove that root first".to_owned(),
    };
    Err(KeepError::Refused(Notice::new(
        format!("the root {} keeps {path}{through}", visible(&root.link)),
        next,
    )))
}

/// These and all that Nix deletes before them: what refers to one, the outputs of a derivation where outputs keep it, and the other way
/// round where derivations keep theirs. What is needed comes after what needs it, but within circles.
fn in_order(inventory: &Inventory, keep: &Keep<'_>, chosen: &[Row]) -> Vec<Row> {
    let mut also: HashMap<Row, Vec<Row>> = HashMap::new();
    if keep.derivations {
        for row in (0..inventory.len() as Row).filter(|row| inventory.state(*row).is_present()) {
            if let Some(deriver) = inventory.deriver_row(row) {
                also.entry(deriver).or_default().push(row);
            }
        }
    }
    if keep.outputs {
        for (derivation, output) in keep.output_pairs {
            also.entry(*output).or_default().push(*derivation);
        }
    }
    with_referrers(inventory, chosen, &also)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::testing::{info, inventory, path};
    use crate::domain::Unknown;
    use crate::domain::roots::Root;

    fn store() -> Inventory {
        inventory(&[
            info("base", &[], 100),
            info("lib", &["base"], 90),
            info("app", &["lib", "base"], 80),
            info("tool", &["base"], 70),
            info("other", &[], 60),
        ])
    }

    fn planned(roots: &[Root], paths: &[&str]) -> Result<Plan, KeepError> {
        let about = About {
            server: "prod".into(),
            address: "root@cache".into(),
            by: "root".into(),
        };
        let inventory = store();
        let keep = Keep::default();
        let kept = Kept {
            inventory: &inventory,
            roots,
            keep: &keep,
        };
        let paths: Vec<StorePath> = paths.iter().map(|name| path(name)).collect();
        delete_paths(&about, kept, &paths, Err(Unknown::new("no rights")))
    }

    fn names(plan: &Plan) -> Vec<String> {
        let paths = plan.items.iter().filter_map(Item::path);
        paths.map(|path| path.name().to_owned()).collect()
    }

    #[test]
    fn a_path_goes_with_what_refers_to_it_and_nothing_else() {
        assert_eq!(names(&planned(&[], &["lib"]).unwrap()), ["app", "lib"]);
        assert_eq!(
            names(&planned(&[], &["other", "other"]).unwrap()),
            ["other"]
        );
        let all = planned(&[], &["base"]).unwrap();
        let names = names(&all);
        let at = |name: &str| names.iter().position(|other| other == name).unwrap();
        assert_eq!(names.len(), 4);
        assert!(at("app") < at("lib") && at("lib") < at("base") && at("tool") < at("base"));
        assert_eq!(all.word(), Some("delete"));
        assert_eq!(
            all.warnings,
            ["the clients that may have it are unknown: no rights"]
        );
        let Operation::Collect(operation) = &all.operation else {
            panic!("{:?}", all.operation)
        };
        let calls: Vec<usize> = operation
            .batches
            .iter()
            .map(ExactSizeIterator::len)
            .collect();
        assert_eq!(calls, [4], "one call, or Nix refuses");
        // What stays keeps what it needs.
        assert_eq!(operation.needs(at("tool")), [at("base") as u32]);
    }

    #[test]
    fn what_is_alive_is_refused_with_its_root() {
        let root = Root::new("/r\u{1b}".into(), path("app"), "/nix/var/nix", "/p");
        let said = planned(std::slice::from_ref(&root), &["other", "lib"])
            .unwrap_err()
            .to_string();
        let app = path("app");
        assert!(
            said.contains(&format!(
                "the root /r\\e keeps {}, through {app}",
                path("lib")
            )),
            "{said}"
        );
        // A neighbour of what is alive goes.
        assert_eq!(names(&planned(&[root], &["tool"]).unwrap()), ["tool"]);
        let absent = planned(&[], &["gone"]).unwrap_err();
        assert_eq!(absent, KeepError::Absent(path("gone")));
    }
}
