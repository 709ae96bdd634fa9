//! Choices of a plan that the command line has as options: a policy of a file, the pin of a push, what a rotation leaves out, paths
//! that are marked before signatures go.

use crate::fixture::snapshot::{dump, snap};
use crate::fixture::space::{POLICY, known};
use crate::fixture::{Console, access, path, receipt};
use std::path::PathBuf;
use storekeeper::change::{Outcome, Plan};
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::types::change::{ChangeKind, SpaceChange};

fn on(size: (u16, u16), theme: &str, read_only: bool) -> Console {
    let mut console = Console::with_space(size, theme, read_only, known());
    let file = |name: &str, text: String| (PathBuf::from(name), text);
    console.files = [
        file("~/new.toml", POLICY.replace("newest = 2", "newest = 1")),
        file("same.toml", POLICY.to_owned()),
        file("wrong.toml", "[default]\nnewset = 1\n".to_owned()),
    ]
    .into();
    console
}

fn small() -> Console {
    on((80, 24), "dark", false)
}

fn text(console: &Console) -> String {
    dump(&draw(&console.model))
}

fn plan(console: &Console) -> Plan {
    let dialog = console.model.plan_dialog();
    let dialog = dialog.unwrap_or_else(|| panic!("{}", text(console)));
    dialog.made().cloned().unwrap()
}

#[test]
fn a_policy_of_a_file_is_seen_as_a_plan() {
    snap("space-policy-of-file", |size, theme| {
        let mut console = on(size, theme, false);
        console.keys("5F~/new.toml<enter>");
        console.model
    });
    for keys in ["5F~/new.toml<enter>", "1:retention ~/new.toml<enter>"] {
        let mut console = small();
        console.keys(keys);
        let plan = plan(&console);
        let of = |label: &str| {
            let lines = plan.lines.iter().filter(|line| line.0 == label);
            lines.map(|line| line.1.as_str()).collect::<Vec<_>>()
        };
        assert_eq!((of("-"), of("+")), (vec!["newest = 2"], vec!["newest = 1"]));
        assert!(!of("effect").is_empty());
        assert!(console.runs.is_empty(), "a plan writes nothing");
        console.keys("<enter>");
        let (job, run) = console.runs[0].clone();
        assert_eq!(run.change, "set-retention");
        let receipt = receipt(Outcome::Done, 1);
        console.send(Msg::Activity(screens::activity::Msg::Ended {
            job,
            receipt,
        }));
    }
    for (file, said) in [
        ("wrong.toml", "newset"),
        ("none.toml", "no such file"),
        ("same.toml", "the policy of the server already"),
    ] {
        let mut console = small();
        console.keys(&format!("5F{file}<enter>"));
        assert!(text(&console).contains(said), "{file}: {}", text(&console));
        assert!(console.model.plan_dialog().is_none());
        // What is written in the editor is another matter.
        assert_eq!(console.model.space.draft, None);
    }
    let mut looking = on((80, 24), "dark", true);
    looking.keys("5F");
    let toast = looking.model.toast.clone().unwrap();
    assert!(toast.contains("read-only"), "{toast}");
    looking.keys(":retention ~/new.toml<enter>");
    assert!(looking.model.plan_dialog().is_none());
}

#[test]
fn the_path_of_a_push_is_pinned_where_it_gets_a_name() {
    snap("push-pin", |size, theme| {
        let mut console = on(size, theme, false);
        console.keys("2P./result<enter>napp-1.2<enter>");
        console.model
    });
    let mut console = small();
    console.keys("2P./result<enter>");
    assert!(text(&console).contains("pins the path under a name"));
    console.keys("napp-1.2<enter>e30d<enter>");
    let asked = console.asked.last().unwrap();
    for part in ["name: \"app-1.2\"", "expires: Some("] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    // The reason becomes the pin's note, so the plan has it.
    console.keys("rfor the release<enter>");
    let asked = console.asked.last().unwrap();
    assert!(
        asked.contains("reason: Some(\"for the release\")"),
        "{asked}"
    );
    console.keys("e<ctrl-u>soon<enter>");
    assert!(text(&console).contains("is no time"), "{}", text(&console));
    // Several have no one name.
    console.keys("<esc>:push ./a ./b<enter>");
    assert!(!text(&console).contains("pins the path"));
    console.keys("n");
    let toast = console.model.toast.clone().unwrap();
    assert!(toast.contains("several paths"), "{toast}");
}

