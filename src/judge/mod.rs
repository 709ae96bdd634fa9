//! Pure verdicts: facts in, verdict out. Nothing here reads a clock, a file or a socket.

pub mod health;
pub mod trust;
