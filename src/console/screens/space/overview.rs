//! What the overview says of space: what needs attention, what is dead, how it grows.

use crate::console::model::{Model, Screen, Trouble};
use crate::console::screens::overview::Check;
use crate::console::text::{count, number};
use crate::console::widgets::Pen;
use crate::console::widgets::pen::{fit, row};
use crate::console::widgets::plot::{spark, squeeze};
use crate::domain::Bytes;
use crate::domain::unfinished::Unfinished;
use crate::judge::health::State;
use ratatui::layout::Rect;

/// Columns of the small plot.
const SPARK: usize = 14;

/// What needs attention, and how many checks are fine.
pub fn checks(model: &Model) -> (Vec<Check>, usize) {
    let mut checks = Vec::new();
    let mut fine = 0;
    let mut add = |level: State, text: String, note: String| {
        checks.push(Check {
            level,
            text,
            note,
            screen: Some(Screen::Space),
            trouble: None,
        });
    };
    let mut interrupted = Vec::new();
    let Some(known) = &model.space.known else {
        if let Some(trouble) = &model.space.trouble {
            let text = format!("what fills the disk is not known: {}", trouble.summary);
            add(State::Unknown, text, String::new());
        }
        return (checks, fine);
    };
    match &known.facts.collecting {
        Ok(running) => {
            let holder = running.iter().find(|collector| collector.holds);
            match holder.or_else(|| running.first()) {
                Some(collector) => {
                    let since = collector.since.map_or_else(String::new, |since| {
                        format!("since {}", since.age(model.now))
                    });
                    let verb = if collector.holds {
                        "collects garbage"
                    } else {
                        "waits to collect"
                    };
                    let text = format!(
                        "process {} of {} {verb}: {}",
                        collector.process,
                        collector.owner(),
                        collector.command
                    );
                    add(State::Warning, text, since);
                }
                None => fine += 1,
            }
        }
        Err(why) => add(
            State::Unknown,
            format!("whether garbage is being collected is not known: {}", why.0),
            String::new(),
        ),
    }
    match &known.unfinished {
        Ok(all) => {
            for (one, gone) in all.iter().filter(|(one, _)| one.collects()) {
                let age = format!("{} ago", one.at.age(model.now));
                let (level, text) = unfinished(one, *gone);
                add(level, text, age);
            }
            let others = || all.iter().filter(|(one, _)| killed(one));
            interrupted.extend(others().map(|(one, _)| change(model, one)));
            let told = |one: &Unfinished| one.collects() || killed(one);
            fine += usize::from(!all.iter().any(|(one, _)| told(one)));
        }
        Err(why) => add(
            State::Unknown,
            format!("whether a change was interrupted is not known: {}", why.0),
            String::new(),
        ),
    }
    if let Err(why) = &known.roots {
        let text = format!("the roots are not known: {}", why.0);
        add(State::Unknown, text, String::new());
    }
    match &known.pins {
        Ok(pins) => {
            let expired: Vec<_> = pins.iter().filter(|pin| pin.expired(model.now)).collect();
            match expired.as_slice() {
                [] => fine += 1,
                [pin] => add(
                    State::Warning,
                    format!("the pin {} has expired and still keeps its path", pin.name),
                    pin.expires
                        .map_or_else(String::new, |end| format!("{} ago", end.age(model.now))),
                ),
                pins => add(
                    State::Warning,
                    format!(
                        "{} have expired and still keep their paths",
                        count(pins.len(), "pin")
                    ),
                    String::new(),
                ),
            }
        }
        Err(why) => add(
            State::Unknown,
            format!("the pins are not known: {}", why.0),
            String::new(),
        ),
    }
    checks.extend(interrupted);
    (checks, fine)
}

/// Whether it is to be told of: only collections keep others from something while they run.
fn killed(one: &Unfinished) -> bool {
    !one.collects() && one.running != Some(true)
}

/// A change of ours that has no record yet, and is no collection; `enter` says the rest.
fn change(model: &Model, one: &Unfinished) -> Check {
    let (level, text) = unfinished(one, None);
    let trouble = Trouble::say(format!(
        "{text} (id {}, begun {}): {}; {}. The next change of this server writes that into its audit log.",
        one.id,
        one.at,
        one.summary,
        one.next()
    ));
    Check {
        level,
        note: format!("{} ago", one.at.age(model.now)),
        text,
        screen: None,
        trouble: Some(trouble),
    }
}

/// A change of ours that has no record yet.
pub(super) fn unfinished(one: &Unfinished, gone: Option<usize>) -> (State, String) {
    if one.running == Some(true) {
        return (State::Warning, format!("{} runs: {}", one.by, one.summary));
    }
    let how_far = match gone {
        _ if !one.collects() => String::new(),
        Some(gone) => format!(": {} of {} paths are gone", number(gone), number(one.total)),
        None => ": how far it got is not known".to_owned(),
    };
    let word = match one.running {
        Some(_) => "was interrupted",
        None => "has no end on record",
    };
    (
        State::Warning,
        format!("a {} of {} {word}{how_far}", one.kind(), one.by),
    )
}

/// Growth and what is dead; returns the row below.
pub fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect, mut y: u16) -> u16 {
    let theme = pen.theme;
    let Some(judged) = &model.space.judged else {
        return y;
    };
    let growth = &judged.growth;
    let sizes = squeeze(&growth.sizes, SPARK);
    let least = sizes.iter().copied().min().unwrap_or(0);
    let most = sizes.iter().copied().max().unwrap_or(0);
    let over: Vec<u64> = sizes
        .iter()
        .map(|size| size.saturating_sub(least).saturating_add(most / 64))
        .collect();
    let store = judged.known.facts.store.as_ref().ok();
    let full = growth
        .full_in(store)
        .map_or_else(String::new, |full| format!("; {full}"));
    let words = format!("+{} a day came in and stayed{full}", Bytes(growth.a_day()));
    let line = row(area, y);
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
    y += 1;
    let (dead, dead_bytes) = judged.liveness.dead();
    let (_, alive) = judged.liveness.live();
    let (_, pinned) = judged.pinned.live();
    let words = format!(
        "{} in {} paths   live {}   pinned {}",
        Bytes(dead_bytes),
        number(dead),
        Bytes(alive),
        Bytes(pinned)
    );
    let line = row(area, y);
    pen.pieces(line, &[(" Dead     ", theme.dim), (&words, theme.text)]);
    y + 1
}
