//! Looking at who may log in, and planning its changes.
//!
//! In: a connected server, an order. Out: messages.

use crate::config::ServerConfig;
use crate::console::app::msg::Msg;
use crate::console::backend::{Backend, Sender, way};
use crate::console::screens;
use crate::console::screens::access::Effect;
use crate::console::types::access::{AccessSnapshot, Certified};
use crate::console::types::problem::Problem;
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::text::visible;
use crate::judge::posture::of_server;
use crate::onboard::client::{Cache, Platform, steps};
use crate::server::Server;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

impl Backend {
    /// Begins what the list of keys asks for.
    pub(super) fn access(&mut self, effect: Effect) {
        match effect {
            Effect::Read => self.with_server(read),
            Effect::FollowLog { known } => {
                self.with_server(|server, send| follow(server, send, known));
            }
            Effect::Onboard {
                server,
                known,
                platform,
            } => {
                if let Ok(target) = self.targets.find(&server) {
                    self.with_server(|server, send| {
                        onboard(server, send, target.settings, known, platform)
                    });
                }
            }
            Effect::ReadCertificate(file) => {
                let send = self.send.clone();
                tokio::task::spawn_blocking(move || {
                    let made = screens::access::Msg::Certificate(certificate(&file));
                    let _ = send.send(Msg::Access(made));
                });
            }
            Effect::Way {
                server,
                known,
                key,
                path,
            } => {
                if let Ok(target) = self.targets.find(&server) {
                    let request = way::WayRequest {
                        known,
                        key,
                        certificate: None,
                        path,
                    };
                    self.with_server(|server, send| {
                        way::go(server, send, target.settings, request)
                    });
                }
            }
            Effect::WayOfFile {
                server,
                known,
                file,
                path,
            } => {
                if let Ok(target) = self.targets.find(&server) {
                    self.with_server(|server, send| {
                        way::of_file(server, send, target.settings, (known, file, path))
                    });
                }
            }
        }
    }
}

/// Looks, and judges what is there.
pub(super) async fn read(server: Server, send: Sender) {
    let known = match server.access().await {
        // Thousands of keys take a moment; nothing else waits for it.
        Ok(facts) => tokio::task::spawn_blocking(move || Arc::new(AccessSnapshot::new(facts)))
            .await
            .map_err(|error| Problem::say(error.to_string())),
        Err(error) => Err(Problem::new(&error)),
    };
    let _ = send.send(Msg::Access(screens::access::Msg::Snapshot(known)));
}

/// Reads what is new in sshd's log, and judges again what follows from it.
pub(super) async fn follow(server: Server, send: Sender, before: Arc<AccessSnapshot>) {
    let known = match server.follow_log(before.facts.clone()).await {
        Ok(facts) => tokio::task::spawn_blocking(move || Arc::new(AccessSnapshot::new(facts)))
            .await
            .map_err(|error| Problem::say(error.to_string())),
        Err(error) => Err(Problem::new(&error)),
    };
    let _ = send.send(Msg::Access(screens::access::Msg::Followed {
        before,
        known,
    }));
}

/// More than any certificate has.
const MOST: u64 = 64 << 10;

/// The public key or certificate in a file of this machine.
pub(super) fn public_key(file: &Path) -> Result<PublicSshKey, Problem> {
    let shown = file.display().to_string();
    let shown = visible(&shown);
    // It may be a private key by mistake.
    let mut text = Zeroizing::new(String::new());
    let read = File::open(file).and_then(|file| file.take(MOST).read_to_string(&mut text));
    read.map_err(|error| Problem::say(format!("{shown} can't be read: {error}")))?;
    PublicSshKey::parse(&text)
        .map_err(|error| Problem::say(format!("{shown} cannot be used: {error}")))
}

/// The certificate that a job has made.
pub(super) fn certificate(file: &Path) -> Result<Certified, Problem> {
    let key = public_key(file)?;
    Ok(Certified {
        file: visible(&file.display().to_string()).into_owned(),
        line: String::from_utf8_lossy(&key.line()).into_owned(),
    })
}

/// Writes out what a new client does.
pub(super) async fn onboard(
    server: Server,
    send: Sender,
    settings: ServerConfig,
    known: Arc<AccessSnapshot>,
    platform: Platform,
) {
    let text = written(&server, &settings, &known, platform).await;
    let _ = send.send(Msg::Access(screens::access::Msg::Onboarding(text)));
}

async fn written(
    server: &Server,
    settings: &ServerConfig,
    known: &AccessSnapshot,
    platform: Platform,
) -> Result<String, Problem> {
    let cache = cache(server, settings, known).await?;
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
