//! From a plan to a receipt: the same for every subcommand that changes something.
//!
//! In: a plan, and the options of changes. Out: the plan, a question, the job with its progress, the receipt, and the exit
//! code. Nothing is asked of a pipe: without a terminal and without `--yes` nothing is done.

use super::args;
use super::error::{CliError, Kind};
use super::out::{Out, is_interactive, say};
use super::progress::Progress;
use super::session::Session;
use super::signals::{Stops, cut_off, interrupted};
use super::terminal::ask;
use crate::change::{Answer, Confirmed, Danger, Outcome, Plan, Receipt, Second, Terms};
use crate::domain::alike::grouped;
use crate::domain::count::number;
use crate::domain::notice;
use crate::domain::text::visible;
use crate::judge::concern::{self, Concern};
use crate::server::Server;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Failures that are listed one by one in text; all of them are in the JSON and in the receipt.
const LISTED: usize = 20;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    plan: &'a Plan,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a Receipt>,
}

/// Shows the plan, asks, runs it, tells how it went.
pub(super) async fn carry_out(
    session: &Session,
    server: &Server,
    plan: Plan,
    options: &args::Change,
    out: &mut Out,
) -> Result<u8, CliError> {
    carry_out_accepting(session, server, plan, options, &[], out).await
}

/// The same, with what `--accept` names.
pub(super) async fn carry_out_accepting(
    session: &Session,
    server: &Server,
    plan: Plan,
    options: &args::Change,
    accepted: &[Concern],
    out: &mut Out,
) -> Result<u8, CliError> {
    let ended = Box::pin(conduct(session, server, plan, options, accepted, out)).await?;
    let reported = if out.json() {
        out.document(&Document {
            schema: 1,
            plan: &ended.plan,
            receipt: ended.receipt.as_ref(),
        })
    } else {
        Ok(())
    };
    ended.end(reported.and_then(|()| out.flush()))
}

/// A plan that was shown, and what came of it.
pub(super) struct Ended {
    /// As it was shown.
    pub(super) plan: Plan,
    /// Of its job; none where it was only to be shown.
    pub(super) receipt: Option<Receipt>,
    /// A signal has ended it.
    stopped: bool,
}

impl Ended {
    /// The exit code, after all that there is to report was written, or could not be. Who hangs up takes the terminal away; the record is
    /// written all the same.
    pub(super) fn end(&self, reported: Result<(), CliError>) -> Result<u8, CliError> {
        if !self.stopped {
            reported?;
        }
        let Some(receipt) = &self.receipt else {
            return Ok(0);
        };
        Ok(match receipt.result {
            _ if receipt.conflict.is_some() => Kind::Conflict.code(),
            Outcome::Done => 0,
            Outcome::Waiting => Kind::Waiting.code(),
            _ if self.stopped => Kind::Interrupted.code(),
            Outcome::Partial | Outcome::Failed => 1,
            Outcome::Cancelled => Kind::Interrupted.code(),
        })
    }

    /// Nothing has ended it from outside.
    pub(super) const fn is_stopped(&self) -> bool {
        self.stopped
    }
}

/// Shows the plan, asks, runs it; tells in text how it went, and leaves a document to the caller.
pub(super) async fn conduct(
    session: &Session,
    server: &Server,
    plan: Plan,
    options: &args::Change,
    accepted: &[Concern],
    out: &mut Out,
) -> Result<Ended, CliError> {
    let plan = ahead(server, plan).await;
    for concern in accepted {
        if !plan.concerns.contains(concern) {
            let id = concern.id();
            say(&format!(
                "storekeeper: --accept {id} was not needed: there is no such concern about this key"
            ));
        }
    }
    if !out.json() {
        show(&plan, out)?;
    }
    if options.dry_run {
        return Ok(Ended {
            plan,
            receipt: None,
            stopped: false,
        });
    }
    // What is printed about the plan must be seen before it is asked about.
    out.flush()?;
    let shown = plan.clone();
    let (receipt, stopped) = perform(session, server, plan, options, accepted).await?;
    let reported = if out.json() {
        Ok(())
    } else {
        print_receipt(&receipt, &shown, out)
    };
    if !stopped {
        reported?;
    }
    Ok(Ended {
        plan: shown,
        receipt: Some(receipt),
        stopped,
    })
}

