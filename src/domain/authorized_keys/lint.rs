//! What is odd about a line.
//!
//! In: a key's line. Out: sentences, those that disable the line first. What a key is worth is judged elsewhere.

use super::line::is_known;
use super::{KeyLine, KeyOptions};
use crate::domain::ssh_key::Material;
use std::net::IpAddr;

/// Something to fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// Stays the same for the same thing.
    pub code: &'static str,
    /// One sentence, with what to do.
    pub message: String,
    /// sshd takes the line for not there.
    pub disables: bool,
}

impl KeyLine {
    /// What is odd about it.
    pub fn lints(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        let mut add = |code, disables, message: String| {
            lints.push(Lint {
                code,
                message,
                disables,
            });
        };
        if !is_known(&self.key) {
            let message = format!(
                "unknown key type {}; sshd ignores a line whose type it does not know",
                self.key.algorithm()
            );
            add("unknown-type", false, message);
        }
        if self.key.certificate().is_some() {
            let message = "this is a certificate and not a key, and sshd authorizes nothing by it; put its key here, or its authority with cert-authority";
            // sshd looks for plain keys, and for the authorities of certificates, which are plain keys too.
            add("certificate", true, message.to_owned());
        }
        match &self.options {
            Err(error) => add(
                "bad-options",
                true,
                format!("{error}; sshd passes over the whole line without a word in its log"),
            ),
            Ok(options) => {
                for (code, disables, message) in of_options(options, self.key.material()) {
                    add(code, disables, message);
                }
            }
        }
        lints
    }
}

fn of_options(options: &KeyOptions, material: &Material) -> Vec<(&'static str, bool, String)> {
    let mut found = Vec::new();
    let mut add = |code, disables, message: &str| found.push((code, disables, message.to_owned()));
    if options.expiry.is_some_and(|expiry| !expiry.utc) {
        add(
            "expiry-zone",
            false,
            "its expiry has no Z, so it means the server's local time; write it with a Z",
        );
    }
    if options.principals.is_some() && !options.cert_authority {
        add(
            "principals-on-key",
            true,
            "the key has principals= and is no certificate authority, so sshd refuses the key; take principals= out, or add cert-authority if the key is an authority",
        );
    }
    let token = matches!(material, Material::SkEcdsa | Material::SkEd25519);
    if !token && !options.cert_authority && (!options.touch_required || options.verify_required) {
        add(
            "token-option",
            false,
            "no-touch-required and verify-required mean nothing for a key that is in no token",
        );
    } else if !options.touch_required {
        add(
            "no-touch",
            false,
            "no-touch-required: the token signs without being touched, so who holds the machine holds the key",
        );
    }
    let permits = || options.permit_open.iter().chain(&options.permit_listen);
    if permits().any(|value| names_port(value)) {
        add(
            "permit-name",
            false,
            "permitopen= or permitlisten= has the name of a port, and sshd refuses the key where the server does not know that name; write the number",
        );
    }
    if let Some(from) = &options.from {
        for problem in from_problems(from) {
            found.push(problem);
        }
    }
    found
}

/// Whether a port is a name, which sshd looks up on the server (a2port in OpenSSH's misc.c).
fn names_port(value: &str) -> bool {
    let port = value.rsplit([':', '/']).next();
    port.is_some_and(|port| port.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// What is wrong with a list of patterns, by OpenSSH's addrmatch.c and match.c.
fn from_problems(from: &str) -> Vec<(&'static str, bool, String)> {
    let mut found = Vec::new();
    let entries = || {
        from.split(',').map(|entry| {
            entry
                .strip_prefix('!')
                .map_or((false, entry), |e| (true, e))
        })
    };
    if entries().all(|(negated, _)| negated) {
        let message = "from= has no entry without '!', so every client is refused; add what is allowed, such as '*'";
        found.push(("from-nobody", true, message.to_owned()));
    }
    for (_, entry) in entries() {
        let Some((address, mask)) = entry.split_once('/') else {
            continue;
        };
        let fits = address.parse::<IpAddr>().ok().and_then(|address| {
            let mask: u32 = mask.parse().ok()?;
            Some(match address {
                IpAddr::V4(ip) => mask <= 32 && ip.to_bits().checked_shl(mask).unwrap_or(0) == 0,
                IpAddr::V6(ip) => mask <= 128 && ip.to_bits().checked_shl(mask).unwrap_or(0) == 0,
            })
        });
        if fits != Some(true) {
            let message = format!(
                "from= has {entry:?}, where the mask does not fit the address, so sshd refuses the key from everywhere; write the network's first address"
            );
            found.push(("from-mask", true, message));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::domain::authorized_keys::AuthorizedKeys;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH a";

    fn codes(options: &str) -> Vec<(&'static str, bool)> {
        let file = AuthorizedKeys::parse(format!("{options} {KEY}\n").as_bytes());
        let (_, line) = file.keys().next().unwrap();
        line.lints()
            .iter()
            .map(|lint| (lint.code, lint.disables))
            .collect()
    }

    #[test]
    fn lints() {
        for (options, expected) in [
            ("restrict", vec![]),
            (
                "restrict,expiry-time=\"20270101Z\",from=\"10.0.0.0/8,*.example.org,!10.1.2.3\"",
                vec![],
            ),
            (
                "from=\"2001:db8::/32,0.0.0.0/0,::/0,10.1.2.3/32,::1/128\"",
                vec![],
            ),
            ("expiry-time=\"20270101\"", vec![("expiry-zone", false)]),
            ("expiry-time=\"soon\"", vec![("bad-options", true)]),
            ("unheard-of", vec![("bad-options", true)]),
            ("command=\"a\",command=\"b\"", vec![("bad-options", true)]),
            ("principals=\"a\"", vec![("principals-on-key", true)]),
            ("cert-authority,principals=\"a\"", vec![]),
            ("permitopen=\"a:ssh\"", vec![("permit-name", false)]),
            ("permitlisten=\"x\"", vec![("permit-name", false)]),
            (
                "permitopen=\"a:22\",permitopen=\"[::a]:*\",permitlisten=\"22\"",
                vec![],
            ),
            ("no-touch-required", vec![("token-option", false)]),
            ("from=\"!10.0.0.1\"", vec![("from-nobody", true)]),
            ("from=\"10.0.0.1/8\"", vec![("from-mask", true)]),
            ("from=\"10.0.0.0/33\"", vec![("from-mask", true)]),
            ("from=\"2001:db8::1/32\"", vec![("from-mask", true)]),
        ] {
            assert_eq!(codes(options), expected, "{options}");
        }
    }
}
