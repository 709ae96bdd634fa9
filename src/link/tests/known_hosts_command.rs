//! `KnownHostsCommand` against the real ssh, and what is shown for settings that are not followed.

use std::path::Path;
use std::process::Stdio;

use super::known_hosts::{fill, keys};
use super::rig::*;
use crate::link::*;

/// What the command is given is what ssh gives it, and one that fails ends the connection.
#[tokio::test]
async fn a_known_hosts_command_is_run_as_ssh_runs_it() {
    let sshd = Sshd::prepared("", keys);
    let (script, seen) = (sshd.file("command"), sshd.file("seen"));
    let config = |file: &Path| {
        sshd.config(&format!(
            "KnownHostsCommand {} {} \"a b\" %I %H %t %f %K %h %p %r %n %%I\nIdentitiesOnly yes\nIdentityAgent none\nIdentityFile {}\n\
             UserKnownHostsFile none\nGlobalKnownHostsFile none\nStrictHostKeyChecking yes\nBatchMode yes\n",
            script.display(),
            file.display(),
            sshd.file("user").display()
        ))
    };
    let write = |text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    write(&format!(
        "#!/bin/sh\nfile=$1\nshift\nfor word; do printf '<%s>' \"$word\"; done >>\"$file\"\necho >>\"$file\"\necho '{} {}'\n",
        sshd.known_as(),
        sshd.public("host_ed25519.pub")
    ));
    let theirs = sshd.file("theirs");
    let real = tokio::process::Command::new("ssh")
        .arg("-F")
        .arg(config(&theirs))
        .args([
            "-p",
            &sshd.port.to_string(),
            "-l",
            &user(),
            "127.0.0.1",
            "true",
        ])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(real.status.success(), "{real:?}");
    let options = || Options {
        known_hosts: None,
        ssh_config: Some(config(&seen)),
        ..sshd.options()
    };
    open(&options(), &Person::saying(&[])).await.unwrap();
    let lines = |file: &Path| std::fs::read_to_string(file).unwrap();
    // Before it knows a key, ssh names the host without its port, for which it then finds nothing.
    let of_key = |text: String| {
        let lines = text.lines().map(ToOwned::to_owned);
        lines
            .filter(|line| line.contains("<HOSTNAME>"))
            .collect::<Vec<String>>()
    };
    assert_eq!(of_key(lines(&seen)), of_key(lines(&theirs)));
    assert!(lines(&seen).contains("<ORDER>") && lines(&theirs).contains("<ORDER>"));
    // A named file counts alone.
    std::fs::remove_file(&seen).unwrap();
    let named = Options {
        known_hosts: Some(sshd.file("nothing")),
        ..options()
    };
    let error = open(&named, &Person::saying(&[])).await.unwrap_err();
    assert!(matches!(error, LinkError::UnknownHost { .. }), "{error}");
    assert!(!seen.exists());
    write("#!/bin/sh\nexit 3\n");
    let error = open(&options(), &Person::saying(&[])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey);
    assert!(error.to_string().contains("exit status: 3"), "{error}");
}

/// What is not followed is said, with what to do.
#[tokio::test]
async fn what_is_not_followed_is_said() {
    let sshd = Sshd::prepared("", keys);
    let said = async |more: &str| {
        let config = sshd.config(&format!("{more}GlobalKnownHostsFile none\n"));
        let options = Options {
            known_hosts: None,
            ssh_config: Some(config),
            ..sshd.options()
        };
        let error = open(&options, &Person::saying(&[])).await.unwrap_err();
        error.to_string()
    };
    let file = sshd.file("known_hosts");
    let local = format!(
        "NoHostAuthenticationForLocalhost yes\nUserKnownHostsFile {}\n",
        file.display()
    );
    let unknown = said(&local).await;
    assert!(unknown.contains("a HostKeyAlias of its own"), "{unknown}");
    std::fs::write(&file, fill(&sshd, "$N $e\n")).unwrap();
    let changed = said(&local).await;
    assert!(
        changed.contains("HAS CHANGED") && changed.contains("a HostKeyAlias of its own"),
        "{changed}"
    );
    for none in ["/dev/null", "none"] {
        let said = said(&format!("UserKnownHostsFile {none}\n")).await;
        assert!(
            said.contains("no file keeps its key")
                && said.contains("add it to a file that --known-hosts names"),
            "{said}"
        );
        assert!(!said.contains("/dev/null"), "{said}");
    }
}
