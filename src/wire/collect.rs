//! Roots and garbage: the action of a `CollectGarbage`, and the replies that have a layout of their own.
//!
//! In: a [`GcAction`], or the bytes after `Last`. Out: bytes, or roots, collected paths, outputs; and back.
//! What the protocol allows and a real daemon answers by aborting or refusing cannot be written here: the list of paths
//! goes with `DeleteSpecific` alone, which never has a limit (an exceeded one aborts the daemon before Nix 2.35), and
//! liveness is never ignored.
//! Source: `wopCollectGarbage`, `wopFindRoots` and `wopQueryDerivationOutputMap` in `daemon.cc` of Nix.

use super::{Encoder, Reader, WireError, limits};
use crate::domain::StorePath;
use crate::domain::budget::{Budget, heap, most};
use tokio::io::AsyncRead;

const RETURN_LIVE: u64 = 0;
const RETURN_DEAD: u64 = 1;
const DELETE_DEAD: u64 = 2;
const DELETE_SPECIFIC: u64 = 3;

/// What a garbage collector is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GcAction {
    /// Report what is reachable. Not free of side effects: junk in the store directory is removed.
    ReturnLive,
    /// Report what is not reachable. The same side effects.
    ReturnDead,
    /// Delete what is not reachable, in the order of the directory, until more than this many bytes are freed.
    DeleteDead {
        /// In bytes; `u64::MAX` for no limit.
        max_freed: u64,
    },
    /// Delete exactly these paths. One that is alive, or is referred to by a path that is not among them, ends it with an
    /// error; those before it are deleted by then.
    DeleteSpecific(Vec<StorePath>),
}

impl GcAction {
    pub(super) fn encode<'a>(&self, out: &'a mut Encoder) -> &'a mut Encoder {
        let (action, paths, max_freed) = match self {
            Self::ReturnLive => (RETURN_LIVE, &[][..], u64::MAX),
            Self::ReturnDead => (RETURN_DEAD, &[][..], u64::MAX),
            Self::DeleteDead { max_freed } => (DELETE_DEAD, &[][..], *max_freed),
            Self::DeleteSpecific(paths) => (DELETE_SPECIFIC, paths.as_slice(), u64::MAX),
        };
        out.integer(action)
            .paths(paths.iter())
            .boolean(false)
            .integer(max_freed)
            .integer(0)
            .integer(0)
            .integer(0)
    }

    pub(super) async fn read<R: AsyncRead + Unpin>(
        reader: &mut Reader<R>,
    ) -> Result<Self, WireError> {
        let action = reader.integer().await?;
        let paths = reader.paths().await?;
        let ignore = reader.boolean().await?;
        let max_freed = reader.integer().await?;
        for _ in 0..3 {
            reader.integer().await?;
        }
        let unexpected = |what, got| Err(WireError::Unexpected { what, got });
        if ignore {
            return unexpected("a collection that ignores liveness, flag", 1);
        }
        match action {
            RETURN_LIVE => Ok(Self::ReturnLive),
            RETURN_DEAD => Ok(Self::ReturnDead),
            DELETE_DEAD => Ok(Self::DeleteDead { max_freed }),
            DELETE_SPECIFIC => Ok(Self::DeleteSpecific(paths)),
            got => unexpected("GC action", got),
        }
    }
}

/// The reply to `CollectGarbage`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Garbage {
    /// What was deleted or reported. Not always store paths: junk in the store directory is among them.
    pub paths: Vec<String>,
    /// Sizes of deleted files that have at most one more hard link, in bytes.
    pub bytes: u64,
}

/// Reads the reply to a `CollectGarbage`, within what the reader allows.
pub async fn read_garbage<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
) -> Result<Garbage, WireError> {
    let paths = reader.texts("a path", limits::PATHS, limits::PATH).await?;
    let bytes = reader.integer().await?;
    // Obsolete.
    reader.integer().await?;
    Ok(Garbage { paths, bytes })
}

/// Writes it, as a daemon does.
pub fn encode_garbage(garbage: &Garbage, out: &mut Encoder) {
    out.texts(&garbage.paths).integer(garbage.bytes).integer(0);
}

/// Reads the reply to a `FindRoots`: links, each with its target, or why that is none. One that is malformed costs no other.
pub async fn read_roots<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
) -> Result<Vec<(String, Result<StorePath, String>)>, WireError> {
    reader.allow(Budget::new("the list of GC roots", most::ROOTS));
    let count = reader.capped("a number of roots", limits::PATHS).await?;
    let mut roots = Vec::with_capacity(count.min(1024) as usize);
    for _ in 0..count {
        reader.charge_entries::<(String, Result<StorePath, String>)>(1)?;
        let link = reader.text("a root", limits::PATH).await?;
        let target = match reader.path().await {
            Err(WireError::Path(why)) => {
                reader.budget().charge(heap(why.len()))?;
                Err(why)
            }
            other => Ok(other?),
        };
        roots.push((link, target));
    }
    Ok(roots)
}

