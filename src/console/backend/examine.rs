//! How servers are that are not on the screen.
//!
//! In: whoever can tell, and a server's name. Out: a message. Nobody is asked anything for it, and no server holds up another.

use crate::console::app::msg::Msg;
use crate::console::backend::Sender;
use crate::console::types::server::Health;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// An answer that is on its way.
pub type Examination = Pin<Box<dyn Future<Output = Health> + Send>>;

/// Whoever can tell how a server of the configuration is.
pub trait Examiner: fmt::Debug + Send + Sync {
    /// Finds out how it is, within a time.
    fn examine(&self, server: String) -> Examination;
}

pub(super) fn go(examiner: &Arc<dyn Examiner>, send: Sender, server: String) {
    let asked = examiner.examine(server.clone());
    tokio::spawn(async move {
        let health = asked.await;
        let _ = send.send(Msg::Examined { server, health });
    });
}
