//! What `why --for` says of a certificate, against what becomes of it: the real `nix copy --from` with the key and its certificate.

use super::House;
use super::way::{Machine, append, asked, binary, on_oldest_and_newest};
use crate::help::text;
use crate::rig::{Access, Rig, Twist, key_pair};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

fn keygen(arguments: &[&str]) {
    let output = Command::new("ssh-keygen")
        .env("TZ", "UTC")
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
}

fn public(rig: &Rig, name: &str) -> String {
    let text = fs::read_to_string(rig.file(&format!("{name}.pub"))).unwrap();
    text.trim().to_owned()
}

/// A key with a certificate beside it, signed by this authority with these arguments of ssh-keygen.
fn certify(rig: &Rig, name: &str, ca: &str, more: &[&str]) {
    key_pair(&rig.scratch().join(name), name);
    sign(rig, name, ca, more);
}

fn sign(rig: &Rig, name: &str, ca: &str, more: &[&str]) {
    let (ca, key) = (rig.file(ca), rig.file(&format!("{name}.pub")));
    let mut arguments = vec!["-q", "-s", &ca, "-I", name];
    arguments.extend(more);
    arguments.push(&key);
    keygen(&arguments);
}

/// A step of a client.
fn step<'a>(document: &'a Value, id: &str) -> &'a Value {
    let steps = document["client"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["id"] == id);
    step.unwrap_or_else(|| panic!("no step {id}: {document:#}"))
}

const DAY: [&str; 2] = ["-V", "-5m:+1d"];
const CI: [&str; 4] = ["-n", "ci", "-V", "-5m:+1d"];

/// Arguments of ssh-keygen, and the step that is wrong.
type Row = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("good", "ca", &CI, &[]),
    ("good-of-two-names", "ca", &["-n", "x,ops", DAY[0], DAY[1]], &[]),
    ("good-without-an-end", "ca", &["-n", "ci", "-V", "always:forever"], &[]),
    ("good-from-here", "ca", &["-n", "ci", DAY[0], DAY[1], "-O", "source-address=192.0.2.0/24,127.0.0.1"], &[]),
    ("good-with-a-command", "ca", &["-n", "ci", DAY[0], DAY[1], "-O", "clear", "-O", "force-command=/bin/false"], &[]),
    ("good-by-rsa", "rsa", &["-t", "rsa-sha2-512", "-n", "ci", DAY[0], DAY[1]], &[]),
    ("good-by-the-users-name", "plain", &["-n", "nix-ssh", DAY[0], DAY[1]], &[]),
    ("expired", "ca", &["-n", "ci", "-V", "20200101000000:20200102000000"], &["valid"]),
    ("early", "ca", &["-n", "ci", "-V", "+1h:+2h"], &["valid"]),
    ("other-name", "ca", &["-n", "nix-ssh", DAY[0], DAY[1]], &["principals"]),
    ("no-name", "ca", &DAY, &["principals"]),
    ("other-users-name", "plain", &["-n", "ci", DAY[0], DAY[1]], &["principals"]),
    ("other-authority", "stranger", &CI, &["authority"]),
    ("authority-as-a-key", "key", &CI, &["authority"]),
    ("authority-expired", "ended", &CI, &["authority"]),
    ("authority-from-elsewhere", "away", &CI, &["limits"]),
    ("elsewhere", "ca", &["-n", "ci", DAY[0], DAY[1], "-O", "source-address=192.0.2.0/24"], &["limits"]),
    ("other-command", "commands", &["-n", "ci", DAY[0], DAY[1], "-O", "force-command=/bin/true"], &["limits"]),
    ("same-command", "commands", &["-n", "ci", DAY[0], DAY[1], "-O", "force-command=/bin/false"], &[]),
    ("unheard-of", "ca", &["-n", "ci", DAY[0], DAY[1], "-O", "critical:unheard-of@example.org=x"], &["limits"]),
    ("of-a-host", "ca", &["-h", "-n", "ci", DAY[0], DAY[1]], &["signed"]),
    ("weak", "rsa", &["-t", "ssh-rsa", "-n", "ci", DAY[0], DAY[1]], &["signed"]),
];

