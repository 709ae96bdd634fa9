//! The details of the path under the cursor: five lines below the list, more beside it.

use crate::console::screens::path::words;
use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::{fit, row, wrap};
use crate::console::widgets::text;
use crate::domain::count::number;
use crate::domain::{TrustClass, Verdict};
use crate::inventory::{Inventory, Row, WithClosure};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// How many names of neighbours are ever looked at.
const NAMES: usize = 12;

/// Draws them.
pub fn draw(
    cx: &Context,
    assessment: Option<&SpaceAssessment>,
    inventory: &Inventory,
    pen: &mut Pen<'_>,
    area: Rect,
    path: Row,
    beside: bool,
) {
    let lines = if beside {
        tall(
            cx,
            assessment,
            inventory,
            pen,
            path,
            usize::from(area.width),
        )
    } else {
        short(assessment, inventory, pen, path)
    };
    for (y, (label, value, style)) in lines.iter().enumerate() {
        let Ok(y) = u16::try_from(y) else { break };
        let line = row(area, y);
        let x = pen.text(line, line.x + 1, line.y, label, pen.theme.dim);
        let rest = Rect::new(x, line.y, line.right().saturating_sub(x + 1), line.height);
        pen.line(rest, value, *style);
    }
}

type Lines = Vec<(String, String, Style)>;

/// `sha256:0sjp…pjcv`.
fn short_hash(inventory: &Inventory, path: Row) -> String {
    inventory.nar_hash(path).map_or_else(
        || "not read yet".to_owned(),
        |hash| {
            let digits = hash.to_nix32();
            format!("sha256:{}…{}", &digits[..4], &digits[digits.len() - 4..])
        },
    )
}

fn bytes(inventory: &Inventory, path: Row) -> String {
    inventory.nar_size(path).map_or_else(
        || "?".to_owned(),
        |size| format!("{} B", number(usize::try_from(size).unwrap_or(usize::MAX))),
    )
}

fn added(inventory: &Inventory, path: Row) -> String {
    inventory.registered(path).map_or_else(
        || "?".to_owned(),
        |at| {
            at.to_string()
                .replace(['T', 'Z'], " ")
                .trim_end()
                .to_owned()
        },
    )
}

/// Each signature with its verdict; in words, so that no colour is needed.
fn signatures(inventory: &Inventory, path: Row) -> String {
    let mut all = Vec::new();
    for (name, verdict) in inventory.signatures(path).take(NAMES) {
        let word = match verdict {
            Verdict::Valid => "valid",
            Verdict::Bad => "BAD",
            Verdict::UnknownKey => "unknown key",
            Verdict::UnknownAlgorithm => "unknown algorithm",
        };
        all.push(format!("{name} {word}"));
    }
    if all.is_empty() {
        return match inventory.trust(path) {
            Some(TrustClass::ContentAddressed) => {
                "none needed: its content is its address".to_owned()
            }
            Some(_) => "none; clients refuse it".to_owned(),
            None => "?".to_owned(),
        };
    }
    all.join(", ")
}

/// How many neighbours there are in a list of references or referrers, the path itself not counted.
fn others(inventory: &Inventory, rows: &[Row], own: Row) -> usize {
    rows.len() - usize::from(inventory.references(own).contains(&own))
}

/// The first names and how many more: `zlib-1.3.1  bzip2-1.0.8 +3`. Short, since each step of the cursor writes it.
fn needs(inventory: &Inventory, own: Row) -> String {
    let rows = inventory.references(own);
    let total = others(inventory, rows, own);
    let shown: Vec<String> = rows
        .iter()
        .filter(|row| **row != own)
        .take(2)
        .map(|row| fit(inventory.name(*row), 12))
        .collect();
    match total.saturating_sub(shown.len()) {
        _ if total == 0 => "nothing".to_owned(),
        0 => shown.join("  "),
        more => format!("{} +{}", shown.join("  "), number(more)),
    }
}

/// `1lzd…-ledger-4.2.drv (not here)`; a deriver of the path's own name is shown by its hash alone.
fn deriver(inventory: &Inventory, path: Row) -> String {
    inventory.deriver(path).map_or_else(
        || "not known".to_owned(),
        |deriver| {
            let here = inventory
                .find(&deriver)
                .is_some_and(|row| inventory.state(row).is_present());
            let digits = &deriver.hash_part()[..4];
            let name = deriver.name();
            let same = name.strip_suffix(".drv") == Some(inventory.name(path));
            let name = if same {
                ".drv".to_owned()
            } else {
                format!("-{name}")
            };
            format!("{digits}…{name}{}", if here { "" } else { " (not here)" })
        },
    )
}

/// What keeps a path, or why that is not known.
pub(super) fn kept_by(assessment: Option<&SpaceAssessment>, path: Row) -> String {
    match assessment {
        Some(assessment) => assessment.kept_by(path),
        None => "not known yet".to_owned(),
    }
}

/// When a path was last used, by itself or by what needs it.
pub(super) fn used(
    cx: &Context,
    assessment: Option<&SpaceAssessment>,
    inventory: &Inventory,
    path: Row,
) -> String {
    let used = assessment.and_then(|assessment| assessment.used(path));
    text::age(used.or_else(|| inventory.last_used(path)), cx.now)
}

