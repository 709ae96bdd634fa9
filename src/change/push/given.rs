//! What is pushed, as it is typed.
//!
//! In: store paths, files below them, links to them; a host or a store address. Out: store paths; an address that Nix takes.

use crate::domain::store_path::STORE_DIR;
use crate::domain::text::visible;
use crate::domain::{Notice, StorePath, notice};
use std::path::{Component, Path, PathBuf};

/// Links that are followed, one to the next.
const MOST_LINKS: usize = 40;

/// The paths of arguments, each once.
pub fn paths(given: &[String]) -> Result<Vec<StorePath>, Notice> {
    let mut paths: Vec<StorePath> = Vec::new();
    for text in given {
        let path = path(text)?;
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// One path. The store itself need not be in its place, so links are followed by hand and only up to it.
pub fn path(text: &str) -> Result<StorePath, Notice> {
    let mut at = PathBuf::from(text);
    for _ in 0..MOST_LINKS {
        if let Some(path) = in_store(&at) {
            return path.map_err(|why| {
                let text = visible(text);
                notice!("\"{text}\" is no store path: {why}", "copy it whole")
            });
        }
        let Ok(to) = std::fs::read_link(&at) else {
            break;
        };
        at = match at.parent() {
            Some(parent) => parent.join(to),
            None => to,
        };
    }
    let text = visible(text);
    Err(notice!(
        "\"{text}\" is neither a store path of this machine nor a link to one",
        "write {STORE_DIR}/… or a link such as ./result"
    ))
}

/// The store path that a file is in; `None` for one outside of the store.
fn in_store(file: &Path) -> Option<Result<StorePath, String>> {
    let rest = file.strip_prefix(STORE_DIR).ok()?;
    let Component::Normal(base) = rest.components().next()? else {
        return None;
    };
    if rest.components().any(|part| part == Component::ParentDir) {
        return Some(Err("it goes back up".to_owned()));
    }
    let base = base.to_string_lossy();
    Some(StorePath::from_base_name(&base).map_err(|error| error.to_string()))
}

/// The address of a store: as Nix writes it, or a host.
pub fn store(text: &str) -> Result<String, Notice> {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    if text.is_empty() || text.starts_with('-') || text.chars().any(odd) {
        let text = visible(text);
        return Err(notice!(
            "\"{text}\" is no store",
            "write a host, or an address such as ssh://build.example.org or /mnt"
        ));
    }
    let address = text.contains("://") || text.contains('?') || text.starts_with('/');
    if address || ["auto", "daemon", "local"].contains(&text) {
        return Ok(text.to_owned());
    }
    Ok(format!("ssh-ng://{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    const PATH: &str = "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0";

    #[test]
    fn paths_and_links_to_them() {
        let folder = tempfile::tempdir().unwrap();
        symlink(format!("{PATH}/bin"), folder.path().join("one")).unwrap();
        symlink("one", folder.path().join("result")).unwrap();
        symlink("loop", folder.path().join("loop")).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let given = [PATH.to_owned(), format!("{PATH}/bin/x"), at("result")];
        let found = paths(&given).unwrap();
        assert_eq!(found, [StorePath::parse(PATH).unwrap()]);
        for wrong in [
            "",
            "demo",
            "/nix/store",
            "/nix/store/demo",
            "/etc/passwd",
            &at("loop"),
        ] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
        assert!(path(&format!("{PATH}/../x")).is_err());
    }

    #[test]
    fn stores() {
        for (text, expected) in [
            ("build.example.org", "ssh-ng://build.example.org"),
            ("ada@build", "ssh-ng://ada@build"),
            ("ssh://build", "ssh://build"),
            ("/mnt", "/mnt"),
            ("local?root=/x", "local?root=/x"),
            ("daemon", "daemon"),
        ] {
            assert_eq!(store(text).unwrap(), expected);
        }
        for wrong in ["", "-oProxyCommand=x", "a b", "a\n"] {
            assert!(store(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(/nix/store/)?.{0,60}") {
            let _ = (path(&text), store(&text));
        }
    }
}
