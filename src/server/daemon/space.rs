//! Roots, outputs and garbage, asked of a daemon.
//!
//! In: a daemon that has shaken hands. Out: the replies; while it deletes, each line that it says, as it says it.

use super::{Daemon, Incoming, Soft, answer};
use crate::domain::StorePath;
use crate::wire::{
    Garbage, GcAction, Message, Request, WireError, read_garbage, read_outputs, read_roots,
};

/// Requests sent at a time: they stay below 32 KiB, which a daemon takes without being read from.
const AT_A_TIME: usize = 80;

/// Links, each with its target, or why that is no store path.
pub(crate) type Links = Vec<(String, Result<StorePath, String>)>;

impl Daemon {
    /// Keeps a path, valid or not, for as long as this daemon runs; a collection that runs honours it. Says whether the path
    /// is valid.
    pub(crate) async fn hold(&mut self, path: &StorePath) -> Result<Soft<bool>, WireError> {
        if let Err(error) = self.ask(Request::AddTempRoot(path.clone())).await? {
            return Ok(Err(error));
        }
        self.incoming.reader.integer().await?;
        match self.ask(Request::IsValidPath(path.clone())).await? {
            Ok(()) => Ok(Ok(self.incoming.reader.boolean().await?)),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Every GC root.
    pub(crate) async fn find_roots(&mut self) -> Result<Soft<Links>, WireError> {
        match self.ask(Request::FindRoots).await? {
            Ok(()) => Ok(Ok(read_roots(&mut self.incoming.reader).await?)),
            Err(error) => Ok(Err(error)),
        }
    }

    /// The outputs of derivations as far as they are known, in order. A path that is not valid, or is no derivation, has
    /// none.
    pub(crate) async fn outputs(
        &mut self,
        derivations: &[StorePath],
    ) -> Result<Vec<Vec<StorePath>>, WireError> {
        let mut outputs = Vec::with_capacity(derivations.len());
        let mut kept = answer("the list of outputs", derivations.len());
        for some in derivations.chunks(AT_A_TIME) {
            let requests = some.iter().cloned().map(Request::QueryDerivationOutputMap);
            let (outputs, kept) = (&mut outputs, &mut kept);
            self.exchange(requests, |incoming| async move {
                for _ in some {
                    outputs.push(one(incoming).await?);
                    kept.charge(incoming.reader.budget().spent())?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(outputs)
    }

    /// What refers to each of these, in order; nothing to one that is not valid.
    pub(crate) async fn referrers(
        &mut self,
        paths: &[StorePath],
    ) -> Result<Vec<Vec<StorePath>>, WireError> {
        let mut referrers = Vec::with_capacity(paths.len());
        let mut kept = answer("the list of referrers", paths.len());
        for some in paths.chunks(AT_A_TIME) {
            let requests = some.iter().cloned().map(Request::QueryReferrers);
            let (referrers, kept) = (&mut referrers, &mut kept);
            self.exchange(requests, |incoming| async move {
                for _ in some {
                    referrers.push(match incoming.answer().await? {
                        Ok(()) => incoming.reader.paths().await?,
                        Err(_) => Vec::new(),
                    });
                    kept.charge(incoming.reader.budget().spent())?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(referrers)
    }

    /// Deletes exactly these paths. `line` gets each line that the daemon says, as it came. After an error, or the end,
    /// some of them may be gone.
    pub(crate) async fn delete(
        &mut self,
        paths: Vec<StorePath>,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Soft<Garbage>, WireError> {
        let count = paths.len();
        let request = Request::CollectGarbage(GcAction::DeleteSpecific(paths));
        self.exchange([request], |incoming| {
            incoming.begin(count);
            incoming.deleted(count, line)
        })
        .await
    }
}

impl Incoming {
    /// The answer to a deletion, and what is said before it.
    async fn deleted(
        &mut self,
        count: usize,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Soft<Garbage>, WireError> {
        if self.owes_options {
            self.owes_options = false;
            let _ = self.messages().await?;
        }
        while let Some(message) = self.message().await? {
            match message {
                Message::Error(error) => return Ok(Err(error)),
                Message::Log(text) => line(&text),
                _ => {}
            }
        }
        self.reader
            .allow(answer("the list of what was deleted", count));
        Ok(Ok(read_garbage(&mut self.reader).await?))
    }
}

async fn one(incoming: &mut Incoming) -> Result<Vec<StorePath>, WireError> {
    Ok(match incoming.answer().await? {
        Ok(()) => read_outputs(&mut incoming.reader)
            .await?
            .into_iter()
            .filter_map(|(_, path)| path)
            .collect(),
        // Not valid any more.
        Err(_) => Vec::new(),
    })
}
