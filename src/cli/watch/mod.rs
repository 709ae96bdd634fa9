//! `watch`: what happens on a server, as it happens.
//!
//! In: a server, and the kinds of events that are wanted. Out: one line an event, also for a program that is run for them.
//! It goes on until it is stopped: a connection that breaks is made again, and what happened meanwhile is then seen.

mod follow;
mod happened;
mod program;
mod text;

use super::args::watch::Watch;
use super::error::{CliError, Kind};
use super::out::Out;
use super::session::Session;
use super::signals::{interrupted, stop};
use crate::domain::When;
use crate::judge::events::{Event, EventKind, Link};
use crate::link::before_attempt;
use happened::Before;
use program::Program;
use serde::Serialize;
use std::time::Duration;

/// A line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    schema: u8,
    server: &'a str,
    at: When,
    #[serde(flatten)]
    event: &'a Event,
}

/// Where events go.
struct Sink<'a> {
    server: String,
    /// The kinds that are wanted; all if there are none.
    wanted: &'a [EventKind],
    jsonl: bool,
    out: &'a mut Out,
    program: Option<Program>,
}

impl Sink<'_> {
    /// Prints an event of a wanted kind, and passes it to the program.
    fn send(&mut self, event: &Event) -> Result<(), CliError> {
        if !self.wanted.is_empty() && !self.wanted.contains(&event.kind()) {
            return Ok(());
        }
        let at = When::now();
        let line = serde_json::to_string(&Line {
            schema: 1,
            server: &self.server,
            at,
            event,
        })?;
        if self.jsonl {
            self.out.line(&line)?;
        } else {
            self.out.line(&text::line(at, event))?;
        }
        self.out.flush()?;
        if let Some(program) = &mut self.program {
            program.pass(line);
        }
        Ok(())
    }
}

/// Runs it. It ends with a signal, without a reader of its output, or where the server can't be connected to at first.
pub(super) async fn run(session: &Session, args: &Watch, out: &mut Out) -> Result<u8, CliError> {
    let pause = Duration::from_secs(args.exec_pause.0);
    let mut sink = Sink {
        server: session.name().to_owned(),
        wanted: &args.events,
        jsonl: args.jsonl,
        out,
        program: args.exec.as_deref().map(|run| Program::new(run, pause)),
    };
    let ended = tokio::select! {
        ended = go_on(session, &mut sink) => ended,
        () = stop() => Err(interrupted()),
    };
    if let Some(program) = sink.program.take() {
        program.finish().await;
    }
    match ended {
        Ok(never) => match never {},
        // That is how it ends when it is used with `head`.
        Err(CliError::Closed) => Ok(0),
        Err(error) => Err(error),
    }
}

async fn go_on(
    session: &Session,
    sink: &mut Sink<'_>,
) -> Result<std::convert::Infallible, CliError> {
    let mut before = Before::default();
    // How many attempts in a row have failed; none where there never was a connection.
    let mut failures = None;
    loop {
        let error = match session.connect_to_read().await {
            Ok(server) => {
                failures = Some(0);
                Box::pin(follow::follow(&server, &mut before, session, sink)).await?
            }
            Err(error) => error,
        };
        let (Some(failed), CliError::Message { kind, notice }) = (&mut failures, &error) else {
            return Err(error);
        };
        if *kind != Kind::Connect {
            // Trying again by itself would only lock an account or fill a log.
            return Err(error);
        }
        if *failed == 0 {
            sink.send(&Event::Connection {
                state: Link::Lost,
                message: Some(notice.to_string()),
            })?;
        }
        tokio::time::sleep(before_attempt(*failed)).await;
        *failed += 1;
    }
}
