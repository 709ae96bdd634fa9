//! The worker protocol over the synthetic store, as `nix-daemon --stdio` speaks it.
//!
//! In: a stream from the stand-in for `nix-daemon`. Out: replies, and the store changed by `AddSignatures`. It is as
//! unforgiving as the real one: a malformed request is answered by its error twice and the end, and a signature for a
//! path that is not valid ends the connection without a word.

use super::collect;
use super::faults::Faults;
use super::release::Release;
use super::roots;
use super::store::{Store, TempRoot};
use crate::domain::StorePath;
use crate::wire::{
    Encoder, Garbage, GcAction, Identity, Message, Reader, RemoteError, Request, WireError,
    encode_garbage, encode_outputs, encode_path_info, encode_roots, server_handshake,
};
use std::collections::BTreeSet;
use std::path::Path;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

/// Reply bytes that are gathered before they are sent.
const GATHER: usize = 32 * 1024;

/// The conversation is over. Why is seen at the other end.
struct End;

impl From<WireError> for End {
    fn from(_: WireError) -> Self {
        Self
    }
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// What one connection answers from.
pub(super) struct Daemon<'a> {
    pub(super) store: &'a Store,
    pub(super) faults: &'a Faults,
    pub(super) release: Release,
    /// The state folder, with the GC roots.
    pub(super) state: &'a Path,
}

