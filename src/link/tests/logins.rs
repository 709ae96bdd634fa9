//! Every way to log in, and being refused.

use super::rig::*;
use crate::link::agent::Agent;
use crate::link::*;

fn with_agent(sshd: &Sshd, agent: &RealAgent, more: &str) -> Options {
    Options {
        identity_files: Vec::new(),
        ssh_config: Some(sshd.config(&format!(
            "IdentityAgent {}\n{more}\n",
            agent.socket().display()
        ))),
        ..sshd.options()
    }
}

#[tokio::test]
async fn a_key_file() {
    let sshd = Sshd::start();
    let link = sshd.open().await;
    assert_eq!(link.used_key().unwrap(), sshd.fingerprint("user.pub"));
    assert!(link.round_trip().await.unwrap() > std::time::Duration::ZERO);
    assert_eq!(
        output(&link, &Command::script("id -un")).await.stdout,
        format!("{}\n", user()).into_bytes()
    );
}

#[tokio::test]
async fn rsa_and_ecdsa_keys() {
    for kind in ["rsa", "ecdsa"] {
        let sshd = Sshd::prepared("", |dir| {
            run(
                dir,
                "ssh-keygen",
                &["-q", "-t", kind, "-N", "", "-f", "other"],
            );
            std::fs::copy(dir.join("other.pub"), dir.join("authorized_keys")).unwrap();
        });
        sshd.know();
        let options = Options {
            identity_files: vec![sshd.file("other")],
            ..sshd.options()
        };
        let link = open(&options, &Person::saying(&[])).await.unwrap();
        assert_eq!(link.used_key().unwrap(), sshd.fingerprint("other.pub"));
    }
}

