//! Which Nix the demo's server says it has.
//!
//! In: a minor version of the worker protocol. Out: a release of Nix that speaks it.

use crate::wire::Version;

/// A release of Nix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Release {
    minor: u8,
}

impl Release {
    /// The release for `1.minor`, within what is spoken here.
    pub(super) fn new(minor: u8) -> Self {
        Self {
            minor: minor.clamp(Version::OLDEST.minor, Version::NEWEST.minor),
        }
    }

    /// The protocol that it speaks.
    pub(super) const fn protocol(self) -> Version {
        Version::new(self.minor)
    }

    /// Its version.
    pub(super) const fn version(self) -> &'static str {
        match self.minor {
            34 => "2.8.0",
            35 => "2.18.9",
            36 | 37 => "2.22.3",
            _ => "2.28.3",
        }
    }
}
