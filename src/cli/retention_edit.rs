//! `retention edit`: the server's policy in the user's editor.
//!
//! In: the policy that is there, and what the editor leaves. Out: a plan that writes it, if nobody else has meanwhile. What was typed is
//! not lost: where it is not taken, its file stays and is named.

use super::args;
use super::error::{CliError, Kind};
use super::ground::{policy, policy_file};
use super::nothing::nothing;
use super::out::{Out, is_interactive, say};
use super::retention::effect;
use super::roots::confirm_and_run;
use super::session::Session;
use super::signals::{Stops, interrupted, unless_stopped};
use super::terminal::ask;
use crate::change::access::About;
use crate::change::keep::{NO_POLICY, retention};
use crate::config::editor::{self, Draft};
use crate::domain::{Notice, notice};
use crate::server::{PolicyFile, Server};

/// Runs it.
pub(super) async fn run(
    session: &Session,
    options: &args::Change,
    out: &mut Out,
) -> Result<u8, CliError> {
    // Nobody types a policy for nothing.
    if session.policy().read_only && !options.dry_run {
        return Err(CliError::new(
            Kind::Policy,
            notice!(
                "nothing may be changed here, so there is nothing to edit",
                "start it without --read-only (or set read_only = false for this server), or look with `retention SERVER show`"
            ),
        ));
    }
    let connect = async {
        let server = session.connect_to_read().await?;
        let found = policy_file(&server).await?;
        Ok((server, found))
    };
    let (server, found) = unless_stopped(Box::pin(connect)).await?;
    let before = found.found.as_ref().map_or(NO_POLICY, |(text, _)| text);
    let draft = Draft::new("retention", before).map_err(|why| CliError::new(Kind::Server, why))?;
    let edited = match edited(&draft, before).await {
        Ok(Some(text)) => text,
        Ok(None) => {
            server.link().close().await;
            let same = "the policy was not changed";
            return nothing("set-retention", session.name(), same, out);
        }
        Err(why) => {
            server.link().close().await;
            return Err(keeping(draft, why));
        }
    };
    match Box::pin(write(session, &server, &found, &edited, options, out)).await {
        // Carried out, or only shown.
        Ok(0) => Ok(0),
        Ok(code) => {
            if let Some(file) = draft.keep() {
                say(&format!(
                    "storekeeper: what you wrote is in {}",
                    file.display()
                ));
            }
            Ok(code)
        }
        Err(why) => Err(keeping(draft, why)),
    }
}

/// What the editor has left, once it is a policy; `None` where it is what was there.
async fn edited(draft: &Draft, before: &str) -> Result<Option<String>, CliError> {
    loop {
        // Keys such as Ctrl-C are the editor's.
        let stops = Stops::new();
        let left = editor::edit(draft.path()).await;
        drop(stops);
        let text = left
            .and_then(|()| draft.read())
            .map_err(|why| CliError::new(Kind::Usage, why))?;
        if text == before {
            return Ok(None);
        }
        let Err(why) = policy(&text) else {
            return Ok(Some(text));
        };
        if !is_interactive() {
            return Err(why);
        }
        say(&format!("storekeeper: {why}"));
        let question = "Type e to edit it again, q to leave it: ";
        let answer = tokio::task::spawn_blocking(move || ask(question, true)).await;
        match answer.ok().flatten().as_deref().map(|text| text.trim()) {
            Some("" | "e") => {}
            Some(_) => return Err(why),
            None => return Err(interrupted()),
        }
    }
}

/// Looks again, and plans by what is there now.
async fn write(
    session: &Session,
    server: &Server,
    shown: &PolicyFile,
    text: &str,
    options: &args::Change,
    out: &mut Out,
) -> Result<u8, CliError> {
    let wanted = policy(text)?;
    let look = async {
        let now = policy_file(server).await?;
        if !now.is_as(shown) {
            return Err(CliError::new(
                Kind::Conflict,
                notice!(
                    "somebody else has changed the retention policy while you edited it",
                    "edit what is there now; `retention SERVER show` prints it"
                ),
            ));
        }
        effect(session, server, &wanted).await
    };
    let effect = unless_stopped(Box::pin(look)).await?;
    let planned = retention(&About::of(server), shown, text, Some(effect));
    let word = "set-retention";
    confirm_and_run(session, server.clone(), planned, options, word, out).await
}

/// The error, with where the text is.
fn keeping(draft: Draft, why: CliError) -> CliError {
    match (why, draft.keep()) {
        (CliError::Message { kind, notice }, Some(file)) => {
            let file = file.display();
            let hint = notice
                .hint
                .map_or_else(String::new, |hint| format!("{hint}; "));
            let hint = format!("{hint}what you wrote is in {file}");
            CliError::new(kind, Notice::new(notice.message, hint))
        }
        (why, _) => why,
    }
}
