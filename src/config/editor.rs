//! The user's own editor on a text, as crontab and visudo have it.
//!
//! In: a text. Out: a file with it that only its owner can read, the command that edits that file, and what stands in it afterwards.

use crate::domain::{Notice, notice};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Longer texts are not read back, in bytes.
const MOST: u64 = 64 << 10;

/// A text that is edited. Its file goes with it, unless it is kept.
#[derive(Debug)]
pub struct Draft(tempfile::NamedTempFile);

impl Draft {
    /// Writes the text into a file of this machine's folder for such. Its name ends with `.toml`, for the editor's colours.
    pub fn new(name: &str, text: &str) -> Result<Self, Notice> {
        let made = tempfile::Builder::new()
            .prefix(&format!("storekeeper-{name}-"))
            .suffix(".toml")
            .tempfile();
        let written = made.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.flush()?;
            Ok(file)
        });
        written.map(Self).map_err(|error| {
            notice!(
                "no file for the editor can be written: {error}",
                "make room in the folder for such files, or set TMPDIR"
            )
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// What stands there now. By its name: many editors put another file in its place.
    pub fn read(&self) -> Result<String, Notice> {
        let failed = |why: &str| {
            let file = self.path().display();
            Notice::new(
                format!("what the editor has left at {file} can't be read: {why}"),
                "try again",
            )
        };
        let mut bytes = Vec::new();
        std::fs::File::open(self.path())
            .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
            .map_err(|error| failed(&error.to_string()))?;
        if bytes.len() as u64 > MOST {
            return Err(failed("it is longer than 64 KiB"));
        }
        String::from_utf8(bytes).map_err(|_| failed("it is no text"))
    }

    /// Leaves it where it is, and says where that is.
    pub fn keep(self) -> Option<PathBuf> {
        self.0.into_temp_path().keep().ok()
    }
}

/// The command that edits a file, for `sh -c`: `VISUAL`, else `EDITOR`, else `vi`. A value is words of a shell, as for git.
pub fn command() -> String {
    let set = |name| {
        std::env::var(name)
            .ok()
            .filter(|value: &String| !value.trim().is_empty())
    };
    let editor = set("VISUAL").or_else(|| set("EDITOR"));
    format!("{} \"$@\"", editor.as_deref().unwrap_or("vi"))
}

/// Edits it; the terminal is the editor's until then.
pub async fn edit(file: &Path) -> Result<(), Notice> {
    let mut editor = tokio::process::Command::new("sh");
    editor.arg("-c").arg(command()).arg("editor").arg(file);
    // Nobody is left who would read it.
    editor.kill_on_drop(true);
    let ended = editor.status().await;
    let why = match ended {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    Err(notice!(
        "the editor ended with an error ({why}), so what it has left is not taken",
        "set VISUAL or EDITOR to an editor that is there"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_draft_is_read_by_its_name_and_goes() {
        let draft = Draft::new("retention", "newest\n").unwrap();
        let path = draft.path().to_owned();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(draft.read().unwrap(), "newest\n");
        // As an editor does that writes another file.
        let other = path.with_extension("new");
        std::fs::write(&other, "used\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(draft.read().unwrap(), "used\n");
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert!(draft.read().unwrap_err().message.contains("64 KiB"));
        std::fs::write(&path, b"\xff").unwrap();
        assert!(draft.read().unwrap_err().message.contains("no text"));
        drop(draft);
        assert!(!path.exists());
        let kept = Draft::new("retention", "x").unwrap().keep().unwrap();
        assert!(kept.exists());
        std::fs::remove_file(kept).unwrap();
    }
}
