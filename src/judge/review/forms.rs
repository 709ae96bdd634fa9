//! A review as text, as Markdown and as CSV.
//!
//! In: a review. Out: a text for people, a table of Markdown, and CSV by RFC 4180. A key's owner chooses its comment, so nothing of it
//! is markup in a document, or a formula in a spreadsheet.

use super::{Review, Reviewed};
use crate::domain::When;
use crate::domain::count::count;
use crate::domain::csv;
use std::fmt::Write as _;

/// What stands where nothing is known.
const NONE: &str = "-";

/// The columns of table and CSV.
const COLUMNS: [&str; 13] = [
    "who",
    "standing",
    "since",
    "approved by",
    "reason",
    "last used",
    "from",
    "expires",
    "can",
    "findings",
    "key",
    "type",
    "where",
];

/// The values in the order of [`COLUMNS`].
fn values(key: &Reviewed) -> [String; 13] {
    let time = |when: Option<When>| when.map(|when| when.to_string()).unwrap_or_default();
    let used = key.last_used.as_ref();
    [
        key.who.clone(),
        key.standing.word().to_owned(),
        time(key.since),
        key.approved_by.clone().unwrap_or_default(),
        key.reason.clone().unwrap_or_default(),
        time(used.map(|used| used.at)),
        used.map(|used| used.from.clone()).unwrap_or_default(),
        time(key.expires),
        key.can.clone(),
        key.findings.join("; "),
        key.fingerprint.to_string(),
        kind(key),
        format!("{}:{}", key.file, key.line),
    ]
}

