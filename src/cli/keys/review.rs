//! `keys SERVER review`.
//!
//! In: a server. Out: who may log in, since when, by whom approved, why, when used last, and what each key can do; with --mark, a plan that
//! writes into the audit log that it was looked at. Exit code 1 where some keys are not known.

use super::super::args::access::{Form, Review};
use super::super::error::{CliError, Kind};
use super::super::out::Out;
use super::super::session::Session;
use crate::judge::review;

/// Prints it.
pub(super) async fn run(session: &Session, args: &Review, out: &mut Out) -> Result<u8, CliError> {
    let server = session.connect().await?;
    let facts = server.access().await;
    server.link().close().await;
    let facts = facts?;
    let review = review::of(session.name(), &facts);
    let form = if out.json() { Form::Json } else { args.format };
    match form {
        Form::Json => out.document(&review)?,
        Form::Text => out.text(&review::text(&review))?,
        Form::Markdown => out.text(&review::markdown(&review))?,
        Form::Csv => out.text(&review::csv(&review))?,
    }
    let hidden = facts.files.is_empty() || facts.files.iter().any(|file| file.content.is_err());
    Ok(if hidden { Kind::Server.code() } else { 0 })
}
