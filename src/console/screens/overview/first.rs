//! The first line of screen 1 in full, where it is a problem: what is wrong, as far as its own row had no room for it, and what fixes
//! it. Both are on the screen without a key press.
//!
//! In: the lines, and the columns of the screen. Out: rows of text below the first one. They are there wherever the cursor is, so a
//! step of the cursor draws none of them again.

use crate::console::screens::check::Check;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::{fit, row, wrap};
use crate::judge::health::State;
use ratatui::layout::Rect;

/// Rows of a sentence, and of its remedy.
const MOST: [usize; 2] = [3, 2];
/// Columns before them.
const INDENT: u16 = 4;

/// The first line.
#[derive(Debug, Default)]
pub struct First {
    /// As much of it as its own row has room for.
    head: String,
    /// The rows below; the flag is of those that say what fixes it.
    pub rows: Vec<(String, bool)>,
}

impl First {
    /// Of these lines, where the list has so many columns for the first, and the screen so many.
    pub(super) fn of(checks: &[Check], shown: u16, width: u16) -> Self {
        let Some(first) = checks.first() else {
            return Self::default();
        };
        let shown = usize::from(shown);
        let is_problem = matches!(first.level, State::Critical | State::Warning);
        if !is_problem {
            return Self {
                head: fit(&first.text, shown),
                rows: vec![],
            };
        }
        let room = usize::from(width.saturating_sub(INDENT + 1));
        let (head, rest) = match first.whole.strip_prefix(&first.text) {
            // The sentence goes on where its row ends.
            Some(more) => {
                let mut lines = wrap(&first.text, shown).into_iter();
                let head = lines.next().unwrap_or_default();
                let rest: String = lines.map(|line| line + " ").collect();
                let more = if rest.is_empty() {
                    more.trim_start_matches([':', ';', ' '])
                } else {
                    more
                };
                (head, format!("{}{more}", rest.trim_end()))
            }
            None => (fit(&first.text, shown), first.whole.clone()),
        };
        let fix = first.fix.as_ref().map(|fix| format!("fix: {fix}"));
        let texts = [
            (rest, MOST[0], false),
            (fix.unwrap_or_default(), MOST[1], true),
        ];
        let rows = texts.into_iter().flat_map(|(text, most, is_fix)| {
            let mut lines = wrap(&text, room);
            if lines.len() > most {
                // The last row goes on where it is cut.
                let rest = lines.split_off(most - 1).join(" ");
                lines.push(fit(&rest, room));
            }
            let lines = lines.into_iter().filter(|line| !line.is_empty());
            lines.map(move |line| (line, is_fix))
        });
        Self {
            head,
            rows: rows.collect(),
        }
    }

    /// What its own row shows.
    pub(super) fn head(&self) -> &str {
        &self.head
    }
}

/// Writes them from a row on; returns the row below.
pub(super) fn draw(rows: &[(String, bool)], pen: &mut Pen<'_>, area: Rect, mut y: u16) -> u16 {
    for (text, is_fix) in rows {
        let line = row(area, y);
        let style = if *is_fix {
            pen.theme.key
        } else {
            pen.theme.text
        };
        pen.text(line, line.x + INDENT, line.y, text, style);
        y += 1;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, whole: &str, fix: Option<&str>) -> Check {
        Check {
            id: String::new(),
            level: State::Critical,
            text: text.to_owned(),
            whole: whole.to_owned(),
            fix: fix.map(str::to_owned),
            note: String::new(),
            screen: None,
            target: None,
            problem: None,
        }
    }

    fn shown(check: Check) -> (String, Vec<String>) {
        let first = First::of(&[check], 20, 40);
        let rows = first.rows.into_iter().map(|(text, _)| text);
        (first.head, rows.collect())
    }

    #[test]
    fn what_its_row_has_no_room_for_is_below() {
        let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect();
        let short = check("2 are wrong", "2 are wrong: a, b", Some("mend them"));
        let expected = rows(&["a, b", "fix: mend them"]);
        assert_eq!(shown(short), ("2 are wrong".to_owned(), expected));
        let fits = check("all is wrong", "all is wrong", None);
        assert_eq!(shown(fits), ("all is wrong".to_owned(), vec![]));
        let long = "sshd does not read /a/file because of its mode";
        let (head, below) = shown(check(long, long, None));
        assert_eq!(head, "sshd does not read");
        assert_eq!(below, ["/a/file because of its mode"]);
        let other = check("ada was refused", "the key of ada was refused", None);
        let expected = rows(&["the key of ada was refused"]);
        assert_eq!(shown(other), ("ada was refused".to_owned(), expected));
        let fine = Check {
            level: State::Unknown,
            ..check(
                "a line that is much too long",
                "a line that is much too long",
                Some("x"),
            )
        };
        assert_eq!(shown(fine), ("a line that is much…".to_owned(), vec![]));
    }

    proptest! {
        #[test]
        fn it_has_no_word_twice_and_loses_none(words in proptest::collection::vec("[a-z]{1,9}", 1..30), cut in 0usize..40) {
            let whole = words.join(" ");
            let text: String = words.iter().take(cut).cloned().collect::<Vec<_>>().join(" ");
            let (head, below) = shown(check(&text, &whole, None));
            let seen = format!("{head} {}", below.join(" "));
            let seen: Vec<&str> = seen.split_whitespace().collect();
            if seen.last().is_some_and(|last| last.ends_with('…')) {
                prop_assert_eq!(below.len(), MOST[0]);
            } else {
                prop_assert_eq!(seen, words);
            }
            prop_assert!(below.len() <= MOST[0]);
        }
    }
}
