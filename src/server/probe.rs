//! Finds out what a server is: two scripts and the daemon's handshake.
//!
//! In: a fresh link. Out: [`Facts`], and the daemon that has shaken hands, for the first questions.

use super::auto_sign;
use super::daemon::{Daemon, Start};
use super::error::ServerError;
use super::facts::{Database, Disk, Facts, Rights, ServerKey};
use super::policy_timer;
use super::script::{self, Answers};
use super::spec::{Spec, Sudo};
use crate::domain::fact::{Fact, Unknown};
use crate::domain::{Bytes, KeyRing, PublicKey, When, notice, text};
use crate::link::{Command, Link};
use crate::wire::Hello;

/// What a probe leaves.
pub(super) struct Found {
    pub(super) facts: Facts,
    pub(super) daemon: Daemon,
}

/// Who is logged in.
pub(super) struct Login {
    user: String,
    host: String,
    rights: Rights,
    clock_skew: i64,
}

/// Asks who is logged in, and so how a daemon is started.
pub(super) async fn login(
    link: &Link,
    spec: &Spec,
) -> Result<(Login, Start, Answers), ServerError> {
    let place = spec.place.describe();
    let allowed = if spec.sudo == Sudo::Never {
        "never"
    } else {
        "ask"
    };
    let before = When::now();
    let whoami = Command::script(script::WHOAMI).arg(allowed);
    let answers = script::ask(link, &whoami, &place).await?;
    let login = Login::read(&answers, before, When::now());
    if spec.sudo == Sudo::Always && login.rights == Rights::User {
        return Err(ServerError::Sudo { place });
    }
    let start = Start {
        command: spec.daemon_command.clone(),
        sudo: login.rights == Rights::Sudo,
        place,
    };
    Ok((login, start, answers))
}

/// Asks the rest.
pub(super) async fn probe(
    link: &Link,
    spec: &Spec,
    login: Login,
    start: &Start,
) -> Result<Found, ServerError> {
    let questions = Command::script(script::PROBE)
        .arg(&spec.nix_command)
        .arg(spec.signing_key.as_deref().unwrap_or_default())
        .arg(auto_sign::state_file(&spec.audit_log))
        .arg(policy_timer::state_file(&spec.audit_log))
        .sudo(start.sudo);
    let (answers, daemon) = tokio::join!(
        script::ask(link, &questions, &start.place),
        Daemon::open(link, start)
    );
    // Without a daemon there is nothing to administer, so its error is the one to show.
    let daemon = daemon?;
    let facts = facts(spec, login, &answers?, daemon.hello());
    Ok(Found { facts, daemon })
}

impl Login {
    fn read(answers: &Answers, before: When, after: When) -> Self {
        let rights = match (answers.get("uid"), answers.get("sudo")) {
            (Some("0"), _) => Rights::Root,
            (_, Some("yes")) => Rights::Sudo,
            _ => Rights::User,
        };
        let here = i64::midpoint(before.unix(), after.unix());
        let clock = answers.get("clock").and_then(|text| text.parse().ok());
        Self {
            user: answers.shown("user").unwrap_or_else(|| "?".to_owned()),
            host: answers.shown("host").unwrap_or_else(|| "?".to_owned()),
            rights,
            clock_skew: clock.map_or(0, |there: i64| there.saturating_sub(here)),
        }
    }
}