#[test]
fn each_certificate_fares_as_it_is_said() {
    on_oldest_and_newest(|house| {
        let rig = &house.rig;
        let file = house.key_file();
        let names = "principals=\"ci,ops\"";
        for (ca, options) in [
            ("ca", format!("cert-authority,restrict,{names}")),
            ("plain", "cert-authority,restrict".to_owned()),
            ("key", "restrict".to_owned()),
            (
                "ended",
                format!("cert-authority,{names},expiry-time=\"20200101Z\""),
            ),
            (
                "away",
                format!("cert-authority,{names},from=\"192.0.2.0/24\""),
            ),
            (
                "commands",
                format!("cert-authority,{names},command=\"/bin/false\""),
            ),
        ] {
            key_pair(&rig.scratch().join(ca), ca);
            append(&file, &format!("{options} {}", public(rig, ca)));
        }
        key_pair(&rig.scratch().join("stranger"), "stranger");
        keygen(&[
            "-q",
            "-t",
            "rsa",
            "-b",
            "2048",
            "-N",
            "",
            "-f",
            &rig.file("rsa"),
        ]);
        append(
            &file,
            &format!("cert-authority,{names} {}", public(rig, "rsa")),
        );
        let top = rig.path("top-1.0");
        let machine = Machine::new(rig, "prod");
        let fares = |key: &str, wrong: &[&str]| {
            machine.agrees_for(&format!("{key}-cert.pub"), key, top, wrong);
        };
        for (name, ca, more, wrong) in TABLE {
            certify(rig, name, ca, more);
            fares(name, wrong);
        }
        // A byte of it is another one.
        certify(rig, "damaged", "ca", &CI);
        let certificate = rig.file("damaged-cert.pub");
        let line = fs::read_to_string(&certificate).unwrap();
        // In the nonce, which stands behind the type.
        let at = 60 + line.find("AAAA").unwrap();
        let other = if line.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        fs::write(
            &certificate,
            format!("{}{other}{}", &line[..at], &line[at + 1..]),
        )
        .unwrap();
        fares("damaged", &["signed"]);
        // The key itself stands in a file, and ssh goes on with it.
        certify(
            rig,
            "both",
            "ca",
            &["-n", "ci", "-V", "20200101000000:20200102000000"],
        );
        append(&file, &format!("restrict {}", public(rig, "both")));
        fares("both", &[]);
        let line = format!("why prod {top} --for {}", rig.file("both-cert.pub"));
        let (document, _) = asked(rig, &line);
        let message = step(&document, "signed")["message"].as_str().unwrap();
        assert!(
            message.contains("certificate is refused (valid: "),
            "{message}"
        );
    });
}

/// With `--try` the certificate that lies beside the key is judged and takes part.
#[test]
fn what_is_tried_has_the_certificate_beside_the_key() {
    let house = House::new();
    let rig = &house.rig;
    key_pair(&rig.scratch().join("ca"), "ca");
    let line = format!(
        "cert-authority,restrict,principals=\"ci\" {}",
        public(rig, "ca")
    );
    append(&house.key_file(), &line);
    certify(rig, "kim", "ca", &CI);
    certify(rig, "lee", "ca", &["-n", "x", DAY[0], DAY[1]]);
    key_pair(&rig.scratch().join("max"), "max");
    let top = rig.path("top-1.0");
    let tried = |key: &str| {
        let line = format!("why prod {top} --try --key {} --json", rig.file(key));
        let output = binary(rig, &line).output().unwrap();
        let document: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        let copied = document["client"]["try"]["copied"].as_bool().unwrap();
        assert_eq!(
            output.status.code(),
            Some(i32::from(!copied)),
            "{document:#}"
        );
        (copied, document)
    };
    let (copied, document) = tried("kim");
    assert!(copied, "{document:#}");
    assert_eq!(document["client"]["verdict"], "yes", "{document:#}");
    assert_eq!(step(&document, "principals")["state"], "fine");
    let (copied, document) = tried("lee");
    assert!(!copied, "{document:#}");
    assert_eq!(step(&document, "principals")["state"], "wrong");
    // A certificate that is named takes part wherever it lies; a key without one has no such steps.
    fs::rename(rig.file("kim-cert.pub"), rig.file("of-kim.pub")).unwrap();
    let (copied, document) = tried("kim");
    assert!(
        !copied
            && document["client"]["steps"]
                .as_array()
                .unwrap()
                .iter()
                .all(|step| step["id"] != "signed")
    );
    let line = format!(
        "why prod {top} --for {} --try --key {} --json",
        rig.file("of-kim.pub"),
        rig.file("kim")
    );
    let output = binary(rig, &line).output().unwrap();
    let document: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(document["client"]["try"]["copied"], true, "{document:#}");
    assert!(!tried("max").0);
    let said = house.says(
        &format!("why prod {top} --for {}", rig.file("lee-cert.pub")),
        1,
    );
    assert!(
        said.contains("x principals  it is for x, and line "),
        "{said}"
    );
}

