//! What the server's sshd does for the cache user, which key files count, and whom Nix trusts.
//!
//! In: the answers of one script. Out: values of `domain::access`. What could not be found out says why.

use super::certificates;
use super::files;
use super::past;
use super::settings;
use super::strict::User;
use crate::domain::Notice;
use crate::domain::When;
use crate::domain::access::{CacheUser, Fact, KeyFile, Service, SshdFacts, Unknown};
use crate::domain::authorities::CertificateFacts;
use crate::domain::key_request::PastKey;
use crate::domain::text::visible;
use crate::link::{Command, Limits};
use crate::server::error::ServerError;
use crate::server::script::{self, Answers, why};
use crate::server::{Inner, Spec, access};
use std::time::Duration;

/// Room for some key files, and time for `sshd -T` and `nix show-config`.
const LOOK: Limits = Limits {
    output: 96 << 20,
    time: Duration::from_secs(60),
};

/// What one look finds.
pub(super) struct Found {
    pub(super) at: When,
    pub(super) utc_offset: i32,
    pub(super) cache_user: Fact<CacheUser>,
    pub(super) sshd: SshdFacts,
    pub(super) files: Vec<KeyFile>,
    pub(super) other_files: Vec<KeyFile>,
    pub(super) past: Vec<PastKey>,
    pub(super) service: Fact<Service>,
    pub(super) certificates: CertificateFacts,
}

/// The answers of one user's part.
#[derive(Default)]
struct Part<'a> {
    name: &'a str,
    own: Vec<(&'a str, &'a str)>,
    files: Vec<(&'a str, Vec<(&'a str, &'a str)>)>,
}

impl<'a> Part<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        get(&self.own, name)
    }

    fn list(&self, name: &str) -> Vec<&'a str> {
        self.get(name)
            .unwrap_or_default()
            .split_ascii_whitespace()
            .collect()
    }
}

pub(super) fn get<'a>(answers: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    let mut found = answers.iter().filter(|(key, _)| *key == name);
    found.next_back().map(|(_, value)| *value)
}

pub(super) fn unknown(why: impl Into<Notice>) -> Unknown {
    Unknown(why.into().visible())
}

/// Asks.
pub(super) async fn ask(inner: &Inner, login: &str) -> Result<Found, ServerError> {
    let answers = answers(inner, "all", login).await?;
    Ok(read(&answers, &inner.spec, access::is_root(inner)))
}

/// Asks for the key files of the cache user alone: no forced command is tried.
pub(super) async fn ask_files(inner: &Inner, login: &str) -> Result<Vec<KeyFile>, ServerError> {
    let answers = answers(inner, "files", login).await?;
    Ok(read(&answers, &inner.spec, access::is_root(inner)).files)
}

/// What the script says about `all`, or about the key `files` alone.
async fn answers(inner: &Inner, scope: &str, login: &str) -> Result<Answers, ServerError> {
    let spec = &inner.spec;
    let command = Command::script(script::ACCESS_FACTS)
        .arg(script::ACCESS_READ_FILE)
        .arg(scope)
        .arg(&spec.cache_user)
        .arg(login)
        .args(spec.key_files.iter().cloned())
        .sudo(inner.start.sudo);
    let output = inner.link.run(&command, b"", LOOK).await?;
    Answers::parse(&output.stdout).ok_or_else(|| ServerError::Script {
        place: inner.start.place.clone(),
        what: "say who may log in",
        why: why(&output),
        next: "log in there and run `sshd -T` to see why",
    })
}

/// Puts the answers together.
fn read(answers: &Answers, spec: &Spec, root: bool) -> Found {
    let cache = spec.cache_user.as_str();
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut whole = Vec::new();
    for (name, value) in answers.iter() {
        match (name, parts.last_mut()) {
            ("user", _) => parts.push(Part {
                name: value,
                ..Part::default()
            }),
            ("file", Some(part)) => part.files.push((value, Vec::new())),
            (_, Some(part)) if !part.name.is_empty() => match part.files.last_mut() {
                // A setting of sshd is never an answer about a file.
                Some((_, file)) if name != "T" => file.push((name, value)),
                _ => part.own.push((name, value)),
            },
            _ => whole.push((name, value)),
        }
    }
    let nixos = get(&whole, "nixos").is_some();
    let empty = Part::default();
    let part = parts
        .iter()
        .find(|part| part.name == cache)
        .unwrap_or(&empty);
    let settings = part_settings(part);
    let files = files(part, &settings, root, nixos);
    let mut other_files = Vec::new();
    for other in parts.iter().filter(|other| other.name != cache) {
        other_files.extend(self::files(other, &part_settings(other), root, nixos));
    }
    let said = |name: &str| get(&whole, name).filter(|value| !value.is_empty());
    let shown = |name: &str| said(name).map(|value| visible(value).into_owned());
    Found {
        at: said("now")
            .and_then(|text| text.parse().ok())
            .map_or_else(When::now, When::from_unix),
        utc_offset: said("zone").and_then(utc_offset).unwrap_or(0),
        cache_user: user(part),
        sshd: SshdFacts {
            config_file: shown("config").unwrap_or_else(|| "sshd_config".to_owned()),
            assumed: access::assumed(spec, said("assumed")),
            version: shown("version").ok_or_else(|| unknown("sshd did not print its version")),
            settings,
        },
        files,
        other_files,
        past: past(part),
        service: service(part),
        certificates: certificates::read(&part.own),
    }
}

