//! The real binary, without any server but the demo.

mod demo;
mod keys;
mod usage;

use serde_json::Value;
use std::process::Output;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The one document that was printed.
fn json(output: &Output) -> Value {
    let document = text(&output.stdout);
    assert!(
        document.ends_with('\n') && document.lines().count() == 1,
        "{document}{}",
        text(&output.stderr)
    );
    serde_json::from_str(document).unwrap()
}

/// Exit code, nothing on standard output, and the one line on standard error.
fn refusal(output: &Output) -> (i32, String) {
    assert_eq!(text(&output.stdout), "");
    let error = text(&output.stderr);
    assert!(
        error.ends_with('\n') && error.lines().count() == 1,
        "{error}"
    );
    let sentence = error.trim_end().strip_prefix("storekeeper: ").expect(error);
    (output.status.code().unwrap(), sentence.to_owned())
}
