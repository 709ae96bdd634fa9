//! What each action does.

use crate::change::keep::Over;
use crate::change::sign::KeyChoice;
use crate::console::app::layer::{Help, Layer, Palette};
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::palette::Command;
use crate::console::app::reasons;
use crate::console::app::servers;
use crate::console::app::themes;
use crate::console::app::update::plan;
use crate::console::app::update::show;
use crate::console::app::update::{
    access, activity, backup, contents, export, find, installed, keep, leave, marks, nav, policy,
    seen, sign, space, store, switch, undo, waiting, way,
};
use crate::console::plan::full_text;
use crate::console::screens;
use crate::console::screens::space::state::View;
use crate::console::types::action::{self, Act};
use crate::console::types::change::SpaceChange;
use crate::console::types::key_purpose::KeyPurpose;
use crate::console::types::screen::Screen;
use crate::console::types::server::Link;
use crate::console::widgets::list::{List, Move};
use crate::console::widgets::theme::Theme;

/// Runs an action if it can be done now, else says why not.
#[allow(clippy::too_many_lines, reason = "one arm for each action")]
pub(super) fn run(model: &mut Model, act: Act) -> Vec<Effect> {
    if let Some(action) = action::find(act)
        && let Err(reason) = reasons::of(model, action.act)
    {
        model.toast = Some(format!("Cannot {}: {reason}", action.verb()));
        return vec![];
    }
    if let Err(moved) = seen::check(model, act) {
        model.toast = Some(moved);
        return vec![];
    }
    match act {
        Act::Go(screen) => nav::go(model, screen),
        Act::NextScreen => nav::turn(model, 1),
        Act::PreviousScreen => nav::turn(model, Screen::ALL.len() - 1),
        Act::Down => step(model, Move::Down),
        Act::Up => step(model, Move::Up),
        Act::PageDown => step(model, Move::PageDown),
        Act::PageUp => step(model, Move::PageUp),
        Act::HalfPageDown => step(model, Move::HalfDown),
        Act::HalfPageUp => step(model, Move::HalfUp),
        Act::First => step(model, Move::First),
        Act::Last => step(model, Move::Last),
        Act::Open => nav::open(model),
        Act::Back => nav::back(model),
        Act::Expand => fold(model, true),
        Act::Collapse => fold(model, false),
        Act::Search => nav::search(model),
        Act::NextMatch => find::next(model, false),
        Act::PreviousMatch => find::next(model, true),
        Act::Palette => show::push(model, Layer::Palette(Palette::default())),
        Act::Export => show::push(model, Layer::Palette(Palette::with("export "))),
        Act::Push => show::push(model, Layer::Palette(Palette::with("push "))),
        Act::Mark => marks::mark(model),
        Act::MarkRange => marks::mark_range(model),
        Act::MarkAll => marks::mark_all(model),
        Act::MarkClosure => marks::mark_closure(model),
        Act::UnmarkAll => {
            model.cx.marks.clear();
            vec![]
        }
        Act::Sort => store::sort_next(model),
        Act::SortBy(key) => store::sort_by(model, key),
        Act::Columns => show::push(model, Layer::Columns(List::default())),
        Act::Reverse => {
            model.store.sort.reverse = !model.store.sort.reverse;
            nav::search_changed(model)
        }
        Act::Derivations => {
            model.store.derivations = !model.store.derivations;
            nav::ask_view(model)
        }
        Act::Sign => sign::open(model, false),
        Act::SignAll => sign::open(model, true),
        Act::Rotate => sign::ask_key(model, KeyPurpose::Rotate),
        Act::StripKey => sign::ask_key(model, KeyPurpose::Strip),
        Act::Why if crate::console::app::reasons::two_paths(model).is_ok() => why(model),
        Act::Why => space::why(model),
        Act::Way => way::of_key(model),
        Act::WayOfFile => show::push(model, Layer::Palette(Palette::with("way "))),
        Act::Onboard => show::push(model, Layer::Palette(Palette::with("onboard "))),
        Act::WayTo => way::ask(model),
        Act::Copy => copy(model),
        Act::Refresh => match model.cx.link {
            Link::Up { .. } => vec![
                Effect::Refresh,
                Effect::Activity(screens::activity::Effect::ReadAudit),
                Effect::Ping,
            ],
            Link::Connecting => vec![],
            Link::Down { .. } => vec![Effect::Reconnect],
            Link::Failed(_) => {
                model.cx.link = Link::Connecting;
                vec![Effect::Reconnect]
            }
        },
        Act::CancelJob => activity::cancel(model),
        Act::Part => activity::next_part(model),
        Act::RefusedOnly => refused_only(model),
        Act::OurLogins => activity::ours(model),
        Act::VerifyAudit => vec![Effect::Activity(screens::activity::Effect::VerifyAudit)],
        Act::EndSession => access::end_session(model),
        Act::Servers => servers::open(model),
        Act::WaitingPlans => waiting::open(model),
        Act::ByItself => installed::open(model),
        Act::Theme => {
            themes::open(model);
            vec![]
        }
        Act::Help => {
            let scope = model.scope().unwrap_or(model.screen_scope());
            show::push(model, Layer::Help(Help::of(scope)))
        }
        Act::Redraw => vec![Effect::Redraw],
        Act::Suspend => vec![Effect::Suspend],
        Act::Quit => leave::quit(model),
        Act::QuitNow => leave::leave(model),
        Act::Authorize => access::authorize(model),
        Act::AddRequest => access::add_request(model),
        Act::Deny => access::deny(model),
        Act::Revoke => access::revoke(model),
        Act::SuspendKey => access::suspend(model),
        Act::Review => access::review(model),
        Act::MarkReviewed => access::mark_reviewed(model),
        Act::Expiry => access::expiry(model),
        Act::NextCard => access::next(model),
        Act::Proof => access::proof(model),
        Act::Certify => access::certify(model),
        Act::ConfirmPlan
        | Act::PlanItems
        | Act::PlanReason
        | Act::PlanKey
        | Act::PlanClosure
        | Act::PlanUpstream
        | Act::PlanLifetime
        | Act::PlanSessions
        | Act::PlanFrom
        | Act::PlanComment
        | Act::PlanAuthority
        | Act::PlanNames
        | Act::PlanId
        | Act::PlanFile
        | Act::PlanName
        | Act::PlanRevisions
        | Act::PlanExcept
        | Act::PlanNever
        | Act::PlanUploaders
        | Act::PlanProgram
        | Act::PlanRemove
        | Act::PlanExpiry => plan::act(model, act),
        Act::Close | Act::Dismiss => {
            model.layers.pop();
            vec![]
        }
        Act::Choose => choose(model),
        Act::Undo => undo::open(model),
        Act::HelpSearch => {
            if let Some(Layer::Help(help)) = model.layers.last_mut() {
                help.typing = true;
            }
            vec![]
        }
        Act::Collect => keep::collect(model),
        Act::Pin => keep::pin(model),
        Act::Unroot => keep::unroot(model),
        Act::UnpinExpired => keep::unpin_over(model, Over::Pins),
        Act::UnpinRevisions => keep::unpin_over(model, Over::Revisions),
        Act::CollectWhole => keep::whole(model),
        Act::OldGenerations => keep::generations(model, ""),
        Act::Vacuum => keep::vacuum(model),
        Act::Backup => backup::ask(model),
        Act::Verify => contents::some(model),
        Act::VerifyAll => contents::all(model),
        Act::Repair => contents::repair(model, SpaceChange::Repair),
        Act::DeletePaths => keep::delete(model),
        Act::DeleteDamaged => contents::repair(model, SpaceChange::DeleteDamaged),
        Act::ByPolicy => {
            let on = !model.space.by_policy;
            space::by_policy(model, on)
        }
        Act::EditPolicy => vec![Effect::Space(screens::space::Effect::ReadPolicy)],
        Act::PolicyOfFile => show::push(model, Layer::Palette(Palette::with("retention "))),
        Act::Rules => {
            let effects = space::by_policy(model, false);
            model.space.form.enter();
            effects
        }
        Act::EveryPath => {
            let every = !model.space.paths;
            model.space.list_every_path(every);
            vec![]
        }
        Act::NextView => turn(model, 1),
        Act::PreviousView => turn(model, View::ALL.len() - 1),
    }
}

