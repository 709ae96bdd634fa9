//! The real binary, without any server but the demo.

mod demo;
mod keys;
mod usage;