fn kind(key: &Reviewed) -> String {
    match key.bits {
        Some(bits) => format!("{} {bits}", key.r#type),
        None => key.r#type.clone(),
    }
}

/// `reviewed 3d ago by ada`, or that no record of that was found.
fn last(review: &Review) -> String {
    match &review.last_review {
        Some(last) => format!(
            "last reviewed {} ago, at {} by {}",
            last.at.age(review.at),
            last.at,
            last.by
        ),
        None => "no review is recorded".to_owned(),
    }
}

fn title(review: &Review) -> String {
    format!("Access review of {} at {}", review.server, review.at)
}

/// For people, one paragraph a key.
pub fn text(review: &Review) -> String {
    let mut out = format!("{}\n", title(review));
    let account = review.cache_user.as_deref().unwrap_or("not known");
    let keys = count(review.keys.len(), "key");
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{keys}, cache user {account}; {}", last(review));
    for key in &review.keys {
        let who = match key.who.as_str() {
            "" => "(no comment)",
            who => who,
        };
        let _ = writeln!(out, "\n{who}  ({})", key.standing.word());
        let approved = match (key.since, &key.approved_by) {
            (Some(since), Some(by)) => {
                let why = key.reason.as_ref();
                let why =
                    why.map_or_else(|| ", no reason given".to_owned(), |why| format!(": {why}"));
                format!("{since} by {by}{why}")
            }
            _ => "not recorded".to_owned(),
        };
        let used = match (&key.last_used, key.logs_since) {
            (Some(used), _) => format!("{} ago from {}", used.at.age(review.at), used.from),
            (None, Some(since)) => format!("not since {since} (oldest log)"),
            (None, None) => "not known".to_owned(),
        };
        let expires = key
            .expires
            .map_or("never".to_owned(), |end| end.to_string());
        for (label, value) in [
            ("approved", approved),
            ("used", used),
            ("expires", expires),
            ("can", key.can.clone()),
            ("key", format!("{} {}", kind(key), key.fingerprint)),
            ("where", format!("{}:{}", key.file, key.line)),
        ] {
            let _ = writeln!(out, "    {label:<9} {value}");
        }
        for finding in &key.findings {
            let _ = writeln!(out, "    ! {finding}");
        }
    }
    if !review.unknown.is_empty() {
        out.push('\n');
    }
    for why in &review.unknown {
        let _ = writeln!(out, "? {why}");
    }
    out
}

/// A document of Markdown with one table.
pub fn markdown(review: &Review) -> String {
    let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = format!("# {}\n\n", escaped(&title(review)));
    let keys = count(review.keys.len(), "key");
    let _ = writeln!(out, "{keys}; {}.\n", escaped(&last(review)));
    out.push_str(&row(&COLUMNS.map(str::to_owned)));
    out.push_str(&row(&COLUMNS.map(|_| "---".to_owned())));
    for key in &review.keys {
        out.push_str(&row(&values(key).map(|value| match value.as_str() {
            "" => NONE.to_owned(),
            value => escaped(value),
        })));
    }
    if !review.unknown.is_empty() {
        out.push_str("\nNot known:\n\n");
    }
    for why in &review.unknown {
        let _ = writeln!(out, "- {}", escaped(why));
    }
    out
}

/// Text that Markdown shows as it is: <https://spec.commonmark.org/0.31.2/#backslash-escapes>; `@` and `:` are escaped for links that are
/// made of plain addresses.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_{}[]<>#!|~&$^=+@:\"'".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// CSV, as [`csv::line`] writes it.
pub fn csv(review: &Review) -> String {
    let rows = review.keys.iter().map(|key| csv::line(values(key)));
    [csv::line(COLUMNS)].into_iter().chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::review::tests::sample;
    use proptest::prelude::*;

    /// Fields of RFC 4180, read as a spreadsheet does.
    fn fields(csv: &str) -> Vec<Vec<String>> {
        let mut rows = vec![vec![String::new()]];
        let mut chars = csv.chars().peekable();
        let mut inside = false;
        while let Some(c) = chars.next() {
            let field = rows.last_mut().unwrap().last_mut().unwrap();
            match c {
                '"' if inside && chars.peek() == Some(&'"') => {
                    chars.next();
                    field.push('"');
                }
                '"' => inside = !inside,
                ',' if !inside => rows.last_mut().unwrap().push(String::new()),
                '\r' if !inside && chars.peek() == Some(&'\n') => {
                    chars.next();
                    rows.push(vec![String::new()]);
                }
                c => field.push(c),
            }
        }
        rows.pop();
        rows
    }

    #[test]
    fn each_form() {
        let review = sample("ada, \"the\" builder", "=HYPERLINK(\"http://evil\")");
        let rows = fields(&csv(&review));
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0], COLUMNS);
        assert_eq!(rows[1][0], "ada, \"the\" builder");
        assert_eq!(rows[1][4], "'=HYPERLINK(\"http://evil\")");
        let page = markdown(&sample("a|b [x](http://evil)", "<b>"));
        let table: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| a"))
            .collect();
        assert_eq!(table.len(), 1);
        assert!(
            table[0].starts_with("| a\\|b \\[x\\](http\\://evil) | authorized | "),
            "{page}"
        );
        assert!(table[0].contains(" | \\<b\\> | - | - | - | "), "{page}");
        let shown = text(&review);
        for words in [
            "1 key, cache user nix-ssh; last reviewed 1h ago",
            "by root via bob: =HYPERLINK",
            "approved ",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }

    proptest! {
        #[test]
        fn no_field_is_a_formula_and_each_reads_back(comment in "[ -~\u{ff1d}]{0,30}", reason in "\\PC{0,20}") {
            let review = sample(&comment, &reason);
            let rows = fields(&csv(&review));
            prop_assert_eq!(rows.len(), 2);
            prop_assert_eq!(rows[1].len(), COLUMNS.len());
            for (field, value) in rows[1].iter().zip(values(&review.keys[0])) {
                prop_assert!(!field.trim_start().starts_with(['=', '+', '-', '@']), "{field}");
                let bare = field.strip_prefix('\'').unwrap_or(field);
                prop_assert!(*field == value || bare == value);
            }
            let page = markdown(&review);
            let row = page.lines().find(|line| line.contains("SHA256")).unwrap();
            prop_assert_eq!(row.replace("\\\\", "").replace("\\|", "").matches('|').count(), COLUMNS.len() + 1);
        }
    }
}
