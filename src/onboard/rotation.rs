//! What clients of a cache do while its signing key changes: trust both keys first, and only the new one in the end.
//!
//! In: the keys. Out: steps for nix.conf and for NixOS.

use super::Step;
use crate::domain::text::{nix_string, visible};

/// The keys of a rotation, each as it stands in `trusted-public-keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys<'a> {
    /// What clients trust until the old keys are dropped.
    pub overlap: &'a [String],
    /// What they trust afterwards.
    pub afterwards: &'a [String],
}

/// The two lines of a machine: its nix.conf, and what says the same on NixOS.
fn lines(keys: &[String]) -> [String; 2] {
    let plain: Vec<_> = keys.iter().map(|key| visible(key)).collect();
    let quoted: Vec<String> = plain.iter().map(|key| nix_string(key)).collect();
    [
        format!("extra-trusted-public-keys = {}", plain.join(" ")),
        format!(
            "# NixOS: nix.settings.trusted-public-keys = [ {} ];",
            quoted.join(" ")
        ),
    ]
}

pub fn steps(keys: &Keys<'_>) -> Vec<Step> {
    let restart = "# then: systemctl try-restart nix-daemon.service".to_owned();
    let with_restart = |keys| lines(keys).into_iter().chain([restart.clone()]);
    vec![
        Step::new(
            "On each client, before anything is signed by the new key alone: trust both, in nix.conf (nix.custom.conf with Determinate)",
            with_restart(keys.overlap),
        ),
        Step::new(
            "On each client, once the old key is safe to drop: only what stays, in the place of that line",
            with_restart(keys.afterwards),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onboard::text;

    #[test]
    fn both_and_then_one() {
        let overlap = ["new-2:AAAA".to_owned(), "old-1:BBBB".to_owned()];
        let steps = steps(&Keys {
            overlap: &overlap,
            afterwards: &overlap[..1],
        });
        let text = text("", &steps);
        let both = text.find("\nextra-trusted-public-keys = new-2:AAAA old-1:BBBB\n");
        let one = text.find("\nextra-trusted-public-keys = new-2:AAAA\n");
        assert!(both.is_some() && one > both, "{text}");
        assert!(text.contains(r#"[ "new-2:AAAA" "old-1:BBBB" ]"#));
    }
}
