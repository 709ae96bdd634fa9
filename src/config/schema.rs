//! What may stand in the configuration file, as one table, and the check of a document against it.
//!
//! In: a spanned TOML document. Out: the first problem in the order of the file, with its offset and one sentence, or
//! none; after that, reading the document cannot fail. Source of the table: the manual's page on the configuration.

use super::colour::Colour;
use crate::domain::nearest::nearest;
use crate::domain::signature::KeyError;
use crate::domain::text::visible;
use crate::domain::{Age, KeyName, PublicKey, Threshold};
use crate::domain::{Notice, notice};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Any text of one line that is not empty.
    Text,
    /// `true` or `false`.
    Flag,
    /// A TCP port.
    Port,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [&'static str]),
    /// One of these words, or an absolute path on the server.
    WordOrPath(&'static [&'static str]),
    /// An absolute path on the server, where `~` means nothing.
    RemotePath,
    /// A list of those.
    RemotePaths,
    /// A path on this machine.
    LocalPath,
    /// A list of paths on this machine.
    LocalPaths,
    /// A list of public keys as `trusted-public-keys` has them.
    PublicKeys,
    /// A list of names of signing keys.
    KeyNames,
    /// A command line.
    Command,
    /// A key, or a list of keys.
    Keys,
    /// A share such as `15%`, or a size such as `20G`.
    Threshold,
    /// A share such as `15%`.
    Share,
    /// A size such as `20G`.
    Size,
    /// An age such as `7d`.
    Age,
    /// A table with these entries.
    Table(&'static [Field]),
    /// A table with names of the user's choice.
    Named(&'static Kind),
}

/// One known name.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    kind: Kind,
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

/// The file.
pub(super) const ROOT: &[Field] = &[
    field("theme", Kind::Text),
    field("mouse", Kind::Flag),
    field("ascii", Kind::Flag),
    field("keys", Kind::Named(&Kind::Keys)),
    field("filters", Kind::Named(&Kind::Text)),
    field("columns", Kind::Table(COLUMNS)),
    field("servers", Kind::Named(&Kind::Table(SERVER))),
];

/// The columns that the console's list of paths can have.
pub const STORE_COLUMNS: [&str; 8] = [
    "name",
    "size",
    "closure",
    "added",
    "used",
    "kept",
    "referrers",
    "trust",
];

const COLUMNS: &[Field] = &[field("store", Kind::Words(&STORE_COLUMNS))];

const SERVER: &[Field] = &[
    field("host", Kind::Text),
    field("user", Kind::Text),
    field("port", Kind::Port),
    field("identity_files", Kind::LocalPaths),
    field("jump", Kind::Text),
    field("sudo", Kind::Word(&["auto", "always", "never"])),
    field("reader", Kind::Word(&["auto", "database", "daemon"])),
    field("read_only", Kind::Flag),
    field("colour", Kind::Word(Colour::WORDS)),
    field("cache_user", Kind::Text),
    field("cache_address", Kind::Text),
    field("key_files", Kind::RemotePaths),
    field("signing_key", Kind::RemotePath),
    field("public_keys", Kind::PublicKeys),
    field("retired_keys", Kind::PublicKeys),
    field("upstream_keys", Kind::PublicKeys),
    field("compromised_keys", Kind::KeyNames),
    field("requests_dir", Kind::RemotePath),
    field("audit_log", Kind::RemotePath),
    field("audit_key", Kind::LocalPath),
    field("audit_public_keys", Kind::PublicKeys),
    field("sshd_log", Kind::RemotePath),
    field("pins_dir", Kind::RemotePath),
    field("daemon_command", Kind::Command),
    field("nix_command", Kind::Text),
    field("agent", Kind::WordOrPath(&["auto", "never"])),
    field("thresholds", Kind::Table(THRESHOLDS)),
];

const THRESHOLDS: &[Field] = &[
    field("disk_warning", Kind::Threshold),
    field("disk_critical", Kind::Threshold),
    field("inodes_warning", Kind::Share),
    field("inodes_critical", Kind::Share),
    field("database", Kind::Size),
    field("key_age", Kind::Age),
    field("review_age", Kind::Age),
    field("request_age", Kind::Age),
    field("collection_age", Kind::Age),
];

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Byte offset in the file.
    pub(super) at: usize,
    /// What is wrong, with the next step.
    pub(super) notice: Notice,
}

