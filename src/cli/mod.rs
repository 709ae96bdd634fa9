//! The command line: one file per subcommand, text and JSON from the same values.
//!
//! In: arguments. Out: a result on standard output, an error as one sentence on standard error, an exit code.
//! The order of a subcommand is that of the house: connect, read, judge, print; and for a change plan, confirm, run, report.

mod args;
mod audit;
mod change;
mod complete;
mod compromised;
mod console;
mod database;
mod delete;
mod error;
mod find;
mod gc;
mod given;
mod ground;
mod guess;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod heap;
mod keygen;
mod keys;
mod load;
mod log;
mod looked;
mod man;
mod nothing;
mod onboard;
mod out;
mod paths;
mod plans;
mod policy_timer;
mod progress;
mod prompter;
mod push;
#[cfg(test)]
mod reference;
mod requests;
mod retention;
mod retention_edit;
mod roots;
mod rotate;
mod session;
mod setup;
mod sign;
mod signals;
mod status;
mod terminal;
mod verify;
mod watch;
mod when;
mod why;

use crate::domain::{Notice, notice};
use args::{Args, Command};
use clap::Parser as _;
use error::{CliError, Kind};
use out::Out;
use session::Session;
use signals::unless_stopped;
use std::process::ExitCode;
use std::time::Duration;

/// The first argument with which the demo's replacements of Nix's commands call this program. Not for people.
const SHIM: &str = "demo-shim";

/// How long a thread for arithmetic waits for more of it.
const IDLE: Duration = Duration::from_millis(50);

/// A core dump would hold whatever secret is in memory: passphrases, signing keys. Set before any of them is read.
/// The program goes on if the limit can't be set.
fn no_core_dump() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    // The limit does not hold where dumps go to a program (a core_pattern with a pipe). Programs that are started are dumpable again.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Runs the subcommand that the arguments name.
pub fn main() -> ExitCode {
    no_core_dump();
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|argument| argument == SHIM) {
        // Before clap, which would take `--help` for itself: these are the arguments of another program.
        return ExitCode::from(crate::demo::shim::main(arguments.into_iter().skip(2)));
    }
    if complete::answered(&arguments) {
        return ExitCode::SUCCESS;
    }
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => {
            // Help or version. A closed pipe is no error.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let json = arguments.iter().any(|argument| argument == "--json");
            return fail(&guess::explain(error, &arguments), json);
        }
    };
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if args.command.is_none() {
        heap::give_back();
    }
    let json = args.common.json;
    match run(&args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error, json),
    }
}

fn run(args: &Args) -> Result<u8, CliError> {
    check(args)?;
    let mut out = Out::stdout(args.common.json);
    let code = match &args.command {
        Some(Command::Keygen(keygen)) => keygen::run(keygen, &mut out).map(|()| 0),
        Some(Command::Completions(shell)) => complete::completions(shell, &mut out).map(|()| 0),
        Some(Command::Man(page)) => man::man(page, &mut out).map(|()| 0),
        _ => {
            let log = log::start();
            let version = env!("CARGO_PKG_VERSION");
            tracing::info!(version, "started");
            let code = in_runtime(args, &mut out);
            match &code {
                Ok(code) => tracing::info!(code, "ended"),
                Err(error) => tracing::warn!(code = error.code(), "{error}"),
            }
            // Flushes the log's queue.
            drop(log);
            code
        }
    }?;
    let flushed = out.flush();
    // Without a terminal nobody reads a message; the exit code says how it went.
    if code != Kind::Interrupted.code() {
        flushed?;
    }
    Ok(code)
}

/// What clap cannot check.
fn check(args: &Args) -> Result<(), CliError> {
    if let (Some(server), Some(_)) = (&args.server, &args.command) {
        let server = crate::domain::text::visible(server);
        return Err(CliError::usage(notice!(
            "\"{server}\" is in front of the subcommand",
            "put the server after it"
        )));
    }
    let printing = match &args.command {
        None => "the console",
        Some(Command::Demo(_)) => "demo",
        Some(Command::Completions(_)) => "completions",
        Some(Command::Man(_)) => "man",
        Some(Command::Watch(_)) => "watch",
        Some(Command::Push(push)) if push.follow => "push --follow",
        Some(_) => return Ok(()),
    };
    if args.common.json {
        let instead = match &args.command {
            Some(Command::Watch(_)) => "use --jsonl, one document a line",
            _ => "leave it out",
        };
        return Err(CliError::usage(Notice::new(
            format!("--json has no meaning for {printing}"),
            instead,
        )));
    }
    Ok(())
}

