//! The columns of the store's list: the one specification that the list, its sort keys, the palette and the configuration go by.
//!
//! In: nothing. Out: [`COLUMNS`], in their usual order, and a choice of them. A letter of its own head, with shift, sorts by a column; the
//! action table takes it from here, so that it can't be the key of anything else.

use crate::inventory::SortKey;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    Name,
    Size,
    Closure,
    Added,
    Used,
    Kept,
    Referrers,
    Trust,
}

/// What holds for a column.
#[derive(Debug)]
pub struct Spec {
    /// Which one.
    pub column: Column,
    /// In commands and in the configuration.
    pub word: &'static str,
    /// Over it.
    pub head: &'static str,
    /// What it shows.
    pub doc: &'static str,
    /// What the list is sorted by with its key.
    pub sort: Option<SortKey>,
    /// The key that sorts by it: a letter of the head.
    pub keys: &'static [&'static str],
    /// Terminal columns; the name has what is left.
    pub width: usize,
    /// Blanks before it.
    pub gap: usize,
    /// Where there is no room for all, the one with the lowest goes first; the name never does.
    pub rank: u8,
    /// Whether it is shown without having been chosen.
    pub usual: bool,
}

const fn spec(column: Column, word: &'static str, head: &'static str, doc: &'static str) -> Spec {
    Spec {
        column,
        word,
        head,
        doc,
        sort: None,
        keys: &[],
        width: 0,
        gap: 0,
        rank: u8::MAX,
        usual: true,
    }
}

impl Spec {
    const fn sorts(mut self, sort: SortKey, keys: &'static [&'static str]) -> Self {
        self.sort = Some(sort);
        self.keys = keys;
        self
    }

    const fn room(mut self, width: usize, gap: usize, rank: u8) -> Self {
        self.width = width;
        self.gap = gap;
        self.rank = rank;
        self
    }

    const fn unusual(mut self) -> Self {
        self.usual = false;
        self
    }
}

/// The name of the path.
pub const NAME: Spec = spec(
    Column::Name,
    "name",
    "NAME",
    "the path's name, always shown",
)
.sorts(SortKey::Name, &["M"]);
/// Its NAR size.
pub const SIZE: Spec = spec(Column::Size, "size", "SIZE", "the size of its NAR")
    .sorts(SortKey::Size, &["Z"])
    .room(8, 0, 5);
/// With all that it needs.
pub const CLOSURE: Spec = spec(
    Column::Closure,
    "closure",
    "CLOSURE",
    "with all that it needs",
)
.sorts(SortKey::Closure, &["L"])
.room(9, 1, 3);
/// Since its registration.
pub const ADDED: Spec = spec(Column::Added, "added", "ADDED", "since its registration")
    .sorts(SortKey::Added, &["D"])
    .room(6, 1, 4);
/// Since its last use.
pub const USED: Spec = spec(Column::Used, "used", "USED", "since its last use")
    .sorts(SortKey::Used, &["E"])
    .room(6, 1, 2);
/// What keeps it.
pub const KEPT: Spec = spec(
    Column::Kept,
    "kept",
    "KEPT",
    "what keeps it: pin, live, dead",
)
.room(4, 1, 1);
/// How many others refer to it.
pub const REFERRERS: Spec = spec(
    Column::Referrers,
    "referrers",
    "REFERRERS",
    "how many other paths refer to it",
)
.room(9, 1, 0)
.unusual();
/// What clients make of it.
pub const TRUST: Spec = spec(Column::Trust, "trust", "TRUST", "what clients make of it")
    .sorts(SortKey::Trust, &["U"])
    .room(19, 2, 6);

/// All of them, in the order of the list, of `o`, and of the configuration.
pub static COLUMNS: [Spec; 8] = [NAME, SIZE, CLOSURE, ADDED, USED, KEPT, REFERRERS, TRUST];

/// The fewest terminal columns of a name that is unlike others.
pub const NAME_WIDTH: usize = 16;

impl Column {
    /// What holds for it.
    pub fn spec(self) -> &'static Spec {
        let mut all = COLUMNS.iter();
        all.find(|spec| spec.column == self).unwrap_or(&COLUMNS[0])
    }

    fn of_word(word: &str) -> Option<Self> {
        let mut all = COLUMNS.iter();
        all.find(|spec| spec.word == word).map(|spec| spec.column)
    }
}

/// The columns that are shown, the name first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

impl Default for Columns {
    fn default() -> Self {
        let usual = COLUMNS.iter().filter(|spec| spec.usual);
        Self(usual.map(|spec| spec.column).collect())
    }
}

