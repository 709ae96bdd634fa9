//! The host field of a `known_hosts` line: patterns, or one hashed name (sshd(8), "`SSH_KNOWN_HOSTS` FILE FORMAT").

use crate::domain::pattern::glob;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// Which hosts a line speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hosts {
    /// Comma-separated patterns, in lower case; `true` where one is negated.
    Patterns(Vec<(bool, Vec<u8>)>),
    /// `|1|salt|HMAC-SHA1(salt, name)`.
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

/// Bytes of a pattern: at a longer one ssh gives up the whole list.
const MOST_BYTES: usize = 1022;

/// Bytes of a salt, which ssh takes no other length of.
const SALT_BYTES: usize = 20;

impl Hosts {
    pub(super) fn parse(field: &[u8]) -> Result<Self, &'static str> {
        if let Some(rest) = field.strip_prefix(b"|") {
            let mut parts = rest.split(|byte| *byte == b'|');
            let (Some(b"1"), Some(salt), Some(hash), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err("the hashed name is not of the form |1|salt|hash");
            };
            let decode = |text: &[u8]| {
                STANDARD
                    .decode(text)
                    .map_err(|_| "the hashed name is not base64")
            };
            let (salt, hash) = (decode(salt)?, decode(hash)?);
            if salt.len() != SALT_BYTES || hash.len() != 20 {
                return Err("the hashed name has not the length of a SHA-1");
            }
            return Ok(Self::Hashed { salt, hash });
        }
        let patterns = field
            .split(|byte| *byte == b',')
            .filter(|pattern| !pattern.is_empty())
            .map(|pattern| match pattern.strip_prefix(b"!") {
                Some(rest) => (true, rest.to_ascii_lowercase()),
                None => (false, pattern.to_ascii_lowercase()),
            })
            .collect::<Vec<_>>();
        if patterns.is_empty() {
            return Err("no host is named");
        }
        if patterns
            .iter()
            .any(|(_, pattern)| pattern.len() > MOST_BYTES)
        {
            return Err("a name in it is longer than ssh reads");
        }
        Ok(Self::Patterns(patterns))
    }

    /// Whether the line speaks of `name` (lower case, `[host]:port` where the port is not 22).
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Hashed { salt, hash } => {
                digest(salt, name).is_some_and(|found| found == hash.as_slice())
            }
            Self::Patterns(patterns) => {
                let mut found = false;
                for (negated, pattern) in patterns {
                    if glob(pattern, name.as_bytes()) {
                        // One negated match takes the host out of the whole line.
                        if *negated {
                            return false;
                        }
                        found = true;
                    }
                }
                found
            }
        }
    }

    /// The name to show for it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Hashed { .. } => "a hashed name".to_owned(),
            Self::Patterns(patterns) => patterns
                .iter()
                .map(|(negated, pattern)| {
                    let pattern = String::from_utf8_lossy(pattern);
                    format!("{}{pattern}", if *negated { "!" } else { "" })
                })
                .collect::<Vec<_>>()
                .join(","),
        }
    }
}

/// The hashed form of a name.
pub(super) fn hashed(salt: &[u8], name: &str) -> Option<String> {
    let hash = digest(salt, name)?;
    Some(format!(
        "|1|{}|{}",
        STANDARD.encode(salt),
        STANDARD.encode(hash)
    ))
}

fn digest(salt: &[u8], name: &str) -> Option<[u8; 20]> {
    // HMAC takes keys of any length, so this cannot fail.
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    mac.update(name.as_bytes());
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn negation_takes_the_host_out() {
        let hosts = Hosts::parse(b"*.Example.org,!bad.example.org").unwrap();
        assert!(hosts.matches("good.example.org"));
        assert!(!hosts.matches("bad.example.org"));
        assert!(!hosts.matches("example.com"));
        assert!(!Hosts::parse(b"!a").unwrap().matches("b"));
    }

    proptest! {
        #[test]
        fn hashed_names_match_themselves_only(salt in any::<[u8; 20]>(), name in "[a-z0-9.]{1,20}", other in "[a-z0-9.]{1,20}") {
            let hosts = Hosts::parse(hashed(&salt, &name).unwrap().as_bytes()).unwrap();
            prop_assert!(hosts.matches(&name));
            prop_assert_eq!(hosts.matches(&other), other == name);
        }

        #[test]
        fn never_panics(field in proptest::collection::vec(any::<u8>(), 0..200), name in any::<String>()) {
            if let Ok(hosts) = Hosts::parse(&field) {
                hosts.matches(&name);
                hosts.shown();
            }
        }
    }
}
