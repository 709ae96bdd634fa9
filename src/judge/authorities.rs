//! Whose certificates log in as the cache user, and which names sshd wants in them.
//!
//! In: the facts of one look at the server. Out: [`Authority`] for `keys list` and `keys review`, and [`Names`] for a single one. Of an
//! authority in a key file `principals=` counts, else the user's own name; of one of `TrustedUserCAKeys` what
//! `AuthorizedPrincipalsFile` and `AuthorizedPrincipalsCommand` say, else the same (`sshd_config(5)`, and tried on the real sshd).

use crate::domain::When;
use crate::domain::access::{AccessFacts, CacheUser, SshdSettings, Unknown};
use crate::domain::authorized_keys::KeyOptions;
use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::domain::text::visible;
use crate::judge::hygiene;
use serde::Serialize;

/// The names of which a certificate has to have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Those that are known.
    pub names: Vec<String>,
    /// Where others may come from, or why they are not known.
    pub unknown: Option<String>,
}

impl Names {
    const fn known(names: Vec<String>) -> Self {
        Self {
            names,
            unknown: None,
        }
    }

    /// `for ada, bob`, fit to be shown.
    pub fn words(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|name| visible(name)).collect();
        match (names.as_slice(), &self.unknown) {
            ([], Some(why)) => format!("for names that are not known ({why})"),
            ([], None) => "for no name at all".to_owned(),
            (names, Some(why)) => format!("for {} and maybe others ({why})", names.join(", ")),
            (names, None) => format!("for {}", names.join(", ")),
        }
    }
}

/// An authority whose certificates log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authority {
    pub fingerprint: Fingerprint,
    /// Its type as in the file.
    pub r#type: String,
    /// Its size; null for an unknown type.
    pub bits: Option<u32>,
    pub comment: String,
    /// The file that has it, as sshd names it.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// Whether it is trusted by `TrustedUserCAKeys`, and not by a line of a key file.
    pub by_settings: bool,
    /// The names of which a certificate has to have one, as far as they are known.
    pub principals: Vec<String>,
    /// Why there may be others; null where these are all.
    pub principals_unknown: Option<String>,
    /// What the line asks of each certificate, as written.
    pub restrictions: Vec<String>,
    /// When its line ends, and with it all its certificates.
    pub expires: Option<When>,
}

impl Authority {
    fn new(key: &PublicSshKey, (file, line): (&str, usize), names: Names) -> Self {
        let shown = names.names.iter().map(|name| visible(name).into_owned());
        Self {
            fingerprint: key.fingerprint(),
            r#type: visible(key.algorithm()).into_owned(),
            bits: key.bits(),
            comment: visible(&key.comment()).into_owned(),
            file: visible(file).into_owned(),
            line,
            by_settings: true,
            principals: shown.collect(),
            principals_unknown: names.unknown,
            restrictions: Vec::new(),
            expires: None,
        }
    }

    /// What it admits.
    pub fn admits(&self) -> String {
        let names = Names {
            names: self.principals.clone(),
            unknown: self.principals_unknown.clone(),
        };
        let restrictions = match self.restrictions.as_slice() {
            [] => String::new(),
            some => format!(" under {}", some.join(",")),
        };
        format!(
            "admit certificates {}{restrictions}, each until its own end and with its own options",
            names.words()
        )
    }

    /// One line for people.
    pub fn words(&self) -> String {
        let end = self
            .expires
            .map_or_else(String::new, |end| format!("; the line ends {end}"));
        format!(
            "{} {} ({}:{}) can {}{end}",
            self.fingerprint,
            self.comment,
            self.file,
            self.line,
            self.admits()
        )
    }
}

/// The names that an authority in a key file admits.
pub fn of_line(facts: &AccessFacts, options: &KeyOptions) -> Names {
    match (&options.principals, &facts.cache_user) {
        (Some(list), _) => Names::known(list.split(',').map(str::to_owned).collect()),
        (None, Ok(user)) => Names::known(vec![user.name.clone()]),
        (None, Err(Unknown(why))) => Names {
            names: Vec::new(),
            unknown: Some(why.visible().to_string()),
        },
    }
}

/// The names that an authority of `TrustedUserCAKeys` admits.
pub fn by_settings(facts: &AccessFacts, settings: &SshdSettings, user: &CacheUser) -> Names {
    let command = settings.authorized_principals_command.as_ref();
    let command = command.map(|command| format!("{} prints them", visible(command)));
    match (&facts.certificates.principals, command) {
        (None, None) => Names::known(vec![user.name.clone()]),
        (None, unknown) => Names {
            names: Vec::new(),
            unknown,
        },
        (Some(Ok(names)), unknown) => Names {
            names: names.clone(),
            unknown,
        },
        (Some(Err(Unknown(why))), _) => Names {
            names: Vec::new(),
            unknown: Some(why.visible().to_string()),
        },
    }
}

