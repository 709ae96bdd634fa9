//! Writing an exported list.
//!
//! In: a list and a file's name. Out: the file, for its owner alone, which is there whole or not at all; what is there already stays.

use crate::console::types::export::{Export, Form, Rows, field};
use crate::domain::count::number;
use crate::domain::csv;
use crate::link::tilde;
use crate::load::Element;
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Writes it; says what came of it.
pub(super) fn write(file: &Path, form: Form, list: &Export) -> String {
    // As in a shell.
    let file = &tilde(&file.to_string_lossy());
    let shown = file.display().to_string();
    let shown = crate::domain::text::visible(&shown);
    match put(file, form, list) {
        Ok(()) => format!("{} rows are in {shown}", number(list.len())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            format!("{shown} is there already and stays as it is; name another file")
        }
        Err(error) => format!("{shown} can't be written: {error}"),
    }
}

fn put(file: &Path, form: Form, list: &Export) -> io::Result<()> {
    if fs::symlink_metadata(file).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut new = file.as_os_str().to_owned();
    new.push(format!(".new-{}", std::process::id()));
    let new = PathBuf::from(new);
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let mut out = BufWriter::new(made);
    let written = match form {
        Form::Json => json(&mut out, list),
        Form::Csv => lines(&mut out, list),
    };
    let placed = written
        .and_then(|()| out.flush())
        // Of two that are written at once, the second finds the first.
        .and_then(|()| fs::hard_link(&new, file));
    let _ = fs::remove_file(&new);
    placed
}

/// `{"schema":1,NAME:[…]}`, an element a line.
fn json(out: &mut impl Write, list: &Export) -> io::Result<()> {
    write!(out, "{{\"schema\":1,\"{}\":[", list.name)?;
    let mut comma = "\n";
    match &list.rows {
        Rows::Paths(inventory, rows) => {
            for row in rows.iter() {
                out.write_all(comma.as_bytes())?;
                serde_json::to_writer(&mut *out, &Element::of_row(inventory, *row))?;
                comma = ",\n";
            }
        }
        Rows::Values(rows) => {
            for row in rows {
                out.write_all(comma.as_bytes())?;
                serde_json::to_writer(&mut *out, row)?;
                comma = ",\n";
            }
        }
    }
    out.write_all(b"\n]}\n")
}

fn lines(out: &mut impl Write, list: &Export) -> io::Result<()> {
    let mut head = false;
    let mut line = |row: &Value| {
        let Value::Object(row) = row else {
            return Ok(());
        };
        if !std::mem::replace(&mut head, true) {
            out.write_all(csv::line(row.keys()).as_bytes())?;
        }
        out.write_all(csv::line(row.values().map(field)).as_bytes())
    };
    match &list.rows {
        Rows::Paths(inventory, rows) => rows
            .iter()
            .try_for_each(|row| line(&serde_json::to_value(Element::of_row(inventory, *row))?)),
        Rows::Values(rows) => rows.iter().try_for_each(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt as _;

    fn list(rows: Vec<Value>) -> Export {
        Export {
            name: "roots",
            rows: Rows::Values(rows),
        }
    }

    #[test]
    fn a_file_is_there_whole_and_for_its_owner_or_stays_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.json");
        let all = list(vec![
            json!({"link": "a\u{1b}", "paths": 1}),
            json!({"link": "=b", "paths": null}),
        ]);
        assert!(write(&file, Form::Json, &all).starts_with("2 rows are in "));
        let read: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(read["schema"], 1);
        assert_eq!(read["roots"][1]["link"], "=b");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        // What is there stays, be it a link that leads nowhere.
        let before = fs::read(&file).unwrap();
        assert!(write(&file, Form::Csv, &all).contains("is there already"));
        assert_eq!(fs::read(&file).unwrap(), before);
        let link = folder.path().join("link.csv");
        std::os::unix::fs::symlink("/nowhere/at-all", &link).unwrap();
        assert!(write(&link, Form::Csv, &all).contains("is there already"));
        let csv = folder.path().join("list.csv");
        write(&csv, Form::Csv, &all);
        assert_eq!(
            fs::read_to_string(&csv).unwrap(),
            "\"link\",\"paths\"\r\n\"a\u{1b}\",\"1\"\r\n\"'=b\",\"\"\r\n"
        );
        // Nothing else is left.
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 3);
        assert!(write(Path::new("/nowhere/x.csv"), Form::Csv, &all).contains("can't be written"));
    }
}
