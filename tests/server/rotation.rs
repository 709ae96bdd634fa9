//! Rotation on a real server: what the new key signs, and when a real client can do without the old one.

use crate::help::text;
use crate::rig::{Entry, OURS, RETIRED, Rig, UPSTREAM};
use serde_json::Value;
use std::fs;

const NEW: &str = "cache.example.org-2";

fn secret(rig: &Rig) -> String {
    rig.secret_key_file(NEW).display().to_string()
}

fn rotate(rig: &Rig, more: &str, code: i32) -> Value {
    let key = secret(rig);
    rig.ask(
        &format!("rotate both --from {OURS} --from {RETIRED} --key-file {key} {more}"),
        code,
    )
}

fn number(of: &Value) -> u64 {
    of.as_u64().unwrap_or_else(|| panic!("{of} is no number"))
}

/// What clients take today with all that it needs.
fn accepted(rig: &Rig) -> Vec<&Entry> {
    let entries = rig.entries.iter();
    entries.filter(|entry| !entry.closure_refused).collect()
}

#[test]
fn a_client_that_trusts_only_the_new_key_gets_every_path_at_the_end() {
    Rig::on_every_nix(|rig| {
        let new = rig.with_new_key(NEW, "");
        let only_new = [new.clone()];
        let leaf = rig.path("leaf-1.0");
        assert!(rig.client_accepts_with(leaf, &only_new).is_err());

        let keys = rig.ask("rotate both", 0);
        let of = |name: &str| {
            let all = keys["keys"].as_array().unwrap().iter();
            let found = all.clone().find(|key| key["key"] == name).unwrap();
            (number(&found["signs"]), number(&found["alone"]))
        };
        assert_eq!(of(NEW), (0, 0));
        // One is signed by the older key as well.
        assert_eq!(of(RETIRED), (2, 1));
        assert!(of(OURS).1 > 3 && of(OURS).0 > of(OURS).1, "{keys}");

        let before = rotate(rig, "--dry-run", 0);
        let standing = &before["rotation"];
        assert_eq!(standing["safeToDrop"], false);
        let planned = before["plan"]["items"].as_array().unwrap().len();
        assert_eq!(number(&standing["needing"]), planned as u64);
        assert_eq!(before["plan"]["change"], "rotate");
        assert!(before.get("receipt").is_none());
        assert_eq!(standing["clients"]["overlap"].as_array().unwrap().len(), 3);
        assert_eq!(standing["clients"]["afterwards"][0], new.as_str());
        assert_eq!(
            standing["clients"]["afterwards"].as_array().unwrap().len(),
            1
        );
        assert!(rig.client_accepts_with(leaf, &only_new).is_err());

        let done = rotate(rig, "--yes --reason yearly", 0);
        assert_eq!(done["receipt"]["done"], planned);
        assert_eq!(done["rotation"]["safeToDrop"], true, "{done}");
        assert_eq!(done["rotation"]["needing"], 0);
        // What needed the old ones, and what never did: each by the real client, without the old keys.
        let without = [new.clone(), rig.public_key(UPSTREAM)];
        for entry in accepted(rig) {
            let verdict = rig.client_accepts_with(&entry.path, &without);
            assert_eq!(verdict, Ok(()), "{}", entry.path);
        }
        assert_eq!(rig.client_accepts_with(leaf, &only_new), Ok(()));
        let record = &rig.ask("audit both", 0)["records"][0];
        assert_eq!(
            (&record["change"], &record["reason"]),
            (&"rotate".into(), &"yearly".into())
        );

        // An upload that only the old key signs has it needed again.
        let upload = rig.path("built-here-1.0").to_owned();
        let sign = rig
            .nix_here("nix")
            .args(["store", "sign", "-k"])
            .arg(rig.secret_key_file(OURS))
            .arg(&upload)
            .output()
            .unwrap();
        assert!(sign.status.success(), "{}", text(&sign.stderr));
        let again = rotate(rig, "--dry-run", 0);
        assert_eq!(again["rotation"]["safeToDrop"], false);
        assert_eq!(again["plan"]["items"][0]["path"], upload.as_str());
        assert_eq!(again["plan"]["items"].as_array().unwrap().len(), 1);
        assert!(rig.client_accepts_with(&upload, &only_new).is_err());
        assert_eq!(rotate(rig, "--yes", 0)["rotation"]["safeToDrop"], true);
        assert_eq!(rig.client_accepts_with(&upload, &only_new), Ok(()));
        // Nothing is left: no plan, and the same verdict.
        let nothing = rotate(rig, "--yes", 0);
        assert!(nothing.get("plan").is_none() && nothing["rotation"]["safeToDrop"] == true);
    });
}

#[test]
fn what_cannot_be_signed_keeps_the_old_key_and_is_named() {
    let rig = Rig::new();
    rig.with_new_key(NEW, "");
    // The contents of one are gone, and one is left out.
    let absent = rig.path("retired-0.9");
    let folder = format!("{}{absent}", rig.file("server"));
    fs::remove_dir_all(&folder)
        .or_else(|_| fs::remove_file(&folder))
        .unwrap();
    let left = rig.path("top-1.0");
    // The new key's name, and no signature.
    let spoilt = rig.path("right-1.0");
    rig.sql(&format!(
        "update ValidPaths set sigs = sigs || ' {NEW}:AAAA' where path = '{spoilt}'"
    ));
    let done = rotate(&rig, "--except top --yes", 1);
    assert_eq!(done["receipt"]["result"], "done");
    let standing = &done["rotation"];
    assert_eq!(standing["safeToDrop"], false);
    let mut found: Vec<(String, String)> = standing["stragglers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |field: &str| one[field].as_str().unwrap().to_owned();
            (text("kind"), text("path"))
        })
        .collect();
    found.sort();
    let expected = [
        ("absent", absent),
        ("excepted", left),
        ("malformed", spoilt),
    ];
    assert_eq!(
        found,
        expected.map(|(kind, path)| (kind.to_owned(), path.to_owned()))
    );
    let warnings = done["plan"]["warnings"].to_string();
    assert!(
        warnings.contains("its contents are not in the store"),
        "{warnings}"
    );
    let shown = rig.run(&format!(
        "rotate both --from {OURS} --from {RETIRED} --key-file {} --dry-run",
        secret(&rig)
    ));
    let shown = text(&shown.stdout);
    assert!(shown.contains("not safe to drop"), "{shown}");
    assert!(
        shown.contains("extra-trusted-public-keys = cache.example.org-2:"),
        "{shown}"
    );
}

#[test]
fn a_key_that_is_not_trusted_or_not_known_signs_nothing() {
    let rig = Rig::new();
    rig.with_new_key(NEW, "");
    let key = secret(&rig);
    let says = |line: &str, words: &str| {
        let error = rig.ask(line, 2);
        let message = error["error"].to_string();
        assert!(message.contains(words), "{message}");
    };
    // Clients of this entry are not known to trust the new key: the line to write is said whole.
    let line = format!("rotate root --from {OURS} --key-file {key} --yes");
    says(&line, "public_keys = [\\\"cache.example.org-2:");
    says(
        &format!("rotate both --from nobody-1 --key-file {key} --yes"),
        "nobody-1 is none of the keys",
    );
    says(
        &format!("rotate both --from {NEW} --key-file {key} --yes"),
        "its own place",
    );
    says(
        &format!("rotate both --from {OURS} --to {RETIRED}"),
        "no known key file",
    );
    let log = fs::read_to_string(rig.file("var/audit.jsonl")).unwrap_or_default();
    assert_eq!(log, "");
}
