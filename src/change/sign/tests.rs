//! Plans over a small store: what is picked, what is left alone, what is said.

use super::*;
use crate::change::KeySource;
use crate::change::testing::{
    KEY_FILE, NOW, facts, info, inventory, key, ours, path, retired, ring, rows, signed, upstream,
};
use crate::domain::{PathInfo, Role};
use crate::server::facts::Facts;
use crate::server::facts::ServerKey;
use std::os::unix::fs::PermissionsExt as _;

fn server_key() -> Key {
    Key {
        source: KeySource::Server {
            file: KEY_FILE.into(),
            name: ours().name().to_string(),
        },
        public: ours().public(),
        role: Some(Role::Ours),
    }
}

/// One of each: lib and app unsigned, tool wrongly signed, the rest accepted.
fn store() -> Vec<PathInfo> {
    let mut wrong = info("tool-1", &[], 90_000);
    wrong.signatures = signed(info("other", &[], 0), &ours()).signatures;
    vec![
        info("app-1", &["lib-1", "app-1", "glibc-2"], 240),
        info("lib-1", &["glibc-2"], 260),
        wrong,
        signed(info("glibc-2", &[], 500), &upstream()),
        signed(info("gcc-9", &[], 500), &upstream()),
        signed(info("older-1", &[], 900), &retired()),
        signed(info("done-1", &["app-1"], 900), &ours()),
        signed(info("stray-1", &[], 172_800), &key("stranger", 9)),
    ]
}

fn drawn(
    infos: &[PathInfo],
    selection: &Selection,
    key: &Key,
    unmendable: &[StorePath],
) -> Result<Plan, PlanError> {
    let inventory = inventory(infos);
    let mut picked = select::pick(&inventory, &ring(), key.public.name().as_str(), selection);
    leave(&inventory, &mut picked, unmendable);
    draw(
        &Address {
            server: "prod",
            reached: "root@cache.example.org",
            local: false,
        },
        &inventory,
        key,
        &picked,
        unmendable,
        None,
        When::from_unix(NOW),
    )
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.items
        .iter()
        .filter_map(|item| Some(item.path()?.name()))
        .collect()
}

fn sorted(plan: &Plan) -> Vec<&str> {
    let mut names = names(plan);
    names.sort_unstable();
    names
}

fn of(names: &[&str]) -> Selection {
    Selection::rows(rows(&inventory(&store()), names))
}

#[test]
fn all_that_clients_refuse() {
    let plan = drawn(&store(), &Selection::all(), &server_key(), &[]).unwrap();
    assert_eq!(sorted(&plan), ["app-1", "lib-1", "stray-1", "tool-1"]);
    let place = |name| names(&plan).iter().position(|n| *n == name).unwrap();
    assert!(place("lib-1") < place("app-1"));
    assert_eq!(
        plan.summary,
        "sign 4 paths (3.9 KiB) with cache.example.org-1"
    );
    let text: Vec<String> = plan
        .lines
        .iter()
        .map(|(label, line)| format!("{label:<10}{line}"))
        .collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    on        prod (root@cache.example.org)
    with      cache.example.org-1, the server's key /root/nix-cache-key.sec
    what      4 paths, 3.9 KiB, uploaded 2d to 4m ago
              3 uploads, the rest their dependencies: app-1, tool-1, stray-1
    skipped   2 upstream paths (signed by cache.nixos.org-1)
              1 path of another key of this cache (signed by old-1)
    effect    every client that trusts this key will accept these paths
    same as   nix store sign -k /root/nix-cache-key.sec …
    ");
    assert_eq!(plan.change, "sign");
    assert_eq!(plan.danger, Danger::Adds);
    assert!(
        plan.commands[0]
            .starts_with("nix store sign --key-file /root/nix-cache-key.sec /nix/store/")
    );
    assert!(plan.commands[0].ends_with(" …"));
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
    assert!(plan.warnings[0].starts_with("these paths were not built on this server"));
    assert!(plan.warnings[1].starts_with("1 path carries a wrong signature now"));
    let Operation::Sign { paths, with, key } = &plan.operation else {
        panic!("another operation");
    };
    assert_eq!(paths.len(), 4);
    assert_eq!(*with, server_key().source);
    assert_eq!(**key, server_key().public);
}

