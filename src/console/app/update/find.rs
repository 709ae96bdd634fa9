//! `/`, `n` and `N` on lists that show all of their lines: the cursor goes to the next line that has what is looked for.
//!
//! In: keys. Out: the cursor elsewhere. A long list is looked through a part at a time, with keys in between.

use crate::console::app::find::{Below, Place, Scan, Typing, Walk};
use crate::console::app::model::{Model, UnsignedLine};
use crate::console::app::msg::Effect;
use crate::console::screens::path::page::{self, Page};
use crate::console::screens::space::state::View;
use crate::console::screens::unsigned;
use crate::console::screens::unsigned::view::group_name;
use crate::console::types::access::AccessSnapshot;
use crate::console::types::access::Line;
use crate::console::types::key::Key;
use crate::console::widgets::input;
use crate::console::widgets::list::Move;
use crate::inventory::{GroupKind, Inventory, Row};
use std::ops::Range;
use tui_input::Input;

/// No key is shorter in base64.
const BLOB: usize = 60;

/// Begins to type what is looked for.
pub(super) fn begin(model: &mut Model, place: Place) -> Vec<Effect> {
    model.access.card = None;
    let origin = position(model, place).unwrap_or(0);
    // What was looked for before can be edited.
    model.finds.edit(place, |_| ());
    model.finds.typing = Some(Typing {
        place,
        origin,
        found: None,
        missed: false,
    });
    vec![]
}

/// A key while it is typed.
pub(super) fn key(model: &mut Model, typing: Typing, key: Key, is_interrupt: bool) -> Vec<Effect> {
    if key.is("enter") {
        model.finds.typing = None;
        let chain = model.finds.chain.take();
        if typing.missed {
            let text = model.finds.text(typing.place).to_owned();
            model.toast = Some(missing(&text));
        } else if let Some(chain) = chain {
            reveal(model, &chain);
        } else if let Some(at) = typing.found {
            go_to(model, typing.place, at, true);
        }
        return vec![];
    }
    if key.is("esc") || is_interrupt {
        model.finds.typing = None;
        model.finds.scan = None;
        model.finds.chain = None;
        model.finds.edit(typing.place, Input::reset);
        go_to(model, typing.place, typing.origin, false);
        return vec![];
    }
    if key.is("up") || key.is("down") {
        let step = if key.is("up") { Move::Up } else { Move::Down };
        super::nav::step(model, step);
        return vec![];
    }
    let before = model.finds.text(typing.place).to_owned();
    model.finds.edit(typing.place, |input| {
        input::edit(input, key);
    });
    if model.finds.text(typing.place) == before {
        return vec![];
    }
    changed(model, typing)
}

/// A paste while it is typed.
pub(super) fn paste(model: &mut Model, typing: Typing, text: &str) -> Vec<Effect> {
    model
        .finds
        .edit(typing.place, |input| input::paste(input, text));
    changed(model, typing)
}

/// Another text: looked for from where the cursor was.
fn changed(model: &mut Model, typing: Typing) -> Vec<Effect> {
    model.finds.typing = Some(Typing {
        found: None,
        missed: false,
        ..typing
    });
    model.finds.chain = None;
    let scan = Scan::new(
        typing.place,
        model.finds.text(typing.place),
        typing.origin,
        false,
    );
    if scan.words.is_empty() {
        model.finds.scan = None;
        go_to(model, typing.place, typing.origin, false);
        return vec![];
    }
    model.finds.scan = Some(scan);
    go_on(model)
}

/// The next line that has it, or the one before.
pub(super) fn next(model: &mut Model, back: bool) -> Vec<Effect> {
    let Some(place) = Place::of(model) else {
        // The store shows nothing else.
        super::nav::step(model, if back { Move::Up } else { Move::Down });
        return vec![];
    };
    let lines = count(model, place);
    let Some(at) = position(model, place).filter(|at| *at < lines) else {
        return vec![];
    };
    let from = if back { at + lines - 1 } else { at + 1 } % lines;
    let scan = Scan::new(place, model.finds.text(place), from, back);
    model.finds.scan = Some(scan);
    go_on(model)
}

