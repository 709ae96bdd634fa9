//! Colours and emphasis, from small files.
//!
//! In: `themes/*.toml`, all embedded and the user's own, each line a role and a style such as `bold red on black`.
//! Out: [`Theme`], a style for each role, in colours that the terminal shows, and [`degrade`], which takes non-ASCII glyphs out of a
//! finished frame. Colour never carries a meaning alone, so nothing is lost by either.

mod fit;
pub mod shade;
#[cfg(test)]
mod tests;

use crate::config::Colour;
use crate::domain::plain;
use crate::domain::{Explain, Notice, notice};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use std::collections::BTreeMap;
use std::path::Path;
use thiserror::Error;

pub use fit::Colours;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../themes/", $name, ".toml")))),*]
    };
}

/// The embedded themes, the default first.
const EMBEDDED: [(&str, &str); 12] = embedded![
    "dark",
    "light",
    "high-contrast",
    "high-contrast-light",
    "mono",
    "blue",
    "blue-orange",
    "slate",
    "moss",
    "plum",
    "paper",
    "mist",
];

/// Why a theme cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum ThemeError {
    /// No theme of that name.
    Unknown {
        /// As asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The file is wrong.
    Invalid {
        /// The theme.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The file cannot be read.
    Unreadable {
        /// The theme.
        name: String,
        /// What the system said.
        cause: String,
    },
}

impl Explain for ThemeError {
    fn notice(&self) -> Notice {
        match self {
            Self::Unknown { name, known } => notice!(
                "there is no theme {name:?}",
                "choose one of {known}, or put {name}.toml into the themes folder beside the configuration"
            ),
            Self::Invalid { name, what } => {
                notice!("theme {name}: {what}", "correct that line of its file")
            }
            Self::Unreadable { name, cause } => notice!(
                "theme {name} cannot be read ({cause})",
                "check the file's permissions"
            ),
        }
    }
}

macro_rules! roles {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)*) => {
        /// A style for each role.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Theme {
            pub name: String,
            /// What it is for, in a few words; may be empty.
            pub about: String,
            $($(#[$doc])* pub $field: Style,)*
        }

        impl Theme {
            /// The role names that a theme file may set.
            pub const ROLES: &'static [&'static str] = &[$($name),*];

            fn plain(name: &str) -> Self {
                Self { name: name.to_owned(), about: String::new(), $($field: Style::new(),)* }
            }

            fn styles(&self) -> Vec<Style> {
                vec![$(self.$field),*]
            }

            fn role(&mut self, role: &str) -> Option<&mut Style> {
                match role {
                    $($name => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

roles! {
    /// Everything else.
    text = "text",
    /// What matters less: units, times, labels.
    dim = "dim",
    /// The server's name in the header.
    title = "title",
    /// The current tab, headings, the prompt.
    accent = "accent",
    /// The rule under the header.
    rule = "rule",
    /// The row under the cursor.
    selected = "selected",
    /// A marked row.
    marked = "marked",
    /// Column heads.
    heading = "heading",
    /// `x`, refused, destroyed.
    critical = "critical",
    /// `!`.
    warning = "warning",
    /// `.`.
    fine = "fine",
    /// `?`.
    unknown = "unknown",
    /// The filled part of a gauge.
    gauge = "gauge",
    /// Typed text and its cursor.
    input = "input",
    /// The frame of a dialog.
    border = "border",
    /// The key in a hint.
    key = "key",
    /// A short message over the hints.
    toast = "toast",
}

impl Theme {
    /// The style of a server's name that has a colour: on a block of it, which is seen from afar. A theme without colours has none
    /// for this either.
    pub fn on_colour(&self, name: Style, colour: Option<Colour>) -> Style {
        let colour = match colour {
            _ if self.critical.fg.is_none() && self.accent.fg.is_none() => return name,
            None => return name,
            Some(Colour::Red) => Color::Red,
            Some(Colour::Yellow) => Color::Yellow,
            Some(Colour::Green) => Color::Green,
            Some(Colour::Cyan) => Color::Cyan,
            Some(Colour::Blue) => Color::Blue,
            Some(Colour::Magenta) => Color::Magenta,
        };
        // Whichever of the two is read more easily on it.
        let read = |letters: Color| {
            let both = shade::rgb(letters).zip(shade::rgb(colour));
            both.map_or(0.0, |(letters, ground)| shade::contrast(letters, ground))
        };
        let light = read(Color::White) > read(Color::Black);
        name.fg(if light { Color::White } else { Color::Black })
            .bg(colour)
    }

    /// Reads a theme file.
    pub fn parse(name: &str, text: &str) -> Result<Self, ThemeError> {
        let invalid = |what: String| ThemeError::Invalid {
            name: name.to_owned(),
            what,
        };
        let table: BTreeMap<String, String> =
            toml::from_str(text).map_err(|error| invalid(error.message().to_owned()))?;
        let mut theme = Self::plain(name);
        for (role, style) in &table {
            if role == "about" {
                theme.about.clone_from(style);
                continue;
            }
            let Some(slot) = theme.role(role) else {
                return Err(invalid(format!(
                    "{role:?} is no role (they are {})",
                    Self::ROLES.join(" ")
                )));
            };
            *slot = parse_style(style).map_err(|what| invalid(format!("{role}: {what}")))?;
        }
        Ok(theme)
    }

    /// The embedded themes.
    pub fn embedded() -> Vec<Self> {
        EMBEDDED
            .iter()
            // A test reads all of them, so none is ever missing here.
            .filter_map(|(name, text)| Self::parse(name, text).ok())
            .collect()
    }

    /// The embedded themes and those of a folder, in which a file may replace an embedded one, each as far as the terminal shows it.
    pub fn load(folder: Option<&Path>, colours: Colours) -> Result<Vec<Self>, ThemeError> {
        let mut themes = Self::embedded();
        let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
        let mut files: Vec<_> = (entries.into_iter().flatten())
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
            .collect();
        files.sort();
        for file in files {
            let name = file
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default();
            let text = std::fs::read_to_string(&file).map_err(|error| ThemeError::Unreadable {
                name: name.clone(),
                cause: error.to_string(),
            })?;
            let theme = Self::parse(&name, &text)?;
            match themes.iter_mut().find(|other| other.name == name) {
                Some(other) => *other = theme,
                None => themes.push(theme),
            }
        }
        for theme in &mut themes {
            theme.fit(colours);
        }
        Ok(themes)
    }

    /// The place of a theme by name.
    pub fn position(themes: &[Self], name: &str) -> Result<usize, ThemeError> {
        themes
            .iter()
            .position(|theme| theme.name == name)
            .ok_or_else(|| ThemeError::Unknown {
                name: name.to_owned(),
                known: themes
                    .iter()
                    .map(|theme| theme.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }
}

/// Reads `bold red on black`: modifiers and up to two colours.
fn parse_style(text: &str) -> Result<Style, String> {
    let mut style = Style::new();
    let mut background = false;
    for word in text.split_ascii_whitespace() {
        style = match word {
            "on" => {
                background = true;
                continue;
            }
            "bold" => style.add_modifier(Modifier::BOLD),
            "dim" => style.add_modifier(Modifier::DIM),
            "italic" => style.add_modifier(Modifier::ITALIC),
            "underline" => style.add_modifier(Modifier::UNDERLINED),
            "reverse" => style.add_modifier(Modifier::REVERSED),
            colour => {
                let colour = parse_colour(colour).ok_or_else(|| {
                    format!("{colour:?} is no colour and no emphasis (a name such as cyan or bright-red, a number 0 to 255, #rrggbb; bold dim italic underline reverse)")
                })?;
                if background {
                    style.bg(colour)
                } else {
                    style.fg(colour)
                }
            }
        };
    }
    Ok(style)
}

fn parse_colour(word: &str) -> Option<Color> {
    if let Some(digits) = word.strip_prefix('#') {
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let value = u32::from_str_radix(digits, 16).ok()?;
        return Some(Color::Rgb(
            (value >> 16) as u8,
            (value >> 8) as u8,
            value as u8,
        ));
    }
    if let Ok(index) = word.parse::<u8>() {
        return Some(Color::Indexed(index));
    }
    Some(match word {
        "default" => Color::Reset,
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "white" => Color::Gray,
        "bright-black" => Color::DarkGray,
        "bright-red" => Color::LightRed,
        "bright-green" => Color::LightGreen,
        "bright-yellow" => Color::LightYellow,
        "bright-blue" => Color::LightBlue,
        "bright-magenta" => Color::LightMagenta,
        "bright-cyan" => Color::LightCyan,
        "bright-white" => Color::White,
        _ => return None,
    })
}

/// What a terminal can draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Glyphs {
    #[default]
    All,
    /// Nothing but ASCII.
    Ascii,
}

/// Takes out of a finished frame what the terminal can't draw.
pub fn degrade(buffer: &mut Buffer, glyphs: Glyphs) {
    if glyphs == Glyphs::All {
        return;
    }
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            cell.set_symbol(plain::glyph(cell.symbol()));
        }
    }
}
