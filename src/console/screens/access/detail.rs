//! What there is to know of one request, key or notice: beside or below the list, and as a card of its own.

use crate::console::screens::access::state::Access;
use crate::console::screens::access::state::LIFETIMES;
use crate::console::screens::access::view::{kind, sign, tries};
use crate::console::types::access::{AccessSnapshot, KeyEntry, Line, RequestEntry, sentence};
use crate::console::types::action::Act;
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::{row, wrap};
use crate::console::widgets::text::age;
use crate::domain::When;
use crate::domain::authorized_keys::NewKey;
use crate::domain::count::count;
use crate::domain::key_request::Source;
use crate::domain::randomart::randomart;
use crate::domain::text::visible_bytes;
use crate::judge::finding::Finding;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns of a label with its blank.
const LABEL: usize = 10;
/// Columns of the picture, with a gap.
const PICTURE: u16 = 21;
/// From this width on, the card has the picture beside it.
const PICTURE_FROM: u16 = 70;

/// A labelled value.
struct Entry {
    label: &'static str,
    text: String,
    style: Style,
}

struct Entries<'a> {
    pen: &'a Pen<'a>,
    all: Vec<Entry>,
}

impl Entries<'_> {
    fn styled(&mut self, label: &'static str, text: impl Into<String>, style: Style) {
        self.all.push(Entry {
            label,
            text: text.into(),
            style,
        });
    }

    fn add(&mut self, label: &'static str, text: impl Into<String>) {
        self.styled(label, text, self.pen.theme.text);
    }

    /// Findings, each with its mark and what mends it.
    fn findings(&mut self, findings: &[Finding], none: &str) {
        if findings.is_empty() {
            self.styled("findings", format!(". {none}"), self.pen.theme.fine);
        }
        for (index, finding) in findings.iter().enumerate() {
            let (mark, style) = sign(self.pen, finding.level);
            let label = if index == 0 { "findings" } else { "" };
            self.styled(label, format!("{mark} {}", sentence(finding)), style);
        }
    }
}

/// Draws the pane: five rows below the list, or as many as there are beside it.
pub(super) fn pane(
    cx: &Context,
    access: &Access,
    known: &AccessSnapshot,
    pen: &mut Pen<'_>,
    area: Rect,
    line: Line<'_>,
    beside: bool,
) {
    let entries = if beside {
        full(cx, access, known, pen, line)
    } else {
        brief(cx, access, known, pen, line)
    };
    let room = usize::from(area.width).saturating_sub(LABEL + 2);
    let mut y = 0;
    for entry in entries {
        // Below the list a value has one row; the card has all of it.
        let lines = if beside {
            wrap(&entry.text, room)
        } else {
            vec![entry.text]
        };
        for (index, text) in lines.into_iter().enumerate() {
            let label = if index == 0 { entry.label } else { "" };
            draw_entry(pen, row(area, y), label, &text, entry.style);
            y += 1;
        }
    }
}

fn draw_entry(pen: &mut Pen<'_>, line: Rect, label: &str, text: &str, style: Style) {
    pen.text(line, line.x + 1, line.y, label, pen.theme.dim);
    let x = line.x + 1 + LABEL as u16;
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    pen.line(rest, text, style);
}

