//! Screen 1: what needs attention, worst first; then disk, trust and the last changes.

use crate::console::model::{Link, Model, Screen, Trouble};
use crate::console::text::{count, number};
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::gauge::{bar, percent};
use crate::console::widgets::pen::row;
use crate::domain::{Bytes, TrustClass};
use crate::server::facts::{Disk, Facts};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// How bad a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `x`
    Critical,
    /// `!`
    Warning,
    /// `?`
    Unknown,
    /// `.`
    Fine,
}

/// One line of what needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// How bad.
    pub level: Level,
    /// What.
    pub text: String,
    /// A detail, at the right.
    pub note: String,
    /// The screen that mends it.
    pub screen: Option<Screen>,
    /// What `enter` shows instead.
    pub trouble: Option<Trouble>,
}

impl Check {
    fn new(level: Level, text: impl Into<String>, note: impl Into<String>) -> Self {
        Self {
            level,
            text: text.into(),
            note: note.into(),
            screen: None,
            trouble: None,
        }
    }

    fn on(mut self, screen: Screen) -> Self {
        self.screen = Some(screen);
        self
    }

    fn trouble(mut self, trouble: &Trouble) -> Self {
        self.trouble = Some(trouble.clone());
        self
    }
}

/// Used space as clients of `df` know it: of what can be used, rounded up.
pub fn used_percent(disk: &Disk) -> Option<u64> {
    percent(disk.used.0, disk.used.0.saturating_add(disk.available.0))
}

/// What needs attention, worst first, and one line for what is fine.
pub fn lines(model: &Model) -> Vec<Check> {
    let mut checks = Vec::new();
    match &model.link {
        Link::Failed(trouble) => {
            checks.push(Check::new(Level::Critical, trouble.summary.clone(), "").trouble(trouble));
        }
        Link::Down { trouble, .. } => {
            checks.push(Check::new(Level::Critical, trouble.summary.clone(), "").trouble(trouble));
        }
        Link::Connecting | Link::Up { .. } => {}
    }
    if let Some(trouble) = &model.data.trouble {
        checks.push(Check::new(Level::Critical, trouble.summary.clone(), "").trouble(trouble));
    }
    if let Some(facts) = &model.facts {
        about_server(facts, model.thresholds, &mut checks);
    }
    about_store(model, &mut checks);
    checks.sort_by_key(|check| check.level);
    let fine = checks
        .iter()
        .filter(|check| check.level == Level::Fine)
        .count();
    let all_fine = checks.len() == fine && fine > 0;
    checks.retain(|check| check.level != Level::Fine);
    if fine > 0 {
        let text = match (all_fine, fine) {
            (true, _) => format!("All {fine} checks are fine"),
            (false, 1) => "1 more check is fine".to_owned(),
            (false, _) => format!("{fine} more checks are fine"),
        };
        checks.push(Check::new(Level::Fine, text, ""));
    }
    checks
}

fn about_store(model: &Model, checks: &mut Vec<Check>) {
    let Some(inventory) = &model.data.inventory else {
        return;
    };
    let counts = inventory.counts();
    let class = |wanted: TrustClass| {
        let found = counts.by_trust.iter().find(|(class, ..)| *class == wanted);
        found.map_or(0, |(_, paths, _)| *paths)
    };
    let (text, note) = if counts.refused == 0 {
        (String::new(), String::new())
    } else {
        (
            format!(
                "{} would be refused by clients",
                count(counts.refused, "path")
            ),
            refused_note(model),
        )
    };
    let refused = if counts.refused == 0 {
        Level::Fine
    } else {
        Level::Critical
    };
    checks.push(Check::new(refused, text, note).on(Screen::Unsigned));
    let bad = class(TrustClass::Bad);
    checks.push(if bad == 0 {
        Check::new(Level::Fine, "", "")
    } else {
        let text = format!(
            "{} a signature that does not verify",
            if bad == 1 {
                "1 path has".to_owned()
            } else {
                format!("{} paths have", number(bad))
            }
        );
        Check::new(Level::Critical, text, "see who uploaded them").on(Screen::Unsigned)
    });
    checks.push(if counts.unreadable == 0 {
        Check::new(Level::Fine, "", "")
    } else {
        let text = format!("{} could not be read", count(counts.unreadable, "path"));
        Check::new(Level::Warning, text, "their pages say why").on(Screen::Store)
    });
}

