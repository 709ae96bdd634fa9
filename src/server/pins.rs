//! Pins: links in a folder of Nix's GC roots, each with a note; and the removal of roots that others have made.
//!
//! In: a connected server; a token and a pin, or a root. Out: the pins that are there; what was done. A link that is there is
//! never replaced, and none goes that leads to another path than was shown.

use super::daemon::Daemon;
use super::error::{ServerError, Why};
use super::script::{self, Answers, why};
use super::space::LOOK;
use super::spec::folder_of;
use super::{Inner, Server};
use crate::change::token::Token;
use crate::domain::notice;
use crate::domain::path_info::hex;
use crate::domain::pin::{Pin, PinName, Shown};
use crate::domain::roots::{Root, RootKind};
use crate::domain::text::visible;
use crate::domain::{Bytes, Fact, StorePath, Unknown, When};
use crate::link::{Command, Exit, Limits, Output};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Room and time for a link, a note, and a wait for a lock.
const CHANGE: Limits = Limits {
    output: 64 << 10,
    time: Duration::from_secs(90),
};

/// The note beside a link.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// For whoever reads it in years.
    #[serde(default)]
    schema: u32,
    #[serde(flatten)]
    pin: Pin,
}

/// Exit code of the scripts where somebody else has changed what was shown.
const CHANGED: u32 = 76;

/// How the change of a link went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkChange {
    /// It is as wanted.
    Done,
    /// It was gone already.
    Gone,
    /// Nothing was changed: it is not what was shown any more. Who did what.
    Changed(String),
    /// It is as wanted, and takes so many bytes less than before.
    Smaller(Bytes),
}

/// A generation of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its link.
    pub root: Root,
    /// When the link was made, by the server's clock; 0 where that is not known.
    pub at: When,
    /// The profile leads to it.
    pub current: bool,
}

impl Generation {
    /// When its link was made, where that is known.
    pub fn made(&self) -> Option<When> {
        Some(self.at).filter(|at| at.unix() != 0)
    }
}

impl Server {
    /// The folder of pins there: what is configured, which for a chroot store is looked for below its root.
    pub fn pins_dir(&self) -> String {
        let facts = self.facts();
        resolve(&self.inner.spec.pins_dir, facts.state_dir.as_deref())
    }

    /// The pins that are there, by name. A link that somebody made by hand is a pin without an owner.
    pub async fn pins(&self) -> Result<Fact<Vec<Pin>>, ServerError> {
        let folder = self.pins_dir();
        let command = Command::script(script::PINS)
            .arg(&folder)
            .arg(notes(&self.inner));
        let limits = Limits {
            output: 16 << 20,
            ..LOOK
        };
        let answers = super::space::look(&self.inner, command, limits).await?;
        let user = self.facts().user.clone();
        Ok(match answers.get("state") {
            Some("read") => Ok(pins(answers.iter())),
            Some("none") => Ok(Vec::new()),
            _ => {
                let (folder, user) = (visible(&folder), visible(&user));
                Err(Unknown(notice!(
                    "the pins in {folder} are hidden from {user}",
                    "log in as root, or allow `sudo -n`"
                )))
            }
        })
    }

    /// Pins a path, or gives the pin of this name and path another note. While it works the path is held by a daemon, so
    /// that no collection takes it in between.
    pub async fn pin(
        &self,
        token: &Token,
        pin: &Pin,
        shown: &Shown,
    ) -> Result<LinkChange, ServerError> {
        self.put_pin(token, pin, shown, None).await
    }

    /// Moves a pin that leads to another path until now.
    pub async fn move_pin(
        &self,
        token: &Token,
        pin: &Pin,
        shown: &Shown,
        from: &StorePath,
    ) -> Result<LinkChange, ServerError> {
        self.put_pin(token, pin, shown, Some(from)).await
    }

