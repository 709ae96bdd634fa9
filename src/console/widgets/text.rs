//! Words and numbers as the screens write them.

use crate::domain::{Age, TrustClass, When};
use crate::inventory::{Inventory, Row};

/// A size in a narrow column: `200 B`, `2.1M`, `14.2G`.
pub fn size(bytes: u64) -> String {
    crate::domain::Bytes(bytes)
        .to_string()
        .replace(" KiB", "K")
        .replace(" MiB", "M")
        .replace(" GiB", "G")
        .replace(" TiB", "T")
        .replace(" PiB", "P")
        .replace(" EiB", "E")
}

/// An age for a column: `4m`; `?` for what is not known. Seconds are not counted: each step of the cursor would have to
/// write them anew in every row.
pub fn age(when: Option<When>, now: When) -> String {
    match when.map(|when| when.age(now)) {
        None => "?".to_owned(),
        Some(Age(..60)) => "<1m".to_owned(),
        Some(age) => age.to_string(),
    }
}

/// The word for a class in the trust column.
const fn trust(class: TrustClass) -> &'static str {
    match class {
        TrustClass::Bad => "refused bad sig",
        TrustClass::UnknownKey => "refused unknown key",
        TrustClass::Unsigned => "refused unsigned",
        TrustClass::Retired => "retired",
        TrustClass::Upstream => "upstream",
        TrustClass::ContentAddressed => "content-addressed",
        TrustClass::Ours => "ours",
    }
}

/// What the trust column says of a row; nothing for one that has not been read.
pub fn trust_of(inventory: &Inventory, row: Row) -> Option<&'static str> {
    if inventory.refused_for_its_address(row) {
        return Some("refused bad address");
    }
    inventory.trust(row).map(trust)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(size(204_800), "200K");
        assert_eq!(size(12), "12 B");
        assert_eq!(age(None, When::from_unix(9)), "?");
    }
}
