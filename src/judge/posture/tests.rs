//! Verdicts for the configurations that are met.

use super::*;
use crate::domain::When;
use crate::domain::access::{LogLevel, LogPosition, Service, SshdFacts};

/// A server as `nix.sshServe` makes it, with this forced command.
pub(in crate::judge) fn facts(command: Option<&str>) -> AccessFacts {
    let settings = SshdSettings {
        force_command: command.map(str::to_owned),
        permit_tty: Some(false),
        allow_tcp_forwarding: Some(Forwarding::No),
        allow_stream_local_forwarding: Some(Forwarding::No),
        allow_agent_forwarding: Some(false),
        x11_forwarding: Some(false),
        disable_forwarding: Some(false),
        permit_tunnel: Some(false),
        permit_user_environment: Some(false),
        pubkey_authentication: Some(true),
        password_authentication: Some(false),
        strict_modes: Some(true),
        log_level: Some(LogLevel::Verbose),
        ..SshdSettings::default()
    };
    AccessFacts {
        host: "cache".into(),
        at: When::from_unix(1_795_000_000),
        utc_offset: 0,
        cache_user: Ok(CacheUser {
            name: "nix-ssh".to_owned(),
            uid: 990,
            gid: 980,
            groups: vec!["nix-ssh".to_owned(), "cache".to_owned()],
            home: "/var/empty".to_owned(),
            shell: "/bin/bash".to_owned(),
        }),
        sshd: SshdFacts {
            config_file: "/etc/ssh/sshd_config".to_owned(),
            assumed: None,
            version: Ok("OpenSSH_9.2p1".to_owned()),
            settings: Ok(settings),
        },
        files: Vec::new(),
        other_files: Vec::new(),
        trusted_users: Ok(vec!["root".to_owned()]),
        own_key: None,
        events: Ok(Vec::new()),
        undated: std::collections::BTreeMap::new(),
        reach: None,
        log: LogPosition::default(),
        sessions: Ok(Vec::new()),
        requests: Ok(Vec::new()),
        overflow: Ok(crate::domain::overflow::Overflow::default()),
        revoked: Ok(Vec::new()),
        past: Vec::new(),
        certificates: crate::domain::authorities::CertificateFacts::default(),
        reviewed: None,
        service: Ok(Service::Answers),
    }
}

fn options(text: &str) -> KeyOptions {
    KeyOptions::parse(text.as_bytes()).unwrap()
}

fn settings(facts: &mut AccessFacts) -> &mut SshdSettings {
    facts.sshd.settings.as_mut().unwrap()
}

fn trust(facts: &mut AccessFacts, entry: &str) {
    facts.trusted_users = Ok(vec!["root".to_owned(), entry.to_owned()]);
}

fn codes(posture: &KeyPosture) -> Vec<&'static str> {
    posture
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect()
}

/// A setting that differs from the good ones.
type Change<'a> = &'a dyn Fn(&mut SshdSettings);

use Ability::{Forward, Gc, Inject, Read, Shell, Upload};

#[test]
fn by_forced_command() {
    for (command, can, trusted_can, found) in [
        (Some("nix-store --serve"), vec![Read], vec![Read], vec![]),
        (
            Some("nix-store --serve --write"),
            vec![Read, Upload],
            vec![Read, Upload, Inject],
            vec![],
        ),
        (
            Some("nix-daemon --stdio"),
            vec![Read, Upload, Gc],
            vec![Read, Upload, Inject, Gc],
            vec!["gc"],
        ),
        (
            None,
            vec![Read, Upload, Gc, Shell],
            vec![Read, Upload, Inject, Gc, Shell],
            vec!["shell"],
        ),
        (Some("internal-sftp"), vec![], vec![], vec!["sftp"]),
    ] {
        let mut facts = facts(command);
        let posture = of_key(&facts, &options("restrict"));
        assert_eq!(posture.can, Some(can), "{command:?}");
        assert_eq!(codes(&posture), found, "{command:?}");
        for entry in ["nix-ssh", "@cache", "*"] {
            trust(&mut facts, entry);
            let posture = of_key(&facts, &options("restrict"));
            assert_eq!(
                posture.can.as_ref(),
                Some(&trusted_can),
                "{command:?} {entry}"
            );
            let injects = trusted_can.contains(&Inject);
            assert_eq!(codes(&posture).contains(&"inject"), injects);
        }
        trust(&mut facts, "nix-ssh2");
        assert!(!of_key(&facts, &options("")).can.unwrap().contains(&Inject));
    }
}

