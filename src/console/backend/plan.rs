//! Makes the plans that dialogs ask for.
//!
//! In: a connected server, a request. Out: one message with the plan, or with why there is none.

use crate::change::access::{About, serial};
use crate::change::keep::PinRequest;
use crate::change::push::{self, PushRequest, given};
use crate::change::sign::rotate::{RotateRequest, found, rotate};
use crate::change::sign::strip::look;
use crate::change::sign::{self, Selection};
use crate::change::{Plan, Refusal};
use crate::console::app::msg::Msg;
use crate::console::backend::{Sender, installed, second};
use crate::console::plan::access;
use crate::console::plan::request::PlanRequest;
use crate::console::plan::space::{self, SpaceInputs};
use crate::console::types::change::{ChangeKind, SpaceChange, What};
use crate::console::types::problem::Problem;
use crate::domain::pin::PinName;
use crate::domain::{StorePath, When};
use crate::link::certify::{CaKey, Terminal, ca_key};
use crate::link::tilde;
use crate::load::origin_closure;
use crate::server::{Origin, Server, ServerError, Vacuum};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Makes one.
pub(super) async fn make(
    server: Server,
    state: Option<PathBuf>,
    send: Sender,
    request_id: u64,
    request: PlanRequest,
) {
    let plan = match request.change.clone() {
        ChangeKind::Sign(what) => of_signatures(&server, &request, what).await,
        ChangeKind::Push(typed) => {
            Box::pin(of_push(&server, state.as_deref(), &request, &typed)).await
        }
        ChangeKind::Access(change) => {
            let login = server.facts().user.clone();
            let ca = authority(&request).await;
            ca.and_then(|ca| {
                access::plan(&request, &change, &About::of(&server), &login, ca.as_ref())
            })
        }
        ChangeKind::Space(change) => of_space(&server, request, change).await,
        ChangeKind::Install(what) => Box::pin(installed::install(&server, request, what)).await,
        ChangeKind::Remove(what) => Box::pin(installed::remove(&server, &request, what)).await,
        ChangeKind::Two(change) => match authority(&request).await {
            Ok(ca) => Box::pin(second::plan(&server, &request, &change, ca)).await,
            Err(problem) => Err(problem),
        },
    };
    let plan = match plan {
        Ok(mut plan) => {
            second::ahead(&server, &mut plan).await;
            Ok(plan)
        }
        Err(problem) => Err(problem),
    };
    let plan = plan.map(Box::new);
    let _ = send.send(Msg::Planned { request_id, plan });
}

/// What signs a certificate, and its serial number, where one is to be made. Nobody can be asked for a passphrase.
async fn authority(request: &PlanRequest) -> Result<Option<(CaKey, u64)>, Problem> {
    let Some(fields) = &request.certificate else {
        return Ok(None);
    };
    let ca = ca_key(&tilde(&fields.authority), Terminal::Taken).await;
    let ca = ca.map_err(|error| Problem::new(&error))?;
    let serial = serial().map_err(|error| Problem::new(&error))?;
    Ok(Some((ca, serial)))
}

async fn of_signatures(
    server: &Server,
    request: &PlanRequest,
    what: What,
) -> Result<Plan, Problem> {
    let selection = match what {
        What::All => Selection::all(),
        What::Rows(rows) => Selection::rows(rows.to_vec()),
        What::Rotation(from) => return of_rotation(server, request, &from).await,
    };
    let selection = selection
        .with_closure(request.closure)
        .with_upstream(request.upstream);
    let key = request.key.clone();
    let key = key.ok_or_else(|| Problem::new(&Refusal::Nothing))?;
    let inventory = request.inventory()?;
    let plan = sign::plan(server, inventory, &selection, key, None, When::now());
    plan.await.map_err(|error| Problem::new(&error))
}

