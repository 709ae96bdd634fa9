//! What storekeeper has installed on a server, where it runs by itself.
//!
//! In: which, and where its files are. Out: how each file is, compared with what this version writes by the same choices.

mod remove;

pub use remove::Removal;

use super::Server;
use super::access::{KnockFacts, KnockInstall};
use super::auto_sign::{self, AutoSignInstall};
use super::error::ServerError;
use super::lease::{self, LeaseInstall};
use super::policy_timer::{self, PolicyTimer};
use super::script::{self, Answers};
use super::space::{LOOK, look};
use super::timer::UNITS;
use crate::domain::installable::{Chosen, Found, Installable, Installation, InstalledFile};
use crate::domain::path_info::hex;
use crate::link::Command;
use sha2::{Digest as _, Sha256};

/// Where files are put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The folder of scripts and rules.
    pub folder: String,
    /// The folder of systemd's units.
    pub units: String,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            folder: "/etc/storekeeper".to_owned(),
            units: UNITS.to_owned(),
        }
    }
}

/// A file that is looked at.
struct CheckedFile<'a> {
    path: String,
    is: Is<'a>,
}

/// What a file is to be.
enum Is<'a> {
    /// This text.
    Text(&'a str),
    /// A text that is made of what was chosen, and read for that.
    Chosen,
    /// What a run says of itself.
    State,
}

/// A file as it was found.
#[derive(Default)]
struct Raw<'a> {
    kind: &'a str,
    text: Vec<&'a str>,
}

impl Raw<'_> {
    /// The rest of the first line that begins so.
    fn value(&self, start: &str) -> Option<&str> {
        self.text.iter().find_map(|line| line.strip_prefix(start))
    }

    fn values(&self, start: &str) -> Vec<String> {
        let lines = self.text.iter().filter_map(|line| line.strip_prefix(start));
        lines.map(str::to_owned).collect()
    }
}

/// The answers of the look, file by file in the order in which they were checked for.
fn raw(answers: &Answers, checked: usize) -> Vec<Raw<'_>> {
    let mut files: Vec<Raw<'_>> = Vec::new();
    for (name, value) in answers.iter() {
        match name {
            "file" => files.push(Raw {
                kind: value,
                text: Vec::new(),
            }),
            "text" => {
                if let Some(file) = files.last_mut() {
                    file.text.push(value);
                }
            }
            _ => {}
        }
    }
    files.resize_with(checked, Raw::default);
    files
}

