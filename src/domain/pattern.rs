//! Patterns as OpenSSH has them.
//!
//! In: patterns of files, and names or addresses. Out: whether they match. Source: PATTERNS in `ssh_config(5)`, and `from=` in
//! `sshd(8)`, `AUTHORIZED_KEYS FILE FORMAT`.

use std::net::IpAddr;

/// `*` is any text, `?` any one byte. Linear in memory, at most pattern times text in time.
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // The last star takes one byte more.
                Some((after, from)) => {
                    p = after;
                    t = from + 1;
                    star = Some((after, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// Whether a list of patterns, as `from=` has it, lets an address in; `None` where that depends on the name that sshd finds for
/// it.
pub fn lets_in(list: &str, address: &str) -> Option<bool> {
    let (mut found, mut by_name) = (false, false);
    for pattern in list.split(',').map(str::trim) {
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        let pattern = pattern.to_ascii_lowercase();
        // Addresses are made of these, and of wildcards.
        let is_name = |byte: u8| !byte.is_ascii_hexdigit() && !b".:*?/%".contains(&byte);
        if pattern.bytes().any(is_name) {
            by_name = true;
            continue;
        }
        let matches = match pattern.split_once('/') {
            Some((network, bits)) => in_network(network, bits, address),
            None => glob(pattern.as_bytes(), address.to_ascii_lowercase().as_bytes()),
        };
        match (matches, negated) {
            (true, true) => return Some(false),
            (true, false) => found = true,
            (false, _) => {}
        }
    }
    if by_name { None } else { Some(found) }
}

/// Whether an address is in a network of so many bits. One that can't be read has none in it.
fn in_network(network: &str, bits: &str, address: &str) -> bool {
    let (Ok(network), Ok(bits), Ok(address)) = (
        network.parse::<IpAddr>(),
        bits.parse::<u32>(),
        address.parse::<IpAddr>(),
    ) else {
        return false;
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if bits <= 32 => {
            let differs = network.to_bits() ^ address.to_bits();
            differs.leading_zeros() >= bits
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if bits <= 128 => {
            let differs = network.to_bits() ^ address.to_bits();
            differs.leading_zeros() >= bits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("?", "", false),
            ("*.example.org", "cache.example.org", true),
            ("*.example.org", "example.org", false),
            ("c?che*", "cache1", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("", "", true),
            ("", "x", false),
            ("[h]:2222", "[h]:2222", true),
        ] {
            assert_eq!(
                glob(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
        // The classic worst case ends.
        assert!(!glob(
            "*a".repeat(60).as_bytes(),
            "a".repeat(59).repeat(40).replace('a', "b").as_bytes()
        ));
    }

    #[test]
    fn lists_of_addresses() {
        for (list, address, expected) in [
            ("10.0.0.0/8", "10.1.2.3", Some(true)),
            ("10.0.0.0/8", "11.1.2.3", Some(false)),
            ("10.1.*", "10.1.2.3", Some(true)),
            ("!10.1.2.3,10.0.0.0/8", "10.1.2.3", Some(false)),
            ("10.0.0.0/8,!10.1.2.3", "10.1.2.3", Some(false)),
            ("2001:db8::/32", "2001:db8::7", Some(true)),
            ("2001:db8::/32", "10.0.0.1", Some(false)),
            ("0.0.0.0/0", "10.0.0.1", Some(true)),
            ("10.0.0.0/33", "10.0.0.1", Some(false)),
            ("*.example.org", "10.0.0.1", None),
            ("builder,10.0.0.1", "10.0.0.1", None),
            ("!10.0.0.1,builder", "10.0.0.1", Some(false)),
            ("", "10.0.0.1", Some(false)),
        ] {
            assert_eq!(lets_in(list, address), expected, "{list} {address}");
        }
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(list in "[ -~]{0,40}", address in "[0-9a-f.:%]{0,20}") {
            let _ = lets_in(&list, &address);
        }

        #[test]
        fn a_star_for_any_part_matches(a in "[a-z]{0,5}", b in "[a-z]{0,5}", c in "[a-z]{0,5}") {
            let pattern = format!("{a}*{c}");
            let text = format!("{a}{b}{c}");
            prop_assert!(glob(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
