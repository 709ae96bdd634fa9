//! `audit`: what was changed on a server, and whether the log of it is whole.
//!
//! In: the log on the server and the copy on this machine. Out: its records, or with `--verify` the first one that is
//! broken.

use super::args;
use super::error::{CliError, Kind};
use super::out::{Out, say};
use super::session::Session;
use crate::change::Failure;
use crate::change::audit::{self, Record, Verification, copy};
use serde::Serialize;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    file: &'a str,
    records: &'a [Entry<'a>],
    whole: bool,
    broken: Option<Broken>,
    missing: Option<String>,
}

/// A record as it is printed: the log's own file format is not part of the output contract.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    at: &'a str,
    by: &'a str,
    change: &'a str,
    summary: &'a str,
    reason: Option<&'a str>,
    result: &'a str,
    done: usize,
    failed: &'a [Failure],
    seconds: f64,
}

#[derive(Serialize)]
struct Broken {
    line: usize,
    message: String,
}

/// Runs it; exit code 1 if the log is not whole.
pub(super) async fn run(
    session: &Session,
    args: &args::Audit,
    out: &mut Out,
) -> Result<u8, CliError> {
    let server = session.connect().await?;
    let log = server.read_audit().await?;
    let file = server.spec().audit_log.clone();
    server.link().close().await;
    let records = audit::read(&log);
    let verification = audit::verify(&log);
    let missing = copy::state_folder()
        .and_then(|state| copy::read(&state, session.name()))
        .and_then(|copy| audit::compare(&log, &copy))
        .map(|missing| missing.to_string());
    let whole = verification.broken.is_none() && missing.is_none();
    if out.json() {
        let entries: Vec<Entry<'_>> = records.iter().map(entry).collect();
        out.document(&Document {
            schema: 1,
            server: session.name(),
            file: &file,
            records: if args.verify { &[] } else { &entries },
            whole,
            broken: verification.broken.as_ref().map(|broken| Broken {
                line: broken.line,
                message: broken.why.to_string(),
            }),
            missing: missing.clone(),
        })?;
    } else if args.verify {
        verdict(&file, &verification, missing.as_deref(), out)?;
    } else {
        list(&records, out)?;
        if !whole {
            say(&format!(
                "storekeeper: the audit log is not whole; storekeeper audit {} --verify says where",
                super::why::shell(session.name())
            ));
        }
    }
    Ok(if whole { 0 } else { Kind::Server.code() })
}

fn entry(record: &Record) -> Entry<'_> {
    Entry {
        id: &record.id,
        at: &record.at,
        by: &record.by,
        change: &record.change,
        summary: &record.summary,
        reason: record.reason.as_deref(),
        result: &record.result,
        done: record.done,
        failed: &record.failed,
        seconds: record.seconds,
    }
}

fn verdict(
    file: &str,
    verification: &Verification,
    missing: Option<&str>,
    out: &mut Out,
) -> Result<(), CliError> {
    let file = crate::domain::text::visible(file);
    match &verification.broken {
        None => out.line(&format!(
            "{file}: {} records, the chain is whole",
            verification.records
        ))?,
        Some(broken) => out.line(&format!(
            "{file}: {} records are in order, then {broken}",
            verification.records
        ))?,
    }
    match missing {
        Some(missing) => out.line(&format!("{file}: {missing}")),
        None => Ok(()),
    }
}

fn list(records: &[Record], out: &mut Out) -> Result<(), CliError> {
    if records.is_empty() {
        return out.line("no change was recorded yet");
    }
    for record in records {
        out.line(&format!(
            "{}  {}  {:<9}  {}  {}",
            record.at, record.id, record.result, record.by, record.summary
        ))?;
        if let Some(reason) = &record.reason {
            out.line(&format!("    reason  {reason}"))?;
        }
        for failure in &record.failed {
            out.line(&format!(
                "    failed  {}: {}",
                failure.item, failure.message
            ))?;
        }
    }
    Ok(())
}