/// Whether clients take the path itself, and not what it needs.
fn needs_refused(inventory: &Inventory, path: Row) -> bool {
    inventory.with_closure(path) == WithClosure::Refused
        && inventory.trust(path).is_some_and(|class| !class.refused())
}

fn verdict_style(pen: &Pen<'_>, inventory: &Inventory, path: Row) -> Style {
    match inventory.trust(path) {
        Some(class) if class.refused() => pen.theme.critical,
        _ => pen.theme.text,
    }
}

/// What fits below the list. The list has the age, the page the exact time; each step of the cursor writes anew what differs
/// here, so that nothing is said twice and what often stays the same has a place of its own.
fn short(
    assessment: Option<&SpaceAssessment>,
    inventory: &Inventory,
    pen: &Pen<'_>,
    path: Row,
) -> Lines {
    let plain = pen.theme.text;
    let line = |label: &str, value: String, style: Style| (format!("{label:<12}"), value, style);
    let how = if inventory.ultimate(path) {
        "  built here"
    } else {
        ""
    };
    vec![
        (String::new(), inventory.path(path).to_string(), plain),
        (
            String::new(),
            format!(
                "{}  NAR {}{how}",
                short_hash(inventory, path),
                bytes(inventory, path),
            ),
            plain,
        ),
        match inventory.problem(path) {
            Some(problem) => line("problem", problem.to_owned(), pen.theme.warning),
            None => line(
                "signatures",
                format!(
                    "{}{}",
                    if needs_refused(inventory, path) {
                        "closure refused; "
                    } else {
                        ""
                    },
                    signatures(inventory, path)
                ),
                if needs_refused(inventory, path) {
                    pen.theme.critical
                } else {
                    verdict_style(pen, inventory, path)
                },
            ),
        },
        line(
            "needs",
            format!(
                "{:<31}needed by {}",
                needs(inventory, path),
                number(others(inventory, inventory.referrers(path), path))
            ),
            plain,
        ),
        line(
            "kept by",
            format!(
                "{:<24}deriver {}",
                fit(&kept_by(assessment, path), 22),
                deriver(inventory, path)
            ),
            plain,
        ),
    ]
}

fn tall(
    cx: &Context,
    assessment: Option<&SpaceAssessment>,
    inventory: &Inventory,
    pen: &Pen<'_>,
    path: Row,
    width: usize,
) -> Lines {
    let plain = pen.theme.text;
    let room = width.saturating_sub(2);
    let mut lines: Lines = Vec::new();
    for part in wrap(&inventory.path(path).to_string(), room) {
        lines.push((String::new(), part, pen.theme.title));
    }
    lines.push((String::new(), String::new(), plain));
    let mut add = |label: &str, value: String, style: Style| {
        lines.push((format!("{label:<12}"), value, style));
    };
    if let Some(meaning) = words::meaning(inventory, path) {
        add(
            "trust",
            meaning.to_owned(),
            verdict_style(pen, inventory, path),
        );
    }
    if let Some(left) = words::left(cx, inventory, path) {
        add("auto-sign", left.words(), plain);
    }
    if let Some(problem) = inventory.problem(path) {
        add("problem", problem.to_owned(), pen.theme.warning);
    }
    add("hash", short_hash(inventory, path), plain);
    add("NAR", bytes(inventory, path), plain);
    let style = match inventory.with_closure(path) {
        WithClosure::Refused => pen.theme.critical,
        WithClosure::Accepted | WithClosure::Unknown => plain,
    };
    add("closure", words::closure_size(inventory, path), plain);
    add("", words::with_closure(inventory, path).to_owned(), style);
    add("added", added(inventory, path), plain);
    add("last used", used(cx, assessment, inventory, path), plain);
    add("kept by", kept_by(assessment, path), plain);
    add("deriver", deriver(inventory, path), plain);
    add(
        "signatures",
        if inventory.signatures(path).next().is_some() {
            String::new()
        } else {
            signatures(inventory, path)
        },
        verdict_style(pen, inventory, path),
    );
    for (name, verdict) in inventory.signatures(path).take(NAMES) {
        let (word, style) = match verdict {
            Verdict::Valid => ("valid", pen.theme.fine),
            Verdict::Bad => ("BAD", pen.theme.critical),
            Verdict::UnknownKey => ("unknown key", pen.theme.unknown),
            Verdict::UnknownAlgorithm => ("unknown algorithm", pen.theme.unknown),
        };
        lines.push((
            "  ".to_owned(),
            fit(&format!("{name}  {word}"), room.saturating_sub(2)),
            style,
        ));
    }
    for (label, rows) in [
        ("needs", inventory.references(path)),
        ("needed by", inventory.referrers(path)),
    ] {
        let total = others(inventory, rows, path);
        lines.push((format!("{label:<12}"), number(total), plain));
        for other in rows.iter().filter(|row| **row != path).take(5) {
            lines.push(("  ".to_owned(), inventory.name(*other).to_owned(), plain));
        }
    }
    lines
}
