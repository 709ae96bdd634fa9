//! `roots SERVER list`.
//!
//! In: a server. Out: its GC roots, those that keep most alone first.

use super::super::error::CliError;
use super::super::looked::Looked;
use super::super::out::{Out, say};
use super::super::progress::Progress;
use super::super::session::Session;
use crate::domain::count::count;
use crate::domain::pin::Pin;
use crate::domain::roots::{Root, RootKind};
use crate::domain::text::visible;
use crate::domain::{Bytes, StorePath, When};
use crate::inventory::{Inventory, Retained, Row};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    roots: &'a [Element<'a>],
}

/// A root, as in the output contract.
#[derive(Serialize)]
struct Element<'a> {
    root: &'a str,
    target: &'a StorePath,
    kind: &'static str,
    /// What becomes dead when this link goes, and no other; `None` for a path that came after the store was read.
    exclusive: Option<u64>,
    closure: Option<u64>,
    pin: Option<OfPin<'a>>,
}

#[derive(Serialize)]
struct OfPin<'a> {
    name: &'a str,
    note: Option<&'a str>,
    by: Option<&'a str>,
    expires: Option<When>,
}

/// Runs it.
pub(super) async fn run(session: &Session, out: &mut Out) -> Result<u8, CliError> {
    let server = session.connect_to_read().await?;
    let progress = Progress::new(session.quiet);
    let looked = Looked::at(session, &server, &progress).await;
    server.link().close().await;
    let looked = looked?;
    progress.finish();
    let mut elements = elements(&looked);
    elements.sort_by(|a, b| {
        let bytes = b.exclusive.cmp(&a.exclusive);
        bytes.then_with(|| a.root.cmp(b.root))
    });
    if out.json() {
        out.document(&Document {
            schema: 1,
            roots: &elements,
        })?;
    } else {
        text(&elements, out)?;
    }
    if let Err(unknown) = &looked.pins {
        say(&format!(
            "storekeeper: notes of pins are not known: {unknown}"
        ));
    }
    Ok(0)
}

fn elements(looked: &Looked) -> Vec<Element<'_>> {
    let inventory = &looked.inventory;
    let known: Vec<(&Root, Option<Row>)> = looked
        .roots
        .iter()
        .map(|root| (root, present(inventory, &root.target)))
        .collect();
    let rows: Vec<Row> = known.iter().filter_map(|(_, row)| *row).collect();
    let retained = Retained::of(inventory, &rows, &looked.keep());
    let pins: HashMap<&str, &Pin> = looked
        .pins
        .iter()
        .flatten()
        .map(|pin| (pin.name.as_str(), pin))
        .collect();
    inventory.measure_closures_of(&rows, &AtomicBool::new(false));
    let mut at = 0;
    known
        .into_iter()
        .map(|(root, row)| {
            let exclusive = row.map(|_| {
                at += 1;
                retained.of_root(at - 1).1
            });
            Element {
                root: &root.link,
                target: &root.target,
                kind: root.kind.word(),
                exclusive,
                closure: row.map(|row| inventory.closure_size(row).1),
                pin: of_pin(root, &pins),
            }
        })
        .collect()
}

fn present(inventory: &Inventory, path: &StorePath) -> Option<Row> {
    inventory
        .find(path)
        .filter(|row| inventory.state(*row).is_present())
}

fn of_pin<'a>(root: &'a Root, pins: &HashMap<&str, &'a Pin>) -> Option<OfPin<'a>> {
    let RootKind::Pin(name) = &root.kind else {
        return None;
    };
    let pin = pins.get(name.as_str());
    Some(OfPin {
        name,
        note: pin.and_then(|pin| pin.reason.as_deref()),
        by: pin.and_then(|pin| pin.by.as_deref()),
        expires: pin.and_then(|pin| pin.expires),
    })
}

fn text(elements: &[Element<'_>], out: &mut Out) -> Result<(), CliError> {
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "?".to_owned(), |b| Bytes(b).to_string());
    out.line(&format!(
        "{:<10}  {:>9}  {:>9}  ROOT",
        "KIND", "ALONE", "CLOSURE"
    ))?;
    let now = When::now();
    for element in elements {
        out.line(&format!(
            "{:<10}  {:>9}  {:>9}  {}",
            element.kind,
            size(element.exclusive),
            size(element.closure),
            visible(element.root)
        ))?;
        out.line(&format!("{:>34}-> {}", "", element.target))?;
        if let Some(pin) = &element.pin {
            let end = match pin.expires {
                Some(end) if end <= now => format!("expired at {end}"),
                Some(end) => format!("until {end}"),
                None => "for ever".to_owned(),
            };
            let by = pin
                .by
                .unwrap_or("not known, somebody made the link by hand");
            let note = pin.note.map(|note| format!(": {}", visible(note)));
            out.line(&format!(
                "{:>37}{end}, by {}{}",
                "",
                visible(by),
                note.unwrap_or_default()
            ))?;
        }
    }
    out.line("")?;
    out.line(&format!(
        "{}; ALONE is what becomes dead when just this link goes",
        count(elements.len(), "root")
    ))
}