    async fn put_pin(
        &self,
        _: &Token,
        pin: &Pin,
        shown: &Shown,
        from: Option<&StorePath>,
    ) -> Result<LinkChange, ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let folder = self.pins_dir();
        if let Err(why) = is_below_roots(&folder, self.facts().state_dir.as_deref()) {
            return Err(failed(&self.inner, "pin the path", why.into()));
        }
        let mut daemon = Daemon::open(link, start).await?;
        match daemon.hold(&pin.target).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                let why = "the store does not have this path (any more)".to_owned();
                return Err(failed(&self.inner, "pin the path", why.into()));
            }
            Ok(Err(error)) => {
                return Err(ServerError::nix(
                    &start.place,
                    "hold the path while it is pinned",
                    &error,
                    "log in as root, or allow `sudo -n`",
                ));
            }
            Err(error) => return Err(daemon.fail(error).await),
        }
        let note = Note {
            schema: 1,
            pin: pin.clone(),
        };
        let mut text = serde_json::to_vec(&note).unwrap_or_default();
        text.push(b'\n');
        let script = match from {
            None => Command::script(script::PIN_ADD),
            Some(_) => Command::script(script::PIN_MOVE),
        };
        let command = script
            .arg(folder)
            .arg(pin.name.as_str())
            .arg(pin.target.to_string())
            .arg(notes(&self.inner))
            .arg(shown.word())
            .arg(hex(&Sha256::digest(&text)))
            .args(from.map(ToString::to_string))
            .sudo(start.sudo);
        let output = link.run(&command, &text, CHANGE).await?;
        drop(daemon);
        changed(&output, |why| failed(&self.inner, "pin the path", why))
    }

    /// Takes a pin away that leads to this path and has the note that was shown.
    pub async fn unpin(
        &self,
        _: &Token,
        name: &PinName,
        target: &StorePath,
        shown: &Shown,
    ) -> Result<LinkChange, ServerError> {
        let command = Command::script(script::PIN_REMOVE)
            .arg(self.pins_dir())
            .arg(name.as_str())
            .arg(target.to_string())
            .arg(notes(&self.inner))
            .arg(shown.word())
            .sudo(self.inner.start.sudo);
        let output = self.inner.link.run(&command, b"", CHANGE).await?;
        changed(&output, |why| failed(&self.inner, "take the pin away", why))
    }

    /// When the generations among these roots were made, and which are current. Those whose link has gone are left out.
    pub async fn generations(&self, roots: &[Root]) -> Result<Vec<Generation>, ServerError> {
        let links: Vec<&Root> = roots
            .iter()
            .filter(|root| matches!(root.kind, RootKind::Generation { .. }))
            .filter(|root| !root.link.contains('\n'))
            .collect();
        let mut text = String::new();
        for root in &links {
            text.push_str(&root.link);
            text.push('\n');
        }
        let command = Command::script(script::GENERATIONS).sudo(self.inner.start.sudo);
        let limits = Limits {
            output: 16 << 20,
            ..LOOK
        };
        let output = self
            .inner
            .link
            .run(&command, text.as_bytes(), limits)
            .await?;
        let answers = Answers::parse(&output.stdout)
            .ok_or_else(|| failed(&self.inner, "tell its generations", why(&output)))?;
        Ok(generations(&links, answers.iter()))
    }

    /// Removes a generation of a profile, which must not be its current one, or the automatic link of an indirect root,
    /// whose own link stays. Other kinds are refused. `made` is when the link of a generation was made, as it was shown.
    pub async fn remove_root(
        &self,
        _: &Token,
        root: &Root,
        made: Option<When>,
    ) -> Result<LinkChange, ServerError> {
        let what = "remove the root";
        let Some(state) = self.facts().state_dir.clone() else {
            let why = "Nix's state folder there is not known".to_owned();
            return Err(failed(&self.inner, what, why.into()));
        };
        let (kind, profile) = match &root.kind {
            RootKind::Generation { profile, .. } => ("generation", profile.as_str()),
            RootKind::Indirect => ("indirect", ""),
            other => {
                let why = format!("a {other} root can't be removed from here");
                return Err(failed(&self.inner, what, why.into()));
            }
        };
        let command = Command::script(script::ROOT_REMOVE)
            .arg(script::GENERATION_REMOVE)
            .arg(kind)
            .arg(&root.link)
            .arg(root.target.to_string())
            .arg(profile)
            .arg(state)
            .arg(made.map_or_else(String::new, |made| made.unix().to_string()))
            .sudo(self.inner.start.sudo);
        let output = self.inner.link.run(&command, b"", CHANGE).await?;
        changed(&output, |why| failed(&self.inner, what, why))
    }
}

/// The folder of the notes, beside the audit log.
fn notes(inner: &Inner) -> String {
    let folder = folder_of(&inner.spec.audit_log);
    format!("{folder}/pins")
}

/// A path below `/nix/var/nix` is one below the state folder, wherever that is.
fn resolve(configured: &str, state: Option<&str>) -> String {
    let configured = configured.trim_end_matches('/');
    let Some(state) = state else {
        return configured.to_owned();
    };
    let below = |folder: &str| {
        configured
            .strip_prefix(folder)
            .filter(|rest| rest.starts_with('/'))
    };
    match (below(state), below("/nix/var/nix")) {
        (None, Some(rest)) => format!("{state}{rest}"),
        _ => configured.to_owned(),
    }
}

