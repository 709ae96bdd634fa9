//! `why` for people.
//!
//! In: the document. Out: lines: the path with its obstacles, and where a client was named, its way with the verdict.

use super::attempt::Attempt;
use super::{Client, Document};
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::domain::count::count;
use crate::domain::{Bytes, Remedy};
use crate::judge::way::{State, Verdict};

/// Writes it.
pub(super) fn print(document: &Document, out: &mut Out) -> Result<(), CliError> {
    of_path(document, out)?;
    match &document.client {
        Some(client) => of_client(client, out),
        None => Ok(()),
    }
}

fn of_client(client: &Client, out: &mut Out) -> Result<(), CliError> {
    let way = &client.way;
    out.line("")?;
    let head = format!("client  {} {}", way.fingerprint, way.comment);
    out.line(head.trim_end())?;
    for step in &way.steps {
        out.line(&format!(
            "  {} {:<11} {}",
            step.state.mark(),
            step.id,
            step.message
        ))?;
        // What is fine needs no next step.
        let remedy = step.remedy.as_ref().filter(|_| step.state != State::Fine);
        for line in remedy.iter().flat_map(|remedy| remedy.text().lines()) {
            out.line(&format!("                -> {line}"))?;
        }
    }
    out.line(&format!("verdict {}", way.sentence()))?;
    match &client.attempt {
        Some(attempt) => of_attempt(attempt, way.verdict, out),
        None => Ok(()),
    }
}

fn of_attempt(attempt: &Attempt, verdict: Verdict, out: &mut Out) -> Result<(), CliError> {
    out.line("")?;
    out.line(&format!("try     {}", attempt.command))?;
    for line in &attempt.said {
        out.line(&format!("        {line}"))?;
    }
    let (became, expected) = if attempt.copied {
        ("the client got the path", Verdict::Yes)
    } else {
        ("the client did not get the path", Verdict::No)
    };
    out.line(&format!("result  {became}"))?;
    if verdict != expected && verdict != Verdict::Unknown {
        out.line("        this is not what the steps say: another address, another release of Nix, or something that is not looked at here")?;
    }
    Ok(())
}

fn of_path(document: &Document, out: &mut Out) -> Result<(), CliError> {
    out.line(&document.path)?;
    let Some(closure) = &document.closure else {
        for obstacle in &document.obstacles {
            out.line(&format!("  {}", obstacle.message))?;
        }
        return document
            .nearest
            .iter()
            .try_for_each(|path| out.line(&format!("  nearest     {path}")));
    };
    out.line(&format!(
        "  closure     {}, {}",
        count(closure.paths, "path"),
        Bytes(closure.nar_size)
    ))?;
    if document.would_copy {
        return out.line("  obstacles   none: a client that trusts the keys of this cache gets it");
    }
    out.line(&format!(
        "  obstacles   {}: a client refuses it",
        document.obstacles.len()
    ))?;
    let mut fixes: Vec<&str> = Vec::new();
    for obstacle in &document.obstacles {
        out.line(&format!("  {:<11} {}", obstacle.kind, obstacle.path))?;
        out.line(&format!("              {}", obstacle.message))?;
        if let Some(fix) = obstacle
            .fix
            .as_ref()
            .map(Remedy::text)
            .filter(|fix| !fixes.contains(fix))
        {
            fixes.push(fix);
        }
    }
    fixes
        .iter()
        .try_for_each(|fix| out.line(&format!("  next        {fix}")))
}
