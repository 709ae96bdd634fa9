//! What the watch has seen, what it can't see, and where the store was read from, as lines of screen 1.

use crate::console::screens::check::Check;
use crate::console::screens::overview::view::Inputs;
use crate::console::types::context::Context;
use crate::console::types::problem::Problem;
use crate::console::types::watch::WatchState;
use crate::domain::Notice;
use crate::judge::health::State;
use crate::judge::way::DAEMON_ANEW;

/// What the watch has seen, and what it can't see.
pub(super) fn checks(cx: &Context) -> Vec<Check> {
    let line = |id: &str, level, text: String, hint: &str| Check {
        id: id.to_owned(),
        level,
        note: String::new(),
        whole: text.clone(),
        fix: Some(hint.to_owned()),
        screen: None,
        target: None,
        problem: Some(Problem::say(Notice {
            message: text.clone(),
            hint: Some(hint.to_owned()),
        })),
        text,
    };
    let mut checks = Vec::new();
    if let Some(since) = cx.watch.daemon_down {
        let text = format!(
            "nix-daemon does not listen, since {} ({})",
            since.clock().chars().take(5).collect::<String>(),
            since.age(cx.now)
        );
        let hint = format!("clients get nothing and upload nothing: run {DAEMON_ANEW} there");
        checks.push(line("daemon-down", State::Critical, text, &hint));
    }
    if let Some(why) = cx.watch.not_live().filter(|_| cx.is_up()) {
        let hint = match cx.watch.state {
            WatchState::Ended(_) => {
                "R begins to watch again; it is also tried by itself in a while"
            }
            _ => "R reads everything again",
        };
        checks.push(line(
            "not-live",
            State::Unknown,
            format!("not live: {why}"),
            hint,
        ));
    }
    checks
}

/// What has not come in yet, which is not called fine meanwhile.
pub(super) fn not_read(inputs: &Inputs<'_>) -> Option<Check> {
    let cx = inputs.cx;
    if cx.facts.is_none() || !cx.is_up() {
        return None;
    }
    let counts = cx
        .data
        .inventory
        .as_ref()
        .map(|inventory| inventory.counts());
    let store = counts.is_some_and(|counts| counts.unread == 0) || cx.data.problem.is_some();
    let access = inputs.access.known.is_some() || inputs.access.problem.is_some();
    let space = inputs.space.known.is_some() || inputs.space.problem.is_some();
    let missing: Vec<&str> = [(store, "paths"), (access, "access"), (space, "space")]
        .into_iter()
        .filter_map(|(read, what)| (!read).then_some(what))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let text = format!("not read yet: {}", missing.join(", "));
    Some(Check {
        id: "not-read".to_owned(),
        level: State::Unknown,
        whole: text.clone(),
        text,
        fix: None,
        note: String::new(),
        screen: None,
        target: None,
        problem: None,
    })
}

/// Why the store is not read from the database: that it is read more slowly is worth a line, and nothing is wrong.
pub(super) fn fallback(cx: &Context) -> Option<Check> {
    let why = cx.data.fallback.as_ref()?;
    let text = format!("read through the daemon: {why}");
    let hint = "reading a large store takes many times longer so; set reader = \"daemon\" for this server if it is to stay so";
    Some(Check {
        id: "fallback".to_owned(),
        level: State::Fine,
        whole: format!("the store was {text}"),
        fix: Some(hint.to_owned()),
        note: String::new(),
        screen: None,
        target: None,
        problem: Some(Problem::say(Notice {
            message: format!("the store was {text}"),
            hint: Some(hint.to_owned()),
        })),
        text,
    })
}
