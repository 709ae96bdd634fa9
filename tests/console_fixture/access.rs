//! Who may log in on the small server: keys good and bad, requests, a log, what can't be known.

use super::{NOW, now};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use storekeeper::change::access::About;
use storekeeper::console::types::access::AccessSnapshot;
use storekeeper::domain::When;
use storekeeper::domain::access::{
    AccessFacts, CacheUser, Forwarding, KeyFile, LogEvent, LogKind, LogLevel, LogReach, LogSource,
    Session, SshdFacts, SshdSettings, Unknown,
};
use storekeeper::domain::key_request::{Request, RevokedKey, Source};
use storekeeper::domain::overflow::Overflow;
use storekeeper::domain::ssh_key::{Fingerprint, PublicSshKey};

const DAY: i64 = 86_400;
pub const FILE: &str = "/etc/ssh/authorized_keys.d/nix-ssh";

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// An Ed25519 key that nobody has the private half of.
pub fn ed25519(seed: u8, comment: &str) -> String {
    let mut point = [0; 32];
    for (at, byte) in point.iter_mut().enumerate() {
        *byte = seed
            .wrapping_mul(37)
            .wrapping_add((at as u8).wrapping_mul(11));
    }
    let blob = [string(b"ssh-ed25519"), string(&point)].concat();
    format!("ssh-ed25519 {} {comment}", STANDARD.encode(blob))
}

/// An RSA key of so many bytes.
pub fn rsa(bytes: usize, comment: &str) -> String {
    let mut modulus = vec![0xc5_u8; bytes];
    modulus[bytes - 1] = 0xfb;
    modulus.insert(0, 0);
    let blob = [string(b"ssh-rsa"), string(&[1, 0, 1]), string(&modulus)].concat();
    format!("ssh-rsa {} {comment}", STANDARD.encode(blob))
}

pub fn public(text: &str) -> PublicSshKey {
    PublicSshKey::parse(text).unwrap()
}

fn print(text: &str) -> Fingerprint {
    public(text).fingerprint()
}

pub fn about() -> About {
    About {
        server: "prod".to_owned(),
        address: "root@cache.example.org".to_owned(),
        by: "root via ada@laptop".to_owned(),
    }
}

fn file(content: &str) -> KeyFile {
    KeyFile {
        path: FILE.to_owned(),
        resolved: FILE.to_owned(),
        user: "nix-ssh".to_owned(),
        exists: true,
        content: Ok(content.as_bytes().to_vec()),
        numbers: None,
        size: content.len() as u64,
        sha256: Sha256::digest(content).into(),
        mode: 0o644,
        editable: Ok(()),
        strict_modes_problem: None,
        generated_by: None,
    }
}

fn event(ago: i64, pid: u32, key: &str, from: &str, kind: LogKind) -> LogEvent {
    LogEvent {
        at: When::from_unix(NOW - ago),
        pid: Some(pid),
        kind,
        user: "nix-ssh".to_owned(),
        address: from.to_owned(),
        port: 40_000,
        fingerprint: Some(print(key)),
        key_type: Some("ED25519".to_owned()),
    }
}

fn request(key: &str, first: i64, last: i64, tries: u64) -> Request {
    Request {
        first_seen: Some(When::from_unix(NOW - first)),
        last_seen: Some(When::from_unix(NOW - last)),
        tries,
        ..Request::new(public(key), Source::Knock, "nix-ssh", now())
    }
}

