//! Edits of key files through the library: connect, plan, carry out.

use super::{Access, Rig, key_pair};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use storekeeper::change::access::{About, authorize};
use storekeeper::change::{Answer, Plan, Policy, Receipt, run_in};
use storekeeper::domain::authorized_keys::NewKey;
use storekeeper::domain::ssh_key::PublicSshKey;
use storekeeper::link::{NoPrompter, Options, resolve};
use storekeeper::server::{Server, Spec};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

/// A connection as root; `key_file` is named for the cache user where it is not the one that sshd reads.
pub(crate) async fn connect(rig: &Rig, key_file: Option<&Path>) -> Server {
    let place = resolve(&Options {
        name: "127.0.0.1".into(),
        user: Some("root".into()),
        port: Some(rig.port(Access::Root)),
        identity_files: vec![rig.scratch().join("id")],
        known_hosts: Some(rig.scratch().join("known_hosts")),
        ssh_config: Some(rig.scratch().join("ssh_config")),
        ..Options::default()
    })
    .await
    .unwrap();
    let mut spec = Spec::new("prod", place);
    spec.audit_log = rig.file("var/audit.jsonl");
    spec.requests_dir = rig.file("var/requests");
    spec.key_files = key_file
        .map(|file| file.display().to_string())
        .into_iter()
        .collect();
    Server::connect(spec, Arc::new(NoPrompter)).await.unwrap()
}

/// A key pair in the folder, and the key as a new line would have it.
pub(crate) fn new_key(folder: &Path, name: &str) -> NewKey {
    let file = folder.join(name);
    key_pair(&file, name);
    let text = fs::read_to_string(file.with_extension("pub")).unwrap();
    NewKey {
        key: PublicSshKey::parse(&text).unwrap(),
        restrict: true,
        from: None,
        expires: None,
    }
}

/// The plan that authorizes it.
pub(crate) async fn plan_for(server: &Server, new: &NewKey) -> Plan {
    let facts = server.access().await.unwrap();
    authorize(&About::of(server), &facts, new, None, None).unwrap()
}

/// Confirms and runs a plan.
pub(crate) async fn carry_out(server: &Server, plan: Plan) -> Receipt {
    let confirmed = plan
        .confirm(&Answer::Flag, Policy { read_only: false })
        .unwrap();
    let (events, _told) = unbounded_channel();
    run_in(None, confirmed, server, events, CancellationToken::new()).await
}