/// `TrustedUserCAKeys`, its names, and a list of revoked keys.
#[test]
fn an_authority_of_the_settings_and_what_is_revoked() {
    let rig = Rig::new();
    key_pair(&rig.scratch().join("ca"), "ca");
    let names = rig.scratch().join("home-nix-ssh/.ssh/names");
    fs::write(&names, "# who may\nbuilders\nno-pty guests\n").unwrap();
    chown(&names, Some(61_003), Some(61_003)).unwrap();
    let trust = format!(
        "TrustedUserCAKeys {}\nAuthorizedPrincipalsFile %h/.ssh/names\n",
        rig.file("ca.pub")
    );
    let with = |name: &str, more: String| {
        let twist = Twist {
            syslog: true,
            more,
            ..Twist::default()
        };
        let sshd = rig.twisted(name, Access::Root, twist);
        let log = format!("sshd_log = \"{}\"", sshd.auth_log());
        let name = format!("{name}-logged");
        rig.add_server(&rig.server_section(&name, "root", sshd.port, &log));
        sshd
    };
    let top = rig.path("top-1.0");
    certify(&rig, "good", "ca", &["-n", "builders", DAY[0], DAY[1]]);
    certify(&rig, "wrong", "ca", &["-n", "nix-ssh", DAY[0], DAY[1]]);
    certify(&rig, "nobody", "ca", &DAY);
    certify(&rig, "guest", "ca", &["-n", "guests", DAY[0], DAY[1]]);
    certify(
        &rig,
        "away",
        "ca",
        &[
            "-n",
            "builders",
            DAY[0],
            DAY[1],
            "-O",
            "source-address=192.0.2.1",
        ],
    );
    let _trusting = with("trusting", trust.clone());
    let machine = Machine::new(&rig, "trusting-logged");
    let fares = |key: &str, wrong: &[&str]| {
        machine.agrees_for(&format!("{key}-cert.pub"), key, top, wrong);
    };
    fares("good", &[]);
    fares("wrong", &["principals"]);
    fares("nobody", &["principals"]);
    fares("away", &["limits"]);
    let of = |server: &str, key: &str| {
        let file = rig.file(&format!("{key}-cert.pub"));
        asked(
            &rig,
            &format!("why {server} {top} --for {file} --from 127.0.0.1"),
        )
        .0
    };
    // Options of a name's own line are not judged.
    let document = of("trusting-logged", "guest");
    assert_eq!(
        step(&document, "principals")["state"],
        "unknown",
        "{document:#}"
    );
    assert_eq!(document["client"]["verdict"], "unknown");

    let list = rig.file("revoked-keys");
    keygen(&["-q", "-k", "-f", &list]);
    let _listing = with("listing", format!("{trust}RevokedKeys {list}\n"));
    let server = "listing-logged";
    let machine = Machine::new(&rig, server);
    let document = of(server, "good");
    assert_eq!(step(&document, "revoked")["state"], "fine", "{document:#}");
    assert!(machine.copies("good", top).0);
    machine.agrees_for("good-cert.pub", "good", top, &[]);
    keygen(&["-q", "-k", "-u", "-f", &list, &rig.file("good-cert.pub")]);
    // Before anybody has tried.
    let document = of(server, "good");
    assert_eq!(step(&document, "revoked")["state"], "wrong", "{document:#}");
    assert!(!machine.copies("good", top).0);
    machine.agrees_for("good-cert.pub", "good", top, &["revoked"]);
}
