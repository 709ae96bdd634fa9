//! Signing on a real server: a plan, its job, the receipt, the audit log, and what a real client says of it.

use crate::help::{connect, read, runtime};
use crate::rig::{Access, Nix, OURS, Rig, UNMENDABLE};
use std::collections::BTreeSet;
use std::path::Path;
use storekeeper::change::audit::{self, verify};
use storekeeper::change::sign::{KeyChoice, PlanError, Selection, plan};
use storekeeper::change::{Answer, JobEvent, Outcome, Policy, Receipt, run_in};
use storekeeper::domain::{KeyName, SigningKey, StorePath, TrustClass, When};
use storekeeper::inventory::Inventory;
use storekeeper::server::{InfoReply, Server};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

struct Signed {
    receipt: Receipt,
    events: UnboundedReceiver<JobEvent>,
}

/// Plans and runs.
async fn sign(
    rig: &Rig,
    server: &Server,
    selection: &Selection,
    with: KeyChoice,
) -> Result<Signed, PlanError> {
    let inventory = read(server).await;
    let plan = plan(
        server,
        &inventory,
        selection,
        with,
        Some("nightly".into()),
        When::now(),
    )
    .await?;
    let confirmed = plan
        .confirm(&Answer::Flag, Policy { read_only: false })
        .unwrap();
    let (sender, events) = unbounded_channel();
    let receipt = run_in(
        Some(rig.state()),
        confirmed,
        server,
        sender,
        CancellationToken::new(),
    )
    .await;
    Ok(Signed { receipt, events })
}

fn names<'a>(paths: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    paths
        .into_iter()
        .map(|path| StorePath::parse(path).unwrap().name().to_owned())
        .collect()
}

/// Which paths of the rig the inventory calls refused.
fn refused(inventory: &Inventory) -> BTreeSet<String> {
    (0..inventory.len() as u32)
        .filter(|row| inventory.trust(*row).is_some_and(TrustClass::refused))
        .map(|row| inventory.name(row).to_owned())
        .collect()
}

fn signs_all(rig: &Rig, access: Access, with: impl Fn(&Rig) -> KeyChoice) {
    runtime().block_on(async {
        let server = rig.connect(access).await;
        let before = read(&server).await;
        assert_eq!(refused(&before), names(rig.refused()));
        let mut signed = sign(rig, &server, &Selection::all(), with(rig))
            .await
            .unwrap();
        let receipt = &signed.receipt;
        assert_eq!(receipt.failed, []);
        assert_eq!(receipt.result, Outcome::Done);
        assert_eq!(receipt.done, rig.refused().len() - UNMENDABLE.len());
        assert!(receipt.by.starts_with(&format!("{} via ", access.user())));
        let mut last = None;
        while let Ok(event) = signed.events.try_recv() {
            if let JobEvent::Progress { done, total, .. } = event {
                last = Some((done, total));
            }
        }
        assert_eq!(last, Some((receipt.done, receipt.done)));

        // The store agrees, Nix agrees, and there is nothing left to do.
        let after = read(&server).await;
        assert_eq!(refused(&after), UNMENDABLE.map(ToOwned::to_owned).into());
        let again = sign(rig, &server, &Selection::all(), with(rig)).await;
        assert!(matches!(again, Err(PlanError::Unmendable(_))));

        let log = std::fs::read(rig.file("var/audit.jsonl")).unwrap();
        let records = audit::read(&log);
        assert_eq!(verify(&log).broken(), None);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].id, receipt.id);
        assert_eq!(records[0].done, receipt.done);
        assert_eq!(records[0].reason.as_deref(), Some("nightly"));
        assert_eq!(
            std::fs::read(audit::copy::file(&rig.state(), "prod")).unwrap(),
            log
        );
    });
}

/// What a real client says after that.
fn clients_accept(rig: &Rig) {
    let mended: Vec<&str> = rig
        .entries
        .iter()
        .filter(|entry| !UNMENDABLE.contains(&entry.name.as_str()))
        .map(|entry| entry.path.as_str())
        .collect();
    for (path, verdict) in mended.iter().zip(rig.client_verdicts(&mended)) {
        assert_eq!(verdict, Ok(()), "{path}");
    }
}

#[test]
fn with_the_servers_key_on_every_nix() {
    Rig::on_every_nix(|rig| {
        signs_all(rig, Access::Root, |_| KeyChoice::Server(None));
        clients_accept(rig);
    });
}

#[test]
fn with_the_servers_key_through_sudo_and_the_socket() {
    for access in [Access::Sudo, Access::ViaSocket] {
        signs_all(&Rig::new(), access, |_| KeyChoice::Server(None));
    }
}

