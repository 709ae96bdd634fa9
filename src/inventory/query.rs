//! What a user types to find paths.
//!
//! In: text. Out: a [`Query`], or a sentence that names the term that was not understood and the nearest known one.

use crate::domain::Notice;
use crate::domain::nearest::edits;
use crate::domain::nix32;
use crate::domain::store_path::{HASH_CHARS, STORE_DIR};
use crate::domain::text::visible;
use crate::domain::{Age, Bytes, TrustClass};

/// The fewest digits that are also looked for as the beginning of a hash part.
const SHORTEST_HASH: usize = 4;

/// What to look for: words and terms, separated by blanks; a path must match all of them.
///
/// Words:
/// - `ledg 4`: each word, in any order, is matched fuzzily with the name (its letters in order, case ignored). Names that are or
///   begin with a word come first; then, the better the match, the higher up. Four or more base-32 digits also match the
///   beginning of a hash part, and then come first.
/// - `/nix/store/5wd5y`, a hash part, or a base name match by prefix; what lies below a store path is cut off.
/// - `'word` matches names that contain it exactly (case ignored), also if the word is a term.
///
/// Terms:
/// - `unsigned`, `unknown-key`, `bad`, `ours`, `retired`, `upstream`, `content-addressed`, also as `trust:bad` or
///   `:bad`, several as `trust:ours,upstream`; `refused` is the three that clients refuse, `accepted` the others.
///   Several such terms add up.
/// - `older:30d`, `newer:2h`: the time since the registration. `used:>30d`, `used:<2h`: the time since the last use.
///   `size:>1G`, `size:<=1M`: the NAR size.
/// - `dead`: no root keeps it; `rooted`: one does; `pinned`: a pin does.
/// - `key:NAME`: has a valid signature under that key name.
/// - `drv` or `drv:yes` shows derivations too, `drv:only` nothing else, `drv:no` never.
/// - `!` before a word or term inverts it; an inverted word must not be contained in the name.
///
/// A path of which a value is not known matches no term about it, inverted or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    pub(super) words: Vec<Word>,
    pub(super) tests: Vec<Test>,
    pub(super) classes: u8,
    pub(super) not_classes: u8,
    pub(super) derivations: Derivations,
}

/// A word to be matched with the name or base name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// Fuzzily, in lower case; if so said also as the beginning of the hash part.
    Fuzzy { text: String, hash: bool },
    /// As part of the name; in lower case.
    Contains { text: String, wanted: bool },
    /// As the beginning of the base name.
    Prefix { base: String, wanted: bool },
}

/// A condition on a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// Seconds since the registration.
    Age(Bound),
    /// NAR bytes.
    Size(Bound),
    /// Seconds since the last use.
    Used(Bound),
    /// A root keeps it, or none does.
    Rooted(bool),
    /// A pin keeps it, or none does.
    Pinned(bool),
    /// A valid signature under this name, or none.
    Key { name: String, wanted: bool },
}

/// A comparison with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Less(u64),
    AtMost(u64),
    More(u64),
    AtLeast(u64),
}

impl Bound {
    pub(super) fn holds(self, value: u64) -> bool {
        match self {
            Self::Less(bound) => value < bound,
            Self::AtMost(bound) => value <= bound,
            Self::More(bound) => value > bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }

    pub(super) fn wanted(self, wanted: bool) -> Self {
        if wanted {
            return self;
        }
        match self {
            Self::Less(bound) => Self::AtLeast(bound),
            Self::AtMost(bound) => Self::More(bound),
            Self::More(bound) => Self::AtMost(bound),
            Self::AtLeast(bound) => Self::Less(bound),
        }
    }
}

/// What the query says of derivations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Derivations {
    /// Nothing: as the list has it.
    #[default]
    Unsaid,
    Shown,
    Only,
    Hidden,
}

impl Derivations {
    /// Hidden by default, unless something is said.
    pub(super) const fn or_hidden(self, hidden: bool) -> Self {
        match self {
            Self::Unsaid if hidden => Self::Hidden,
            said => said,
        }
    }
}

