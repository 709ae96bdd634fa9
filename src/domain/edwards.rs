//! Sums of points that are known before, on the curve of Ed25519.
//!
//! In: points of `curve25519_dalek`. Out: encodings of their sums (RFC 8032, section 5.1.2). That library adds any two
//! points with nine products in the field; to add one whose coordinates were prepared takes seven, but it keeps those
//! to itself. The arithmetic of the field is that of `fiat-crypto`, which is generated with a proof. The addition is
//! `madd-2008-hwcd-3` of the Explicit-Formulas Database (twisted Edwards curves with a = -1, extended coordinates): it
//! has no exceptions, points of small order included. Times vary with the values: only for what is public.

use curve25519_dalek::edwards::EdwardsPoint;
use fiat_crypto::curve25519_64::{
    fiat_25519_add, fiat_25519_carry, fiat_25519_carry_mul, fiat_25519_from_bytes,
    fiat_25519_loose_field_element as Loose, fiat_25519_relax, fiat_25519_sub,
    fiat_25519_tight_field_element as Element, fiat_25519_to_bytes,
};

const ZERO: Element = Element([0; 5]);
const ONE: Element = Element([1, 0, 0, 0, 0]);

/// `d` of the curve's equation, little endian.
const D: [u8; 32] = [
    0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
];

/// A square root of -1, little endian.
const ROOT: [u8; 32] = [
    0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f,
    0xa7, 0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b,
];

fn plus(a: &Element, b: &Element) -> Loose {
    let mut sum = Loose([0; 5]);
    fiat_25519_add(&mut sum, a, b);
    sum
}

fn minus(a: &Element, b: &Element) -> Loose {
    let mut difference = Loose([0; 5]);
    fiat_25519_sub(&mut difference, a, b);
    difference
}

fn times(a: &Loose, b: &Loose) -> Element {
    let mut product = ZERO;
    fiat_25519_carry_mul(&mut product, a, b);
    product
}

/// An element in the form that products take.
fn relaxed(a: &Element) -> Loose {
    let mut same = Loose([0; 5]);
    fiat_25519_relax(&mut same, a);
    same
}

fn carried(a: &Loose) -> Element {
    let mut same = ZERO;
    fiat_25519_carry(&mut same, a);
    same
}

fn product(a: &Element, b: &Element) -> Element {
    times(&relaxed(a), &relaxed(b))
}

/// The element of 32 bytes, little endian, without their top bit.
fn element(mut bytes: [u8; 32]) -> Element {
    bytes[31] &= 0x7f;
    let mut element = ZERO;
    fiat_25519_from_bytes(&mut element, &bytes);
    element
}

/// The one form of an element, little endian.
fn bytes(element: &Element) -> [u8; 32] {
    let mut bytes = [0; 32];
    fiat_25519_to_bytes(&mut bytes, element);
    bytes
}

/// The power whose exponent is 2^`bits` - `less`, both as the two places below need them.
fn power(base: &Element, bits: usize, less: u8) -> Element {
    let mut power = ONE;
    for bit in (0..bits).rev() {
        power = product(&power, &power);
        // 2^bits - less has all bits above the lowest eight.
        if bit >= 8 || less.wrapping_neg() >> bit & 1 == 1 {
            power = product(&power, base);
        }
    }
    power
}

/// 1/`a`, and 0 for 0: the power of p - 2 = 2^255 - 21.
fn inverse(a: &Element) -> Element {
    power(a, 255, 21)
}

/// A sum of points: x = X/Z, y = Y/Z, xy = T/Z.
#[derive(Clone, Copy)]
pub(super) struct Point {
    x: Element,
    y: Element,
    z: Element,
    t: Element,
}

/// A point whose coordinates are prepared: y + x, y - x and 2dxy.
#[derive(Clone, Copy)]
pub(super) struct Known {
    sum: Loose,
    difference: Loose,
    product: Loose,
}

impl Point {
    /// The neutral one.
    pub(super) const IDENTITY: Self = Self {
        x: ZERO,
        y: ONE,
        z: ONE,
        t: ZERO,
    };

    /// The same point as the library has it. Only its encoding tells the coordinates, so x is computed again, as in
    /// RFC 8032, section 5.1.3.
    pub(super) fn new(point: &EdwardsPoint) -> Self {
        let encoding = point.compress().0;
        let y = element(encoding);
        let yy = product(&y, &y);
        let u = carried(&minus(&yy, &ONE));
        let v = carried(&plus(&product(&yy, &element(D)), &ONE));
        let v3 = product(&product(&v, &v), &v);
        let v7 = product(&product(&v3, &v3), &v);
        // (p - 5) / 8 = 2^252 - 3
        let root = power(&product(&u, &v7), 252, 3);
        let mut x = product(&product(&u, &v3), &root);
        if bytes(&product(&v, &product(&x, &x))) != bytes(&u) {
            x = product(&x, &element(ROOT));
        }
        if bytes(&x)[0] & 1 != encoding[31] >> 7 {
            x = carried(&minus(&ZERO, &x));
        }
        Self {
            x,
            y,
            z: ONE,
            t: product(&x, &y),
        }
    }

