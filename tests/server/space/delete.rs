//! `delete`: chosen paths go with what refers to them and nothing else, on the oldest and the newest Nix, and who had sessions is named.

use crate::rig::{Access, Rig, Twist};
use serde_json::Value;
use std::collections::BTreeSet;

/// The real `ssh` as the cache user: a session that the log has.
fn log_in(rig: &Rig, port: u16) {
    let output = rig.ssh_as("nix-ssh", port, "anything").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("Permission denied"), "{said}");
}

fn valid(rig: &Rig) -> BTreeSet<String> {
    let paths = rig.sql("select path from ValidPaths");
    paths.lines().map(str::to_owned).collect()
}

/// What the real program prints as JSON; it must end with this code.
fn json(rig: &Rig, line: &str, code: i32) -> Value {
    let words = line.split(' ').chain(["--json"]);
    let output = rig.storekeeper_command(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn a_path_goes_with_its_referrers_and_nothing_else_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let twist = Twist {
            syslog: true,
            ..Twist::default()
        };
        let sshd = rig.twisted("logged", Access::Root, twist);
        let more = format!("sshd_log = \"{}\"", sshd.auth_log());
        rig.add_server(&rig.server_section("prod", "root", sshd.port, &more));
        log_in(rig, sshd.port);
        let (left, top) = (rig.path("left-1.0"), rig.path("top-1.0"));
        let before = valid(rig);
        // What Nix's own database says refers to it, directly or not.
        let closed = format!(
            "with recursive up(id) as (select id from ValidPaths where path = '{left}' union select referrer from Refs, up where reference = up.id) \
             select path from ValidPaths join up using (id)"
        );
        let closed: BTreeSet<String> = rig.sql(&closed).lines().map(str::to_owned).collect();
        assert!(closed.contains(top) && !closed.contains(rig.path("right-1.0")));

        // What a root keeps is refused, and the root is named.
        json(rig, "pin prod top-1.0 --name release --yes", 0);
        let refused = json(rig, "delete prod left-1.0 --yes", 4);
        let said = refused["error"]["message"].as_str().unwrap();
        assert!(
            said.contains("gcroots/storekeeper/release") && said.contains(&top.to_string()),
            "{said}"
        );
        assert_eq!(refused["error"]["next"], "unpin release first");
        json(rig, "unpin prod release --yes", 0);
        json(rig, "delete prod nothing-1.0 --yes", 2);
        assert_eq!(valid(rig), before);

        let plan = json(rig, "delete prod left-1.0 --dry-run", 0);
        assert_eq!(valid(rig), before);
        let items = plan["plan"]["items"].as_array().unwrap();
        let items: BTreeSet<String> = items
            .iter()
            .map(|item| item["path"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(items, closed);
        // The key that had a session is named, and what the log does not reach.
        let warnings = plan["plan"]["warnings"].to_string();
        let facts = json(rig, "keys prod list", 0);
        let used = facts["keys"].as_array().unwrap().iter();
        let used: Vec<&str> = used
            .filter(|key| !key["lastUsed"].is_null())
            .map(|key| key["fingerprint"].as_str().unwrap())
            .collect();
        assert_eq!(used.len(), 1, "{facts}");
        assert!(
            warnings.contains(used[0]) && warnings.contains("had 1 session since"),
            "{warnings}"
        );

        let done = json(rig, "delete prod left-1.0 --yes --reason leaked", 0);
        let receipt = &done["receipt"];
        assert_eq!(
            (&receipt["result"], &receipt["done"]),
            (&"done".into(), &closed.len().into()),
            "{done}"
        );
        assert!(receipt["freed"].as_u64().is_some(), "{done}");
        let gone: BTreeSet<String> = before.difference(&valid(rig)).cloned().collect();
        assert_eq!(gone, closed);
    });
}
