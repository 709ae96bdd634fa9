//! Looking at what fills the disk, working out what follows from it, and planning changes of what the store keeps.
//!
//! In: a connected server, a store, rules. Out: messages.

use crate::change::audit::who;
use crate::change::collect::output_pairs;
use crate::change::samples;
use crate::change::unfinished::left;
use crate::console::app::msg::Msg;
use crate::console::backend::connect::Session;
use crate::console::backend::latest::Latest;
use crate::console::backend::{Backend, Sender};
use crate::console::screens;
use crate::console::screens::space::Effect;
use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::problem::Problem;
use crate::console::types::space::{Planned, PolicyDraft, SpaceSnapshot};
use crate::domain::Explain;
use crate::domain::text::visible;
use crate::domain::{Bytes, Fact, Notice, Unknown, When};
use crate::inventory::Inventory;
use crate::judge::collect::Rules;
use crate::judge::retention::Policy;
use crate::link::tilde;
use crate::server::Server;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a policy at most.
const POLICY: u64 = 64 << 10;

/// What is to be worked out.
struct Of {
    request_id: u64,
    generation: u64,
    inventory: Arc<Inventory>,
    known: Arc<SpaceSnapshot>,
}

impl Backend {
    /// Does what is wanted about space, or begins it.
    pub(super) fn space(&mut self, effect: Effect) {
        match effect {
            Effect::Read { look, known } => {
                let state = self.session.as_ref().map(Session::state);
                let folder = state.and_then(|state| state.folder.clone());
                self.with_server(|server, send| read(server, send, look, known, folder));
            }
            Effect::Assess {
                request_id,
                generation,
                inventory,
                known,
            } => {
                let server = self.session.as_ref().and_then(Session::server);
                let (send, place) = (self.send.clone(), self.assessment.clone());
                let of = Of {
                    request_id,
                    generation,
                    inventory,
                    known,
                };
                tokio::spawn(assess(server, send, place, of));
            }
            Effect::Plan {
                request_id,
                assessment,
                rules,
                saved,
            } => {
                // The one that runs is cancelled, the one that waits is replaced.
                self.cancel_plan.store(true, Ordering::Relaxed);
                let off = Arc::new(AtomicBool::new(false));
                self.cancel_plan = Arc::clone(&off);
                let send = self.send.clone();
                self.collect
                    .put(move || plan(&send, request_id, assessment, rules, saved, &off));
            }
            Effect::ReadPolicy => self.with_server(read_policy),
            Effect::ReadPolicyOfFile(file) => {
                self.with_server(|server, send| read_policy_of_file(server, send, file));
            }
            // The loop has the terminal and does this itself.
            Effect::Edit(_) => {}
            Effect::WhyAlive { assessment, row } => {
                let send = self.send.clone();
                tokio::task::spawn_blocking(move || {
                    let chain = assessment.why_alive(row);
                    let _ = send.send(Msg::Space(screens::space::Msg::Alive {
                        assessment,
                        row,
                        chain,
                    }));
                });
            }
        }
    }
}

/// Works out what is live. Where Nix keeps the outputs of live derivations, the server is asked for those first.
async fn assess(server: Option<Server>, send: Sender, place: Latest, of: Of) {
    let mut pairs = Vec::new();
    if let (Some(server), Ok(true)) = (server, &of.known.facts.keep_outputs) {
        match output_pairs(&server, &of.inventory).await {
            Ok(found) => pairs = found,
            Err(error) => {
                let assessment = Err(Problem::new(&error));
                let request_id = of.request_id;
                let _ = send.send(Msg::Space(screens::space::Msg::Assessed {
                    request_id,
                    assessment,
                }));
                return;
            }
        }
    }
    place.put(move || {
        let Of {
            request_id,
            generation,
            inventory,
            known,
        } = of;
        let assessment = SpaceAssessment::new(generation, inventory, known, pairs, When::now())
            .map(Arc::new)
            .map_err(|why| Problem::new(&why));
        let _ = send.send(Msg::Space(screens::space::Msg::Assessed {
            request_id,
            assessment,
        }));
    });
}

/// Plans what goes; a cancelled plan is not reported.
pub(super) fn plan(
    send: &Sender,
    request_id: u64,
    assessment: Arc<SpaceAssessment>,
    rules: Rules,
    saved: Option<Bytes>,
    cancel: &AtomicBool,
) {
    if let Some(collection) = assessment.plan(&rules, saved, When::now(), cancel) {
        let planned = Box::new(Planned {
            assessment,
            rules,
            saved,
            collection: Arc::new(collection),
        });
        let _ = send.send(Msg::Space(screens::space::Msg::Planned {
            request_id,
            planned,
        }));
    }
}

