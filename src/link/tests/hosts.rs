//! Host keys: known, unknown, changed, revoked, certified.

use super::rig::*;
use crate::link::*;

fn unknown(person: &Person) -> (String, String, Option<String>) {
    match person.asked().as_slice() {
        [
            Question::UnknownHost {
                host,
                fingerprint,
                note,
                ..
            },
        ] => (host.clone(), fingerprint.clone(), note.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_host_needs_a_typed_yes() {
    let sshd = Sshd::start();
    let person = Person::saying(&[]);
    let error = open(&sshd.options(), &person).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey);
    assert!(
        error
            .to_string()
            .contains(&sshd.fingerprint("host_ed25519.pub")),
        "{error}"
    );
    assert!(!sshd.file("known_hosts").exists());

    let error = open(&sshd.options(), &Person::saying(&["y"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(!sshd.file("known_hosts").exists());

    let person = Person::saying(&["yes"]);
    open(&sshd.options(), &person).await.unwrap();
    let (host, fingerprint, note) = unknown(&person);
    assert_eq!(
        (host, fingerprint, note),
        (sshd.known_as(), sshd.fingerprint("host_ed25519.pub"), None)
    );
    assert_eq!(
        sshd.text("known_hosts"),
        format!("{} {}\n", sshd.known_as(), sshd.public("host_ed25519.pub"))
    );
    // ssh itself agrees with the line, and nobody is asked again.
    run(
        sshd.dir.path(),
        "ssh-keygen",
        &["-F", &sshd.known_as(), "-f", "known_hosts"],
    );
    let person = Person::saying(&[]);
    open(&sshd.options(), &person).await.unwrap();
    assert!(person.asked().is_empty());
}

#[tokio::test]
async fn a_changed_host_is_refused_with_the_line() {
    let sshd = Sshd::start();
    sshd.know_line(&format!(
        "# first\n{} {}",
        sshd.known_as(),
        sshd.public("user.pub")
    ));
    let before = sshd.text("known_hosts");
    let person = Person::saying(&["yes"]);
    let error = open(&sshd.options(), &person).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey);
    assert!(
        error.to_string().contains("known_hosts:2") && error.to_string().contains("CHANGED"),
        "{error}"
    );
    assert!(person.asked().is_empty());
    assert_eq!(sshd.text("known_hosts"), before);
}

#[tokio::test]
async fn a_revoked_host_is_refused_with_the_line() {
    let sshd = Sshd::start();
    let key = sshd.public("host_ed25519.pub");
    sshd.know_line(&format!("{} {key}\n@revoked * {key}", sshd.known_as()));
    let person = Person::saying(&["yes"]);
    let error = open(&sshd.options(), &person).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey);
    assert!(
        error.to_string().contains("known_hosts:2") && error.to_string().contains("REVOKED"),
        "{error}"
    );
    assert!(person.asked().is_empty());

    // The same by a list of revoked keys (KRL) in the ssh configuration.
    sshd.know();
    run(
        sshd.dir.path(),
        "ssh-keygen",
        &["-q", "-k", "-f", "krl", "host_ed25519.pub"],
    );
    let revoking = |file: &str| Options {
        ssh_config: Some(sshd.config(&format!(
            "IdentityAgent none\nRevokedHostKeys {}\n",
            sshd.file(file).display()
        ))),
        ..sshd.options()
    };
    let error = open(&revoking("krl"), &person).await.unwrap_err();
    assert!(error.to_string().contains("REVOKED"), "{error}");
    run(
        sshd.dir.path(),
        "ssh-keygen",
        &["-q", "-k", "-f", "other_krl", "user.pub"],
    );
    assert!(open(&revoking("other_krl"), &person).await.is_ok());
    // And as a text file.
    let list = |name: &str, key: &str| {
        std::fs::write(sshd.file(name), format!("# revoked\n\n{key}\n")).unwrap();
    };
    list("text", &key);
    let error = open(&revoking("text"), &person).await.unwrap_err();
    assert!(error.to_string().contains("REVOKED"), "{error}");
    list("other_text", &sshd.public("user.pub"));
    assert!(open(&revoking("other_text"), &person).await.is_ok());
    // What is no key may be one that ssh knows: nobody can say that this one is not meant.
    list("odd", "no key");
    let error = open(&revoking("odd"), &person).await.unwrap_err();
    assert!(error.to_string().contains("line 3"), "{error}");
    assert_eq!(
        open(&revoking("missing"), &person)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::HostKey
    );
}

#[tokio::test]
async fn hashed_names_are_read_and_written() {
    let sshd = Sshd::start();
    sshd.know();
    run(
        sshd.dir.path(),
        "ssh-keygen",
        &["-q", "-H", "-f", "known_hosts"],
    );
    assert!(sshd.text("known_hosts").starts_with("|1|"));
    let person = Person::saying(&[]);
    open(&sshd.options(), &person).await.unwrap();

    std::fs::remove_file(sshd.file("known_hosts")).unwrap();
    let hashing = Options {
        ssh_config: Some(sshd.config("IdentityAgent none\nHashKnownHosts yes\n")),
        ..sshd.options()
    };
    open(&hashing, &Person::saying(&["yes"])).await.unwrap();
    assert!(sshd.text("known_hosts").starts_with("|1|"));
    run(
        sshd.dir.path(),
        "ssh-keygen",
        &["-F", &sshd.known_as(), "-f", "known_hosts"],
    );
    open(&sshd.options(), &person).await.unwrap();
    assert!(person.asked().is_empty());
}

#[tokio::test]
async fn a_known_type_of_key_is_asked_for_first() {
    let sshd = Sshd::start();
    sshd.know_line(&format!(
        "{} {}",
        sshd.known_as(),
        sshd.public("host_ecdsa.pub")
    ));
    let person = Person::saying(&[]);
    open(&sshd.options(), &person).await.unwrap();
    assert!(person.asked().is_empty());

    // A server that has only another type has changed, and nobody is asked whether that is well.
    let sshd = Sshd::with("HostKey DIR/host_ed25519");
    sshd.know_line(&format!(
        "{} {}",
        sshd.known_as(),
        sshd.public("host_ecdsa.pub")
    ));
    for mode in ["ask", "accept-new", "no"] {
        let options = Options {
            ssh_config: Some(sshd.config(&format!(
                "IdentityAgent none\nStrictHostKeyChecking {mode}\n"
            ))),
            ..sshd.options()
        };
        let person = Person::saying(&["yes"]);
        let error = open(&options, &person).await.unwrap_err().to_string();
        assert!(
            error.contains("CHANGED")
                && error.contains("ecdsa-sha2-nistp256")
                && error.contains("known_hosts:1"),
            "{error}"
        );
        assert!(person.asked().is_empty());
    }
}

#[tokio::test]
async fn strict_host_key_checking_is_honoured_in_the_safe_direction() {
    let sshd = Sshd::start();
    let with = |value: &str| Options {
        ssh_config: Some(sshd.config(&format!(
            "IdentityAgent none\nStrictHostKeyChecking {value}\n"
        ))),
        ..sshd.options()
    };
    let person = Person::saying(&["yes"]);
    assert_eq!(
        open(&with("yes"), &person).await.unwrap_err().kind(),
        ErrorKind::HostKey
    );
    assert!(person.asked().is_empty());
    let person = Person::saying(&[]);
    assert_eq!(
        open(&with("no"), &person).await.unwrap_err().kind(),
        ErrorKind::HostKey
    );
    assert_eq!(person.asked().len(), 1);
    let person = Person::saying(&[]);
    open(&with("accept-new"), &person).await.unwrap();
    assert!(person.asked().is_empty() && sshd.file("known_hosts").exists());
}

/// An sshd with a host certificate by the key `ca`, made with the given options of ssh-keygen.
fn certified(options: &[&str]) -> Sshd {
    let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
    Sshd::prepared(
        "HostKey DIR/host_ed25519\nHostCertificate DIR/host_ed25519-cert.pub",
        move |dir| {
            run(
                dir,
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", "ca"],
            );
            let mut args = vec!["-q", "-s", "ca", "-I", "host", "-h"];
            args.extend(options.iter().map(String::as_str));
            args.push("host_ed25519.pub");
            run(dir, "ssh-keygen", &args);
        },
    )
}

#[tokio::test]
async fn a_certificate_of_a_known_authority_vouches() {
    let sshd = certified(&["-n", "127.0.0.*"]);
    sshd.know_line(&format!(
        "@cert-authority 127.0.0.1,{} {}",
        sshd.known_as(),
        sshd.public("ca.pub")
    ));
    let before = sshd.text("known_hosts");
    let person = Person::saying(&[]);
    open(&sshd.options(), &person).await.unwrap();
    assert!(person.asked().is_empty());
    assert_eq!(sshd.text("known_hosts"), before);

    // A list of revoked keys names certificates by their ids and numbers as well.
    let listed = |name: &str, spec: &str| {
        std::fs::write(sshd.file("spec"), spec).unwrap();
        let list = ["-q", "-k", "-s", "ca.pub", "-f", name, "spec"];
        run(sshd.dir.path(), "ssh-keygen", &list);
        Options {
            ssh_config: Some(sshd.config(&format!(
                "IdentityAgent none\nRevokedHostKeys {}\n",
                sshd.file(name).display()
            ))),
            ..sshd.options()
        }
    };
    let error = open(&listed("by_id", "id: host\n"), &person)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("REVOKED"), "{error}");
    let other = listed("by_other_id", "id: other\n");
    assert!(open(&other, &person).await.is_ok());

    sshd.know_line(&format!("{before}@revoked * {}", sshd.public("ca.pub")));
    let error = open(&sshd.options(), &person).await.unwrap_err();
    assert!(error.to_string().contains("REVOKED"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_is_not_good_vouches_for_nothing() {
    for (options, expected) in [
        (vec!["-n", "elsewhere"], "it is for elsewhere"),
        (
            vec!["-n", "127.0.0.1", "-V", "20200101:20200201"],
            "expired",
        ),
        (vec![], "it is for no host"),
    ] {
        let sshd = certified(&options);
        sshd.know_line(&format!("@cert-authority * {}", sshd.public("ca.pub")));
        let person = Person::saying(&[]);
        let error = open(&sshd.options(), &person).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HostKey);
        let note = unknown(&person).2.unwrap();
        assert!(note.contains(expected), "{note}");
    }
    // By an authority that nobody knows, the plain key counts.
    let sshd = certified(&["-n", "127.0.0.1"]);
    sshd.know_line(&format!(
        "@cert-authority * {}\n{} {}",
        sshd.public("user.pub"),
        sshd.known_as(),
        sshd.public("host_ed25519.pub")
    ));
    assert!(open(&sshd.options(), &Person::saying(&[])).await.is_ok());
}

#[tokio::test]
async fn nothing_that_answers_is_said_so() {
    let sshd = Sshd::start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = |port: u16| Options {
        port: Some(port),
        ..sshd.options()
    };
    let web = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let error = open(&to(port), &Person::saying(&[])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    web.await.unwrap();
    let error = open(&to(port), &Person::saying(&[])).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    let nowhere = Options {
        name: "surely-no-host.invalid".into(),
        port: None,
        ..sshd.options()
    };
    assert_eq!(
        open(&nowhere, &Person::saying(&[]))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Connect
    );
}
