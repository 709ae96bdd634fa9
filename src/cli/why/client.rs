//! The client of `why`: which key is meant, and what its way is judged by.
//!
//! In: `--for`, `--key`, a connected server, a path. Out: the judged [`Way`], and what became of it with `--try`.

use super::attempt::{self, Attempt};
use super::shell;
use crate::change::contents::{self, End};
use crate::cli::args::why as args;
use crate::cli::error::CliError;
use crate::cli::given as file;
use crate::cli::keys::which;
use crate::cli::onboard;
use crate::cli::out::say;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::domain::access::AccessFacts;
use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::domain::text::visible;
use crate::domain::{Bytes, StorePath, notice};
use crate::inventory::Row;
use crate::judge::posture::of_server;
use crate::judge::way::{Address, Contents, PathFacts, Way, WayFacts};
use crate::load::load_closure;
use crate::load::way::server_side;
use crate::server::Server;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Which client is meant.
pub(super) struct Given {
    key: Meant,
    /// The certificate that it has beside its key, and its file.
    certificate: Option<(PublicSshKey, PathBuf)>,
    /// Its private key file, where it is to be done for real.
    private: Option<PathBuf>,
}

enum Meant {
    Key(PublicSshKey),
    /// A fingerprint or a comment, to be looked up on the server.
    Name(String),
}

/// What is asked about it.
pub(super) struct Question<'a> {
    pub(super) session: &'a Session,
    pub(super) args: &'a args::Why,
    pub(super) path: Option<&'a StorePath>,
    pub(super) facts: &'a PathFacts,
}

/// Reads the arguments; `None` where no client was named.
pub(super) fn given(args: &args::Why) -> Result<Option<Given>, CliError> {
    let private = match &args.key {
        Some(path) => Some(path.canonicalize().map_err(|error| {
            let shown = path.display().to_string();
            CliError::usage(notice!(
                "cannot read {shown}: {error}",
                "name the client's private key file"
            ))
        })?),
        None => None,
    };
    let key = match (&args.client, &private) {
        (Some(name), _) if Path::new(name).is_file() => Meant::Key(file::key(name, None)?.0),
        (Some(name), _) => Meant::Name(name.clone()),
        (None, Some(private)) => Meant::Key(public_half(private)?),
        (None, None) => return Ok(None),
    };
    let named = args.client.as_deref().map(Path::new);
    let named = named.filter(|name| name.is_file());
    // As ssh does: beside the key as it was named, and not where a link leads.
    let beside = args.key.as_deref().map(beside);
    let mut files = named.into_iter().map(Path::to_owned).chain(beside);
    let certificate = files.find_map(|file| {
        let (key, _) = file::key(&file.to_string_lossy(), None).ok()?;
        key.certificate()?;
        let file = file.canonicalize().ok()?;
        Some((key, file))
    });
    Ok(Some(Given {
        key,
        certificate,
        private,
    }))
}

/// The file of the certificate that ssh takes with a key file.
fn beside(private: &Path) -> PathBuf {
    let mut file = private.as_os_str().to_owned();
    file.push("-cert.pub");
    file.into()
}

/// The public half of a private key file, by `ssh-keygen`, else from the file beside it: that of an encrypted one may need a passphrase.
fn public_half(private: &Path) -> Result<PublicSshKey, CliError> {
    let said = std::process::Command::new("ssh-keygen")
        .args(["-y", "-P", "", "-f"])
        .arg(private)
        .stdin(std::process::Stdio::null())
        .output();
    if let Ok(said) = said
        && let Ok(key) = PublicSshKey::parse(&String::from_utf8_lossy(&said.stdout))
    {
        return Ok(key);
    }
    let mut beside = private.as_os_str().to_owned();
    beside.push(".pub");
    Ok(file::key(&beside.to_string_lossy(), None)?.0)
}

/// The key that is meant. One that was revoked or denied stands in no file any more, and has a comment all the same.
fn look_up(facts: &AccessFacts, name: &str) -> Result<Fingerprint, CliError> {
    let error = match which::key(facts, name) {
        Ok(key) => return Ok(key),
        Err(error) => error,
    };
    let revoked = facts.revoked.iter().flatten();
    let revoked = revoked.map(|old| (old.fingerprint, old.comment.clone()));
    let asked = facts.requests.iter().flatten();
    let asked = asked.map(|one| (one.key.fingerprint(), one.key.comment().into_owned()));
    let is = |comment: &str| !name.is_empty() && (comment == name || visible(comment) == name);
    let named = revoked.chain(asked).filter(|(_, comment)| is(comment));
    let mut keys: Vec<Fingerprint> = named.map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    match keys.as_slice() {
        [key] => Ok(*key),
        _ => Err(error),
    }
}