fn step(model: &mut Model, step: Move) -> Vec<Effect> {
    nav::step(model, step);
    vec![]
}

fn fold(model: &mut Model, open: bool) -> Vec<Effect> {
    nav::fold(model, open);
    vec![]
}

fn turn(model: &mut Model, by: usize) -> Vec<Effect> {
    model.space.turn(by);
    vec![]
}

fn why(model: &mut Model) -> Vec<Effect> {
    let current = model.current_row();
    let other = model.cx.marks.rows().find(|row| Some(*row) != current);
    match (model.cx.data.inventory.clone(), other, current) {
        (Some(inventory), Some(from), Some(to)) => {
            vec![Effect::Store(screens::store::Effect::Chain {
                inventory,
                from,
                to,
            })]
        }
        _ => vec![],
    }
}

/// `F`: on screen 4 the clients that were refused, elsewhere the entries of sshd's log.
fn refused_only(model: &mut Model) -> Vec<Effect> {
    if model.screen == Screen::Access {
        let refused = !model.access.refused;
        model.access.filter(refused);
        return vec![];
    }
    activity::refused(model)
}

fn copy(model: &mut Model) -> Vec<Effect> {
    if let Some(layer) = model.layers.last() {
        return match layer {
            Layer::Text(text) => vec![Effect::Copy(text.copy.clone())],
            Layer::Plan(dialog) => {
                let known = model.access.known.as_ref();
                let host = known.map(|known| known.facts.host.as_str());
                full_text::copied(dialog, host)
                    .map(Effect::Copy)
                    .into_iter()
                    .collect()
            }
            _ => vec![],
        };
    }
    if let Link::Failed(problem) | Link::Down { problem, .. } = &model.cx.link
        && (model.screen == Screen::Overview || model.cx.data.inventory.is_none())
    {
        return vec![Effect::Copy(problem.details.clone())];
    }
    if model.screen == Screen::Access
        && let Some(line) = model.access.current()
    {
        return vec![Effect::Copy(line.copy())];
    }
    if let (Some(inventory), Some(row)) = (&model.cx.data.inventory, model.current_row()) {
        return vec![Effect::Copy(inventory.path(row).to_string())];
    }
    if model.screen == Screen::Activity
        && let Some(text) = activity::text(model)
    {
        return vec![Effect::Copy(text.copy)];
    }
    if model.screen == Screen::Overview
        && let Some(problem) = &model.cx.data.problem
    {
        return vec![Effect::Copy(problem.details.clone())];
    }
    model.toast = Some("there is nothing to copy here".to_owned());
    vec![]
}