/// `newest 4m, oldest 2d`.
fn refused_note(model: &Model) -> String {
    model
        .unsigned
        .ages
        .map_or_else(String::new, |(newest, oldest)| {
            format!(
                "newest {}, oldest {}",
                newest.age(model.now),
                oldest.age(model.now)
            )
        })
}

fn about_server(facts: &Facts, (warning, critical): (f64, f64), checks: &mut Vec<Check>) {
    match facts.disk {
        Some(disk) => {
            let usable = disk.used.0.saturating_add(disk.available.0).max(1);
            let free = disk.available.0 as f64 * 100.0 / usable as f64;
            let level = if free < critical {
                Level::Critical
            } else if free < warning {
                Level::Warning
            } else {
                Level::Fine
            };
            let text = format!(
                "{} is {}% full",
                facts.mount,
                used_percent(&disk).unwrap_or(0)
            );
            checks.push(
                Check::new(level, text, format!("{} left", disk.available)).on(Screen::Space),
            );
            if disk.inodes > 0 {
                let percent = percent(disk.inodes_used, disk.inodes).unwrap_or(0);
                let level = match percent {
                    95.. => Level::Critical,
                    85.. => Level::Warning,
                    _ => Level::Fine,
                };
                checks.push(
                    Check::new(
                        level,
                        format!("{percent}% of the inodes of {} are used", facts.mount),
                        "",
                    )
                    .on(Screen::Space),
                );
            }
        }
        None => checks.push(Check::new(
            Level::Unknown,
            "how full the disk is can't be seen",
            "",
        )),
    }
    about_keys(facts, checks);
    let skew = facts.clock_skew.unsigned_abs();
    let level = if skew > 300 {
        Level::Warning
    } else {
        Level::Fine
    };
    let ahead = if facts.clock_skew > 0 {
        "ahead of"
    } else {
        "behind"
    };
    checks.push(Check::new(
        level,
        format!(
            "the server's clock is {} {ahead} this one",
            crate::domain::Age(skew)
        ),
        "ages are off by that",
    ));
    checks.push(match facts.trusted {
        Some(true) => Check::new(Level::Fine, "", ""),
        Some(false) => Check::new(
            Level::Warning,
            "the Nix daemon does not trust this user",
            "it cannot add signatures",
        ),
        None => Check::new(
            Level::Unknown,
            "whether the Nix daemon trusts this user can't be seen",
            "Nix before 2.9",
        ),
    });
    for unknown in &facts.unknown {
        checks.push(
            Check::new(Level::Unknown, unknown.clone(), "").trouble(&Trouble::say(unknown.clone())),
        );
    }
}

fn about_keys(facts: &Facts, checks: &mut Vec<Check>) {
    let ours = facts.keys.ours();
    checks.push(if ours.is_empty() {
        let trouble = Trouble::say(
            "no key of this cache is known, so that nothing counts as signed by it; set public_keys in the configuration, or secret-key-files in the server's nix.conf",
        );
        Check::new(Level::Critical, "no key of this cache is known", "enter says more").trouble(&trouble)
    } else {
        Check::new(Level::Fine, "", "")
    });
    for key in &facts.signing_keys {
        checks.push(match &key.problem {
            Some(problem) => {
                let trouble = Trouble::say(format!(
                    "the signing key {} cannot be used: {problem}",
                    key.file
                ));
                Check::new(
                    Level::Warning,
                    format!("signing key {}: {problem}", key.file),
                    "",
                )
                .trouble(&trouble)
            }
            None => Check::new(Level::Fine, "", ""),
        });
    }
    for key in facts.keys.shadowed() {
        let trouble = Trouble::say(format!(
            "two public keys are called {}; Nix takes the first and ignores the other, so remove one of them",
            key.name()
        ));
        checks.push(
            Check::new(
                Level::Warning,
                format!("two public keys are called {}", key.name()),
                "",
            )
            .trouble(&trouble),
        );
    }
}

