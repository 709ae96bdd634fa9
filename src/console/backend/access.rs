//! Looking at who may log in, and planning its changes.
//!
//! In: a connected server, an order. Out: messages.

use super::Sender;
use crate::change::access::About;
use crate::console::access::{Known, Order};
use crate::console::model::Trouble;
use crate::console::msg::Msg;
use crate::server::Server;
use std::sync::Arc;

/// Looks, and judges what is there.
pub(super) async fn read(server: Server, send: Sender) {
    let known = match server.access().await {
        // Thousands of keys take a moment; nothing else waits for it.
        Ok(facts) => tokio::task::spawn_blocking(move || Arc::new(Known::new(facts)))
            .await
            .map_err(|error| Trouble::new(&error)),
        Err(error) => Err(Trouble::new(&error)),
    };
    let _ = send.send(Msg::Access(known));
}

/// Makes a plan. Nothing is asked of the server for it: a file that has changed since it was shown is a conflict then.
pub(super) fn plan(server: &Server, send: &Sender, asked: u64, order: &Order) {
    let login = server.facts().user.clone();
    let plan = crate::console::access::plan(order, &About::of(server), &login).map(Box::new);
    let _ = send.send(Msg::Planned { asked, plan });
}
