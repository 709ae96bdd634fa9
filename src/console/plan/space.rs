//! From what is wanted to a plan.
//!
//! In: an order, and what the server says of pins and generations now. Out: a plan, or why there is none. Walks closures and all
//! that is alive: for a job.

use crate::change::Plan;
use crate::change::access::About;
use crate::change::collect::{self, WHOLE};
use crate::change::keep::{self, Effect, KeepError};
use crate::change::sign::strip::{self, Stored};
use crate::console::plan::request::PlanRequest;
use crate::console::types::change::SpaceChange;
use crate::console::types::problem::Problem;
use crate::console::types::space::{Planned, PolicyDraft};
use crate::domain::alike::grouped;
use crate::domain::pin::{Pin, PinName};
use crate::domain::{Bytes, Fact, Notice, StorePath, Unknown, When};
use crate::inventory::Row;
use crate::judge::collect::Rules;
use crate::judge::retention::Policy;
use crate::server::{Generation, PolicyFile, Vacuum, VacuumFacts};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What the server says that a plan is made of.
#[derive(Debug)]
pub struct SpaceInputs {
    /// The server.
    pub about: About,
    pub pins: Fact<Vec<Pin>>,
    /// Where they are.
    pub folder: String,
    /// The generations among the roots that are to go.
    pub generations: Vec<Generation>,
    /// What it has of a key whose signatures are to go.
    pub stored: Option<Stored>,
    /// What a VACUUM would find, where one is to be.
    pub vacuum: Option<Fact<VacuumFacts>>,
    /// The retention policy that is there, where it is to be another one.
    pub policy: Option<Fact<PolicyFile>>,
    /// The time.
    pub now: When,
}

/// Makes it.
pub fn plan(
    request: &PlanRequest,
    change: &SpaceChange,
    inputs: &SpaceInputs,
) -> Result<Plan, Problem> {
    let problem = |error: KeepError| Problem::new(&error);
    let pins = || inputs.pins.as_deref().map_err(Problem::new);
    let mut plan = match change {
        SpaceChange::Pin(paths) => {
            let inventory = request.inventory()?;
            let name = match (paths.len(), request.name.as_str()) {
                (1, name) if !name.is_empty() => {
                    Some(name.parse::<PinName>().map_err(Problem::say)?)
                }
                _ => None,
            };
            let wanted = keep::PinRequest {
                name,
                reason: request.reason.clone(),
                expires: request.expires,
            };
            let (about, folder) = (&inputs.about, &inputs.folder);
            let revisions = request.revisions;
            let pins = (pins()?, folder.as_str());
            keep::pin_or_move(
                about, inventory, pins, paths, &wanted, revisions, inputs.now,
            )
        }
        SpaceChange::Unpin(name) => {
            let assessment = request.assessment()?;
            let keeps = assessment.keep();
            let kept = assessment.kept(&keeps);
            let names = std::slice::from_ref(name);
            keep::unpin(&inputs.about, kept, pins()?, &inputs.folder, names)
        }
        SpaceChange::UnpinOver(which) => {
            let assessment = request.assessment()?;
            let keeps = assessment.keep();
            let kept = assessment.kept(&keeps);
            let names = keep::over(pins()?, *which, assessment.known.there(inputs.now));
            keep::unpin(&inputs.about, kept, pins()?, &inputs.folder, &names)
        }
        SpaceChange::RemoveRoot(root) => {
            let assessment = request.assessment()?;
            let keeps = assessment.keep();
            let (about, kept) = (&inputs.about, assessment.kept(&keeps));
            let (folder, known) = (&inputs.folder, &inputs.generations);
            keep::remove(about, kept, pins()?, folder, known, &root.link)
        }
        SpaceChange::Repair(paths) => keep::repair(&inputs.about, request.inventory()?, paths),
        SpaceChange::DeleteDamaged(paths) => {
            let assessment = request.assessment()?;
            let keeps = assessment.keep();
            keep::delete(&inputs.about, assessment.kept(&keeps), paths)
        }
        SpaceChange::DeletePaths(paths) => {
            let assessment = request.assessment()?;
            let keeps = assessment.keep();
            let access = request.access.as_ref().map(|known| &known.facts);
            let access = access.ok_or_else(|| Unknown::new("who may log in has not been read yet"));
            keep::delete_paths(&inputs.about, assessment.kept(&keeps), paths, access)
        }
        SpaceChange::Vacuum => {
            let facts = inputs.vacuum.as_ref();
            let facts = facts.ok_or_else(|| Problem::say("the database was not looked at"))?;
            let facts = facts.as_ref().map_err(Problem::new)?;
            keep::vacuum(&inputs.about, facts, Vacuum::default())
        }
        SpaceChange::Policy(draft) => policy(request, inputs, draft)?,
        SpaceChange::RemoveGenerations => {
            let assessment = request.assessment()?;
            let keeps = assessment.keep();
            let now = assessment.known.there(inputs.now);
            let (about, kept) = (&inputs.about, assessment.kept(&keeps));
            keep::older_than(about, kept, &inputs.generations, request.age, now)
        }
        SpaceChange::Strip(key, only) => {
            return stripping(request, inputs, key, only.as_deref());
        }
        SpaceChange::Collect(planned) => return collection(request, inputs, planned, None),
        SpaceChange::CollectDead { saved } => {
            let assessment = Arc::clone(request.assessment()?);
            let rules = Rules::whole();
            let never = AtomicBool::new(false);
            let collection_of = assessment.plan(&rules, *saved, inputs.now, &never);
            let planned = Planned {
                rules,
                saved: *saved,
                collection: Arc::new(
                    collection_of.ok_or_else(|| Problem::say("planning was cancelled"))?,
                ),
                assessment,
            };
            return collection(request, inputs, &planned, Some(WHOLE));
        }
    }
    .map_err(problem)?;
    plan.reason.clone_from(&request.reason);
    Ok(plan)
}

