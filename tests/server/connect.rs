//! Connecting to, probing and reading a real server over SSH, in every way in and with every Nix there is.

use crate::rig::{Access, Nix, OURS, Rig, Twist};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storekeeper::domain::{PublicKey, StorePath, TrustClass};
use storekeeper::judge::trust::assess;
use storekeeper::link::NoPrompter;
use storekeeper::server::facts::Rights;
use storekeeper::server::{
    ErrorKind, InfoReply, ReadSummary, Server, ServerError, Spec, StoreEvent, Sudo,
};
use tokio::sync::mpsc;

async fn connect(spec: Spec) -> Result<Server, ServerError> {
    Server::connect(spec, Arc::new(NoPrompter)).await
}

async fn enter(rig: &Rig, access: Access) -> Server {
    let spec = rig.spec(access.user(), rig.port(access)).await;
    connect(spec).await.unwrap()
}

struct Taken {
    summary: Result<ReadSummary, ServerError>,
    listed: Vec<StorePath>,
    replies: Vec<InfoReply>,
    /// When the first rows were there.
    first: Option<Duration>,
}

/// Reads the whole store; `each` is called for each handful.
async fn read(server: &Server, mut each: impl FnMut()) -> Taken {
    let (sink, mut events) = mpsc::channel(4);
    let began = Instant::now();
    let taking = async {
        let (mut listed, mut replies, mut first) = (Vec::new(), Vec::new(), None);
        while let Some(event) = events.recv().await {
            match event {
                StoreEvent::Listed(paths) => listed = paths.iter().collect(),
                StoreEvent::Same(_) => panic!("nothing is known"),
                StoreEvent::Replies(some) => {
                    first.get_or_insert_with(|| began.elapsed());
                    replies.extend(some);
                    each();
                }
            }
        }
        (listed, replies, first)
    };
    let (summary, (listed, replies, first)) = tokio::join!(server.read_store(sink, None), taking);
    Taken {
        summary,
        listed,
        replies,
        first,
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

#[test]
fn every_way_in_sees_the_same_store() {
    Rig::on_every_nix(|rig| {
        let expected: BTreeMap<&str, TrustClass> = rig
            .entries
            .iter()
            .map(|entry| (entry.path.as_str(), entry.class))
            .collect();
        for access in Access::ALL {
            run(async {
                let mut spec = rig.spec(access.user(), rig.port(access)).await;
                let ours = PublicKey::parse(&rig.public_key(OURS)).unwrap();
                if access == Access::NoSudo {
                    // This login cannot see the secret, so nothing is derived from it.
                    spec.public_keys = vec![ours.clone()];
                }
                let server = connect(spec).await.unwrap();
                let facts = server.facts();
                assert_eq!(facts.user, access.user());
                let rights = match access {
                    Access::Root | Access::ViaSocket => Rights::Root,
                    Access::Sudo => Rights::Sudo,
                    Access::NoSudo => Rights::User,
                };
                assert_eq!(facts.rights, rights, "{access:?}");
                let trusted = (facts.protocol.1 >= 35).then_some(access != Access::NoSudo);
                assert_eq!(facts.trusted, trusted, "{access:?}");
                assert_eq!(facts.nix_version, rig.nix.version);
                assert_eq!(facts.keys.ours(), [&ours], "{access:?} {:?}", facts.unknown);
                assert_eq!(facts.signing_keys.len(), 1);
                let usable = facts.signing_keys[0].problem.is_none();
                assert_eq!(usable, access != Access::NoSudo);
                let direct = matches!(access, Access::Root | Access::Sudo);
                assert_eq!(facts.database.is_some(), direct, "{access:?}");

                let taken = read(&server, || ()).await;
                let summary = taken.summary.unwrap();
                assert_eq!(summary.listed, expected.len());
                assert_eq!(summary.answered, expected.len());
                let mut seen = BTreeMap::new();
                for reply in taken.replies {
                    let (path, class) = match reply {
                        InfoReply::Valid(info) => {
                            let class = assess(&facts.keys, &info).class;
                            (info.path.to_string(), class)
                        }
                        other => panic!("{access:?}: {other:?}"),
                    };
                    seen.insert(path, class);
                }
                for (path, class) in &expected {
                    assert_eq!(seen.get(*path), Some(class), "{access:?} {path}");
                }
                assert_eq!(seen.len(), taken.listed.len());
            });
        }
    });
}

#[test]
fn a_cut_connection_is_said_and_the_next_reading_connects_anew() {
    let rig = Rig::bulk(&Nix::of_this_machine(), 20_000);
    let proxy = rig.proxied(Duration::from_millis(1));
    run(async {
        let server = connect(rig.spec("root", proxy.port()).await).await.unwrap();
        let mut handfuls = 0;
        let taken = read(&server, || {
            handfuls += 1;
            if handfuls == 2 {
                proxy.cut();
            }
        })
        .await;
        let error = taken.summary.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        assert!(taken.replies.len() < 20_000);
        let server = enter(&rig, Access::Root).await;
        let began = Instant::now();
        let taken = read(&server, || ()).await;
        let all = began.elapsed();
        assert_eq!(taken.summary.unwrap().answered, 20_000);
        let first = taken.first.unwrap();
        assert!(first * 2 < all, "{first:?} of {all:?}");
    });
}

#[test]
fn a_server_without_nix_and_one_without_a_shell_say_so() {
    let rig = Rig::new();
    let twist = Twist {
        without_nix: true,
        ..Twist::default()
    };
    let bare = rig.twisted("bare", Access::Root, twist);
    run(async {
        let error = connect(rig.spec("root", bare.port).await)
            .await
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("nix-daemon is not on"),
            "{error}"
        );
        let mut always = rig
            .spec(Access::NoSudo.user(), rig.port(Access::NoSudo))
            .await;
        always.sudo = Sudo::Always;
        let error = connect(always).await.err().unwrap();
        assert!(matches!(error, ServerError::Sudo { .. }), "{error}");
        let cache = rig.spec("nix-ssh", rig.port(Access::Root)).await;
        let error = connect(cache).await.err().unwrap();
        assert!(matches!(error, ServerError::NoShell { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Server);
    });
}
