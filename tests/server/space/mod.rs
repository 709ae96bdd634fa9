//! What fills the disk, what keeps it, what goes.

mod addressed;
mod auto_sign;
mod delete;
mod gc;
mod in_flight;
mod installed;
mod lease;
mod live;
mod moves;
mod pins;
mod policy_timer;
mod retention;
mod retention_edit;