/// The sign of a level and its style.
fn sign(pen: &Pen<'_>, level: Level) -> (&'static str, Style) {
    match level {
        Level::Critical => ("x", pen.theme.critical),
        Level::Warning => ("!", pen.theme.warning),
        Level::Unknown => ("?", pen.theme.unknown),
        Level::Fine => (".", pen.theme.fine),
    }
}

/// Draws the screen.
pub fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let below = 11;
    let checks = lines(model);
    let most = usize::from(area.height.saturating_sub(below)).max(4);
    let mut y = draw_checks(model, pen, area, &checks, most) + 1;
    if let Some(facts) = &model.facts {
        y = draw_disk(facts, pen, area, y);
    }
    draw_sums(model, pen, area, y);
}

/// The list of checks; returns the row below it.
fn draw_checks(model: &Model, pen: &mut Pen<'_>, area: Rect, checks: &[Check], most: usize) -> u16 {
    if checks.is_empty() {
        let text = match model.link {
            Link::Connecting => "Connecting to the server.",
            _ => "Reading the store.",
        };
        pen.line(row(area, 0), &format!(" {text}"), pen.theme.dim);
        return 1;
    }
    // The cursor stays in view where there are more checks than rows.
    let first = (model.overview.cursor + 1).saturating_sub(most);
    let mut y = 0;
    for (index, check) in checks.iter().enumerate().skip(first).take(most) {
        let line = row(area, y);
        let current = index == model.overview.cursor && model.layers.is_empty();
        let (mark, style) = sign(pen, check.level);
        let theme = pen.theme;
        pen.text(
            line,
            line.x,
            line.y,
            if current { ">" } else { " " },
            theme.accent,
        );
        pen.text(line, line.x + 1, line.y, mark, style);
        let screen = check
            .screen
            .and_then(|screen| Screen::ALL.iter().position(|own| *own == screen));
        let to = match (screen, check.trouble.is_some()) {
            (Some(at), _) => (at + 1).to_string(),
            (None, true) => "enter".to_owned(),
            (None, false) => String::new(),
        };
        let right = Rect::new(line.x, line.y, line.width.saturating_sub(2), line.height);
        let x = pen.right(right, &to, theme.key);
        let note_width = check.note.chars().count() as u16;
        let wide = line.width.saturating_sub(6);
        let text_width = wide.saturating_sub(note_width + 9);
        let text = cell(&check.text, usize::from(text_width), Align::Left);
        let text_style = if current { theme.selected } else { theme.text };
        pen.text(line, line.x + 4, line.y, text.trim_end(), text_style);
        let note_at = x
            .min(line.right().saturating_sub(8))
            .saturating_sub(note_width + 2);
        pen.text(line, note_at, line.y, &check.note, theme.dim);
        y += 1;
    }
    y
}

fn draw_disk(facts: &Facts, pen: &mut Pen<'_>, area: Rect, mut y: u16) -> u16 {
    let theme = pen.theme;
    let width = usize::from(area.width.saturating_sub(34)).clamp(10, 60);
    if let Some(disk) = facts.disk {
        let whole = disk.used.0.saturating_add(disk.available.0);
        let percent = used_percent(&disk).unwrap_or(0);
        let note = format!("{} of {}", disk.used, Bytes(whole));
        draw_gauge(
            pen,
            row(area, y),
            &facts.mount,
            (disk.used.0, whole),
            &format!("{percent:>3}%  {note}"),
            width,
        );
        y += 1;
        if disk.inodes > 0 {
            let note = format!(
                "{:>3}%",
                crate::console::widgets::gauge::percent(disk.inodes_used, disk.inodes).unwrap_or(0)
            );
            draw_gauge(
                pen,
                row(area, y),
                "inodes",
                (disk.inodes_used, disk.inodes),
                &note,
                width,
            );
            y += 1;
        }
    }
    if let Some(database) = facts.database {
        let line = row(area, y);
        pen.pieces(
            line,
            &[
                (" database ", theme.dim),
                (
                    &format!("{}, log {}", database.size, database.wal),
                    theme.text,
                ),
            ],
        );
        y += 1;
    }
    y + 1
}

