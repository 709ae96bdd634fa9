//! Looking at who may log in, and planning its changes.
//!
//! In: a connected server, an order. Out: messages.

use crate::config::ServerConfig;
use crate::console::app::msg::Msg;
use crate::console::backend::Sender;
use crate::console::types::access::AccessSnapshot;
use crate::console::types::problem::Problem;
use crate::judge::posture::of_server;
use crate::onboard::client::{Cache, Platform, steps};
use crate::server::Server;
use std::sync::Arc;

/// Looks, and judges what is there.
pub(super) async fn read(server: Server, send: Sender) {
    let known = match server.access().await {
        // Thousands of keys take a moment; nothing else waits for it.
        Ok(facts) => tokio::task::spawn_blocking(move || Arc::new(AccessSnapshot::new(facts)))
            .await
            .map_err(|error| Problem::say(error.to_string())),
        Err(error) => Err(Problem::new(&error)),
    };
    let _ = send.send(Msg::Access(known));
}

/// Reads what is new in sshd's log, and judges again what follows from it.
pub(super) async fn follow(server: Server, send: Sender, before: Arc<AccessSnapshot>) {
    let known = match server.follow_log(before.facts.clone()).await {
        Ok(facts) => tokio::task::spawn_blocking(move || Arc::new(AccessSnapshot::new(facts)))
            .await
            .map_err(|error| Problem::say(error.to_string())),
        Err(error) => Err(Problem::new(&error)),
    };
    let _ = send.send(Msg::Followed { before, known });
}

/// Writes out what a new client does.
pub(super) async fn onboard(
    server: Server,
    send: Sender,
    settings: ServerConfig,
    known: Arc<AccessSnapshot>,
) {
    let _ = send.send(Msg::Onboarding(written(&server, &settings, &known).await));
}

async fn written(
    server: &Server,
    settings: &ServerConfig,
    known: &AccessSnapshot,
) -> Result<String, Problem> {
    let cache = cache(server, settings, known).await?;
    let platform = Platform::Linux;
    Ok(crate::onboard::text(
        &cache.head(platform),
        &steps(&cache, platform),
    ))
}

/// What clients have to know of the cache.
pub(super) async fn cache(
    server: &Server,
    settings: &ServerConfig,
    known: &AccessSnapshot,
) -> Result<Cache, Problem> {
    let user = &settings.cache_user;
    let said = settings.cache_address.as_deref();
    let protocol = of_server(&known.facts).protocol;
    let (host, port) = server.reached();
    let mut cache =
        Cache::of(said, user, (&host, port), protocol).map_err(|error| Problem::new(&error))?;
    let keys = server.host_keys().await;
    cache.host_keys = keys.map_err(|error| Problem::new(&error))?;
    cache.signed_by(&server.facts().keys, &settings.retired_keys);
    Ok(cache)
}
