//! Screen 1: what needs attention, worst first; then disk, trust and the last changes.

mod live;
pub mod state;
pub mod view;
