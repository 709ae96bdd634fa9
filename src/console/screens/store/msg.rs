//! What comes in for screen 2.

use crate::inventory::{Row, View};

/// Something has happened.
#[derive(Debug)]
pub enum Msg {
    /// The rows that match.
    View {
        /// Of this request.
        request_id: u64,
        /// Of this generation.
        generation: u64,
        /// The rows.
        view: View,
    },
    /// Closure sizes are known now.
    Measured,
    /// A chain of references was looked for.
    Chain {
        /// From.
        from: Row,
        /// To.
        to: Row,
        /// The rows of the chain, both ends included; the direction may be turned round.
        chain: Option<Vec<Row>>,
    },
}
