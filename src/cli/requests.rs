//! `requests`: keys that ask for access.
//!
//! In: a server and a request. Out: the list, the card of one, or a plan that is carried out; after an approval, what its owner does next.

mod proof;

use super::args::access::{self as args, RequestsCommand};
use super::error::{CliError, Kind};
use super::keys::{admit, confirm_and_run, confirm_and_run_accepting, print_findings, refuse};
use super::out::{Out, say};
use super::session::Session;
use super::signals::unless_stopped;
use super::{given, onboard};
use crate::change::access::{About, AccessError, approve, deny, submit};
use crate::domain::Explain;
use crate::domain::Notice;
use crate::domain::When;
use crate::domain::access::AccessFacts;
use crate::domain::authorized_keys::NewKey;
use crate::domain::count::tries;
use crate::domain::key_request::Request;
use crate::domain::notice;
use crate::domain::randomart::randomart;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::judge::access::{RequestRow, overflow, requests};
use crate::judge::hygiene;
use crate::server::Server;

/// Characters of an id that are enough to name a request, where only one begins so.
const ENOUGH: usize = 4;

/// The most candidates that an error lists.
const LISTED: usize = 10;

/// Runs it.
pub(super) async fn run(
    session: &Session,
    args: &args::Requests,
    out: &mut Out,
) -> Result<u8, CliError> {
    // Before the connection: an invalid key is reported without one.
    let given = match &args.what {
        RequestsCommand::Add(add) => {
            let (key, source) = given::key(&add.file, add.comment.as_deref())?;
            refuse(&key, &hygiene::of_key(&key))?;
            Some((key, source))
        }
        _ => None,
    };
    let answer = match &args.what {
        RequestsCommand::Prove(prove) => {
            prove.signature.as_deref().map(given::answer).transpose()?
        }
        _ => None,
    };
    let read = async {
        let server = session.connect().await?;
        let facts = server.access().await?;
        Ok((server, facts))
    };
    let (server, facts) = unless_stopped(Box::pin(read)).await?;
    let code = match (&args.what, given) {
        (RequestsCommand::List, _) => list(&facts, out),
        (RequestsCommand::Show(show), _) => card(&facts, &show.id, out),
        (RequestsCommand::Approve(args), _) => accept(session, &server, &facts, args, out).await,
        (RequestsCommand::Prove(args), _) => {
            proof::prove(session, &server, &facts, args, answer, out).await
        }
        (RequestsCommand::Deny(args), _) => turn_away(session, &server, &facts, args, out).await,
        (RequestsCommand::Add(args), Some((key, source))) => {
            let user = &session.target.settings.cache_user;
            let request = Request::new(key, source, user, When::now());
            match admit(&facts, &request.key) {
                Ok(()) => {
                    let planned = submit(&About::of(&server), &facts, &request).map(|mut plan| {
                        plan.reason.clone_from(&args.change.reason);
                        plan
                    });
                    confirm_and_run(session, &server, planned, &args.change, "request", out).await
                }
                Err(error) => Err(error),
            }
        }
        (RequestsCommand::Add(_), None) => Ok(0),
    };
    server.link().close().await;
    code
}

/// The requests; an error where they can't be read, which is not the same as none.
fn known(facts: &AccessFacts) -> Result<&[Request], CliError> {
    match &facts.requests {
        Ok(requests) => Ok(requests),
        Err(unknown) => Err(CliError::new(Kind::Server, unknown.notice())),
    }
}

fn list(facts: &AccessFacts, out: &mut Out) -> Result<u8, CliError> {
    known(facts)?;
    let document = requests(facts);
    if out.json() {
        out.document(&document)?;
        return Ok(0);
    }
    if document.requests.is_empty() {
        out.line("no request waits")?;
    }
    for row in &document.requests {
        let who = if row.comment.is_empty() {
            "no comment"
        } else {
            &row.comment
        };
        out.line(&format!(
            "{}  {} {}  {who}",
            row.id, row.r#type, row.fingerprint
        ))?;
        out.line(&format!("    {}", seen(row, facts.at)))?;
        print_findings(&row.findings, "    ", out)?;
    }
    print_findings(&overflow(facts), "", out)?;
    Ok(0)
}

/// How it came, when, how often and from where.
fn seen(row: &RequestRow, now: When) -> String {
    use crate::domain::key_request::Source;
    let source = match row.source {
        Source::Knock => "knock",
        Source::Paste => "pasted",
        Source::File => "from a file",
    };
    let mut parts = vec![source.to_owned()];
    let mut add = |label: &str, when: Option<When>| {
        parts.extend(when.map(|when| format!("{label} {} ago", when.age(now))));
    };
    add("first", row.first_seen);
    add("last", row.last_seen);
    if row.source == Source::Knock {
        parts.push(tries(row.tries));
        parts.push(match row.from.as_slice() {
            [] => "from where is not known".to_owned(),
            addresses => format!("from {}", addresses.join(" ")),
        });
    }
    parts.push(match &row.proof {
        Some(proof) => format!("proven {} ago by {}", proof.at.age(now), proof.by),
        None => "not proven".to_owned(),
    });
    parts.join(", ")
}

