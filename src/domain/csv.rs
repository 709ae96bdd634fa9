//! Comma-separated values that a spreadsheet reads as they are.
//!
//! In: fields, which may say anything. Out: lines by RFC 4180: they end in CR LF, and each field is in double quotes.

/// A line. A field that a spreadsheet would take for a formula begins with an apostrophe.
pub fn line<T: AsRef<str>>(fields: impl IntoIterator<Item = T>) -> String {
    let fields: Vec<String> = fields
        .into_iter()
        .map(|field| quoted(field.as_ref()))
        .collect();
    format!("{}\r\n", fields.join(","))
}

fn quoted(field: &str) -> String {
    // Spreadsheets pass over blanks, and take the wide forms of these signs too.
    let first = field.trim_start().chars().next();
    let formula = first.is_some_and(|c| "=+-@\t\r\n|%\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c));
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", field.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stay_fields_and_are_no_formulas() {
        assert_eq!(
            line(["a,b", "say \"x\"", "=1+1", " @x", "two\nlines", "-", ""]),
            "\"a,b\",\"say \"\"x\"\"\",\"'=1+1\",\"' @x\",\"two\nlines\",\"'-\",\"\"\r\n"
        );
    }
}