    /// Adds a point, or takes it away.
    #[inline]
    #[expect(
        clippy::many_single_char_names,
        reason = "they are the formula's own names"
    )]
    pub(super) fn add(&mut self, other: &Known, negative: bool) {
        let (with_sum, with_difference) = if negative {
            (&other.difference, &other.sum)
        } else {
            (&other.sum, &other.difference)
        };
        let a = times(&minus(&self.y, &self.x), with_difference);
        let b = times(&plus(&self.y, &self.x), with_sum);
        let c = times(&relaxed(&self.t), &other.product);
        let d = carried(&plus(&self.z, &self.z));
        let (e, h) = (minus(&b, &a), plus(&b, &a));
        let (f, g) = if negative {
            (plus(&d, &c), minus(&d, &c))
        } else {
            (minus(&d, &c), plus(&d, &c))
        };
        *self = Self {
            x: times(&e, &f),
            y: times(&g, &h),
            z: times(&f, &g),
            t: times(&e, &h),
        };
    }

    /// Prepares the point to be added.
    pub(super) fn known(&self) -> Known {
        let (x, y) = affine_of(self, &inverse(&self.z));
        known(&x, &y)
    }
}

/// Prepares many points, with one inversion.
pub(super) fn known_all(points: &[Point]) -> Vec<Known> {
    affine(points).iter().map(|(x, y)| known(x, y)).collect()
}

/// The encodings of many points, with one inversion.
pub(super) fn encode_all(points: &[Point]) -> Vec<[u8; 32]> {
    affine(points)
        .iter()
        .map(|(x, y)| {
            let mut encoding = bytes(y);
            encoding[31] |= bytes(x)[0] << 7;
            encoding
        })
        .collect()
}

fn known(x: &Element, y: &Element) -> Known {
    let d2 = carried(&plus(&element(D), &element(D)));
    Known {
        sum: relaxed(&carried(&plus(y, x))),
        difference: relaxed(&carried(&minus(y, x))),
        product: relaxed(&product(&product(x, y), &d2)),
    }
}

/// x and y of each. Z is never 0, so the product of all has an inverse, from which theirs follow one after the other.
fn affine(points: &[Point]) -> Vec<(Element, Element)> {
    let mut before = Vec::with_capacity(points.len());
    let mut all = ONE;
    for point in points {
        before.push(all);
        all = product(&all, &point.z);
    }
    let mut rest = inverse(&all);
    let mut found: Vec<_> = points
        .iter()
        .zip(before)
        .rev()
        .map(|(point, before)| {
            let inverse = product(&rest, &before);
            rest = product(&rest, &point.z);
            affine_of(point, &inverse)
        })
        .collect();
    found.reverse();
    found
}

fn affine_of(point: &Point, inverse_z: &Element) -> (Element, Element) {
    (product(&point.x, inverse_z), product(&point.y, inverse_z))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::scalar::Scalar;
    use proptest::prelude::*;

    /// A point of any order: a multiple of the base point and one of small order.
    fn point(multiple: u64, small: usize) -> EdwardsPoint {
        EdwardsPoint::mul_base(&Scalar::from(multiple)) + EIGHT_TORSION[small]
    }

    fn same(a: &EdwardsPoint, b: &EdwardsPoint) -> Result<(), TestCaseError> {
        let (ours, known) = (Point::new(a), Point::new(b).known());
        let (mut sum, mut difference) = (ours, ours);
        sum.add(&known, false);
        difference.add(&known, true);
        let encodings = encode_all(&[ours, sum, difference]);
        let expected = [*a, a + b, a - b].map(|point| point.compress().0);
        prop_assert_eq!(encodings, expected);
        let prepared = known_all(&[sum, difference]);
        prop_assert_eq!(&prepared[1].sum.0, &difference.known().sum.0);
        Ok(())
    }

    #[test]
    fn sums_without_exceptions() {
        // The neutral point, itself, its opposite and all of small order are the cases that other formulas leave out.
        for (a, b) in (0..8).flat_map(|a| (0..8).map(move |b| (a, b))) {
            for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                same(&point(first, a), &point(second, b)).unwrap();
            }
        }
        assert!(encode_all(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn any_sum(a: u64, b: u64, small in 0_usize..8, other in 0_usize..8) {
            same(&point(a, small), &point(b, other))?;
        }
    }
}