#[test]
fn more_is_signed_only_when_it_is_asked_for() {
    let planned = |selection: &Selection| -> Vec<String> {
        let plan = drawn(&store(), selection, &server_key(), &[]).unwrap();
        sorted(&plan).into_iter().map(ToOwned::to_owned).collect()
    };
    let all = Selection::all();
    assert_eq!(
        planned(&all.with_upstream(true)),
        ["app-1", "gcc-9", "glibc-2", "lib-1", "stray-1", "tool-1"]
    );
    // A path that is named is signed although clients take it by an older key.
    assert_eq!(planned(&of(&["older-1", "gcc-9"])), ["older-1"]);
    assert_eq!(planned(&of(&["app-1"])), ["app-1"]);
    assert_eq!(planned(&of(&["app-1", "app-1"])), ["app-1"]);
    assert_eq!(
        planned(&of(&["done-1"]).with_closure(true)),
        ["app-1", "lib-1"]
    );
    assert_eq!(
        planned(&of(&["app-1"]).with_closure(true).with_upstream(true)),
        ["app-1", "glibc-2", "lib-1"]
    );
}

#[test]
fn tells_what_would_still_be_refused() {
    let plan = drawn(&store(), &of(&["app-1"]), &server_key(), &[]).unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.starts_with("1 path that these need would still be refused")),
        "{:?}",
        plan.warnings
    );
    let plan = drawn(&store(), &of(&["app-1", "lib-1"]), &server_key(), &[]).unwrap();
    assert!(!plan.warnings.iter().any(|w| w.contains("still be refused")));
}

#[test]
fn what_signing_cannot_mend_is_left_out_and_named() {
    let mut infos = store();
    infos[2].signatures.push("cache.nixos.org-1:AAAA".into());
    assert!(is_unmendable(&ring(), &infos[2]));
    let gone = [path("tool-1")];
    let plan = drawn(&infos, &Selection::all(), &server_key(), &gone).unwrap();
    assert_eq!(sorted(&plan), ["app-1", "lib-1", "stray-1"]);
    assert!(
        plan.lines
            .contains(&("", "1 path that signing can't fix: tool-1".into()))
    );
    assert!(plan.warnings.iter().any(|w| w.contains("malformed")));
    assert!(
        !plan
            .warnings
            .iter()
            .any(|w| w.contains("a wrong signature"))
    );
    let error = drawn(&infos, &of(&["tool-1"]), &server_key(), &gone).unwrap_err();
    assert!(
        error.to_string().contains("-tool-1: a malformed signature"),
        "{error}"
    );
}

#[test]
fn an_address_that_does_not_fit_is_left_out() {
    let mut infos = store();
    infos[1].content_address = Some(format!("fixed:r:sha256:{}", "0".repeat(52)));
    let suspect = |infos: &[PathInfo]| {
        select::pick(&inventory(infos), &ring(), "ours-1", &of(&["lib-1"])).suspect
    };
    assert_eq!(suspect(&infos).len(), 1);
    assert!(suspect(&store()).is_empty());
    assert!(is_unmendable(&ring(), &infos[1]));
    // A form that not every client reads is not called false.
    infos[1].content_address = Some("fixed:git:sha1:0000".into());
    assert!(!is_unmendable(&ring(), &infos[1]));
    let gone = [path("lib-1")];
    let error = drawn(&infos, &of(&["lib-1"]), &server_key(), &gone).unwrap_err();
    assert!(error.to_string().contains("does not fit"), "{error}");
}

#[test]
fn malformed_is_what_nix_gives_up_on() {
    let with = |signature: &str| {
        let mut info = info("x", &[], 0);
        info.signatures = vec![signature.to_owned()];
        is_unmendable(&ring(), &info)
    };
    assert!(with("old-1:AAAA") && with("old-1:!!") && with("old-1:"));
    assert!(!with("stranger:AAAA") && !with("nocolon"));
    assert!(!with(&signed(info("y", &[], 0), &ours()).signatures[0]));
}