/// Puts the answers together.
fn facts(spec: &Spec, login: Login, answers: &Answers, hello: &Hello) -> Facts {
    let mut unknown = Vec::new();
    let (signing_keys, derived) = signing_keys(answers, &login);
    let ours = if spec.public_keys.is_empty() {
        derived
    } else {
        spec.public_keys.clone()
    };
    unknown.extend(spec.other_algorithms.iter().map(|name| {
        format!(
            "the configured key {} is of an unknown algorithm, so its signatures are not checked",
            text::visible(name)
        )
    }));
    if ours.is_empty() {
        unknown.push(no_key(&signing_keys));
    }
    if let Some(file) = answers.shown("config-from") {
        unknown.push(format!(
            "Nix does not print its settings there; only {file} was read, without the files that it includes"
        ));
    }
    let (mount, disk) = disk(answers);
    if disk.is_none() {
        unknown.push(match answers.shown("store") {
            Some(store) => format!(
                "the disk and the database of the store {store} are not looked at; only stores in the usual places are"
            ),
            None => "the store's file system is not known; `df` there does not say".to_owned(),
        });
    }
    let database = answers.get("database").and_then(size).map(|size| Database {
        size,
        wal: answers.get("wal").and_then(self::size).unwrap_or_default(),
    });
    if database.is_none() && disk.is_some() {
        unknown.push(format!(
            "the size of Nix's database is not known; {} cannot see it",
            login.user
        ));
    }
    let store_writable = match (login.rights, answers.get("writable")) {
        // Somebody else, the daemon, writes for them.
        (Rights::User, _) | (_, None) => None,
        (_, Some(word)) => Some(word == "yes"),
    };
    Facts {
        at: When::now(),
        clock_skew: login.clock_skew,
        user: login.user,
        host: login.host,
        rights: login.rights,
        nix_program: answers.shown("nix-program"),
        nix_version: hello.nix_version.clone(),
        protocol: (hello.version.major, hello.version.minor),
        trusted: hello.trusted,
        disk,
        database,
        mount,
        store_dir: answers.get("directory").map(str::to_owned),
        state_dir: answers.get("state").map(str::to_owned),
        keys: KeyRing::new(ours, spec.retired_keys.clone(), spec.upstream_keys.clone())
            .with_compromised(spec.compromised_keys.clone()),
        signing_keys,
        trusted_users: trusted_users(answers),
        store_writable,
        unknown,
        auto_sign: auto_sign::of(answers),
        policy_timer: policy_timer::of(answers),
    }
}

fn trusted_users(answers: &Answers) -> Fact<Vec<String>> {
    let list = answers.get("trusted-users").ok_or_else(|| {
        let why = answers.shown("trusted-users-why");
        Unknown::new(why.unwrap_or_else(|| "Nix does not print its settings there".to_owned()))
    })?;
    let names = list.split_ascii_whitespace();
    Ok(names.map(|name| text::visible(name).into_owned()).collect())
}

/// The signing keys in order, and the public halves of those that have one.
fn signing_keys(answers: &Answers, login: &Login) -> (Vec<ServerKey>, Vec<PublicKey>) {
    let mut keys: Vec<ServerKey> = Vec::new();
    let mut public = Vec::new();
    let user = &login.user;
    for (name, value) in answers.iter() {
        if name == "key" {
            keys.push(ServerKey {
                // Goes back to the server as an argument, so it stays as it came; what shows it makes it visible.
                file: value.to_owned(),
                name: None,
                public: None,
                problem: None,
            });
            continue;
        }
        let Some(key) = keys.last_mut() else {
            continue;
        };
        let file = text::visible(&key.file);
        match (name, value) {
            ("key-state", "missing") => {
                key.problem = Some(if login.rights == Rights::User {
                    notice!(
                        "it is missing, or hidden from {user}",
                        "log in as root or allow `sudo -n`"
                    )
                } else {
                    notice!(
                        "it is missing",
                        "put the key there, or set signing_key to where it is"
                    )
                });
            }
            ("key-state", "odd") => {
                key.problem = Some(notice!(
                    "it is not a regular file",
                    "set signing_key to the key's file"
                ));
            }
            ("key-state", "unreadable") => {
                key.problem = Some(notice!(
                    "{user} may not read it",
                    "log in as root or allow `sudo -n`"
                ));
            }
            ("key-state", "exposed") => {
                key.problem = Some(notice!(
                    "it can be read or changed by every user there",
                    "run `chmod 600 {file}` there, and replace the key if others could log in"
                ));
            }
            ("key-public", text) => match PublicKey::parse(text) {
                Ok(found) => {
                    key.name = Some(found.name().to_string());
                    key.public = Some(found.clone());
                    public.push(found);
                }
                Err(_) if text.is_empty() => {
                    key.problem = Some(notice!(
                        "it is not a secret signing key",
                        "set signing_key to the key's file"
                    ));
                }
                Err(why) => {
                    key.problem =
                        Some(notice!("{why}", "make a new one with `storekeeper keygen`"));
                }
            },
            _ => {}
        }
    }
    (keys, public)
}

