//! What fills the disk, what keeps it, what goes.

mod auto_sign;
mod delete;
mod gc;
mod lease;
mod live;
mod pins;
