//! How the store came to be so large: what came in when, and the file system as it was sampled.

use crate::console::model::Model;
use crate::console::widgets::Pen;
use ratatui::layout::Rect;

/// Draws it.
pub(super) fn draw(_model: &Model, _pen: &mut Pen<'_>, _area: Rect) {}