impl<'s> Daemon<'s> {
    /// Serves one client to its end.
    pub(super) async fn serve<R, W>(&self, reader: R, mut writer: W)
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        // How it ended is what the client sees; there is nobody else to be told.
        let _ = self.converse(reader, &mut writer).await;
        let _ = writer.shutdown().await;
    }

    async fn converse<R, W>(&self, reader: R, writer: &mut W) -> Result<(), End>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if self.faults.plan().banner {
            writer
                .write_all(b"Welcome to cache!\nLast login: never\n")
                .await?;
        }
        let mut reader = Reader::new(reader);
        let identity = Identity {
            version: self.release.protocol(),
            nix_version: self.release.version().to_owned(),
            trusted: Some(true),
        };
        server_handshake(&mut reader, writer, &identity).await?;
        let mut out = Encoder::new();
        let mut number = 0;
        let mut kept = Vec::new();
        loop {
            if !reader.has_buffered() || out.len() > GATHER {
                flush(writer, &mut out).await?;
            }
            let request = Request::read(&mut reader).await;
            number += 1;
            let plan = self.faults.plan();
            if plan.crash_at.is_some_and(|at| number >= at) {
                flush(writer, &mut out).await?;
                return Err(End);
            }
            if plan.garbage_at.is_some_and(|at| number >= at) {
                out.text("\u{1b}[2Jnobody knows what this means");
                continue;
            }
            match request {
                Ok(None) => return Ok(()),
                Ok(Some(request)) => self.answer(request, &mut kept, writer, &mut out).await?,
                Err(error @ (WireError::Closed | WireError::Io(_))) => return Err(error.into()),
                Err(error) => return fatal(&error, writer, &mut out).await,
            }
        }
    }

    async fn answer<W: AsyncWrite + Unpin>(
        &self,
        request: Request,
        kept: &mut Vec<TempRoot<'s>>,
        writer: &mut W,
        out: &mut Encoder,
    ) -> Result<(), End> {
        match request {
            Request::SetOptions(_) => last(out),
            Request::IsValidPath(path) => {
                last(out);
                out.boolean(self.store.find(&path).is_some());
            }
            Request::QueryPathInfo(path) => self.path_info(&path, out),
            Request::QueryAllValidPaths => {
                last(out);
                let valid: Vec<u32> = self.store.valid().collect();
                self.paths(&valid, writer, out).await?;
            }
            Request::QueryReferrers(path) => {
                last(out);
                let at = self.store.find(&path);
                let referrers = at.map_or(&[][..], |at| self.store.referrers(at));
                let valid = referrers.iter().copied();
                let valid: Vec<u32> = valid.filter(|at| self.store.is_valid(*at)).collect();
                self.paths(&valid, writer, out).await?;
            }
            Request::QueryValidPaths { paths, .. } => {
                last(out);
                let valid: BTreeSet<&StorePath> = paths
                    .iter()
                    .filter(|path| self.store.find(path).is_some())
                    .collect();
                out.paths(valid.into_iter());
            }
            Request::QueryPathFromHashPart(part) => {
                last(out);
                let path = self
                    .store
                    .find_hash_part(&part)
                    .and_then(|at| self.store.path(at));
                out.optional_path(path.as_ref());
            }
            Request::AddTempRoot(path) => {
                kept.push(self.store.add_temp_root(path));
                last(out);
                out.integer(1);
            }
            Request::FindRoots => {
                let mut notes = Vec::new();
                let roots = roots::find(self.state, self.store, &mut notes);
                for note in notes {
                    Message::Log(note).encode(out);
                }
                last(out);
                encode_roots(&roots, out);
            }
            Request::CollectGarbage(action) => self.collect(&action, writer, out).await?,
            Request::VerifyStore { .. } => {
                last(out);
                out.boolean(false);
            }
            Request::QueryDerivationOutputMap(path) => {
                last(out);
                encode_outputs(&self.outputs(&path), out);
            }
            Request::AddSignatures { path, signatures } => {
                let Some(at) = self.store.find(&path) else {
                    // As the real one crashes; what it had answered before is out.
                    flush(writer, out).await?;
                    return Err(End);
                };
                if self.faults.refuses_signature() {
                    soft(
                        "SQLite database '\u{1b}[35;1m/nix/var/nix/db/db.sqlite\u{1b}[0m': attempt to write a readonly \
                         database",
                        out,
                    );
                } else {
                    // The database keeps them in one text with blanks between.
                    let words = signatures.iter().flat_map(|text| text.split_whitespace());
                    self.store.add_signatures(at, words.map(str::to_owned));
                    self.written();
                    last(out);
                    out.integer(1);
                }
            }
        }
        Ok(())
    }

    /// The file in the database's place has been written to, for watchers. Where it is gone, the demo is ending.
    fn written(&self) {
        let place = self.state.join("db/db.sqlite");
        let file = std::fs::File::options().write(true).open(place);
        let _ = file.and_then(|file| file.set_modified(std::time::SystemTime::now()));
    }

    /// Deletes one by one, and says so as it does; a client that goes away ends it.
    async fn collect<W: AsyncWrite + Unpin>(
        &self,
        action: &GcAction,
        writer: &mut W,
        out: &mut Encoder,
    ) -> Result<(), End> {
        let say = |text: &str, out: &mut Encoder| Message::Log(format!("{text}\n")).encode(out);
        let lock = self.store.collector_lock();
        let _one_at_a_time = if let Ok(held) = lock.try_lock() {
            held
        } else {
            say("waiting for the big garbage collector lock...", out);
            flush(writer, out).await?;
            lock.lock().await
        };
        say("finding garbage collector roots...", out);
        let mut notes = Vec::new();
        let roots = roots::find(self.state, self.store, &mut notes);
        let doing = collect::decide(self.store, &roots, action);
        let mut garbage = Garbage {
            paths: doing.report,
            bytes: 0,
        };
        for at in doing.delete {
            let Some(path) = self.store.path(at) else {
                continue;
            };
            say(&format!("deleting '{path}'"), out);
            flush(writer, out).await?;
            garbage.bytes += self.store.delete(at);
            self.written();
            garbage.paths.push(path.to_string());
            if garbage.bytes > doing.most {
                break;
            }
        }
        garbage.paths.sort_unstable();
        if let Some(why) = doing.refused {
            soft(&why, out);
        } else {
            last(out);
            encode_garbage(&garbage, out);
        }
        Ok(())
    }

    /// The outputs of a derivation that are here, named by what follows the package's name.
    fn outputs(&self, path: &StorePath) -> Vec<(String, Option<StorePath>)> {
        let Some(at) = self.store.find(path) else {
            return Vec::new();
        };
        let package = path.name().trim_end_matches(".drv");
        self.store
            .outputs(at)
            .filter_map(|at| self.store.path(at))
            .map(|output| {
                let name = output
                    .name()
                    .strip_prefix(package)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .unwrap_or("out")
                    .to_owned();
                (name, Some(output))
            })
            .collect()
    }

    fn path_info(&self, path: &StorePath, out: &mut Encoder) {
        let plan = self.faults.plan();
        let hit = |every: Option<u32>, at: u32| every.is_some_and(|every| at.is_multiple_of(every));
        let at = self
            .store
            .find(path)
            .filter(|at| !hit(plan.gone_every, *at));
        if at.is_some_and(|at| hit(plan.error_every, at)) {
            soft(
                &format!("in database: '\u{1b}[35;1m{path}\u{1b}[0m' has a bad hash"),
                out,
            );
            return;
        }
        last(out);
        match at.and_then(|at| self.store.info(at)) {
            Some(info) => encode_path_info(&info, out),
            None => {
                out.boolean(false);
            }
        }
    }

    async fn paths<W: AsyncWrite + Unpin>(
        &self,
        numbers: &[u32],
        writer: &mut W,
        out: &mut Encoder,
    ) -> Result<(), End> {
        out.integer(numbers.len() as u64);
        for path in numbers.iter().filter_map(|at| self.store.path(*at)) {
            out.path(&path);
            if out.len() > GATHER {
                flush(writer, out).await?;
            }
        }
        Ok(())
    }
}

fn last(out: &mut Encoder) {
    Message::Last.encode(out);
}

fn soft(message: &str, out: &mut Encoder) {
    Message::Error(RemoteError::new(format!(
        "\u{1b}[31;1merror:\u{1b}[0m {message}"
    )))
    .encode(out);
}

/// An error while a request is read: sent twice, and nothing after it.
async fn fatal<W: AsyncWrite + Unpin>(
    error: &WireError,
    writer: &mut W,
    out: &mut Encoder,
) -> Result<(), End> {
    for _ in 0..2 {
        soft(&error.to_string(), out);
    }
    flush(writer, out).await?;
    Err(End)
}

async fn flush<W: AsyncWrite + Unpin>(writer: &mut W, out: &mut Encoder) -> Result<(), End> {
    if !out.is_empty() {
        writer.write_all(out.bytes()).await?;
        out.clear();
    }
    writer.flush().await?;
    Ok(())
}
