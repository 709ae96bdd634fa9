//! `setup`: what a new cache server does; and the knock, installed on one that exists.
//!
//! In: names, from the configuration where a server is named. Out: commands to paste or a NixOS module; or a plan that is
//! carried out.

use super::args::{Common, access as args};
use super::change::carry_out;
use super::error::{CliError, Kind};
use super::ground::no_store;
use super::nothing::nothing;
use super::out::Out;
use super::roots::confirm_and_run;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::Plan;
use crate::change::access::{About, install_knock, knock_to_install};
use crate::change::keep::{install_auto_sign, install_lease};
use crate::domain::KeyName;
use crate::domain::Notice;
use crate::domain::notice;
use crate::domain::text::visible;
use crate::onboard::server::{HEAD, NewServer, Scripts, debian, nixos};
use crate::onboard::{Step, text};
use crate::server::access::KnockInstall;
use crate::server::{AutoSignInstall, LeaseInstall, PolicyTimer, Server, spec};
use serde::Serialize;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    platform: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<&'a str>,
    steps: &'a [Step],
}

/// Runs it.
pub(super) async fn run(
    common: &Common,
    args: &args::Setup,
    out: &mut Out,
) -> Result<u8, CliError> {
    let session = match &args.server {
        Some(server) => Some(Session::new(common, server)?),
        None => None,
    };
    match session {
        Some(_) if args.knock && args.lease.is_some() && !args.nixos => {
            Err(CliError::usage(notice!(
                "--knock and --lease are installed one by one",
                "give one of them"
            )))
        }
        Some(session) if let Some(when) = &args.gc => {
            super::policy_timer::run(&session, when, args, out).await
        }
        Some(session) if args.auto_sign => auto_sign(&session, args, out).await,
        Some(session) if args.knock && !args.nixos => install(&session, args, out).await,
        Some(session)
            if !args.nixos
                && let Some(days) = args.lease =>
        {
            lease(&session, days, args, out).await
        }
        session => {
            print(session.as_ref(), args, out)?;
            Ok(0)
        }
    }
}

fn print(session: Option<&Session>, args: &args::Setup, out: &mut Out) -> Result<(), CliError> {
    // The texts put it into commands and file names.
    if !KeyName::new(&args.key_name).is_ok_and(|name| name.is_plain()) {
        return Err(CliError::usage(Notice::new(
            format!(
                "\"{}\" can't name the key of a new server: its texts take letters, digits, '.', '_' and '-'",
                visible(&args.key_name)
            ),
            "take one such as cache.example.org-1",
        )));
    }
    let settings = session.map(|session| &session.target.settings);
    let name = |named: Option<&String>, default: &str| match named {
        Some(named) => named.clone(),
        None => default.to_owned(),
    };
    let new = NewServer {
        cache_user: name(settings.map(|s| &s.cache_user), spec::CACHE_USER),
        key_name: args.key_name.clone(),
        requests_dir: name(settings.map(|s| &s.requests_dir), spec::REQUESTS_DIR),
        audit_log: name(settings.map(|s| &s.audit_log), spec::AUDIT_LOG),
        knock: args.knock.then(KnockInstall::script_text),
        lease: args.lease.map(|days| (days, LeaseInstall::script_text())),
    };
    plain(&new)?;
    let (platform, module, steps) = if args.nixos {
        let scripts = Scripts {
            knock: KnockInstall::script_text(),
            lease: LeaseInstall::script_text(),
            auto_sign: AutoSignInstall::script_text(),
            append: AutoSignInstall::append_text(),
            policy: PolicyTimer::script_text(),
        };
        let module = nixos(&new, &scripts);
        ("nixos", Some(module), Vec::new())
    } else {
        ("debian", None, debian(&new))
    };
    if out.json() {
        return out.document(&Document {
            schema: 1,
            platform,
            module: module.as_deref(),
            steps: &steps,
        });
    }
    let written = module.unwrap_or_else(|| text(HEAD, &steps));
    for line in written.lines() {
        out.line(&visible(line))?;
    }
    Ok(())
}

/// sshd splits its lines at blanks and knows tokens and quotes.
fn plain(new: &NewServer) -> Result<(), CliError> {
    let words = KnockInstall {
        script: "/".to_owned(),
        user: "x".to_owned(),
        lines_file: String::new(),
        requests_dir: new.requests_dir.clone(),
        cache_user: new.cache_user.clone(),
        addresses: false,
    };
    if words.is_plain() {
        return Ok(());
    }
    Err(CliError::usage(notice!(
        "cache_user or requests_dir has characters that sshd would read in its own way",
        "choose plain ones"
    )))
}

async fn install(session: &Session, args: &args::Setup, out: &mut Out) -> Result<u8, CliError> {
    let planned = unless_stopped(Box::pin(prepare(session, args))).await?;
    let (server, plan) = planned;
    let code = match plan {
        Some(plan) => carry_out(session, &server, plan, &args.change, out).await,
        None => nothing(
            "install-knock",
            session.name(),
            "the knock is installed there already",
            out,
        ),
    };
    server.link().close().await;
    code
}

/// Installs the lease.
async fn lease(
    session: &Session,
    days: u32,
    args: &args::Setup,
    out: &mut Out,
) -> Result<u8, CliError> {
    let prepare = async {
        let server = session.connect().await?;
        let install = LeaseInstall::of(&server, days).ok_or_else(no_store)?;
        let found = server.lease_facts(&install).await?;
        let planned = install_lease(&About::of(&server), &found, install);
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    confirm_and_run(session, server, planned, &args.change, "install-lease", out).await
}

/// Installs signing that runs by itself.
async fn auto_sign(session: &Session, args: &args::Setup, out: &mut Out) -> Result<u8, CliError> {
    let prepare = async {
        let server = session.connect().await?;
        let (names, never) = (args.sign_name.clone(), args.never_sign.clone());
        let keys = args.sign_uploader.iter().map(ToString::to_string).collect();
        let install = AutoSignInstall::of(&server, names, never, keys).ok_or_else(|| {
            CliError::new(
                Kind::Server,
                notice!(
                    "the server has no key file of its own that can sign, or it is not known in which folder its store is",
                    "set secret-key-files in its nix.conf or signing_key in the configuration, and log in as root"
                ),
            )
        })?;
        let found = server.auto_sign_facts(&install).await?;
        let planned = install_auto_sign(&About::of(&server), found, install);
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    let word = "install-auto-sign";
    confirm_and_run(session, server, planned, &args.change, word, out).await
}

/// Connects and makes the plan; none where it is installed already.
async fn prepare(
    session: &Session,
    args: &args::Setup,
) -> Result<(Server, Option<Plan>), CliError> {
    let server = session.connect().await?;
    let found = server.knock_facts().await?;
    let settings = &session.target.settings;
    let install = knock_to_install(&found, &settings.cache_user, &settings.requests_dir);
    let reads = server.access().await?.sshd.settings.ok();
    let command = reads.and_then(|settings| settings.authorized_keys_command);
    let in_use = command.is_some_and(|command| {
        command
            .split_ascii_whitespace()
            .eq(install.command().split(' '))
    });
    if found.script_there && in_use {
        return Ok((server, None));
    }
    let reason = args.change.reason.clone();
    let plan = install_knock(&About::of(&server), &found, install, reason)?;
    Ok((server, Some(plan)))
}