/// Says of a plan that it will wait, where the server has such a rule. A look that fails is no reason to stop: the job decides.
async fn ahead(server: &Server, mut plan: Plan) -> Plan {
    if plan.second.is_none()
        && let Ok(two) = server.two_persons().await
        && let Ok(rule) = &two.rule
        && rule.needs(plan.change)
    {
        plan.needs_second();
    }
    plan
}

/// Asks and runs it. Also whether there was a signal.
pub(super) async fn perform(
    session: &Session,
    server: &Server,
    plan: Plan,
    options: &args::Change,
    accepted: &[Concern],
) -> Result<(Receipt, bool), CliError> {
    let answer = answer(&plan, session, options, accepted)?;
    let confirmed = plan
        .confirm(&answer, session.policy())
        .map_err(|refusal| CliError::new(Kind::Policy, refusal))?;
    Box::pin(run(confirmed, server, session.quiet)).await
}

/// Gets the confirmation. Under read-only there is nothing to ask: the gate will refuse, and says why.
fn answer(
    plan: &Plan,
    session: &Session,
    options: &args::Change,
    accepted: &[Concern],
) -> Result<Answer, CliError> {
    let flags = || Answer::Accepting(accepted.to_vec());
    if options.yes || session.policy().read_only {
        return Ok(flags());
    }
    if !is_interactive() {
        return Err(CliError::usage(notice!(
            "nobody can be asked without a terminal, so nothing was changed",
            "look at it with --dry-run and confirm it with --yes"
        )));
    }
    let named = plan.danger == Danger::Adds
        && plan
            .concerns
            .iter()
            .all(|concern| accepted.contains(concern));
    let (word, answer) = match plan.word() {
        Some(word) if !named => (word, Answer::Word(word.to_owned())),
        Some(_) => ("yes", flags()),
        None => ("yes", Answer::Key),
    };
    let question = format!("{}? Type {word}: ", plan.summary);
    match ask(&question, true) {
        Some(typed) if typed.trim() == word => Ok(answer),
        Some(_) => Err(CliError::new(
            Kind::Interrupted,
            notice!(
                "not confirmed, so nothing was changed",
                "type {word} to confirm"
            ),
        )),
        None => Err(interrupted()),
    }
}

/// Runs the job; the first signal asks it to stop, which it answers with its receipt. Says whether there was one.
async fn run(
    confirmed: Confirmed,
    server: &Server,
    quiet: bool,
) -> Result<(Receipt, bool), CliError> {
    let progress = Progress::new(quiet);
    progress.total(confirmed.plan().items.len());
    let (sender, mut events) = mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let job = crate::change::run(confirmed, server, sender, cancel.clone());
    tokio::pin!(job);
    let mut signals = Stops::new();
    let mut open = true;
    let receipt = loop {
        tokio::select! {
            receipt = &mut job => break receipt,
            event = events.recv(), if open => match event {
                Some(event) => progress.follow(event),
                None => open = false,
            },
            () = signals.next() => {
                if cancel.is_cancelled() {
                    progress.finish();
                    return Err(cut_off());
                }
                cancel.cancel();
                progress.log("stopping; what is done stays done, and a second signal ends this at once");
            }
        }
    };
    progress.finish();
    Ok((receipt, cancel.is_cancelled()))
}

/// Prints a plan.
pub(super) fn show(plan: &Plan, out: &mut Out) -> Result<(), CliError> {
    out.line(&visible(&plan.summary))?;
    for (label, text) in &plan.lines {
        out.line(&format!("  {label:<9} {}", visible(text)))?;
    }
    for warning in grouped(plan.warnings.iter().map(String::as_str)) {
        out.line(&format!("  warning   {}", visible(&warning)))?;
    }
    if plan.second == Some(Second::Needed) {
        out.line("  second    another administrator has to confirm it too: it waits on the server until then")?;
    }
    if !plan.concerns.is_empty() {
        let ids = concern::ids(&plan.concerns);
        out.line(&format!("  accept    with --yes, add --accept {ids}"))?;
    }
    Ok(())
}