/// Writes it, as a daemon does.
pub fn encode_roots(roots: &[(String, StorePath)], out: &mut Encoder) {
    out.integer(roots.len() as u64);
    for (link, target) in roots {
        out.text(link).path(target);
    }
}

/// Reads the reply to a `QueryDerivationOutputMap`, within what the reader allows: names of outputs, each with its path
/// where that is known.
pub async fn read_outputs<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
) -> Result<Vec<(String, Option<StorePath>)>, WireError> {
    let count = reader.capped("a number of outputs", limits::FIELDS).await?;
    let mut outputs = Vec::with_capacity(count.min(16) as usize);
    for _ in 0..count {
        reader.charge_entries::<(String, Option<StorePath>)>(1)?;
        let name = reader.text("an output's name", limits::PATH).await?;
        outputs.push((name, reader.optional_path().await?));
    }
    Ok(outputs)
}

/// Writes it, as a daemon does.
pub fn encode_outputs(outputs: &[(String, Option<StorePath>)], out: &mut Encoder) {
    out.integer(outputs.len() as u64);
    for (name, path) in outputs {
        out.text(name).optional_path(path.as_ref());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::wire::Request;
    use crate::wire::tests::now;
    use proptest::prelude::*;

    pub(in crate::wire) fn path() -> impl Strategy<Value = StorePath> {
        (any::<[u8; 20]>(), "[0-9A-Za-z+._?=-]{1,40}")
            .prop_map(|(digest, name)| StorePath::from_parts(&digest, &name).unwrap())
    }

    pub(in crate::wire) fn action() -> impl Strategy<Value = GcAction> {
        prop_oneof![
            Just(GcAction::ReturnLive),
            Just(GcAction::ReturnDead),
            any::<u64>().prop_map(|max_freed| GcAction::DeleteDead { max_freed }),
            proptest::collection::vec(path(), 0..4).prop_map(GcAction::DeleteSpecific),
        ]
    }

    fn integers(out: &Encoder) -> Vec<u64> {
        let mut reader = Reader::new(out.bytes());
        std::iter::from_fn(|| now(reader.integer()).ok()).collect()
    }

    #[test]
    fn specific_deletion_has_no_limit_and_the_others_no_list() {
        let mut out = Encoder::new();
        GcAction::DeleteSpecific(vec![]).encode(&mut out);
        assert_eq!(integers(&out), [3, 0, 0, u64::MAX, 0, 0, 0]);
        let mut out = Encoder::new();
        GcAction::DeleteDead { max_freed: 5 }.encode(&mut out);
        assert_eq!(integers(&out), [2, 0, 0, 5, 0, 0, 0]);
    }

    #[test]
    fn what_a_daemon_refuses_is_refused() {
        for (action, ignore) in [(4, 0), (3, 1)] {
            let mut out = Encoder::new();
            for value in [20, action, 0, ignore, u64::MAX, 0, 0, 0] {
                out.integer(value);
            }
            let got = now(Request::read(&mut Reader::new(out.bytes())));
            assert!(matches!(got, Err(WireError::Unexpected { .. })));
        }
    }

    #[test]
    fn one_malformed_root_costs_no_other() {
        let good = StorePath::from_parts(&[7; 20], "x").unwrap();
        let mut out = Encoder::new();
        out.integer(2)
            .text("/a")
            .text("/etc/passwd")
            .text("/b")
            .path(&good);
        let roots = now(read_roots(&mut Reader::new(out.bytes()))).unwrap();
        assert!(roots[0].1.is_err());
        assert_eq!(roots[1], ("/b".to_owned(), Ok(good)));
    }

    proptest! {
        #[test]
        fn round_trip(
            links in proptest::collection::vec((".{0,30}", path()), 0..4),
            outputs in proptest::collection::vec(("[a-z]{1,6}", proptest::option::of(path())), 0..4),
            paths in proptest::collection::vec(".{0,30}", 0..4),
            bytes: u64,
        ) {
            let garbage = Garbage { paths, bytes };
            let mut out = Encoder::new();
            encode_roots(&links, &mut out);
            encode_outputs(&outputs, &mut out);
            encode_garbage(&garbage, &mut out);
            let mut reader = Reader::new(out.bytes());
            let roots = now(read_roots(&mut reader)).unwrap();
            let roots: Vec<_> = roots.into_iter().map(|(link, target)| (link, target.unwrap())).collect();
            prop_assert_eq!(roots, links);
            prop_assert_eq!(now(read_outputs(&mut reader)).unwrap(), outputs);
            prop_assert_eq!(now(read_garbage(&mut reader)).unwrap(), garbage);
            prop_assert!(!now(reader.wait()).unwrap());
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), count in 0_u64..9) {
            let mut all = count.to_le_bytes().to_vec();
            all.extend(bytes);
            let _ = now(read_roots(&mut Reader::new(&all[..])));
            let _ = now(read_outputs(&mut Reader::new(&all[..])));
            let _ = now(read_garbage(&mut Reader::new(&all[..])));
        }
    }
}
