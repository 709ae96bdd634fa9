//! What a client asks of a daemon.
//!
//! In: a [`Request`], whose paths are well-formed by type (a malformed one costs the whole connection). Out: bytes; and back.
//! Source: `enum class WorkerProto::Op` and `performOp` in `daemon.cc` of Nix.

use super::{Encoder, GcAction, Reader, WireError, levels, limits};
use crate::domain::StorePath;
use crate::domain::budget::{Budget, most};
use tokio::io::AsyncRead;

const IS_VALID_PATH: u64 = 1;
const QUERY_REFERRERS: u64 = 6;
const ADD_TEMP_ROOT: u64 = 11;
const FIND_ROOTS: u64 = 14;
const SET_OPTIONS: u64 = 19;
const COLLECT_GARBAGE: u64 = 20;
const QUERY_ALL_VALID_PATHS: u64 = 23;
const QUERY_PATH_INFO: u64 = 26;
const QUERY_PATH_FROM_HASH_PART: u64 = 29;
const QUERY_VALID_PATHS: u64 = 31;
const VERIFY_STORE: u64 = 35;
const ADD_SIGNATURES: u64 = 37;
const QUERY_DERIVATION_OUTPUT_MAP: u64 = 41;

/// One request. Each variant names its reply, which follows `Last`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Reply: boolean.
    IsValidPath(StorePath),
    /// Reply: paths.
    QueryReferrers(StorePath),
    /// Reply: nothing.
    SetOptions(Options),
    /// Reply: paths.
    QueryAllValidPaths,
    /// Reply: a path info, see [`super::read_path_info`].
    QueryPathInfo(StorePath),
    /// Reply: optional path. Takes 32 base-32 digits.
    QueryPathFromHashPart(String),
    /// Reply: paths, the valid ones of these.
    QueryValidPaths {
        /// Which.
        paths: Vec<StorePath>,
        /// Whether to fetch the missing ones from substituters first.
        substitute: bool,
    },
    /// Reply: the integer 1. **Crashes the daemon for a path that is not valid**: ask first, on the same connection.
    AddSignatures {
        /// To which path.
        path: StorePath,
        /// `name:base64`; a malformed one makes the path unreadable for later versions of Nix.
        signatures: Vec<String>,
    },
    /// Reply: the integer 1. Keeps a path, valid or not, from being collected for as long as this connection lasts.
    AddTempRoot(StorePath),
    /// Reply: roots, see [`super::read_roots`]. Not free of side effects: links that lead nowhere any more are removed, as by
    /// every collection.
    FindRoots,
    /// Reply: what was collected, see [`super::read_garbage`], and only at the end. On a connection of its own.
    CollectGarbage(GcAction),
    /// Reply: boolean, whether errors remain. On a connection of its own; waits for a collection that runs. A path whose
    /// files are gone is taken out of the database even without `repair`.
    VerifyStore {
        /// Whether contents are read and compared with their hashes.
        check_contents: bool,
        /// Whether what is damaged is fetched from substituters.
        repair: bool,
    },
    /// Reply: outputs, see [`super::read_outputs`].
    QueryDerivationOutputMap(StorePath),
}

/// The options that are set here; all others are sent as their defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// 3 is the default; less hides the messages of garbage collection.
    pub verbosity: u64,
    /// Whether queries may ask other caches.
    pub use_substitutes: bool,
    /// Settings by name.
    pub overrides: Vec<(String, String)>,
}

impl Default for Options {
    /// What an administrator's client wants: messages as usual, and no other cache asked.
    fn default() -> Self {
        Self {
            verbosity: levels::INFO,
            use_substitutes: false,
            overrides: Vec::new(),
        }
    }
}

impl Request {
    /// Writes it.
    pub fn encode(&self, out: &mut Encoder) {
        match self {
            Self::IsValidPath(path) => out.integer(IS_VALID_PATH).path(path),
            Self::QueryReferrers(path) => out.integer(QUERY_REFERRERS).path(path),
            Self::SetOptions(options) => options.encode(out.integer(SET_OPTIONS)),
            Self::QueryAllValidPaths => out.integer(QUERY_ALL_VALID_PATHS),
            Self::QueryPathInfo(path) => out.integer(QUERY_PATH_INFO).path(path),
            Self::QueryPathFromHashPart(hash) => out.integer(QUERY_PATH_FROM_HASH_PART).text(hash),
            Self::QueryValidPaths { paths, substitute } => out
                .integer(QUERY_VALID_PATHS)
                .paths(paths.iter())
                .boolean(*substitute),
            Self::AddSignatures { path, signatures } => {
                out.integer(ADD_SIGNATURES).path(path).texts(signatures)
            }
            Self::AddTempRoot(path) => out.integer(ADD_TEMP_ROOT).path(path),
            Self::FindRoots => out.integer(FIND_ROOTS),
            Self::CollectGarbage(action) => action.encode(out.integer(COLLECT_GARBAGE)),
            Self::VerifyStore {
                check_contents,
                repair,
            } => out
                .integer(VERIFY_STORE)
                .boolean(*check_contents)
                .boolean(*repair),
            Self::QueryDerivationOutputMap(path) => {
                out.integer(QUERY_DERIVATION_OUTPUT_MAP).path(path)
            }
        };
    }

