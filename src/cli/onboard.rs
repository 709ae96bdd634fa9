//! `onboard`: what a new client of this cache does.
//!
//! In: a server. Out: commands or a part of a configuration, filled in with what the server itself says of its keys.

use super::args::access as args;
use super::error::CliError;
use super::out::{Out, say};
use super::session::Session;
use crate::domain::text::visible;
use crate::judge::posture::of_server;
use crate::onboard::client::{Cache, Platform, steps};
use crate::onboard::{Step, text};
use crate::server::Server;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    platform: &'static str,
    cache_address: &'a str,
    known_hosts: Vec<String>,
    public_keys: &'a [String],
    missing: Vec<String>,
    steps: Vec<Step>,
}

/// Runs it; exit code 1 if something that a client needs could not be found out.
pub(super) async fn run(
    session: &Session,
    args: &args::Onboard,
    out: &mut Out,
) -> Result<u8, CliError> {
    let server = session.connect().await?;
    let cache = cache(session, &server).await;
    server.link().close().await;
    let cache = cache?;
    print(session, &cache, args.platform.into(), out)?;
    Ok(u8::from(!cache.missing().is_empty()))
}

/// Finds out what clients have to know.
pub(super) async fn cache(session: &Session, server: &Server) -> Result<Cache, CliError> {
    // sshd is only asked where its answer counts.
    let protocol = match session.target.settings.cache_address {
        Some(_) => None,
        None => of_server(&server.access().await?).protocol,
    };
    cache_for(session, server, protocol).await
}

/// The same where it is known what the server runs for clients.
pub(super) async fn cache_for(
    session: &Session,
    server: &Server,
    protocol: Option<&str>,
) -> Result<Cache, CliError> {
    let settings = &session.target.settings;
    let user = &settings.cache_user;
    let said = settings.cache_address.as_deref();
    let (host, port) = server.reached();
    let mut cache = Cache::of(said, user, (&host, port), protocol).map_err(CliError::usage)?;
    cache.host_keys = server.host_keys().await?;
    cache.signed_by(&server.facts().keys, &settings.retired_keys);
    Ok(cache)
}

/// Prints it. What is missing is also said on standard error: the text is for somebody else.
pub(super) fn print(
    session: &Session,
    cache: &Cache,
    platform: Platform,
    out: &mut Out,
) -> Result<(), CliError> {
    let missing = cache.missing();
    let steps = steps(cache, platform);
    if out.json() {
        return out.document(&Document {
            schema: 1,
            server: session.name(),
            platform: platform.word(),
            cache_address: &cache.address,
            known_hosts: cache.known_hosts(),
            public_keys: &cache.public_keys,
            missing,
            steps,
        });
    }
    let written = text(&cache.head(platform), &steps);
    for line in written.lines() {
        out.line(&visible(line))?;
    }
    out.flush()?;
    for sentence in missing {
        say(&format!("storekeeper: {sentence}"));
    }
    Ok(())
}