/// The keys of the backups beside the key files.
fn past(part: &Part<'_>) -> Vec<PastKey> {
    let of_file = |(path, answers): &(&str, Vec<(&str, &str)>)| {
        let stripped = answers.iter();
        let stripped =
            stripped.filter_map(|(name, value)| Some((name.strip_prefix("backup-")?, *value)));
        let backup: Vec<(&str, &str)> = stripped.collect();
        let at = When::from_unix(get(&backup, "at")?.parse().ok()?);
        let (content, _) = files::read(&backup).ok()?;
        Some(past::of_backup(path, &content, at))
    };
    part.files.iter().filter_map(of_file).flatten().collect()
}

/// `+0530` of date(1), in seconds east of UTC.
pub(super) fn utc_offset(zone: &str) -> Option<i32> {
    let (sign, digits) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (None, Some(digits)) => (-1, digits),
        (None, None) => return None,
    };
    let number: i32 = digits
        .parse()
        .ok()
        .filter(|number| (0..2400).contains(number))?;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

fn part_settings(part: &Part<'_>) -> Fact<crate::domain::access::SshdSettings> {
    let lines: Vec<&str> = part
        .own
        .iter()
        .filter(|(name, _)| *name == "T")
        .map(|(_, value)| *value)
        .collect();
    if lines.is_empty() {
        let why = part
            .get("settings-why")
            .or_else(|| part.get("passwd-why"))
            .unwrap_or("sshd -T said nothing");
        let hidden = why.contains("hostkeys") || why.contains("Permission denied");
        return Err(unknown(if hidden {
            Notice::new(why, "log in as root or allow sudo -n")
        } else {
            why.into()
        }));
    }
    Ok(settings::read(lines))
}

/// What the forced command did.
fn service(part: &Part<'_>) -> Fact<Service> {
    let said = || visible(part.get("service-said").unwrap_or_default()).into_owned();
    match part.get("service") {
        Some("answers") => Ok(Service::Answers),
        Some("noise") => Ok(Service::Noise(said())),
        Some("fails") => Ok(Service::Fails(said())),
        _ => Err(unknown(
            part.get("service-why").unwrap_or("it was not tried"),
        )),
    }
}

fn user(part: &Part<'_>) -> Fact<CacheUser> {
    let entry = part.get("passwd").ok_or_else(|| {
        unknown(
            part.get("passwd-why")
                .unwrap_or("the server does not say who the cache user is"),
        )
    })?;
    // passwd(5): name, password, uid, gid, text, home, shell.
    let fields: Vec<&str> = entry.split(':').collect();
    let [name, _, uid, gid, _, home, shell] = fields.as_slice() else {
        return Err(unknown(format!(
            "the user database says {entry:?}, which is no entry"
        )));
    };
    let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) else {
        return Err(unknown(format!("the ids of {name} are no numbers")));
    };
    Ok(CacheUser {
        name: visible(name).into_owned(),
        uid,
        gid,
        groups: part.list("groups").into_iter().map(str::to_owned).collect(),
        home: (*home).to_owned(),
        shell: if shell.is_empty() {
            "/bin/sh".to_owned()
        } else {
            (*shell).to_owned()
        },
    })
}

