//! A part of a store: some paths and all that they need.
//!
//! In: a connected server and paths. Out: the answers for their closure, assessed, or an inventory of them.

use super::{AssessedPath, assess};
use crate::domain::budget::{Budget, entry, most};
use crate::domain::{KeyRing, StorePath};
use crate::inventory::{Builder, Inventory};
use crate::server::{InfoReply, Origin, Server, ServerError};
use std::collections::HashSet;

/// Paths that are asked for at one time.
const CHUNK: usize = 1000;

/// References in a row that are followed. Chains in real stores have some hundreds, those of derivations a few thousand.
const DEEPEST: usize = 10_000;

/// These paths and all that they need, assessed; each path once, nearest first.
pub async fn closure(
    server: &Server,
    keys: &KeyRing,
    paths: &[StorePath],
) -> Result<Vec<AssessedPath>, ServerError> {
    let answers = walk(ReadFrom::Server(server), paths).await?;
    Ok(assess(keys, answers))
}

/// What the store that paths are pushed from knows of them and of all that they need; each path once, nearest first.
pub async fn origin_closure(
    origin: &Origin,
    paths: &[StorePath],
) -> Result<Vec<InfoReply>, ServerError> {
    walk(ReadFrom::Origin(origin), paths).await
}

/// The store that is read.
#[derive(Clone, Copy)]
enum ReadFrom<'a> {
    Server(&'a Server),
    Origin(&'a Origin),
}

impl ReadFrom<'_> {
    async fn path_infos(self, paths: &[StorePath]) -> Result<Vec<InfoReply>, ServerError> {
        match self {
            Self::Server(server) => server.path_infos(paths).await,
            Self::Origin(origin) => origin.path_infos(paths).await,
        }
    }

    fn place(self) -> String {
        match self {
            Self::Server(server) => server.spec().place.describe(),
            Self::Origin(origin) => origin.place().to_owned(),
        }
    }
}

/// Asks level by level.
async fn walk(store: ReadFrom<'_>, paths: &[StorePath]) -> Result<Vec<InfoReply>, ServerError> {
    let mut seen: HashSet<StorePath> = HashSet::new();
    let new = |path: &&StorePath| seen.insert((*path).clone());
    let mut level: Vec<StorePath> = paths.iter().filter(new).cloned().collect();
    let mut all = Vec::new();
    let mut room = Budget::new(
        "the information on these paths and all that they need",
        most::CLOSURE,
    );
    let mut depth = 0;
    while !level.is_empty() {
        if depth > DEEPEST {
            return Err(ServerError::TooDeep {
                place: store.place(),
                path: paths
                    .first()
                    .map_or("a path", StorePath::base_name)
                    .to_owned(),
                levels: DEEPEST,
            });
        }
        depth += 1;
        let mut next = Vec::new();
        for chunk in level.chunks(CHUNK) {
            let answers = store.path_infos(chunk).await?;
            for answer in &answers {
                if let InfoReply::Valid(info) = answer {
                    // And what is noted of each reference: that it was seen, and that it is to be asked for.
                    let noted = 2 * entry::<StorePath>() * info.references.len() as u64;
                    room.charge(info.memory() + noted)
                        .map_err(|what| ServerError::too_large(&store.place(), what))?;
                    for reference in &info.references {
                        if seen.insert(reference.clone()) {
                            next.push(reference.clone());
                        }
                    }
                }
            }
            all.extend(answers);
        }
        level = next;
    }
    Ok(all)
}

/// The part of the store that these paths need, themselves included.
pub async fn load_closure(server: &Server, paths: &[StorePath]) -> Result<Inventory, ServerError> {
    let answers = closure(server, &server.facts().keys, paths).await?;
    let mut builder = Builder::new(answers.iter().map(|one| one.path().clone()).collect());
    for answer in &answers {
        answer.enter(&mut builder);
    }
    Ok(builder.finish())
}
