//! Plans for requests: record one, approve it, deny it; and the end of a session.
//!
//! In: a request, and for an approval the line that it gets. Out: a plan; an approval is an authorization and a decision.

use super::{About, AccessError, AccessOperation, authorize, authorized_in, keys};
use crate::change::{Danger, Item, Operation, Plan};
use crate::domain::When;
use crate::domain::access::{AccessFacts, Session};
use crate::domain::authorized_keys::NewKey;
use crate::domain::key_request::{Decision, Nonce, Proof, Request};
use crate::domain::proof;
use crate::domain::text::visible;
use crate::judge::access::{of_candidate, unproven};
use crate::server::access::Folder;

fn item(request: &Request) -> Item {
    Item::Request {
        request: request.id(),
        fingerprint: request.key.fingerprint(),
    }
}

fn decided(about: &About, request: &Request, approved: bool, reason: &str) -> Request {
    Request {
        decision: Some(Decision {
            approved,
            at: When::now(),
            by: about.by.clone(),
            reason: reason.to_owned(),
        }),
        ..request.clone()
    }
}

/// Lets a request in: the key's line, and the decision.
pub fn approve(
    about: &About,
    facts: &AccessFacts,
    request: &Request,
    new: &NewKey,
    file: Option<&str>,
    reason: &str,
) -> Result<Plan, AccessError> {
    let mut plan = authorize(about, facts, new, file, None)?;
    plan.change = "approve";
    plan.summary = plan.summary.replacen("authorize", "approve", 1);
    plan.items.push(item(request));
    if let Some(proof) = &request.proof {
        let by = visible(&proof.by);
        plan.lines
            .push(("proven", format!("at {} by {by}", proof.at)));
    } else {
        keys::doubt(&mut plan, vec![unproven()]);
    }
    if let Operation::Access(operation) = &mut plan.operation {
        let denied = !request.waits();
        operation.requests.push((
            Folder::Approved { denied },
            decided(about, request, true, reason),
        ));
    }
    plan.reason = (!reason.is_empty()).then(|| reason.to_owned());
    Ok(plan)
}

/// Denies a request; the same key is not asked about again. One whose key is authorized already can't be denied.
pub fn deny(
    about: &About,
    facts: &AccessFacts,
    request: &Request,
    reason: &str,
) -> Result<Plan, AccessError> {
    let key = request.key.fingerprint();
    if let Some((file, line)) = authorized_in(&facts.files, key) {
        return Err(AccessError::There {
            fingerprint: key,
            file,
            line,
        });
    }
    let name = keys::name(&request.key.comment(), key);
    let operation = AccessOperation {
        requests: vec![(Folder::Denied, decided(about, request, false, reason))],
        ..AccessOperation::default()
    };
    let mut plan = about.plan("deny", format!("deny {name}"), operation);
    plan.items.push(item(request));
    plan.lines.push((
        "effect",
        "the key is not authorized, and later requests for it are not shown".to_owned(),
    ));
    keys::warn(&mut plan, of_candidate(facts, &request.key));
    plan.reason = (!reason.is_empty()).then(|| reason.to_owned());
    Ok(plan)
}

/// Takes a denial back: the request waits again, as it was.
pub fn reopen(about: &About, facts: &AccessFacts, request: &Request) -> Result<Plan, AccessError> {
    let key = request.key.fingerprint();
    let requests = facts.requests.iter().flatten();
    let found = requests
        .into_iter()
        .find(|own| own.key.fingerprint() == key);
    let decision = found.and_then(|found| found.decision.as_ref());
    if decision.is_none_or(|decision| decision.approved) {
        return Err(AccessError::Nothing(format!(
            "the request of {key} is not denied any more"
        )));
    }
    let waits = Request {
        decision: None,
        ..request.clone()
    };
    let operation = AccessOperation {
        requests: vec![(Folder::Reopened, waits)],
        ..AccessOperation::default()
    };
    let name = keys::name(&request.key.comment(), key);
    let mut plan = about.plan("reopen", format!("undo the denial of {name}"), operation);
    plan.items.push(item(request));
    plan.lines.push((
        "effect",
        "the request waits again, and later ones for its key are shown".to_owned(),
    ));
    keys::warn(&mut plan, of_candidate(facts, &request.key));
    Ok(plan)
}

