//! Addresses, and the text of every platform.

use super::*;
use crate::onboard::text;
use proptest::prelude::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhVmVJUK";

fn cache(address: &str) -> Cache {
    Cache {
        host_keys: vec![PublicSshKey::parse(KEY).unwrap()],
        public_keys: vec!["cache.example.org-1:AAAA=".to_owned()],
        ..Cache::at(address, "nix-ssh").unwrap()
    }
}

#[test]
fn addresses() {
    for (address, user, host, port) in [
        (
            "ssh://nix-ssh@cache.example.org",
            "nix-ssh",
            "cache.example.org",
            22,
        ),
        ("ssh-ng://c@h:2222", "c", "h", 2222),
        ("ssh://h", "nix-ssh", "h", 22),
        ("ssh://u@[::1]:7", "u", "::1", 7),
        ("ssh://u@h?ssh-key=/k", "u", "h", 22),
    ] {
        let cache = Cache::at(address, "nix-ssh").unwrap();
        assert_eq!(
            (cache.user.as_str(), cache.host.as_str(), cache.port),
            (user, host, port),
            "{address}"
        );
    }
    for address in ["https://h", "h", "ssh://", "ssh://u@h:x", "ssh://[h"] {
        assert_eq!(Cache::at(address, "nix-ssh"), None, "{address}");
    }
}

#[test]
fn derived_addresses() {
    let cache = Cache::derived("u", "::1", 2222, Some("ssh-ng"));
    assert_eq!(
        (cache.address.as_str(), cache.port_by_ssh),
        ("ssh-ng://u@[::1]", true)
    );
    assert_eq!(cache.known_as(), "[::1]:2222");
    let cache = Cache::derived("u", "h", 22, None);
    assert_eq!(
        (cache.address.as_str(), cache.port_by_ssh),
        ("ssh://u@h", false)
    );
}

#[test]
fn what_the_administrator_says_comes_first() {
    let of = |said| Cache::of(said, "u", ("admin.example.org", 2222), Some("ssh-ng"));
    assert_eq!(of(Some("ssh://c@h")).unwrap().host, "h");
    let derived = of(None).unwrap();
    assert_eq!(derived.address, "ssh-ng://u@admin.example.org");
    let reported = of(Some("https://h\u{1b}")).unwrap_err().to_string();
    assert!(
        reported.ends_with("write ssh://u@host") && !reported.contains('\u{1b}'),
        "{reported}"
    );
}

#[test]
fn everything_is_filled_in() {
    let cache = cache("ssh://nix-ssh@cache.example.org:2222");
    for platform in [Platform::Linux, Platform::MacOs, Platform::NixOs] {
        let text = text(&cache.head(platform), &steps(&cache, platform));
        for part in [
            "ssh://nix-ssh@cache.example.org:2222",
            "cache.example.org-1:AAAA=",
            "[cache.example.org]:2222",
            KEY,
            "ssh-keygen -q -t ed25519 -N ''",
            "store ping --store",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("MISSING"), "{text}");
        let restart = match platform {
            Platform::MacOs => "launchctl kickstart -k system/systems.determinate.nix-daemon",
            Platform::NixOs => "nixos-rebuild switch",
            _ => "systemctl try-restart nix-daemon.service",
        };
        assert!(text.contains(restart), "{text}");
        for part in ["ConnectTimeout 5", "fallback = true", "trusted-users"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // An update of macOS may empty root's home.
        let home = platform == Platform::MacOs;
        assert_eq!(home, !text.contains("/root/.ssh"), "{text}");
    }
}

#[test]
fn jobs_have_a_key_that_ends() {
    let mut cache = cache("ssh://nix-ssh@cache.example.org");
    (cache.port, cache.port_by_ssh) = (2222, true);
    for platform in [Platform::GitHub, Platform::GitLab] {
        let text = text(&cache.head(platform), &steps(&cache, platform));
        for part in [
            "ssh-keygen -q -t ed25519 -N ''",
            "authorize cache_key.pub --expires 90d",
            "extra-substituters = ssh://nix-ssh@cache.example.org",
            "extra-trusted-public-keys = cache.example.org-1:AAAA=",
            "fallback = true",
            "[cache.example.org]:2222 ssh-ed25519",
            "Port 2222",
            "CACHE_KEY",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

#[test]
fn what_is_missing_is_said() {
    let bare = Cache::at("ssh://h", "nix-ssh").unwrap();
    let text = text(&bare.head(Platform::Linux), &steps(&bare, Platform::Linux));
    assert_eq!(text.matches("# MISSING: ").count(), 2, "{text}");
    assert!(!text.contains("trusted-public-keys ="), "{text}");
}

#[test]
fn a_port_that_nix_cannot_pass_on_goes_into_the_configuration_of_ssh() {
    let mut cache = cache("ssh://nix-ssh@h");
    (cache.port, cache.port_by_ssh) = (2222, true);
    let linux = text("", &steps(&cache, Platform::Linux));
    assert!(
        linux.contains(
            r"printf 'Host %s\n    ConnectTimeout 5\n    Port 2222\n' h >> /root/.ssh/config"
        ),
        "{linux}"
    );
    let nixos = text("", &steps(&cache, Platform::NixOs));
    assert!(
        nixos
            .contains(r#"programs.ssh.extraConfig = "Host h\n  ConnectTimeout 5\n  Port 2222\n";"#),
        "{nixos}"
    );
}

proptest! {
    #[test]
    fn a_host_is_never_a_command(host in "[ -~]{1,12}") {
        prop_assume!(!host.contains(['@', ':', '/', '?', '[', '#']));
        let cache = Cache::at(&format!("ssh://u@{host}"), "u").unwrap();
        for step in steps(&cache, Platform::Linux) {
            for line in step.lines.iter().filter(|line| !line.starts_with('#')) {
                // Each is still a sound command line.
                prop_assert!(shell_words::split(line).is_ok(), "{line}");
            }
        }
    }
}