fn in_runtime(args: &Args, out: &mut Out) -> Result<u8, CliError> {
    // One thread: a subcommand has one connection, whose packets would wake a second thread for each of them. Arithmetic
    // and waiting for files are done on threads of their own. The console draws while it reads, so it has two.
    let mut builder = match &args.command {
        None | Some(Command::Demo(_)) => tokio::runtime::Builder::new_multi_thread(),
        Some(_) => tokio::runtime::Builder::new_current_thread(),
    };
    if args.command.is_none() {
        builder.worker_threads(1);
    }
    // A thread that has ended leaves its part of the heap to the next one: many that wait for work would each keep what its last one took.
    builder.thread_keep_alive(IDLE);
    let runtime = builder.enable_all().build().map_err(|error| {
        CliError::new(
            Kind::Server,
            notice!(
                "can't start a thread: {error}",
                "check the process limit (ulimit -u)"
            ),
        )
    })?;
    let result = runtime.block_on(dispatch(args, out));
    // A thread that waits for a key on the terminal must not delay the exit.
    runtime.shutdown_background();
    result
}

/// The futures are boxed: each holds the state of a whole connection.
async fn dispatch(args: &Args, out: &mut Out) -> Result<u8, CliError> {
    let session = |server: &str| Session::new(&args.common, server);
    match &args.command {
        Some(Command::Demo(demo)) => Box::pin(console::demo(demo, &args.common, out)).await,
        Some(Command::Status(status)) => {
            unless_stopped(Box::pin(status::run(&args.common, status, out))).await
        }
        Some(Command::Watch(watch)) => {
            Box::pin(watch::run(&session(&watch.server)?, watch, out)).await
        }
        Some(Command::Paths(paths)) => {
            paths::check(paths)?;
            let session = session(&paths.server)?;
            unless_stopped(Box::pin(paths::run(&session, paths, out))).await
        }
        Some(Command::Why(why)) => {
            let session = session(&why.server)?;
            unless_stopped(Box::pin(why::run(&session, why, out))).await
        }
        Some(Command::Sign(sign)) => {
            Box::pin(sign::run(&mut session(&sign.server)?, sign, out)).await
        }
        Some(Command::Push(push)) => Box::pin(push::run(&args.common, push, out)).await,
        Some(Command::Rotate(rotate)) => {
            Box::pin(rotate::run(&mut session(&rotate.server)?, rotate, out)).await
        }
        Some(Command::Compromised(args)) => {
            Box::pin(compromised::run(&mut session(&args.server)?, args, out)).await
        }
        Some(Command::Keys(keys)) => Box::pin(keys::run(&session(&keys.server)?, keys, out)).await,
        Some(Command::Gc(gc)) => Box::pin(gc::run(&session(&gc.server)?, gc, out)).await,
        Some(Command::Retention(retention)) => {
            let session = session(&retention.server)?;
            Box::pin(retention::run(&session, retention, out)).await
        }
        Some(Command::Plans(plans)) => {
            Box::pin(plans::run(&session(&plans.server)?, plans, out)).await
        }
        Some(Command::Requests(requests)) => {
            let session = session(&requests.server)?;
            Box::pin(requests::run(&session, requests, out)).await
        }
        Some(Command::Roots(roots)) => {
            Box::pin(roots::run(&session(&roots.server)?, roots, out)).await
        }
        Some(Command::Pin(pin)) => {
            Box::pin(roots::pins::add(&session(&pin.server)?, pin, out)).await
        }
        Some(Command::Unpin(unpin)) => {
            Box::pin(roots::pins::remove(&session(&unpin.server)?, unpin, out)).await
        }
        Some(Command::Delete(delete)) => {
            Box::pin(delete::run(&session(&delete.server)?, delete, out)).await
        }
        Some(Command::Verify(verify)) => {
            Box::pin(verify::run(&session(&verify.server)?, verify, out)).await
        }
        Some(Command::Database(database)) => {
            let session = session(&database.server)?;
            Box::pin(database::run(&session, database, out)).await
        }
        Some(Command::Onboard(onboard)) => {
            let session = session(&onboard.server)?;
            unless_stopped(Box::pin(onboard::run(&session, onboard, out))).await
        }
        Some(Command::Setup(setup)) => Box::pin(setup::run(&args.common, setup, out)).await,
        Some(Command::Audit(audit)) => {
            let session = session(&audit.server)?;
            unless_stopped(Box::pin(audit::run(&session, audit, out))).await
        }
        None => console::run(args).await,
        // These need no runtime; `run` has done them.
        Some(Command::Keygen(_) | Command::Completions(_) | Command::Man(_)) => Ok(0),
    }
}

/// Reports an error: the sentence on standard error, with `--json` also the object on standard output.
fn fail(error: &CliError, json: bool) -> ExitCode {
    if let CliError::Message { .. } = error {
        out::say(&format!("storekeeper: {error}"));
    }
    if let (true, Some(object)) = (json, error.json()) {
        let mut out = Out::stdout(true);
        let _ = out.line(&object).and_then(|()| out.flush());
    }
    ExitCode::from(error.code())
}