impl Query {
    /// Reads what was typed. The error is one sentence for people.
    pub fn parse(text: &str) -> Result<Self, Notice> {
        let mut query = Self::default();
        for typed in text.split_whitespace() {
            let (word, wanted) = match typed.strip_prefix('!') {
                Some(word) => (word, false),
                None => (typed, true),
            };
            // A lone `!` or `'` is the beginning of something that is still being typed.
            if !word.is_empty() && word != "'" {
                query.term(typed, word, wanted)?;
            }
        }
        Ok(query)
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it has words that rank what matches.
    pub fn ranks(&self) -> bool {
        self.words
            .iter()
            .any(|word| matches!(word, Word::Fuzzy { .. }))
    }

    /// Whether a path of this class is wanted.
    pub(super) fn wants(&self, class: Option<TrustClass>) -> bool {
        match class {
            _ if self.classes | self.not_classes == 0 => true,
            None => false,
            Some(class) => {
                let bit = 1 << class as u8;
                (self.classes == 0 || self.classes & bit != 0) && self.not_classes & bit == 0
            }
        }
    }

    fn term(&mut self, typed: &str, word: &str, wanted: bool) -> Result<(), Notice> {
        let compared = compared(word)?;
        if let Some((name, value)) = compared.or_else(|| word.split_once(':')) {
            return match name {
                "" | "trust" => self.trust(typed, value, wanted),
                "older" => {
                    let age: Age = argument(typed, value)?;
                    self.tests
                        .push(Test::Age(Bound::AtLeast(age.0).wanted(wanted)));
                    Ok(())
                }
                "newer" => {
                    let age: Age = argument(typed, value)?;
                    self.tests
                        .push(Test::Age(Bound::Less(age.0).wanted(wanted)));
                    Ok(())
                }
                "used" => {
                    let bound = bound(typed, value, |Age(seconds)| seconds)?.wanted(wanted);
                    self.tests.push(Test::Used(bound));
                    Ok(())
                }
                "size" => {
                    let bound = bound(typed, value, |Bytes(bytes)| bytes)?.wanted(wanted);
                    self.tests.push(Test::Size(bound));
                    Ok(())
                }
                "key" if value.is_empty() => Err(Notice::new(
                    format!("{} names no key", visible(typed)),
                    "write the name of a key after it, such as key:cache.example.org-1",
                )),
                "key" => {
                    let name = value.to_owned();
                    self.tests.push(Test::Key { name, wanted });
                    Ok(())
                }
                "drv" => self.derivations(typed, value, wanted),
                _ => Err(unknown(
                    typed,
                    name,
                    &[
                        "trust:", "older:", "newer:", "used:", "size:", "key:", "drv:",
                    ],
                )),
            };
        }
        if classes(word).is_some() {
            return self.trust(typed, word, wanted);
        }
        if word == "drv" {
            return self.derivations(typed, "yes", wanted);
        }
        match word {
            "rooted" => self.tests.push(Test::Rooted(wanted)),
            "dead" => self.tests.push(Test::Rooted(!wanted)),
            "pinned" => self.tests.push(Test::Pinned(wanted)),
            _ => self.words.push(name_word(word, wanted)),
        }
        Ok(())
    }

    /// Whether it asks what is alive or pinned, so that only [`super::SearchFacts`] can answer it.
    pub fn asks_roots(&self) -> bool {
        let asks = |test: &Test| matches!(test, Test::Rooted(_) | Test::Pinned(_));
        self.tests.iter().any(asks)
    }

    /// Whether it asks when paths were used.
    pub fn asks_use(&self) -> bool {
        self.tests.iter().any(|test| matches!(test, Test::Used(_)))
    }

    fn trust(&mut self, typed: &str, value: &str, wanted: bool) -> Result<(), Notice> {
        for word in value.split(',') {
            let Some(bits) = classes(word) else {
                return Err(unknown(typed, word, &CLASS_WORDS));
            };
            if wanted {
                self.classes |= bits;
            } else {
                self.not_classes |= bits;
            }
        }
        Ok(())
    }

    fn derivations(&mut self, typed: &str, value: &str, wanted: bool) -> Result<(), Notice> {
        self.derivations = match (value, wanted) {
            ("yes", true) | ("no", false) => Derivations::Shown,
            ("no", true) | ("yes" | "only", false) => Derivations::Hidden,
            ("only", true) => Derivations::Only,
            _ => return Err(unknown(typed, value, &["yes", "no", "only"])),
        };
        Ok(())
    }
}

/// `size>1G` for `size:>1G`, and `trust=ours` for `trust:ours`; nothing of a name, in which `=` may stand too.
fn compared(word: &str) -> Result<Option<(&str, &str)>, Notice> {
    let Some(at) = word.find(['<', '>', '=', ':']) else {
        return Ok(None);
    };
    let (name, rest) = word.split_at(at);
    let (sign, value) = rest.split_at(1);
    match (name, sign) {
        (_, ":") => Ok(None),
        ("size" | "used", "<" | ">") => Ok(Some((name, rest))),
        ("older", ">" | "=")
        | ("newer", "<" | "=")
        | ("trust" | "key" | "drv" | "size" | "used", "=") => Ok(Some((name, value))),
        ("older" | "newer" | "trust" | "key" | "drv", _) => Err(Notice::new(
            format!("{} is not understood", visible(word)),
            format!("write {name}:{}", visible(value)),
        )),
        _ => Ok(None),
    }
}

/// All words that stand for trust classes.
const CLASS_WORDS: [&str; 9] = [
    "unsigned",
    "refused",
    "accepted",
    "bad",
    "unknown-key",
    "ours",
    "retired",
    "upstream",
    "content-addressed",
];

/// The classes that a word stands for, one bit each.
fn classes(word: &str) -> Option<u8> {
    let bits = |wanted: fn(TrustClass) -> bool| {
        let classes = TrustClass::ALL.into_iter().filter(|class| wanted(*class));
        classes.fold(0, |bits, class| bits | 1 << class as u8)
    };
    match word {
        "refused" => Some(bits(TrustClass::refused)),
        "accepted" => Some(bits(|class| !class.refused())),
        _ => TrustClass::from_word(word).map(|class| 1 << class as u8),
    }
}

fn name_word(word: &str, wanted: bool) -> Word {
    let base = word
        .strip_prefix(STORE_DIR)
        .and_then(|rest| rest.strip_prefix('/'))
        .map(|rest| rest.split('/').next().unwrap_or_default());
    // `/nix/sto` is on its way to be a path.
    let beginning = || {
        let store = STORE_DIR.strip_prefix(word.trim_end_matches('/'));
        store.is_some_and(|_| word.starts_with('/')).then_some("")
    };
    let starts_with_hash = word
        .as_bytes()
        .get(..HASH_CHARS)
        .is_some_and(|digits| digits.iter().all(|byte| nix32::digit(*byte).is_some()))
        && matches!(word.as_bytes().get(HASH_CHARS), None | Some(b'-'));
    let base = base
        .or_else(beginning)
        .or_else(|| starts_with_hash.then_some(word));
    if let Some(base) = base {
        return Word::Prefix {
            base: base.to_owned(),
            wanted,
        };
    }
    let exact = word.strip_prefix('\'');
    if exact.is_some() || !wanted {
        return Word::Contains {
            text: exact.unwrap_or(word).to_ascii_lowercase(),
            wanted,
        };
    }
    let hash = (SHORTEST_HASH..HASH_CHARS).contains(&word.len())
        && word.bytes().all(|byte| nix32::digit(byte).is_some());
    Word::Fuzzy {
        text: word.to_ascii_lowercase(),
        hash,
    }
}

fn argument<T: std::str::FromStr<Err = String>>(typed: &str, value: &str) -> Result<T, Notice> {
    value.parse().map_err(
        |_: String| match typed.trim_start_matches('!').split_once(':') {
            Some(("size", _)) => Notice::new(
                format!("{} has no size", visible(typed)),
                "write a comparison and a size, such as size:>1G or size:<=500M",
            ),
            Some(("used", _)) => Notice::new(
                format!("{} has no age", visible(typed)),
                "write a comparison and an age, such as used:>30d or used:<2h",
            ),
            _ => Notice::new(
                format!("{} has no age", visible(typed)),
                "write a number and one of s m h d w y, such as older:30d",
            ),
        },
    )
}

/// Reads a comparison with a size or an age, whose number `of` takes out.
fn bound<T: std::str::FromStr<Err = String>>(
    typed: &str,
    value: &str,
    of: impl FnOnce(T) -> u64,
) -> Result<Bound, Notice> {
    let digits = value.trim_start_matches(['<', '>', '=']);
    let number = of(argument(typed, digits)?);
    match &value[..value.len() - digits.len()] {
        ">" => Ok(Bound::More(number)),
        ">=" => Ok(Bound::AtLeast(number)),
        "<" => Ok(Bound::Less(number)),
        "<=" => Ok(Bound::AtMost(number)),
        _ => {
            let term = typed.trim_start_matches('!');
            let term = term.split_once(':').map_or(term, |(term, _)| term);
            Err(Notice::new(
                format!("{} compares with nothing", visible(typed)),
                format!("write {term}:>{digits} or {term}:<{digits}"),
            ))
        }
    }
}

/// The sentence for a term that is none.
fn unknown(typed: &str, word: &str, known: &[&str]) -> Notice {
    let near = known
        .iter()
        .min_by_key(|candidate| edits(word, candidate.trim_end_matches(':')));
    Notice::new(
        format!("{} is no filter", visible(typed)),
        format!(
            "did you mean {}? Known here: {}",
            near.copied().unwrap_or_default(),
            known.join(" ")
        ),
    )
}
