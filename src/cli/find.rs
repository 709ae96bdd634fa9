//! The store path that an argument names.
//!
//! In: a full path (or one below it), a base name, a hash part, or a name. Out: the path, or why it names none or several.

use super::error::CliError;
use crate::domain::Notice;
use crate::domain::nearest::edits;
use crate::domain::notice;
use crate::domain::store_path::{HASH_CHARS, STORE_DIR};
use crate::domain::text::visible;
use crate::domain::{PathList, StorePath, nix32};
use crate::inventory::{Inventory, Row};
use crate::load::load_closure;
use crate::server::{Server, StoreEvent};
use tokio::sync::mpsc;

/// The most candidates that an error lists.
const LISTED: usize = 3;

/// An argument, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathSelector {
    /// Exactly this path.
    Exact(StorePath),
    /// The path with this hash part.
    Hash(String),
    /// The one path with this name.
    Name(String),
}

impl PathSelector {
    /// Reads an argument.
    pub(super) fn parse(text: &str) -> Result<Self, CliError> {
        if let Some(rest) = text
            .strip_prefix(STORE_DIR)
            .and_then(|rest| rest.strip_prefix('/'))
        {
            // A file inside of a store path stands for the path.
            let base = rest.split('/').next().unwrap_or_default();
            return StorePath::from_base_name(base)
                .map(Self::Exact)
                .map_err(|error| {
                    CliError::usage(notice!(
                        "\"{text}\" is not a store path: {error}",
                        "copy it whole"
                    ))
                });
        }
        if let Ok(path) = StorePath::from_base_name(text) {
            return Ok(Self::Exact(path));
        }
        if text.len() == HASH_CHARS && nix32::decode::<20>(text.as_bytes()).is_ok() {
            return Ok(Self::Hash(text.to_owned()));
        }
        if text.is_empty() || text.contains('/') {
            let text = visible(text);
            return Err(CliError::usage(notice!(
                "\"{text}\" is not a store path",
                "write /nix/store/…, its hash part, or its name"
            )));
        }
        Ok(Self::Name(text.to_owned()))
    }

    /// Whether a base name is what is meant.
    pub(super) fn is(&self, base: &str) -> bool {
        match self {
            Self::Exact(path) => path.base_name() == base,
            Self::Hash(hash) => base.starts_with(hash.as_str()),
            Self::Name(name) => base.get(HASH_CHARS + 1..) == Some(name),
        }
    }

    /// It is not there.
    fn missing(&self) -> CliError {
        CliError::usage(Notice::new(
            format!("{} is not in the store", self.shown()),
            "storekeeper paths lists what is",
        ))
    }

    /// The argument for a message.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Exact(path) => path.to_string(),
            Self::Hash(text) | Self::Name(text) => visible(text).into_owned(),
        }
    }
}

/// Too many paths have this name.
pub(super) fn several(selector: &PathSelector, candidates: &[StorePath]) -> CliError {
    let reported: Vec<&str> = candidates
        .iter()
        .take(LISTED)
        .map(StorePath::hash_part)
        .collect();
    let more = if candidates.len() > LISTED {
        " …"
    } else {
        ""
    };
    CliError::usage(Notice::new(
        format!("{} paths are called {}", candidates.len(), selector.shown()),
        format!("give the hash part of one: {}{more}", reported.join(", ")),
    ))
}

/// The one among these that is meant; `None` if none is.
pub(super) fn among(
    selector: &PathSelector,
    paths: impl IntoIterator<Item = StorePath>,
) -> Result<Option<StorePath>, CliError> {
    let mut found: Vec<StorePath> = paths.into_iter().collect();
    if found.len() > 1 {
        return Err(several(selector, &found));
    }
    Ok(found.pop())
}

/// The paths that are meant. The store is listed where one of them is not given by its full path, and nothing more of it is
/// read; a full path need not be in it, and `None` is in it by no name.
pub(super) async fn paths(
    server: &Server,
    selectors: &[PathSelector],
) -> Result<Vec<Option<StorePath>>, CliError> {
    let exact = |selector: &PathSelector| matches!(selector, PathSelector::Exact(_));
    let listed = if selectors.iter().all(exact) {
        PathList::default()
    } else {
        listed(server).await?
    };
    let find = |selector: &PathSelector| match selector {
        PathSelector::Exact(path) => Ok(Some(path.clone())),
        PathSelector::Hash(_) | PathSelector::Name(_) => {
            let named = (0..listed.len()).filter(|at| selector.is(listed.base_name(*at)));
            among(selector, named.filter_map(|at| listed.get(at)))
        }
    };
    selectors.iter().map(find).collect()
}

/// The part of the store that the paths of these arguments need, and the paths; each must be in the store.
pub(super) async fn closure(
    server: &Server,
    arguments: &[String],
) -> Result<(Inventory, Vec<StorePath>), CliError> {
    let selectors: Result<Vec<PathSelector>, CliError> = arguments
        .iter()
        .map(|text| PathSelector::parse(text))
        .collect();
    let selectors = selectors?;
    let found = paths(server, &selectors).await?.into_iter().zip(&selectors);
    let found: Result<Vec<StorePath>, CliError> = found
        .map(|(path, selector)| path.ok_or_else(|| selector.missing()))
        .collect();
    let found = found?;
    let inventory = load_closure(server, &found).await?;
    for (path, selector) in found.iter().zip(&selectors) {
        let row = inventory.find(path);
        if !row.is_some_and(|row| inventory.state(row).is_present()) {
            return Err(selector.missing());
        }
    }
    Ok((inventory, found))
}

