//! What the way of a client is judged by, as far as the server tells it.
//!
//! In: a connected server; the address that clients use, a path. Out: values of `judge::way`.

use super::{AssessedPath, closure};
use crate::domain::cache_daemon::CacheDaemon;
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::text::visible;
use crate::domain::{Fact, KeyRing, StorePath};
use crate::judge::way::{Address, PathFacts, Shown};
use crate::server::{NotShown, Server, ServerError, shown_host_key};

/// What holds for every path.
#[derive(Debug, Clone)]
pub struct ServerSide {
    /// What a client is shown.
    pub shown: Shown,
    /// Whether Nix's daemon answers the cache user.
    pub daemon: Fact<CacheDaemon>,
}

/// Asks for it. `known` are the host keys that a client knows.
pub async fn server_side(
    server: &Server,
    address: &Address,
    known: &[PublicSshKey],
) -> Result<ServerSide, ServerError> {
    let known: Vec<&str> = known.iter().map(PublicSshKey::algorithm).collect();
    let (daemon, shown) = tokio::join!(
        server.cache_daemon(),
        shown_host_key(&address.host, address.port, &known)
    );
    let shown = match shown {
        Ok(key) => Shown::Key(key),
        Err(NotShown { refused: true, why }) => Shown::Refused(why),
        Err(NotShown { why, .. }) => Shown::Unreached(why),
    };
    Ok(ServerSide {
        shown,
        daemon: daemon?,
    })
}

/// A path with all that it needs, or the path of which the server could tell nothing and why.
pub async fn path_facts(
    server: &Server,
    path: &StorePath,
) -> Result<Result<PathFacts, (StorePath, String)>, ServerError> {
    let facts = server.facts();
    let judged = closure(server, &facts.keys, std::slice::from_ref(path)).await?;
    Ok(of_closure(&server.spec().name, &facts.keys, path, &judged))
}

/// The same from answers.
pub fn of_closure(
    server: &str,
    keys: &KeyRing,
    path: &StorePath,
    judged: &[AssessedPath],
) -> Result<PathFacts, (StorePath, String)> {
    let server = visible(server);
    let server = shell_words::quote(&server);
    let sign = format!("storekeeper sign {server} {path} --closure");
    let mut facts = PathFacts::present(path);
    for answer in judged {
        match answer {
            AssessedPath::Valid(info, verdict) => facts.enter(keys, info, verdict, &sign),
            AssessedPath::Invalid(missing) if missing == path => {
                return Ok(PathFacts::absent(path.to_string()));
            }
            AssessedPath::Invalid(missing) => facts.miss(missing),
            AssessedPath::Failed(failed, why) => return Err((failed.clone(), why.clone())),
        }
    }
    Ok(facts)
}
