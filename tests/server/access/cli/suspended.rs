//! `keys suspend` and `keys resume` of the real program, and what everybody else says of the key meanwhile.

use super::{House, entry, fields, fingerprint};
use serde_json::Value;
use std::fs;

#[test]
fn a_key_is_suspended_named_everywhere_and_resumed() {
    let house = House::new();
    let public = house.new_key("ada", "ada");
    house.says(&format!("keys prod authorize {public} --yes"), 0);
    let print = fingerprint(&public);
    let before = fs::read(house.key_file()).unwrap();
    assert!(house.lets_in("ada"));

    house.says("keys prod suspend ada --yes --read-only", 4);
    house.says("keys prod suspend ada --dry-run --reason leave", 0);
    assert_eq!(fs::read(house.key_file()).unwrap(), before);
    let done = house.json("keys prod suspend ada --yes --reason leave", 0);
    assert_eq!(fields(&done), ["schema", "plan", "receipt"]);
    assert_eq!(
        (&done["plan"]["change"], &done["receipt"]["result"]),
        (&"suspend".into(), &"done".into()),
        "{done}"
    );
    assert!(!house.lets_in("ada"));

    let listed = house.json("keys prod list", 0);
    let row = entry(&listed, &print);
    assert_eq!(
        (&row["active"], &row["suspended"]["reason"]),
        (&false.into(), &"leave".into()),
        "{row}"
    );
    let said = house.says("keys prod list", 0);
    assert!(
        said.contains(" (suspended)") && said.contains("nothing: suspended "),
        "{said}"
    );
    // Refused with the words, wherever it is asked about.
    let refused = &listed["refused"][0];
    assert_eq!(
        (&refused["fingerprint"], &refused["cause"]),
        (&print.as_str().into(), &"suspended".into()),
        "{refused}"
    );
    let path = house.rig.path("top-1.0");
    let why = house.json(&format!("why prod {path} --for ada"), 1);
    let steps = why["client"]["steps"].as_array().unwrap();
    let step = steps
        .iter()
        .find(|step| step["id"] == "authorized")
        .unwrap();
    assert_eq!(step["state"], "wrong");
    assert!(
        step["message"].as_str().unwrap().contains("(leave)"),
        "{step}"
    );
    let status = house.command("status prod").arg("--json").output().unwrap();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let checks = status["checks"].as_array().unwrap();
    let check = checks
        .iter()
        .find(|check| check["id"] == "keys-suspended")
        .unwrap();
    assert_eq!(check["state"], "fine", "{check}");

    // Suspended is suspended: nothing to do, and not authorized a second time.
    house.says("keys prod suspend ada --yes", 0);
    let again = house.json(&format!("keys prod authorize {public} --yes"), 4);
    assert_eq!(again["error"]["kind"], "conflict");
    assert!(
        again["error"]["next"]
            .as_str()
            .unwrap()
            .starts_with("resume it"),
        "{again}"
    );

    let done = house.json("keys prod resume ada --yes --reason back", 0);
    assert_eq!(done["receipt"]["result"], "done", "{done}");
    assert_eq!(fs::read(house.key_file()).unwrap(), before);
    assert!(house.lets_in("ada"));
    house.says("audit prod --verify", 0);
}
