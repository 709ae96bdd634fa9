//! How well a name matches a word: the classes by which a search is ordered.
//!
//! In: a name and a word in lower case. Out: a rank, smaller is better, or nothing where the name lacks the word's letters in that
//! order. It costs some ten nanoseconds, so that every name of a large store can have one; what is to be shown is distinguished further
//! by the fuzzy matcher.

use wide::u8x16;

/// The hash part begins with the word.
pub(super) const HASH: u8 = 0;
/// The word is the whole name, or all of it before the version.
pub(super) const EXACT: u8 = 1;
/// The name begins with the word.
pub(super) const PREFIX: u8 = 2;
/// The word is in the name, at the beginning of a part.
pub(super) const PART: u8 = 3;
/// The word is in the name.
pub(super) const WITHIN: u8 = 4;
/// The word's letters are in the name, in two or more pieces: this, and one for each piece.
const PIECES: u8 = 3;
/// From so many pieces on they all rank alike.
const MOST_PIECES: u8 = 12;

/// The last rank; the ranks of several words are added up to it.
pub(super) const LAST: u8 = 63;

/// The rank of a name, which is what `text` begins with, for a word in lower case; the name's own case is ignored. What else the text
/// has does not count: with it, a name is looked at as a block of one size.
pub(super) fn rank(text: &[u8], len: usize, word: &str) -> Option<u8> {
    let (name, word) = (text.get(..len)?, word.as_bytes());
    let Some((first, more)) = word.split_first() else {
        return Some(PREFIX);
    };
    let letters = text.first_chunk().and_then(|block| Letters::of(block, len));
    let Some(letters) = letters else {
        return long(name, word);
    };
    let begun = letters.places(*first);
    let mut whole = begun;
    for (at, byte) in more.iter().enumerate() {
        if whole == 0 {
            break;
        }
        whole &= letters.places(*byte).checked_shr(at as u32 + 1)?;
    }
    if whole & 1 == 1 {
        return Some(begins(&name[word.len()..]));
    }
    if whole != 0 {
        let mut places =
            std::iter::successors(Some(whole), |left| Some(left & left.wrapping_sub(1)))
                .take_while(|left| *left != 0)
                .map(|left| left.trailing_zeros() as usize);
        let at_part = places.any(|at| !name[at - 1].is_ascii_alphanumeric());
        return Some(if at_part { PART } else { WITHIN });
    }
    // Each letter at the first place where it can be.
    let (mut place, mut pieces) = (begun.trailing_zeros(), 1);
    for byte in more {
        let behind = u64::MAX.checked_shl(place + 1)?;
        let next = (letters.places(*byte) & behind).trailing_zeros();
        pieces += u8::from(next != place + 1);
        place = next;
    }
    (place < u64::BITS).then(|| in_pieces(pieces))
}

/// The rank of a name that begins with the word, by what comes after it.
const fn begins(rest: &[u8]) -> u8 {
    match rest {
        [] | [b'-', b'0'..=b'9', ..] => EXACT,
        _ => PREFIX,
    }
}

fn in_pieces(pieces: u8) -> u8 {
    PIECES + pieces.clamp(2, MOST_PIECES)
}

/// The same for a name that is longer than what [`Letters`] holds.
fn long(name: &[u8], word: &[u8]) -> Option<u8> {
    let is_at = |part: &[u8]| part.eq_ignore_ascii_case(word);
    if name.get(..word.len()).is_some_and(is_at) {
        return Some(begins(&name[word.len()..]));
    }
    let mut places = name.windows(word.len()).enumerate();
    let mut within = places.by_ref().filter(|(_, part)| is_at(part)).peekable();
    if within.peek().is_some() {
        let at_part = within.any(|(at, _)| !name[at - 1].is_ascii_alphanumeric());
        return Some(if at_part { PART } else { WITHIN });
    }
    let (mut left, mut pieces, mut joined) = (word, 0_u8, false);
    for byte in name {
        let (wanted, rest) = left.split_first()?;
        let found = byte.eq_ignore_ascii_case(wanted);
        if found {
            pieces = pieces.saturating_add(u8::from(!joined));
            left = rest;
            if left.is_empty() {
                return Some(in_pieces(pieces));
            }
        }
        joined = found;
    }
    None
}

/// The bytes of a name without their case.
struct Letters {
    parts: [u8x16; 4],
    /// The places that are the name's.
    within: u64,
}

impl Letters {
    /// The bit that small letters have and large ones do not; no two other bytes of names differ in it alone.
    const SMALL: u8 = 0x20;

    /// `None` if the name is longer than the block.
    #[inline]
    fn of(block: &[u8; 64], len: usize) -> Option<Self> {
        let unused = u64::BITS.checked_sub(len as u32)?;
        let (parts, _) = block.as_chunks();
        let part = |at: usize| u8x16::from(parts[at]) | u8x16::splat(Self::SMALL);
        Some(Self {
            parts: [part(0), part(1), part(2), part(3)],
            within: u64::MAX.checked_shr(unused).unwrap_or(0),
        })
    }

    /// The places of a byte in the name, one bit each.
    #[inline]
    fn places(&self, byte: u8) -> u64 {
        let wanted = u8x16::splat(byte | Self::SMALL);
        let parts = self.parts.iter().enumerate();
        let places = parts.fold(0, |places, (at, part)| {
            places | u64::from(part.simd_eq(wanted).to_bitmask()) << (16 * at)
        });
        places & self.within
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(name: &str, word: &str) -> Option<u8> {
        // Behind it lies what would match.
        let text = name.to_owned() + &word.repeat(64);
        let short = rank(text.as_bytes(), name.len(), word);
        let at_the_end = rank(name.as_bytes(), name.len(), word);
        assert_eq!(at_the_end, short, "{name} {word}");
        short
    }

    #[test]
    fn exact_and_prefix_come_before_parts_and_those_before_letters() {
        let order = [
            "ledger",
            "ledger-cli-4.1",
            "big-ledger-4.2",
            "pledgers-1",
            "lexicon-edger",
            "l-e-d-g-e-r",
        ];
        let ranks: Vec<u8> = order
            .iter()
            .map(|name| of(name, "ledger").unwrap())
            .collect();
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
        assert_eq!(of("ledger-4.2", "ledger"), of("Ledger", "ledger"));
        assert_eq!(of("ledge", "ledger"), None);
        assert_eq!(of("regdel", "ledger"), None);
    }

    proptest! {
        #[test]
        fn what_has_the_letters_in_order_has_a_rank_and_nothing_else(
            name in prop_oneof!["[0-9A-Ca-c._?=+-]{1,20}", "[A-Ba-b.]{50,80}", "[ab]{63,65}"],
            word in prop_oneof!["[0-9a-c._?=+-]{1,5}", "[ab]{1,70}"],
        ) {
            let mut letters = name.bytes();
            let has = word.bytes().all(|wanted| letters.any(|byte| byte.eq_ignore_ascii_case(&wanted)));
            prop_assert_eq!(of(&name, &word).is_some(), has);
            let part = name.to_ascii_lowercase().contains(&word);
            prop_assert_eq!(of(&name, &word).is_some_and(|rank| rank <= WITHIN), part);
        }

        #[test]
        fn a_longer_word_has_no_more_names(name in "[a-c-]{1,12}", word in "[a-c-]{1,5}", more in "[a-c-]{1,3}") {
            let longer = format!("{word}{more}");
            prop_assert!(of(&name, &longer).is_none() || of(&name, &word).is_some());
        }
    }
}
