//! What a subcommand says where there is nothing to do.
//!
//! In: the change that was asked for, and why there is nothing. Out: a sentence, or a document with an empty plan; exit code 0.

use super::error::CliError;
use super::out::Out;
use crate::change::collect::Amounts;
use crate::domain::text::visible;
use serde::Serialize;

/// An answer where there is nothing to do: no plan and no receipt, and no failure.
#[derive(Serialize)]
struct Nothing<'a> {
    schema: u8,
    plan: EmptyPlan<'a>,
}

#[derive(Serialize)]
struct EmptyPlan<'a> {
    change: &'a str,
    server: &'a str,
    summary: &'a str,
    items: [(); 0],
    commands: [(); 0],
    warnings: [(); 0],
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    amounts: Option<&'a Amounts>,
}

/// Says that there is nothing to do.
pub(super) fn nothing(
    change: &str,
    server: &str,
    summary: &str,
    out: &mut Out,
) -> Result<u8, CliError> {
    nothing_of(change, server, summary, None, out)
}

/// The same, of a collection with what it would have come to.
pub(super) fn nothing_of(
    change: &str,
    server: &str,
    summary: &str,
    amounts: Option<&Amounts>,
    out: &mut Out,
) -> Result<u8, CliError> {
    if out.json() {
        out.document(&Nothing {
            schema: 1,
            plan: EmptyPlan {
                change,
                server,
                summary,
                items: [],
                commands: [],
                warnings: [],
                amounts,
            },
        })?;
    } else {
        out.line(&visible(summary))?;
    }
    Ok(0)
}