/// The first problem of a document, in the order of the file.
pub(super) fn check(document: &DeTable<'_>) -> Option<Problem> {
    let mut problems = Vec::new();
    check_table(document, ROOT, "", &mut problems);
    problems.into_iter().min_by_key(|problem| problem.at)
}

fn check_table(table: &DeTable<'_>, fields: &[Field], place: &str, problems: &mut Vec<Problem>) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        match fields.iter().find(|field| field.name == name) {
            Some(field) => check_value(value, field.kind, &join(place, name), problems),
            None => problems.push(Problem {
                at: key.span().start,
                notice: unknown(name, fields, place),
            }),
        }
    }
}

fn unknown(name: &str, fields: &[Field], place: &str) -> Notice {
    let place = if place.is_empty() {
        String::new()
    } else {
        format!(" in [{place}]")
    };
    let near = nearest(name, fields.iter().map(|field| field.name)).unwrap_or_default();
    Notice::new(
        format!("unknown key \"{}\"{place}", visible(name)),
        format!("the nearest known name is \"{near}\""),
    )
}

fn join(place: &str, name: &str) -> String {
    let name = visible(name);
    if place.is_empty() {
        name.into_owned()
    } else {
        format!("{place}.{name}")
    }
}

fn check_value(value: &Spanned<DeValue<'_>>, kind: Kind, place: &str, problems: &mut Vec<Problem>) {
    let data = value.get_ref();
    let result = match kind {
        Kind::Table(fields) => match data.as_table() {
            Some(table) => return check_table(table, fields, place, problems),
            None => Err(wrong(data, "a table")),
        },
        Kind::Named(kind) => match data.as_table() {
            Some(table) => {
                for (key, value) in table {
                    check_value(value, *kind, &join(place, key.get_ref()), problems);
                }
                return;
            }
            None => Err(wrong(data, "a table")),
        },
        Kind::Words(words) => {
            return check_list(value, place, problems, |found| one_of(found, words));
        }
        Kind::RemotePaths => return check_list(value, place, problems, remote_path),
        Kind::LocalPaths => return check_list(value, place, problems, local_path),
        Kind::KeyNames => return check_list(value, place, problems, key_name),
        Kind::PublicKeys => return check_list(value, place, problems, public_key),
        Kind::Keys if data.is_array() => return check_list(value, place, problems, line),
        Kind::Text | Kind::Keys => text(data, line),
        Kind::Flag => match data.as_bool() {
            Some(_) => Ok(()),
            None => Err(wrong(data, "true or false")),
        },
        Kind::Port => match port(data) {
            Some(_) => Ok(()),
            None => Err(wrong(data, "a whole number from 1 to 65535")),
        },
        Kind::Word(words) => text(data, |found| one_of(found, words)),
        Kind::WordOrPath(words) => text(data, |found| {
            if found.starts_with('/') {
                line(found)
            } else {
                one_of(found, words).map_err(|wrong| notice!("{wrong}, or an absolute path"))
            }
        }),
        Kind::RemotePath => text(data, remote_path),
        Kind::LocalPath => text(data, local_path),
        Kind::Command => text(data, |found| {
            line(found)?;
            match shell_words::split(found) {
                Ok(words) if !words.is_empty() => Ok(()),
                _ => Err(notice!("be a command line", "check its quotes")),
            }
        }),
        Kind::Threshold => text(data, |found| {
            Threshold::parse(found).map(|_| ()).map_err(|_| {
                "be a share such as \"15%\" or a size such as \"20G\", with its unit".into()
            })
        }),
        Kind::Share => text(data, |found| match Threshold::parse(found) {
            Ok(Threshold::Percent(_)) => Ok(()),
            _ => Err("be a share such as \"15%\"".into()),
        }),
        Kind::Size => text(data, |found| match Threshold::parse(found) {
            Ok(Threshold::Size(_)) => Ok(()),
            _ => Err("be a size such as \"20G\", with its unit".into()),
        }),
        Kind::Age => text(data, |found| match found.parse::<Age>() {
            Ok(_) => Ok(()),
            Err(_) => Err("be an age such as \"7d\", with its unit".into()),
        }),
    };
    if let Err(must) = result {
        problems.push(complaint(place, must, value.span()));
    }
}