#[tokio::test]
async fn an_encrypted_key_is_asked_for_once() {
    let sshd = Sshd::start();
    sshd.know();
    run(
        sshd.dir.path(),
        "ssh-keygen",
        &["-q", "-p", "-P", "", "-N", "secret", "-f", "user"],
    );
    let place = resolve(&sshd.options()).await.unwrap();
    let person = Person::saying(&["wrong", "secret"]);
    let prompter: Arc<dyn Prompter> = person.clone();
    let first = Link::open(&place, &prompter).await.unwrap();
    let second = first.beside(&place, &prompter).await.unwrap();
    assert_eq!(first.used_key(), second.used_key());
    let asked = person.asked();
    assert_eq!(asked.len(), 2);
    assert!(matches!(&asked[0], Question::Passphrase { file } if file.ends_with("/user")));

    let error = open(&sshd.options(), &Person::saying(&["a", "b", "c", "secret"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(error.to_string().contains("wrong 3 times"), "{error}");
    let error = open(&sshd.options(), &Person::saying(&[]))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no passphrase was given"),
        "{error}"
    );
}

#[tokio::test]
async fn no_passphrase_is_asked_for_a_key_that_the_server_refuses() {
    let sshd = Sshd::start();
    sshd.know();
    run(
        sshd.dir.path(),
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "secret", "-f", "stranger"],
    );
    let options = Options {
        identity_files: vec![sshd.file("stranger"), sshd.file("user")],
        ..sshd.options()
    };
    let person = Person::saying(&[]);
    let link = open(&options, &person).await.unwrap();
    assert_eq!(link.used_key().unwrap(), sshd.fingerprint("user.pub"));
    assert!(person.asked().is_empty());
}

#[tokio::test]
async fn a_key_of_the_agent() {
    let sshd = Sshd::start();
    sshd.know();
    let agent = RealAgent::start();
    agent.add(&sshd.file("user"));
    std::fs::remove_file(sshd.file("user")).unwrap();
    let link = open(&with_agent(&sshd, &agent, ""), &Person::saying(&[]))
        .await
        .unwrap();
    assert_eq!(link.used_key().unwrap(), sshd.fingerprint("user.pub"));

    let client = Agent::connect_to(&agent.socket()).await.unwrap();
    let keys = client.identities().await.unwrap();
    assert_eq!((keys.len(), keys[0].comment.as_str()), (1, "user"));
    let signature = client.sign_ed25519(&keys[0], b"message").await.unwrap();
    let public = ed25519_dalek::VerifyingKey::from_bytes(&keys[0].ed25519.unwrap()).unwrap();
    public
        .verify_strict(
            b"message",
            &ed25519_dalek::Signature::from_bytes(&signature),
        )
        .unwrap();
}

#[tokio::test]
async fn identities_only_keeps_the_agents_other_keys_back() {
    let sshd = Sshd::start();
    sshd.know();
    let agent = RealAgent::start();
    agent.add(&sshd.file("user"));
    run(
        sshd.dir.path(),
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-f", "other"],
    );
    let other = sshd.file("other").display().to_string();
    let only = with_agent(
        &sshd,
        &agent,
        &format!("IdentitiesOnly yes\nIdentityFile {other}"),
    );
    let error = open(&only, &Person::saying(&[])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(!sshd.log().contains("Accepted publickey"), "{error}");
    // The public half alone names the agent's key.
    let user = sshd.file("user.pub").display().to_string();
    let named = with_agent(
        &sshd,
        &agent,
        &format!("IdentitiesOnly yes\nIdentityFile {user}"),
    );
    assert!(open(&named, &Person::saying(&[])).await.is_ok());
}

#[tokio::test]
async fn a_certificate_beside_the_key_and_one_in_the_agent() {
    let sshd = Sshd::prepared("TrustedUserCAKeys DIR/ca.pub\n", |dir| {
        run(
            dir,
            "ssh-keygen",
            &["-q", "-t", "ed25519", "-N", "", "-f", "ca"],
        );
        run(
            dir,
            "ssh-keygen",
            &["-q", "-s", "ca", "-I", "me", "-n", &user(), "user.pub"],
        );
        std::fs::write(dir.join("authorized_keys"), "").unwrap();
    });
    sshd.know();
    let link = open(&sshd.options(), &Person::saying(&[])).await.unwrap();
    assert_eq!(link.used_key().unwrap(), sshd.fingerprint("user.pub"));
    assert!(sshd.log().contains("ED25519-CERT"));

    let agent = RealAgent::start();
    agent.add(&sshd.file("user"));
    for name in ["user", "user.pub", "user-cert.pub"] {
        std::fs::remove_file(sshd.file(name)).unwrap();
    }
    assert!(
        open(&with_agent(&sshd, &agent, ""), &Person::saying(&[]))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_refused_key_says_what_was_tried() {
    let sshd = Sshd::start();
    sshd.know();
    std::fs::write(sshd.file("authorized_keys"), "").unwrap();
    let error = open(&sshd.options(), &Person::saying(&[]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    let text = error.to_string();
    assert!(
        text.contains("/user") && text.contains("it would accept publickey"),
        "{text}"
    );
}

#[tokio::test]
async fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let sshd = Sshd::start();
    sshd.know();
    std::fs::set_permissions(sshd.file("user"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = open(&sshd.options(), &Person::saying(&[]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(
        error.to_string().contains("0644") && error.to_string().contains("chmod 600"),
        "{error}"
    );
    assert!(!sshd.log().contains("Accepted"));
    let missing = Options {
        identity_files: vec![sshd.file("missing")],
        ..sshd.options()
    };
    let error = open(&missing, &Person::saying(&[])).await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[tokio::test]
async fn few_keys_are_offered() {
    let sshd = Sshd::prepared("MaxAuthTries 6\n", |dir| {
        for index in 0..8 {
            run(
                dir,
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", &format!("k{index}")],
            );
        }
    });
    sshd.know();
    let options = Options {
        identity_files: (0..8)
            .map(|index| sshd.file(&format!("k{index}")))
            .collect(),
        ..sshd.options()
    };
    let error = open(&options, &Person::saying(&[])).await.unwrap_err();
    assert!(
        error.to_string().contains("3 more keys were not offered"),
        "{error}"
    );
    assert_eq!(sshd.log().matches("Failed publickey").count(), 5);
}
