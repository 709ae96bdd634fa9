//! What fills the disk, what keeps it, what goes.

mod gc;
mod lease;
mod live;
mod pins;
