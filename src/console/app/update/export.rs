//! Exporting what a list shows: which rows, with their filter and in their order.
//!
//! In: the model, and a file's name. Out: the rows for the backend, which writes them; or why there is nothing to write.

use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::reasons::list_is_whole;
use crate::console::screens::activity::changes::Change;
use crate::console::screens::activity::state::Part;
use crate::console::screens::overview;
use crate::console::screens::space::state::View;
use crate::console::types::access::{AccessSnapshot, Line};
use crate::console::types::export::{Export, Form, Rows};
use crate::console::types::log::word;
use crate::console::types::screen::Screen;
use crate::domain::count::number;
use crate::domain::text::visible;
use crate::inventory::Row;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// From the palette: the list in front goes into this file.
pub(super) fn run(model: &mut Model, file: &str) -> Vec<Effect> {
    let file = PathBuf::from(file);
    let Some(form) = Form::of(&file) else {
        model.toast = Some("name a file that ends in .json or .csv".to_owned());
        return vec![];
    };
    match list_is_whole(model).and_then(|()| Ok(list(model)?)) {
        Ok(list) => {
            let rows = number(list.len());
            model.toast = Some(format!("writing {rows} rows…"));
            vec![Effect::Export { file, form, list }]
        }
        Err(why) => {
            model.toast = Some(why.into_owned());
            vec![]
        }
    }
}

/// What the list in front shows.
fn list(model: &Model) -> Result<Export, &'static str> {
    if model.page().is_some() {
        return Err("a path's page is no list; go back to the list first");
    }
    let (name, rows) = match model.screen {
        Screen::Overview => ("checks", Rows::Values(checks(model))),
        Screen::Store => ("paths", paths(model, Arc::clone(&model.store.rows))?),
        Screen::Unsigned => {
            let groups = model.unsigned.groups.iter();
            let rows: Vec<Row> = groups
                .flat_map(|group| group.rows.iter().copied())
                .collect();
            ("paths", paths(model, rows.into())?)
        }
        Screen::Access => {
            let known = model.access.known.as_deref();
            let known = known.ok_or("who may log in has not been read yet")?;
            if model.access.refused {
                (
                    "refused",
                    Rows::Values(known.refused.iter().map(value).collect()),
                )
            } else {
                ("access", Rows::Values(access(known)))
            }
        }
        Screen::Space => space(model)?,
        Screen::Activity => activity(model),
    };
    Ok(Export { name, rows })
}

fn paths(model: &Model, rows: Arc<[Row]>) -> Result<Rows, &'static str> {
    let inventory = model.cx.data.inventory.as_ref();
    let inventory = inventory.ok_or("the store has not been read yet")?;
    Ok(Rows::Paths(Arc::clone(inventory), rows))
}

/// As the command line has it.
fn value(of: impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

fn checks(model: &Model) -> Vec<Value> {
    let lines = overview::view::lines(&model.inputs()).into_iter();
    lines
        .map(|line| json!({"id": line.id, "state": value(line.level), "summary": line.text, "detail": line.note}))
        .collect()
}

/// Requests, keys and findings about the server, as one list.
fn access(known: &AccessSnapshot) -> Vec<Value> {
    let lines = (0..known.len()).filter_map(|at| known.line(at));
    lines
        .map(|line| {
            let (kind, who, key, can, expires, used, place, findings) = match line {
                Line::Request(entry) => {
                    let row = &entry.row;
                    let used = row.last_seen;
                    ("request", &*row.comment, Some(row.fingerprint), None, None, used, None, &*row.findings)
                }
                Line::Key(entry) => {
                    let row = &entry.row;
                    let used = row.last_used.as_ref().map(|used| used.at);
                    let place = Some(format!("{}:{}", row.file, row.line));
                    ("key", &*row.comment, Some(row.fingerprint), Some(&*row.words), row.expires, used, place, &*row.findings)
                }
                Line::Refused(one) => {
                    let used = Some(one.last.at);
                    ("refused", &*one.comment, Some(one.fingerprint), None, None, used, None, &[][..])
                }
                Line::Notice(finding) => {
                    ("server", "", None, None, None, None, None, std::slice::from_ref(finding))
                }
            };
            let findings: Vec<String> = findings.iter().map(|one| one.notice().to_string()).collect();
            json!({
                "kind": kind, "comment": who, "fingerprint": value(key), "can": can, "expires": value(expires),
                "lastUsed": value(used), "place": place, "findings": findings.join("; "),
            })
        })
        .collect()
}

fn space(model: &Model) -> Result<(&'static str, Rows), &'static str> {
    let unknown = "what fills the disk has not been read yet";
    match model.space.view {
        View::Plan => {
            let planned = model.space.plan_of_form().ok_or("there is no plan")?;
            let order: Vec<Row> = planned.collection.order.clone();
            Ok(("paths", paths(model, order.into())?))
        }
        View::Roots => {
            let assessment = model.space.assessment.as_ref().ok_or(unknown)?;
            let roots = assessment.roots.iter().map(|line| {
                json!({
                    "link": visible(&line.root.link), "target": line.root.target.to_string(),
                    "kind": line.root.kind.word(), "paths": line.exclusive.0, "narSize": line.exclusive.1,
                })
            });
            Ok(("roots", Rows::Values(roots.collect())))
        }
        View::Heaviest => {
            let assessment = model.space.assessment.as_ref().ok_or(unknown)?;
            let rows: Vec<Row> = assessment.heaviest.iter().map(|heavy| heavy.row).collect();
            Ok(("paths", paths(model, rows.into())?))
        }
        View::Growth => Err("the growth of the store is no list"),
    }
}

fn activity(model: &Model) -> (&'static str, Rows) {
    let activity = &model.activity;
    let known = model.access.known.as_deref();
    match activity.part {
        Part::Changes => {
            let changes = (0..activity.rows(known)).filter_map(|at| activity.change(at));
            let changes = changes.map(|change| match change {
                Change::Job(job) => json!({"id": null, "at": null, "by": null, "change": job.title, "result": job.word()}),
                Change::Past(past) => json!({"id": past.id, "at": past.at, "by": past.by, "change": past.what, "result": past.result}),
            });
            ("changes", Rows::Values(changes.collect()))
        }
        Part::Sessions => {
            let sessions = known.and_then(|known| known.facts.sessions.as_ref().ok());
            let sessions = sessions.into_iter().flatten().map(|session| {
                json!({
                    "process": session.pid, "user": visible(&session.user), "from": session.from.as_deref().map(visible),
                    "since": session.since, "fingerprint": session.fingerprint,
                })
            });
            ("sessions", Rows::Values(sessions.collect()))
        }
        Part::Log => {
            let lines = 0..activity.rows(known);
            let lines = lines.filter_map(|at| activity.log_line(known, at)).map(|(_, event)| {
                json!({
                    "at": event.at, "kind": word(&event.kind), "user": visible(&event.user),
                    "address": visible(&event.address), "port": event.port, "process": event.pid,
                    "fingerprint": event.fingerprint,
                })
            });
            ("logins", Rows::Values(lines.collect()))
        }
    }
}
