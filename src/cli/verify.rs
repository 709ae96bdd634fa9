//! `verify`: contents of store paths against their NAR hash.
//!
//! In: a server; paths, or all of them. Out: which are damaged; with --repair or --delete, a plan that is carried out.

use super::args::roots::Verify;
use super::error::CliError;
use super::find;
use super::looked::Looked;
use super::out::{Out, say};
use super::progress::Progress;
use super::roots::confirm_and_run;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::access::About;
use crate::change::contents::{self, Compared, Damage, End, TIMES_MOVED};
use crate::change::keep::{delete, repair};
use crate::domain::count::count;
use crate::domain::text::visible;
use crate::domain::{Bytes, StorePath};
use crate::server::Server;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema: u8,
    checked: usize,
    nar_size: u64,
    corrupt: &'a [Damage],
    failed: &'a [Damage],
    access_times: &'static str,
}

/// The store, and what was found in it.
struct Found {
    looked: Looked,
    compared: Compared,
}

/// Runs it; exit 1 if a path is damaged or could not be read.
pub(super) async fn run(session: &Session, args: &Verify, out: &mut Out) -> Result<u8, CliError> {
    let look = async {
        let server = session.connect_to_read().await?;
        let found = verify(&server, session, args).await?;
        Ok((server, found))
    };
    let (server, found) = unless_stopped(Box::pin(look)).await?;
    let compared = &found.compared;
    if compared.times_moved {
        say(&format!("storekeeper: {TIMES_MOVED}"));
    }
    let damaged: Vec<StorePath> = compared
        .corrupt
        .iter()
        .map(|one| one.path.clone())
        .collect();
    let about = About::of(&server);
    let planned = if args.repair {
        repair(&about, &found.looked.inventory, &damaged)
    } else if args.delete {
        let keep = found.looked.keep();
        delete(&about, found.looked.kept(&keep), &damaged)
    } else {
        server.link().close().await;
        return print(compared, out);
    };
    let word = if args.repair { "repair" } else { "delete" };
    for one in &compared.failed {
        say(&format!(
            "storekeeper: {}: {}",
            one.path,
            visible(&one.message)
        ));
    }
    let code = confirm_and_run(session, server, planned, &args.change, word, out).await?;
    Ok(if compared.failed.is_empty() {
        code
    } else {
        code.max(1)
    })
}

async fn verify(server: &Server, session: &Session, args: &Verify) -> Result<Found, CliError> {
    let progress = Progress::new(session.quiet);
    let looked = Looked::at(session, server, &progress).await?;
    let inventory = &looked.inventory;
    let rows = if args.paths.is_empty() {
        contents::all(inventory)
    } else {
        find::rows(inventory, &args.paths)?
    };
    progress.total(rows.len());
    let (tell, mut events) = mpsc::unbounded_channel();
    let never = CancellationToken::new();
    let follow = async {
        while let Some(event) = events.recv().await {
            progress.follow(event);
        }
    };
    let compare = contents::compare(server, inventory, &rows, tell, &never);
    let ((compared, end), ()) = tokio::join!(compare, follow);
    progress.finish();
    match end {
        End::Whole | End::Cancelled => Ok(Found { looked, compared }),
        End::Broken(error) => Err(error.into()),
    }
}

fn print(found: &Compared, out: &mut Out) -> Result<u8, CliError> {
    let fine = found.corrupt.is_empty() && found.failed.is_empty();
    if out.json() {
        out.document(&Document {
            schema: 1,
            checked: found.checked,
            nar_size: found.bytes,
            corrupt: &found.corrupt,
            failed: &found.failed,
            access_times: if found.times_moved { "moved" } else { "kept" },
        })?;
        return Ok(u8::from(!fine));
    }
    for one in &found.corrupt {
        out.line(&format!("x {}", one.path))?;
        out.line(&format!("    {}", visible(&one.message)))?;
    }
    for one in &found.failed {
        out.line(&format!("? {}", one.path))?;
        out.line(&format!("    {}", visible(&one.message)))?;
    }
    out.line(&format!(
        "{}, {}: {} damaged, {} could not be compared",
        count(found.checked, "path"),
        Bytes(found.bytes),
        found.corrupt.len(),
        found.failed.len()
    ))?;
    if !found.corrupt.is_empty() {
        out.line("repair them with --repair, or delete them with --delete")?;
    }
    Ok(u8::from(!fine))
}
