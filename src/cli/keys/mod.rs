//! `keys`: who may log in to the cache, and changes of that.
//!
//! In: a server, and a key. Out: a list with what each key can do, a verdict on one key, or a plan that is carried out.

mod check;
mod list;
mod review;
mod sign_cert;
pub(super) mod which;

use super::args::{self, access};
use super::change::carry_out_accepting;
use super::error::{CliError, Kind};
use super::given;
use super::nothing::nothing;
use super::out::{Out, say};
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::access::{
    self as changes, About, AccessError, authorize, expire, resume, revoke, suspend,
};
use crate::change::{Operation, Plan};
use crate::domain::Notice;
use crate::domain::Remedy;
use crate::domain::When;
use crate::domain::access::AccessFacts;
use crate::domain::authorized_keys::NewKey;
use crate::domain::notice;
use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::judge::access::of_candidate;
use crate::judge::concern::Concern;
use crate::judge::finding::{Finding, Level};
use crate::judge::hygiene;
use crate::server::Server;
use access::KeysCommand;

/// What a subcommand plans: the plan, or why there is nothing to do.
type Planned = Result<Plan, AccessError>;

/// Runs it.
pub(super) async fn run(
    session: &Session,
    args: &access::Keys,
    out: &mut Out,
) -> Result<u8, CliError> {
    match &args.what {
        KeysCommand::List => unless_stopped(Box::pin(list::run(session, out))).await,
        KeysCommand::Check(check) => {
            unless_stopped(Box::pin(check::run(session, check, out))).await
        }
        KeysCommand::Review(args) if args.mark => {
            change(
                session,
                &args.change,
                &[],
                "review",
                out,
                |server, facts| {
                    let reason = args.change.reason.clone();
                    Ok(changes::review(&About::of(server), facts, reason))
                },
            )
            .await
        }
        KeysCommand::Review(args) => {
            unless_stopped(Box::pin(review::run(session, args, out))).await
        }
        KeysCommand::Authorize(authorize) => {
            let (key, _) = given::key(&authorize.file, authorize.comment.as_deref())?;
            refuse(&key, &hygiene::of_key(&key))?;
            let new = NewKey {
                key,
                restrict: true,
                from: authorize.from.clone(),
                expires: authorize.expires.from(When::now()),
            };
            change(
                session,
                &authorize.change,
                &authorize.accept.concerns,
                "authorize",
                out,
                |server, facts| {
                    admit(facts, &new.key)?;
                    let reason = authorize.change.reason.clone();
                    let into = authorize.into.as_deref();
                    Ok(self::authorize(
                        &About::of(server),
                        facts,
                        &new,
                        into,
                        reason,
                    ))
                },
            )
            .await
        }
        KeysCommand::SignCert(args) => Box::pin(sign_cert::run(session, args, out)).await,
        KeysCommand::Revoke(args) => no_more(session, args, "revoke", revoke, out).await,
        KeysCommand::Suspend(args) => no_more(session, args, "suspend", suspend, out).await,
        KeysCommand::Resume(args) => {
            change(
                session,
                &args.change,
                &[],
                "resume",
                out,
                |server, facts| {
                    let key = which::key(facts, &args.key)?;
                    let reason = args.change.reason.clone();
                    Ok(resume(&About::of(server), facts, key, reason))
                },
            )
            .await
        }
        KeysCommand::Expire(args) => {
            change(
                session,
                &args.change,
                &[],
                "expire",
                out,
                |server, facts| {
                    let key = which::key(facts, &args.key)?;
                    let login = &server.facts().user;
                    let reason = args.change.reason.clone();
                    let planned = expire(
                        &About::of(server),
                        facts,
                        login,
                        key,
                        args.when.from(When::now()),
                        reason,
                    );
                    own_way(planned, args.my_own_key, &args.change)
                },
            )
            .await
        }
    }
}

