//! The picture of a key that `ssh-keygen -lv` prints, which people compare faster than letters.
//!
//! In: a key. Out: eleven lines of nineteen columns.

use super::ssh_key::PublicSshKey;

/// Characters that a title may have, with its brackets.
const WIDTH: usize = 17;

/// The picture, one string for each line.
pub fn randomart(key: &PublicSshKey) -> Vec<String> {
    let title = key
        .bits()
        .map(|bits| format!("[{} {bits}]", key.short_type()))
        .filter(|title| title.len() <= WIDTH)
        .unwrap_or_else(|| format!("[{}]", key.short_type()));
    let picture = ssh_key::Fingerprint::Sha256(*key.fingerprint().digest()).to_randomart(&title);
    picture.lines().map(str::to_owned).collect()
}
