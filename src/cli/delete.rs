//! `delete`: chosen store paths, with all that refers to them.
//!
//! In: a server; paths. Out: a plan that is carried out, or the root that keeps one of them.

use super::args::roots::Delete;
use super::error::CliError;
use super::find;
use super::looked::Looked;
use super::out::Out;
use super::progress::Progress;
use super::roots::confirm_and_run;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::access::About;
use crate::change::keep::delete_paths;
use crate::domain::{StorePath, Unknown};

/// Runs it.
pub(super) async fn run(session: &Session, args: &Delete, out: &mut Out) -> Result<u8, CliError> {
    let prepare = async {
        let server = session.connect_to_read().await?;
        let progress = Progress::new(session.quiet);
        let looked = Looked::at(session, &server, &progress).await?;
        let rows = find::rows(&looked.inventory, &args.paths)?;
        let paths: Vec<StorePath> = rows.iter().map(|row| looked.inventory.path(*row)).collect();
        progress.log("looking for sessions since they were uploaded");
        let access = server.access().await;
        let access = access.as_ref().map_err(|why| Unknown::new(why.to_string()));
        progress.finish();
        let keep = looked.keep();
        let planned = delete_paths(&About::of(&server), looked.kept(&keep), &paths, access);
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    confirm_and_run(session, server, planned, &args.change, "delete", out).await
}
