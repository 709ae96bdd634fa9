//! Proof of possession with the real ssh-keygen: the command that is printed, run as the requester runs it, and what is no proof.

use super::{House, fingerprint, text};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Makes a key of a kind; its fingerprint.
fn key(house: &House, name: &str, kind: &[&str]) -> String {
    let file = house.rig.scratch().join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-C", name, "-t"])
        .args(kind)
        .arg("-f")
        .arg(&file)
        .status()
        .unwrap();
    assert!(made.success());
    fingerprint(&house.rig.file(&format!("{name}.pub")))
}

/// What the requester is sent, with the file of this key in place of the usual one.
fn command(house: &House, request: &str, key: &str) -> String {
    let shown = house.json(&format!("requests prod prove {request}"), 0);
    let command = shown["command"].as_str().unwrap().to_owned();
    assert!(
        shown["text"].as_str().unwrap().contains(&command),
        "{shown}"
    );
    let (before, _) = command.rsplit_once(" -f ").unwrap();
    format!("{before} -f {}", house.rig.file(key))
}

/// What the requester's shell prints.
fn answer(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn request(house: &House, id: &str) -> Value {
    let shown = house.json(&format!("requests prod show {id}"), 0);
    shown["requests"][0].clone()
}

/// Gives the answer on standard input, as a paste; the exit code, and what was said.
fn give(house: &House, id: &str, answer: &str) -> (Option<i32>, String) {
    let mut child = house
        .command(&format!("requests prod prove {id} --signature - --yes"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // A program that has read enough closes its end.
    let _ = input.write_all(answer.as_bytes());
    drop(input);
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

#[test]
fn each_kind_of_key_proves_with_the_command_that_is_printed() {
    let house = House::new();
    for (name, kind) in [
        ("ed", &["ed25519"][..]),
        ("ec256", &["ecdsa", "-b", "256"]),
        ("ec384", &["ecdsa", "-b", "384"]),
        ("ec521", &["ecdsa", "-b", "521"]),
        ("rsa", &["rsa", "-b", "3072"]),
    ] {
        let print = key(&house, name, kind);
        assert!(!house.lets_in(name));
        let id = request(&house, &print)["id"].as_str().unwrap().to_owned();
        let file = house.rig.file("answer");
        fs::write(&file, answer(&command(&house, &id, name))).unwrap();
        let line = format!("requests prod prove {id} --signature {file} --yes --reason mail");
        if name == "ed" {
            // Looked at first: nothing is taken down.
            let dry = format!("requests prod prove {id} --signature {file} --dry-run");
            house.json(&dry, 0);
            house.says(&format!("{line} --read-only"), 4);
            assert_eq!(request(&house, &id)["proven"], false);
            let warned = house.json(&format!("requests prod approve {id} --dry-run"), 0);
            let warnings = warned["plan"]["warnings"].to_string();
            assert!(warnings.contains("not proven"), "{warnings}");
        }
        let done = house.json(&line, 0);
        assert_eq!(done["plan"]["change"], "prove");
        assert_eq!(done["plan"]["items"][0]["fingerprint"], print);
        assert_eq!(done["receipt"]["result"], "done");
        let proven = request(&house, &id);
        assert_eq!(proven["proven"], true, "{name}");
        let by = proven["proof"]["by"].as_str().unwrap();
        assert!(by.starts_with("root via "), "{by}");
        assert!(proven["proof"]["at"].is_string(), "{proven}");
        if name == "ed" {
            let again = house.says(&line, 0);
            assert!(again.contains("was proven at"), "{again}");
            let sure = house.json(&format!("requests prod approve {id} --dry-run"), 0);
            let warnings = sure["plan"]["warnings"].to_string();
            assert!(!warnings.contains("not proven"), "{warnings}");
        }
        // It is a proof and no permission.
        assert!(!house.lets_in(name));
    }
    let audit = house.json("audit prod", 0).to_string();
    assert_eq!(audit.matches("\"prove\"").count(), 5, "{audit}");
    house.says("audit prod --verify", 0);
}

#[test]
fn what_is_no_proof_is_refused_and_said() {
    let house = House::new();
    let print = key(&house, "mei", &["ed25519"]);
    let other = key(&house, "eve", &["ed25519"]);
    for name in ["mei", "eve"] {
        assert!(!house.lets_in(name));
    }
    let own = command(&house, &print, "mei");
    let good = answer(&own);
    let by_other = answer(&command(&house, &print, "eve"));
    let of_other = answer(&command(&house, &other, "mei"));
    let for_mail = answer(&own.replace("-n storekeeper", "-n mail"));
    let secret = fs::read_to_string(house.rig.file("mei")).unwrap();
    let huge = "A".repeat(200_000);
    let cases = [
        (by_other.as_str(), "another key has signed it"),
        (&of_other, "the key has not signed this text"),
        (&for_mail, "it was signed for \"mail\""),
        (&good[..good.len() / 2], "the answer is cut off"),
        (
            &format!("{good}and more\n"),
            "something beside the signature",
        ),
        (&huge, "too long for a signature"),
        (&secret, "this is a private key"),
        ("", "there is no answer"),
        (&good.replace("U1NI", "AAAA"), "the signature is damaged"),
    ];
    for (answer, sentence) in cases {
        let (code, said) = give(&house, &print, answer);
        assert_eq!(code, Some(4), "{said}");
        assert!(said.contains(sentence), "{sentence}: {said}");
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
    assert_eq!(request(&house, &print)["proven"], false);
    let (code, said) = give(&house, &print, &good);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(request(&house, &print)["proven"], true);
    // Decided, there is nothing to prove any more; asked again, it is proven anew.
    house.says(&format!("requests prod approve {print} --yes"), 0);
    let (code, said) = give(&house, &print, &good);
    assert!(
        code == Some(0) && said.contains("decided already"),
        "{said}"
    );
    house.says(&format!("keys prod revoke {print} --yes"), 0);
    assert!(!house.lets_in("mei"));
    assert_eq!(request(&house, &print)["proven"], false);
    let (code, said) = give(&house, &print, &good);
    assert_eq!(code, Some(4), "the answer to the earlier challenge: {said}");
}