fn choose(model: &mut Model) -> Vec<Effect> {
    if matches!(model.layers.last(), Some(Layer::Verify(_))) {
        return contents::confirm(model);
    }
    if matches!(model.layers.last(), Some(Layer::Clients(_))) {
        return way::choose(model);
    }
    if matches!(model.layers.last(), Some(Layer::SigningKeys(_))) {
        return sign::choose_key(model);
    }
    if matches!(model.layers.last(), Some(Layer::Waiting(_))) {
        return waiting::choose(model);
    }
    if matches!(model.layers.last(), Some(Layer::Installed(_))) {
        return installed::choose(model);
    }
    if matches!(model.layers.last(), Some(Layer::Columns(_))) {
        return store::switch_column(model);
    }
    match model.layers.pop() {
        Some(Layer::Servers(list)) => match model.servers.get(list.cursor).cloned() {
            Some(server) => switch::to(model, &server),
            None => vec![],
        },
        Some(Layer::Themes(list)) => {
            themes::choose(model, list);
            vec![]
        }
        _ => vec![],
    }
}

/// Runs a command of the palette that takes an argument.
pub(super) fn command(model: &mut Model, command: Command) -> Vec<Effect> {
    match command {
        Command::Filter(text) => store::filter(model, text),
        Command::SaveFilter(name) => store::save_filter(model, name),
        Command::Push(paths) => sign::push(model, paths),
        Command::Export(file) => export::run(model, &file),
        Command::Backup(file) => backup::run(model, &file),
        Command::Way(file) => way::of_file(model, file),
        Command::Retention(file) => policy::ask_file(model, &file),
        Command::Setup(what) => installed::list(model, what, true),
        Command::Onboard(platform) => access::onboard(model, platform),
        Command::Columns(text) => store::columns(model, &text),
        Command::Sort(key) => store::sort(model, key),
        Command::Theme(name) => {
            match Theme::position(&model.themes, &name) {
                Ok(at) => model.theme = at,
                Err(error) => model.toast = Some(error.to_string()),
            }
            vec![]
        }
        Command::Generations(age) => keep::generations(model, &age),
        Command::Rule(field, text) => space::rule(model, field, &text),
        Command::Key(file) => vec![Effect::FindKey(KeyChoice::Local(file.into()))],
        Command::Agent { fingerprint, name } => {
            vec![Effect::FindKey(KeyChoice::Agent { fingerprint, name })]
        }
        Command::Server(name) => switch::by_name(model, &name),
    }
}
