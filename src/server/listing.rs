//! A store that Nix can't list, because of a row in its database that is no store path.
//!
//! In: Nix's words about the first such row, and where its database is. Out: the command that takes that row out, or the one
//! that finds it. `nix-store --verify` is not it: it lists the store first, and ends at the same row.

use super::error::ServerError;

/// What the assertion says that ends Nix at an empty path.
const EMPTY: &str = "path != \"\"";

/// Turns an error of the listing into one that names the row. Others stay as they are.
pub(super) fn explain(error: ServerError, state_dir: Option<&str>) -> ServerError {
    let (place, why) = match error {
        ServerError::Listing { place, why, .. } => (place, why),
        ServerError::Daemon { place, why } if why.has(EMPTY) => {
            (place, "a row of its database has an empty path".to_owned())
        }
        other => return other,
    };
    let next = next(&why, state_dir);
    ServerError::Listing { place, why, next }
}

/// What to do about a listing that failed with these words.
fn next(why: &str, state_dir: Option<&str>) -> String {
    let database = match state_dir {
        Some(folder) if is_plain(folder) => format!("{folder}/db/db.sqlite"),
        _ => "db/db.sqlite in Nix's state folder".to_owned(),
    };
    match row(why) {
        Some(path) => format!(
            "as root there, copy the database, then run: sqlite3 -cmd 'pragma foreign_keys=on' {database} \"delete from ValidPaths where path = '{path}'\""
        ),
        None => format!(
            "as root there, find the row and delete it by its id: sqlite3 {database} \"select id, path from ValidPaths where path not glob '/nix/store/*-*'\""
        ),
    }
}

/// The path of the row that Nix means, if it can stand in a command as it is.
fn row(why: &str) -> Option<String> {
    // Nix quotes a path as `'…'` or, since 2.34, as `"…"`.
    let Some((start, quote)) = why.char_indices().find(|(_, c)| "'\"".contains(*c)) else {
        return why.ends_with("an empty path").then(String::new);
    };
    let (named, _) = why[start + 1..].split_once(quote)?;
    // Some messages name what follows the folder of the store.
    let path = if named.starts_with('/') || why.contains("not an absolute path") {
        named.to_owned()
    } else {
        format!("/nix/store/{named}")
    };
    // Of a stored `..`, Nix names what it leads to: then the command finds no such row, and deletes nothing.
    (is_plain(&path) && path.len() > 1).then_some(path)
}

/// Whether a shell, SQL and a screen all take this text as it is.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+?=@:, ".contains(c);
    text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_is_named_as_it_is_stored() {
        let named = |why: &str| row(why);
        let hash = "08zjlj9al8nzfc6115i3421bz88ay34z";
        assert_eq!(
            named("path '/tmp/x' is not in the Nix store").as_deref(),
            Some("/tmp/x")
        );
        assert_eq!(
            named("path \"/tmp/x\" is not in the Nix store").as_deref(),
            Some("/tmp/x")
        );
        assert_eq!(
            named("'short' is too short to be a valid store path").as_deref(),
            Some("/nix/store/short")
        );
        assert_eq!(
            named(&format!(
                "store path '{hash}-bad name' contains illegal character ' '"
            )),
            Some(format!("/nix/store/{hash}-bad name"))
        );
        assert_eq!(
            named("not an absolute path: 'relative'").as_deref(),
            Some("relative")
        );
        assert_eq!(named("the database is locked"), None);
    }

    #[test]
    fn nothing_strange_gets_into_a_command() {
        for path in ["/tmp/$(reboot)", "/tmp/`x`", "/tmp/\";drop", "/tmp/\u{1b}"] {
            let next = next(
                &format!("path '{path}' is not in the Nix store"),
                Some("/nix/var/nix"),
            );
            assert!(next.contains("select id, path"), "{next}");
            assert!(!next.contains(path), "{next}");
        }
        let cut = next("path \"/tmp/x' is not in the Nix store", None);
        assert!(cut.contains("select id, path"), "{cut}");
        let strange = next("path '/tmp/x' is bad", Some("/a\"b"));
        assert!(!strange.contains("/a\"b"), "{strange}");
    }

    #[test]
    fn an_empty_path_ends_the_daemon() {
        let error = ServerError::Daemon {
            place: "root@cache".to_owned(),
            why: "closed (Assertion `path != \"\"' failed.)".into(),
        };
        let reported = explain(error, Some("/nix/var/nix")).to_string();
        assert!(reported.contains("empty path"), "{reported}");
        assert!(reported.contains("where path = ''"), "{reported}");
    }
}
