//! The words of a query, for completion and help.

/// Each with what it finds; behind one that ends in `:` stands a value.
pub const FILTER_WORDS: [(&str, &str); 20] = [
    ("refused", "clients refuse it"),
    ("accepted", "clients accept it"),
    ("unsigned", "no signature"),
    ("bad", "a signature that does not verify"),
    ("unknown-key", "signed by keys that clients don't trust"),
    ("ours", "signed by the cache's key"),
    ("retired", "signed by an older key of the cache"),
    ("upstream", "signed by another trusted key"),
    ("content-addressed", "needs no signature"),
    ("dead", "no root keeps it"),
    ("rooted", "a root keeps it"),
    ("pinned", "a pin keeps it"),
    ("drv", "derivations too"),
    ("drv:only", "only derivations"),
    ("older:", "registered before: older:30d"),
    ("newer:", "registered since: newer:2h"),
    ("used:", "time since its last use: used:>30d"),
    ("size:", "NAR size: size:>1G"),
    ("trust:", "several classes: trust:ours,upstream"),
    ("key:", "a valid signature by this key"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Query;

    /// A word alone is understood as a term, and so is the example behind a colon; none is taken for a part of a name.
    #[test]
    fn every_word_is_a_term() {
        for (word, note) in FILTER_WORDS {
            let example = note.rsplit(' ').next().unwrap();
            let text = match word {
                "key:" => "key:cache-1",
                _ if word.ends_with(':') => example,
                _ => word,
            };
            assert!(text.starts_with(word), "{word}");
            let query = Query::parse(text).unwrap();
            assert!(!query.is_empty() && query.words.is_empty(), "{word}");
        }
    }
}