#[test]
fn a_trusted_shell_is_refused() {
    let mut facts = facts(None);
    trust(&mut facts, "nix-ssh");
    let posture = of_key(&facts, &options("restrict"));
    assert_eq!(posture.findings[0].code, "shell-trusted");
    assert_eq!(posture.findings[0].level, Level::Refuse);
    facts.trusted_users = Ok(Vec::new());
    facts.cache_user.as_mut().unwrap().uid = 0;
    assert_eq!(
        of_key(&facts, &options("")).findings[0].code,
        "shell-trusted"
    );
}

#[test]
fn sshds_command_beats_the_keys() {
    let of_line = options("restrict,command=\"nix-daemon --stdio\"");
    let posture = of_key(&facts(Some("nix-store --serve")), &of_line);
    assert_eq!(posture.can, Some(vec![Read]));
    assert_eq!(codes(&posture), ["command-ignored"]);
    let posture = of_key(&facts(None), &of_line);
    assert_eq!(posture.can, Some(vec![Read, Upload, Gc]));
}

#[test]
fn what_is_not_known_is_said() {
    let mut facts = facts(Some("/opt/wrapper \u{1b}[31m"));
    let posture = of_key(&facts, &options("restrict"));
    assert_eq!(posture.can, None);
    assert_eq!(codes(&posture), ["unknown-command"]);
    assert_eq!(posture.words, "unknown, runs /opt/wrapper \\e[31m");
    settings(&mut facts).force_command = Some("nix-daemon --stdio".to_owned());
    facts.trusted_users = Err(Unknown::new("nix.conf can't be read"));
    assert!(codes(&of_key(&facts, &options(""))).contains(&"inject-unknown"));
    assert_eq!(of_server(&facts).trusted, None);
    let assumed = |facts: &AccessFacts| {
        let findings = of_server(facts).findings;
        findings
            .iter()
            .any(|finding| finding.code == "settings-assumed")
    };
    assert!(!assumed(&facts));
    facts.sshd.assumed = Some("no sshd listens".to_owned());
    assert!(assumed(&facts));
    facts.sshd.settings = Err(Unknown::new("not root"));
    let posture = of_key(&facts, &options("restrict"));
    assert_eq!(
        (posture.can, posture.words.as_str()),
        (None, "not known: not root")
    );
    let server = of_server(&facts);
    assert_eq!((server.write, server.protocol), (None, None));
    assert_eq!(server.findings[0].code, "posture-unknown");
}

#[test]
fn forwarding() {
    let can = |change: &dyn Fn(&mut SshdSettings), line: &str| {
        let mut facts = facts(Some("nix-store --serve"));
        let settings = settings(&mut facts);
        settings.allow_tcp_forwarding = Some(Forwarding::Yes);
        change(settings);
        of_key(&facts, &options(line))
            .can
            .unwrap()
            .contains(&Forward)
    };
    assert!(can(&|_| {}, ""));
    assert!(!can(&|_| {}, "restrict"));
    assert!(!can(&|_| {}, "no-port-forwarding"));
    assert!(can(&|_| {}, "restrict,port-forwarding"));
    assert!(!can(&|s| s.disable_forwarding = Some(true), ""));
    assert!(!can(&|s| s.allow_tcp_forwarding = Some(Forwarding::No), ""));
    assert!(can(
        &|s| s.allow_tcp_forwarding = Some(Forwarding::Remote),
        ""
    ));
    let none = || vec!["none".to_owned()];
    assert!(can(&|s| s.permit_open = none(), ""));
    assert!(!can(
        &|s| (s.permit_open, s.permit_listen) = (none(), none()),
        ""
    ));
    assert!(can(
        &|s| {
            s.allow_tcp_forwarding = Some(Forwarding::No);
            s.allow_stream_local_forwarding = Some(Forwarding::Yes);
        },
        ""
    ));
    assert!(can(&|s| s.permit_tunnel = Some(true), "restrict"));
}

#[test]
fn a_login_shell_that_runs_nothing() {
    let mut facts = facts(Some("nix-store --serve"));
    facts.cache_user.as_mut().unwrap().shell = "/usr/sbin/nologin".to_owned();
    let posture = of_key(&facts, &options("restrict"));
    assert_eq!(posture.can, Some(vec![]));
    assert_eq!(codes(&posture), ["no-shell"]);
    assert!(posture.words.starts_with("nothing; no reading"));
}

#[test]
fn lines_with_more() {
    let facts = facts(Some("nix-store --serve"));
    let found = |line: &str| codes(&of_key(&facts, &options(line)));
    assert_eq!(found("cert-authority,restrict"), ["cert-authority"]);
    assert_eq!(
        found("restrict,environment=\"LD_PRELOAD=/x\""),
        ["environment-ignored"]
    );
}