fn files(
    part: &Part<'_>,
    settings: &Fact<crate::domain::access::SshdSettings>,
    root: bool,
    nixos: bool,
) -> Vec<KeyFile> {
    let strict = !matches!(settings, Ok(settings) if settings.strict_modes == Some(false));
    let Ok(user) = user(part) else {
        return Vec::new();
    };
    let gids: Vec<u32> = part
        .list("gids")
        .iter()
        .filter_map(|id| id.parse().ok())
        .collect();
    let who = User {
        name: part.name,
        uid: user.uid,
        gids: &gids,
        private_group: part.get("private-group").and_then(|id| id.parse().ok()),
        home: part.get("home").unwrap_or(&user.home),
    };
    part.files
        .iter()
        .map(|(path, answers)| files::file(path, answers, &who, strict, root, nixos))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Place;
    use proptest::prelude::*;

    const ANSWERS: &str = "storekeeper-answer
now=1800000000
config=/etc/ssh/sshd_config
assumed=this connection does not come through OpenSSH's sshd
version=OpenSSH_9.2p1
user=nix-ssh
passwd=nix-ssh:x:7:7::/h:
groups=nix-ssh wheel
gids=7 10
home=/h
T=authorizedkeysfile .ssh/authorized_keys /etc/ssh/authorized_keys.d/%u
T=strictmodes yes
service=noise
service-said=Hello
file=/h/.ssh/authorized_keys
resolved=/h/.ssh/authorized_keys
dir=7 7 700 /h/.ssh
dir=7 7 755 /h
dir=0 0 755 /
stat=7 7 664 4 nix-ssh:nix-ssh
content=YWJjCg==
file=/etc/ssh/authorized_keys.d/nix-ssh
resolved=/etc/ssh/authorized_keys.d/nix-ssh
dir=0 0 755 /
user=root
passwd=root:x:0:0::/root:/bin/sh
settings-why=sshd: no hostkeys available -- exiting.
user=
end=
";

    fn spec(cache_user: &str) -> Spec {
        let mut spec = Spec::new("x", Place::Local);
        cache_user.clone_into(&mut spec.cache_user);
        spec
    }

    #[test]
    fn puts_the_answers_together() {
        let answers = Answers::parse(ANSWERS.as_bytes()).unwrap();
        let found = read(&answers, &spec("nix-ssh"), true);
        assert_eq!(found.at, When::from_unix(1_800_000_000));
        let user = found.cache_user.unwrap();
        assert_eq!((user.uid, user.shell.as_str()), (7, "/bin/sh"));
        assert_eq!(user.groups, ["nix-ssh", "wheel"]);
        let settings = found.sshd.settings.unwrap();
        assert_eq!(found.sshd.config_file, "/etc/ssh/sshd_config");
        // There is no connection to this machine.
        assert_eq!(found.sshd.assumed, None);
        assert_eq!(settings.strict_modes, Some(true));
        let [first, second] = found.files.as_slice() else {
            panic!("two files");
        };
        assert_eq!(first.content.as_deref().unwrap(), b"abc\n");
        assert_eq!(first.mode, 0o664);
        assert!(
            first
                .strict_modes_problem
                .as_deref()
                .unwrap()
                .contains("group")
        );
        let why = first.editable.as_ref().unwrap_err();
        assert!(why.message.contains("its mode is 664"), "{why}");
        assert!(!second.exists);
        assert_eq!((second.mode, &second.editable), (0o644, &Ok(())));
        assert_eq!(found.service, Ok(Service::Noise("Hello".into())));
    }

    #[test]
    fn time_zones() {
        assert_eq!(utc_offset("+0530"), Some(19_800));
        assert_eq!(utc_offset("-0800"), Some(-28_800));
        for odd in ["", "0000", "+", "+x", "+99999", "--100"] {
            assert_eq!(utc_offset(odd), None, "{odd}");
        }
    }

    #[test]
    fn generated_files_are_not_edited() {
        let text = ANSWERS.replace("now=", "nixos=yes\nnow=");
        let found = read(
            &Answers::parse(text.as_bytes()).unwrap(),
            &spec("nix-ssh"),
            true,
        );
        assert_eq!(found.files[0].generated_by, None);
        let by = found.files[1].generated_by.as_deref().unwrap();
        assert!(by.contains("nix.sshServe.keys"), "{by}");
        assert!(found.files[1].editable.is_err());
        assert!(files::generated("/a", "/nix/store/x", "root", false).is_some());
    }

    #[test]
    fn what_is_not_known_says_why() {
        let answers = Answers::parse(b"storekeeper-answer\nend=\n").unwrap();
        let found = read(&answers, &spec("nix-ssh"), false);
        assert!(found.cache_user.is_err() && found.sshd.settings.is_err());
        assert!(found.sshd.version.is_err());
        let answers = Answers::parse(ANSWERS.replace("T=", "X=").as_bytes()).unwrap();
        let found = read(&answers, &spec("root"), false);
        let why = found.sshd.settings.unwrap_err().to_string();
        assert!(why.contains("hostkeys") && why.contains("sudo"), "{why}");
    }

    proptest! {
        #[test]
        fn never_panics(lines in prop::collection::vec("(user|file|stat|dir|passwd|content|content-why|lines|size|sha256|unended|resolved|T)=[ -~]{0,20}", 0..20)) {
            let text = format!("storekeeper-answer\n{}\nend=\n", lines.join("\n"));
            if let Some(answers) = Answers::parse(text.as_bytes()) {
                let _ = read(&answers, &spec("nix-ssh"), true);
            }
        }
    }
}
