//! `database`: a checked copy of Nix's database, and a VACUUM of it.
//!
//! In: a server; a file. Out: the file, or a plan that is carried out.

use super::args::database::{Backup, Database, DatabaseCommand, Vacuum};
use super::error::{CliError, Kind};
use super::out::Out;
use super::progress::Progress;
use super::roots::confirm_and_run;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::access::About;
use crate::change::keep::vacuum;
use crate::domain::When;
use crate::domain::text::visible;
use crate::server::{Vacuum as Program, backup_name, backup_place};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    at: When,
    file: &'a Path,
    /// Bytes.
    size: u64,
    paths: u64,
    references: u64,
}

/// Runs it.
pub(super) async fn run(session: &Session, args: &Database, out: &mut Out) -> Result<u8, CliError> {
    match &args.what {
        DatabaseCommand::Backup(backup) => {
            unless_stopped(Box::pin(save(session, backup, out))).await
        }
        DatabaseCommand::Vacuum(args) => shrink(session, args, out).await,
    }
}

async fn save(session: &Session, args: &Backup, out: &mut Out) -> Result<u8, CliError> {
    let at = When::now();
    let file = args
        .file
        .clone()
        .unwrap_or_else(|| backup_name(session.name(), at));
    backup_place(&file).map_err(|why| CliError::new(Kind::Conflict, why))?;
    let server = session.connect().await?;
    let progress = Progress::new(session.quiet);
    progress.log("copying the database");
    let saved = server.back_up(file.clone()).await;
    server.link().close().await;
    progress.finish();
    let saved = saved?;
    if out.json() {
        out.document(&Document {
            schema: 1,
            server: session.name(),
            at,
            file: &file,
            size: saved.size.0,
            paths: saved.paths,
            references: saved.references,
        })?;
    } else {
        out.line(&format!(
            "{}: {}",
            visible(&file.to_string_lossy()),
            saved.words()
        ))?;
    }
    Ok(0)
}

async fn shrink(session: &Session, args: &Vacuum, out: &mut Out) -> Result<u8, CliError> {
    let prepare = async {
        let server = session.connect().await?;
        let program = Program {
            sqlite3: args.sqlite3.clone(),
        };
        let facts = server.vacuum_facts(&program).await?;
        let facts = facts.map_err(|unknown| CliError::new(Kind::Server, unknown))?;
        let planned = vacuum(&About::of(&server), &facts, program);
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    confirm_and_run(session, server, planned, &args.change, "vacuum", out).await
}