/// By what this machine's store and the server say now.
async fn of_push(
    server: &Server,
    state: Option<&Path>,
    request: &PlanRequest,
    typed: &[String],
) -> Result<Plan, Problem> {
    let home = crate::config::home::home();
    let expand = |text: &String| {
        let path = crate::config::home::expand(text, home.as_deref());
        path.to_string_lossy().into_owned()
    };
    let typed: Vec<String> = typed.iter().map(expand).collect();
    let paths = given::paths(&typed).map_err(Problem::say)?;
    let push = PushRequest {
        pins: pin_of(request, &paths)?.into_iter().collect(),
        paths,
        reason: request.reason.clone(),
        ..PushRequest::default()
    };
    let key = request.key.clone();
    let key = key.ok_or_else(|| Problem::new(&Refusal::Nothing))?;
    let planned = async {
        let origin = Origin::open(None).await?;
        let closure = origin_closure(&origin, &push.paths).await?;
        let (place, now) = (origin.place(), When::now());
        push::plan(server, closure, place, &push, key.into(), state, now).await
    };
    planned.await.map_err(|error| Problem::new(&error))
}

/// The pin of the one path that is pushed, where a name was typed.
fn pin_of(
    request: &PlanRequest,
    paths: &[StorePath],
) -> Result<Option<(StorePath, PinRequest)>, Problem> {
    let (name, [path]) = (request.name.as_str(), paths) else {
        return Ok(None);
    };
    if name.is_empty() {
        return Ok(None);
    }
    let pin = PinRequest {
        name: Some(name.parse::<PinName>().map_err(Problem::say)?),
        reason: request.reason.clone(),
        expires: request.expires,
    };
    Ok(Some((path.clone(), pin)))
}

/// Without a path that is left to sign, the plan is the verdict.
async fn of_rotation(server: &Server, request: &PlanRequest, from: &str) -> Result<Plan, Problem> {
    let key = request.key.clone();
    let key = key.ok_or_else(|| Problem::new(&Refusal::Nothing))?;
    let inventory = request.inventory()?;
    let except = request.except.as_ref();
    let rotation = RotateRequest {
        from: vec![from.to_owned()],
        except: except.map_or_else(HashSet::new, |query| found(inventory, query)),
    };
    let rotated = rotate(server, inventory, &rotation, key.into(), None, When::now()).await;
    let mut rotated = rotated.map_err(|error| Problem::new(&error))?;
    rotated
        .plan
        .take()
        .ok_or_else(|| Problem::say(rotated.verdict()))
}

/// By what the server says of pins and generations now. Closures are walked beside the loop.
async fn of_space(
    server: &Server,
    request: PlanRequest,
    change: SpaceChange,
) -> Result<Plan, Problem> {
    let stored = match &change {
        SpaceChange::Strip(key, _) => look(server, key).await.map(Some),
        _ => Ok(None),
    };
    let stored = stored.map_err(|error| Problem::new(&error))?;
    let inputs = ask(server, &request, &change).await;
    let mut inputs = inputs.map_err(|error| Problem::new(&error))?;
    inputs.stored = stored;
    tokio::task::spawn_blocking(move || space::plan(&request, &change, &inputs))
        .await
        .unwrap_or_else(|error| Err(Problem::say(error.to_string())))
}

async fn ask(
    server: &Server,
    request: &PlanRequest,
    change: &SpaceChange,
) -> Result<SpaceInputs, ServerError> {
    let pins = match change {
        SpaceChange::Pin(_)
        | SpaceChange::Unpin(_)
        | SpaceChange::UnpinOver(_)
        | SpaceChange::RemoveRoot(_) => server.pins().await?,
        _ => Ok(vec![]),
    };
    let roots = match (change, &request.assessment) {
        (SpaceChange::RemoveRoot(root), _) => std::slice::from_ref(root),
        (SpaceChange::RemoveGenerations, Some(assessment)) => {
            assessment.known.roots.as_deref().unwrap_or_default()
        }
        _ => &[],
    };
    let vacuum = match change {
        SpaceChange::Vacuum => Some(server.vacuum_facts(&Vacuum::default()).await?),
        _ => None,
    };
    let policy = match change {
        SpaceChange::Policy(_) => Some(server.policy().await?),
        _ => None,
    };
    let generations = match roots {
        [] => vec![],
        roots => server.generations(roots).await?,
    };
    Ok(SpaceInputs {
        about: About::of(server),
        pins,
        folder: server.pins_dir(),
        generations,
        stored: None,
        vacuum,
        policy,
        now: When::now(),
    })
}