/// What was found of one that has a timer or not. `chosen`: the texts of the files that are made of what was chosen, in their order.
fn installation(
    what: Installable,
    answers: &Answers,
    checked: &[CheckedFile<'_>],
    texts: &[Option<String>],
    chosen: Chosen,
) -> Installation {
    let mut texts = texts.iter();
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for (file, raw) in checked.iter().zip(raw(answers, checked.len())) {
        let wanted = match file.is {
            Is::Text(text) => Some(text),
            Is::Chosen => texts.next().and_then(Option::as_deref),
            Is::State => None,
        };
        let found = match (raw.kind, &file.is) {
            ("none" | "", Is::State) => continue,
            ("none" | "", _) => {
                missing.push(file.path.clone());
                continue;
            }
            ("link" | "other", _) => Found::NotPlain,
            (_, Is::State) => Found::State,
            (sum, _) => {
                let sha256 = sum.to_owned();
                if wanted.is_some_and(|text| hex(&Sha256::digest(text)) == sum) {
                    Found::Written { sha256 }
                } else {
                    Found::Differs { sha256 }
                }
            }
        };
        let path = file.path.clone();
        files.push(InstalledFile { path, found });
    }
    Installation {
        what,
        nixos: answers.get("nixos").is_some(),
        possible: answers.get("systemd").is_some(),
        files,
        missing,
        beside: answers.all("beside").map(str::to_owned).collect(),
        on: answers.get("timer") == Some("active"),
        running: answers.get("run") == Some("activating"),
        links: answers
            .get("links")
            .and_then(|links| links.parse().ok())
            .unwrap_or(0),
        chosen,
    }
}

/// A state file, and what a run that was killed leaves beside it.
fn states(file: &str) -> [CheckedFile<'static>; 2] {
    [file.to_owned(), format!("{file}.new")].map(|path| CheckedFile {
        path,
        is: Is::State,
    })
}

impl Server {
    async fn ask_installed(
        &self,
        name: &str,
        places: &Places,
        (links, user): (&str, &str),
        checked: &[CheckedFile<'_>],
    ) -> Result<Answers, ServerError> {
        let mut command = Command::script(script::INSTALLED_LOOK)
            .arg(name)
            .arg(&places.units)
            .arg(links)
            .arg(user);
        for file in checked {
            let letter = if matches!(file.is, Is::Chosen) {
                "t"
            } else {
                "s"
            };
            command = command.arg(letter).arg(&file.path);
        }
        look(&self.inner, command, LOOK).await
    }

    /// How auto-sign is installed.
    pub async fn auto_sign_installation(
        &self,
        places: &Places,
    ) -> Result<Installation, ServerError> {
        let Places { folder, units } = places;
        let unit = |end: &str| format!("{units}/{}.{end}", auto_sign::NAME);
        let file = |name: &str| format!("{folder}/{name}");
        let mut checked = vec![
            text(unit("timer"), AutoSignInstall::timer()),
            chosen(unit("service")),
            text(file("auto-sign"), AutoSignInstall::script_text()),
            chosen(file("auto-sign.rules")),
            text(file("audit-append"), AutoSignInstall::append_text()),
        ];
        checked.extend(states(&auto_sign::state_file(&self.spec().audit_log)));
        let answers = self
            .ask_installed(auto_sign::NAME, places, ("", ""), &checked)
            .await?;
        let files = raw(&answers, checked.len());
        let there = AutoSignInstall::read(&files[3].text, places);
        let texts = [
            there.as_ref().map(AutoSignInstall::service),
            there.as_ref().map(AutoSignInstall::rules),
        ];
        let chosen = Chosen {
            names: files[3].values("name "),
            never: files[3].values("never "),
            uploaders: files[3].values("uploader "),
            ..Chosen::default()
        };
        let what = Installable::AutoSign;
        Ok(installation(what, &answers, &checked, &texts, chosen))
    }

    /// How the policy timer is installed.
    pub async fn policy_timer_installation(
        &self,
        places: &Places,
    ) -> Result<Installation, ServerError> {
        let blank = PolicyTimer::at(self, places, String::new(), String::new());
        let mut checked = vec![
            chosen(blank.unit("timer")),
            chosen(blank.unit("service")),
            text(blank.script(), PolicyTimer::script_text()),
            text(blank.config_file(), &blank.config),
        ];
        checked.extend(states(&blank.state()));
        let answers = self
            .ask_installed(policy_timer::NAME, places, ("", ""), &checked)
            .await?;
        let files = raw(&answers, checked.len());
        let when = files[0].value("OnCalendar=").map(str::to_owned);
        let program = files[1].value("ExecStart=");
        let program = program.and_then(|line| line.split(' ').nth(2));
        let program = program.map(str::to_owned);
        let there = PolicyTimer {
            when: when.clone().unwrap_or_default(),
            program: program.clone().unwrap_or_default(),
            ..blank.clone()
        };
        let texts = [Some(there.timer()), Some(there.service())];
        let chosen = Chosen {
            when,
            program,
            ..Chosen::default()
        };
        let what = Installable::PolicyTimer;
        Ok(installation(what, &answers, &checked, &texts, chosen))
    }

    /// How the upload lease is installed.
    pub async fn lease_installation(&self, places: &Places) -> Result<Installation, ServerError> {
        let unit = |end: &str| format!("{}/{}.{end}", places.units, lease::NAME);
        let blank = LeaseInstall::at(self, places);
        let links = blank.folder();
        let mut checked = vec![
            text(unit("timer"), LeaseInstall::timer()),
            chosen(unit("service")),
            text(blank.script.clone(), LeaseInstall::script_text()),
        ];
        checked.extend(states(&format!("{links}.state")));
        checked.extend(["problem", "problem.said"].map(|end| CheckedFile {
            path: format!("{links}.{end}"),
            is: Is::State,
        }));
        let answers = self
            .ask_installed(lease::NAME, places, (&links, ""), &checked)
            .await?;
        let files = raw(&answers, checked.len());
        let start = files[1].value("ExecStart=").unwrap_or_default();
        let days = start.split(' ').nth(1).and_then(|days| days.parse().ok());
        let there = LeaseInstall {
            days: days.unwrap_or(0),
            ..blank
        };
        let chosen = Chosen {
            days,
            ..Chosen::default()
        };
        let texts = [Some(there.service())];
        let what = Installable::Lease;
        Ok(installation(what, &answers, &checked, &texts, chosen))
    }

    /// How the knock is installed.
    pub async fn knock_installation(
        &self,
        facts: &KnockFacts,
        install: &KnockInstall,
    ) -> Result<Installation, ServerError> {
        let lines = install.lines();
        let checked = [
            text(install.lines_file.clone(), &lines),
            text(install.script.clone(), KnockInstall::script_text()),
        ];
        let user = ("", install.cache_user.as_str());
        let answers = self
            .ask_installed("", &Places::default(), user, &checked)
            .await?;
        let runs = answers.get("effective").unwrap_or_default();
        let first = runs.split_ascii_whitespace().next();
        let found = installation(
            Installable::Knock,
            &answers,
            &checked,
            &[],
            Chosen::default(),
        );
        Ok(Installation {
            possible: facts.folder.is_some(),
            on: first == Some(install.script.as_str()),
            ..found
        })
    }
}

/// What the units of it are called.
const fn unit_name(what: Installable) -> &'static str {
    match what {
        Installable::AutoSign => auto_sign::NAME,
        Installable::PolicyTimer => policy_timer::NAME,
        Installable::Lease => lease::NAME,
        Installable::Knock => "",
    }
}

const fn text(path: String, text: &str) -> CheckedFile<'_> {
    CheckedFile {
        path,
        is: Is::Text(text),
    }
}

