//! Many signatures by few keys, checked one by one and exactly, in less than half of the time of a general check.
//!
//! In: a public key, then messages and signatures. Out: for each the verdict of `ed25519_dalek`'s `verify_strict`, which
//! is libsodium's: a signature `(R, s)` of a message `M` by a key `A` holds if `s` is below the group's order, neither
//! `A` nor `R` is of small order, and `R` is the encoding of `s·B - k·A` with `k = SHA-512(R, A, M)`.
//!
//! Both products are of a point that is known before, so they are sums of multiples that were made once: a table for the
//! base point, and one for each key. A handful goes through the tables together, digit by digit, so that what is read of
//! them stays near; the encoding needs an inversion, and a handful shares one.
//! Times vary with the values, all of which are public. Nothing is combined between signatures, unlike in batch
//! verification: a wrong one cannot hide among right ones, and none of a key's owner's making is judged otherwise.

use super::PublicKey;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use sha2::{Digest as _, Sha512};
use std::fmt;
use std::sync::OnceLock;

/// Bits of one digit of a scalar, at most 16. More makes fewer additions, of points from a larger table: one of these is
/// of 1.2 MB, made in a few milliseconds. With 9 or 10 bits a handful takes the least time, by little.
const BITS: usize = 9;

/// The largest digit.
const HALF: usize = 1 << (BITS - 1);

/// Digits that a scalar of 253 bits has, with room for the last carry.
const PLACES: usize = 254_usize.div_ceil(BITS);

/// A scalar's digits, the lowest first, each at most [`HALF`] in size.
type Digits = [i16; PLACES];

fn digits(scalar: &Scalar) -> Digits {
    let bytes = scalar.as_bytes();
    let byte = |at: usize| i32::from(bytes.get(at).copied().unwrap_or(0));
    let mut carry = 0;
    std::array::from_fn(|place| {
        let (at, shift) = (place * BITS / 8, place * BITS % 8);
        let window = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16;
        let value = (window >> shift & ((1 << BITS) - 1)) + carry;
        carry = i32::from(value > HALF as i32);
        (value - (carry << BITS)) as i16
    })
}

/// Multiples of one point: for each place, 1 to [`HALF`] times that place's power.
struct Table(Vec<EdwardsPoint>);

impl Table {
    fn new(point: EdwardsPoint) -> Self {
        let mut multiples = Vec::with_capacity(PLACES * HALF);
        let mut base = point;
        for _ in 0..PLACES {
            let mut multiple = base;
            multiples.push(multiple);
            for _ in 1..HALF {
                multiple += base;
                multiples.push(multiple);
            }
            base = multiple + multiple;
        }
        Self(multiples)
    }

    /// Adds what a digit in this place stands for.
    fn add(&self, place: usize, digit: i16, sum: &mut EdwardsPoint) {
        let size = usize::from(digit.unsigned_abs());
        let Some(multiple) = size
            .checked_sub(1)
            .and_then(|at| self.0.get(place * HALF + at))
        else {
            return;
        };
        if digit > 0 {
            *sum += multiple;
        } else {
            *sum -= multiple;
        }
    }
}

/// The table of the base point, made on first use.
fn base() -> &'static Table {
    static BASE: OnceLock<Table> = OnceLock::new();
    BASE.get_or_init(|| Table::new(ED25519_BASEPOINT_POINT))
}

/// The encodings of the points of small order.
fn small() -> &'static [[u8; 32]; 8] {
    static SMALL: OnceLock<[[u8; 32]; 8]> = OnceLock::new();
    SMALL.get_or_init(|| EIGHT_TORSION.map(|point| point.compress().0))
}

/// Checks signatures by one key.
pub struct Verifier {
    key: [u8; 32],
    /// The point, unless no signature by it may count.
    point: Option<EdwardsPoint>,
    /// Multiples of the point with its sign changed, made on first use.
    table: OnceLock<Table>,
}

/// A signature whose form is right; [`hold`] tells whether it holds.
pub struct Claim<'a> {
    /// The key's.
    table: &'a Table,
    s: Digits,
    k: Digits,
    stated: [u8; 32],
}

impl Verifier {
    /// Of a key. What it costs comes with the first signature.
    pub fn new(key: &PublicKey) -> Self {
        let point = CompressedEdwardsY(*key.as_bytes()).decompress();
        Self {
            key: *key.as_bytes(),
            point: point.filter(|point| !point.is_small_order()),
            table: OnceLock::new(),
        }
    }

