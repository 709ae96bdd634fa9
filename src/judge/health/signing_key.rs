//! Can the cache sign, with a key that is safe and that clients know?
//!
//! In: the key files of the server and the keys that clients trust. Out: one [`Check`] with the worst of it.

use super::{Check, State, Vitals};
use crate::domain::text::visible;
use crate::domain::{Notice, Remedy};

const ID: &str = "signing-key";

/// The one check.
pub(super) fn check(vitals: &Vitals<'_>) -> Check {
    let wrong = |state, summary: String, fix: Option<Remedy>| Check::new(ID, state, summary, fix);
    for key in vitals.signing_keys {
        let file = visible(&key.file);
        if key.file.starts_with("/nix/store/") {
            let summary = format!(
                "the signing key {file} lies in the Nix store, where every user can read it and every client can fetch it"
            );
            let fix = "make a new key outside of the store with `storekeeper keygen`, and retire this one";
            return wrong(State::Critical, summary, Some(fix.into()));
        }
        if let Some(problem) = &key.problem {
            let Notice { message, hint } = problem.clone();
            let summary = format!("the signing key {file} can't be used: {message}");
            return wrong(State::Warning, summary, hint.map(Remedy::from));
        }
    }
    let ours = vitals.keys.ours();
    if ours.is_empty() {
        let summary = "the cache's own public key is not known, so its signatures count as those of strangers";
        let fix = "set public_keys for this server in the configuration, or secret-key-files in its nix.conf";
        return wrong(State::Warning, summary.to_owned(), Some(fix.into()));
    }
    let default = vitals.signing_keys.first();
    if let Some((key, public)) = default.and_then(|key| Some((key, key.public.as_ref()?)))
        && !ours.contains(&public)
    {
        let summary = format!(
            "the public half of the signing key {} is not among public_keys, so clients refuse what it signs: {public}",
            visible(&key.file)
        );
        let fix = "put that key into public_keys and on the clients, or set signing_key to the file of a key that they have";
        return wrong(State::Warning, summary, Some(fix.into()));
    }
    if let Some(key) = vitals.keys.shadowed().first() {
        let name = key.name();
        let summary =
            format!("two different keys are called {name}, and clients know only the first");
        let fix = "give each key a name of its own".into();
        return wrong(State::Warning, summary, Some(fix));
    }
    let summary = match ours.len() {
        1 => "the cache's own key is known".to_owned(),
        keys => format!("{keys} keys of the cache are known"),
    };
    wrong(State::Fine, summary, None)
}
