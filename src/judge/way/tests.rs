//! Each step by what shows it, and the verdict of all.

use super::*;
use crate::domain::access::Unknown;
use crate::domain::path_info::tests::vector;
use crate::domain::{KeyName, KeyRing, SigningKey};
use crate::judge::access::tests::with;
use crate::judge::trust::assess;
use zeroize::Zeroizing;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const HOST: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
const SOCKET: &str = "/nix/var/nix/daemon-socket/socket";

fn key(text: &str) -> PublicSshKey {
    PublicSshKey::parse(text).unwrap()
}

/// Everything that a way is judged by, owned.
struct World {
    address: Address,
    shown: Shown,
    host_keys: Vec<PublicSshKey>,
    access: AccessFacts,
    daemon: Fact<CacheDaemon>,
    path: Option<PathFacts>,
    contents: Option<Contents>,
}

impl World {
    /// All is as it should be.
    fn new() -> Self {
        Self {
            address: Address {
                url: "ssh://nix-ssh@cache".to_owned(),
                host: "cache".to_owned(),
                port: 22,
                port_by_ssh: false,
            },
            shown: Shown::Key(key(HOST)),
            host_keys: vec![key(KEY), key(HOST)],
            access: with(&format!("restrict {KEY} ada\n")),
            daemon: Ok(CacheDaemon::Answers {
                socket: SOCKET.to_owned(),
            }),
            path: Some(signed(true)),
            contents: None,
        }
    }

    fn way(&self) -> Way {
        Way::of(&WayFacts {
            server: "prod",
            address: &self.address,
            shown: &self.shown,
            host_keys: &self.host_keys,
            nix_conf: &["extra-substituters = ssh://nix-ssh@cache".to_owned()],
            access: &self.access,
            key: &key(KEY).fingerprint(),
            certificate: None,
            from: None,
            daemon: &self.daemon,
            path: self.path.as_ref(),
            contents: self.contents.as_ref(),
        })
    }
}

fn signed(yes: bool) -> PathFacts {
    let key = SigningKey::from_seed(KeyName::new("k-1").unwrap(), &Zeroizing::new([1; 32]));
    let ring = KeyRing::new(vec![key.public()], vec![], vec![]);
    let mut info = vector();
    info.signatures = if yes {
        vec![key.sign(&info.fingerprint().unwrap()).to_string()]
    } else {
        vec![]
    };
    let mut facts = PathFacts::present(&info.path);
    facts.enter(&ring, &info, &assess(&ring, &info), "sign it");
    facts
}

fn step<'a>(way: &'a Way, id: &str) -> &'a Step {
    way.steps.iter().find(|step| step.id == id).unwrap()
}

#[test]
fn a_client_that_gets_it() {
    let way = World::new().way();
    let ids: Vec<_> = way.steps.iter().map(|step| step.id).collect();
    assert_eq!(
        ids,
        [
            "address",
            "host-key",
            "authorized",
            "command",
            "daemon",
            "path",
            "closure",
            "signatures",
            "contents",
            "nix-conf"
        ]
    );
    assert_eq!(way.verdict, Verdict::Yes, "{way:#?}");
    assert_eq!(
        (way.name().as_str(), &way.fingerprint),
        ("ada", &key(KEY).fingerprint())
    );
    assert!(
        way.sentence()
            .ends_with("not looked at: contents, nix-conf")
    );
    assert!(way.access_obstacles("/p").is_empty());
    // Without a path nothing is said of one.
    let any = World {
        path: None,
        ..World::new()
    }
    .way();
    assert_eq!(any.steps.len(), 6);
    assert_eq!(any.verdict, Verdict::Yes);
    let json = serde_json::to_value(step(&way, "nix-conf")).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"id": "nix-conf", "state": "unknown", "message": json["message"],
            "remedy": {"kind": "config", "text": "extra-substituters = ssh://nix-ssh@cache", "file": "nix.conf"}})
    );
}