/// Why the cache's own public key is not known.
fn no_key(keys: &[ServerKey]) -> String {
    let useless = keys.iter().find_map(|key| {
        let problem = key.problem.as_ref()?;
        Some(format!(
            "{} can't be used: {problem}",
            text::visible(&key.file)
        ))
    });
    let why = match useless {
        Some(why) => why,
        None if keys.is_empty() => {
            "the server's nix.conf names no secret-key-files; set signing_key or public_keys for this server"
                .to_owned()
        }
        None => "Nix there does not read the signing key; set public_keys for this server".to_owned(),
    };
    format!("the cache's own public key is not known: {why}")
}

/// Where the store's file system is mounted, fit to be shown, and what is used of it.
pub(super) fn disk(answers: &Answers) -> (String, Option<Disk>) {
    df(answers.get("disk"), answers.get("inodes"))
        .map(|(mount, disk)| (mount, Some(disk)))
        .unwrap_or_default()
}

/// The last lines of `df -Pk` and of `df -Pi`: the mount point, fit to be shown, and what is used there.
pub(super) fn df(blocks: Option<&str>, inodes: Option<&str>) -> Option<(String, Disk)> {
    let (blocks, mount) = blocks.and_then(df_line)?;
    let [size, used, available] = blocks.map(|kib| Bytes(kib.saturating_mul(1024)));
    let ([inodes, inodes_used, _], _) = inodes.and_then(df_line).unwrap_or_default();
    let disk = Disk {
        size,
        used,
        available,
        inodes,
        inodes_used,
    };
    Some((text::visible(&mount).into_owned(), disk))
}

/// Device, three numbers, a percentage, the mount point.
fn df_line(line: &str) -> Option<([u64; 3], String)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    // The device's name may have blanks, so it is counted from the percentage, which is `-` where there is no number.
    let percent = words
        .iter()
        .position(|word| word.ends_with('%') || *word == "-")
        .filter(|at| *at >= 4)?;
    let number = |back: usize| words.get(percent - back)?.parse().ok();
    let mount = words.get(percent + 1..)?.join(" ");
    (!mount.is_empty()).then_some(([number(3)?, number(2)?, number(1)?], mount))
}