    /// Reads a signature; `None` if it cannot hold.
    pub fn claim(&self, message: &[u8], signature: &[u8; 64]) -> Option<Claim<'_>> {
        let point = self.point?;
        let (stated, s) = signature.split_first_chunk::<32>()?;
        let s = Scalar::from_canonical_bytes(s.try_into().ok()?).into_option()?;
        let mut hash = Sha512::new();
        hash.update(stated);
        hash.update(self.key);
        hash.update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        Some(Claim {
            table: self.table.get_or_init(|| Table::new(-point)),
            s: digits(&s),
            k: digits(&k),
            stated: *stated,
        })
    }

    /// Whether a signature holds.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.claim(message, signature)
            .is_some_and(|claim| hold(&[claim]) == [true])
    }
}

/// Which of these hold.
pub fn hold(claims: &[Claim<'_>]) -> Vec<bool> {
    let base = base();
    let mut points = vec![EdwardsPoint::identity(); claims.len()];
    for place in 0..PLACES {
        for (point, claim) in points.iter_mut().zip(claims) {
            base.add(place, claim.s[place], point);
            claim.table.add(place, claim.k[place], point);
        }
    }
    EdwardsPoint::compress_batch_alloc(&points)
        .iter()
        .zip(claims)
        // A stated point that is not the one encoding of its point is equal to none that was computed; so where they are
        // equal, a point of small order is recognized by its encoding.
        .map(|(encoding, claim)| encoding.0 == claim.stated && !small().contains(&claim.stated))
        .collect()
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{KeyName, SigningKey};
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    /// The order of the base point, little endian.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    fn public(bytes: &[u8; 32]) -> Option<PublicKey> {
        PublicKey::from_bytes(KeyName::new("k").unwrap(), bytes).ok()
    }

    fn signing(seed: [u8; 32]) -> SigningKey {
        SigningKey::from_seed(KeyName::new("k").unwrap(), &Zeroizing::new(seed))
    }

    /// A signature that holds and one that does not, for company.
    fn neighbours() -> [Claim<'static>; 2] {
        static BESIDE: OnceLock<(Verifier, [u8; 64])> = OnceLock::new();
        let (verifier, good) = BESIDE.get_or_init(|| {
            let key = signing([9; 32]);
            (Verifier::new(&key.public()), *key.sign(b"m").as_bytes())
        });
        [b"m", b"n"].map(|message| verifier.claim(message, good).unwrap())
    }

    /// What the general check says; this one must say the same. Also in company, where others share its inversion.
    fn same(
        (key, verifier): &(PublicKey, Verifier),
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<bool, TestCaseError> {
        let general = key.verifies(message, signature);
        prop_assert_eq!(verifier.verifies(message, signature), general);
        let [good, wrong] = neighbours();
        let claims = match verifier.claim(message, signature) {
            Some(claim) => vec![good, claim, wrong],
            None => vec![good, wrong],
        };
        let held = hold(&claims);
        if held.len() == 3 {
            prop_assert_eq!(held, vec![true, general, false]);
        } else {
            prop_assert!(!general);
            prop_assert_eq!(held, vec![true, false]);
        }
        Ok(general)
    }

    fn both(key: PublicKey) -> (PublicKey, Verifier) {
        let verifier = Verifier::new(&key);
        (key, verifier)
    }

    fn add(number: &mut [u8], other: &[u8; 32]) {
        let mut carry = 0;
        for (a, b) in number.iter_mut().zip(other) {
            let sum = u16::from(*a) + u16::from(*b) + carry;
            *a = sum as u8;
            carry = sum >> 8;
        }
    }

    /// A signature over a message by a secret scalar and a key that may have a part of small order.
    fn forge(
        secret: &Scalar,
        key: &[u8; 32],
        nonce: Scalar,
        extra: EdwardsPoint,
        message: &[u8],
    ) -> [u8; 64] {
        let r = (EdwardsPoint::mul_base(&nonce) + extra).compress().0;
        let hash = Sha512::new()
            .chain_update(r)
            .chain_update(key)
            .chain_update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let s = nonce + k * secret;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(s.as_bytes());
        signature
    }

    /// Every encoding of a point of small order, those that are not canonical too.
    fn small_encodings() -> Vec<[u8; 32]> {
        let mut all: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|p| p.compress().0).collect();
        for low in 0..=0xff_u8 {
            for high in [0x7f, 0xff] {
                let mut bytes = [0xff; 32];
                (bytes[0], bytes[31]) = (low, high);
                let point = CompressedEdwardsY(bytes).decompress();
                if point.is_some_and(|point| point.is_small_order()) {
                    all.push(bytes);
                }
            }
        }
        for bytes in all.clone() {
            let mut other_sign = bytes;
            other_sign[31] ^= 0x80;
            all.push(other_sign);
        }
        all
    }

    fn product(table: &Table, scalar: &Scalar) -> EdwardsPoint {
        let mut sum = EdwardsPoint::identity();
        for (place, digit) in digits(scalar).into_iter().enumerate() {
            table.add(place, digit, &mut sum);
        }
        sum
    }

    #[test]
    fn products_are_those_of_the_library() {
        // Around each power where a digit is full or a carry begins.
        let mut scalars = vec![Scalar::ZERO];
        let mut power = Scalar::ONE;
        for _ in 0..252 {
            scalars.extend([power - Scalar::ONE, power, power + Scalar::ONE]);
            power += power;
        }
        scalars.extend(scalars.clone().iter().map(|scalar| -scalar));
        for point in [
            ED25519_BASEPOINT_POINT,
            ED25519_BASEPOINT_POINT + EIGHT_TORSION[1],
        ] {
            let table = Table::new(point);
            for scalar in &scalars {
                // The library reduces nothing either: the point may have a part of small order.
                assert_eq!(product(&table, scalar), point * scalar);
            }
        }
    }

    #[test]
    fn points_of_small_order_sign_nothing() {
        let encodings = small_encodings();
        assert!(encodings.len() > 16);
        let honest = both(signing([1; 32]).public());
        let keys: Vec<_> = encodings.iter().filter_map(public).map(both).collect();
        assert!(keys.len() > 16);
        for bytes in &encodings {
            for s in [[0; 32], *Scalar::from(7_u64).as_bytes()] {
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(bytes);
                signature[32..].copy_from_slice(&s);
                for message in [&b""[..], b"0", b"1", b"2", b"3"] {
                    assert!(!same(&honest, message, &signature).unwrap());
                    for key in &keys {
                        assert!(!same(key, message, &signature).unwrap());
                    }
                }
            }
        }
    }

    #[test]
    fn keys_with_a_part_of_small_order_as_the_general_check() {
        let secret = Scalar::from(77_u64);
        let (mut held, mut not) = (0, 0);
        for torsion in EIGHT_TORSION {
            let bytes = (EdwardsPoint::mul_base(&secret) + torsion).compress().0;
            let key = both(public(&bytes).unwrap());
            for extra in [EdwardsPoint::identity(), torsion, -torsion] {
                for number in 0..24_u8 {
                    let nonce = Scalar::from(1_000 + u64::from(number));
                    let signature = forge(&secret, &bytes, nonce, extra, &[number]);
                    if same(&key, &[number], &signature).unwrap() {
                        held += 1;
                    } else {
                        not += 1;
                    }
                }
            }
        }
        // Both kinds are among them, or this would show nothing.
        assert!(held > 50 && not > 50, "{held} {not}");
    }

    proptest! {
        #[test]
        fn as_the_general_check(
            seed: [u8; 32],
            message in proptest::collection::vec(any::<u8>(), 0..700),
            bit in 0_usize..512,
            at in any::<prop::sample::Index>(),
        ) {
            let key = signing(seed);
            let public = both(key.public());
            let signature = *key.sign(&message).as_bytes();
            prop_assert!(same(&public, &message, &signature)?);
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!same(&public, &message, &flipped)?);
            // The same scalar in another form.
            let mut loose = signature;
            add(&mut loose[32..], &ORDER);
            prop_assert!(!same(&public, &message, &loose)?);
            // The top bits, which older implementations let pass.
            for top in [0x20, 0x40, 0x80] {
                let mut loose = signature;
                loose[63] |= top;
                prop_assert!(!same(&public, &message, &loose)?);
            }
            // Another message, another key.
            let mut other = message.clone();
            if other.is_empty() {
                other.push(0);
            } else {
                let at = at.index(other.len());
                other[at] ^= 1;
            }
            prop_assert!(!same(&public, &other, &signature)?);
            prop_assert!(!same(&both(signing([7; 32]).public()), &message, &signature)?);
            // The point with its sign changed.
            let mut negated = signature;
            negated[31] ^= 0x80;
            prop_assert!(!same(&public, &message, &negated)?);
        }

        #[test]
        fn on_noise_too(key: [u8; 32], message: Vec<u8>, r: [u8; 32], s: [u8; 32]) {
            if let Some(key) = public(&key).map(both) {
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(&r);
                signature[32..].copy_from_slice(&s);
                prop_assert!(!same(&key, &message, &signature)?);
                signature[63] &= 0x0f;
                prop_assert!(!same(&key, &message, &signature)?);
            }
        }

        #[test]
        fn any_product(scalar: [u8; 32], by: [u8; 32]) {
            let scalar = Scalar::from_bytes_mod_order(scalar);
            let point = EdwardsPoint::mul_base(&Scalar::from_bytes_mod_order(by));
            prop_assert_eq!(product(&Table::new(point), &scalar), point * scalar);
        }
    }
}
