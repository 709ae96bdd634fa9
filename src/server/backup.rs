//! A checked copy of Nix's database as a file here.
//!
//! In: where it goes. Out: what was saved. The server is only read.

use super::Server;
use super::error::ServerError;
use super::reader::{self, ReadOptions};
use crate::database::{Saved, Stopped};
use crate::domain::text::visible;
use crate::domain::{Notice, When};
use std::path::{Path, PathBuf};

/// A server that writes all the time gets so many more chances of a quiet moment than a reading has.
const ROUNDS: u32 = 3;

impl Server {
    /// Saves a copy of Nix's database, which nobody but this user can read; a file that is there already is an error. It was
    /// looked through by SQLite, and holds the database as it was at one moment.
    pub async fn back_up(&self, to: PathBuf) -> Result<Saved, ServerError> {
        let link = self.bulk_link().await?;
        let (start, options) = (&self.inner.start, ReadOptions::of(&self.inner.spec));
        let failed = |why: String| ServerError::Script {
            place: start.place.clone(),
            what: "be backed up",
            why: why.into(),
            next: "see that; a server that writes all the time is copied when it writes less",
        };
        let mut copy = reader::take(&link, start, &options).await;
        for _ in 1..ROUNDS {
            if copy.is_ok() {
                break;
            }
            // Where the connection is lost, that is the error to show.
            link.round_trip().await?;
            copy = reader::take(&link, start, &options).await;
        }
        let copy = copy.map_err(failed)?;
        let saved = reader::blocking(move || copy.save(&to)).await;
        saved.map_err(|stopped| match stopped {
            Stopped::Wrong(why) => failed(why),
            Stopped::Unwanted => ServerError::Stopped,
        })
    }
}

/// Whether a copy can go there: what is there stays, also a link that leads nowhere.
pub fn backup_place(file: &Path) -> Result<(), Notice> {
    if file.symlink_metadata().is_err() {
        return Ok(());
    }
    let file = file.to_string_lossy();
    Err(Notice::new(
        format!("{} is there already", visible(&file)),
        "name another file",
    ))
}

/// What the file of a copy is called where nobody says it: `prod-2026-01-02T030405Z.sqlite`.
pub fn backup_name(server: &str, at: When) -> PathBuf {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-@".contains(c) {
            c
        } else {
            '-'
        }
    };
    let server: String = server.chars().map(plain).collect();
    let at = at.to_string().replace(':', "");
    PathBuf::from(format!(
        "{}-{at}.sqlite",
        server.trim_start_matches(['.', '-'])
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_this_folder() {
        let at = When::from_unix(1_767_323_045);
        let of = |server: &str| backup_name(server, at).display().to_string();
        assert_eq!(of("prod"), "prod-2026-01-02T030405Z.sqlite");
        assert_eq!(
            of("../ssh://root@h:22"),
            "ssh---root@h-22-2026-01-02T030405Z.sqlite"
        );
    }
}
