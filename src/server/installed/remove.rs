//! Taking away what runs by itself.
//!
//! In: its files as they were shown, and a token. Out: no file of it any more; or all as it was, where somebody has changed one since.

use super::{CheckedFile, Is, Places, raw, unit_name};
use crate::change::token::Token;
use crate::domain::installable::Installable;
use crate::link::{Command, Limits};
use crate::server::Server;
use crate::server::access::KnockInstall;
use crate::server::error::{ServerError, Why};
use crate::server::pins::{LinkChange, changed};
use crate::server::script;
use std::time::Duration;

/// A run that goes on is waited for, and sshd reads its configuration anew.
const REMOVE: Limits = Limits {
    output: 16 << 10,
    time: Duration::from_secs(120),
};

/// What goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Which.
    pub what: Installable,
    /// Where its files are.
    pub places: Places,
    /// Its files, each with its SHA-256 as it was shown; `None` for one that changes by itself.
    pub files: Vec<(String, Option<String>)>,
    /// The folder of a lease's links.
    pub links: Option<String>,
    /// What sshd runs, where it is the knock.
    pub knock: Option<KnockInstall>,
}

impl Removal {
    /// What its units are called.
    pub const fn unit(&self) -> &'static str {
        unit_name(self.what)
    }
}

impl Server {
    /// Takes it away, unless somebody has changed a file of it since it was shown.
    pub async fn remove_installed(
        &self,
        _: &Token,
        removal: &Removal,
    ) -> Result<LinkChange, ServerError> {
        let sum = |sum: &Option<String>| sum.clone().unwrap_or_else(|| "-".to_owned());
        let command = if let Some(knock) = &removal.knock {
            let shown = |path: &str| {
                let mut files = removal.files.iter();
                let found = files.find(|(own, _)| own == path);
                found.map_or_else(|| "absent".to_owned(), |(_, found)| sum(found))
            };
            Command::script(script::ACCESS_KNOCK_REMOVE)
                .arg(&knock.script)
                .arg(shown(&knock.script))
                .arg(&knock.lines_file)
                .arg(shown(&knock.lines_file))
                .arg(&knock.requests_dir)
                .arg(&knock.cache_user)
        } else {
            let mut command = Command::script(script::TIMER_REMOVE)
                .arg(&removal.places.units)
                .arg(removal.unit())
                .arg(&removal.places.folder)
                .arg(removal.links.as_deref().unwrap_or_default());
            for (file, shown) in &removal.files {
                command = command.arg(file).arg(sum(shown));
            }
            command
        };
        let command = command.sudo(self.inner.start.sudo);
        let output = self.inner.link.run(&command, b"", REMOVE).await?;
        let failed = |why: Why| ServerError::Script {
            place: self.inner.start.place.clone(),
            what: "remove what runs by itself",
            why,
            next: "look at it again",
        };
        changed(&output, failed)
    }

    /// Whether nothing of it is there any more.
    pub async fn is_removed(&self, removal: &Removal) -> Result<bool, ServerError> {
        let files = removal.files.iter().map(|(path, _)| CheckedFile {
            path: path.clone(),
            is: Is::State,
        });
        let checked: Vec<CheckedFile<'_>> = files.collect();
        let answers = self
            .ask_installed(removal.unit(), &removal.places, ("", ""), &checked)
            .await?;
        let gone = raw(&answers, checked.len());
        Ok(gone.iter().all(|file| file.kind == "none") && answers.get("timer") != Some("active"))
    }
}
