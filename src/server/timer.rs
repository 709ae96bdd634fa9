//! What is the same of each timer that is installed on a server.
//!
//! In: where the store is, and what a look at an installation said. Out: lines of its service, and whether it is there and runs.

use super::script::Answers;
use crate::domain::path_info::hex;
use crate::link::Limits;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// The first run is part of an installation, and looks at every entry of the store.
pub(super) const INSTALL: Limits = Limits {
    output: 16 << 10,
    time: Duration::from_secs(600),
};

/// systemd's folder for units of the administrator.
pub(super) const UNITS: &str = "/etc/systemd/system";

/// Whether systemd reads these characters as they are: it splits at blanks, and knows specifiers and quotes.
pub(super) fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@+".contains(c);
    word.chars().all(plain)
}

/// The line of a service that names a store elsewhere, as root's login shell does; nothing for the usual one.
pub(super) fn environment(store: &str) -> String {
    let top = store.strip_suffix("/nix/store").unwrap_or_default();
    if top.is_empty() {
        String::new()
    } else {
        format!("Environment=NIX_REMOTE=local?root={top}\n")
    }
}

/// Whether the files of these names have these texts there.
pub(super) fn has(answers: &Answers, files: &[(&str, &str)]) -> bool {
    let same = |(name, text): &(&str, &str)| answers.get(name) == Some(&hex(&Sha256::digest(text)));
    files.iter().all(same)
}

/// Whether a timer with all of its files runs and its first run went well; `None` where that is not known yet.
pub(super) fn runs(answers: &Answers, files: &[(&str, &str)]) -> Option<bool> {
    let on = has(answers, files) && answers.get("timer") == Some("active");
    match answers.get("run") {
        _ if !on => Some(false),
        Some("inactive") => Some(true),
        Some("failed") => Some(false),
        // It runs, and is taken back if it fails.
        _ => None,
    }
}
