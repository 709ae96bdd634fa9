//! A daemon with a prepared answer to each request.
//!
//! In: an attack. Out: a configuration of a server on this machine whose daemon is this one, over a socket in a folder of the
//! test's own.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storekeeper::domain::{NarHash, PathInfo, StorePath, When};
use storekeeper::wire::{
    Encoder, Garbage, Identity, Message, Reader, Request, Version, encode_garbage, encode_outputs,
    encode_path_info, encode_roots, server_handshake,
};
use tokio::io::{AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

/// What is said to a request.
pub(crate) enum Say {
    /// What the store has.
    Proper,
    /// These bytes.
    Once(Vec<u8>),
    /// The first bytes, and then the others over and over until nobody takes them.
    Forever(Vec<u8>, Vec<u8>),
    /// The proper answer, and the end.
    Last,
}

/// What is said to each request, and instead of a handshake.
#[derive(Clone)]
pub(crate) struct Attack {
    pub(crate) store: Arc<Store>,
    pub(crate) greeting: Option<Arc<dyn Fn() -> Say + Send + Sync>>,
    pub(crate) answer: Arc<dyn Fn(&Request) -> Say + Send + Sync>,
}

/// What the daemon has where it answers properly.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) infos: Vec<PathInfo>,
    pub(crate) roots: Vec<(String, StorePath)>,
    places: HashMap<StorePath, usize>,
}

impl Store {
    /// So many paths, each with the references that are given by number.
    pub(crate) fn new(count: usize, references: impl Fn(usize) -> Vec<usize>) -> Self {
        let infos: Vec<PathInfo> = (0..count)
            .map(|at| PathInfo {
                path: path(at),
                deriver: None,
                nar_hash: NarHash([7; 32]),
                nar_size: 1000,
                references: references(at).into_iter().map(path).collect(),
                registered: When::from_unix(1_700_000_000),
                ultimate: false,
                signatures: Vec::new(),
                content_address: None,
            })
            .collect();
        let places = infos.iter().enumerate();
        let places = places.map(|(at, info)| (info.path.clone(), at)).collect();
        Self {
            infos,
            roots: Vec::new(),
            places,
        }
    }

    /// The same with a root for each path.
    pub(crate) fn all_roots(mut self) -> Self {
        let infos = self.infos.iter().enumerate();
        self.roots = infos
            .map(|(at, info)| (format!("/roots/{at}"), info.path.clone()))
            .collect();
        self
    }

    /// What is left without these.
    pub(crate) fn without(&self, gone: &HashSet<StorePath>) -> Self {
        let infos = self.infos.iter();
        let infos: Vec<PathInfo> = infos
            .filter(|info| !gone.contains(&info.path))
            .cloned()
            .collect();
        let places = infos.iter().enumerate();
        let places = places.map(|(at, info)| (info.path.clone(), at)).collect();
        Self {
            infos,
            roots: self.roots.clone(),
            places,
        }
    }

    /// What is known of a path.
    pub(crate) fn info(&self, path: &StorePath) -> Option<&PathInfo> {
        self.infos.get(*self.places.get(path)?)
    }
}

/// The path of a number.
pub(crate) fn path(number: usize) -> StorePath {
    let mut digest = [9; 20];
    digest[..8].copy_from_slice(&(number as u64).to_le_bytes());
    StorePath::from_parts(&digest, &format!("p-{number}")).unwrap()
}

/// Bytes, over and over, about a MiB of them.
pub(crate) fn many(piece: &[u8]) -> Vec<u8> {
    piece.repeat(((1 << 20) / piece.len()).max(1))
}

/// What an encoder is to write.
pub(crate) fn bytes(write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut out = Encoder::new();
    write(&mut out);
    out.bytes().to_vec()
}

/// The end of the messages, and what follows.
pub(crate) fn after_last(write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    bytes(|out| {
        Message::Last.encode(out);
        write(out);
    })
}

/// Listens in this folder; gives back the configuration file.
pub(crate) async fn listen(folder: &Path, attack: Attack) -> PathBuf {
    serve(folder, move |stream| {
        let attack = attack.clone();
        async move { converse(stream, &attack).await }
    })
    .await
}

