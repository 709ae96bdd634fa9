//! `docs/cli.md`: every subcommand with its arguments.
//!
//! In: the command tree. Out: the page; a test fails where the one that is kept differs.

use super::args::Args;
use clap::{Arg, Command, CommandFactory as _};
use std::fmt::Write as _;

const HEAD: &str = "# The command line

Written from the program's own help by a test: what `storekeeper SUBCOMMAND --help` says is here, and nothing else is.
";

/// The whole page.
fn document() -> String {
    let mut program = Args::command().disable_help_subcommand(true);
    program.build();
    let mut page = HEAD.to_owned();
    section(&mut page, &program, 2);
    let _ = write!(page, "\n### Common options\n\n");
    table(
        &mut page,
        program.get_arguments().filter(|arg| arg.is_global_set()),
    );
    for command in program.get_subcommands() {
        section(&mut page, command, 2);
        for nested in command.get_subcommands() {
            section(&mut page, nested, 3);
        }
    }
    page
}

fn section(page: &mut String, command: &Command, level: usize) {
    if command.is_hide_set() {
        return;
    }
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let _ = write!(
        page,
        "\n{} {name}\n\n{}\n\n",
        "#".repeat(level),
        sentence(&about)
    );
    let usage: Vec<&str> = usage.lines().map(str::trim).collect();
    let _ = write!(page, "```\n{}\n```\n", usage.join("\n"));
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_global_set() && !arg.is_hide_set())
        .filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"))
        .collect();
    if !own.is_empty() {
        page.push('\n');
        table(page, own.into_iter());
    }
    if let Some(after) = command.get_after_long_help().or(command.get_after_help()) {
        let _ = write!(page, "\n{}\n", after.to_string().trim_end());
    }
}

fn table<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    page.push_str("| argument | what it does |\n|---|---|\n");
    for arg in arguments {
        let help = arg.get_long_help().or(arg.get_help());
        let mut help = sentence(&help.map(ToString::to_string).unwrap_or_default());
        let values: Vec<String> = arg
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set() && arg.get_action().takes_values())
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        if !values.is_empty() {
            let _ = write!(help, " One of {}.", values.join(", "));
        }
        let defaults: Vec<String> = arg
            .get_default_values()
            .iter()
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        if !defaults.is_empty() && arg.get_action().takes_values() {
            let _ = write!(help, " Default: {}.", defaults.join(", "));
        }
        let shown = arg.to_string();
        let shown = match arg.get_short() {
            Some(short) if !shown.starts_with(&format!("-{short}")) => format!("-{short}, {shown}"),
            _ => shown,
        };
        let _ = writeln!(page, "| `{}` | {} |", cell(&shown), cell(&help));
    }
}

/// One line that ends as a sentence does.
fn sentence(text: &str) -> String {
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| {
            if paragraph.ends_with(['.', ':', ')', '?']) {
                paragraph
            } else {
                format!("{paragraph}.")
            }
        })
        .collect();
    paragraphs.join(" ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// With `STOREKEEPER_UPDATE_DOCS` set, the file is written instead.
#[test]
fn the_page_is_up_to_date() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let made = document();
    if std::env::var_os("STOREKEEPER_UPDATE_DOCS").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == made,
        "docs/cli.md is not what the arguments say; run the test with STOREKEEPER_UPDATE_DOCS=1"
    );
}

/// The commands in the fenced blocks of a page, as words.
fn commands(page: &str) -> Vec<Vec<String>> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in page.lines() {
        inside ^= line.starts_with("```");
        let line = line.split(" #").next().unwrap_or_default();
        let line = line.split(" > ").next().unwrap_or_default();
        if inside && line.starts_with("storekeeper ") {
            found.push(shell_words::split(line).unwrap());
        }
    }
    found
}

#[test]
fn every_command_in_the_documentation_is_understood() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let pages = docs
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        // It has usages, not commands.
        .filter(|path| !path.ends_with("cli.md"))
        .chain([root.join("README.md"), root.join("docs/nixos/README.md")]);
    let mut tried = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for words in commands(&text) {
            let parsed = Args::command().try_get_matches_from(&words);
            assert!(parsed.is_ok(), "{}: {words:?}", page.display());
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn every_argument_has_words() {
    fn look(command: &Command) {
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            assert!(arg.get_help().is_some(), "{} {arg}", command.get_name());
        }
        command.get_subcommands().for_each(look);
    }
    look(&Args::command());
}
