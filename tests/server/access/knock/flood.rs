//! The knock on a real sshd while somebody floods it: who waited before, who comes during and who comes after are in the queue,
//! and what was lost is said.

use super::{House, KNOCK, key_pair, signed_challenge};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use storekeeper::change::Outcome;
use storekeeper::change::access::{About, prove};
use storekeeper::domain::Thresholds;
use storekeeper::domain::When;
use storekeeper::domain::key_request::{MOST_REQUESTS, Request, Source};
use storekeeper::domain::overflow::KNOCK_CAPACITY;
use storekeeper::judge::health::{Check, State, access};

/// Makes that many keys; their names.
fn make_keys(house: &House, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| format!("flood-{number}")).collect();
    std::thread::scope(|scope| {
        for part in names.chunks(count.div_ceil(4)) {
            scope.spawn(move || {
                for name in part {
                    key_pair(&house.rig.scratch().join(name), name);
                }
            });
        }
    });
    names
}

/// One connection from this address that offers these keys, all unknown.
fn offer(house: &House, from: &str, keys: &[String]) {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o"])
        .args(["BatchMode=yes", "-o", "LogLevel=ERROR", "-b", from, "-o"])
        .arg(format!(
            "UserKnownHostsFile={}",
            house.rig.file("known_hosts")
        ));
    for key in keys {
        ssh.args(["-i", &house.rig.file(key)]);
    }
    ssh.args(["-p", &house.sshd.port.to_string(), "nix-ssh@127.0.0.1", "x"])
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null());
    let output = ssh.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Permission denied"), "{said}");
}

fn comments(house: &House, keys: &[&str]) -> BTreeSet<String> {
    keys.iter()
        .map(|key| {
            let text = fs::read_to_string(house.rig.scratch().join(format!("{key}.pub"))).unwrap();
            let key = storekeeper::domain::ssh_key::PublicSshKey::parse(&text).unwrap();
            key.fingerprint().to_string()
        })
        .collect()
}

fn missing(house: &House, keys: &[&str]) -> Vec<String> {
    let waiting: BTreeSet<String> = house
        .waiting()
        .iter()
        .map(|request| request.key.fingerprint().to_string())
        .collect();
    comments(house, keys)
        .difference(&waiting)
        .cloned()
        .collect()
}

fn about_drops(house: &House) -> Vec<Check> {
    let checks = access::checks("prod", &house.facts(), &Thresholds::default());
    let about = |check: &Check| matches!(check.id, "requests-dropped" | "requests-unread");
    checks.into_iter().filter(about).collect()
}

/// Requests in the folder that the script has written.
fn own_files(house: &House) -> usize {
    fs::read_dir(house.queue().join("waiting"))
        .unwrap()
        .filter(|entry| {
            let entry = entry.as_ref().unwrap();
            let name = entry.file_name().into_string().unwrap();
            name.starts_with("key-") && entry.metadata().unwrap().uid() != 0
        })
        .count()
}

#[test]
fn a_flood_loses_nobody_but_itself() {
    const CONNECTIONS: usize = 60;
    const EACH: usize = 5;
    let house = House::installed();
    // Who waited before: two who only tried, and one whose key is proven.
    for name in ["ada", "bob", "cyd", "mid", "late"] {
        house.new_key(name);
    }
    for name in ["ada", "bob", "cyd"] {
        assert!(!house.lets_in(name));
    }
    let facts = house.facts();
    let proven = comments(&house, &["bob"]).pop_first().unwrap();
    let is_proven = |request: &Request| request.key.fingerprint().to_string() == proven;
    let request = house.waiting().into_iter().find(is_proven).unwrap();
    let answer = signed_challenge(&house, "bob", &request.challenge(&facts.host));
    let plan = prove(&About::of(&house.server), &facts, &request, &answer).unwrap();
    assert_eq!(house.carry_out(plan).result, Outcome::Done);
    assert!(about_drops(&house).is_empty());

    let began = When::now();
    let keys = make_keys(&house, CONNECTIONS * EACH);
    let connections: Vec<&[String]> = keys.chunks(EACH).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(keys) = connections.get(next.fetch_add(1, Ordering::Relaxed)) {
                    offer(&house, "127.0.0.66", keys);
                }
            });
        }
        // One who comes while it goes on.
        while next.load(Ordering::Relaxed) < CONNECTIONS / 2 {
            std::thread::sleep(Duration::from_millis(5));
        }
        offer(&house, "127.0.0.3", &["mid".to_owned()]);
    });
    assert!(!house.lets_in("late"));
    let lost = missing(&house, &["ada", "bob", "cyd", "mid", "late"]);
    assert!(lost.is_empty(), "{lost:?}");
    let bob = house.waiting().into_iter().find(is_proven).unwrap();
    assert!(bob.proof.is_some());

    // Each that is not there was counted. (A call that waits too long for another may keep one more.)
    let left = own_files(&house);
    assert!(left <= KNOCK_CAPACITY + 64, "{left}");
    let overflow = house.facts().overflow.unwrap();
    let dropped = overflow.dropped.unwrap();
    let came = CONNECTIONS * EACH + 4;
    assert_eq!(usize::try_from(dropped.count).unwrap(), came - left);
    assert!(began.unix() <= dropped.since.unix() && dropped.since <= dropped.last);
    let [reported] = about_drops(&house).try_into().unwrap();
    assert_eq!(reported.state, State::Warning);
    let expected = match left {
        KNOCK_CAPACITY.. => format!("request queue full: {} dropped since", dropped.count),
        _ => format!("{} requests dropped since", dropped.count),
    };
    assert!(reported.summary.starts_with(&expected), "{reported:?}");
}