/// Paths whose names are most like that of what was not found, at most [`LISTED`]; none where nothing is alike.
pub(super) async fn alike(
    server: &Server,
    selector: &PathSelector,
) -> Result<Vec<StorePath>, CliError> {
    let name = match selector {
        PathSelector::Exact(path) => path.name(),
        PathSelector::Name(name) => name,
        PathSelector::Hash(_) => return Ok(Vec::new()),
    };
    Ok(nearest(name, listed(server).await?.iter()))
}

fn nearest(name: &str, listed: impl Iterator<Item = StorePath>) -> Vec<StorePath> {
    let wanted = name.to_lowercase();
    // More edits than that make another word.
    let most = (wanted.chars().count() / 3).max(1);
    let derivations = std::path::Path::new(&wanted)
        .extension()
        .is_some_and(|end| end == "drv");
    let mut near: Vec<(usize, StorePath)> = listed
        .filter(|path| derivations || !path.is_derivation())
        .filter_map(|path| {
            let other = path.name().to_lowercase();
            let edits = if other.contains(&wanted) {
                0
            } else {
                edits(&wanted, &other).min(edits(&wanted, without_version(&other)))
            };
            (edits <= most).then_some((edits, path))
        })
        .collect();
    near.sort_by(|a, b| {
        (a.0, a.1.name().len(), a.1.name()).cmp(&(b.0, b.1.name().len(), b.1.name()))
    });
    near.into_iter()
        .take(LISTED)
        .map(|(_, path)| path)
        .collect()
}

/// What stands before the first dash that a digit follows.
fn without_version(name: &str) -> &str {
    let dashes = name.match_indices('-');
    let mut versions =
        dashes.filter(|(at, _)| name[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    versions.next().map_or(name, |(at, _)| &name[..at])
}

/// Every path of the store, and nothing else of it.
async fn listed(server: &Server) -> Result<PathList, CliError> {
    let (sink, mut events) = mpsc::channel(1);
    let find = async {
        let listed = match events.recv().await {
            Some(StoreEvent::Listed(paths)) => Some(paths),
            _ => None,
        };
        // With the receiver gone the reading ends.
        drop(events);
        listed
    };
    let (read, listed) = tokio::join!(server.read_store(sink, None), find);
    if listed.is_none() {
        read?;
    }
    Ok(listed.unwrap_or_default())
}

/// The rows of arguments; each must be in the store.
pub(super) fn rows(inventory: &Inventory, arguments: &[String]) -> Result<Vec<Row>, CliError> {
    let present = |row: &Row| inventory.state(*row).is_present();
    arguments
        .iter()
        .map(|argument| {
            let selector = PathSelector::parse(argument)?;
            let found = match &selector {
                PathSelector::Exact(path) => inventory.find(path).filter(present),
                PathSelector::Hash(_) | PathSelector::Name(_) => {
                    let all = (0..inventory.len() as Row).filter(present);
                    let rows: Vec<Row> = all
                        .filter(|row| selector.is(inventory.base_name(*row)))
                        .collect();
                    among(&selector, rows.iter().map(|row| inventory.path(*row)))?
                        .and_then(|path| inventory.find(&path))
                }
            };
            found.ok_or_else(|| selector.missing())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: &str = "5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0";

    #[test]
    fn four_ways_to_say_it() {
        let path = StorePath::from_base_name(BASE).unwrap();
        for text in [
            format!("/nix/store/{BASE}"),
            format!("/nix/store/{BASE}/bin/demo"),
            BASE.to_owned(),
        ] {
            assert_eq!(
                PathSelector::parse(&text).unwrap(),
                PathSelector::Exact(path.clone())
            );
        }
        for text in [&BASE[..32], "demo-1.0"] {
            assert!(PathSelector::parse(text).unwrap().is(BASE), "{text}");
        }
        assert!(!PathSelector::parse("demo-1").unwrap().is(BASE));
        assert!(!PathSelector::parse("demo-1.0").unwrap().is("short"));
        for text in ["", "/etc/passwd", "/nix/store/x", "/nix/store"] {
            assert!(PathSelector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_names_and_no_others() {
        let near = |name: &str| -> Vec<String> {
            let names = [
                "ledger-4.1",
                "ledger-4.2",
                "ledger-cli-1.0",
                "curl-8.7.1",
                "zlib-1.3",
                "ledger-4.2.drv",
            ];
            let paths = names.iter().map(|name| {
                StorePath::from_base_name(&format!("{}-{name}", "1".repeat(32))).unwrap()
            });
            nearest(name, paths)
                .iter()
                .map(|path| path.name().to_owned())
                .collect()
        };
        assert_eq!(
            near("ledger"),
            ["ledger-4.1", "ledger-4.2", "ledger-cli-1.0"]
        );
        assert_eq!(near("legder-4.2")[0], "ledger-4.2");
        assert_eq!(near("CURL"), ["curl-8.7.1"]);
        assert_eq!(near("crul"), ["curl-8.7.1"]);
        assert_eq!(near("ledger-4.2.drv")[0], "ledger-4.2.drv");
        assert_eq!(near("postgresql"), Vec::<String>::new());
    }

    #[test]
    fn one_of_several_is_none() {
        let path =
            |digit: &str| StorePath::from_base_name(&format!("{}-demo", digit.repeat(32))).unwrap();
        let selector = PathSelector::parse("demo").unwrap();
        assert_eq!(among(&selector, []).unwrap(), None);
        assert_eq!(among(&selector, [path("1")]).unwrap(), Some(path("1")));
        let error = among(&selector, ["1", "2", "3", "4"].map(path)).unwrap_err();
        let reported = format!("{error:?}");
        assert!(
            reported.contains("4 paths are called demo") && reported.contains('…'),
            "{reported}"
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,60}", base in ".{0,60}") {
            if let Ok(selector) = PathSelector::parse(&text) {
                let _ = selector.is(&base);
                let _ = selector.shown();
            }
        }
    }
}
