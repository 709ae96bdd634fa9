//! `plans list`, `plans show`, `plans rule`: what waits, and by which rule.
//!
//! In: a server. Out: text or a document; nothing is changed.

use super::{find, hidden, login};
use crate::change::two::may;
use crate::cli::error::{CliError, Kind};
use crate::cli::out::Out;
use crate::cli::session::Session;
use crate::domain::text::visible;
use crate::domain::two_persons::{FoundPlan, Login, Rule, TwoPersons};
use crate::domain::{Explain, Notice, When};
use serde::Serialize;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    rule: RuleElement<'a>,
    plans: Vec<Element<'a>>,
}

#[derive(Serialize)]
struct RuleElement<'a> {
    file: &'a str,
    changes: Option<Vec<&'static str>>,
    valid: Option<u64>,
    problem: Option<&'a str>,
}

impl<'a> RuleElement<'a> {
    fn of(two: &'a TwoPersons) -> Self {
        let rule = two.rule.as_ref();
        let words = |rule: &Rule| rule.groups.iter().map(|group| group.word()).collect();
        Self {
            file: &two.file,
            changes: rule.ok().map(words),
            valid: rule.ok().map(|rule| rule.valid.0),
            problem: rule.err().map(String::as_str),
        }
    }
}

/// A plan.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    id: &'a str,
    state: &'static str,
    change: Option<&'a str>,
    summary: Option<&'a str>,
    first: Option<&'a Login>,
    at: Option<When>,
    until: Option<When>,
    reason: Option<&'a str>,
    effects: &'a [String],
    /// Whether this login may confirm it.
    confirmable: bool,
    problem: Option<String>,
}

impl<'a> Element<'a> {
    fn of(found: &'a FoundPlan, own: &Login, now: When) -> Self {
        let plan = found.plan.as_ref().ok();
        let may = may(found, own, now);
        Self {
            id: &found.id,
            state: state(found, now),
            change: plan.map(|plan| plan.change.as_str()),
            summary: plan.map(|plan| plan.summary.as_str()),
            first: plan.map(|plan| &plan.first),
            at: plan.map(|plan| plan.at),
            until: plan.map(|plan| plan.until),
            reason: plan.and_then(|plan| plan.reason.as_deref()),
            effects: plan.map_or(&[], |plan| plan.effects.as_slice()),
            confirmable: may.is_ok(),
            problem: may.err().map(|why| why.notice().message),
        }
    }
}

/// `waiting`, `over`, `begun` or `unreadable`.
fn state(found: &FoundPlan, now: When) -> &'static str {
    match &found.plan {
        _ if found.begun => "begun",
        Err(_) => "unreadable",
        Ok(plan) if plan.is_over(now) => "over",
        Ok(_) => "waiting",
    }
}

/// What the server has, and who asks.
async fn look(session: &Session) -> Result<(TwoPersons, Login), CliError> {
    let server = session.connect().await?;
    let (found, own) = (server.two_persons().await, login(&server));
    server.link().close().await;
    let found = found?;
    if found.hidden {
        return Err(hidden());
    }
    Ok((found, own))
}

/// All that wait.
pub(super) async fn all(session: &Session, out: &mut Out) -> Result<u8, CliError> {
    let (two, own) = look(session).await?;
    if out.json() {
        document(session, &two, two.plans.iter(), &own, out)?;
        return Ok(0);
    }
    if two.plans.is_empty() {
        out.line("no plan waits for a second administrator")?;
    }
    for found in &two.plans {
        line(found, &two, &own, out)?;
    }
    Ok(0)
}

fn document<'a>(
    session: &Session,
    two: &TwoPersons,
    plans: impl Iterator<Item = &'a FoundPlan>,
    own: &Login,
    out: &mut Out,
) -> Result<(), CliError> {
    out.document(&Document {
        schema: 1,
        server: session.name(),
        rule: RuleElement::of(two),
        plans: plans.map(|found| Element::of(found, own, two.at)).collect(),
    })
}

fn line(found: &FoundPlan, two: &TwoPersons, own: &Login, out: &mut Out) -> Result<(), CliError> {
    let summary = match &found.plan {
        Ok(plan) => plan.summary.as_str(),
        Err(why) => why.as_str(),
    };
    let state = state(found, two.at);
    out.line(&format!("{}  {state:<9} {summary}", found.id))?;
    if let Ok(plan) = &found.plan {
        out.line(&format!(
            "    planned {} ago by {}, until {}",
            plan.at.age(two.at),
            plan.first,
            plan.until
        ))?;
    }
    if let Err(why) = may(found, own, two.at) {
        out.line(&format!(
            "    . you can't confirm it: {}",
            why.notice().message
        ))?;
    }
    Ok(())
}

/// One of them.
pub(super) async fn one(session: &Session, id: &str, out: &mut Out) -> Result<u8, CliError> {
    let (two, own) = look(session).await?;
    let found = find(&two, id)?;
    if out.json() {
        document(session, &two, std::iter::once(found), &own, out)?;
        return Ok(0);
    }
    line(found, &two, &own, out)?;
    if let Ok(plan) = &found.plan {
        if let Some(reason) = &plan.reason {
            out.line(&format!("    reason: {reason}"))?;
        }
        for effect in &plan.effects {
            out.line(&format!("    {effect}"))?;
        }
    }
    Ok(0)
}

/// The rule.
pub(super) async fn rule(session: &Session, out: &mut Out) -> Result<u8, CliError> {
    let (two, own) = look(session).await?;
    if out.json() {
        document(session, &two, std::iter::empty(), &own, out)?;
        return Ok(0);
    }
    let rule = two.rule.as_ref().map_err(|why| {
        CliError::new(
            Kind::Server,
            Notice::new(
                format!("which changes need a second administrator is not known, so all are refused: {why}"),
                format!("root on the server has to correct {}", visible(&two.file)),
            ),
        )
    })?;
    out.line(&rule.to_string())?;
    for group in &rule.groups {
        out.line(&format!(
            "  {:<10} {}",
            group.word(),
            group.changes().join(", ")
        ))?;
    }
    Ok(0)
}