#[test]
fn each_step_can_be_wrong_and_not_known() {
    type Change = fn(&mut World);
    let cases: [(&str, State, Change); 11] = [
        ("address", State::Wrong, |world| {
            world.shown = Shown::Refused("no sshd".into());
        }),
        ("address", State::Unknown, |world| {
            world.shown = Shown::Unreached("silent".into());
        }),
        ("host-key", State::Wrong, |world| {
            world.host_keys = vec![key(KEY)];
        }),
        ("host-key", State::Unknown, |world| world.host_keys.clear()),
        ("authorized", State::Wrong, |world| {
            world.access.files[0].content = Ok(vec![]);
        }),
        ("daemon", State::Wrong, |world| {
            world.daemon = Ok(CacheDaemon::Silent {
                socket: SOCKET.into(),
                why: "refused".into(),
            });
        }),
        ("path", State::Wrong, |world| {
            world.path = Some(PathFacts::absent("/p".into()));
        }),
        ("closure", State::Wrong, |world| {
            world.path.as_mut().unwrap().miss(&vector().references[0]);
        }),
        ("signatures", State::Wrong, |world| {
            world.path = Some(signed(false));
        }),
        ("contents", State::Wrong, |world| {
            world.contents = Some(Contents {
                checked: 2,
                corrupt: vec!["/p".into()],
                failed: vec![],
            });
        }),
        ("command", State::Unknown, |world| {
            world
                .access
                .sshd
                .settings
                .as_mut()
                .unwrap()
                .chroot_directory = Some("/jail".into());
        }),
    ];
    for (id, state, change) in cases {
        let mut world = World::new();
        change(&mut world);
        let way = world.way();
        assert_eq!(step(&way, id).state, state, "{id}: {way:#?}");
        let verdict = match state {
            State::Wrong => Verdict::No,
            _ => Verdict::Unknown,
        };
        assert_eq!(way.verdict, verdict, "{id}: {way:#?}");
        let words = match state {
            State::Wrong => &step(&way, id).message,
            _ => id,
        };
        assert!(way.sentence().contains(words), "{}", way.sentence());
        let about_path = ["path", "closure", "signatures"].contains(&id);
        let obstacles = way.access_obstacles("/p").len();
        assert_eq!(
            obstacles,
            usize::from(state == State::Wrong && !about_path),
            "{id}"
        );
    }
}

#[test]
fn the_daemon_and_the_contents_can_be_not_known() {
    let mut world = World::new();
    world.daemon = Err(Unknown::new("hidden"));
    assert_eq!(step(&world.way(), "daemon").state, State::Unknown);
    world.daemon = Ok(CacheDaemon::NotNeeded);
    assert_eq!(step(&world.way(), "daemon").state, State::Fine);
    world.contents = Some(Contents {
        checked: 2,
        corrupt: vec![],
        failed: vec!["/p".into()],
    });
    assert_eq!(step(&world.way(), "contents").state, State::Unknown);
    world.contents = Some(Contents {
        checked: 2,
        ..Contents::default()
    });
    assert_eq!(step(&world.way(), "contents").state, State::Fine);
}

#[test]
fn a_command_serves_one_protocol_and_not_the_other() {
    let force = |world: &mut World, command: &str| {
        world.access.sshd.settings.as_mut().unwrap().force_command = Some(command.to_owned());
    };
    for (url, command, state) in [
        ("ssh://c", "nix-store --serve", State::Fine),
        ("ssh-ng://c", "nix-store --serve", State::Wrong),
        ("ssh-ng://c", "nix-daemon --stdio", State::Fine),
        ("ssh://c", "nix-daemon --stdio", State::Wrong),
        ("ssh://c", "/bin/false", State::Wrong),
        ("ssh://c", "internal-sftp", State::Wrong),
        ("ssh://c", "my-wrapper", State::Unknown),
    ] {
        let mut world = World::new();
        url.clone_into(&mut world.address.url);
        force(&mut world, command);
        let way = world.way();
        assert_eq!(
            step(&way, "command").state,
            state,
            "{url} {command}: {way:#?}"
        );
    }
    let mut world = World::new();
    world.access.cache_user.as_mut().unwrap().shell = "/usr/sbin/nologin".into();
    assert_eq!(step(&world.way(), "command").state, State::Wrong);
    // Its own command counts where sshd forces none.
    let mut world = World::new();
    world.access.sshd.settings.as_mut().unwrap().force_command = None;
    assert_eq!(step(&world.way(), "command").state, State::Fine);
    world.access.files[0].content = Ok(format!("command=\"/bin/true\" {KEY}\n").into_bytes());
    let way = world.way();
    assert_eq!(step(&way, "command").state, State::Wrong);
    let fix = step(&way, "command").remedy.as_ref().unwrap();
    assert!(fix.text().contains("command="), "{fix}");
}

#[test]
fn hostile_names_are_inert() {
    let evil = "\u{1b}[2J\u{202e}";
    let mut world = World::new();
    world.address.url = format!("ssh://{evil}");
    world.address.host = evil.to_owned();
    world.access = with(&format!("restrict {KEY} {evil}\n"));
    world.access.sshd.settings.as_mut().unwrap().force_command = Some(evil.to_owned());
    world.daemon = Err(Unknown::new(evil));
    let way = world.way();
    let text = serde_json::to_string(&way).unwrap();
    assert!(
        !text.contains('\u{202e}') && !text.contains("\\u001b"),
        "{text}"
    );
}