/// Draws the card.
pub(super) fn card(
    cx: &Context,
    access: &Access,
    known: &AccessSnapshot,
    pen: &mut Pen<'_>,
    area: Rect,
    line: Line<'_>,
    top: usize,
) {
    let theme = pen.theme;
    pen.rule(row(area, 1));
    let picture = match line {
        Line::Request(entry) => randomart(&entry.request.key),
        Line::Key(entry) => randomart(&entry.key),
        Line::Notice(_) => Vec::new(),
    };
    let beside = !picture.is_empty() && area.width >= PICTURE_FROM;
    let wide = usize::from(area.width).saturating_sub(LABEL + 2);
    let narrow = wide.saturating_sub(if beside { usize::from(PICTURE) } else { 0 });
    let mut lines: Vec<(&'static str, String, Style)> = Vec::new();
    for entry in full(cx, access, known, pen, line) {
        let room = if lines.len() < picture.len() {
            narrow
        } else {
            wide
        };
        for (index, text) in wrap(&entry.text, room).into_iter().enumerate() {
            let label = if index == 0 { entry.label } else { "" };
            lines.push((label, text, entry.style));
        }
    }
    let height = usize::from(area.height.saturating_sub(2));
    let most = lines.len().max(picture.len());
    let top = top.min(most.saturating_sub(height));
    for y in 0..height {
        let place = row(area, y as u16 + 2);
        if let Some((label, text, style)) = lines.get(top + y) {
            draw_entry(pen, place, label, text, *style);
        }
        if let Some(art) = picture.get(top + y).filter(|_| beside) {
            pen.text(
                place,
                place.right().saturating_sub(PICTURE - 1),
                place.y,
                art,
                theme.dim,
            );
        }
    }
    let mut head = row(area, 0);
    if most > height {
        let note = format!("{}-{} of {most} ", top + 1, (top + height).min(most));
        let start = pen.right(head, &note, theme.dim);
        // The title ends before it.
        head.width = start.saturating_sub(head.x + 1);
    }
    pen.line(head, &title(cx, access, known, line), theme.title);
}

fn title(cx: &Context, access: &Access, known: &AccessSnapshot, line: Line<'_>) -> String {
    let at = access.list.cursor;
    match line {
        Line::Request(entry) => format!(
            " Request {} of {}   {}",
            at + 1,
            known.requests.len(),
            came(entry, cx.now)
        ),
        Line::Key(entry) => format!(
            " Key {} of {}   {}, line {}",
            at + 1 - known.requests.len(),
            known.keys.len(),
            entry.row.file,
            entry.row.line
        ),
        Line::Notice(_) => " The server".to_owned(),
    }
}

/// `knock, first 6h ago, 4 tries, last 12m ago from 10.2.0.9`.
fn came(entry: &RequestEntry, now: When) -> String {
    let request = &entry.row;
    let source = match request.source {
        Source::Knock => "knock",
        Source::Paste => "pasted",
        Source::File => "from a file",
    };
    let mut parts = vec![source.to_owned()];
    if request.first_seen.is_some() {
        parts.push(format!("first {} ago", age(request.first_seen, now)));
    }
    parts.push(tries(request.tries));
    if request.last_seen.is_some() {
        parts.push(format!("last {} ago", age(request.last_seen, now)));
    }
    let mut text = parts.join(", ");
    if let Some((first, others)) = request.from.split_first() {
        text = format!("{text} from {first}");
        if !others.is_empty() {
            text = format!("{text} and {} more", others.len());
        }
    }
    text
}

/// Five rows.
fn brief(
    cx: &Context,
    access: &Access,
    known: &AccessSnapshot,
    pen: &Pen<'_>,
    line: Line<'_>,
) -> Vec<Entry> {
    let mut out = Entries {
        pen,
        all: Vec::new(),
    };
    match line {
        Line::Notice(finding) => notice(&mut out, finding),
        Line::Request(entry) => {
            out.add("SHA256", entry.row.fingerprint.base64());
            out.add("came by", came(entry, cx.now));
            out.add("would", entry.row.words.clone());
            gravest(&mut out, &entry.row.findings);
            out.add("lifetime", lifetimes(access));
        }
        Line::Key(entry) => {
            let key = &entry.row;
            out.add("SHA256", key.fingerprint.base64());
            out.add("where", place(entry));
            out.add("can", key.words.clone());
            out.add("used", usage(known, entry, cx.now));
            gravest(&mut out, &key.findings);
        }
    }
    out.all
}

fn gravest(out: &mut Entries<'_>, findings: &[Finding]) {
    let others = findings.len().saturating_sub(1);
    match findings.first() {
        None => out.styled("findings", ". none", out.pen.theme.fine),
        Some(finding) => {
            let (mark, style) = sign(out.pen, finding.level);
            let more = if others > 0 {
                format!(" (+{others})")
            } else {
                String::new()
            };
            out.styled(
                "findings",
                format!("{mark}{more} {}", sentence(finding)),
                style,
            );
        }
    }
}

fn notice(out: &mut Entries<'_>, finding: &Finding) {
    let (mark, style) = sign(out.pen, finding.level);
    out.styled("finding", format!("{mark} {}", finding.message), style);
    if let Some(fix) = &finding.fix {
        out.add("fix", fix.clone());
    }
}

/// Everything.
fn full(
    cx: &Context,
    access: &Access,
    known: &AccessSnapshot,
    pen: &Pen<'_>,
    line: Line<'_>,
) -> Vec<Entry> {
    let mut out = Entries {
        pen,
        all: Vec::new(),
    };
    match line {
        Line::Notice(finding) => notice(&mut out, finding),
        Line::Request(entry) => request(&mut out, cx, access, known, entry),
        Line::Key(entry) => key(&mut out, cx, known, entry),
    }
    out.all
}

fn request(
    out: &mut Entries<'_>,
    cx: &Context,
    access: &Access,
    known: &AccessSnapshot,
    entry: &RequestEntry,
) {
    let row = &entry.row;
    let comment = if row.comment.is_empty() {
        "(no comment)"
    } else {
        &row.comment
    };
    out.add("who", comment);
    out.styled(
        "",
        "(the key's own comment; not verified)",
        out.pen.theme.dim,
    );
    out.add("key", kind(&entry.request.key));
    out.add("SHA256", row.fingerprint.base64());
    out.add("came by", came(entry, cx.now));
    if row.from.len() > 1 {
        out.add("from", row.from.join(" "));
    }
    if let Some(proof) = &row.proof {
        let text = format!(
            "the requester has shown to hold the private key, {} ago, to {}",
            proof.at.age(cx.now),
            proof.by
        );
        out.styled("proof", text, out.pen.theme.fine);
    } else {
        let key = cx.keymap.names(Act::Proof);
        let text = format!("none: anybody can offer a public key; {key} asks for it");
        out.styled("proof", text, out.pen.theme.warning);
    }
    let none = match &known.facts.revoked {
        Ok(_) => "not weak, not let in, not revoked before".to_owned(),
        Err(why) => format!(
            "not weak; whether it was revoked before is not known: {}",
            why.0
        ),
    };
    out.findings(&row.findings, &none);
    out.add("would", row.words.clone());
    let (_, seconds) = LIFETIMES[access.lifetime % LIFETIMES.len()];
    let line = NewKey {
        key: entry.request.key.clone(),
        restrict: true,
        from: None,
        expires: seconds.map(|seconds| When::from_unix(cx.now.unix() + seconds)),
    }
    .line();
    match line {
        Ok(line) => out.add("line", visible_bytes(&line)),
        Err(error) => out.styled("line", format!("none: {error}"), out.pen.theme.critical),
    }
    out.add("lifetime", lifetimes(access));
    out.styled(
        "note",
        "a shows the plan, where a note can be written",
        out.pen.theme.dim,
    );
}

/// `30 d  [90 d]  1 y  none`.
fn lifetimes(access: &Access) -> String {
    let words: Vec<String> = LIFETIMES
        .iter()
        .enumerate()
        .map(|(index, (words, _))| {
            if index == access.lifetime {
                format!("[{words}]")
            } else {
                (*words).to_owned()
            }
        })
        .collect();
    words.join("  ")
}

/// `/etc/ssh/authorized_keys.d/nix-ssh:3  restrict`.
fn place(entry: &KeyEntry) -> String {
    let options = match &entry.row.options {
        Some(options) if options.is_empty() => "no options".to_owned(),
        Some(options) => options.join(","),
        None => "options that sshd does not read".to_owned(),
    };
    format!("{}:{}  {options}", entry.row.file, entry.row.line)
}

/// Last login and refusals, or since when there were none, or why that is not known.
fn usage(known: &AccessSnapshot, entry: &KeyEntry, now: When) -> String {
    let row = &entry.row;
    if let Err(why) = &known.facts.events {
        return format!("not known: {}", why.0);
    }
    let since = row.logs_since.map_or_else(
        || "the log does not say since when".to_owned(),
        |since| format!("the log goes back {}", since.age(now)),
    );
    let mut parts = vec![match &row.last_used {
        Some(seen) => format!("{} ago from {}", seen.at.age(now), seen.from),
        None => "no login seen".to_owned(),
    }];
    match row.refused {
        Some(0) | None => {}
        Some(1) => parts.push("refused once".to_owned()),
        Some(times) => parts.push(format!("refused {times} times")),
    }
    match row.sessions {
        Some(0) | None => {}
        Some(open) => parts.push(format!("{} open", count(open, "session"))),
    }
    format!("{}; {since}", parts.join(", "))
}

fn key(out: &mut Entries<'_>, cx: &Context, known: &AccessSnapshot, entry: &KeyEntry) {
    let row = &entry.row;
    let comment = if row.comment.is_empty() {
        "(no comment)"
    } else {
        &row.comment
    };
    out.add("owner", comment);
    if row.own {
        let text = "this is you: the key that this connection logged in with";
        out.styled("", text, out.pen.theme.warning);
    }
    out.add("key", kind(&entry.key));
    out.add("SHA256", row.fingerprint.base64());
    out.add("where", format!("{}, line {}", row.file, row.line));
    if let Some(resolved) = &row.resolved {
        out.add("", format!("-> {resolved}"));
    }
    if let Some(why) = &entry.fixed {
        out.styled(
            "",
            format!("not editable here: {why}"),
            out.pen.theme.warning,
        );
    }
    out.add(
        "options",
        match &row.options {
            Some(options) if options.is_empty() => "none".to_owned(),
            Some(options) => options.join(","),
            None => "sshd does not read them".to_owned(),
        },
    );
    out.add("can", row.words.clone());
    out.add(
        "expires",
        match row.expires {
            None => "never".to_owned(),
            Some(end) if end <= cx.now => format!("{} ago, at {end}", end.age(cx.now)),
            Some(end) => format!("in {}, at {end}", cx.now.age(end)),
        },
    );
    out.add("used", usage(known, entry, cx.now));
    if let Err(why) = &known.facts.sessions {
        out.add("sessions", format!("not known: {}", why.0));
    }
    out.findings(&row.findings, "none");
    out.add("line", entry.line.clone());
}