/// Whoever is the knock's user can put anything into its folder.
#[test]
fn a_folder_of_junk_is_read_in_its_bounds() {
    let house = House::installed();
    house.new_key("bob");
    assert!(!house.lets_in("bob"));
    let facts = house.facts();
    let [request] = house.waiting().try_into().unwrap();
    let answer = signed_challenge(&house, "bob", &request.challenge(&facts.host));
    let plan = prove(&About::of(&house.server), &facts, &request, &answer).unwrap();
    assert_eq!(house.carry_out(plan).result, Outcome::Done);
    let waiting = house.queue().join("waiting");
    let junk = "x".repeat(8000);
    for number in 0..9_000 {
        let file = waiting.join(format!("key-{number:043}.json"));
        fs::write(&file, &junk).unwrap();
        chown(&file, Some(super::USER.1), None).unwrap();
    }
    for name in ["key-a b.json", "key-\n$(id).json", "key-*.json"] {
        fs::write(waiting.join(name), "{}").unwrap();
    }
    let secret = house.rig.scratch().join("secret");
    fs::write(&secret, "7 1795000000 1795000001\n").unwrap();
    symlink(&secret, waiting.join("dropped")).unwrap();
    let began = Instant::now();
    let facts = house.facts();
    assert!(began.elapsed() < Duration::from_secs(120));
    let [found] = house.waiting().try_into().unwrap();
    assert!(
        found.proof.is_some(),
        "what an administrator wrote comes first"
    );
    let overflow = facts.overflow.unwrap();
    assert_eq!(overflow.dropped, None, "a link was followed");
    assert_eq!(overflow.unread, 9_001 - MOST_REQUESTS as u64);
    let ids: Vec<_> = about_drops(&house).iter().map(|check| check.id).collect();
    assert_eq!(ids, ["requests-unread"]);
    // A count that is none is not believed, and not shown.
    let count = waiting.join("dropped");
    for text in [
        "",
        "root:x:0:0\n",
        "1 2\n",
        "-5 1 2\n",
        "99999999999999 1 2\n",
        "7 1 2\nend=\n",
        "\u{1b}[2J\n",
    ] {
        fs::remove_file(&count).unwrap();
        fs::write(&count, text).unwrap();
        let facts = house.facts();
        assert!(facts.requests.is_ok());
        match facts.overflow {
            Ok(overflow) => assert!(
                overflow
                    .dropped
                    .is_none_or(|dropped| text.starts_with(&format!("{} ", dropped.count))),
                "{text:?}"
            ),
            Err(why) => assert!(
                !why.to_string().contains("root:") && !why.to_string().contains('\u{1b}'),
                "{why:?}"
            ),
        }
    }
}

/// The token for the addresses is only for an sshd that knows it; here the real one decides.
#[test]
fn the_token_for_addresses_is_not_given_to_an_sshd_that_does_not_know_it() {
    let house = House::new();
    let facts = storekeeper_facts(&house);
    let install = house.install();
    assert_eq!(install.addresses, facts);
    let mut wrong = install.clone();
    wrong.addresses = true;
    let receipt = house.carry_out(house.plan(&wrong));
    if facts {
        assert_eq!(receipt.result, Outcome::Done);
        house.new_key("ada");
        assert!(!house.lets_in("ada"));
        let [request] = house.waiting().try_into().unwrap();
        let file = house.queue().join("waiting").join(request.file_name());
        let text = fs::read_to_string(file).unwrap();
        assert!(
            text.contains("\"origin\":\"address 127.0.0.1 127.0.0.1\""),
            "{text}"
        );
    } else {
        assert_eq!(receipt.result, Outcome::Failed);
        assert!(receipt.failed[0].message.contains("%C"), "{receipt:?}");
        assert!(house.lets_in("id"));
        assert!(!std::path::Path::new(&install.lines_file).exists());
    }
    assert_eq!(
        KNOCK,
        storekeeper::server::access::KnockInstall::script_text()
    );
    assert_eq!(
        house
            .waiting()
            .iter()
            .filter(|one| one.source == Source::Knock)
            .count(),
        usize::from(facts)
    );
}

fn storekeeper_facts(house: &House) -> bool {
    super::wait(house.server.knock_facts())
        .unwrap()
        .tells_addresses()
}
