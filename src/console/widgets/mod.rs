//! Pieces that screens are made of. Each gets plain values and an area, and draws no more than fits.

pub mod choice;
pub mod columns;
pub mod gauge;
pub mod input;
pub mod layout;
pub mod list;
pub mod pen;
pub mod plot;
pub mod text;
pub mod theme;

pub use pen::Pen;
