//! Clients that a real sshd refuses, each for another reason: what `status` and `keys list` say of it.

use super::{House, text};
use crate::rig::wait_until;
use serde_json::Value;
use std::fs;
use storekeeper::domain::ssh_key::PublicSshKey;

/// What `keys list` says of the client with this comment, as soon as sshd's log has the refusal.
fn cause(house: &House, comment: &str) -> Value {
    let mut found = Value::Null;
    wait_until("a refusal in the log", || {
        let list = house.json("keys prod list", 0);
        let refused = list["refused"].as_array().unwrap().iter();
        found = refused
            .filter(|one| one["comment"] == comment)
            .map(|one| one["cause"].clone())
            .next()
            .unwrap_or_default();
        !found.is_null()
    });
    found
}

/// The checks of refused clients.
fn checks(house: &House) -> Vec<String> {
    let status = house.run("status prod --json");
    let status: Value = serde_json::from_str(&text(&status.stdout)).unwrap();
    let checks = status["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["id"] == "refused-clients")
        .map(|check| check["summary"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_refusal_is_told_with_its_reason() {
    let house = House::new();
    let write = |line: &str| {
        let before = fs::read_to_string(house.key_file()).unwrap();
        fs::write(house.key_file(), format!("{before}{line}\n")).unwrap();
    };
    let key = |name: &str| fs::read_to_string(house.new_key(name, name)).unwrap();

    // One that has come to its end.
    write(&format!(
        "restrict,expiry-time=\"20200101Z\" {}",
        key("ended").trim()
    ));
    assert!(!house.lets_in("ended"));
    assert_eq!(cause(&house, "ended"), "expired");

    // One for other addresses.
    write(&format!(
        "restrict,from=\"192.0.2.0/24\" {}",
        key("elsewhere").trim()
    ));
    assert!(!house.lets_in("elsewhere"));
    assert_eq!(cause(&house, "elsewhere"), "options");

    // One that was revoked, with its reason.
    let file = house.new_key("left", "left");
    house.says(&format!("keys prod authorize {file} --yes"), 0);
    assert!(house.lets_in("left"));
    house.says("keys prod revoke left --yes --reason gone", 0);
    assert!(!house.lets_in("left"));
    assert_eq!(cause(&house, "left"), "revoked");

    // One that waits is reported as a request, and as denied when it was.
    let asks = PublicSshKey::parse(&key("asks")).unwrap().fingerprint();
    assert!(!house.lets_in("asks"));
    let mut id = String::new();
    wait_until("a request", || {
        let requests = house.json("requests prod list", 0);
        let mut requests = requests["requests"].as_array().unwrap().iter();
        let request = requests.find(|one| one["fingerprint"] == asks.to_string());
        id = request.map_or_else(String::new, |one| one["id"].as_str().unwrap().to_owned());
        !id.is_empty()
    });
    let before = checks(&house);
    house.says(
        &format!("requests prod deny {id} --yes --reason unknown"),
        0,
    );
    assert!(!house.lets_in("asks"));
    let mut reported = Vec::new();
    wait_until("a denied request", || {
        reported = checks(&house);
        reported.len() > before.len()
    });
    assert!(
        reported
            .iter()
            .any(|one| one.contains("request denied") && one.contains("(unknown)")),
        "{reported:?}"
    );

    // One whose line somebody took away by hand.
    let all = fs::read_to_string(house.key_file()).unwrap();
    write(&format!("restrict {}", key("away").trim()));
    assert!(house.lets_in("away"));
    fs::write(house.key_file(), all).unwrap();
    assert!(!house.lets_in("away"));
    wait_until("a line that is gone", || {
        reported = checks(&house);
        reported
            .iter()
            .any(|one| one.contains("no key file any more; it last logged in"))
    });

    // Another, which never came in, and stood there when the file was edited from here.
    write(&format!("restrict {}", key("unused").trim()));
    let file = house.new_key("another", "another");
    house.says(&format!("keys prod authorize {file} --yes"), 0);
    let all = fs::read_to_string(house.key_file()).unwrap();
    let lines = all.lines().filter(|line| !line.ends_with(" unused"));
    let rest: Vec<&str> = lines.collect();
    fs::write(house.key_file(), rest.join("\n") + "\n").unwrap();
    assert!(!house.lets_in("unused"));
    assert_eq!(cause(&house, "unused"), "removed");
    let found = checks(&house);
    assert!(
        found
            .iter()
            .any(|one| one.starts_with("unused ") && one.contains("it was in ")),
        "{found:?}"
    );

    for words in [
        "ended was refused 1 time, last ",
        "from 127.0.0.1: key expired ",
        "elsewhere was refused 1 time",
        "from=\"192.0.2.0/24\"",
        "left was refused 1 time",
        "(gone)",
    ] {
        assert!(
            reported.iter().any(|one| one.contains(words)),
            "{words}: {reported:?}"
        );
    }
    let said = house.says("keys prod list", 0);
    assert!(said.contains("refused within a day:"), "{said}");

    // Whoever is authorized again is refused no more.
    house.says("keys prod expire ended 90d --yes", 0);
    assert!(house.lets_in("ended"));
    wait_until("a login", || {
        !checks(&house).iter().any(|one| one.starts_with("ended "))
    });
}