const fn chosen(path: String) -> CheckedFile<'static> {
    CheckedFile {
        path,
        is: Is::Chosen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(lines: &str) -> Installation {
        let output = format!("storekeeper-answer\n{lines}end=\n");
        let answers = Answers::parse(output.as_bytes()).unwrap();
        let mut checked = vec![
            text("/u/x.timer".into(), "a\n"),
            chosen("/u/x.service".into()),
        ];
        checked.extend(states("/var/x.state"));
        let texts = [Some("b\n".to_owned())];
        installation(
            Installable::AutoSign,
            &answers,
            &checked,
            &texts,
            Chosen::default(),
        )
    }

    #[test]
    fn each_file_is_compared_with_its_own_text() {
        let sum = |text: &str| hex(&Sha256::digest(text));
        let whole = found(&format!(
            "systemd=yes\ntimer=active\nrun=inactive\nfile={}\nfile={}\ntext=b\nfile={}\nfile=none\n",
            sum("a\n"),
            sum("b\n"),
            sum("whatever")
        ));
        assert_eq!(whole.state(), "installed, on");
        assert_eq!(whole.files[2].found, Found::State);
        assert_eq!((whole.files.len(), whole.missing.len()), (3, 0));
        let other = found(&format!(
            "file={}\nfile={}\ntext=c\nfile=none\nfile=none\n",
            sum("a\n"),
            sum("c\n")
        ));
        assert_eq!(
            other.differing().collect::<Vec<_>>(),
            ["/u/x.service"],
            "{other:?}"
        );
        let linked = found("file=link\nfile=none\nfile=none\nfile=none\n");
        assert_eq!(linked.files[0].found, Found::NotPlain);
        assert_eq!(linked.missing, ["/u/x.service"]);
        assert!(!found("").is_there());
    }

    proptest! {
        #[test]
        fn never_panics(lines in "(file=|text=|none|link|timer=active|beside=|links=|[0-9a-f]{1,9}|\n|\\PC){0,20}") {
            let _ = found(&format!("{lines}\n"));
        }
    }
}
