//! The nearest known name to a misspelled one.
//!
//! In: a word and the words that are known. Out: the known word that needs the fewest edits.

/// The candidate with the smallest edit distance; the first of several. `None` only without candidates.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Names are short; a long word is compared by its head, which bounds the work on hostile input.
    candidates
        .into_iter()
        .min_by_key(|candidate| edits(word, candidate))
}

/// Edits between a word and a candidate, the case of the word aside; only the first 64 characters of each count.
pub fn edits(word: &str, candidate: &str) -> usize {
    let word: Vec<char> = word.to_lowercase().chars().take(64).collect();
    distance(&word, &candidate.chars().take(64).collect::<Vec<_>>())
}

/// Edits between two words: insert, delete, replace, and swap of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn between(a: &str, b: &str) -> usize {
        distance(
            &a.chars().collect::<Vec<_>>(),
            &b.chars().collect::<Vec<_>>(),
        )
    }

    #[test]
    fn counts_between() {
        assert_eq!(between("", ""), 0);
        assert_eq!(between("", "abc"), 3);
        assert_eq!(between("port", "prot"), 1);
        assert_eq!(between("user", "users"), 1);
        assert_eq!(between("kitten", "sitting"), 3);
    }

    #[test]
    fn finds_the_nearest() {
        let known = ["host", "port", "user", "public_keys"];
        assert_eq!(nearest("Prot", known), Some("port"));
        assert_eq!(nearest("publickeys", known), Some("public_keys"));
        assert_eq!(nearest("x", []), None);
    }

    proptest! {
        #[test]
        fn is_symmetric_and_bounded(a in "\\PC{0,12}", b in "\\PC{0,12}") {
            prop_assert_eq!(between(&a, &b), between(&b, &a));
            prop_assert!(between(&a, &b) <= a.chars().count().max(b.chars().count()));
            prop_assert_eq!(between(&a, &a), 0);
        }
    }
}
