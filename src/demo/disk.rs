//! The demo's disk, as `df` and `stat` tell of it.
//!
//! In: the synthetic store, and what was freed of it. Out: the output of either program.

use super::looks;
use super::store::Store;
use super::tools::Outcome;

/// Size and use: KiB, or inodes.
fn disk(store: &Store, inodes: bool) -> (u64, u64) {
    let (bytes, paths) = store.freed();
    if inodes {
        let first = (store.len() as u64 * 40).max(39_817_052);
        let size = (first / 61 * 100).max(65_273_856);
        (size, first.saturating_sub(paths * 40))
    } else {
        let first = looks::used(store.len());
        (looks::size(first), first.saturating_sub(bytes / 1024))
    }
}

/// `df -Pk FOLDER` or `df -Pi FOLDER`.
pub(super) fn df(store: &Store, arguments: &[String]) -> Outcome {
    let inodes = arguments
        .first()
        .is_some_and(|first| first.starts_with('-') && first.contains('i'));
    let head = if inodes {
        "Inodes IUsed IFree IUse%"
    } else {
        "1024-blocks Used Available Capacity"
    };
    let (size, used) = disk(store, inodes);
    let (left, percent) = (size - used, used * 100 / size);
    Outcome::done(format!(
        "Filesystem {head} Mounted on\n/dev/vdb1 {size} {used} {left} {percent}% /nix\n"
    ))
}

/// `stat -f -L -c '%S %b %f %a %c %d' -- FOLDER`: the same, in blocks of a KiB.
pub(super) fn stat(store: &Store) -> Outcome {
    let ((size, used), (inodes, taken)) = (disk(store, false), disk(store, true));
    let (left, free) = (size - used, inodes - taken);
    Outcome::done(format!("1024 {size} {left} {left} {inodes} {free}\n"))
}
