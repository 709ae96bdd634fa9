//! The nearest known name to a misspelled one.
//!
//! In: a word and the words that are known. Out: the known word that needs the fewest edits.

use strsim::osa_distance;

/// The candidate with the smallest edit distance; the first of several. `None` only without candidates.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Names are short; a long word is compared by its head, which bounds the work on hostile input.
    candidates
        .into_iter()
        .min_by_key(|candidate| edits(word, candidate))
}

/// Edits between a word and a candidate: insert, delete, replace, and swap of neighbours. The case of the word does not
/// count, nor does what is behind the first 64 characters of each.
pub fn edits(word: &str, candidate: &str) -> usize {
    let head = |text: &str| text.chars().take(64).collect::<String>();
    osa_distance(&head(&word.to_lowercase()), &head(candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_between() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("PROT", "port"), 1);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits(&"a".repeat(100_000), &"b".repeat(100_000)), 64);
    }

    #[test]
    fn finds_the_nearest() {
        let known = ["host", "port", "user", "public_keys"];
        assert_eq!(nearest("Prot", known), Some("port"));
        assert_eq!(nearest("publickeys", known), Some("public_keys"));
        assert_eq!(nearest("x", []), None);
    }
}
