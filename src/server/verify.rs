//! Contents of store paths against their hashes, by the server's Nix; and repairing those that are not what they were.
//!
//! In: paths. Out: which are damaged, which could not be read, and whether the access times are as they were. With a token:
//! a path fetched anew, or deleted.

use super::error::{ServerError, Why};
use super::script::{self, Answers, why};
use super::{InfoReply, Inner, Server};
use crate::change::token::Token;
use crate::domain::{StorePath, text};
use crate::link::{Command, Limits};
use std::time::Duration;

/// Room and time for one call; contents are read from the disk, a call of [`Server::verify`] holds as much as is asked for.
const VERIFY: Limits = Limits {
    output: 4 << 20,
    time: Duration::from_secs(3600),
};

/// A path that is fetched or built anew.
const REPAIR: Limits = Limits {
    output: 1 << 20,
    time: Duration::from_secs(3600),
};

/// What was found out about some paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Those whose contents are not what their hash says, in Nix's words. Fit to be shown.
    pub corrupt: Vec<(StorePath, String)>,
    /// Those that could not be compared, and why: files are missing, or the path is not valid any more.
    pub failed: Vec<(StorePath, String)>,
    /// Whether access times are what they were before.
    pub times_kept: bool,
}

impl Server {
    /// Compares these paths, which should be few: their names have to fit into one command, and it ends when all are read.
    /// Nothing is changed there, but where [`Verified::times_kept`] is false, access times have moved.
    pub async fn verify(&self, paths: &[StorePath]) -> Result<Verified, ServerError> {
        let mut verified = Verified {
            corrupt: Vec::new(),
            failed: Vec::new(),
            times_kept: true,
        };
        let mut left = paths.to_vec();
        while !left.is_empty() {
            let Inner {
                spec, link, start, ..
            } = &*self.inner;
            let command = Command::script(script::VERIFY)
                .arg(&spec.nix_command)
                .args(left.iter().map(ToString::to_string))
                .sudo(start.sudo);
            let output = link.run(&command, b"", VERIFY).await?;
            let failed = |why: Why| ServerError::Script {
                place: start.place.clone(),
                what: "verify its store",
                why,
                next: "run `nix store verify --no-trust --all` there and see what it says",
            };
            let answers = Answers::parse(&output.stdout).ok_or_else(|| failed(why(&output)))?;
            let said = read(&answers, &left);
            verified.times_kept &= said.times_kept;
            // Nix gives up at a path that is not valid or can't be read: the others are asked about again.
            let mut passed = Vec::new();
            if said.ended {
                passed.extend(said.failed.first().cloned());
            }
            if passed.is_empty() && (said.ended || said.unnamed) {
                passed = self.not_reported(&left).await?;
            }
            if passed.is_empty() {
                if said.ended {
                    return Err(failed(said.last.into()));
                }
                verified.corrupt.extend(said.corrupt);
                verified.failed.extend(said.failed);
                break;
            }
            left.retain(|path| passed.iter().all(|(gone, _)| gone != path));
            verified.failed.extend(passed);
        }
        Ok(verified)
    }

    /// Those of these paths of which the daemon can tell nothing, and why: where `nix` ends at a row that it can't read, its
    /// message need not name the path.
    async fn not_reported(
        &self,
        paths: &[StorePath],
    ) -> Result<Vec<(StorePath, String)>, ServerError> {
        let replies = self.path_infos(paths).await?;
        Ok(replies
            .into_iter()
            .filter_map(|reply| match reply {
                InfoReply::Valid(_) => None,
                InfoReply::Invalid(path) => Some((path, "it is not valid any more".to_owned())),
                InfoReply::Failed(path, why) => Some((
                    path,
                    format!("Nix can't read its row in the database: {why}"),
                )),
            })
            .collect())
    }

    /// Has Nix fetch a damaged path anew, or build it anew; what it is then is for the caller to see.
    pub async fn repair(&self, _: &Token, path: &StorePath) -> Result<(), ServerError> {
        let Inner {
            spec, link, start, ..
        } = &*self.inner;
        let command = Command::script(script::REPAIR)
            .arg(&spec.nix_command)
            .arg(path.to_string())
            .sudo(start.sudo);
        let output = link.run(&command, b"", REPAIR).await?;
        let why = if output.exit.success() {
            match self.verify(std::slice::from_ref(path)).await? {
                verified if verified.corrupt.is_empty() && verified.failed.is_empty() => {
                    return Ok(());
                }
                _ => "it is damaged all the same".into(),
            }
        } else {
            why(&output)
        };
        Err(ServerError::Script {
            place: start.place.clone(),
            what: "repair the path",
            why,
            next: "upload it again, or delete it",
        })
    }

