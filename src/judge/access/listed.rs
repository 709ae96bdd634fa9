//! Keys that stand in sshd's own list of revoked keys.
//!
//! In: what the list says of a key. Out: words, and what to do; a finding on the key's line. A key that is revoked there has its line still.

use crate::domain::access::AccessFacts;
use crate::domain::revocation::{Listed, RevocationList};
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::text::visible;
use crate::judge::finding::{Finding, Level};

/// The code of the finding on a key that stands there.
pub(super) const CODE: &str = "revoked-by-sshd";

/// The code of the finding where the list is gone.
const GONE: &str = "no-revocation-list";

/// The code of the finding where the list can't be read here.
const UNKNOWN: &str = "revocation-unknown";

/// Why something is refused by the list of this name.
pub(super) fn words(listed: Listed, list: &str) -> String {
    match listed {
        Listed::All => {
            format!("sshd's list of revoked keys, {list}, is not there, so sshd refuses every key")
        }
        Listed::Key => format!("key is in sshd's list of revoked keys, {list}"),
        Listed::Authority => format!("its authority is in sshd's list of revoked keys, {list}"),
        Listed::Serial => {
            format!("its serial number is in sshd's list of revoked keys, {list}")
        }
        Listed::Id => format!("its id is in sshd's list of revoked keys, {list}"),
    }
}

/// What to do about it.
pub(super) const fn remedy(list: &RevocationList) -> &'static str {
    match list {
        RevocationList::Missing => "put the file back, or take RevokedKeys out of sshd_config",
        _ => "authorize a new key of the client",
    }
}

/// The same about a certificate.
pub(super) const fn certificate(list: &RevocationList) -> &'static str {
    match list {
        RevocationList::Missing => remedy(list),
        _ => "sign a new key of the client",
    }
}

/// By what sshd's list refuses a key; `None` where it does not, or can't be read.
pub(super) fn refuses(facts: &AccessFacts, key: &PublicSshKey) -> Option<Listed> {
    match &facts.certificates.revoked {
        Some(Ok(read)) => read.has(key),
        _ => None,
    }
}

/// Of a key. Who has put it there has meant it, so for a key that is in this is a note; a list that is gone shuts everybody out.
pub(super) fn finding(facts: &AccessFacts, key: &PublicSshKey, level: Level) -> Option<Finding> {
    let list = facts.sshd.settings.as_ref().ok()?.revoked_keys.as_ref()?;
    let list = visible(list);
    let read = match facts.certificates.revoked.as_ref()? {
        Ok(read) => read,
        Err(why) => {
            let why = visible(&why.0.message);
            let message =
                format!("whether sshd's list of revoked keys, {list}, has it is not known: {why}");
            return Some(Finding::new(Level::Note, UNKNOWN, message));
        }
    };
    let listed = read.has(key)?;
    let (level, code) = match listed {
        Listed::All => (Level::Warning, GONE),
        _ => (level, CODE),
    };
    Some(Finding::new(level, code, words(listed, &list)).fix(remedy(read)))
}