/// Looks at the next few lines.
pub(super) fn go_on(model: &mut Model) -> Vec<Effect> {
    let shown = Place::of(model);
    let Some(mut scan) = model
        .finds
        .scan
        .take()
        .filter(|scan| shown == Some(scan.place))
    else {
        return vec![];
    };
    if scan.place == Place::Path
        && scan.below != Below::Done
        && scan.at_end(count(model, scan.place))
    {
        return go_below(model, scan);
    }
    let Some(range) = scan.next(count(model, scan.place)) else {
        let text = model.finds.text(scan.place).to_owned();
        if let Some(typing) = &mut model.finds.typing {
            typing.missed = true;
            let origin = typing.origin;
            go_to(model, scan.place, origin, false);
        } else {
            model.toast = Some(missing(&text));
        }
        return vec![];
    };
    let texts = texts(model, scan.place, range.clone());
    let found = if scan.back {
        texts.iter().rposition(|line| scan.matches(line))
    } else {
        texts.iter().position(|line| scan.matches(line))
    };
    if let Some(at) = found.map(|at| range.start + at) {
        let typed = model.finds.typing.as_mut();
        let typing = typed.map(|typing| typing.found = Some(at)).is_some();
        if !typing && position(model, scan.place) == Some(at) {
            let text = model.finds.text(scan.place);
            model.toast = Some(format!("no other line has {text:?}"));
        }
        go_to(model, scan.place, at, !typing);
        // It was asked for by a key, whenever that was.
        model.seen = None;
        return vec![];
    }
    scan.looked += range.len();
    model.finds.scan = Some(scan);
    vec![Effect::FindOn]
}

/// Looks at the next few paths of the closure that the page does not show.
fn go_below(model: &mut Model, mut scan: Scan) -> Vec<Effect> {
    let (Some(inventory), Some(page)) = (model.cx.data.inventory.clone(), model.page()) else {
        return vec![];
    };
    let mut walk = match scan.below {
        Below::Going(walk) => walk,
        _ => Box::new(Walk::new(&inventory, page.row, page.in_tree().collect())),
    };
    scan.below = Below::Done;
    let found = walk.next(&inventory, |row| scan.matches(inventory.base_name(row)));
    if let Some(chain) = found {
        if let Some(typing) = &mut model.finds.typing {
            // Nothing is opened before the search is kept.
            let head = page_head(model.pages.last(), &inventory);
            typing.found = Some(head);
            model.finds.chain = Some(chain);
            go_to(model, scan.place, head, false);
        } else {
            reveal(model, &chain);
        }
        model.seen = None;
        return vec![];
    }
    if !walk.is_over() {
        scan.below = Below::Going(walk);
    }
    model.finds.scan = Some(scan);
    vec![Effect::FindOn]
}

fn page_head(page: Option<&Page>, inventory: &Inventory) -> usize {
    page.map_or(0, |page| page.closure_head(inventory))
}

/// Opens the closure down to what was found in it.
fn reveal(model: &mut Model, chain: &[Row]) {
    if let (Some(inventory), Some(page)) = (&model.cx.data.inventory, model.pages.last_mut()) {
        page.reveal(inventory, chain);
    }
}

fn missing(text: &str) -> String {
    format!("no line here has {text:?}")
}

/// Lines of a list. On screen 3 all, whether their group is open or not.
fn count(model: &Model, place: Place) -> usize {
    match place {
        Place::Unsigned => {
            let groups = model.unsigned.groups.iter();
            groups.map(|group| 1 + group.rows.len()).sum()
        }
        Place::Access => model.access.rows(),
        Place::Space(_) => model.space.rows(),
        Place::Sessions => model.activity_rows(),
        Place::Path => match (model.page(), &model.cx.data.inventory) {
            (Some(page), Some(inventory)) => page.len(inventory),
            _ => 0,
        },
    }
}

/// The line under the cursor.
fn position(model: &Model, place: Place) -> Option<usize> {
    match place {
        Place::Unsigned => {
            let before = |group: usize| -> usize {
                let groups = model.unsigned.groups.iter().take(group);
                groups.map(|group| 1 + group.rows.len()).sum()
            };
            Some(match model.unsigned.current()? {
                UnsignedLine::Group(group) => before(group),
                UnsignedLine::Row(group, row) => before(group) + 1 + row,
            })
        }
        Place::Access => Some(model.access.list.cursor),
        Place::Space(_) => Some(model.space.list().cursor),
        Place::Sessions => Some(model.activity.list.cursor),
        Place::Path => Some(model.page()?.list.cursor),
    }
}

/// Puts the cursor on a line. A group that is closed over it is opened for it, or else has the cursor.
fn go_to(model: &mut Model, place: Place, at: usize, open: bool) {
    match place {
        Place::Unsigned => {
            if let Some((group, row)) = in_group(model, at) {
                unsigned::update::go_to(&mut model.unsigned, group, row, open);
            }
        }
        Place::Access => {
            model.access.list.cursor = at;
            model.access.note_cursor();
        }
        Place::Space(_) => {
            model.space.list_mut().cursor = at;
            model.space.note_cursor();
        }
        Place::Sessions => model.activity.list.cursor = at,
        Place::Path => {
            if let Some(page) = model.pages.last_mut() {
                page.list.cursor = at;
            }
        }
    }
}