/// Gathers what the way is judged by, judges it, and does it for real where that was asked for.
pub(super) async fn way(
    server: &Server,
    given: &Given,
    question: &Question<'_>,
) -> Result<(Way, Option<Attempt>), CliError> {
    let Question { session, args, .. } = question;
    let access = server.access().await?;
    let key = match &given.key {
        Meant::Key(key) => key.fingerprint(),
        Meant::Name(name) => look_up(&access, name)?,
    };
    let certificate = given.certificate.as_ref();
    let certificate = certificate.filter(|(own, _)| own.fingerprint() == key);
    let cache = onboard::cache_for(session, server, of_server(&access).protocol).await?;
    let address = Address {
        url: cache.address.clone(),
        host: cache.host.clone(),
        port: cache.port,
        port_by_ssh: cache.port_by_ssh,
    };
    let found = server_side(server, &address, &cache.host_keys).await?;
    let compared = match question.path {
        Some(path) if args.contents && question.facts.closure.is_some() => {
            Some(compare(server, session, path).await?)
        }
        _ => None,
    };
    let from = args.from.map(|address| address.to_string());
    let mut way = Way::of(&WayFacts {
        server: &shell(session.name()),
        address: &address,
        shown: &found.shown,
        host_keys: &cache.host_keys,
        nix_conf: &cache.nix_conf_lines(),
        access: &access,
        key: &key,
        certificate: certificate.map(|(own, _)| own),
        from: from.as_deref(),
        daemon: &found.daemon,
        path: Some(question.facts),
        contents: compared.as_ref(),
    });
    if let (Meant::Key(key), true) = (&given.key, way.comment.is_empty()) {
        way.comment = visible(&key.comment()).into_owned();
    }
    let attempt = match (&given.private, question.path, question.facts.closure) {
        (Some(private), Some(path), closure) if args.attempt => {
            if let Some(closure) = closure {
                say(&format!(
                    "storekeeper: copying {} into a temporary store",
                    Bytes(closure.nar_size)
                ));
            }
            let with = certificate.map(|(_, file)| file.as_path());
            let upstream = &session.target.settings.upstream_keys;
            let upstream = upstream.iter().map(ToString::to_string);
            let trusted: Vec<String> = cache.public_keys.iter().cloned().chain(upstream).collect();
            Some(attempt::run(&cache, &trusted, (private, with), path).await?)
        }
        _ => None,
    };
    Ok((way, attempt))
}

/// Compares the contents of a closure with their hashes.
async fn compare(
    server: &Server,
    session: &Session,
    path: &StorePath,
) -> Result<Contents, CliError> {
    let inventory = load_closure(server, std::slice::from_ref(path)).await?;
    let rows: Vec<Row> = contents::all(&inventory);
    let progress = Progress::new(session.quiet);
    progress.total(rows.len());
    let (tell, mut events) = mpsc::unbounded_channel();
    let follow = async {
        while let Some(event) = events.recv().await {
            progress.follow(event);
        }
    };
    let never = CancellationToken::new();
    let compare = contents::compare(server, &inventory, &rows, tell, &never);
    let ((compared, end), ()) = tokio::join!(compare, follow);
    progress.finish();
    if let End::Broken(error) = end {
        return Err(error.into());
    }
    if compared.times_moved {
        say(&format!("storekeeper: {}", contents::TIMES_MOVED));
    }
    let paths = |damage: Vec<contents::Damage>| {
        let paths = damage.into_iter().map(|one| one.path.to_string());
        paths.collect()
    };
    Ok(Contents {
        checked: compared.checked,
        corrupt: paths(compared.corrupt),
        failed: paths(compared.failed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::Kind;
    use crate::cli::keys::which::tests::{KEYS, facts};
    use crate::domain::When;
    use crate::domain::key_request::RevokedKey;

    #[test]
    fn who_is_in_no_file_has_a_name_too() {
        let [a, b, _] = KEYS;
        let print = |line: &str| PublicSshKey::parse(line).unwrap().fingerprint();
        let mut facts = facts(&format!("{a} ada\n"));
        facts.revoked = Ok(vec![RevokedKey {
            fingerprint: print(b),
            comment: "bob".into(),
            at: When::from_unix(0),
            by: String::new(),
            reason: String::new(),
        }]);
        assert_eq!(look_up(&facts, "ada"), Ok(print(a)));
        assert_eq!(look_up(&facts, "bob"), Ok(print(b)));
        assert_eq!(look_up(&facts, &print(b).to_string()), Ok(print(b)));
        for text in ["", "eve"] {
            assert_eq!(
                look_up(&facts, text).unwrap_err().code(),
                Kind::Usage.code()
            );
        }
    }
}