/// Keeps a request that somebody has pasted or sent as a file. One that waits already keeps its age, its challenge and its proof.
pub fn submit(about: &About, facts: &AccessFacts, request: &Request) -> Result<Plan, AccessError> {
    let key = request.key.fingerprint();
    let waiting = facts.requests.iter().flatten();
    let earlier = waiting
        .filter(|other| other.waits())
        .find(|other| other.key.fingerprint() == key);
    let mut request = request.clone();
    if let Some(earlier) = earlier {
        if earlier.key == request.key {
            return Err(AccessError::Nothing(format!(
                "the request of {key} waits already"
            )));
        }
        request.first_seen = earlier.first_seen.or(request.first_seen);
        request.tries = earlier.tries;
        request.nonce.clone_from(&earlier.nonce);
        request.proof.clone_from(&earlier.proof);
    } else {
        let mut bytes = [0; 16];
        // Without one its age tells it from others.
        let random = getrandom::fill(&mut bytes).is_ok();
        request.nonce = random.then(|| Nonce::new(bytes));
    }
    let operation = AccessOperation {
        requests: vec![(Folder::Waiting, request.clone())],
        ..AccessOperation::default()
    };
    let mut plan = about.plan("request", format!("keep the request of {key}"), operation);
    plan.items.push(item(&request));
    keys::warn(&mut plan, of_candidate(facts, &request.key));
    Ok(plan)
}

/// Takes down that the requester holds the private key, if `answer` shows it.
pub fn prove(
    about: &About,
    facts: &AccessFacts,
    request: &Request,
    answer: &str,
) -> Result<Plan, AccessError> {
    let id = request.id();
    if !request.waits() {
        let why = format!("the request {id} is decided already");
        return Err(AccessError::Nothing(why));
    }
    if let Some(proof) = &request.proof {
        let by = visible(&proof.by);
        let why = format!("the request {id} was proven at {} by {by}", proof.at);
        return Err(AccessError::Nothing(why));
    }
    let challenge = request.challenge(&facts.host);
    proof::check(&request.key, &challenge, answer)?;
    let proven = Request {
        proof: Some(Proof {
            at: When::now(),
            by: about.by.clone(),
        }),
        ..request.clone()
    };
    let operation = AccessOperation {
        requests: vec![(Folder::Proven, proven)],
        ..AccessOperation::default()
    };
    let key = request.key.fingerprint();
    let summary = format!("record that the requester holds the private key of {key}");
    let mut plan = about.plan("prove", summary, operation);
    plan.items.push(item(request));
    plan.lines.push(("signed", challenge));
    plan.lines.push((
        "effect",
        "the request is shown as proven; it still waits for a decision".to_owned(),
    ));
    Ok(plan)
}

/// Ends one session.
pub fn end_session(about: &About, session: &Session, reason: Option<String>) -> Plan {
    let from = session.from.as_deref().unwrap_or("somewhere");
    let summary = format!(
        "end session {} of {} from {from}",
        session.pid,
        visible(&session.user)
    );
    let operation = AccessOperation {
        sessions: vec![session.clone()],
        ..AccessOperation::default()
    };
    let mut plan = about.plan("end-session", summary, operation);
    plan.items.push(Item::Session {
        session: session.pid,
        from: session.from.clone(),
        fingerprint: session.fingerprint,
    });
    plan.commands.push(format!("kill {}", session.pid));
    plan.danger = Danger::Destroys { word: "end" };
    plan.reason = reason;
    plan
}