/// The size in a line of `ls -dn`.
fn size(line: &str) -> Option<Bytes> {
    let size = line.split_ascii_whitespace().nth(4)?;
    size.parse().ok().map(Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Place;
    use crate::wire::Version;
    use proptest::prelude::*;

    const KEY: &str = "test-key-1:DIY1mU4LCDPftuy4qTEQxRmlP7xUDywWoR/jixfd498=";

    fn answers(lines: &str) -> Answers {
        Answers::parse(format!("storekeeper-answer\n{lines}\nend=\n").as_bytes()).unwrap()
    }

    fn read(who: &str, lines: &str, spec: &Spec) -> Facts {
        let login = Login::read(&answers(who), When::from_unix(1000), When::from_unix(1010));
        let hello = Hello {
            version: Version::new(38),
            nix_version: "2.34.8".into(),
            trusted: Some(true),
        };
        facts(spec, login, &answers(lines), &hello)
    }

    const ROOT: &str = "user=root\nuid=0\nhost=cache\nclock=1065";

    #[test]
    fn a_whole_server() {
        let facts = read(
            ROOT,
            &format!(
                "nix=yes\ntrusted-users=root @wheel\nkey=/root/a b.sec\nkey-state=fine\n\
                 key-public={KEY}\ndisk=/dev/mapper/x y 1000 600 300 67% /nix store\ndirectory=/nix/store\nstate=/nix/var/nix\ninodes=/dev/x 500 50 450 10% /nix\n\
                 database=-rw-r--r-- 1 0 0 4096 Jan  1 00:00 /nix/var/nix/db/db.sqlite\nwal=\nwritable=yes"
            ),
            &Spec::new("x", Place::Local),
        );
        assert_eq!(facts.rights, Rights::Root);
        assert_eq!(facts.clock_skew, 60);
        assert_eq!(facts.mount, "/nix store");
        let disk = facts.disk.unwrap();
        assert_eq!(
            (disk.size, disk.available),
            (Bytes(1_024_000), Bytes(307_200))
        );
        assert_eq!((disk.inodes, disk.inodes_used), (500, 50));
        assert_eq!(facts.store_dir.as_deref(), Some("/nix/store"));
        assert_eq!(facts.state_dir.as_deref(), Some("/nix/var/nix"));
        assert_eq!(facts.database.unwrap().size, Bytes(4096));
        assert_eq!(facts.signing_keys.len(), 1);
        assert_eq!(facts.signing_keys[0].file, "/root/a b.sec");
        assert_eq!(facts.signing_keys[0].name.as_deref(), Some("test-key-1"));
        assert_eq!(facts.signing_keys[0].problem, None);
        assert_eq!(facts.keys.ours().len(), 1);
        assert_eq!(facts.trusted_users.unwrap(), ["root", "@wheel"]);
        assert_eq!(facts.store_writable, Some(true));
        assert_eq!(facts.unknown, Vec::<String>::new());
    }

    #[test]
    fn configured_keys_win_over_derived_ones() {
        let mut spec = Spec::new("x", Place::Local);
        let other = "other-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
        spec.public_keys = vec![PublicKey::parse(other).unwrap()];
        let lines = format!("key=/k\nkey-state=fine\nkey-public={KEY}");
        let facts = read(ROOT, &lines, &spec);
        assert_eq!(facts.keys.ours()[0].name().as_str(), "other-1");
        assert!(facts.keys.get("test-key-1").is_none());
    }

    #[test]
    fn keys_that_cannot_be_used() {
        let spec = Spec::new("x", Place::Local);
        for (who, lines, word) in [
            (ROOT, "key=/k\nkey-state=missing", "it is missing; put"),
            (
                "user=ada\nuid=7",
                "key=/k\nkey-state=missing",
                "hidden from ada",
            ),
            (
                "user=ada\nuid=7",
                "key=/k\nkey-state=unreadable",
                "/k can't be used: ada may not read it",
            ),
            (ROOT, "key=/k\nkey-state=odd", "regular"),
            (ROOT, "key=/k\nkey-state=fine\nkey-public=", "not a secret"),
            (
                ROOT,
                "key=/k\nkey-state=fine\nkey-public=a b:AAAA",
                "decodes",
            ),
            (ROOT, "", "names no secret-key-files"),
        ] {
            let facts = read(who, lines, &spec);
            assert!(
                facts.unknown[0].contains(word),
                "{lines}: {:?}",
                facts.unknown
            );
            assert!(facts.keys.ours().is_empty() && facts.trusted_users.is_err());
        }
        let exposed = format!("key=/k\nkey-state=exposed\nkey-public={KEY}");
        let facts = read(ROOT, &exposed, &spec);
        let problem = facts.signing_keys[0].problem.as_ref().unwrap().to_string();
        assert!(problem.contains("chmod 600 /k"), "{problem}");
        // What it has signed is still signed.
        assert_eq!(facts.keys.ours().len(), 1);
    }

    #[test]
    fn who_may_what() {
        let rights = |lines: &str| Login::read(&answers(lines), When::now(), When::now()).rights;
        assert_eq!(rights("uid=0"), Rights::Root);
        assert_eq!(rights("uid=5\nsudo=yes"), Rights::Sudo);
        assert_eq!(rights("uid=5\nsudo=no"), Rights::User);
        assert_eq!(rights(""), Rights::User);
    }

    #[test]
    fn strange_disks() {
        assert_eq!(df_line("tmpfs 0 0 0 - /nix").unwrap().0, [0, 0, 0]);
        for line in ["", "x 1 2 3", "x 1 2 3 4%", "1 2 3 4% /", "x a b c 4% /"] {
            assert_eq!(df_line(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(line in ".{0,60}", lines in "(key|key-state|key-public|disk|wal)=.{0,20}") {
            let _ = df_line(&line);
            let _ = size(&line);
            let _ = read(ROOT, &lines.replace('\n', " "), &Spec::new("x", Place::Local));
        }
    }
}
