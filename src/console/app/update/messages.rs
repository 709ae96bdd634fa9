//! What comes in for one screen.
//!
//! In: the model, a message of a screen. Out: the changed model, and the effects that follow.

use super::{
    access as on_access, activity as on_activity, backup, contents, data, policy, sign,
    space as on_space, way,
};
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens::{access, activity, space, store, unsigned};

pub(super) fn store(model: &mut Model, message: store::Msg) -> Vec<Effect> {
    match message {
        store::Msg::View {
            request_id,
            generation,
            view,
        } => {
            let (store, cx) = (&mut model.store, &model.cx);
            if store::update::view(store, cx, request_id, generation, view) {
                model.seen = None;
            }
            vec![]
        }
        // The frame is drawn anew after any message.
        store::Msg::Measured => vec![],
        store::Msg::Chain { from, to, chain } => data::chain(model, from, to, chain),
    }
}

pub(super) fn unsigned(model: &mut Model, message: unsigned::Msg) -> Vec<Effect> {
    match message {
        unsigned::Msg::Groups {
            request_id,
            generation,
            found,
        } => {
            let (unsigned, cx) = (&mut model.unsigned, &model.cx);
            unsigned::update::groups(unsigned, cx, request_id, generation, found);
            vec![]
        }
        unsigned::Msg::SigningKeys(purpose, keys) => sign::keys(model, purpose, keys),
    }
}

pub(super) fn access(model: &mut Model, message: access::Msg) -> Vec<Effect> {
    match message {
        access::Msg::Snapshot(known) => on_access::known(model, known),
        access::Msg::Followed { before, known } => on_activity::followed(model, &before, known),
        access::Msg::Onboarding(text) => on_access::onboarding(model, text),
        access::Msg::Certificate(made) => on_access::certificate(model, made),
        access::Msg::Way(found) => way::shown(model, found),
    }
}

pub(super) fn space(model: &mut Model, message: space::Msg) -> Vec<Effect> {
    match message {
        space::Msg::Snapshot { look, known } => on_space::known(model, look, known),
        space::Msg::Assessed {
            request_id,
            assessment,
        } => on_space::assessed(model, request_id, assessment),
        space::Msg::Planned {
            request_id,
            planned,
        } => {
            space::update::planned(&mut model.space, &model.cx, request_id, *planned);
            vec![]
        }
        space::Msg::Policy(found) => policy::read(model, found),
        space::Msg::PolicyOfFile(draft) => policy::of_file(model, draft),
        space::Msg::Edited { draft, left } => policy::edited(model, *draft, left),
        space::Msg::Alive {
            assessment,
            row,
            chain,
        } => on_space::alive(model, &assessment, row, chain),
    }
}

pub(super) fn activity(model: &mut Model, message: activity::Msg) -> Vec<Effect> {
    match message {
        activity::Msg::Progress {
            job,
            done,
            total,
            note,
        } => data::progress(model, job, done, total, note),
        activity::Msg::Log { job, line } => data::log(model, job, line),
        activity::Msg::Compared {
            job,
            paths,
            comparison,
        } => contents::compared(model, job, paths.as_deref(), *comparison),
        activity::Msg::BackedUp { job, backup } => backup::ended(model, job, *backup),
        activity::Msg::Ended { job, receipt } => data::ended(model, job, receipt),
        activity::Msg::Audit(past) => data::audit(model, past),
        activity::Msg::AuditVerified(found) => on_activity::audit_verified(model, found),
    }
}