#[test]
fn a_rotation_leaves_out_what_a_filter_finds() {
    snap("rotate-except", |size, theme| {
        let mut console = on(size, theme, false);
        console.keys("3K<enter>xledger-4.1<enter>");
        console.model
    });
    let mut console = small();
    console.keys("3K<enter>");
    let items = plan(&console).items;
    let name = items[0].path().unwrap().name().to_owned();
    console.keys(&format!("x{name}<enter>"));
    assert_eq!(plan(&console).items.len(), items.len() - 1);
    console.keys("x<ctrl-u>older:nonsense<enter>");
    let dialog = console.model.plan_dialog().unwrap();
    assert!(dialog.plan.as_ref().unwrap().is_err());
    // Elsewhere nothing is left out.
    console.keys("<esc>3sx");
    let toast = console.model.toast.clone().unwrap();
    assert!(toast.contains("only a rotation"), "{toast}");
}

#[test]
fn signatures_go_only_from_the_paths_that_are_marked() {
    let marked = "2/ledger-4.1<enter><space>:compromised<enter>j<enter>";
    snap("strip-marked", |size, theme| {
        let mut console = on(size, theme, false);
        console.keys(marked);
        console.model
    });
    let mut console = small();
    console.keys(marked);
    let dialog = console.model.plan_dialog().unwrap();
    let ChangeKind::Space(SpaceChange::Strip(_, Some(only))) = &dialog.change else {
        panic!("{:?}", dialog.change)
    };
    assert_eq!(only.to_vec(), [path("ledger-4.1")]);
    let items = plan(&console).items;
    assert_eq!(items.len(), 1, "{items:?}");
    assert!(text(&console).contains("1 marked path only"));
    console.keys("<esc><esc>u:compromised<enter>j<enter>");
    assert!(plan(&console).items.len() > 1);
    assert!(!text(&console).contains("marked path only"));
}

#[test]
fn the_audit_log_is_verified_from_the_screen_that_shows_it() {
    let found = || {
        let said = "/var/lib/storekeeper/audit.jsonl: 3 records, not whole, 1 flaw";
        vec![
            said.to_owned(),
            "  wrong    line 2: it does not go on from the line before".to_owned(),
        ]
    };
    snap("audit-verified", |size, theme| {
        let mut console = on(size, theme, true);
        console.keys("6V");
        console.send(Msg::Activity(screens::activity::Msg::AuditVerified(Ok(
            found(),
        ))));
        console.model
    });
    let mut console = on((80, 24), "dark", true);
    console.keys("6:verify the audit<enter>");
    assert!(
        console
            .asked
            .iter()
            .any(|asked| asked.contains("VerifyAudit"))
    );
    console.send(Msg::Activity(screens::activity::Msg::AuditVerified(Ok(
        found(),
    ))));
    assert!(text(&console).contains("not whole, 1 flaw"));
    // While something else is open it is said in short.
    console.keys("<esc>?");
    console.send(Msg::Activity(screens::activity::Msg::AuditVerified(Ok(
        found(),
    ))));
    let toast = console.model.toast.clone().unwrap();
    assert!(toast.contains("not whole"), "{toast}");
}

#[test]
fn a_key_that_was_sent_is_kept_as_a_request() {
    let start = || {
        let mut console = small();
        console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
            access::known(access::facts()),
        ))));
        console
    };
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH sent@mail";
    snap("access-add-request", |size, theme| {
        let mut console = on(size, theme, false);
        console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
            access::known(access::facts()),
        ))));
        console.keys("4A");
        console.send(Msg::Paste(line.to_owned()));
        console.keys("<enter>");
        console.model
    });
    for keys in ["4A", "4:keep a key<enter>"] {
        let mut console = start();
        console.keys(keys);
        assert!(text(&console).contains("Keep a key as a request"));
        console.send(Msg::Paste(line.to_owned()));
        console.keys("<enter>");
        assert_eq!(plan(&console).change, "request");
        console.keys("<enter>");
        assert_eq!(console.runs.last().unwrap().1.change, "request");
    }
}