/// Nix finds a root only below its own folder of roots.
fn is_below_roots(folder: &str, state: Option<&str>) -> Result<(), String> {
    let roots = format!("{}/gcroots/", state.unwrap_or("/nix/var/nix"));
    if folder.starts_with(&roots) && !folder.split('/').any(|part| part == "..") {
        return Ok(());
    }
    Err(format!(
        "{} is not below {roots}, so nothing in it would be a root; set pins_dir for this server",
        visible(folder)
    ))
}

fn failed(inner: &Inner, what: &'static str, why: Why) -> ServerError {
    ServerError::Script {
        place: inner.start.place.clone(),
        what,
        why,
        next: "look at it again with `roots`",
    }
}

/// What a script says that it has done, or that somebody else was quicker.
pub(super) fn changed(
    output: &Output,
    failed: impl FnOnce(Why) -> ServerError,
) -> Result<LinkChange, ServerError> {
    let said = String::from_utf8_lossy(&output.stdout);
    match output.exit {
        Exit::Code(0) => Ok(match said.lines().next_back() {
            Some("gone") => LinkChange::Gone,
            _ => LinkChange::Done,
        }),
        Exit::Code(CHANGED) => {
            let by = said.lines().next().and_then(author);
            let by = by.map_or_else(String::new, |by| format!(": {by}"));
            Ok(LinkChange::Changed(format!("{}{by}", why(output))))
        }
        _ => Err(failed(why(output))),
    }
}

/// Who wrote the note that is there now, what it says of the end, and when.
fn author(note: &str) -> Option<String> {
    let Note { pin, .. } = serde_json::from_str(note).ok()?;
    let end = pin
        .expires
        .map_or_else(|| "without an end".to_owned(), |end| format!("until {end}"));
    let by = pin.by.as_deref().map_or("somebody else".into(), visible);
    Some(format!("{by} pinned it {end}, at {}", pin.at))
}

/// Reads the list. A note counts only where it is of the path that the link leads to.
fn pins<'a>(answers: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Pin> {
    let mut pins: Vec<Pin> = Vec::new();
    let mut name: Option<PinName> = None;
    let mut open = false;
    for (key, value) in answers {
        match key {
            "pin" => {
                name = value.parse().ok();
                open = false;
            }
            "target" => {
                if let (Some(name), Ok(target)) = (name.take(), StorePath::parse(value)) {
                    pins.push(Pin {
                        name,
                        target,
                        by: None,
                        reason: None,
                        at: When::from_unix(0),
                        expires: None,
                        sha256: None,
                    });
                    open = true;
                }
            }
            "made" if open => {
                if let (Some(last), Ok(made)) = (pins.last_mut(), value.parse()) {
                    last.at = When::from_unix(made);
                }
            }
            "sha256" if open => {
                if let Some(last) = pins.last_mut() {
                    last.sha256 = Some(value.to_owned());
                }
            }
            "note" if open => {
                let note: Option<Note> = serde_json::from_str(value).ok();
                if let (Some(last), Some(note)) = (pins.last_mut(), note)
                    && (&note.pin.name, &note.pin.target) == (&last.name, &last.target)
                {
                    let clean = |text: String| visible(&text).into_owned();
                    last.by = note.pin.by.map(clean);
                    last.reason = note.pin.reason.map(clean);
                    last.at = note.pin.at;
                    last.expires = note.pin.expires;
                }
            }
            _ => {}
        }
    }
    pins
}

/// Reads the answers, each group of which begins with its link.
fn generations<'a>(
    links: &[&Root],
    answers: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<Generation> {
    let mut found: Vec<Generation> = Vec::new();
    let mut links = links.iter();
    for (key, value) in answers {
        match key {
            "link" => {
                if let Some(root) = links.find(|root| root.link == value) {
                    found.push(Generation {
                        root: (*root).clone(),
                        at: When::from_unix(0),
                        current: false,
                    });
                }
            }
            "made" => {
                if let (Some(last), Ok(made)) = (found.last_mut(), value.parse()) {
                    last.at = When::from_unix(made);
                }
            }
            "current" => {
                if let Some(last) = found.last_mut() {
                    last.current = true;
                }
            }
            _ => {}
        }
    }
    found.retain(|generation| generation.at.unix() > 0);
    found
}

#[cfg(test)]
mod tests;
