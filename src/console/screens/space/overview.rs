//! What the overview says of space.
