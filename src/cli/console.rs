//! The console, and the demo that it can open on.
//!
//! In: arguments. Out: the console on this terminal until it is left; for `demo --listen` a server until a signal comes.

use super::args::{self, Args, Common};
use super::error::{CliError, Kind};
use super::out::{self, Out};
use super::signals::stop;
use super::status;
use crate::config::{Config, Overrides, Target};
use crate::console;
use crate::console::{ConsoleError, End, Examination, Examiner};
use crate::demo::{self, Demo, DemoError, Listening};
use crate::domain::Explain;
use crate::domain::When;
use crate::domain::count::count;
use crate::domain::notice;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many are made before anybody wonders.
const PATHS_AT_ONCE: usize = 50_000;

/// Opens the console on a server.
pub(super) async fn run(args: &Args) -> Result<u8, CliError> {
    let config = Config::load(args.common.config.as_deref())?;
    let server = match &args.server {
        Some(server) => Some(server.as_str()),
        None => config.only_server()?,
    };
    let target = server.map(|server| config.target(server, &args.common.overrides()));
    let target = target.transpose()?;
    needs_terminal("use a subcommand, such as storekeeper status SERVER, where there is none")?;
    Box::pin(open(config, &args.common, target)).await
}

/// Starts the demo; opens the console on it, or only serves.
pub(super) async fn demo(
    args: &args::Demo,
    common: &Common,
    out: &mut Out,
) -> Result<u8, CliError> {
    if args.listen.is_none() {
        needs_terminal("give --listen 127.0.0.1:0 to only serve")?;
    }
    let config = Config::load(common.config.as_deref())?;
    let program = std::env::current_exe().map_err(|error| {
        CliError::new(
            Kind::Server,
            notice!(
                "this program does not find itself: {error}",
                "start it by its full path"
            ),
        )
    })?;
    let mut options = demo::Options::new(program);
    options.paths = args.paths as usize;
    options.seed = args.seed;
    options.listen = args.listen;
    // Ages in it are counted from its epoch: the newest uploads came minutes ago.
    options.epoch = When::now();
    if args.listen.is_some() {
        return serve(options, out).await;
    }
    // The store is made behind the console, which is on the screen by then.
    let demo = Listening::start(options).await?;
    let result = match target(&demo, common) {
        Ok(target) => Box::pin(open(config, common, Some(target))).await,
        Err(error) => Err(error),
    };
    demo.stop().await;
    result
}

/// Says how to get there once the store has been made, and serves until it is stopped, which is how this ends well.
async fn serve(options: demo::Options, out: &mut Out) -> Result<u8, CliError> {
    if options.paths > PATHS_AT_ONCE {
        out::say(&format!(
            "Making a store of {}, which takes some seconds.",
            count(options.paths, "path")
        ));
    }
    let demo = Demo::start(options).await?;
    let served = until_stopped(&demo, out).await;
    demo.stop().await;
    served
}

async fn until_stopped(demo: &Demo, out: &mut Out) -> Result<u8, CliError> {
    for line in demo.instructions().lines() {
        out.line(line)?;
    }
    out.flush()?;
    stop().await;
    Ok(0)
}

/// The demo as a server. Nothing of the user's own configuration of ssh has a say in how it is reached.
fn target(demo: &Listening, common: &Common) -> Result<Target, CliError> {
    let config = Config::parse(&demo.config_text(), Path::new("the demo's configuration"))?;
    let overrides = Overrides {
        identity: None,
        known_hosts: Some(demo.known_hosts_file()),
        ssh_config: Some(PathBuf::from("none")),
        read_only: common.read_only,
        no_cache: common.no_cache,
    };
    let mut target = config.target(demo::NAME, &overrides)?;
    target.state = Some(demo.kept_here());
    Ok(target)
}

fn needs_terminal(next: &str) -> Result<(), CliError> {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(CliError::usage(notice!(
        "the console needs a terminal",
        "{next}"
    )))
}

async fn open(config: Config, common: &Common, target: Option<Target>) -> Result<u8, CliError> {
    let file = config.clone();
    let start = console::Start {
        config,
        overrides: common.overrides(),
        target,
        examiner: Arc::new(Fleet(common.clone())),
    };
    match Box::pin(console::run(start)).await {
        Ok(End::Quit) => Ok(0),
        Ok(End::Interrupted) => Ok(130),
        Err(ConsoleError::Keys { error, line }) => Err(file.complain(line, error.notice()).into()),
        Err(error) => Err(CliError::usage(error)),
    }
}

/// The servers of the configuration, with the common options.
#[derive(Debug)]
struct Fleet(Common);

impl Examiner for Fleet {
    fn examine(&self, server: String) -> Examination {
        let common = self.0.clone();
        Box::pin(async move { status::health(&common, &server).await })
    }
}

impl From<DemoError> for CliError {
    fn from(error: DemoError) -> Self {
        Arc::new(error).into()
    }
}

impl From<Arc<DemoError>> for CliError {
    fn from(error: Arc<DemoError>) -> Self {
        let kind = match &*error {
            DemoError::Listen { .. } => Kind::Usage,
            _ => Kind::Server,
        };
        Self::new(kind, error.notice())
    }
}
