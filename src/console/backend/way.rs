//! Going through the whole way of a client.
//!
//! In: a connected server, what is known of its sshd, a key, a path or none. Out: one message with the assessed way.

use crate::config::ServerConfig;
use crate::console::app::msg::Msg;
use crate::console::backend::{Sender, access};
use crate::console::screens;
use crate::console::types::access::AccessSnapshot;
use crate::console::types::client::ClientWay;
use crate::console::types::problem::Problem;
use crate::domain::StorePath;
use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::domain::text::visible;
use crate::judge::way::{Address, Way, WayFacts};
use crate::link::tilde;
use crate::load::way::{path_facts, server_side};
use crate::server::Server;
use std::path::PathBuf;
use std::sync::Arc;

/// Whose way, and to what.
pub(super) struct WayRequest {
    pub(super) known: Arc<AccessSnapshot>,
    pub(super) key: Fingerprint,
    /// The certificate beside it.
    pub(super) certificate: Option<PublicSshKey>,
    /// `None` for any path.
    pub(super) path: Option<StorePath>,
}

/// Gathers the facts of the way and assesses it.
pub(super) async fn go(server: Server, send: Sender, settings: ServerConfig, request: WayRequest) {
    let found = assess(&server, &settings, request).await;
    let _ = send.send(Msg::Access(screens::access::Msg::Way(found.map(Box::new))));
}

/// The same of the certificate or public key in a file of this machine.
pub(super) async fn of_file(
    server: Server,
    send: Sender,
    settings: ServerConfig,
    (known, file, path): (Arc<AccessSnapshot>, PathBuf, Option<StorePath>),
) {
    let file = tilde(&file.to_string_lossy());
    let read = tokio::task::spawn_blocking(move || access::public_key(&file)).await;
    let key = read.unwrap_or_else(|error| Err(Problem::say(error.to_string())));
    match key {
        Ok(key) => {
            let request = WayRequest {
                known,
                key: key.fingerprint(),
                certificate: key.certificate().is_some().then_some(key),
                path,
            };
            go(server, send, settings, request).await;
        }
        Err(problem) => {
            let _ = send.send(Msg::Access(screens::access::Msg::Way(Err(problem))));
        }
    }
}

async fn assess(
    server: &Server,
    settings: &ServerConfig,
    request: WayRequest,
) -> Result<ClientWay, Problem> {
    let WayRequest {
        known,
        key,
        certificate,
        path,
    } = request;
    let problem = |error| Problem::new(&error);
    let cache = access::cache(server, settings, &known).await?;
    let address = Address {
        url: cache.address.clone(),
        host: cache.host.clone(),
        port: cache.port,
        port_by_ssh: cache.port_by_ssh,
    };
    let found = server_side(server, &address, &cache.host_keys).await;
    let found = found.map_err(problem)?;
    let facts = match &path {
        Some(path) => {
            let facts = path_facts(server, path).await.map_err(problem)?;
            let facts = facts.map_err(|(path, why)| {
                let why = visible(&why);
                Problem::say(format!("the server could not read {path}: {why}"))
            });
            Some(facts?)
        }
        None => None,
    };
    let name = visible(&settings.name);
    let way = Way::of(&WayFacts {
        server: &shell_words::quote(&name),
        address: &address,
        shown: &found.shown,
        host_keys: &cache.host_keys,
        nix_conf: &cache.nix_conf_lines(),
        access: &known.facts,
        key: &key,
        certificate: certificate.as_ref(),
        from: None,
        daemon: &found.daemon,
        path: facts.as_ref(),
        contents: None,
    });
    Ok(ClientWay {
        server: settings.name.clone(),
        path,
        way,
    })
}