/// Has each connection to a daemon in this folder answered; gives back the configuration file.
pub(crate) async fn serve<F>(
    folder: &Path,
    converse: impl Fn(UnixStream) -> F + Send + 'static,
) -> PathBuf
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    let socket = folder.join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let config = folder.join("config.toml");
    let command = format!(
        "{} demo-shim {} nix-daemon --stdio",
        env!("CARGO_BIN_EXE_storekeeper"),
        socket.display()
    );
    // A Nix that is on this machine has nothing to do with it, nor has who is logged in.
    let section = format!(
        "[servers.hostile]\nhost = \"local\"\nsudo = \"never\"\ncache_user = \"no-such-user\"\nnix_command = \"false\"\n\
         pins_dir = \"{folder}/pins\"\naudit_log = \"{folder}/audit/log\"\ndaemon_command = \"{command}\"\n",
        folder = folder.display()
    );
    std::fs::write(&config, section).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // It ends when nobody listens any more.
            tokio::spawn(converse(stream));
        }
    });
    config
}

async fn converse(stream: UnixStream, attack: &Attack) -> Option<()> {
    let (mut reader, mut write) = called(stream).await?;
    if let Some(greeting) = &attack.greeting {
        return say(&mut write, greeting(), Vec::new).await;
    }
    let identity = Identity {
        version: Version::NEWEST,
        nix_version: "2.34.0".into(),
        trusted: Some(true),
    };
    server_handshake(&mut reader, &mut write, &identity)
        .await
        .ok()?;
    while let Ok(Some(request)) = Request::read(&mut reader).await {
        let proper = || answer(&attack.store, &request);
        say(&mut write, (attack.answer)(&request), proper).await?;
    }
    None
}

/// Both directions of a connection, behind the call of the stand-in.
pub(crate) async fn called(
    stream: UnixStream,
) -> Option<(Reader<BufReader<OwnedReadHalf>>, OwnedWriteHalf)> {
    let (read, write) = stream.into_split();
    let mut read = BufReader::new(read);
    read.read_until(b'\n', &mut Vec::new()).await.ok()?;
    Some((Reader::new(read), write))
}

async fn say(
    write: &mut (impl AsyncWrite + Unpin),
    say: Say,
    proper: impl FnOnce() -> Vec<u8>,
) -> Option<()> {
    match say {
        Say::Proper => write.write_all(&proper()).await.ok(),
        Say::Once(bytes) => write.write_all(&bytes).await.ok(),
        Say::Forever(first, then) => {
            write.write_all(&first).await.ok()?;
            loop {
                write.write_all(&then).await.ok()?;
            }
        }
        Say::Last => {
            write.write_all(&proper()).await.ok()?;
            None
        }
    }
}

/// What a store says to a request.
pub(crate) fn answer(store: &Store, request: &Request) -> Vec<u8> {
    after_last(|out| match request {
        Request::SetOptions(_) => {}
        Request::QueryAllValidPaths => {
            out.paths(store.infos.iter().map(|info| &info.path));
        }
        Request::QueryPathInfo(path) => match store.info(path) {
            Some(info) => encode_path_info(info, out),
            None => {
                out.boolean(false);
            }
        },
        Request::FindRoots => encode_roots(&store.roots, out),
        Request::IsValidPath(path) => {
            out.boolean(store.info(path).is_some());
        }
        Request::QueryValidPaths { paths, .. } => {
            let valid: Vec<&StorePath> = paths.iter().filter(|p| store.info(p).is_some()).collect();
            out.paths(valid.into_iter());
        }
        Request::QueryReferrers(path) => {
            let referrers: Vec<&StorePath> = (store.infos.iter())
                .filter(|info| info.references.contains(path))
                .map(|info| &info.path)
                .collect();
            out.paths(referrers.into_iter());
        }
        Request::QueryDerivationOutputMap(_) => encode_outputs(&[], out),
        Request::CollectGarbage(_) => encode_garbage(&Garbage::default(), out),
        _ => {
            out.integer(1);
        }
    })
}
