//! A theme on a terminal that shows fewer colours than it has.
//!
//! In: the environment, a theme. Out: the theme as it is where the terminal can show it; else with the styles of one that it can.
//! The Linux console draws what it is sent in the nearest of its 16, which may be grey on grey.

use super::Theme;
use super::shade::{luminance, rgb};
use ratatui::style::{Color, Style};
use std::ffi::OsString;

/// Terminals that show 16 colours, by how their names begin; others by how they end.
const FEW: [&str; 6] = ["linux", "cons25", "cygwin", "vt", "ansi", "xterm-color"];
const FEW_AT_THE_END: [&str; 2] = ["-16color", "-8color"];

/// The colours that a terminal may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colours {
    /// `NO_COLOR` is set.
    None,
    /// The 16 that have names.
    Sixteen,
    /// All.
    #[default]
    All,
}

impl Colours {
    /// What the environment says. Most terminals show more than their names promise, so only those count that are known not to.
    pub fn of(environment: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| {
            let value = environment(name)?.to_string_lossy().into_owned();
            (!value.is_empty()).then_some(value)
        };
        if text("NO_COLOR").is_some() {
            return Self::None;
        }
        let terminal = text("TERM").unwrap_or_default();
        let few = FEW.iter().any(|name| terminal.starts_with(name))
            || FEW_AT_THE_END.iter().any(|end| terminal.ends_with(end));
        if few && text("COLORTERM").is_none() {
            Self::Sixteen
        } else {
            Self::All
        }
    }

    /// The same for this process.
    pub fn here() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    fn shows(self, colour: Color) -> bool {
        match colour {
            Color::Reset => true,
            Color::Rgb(..) | Color::Indexed(16..) => self == Self::All,
            _ => self != Self::None,
        }
    }
}

impl Theme {
    /// Takes the styles of an embedded theme where the terminal does not show its own, and says so.
    pub(super) fn fit(&mut self, colours: Colours) {
        let shown = |style: &Style| {
            let mut parts = [style.fg, style.bg].into_iter().flatten();
            parts.all(|colour| colours.shows(colour))
        };
        if self.styles().iter().all(shown) {
            return;
        }
        let ground = self.text.bg.and_then(rgb);
        let (other, why) = match colours {
            Colours::None => ("mono", "NO_COLOR"),
            _ if ground.is_some_and(|ground| luminance(ground) > 0.5) => {
                ("high-contrast-light", "16 colours here")
            }
            _ => ("dark", "16 colours here"),
        };
        let mut embedded = Self::embedded().into_iter();
        if let Some(styles) = embedded.find(|theme| theme.name == other) {
            *self = Self {
                name: std::mem::take(&mut self.name),
                about: format!("looks like {other}: {why}"),
                ..styles
            };
        }
    }
}
