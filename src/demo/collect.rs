//! The demo's garbage collector: the rules of Nix for what may go, over the synthetic store.
//!
//! In: an action and the roots. Out: what goes in which order, or the refusal in Nix's words; the daemon then takes it away
//! one by one, as far as its client stays.

use super::store::Store;
use crate::domain::StorePath;
use crate::wire::GcAction;
use std::collections::HashSet;

/// What a collection comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Doing {
    /// What goes, in order.
    pub(super) delete: Vec<u32>,
    /// What is reported as well: paths that are not there, or all of it where nothing is deleted.
    pub(super) report: Vec<String>,
    /// It stops after more than this many bytes.
    pub(super) most: u64,
    /// Why it ends then with an error.
    pub(super) refused: Option<String>,
}

/// Decides on it.
pub(super) fn decide(store: &Store, roots: &[(String, StorePath)], action: &GcAction) -> Doing {
    let targets: HashSet<u32> = roots
        .iter()
        .filter_map(|(_, path)| store.find(path))
        .collect();
    let mut doing = Doing {
        most: u64::MAX,
        ..Doing::default()
    };
    if let GcAction::DeleteSpecific(paths) = action {
        specific(store, &targets, paths, &mut doing);
        return doing;
    }
    let live = store.live(targets.iter().copied());
    let wanted = matches!(action, GcAction::ReturnLive);
    let some: Vec<u32> = store
        .valid()
        .filter(|at| live.get(*at as usize) == Some(&wanted))
        .collect();
    if let GcAction::DeleteDead { max_freed } = action {
        doing.most = *max_freed;
        let mut seen = HashSet::new();
        for at in some {
            let order = closure(store, at, &mut seen);
            doing.delete.extend(order);
        }
    } else {
        let paths = some.into_iter().filter_map(|at| store.path(at));
        doing.report = paths.map(|path| path.to_string()).collect();
    }
    doing
}

/// Each path in the order of its text, with what has to go before it; an error ends it there.
fn specific(store: &Store, roots: &HashSet<u32>, paths: &[StorePath], doing: &mut Doing) {
    let mut sorted: Vec<&StorePath> = paths.iter().collect();
    sorted.sort_unstable();
    let listed: HashSet<u32> = paths.iter().filter_map(|path| store.find(path)).collect();
    let mut seen = HashSet::new();
    for path in sorted {
        let Some(at) = store.find(path) else {
            doing.report.push(path.to_string());
            continue;
        };
        let order = closure(store, at, &mut seen);
        let alive = |at: &u32| roots.contains(at) || !listed.contains(at);
        if order.iter().any(alive) {
            doing.refused = Some(format!(
                "Cannot delete path '{path}' since it is still alive. To find out why, use: nix-store --query --roots"
            ));
            return;
        }
        doing.delete.extend(order);
    }
}

/// A path and everything that has to go before it, that first.
fn closure(store: &Store, top: u32, seen: &mut HashSet<u32>) -> Vec<u32> {
    let mut order = Vec::new();
    let mut stack = vec![(top, false)];
    while let Some((at, done)) = stack.pop() {
        if done {
            order.push(at);
        } else if seen.insert(at) {
            stack.push((at, true));
            stack.extend(store.holders(at).map(|other| (other, false)));
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::store::StoreOptions;
    use crate::domain::When;

    fn store() -> Store {
        Store::new(&StoreOptions {
            paths: 600,
            derivations: 50,
            unsigned: 20,
            seed: 3,
            epoch: When::from_unix(1_767_323_045),
        })
        .unwrap()
    }

    fn dead(store: &Store, roots: &[(String, StorePath)]) -> Vec<StorePath> {
        let doing = decide(store, roots, &GcAction::ReturnDead);
        let paths = doing.report.iter();
        paths.map(|path| StorePath::parse(path).unwrap()).collect()
    }

    #[test]
    fn everything_dead_goes_with_referrers_first() {
        let store = store();
        let roots = vec![("/x".to_owned(), store.path(500).unwrap())];
        let dead = dead(&store, &roots);
        assert!(!dead.is_empty() && dead.len() < 600);
        let doing = decide(&store, &roots, &GcAction::DeleteSpecific(dead.clone()));
        assert_eq!(doing.refused, None);
        assert_eq!(doing.delete.len(), dead.len());
        for at in &doing.delete {
            assert_eq!(
                store.holders(*at).count(),
                0,
                "something refers to it still"
            );
            store.delete(*at);
        }
        assert!(store.find(&dead[0]).is_none());
        assert!(store.find(&roots[0].1).is_some());
    }

    #[test]
    fn what_is_alive_or_referred_to_is_refused() {
        let store = store();
        let roots = vec![("/x".to_owned(), store.path(500).unwrap())];
        let doing = decide(
            &store,
            &roots,
            &GcAction::DeleteSpecific(vec![store.path(500).unwrap()]),
        );
        assert!(doing.refused.unwrap().contains("still alive"));
        let referred = store
            .valid()
            .find(|at| store.holders(*at).next().is_some())
            .unwrap();
        let path = store.path(referred).unwrap();
        let doing = decide(&store, &[], &GcAction::DeleteSpecific(vec![path]));
        assert!(doing.refused.is_some() && doing.delete.is_empty());
        let nowhere = StorePath::from_parts(&[9; 20], "nowhere").unwrap();
        let doing = decide(
            &store,
            &[],
            &GcAction::DeleteSpecific(vec![nowhere.clone()]),
        );
        assert_eq!(doing.report, [nowhere.to_string()]);
    }
}