/// Prints a receipt, and on standard error what was not done.
pub(super) fn print_receipt(receipt: &Receipt, plan: &Plan, out: &mut Out) -> Result<(), CliError> {
    let planned = plan.items.len();
    let freed = receipt
        .freed_words()
        .map_or_else(String::new, |freed| format!(", freed {freed}"));
    out.line(&format!(
        "{}: {} of {planned} in {:.1} s{freed}, receipt {}, by {}",
        receipt.result.word(),
        receipt.done,
        receipt.seconds,
        receipt.id,
        receipt.by
    ))?;
    let Terms { lifetime, from } = Terms::of(plan);
    let waits = receipt.waits.as_ref();
    let next = waits.map(|waits| waits.next(&plan.server, plan.change));
    let planned = receipt.planned_by.as_deref().map(str::to_owned);
    for (label, text) in [
        ("waits", &next),
        ("planned", &planned),
        ("reason", &plan.reason),
        ("lifetime", &lifetime),
        ("from", &from),
    ] {
        if let Some(text) = text {
            out.line(&format!("  {label:<9} {}", visible(text)))?;
        }
    }
    for failure in receipt.failed.iter().take(LISTED) {
        say(&format!(
            "storekeeper: {}: {}",
            visible(&failure.item),
            visible(&failure.message)
        ));
    }
    for line in receipt.conflict.iter().flat_map(|lines| lines.lines()) {
        say(&format!("  {}", visible(line)));
    }
    if let Some(more) = receipt.not_listed(LISTED) {
        say(&format!(
            "storekeeper: and {} more that were not done; --json has every entry",
            number(more)
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::out::tests::Shared;
    use super::*;
    use crate::change::{Failure, Item, KeySource, Operation};
    use crate::domain::When;
    use crate::domain::path_info::tests::vector;

    fn plan() -> Plan {
        let path = vector().path;
        Plan {
            change: "sign",
            server: "prod".into(),
            summary: "sign 1 path (221 KiB) with k-1".into(),
            items: vec![Item::Path {
                path: path.clone(),
                nar_size: 226_560,
            }],
            commands: vec!["nix store sign …".into()],
            warnings: vec![],
            concerns: Vec::new(),
            amounts: None,
            push: None,
            second: None,
            lines: vec![("on", "prod\u{1b}".into())],
            danger: Danger::Adds,
            operation: Operation::Sign {
                paths: vec![path],
                with: KeySource::Server {
                    file: "/k".into(),
                    name: "k-1".into(),
                },
                key: Box::new(
                    crate::domain::PublicKey::from_bytes(
                        crate::domain::KeyName::new("k-1").unwrap(),
                        &[9; 32],
                    )
                    .unwrap(),
                ),
            },
            reason: None,
        }
    }

    fn receipt() -> Receipt {
        Receipt {
            id: "7f3a0011".into(),
            by: "root via ada@laptop".into(),
            at: When::from_unix(1_767_323_045),
            result: Outcome::Partial,
            done: 0,
            failed: vec![Failure {
                item: "x".into(),
                message: "y".into(),
            }],
            seconds: 0.2,
            freed: None,
            not_done: 1,
            gone: None,
            conflict: None,
            waits: None,
            planned_by: None,
        }
    }

    /// As in the output contract, key by key.
    #[test]
    fn the_document() {
        let plan = plan();
        let receipt = receipt();
        let with = |receipt| {
            serde_json::to_string(&Document {
                schema: 1,
                plan: &plan,
                receipt,
            })
            .unwrap()
        };
        let expected = r#"{"schema":1,"plan":{"change":"sign","server":"prod","summary":"sign 1 path (221 KiB) with k-1","items":[{"path":"/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0"}],"commands":["nix store sign …"],"warnings":[]}"#;
        assert_eq!(with(None), format!("{expected}}}"));
        assert_eq!(
            with(Some(&receipt)),
            format!(
                r#"{expected},"receipt":{{"id":"7f3a0011","by":"root via ada@laptop","at":"2026-01-02T03:04:05Z","result":"partial","done":0,"failed":[{{"item":"x","message":"y"}}],"seconds":0.2}}}}"#
            )
        );
    }

    #[test]
    fn the_text_is_inert() {
        let shared = Shared::default();
        let mut out = Out::to(Box::new(shared.clone()), false);
        show(&plan(), &mut out).unwrap();
        print_receipt(&receipt(), &plan(), &mut out).unwrap();
        out.flush().unwrap();
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text,
            "sign 1 path (221 KiB) with k-1\n  on        prod\\e\npartial: 0 of 1 in 0.2 s, receipt 7f3a0011, by root via ada@laptop\n"
        );
    }
}
