//! Keys by name.
//!
//! In: key events of the terminal, or names such as `j`, `ctrl-l`, `pgdn` from the action table and the configuration.
//! Out: [`Key`], which both become, and its name for help and hints.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::fmt;
use std::str::FromStr;

/// What was pressed, without its modifiers. Shift is part of the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A character.
    Char(char),
    /// A key with a name.
    Named(&'static str),
    /// A function key.
    F(u8),
}

/// One key press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The key.
    pub code: Code,
    /// With control.
    pub ctrl: bool,
    /// With alt.
    pub alt: bool,
}

/// Name and key code of every key that is not a character.
const NAMED: [(&str, KeyCode); 14] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
];

impl Key {
    /// A character without modifiers.
    pub const fn char(c: char) -> Self {
        Self {
            code: Code::Char(c),
            ctrl: false,
            alt: false,
        }
    }

    /// A named key without modifiers; one of the names that [`Key::from_str`] reads.
    pub const fn named(name: &'static str) -> Self {
        Self {
            code: Code::Named(name),
            ctrl: false,
            alt: false,
        }
    }

    /// The key of an event; nothing for releases and for keys that have no name here.
    pub fn from_event(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let code = match event.code {
            KeyCode::Char(c) => Code::Char(c),
            KeyCode::F(n) => Code::F(n),
            other => Code::Named(
                NAMED
                    .iter()
                    .find(|(_, code)| *code == other)
                    .map(|(name, _)| *name)?,
            ),
        };
        Some(Self {
            code,
            ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
            alt: event.modifiers.contains(KeyModifiers::ALT),
        })
    }

    /// The character that this key types into a text, if it does.
    pub const fn typed(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }

    /// Whether it is the named key, without modifiers.
    pub fn is(self, name: &str) -> bool {
        !self.ctrl && !self.alt && matches!(self.code, Code::Named(own) if own == name)
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut key = Self::char(' ');
        let mut rest = text;
        loop {
            if let Some(after) = rest.strip_prefix("ctrl-").filter(|after| !after.is_empty()) {
                key.ctrl = true;
                rest = after;
            } else if let Some(after) = rest.strip_prefix("alt-").filter(|after| !after.is_empty())
            {
                key.alt = true;
                rest = after;
            } else {
                break;
            }
        }
        let mut chars = rest.chars();
        key.code = match (chars.next(), chars.next()) {
            (Some(c), None) => Code::Char(c),
            _ if rest == "space" => Code::Char(' '),
            _ => match NAMED.iter().find(|(name, _)| *name == rest) {
                Some((name, _)) => Code::Named(name),
                None => Code::F(
                    rest.strip_prefix('f')
                        .and_then(|digits| digits.parse().ok())
                        .filter(|n| (1..=24).contains(n))
                        .ok_or_else(|| {
                            format!(
                                "{text:?} is no key; write a character, or one of enter esc tab shift-tab space backspace delete up down left right home end pgup pgdn f1 to f24, with ctrl- or alt- before it"
                            )
                        })?,
                ),
            },
        };
        Ok(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        if self.alt {
            f.write_str("alt-")?;
        }
        match self.code {
            Code::Char(' ') => f.write_str("space"),
            Code::Char(c) => write!(f, "{c}"),
            Code::Named(name) => f.write_str(name),
            Code::F(n) => write!(f, "f{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for text in [
            "j",
            "G",
            "ctrl-l",
            "alt-x",
            "ctrl-alt-p",
            "space",
            "shift-tab",
            "f12",
            "-",
            "ctrl--",
        ] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        for text in ["", "ctrl-", "hyper-x", "f25", "pagedown", "jk"] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }

    #[test]
    fn events() {
        let event = KeyEvent::new(KeyCode::Char('Z'), KeyModifiers::SHIFT);
        assert_eq!(Key::from_event(&event), Some(Key::char('Z')));
        let event = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
        assert_eq!(Key::from_event(&event), Some(Key::named("shift-tab")));
        let event = KeyEvent::new_with_kind(
            KeyCode::Char('q'),
            KeyModifiers::NONE,
            KeyEventKind::Release,
        );
        assert_eq!(Key::from_event(&event), None);
        let event = KeyEvent::new(KeyCode::CapsLock, KeyModifiers::NONE);
        assert_eq!(Key::from_event(&event), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,12}") {
            if let Ok(key) = text.parse::<Key>() {
                prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
            }
        }
    }
}
