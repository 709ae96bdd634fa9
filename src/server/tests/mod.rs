//! This room against daemons that misbehave, and against the real Nix.

mod database;
mod database_follow;
mod database_script;
mod fake;
mod jobs;
mod real;
mod strip;
mod trickle;

use crate::domain::StorePath;

/// A well-formed path, another one for each number.
fn path(number: usize) -> StorePath {
    let mut digest = [7; 20];
    digest[..8].copy_from_slice(&(number as u64).to_be_bytes());
    StorePath::from_parts(&digest, &format!("pkg-{number}")).unwrap()
}