/// Has sshd refuse a key: `plan` takes its lines away for good or for a while.
async fn no_more(
    session: &Session,
    args: &access::Refuse,
    name: &'static str,
    plan: fn(&About, &AccessFacts, &str, Fingerprint, bool, Option<String>) -> Planned,
    out: &mut Out,
) -> Result<u8, CliError> {
    change(session, &args.change, &[], name, out, |server, facts| {
        let key = which::key(facts, &args.key)?;
        let login = &server.facts().user;
        let reason = args.change.reason.clone();
        let end = !args.keep_sessions;
        let planned = plan(&About::of(server), facts, login, key, end, reason);
        own_way(planned, args.my_own_key, &args.change)
    })
    .await
}

/// Connects, reads, plans, and carries the plan out.
async fn change(
    session: &Session,
    options: &args::Change,
    accepted: &[Concern],
    word: &'static str,
    out: &mut Out,
    plan: impl FnOnce(&Server, &AccessFacts) -> Result<Planned, CliError>,
) -> Result<u8, CliError> {
    let prepare = async {
        let server = session.connect().await?;
        let facts = server.access().await?;
        let planned = plan(&server, &facts);
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    let code = match planned {
        Ok(planned) => {
            confirm_and_run_accepting(session, &server, planned, options, accepted, word, out).await
        }
        Err(error) => Err(error),
    };
    server.link().close().await;
    code
}

/// Has a plan confirmed and runs it, or says that there is nothing to do.
pub(super) async fn confirm_and_run(
    session: &Session,
    server: &Server,
    planned: Planned,
    options: &args::Change,
    word: &'static str,
    out: &mut Out,
) -> Result<u8, CliError> {
    confirm_and_run_accepting(session, server, planned, options, &[], word, out).await
}

/// The same, with what `--accept` names.
pub(super) async fn confirm_and_run_accepting(
    session: &Session,
    server: &Server,
    planned: Planned,
    options: &args::Change,
    accepted: &[Concern],
    word: &'static str,
    out: &mut Out,
) -> Result<u8, CliError> {
    match planned {
        Ok(plan) => carry_out_accepting(session, server, plan, options, accepted, out).await,
        Err(AccessError::Nothing(why)) => nothing(word, session.name(), &why, out),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a key that these findings refuse.
pub(super) fn refuse(key: &PublicSshKey, findings: &[Finding]) -> Result<(), CliError> {
    let Some(worst) = findings.iter().find(|found| found.level == Level::Refuse) else {
        return Ok(());
    };
    let fix = worst
        .fix
        .as_ref()
        .map_or("ask for another key", Remedy::text);
    Err(CliError::new(
        Kind::Policy,
        Notice::new(
            format!(
                "the key {} is not authorized: {}",
                key.fingerprint(),
                worst.message
            ),
            fix,
        ),
    ))
}

/// Refuses a weak key, and reports what else there is to say about one that is authorized.
pub(super) fn admit(facts: &AccessFacts, key: &PublicSshKey) -> Result<(), CliError> {
    let findings = of_candidate(facts, key);
    refuse(key, &findings)?;
    // What is there already is an error of its own.
    let reported = |found: &&Finding| found.level == Level::Warning && found.code != "duplicate";
    for finding in findings.iter().filter(reported) {
        say(&format!("storekeeper: {}", finding.notice().visible()));
    }
    Ok(())
}

/// One's own way in takes more than a yes that a script has given beforehand.
pub(super) fn own_way(
    planned: Planned,
    allowed: bool,
    options: &args::Change,
) -> Result<Planned, CliError> {
    if let Ok(plan) = &planned
        && let Operation::Access(operation) = &plan.operation
        && operation.own_way
        && options.yes
        && !allowed
    {
        return Err(CliError::new(
            Kind::Policy,
            notice!(
                "this is the key that you are logged in with",
                "leave --yes out to be asked, or add --my-own-key"
            ),
        ));
    }
    Ok(planned)
}

/// The mark in front of a finding; never colour alone.
pub(super) const fn mark(level: Level) -> char {
    match level {
        Level::Note => '.',
        Level::Warning => '!',
        Level::Refuse => 'x',
    }
}

/// The lines of findings.
pub(super) fn print_findings(
    findings: &[Finding],
    indent: &str,
    out: &mut Out,
) -> Result<(), CliError> {
    for finding in findings {
        out.line(&format!(
            "{indent}{} {}",
            mark(finding.level),
            finding.notice().visible()
        ))?;
    }
    Ok(())
}
