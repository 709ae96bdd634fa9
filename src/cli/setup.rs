//! `setup`: what a new cache server does; and what runs by itself on one that exists, installed or removed.
//!
//! In: names, from the configuration where a server is named. Out: commands to paste or a NixOS module; or a plan that is
//! carried out.

use super::args::{Common, access as args};
use super::error::CliError;
use super::out::Out;
use super::roots::confirm_and_run;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::install::{Planned, install, remove};
use crate::domain::KeyName;
use crate::domain::Notice;
use crate::domain::installable::{Chosen, Installable};
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
    if let (Some(session), Some(what)) = (&session, installable(args)?) {
        return carry(session, what, args, out).await;
    }
    print(session.as_ref(), args, out)?;
    Ok(0)
}

/// What is installed or removed on the server that is named; `None` where text is printed.
fn installable(args: &args::Setup) -> Result<Option<Installable>, CliError> {
    if args.server.is_none() || args.nixos {
        return Ok(None);
    }
    if args.knock && args.lease.is_some() {
        return Err(CliError::usage(notice!(
            "--knock and --lease are installed one by one",
            "give one of them"
        )));
    }
    Ok(if args.gc.is_some() {
        Some(Installable::PolicyTimer)
    } else if args.auto_sign {
        Some(Installable::AutoSign)
    } else if args.knock {
        Some(Installable::Knock)
    } else {
        args.lease.map(|_| Installable::Lease)
    })
}

/// Plans it, and carries it out.
async fn carry(
    session: &Session,
    what: Installable,
    args: &args::Setup,
    out: &mut Out,
) -> Result<u8, CliError> {
    let (server, planned) = unless_stopped(Box::pin(prepare(session, what, args))).await?;
    let word = if args.off {
        what.remove()
    } else {
        what.install()
    };
    confirm_and_run(session, server, planned, &args.change, word, out).await
}

async fn prepare(
    session: &Session,
    what: Installable,
    args: &args::Setup,
) -> Result<(Server, Planned), CliError> {
    if args.off {
        let server = session.connect().await?;
        let planned = remove(&server, what).await?;
        return Ok((server, planned));
    }
    if what == Installable::PolicyTimer {
        return super::policy_timer::prepare(session, &chosen(args)).await;
    }
    let server = session.connect().await?;
    let planned = install(&server, what, &chosen(args), None).await?;
    Ok((server, planned))
}

fn chosen(args: &args::Setup) -> Chosen {
    Chosen {
        names: args.sign_name.clone(),
        never: args.never_sign.clone(),
        uploaders: args.sign_uploader.iter().map(ToString::to_string).collect(),
        when: args.gc.clone(),
        program: Some(args.program.clone()),
        days: args.lease,
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
