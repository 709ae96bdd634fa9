//! `verify`: contents of store paths against their NAR hash.
//!
//! In: a server; paths, or all of them. Out: which are damaged; with --repair or --delete, a plan that is carried out.

use super::args::roots::Verify;
use super::error::CliError;
use super::find;
use super::looked::Looked;
use super::out::{Out, say};
use super::progress::Progress;
use super::roots::settle;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::access::About;
use crate::change::keep::{delete, repair};
use crate::domain::text::visible;
use crate::domain::{Age, Bytes, StorePath};
use crate::inventory::{Inventory, Row};
use crate::server::{Server, Verified};
use serde::Serialize;
use std::time::Instant;

/// Paths of one call, and their bytes: a call ends within a minute on a slow disk, so that progress is seen and it can stop.
const PATHS: usize = 200;
const BYTES: u64 = 1 << 30;

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

#[derive(Serialize)]
struct Damage {
    path: StorePath,
    message: String,
}

/// What was found.
struct Found {
    looked: Looked,
    checked: usize,
    bytes: u64,
    corrupt: Vec<Damage>,
    failed: Vec<Damage>,
    times_kept: bool,
}

/// Runs it; exit 1 if a path is damaged or could not be read.
pub(super) async fn run(session: &Session, args: &Verify, out: &mut Out) -> Result<u8, CliError> {
    let look = async {
        let server = session.connect().await?;
        let found = verify(&server, session, args).await?;
        Ok((server, found))
    };
    let (server, found) = unless_stopped(Box::pin(look)).await?;
    if !found.times_kept {
        say(
            "storekeeper: reading has moved access times there, by which collections go; as root, with unshare and mount, it does not",
        );
    }
    let damaged: Vec<StorePath> = found.corrupt.iter().map(|one| one.path.clone()).collect();
    let about = About::of(&server);
    let planned = if args.repair {
        repair(&about, &found.looked.inventory, &damaged)
    } else if args.delete {
        let keep = found.looked.keep();
        delete(&about, found.looked.kept(&keep), &damaged)
    } else {
        server.link().close().await;
        return tell(&found, out);
    };
    let word = if args.repair { "repair" } else { "delete" };
    for one in &found.failed {
        say(&format!(
            "storekeeper: {}: {}",
            one.path,
            visible(&one.message)
        ));
    }
    let code = settle(session, server, planned, &args.change, word, out).await?;
    Ok(if found.failed.is_empty() {
        code
    } else {
        code.max(1)
    })
}

async fn verify(server: &Server, session: &Session, args: &Verify) -> Result<Found, CliError> {
    let progress = Progress::new(session.quiet);
    let looked = Looked::at(server, &progress).await?;
    let inventory = &looked.inventory;
    let rows = if args.paths.is_empty() {
        (0..inventory.len() as Row)
            .filter(|row| inventory.state(*row).is_present())
            .collect()
    } else {
        find::rows(inventory, &args.paths)?
    };
    let all: u64 = rows.iter().map(|row| size(inventory, *row)).sum();
    progress.total(rows.len());
    let started = Instant::now();
    let (mut checked, mut bytes) = (0, 0);
    let (mut corrupt, mut failed) = (Vec::new(), Vec::new());
    let mut times_kept = true;
    for some in chunks(inventory, &rows) {
        progress.done(checked, &note(bytes, all, started));
        let paths: Vec<StorePath> = some.iter().map(|row| inventory.path(*row)).collect();
        let found: Verified = server.verify(&paths).await?;
        let damage = |(path, message)| Damage { path, message };
        for one in &found.corrupt {
            progress.log(&one.1);
        }
        corrupt.extend(found.corrupt.into_iter().map(damage));
        failed.extend(found.failed.into_iter().map(damage));
        times_kept &= found.times_kept;
        checked += some.len();
        bytes += some.iter().map(|row| size(inventory, *row)).sum::<u64>();
    }
    progress.finish();
    Ok(Found {
        looked,
        checked,
        bytes,
        corrupt,
        failed,
        times_kept,
    })
}

fn size(inventory: &Inventory, row: Row) -> u64 {
    inventory.nar_size(row).unwrap_or_default()
}

/// Bytes, rate and time left.
fn note(done: u64, all: u64, started: Instant) -> String {
    let seconds = started.elapsed().as_secs_f64();
    if done == 0 || seconds < 1.0 {
        return format!("of {}", Bytes(all));
    }
    let rate = done as f64 / seconds;
    let left = all.saturating_sub(done) as f64 / rate;
    format!(
        "{} of {}, {} a second, {} left",
        Bytes(done),
        Bytes(all),
        Bytes(rate as u64),
        Age(left as u64)
    )
}

/// Rows that are asked about together.
fn chunks<'a>(inventory: &Inventory, mut rows: &'a [Row]) -> Vec<&'a [Row]> {
    let mut chunks = Vec::new();
    while !rows.is_empty() {
        let mut bytes = 0;
        let fits = rows.iter().take(PATHS).take_while(|row| {
            bytes += size(inventory, **row);
            bytes <= BYTES
        });
        let (chunk, rest) = rows.split_at(fits.count().max(1));
        chunks.push(chunk);
        rows = rest;
    }
    chunks
}

fn tell(found: &Found, out: &mut Out) -> Result<u8, CliError> {
    let fine = found.corrupt.is_empty() && found.failed.is_empty();
    if out.json() {
        out.document(&Document {
            schema: 1,
            checked: found.checked,
            nar_size: found.bytes,
            corrupt: &found.corrupt,
            failed: &found.failed,
            access_times: if found.times_kept { "kept" } else { "moved" },
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
        "{} paths, {}: {} damaged, {} could not be compared",
        found.checked,
        Bytes(found.bytes),
        found.corrupt.len(),
        found.failed.len()
    ))?;
    if !found.corrupt.is_empty() {
        out.line("mend them with --repair, or take them away with --delete")?;
    }
    Ok(u8::from(!fine))
}