#[test]
fn with_a_key_of_this_machine_on_every_nix() {
    Rig::on_every_nix(|rig| {
        signs_all(rig, Access::Root, |rig| {
            KeyChoice::Local(rig.secret_key_file(OURS))
        });
        clients_accept(rig);
    });
}

/// What the two halves of the agent's test tell each other: the agent is found by the environment of a process.
const CHILD: &str = "STOREKEEPER_TEST_AGENT_KEY";

#[test]
fn with_a_key_that_the_agent_holds() {
    if let Ok(fingerprint) = std::env::var(CHILD) {
        let secret = std::env::var("STOREKEEPER_TEST_SECRET").unwrap();
        let rig = Rig::new();
        // The rig's own key is another one for each folder of templates, so both halves use the same.
        assert_eq!(
            std::fs::read(rig.secret_key_file(OURS)).unwrap(),
            std::fs::read(secret).unwrap()
        );
        signs_all(&rig, Access::Root, |_| KeyChoice::Agent {
            fingerprint: fingerprint.clone(),
            name: OURS.to_owned(),
        });
        clients_accept(&rig);
        return;
    }
    let rig = Rig::new();
    let agent = rig.agent();
    agent.add(Path::new(&rig.file("other")));
    let fingerprint = agent.add_nix_key(&rig.secret_key_file(OURS));
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sign::with_a_key_that_the_agent_holds",
            "--nocapture",
        ])
        .env("SSH_AUTH_SOCK", &agent.socket)
        .env(CHILD, fingerprint)
        .env("STOREKEEPER_TEST_SECRET", rig.secret_key_file(OURS))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn one_path_with_its_closure() {
    let rig = Rig::new();
    runtime().block_on(async {
        let server = rig.connect(Access::Root).await;
        let inventory = read(&server).await;
        let row = |name| {
            let path = StorePath::parse(rig.path(name)).unwrap();
            vec![inventory.find(&path).unwrap()]
        };
        // It is signed itself; what it needs is not.
        let selection = Selection::rows(row("application-2.0")).with_closure(true);
        let signed = sign(&rig, &server, &selection, KeyChoice::Server(None))
            .await
            .unwrap();
        assert_eq!(
            (signed.receipt.done, signed.receipt.result),
            (1, Outcome::Done)
        );
        let left = refused(&read(&server).await);
        assert!(!left.contains("library-2.0") && left.contains("fresh-3.1"));
        let selection = Selection::rows(row("retired-0.9"));
        let signed = sign(&rig, &server, &selection, KeyChoice::Server(None))
            .await
            .unwrap();
        assert_eq!(signed.receipt.done, 1);
        let path = StorePath::parse(rig.path("retired-0.9")).unwrap();
        let replies = server.path_infos(&[path]).await.unwrap();
        assert!(matches!(&replies[..], [InfoReply::Valid(info)] if info.signatures.len() == 2));
    });
    assert_eq!(rig.client_accepts(rig.path("application-2.0")), Ok(()));
    assert!(rig.client_accepts(rig.path("fresh-3.1")).is_err());
}

/// The paths that carry a signature by our key, as the database has it.
fn signed_in_database(rig: &Rig) -> BTreeSet<String> {
    rig.sql(&format!(
        "select path from ValidPaths where sigs like '%{OURS}:%';"
    ))
    .lines()
    .map(ToOwned::to_owned)
    .collect()
}