    /// Deletes one path that nothing keeps and nothing refers to.
    pub async fn delete(&self, token: &Token, path: &StorePath) -> Result<(), ServerError> {
        let collected = self
            .collect(token, std::slice::from_ref(path), &mut |_| {})
            .await?;
        match collected.refused {
            None => Ok(()),
            Some(why) => Err(ServerError::Script {
                place: self.inner.start.place.clone(),
                what: "delete the path",
                why: why.into(),
                next: "see what keeps it with `roots`",
            }),
        }
    }
}

/// What one call has said.
struct Said {
    corrupt: Vec<(StorePath, String)>,
    failed: Vec<(StorePath, String)>,
    times_kept: bool,
    /// It did not get to the end.
    ended: bool,
    /// There is an error that names none of the paths.
    unnamed: bool,
    last: String,
}

/// Reads the messages: `path '…' was modified! expected hash …` for damage, `error: …` for what could not be read. The exit
/// status has a bit for damage (1), one for trust (2), one for failures (4), and is 1 as well for everything that ends Nix.
/// Source: `verify.cc` of Nix.
fn read(answers: &Answers, asked: &[StorePath]) -> Said {
    let status: u32 = answers
        .get("status")
        .and_then(|status| status.parse().ok())
        .unwrap_or(1);
    let mut said = Said {
        corrupt: Vec::new(),
        failed: Vec::new(),
        times_kept: answers.get("times") == Some("kept"),
        ended: false,
        unnamed: false,
        last: "it said nothing".to_owned(),
    };
    for (name, line) in answers.iter() {
        if name != "said" || line.is_empty() || line == "storekeeper-times-are-kept" {
            continue;
        }
        let line = text::plain(line);
        let shown: String = line
            .trim_start_matches("error:")
            .trim()
            .chars()
            .take(300)
            .collect();
        let named = asked.iter().find(|path| line.contains(path.base_name()));
        let modified = line.contains("was modified");
        if let Some(path) = named {
            let known = |list: &[(StorePath, String)]| list.iter().any(|(seen, _)| seen == path);
            if modified {
                if !known(&said.corrupt) {
                    said.corrupt.push((path.clone(), shown.clone()));
                }
            } else if line.starts_with("error:") && !known(&said.failed) {
                said.failed.push((path.clone(), shown.clone()));
            }
        } else {
            said.unnamed |= line.starts_with("error:");
        }
        said.last = shown;
    }
    said.ended = match status {
        0 | 2 => false,
        // All of the damage is named, so nothing else has ended it.
        1 | 3 => said.corrupt.is_empty(),
        4..=7 => said.corrupt.is_empty() && said.failed.is_empty(),
        _ => true,
    };
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_info::tests::vector;
    use proptest::prelude::*;

    fn of(lines: &str) -> Said {
        let text = format!("storekeeper-answer\n{lines}\nend=\n");
        read(&Answers::parse(text.as_bytes()).unwrap(), &[vector().path])
    }

    #[test]
    fn what_nix_says() {
        let path = vector().path;
        let fine = of("times=kept\nsaid=storekeeper-times-are-kept\nstatus=0");
        assert!(fine.times_kept && !fine.ended && fine.corrupt.is_empty());
        let line = format!("path '{path}' was modified! expected hash 'sha256:a', got 'sha256:b'");
        let damaged = of(&format!("said={line}\nsaid={line}\nstatus=1"));
        assert_eq!(damaged.corrupt, [(path.clone(), line)]);
        assert!(!damaged.ended && !damaged.times_kept);
        let missing = of(&format!(
            "said=error: getting status of '{path}/x': No such file or directory\nstatus=4"
        ));
        assert!(missing.failed[0].1.starts_with("getting status of") && !missing.ended);
        let gone = of(&format!("said=error: path '{path}' is not valid\nstatus=1"));
        assert!(gone.ended && gone.failed.len() == 1);
        let nothing = of("said=error: cannot open the database\nstatus=1");
        assert!(nothing.ended && nothing.failed.is_empty());
        assert_eq!(nothing.last, "cannot open the database");
        let row = "said=error: not an absolute path: 'x'";
        assert!(of(&format!("{row}\nstatus=4")).unnamed);
        assert!(!missing.unnamed && !gone.unnamed);
        assert!(of("status=127").ended && of("").ended);
    }

    proptest! {
        #[test]
        fn never_panics(lines in prop::collection::vec("(said|status|times)=[^\n\r]{0,60}", 0..6)) {
            let _ = of(&lines.join("\n"));
        }
    }
}