#[test]
fn nothing_to_sign_says_why() {
    let said = |selection: &Selection| {
        drawn(&store(), selection, &server_key(), &[])
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        said(&of(&["done-1"])),
        "there is nothing to sign: no path lacks a valid signature by cache.example.org-1 that clients would refuse without it"
    );
    assert!(said(&of(&["gcc-9"])).contains("clients take 1 path as it is"));
    let listed = crate::inventory::Builder::new(vec![path("app-1")]).finish();
    let picked = select::pick(&listed, &ring(), "cache.example.org-1", &Selection::all());
    assert_eq!((picked.unread, picked.rows.len()), (1, 0));
}

#[test]
fn a_store_that_takes_nothing() {
    let with = |store_writable| Facts {
        store_writable,
        ..facts()
    };
    let error = may_be_written(&with(Some(false)), "root@cache").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the store on root@cache can't be written")
    );
    assert!(may_be_written(&with(None), "root@cache").is_ok());
}

#[tokio::test]
async fn keys_of_the_server() {
    let chosen = |facts: Facts, file: Option<&'static str>| async move {
        choose(&KeyChoice::Server(file.map(ToOwned::to_owned)), &facts).await
    };
    let with = |change: fn(&mut ServerKey)| {
        let mut facts = facts();
        change(&mut facts.signing_keys[0]);
        facts
    };
    let found = chosen(facts(), None).await.unwrap();
    assert_eq!(
        (found.source, found.role),
        (server_key().source, Some(Role::Ours))
    );
    assert!(chosen(facts(), Some(KEY_FILE)).await.is_ok());
    let said = |found: Result<Key, PlanError>| found.unwrap_err().to_string();
    assert!(said(chosen(facts(), Some("/etc/x")).await).contains("signing_key = \"/etc/x\""));
    let mut none = facts();
    none.signing_keys.clear();
    assert!(said(chosen(none, None).await).contains("names no signing key"));
    let open = with(|key| key.problem = Some("it can be read by all; run chmod 600 on it".into()));
    assert_eq!(
        said(chosen(open, None).await),
        "the server's key /root/nix-cache-key.sec can't be used: it can be read by all; run chmod 600 on it"
    );
    let unknown = with(|key| key.name = Some("new-1".into()));
    assert!(said(chosen(unknown, None).await).contains("public half of new-1"));
    let mut two = facts();
    two.keys = KeyRing::new(
        vec![ours().public(), key("cache.example.org-1", 8).public()],
        vec![],
        vec![],
    );
    assert!(said(chosen(two, None).await).contains("another key by that name"));
}

#[tokio::test]
async fn keys_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.sec");
    let write = |text: &str, mode: u32| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let facts = facts();
    let choice = KeyChoice::Local(file.clone());
    let said = |found: Result<Key, PlanError>| found.unwrap_err().to_string();
    assert!(said(choose(&choice, &facts).await).contains("can't be read"));
    write(&ours().to_secret_text(), 0o640);
    assert!(
        said(choose(&choice, &facts).await)
            .contains("(mode 0640), so it is not used; run chmod 600")
    );
    write(&ours().to_secret_text(), 0o600);
    let found = choose(&choice, &facts).await.unwrap();
    assert_eq!(found.public, ours().public());
    write(&key("cache.example.org-1", 8).to_secret_text(), 0o600);
    assert!(said(choose(&choice, &facts).await).contains("another key by that name"));
    write(&key("new-1", 8).to_secret_text(), 0o400);
    let found = choose(&choice, &facts).await.unwrap();
    assert_eq!(found.role, None);
    let plan = drawn(&store(), &Selection::all(), &found, &[]).unwrap();
    assert!(plan.warnings[0].contains("give them its public half: new-1:"));
    assert!(plan.commands[0].contains("--store ssh-ng://root@cache.example.org"));
    assert!(plan.lines.contains(&(
        "effect",
        "clients accept these paths once they trust new-1".into()
    )));
    write("no key", 0o600);
    let error = said(choose(&choice, &facts).await);
    assert!(
        error.contains("no secret key of Nix") && !error.contains("no key\n"),
        "{error}"
    );
    let error = said(choose(&KeyChoice::Local(folder.path().into()), &facts).await);
    assert!(error.contains("not a regular file"), "{error}");
}
