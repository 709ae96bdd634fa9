//! Names of files on this machine that belong to a server.
//!
//! In: a server's name or place, any text. Out: a name of a file.

use std::fmt::Write as _;

/// A server's name as a part of file names. Names that differ never share one: what is not plain is spelled by its byte.
pub fn of(server: &str) -> String {
    let mut name = String::with_capacity(server.len());
    for byte in server.bytes() {
        let leading = name.is_empty() && byte == b'.';
        if (byte.is_ascii_alphanumeric() || b"._-@".contains(&byte)) && !leading {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(name, "%{byte:02x}");
        }
    }
    name
}
