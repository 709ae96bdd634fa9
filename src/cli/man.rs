//! `man`: what packagers install beside the program.
//!
//! In: the command tree. Out: a page for man(1).

use super::args::{self, Args};
use super::error::CliError;
use super::out::Out;
use crate::domain::Notice;
use crate::domain::text::visible;
use clap::CommandFactory as _;

/// Prints the manual page of the program, or of one subcommand.
pub(super) fn man(args: &args::Man, out: &mut Out) -> Result<(), CliError> {
    let mut program = Args::command().disable_help_subcommand(true);
    program.build();
    let page = match &args.command {
        None => program,
        Some(name) => {
            let found = program
                .get_subcommands()
                .find(|command| command.get_name() == name && !command.is_hide_set());
            let Some(found) = found else {
                let known = program
                    .get_subcommands()
                    .filter(|command| !command.is_hide_set())
                    .map(clap::Command::get_name);
                let near = crate::domain::nearest::nearest(name, known).unwrap_or_default();
                return Err(CliError::usage(Notice::new(
                    format!("there is no subcommand \"{}\"", visible(name)),
                    format!("the nearest is {near}"),
                )));
            };
            found.clone()
        }
    };
    Ok(clap_mangen::Man::new(page).render(out.raw())?)
}