    /// Reads one, as a daemon does; `None` where the client has gone between two requests.
    ///
    /// After an error the place in the stream is lost. A real daemon then sends the error twice and goes.
    pub async fn read<R: AsyncRead + Unpin>(
        reader: &mut Reader<R>,
    ) -> Result<Option<Self>, WireError> {
        if !reader.wait().await? {
            return Ok(None);
        }
        reader.allow(Budget::new("a request", most::REQUEST));
        Ok(Some(match reader.integer().await? {
            IS_VALID_PATH => Self::IsValidPath(reader.path().await?),
            QUERY_REFERRERS => Self::QueryReferrers(reader.path().await?),
            SET_OPTIONS => Self::SetOptions(Options::read(reader).await?),
            QUERY_ALL_VALID_PATHS => Self::QueryAllValidPaths,
            QUERY_PATH_INFO => Self::QueryPathInfo(reader.path().await?),
            QUERY_PATH_FROM_HASH_PART => {
                Self::QueryPathFromHashPart(reader.text("a hash part", limits::PATH).await?)
            }
            QUERY_VALID_PATHS => Self::QueryValidPaths {
                paths: reader.paths().await?,
                substitute: reader.boolean().await?,
            },
            ADD_SIGNATURES => Self::AddSignatures {
                path: reader.path().await?,
                signatures: reader
                    .texts("a signature", limits::SIGNATURES, limits::SIGNATURE)
                    .await?,
            },
            ADD_TEMP_ROOT => Self::AddTempRoot(reader.path().await?),
            FIND_ROOTS => Self::FindRoots,
            COLLECT_GARBAGE => Self::CollectGarbage(GcAction::read(reader).await?),
            VERIFY_STORE => Self::VerifyStore {
                check_contents: reader.boolean().await?,
                repair: reader.boolean().await?,
            },
            QUERY_DERIVATION_OUTPUT_MAP => Self::QueryDerivationOutputMap(reader.path().await?),
            got => {
                return Err(WireError::Unexpected {
                    what: "operation",
                    got,
                });
            }
        }))
    }
}

impl Options {
    fn encode<'a>(&self, out: &'a mut Encoder) -> &'a mut Encoder {
        for value in [
            0, // keep failed builds
            0, // keep going
            0, // build where substitution fails
            self.verbosity,
            1, // build jobs
            0, // no limit of silence
            1, // build hook, obsolete
            7, // build logs not repeated
            0, // log type, obsolete
            0, // build trace, obsolete
            0, // all cores
            u64::from(self.use_substitutes),
            self.overrides.len() as u64,
        ] {
            out.integer(value);
        }
        for (name, value) in &self.overrides {
            out.text(name).text(value);
        }
        out
    }

    async fn read<R: AsyncRead + Unpin>(reader: &mut Reader<R>) -> Result<Self, WireError> {
        let mut values = [0; 12];
        for value in &mut values {
            *value = reader.integer().await?;
        }
        let count = reader
            .capped("a number of overrides", limits::FIELDS)
            .await?;
        let mut overrides = Vec::new();
        for _ in 0..count {
            let name = reader.text("a setting's name", limits::PATH).await?;
            overrides.push((name, reader.text("a setting", limits::TEXT).await?));
        }
        Ok(Self {
            verbosity: values[3],
            use_substitutes: values[11] != 0,
            overrides,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::collect::tests::{action, path};
    use crate::wire::tests::now;
    use proptest::prelude::*;

    fn request() -> impl Strategy<Value = Request> {
        let options = (
            any::<u64>(),
            any::<bool>(),
            proptest::collection::vec((".{0,9}", ".{0,9}"), 0..3),
        );
        prop_oneof![
            path().prop_map(Request::IsValidPath),
            path().prop_map(Request::QueryReferrers),
            path().prop_map(Request::QueryPathInfo),
            Just(Request::QueryAllValidPaths),
            path().prop_map(Request::AddTempRoot),
            path().prop_map(Request::QueryDerivationOutputMap),
            Just(Request::FindRoots),
            action().prop_map(Request::CollectGarbage),
            (any::<bool>(), any::<bool>()).prop_map(|(check_contents, repair)| {
                Request::VerifyStore {
                    check_contents,
                    repair,
                }
            }),
            ".{0,32}".prop_map(Request::QueryPathFromHashPart),
            (proptest::collection::vec(path(), 0..4), any::<bool>())
                .prop_map(|(paths, substitute)| Request::QueryValidPaths { paths, substitute }),
            (path(), proptest::collection::vec(".{0,90}", 0..3))
                .prop_map(|(path, signatures)| Request::AddSignatures { path, signatures }),
            options.prop_map(
                |(verbosity, use_substitutes, overrides)| Request::SetOptions(Options {
                    verbosity,
                    use_substitutes,
                    overrides
                })
            ),
        ]
    }

    #[test]
    fn a_malformed_path_is_an_error() {
        let mut out = Encoder::new();
        out.integer(QUERY_PATH_INFO).text("/nix/store/x-y/file");
        let got = now(Request::read(&mut Reader::new(out.bytes())));
        assert!(matches!(got, Err(WireError::Path(_))));
        let mut out = Encoder::new();
        out.integer(99);
        let got = now(Request::read(&mut Reader::new(out.bytes())));
        assert!(matches!(got, Err(WireError::Unexpected { got: 99, .. })));
    }

    proptest! {
        #[test]
        fn round_trip(requests in proptest::collection::vec(request(), 0..6)) {
            let mut out = Encoder::new();
            for request in &requests {
                request.encode(&mut out);
            }
            let mut reader = Reader::new(out.bytes());
            for request in requests {
                prop_assert_eq!(now(Request::read(&mut reader)).unwrap(), Some(request));
            }
            prop_assert_eq!(now(Request::read(&mut reader)).unwrap(), None);
        }

        #[test]
        fn never_panics(operation in 0_u64..48, rest in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = operation.to_le_bytes().to_vec();
            bytes.extend(rest);
            let _ = now(Request::read(&mut Reader::new(&bytes[..])));
        }
    }
}
