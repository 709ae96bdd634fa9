//! A whole store over SSH, against `nix path-info --all --json` on the same server in the same run.
//!
//! In: a registered store of 100,000 paths on the tests' rig (root, sshd and Nix are needed). Out: pairs of wall times and
//! their ratio, once where the login opens the database itself and once through the daemon's socket. Ends with an error
//! where the median ratio is over the bar. `cargo bench --bench reading -- root 3` measures one of the two, in three pairs.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/help/mod.rs"]
mod help;
#[path = "../tests/rig/mod.rs"]
mod rig;

use rig::{Access, Nix, Rig};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

const PATHS: u32 = 100_000;
const PAIRS: usize = 5;
/// What our time may be of the peer's.
const BAR: f64 = 0.5;

/// Seconds that a command takes from start to end.
fn seconds(mut command: Command) -> f64 {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    assert!(command.status().unwrap().success());
    start.elapsed().as_secs_f64()
}

fn main() -> ExitCode {
    let rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    let mut code = ExitCode::SUCCESS;
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let pairs = wanted
        .iter()
        .find_map(|word| word.parse().ok())
        .unwrap_or(PAIRS);
    for access in [Access::Root, Access::ViaSocket] {
        let other = |word: &String| {
            let server = word.as_str();
            server != access.server() && Access::ALL.iter().any(|access| access.server() == server)
        };
        if wanted.iter().any(other) {
            continue;
        }
        let mut ratios: Vec<f64> = (0..pairs)
            .map(|_| {
                let ours = seconds(rig.storekeeper_command([
                    "paths",
                    access.server(),
                    "--json",
                    "--quiet",
                ]));
                let theirs = seconds(rig.ssh(
                    access,
                    "nix --extra-experimental-features nix-command path-info --all --json",
                ));
                println!("{}: {ours:.2} s against {theirs:.2} s", access.server());
                ours / theirs
            })
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let median = ratios[pairs / 2];
        println!(
            "{}: ratio {median:.2} (from {:.2} to {:.2}), bar {BAR}",
            access.server(),
            ratios[0],
            ratios[pairs - 1]
        );
        if median > BAR {
            code = ExitCode::FAILURE;
        }
    }
    code
}
