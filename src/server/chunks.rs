//! Lists that are too long for one call.
//!
//! In: a list, and what one call may hold. Out: the list in order, in parts.

/// Splits a list so that no part is longer than `count`, nor larger than `most` unless it is of one.
pub(crate) fn chunks<T>(
    mut list: &[T],
    count: usize,
    most: u64,
    size: impl Fn(&T) -> u64,
) -> Vec<&[T]> {
    let mut chunks = Vec::new();
    while !list.is_empty() {
        let mut sum = 0_u64;
        let fits = list.iter().take(count).take_while(|one| {
            sum = sum.saturating_add(size(one));
            sum <= most
        });
        let (chunk, rest) = list.split_at(fits.count().max(1));
        chunks.push(chunk);
        list = rest;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_in_order_and_as_much_as_fits(
            list in prop::collection::vec(prop_oneof![0..9_u64, 30..200_u64, Just(u64::MAX)], 0..300),
            count in 1_usize..40,
        ) {
            let most = 100;
            let parts = chunks(&list, count, most, |size| *size);
            prop_assert_eq!(&parts.concat(), &list);
            let sum = |part: &[u64]| part.iter().fold(0, |sum: u64, size| sum.saturating_add(*size));
            for part in &parts {
                prop_assert!(!part.is_empty() && part.len() <= count);
                prop_assert!(part.len() == 1 || sum(part) <= most);
            }
            for two in parts.windows(2) {
                let first = two[1][0];
                prop_assert!(two[0].len() == count || sum(two[0]).saturating_add(first) > most);
            }
        }
    }
}
