//! Guesses for mistyped commands and servers.
//!
//! In: the arguments that were not understood, or a server that does not answer. Out: the command line that was probably meant.

use super::args::Args;
use super::error::{CliError, Kind};
use crate::domain::Notice;
use crate::domain::nearest::edits;
use crate::domain::text::visible;
use clap::CommandFactory as _;
use std::ffi::OsString;

/// More edits than a third make another word.
fn alike<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).max(1);
    known
        .map(|known| (edits(word, known), known))
        .filter(|(edits, _)| *edits <= most)
        .min()
        .map(|(_, known)| known)
}

/// The command line that these arguments were meant as: a subcommand that is misspelled, or the server behind what to do
/// instead of before it.
fn meant(arguments: &[OsString]) -> Option<String> {
    let root = Args::command();
    let words: Vec<&str> = arguments
        .iter()
        .skip(1)
        .map_while(|word| word.to_str())
        .collect();
    let at = words.iter().position(|word| !word.starts_with('-'))?;
    let first = words[at];
    let named = |name: &str| root.get_subcommands().find(|one| one.get_name() == name);
    let mut meant: Vec<&str> = words.clone();
    if let Some(command) = named(first) {
        // `keys list prod` for `keys prod list`.
        let (what, server) = (words.get(at + 1)?, words.get(at + 2)?);
        let nested = |name: &str| command.get_subcommands().any(|one| one.get_name() == name);
        if !nested(what) || nested(server) || server.starts_with('-') {
            return None;
        }
        meant.swap(at + 1, at + 2);
    } else {
        // With one word alone, it is a server.
        words.get(at + 1)?;
        meant[at] = alike(first, root.get_subcommands().map(clap::Command::get_name))?;
    }
    let quoted = meant.iter().map(|word| shell_words::quote(word));
    let line = quoted.collect::<Vec<_>>().join(" ");
    Some(format!("storekeeper {}", visible(&line)))
}

/// An error in the arguments, with what was meant.
pub(super) fn explain(error: clap::Error, arguments: &[OsString]) -> CliError {
    let kind = error.kind();
    let reported = CliError::from(error);
    let wrong = matches!(
        kind,
        clap::error::ErrorKind::UnknownArgument
            | clap::error::ErrorKind::InvalidSubcommand
            | clap::error::ErrorKind::MissingRequiredArgument
    );
    match (reported, meant(arguments).filter(|_| wrong)) {
        (CliError::Message { kind, notice }, Some(line)) => CliError::new(
            kind,
            Notice::new(notice.message, format!("did you mean {line}?")),
        ),
        (reported, _) => reported,
    }
}

/// A server that was not reached, with the one of the configuration that has nearly this name.
pub(super) fn server(error: CliError, name: &str, known: &[String]) -> CliError {
    let near = alike(name, known.iter().map(String::as_str));
    match (error, near.filter(|near| *near != name)) {
        (
            CliError::Message {
                kind: kind @ (Kind::Connect | Kind::Auth | Kind::HostKey),
                notice,
            },
            Some(near),
        ) => CliError::new(
            kind,
            Notice::new(
                notice.to_string(),
                format!("did you mean {near}, a server of the configuration?"),
            ),
        ),
        (error, _) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn reported(line: &str) -> String {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        match Args::try_parse_from(&arguments) {
            Ok(_) => String::new(),
            Err(error) => explain(error, &arguments).to_string(),
        }
    }

    #[test]
    fn wrong_guesses_get_an_answer() {
        for (typed, meant) in [
            ("storekeeper stats rig", "storekeeper status rig"),
            (
                "storekeeper --json pahts rig older:3d",
                "storekeeper --json paths rig older:3d",
            ),
            ("storekeeper keys list rig", "storekeeper keys rig list"),
            (
                "storekeeper requests approve rig ab12",
                "storekeeper requests rig approve ab12",
            ),
        ] {
            let reported = reported(typed);
            assert!(
                reported.ends_with(&format!("; did you mean {meant}?")),
                "{typed}: {reported}"
            );
        }
        // What is understood, or like nothing, gets no guess.
        for typed in [
            "storekeeper stats",
            "storekeeper rig whatever",
            "storekeeper keys rig lst",
            "storekeeper status",
        ] {
            assert!(
                !reported(typed).contains("did you mean storekeeper"),
                "{typed}"
            );
        }
    }

    #[test]
    fn a_server_that_is_nearly_one_of_the_configuration() {
        let known = ["prod".to_owned(), "staging".to_owned()];
        let error = |name: &str| {
            let error = CliError::new(Kind::Connect, Notice::new("no such host", "check the name"));
            server(error, name, &known).to_string()
        };
        assert!(error("prud").ends_with("did you mean prod, a server of the configuration?"));
        assert!(error("stagin").contains("did you mean staging"));
        for name in ["prod", "cache.example.org", "x"] {
            assert!(!error(name).contains("did you mean"), "{name}");
        }
    }
}