fn draw_gauge(
    pen: &mut Pen<'_>,
    line: Rect,
    label: &str,
    (part, whole): (u64, u64),
    note: &str,
    width: usize,
) {
    let theme = pen.theme;
    let label = cell(label, 8, Align::Left);
    let (filled, empty) = bar(part, whole, width);
    pen.pieces(
        line,
        &[
            (" ", theme.text),
            (&label, theme.dim),
            (" ", theme.text),
            (&filled, theme.gauge),
            (&empty, theme.dim),
            (" ", theme.text),
            (note, theme.text),
        ],
    );
}

/// `96.1%`, never rounded to what it is not.
fn share(part: usize, whole: usize) -> String {
    let tenths = (part as u128 * 1000)
        .checked_div(whole as u128)
        .unwrap_or(0);
    match tenths {
        0 if part > 0 => "<0.1%".to_owned(),
        tenths => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

fn draw_sums(model: &Model, pen: &mut Pen<'_>, area: Rect, mut y: u16) {
    let theme = pen.theme;
    let label = |text: &str| format!(" {text:<9}");
    match &model.data.inventory {
        Some(inventory) => {
            let counts = inventory.counts();
            let read = counts.paths - counts.unread.min(counts.paths);
            let mut text = format!("{}   {}", count(counts.paths, "path"), Bytes(counts.bytes));
            if model.data.loading {
                text = format!(
                    "{text}   loading {} of {}",
                    number(read),
                    number(counts.paths)
                );
            }
            pen.pieces(
                row(area, y),
                &[(&label("Store"), theme.dim), (&text, theme.text)],
            );
            y += 1;
            let mut shares: Vec<(String, Style)> = counts
                .by_trust
                .iter()
                .rev()
                .filter(|(class, paths, _)| *paths > 0 && !class.refused())
                .map(|(class, paths, _)| (format!("{class} {}", share(*paths, read)), theme.text))
                .collect();
            let style = if counts.refused > 0 {
                theme.critical
            } else {
                theme.text
            };
            shares.push((format!("refused {}", share(counts.refused, read)), style));
            let mut x = pen.text(row(area, y), area.x, area.y + y, &label("Trust"), theme.dim);
            for (text, style) in shares {
                x = pen.text(row(area, y), x, area.y + y, &text, style) + 2;
            }
            y += 1;
        }
        None => {
            pen.pieces(
                row(area, y),
                &[(&label("Store"), theme.dim), ("not read yet", theme.text)],
            );
            y += 1;
        }
    }
    let last: Option<(String, String)> = model
        .jobs
        .iter()
        .find(|job| job.is_running())
        .map(|job| (format!("{} {}", job.title, job.word()), "6".to_owned()))
        .or_else(|| {
            let past = model.past().first()?;
            let text = format!(
                "{}, {}, {} ago, {}",
                past.what,
                past.result,
                past.at.age(model.now),
                past.by
            );
            Some((text, format!("receipt {}", past.id)))
        });
    if let Some((text, note)) = last {
        let line = row(area, y);
        let inner = Rect::new(line.x, line.y, line.width.saturating_sub(2), line.height);
        let x = pen.right(inner, &note, theme.dim);
        let room = Rect::new(line.x, line.y, x.saturating_sub(line.x + 2), line.height);
        let end = pen.text(room, room.x, room.y, &label("Last"), theme.dim);
        let rest = Rect::new(end, room.y, room.right().saturating_sub(end), room.height);
        pen.line(rest, &text, theme.text);
    }
}
