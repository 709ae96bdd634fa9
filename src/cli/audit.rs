//! `audit`: the changes made on a server, and whether their log is intact.
//!
//! In: the log on the server, what its journal has of it, and the copy on this machine. Out: its records, or with `--verify`
//! all that is wrong with it and all that could not be found out.

use super::args::audit::Audit;
use super::error::{CliError, Kind};
use super::out::{Out, say};
use super::session::Session;
use crate::change::Failure;
use crate::change::audit::{self, Look, Record, Verification, Witness, copy};
use crate::domain::count::count;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    file: &'a str,
    records: &'a [Entry<'a>],
    whole: bool,
    broken: Option<Broken>,
    missing: Option<String>,
    /// Records in the log that can be read, and how many of them are not listed for their age.
    total: usize,
    older: usize,
    parts: &'a [String],
    flaws: Vec<Flaw>,
    flaws_total: usize,
    unknown: &'a [String],
    vouched_by: Vec<&'static str>,
    compared: &'a [String],
}

/// A flaw of a line, or a record that is missing: that has no line.
#[derive(Serialize)]
struct Flaw {
    file: Option<String>,
    line: Option<usize>,
    id: Option<String>,
    message: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    lifetime: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
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

/// Runs it. Exit code 1 if something is wrong with the log; with `--verify` also if something is not known.
pub(super) async fn run(session: &Session, args: &Audit, out: &mut Out) -> Result<u8, CliError> {
    let server = session.connect().await?;
    let copy = copy::read(copy::state_folder().as_deref(), session.name());
    let most = if args.verify { 0 } else { args.last as usize };
    let look = audit::look(&server, copy, most).await?;
    let file = server.spec().audit_log.clone();
    server.link().close().await;
    let Look {
        verification,
        records,
        older,
    } = &look;
    let whole = verification.whole();
    if out.json() {
        out.document(&Document {
            schema: 1,
            server: session.name(),
            file: &file,
            records: &records.iter().map(entry).collect::<Vec<_>>(),
            whole,
            broken: verification.broken().map(|broken| Broken {
                line: broken.at.line,
                message: broken.why.to_string(),
            }),
            missing: verification.missing.first().map(ToString::to_string),
            total: verification.records,
            older: *older,
            parts: &verification.files,
            flaws: flaws(verification),
            flaws_total: verification.flaws_total + verification.missing_total,
            unknown: &verification.unknown,
            vouched_by: verification
                .vouched_by
                .iter()
                .map(|witness| word(witness))
                .collect(),
            compared: &verification.notes,
        })?;
    } else if args.verify {
        for line in audit::summary(&file, verification) {
            out.line(&line)?;
        }
    } else {
        if *older > 0 {
            out.line(&format!(
                "{} not listed; --last N lists more",
                count(*older, "older record")
            ))?;
        }
        list(records, verification, out)?;
        let with = if verification.is_broken() {
            "the audit log is damaged"
        } else {
            "not all of the audit log could be checked"
        };
        if !whole {
            say(&format!(
                "storekeeper: {with}; run storekeeper audit {} --verify",
                super::why::shell(session.name())
            ));
        }
    }
    let good = whole || (!args.verify && !verification.is_broken());
    Ok(if good { 0 } else { Kind::Server.code() })
}

const fn word(witness: &Witness) -> &'static str {
    match witness {
        Witness::Copy => "copy",
        Witness::Journal => "journal",
        Witness::Signature(_) => "signature",
    }
}

fn flaws(verification: &Verification) -> Vec<Flaw> {
    let lines = verification.flaws.iter().map(|flaw| Flaw {
        file: flaw.at.file.clone(),
        line: Some(flaw.at.line),
        id: flaw.id.clone(),
        message: flaw.why.to_string(),
    });
    let missing = verification.missing.iter().map(|missing| Flaw {
        file: missing.changed_in.as_ref().and_then(|at| at.file.clone()),
        line: missing.changed_in.as_ref().map(|at| at.line),
        id: Some(missing.id.clone()),
        message: missing.to_string(),
    });
    lines.chain(missing).collect()
}

fn entry(record: &Record) -> Entry<'_> {
    Entry {
        id: &record.id,
        at: &record.at,
        by: &record.by,
        change: &record.change,
        summary: &record.summary,
        reason: record.reason.as_deref(),
        lifetime: record.lifetime.as_deref(),
        from: record.from.as_deref(),
        result: &record.result,
        done: record.done,
        failed: &record.failed,
        seconds: record.seconds,
    }
}

fn list(records: &[Record], found: &Verification, out: &mut Out) -> Result<(), CliError> {
    if records.is_empty() {
        return out.line(if found.is_broken() {
            "no record can be read"
        } else {
            "no change is recorded"
        });
    }
    for record in records {
        out.line(&format!(
            "{}  {}  {:<9}  {}  {}",
            record.at, record.id, record.result, record.by, record.summary
        ))?;
        for (label, text) in [
            ("reason", &record.reason),
            ("lifetime", &record.lifetime),
            ("from", &record.from),
        ] {
            if let Some(text) = text {
                out.line(&format!("    {label:<6}  {text}"))?;
            }
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
