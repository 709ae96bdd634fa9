//! How servers are that are not on the screen.
//!
//! In: an examiner and a server's name. Out: a message. No question is put for it, and no server holds up another.

use crate::console::app::msg::Msg;
use crate::console::backend::Sender;
use crate::console::types::server::Health;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// An answer that is on its way.
pub type Examination = Pin<Box<dyn Future<Output = Health> + Send>>;

/// Finds out how a server of the configuration is.
pub trait Examiner: fmt::Debug + Send + Sync {
    /// Its state; unreachable if it does not answer in time.
    fn examine(&self, server: String) -> Examination;
}

pub(super) fn go(examiner: &Arc<dyn Examiner>, send: Sender, server: String) {
    let asked = examiner.examine(server.clone());
    tokio::spawn(async move {
        let health = asked.await;
        let _ = send.send(Msg::Examined { server, health });
    });
}
