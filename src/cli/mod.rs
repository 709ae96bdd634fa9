//! The command line: one file per subcommand, text and JSON from the same values.
//!
//! In: arguments. Out: a result on standard output, an error as one sentence on standard error, an exit code.

mod args;
mod error;
mod keygen;
mod man;
mod out;

use args::{Args, Command};
use clap::Parser as _;
use error::CliError;
use out::Out;
use std::process::ExitCode;

/// Does what the arguments of this process say.
pub fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => {
            // Help or version. A closed pipe is nobody's problem.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let json = arguments.iter().any(|argument| argument == "--json");
            return fail(&error.into(), json);
        }
    };
    let json = args.common.json;
    match run(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error, json),
    }
}

fn run(args: Args) -> Result<u8, CliError> {
    let mut out = Out::stdout(args.common.json);
    let code = match args.command {
        Some(Command::Keygen(keygen)) => keygen::run(&keygen, &mut out).map(|()| 0),
        Some(Command::Completions(shell)) => man::completions(&shell, &mut out).map(|()| 0),
        Some(Command::Man(page)) => man::man(&page, &mut out).map(|()| 0),
        _ => Err(CliError::usage("not yet; wait")),
    }?;
    out.flush()?;
    Ok(code)
}

/// Tells an error: the sentence on standard error, with `--json` also the object on standard output.
fn fail(error: &CliError, json: bool) -> ExitCode {
    if let CliError::Told { sentence, .. } = error {
        out::say(&format!("storekeeper: {sentence}"));
    }
    if let (true, Some(object)) = (json, error.json()) {
        let mut out = Out::stdout(true);
        let _ = out.line(&object).and_then(|()| out.flush());
    }
    ExitCode::from(error.code())
}
