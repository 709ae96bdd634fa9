//! Numbers of things, as people read them.

/// `38,225`.
pub fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 path`, `38,225 paths`.
pub fn count(n: usize, thing: &str) -> String {
    format!("{} {thing}{}", number(n), if n == 1 { "" } else { "s" })
}

/// `1 dependency`, `1,234 dependencies`.
pub fn dependencies(n: usize) -> String {
    match n {
        1 => "1 dependency".to_owned(),
        n => format!("{} dependencies", number(n)),
    }
}

/// `1 try`, `4 tries`.
pub fn tries(n: u64) -> String {
    match n {
        1 => "1 try".to_owned(),
        n => format!("{n} tries"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (254_969, "254,969"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(number(n), text);
        }
        assert_eq!(count(1, "path"), "1 path");
        assert_eq!(count(9688, "path"), "9,688 paths");
        assert_eq!(
            (tries(1), tries(4)),
            ("1 try".to_owned(), "4 tries".to_owned())
        );
    }
}
