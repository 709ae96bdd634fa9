//! `status`: is this cache well, and are all of them?
//!
//! In: a server, or all servers of the configuration. Out: checks, counts and sizes in the form that was asked for; the exit
//! code is the state, so that a monitor can run it.

mod all;
mod examine;
mod nagios;
mod patience;
mod prometheus;
mod report;
mod text;

pub(super) use all::health;

use super::args::{self, Format};
use super::error::CliError;
use super::out::Out;
use super::prompter::Terminal;
use super::session::Session;
use crate::domain::notice;
use report::ServerStatus;
use serde::Serialize;
use std::sync::Arc;

/// The version of each document, before what it has.
#[derive(Serialize)]
struct Document<T> {
    schema: u8,
    #[serde(flatten)]
    content: T,
}

/// Runs it; the exit code is 0 fine, 1 warning, 2 critical, 3 for a server that can't be reached, and of all servers the worst.
/// For `prometheus` it is 0: the state is in the metrics.
pub(super) async fn run(
    common: &args::Common,
    status: &args::Status,
    out: &mut Out,
) -> Result<u8, CliError> {
    let format = format(common, status)?;
    if status.all {
        let all = all::ask(common, status.timeout).await?;
        return print_all(&all, format, out);
    }
    let Some(server) = &status.server else {
        return Err(CliError::usage(notice!(
            "no server is named",
            "name one, or all with --all"
        )));
    };
    let session = Session::new(common, server)?;
    let asked = Box::pin(examine::examine(&session, Arc::new(Terminal), || ()));
    let asked = all::within(status.timeout, asked).await;
    if matches!(format, Format::Nagios | Format::Prometheus) {
        return print_all(&[ServerStatus::new(session.name(), asked)], format, out);
    }
    let content = &asked?;
    match format {
        Format::Json => out.document(&Document { schema: 1, content })?,
        _ => text::one(content, out)?,
    }
    Ok(content.code())
}

/// The form of the output; `--json` is that of `--format json`.
fn format(common: &args::Common, status: &args::Status) -> Result<Format, CliError> {
    match (common.json, status.format) {
        (false, None) => Ok(Format::Text),
        (true, None | Some(Format::Json)) => Ok(Format::Json),
        (false, Some(format)) => Ok(format),
        (true, Some(_)) => Err(CliError::usage(notice!(
            "--json is one format and --format names another",
            "leave one of them out"
        ))),
    }
}

#[derive(Serialize)]
struct All<'a> {
    state: &'static str,
    servers: &'a [ServerStatus],
}

fn print_all(all: &[ServerStatus], format: Format, out: &mut Out) -> Result<u8, CliError> {
    let worst = all.iter().max_by_key(|asked| asked.code());
    match format {
        Format::Text => text::all(all, out)?,
        Format::Json => out.document(&Document {
            schema: 1,
            content: All {
                state: worst.map_or("fine", ServerStatus::word),
                servers: all,
            },
        })?,
        Format::Nagios => nagios::print(all, out)?,
        Format::Prometheus => {
            prometheus::print(all, out)?;
            return Ok(0);
        }
    }
    Ok(worst.map_or(0, ServerStatus::code))
}