/// All of them: those in the key files by file and line, then those of the settings.
pub fn all(facts: &AccessFacts) -> Vec<Authority> {
    let mut found = Vec::new();
    for file in &facts.files {
        let Ok(document) = file.document() else {
            continue;
        };
        for (number, line) in document.keys() {
            let options = line.effective().filter(|options| options.cert_authority);
            let Some(options) = options else { continue };
            let restrictions = options.written.iter().filter(|word| {
                let word = word.to_ascii_lowercase();
                word != "cert-authority" && !word.starts_with("principals=")
            });
            let names = of_line(facts, options);
            found.push(Authority {
                by_settings: false,
                restrictions: restrictions
                    .map(|word| visible(word).into_owned())
                    .collect(),
                expires: hygiene::expiry(line, facts.utc_offset),
                ..Authority::new(&line.key, (&file.path, number), names)
            });
        }
    }
    if let (Ok(settings), Ok(user), Ok(trusted)) = (
        &facts.sshd.settings,
        &facts.cache_user,
        &facts.certificates.trusted,
    ) {
        let file = facts.certificates.file.as_deref().unwrap_or_default();
        let names = by_settings(facts, settings, user);
        let keys = trusted.iter();
        found.extend(keys.map(|(line, key)| Authority::new(key, (file, *line), names.clone())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::authorities::CertificateFacts;
    use crate::judge::access::keys;
    use crate::judge::access::tests::{KEY, OTHER, key, with};
    use crate::judge::review;

    /// A server with an authority in a key file and another in its settings.
    fn facts(options: &str, principals: Option<&[&str]>) -> AccessFacts {
        let mut facts = with(&format!("{options} {KEY} ca of the team\n"));
        facts.certificates = CertificateFacts {
            file: Some("/etc/ssh/ca.pub".into()),
            trusted: Ok(vec![(2, key(OTHER))]),
            principals: principals.map(|names| Ok(names.iter().map(ToString::to_string).collect())),
            limited: vec![],
            revoked: None,
        };
        let settings = facts.sshd.settings.as_mut().unwrap();
        settings.trusted_user_ca_keys = Some("/etc/ssh/ca.pub".into());
        facts
    }

    #[test]
    fn what_each_admits() {
        let user = with("").cache_user.unwrap().name;
        let facts = facts(
            "cert-authority,restrict,principals=\"ci,ops\"",
            Some(&["builders"]),
        );
        let [line, settings] = all(&facts).try_into().unwrap();
        assert_eq!((line.by_settings, line.line), (false, 1));
        assert_eq!(line.principals, ["ci", "ops"]);
        assert_eq!(line.restrictions, ["restrict"]);
        assert_eq!((settings.by_settings, settings.line), (true, 2));
        assert_eq!(settings.principals, ["builders"]);
        // A principals file is no matter of a line in a key file, where the user's name counts.
        let facts = self::facts("cert-authority", Some(&["builders"]));
        assert_eq!(all(&facts)[0].principals, std::slice::from_ref(&user));
        let facts = self::facts("cert-authority", None);
        assert_eq!(all(&facts)[1].principals, [user]);
        // A plain key is none.
        assert_eq!(all(&self::facts("restrict", None)).len(), 1);
    }

    #[test]
    fn a_command_may_tell_more_names() {
        let mut facts = facts("cert-authority", Some(&["builders"]));
        let settings = facts.sshd.settings.as_mut().unwrap();
        settings.authorized_principals_command = Some("/usr/bin/names %u".into());
        let words = all(&facts)[1].words();
        assert!(
            words.contains("for builders and maybe others (/usr/bin/names %u prints them)"),
            "{words}"
        );
        facts.certificates.principals = Some(Err(Unknown::new("no rights")));
        let words = all(&facts)[1].words();
        assert!(words.contains("not known (no rights)"), "{words}");
    }

    #[test]
    fn list_and_review_show_them() {
        let facts = facts("cert-authority,principals=\"ci\"", None);
        let access = keys(&facts, crate::domain::Age(0));
        let words = &access.keys[0].words;
        assert!(
            words.starts_with("admit certificates for ci, each of which can "),
            "{words}"
        );
        let json = serde_json::to_value(&access).unwrap();
        assert_eq!(json["authorities"][0]["principals"][0], "ci");
        assert_eq!(json["authorities"][1]["bySettings"], true);
        let found = |code: &str, findings: &[crate::judge::finding::Finding]| {
            let found = findings.iter().find(|one| one.code == code);
            found.map(|one| one.message.clone()).unwrap_or_default()
        };
        let line = found("cert-authority", &access.keys[0].findings);
        assert!(
            line.contains("a certificate of it for ci may log in"),
            "{line}"
        );
        let settings = found("trusted-ca", &access.posture.findings);
        let print = key(OTHER).fingerprint().to_string();
        assert!(settings.contains(&print), "{settings}");
        let review = review::of("prod", &facts);
        let last = review.keys.last().unwrap();
        assert_eq!((last.fingerprint.to_string(), last.line), (print, 2));
        assert!(
            last.can.starts_with("admit certificates for "),
            "{}",
            last.can
        );
        assert!(review::csv(&review).contains("/etc/ssh/ca.pub:2"));
    }
}
