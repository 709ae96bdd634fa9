//! What fills the disk, what keeps it, what goes.

mod delete;
mod gc;
mod lease;
mod live;
mod moves;
mod pins;
mod retention;