/// Checks a receipt against the database: what was planned is signed, or the receipt says that it is not or not known.
fn is_true(rig: &Rig, planned: &BTreeSet<String>, receipt: &Receipt) {
    let signed = signed_in_database(rig);
    let mut done = 0;
    for path in planned {
        let failure = receipt.failed.iter().find(|failure| failure.item == *path);
        match failure.map(|failure| failure.message.as_str()) {
            None => {
                assert!(signed.contains(path), "{path} was called signed");
                done += 1;
            }
            Some(message) if message.starts_with("not confirmed") => {}
            Some(message) => assert!(!signed.contains(path), "{path}: {message}"),
        }
    }
    assert_eq!(done, receipt.done);
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Death {
    /// Only the sessions; a new one is served.
    OfSessions,
    /// Of sshd as well.
    OfAll,
}

fn cut_while_signing(death: Death, local: bool) {
    const PATHS: u32 = 3000;
    let mut rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    rig.sql("update ValidPaths set sigs = null;");
    let planned: BTreeSet<String> = rig
        .sql("select path from ValidPaths where ca is null or ca = '';")
        .lines()
        .map(ToOwned::to_owned)
        .collect();
    let key = if local {
        KeyChoice::Local(rig.secret_key_file(OURS))
    } else {
        KeyChoice::Server(None)
    };
    let runtime = runtime();
    let port = rig.port(Access::Root);
    let (server, inventory) = runtime.block_on(async {
        let server = connect(rig.spec("root", port).await).await;
        let inventory = read(&server).await;
        (server, inventory)
    });
    let (sender, mut events) = unbounded_channel();
    let job = runtime.spawn({
        let (server, key, state) = (server.clone(), key.clone(), Some(rig.state()));
        async move {
            let plan = plan(
                &server,
                &inventory,
                &Selection::all(),
                key,
                None,
                When::now(),
            )
            .await
            .unwrap();
            assert_eq!(plan.items.len(), planned_count(&plan));
            let confirmed = plan
                .confirm(&Answer::Flag, Policy { read_only: false })
                .unwrap();
            run_in(state, confirmed, &server, sender, CancellationToken::new()).await
        }
    });
    while let Some(event) = events.blocking_recv() {
        if matches!(event, JobEvent::Progress { done, .. } if done >= 500) {
            break;
        }
    }
    // In the middle of a chunk.
    std::thread::sleep(std::time::Duration::from_millis(40));
    match death {
        Death::OfSessions => rig.sshd(Access::Root).kill_sessions(),
        Death::OfAll => rig.sshd(Access::Root).kill(),
    }
    let receipt = runtime.block_on(job).unwrap();
    assert_eq!(receipt.result, Outcome::Partial, "{death:?}");
    assert!(receipt.done >= 500 && receipt.done < planned.len());
    is_true(&rig, &planned, &receipt);
    let unknown = receipt
        .failed
        .iter()
        .filter(|failure| failure.message.starts_with("not confirmed"))
        .count();
    let unlogged = receipt
        .failed
        .iter()
        .any(|failure| failure.item.starts_with("audit log"));
    match death {
        // Another link answered truthfully and took the record.
        Death::OfSessions => assert_eq!((unknown, unlogged), (0, false)),
        Death::OfAll => {
            assert!(unknown <= 512 && unlogged);
            let sshd = rig.sshd(Access::Root);
            sshd.restart();
            sshd.wait();
        }
    }
    let again = runtime.block_on(async {
        let server = connect(rig.spec("root", port).await).await;
        sign(&rig, &server, &Selection::all(), key)
            .await
            .unwrap()
            .receipt
    });
    assert_eq!(again.failed, []);
    assert_eq!(again.result, Outcome::Done);
    assert_eq!(planned.difference(&signed_in_database(&rig)).count(), 0);
}

/// Puts another key of the same name into a key file, in one piece.
fn swap(file: &Path) {
    let name = KeyName::new(OURS).unwrap();
    let other = SigningKey::from_seed(name, &Zeroizing::new([9; 32]));
    let beside = file.with_extension("new");
    std::fs::write(&beside, &*other.to_secret_text()).unwrap();
    set_mode(&beside, 0o600);
    std::fs::rename(&beside, file).unwrap();
}

/// All signatures of the store.
fn signatures(rig: &Rig) -> String {
    rig.sql("select path, sigs from ValidPaths order by path;")
}

#[test]
fn a_key_that_was_swapped_after_the_plan_signs_nothing() {
    Rig::on_every_nix(|rig| {
        let before = signatures(rig);
        let local = rig.scratch().join("local.sec");
        let fresh =
            SigningKey::from_seed(KeyName::new("fresh-1").unwrap(), &Zeroizing::new([7; 32]));
        std::fs::write(&local, &*fresh.to_secret_text()).unwrap();
        set_mode(&local, 0o600);
        for (access, choice) in [
            (Access::Root, KeyChoice::Local(local.clone())),
            (Access::Root, KeyChoice::Server(None)),
        ] {
            let receipt = runtime().block_on(async {
                let server = rig.connect(access).await;
                let inventory = read(&server).await;
                let plan = plan(
                    &server,
                    &inventory,
                    &Selection::all(),
                    choice.clone(),
                    None,
                    When::now(),
                )
                .await
                .unwrap();
                match &choice {
                    KeyChoice::Local(file) => {
                        let other = SigningKey::from_seed(
                            KeyName::new("fresh-1").unwrap(),
                            &Zeroizing::new([8; 32]),
                        );
                        std::fs::write(file, &*other.to_secret_text()).unwrap();
                    }
                    _ => swap(Path::new(&server.facts().signing_keys[0].file)),
                }
                let confirmed = plan
                    .confirm(&Answer::Flag, Policy { read_only: false })
                    .unwrap();
                let (sender, _events) = unbounded_channel();
                let state = Some(rig.state());
                run_in(state, confirmed, &server, sender, CancellationToken::new()).await
            });
            assert_eq!((receipt.result, receipt.done), (Outcome::Failed, 0));
            assert!(!receipt.failed.is_empty());
            for failure in &receipt.failed {
                let reported = [
                    "changed after the plan was made",
                    "the key has changed since the plan",
                ];
                assert!(
                    reported
                        .iter()
                        .any(|reported| failure.message.contains(reported)),
                    "{}",
                    failure.message
                );
            }
            assert_eq!(signatures(rig), before);
        }
    });
}

#[test]
fn a_key_that_is_swapped_while_the_server_signs_signs_no_more() {
    let rig = Rig::bulk(&Nix::of_this_machine(), 3000);
    rig.sql("update ValidPaths set sigs = null;");
    let planned: BTreeSet<String> = rig
        .sql("select path from ValidPaths where ca is null or ca = '';")
        .lines()
        .map(ToOwned::to_owned)
        .collect();
    let runtime = runtime();
    let (server, confirmed) = runtime.block_on(async {
        let server = rig.connect(Access::Root).await;
        let inventory = read(&server).await;
        let key = KeyChoice::Server(None);
        let plan = plan(
            &server,
            &inventory,
            &Selection::all(),
            key,
            None,
            When::now(),
        )
        .await
        .unwrap();
        let confirmed = plan
            .confirm(&Answer::Flag, Policy { read_only: false })
            .unwrap();
        (server, confirmed)
    });
    let file = server.facts().signing_keys[0].file.clone();
    let (sender, mut events) = unbounded_channel();
    let job = runtime.spawn({
        let (server, state) = (server.clone(), Some(rig.state()));
        async move { run_in(state, confirmed, &server, sender, CancellationToken::new()).await }
    });
    while let Some(event) = events.blocking_recv() {
        if matches!(event, JobEvent::Progress { done, .. } if done >= 500) {
            break;
        }
    }
    swap(Path::new(&file));
    let receipt = runtime.block_on(job).unwrap();
    assert_eq!(receipt.result, Outcome::Partial);
    assert!(receipt.done >= 500 && receipt.done < planned.len());
    // The other key has the same name, so its signatures would be seen here.
    is_true(&rig, &planned, &receipt);
    let reported = "changed after the plan was made";
    assert!(
        receipt
            .failed
            .iter()
            .all(|failure| failure.message.contains(reported)),
        "{:?}",
        receipt.failed.last()
    );
}

fn planned_count(plan: &storekeeper::change::Plan) -> usize {
    let storekeeper::change::Operation::Sign { paths, .. } = &plan.operation else {
        panic!("another operation");
    };
    paths.len()
}

#[test]
fn sessions_killed_while_the_server_signs() {
    cut_while_signing(Death::OfSessions, false);
}

#[test]
fn sshd_killed_while_the_server_signs() {
    cut_while_signing(Death::OfAll, false);
}

#[test]
fn sshd_killed_while_signatures_are_added() {
    cut_while_signing(Death::OfAll, true);
    cut_while_signing(Death::OfSessions, true);
}

#[test]
fn nothing_is_signed_where_it_can_not_be_done_well() {
    let rig = Rig::new();
    let before = signed_in_database(&rig);
    let key = rig.secret_key_file(OURS);
    runtime().block_on(async {
        let refused = async |port, choice| {
            let server = connect(rig.spec("root", port).await).await;
            match sign(&rig, &server, &Selection::all(), choice).await {
                Ok(signed) => panic!("{:?}", signed.receipt),
                Err(error) => error.to_string(),
            }
        };
        let port = rig.port(Access::Root);
        let imposter = rig.scratch().join("keys/imposter.sec");
        let said = refused(port, KeyChoice::Local(imposter)).await;
        assert!(said.contains("another key by that name"), "{said}");
        set_mode(&key, 0o644);
        let said = refused(port, KeyChoice::Server(None)).await;
        assert!(said.contains("can't be used"), "{said}");
        let said = refused(port, KeyChoice::Local(key.clone())).await;
        assert!(said.contains("chmod 600"), "{said}");
        std::fs::rename(&key, key.with_extension("away")).unwrap();
        let said = refused(port, KeyChoice::Server(None)).await;
        assert!(said.contains("can't be used"), "{said}");
        std::fs::rename(key.with_extension("away"), &key).unwrap();
        set_mode(&key, 0o600);
        // A log that can't be written: the plan is made and the job does not begin.
        std::fs::create_dir_all(rig.file("var/audit.jsonl")).unwrap();
        let server = connect(rig.spec("root", port).await).await;
        let signed = sign(&rig, &server, &Selection::all(), KeyChoice::Server(None))
            .await
            .unwrap();
        assert_eq!(
            (signed.receipt.result, signed.receipt.done),
            (Outcome::Failed, 0)
        );
        assert!(
            signed.receipt.failed[0]
                .message
                .starts_with("nothing was changed")
        );
    });
    assert_eq!(signed_in_database(&rig), before);
}

fn set_mode(file: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}
