//! `why`: would a client get this path?
//!
//! In: a path, and with `--for` a client. Out: the path's closure, and each obstacle in it with what fixes it; with a client each step of
//! its way. Only the closure is asked for, level by level over the interactive link: the answer is there within a few round
//! trips, however large the store is.

mod attempt;
mod client;
#[cfg(test)]
mod tests;
mod text;

use self::attempt::Attempt;
use super::args::why as args;
use super::error::{CliError, Kind};
use super::find::{self, PathSelector, paths};
use super::out::Out;
use super::session::Session;
use crate::domain::text::visible;
use crate::domain::{Notice, StorePath};
use crate::judge::health::UNREADABLE;
use crate::judge::way::{Closure, Obstacle, PathFacts, Verdict, Way};
use crate::load::way::path_facts;
use serde::Serialize;

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema: u8,
    path: String,
    present: bool,
    would_copy: bool,
    closure: Option<Closure>,
    obstacles: Vec<Obstacle>,
    /// Of a path that is not in the store: those with the most similar names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearest: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Client>,
}

/// A client, and its way.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Client {
    #[serde(flatten)]
    way: Way,
    /// What became of it when it was done for real.
    #[serde(rename = "try", skip_serializing_if = "Option::is_none")]
    attempt: Option<Attempt>,
}

impl Document {
    fn new(facts: PathFacts) -> Self {
        Self {
            schema: 1,
            present: facts.closure.is_some(),
            would_copy: facts.obstacles.is_empty(),
            path: facts.path,
            closure: facts.closure,
            obstacles: facts.obstacles,
            nearest: Vec::new(),
            client: None,
        }
    }

    /// With the way of a client, which may be in the way of any path.
    fn with(mut self, way: Way, attempt: Option<Attempt>) -> Self {
        self.would_copy = way.verdict == Verdict::Yes;
        self.obstacles.extend(way.access_obstacles(&self.path));
        self.client = Some(Client { way, attempt });
        self
    }

    /// Whether a client gets it: what was tried has the last word.
    fn is_yes(&self) -> bool {
        let tried = self.client.as_ref().and_then(|one| one.attempt.as_ref());
        tried.map_or(self.would_copy, |tried| tried.copied)
    }
}

/// Runs it; the exit code is 0 where a client would get the path, else 1.
pub(super) async fn run(
    session: &Session,
    args: &args::Why,
    out: &mut Out,
) -> Result<u8, CliError> {
    let selectors = [PathSelector::parse(&args.path)?];
    let given = client::given(args)?;
    let server = session.connect().await?;
    let path = paths(&server, &selectors)
        .await?
        .into_iter()
        .flatten()
        .next();
    let [selector] = &selectors;
    let facts = match &path {
        Some(path) => path_facts(&server, path).await?.map_err(untold)?,
        None => PathFacts::absent(selector.shown()),
    };
    let is_there = facts.closure.is_some();
    let mut document = match given {
        None => Document::new(facts),
        Some(given) => {
            let question = client::Question {
                session,
                args,
                path: path.as_ref(),
                facts: &facts,
            };
            let (way, attempt) = Box::pin(client::way(&server, &given, &question)).await?;
            Document::new(facts).with(way, attempt)
        }
    };
    if !is_there {
        // A hint; where the store can't be listed, there is none.
        let alike = find::alike(&server, selector).await.unwrap_or_default();
        document.nearest = alike.iter().map(ToString::to_string).collect();
    }
    server.link().close().await;
    if out.json() {
        out.document(&document)?;
    } else {
        text::print(&document, out)?;
    }
    Ok(u8::from(!document.is_yes()))
}

/// An answer that the server owes is an error: it might be an obstacle.
fn untold((path, why): (StorePath, String)) -> CliError {
    CliError::new(
        Kind::Server,
        Notice::new(
            format!("the server could not read {path}: {}", visible(&why)),
            UNREADABLE,
        ),
    )
}

/// A server's name, quoted for a shell.
pub(super) fn shell(name: &str) -> String {
    shell_words::quote(&visible(name)).into_owned()
}
