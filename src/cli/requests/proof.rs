//! `requests prove`: that the requester holds the private key.
//!
//! In: a request; and the answer, once it is there. Out: what to send to the requester, or a plan that takes the proof down.

use super::find;
use crate::change::access::{About, prove as plan};
use crate::cli::args::access as args;
use crate::cli::error::CliError;
use crate::cli::keys::confirm_and_run;
use crate::cli::out::{Out, say};
use crate::cli::session::Session;
use crate::domain::access::AccessFacts;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::onboard::proof::{command, letter};
use crate::server::Server;
use serde::Serialize;
use zeroize::Zeroizing;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    id: String,
    fingerprint: Fingerprint,
    proven: bool,
    challenge: String,
    command: String,
    text: String,
}

pub(super) async fn prove(
    session: &Session,
    server: &Server,
    facts: &AccessFacts,
    args: &args::Prove,
    answer: Option<Zeroizing<String>>,
    out: &mut Out,
) -> Result<u8, CliError> {
    let request = find(facts, &args.id)?;
    let Some(answer) = answer else {
        let challenge = request.challenge(&facts.host);
        let text = letter(&request.key, &challenge);
        if out.json() {
            out.document(&Document {
                schema: 1,
                server: session.name(),
                id: request.id(),
                fingerprint: request.key.fingerprint(),
                proven: request.proof.is_some(),
                command: command(&request.key, &challenge),
                challenge,
                text,
            })?;
            return Ok(0);
        }
        for line in text.lines() {
            out.line(&visible(line))?;
        }
        out.flush()?;
        say(&format!(
            "storekeeper: send this to the requester; check the answer with storekeeper requests {} prove {} --signature FILE",
            session.name(),
            request.id()
        ));
        return Ok(0);
    };
    let planned = plan(&About::of(server), facts, request, &answer).map(|mut plan| {
        plan.reason.clone_from(&args.change.reason);
        plan
    });
    confirm_and_run(session, server, planned, &args.change, "prove", out).await
}
