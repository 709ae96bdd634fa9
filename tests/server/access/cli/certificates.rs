//! Certificates on a real server: authorities are shown with what they admit, and what is issued logs in as it says, until it ends.

use super::{House, fingerprint};
use crate::help::text;
use crate::rig::{Access, Rig, Twist, key_pair, wait_until};
use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;
use storekeeper::domain::When;
use storekeeper::domain::ssh_key::PublicSshKey;

/// Puts a line into the key file.
fn add_line(house: &House, line: &str) {
    let file = house.key_file();
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{before}{line}\n")).unwrap();
}

fn public(house: &House, name: &str) -> String {
    let file = house.rig.file(&format!("{name}.pub"));
    fs::read_to_string(file).unwrap().trim().to_owned()
}

/// The certificate beside a key.
fn certificate(house: &House, name: &str) -> PublicSshKey {
    let file = house.rig.file(&format!("{name}-cert.pub"));
    PublicSshKey::parse(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn a_certificate_logs_in_until_its_end_under_a_name_that_the_server_wants() {
    let house = House::new();
    house.new_key("ca", "team-ca");
    let ca = house.rig.file("ca");
    let line = format!(
        "cert-authority,restrict,principals=\"ci,ops\" {}",
        public(&house, "ca")
    );
    add_line(&house, &line);
    let [carol, dave, eve] = ["carol", "dave", "eve"].map(|name| house.new_key(name, name));
    let list = house.json("keys prod list", 0);
    let authority = &list["authorities"][0];
    assert_eq!(authority["principals"], serde_json::json!(["ci", "ops"]));
    assert_eq!(authority["bySettings"], false);
    assert!(house.says("keys prod list", 0).contains(
        "can admit certificates for ci, ops under restrict, each until its own end and with its own options"
    ));

    // The plan alone makes nothing.
    let issue = format!("keys prod sign-cert {carol} --ca {ca} --expires 1d --id carol-laptop");
    let plan = house.json(&format!("{issue} --dry-run"), 0);
    let item = &plan["plan"]["items"][0];
    assert_eq!(item["principals"], serde_json::json!(["ci"]));
    assert_eq!(plan["plan"]["warnings"], serde_json::json!([]));
    assert!(!fs::exists(house.rig.file("carol-cert.pub")).unwrap());

    let done = house.json(&format!("{issue} --yes"), 0);
    assert_eq!(done["receipt"]["result"], "done");
    let made = certificate(&house, "carol");
    let made = made.certificate().unwrap();
    assert_eq!(made.id, "carol-laptop");
    assert_eq!(done["plan"]["items"][0]["serial"], made.serial);
    // The server forces a command itself, so the certificate has none; it permits nothing.
    assert_eq!((made.critical.len(), made.extensions.len()), (0, 0));
    assert!(house.lets_in("carol") && house.nix_reads("carol"));
    let log = house.json("audit prod", 0).to_string();
    assert!(
        log.contains(&made.serial.to_string()) && log.contains("carol-laptop"),
        "{log}"
    );

    // A name that the line does not have.
    let other =
        format!("keys prod sign-cert {dave} --ca {ca} --expires 1d --principal nix-ssh --yes");
    let said = house.says(&other, 0);
    assert!(
        said.contains("sshd will refuse the certificate: it wants one of the names ci, ops"),
        "{said}"
    );
    assert!(!house.lets_in("dave"));

    // The same as the first but for its end.
    house.says(
        &format!("keys prod sign-cert {eve} --ca {ca} --expires 20s --yes"),
        0,
    );
    let end = certificate(&house, "eve")
        .certificate()
        .unwrap()
        .before
        .unwrap();
    wait_until("the end of the certificate", || !house.lets_in("eve"));
    assert!(When::now().unix() as u64 >= end);
    assert!(house.lets_in("carol"));

    // What is no certificate of this key is not overwritten, and one without an end is not made.
    let over = format!("keys prod sign-cert {carol} --ca {ca} --expires 1d --yes --out {dave}");
    house.says(&over, 2);
    house.says(
        &format!("keys prod sign-cert {carol} --ca {ca} --expires never --yes"),
        4,
    );

    // With the authority all its certificates go.
    let said = house.says("keys prod revoke team-ca --yes", 0);
    assert!(
        said.contains("every certificate of it is refused"),
        "{said}"
    );
    assert!(!house.lets_in("carol"));
    let said = house.says(&format!("{issue} --dry-run"), 0);
    assert!(
        said.contains("no authority of the server has this key"),
        "{said}"
    );
}

fn keygen(arguments: &[&str]) {
    let output = Command::new("ssh-keygen").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn an_authority_of_the_settings_whose_key_is_in_the_agent() {
    let rig = Rig::new();
    for name in ["ca", "kim", "lee"] {
        key_pair(&rig.scratch().join(name), name);
    }
    let names = rig.scratch().join("home-nix-ssh/.ssh/names");
    fs::write(&names, "# who may\nbuilders\n").unwrap();
    chown(&names, Some(61_003), Some(61_003)).unwrap();
    let revoked = rig.file("revoked-keys");
    keygen(&["-k", "-f", &revoked]);
    let twist = Twist {
        more: format!(
            "TrustedUserCAKeys {}\nAuthorizedPrincipalsFile %h/.ssh/names\nRevokedKeys {revoked}\n",
            rig.file("ca.pub")
        ),
        ..Twist::default()
    };
    let sshd = rig.twisted("trusting", Access::Root, twist);
    let agent = rig.agent();
    let print = agent.add(&rig.scratch().join("ca"));
    fs::remove_file(rig.file("ca")).unwrap();
    let run = |line: &str| {
        let mut command = rig.storekeeper_command(line.split(' '));
        let output = command
            .env("SSH_AUTH_SOCK", &agent.socket)
            .output()
            .unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}: {said}");
        said
    };
    let list = run("keys trusting list");
    assert!(
        list.contains(&format!("{print}) for builders may log in")),
        "{list}"
    );
    let review = run("keys trusting review");
    assert!(
        review.contains("admit certificates for builders"),
        "{review}"
    );
    let issue = |name: &str, more: &str| {
        run(&format!(
            "keys trusting sign-cert {} --ca {} --expires 1d --yes{more}",
            rig.file(&format!("{name}.pub")),
            rig.file("ca.pub")
        ))
    };
    let said = issue("kim", " --from 127.0.0.0/8");
    assert!(said.contains("may log in as builders too"), "{said}");
    assert!(rig.lets_in("kim", sshd.port));
    issue("lee", " --from 10.9.0.0/16");
    assert!(!rig.lets_in("lee", sshd.port));
    let said = issue("lee", " --principal nix-ssh");
    assert!(
        said.contains("it wants one of the names builders"),
        "{said}"
    );
    assert!(!rig.lets_in("lee", sshd.port));

    // A single one is revoked as docs/security.md says, and the others stay.
    issue("lee", "");
    assert!(rig.lets_in("lee", sshd.port));
    let file = rig.file("kim-cert.pub");
    let made = PublicSshKey::parse(&fs::read_to_string(file).unwrap()).unwrap();
    let serial = made.certificate().unwrap().serial;
    let list = rig.file("serials");
    fs::write(&list, format!("serial: {serial}\n")).unwrap();
    keygen(&["-k", "-u", "-f", &revoked, "-s", &rig.file("ca.pub"), &list]);
    assert!(!rig.lets_in("kim", sshd.port));
    assert!(rig.lets_in("lee", sshd.port));
}

/// What is done to the list, the code of the finding on the first key, and whether sshd takes both.
type Form<'a> = (&'a dyn Fn(), &'a str, [bool; 2]);

/// The list in each of its forms: what sshd makes of a key, and what is reported of it before it has tried.
#[test]
fn sshd_s_list_of_revoked_keys_decides_for_plain_keys_too() {
    let rig = Rig::new();
    for name in ["kim", "lee"] {
        key_pair(&rig.scratch().join(name), name);
    }
    let list = rig.file("revoked-keys");
    fs::write(&list, "# none yet\n").unwrap();
    let twist = Twist {
        more: format!("RevokedKeys {list}\n"),
        ..Twist::default()
    };
    let sshd = rig.twisted("listing", Access::Root, twist);
    let keys = rig.scratch().join("home-nix-ssh/.ssh/authorized_keys");
    let public = |name: &str| fs::read_to_string(rig.file(&format!("{name}.pub"))).unwrap();
    let before = fs::read_to_string(&keys).unwrap();
    fs::write(&keys, format!("{before}{}{}", public("kim"), public("lee"))).unwrap();
    let krl = |spec: &str| {
        fs::write(rig.file("spec"), spec).unwrap();
        fs::remove_file(&list).unwrap();
        keygen(&["-q", "-k", "-f", &list, &rig.file("spec")]);
    };
    let print = fingerprint(&rig.file("kim.pub"));
    let text = |text: &str| fs::write(&list, text).unwrap();
    let forms: [Form<'_>; 8] = [
        (&|| text("# none yet\n"), "", [true, true]),
        (&|| text(&public("kim")), "revoked-by-sshd", [false, true]),
        (&|| text("nonsense\n"), "revocation-unknown", [false, false]),
        (&|| krl(""), "", [true, true]),
        (
            &|| krl(&format!("key: {}", public("kim"))),
            "revoked-by-sshd",
            [false, true],
        ),
        (
            &|| krl(&format!("sha1: {}", public("kim"))),
            "revoked-by-sshd",
            [false, true],
        ),
        (
            &|| krl(&format!("hash: {print}\n")),
            "revoked-by-sshd",
            [false, true],
        ),
        (
            &|| fs::remove_file(&list).unwrap(),
            "no-revocation-list",
            [false, false],
        ),
    ];
    for (form, code, takes) in forms {
        form();
        let seen = ["kim", "lee"].map(|name| rig.lets_in(name, sshd.port));
        assert_eq!(seen, takes, "{code}");
        // Root's key is refused with the others, so this look is made without sshd where that is so.
        if takes == [false, false] {
            continue;
        }
        let output = rig.run("keys listing list --json");
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let row = |name: &str| {
            let rows = document["keys"].as_array().unwrap().iter();
            let mut rows = rows.filter(|row| row["comment"] == name);
            rows.next().unwrap().clone()
        };
        let active = ["kim", "lee"].map(|name| row(name)["active"] == true);
        assert_eq!(active, takes, "{code}");
        let findings = row("kim")["findings"].to_string();
        assert!(findings.contains(code), "{code}: {findings}");
    }
}
