//! GC roots: what keeps paths from being collected.
//!
//! In: the pairs of a link and a store path that the daemon's `FindRoots` gives, whose link forms are those of
//! `LocalStore::findRoots` and `findRuntimeRoots` (`gc.cc` of Nix). Out: [`Root`], with what kind of root it is.

use super::StorePath;
use std::fmt;

/// What kind of root a link is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RootKind {
    /// A pin of ours, by its name.
    Pin(String),
    /// A profile's current link below `profiles/`.
    Profile,
    /// One generation of a profile: the path of the profile and the generation's number.
    Generation {
        /// The link without `-N-link`.
        profile: String,
        /// The generation's number.
        number: u64,
    },
    /// Any other link below the state directory, such as `gcroots/current-system`.
    Direct,
    /// A link elsewhere that was registered as a root, such as `/home/ada/result`.
    Indirect,
    /// Held by a daemon for as long as a client is connected: a path that is being built, uploaded or read.
    Temporary,
    /// In use by a running process; its id where it is known.
    Runtime(Option<u32>),
    /// Temporary or in use, and the daemon does not say more to this login.
    Censored,
    /// A form that this version does not know. Counts as a root all the same.
    Unknown,
}

impl RootKind {
    /// The stable word, as in JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pin(_) => "pin",
            Self::Profile => "profile",
            Self::Generation { .. } => "generation",
            Self::Direct => "direct",
            Self::Indirect => "indirect",
            Self::Temporary => "temporary",
            Self::Runtime(_) => "runtime",
            Self::Censored => "censored",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for RootKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A GC root.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Root {
    /// The link as the daemon names it. The server's word: made visible before it is shown.
    pub link: String,
    /// What it keeps, with all that it needs.
    pub target: StorePath,
    /// What it is.
    pub kind: RootKind,
}

impl Root {
    /// Tells what kind a link is. `state` is Nix's state directory (`/nix/var/nix`, without a slash at the end), `pins` the
    /// folder of our pins.
    pub fn new(link: String, target: StorePath, state: &str, pins: &str) -> Self {
        let kind = kind(&link, state, pins);
        Self { link, target, kind }
    }
}

fn kind(link: &str, state: &str, pins: &str) -> RootKind {
    let below = |folder: &str| {
        link.strip_prefix(folder.trim_end_matches('/'))
            .and_then(|rest| rest.strip_prefix('/'))
            .filter(|rest| !rest.is_empty())
    };
    if let Some(form) = link.strip_prefix('{').and_then(|l| l.strip_suffix('}')) {
        return match form {
            "censored" => RootKind::Censored,
            "lsof" => RootKind::Runtime(None),
            _ if form.starts_with("temp:") => RootKind::Temporary,
            _ => RootKind::Unknown,
        };
    }
    if let Some(process) = below("/proc") {
        let id = process.split('/').next().and_then(|id| id.parse().ok());
        return RootKind::Runtime(id);
    }
    if let Some(name) = below(pins).filter(|name| !name.contains('/')) {
        return RootKind::Pin(name.to_owned());
    }
    if below(state).is_some() {
        return match generation(link) {
            Some((profile, number)) => RootKind::Generation {
                profile: profile.to_owned(),
                number,
            },
            None if below(&format!("{state}/profiles")).is_some() => RootKind::Profile,
            None => RootKind::Direct,
        };
    }
    if link.starts_with('/') {
        RootKind::Indirect
    } else {
        RootKind::Unknown
    }
}

/// Takes `PROFILE-N-link` apart.
fn generation(link: &str) -> Option<(&str, u64)> {
    let (profile, number) = link.strip_suffix("-link")?.rsplit_once('-')?;
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((profile, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(link: &str) -> RootKind {
        kind(link, "/nix/var/nix", "/nix/var/nix/gcroots/storekeeper")
    }

    #[test]
    fn the_forms_of_nix() {
        let generation = |profile: &str, number| RootKind::Generation {
            profile: profile.into(),
            number,
        };
        for (link, expected) in [
            ("{censored}", RootKind::Censored),
            ("{lsof}", RootKind::Runtime(None)),
            ("{temp:4711}", RootKind::Temporary),
            ("{temp:a-name}", RootKind::Temporary),
            ("{new:1}", RootKind::Unknown),
            ("/proc/12/exe", RootKind::Runtime(Some(12))),
            ("/proc/12/fd/3", RootKind::Runtime(Some(12))),
            ("/proc/sys/kernel/modprobe", RootKind::Runtime(None)),
            (
                "/nix/var/nix/profiles/system-12-link",
                generation("/nix/var/nix/profiles/system", 12),
            ),
            (
                "/nix/var/nix/profiles/per-user/ada/profile-3-link",
                generation("/nix/var/nix/profiles/per-user/ada/profile", 3),
            ),
            ("/nix/var/nix/profiles/system", RootKind::Profile),
            ("/nix/var/nix/gcroots/current-system", RootKind::Direct),
            (
                "/nix/var/nix/gcroots/storekeeper/release",
                RootKind::Pin("release".into()),
            ),
            ("/home/ada/result", RootKind::Indirect),
            ("/home/ada/x-1-link", RootKind::Indirect),
            ("what is this", RootKind::Unknown),
            ("", RootKind::Unknown),
        ] {
            assert_eq!(of(link), expected, "{link}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(link in "([{/]|.{0,3}|/proc/|/nix/var/nix/|-link|[0-9]){0,6}") {
            let _ = of(&link).to_string();
        }
    }
}
