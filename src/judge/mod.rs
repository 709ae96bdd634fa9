//! Pure verdicts: facts in, verdict out. Nothing here reads a clock, a file or a socket.

pub mod access;
pub mod advisories;
pub mod authorities;
pub mod collect;
pub mod compromised;
pub mod concern;
pub mod events;
pub mod exposure;
pub mod finding;
pub mod growth;
pub mod health;
pub mod hygiene;
pub mod posture;
pub mod retention;
pub mod review;
pub mod rotation;
pub mod step;
pub mod trust;
pub mod way;
