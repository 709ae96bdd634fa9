//! Who is logged in, as far as a server can tell people apart.
//!
//! In: the account and the key of a login. Out: whether it is another administrator than that of a second login. A key tells people apart
//! on a shared account; an account of one's own does whatever key is used; and who came in without a key is nobody on root's account.

use crate::domain::Notice;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::plain;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The account that all administrators may share.
const SHARED: &str = "root";

/// What to do where one may not confirm.
const NEXT: &str = "have another administrator confirm it, who logs in with a key of their own";

/// A login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The account on the server, before sudo.
    pub account: String,
    /// The key that the connection logged in with; `None` where it was none or is not known.
    pub key: Option<Fingerprint>,
    /// As in receipts: `root via ada@laptop`. The part after `via` is what the other machine says.
    pub by: String,
}

impl Login {
    /// Whether anybody could confirm what this login has planned; else why not.
    pub fn is_somebody(&self) -> Result<(), Notice> {
        if self.key.is_some() || self.account != SHARED {
            return Ok(());
        }
        Err(Notice::new(
            format!("who logs in as {SHARED} without a key can't be distinguished from others"),
            "log in with a key of your own",
        ))
    }

    /// Whether this one may confirm what `first` has planned; else why not.
    pub fn may_confirm(&self, first: &Self) -> Result<(), Notice> {
        if let (Some(own), Some(other)) = (self.key, first.key)
            && own == other
        {
            return Err(Notice::new(
                format!("the plan was made by a login with the same key, {own}"),
                NEXT,
            ));
        }
        if self.account != first.account {
            return self.is_somebody().and_then(|()| first.is_somebody());
        }
        if self.account != SHARED {
            return Err(Notice::new(
                format!(
                    "the plan was made by the same account, {}",
                    plain(&self.account)
                ),
                NEXT,
            ));
        }
        if self.key.is_none() || first.key.is_none() {
            return Err(Notice::new(
                format!(
                    "logins as {SHARED} are distinguished by their keys, and one of these two had none that is known"
                ),
                NEXT,
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            Some(key) => write!(f, "{} ({key})", plain(&self.by)),
            None => write!(f, "{} (no key)", plain(&self.by)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_person_is_another_key_or_another_account() {
        let key = |seed: u8| Fingerprint::of(&[seed]);
        let login = |account: &str, key: Option<Fingerprint>| Login {
            account: account.into(),
            key,
            by: format!("{account} via x@y"),
        };
        let may = |second: &Login, first: &Login| {
            let one = second.may_confirm(first).is_ok();
            assert_eq!(one, first.may_confirm(second).is_ok(), "the same both ways");
            one
        };
        let (one, two) = (Some(key(1)), Some(key(2)));
        assert!(may(&login("root", one), &login("root", two)));
        assert!(may(&login("ada", one), &login("bob", two)));
        assert!(may(&login("ada", None), &login("bob", None)));
        assert!(may(&login("ada", one), &login("root", two)));
        // One person.
        assert!(!may(&login("root", one), &login("root", one)));
        assert!(!may(&login("ada", one), &login("ada", two)), "two machines");
        assert!(!may(&login("ada", one), &login("root", one)), "sudo or not");
        // Nobody knows who.
        assert!(!may(&login("root", None), &login("root", two)));
        assert!(!may(&login("root", None), &login("root", None)));
        assert!(!may(&login("ada", one), &login("root", None)), "sudo there");
        // Whose plan somebody could confirm is somebody.
        for (account, key) in [("root", one), ("ada", None), ("root", None)] {
            let first = login(account, key);
            let another = may(&login("bob", two), &first) || may(&login("root", two), &first);
            assert_eq!(first.is_somebody().is_ok(), another, "{first}");
        }
    }
}
