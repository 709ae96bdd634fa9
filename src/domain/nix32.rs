//! Nix's base-32: its alphabet, and the order of bits that runs from the end of the text.
//!
//! In: bytes. Out: text of `0-9 a-z` without `e`, `o`, `t`, `u`; and back.
//! Source: `src/libutil/hash.cc` of Nix; a character counted from the right holds bits `5k .. 5k + 4`.

use thiserror::Error;

/// The 32 digits in order of value.
pub const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

/// Why a text is not base-32 of the wanted length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Nix32Error {
    /// The text has another length than the bytes need.
    #[error("{got} characters where {want} are needed")]
    Length {
        /// Characters needed.
        want: usize,
        /// Characters found.
        got: usize,
    },
    /// A character outside the alphabet, at this offset.
    #[error("character {0} is not a base-32 digit of Nix")]
    Digit(usize),
    /// The text stands for a number that does not fit the bytes.
    #[error("the value is too large")]
    Overflow,
}

/// Number of characters that stand for `bytes` bytes.
pub const fn encoded_len(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

/// The value of one digit, if it is one.
pub const fn digit(byte: u8) -> Option<u8> {
    const NONE: u8 = 0xff;
    const TABLE: [u8; 256] = {
        let mut table = [NONE; 256];
        let mut value = 0;
        while value < 32 {
            table[ALPHABET[value] as usize] = value as u8;
            value += 1;
        }
        table
    };
    match TABLE[byte as usize] {
        NONE => None,
        value => Some(value),
    }
}

/// Writes bytes as base-32.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(encoded_len(bytes.len()));
    for k in (0..encoded_len(bytes.len())).rev() {
        let (byte, shift) = (k * 5 / 8, k * 5 % 8);
        let low = u16::from(bytes[byte]);
        let high = bytes.get(byte + 1).map_or(0, |b| u16::from(*b));
        let value = ((low | (high << 8)) >> shift) & 0x1f;
        text.push(char::from(ALPHABET[usize::from(value)]));
    }
    text
}

/// Reads base-32 text of exactly `N` bytes.
pub fn decode<const N: usize>(text: &[u8]) -> Result<[u8; N], Nix32Error> {
    let want = encoded_len(N);
    if text.len() != want {
        return Err(Nix32Error::Length {
            want,
            got: text.len(),
        });
    }
    let mut out = [0; N];
    for (at, byte) in text.iter().enumerate() {
        let value = u16::from(digit(*byte).ok_or(Nix32Error::Digit(at))?);
        let bit = (want - 1 - at) * 5;
        let (index, shift) = (bit / 8, bit % 8);
        let shifted = value << shift;
        out[index] |= (shifted & 0xff) as u8;
        let carry = (shifted >> 8) as u8;
        match out.get_mut(index + 1) {
            Some(next) => *next |= carry,
            None if carry != 0 => return Err(Nix32Error::Overflow),
            None => {}
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_hash() {
        // The NAR hash of the measured vector, hexadecimal on the wire and base-32 in the fingerprint.
        let bytes: [u8; 32] =
            decode(b"0sjppbv3wfnf7vjn9yf4cfjy28jq43pfzglwlb4x05ykr4p5pjcv").unwrap();
        assert_eq!(bytes[..4], [0x9b, 0xc9, 0x5b, 0x2e]);
        assert_eq!(
            encode(&bytes),
            "0sjppbv3wfnf7vjn9yf4cfjy28jq43pfzglwlb4x05ykr4p5pjcv"
        );
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert_eq!(decode::<32>(&[b'z'; 52]), Err(Nix32Error::Overflow));
        assert_eq!(
            decode::<20>(b"short"),
            Err(Nix32Error::Length { want: 32, got: 5 })
        );
        assert_eq!(decode::<20>(&[b'e'; 32]), Err(Nix32Error::Digit(0)));
    }

    proptest! {
        #[test]
        fn round_trip(bytes: [u8; 20]) {
            prop_assert_eq!(decode::<20>(encode(&bytes).as_bytes()), Ok(bytes));
        }

        #[test]
        fn round_trip_of_a_hash(bytes: [u8; 32]) {
            prop_assert_eq!(decode::<32>(encode(&bytes).as_bytes()), Ok(bytes));
        }

        #[test]
        fn never_panics(text in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode::<20>(&text);
            let _ = decode::<32>(&text);
        }
    }
}
