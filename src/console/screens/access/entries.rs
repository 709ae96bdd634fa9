//! What is shown for a request, a key or a notice, line by line.

use crate::console::screens::access::state::Access;
use crate::console::screens::access::state::LIFETIMES;
use crate::console::screens::access::view::kind;
use crate::console::screens::access::view::sign;
use crate::console::types::access::AccessSnapshot;
use crate::console::types::access::KeyEntry;
use crate::console::types::access::Line;
use crate::console::types::access::RequestEntry;
use crate::console::types::action::Act;
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::text::age;
use crate::domain::When;
use crate::domain::authorized_keys::NewKey;
use crate::domain::count::{count, tries};
use crate::domain::key_request::Source;
use crate::domain::text::visible_bytes;
use crate::judge::access::Refused;
use crate::judge::finding::Finding;
use ratatui::style::Style;
/// A labelled value.
pub(super) struct Entry {
    pub(super) label: &'static str,
    pub(super) text: String,
    pub(super) style: Style,
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

    /// Findings, each with its mark and what fixes it.
    fn findings(&mut self, findings: &[Finding], none: &str) {
        if findings.is_empty() {
            self.styled("findings", format!(". {none}"), self.pen.theme.fine);
        }
        for (index, finding) in findings.iter().enumerate() {
            let (mark, style) = sign(self.pen, finding.level);
            let label = if index == 0 { "findings" } else { "" };
            self.styled(label, format!("{mark} {}", finding.notice()), style);
        }
    }
}

/// `knock, first 6h ago, 4 tries, last 12m ago from 10.2.0.9`.
pub(super) fn came(entry: &RequestEntry, now: When) -> String {
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
pub(super) fn brief(
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
        Line::Refused(refused) => client(&mut out, refused, cx.now),
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
                format!("{mark}{more} {}", finding.notice()),
                style,
            );
        }
    }
}

/// `3 times, last 12s ago from 10.2.0.9`.
pub(super) fn refusals(refused: &Refused, now: When) -> String {
    let times = match refused.times {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let age = refused.last.at.age(now);
    format!("{times}, last {age} ago from {}", refused.last.from)
}

/// A client that was refused, and why.
fn client(out: &mut Entries<'_>, refused: &Refused, now: When) {
    out.add("SHA256", refused.fingerprint.base64());
    out.styled("refused", refusals(refused, now), out.pen.theme.critical);
    out.add("why", refused.message.clone());
    if let Some(fix) = &refused.fix {
        out.add("fix", fix.to_string());
    }
}

fn notice(out: &mut Entries<'_>, finding: &Finding) {
    let (mark, style) = sign(out.pen, finding.level);
    out.styled("finding", format!("{mark} {}", finding.message), style);
    if let Some(fix) = &finding.fix {
        out.add("fix", fix.to_string());
    }
}

/// Everything.
pub(super) fn full(
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
        Line::Refused(refused) => client(&mut out, refused, cx.now),
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
        Ok(_) => "not weak, not authorized, not revoked before".to_owned(),
        Err(why) => format!("not weak; whether it was revoked before is not known: {why}"),
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
        "a shows the plan, where a reason can be entered",
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
        return format!("not known: {why}");
    }
    let since = row.logs_since.map_or_else(
        || "how far the log reaches back is not known".to_owned(),
        |since| format!("log reaches back {}", since.age(now)),
    );
    let mut parts = vec![match &row.last_used {
        Some(seen) => format!("{} ago from {}", seen.at.age(now), seen.from),
        None => "never seen".to_owned(),
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
    format!("{} ({since})", parts.join(", "))
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
        out.add("sessions", format!("not known: {why}"));
    }
    out.findings(&row.findings, "none");
    out.add("line", entry.line.clone());
}
