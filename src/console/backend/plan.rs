//! Makes the plans that dialogs ask for.
//!
//! In: a connected server, a request. Out: one message with the plan, or with why there is none.

use crate::change::access::About;
use crate::change::sign::{self, Selection};
use crate::change::{Plan, Refusal};
use crate::console::app::msg::Msg;
use crate::console::backend::Sender;
use crate::console::plan::access;
use crate::console::plan::request::PlanRequest;
use crate::console::plan::space::{self, Asked};
use crate::console::types::change::{ChangeKind, SpaceChange, What};
use crate::console::types::problem::Problem;
use crate::domain::When;
use crate::server::{Server, ServerError, Vacuum};

/// Makes one.
pub(super) async fn make(server: Server, send: Sender, request_id: u64, request: PlanRequest) {
    let plan = match request.change.clone() {
        ChangeKind::Sign(what) => of_signatures(&server, &request, what).await,
        ChangeKind::Access(change) => {
            let login = server.facts().user.clone();
            access::plan(&request, &change, &About::of(&server), &login)
        }
        ChangeKind::Space(change) => of_space(&server, request, change).await,
    };
    let plan = plan.map(Box::new);
    let _ = send.send(Msg::Planned { request_id, plan });
}

async fn of_signatures(
    server: &Server,
    request: &PlanRequest,
    what: What,
) -> Result<Plan, Problem> {
    let selection = match what {
        What::All => Selection::all(),
        What::Rows(rows) => Selection::rows(rows.to_vec()),
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

/// By what the server says of pins and generations now. Closures are walked beside the loop.
async fn of_space(
    server: &Server,
    request: PlanRequest,
    change: SpaceChange,
) -> Result<Plan, Problem> {
    let asked = ask(server, &request, &change).await;
    let asked = asked.map_err(|error| Problem::new(&error))?;
    tokio::task::spawn_blocking(move || space::plan(&request, &change, &asked))
        .await
        .unwrap_or_else(|error| Err(Problem::say(error.to_string())))
}

async fn ask(
    server: &Server,
    request: &PlanRequest,
    change: &SpaceChange,
) -> Result<Asked, ServerError> {
    let pins = match change {
        SpaceChange::Pin(_) | SpaceChange::Unpin(_) | SpaceChange::RemoveRoot(_) => {
            server.pins().await?
        }
        _ => Ok(vec![]),
    };
    let roots = match (change, &request.judged) {
        (SpaceChange::RemoveRoot(root), _) => std::slice::from_ref(root),
        (SpaceChange::RemoveGenerations, Some(judged)) => {
            judged.known.roots.as_deref().unwrap_or_default()
        }
        _ => &[],
    };
    let vacuum = match change {
        SpaceChange::Vacuum => Some(server.vacuum_facts(&Vacuum::default()).await?),
        _ => None,
    };
    let generations = match roots {
        [] => vec![],
        roots => server.generations(roots).await?,
    };
    Ok(Asked {
        about: About::of(server),
        pins,
        folder: server.pins_dir(),
        generations,
        vacuum,
        now: When::now(),
    })
}
