//! Screen 1: what needs attention, worst first; then disk, trust and the last changes.

pub mod first;
mod live;
pub mod state;
mod sums;
pub mod view;
