//! The two-person rule, in the one place that every change passes.
//!
//! In: a confirmed plan, and the rule as the server had it when the job began. Out: whether the plan runs now. One that needs a second
//! administrator is kept on the server and does nothing; one that is the second confirmation is taken first, so that no other job has it.
//! Where the rule is not known, or the plan can't wait, nothing is changed.

use super::Job;
use super::cache::{CacheServer, CallError, TwoStep};
use crate::change::plan::Plan;
use crate::change::receipt::Waits;
use crate::change::second::{Confirms, Second};
use crate::change::two::{effects, intent, list};
use crate::domain::When;
use crate::domain::two_persons::{LARGEST_LIST, Rule, WaitingPlan};
use crate::server::LinkChange;
use std::sync::Arc;

/// Who has planned what a plan confirms.
pub(super) fn planned_by(plan: &Plan) -> Option<Box<str>> {
    confirms(plan).map(|confirms| confirms.plan.first.to_string().into())
}

fn confirms(plan: &Plan) -> Option<&Confirms> {
    match &plan.second {
        Some(Second::Confirms(confirms)) => Some(confirms),
        _ => None,
    }
}

/// Whether the plan runs. Where it does not, the tally says why.
pub(super) async fn may_run<C: CacheServer>(job: &mut Job<C>, plan: &Plan) -> bool {
    let why = match (job.rule.clone(), confirms(plan)) {
        (Err(why), _) => Err(format!(
            "nothing was changed: the server's two-person rule can't be read: {why}"
        )),
        (Ok(_), Some(confirms)) => match take(job, confirms).await {
            Ok(()) => return true,
            Err(why) => Err(why),
        },
        (Ok(rule), None) if rule.needs(plan.change) => wait(job, plan, &rule).await,
        (Ok(_), None) => return true,
    };
    if let Err(why) = why {
        let mut first = Some(why);
        for item in &plan.items {
            let why = first.take().unwrap_or_else(|| "not tried".to_owned());
            job.tally.fail(item, why);
        }
    }
    false
}

/// Keeps the plan on the server.
async fn wait<C: CacheServer>(job: &mut Job<C>, plan: &Plan, rule: &Rule) -> Result<(), String> {
    let cant = |why: &str| {
        Err(format!(
            "nothing was changed: by the server's two-person rule a second administrator has to confirm this, and {why}"
        ))
    };
    let login = job.cache.login();
    if let Err(why) = login.is_somebody() {
        return cant(&format!("nobody could confirm it: {}", why.message));
    }
    let Some(intent) = intent(plan) else {
        return cant("a change of this kind can't wait for one");
    };
    let list = list(plan).map(Arc::new);
    if list
        .as_ref()
        .is_some_and(|list| list.bytes().len() > LARGEST_LIST)
    {
        return cant("it is too large to wait: make it in smaller parts");
    }
    let now = job.cache.facts().there(When::now());
    let seconds = i64::try_from(rule.valid.0).unwrap_or(i64::MAX);
    let until = When::from_unix(now.unix().saturating_add(seconds));
    let waiting = WaitingPlan::new(
        job.about.id.clone(),
        plan.change,
        &plan.summary,
        login,
        (now, until),
        plan.reason.as_deref(),
        intent,
        &effects(plan),
    );
    if waiting.text().is_none() {
        return cant("it is too large to wait: make it in smaller parts");
    }
    let put = job
        .twice(|cache, token| {
            let (waiting, list) = (waiting.clone(), list.clone());
            async move {
                let step = TwoStep::Put(&waiting, list.as_deref());
                cache.two(&token, step).await
            }
        })
        .await;
    if let Err(error) = put {
        return Err(format!(
            "nothing was changed, and whether the plan waits for a second administrator is unknown: {error}"
        ));
    }
    let plan = waiting.id.clone();
    job.log(&format!(
        "nothing was changed: the plan {plan} waits for a second administrator until {until}"
    ));
    job.tally.waits = Some(Waits {
        plan,
        until,
        by: waiting.first.to_string(),
    });
    Ok(())
}

/// Takes the plan for this job alone.
async fn take<C: CacheServer>(job: &mut Job<C>, confirms: &Confirms) -> Result<(), String> {
    let id = job.about.id.clone();
    let taken = job
        .twice(|cache, token| {
            let (id, confirms) = (id.clone(), confirms.clone());
            async move {
                let Confirms { plan, sha256, .. } = &confirms;
                let job = id.as_str();
                cache.two(&token, TwoStep::Take { plan, sha256, job }).await
            }
        })
        .await;
    let plan = &confirms.plan.id;
    match taken {
        Ok(LinkChange::Changed(why)) => {
            job.tally.conflict = Some(format!("plan {plan}: {why}"));
            Err(format!("nothing was changed: {why}"))
        }
        Ok(_) => Ok(()),
        Err(CallError::Refused(why)) => Err(format!("nothing was changed: {why}")),
        Err(error) => Err(format!(
            "nothing was changed, and whether the plan {plan} still waits is unknown: {error}"
        )),
    }
}

/// Removes what is left of a plan that was carried out. A file that stays does no harm: it is never run again.
pub(super) async fn remove_plan<C: CacheServer>(job: &mut Job<C>, plan: &Plan) {
    let Some(confirms) = confirms(plan) else {
        return;
    };
    let file = format!("{}.begun-{}", confirms.plan.id, job.about.id);
    let sha256 = &confirms.sha256;
    let step = TwoStep::Drop {
        file: &file,
        sha256,
    };
    let asked = job.cache.two(&job.token, step);
    if let Err(error) = job.briefly(asked).await {
        job.log(&format!("plans/{file} is left on the server: {error}"));
    }
}
