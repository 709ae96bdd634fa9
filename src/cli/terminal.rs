//! Questions on the terminal.
//!
//! In: a question. Out: the typed line, unseen where it is a secret, or none where it was declined. The terminal is in
//! raw mode only while a line is typed, and given back whatever happens.

use super::out::{is_interactive, say};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::io::Write as _;
use zeroize::Zeroizing;

/// Longer answers are not typed.
const MAX: usize = 4096;

/// Gives the terminal back.
struct Raw;

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// Asks, and waits for a line; blocks its thread. `None` if there is no terminal, or Ctrl-C, Ctrl-D or Esc was typed.
pub(super) fn ask(prompt: &str, echo: bool) -> Option<Zeroizing<String>> {
    if !is_interactive() {
        return None;
    }
    let mut screen = std::io::stderr();
    write!(screen, "{prompt}")
        .and_then(|()| screen.flush())
        .ok()?;
    crossterm::terminal::enable_raw_mode().ok()?;
    let raw = Raw;
    // Room for the longest answer at once: a string that grows leaves copies of a secret behind.
    let mut line = Line {
        text: Zeroizing::new(String::with_capacity(MAX)),
    };
    let answer = loop {
        let Ok(event) = event::read() else {
            break None;
        };
        let Event::Key(key) = event else { continue };
        match line.key(key) {
            Step::Typed(c) if echo => {
                let _ = write!(screen, "{c}").and_then(|()| screen.flush());
            }
            Step::Erased if echo => {
                let _ = write!(screen, "\u{8} \u{8}").and_then(|()| screen.flush());
            }
            Step::Typed(_) | Step::Erased | Step::Nothing => {}
            Step::Done => break Some(line.text),
            Step::Declined => break None,
        }
    };
    drop(raw);
    say("");
    answer
}

struct Line {
    text: Zeroizing<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Typed(char),
    Erased,
    Nothing,
    Done,
    Declined,
}

impl Line {
    fn key(&mut self, key: KeyEvent) -> Step {
        if key.kind == KeyEventKind::Release {
            return Step::Nothing;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => Step::Done,
            // A line feed arrives as Ctrl-J, from a pasted or piped line.
            KeyCode::Char('j' | 'm') if control => Step::Done,
            KeyCode::Esc => Step::Declined,
            KeyCode::Char('c' | 'd') if control => Step::Declined,
            KeyCode::Char(_) if control => Step::Nothing,
            KeyCode::Backspace => match self.text.pop() {
                Some(_) => Step::Erased,
                None => Step::Nothing,
            },
            KeyCode::Char(c) if self.text.len() + c.len_utf8() <= MAX => {
                self.text.push(c);
                Step::Typed(c)
            }
            _ => Step::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[(KeyCode, KeyModifiers)]) -> (String, Vec<Step>) {
        let mut line = Line {
            text: Zeroizing::new(String::new()),
        };
        let steps = keys
            .iter()
            .map(|(code, modifiers)| line.key(KeyEvent::new(*code, *modifiers)))
            .collect();
        (line.text.to_string(), steps)
    }

    #[test]
    fn a_line_is_edited() {
        const NO: KeyModifiers = KeyModifiers::NONE;
        let (text, steps) = typed(&[
            (KeyCode::Char('é'), NO),
            (KeyCode::Char('x'), NO),
            (KeyCode::Backspace, NO),
            (KeyCode::Char('u'), KeyModifiers::CONTROL),
            (KeyCode::Left, NO),
            (KeyCode::Enter, NO),
        ]);
        assert_eq!(text, "é");
        assert_eq!(
            steps,
            [
                Step::Typed('é'),
                Step::Typed('x'),
                Step::Erased,
                Step::Nothing,
                Step::Nothing,
                Step::Done
            ]
        );
        assert_eq!(typed(&[(KeyCode::Backspace, NO)]).1, [Step::Nothing]);
        assert_eq!(
            typed(&[(KeyCode::Char('c'), KeyModifiers::CONTROL)]).1,
            [Step::Declined]
        );
    }

    #[test]
    fn no_line_is_endless() {
        let mut line = Line {
            text: Zeroizing::new("x".repeat(MAX)),
        };
        let key = KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE);
        assert_eq!(line.key(key), Step::Nothing);
    }
}
