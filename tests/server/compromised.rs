//! A compromised signing key, on a real server: what it signed, what is signed anew, and that its signatures go, which the real
//! client sees; beside a Nix that writes all the time.

use crate::help::text;
use crate::rig::{OURS, Rig, UPSTREAM};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

const NEW: &str = "cache.example.org-2";

/// A row of Nix's table: its signatures, and all else.
type Stored = (String, Vec<String>);

/// Every row, by path, and the other tables.
fn database(rig: &Rig) -> (Vec<(String, Stored)>, String) {
    let rows = rig.sql("select path, coalesce(sigs, ''), id, hash, registrationTime, quote(deriver), quote(narSize), quote(ultimate), quote(ca), typeof(sigs) from ValidPaths order by id");
    let rows = rows.lines().map(|line| {
        let mut fields = line.split('|').map(str::to_owned);
        let path = fields.next().unwrap();
        let signatures = fields.next().unwrap();
        (path, (signatures, fields.collect()))
    });
    let rows = rows.collect();
    let others =
        rig.sql("select * from Refs order by 1, 2; select * from DerivationOutputs order by 1, 2");
    (rows, others)
}

fn with_new_key(rig: &Rig) -> String {
    rig.with_new_key(NEW, &format!("compromised_keys = [\"{OURS}\"]"))
}

#[test]
fn what_a_compromised_key_signed_is_signed_anew_or_refused() {
    Rig::on_every_nix(|rig| {
        let new = with_new_key(rig);
        let (old_alone, new_alone) = ([rig.public_key(OURS)], [new]);
        let leaf = rig.path("leaf-1.0").to_owned();
        let left = rig.path("left-1.0").to_owned();
        assert_eq!(rig.client_accepts_with(&left, &old_alone), Ok(()));
        let (before, others) = database(rig);
        let of_key = |one: &&str| one.starts_with(&format!("{OURS}:"));
        let carries = |row: &&(String, Stored)| row.1.0.split(' ').any(|one| of_key(&one));
        let carrying = before.iter().filter(carries).count();
        assert!(carrying > 8);

        let found = rig.ask(&format!("compromised both {OURS} --since 2020-01-01"), 0);
        assert_eq!(found["carrying"], carrying);
        assert_eq!(found["registeredSince"], carrying);
        assert_eq!(found["role"], "ours");
        assert_eq!(found["paths"].as_array().unwrap().len(), carrying);
        let late = rig.ask(&format!("compromised both {OURS} --since 2999-01-01"), 0);
        assert_eq!(late["registeredSince"], 0);
        let finding = |code| {
            let status = rig.ask("status both", code);
            let checks = status["checks"].as_array().unwrap().iter();
            let found = checks
                .clone()
                .find(|check| check["id"] == "compromised-keys");
            found.unwrap().clone()
        };
        assert_eq!(finding(2)["state"], "critical");

        // One is vouched for.
        let key = rig.secret_key_file(NEW).display().to_string();
        let signed = rig.ask(
            &format!("compromised both {OURS} sign {leaf} --key-file {key} --yes"),
            0,
        );
        assert_eq!(signed["receipt"]["done"], 1);

        let (before, _) = database(rig);
        let plan = rig.ask(&format!("compromised both {OURS} strip --dry-run"), 0);
        assert_eq!(plan["plan"]["items"].as_array().unwrap().len(), carrying);
        assert!(
            plan["plan"]["warnings"]
                .to_string()
                .contains("no other signature")
        );
        assert_eq!(database(rig).0, before);
        let done = rig.ask(
            &format!("compromised both {OURS} strip --yes --reason leak"),
            0,
        );
        assert_eq!(done["receipt"]["done"], carrying, "{done}");

        // Only the signatures by that key are gone; all else is byte for byte as before.
        let (after, others_now) = database(rig);
        assert_eq!(others_now, others);
        assert_eq!(after.len(), before.len());
        for (was, is) in before.iter().zip(&after) {
            assert_eq!(was.0, is.0);
            let kept: Vec<&str> = was.1.0.split(' ').filter(|one| !of_key(one)).collect();
            assert_eq!(is.1.0, kept.join(" "), "{}", was.0);
            let length = was.1.1.len() - 1;
            assert_eq!(was.1.1[..length], is.1.1[..length], "{}", was.0);
            if !carries(&was) {
                assert_eq!(was, is);
            }
        }
        assert_eq!(rig.sql("pragma integrity_check").trim(), "ok");
        // The real client that trusts only the old key is refused; what was signed anew is there for the new one.
        for path in [&leaf, &left] {
            assert!(rig.client_accepts_with(path, &old_alone).is_err(), "{path}");
        }
        assert_eq!(rig.client_accepts_with(&leaf, &new_alone), Ok(()));
        assert!(rig.client_accepts_with(&left, &new_alone).is_err());
        let upstream = rig.path("upstream-3.0");
        assert_eq!(
            rig.client_accepts_with(upstream, &[rig.public_key(UPSTREAM)]),
            Ok(())
        );
        assert_eq!(finding(1)["state"], "fine");
        let audit = rig.ask("audit both", 0);
        let record = audit["records"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&record["change"], &record["reason"]),
            (&"strip".into(), &"leak".into())
        );
        let nothing = rig.ask(&format!("compromised both {OURS} strip --yes"), 0);
        assert!(nothing.get("receipt").is_none());

        // What was kept puts the rows back.
        let file = format!(
            "var/stripped-{}-1.sql",
            done["receipt"]["id"].as_str().unwrap()
        );
        let back = fs::read_to_string(rig.file(&file)).unwrap();
        rig.sql(&back);
        assert_eq!(database(rig).0, before);
        assert_eq!(rig.client_accepts_with(&left, &old_alone), Ok(()));
    });
}

/// Nix signs and registers without a pause meanwhile, as other processes do.
#[test]
fn beside_a_nix_that_writes_all_the_time_no_row_is_lost() {
    Rig::on_every_nix(|rig| {
        with_new_key(rig);
        let stop = AtomicBool::new(false);
        let rig = &*rig;
        let (before, _) = database(rig);
        let added = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut added = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let number = added.len();
                    added.push(rig.add(&format!("upload-{number}"), &number.to_string()));
                    let sign = rig
                        .nix_here("nix")
                        .args(["store", "sign", "-k"])
                        .arg(rig.secret_key_file(NEW))
                        .arg(rig.path("tree-1.0"))
                        .output()
                        .unwrap();
                    assert!(sign.status.success(), "{}", text(&sign.stderr));
                }
                added
            });
            let done = rig.ask(&format!("compromised both {OURS} strip --yes"), 0);
            stop.store(true, Ordering::Relaxed);
            assert_eq!(done["receipt"]["result"], "done", "{done}");
            writer.join().unwrap()
        });
        let (after, _) = database(rig);
        assert_eq!(after.len(), before.len() + added.len());
        let of_key = format!("{OURS}:");
        assert!(after.iter().all(|row| !row.1.0.contains(&of_key)));
        for path in &added {
            assert!(after.iter().any(|row| row.0 == *path), "{path}");
        }
        assert_eq!(rig.sql("pragma integrity_check").trim(), "ok");
        let tree = after
            .iter()
            .find(|row| row.0 == rig.path("tree-1.0"))
            .unwrap();
        assert!(tree.1.0.contains(NEW));
    });
}