/// Writing what the editor has left, unless somebody else has written meanwhile.
fn policy(
    request: &PlanRequest,
    inputs: &SpaceInputs,
    draft: &PolicyDraft,
) -> Result<Result<Plan, KeepError>, Problem> {
    let found = inputs.policy.as_ref();
    let found = found.ok_or_else(|| Problem::say("the policy was not looked at"))?;
    let found = found.as_ref().map_err(Problem::new)?;
    if !found.is_as(&draft.shown) {
        return Err(Problem::say(
            "somebody else has changed the retention policy while it was edited; edit it again: what you wrote is not lost",
        ));
    }
    let effect = effect(request, &draft.text, inputs.now);
    Ok(keep::retention(
        &inputs.about,
        &draft.shown,
        &draft.text,
        effect,
    ))
}

/// What a collection by the policy would take, where what is dead is known.
pub fn effect(request: &PlanRequest, text: &str, now: When) -> Option<Effect> {
    let assessment = request.assessment.as_ref()?;
    let rules = Rules {
        policy: Some(Arc::new(Policy::parse(text).ok()?)),
        ..Rules::default()
    };
    let saved = assessment.known.saved();
    let collection = assessment.plan(&rules, saved, now, &AtomicBool::new(false))?;
    let inventory = request.inventory.as_deref()?;
    let size = |row: &Row| inventory.nar_size(*row).unwrap_or(0);
    Some(Effect {
        paths: collection.order.len(),
        bytes: Bytes(collection.order.iter().map(size).sum()),
    })
}

/// The plan that takes a key's signatures away.
fn stripping(
    request: &PlanRequest,
    inputs: &SpaceInputs,
    key: &str,
    only: Option<&[StorePath]>,
) -> Result<Plan, Problem> {
    let only = only.map(|paths| paths.iter().cloned().collect::<BTreeSet<_>>());
    let stored = inputs.stored.clone().unwrap_or_default();
    let reason = request.reason.clone();
    strip::plan(&stored, request.inventory()?, key, only.as_ref(), reason)
        .map_err(|error| Problem::new(&error))
}

/// The plan of a collection.
fn collection(
    request: &PlanRequest,
    inputs: &SpaceInputs,
    planned: &Planned,
    note: Option<&str>,
) -> Result<Plan, Problem> {
    let plan = |about: &collect::About<'_>| collect::plan(about, request.reason.clone());
    about(planned, (&inputs.about, inputs.now), note, plan).map_err(|error| Problem::new(&error))
}

/// Has a collection by these rules planned again, from what was shown of the store.
pub fn again<T>(
    request: &PlanRequest,
    rules: Rules,
    at: (&About, When),
    plan: impl FnOnce(&collect::About<'_>) -> T,
) -> Result<T, Notice> {
    let assessment = request.assessment().map_err(|problem| Notice {
        message: problem.message,
        hint: problem.hint,
    })?;
    let saved = assessment.known.saved();
    let never = AtomicBool::new(false);
    let collection = assessment.plan(&rules, saved, at.1, &never);
    let planned = Planned {
        assessment: Arc::clone(assessment),
        rules,
        saved,
        collection: Arc::new(
            collection.ok_or_else(|| Notice::from("planning was cancelled".to_owned()))?,
        ),
    };
    Ok(about(&planned, at, None, plan))
}

/// What a collection is planned from.
fn about<T>(
    planned: &Planned,
    (about, now): (&About, When),
    note: Option<&str>,
    plan: impl FnOnce(&collect::About<'_>) -> T,
) -> T {
    let assessment = &planned.assessment;
    let links = assessment.known.links.as_ref();
    let links = links.and_then(|links| links.as_ref().ok());
    let said = grouped(assessment.known.notes.iter().map(String::as_str)).into_iter();
    let said = said.map(|said| format!("Nix says: {said}"));
    let notes: Vec<String> = said.chain(note.map(str::to_owned)).collect();
    let about = collect::About {
        server: &about.server,
        reached: &about.address,
        situation: &assessment.situation(planned.saved, now),
        rules: &planned.rules,
        collection: &planned.collection,
        links: links.map(|links| links.files),
        notes: &notes,
    };
    plan(&about)
}
