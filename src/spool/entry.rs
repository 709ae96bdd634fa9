//! One entry of a spool: paths that a build has made, to be pushed together.
//!
//! In: bytes that anybody may have written. Out: [`Entry`], or why it is none.

use crate::domain::StorePath;
use crate::domain::pin::PinName;
use serde::{Deserialize, Serialize};

/// Paths of one entry, at most.
pub(super) const MOST_PATHS: usize = 10_000;

/// What waits to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name of its file.
    pub name: String,
    /// What it says.
    pub(super) kept: Kept,
}

impl Entry {
    /// The server that it is for, as it was named when it was spooled.
    pub fn server(&self) -> &str {
        &self.kept.server
    }

    /// What is pushed, with all that it needs.
    pub fn paths(&self) -> &[StorePath] {
        &self.kept.paths
    }

    /// The name under which its path is pinned there.
    pub fn pin(&self) -> Option<&PinName> {
        self.kept.pin.as_ref()
    }

    /// How often it has failed.
    pub fn tries(&self) -> u32 {
        self.kept.tries
    }
}

/// An entry as its file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) schema: u8,
    pub(super) server: String,
    pub(super) paths: Vec<StorePath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pin: Option<PinName>,
    #[serde(default)]
    pub(super) tries: u32,
}

/// Reads what a file has. The error is a clause.
pub(super) fn read(bytes: &[u8]) -> Result<Kept, String> {
    let kept: Kept =
        serde_json::from_slice(bytes).map_err(|error| format!("it is no entry: {error}"))?;
    if kept.schema != 1 {
        return Err("it is of another version of this program".to_owned());
    }
    if kept.paths.is_empty() || kept.paths.len() > MOST_PATHS {
        return Err(format!("it has {} paths", kept.paths.len()));
    }
    if kept.pin.is_some() && kept.paths.len() > 1 {
        return Err("one pin can't keep several paths".to_owned());
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATH: &str = "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0";

    #[test]
    fn what_is_one() {
        let text = format!(r#"{{"schema":1,"server":"prod","paths":["{PATH}"],"pin":"demo"}}"#);
        let kept = read(text.as_bytes()).unwrap();
        assert_eq!((kept.paths[0].to_string().as_str(), kept.tries), (PATH, 0));
        for wrong in [
            text.replace("\"schema\":1", "\"schema\":2"),
            text.replace("/nix/store/", "/etc/"),
            text.replace("\"demo\"}", "\"../x\"}"),
            text.replace("[\"", "[\"x\",\""),
            text.replace(PATH, ""),
            format!("{text}x"),
            text[..40].to_owned(),
            r#"{"schema":1,"server":"prod","paths":[]}"#.to_owned(),
            format!(r#"{{"schema":1,"server":"p","paths":["{PATH}","{PATH}"],"pin":"x"}}"#),
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
