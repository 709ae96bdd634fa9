//! The demo's GC roots: links in its state folder, found as Nix finds them.
//!
//! In: the store and the folder. Out: links with their targets; stale automatic ones are removed on the way, as every real
//! daemon does (`LocalStore::findRoots` in `gc.cc`).

use super::store::Store;
use crate::domain::StorePath;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Folders below a root folder that are looked into.
const DEPTH: usize = 4;

const STORE: &str = "/nix/store/";

/// What the first roots keep.
pub(super) struct Roots {
    /// A system's generations, by their numbers.
    generations: Vec<(u32, StorePath)>,
    /// What a root directly below `gcroots` keeps.
    current: Option<StorePath>,
    /// What a user's build left.
    result: Option<StorePath>,
}

/// The first roots of a store.
pub(super) fn pick(store: &Store) -> Roots {
    // What nothing else refers to, newest first.
    let mut tops: Vec<(i64, StorePath)> = (0..store.len() as u32)
        .filter(|at| store.is_signed(*at))
        .filter(|at| store.referrers(*at).iter().all(|other| other == at))
        .filter_map(|at| {
            let info = store.unsigned_info(at)?;
            let whole = !info.path.is_derivation() && !info.references.is_empty();
            whole.then(|| (info.registered.unix(), info.path))
        })
        .collect();
    tops.sort_unstable_by(|a, b| b.cmp(a));
    let mut take = |share: usize| {
        let at = tops.len() * share / 100;
        (at < tops.len()).then(|| tops.remove(at).1)
    };
    Roots {
        generations: [(42, 0), (41, 8), (40, 20)]
            .into_iter()
            .filter_map(|(generation, share)| Some((generation, take(share)?)))
            .collect(),
        current: take(1),
        result: take(5),
    }
}

/// Puts them there.
pub(super) fn make(state: &Path, home: &Path, roots: &Roots) -> std::io::Result<()> {
    for folder in ["gcroots/auto", "profiles"] {
        fs::create_dir_all(state.join(folder))?;
    }
    for (generation, target) in &roots.generations {
        let link = state.join(format!("profiles/system-{generation}-link"));
        symlink(target.to_string(), link)?;
    }
    symlink("system-42-link", state.join("profiles/system"))?;
    if let Some(target) = &roots.current {
        symlink(target.to_string(), state.join("gcroots/current-system"))?;
    }
    if let Some(target) = &roots.result {
        let result = home.join("result");
        symlink(target.to_string(), &result)?;
        symlink(
            result,
            state.join("gcroots/auto/5g1bxyw3wdl4v9kqvbdxlqa5nbrm5dkk"),
        )?;
    }
    Ok(())
}

/// Every link that keeps a path of the store.
pub(super) fn find(
    state: &Path,
    store: &Store,
    notes: &mut Vec<String>,
) -> Vec<(String, StorePath)> {
    let mut found = Vec::new();
    for folder in ["gcroots", "profiles", "pins"] {
        walk(&state.join(folder), DEPTH, store, &mut found, notes);
    }
    for path in store.temp_roots() {
        found.push(("{temp:4711}".to_owned(), path));
    }
    found.sort();
    found.dedup();
    found
}

fn walk(
    folder: &Path,
    depth: usize,
    store: &Store,
    found: &mut Vec<(String, StorePath)>,
    notes: &mut Vec<String>,
) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && depth > 0 {
            walk(&path, depth - 1, store, found, notes);
        } else if kind.is_symlink() {
            link(&path, store, found, notes);
        }
    }
}

fn link(path: &Path, store: &Store, found: &mut Vec<(String, StorePath)>, notes: &mut Vec<String>) {
    let Ok(target) = fs::read_link(path) else {
        return;
    };
    if let Some(kept) = in_store(&target) {
        keep(path, kept, store, found, notes);
        return;
    }
    let target: PathBuf = path.parent().unwrap_or(path).join(target);
    match fs::read_link(&target) {
        Ok(second) => {
            if let Some(kept) = in_store(&second) {
                keep(&target, kept, store, found, notes);
            }
        }
        Err(_) if path.parent().is_some_and(|parent| parent.ends_with("auto")) => {
            notes.push(format!(
                "removing stale link from '{}' to '{}'\n",
                path.display(),
                target.display()
            ));
            // Next time, then.
            let _ = fs::remove_file(path);
        }
        Err(_) => {}
    }
}

fn keep(
    link: &Path,
    kept: StorePath,
    store: &Store,
    found: &mut Vec<(String, StorePath)>,
    notes: &mut Vec<String>,
) {
    let link = link.to_string_lossy().into_owned();
    if store.find(&kept).is_some() {
        found.push((link, kept));
    } else {
        notes.push(format!("skipping invalid root from '{link}' to '{kept}'\n"));
    }
}

/// The store path that a target is, or is in.
fn in_store(target: &Path) -> Option<StorePath> {
    let rest = target.to_str()?.strip_prefix(STORE)?;
    let base = rest.split('/').next()?;
    StorePath::from_base_name(base).ok()
}