fn check_list(
    value: &Spanned<DeValue<'_>>,
    place: &str,
    problems: &mut Vec<Problem>,
    check: impl Fn(&str) -> Result<(), Notice>,
) {
    let Some(items) = value.get_ref().as_array() else {
        let must = wrong(value.get_ref(), "a list of strings");
        problems.push(complaint(place, must, value.span()));
        return;
    };
    for item in items {
        if let Err(must) = text(item.get_ref(), &check) {
            let place = format!("each of {place}");
            problems.push(complaint(&place, must, item.span()));
        }
    }
}

fn complaint(place: &str, must: Notice, span: Range<usize>) -> Problem {
    Problem {
        at: span.start,
        notice: must.after(format_args!("{place} must ")),
    }
}

fn wrong(found: &DeValue<'_>, wanted: &str) -> Notice {
    Notice::from(match found {
        DeValue::Integer(number) => format!("be {wanted}, not {}", number.as_str()),
        found => {
            let kind = found.type_str();
            let article = if matches!(kind, "integer" | "array") {
                "an"
            } else {
                "a"
            };
            format!("be {wanted}, not {article} {kind}")
        }
    })
}

fn text(data: &DeValue<'_>, check: impl Fn(&str) -> Result<(), Notice>) -> Result<(), Notice> {
    match data.as_str() {
        Some(found) => check(found),
        None => Err(wrong(data, "a string")),
    }
}

/// One line, not empty: a line break in a host, a path or an argument is never meant.
fn line(found: &str) -> Result<(), Notice> {
    if found.is_empty() {
        return Err(notice!(
            "not be empty",
            "leave the line out for the default"
        ));
    }
    if found.chars().any(char::is_control) {
        return Err(notice!(
            "not have control characters",
            "write it on one line"
        ));
    }
    Ok(())
}

fn one_of(found: &str, words: &[&str]) -> Result<(), Notice> {
    if words.contains(&found) {
        return Ok(());
    }
    let known: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    Err(format!("be one of {}, not \"{}\"", known.join(", "), visible(found)).into())
}

fn remote_path(found: &str) -> Result<(), Notice> {
    line(found)?;
    if found.starts_with('/') {
        return Ok(());
    }
    Err(notice!(
        "be an absolute path on the server",
        "begin it with /"
    ))
}

fn local_path(found: &str) -> Result<(), Notice> {
    line(found)?;
    if found.starts_with('~') && found != "~" && !found.starts_with("~/") {
        return Err(notice!(
            "not name another user's home by ~",
            "write the whole path"
        ));
    }
    Ok(())
}

fn public_key(found: &str) -> Result<(), Notice> {
    match PublicKey::parse(found) {
        // One of another algorithm is left out, and reported by `status`.
        Ok(_) | Err(KeyError::Algorithm(_)) => Ok(()),
        Err(error) => Err(notice!(
            "be a public key such as \"cache.example.org-1:…=\", and {error}"
        )),
    }
}

fn key_name(found: &str) -> Result<(), Notice> {
    match KeyName::new(found) {
        Ok(_) => Ok(()),
        Err(error) => Err(notice!(
            "be the name of a key such as \"cache.example.org-1\", and {error}"
        )),
    }
}

/// A port number, if it is one.
pub(super) fn port(data: &DeValue<'_>) -> Option<u16> {
    let number = data.as_integer()?;
    u16::from_str_radix(number.as_str(), number.radix())
        .ok()
        .filter(|port| *port != 0)
}