/// Four lines: one plain, one that ends soon, one without restrictions that has ended, one's own.
pub fn facts() -> AccessFacts {
    let (ada, bob) = (ed25519(1, "ada@ci-3"), ed25519(2, "bob@builder"));
    let (eve, own) = (rsa(256, "eve@old"), ed25519(4, "root@admin"));
    let (mei, zoe) = (
        ed25519(5, "root@mei-laptop"),
        ed25519(6, "zoe\u{1b}[31m\u{202e}"),
    );
    // 23 September 2026 and 2025.
    let content = format!(
        "# the team\nrestrict {ada}\nrestrict,expiry-time=\"20260923Z\" {bob}\nexpiry-time=\"20250923Z\" {eve}\n{own}\n"
    );
    AccessFacts {
        host: "cache".into(),
        at: now(),
        utc_offset: 0,
        cache_user: Ok(CacheUser {
            name: "nix-ssh".to_owned(),
            uid: 980,
            gid: 980,
            groups: vec!["nix-ssh".to_owned()],
            home: "/var/empty".to_owned(),
            shell: "/bin/sh".to_owned(),
        }),
        sshd: SshdFacts {
            binary: Ok("/usr/sbin/sshd".to_owned()),
            config_file: Ok("/etc/ssh/sshd_config".to_owned()),
            version: Ok("OpenSSH_9.2p1".to_owned()),
            settings: Ok(SshdSettings {
                authorized_keys_files: vec![FILE.to_owned()],
                force_command: Some("nix-store --serve".to_owned()),
                allow_tcp_forwarding: Some(Forwarding::Yes),
                log_level: Some(LogLevel::Info),
                strict_modes: Some(true),
                pubkey_authentication: Some(true),
                ..SshdSettings::default()
            }),
        },
        files: vec![file(&content)],
        other_files: vec![],
        trusted_users: Ok(vec!["root".to_owned()]),
        nix_version: Ok("2.28.3".to_owned()),
        own_key: Some(print(&own)),
        events: Ok(vec![
            event(
                3 * DAY,
                7,
                &ada,
                "10.2.0.3",
                LogKind::Accepted("publickey".to_owned()),
            ),
            event(
                720,
                8,
                &mei,
                "10.2.0.9",
                LogKind::Failed("publickey".to_owned()),
            ),
        ]),
        undated: std::collections::BTreeMap::new(),
        reach: Some(LogReach {
            since: When::from_unix(NOW - 41 * DAY),
            source: LogSource::Journal,
        }),
        sessions: Ok(vec![Session {
            pid: 4_711,
            user: "nix-ssh".to_owned(),
            from: Some("10.2.0.3".to_owned()),
            since: Some(When::from_unix(NOW - 240)),
            fingerprint: Some(print(&ada)),
        }]),
        requests: Ok(vec![
            request(&mei, 6 * 3_600, 720, 4),
            request(&zoe, 2 * 3_600, 3_600, 1),
        ]),
        overflow: Ok(Overflow::default()),
        revoked: Ok(vec![RevokedKey {
            fingerprint: print(&zoe),
            comment: "zoe".to_owned(),
            at: When::from_unix(NOW - 90 * DAY),
            by: "root".to_owned(),
            reason: "laptop lost".to_owned(),
        }]),
    }
}

/// The same file, written by NixOS.
pub fn generated() -> AccessFacts {
    let mut facts = facts();
    facts.files[0].generated_by = Some("users.users.nix-ssh.openssh.authorizedKeys".to_owned());
    facts.files[0].editable = Err("it is generated".to_owned());
    facts
}

/// Hardly anything could be found out.
pub fn blind() -> AccessFacts {
    let unknown = |why: &str| Unknown(why.to_owned());
    let mut facts = facts();
    facts.sshd.settings = Err(unknown(
        "sshd -T needs root; log in as root or allow sudo -n",
    ));
    facts.events = Err(unknown(
        "the journal can't be read; add the user to systemd-journal",
    ));
    facts.reach = None;
    facts.sessions = Err(unknown("no log says which key a session has"));
    facts.requests = Err(unknown("/var/lib/storekeeper/requests can't be read"));
    facts.revoked = Err(unknown("/var/lib/storekeeper/revoked can't be read"));
    facts
}

pub fn known(facts: AccessFacts) -> Arc<AccessSnapshot> {
    Arc::new(AccessSnapshot::new(facts))
}