fn card(facts: &AccessFacts, wanted: &str, out: &mut Out) -> Result<u8, CliError> {
    let request = find(facts, wanted)?;
    let mut document = requests(facts);
    let id = request.id();
    document.requests.retain(|row| row.id == id);
    if out.json() {
        out.document(&document)?;
        return Ok(0);
    }
    for line in randomart(&request.key) {
        out.line(&line)?;
    }
    let comment = request.key.comment();
    let bits = request.key.bits().map(|bits| format!(" {bits}"));
    out.line(&format!("request      {id}"))?;
    out.line(&format!(
        "who          {}  (the key's own comment, not verified)",
        visible(&comment)
    ))?;
    out.line(&format!(
        "key          {}{} {}",
        request.key.short_type(),
        bits.unwrap_or_default(),
        request.key.fingerprint()
    ))?;
    for row in &document.requests {
        out.line(&format!("came         {}", seen(row, facts.at)))?;
        out.line(&format!("could        {}", row.words))?;
        out.line(&format!(
            "line         {}",
            row.line
                .as_deref()
                .unwrap_or("none: sshd would not take it")
        ))?;
        print_findings(&row.findings, "", out)?;
    }
    if let Some(decision) = &request.decision {
        let word = if decision.approved {
            "approved"
        } else {
            "denied"
        };
        out.line(&format!(
            "{word:<12} {} by {} {}",
            decision.at,
            visible(&decision.by),
            visible(&decision.reason)
        ))?;
    }
    Ok(0)
}

/// The one request that is meant. Of several for one key there is only one.
fn find<'a>(facts: &'a AccessFacts, text: &str) -> Result<&'a Request, CliError> {
    let all = known(facts)?;
    let shown = visible(text);
    let fingerprint = Fingerprint::parse(text);
    let begins = text.len() >= ENOUGH && text.bytes().all(|b| b.is_ascii_hexdigit());
    let by_key = |request: &&Request| {
        Some(request.key.fingerprint()) == fingerprint
            || (begins && request.id().starts_with(&text.to_ascii_lowercase()))
    };
    let mut found: Vec<&Request> = all.iter().filter(by_key).collect();
    if found.is_empty() {
        let by_comment = |request: &&Request| {
            let comment = request.key.comment();
            !text.is_empty() && (comment == text || visible(&comment) == shown)
        };
        found = all.iter().filter(by_comment).collect();
    }
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(CliError::usage(notice!(
            "no request is called \"{shown}\"",
            "storekeeper requests SERVER list shows those that wait"
        ))),
        several => {
            let reported: Vec<String> = several
                .iter()
                .take(LISTED)
                .map(|one| format!("{} {}", one.id(), visible(&one.key.comment())))
                .collect();
            Err(CliError::usage(Notice::new(
                format!(
                    "{} requests are called \"{shown}\": {}",
                    several.len(),
                    reported.join(", ")
                ),
                "give the id of one",
            )))
        }
    }
}

async fn accept(
    session: &Session,
    server: &Server,
    facts: &AccessFacts,
    args: &args::Approve,
    out: &mut Out,
) -> Result<u8, CliError> {
    let request = find(facts, &args.id)?;
    if request
        .decision
        .as_ref()
        .is_some_and(|decision| decision.approved)
    {
        return Err(CliError::new(
            Kind::Conflict,
            Notice::new(
                format!("the request {} was approved already", request.id()),
                format!("storekeeper keys {} list shows the key", session.name()),
            ),
        ));
    }
    admit(facts, &request.key)?;
    let mut key = request.key.clone();
    if let Some(comment) = &args.comment {
        key.set_comment(comment);
    }
    let new = NewKey {
        key,
        restrict: true,
        from: args.from.clone(),
        expires: args.expires.from(When::now()),
    };
    let reason = args.change.reason.as_deref().unwrap_or_default();
    let into = args.into.as_deref();
    let planned = approve(&About::of(server), facts, request, &new, into, reason);
    let accepted = &args.accept.concerns;
    let (change, word) = (&args.change, "approve");
    let code =
        confirm_and_run_accepting(session, server, planned, change, accepted, word, out).await?;
    if code == 0 && !args.change.dry_run && !out.json() {
        onboarding(session, server, args, out).await?;
    }
    Ok(code)
}

/// The requester's next steps. The key is authorized already, so a failure here is only reported.
async fn onboarding(
    session: &Session,
    server: &Server,
    args: &args::Approve,
    out: &mut Out,
) -> Result<(), CliError> {
    match onboard::cache(session, server).await {
        Ok(cache) => {
            out.line("")?;
            onboard::print(session, &cache, args.platform.into(), out)
        }
        Err(error) => {
            say(&format!(
                "storekeeper: the client's next steps are not known: {error}"
            ));
            Ok(())
        }
    }
}

async fn turn_away(
    session: &Session,
    server: &Server,
    facts: &AccessFacts,
    args: &args::Deny,
    out: &mut Out,
) -> Result<u8, CliError> {
    let request = find(facts, &args.id)?;
    if request
        .decision
        .as_ref()
        .is_some_and(|decision| !decision.approved)
    {
        let why = format!("the request {} was denied already", request.id());
        let planned = Err(AccessError::Nothing(why));
        return confirm_and_run(session, server, planned, &args.change, "deny", out).await;
    }
    let reason = args.change.reason.as_deref().unwrap_or_default();
    let planned = deny(&About::of(server), facts, request, reason);
    confirm_and_run(session, server, planned, &args.change, "deny", out).await
}
