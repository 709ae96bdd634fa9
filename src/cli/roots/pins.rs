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
use super::settle;
use crate::change::access::About;
use crate::change::keep::{Wanted, pin, unpin};
use crate::domain::When;
use crate::domain::pin::PinName;

/// Runs `pin`.
pub(in crate::cli) async fn add(
    session: &Session,
    args: &Pin,
    out: &mut Out,
) -> Result<u8, CliError> {
    if args.name.is_some() && args.paths.len() > 1 {
        return Err(CliError::usage(
            "--name can't name several paths; pin them one by one, or leave it out",
        ));
    }
    let prepare = async {
        let server = session.connect().await?;
        let progress = Progress::new(session.quiet);
        let inventory = super::super::load::load(&server, &progress, |_| Ok(())).await?;
        let pins = server.pins().await?;
        let pins = pins.map_err(|unknown| CliError::new(super::Kind::Server, unknown))?;
        let rows = find::rows(&inventory, &args.paths)?;
        let paths: Vec<_> = rows.into_iter().map(|row| inventory.path(row)).collect();
        let wanted = Wanted {
            name: args.name.clone(),
            note: args.note.clone(),
            expires: args.expires.0,
        };
        let planned = pin(
            &About::of(&server),
            &inventory,
            &pins,
            &server.pins_dir(),
            &paths,
            &wanted,
            When::now(),
        );
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    settle(session, server, planned, &args.change, "pin", out).await
}

/// Runs `unpin`.
pub(in crate::cli) async fn remove(
    session: &Session,
    args: &Unpin,
    out: &mut Out,
) -> Result<u8, CliError> {
    let prepare = async {
        let server = session.connect().await?;
        let looked = Looked::at(&server, &Progress::new(session.quiet)).await?;
        let pins = looked.pins()?;
        let names: Vec<PinName> = if args.expired {
            let now = looked.space.at;
            let expired = pins.iter().filter(|pin| pin.expired(now));
            expired.map(|pin| pin.name.clone()).collect()
        } else {
            args.names.clone()
        };
        let keep = looked.keep();
        let planned = unpin(
            &About::of(&server),
            looked.kept(&keep),
            pins,
            &server.pins_dir(),
            &names,
        );
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    settle(session, server, planned, &args.change, "unpin", out).await
}
