//! `pin` and `unpin`.
//!
//! In: a server; paths, or names of pins. Out: a plan that is carried out as every change is.

use super::super::args::roots::{Pin, Unpin};
use super::super::error::CliError;
use super::super::find;
use super::super::looked::Looked;
use super::super::out::Out;
use super::super::progress::Progress;
use super::super::session::Session;
use super::super::signals::unless_stopped;
use super::confirm_and_run;
use crate::change::access::About;
use crate::change::keep::{Over, PinRequest, named, over, pin_or_move, unpin};
use crate::domain::When;
use crate::domain::notice;
use crate::domain::pin::{self, Revisions};
use crate::server::Server;

/// Runs `pin`.
pub(in crate::cli) async fn add(
    session: &Session,
    args: &Pin,
    out: &mut Out,
) -> Result<u8, CliError> {
    if args.name.is_some() && args.paths.len() > 1 {
        return Err(CliError::usage(notice!(
            "--name can't name several paths",
            "pin them one by one, or leave it out"
        )));
    }
    let prepare = async {
        let server = session.connect().await?;
        // Only what is kept is read of the store.
        let (inventory, paths) = find::closure(&server, &args.paths).await?;
        let pins = pins_of(&server).await?;
        let request = PinRequest {
            name: args.name.clone(),
            reason: args.change.reason.clone(),
            expires: args.expires.from(When::now()),
        };
        let moves = match (args.keep_revisions, args.keep_days) {
            (None, None) => None,
            (count, days) => Some(Revisions {
                count: count.map_or(usize::MAX, |count| count as usize),
                days,
            }),
        };
        let planned = pin_or_move(
            &About::of(&server),
            &inventory,
            (&pins, &server.pins_dir()),
            &paths,
            &request,
            moves,
            When::now(),
        );
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    confirm_and_run(session, server, planned, &args.change, "pin", out).await
}

/// Runs `unpin`.
pub(in crate::cli) async fn remove(
    session: &Session,
    args: &Unpin,
    out: &mut Out,
) -> Result<u8, CliError> {
    let prepare = async {
        let server = session.connect().await?;
        let pins = pins_of(&server).await?;
        let which = match (args.expired, args.revisions) {
            (true, _) => Some(Over::Pins),
            (_, true) => Some(Over::Revisions),
            _ => None,
        };
        let now = server.facts().there(When::now());
        let names = which.map_or_else(|| args.names.clone(), |which| over(&pins, which, now));
        // The store is read for what becomes dead, so not before there is something to take away.
        if let Err(error) = named(&pins, &names) {
            return Ok((server, Err(error)));
        }
        let looked = Looked::at(session, &server, &Progress::new(session.quiet)).await?;
        let (about, folder) = (About::of(&server), server.pins_dir());
        let keep = looked.keep();
        let planned = unpin(&about, looked.kept(&keep), looked.pins()?, &folder, &names);
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    confirm_and_run(session, server, planned, &args.change, "unpin", out).await
}

async fn pins_of(server: &Server) -> Result<Vec<pin::Pin>, CliError> {
    let pins = server.pins().await?;
    pins.map_err(|unknown| CliError::new(super::Kind::Server, unknown))
}
