//! The colour of a server's name.
//!
//! In: a colour's name. Out: one of the terminal's own colours, so that it fits whatever theme is used.

/// A colour of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Its red.
    Red,
    /// Its yellow.
    Yellow,
    /// Its green.
    Green,
    /// Its cyan.
    Cyan,
    /// Its blue.
    Blue,
    /// Its magenta.
    Magenta,
}

impl Colour {
    /// The words, in the order of [`Colour::ALL`].
    pub(super) const WORDS: &'static [&'static str] =
        &["red", "yellow", "green", "cyan", "blue", "magenta"];

    const ALL: [Self; 6] = [
        Self::Red,
        Self::Yellow,
        Self::Green,
        Self::Cyan,
        Self::Blue,
        Self::Magenta,
    ];

    /// The colour of a word.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        let mut words = Self::WORDS.iter().zip(Self::ALL);
        words.find_map(|(of, colour)| (*of == word).then_some(colour))
    }
}
