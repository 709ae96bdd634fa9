//! What the overview says of space: what needs attention, who collects, what is dead, how it grows.

use crate::console::screens::space::state::Space;
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::{fit, row};
use crate::console::widgets::plot::{spark, squeeze};
use crate::domain::Bytes;
use crate::domain::count::count;
use crate::judge::growth::Curve;
use crate::judge::health::space::Looked;
use crate::judge::health::{self, Check, State};
use ratatui::layout::Rect;

/// Columns of the small plot.
const SPARK: usize = 14;

/// What was found out, by the same checks as `storekeeper status`.
pub fn checks(cx: &Context, space: &Space) -> Vec<Check> {
    let unknown = |id, summary: String| Check::new(id, State::Unknown, summary, None);
    let Some(known) = &space.known else {
        let problem = space.problem.iter();
        let why = problem.map(|problem| {
            let why = &problem.to_string();
            unknown("space", format!("what fills the disk is not known: {why}"))
        });
        return why.collect();
    };
    let now = known.there(cx.now);
    let forecast = space.forecast();
    let mut checks = health::space::checks(&Looked {
        server: &cx.server,
        facts: &known.facts,
        pins: &known.pins,
        forecast: forecast.as_ref(),
        inventory: cx.data.inventory.as_deref(),
        limits: cx.limits,
        now,
    });
    let left = health::unfinished::checks(&cx.server, &known.unfinished, now);
    checks.extend(left);
    checks.extend(health::plans::checks(&cx.server, &known.two));
    if let Err(why) = &known.roots {
        checks.push(unknown("roots", format!("the roots are not known: {why}")));
    }
    checks
}

/// Who collects, growth, and what is dead; returns the row below.
pub fn draw(space: &Space, pen: &mut Pen<'_>, area: Rect, mut y: u16) -> u16 {
    let theme = pen.theme;
    if let Some(text) = space.collects() {
        let line = row(area, y);
        pen.pieces(line, &[(" GC       ", theme.dim), (&text, theme.warning)]);
        y += 1;
    }
    if let Some(curve) = space.curve() {
        draw_growth(space, pen, row(area, y), &curve);
        y += 1;
    }
    let Some(assessment) = &space.assessment else {
        return y;
    };
    let (dead, dead_bytes) = assessment.liveness.dead();
    let (_, alive) = assessment.liveness.live();
    let (_, pinned) = assessment.pinned.live();
    let words = format!(
        "{} in {}   live {}   pinned {}",
        Bytes(dead_bytes),
        count(dead, "path"),
        Bytes(alive),
        Bytes(pinned)
    );
    let line = row(area, y);
    pen.pieces(line, &[(" Dead     ", theme.dim), (&words, theme.text)]);
    y + 1
}

/// The curve in one row, and what follows from it.
fn draw_growth(space: &Space, pen: &mut Pen<'_>, line: Rect, curve: &Curve) {
    let theme = pen.theme;
    let sizes = squeeze(&curve.sizes, SPARK);
    let least = sizes.iter().copied().min().unwrap_or(0);
    let most = sizes.iter().copied().max().unwrap_or(0);
    let over: Vec<u64> = sizes
        .iter()
        .map(|size| size.saturating_sub(least).saturating_add(most / 64))
        .collect();
    let forecast = space.forecast();
    let words = forecast.map_or_else(String::new, |forecast| forecast.brief());
    let room = usize::from(line.width).saturating_sub(SPARK + 13);
    pen.pieces(
        line,
        &[
            (" Growth   ", theme.dim),
            (&spark(&over), theme.gauge),
            ("  ", theme.text),
            (&fit(&words, room), theme.text),
        ],
    );
}
