//! Resolution: the parser alone, and the real `ssh -G`.

use super::*;
use proptest::prelude::*;

fn options(name: &str) -> Options {
    Options {
        name: name.into(),
        ..Options::default()
    }
}

fn built(text: &str) -> (SshTarget, Option<String>) {
    let address = address::parse("alias").unwrap();
    build(&options("alias"), &address, Some(&Settings::parse(text))).unwrap()
}

fn ssh(place: Place) -> SshTarget {
    match place {
        Place::Ssh(target) => *target,
        Place::Local => panic!("local"),
    }
}

#[test]
fn reads_the_answer() {
    let (target, jump) = built(
        "user root\nhostname cache.example.org\nport 2222\nidentityfile ~/.ssh/k_%h\nidentityfile /b c\nidentitiesonly yes\n\
         certificatefile /c.pub\nuserknownhostsfile /x /y\nglobalknownhostsfile none\nstricthostkeychecking accept-new\n\
         hostkeyalias Al\nhashknownhosts yes\nproxycommand nc %h %p\nproxyjump none\nidentityagent none\nconnecttimeout 7\n\
         pubkeyauthentication true\npasswordauthentication no\nrevokedhostkeys /r\n",
    );
    assert_eq!(target.describe(), "root@cache.example.org:2222");
    assert_eq!(
        target.identities,
        [home_file(".ssh/k_cache.example.org"), PathBuf::from("/b c")]
    );
    assert_eq!(target.certificates, [PathBuf::from("/c.pub")]);
    assert_eq!(
        target.known_hosts,
        [PathBuf::from("/x"), PathBuf::from("/y")]
    );
    assert!(
        target.global_known_hosts.is_empty() && target.identities_only && target.hash_known_hosts
    );
    assert_eq!(
        (target.strict, &target.agent),
        (Strict::AcceptNew, &AgentAt::None)
    );
    assert_eq!(target.known_as, HostName::alias("al"));
    assert_eq!(target.via, Via::Command("nc cache.example.org 2222".into()));
    assert_eq!(target.connect_timeout, Some(Duration::from_secs(7)));
    assert!(
        target.methods.public_key
            && !target.methods.password
            && target.methods.keyboard_interactive
    );
    assert_eq!((jump, target.note()), (None, None));
}

fn home_file(name: &str) -> PathBuf {
    super::super::error::home().unwrap().join(name)
}

#[test]
fn no_is_not_honoured() {
    for (value, expected) in [
        ("no", Strict::Ask),
        ("false", Strict::Ask),
        ("off", Strict::Ask),
        ("yes", Strict::Yes),
        ("true", Strict::Yes),
    ] {
        assert_eq!(
            built(&format!("stricthostkeychecking {value}\n")).0.strict,
            expected
        );
    }
}

#[test]
fn without_ssh_only_what_was_given_counts() {
    let address = address::parse("ssh://u@h:23").unwrap();
    let given = Options {
        jump: Some("j".into()),
        ..options("ssh://u@h:23")
    };
    let (target, jump) = build(&given, &address, None).unwrap();
    assert_eq!(
        (target.describe().as_str(), jump.as_deref()),
        ("u@h:23", Some("j"))
    );
    assert!(target.note().is_some());
    assert_eq!(target.known_hosts[0], home_file(".ssh/known_hosts"));
    assert_eq!(target.strict, Strict::Ask);
}

#[tokio::test]
async fn the_real_ssh_resolves() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    std::fs::write(
        &file,
        "Match host cache exec \"true\"\n User admin\nHost cache\n HostName 192.0.2.7\n Port 2200\n ProxyJump a,u@b:23\nHost b\n HostName 192.0.2.9\n\
         Host star-*\n ProxyJump star-jump\nHost round1\n ProxyJump round2\nHost round2\n ProxyJump round1\n",
    )
    .unwrap();
    let with = |name: &str| Options {
        ssh_config: Some(file.clone()),
        known_hosts: Some("/kh".into()),
        ..options(name)
    };
    let target = ssh(resolve(&with("cache")).await.unwrap());
    assert_eq!(target.describe(), "admin@192.0.2.7:2200");
    let Via::Jump(second) = &target.via else {
        panic!()
    };
    assert_eq!(second.describe(), "u@192.0.2.9:23");
    assert_eq!(second.known_hosts, [PathBuf::from("/kh")]);
    let Via::Jump(first) = &second.via else {
        panic!()
    };
    assert_eq!((first.host.as_str(), &first.via), ("a", &Via::Direct));

    // A host that is reached through itself, and a circle, end in an error.
    assert_eq!(
        resolve(&with("star-1")).await.unwrap_err().kind(),
        super::super::error::ErrorKind::Usage
    );
    assert!(
        resolve(&with("round1"))
            .await
            .unwrap_err()
            .to_string()
            .contains("circle")
    );

    let explicit = Options {
        user: Some("root".into()),
        port: Some(9),
        jump: Some("none".into()),
        identity_files: vec![file.clone()],
        ..with("u@cache")
    };
    let target = ssh(resolve(&explicit).await.unwrap());
    assert_eq!(
        (target.describe().as_str(), &target.via),
        ("root@192.0.2.7:9", &Via::Direct)
    );
    assert_eq!(target.identities, std::slice::from_ref(&file));

    std::fs::write(&file, "Host x\n NoSuchOption 1\n").unwrap();
    let error = resolve(&with("cache")).await.unwrap_err();
    assert!(
        error.to_string().to_lowercase().contains("nosuchoption"),
        "{error}"
    );
    assert_eq!(resolve(&options("local")).await.unwrap(), Place::Local);
    let hostile = Options {
        jump: Some("-oProxyCommand=id".into()),
        ..with("cache")
    };
    assert!(resolve(&hostile).await.is_err());
}

proptest! {
    #[test]
    fn never_panics(text in "((hostname|port|user|proxyjump|proxycommand|identityfile|identityagent|userknownhostsfile|connecttimeout) [ -~]{0,20}\n){0,8}") {
        let address = address::parse("alias").unwrap();
        let _ = build(&options("alias"), &address, Some(&Settings::parse(&text)));
    }

    #[test]
    fn never_panics_on_anything(text in any::<String>()) {
        let address = address::parse("alias").unwrap();
        let _ = build(&options("alias"), &address, Some(&Settings::parse(&text)));
    }
}
