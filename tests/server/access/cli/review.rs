//! `keys review` of the real program: who approved a key and why, each form, and the mark that `status` shows.

use super::{House, entry, fields, fingerprint};
use serde_json::Value;
use std::fs;

fn check(house: &House) -> Value {
    let status = house.command("status prod").arg("--json").output().unwrap();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let checks = status["checks"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["id"] == "keys-review")
        .unwrap()
        .clone()
}

#[test]
fn keys_are_reviewed_in_each_form_and_marked() {
    let house = House::new();
    let public = house.new_key("ada", "=ada|x");
    house.says(
        &format!("keys prod authorize {public} --yes --reason builds"),
        0,
    );
    assert!(house.lets_in("ada"));
    let print = fingerprint(&public);
    let before = fs::read(house.key_file()).unwrap();

    let review = house.json("keys prod review", 0);
    assert_eq!(
        fields(&review),
        [
            "schema",
            "server",
            "at",
            "cacheUser",
            "lastReview",
            "keys",
            "unknown"
        ]
    );
    let key = entry(&review, &print);
    assert_eq!(
        (&key["who"], &key["reason"]),
        (&"=ada|x".into(), &"builds".into()),
        "{key}"
    );
    assert!(
        key["approvedBy"].as_str().unwrap().contains("root") && !key["since"].is_null(),
        "{key}"
    );
    assert_eq!(key["lastUsed"]["from"], "127.0.0.1", "{key}");
    let csv = house.says("keys prod review --format csv", 0);
    assert!(
        csv.starts_with("\"who\",\"standing\"") && csv.contains("\r\n\"'=ada|x\",\"authorized\""),
        "{csv}"
    );
    let page = house.says("keys prod review --format markdown", 0);
    assert!(page.contains("| \\=ada\\|x | authorized |"), "{page}");

    assert_eq!(
        check(&house)["summary"],
        "no review of the keys is recorded"
    );
    house.says("keys prod review --mark --yes --read-only", 4);
    let done = house.json("keys prod review --mark --yes --reason quarterly", 0);
    assert_eq!(
        (&done["plan"]["change"], &done["receipt"]["result"]),
        (&"review".into(), &"done".into()),
        "{done}"
    );
    assert_eq!(
        done["receipt"]["done"],
        done["plan"]["items"].as_array().unwrap().len()
    );
    assert_eq!(fs::read(house.key_file()).unwrap(), before);
    let reviewed = check(&house);
    assert!(
        reviewed["summary"]
            .as_str()
            .unwrap()
            .starts_with("the keys were reviewed ")
            && reviewed["state"] == "fine",
        "{reviewed}"
    );
    let review = house.json("keys prod review", 0);
    assert!(
        review["lastReview"]["by"]
            .as_str()
            .unwrap()
            .contains("root"),
        "{review}"
    );
    house.says("audit prod --verify", 0);
}
