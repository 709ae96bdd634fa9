//! `plans`: plans that wait for a second administrator, and the rule that makes them wait.
//!
//! In: a server; the id of a plan. Out: the list, one of them, the rule; or a plan that is carried out: the second confirmation, the end of
//! one that waits, another rule.

mod list;
mod seen;

use super::args::Change;
use super::args::plans::{Confirm, DropPlan, Plans, PlansCommand, SetRule};
use super::change::{carry_out, carry_out_accepting};
use super::error::{CliError, Kind};
use super::keys::own_way;
use super::nothing::nothing;
use super::out::Out;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::Plan;
use crate::change::access::About;
use crate::change::audit::who::login;
use crate::change::two::{TwoError, drop_plan, set_rule};
use crate::domain::two_persons::{FoundPlan, Group, Rule, TwoPersons};
use crate::domain::{Explain as _, Notice};
use crate::server::Server;

/// Runs it.
pub(super) async fn run(session: &Session, args: &Plans, out: &mut Out) -> Result<u8, CliError> {
    match &args.what {
        None | Some(PlansCommand::List) => unless_stopped(Box::pin(list::all(session, out))).await,
        Some(PlansCommand::Show(one)) => {
            unless_stopped(Box::pin(list::one(session, &one.id, out))).await
        }
        Some(PlansCommand::Rule) => unless_stopped(Box::pin(list::rule(session, out))).await,
        Some(PlansCommand::Confirm(args)) => confirm(session, args, out).await,
        Some(PlansCommand::Drop(args)) => drop_one(session, args, out).await,
        Some(PlansCommand::SetRule(args)) => set(session, args, out).await,
    }
}

impl From<TwoError> for CliError {
    fn from(error: TwoError) -> Self {
        let kind = match &error {
            TwoError::None(_) => Kind::Usage,
            error if error.is_policy() => Kind::Policy,
            error if error.is_conflict() => Kind::Conflict,
            _ => Kind::Server,
        };
        Self::new(kind, error)
    }
}

/// The plan of this id; a few of its first characters are enough where only one begins so.
fn find<'a>(two: &'a TwoPersons, id: &str) -> Result<&'a FoundPlan, CliError> {
    if two.hidden {
        return Err(hidden());
    }
    let begins = |plan: &&FoundPlan| id.len() >= 4 && plan.id.starts_with(id);
    let mut found = two.plans.iter().filter(begins);
    match (found.next(), found.next()) {
        (Some(plan), None) => Ok(plan),
        _ => Err(TwoError::None(crate::domain::text::visible(id).into_owned()).into()),
    }
}

fn hidden() -> CliError {
    CliError::new(
        Kind::Server,
        Notice::new(
            "the plans that wait are hidden from this login",
            "log in as root, or allow `sudo -n`",
        ),
    )
}

async fn confirm(session: &Session, args: &Confirm, out: &mut Out) -> Result<u8, CliError> {
    let (server, plan) = unless_stopped(Box::pin(prepare(session, args))).await?;
    let options = Change {
        dry_run: args.dry_run,
        yes: args.yes,
        reason: None,
    };
    let accepted = &args.accept.concerns;
    let code = match own_way(Ok(plan), args.my_own_key, &options) {
        Ok(Ok(plan)) => carry_out_accepting(session, &server, plan, &options, accepted, out).await,
        Ok(Err(error)) => Err(error.into()),
        Err(error) => Err(error),
    };
    server.link().close().await;
    code
}

/// Connects, and plans it again from what is there now.
async fn prepare(session: &Session, args: &Confirm) -> Result<(Server, Plan), CliError> {
    let server = session.connect().await?;
    let two = server.two_persons().await?;
    let found = find(&two, &args.id)?;
    let planned = seen::planned(session, &server, args, &two, found).await?;
    Ok((server, planned))
}

async fn drop_one(session: &Session, args: &DropPlan, out: &mut Out) -> Result<u8, CliError> {
    let prepare = async {
        let server = session.connect().await?;
        let two = server.two_persons().await?;
        let mut plan = drop_plan(&About::of(&server), find(&two, &args.id)?);
        plan.reason.clone_from(&args.change.reason);
        Ok((server, plan))
    };
    let (server, plan) = unless_stopped(Box::pin(prepare)).await?;
    let code = carry_out(session, &server, plan, &args.change, out).await;
    server.link().close().await;
    code
}

async fn set(session: &Session, args: &SetRule, out: &mut Out) -> Result<u8, CliError> {
    let groups: &[Group] = match (args.none, args.groups.as_slice()) {
        (true, _) => &[],
        (false, []) => &Group::ALL,
        (false, groups) => groups,
    };
    let rule = Rule {
        groups: groups.iter().copied().collect(),
        valid: args.valid,
    };
    // Before the connection: an invalid rule is reported without one.
    let rule = Rule::parse(&rule.text()).map_err(|error| CliError::usage(error.notice()))?;
    let prepare = async {
        let server = session.connect().await?;
        let two = server.two_persons().await?;
        let planned = set_rule(&About::of(&server), &two, &rule);
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    let code = match planned {
        Ok(mut plan) => {
            plan.reason.clone_from(&args.change.reason);
            carry_out(session, &server, plan, &args.change, out).await
        }
        Err(TwoError::Nothing) => {
            let same = "the server has this rule already";
            nothing("set-rule", session.name(), same, out)
        }
        Err(error) => Err(error.into()),
    };
    server.link().close().await;
    code
}