impl Columns {
    /// Of names in the order of the list; the name of the path is first, whether it is named or not.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut all = vec![Column::Name];
        for word in words {
            let column = Column::of_word(word).ok_or_else(|| {
                let known: Vec<&str> = COLUMNS.iter().map(|spec| spec.word).collect();
                format!("there is no column {word:?}; {}", known.join(" | "))
            })?;
            if !all.contains(&column) {
                all.push(column);
            }
        }
        Ok(Self(all))
    }

    /// Whether it is shown.
    pub fn has(&self, column: Column) -> bool {
        self.0.contains(&column)
    }

    /// Shows a column, in its usual place among the others, or hides it. The name stays.
    pub fn switch(&mut self, column: Column) {
        if column == Column::Name {
            return;
        }
        if self.has(column) {
            self.0.retain(|own| *own != column);
            return;
        }
        let place = |of: Column| COLUMNS.iter().position(|spec| spec.column == of);
        let before = self.0.iter().rposition(|own| place(*own) < place(column));
        self.0.insert(before.map_or(1, |at| at + 1), column);
    }

    /// Their words, as the configuration has them.
    pub fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|column| column.spec().word).collect()
    }

    /// Those that fit beside so many terminal columns for signs, and how many the name has.
    pub fn fit(&self, width: usize, signs: usize) -> (Vec<&'static Spec>, usize) {
        let mut shown: Vec<&Spec> = self.0.iter().map(|column| column.spec()).collect();
        loop {
            let others: usize = shown.iter().map(|spec| spec.width + spec.gap).sum();
            let name = width.saturating_sub(signs + others);
            let next = shown.iter().enumerate().skip(1);
            let next = next.min_by_key(|(_, spec)| spec.rank);
            match next.map(|(at, _)| at) {
                Some(at) if name < NAME_WIDTH => {
                    shown.remove(at);
                }
                _ => return (shown, name),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::types::action::{ACTIONS, Act};
    use crate::console::types::keymap::Keymap;
    use crate::console::types::scope::Scope;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Each letter is a capital of its own head, sorts by its column on the store's list, and is nothing else there.
    #[test]
    fn letters_are_of_their_heads_and_of_no_other_key() {
        let keymap = Keymap::new(&BTreeMap::new()).unwrap();
        let mut letters = BTreeSet::new();
        for spec in &COLUMNS {
            let Some(sort) = spec.sort else {
                assert!(spec.keys.is_empty());
                continue;
            };
            assert_eq!(spec.keys.len(), 1, "{}", spec.word);
            let letter = &spec.keys[0];
            assert!(letter.chars().all(|c| c.is_ascii_uppercase()));
            assert!(spec.head.contains(letter), "{letter} in {}", spec.head);
            assert!(letters.insert(*letter), "{letter} twice");
            let key = letter.parse().unwrap();
            assert_eq!(keymap.resolve(Scope::Store, key), Some(Act::SortBy(sort)));
            let others = ACTIONS.iter().filter(|action| {
                action.scopes.contains(&Scope::Store) && action.keys.contains(letter)
            });
            assert_eq!(others.count(), 1, "{letter}");
        }
    }

    #[test]
    fn the_configuration_has_the_same_words() {
        let words: Vec<&str> = COLUMNS.iter().map(|spec| spec.word).collect();
        assert_eq!(words, crate::config::STORE_COLUMNS);
    }

    #[test]
    fn what_does_not_fit_goes_in_order() {
        let mut gone = Vec::new();
        let all = Columns::new(COLUMNS.iter().map(|spec| spec.word)).unwrap();
        let mut before = all.words();
        for width in (20..100).rev() {
            let (shown, name) = all.fit(width, 3);
            let shown: Vec<&str> = shown.iter().map(|spec| spec.word).collect();
            gone.extend(before.iter().filter(|word| !shown.contains(word)).copied());
            assert!(name >= NAME_WIDTH, "{width}");
            before = shown;
        }
        assert_eq!(
            gone,
            [
                "referrers",
                "kept",
                "used",
                "closure",
                "added",
                "size",
                "trust"
            ]
        );
        // Nobody has chosen that one.
        assert!(!Columns::default().has(Column::Referrers));
    }

    #[test]
    fn switched_on_again_it_is_in_its_place() {
        let mut columns = Columns::new(["trust", "size"]).unwrap();
        assert_eq!(columns.words(), ["name", "trust", "size"]);
        columns.switch(Column::Added);
        assert_eq!(columns.words(), ["name", "trust", "size", "added"]);
        columns.switch(Column::Name);
        columns.switch(Column::Trust);
        assert_eq!(columns.words(), ["name", "size", "added"]);
        assert!(Columns::new(["colour"]).unwrap_err().contains("colour"));
    }

    proptest! {
        #[test]
        fn every_choice_fits(switches in proptest::collection::vec(0..COLUMNS.len(), 0..20), width in 0usize..200) {
            let mut columns = Columns::default();
            for at in switches {
                columns.switch(COLUMNS[at].column);
            }
            let (shown, name) = columns.fit(width, 3);
            prop_assert_eq!(shown[0].column, Column::Name);
            let used: usize = shown.iter().map(|spec| spec.width + spec.gap).sum();
            prop_assert!(name == 0 || used + name + 3 == width);
            prop_assert_eq!(Columns::new(columns.words()), Ok(columns));
        }
    }
}
