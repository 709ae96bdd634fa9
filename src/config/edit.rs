//! One entry of the configuration file, written by the program.
//!
//! In: a file, and what an entry is to be. Out: the same file, byte for byte, but for that entry; or why not, with the line that the user
//! may write. It is read before and after: an edit that would change anything else is not made.

use super::{Config, ConfigError, read_file, shown};
use crate::domain::{Explain as _, Notice};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Keeps the columns of the store's list; the file as it is called, or why it is as it was.
pub fn save_columns(file: &Path, words: &[&str]) -> Result<String, Notice> {
    let all: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let value = format!("[{}]", all.join(", "));
    let wanted: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    save(file, "columns", "store", &value, |config| {
        config.store_columns = Some(wanted);
    })
}

/// Keeps a filter under a name of letters, digits, `-` and `_`.
pub fn save_filter(file: &Path, name: &str, query: &str) -> Result<String, Notice> {
    save(file, "filters", name, &quoted(query), |config| match config
        .filters
        .iter_mut()
        .find(|(own, _)| own == name)
    {
        Some((_, own)) => query.clone_into(own),
        None => config.filters.push((name.to_owned(), query.to_owned())),
    })
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn save(
    file: &Path,
    table: &str,
    key: &str,
    value: &str,
    change: impl FnOnce(&mut Config),
) -> Result<String, Notice> {
    let yourself = || format!("write {key} = {value} below [{table}] yourself");
    let failed = |error: std::io::Error| {
        Notice::new(format!("cannot write {}: {error}", shown(file)), yourself())
    };
    // What a link leads to is written, and stays where it is.
    let there = std::fs::canonicalize(file);
    let there = there.as_deref().unwrap_or(file);
    let before = match read_file(there) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let same = |config: Result<Config, ConfigError>| {
        let mut config = config.map_err(|error| error.notice())?;
        // Filters have no order, and lines move.
        config.filters.sort();
        config.keys.iter_mut().for_each(|remap| remap.line = 0);
        Ok::<Config, Notice>(config)
    };
    let mut wanted = Config::parse(&before, file).map_err(|error| error.notice())?;
    change(&mut wanted);
    let wanted = same(Ok(wanted))?;
    let after = with_entry(&before, table, key, value);
    let after = after.filter(|text| same(Config::parse(text, file)).is_ok_and(|is| is == wanted));
    let Some(after) = after else {
        return Err(Notice::new(
            format!("{} has [{table}] in another form", shown(file)),
            yourself(),
        ));
    };
    write(there, &after).map_err(failed)?;
    Ok(shown(file))
}

/// The text with an entry in a table, whatever it was there before; `None` where the table is written in another way.
fn with_entry(text: &str, table: &str, key: &str, value: &str) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let own = document.get_ref().get(table).map(toml::Spanned::get_ref);
    if let Some(own) = own.and_then(DeValue::as_table)
        && let Some(old) = own.get(key)
    {
        let span = old.span();
        let (front, rest) = (text.get(..span.start)?, text.get(span.end..)?);
        return Some(format!("{front}{value}{rest}"));
    }
    let line = format!("{key} = {value}\n");
    if own.is_none() {
        let blank = match text {
            "" => "",
            text if text.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        return Some(format!("{text}{blank}[{table}]\n{line}"));
    }
    let head = format!("[{table}]");
    let mut at = 0;
    for own in text.split_inclusive('\n') {
        at += own.len();
        let bare = own.split('#').next().unwrap_or_default().trim();
        if bare == head {
            let blank = if own.ends_with('\n') { "" } else { "\n" };
            return Some(format!("{}{blank}{line}{}", &text[..at], &text[at..]));
        }
    }
    None
}

/// In one step, with the mode that the file has.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let bits = match std::fs::metadata(file) {
        Ok(facts) if facts.permissions().readonly() => {
            return Err(std::io::ErrorKind::PermissionDenied.into());
        }
        Ok(facts) => facts.permissions().mode() & 0o777,
        Err(_) => 0o600,
    };
    let new = file.with_extension(format!("new-{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(bits)
        .open(&new)
        .and_then(|mut out| {
            out.write_all(text.as_bytes())?;
            out.sync_all()
        })
        .and_then(|()| std::fs::rename(&new, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "theme = \"dark\" # mine\n\n[filters] # named\nold = \"older:30d\"  # a month\n\n[servers.prod]\nhost = \"cache.example.org\"\n";

    fn saved(text: &str, name: &str, query: &str) -> (Result<String, Notice>, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, text).unwrap();
        let result = save_filter(&file, name, query);
        (result, std::fs::read_to_string(&file).unwrap())
    }

    #[test]
    fn everything_else_stays() {
        let (result, text) = saved(FILE, "big", "size:>1G");
        assert!(result.is_ok());
        assert_eq!(
            text,
            FILE.replace("# named\n", "# named\nbig = \"size:>1G\"\n")
        );
        let (_, text) = saved(FILE, "old", "older:90d");
        assert_eq!(text, FILE.replace("older:30d", "older:90d"));
        let (_, text) = saved("mouse = true", "a", "bad");
        assert_eq!(text, "mouse = true\n\n[filters]\na = \"bad\"\n");
    }

    #[test]
    fn what_cannot_be_edited_is_said_with_the_line_to_write() {
        for text in ["filters = { old = \"bad\" }\n", "filters.old = \"bad\"\n"] {
            let (result, after) = saved(text, "big", "size:>1G");
            let why = result.unwrap_err().to_string();
            assert!(why.contains("big = \"size:>1G\" below [filters]"), "{why}");
            assert_eq!(after, text);
        }
        // What looks like the head of the table and is a text.
        let text = "[filters]\nx = \"\"\"\n[columns]\n\"\"\"\n";
        let (result, after) = saved(text, "big", "size:>1G");
        assert!(result.is_err() && after == text, "{after}");
        let (result, after) = saved("themes = 1\n", "big", "size:>1G");
        assert!(result.unwrap_err().to_string().contains("theme"));
        assert_eq!(after, "themes = 1\n");
    }

    #[test]
    fn mode_and_link_stay_and_a_file_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |file: &Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        let file = folder.path().join("deep/config.toml");
        save_columns(&file, &["name", "trust"]).unwrap();
        assert_eq!(mode(&file), 0o600);
        let config = Config::load(Some(&file)).unwrap();
        assert_eq!(config.store_columns.unwrap(), ["name", "trust"]);
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        save_filter(&link, "x", "bad").unwrap();
        assert!(link.is_symlink());
        assert_eq!(mode(&file), 0o640);
        assert_eq!(
            std::fs::read_dir(file.parent().unwrap()).unwrap().count(),
            1
        );
        // One that is not to be written is not replaced, also by root.
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).unwrap();
        let before = std::fs::read(&file).unwrap();
        assert!(save_filter(&link, "y", "bad").is_err());
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }

    proptest! {
        /// Whatever is saved is what is read, beside all that was there.
        #[test]
        fn what_is_saved_is_read(name in "[A-Za-z0-9_-]{1,12}", query in "[ -~é\"\\\\]{1,20}") {
            let (result, text) = saved(FILE, &name, &query);
            prop_assert!(result.is_ok(), "{:?}", result);
            let config = Config::parse(&text, Path::new("f")).unwrap();
            prop_assert!(config.filters.contains(&(name, query)));
            prop_assert_eq!(config.theme.as_deref(), Some("dark"));
        }

        #[test]
        fn no_text_makes_it_fall(text in "[\\[\\]filters=\"'#\n. a]{0,60}") {
            let _ = with_entry(&text, "filters", "a", "\"b\"");
        }
    }
}
