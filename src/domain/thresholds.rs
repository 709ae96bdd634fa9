//! From which values on a health check warns.
//!
//! In: `[servers.NAME.thresholds]` of the configuration. Out: the limits that the judge compares with; each has a default.

use super::{Age, Bytes, Threshold};

/// The limits of the health checks of one server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Less than this left on a disk is a warning.
    pub disk_warning: Threshold,
    /// Less than this left on a disk is critical.
    pub disk_critical: Threshold,
    /// Fewer inodes than this left is a warning, in percent.
    pub inodes_warning: Threshold,
    /// Fewer inodes than this left is critical, in percent.
    pub inodes_critical: Threshold,
    /// A database of Nix that is larger is a warning; `None` for no limit.
    pub database: Option<Bytes>,
    /// A key that was not used for longer is a warning; `None` for no limit.
    pub key_age: Option<Age>,
    /// A last review of the keys that is older, or none, is a warning; `None` for no limit.
    pub review_age: Option<Age>,
    /// A request that waits for longer is a warning.
    pub request_age: Age,
    /// A collection that holds Nix's lock, or waits for it, for longer is a warning.
    pub collection_age: Age,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            disk_warning: Threshold::Percent(15.0),
            disk_critical: Threshold::Percent(5.0),
            inodes_warning: Threshold::Percent(15.0),
            inodes_critical: Threshold::Percent(5.0),
            database: None,
            key_age: None,
            review_age: None,
            request_age: Age(0),
            collection_age: Age(6 * 3600),
        }
    }
}