/// The group of a line, and its place among the group's paths unless it is the head.
fn in_group(model: &Model, mut at: usize) -> Option<(usize, Option<usize>)> {
    for (number, group) in model.unsigned.groups.iter().enumerate() {
        if at <= group.rows.len() {
            return Some((number, at.checked_sub(1)));
        }
        at -= 1 + group.rows.len();
    }
    None
}

/// What lines say.
fn texts(model: &Model, place: Place, range: Range<usize>) -> Vec<String> {
    let inventory = model.cx.data.inventory.as_deref();
    let name = |row: Row| inventory.map_or_else(String::new, |all| all.base_name(row).to_owned());
    match place {
        Place::Unsigned => of_groups(model, range),
        Place::Access => range
            .map(|at| model.access.line(at).map_or_else(String::new, of_access))
            .collect(),
        Place::Space(_) => {
            let root = |at: usize| model.space.assessment.as_ref()?.roots.get(at);
            range
                .map(|at| {
                    let line = model.space.row_at(at).map_or_else(String::new, name);
                    match root(at).filter(|_| place == Place::Space(View::Roots)) {
                        Some(root) => format!("{} {line}", root.root.link),
                        None => line,
                    }
                })
                .collect()
        }
        Place::Sessions => range
            .map(|at| {
                let known = model.access.known.as_deref();
                known
                    .and_then(|known| of_session(known, at))
                    .unwrap_or_default()
            })
            .collect(),
        Place::Path => match (model.page(), inventory) {
            (Some(page), Some(inventory)) => page
                .lines(inventory, model.cx.now, range)
                .into_iter()
                .map(|line| of_page(inventory, line))
                .collect(),
            _ => vec![],
        },
    }
}

fn of_groups(model: &Model, range: Range<usize>) -> Vec<String> {
    let Some(inventory) = model.cx.data.inventory.as_deref() else {
        return vec![];
    };
    let Some((mut group, mut row)) = in_group(model, range.start) else {
        return vec![];
    };
    let groups = &model.unsigned.groups;
    let mut texts = Vec::with_capacity(range.len());
    while let Some(own) = groups.get(group).filter(|_| texts.len() < range.len()) {
        texts.push(match row {
            None => group_name(inventory, own),
            // What the head is named after is found there.
            Some(row) => own
                .rows
                .get(row)
                .filter(|row| own.kind == GroupKind::Bad || **row != own.top)
                .map_or_else(String::new, |row| inventory.base_name(*row).to_owned()),
        });
        let next = row.map_or(0, |row| row + 1);
        if next < own.rows.len() {
            row = Some(next);
        } else {
            (group, row) = (group + 1, None);
        }
    }
    texts
}

fn of_access(line: Line<'_>) -> String {
    match line {
        Line::Request(entry) => {
            let row = &entry.row;
            let from = row.from.join(" ");
            format!("{} {} {from}", row.comment, row.fingerprint)
        }
        Line::Key(entry) => {
            let row = &entry.row;
            // Without the key itself, in which any short word can be.
            let words = entry.line.split(' ').filter(|word| word.len() < BLOB);
            let words: Vec<&str> = words.collect();
            let words = words.join(" ");
            format!("{} {} {} {words}", row.comment, row.fingerprint, row.file)
        }
        Line::Refused(refused) => format!(
            "{} {} {} {}",
            refused.comment, refused.fingerprint, refused.last.from, refused.message
        ),
        Line::Notice(finding) => finding.message.clone(),
    }
}

fn of_session(known: &AccessSnapshot, at: usize) -> Option<String> {
    let session = known.facts.sessions.as_ref().ok()?.get(at)?;
    let mut owners = known.keys.iter().map(|entry| &entry.row);
    let owner = owners.find(|row| session.fingerprint.as_ref() == Some(&row.fingerprint));
    let comment = owner.map_or("", |row| row.comment.as_str());
    let from = session.from.as_deref().unwrap_or_default();
    Some(format!("{} {comment} {from} {}", session.user, session.pid))
}

fn of_page(inventory: &Inventory, line: page::Line) -> String {
    match line {
        page::Line::Info(label, text) | page::Line::More(label, text) => format!("{label} {text}"),
        page::Line::Signature(name, verdict) => format!("{name} {verdict:?}"),
        page::Line::Head(part, ..) => format!("{part:?}"),
        page::Line::Path { row, .. } => inventory.base_name(row).to_owned(),
    }
}
