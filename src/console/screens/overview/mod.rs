//! Screen 1: what needs attention, worst first; then disk, trust and the last changes.

pub mod state;
pub mod view;
