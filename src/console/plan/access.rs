//! From a wanted change of who may log in to its plan.
//!
//! In: what was shown of access, and what was typed. Out: the plan, or why there is none. Nothing is asked of the server for it: a
//! file that has changed since it was shown is a conflict when the change runs.

use crate::change::Plan;
use crate::change::access::{self, About, AccessError, SignCertRequest};
use crate::console::plan::request::{CertificateFields, PlanRequest};
use crate::console::types::change::AccessChange;
use crate::console::types::problem::Problem;
use crate::domain::When;
use crate::domain::access::AccessFacts;
use crate::domain::authorized_keys::NewKey;
use crate::domain::key_request::{Request, Source};
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::two_persons::Intent;
use crate::judge::finding::Level;
use crate::link::certify::CaKey;
use crate::link::tilde;
use std::path::PathBuf;

/// Makes the plan of a change of who may log in. `login` is the user of this connection on the server, `ca` what signs a certificate,
/// with its serial number.
pub fn plan(
    request: &PlanRequest,
    change: &AccessChange,
    about: &About,
    login: &str,
    ca: Option<&(CaKey, u64)>,
) -> Result<Plan, Problem> {
    let known = request.access.as_ref();
    let known = known.ok_or_else(|| Problem::say("who may log in has not been read yet"))?;
    let facts = &known.facts;
    let reason = request.reason.clone();
    let said = request.reason.as_deref().unwrap_or_default();
    let new = |key: &PublicSshKey| {
        let mut key = key.clone();
        if !request.comment.is_empty() {
            key.set_comment(&request.comment);
        }
        NewKey {
            key,
            restrict: true,
            from: (!request.from.is_empty()).then(|| request.from.clone()),
            expires: request.expires,
        }
    };
    let plan = match change {
        AccessChange::Authorize(None)
        | AccessChange::Submit(None)
        | AccessChange::Certify(None) => {
            return Err(Problem::say("no key was given"));
        }
        AccessChange::Authorize(Some(key)) => {
            admit(facts, key)?;
            access::authorize(about, facts, &new(key), None, reason)
        }
        AccessChange::Submit(Some(key)) => {
            admit(facts, key)?;
            let user = facts.cache_user.as_ref().map_err(Problem::new)?;
            let user = &user.name;
            let asked = Request::new(key.clone(), Source::Paste, user, When::now());
            let planned = access::submit(about, facts, &asked);
            planned.map(|plan| Plan { reason, ..plan })
        }
        AccessChange::Certify(Some(key)) => {
            let certificate = certificate_request(request, key, ca)?;
            access::sign_cert(about, facts, certificate, reason)
        }
        AccessChange::Prove(_, None) => return Err(Problem::say("no answer was given")),
        AccessChange::Prove(asked, Some(answer)) => {
            let planned = access::prove(about, facts, asked, answer);
            planned.map(|plan| Plan { reason, ..plan })
        }
        AccessChange::Approve(asked) => {
            admit(facts, &asked.key)?;
            let new = new(&asked.key);
            access::approve(about, facts, asked, &new, None, said)
        }
        AccessChange::Deny(asked) => access::deny(about, facts, asked, said),
        AccessChange::Reopen(asked) => {
            let planned = access::reopen(about, facts, asked);
            planned.map(|plan| Plan { reason, ..plan })
        }
        AccessChange::Restore(new, file) => {
            admit(facts, &new.key)?;
            access::authorize(about, facts, new, Some(file), reason)
        }
        AccessChange::Revoke(key) => {
            access::revoke(about, facts, login, *key, request.end_sessions, reason)
        }
        AccessChange::Suspend(key) => {
            access::suspend(about, facts, login, *key, request.end_sessions, reason)
        }
        AccessChange::Resume(key) => access::resume(about, facts, *key, reason),
        AccessChange::Review => access::review(about, facts, reason),
        AccessChange::EndSession(session) => Ok(access::end_session(about, session, reason)),
        AccessChange::Expire(key) => {
            access::expire(about, facts, login, *key, request.expires, reason)
        }
    };
    plan.map_err(|error: AccessError| Problem::new(&error))
}

/// What was typed of a certificate.
fn certificate_request(
    request: &PlanRequest,
    key: &PublicSshKey,
    ca: Option<&(CaKey, u64)>,
) -> Result<SignCertRequest, Problem> {
    let (ca, serial) = ca.ok_or_else(|| Problem::say("the authority's key was not looked at"))?;
    let fields = request.certificate.as_ref();
    let fields = fields.ok_or_else(|| Problem::say("nothing was typed of the certificate"))?;
    let expires = request.expires;
    Ok(SignCertRequest {
        key: key.clone(),
        ca: ca.clone(),
        expires: expires.ok_or_else(|| Problem::say("the certificate has no end"))?,
        principals: fields.names.clone(),
        from: (!request.from.is_empty()).then(|| request.from.clone()),
        id: fields.id.clone(),
        serial: *serial,
        out: file(fields, key),
    })
}

/// Where a certificate is written.
fn file(fields: &CertificateFields, key: &PublicSshKey) -> PathBuf {
    let named = fields.file.as_deref();
    named.map_or_else(|| access::certificate_name(key), tilde)
}

/// Where the certificate that another administrator has planned is written.
pub fn out(request: &PlanRequest, intent: &Intent) -> Option<PathBuf> {
    let Intent::SignCert { key, .. } = intent else {
        return None;
    };
    let key = PublicSshKey::parse(key).ok()?;
    Some(file(request.certificate.as_ref()?, &key))
}

/// Weak keys are not authorized, however they come.
fn admit(facts: &AccessFacts, key: &PublicSshKey) -> Result<(), Problem> {
    let findings = crate::judge::access::of_candidate(facts, key);
    let worst = findings.iter().find(|found| found.level == Level::Refuse);
    match worst {
        Some(worst) => Err(Problem::say(
            worst.notice().after("this key is not authorized: "),
        )),
        None => Ok(()),
    }
}