#[test]
fn in_words() {
    let words = |command| of_key(&facts(command), &options("restrict")).words;
    assert_eq!(
        words(Some("nix-store --serve")),
        "read every path of this cache; no upload, no shell, no forwarding, no garbage collection"
    );
    assert_eq!(
        words(None),
        "read every path of this cache, upload paths with a trusted signature, run any command, run garbage collection; no forwarding"
    );
}

#[test]
fn a_forced_command_that_fails_has_a_remedy_for_its_reason() {
    let denied = "error: getting status of /nix/var/nix/daemon-socket/socket: Permission denied";
    for (command, said, remedy) in [
        (
            "/usr/bin/nix-store --serve",
            denied,
            "usermod -aG nix-users nix-ssh",
        ),
        (
            "nix-store --serve",
            "sh: 1: nix-store: not found",
            "whole path of nix-store",
        ),
        (
            "nix-store --serve",
            "fish: Unknown command: nix-store",
            "whole path of nix-store",
        ),
        (
            "nix-store --serve",
            "error: could not set permissions on '/nix/var/nix/profiles/per-user' to 755: Operation not permitted",
            "runuser -u nix-ssh -- nix-store --serve",
        ),
        (
            "/usr/bin/nix-store --serve",
            "Killed",
            "runuser -u nix-ssh -- /usr/bin/nix-store --serve",
        ),
    ] {
        let mut facts = facts(Some(command));
        facts.service = Ok(Service::Fails(said.to_owned()));
        let findings = of_server(&facts).findings;
        assert_eq!(findings[0].code, "not-served");
        let fix = findings[0].fix.as_ref().map(ToString::to_string);
        assert!(
            fix.as_ref().is_some_and(|fix| fix.contains(remedy)),
            "{fix:?}"
        );
    }
}

#[test]
fn of_the_server() {
    let mut facts = facts(Some("nix-daemon --stdio"));
    let posture = of_server(&facts);
    assert_eq!(
        (posture.protocol, posture.write, posture.trusted),
        (Some("ssh-ng"), Some(true), Some(false))
    );
    let json = serde_json::to_string(&posture).unwrap();
    assert!(json.starts_with(r#"{"protocol":"ssh-ng","forcedCommand":"nix-daemon --stdio","write":true,"trusted":false,"findings":[{"level":"warning","code":"gc","message":"#), "{json}");
    let found = |facts: &AccessFacts| -> Vec<&'static str> {
        of_server(facts)
            .findings
            .iter()
            .map(|finding| finding.code)
            .collect()
    };
    let cases: [(Change<'_>, &str); 11] = [
        (&|s| s.log_level = Some(LogLevel::Info), "log-level"),
        (&|s| s.log_level = Some(LogLevel::Error), "log-level"),
        (&|s| s.max_sessions = Some(0), "no-sessions"),
        (&|s| s.strict_modes = Some(false), "strict-modes"),
        (&|s| s.pubkey_authentication = Some(false), "no-keys"),
        (&|s| s.password_authentication = Some(true), "passwords"),
        (
            &|s| s.authorized_keys_command = Some("/usr/bin/ldap %u".into()),
            "keys-command",
        ),
        (
            &|s| s.trusted_user_ca_keys = Some("/etc/ssh/ca".into()),
            "trusted-ca",
        ),
        (
            &|s| s.allow_users = vec!["root".into(), "ada".into()],
            "shut-out",
        ),
        (&|s| s.deny_users = vec!["nix-ssh".into()], "shut-out"),
        (&|s| s.allow_groups = vec!["wheel".into()], "shut-out"),
    ];
    settings(&mut facts).force_command = Some("nix-store --serve".to_owned());
    assert_eq!(found(&facts), [""; 0]);
    for (change, code) in cases {
        let mut facts = facts.clone();
        change(settings(&mut facts));
        assert_eq!(found(&facts), [code]);
    }
    for allow in ["nix-ssh", "nix-*", "*", "nix-ssh@10.0.0.1"] {
        settings(&mut facts).allow_users = vec![allow.to_owned()];
        assert_eq!(found(&facts), [""; 0], "{allow}");
    }
    settings(&mut facts).kbd_interactive_authentication = Some(true);
    for (methods, noted) in [
        (&["publickey"][..], false),
        (&["publickey,password"], false),
        (&["publickey", "keyboard-interactive:pam"], true),
    ] {
        settings(&mut facts).authentication_methods =
            methods.iter().map(ToString::to_string).collect();
        assert_eq!(!found(&facts).is_empty(), noted, "{methods:?}");
    }
}