/// The retention policy of the server.
pub(super) async fn policy(server: &Server) -> Fact<Option<Arc<Policy>>> {
    let file = server.policy().await;
    let found = file.map_err(|error| Unknown(error.notice()))??.found;
    found
        .map(|(text, _)| Policy::parse(&text).map(Arc::new))
        .transpose()
        .map_err(|error| Unknown(error.notice()))
}

/// Reads it as it is, to be edited.
pub(super) async fn read_policy(server: Server, send: Sender) {
    let found = match server.policy().await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(unknown)) => Err(Problem::new(&unknown)),
        Err(error) => Err(Problem::new(&error)),
    };
    let _ = send.send(Msg::Space(screens::space::Msg::Policy(found)));
}

/// The same, and a policy in a file of this machine that is to be there.
pub(super) async fn read_policy_of_file(server: Server, send: Sender, file: PathBuf) {
    // As in a shell.
    let file = tilde(&file.to_string_lossy());
    let text = tokio::task::spawn_blocking(move || policy_text(&file)).await;
    let text = text.unwrap_or_else(|error| Err(Problem::say(error.to_string())));
    let draft = match (text, server.policy().await) {
        (Err(problem), _) => Err(problem),
        (Ok(text), Ok(Ok(shown))) => Ok(Box::new(PolicyDraft { shown, text })),
        (Ok(_), Ok(Err(unknown))) => Err(Problem::new(&unknown)),
        (Ok(_), Err(error)) => Err(Problem::new(&error)),
    };
    let _ = send.send(Msg::Space(screens::space::Msg::PolicyOfFile(draft)));
}

/// The text of a file that a person has named.
fn policy_text(file: &Path) -> Result<String, Problem> {
    let name = file.to_string_lossy();
    let name = visible(&name);
    // To open a pipe would wait for a writer.
    let found = std::fs::metadata(file).and_then(|found| {
        let mut bytes = Vec::new();
        if found.is_file() {
            let open = File::open(file)?;
            open.take(POLICY + 1).read_to_end(&mut bytes)?;
        }
        Ok((found.is_file(), bytes))
    });
    match found {
        Err(error) => Err(Problem::say(Notice::new(
            format!("cannot read {name}: {error}"),
            "name a file of this machine",
        ))),
        Ok((true, bytes)) if bytes.len() as u64 <= POLICY => String::from_utf8(bytes)
            .map_err(|_| Problem::say(format!("{name} is no text; name a policy in TOML"))),
        Ok(_) => Err(Problem::say(format!(
            "{name} is too large to be a policy, or no file"
        ))),
    }
}

/// Looks: what is quick first, then the pass over the store's folders, then that over its hard links, unless these are known.
pub(super) async fn read(
    server: Server,
    send: Sender,
    look: u64,
    passed: Option<Arc<SpaceSnapshot>>,
    folder: Option<PathBuf>,
) {
    let tell = |known: Result<SpaceSnapshot, Problem>| {
        let known = known.map(Arc::new);
        let _ = send.send(Msg::Space(screens::space::Msg::Snapshot { look, known }));
    };
    let (facts, roots, pins, policy, unfinished, two) = tokio::join!(
        server.space(),
        server.roots(),
        server.pins(),
        policy(&server),
        left(&server),
        server.two_persons()
    );
    let facts = match facts {
        Ok(facts) => facts,
        Err(error) => return tell(Err(Problem::new(&error))),
    };
    let (roots, notes) = match roots {
        Ok(found) => (Ok(found.roots), found.notes),
        Err(error) => (Err(Unknown(error.notice())), vec![]),
    };
    let (seen, name) = (facts.clone(), server.spec().name.clone());
    let samples = move || samples::look(folder.as_deref(), &name, &seen);
    let samples = tokio::task::spawn_blocking(samples).await;
    let mut known = SpaceSnapshot {
        look,
        facts,
        roots,
        notes,
        pins: pins.unwrap_or_else(|error| Err(Unknown(error.notice()))),
        policy,
        last_use: None,
        links: None,
        unfinished: unfinished.map_err(|error| Unknown(error.notice())),
        two: two.map_err(|error| Unknown(error.notice())),
        login: who::login(&server),
        samples: samples.unwrap_or_default().into(),
        skew: server.facts().clock_skew,
    };
    if let Some(passed) = passed {
        known.last_use.clone_from(&passed.last_use);
        known.links.clone_from(&passed.links);
        return tell(Ok(known));
    }
    tell(Ok(known.clone()));
    let last_use = server.last_use().await;
    let last_use = last_use.map_err(|error| Unknown(error.notice()));
    known.last_use = Some(Arc::new(last_use));
    tell(Ok(known.clone()));
    let links = server.links().await;
    known.links = Some(links.unwrap_or_else(|error| Err(Unknown(error.notice()))));
    tell(Ok(known));
}
