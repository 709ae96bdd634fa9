//! The name of a deriver that has no row, in few bytes.
//!
//! In: a path's name, and the base name of the derivation that it was built by. Out: bytes, and the base name again. A cache has hardly
//! any derivation, and most are called like what they build: so there is the digest, how much of the path's own name comes
//! first, and the rest, which is mostly `.drv`.

use crate::domain::nix32;
use crate::domain::store_path::{HASH_CHARS, MAX_NAME, is_name_byte};

/// Bytes of a digest.
const DIGEST: usize = 20;

/// The most that is shared.
const MOST: usize = u8::MAX as usize;

/// Writes a base name down. Nothing for what is no base name.
pub(super) fn pack(own: &str, base: &str) -> Vec<u8> {
    let Some((digits, name)) = base.split_at_checked(HASH_CHARS) else {
        return Vec::new();
    };
    let (Ok(digest), Some(name)) = (
        nix32::decode::<DIGEST>(digits.as_bytes()),
        name.strip_prefix('-'),
    ) else {
        return Vec::new();
    };
    let pairs = own.bytes().zip(name.bytes());
    let shared = pairs.take_while(|(own, other)| own == other).count();
    let shared = shared.min(MOST);
    let mut packed = Vec::with_capacity(DIGEST + 1 + name.len() - shared);
    packed.extend_from_slice(&digest);
    packed.push(shared as u8);
    packed.extend_from_slice(&name.as_bytes()[shared..]);
    packed
}

/// The name, if there is one.
pub(super) fn name(own: &str, packed: &[u8]) -> Option<String> {
    let (_, shared, rest) = split(packed)?;
    let (first, rest) = (own.get(..shared)?, std::str::from_utf8(rest).ok()?);
    Some(format!("{first}{rest}"))
}

/// The base name, if there is one.
pub(super) fn base(own: &str, packed: &[u8]) -> Option<String> {
    let (digest, ..) = split(packed)?;
    Some(format!("{}-{}", nix32::encode(digest), name(own, packed)?))
}

/// Whether it is what [`pack`] writes of a base name, or nothing.
pub(super) fn is_well_formed(own: &str, packed: &[u8]) -> bool {
    let Some((_, shared, rest)) = split(packed) else {
        return packed.is_empty();
    };
    let more = own.as_bytes().get(shared);
    let as_short_as_can_be = shared == MOST || more.is_none() || more != rest.first();
    shared <= own.len()
        && (1..=MAX_NAME).contains(&(shared + rest.len()))
        && as_short_as_can_be
        && rest.iter().copied().all(is_name_byte)
}

/// The digest, how much of the path's own name comes first, and what comes behind it.
fn split(packed: &[u8]) -> Option<(&[u8; DIGEST], usize, &[u8])> {
    let (digest, rest) = packed.split_first_chunk()?;
    let (shared, rest) = rest.split_first()?;
    Some((digest, usize::from(*shared), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::StorePath;
    use proptest::prelude::*;

    #[test]
    fn a_deriver_that_is_called_like_its_output_takes_few_bytes() {
        let base = "5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-hello-2.12.drv";
        let packed = pack("hello-2.12", base);
        assert_eq!(packed.len(), DIGEST + 1 + ".drv".len());
        assert_eq!(super::base("hello-2.12", &packed).as_deref(), Some(base));
        assert_eq!(
            name("hello-2.12", &packed).as_deref(),
            Some("hello-2.12.drv")
        );
        assert_eq!(pack("hello-2.12", ""), b"");
        assert_eq!(name("hello-2.12", b""), None);
    }

    proptest! {
        #[test]
        fn every_base_name_comes_back(
            own in "[a-c.-]{1,8}|[ab]{200,211}",
            hash in "[0-9a-df-np-sv-z]{32}",
            other in "[a-c.-]{1,8}|[ab]{200,211}",
        ) {
            let base = format!("{hash}-{other}");
            let packed = pack(&own, &base);
            prop_assert_eq!(super::base(&own, &packed), Some(base));
            prop_assert_eq!(name(&own, &packed), Some(other));
            prop_assert!(is_well_formed(&own, &packed));
        }

        #[test]
        fn bytes_of_a_file_are_what_was_written_or_refused(
            own in "[a-c.-]{1,8}",
            packed in prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(2), any::<u8>()], 0..40),
        ) {
            let well_formed = super::base(&own, &packed).is_some_and(|base| {
                StorePath::from_base_name(&base).is_ok() && pack(&own, &base) == packed
            });
            prop_assert_eq!(is_well_formed(&own, &packed), well_formed || packed.is_empty());
        }
    }
}
