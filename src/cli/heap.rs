//! How the C library gives memory back that was freed.
//!
//! In: this process. Out: the same one, begun again with the settings. A large block has pages of its own in glibc, which go back to
//! the system with it; but each one that is freed raises the size from which on that is so, up to 32 MiB. From then on such blocks are
//! holes in the heaps of the threads that took them, and a console on a large store would keep half as much again as it needs. The
//! size stays what it is where it was set, which needs no code that is unsafe only by the environment that a process begins with.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Bytes of a block that has pages of its own, and of what is left free at the end of a heap.
const SETTINGS: [(&str, &str); 2] = [
    ("MALLOC_MMAP_THRESHOLD_", "1048576"),
    ("MALLOC_TRIM_THRESHOLD_", "4194304"),
];

/// Begins this program again with the settings, unless there are some. Where that can't be done it goes on without.
pub(super) fn give_back() {
    let is_set = |(name, _): &(&str, &str)| env::var_os(name).is_some();
    let mut arguments = env::args_os();
    let (Ok(program), Some(name), false) = (
        env::current_exe(),
        arguments.next(),
        SETTINGS.iter().any(is_set),
    ) else {
        return;
    };
    let _ = Command::new(program)
        .arg0(name)
        .args(arguments)
        .envs(SETTINGS)
        .exec();
}
