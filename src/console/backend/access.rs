//! Looking at who may log in, and planning its changes.
//!
//! In: a connected server, an order. Out: messages.

use super::Sender;
use crate::change::access::About;
use crate::config::ServerConfig;
use crate::console::access::{Known, Order};
use crate::console::model::Trouble;
use crate::console::msg::Msg;
use crate::link::Place;
use crate::onboard::client::{Cache, Platform, steps};
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

/// Writes out what a new client does.
pub(super) async fn onboard(
    server: Server,
    send: Sender,
    settings: ServerConfig,
    known: Arc<Known>,
) {
    let _ = send.send(Msg::Onboarding(written(&server, &settings, &known).await));
}

async fn written(
    server: &Server,
    settings: &ServerConfig,
    known: &Known,
) -> Result<String, Trouble> {
    let user = &settings.cache_user;
    let mut cache = match &settings.cache_address {
        Some(address) => Cache::at(address, user)
            .ok_or_else(|| Trouble::say("cache_address of this server is no address over ssh"))?,
        None => derived(server, user, known),
    };
    let keys = server.host_keys().await;
    cache.host_keys = keys.map_err(|error| Trouble::new(&error))?;
    // Also the older keys: a new client needs them for what only they have signed.
    let facts = server.facts();
    let ours = facts.keys.ours().into_iter().map(ToString::to_string);
    let retired = settings.retired_keys.iter().map(ToString::to_string);
    cache.public_keys = ours.chain(retired).collect();
    let platform = Platform::Linux;
    Ok(crate::onboard::text(
        &cache.head(platform),
        &steps(&cache, platform),
    ))
}

/// The address where the configuration names none: the one that this login uses.
fn derived(server: &Server, user: &str, known: &Known) -> Cache {
    let (host, port) = match &server.spec().place {
        Place::Local => (server.facts().host.clone(), 22),
        Place::Ssh(target) => (target.host.clone(), target.port),
    };
    let settings = known.facts.sshd.settings.as_ref().ok();
    let command = settings.and_then(|settings| settings.force_command.as_deref());
    let scheme = match command {
        Some(command) if command.contains("nix-daemon") => "ssh-ng",
        _ => "ssh",
    };
    let named = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    Cache {
        address: format!("{scheme}://{user}@{named}"),
        user: user.to_owned(),
        host,
        port,
        port_by_ssh: port != 22,
        host_keys: Vec::new(),
        public_keys: Vec::new(),
    }
}
