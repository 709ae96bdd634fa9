//! What is kept on this machine from one run to the next: what was run from the palette, and choices.
//!
//! In: a line. Out: `commands` in the state folder, one line each, newest last, which only its owner can read. Whatever else stands in
//! that file is passed over. Choices go into the configuration file. Without a state folder, or with one that can't be written, there is nothing from before.

use super::lock;
use crate::config::edit;
use crate::console::app::msg::Setting;
use crate::console::app::palette::history::History;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A larger file is none of this program, in bytes.
const LARGEST: u64 = 1 << 20;

/// Keeps lines, one at a time.
#[derive(Debug, Clone)]
pub(in crate::console) struct Keeper {
    folder: Option<PathBuf>,
    config: Option<PathBuf>,
    writing: Arc<Mutex<()>>,
}

impl Keeper {
    /// In a state folder, and in a configuration file.
    pub(in crate::console) fn new(folder: Option<PathBuf>, config: Option<PathBuf>) -> Self {
        Self {
            folder,
            config,
            writing: Arc::default(),
        }
    }

    /// What is kept.
    pub(in crate::console) fn read(&self) -> History {
        let text = self
            .folder
            .as_deref()
            .and_then(|folder| read(&file(folder)));
        let text = String::from_utf8_lossy(text.as_deref().unwrap_or_default()).into_owned();
        History::new(text.lines())
    }

    /// Adds a line to what is kept by now, also by another console. Only a help: what can't be kept is not missed.
    pub(super) fn keep(&self, line: &str) {
        let Some(folder) = &self.folder else { return };
        let _one = lock(&self.writing);
        let mut history = self.read();
        if history.push(line) {
            let _ = write(folder, &history);
        }
    }

    /// Keeps a choice in the configuration file; says what came of it.
    pub(super) fn save(&self, setting: &Setting) -> String {
        let _one = lock(&self.writing);
        let what = match setting {
            Setting::Columns(_) => "columns".to_owned(),
            Setting::Filter { name, .. } => format!("filter {name}"),
        };
        let Some(file) = &self.config else {
            return format!("{what}: kept until the console is left");
        };
        let kept = match setting {
            Setting::Columns(words) => edit::save_columns(file, words),
            Setting::Filter { name, query } => edit::save_filter(file, name, query),
        };
        match kept {
            Ok(file) => format!("{what}: kept in {file}"),
            Err(why) => format!("{what}: kept until the console is left, since {why}"),
        }
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("commands")
}

/// Never waits: what stands there may be a pipe.
fn read(file: &Path) -> Option<Vec<u8>> {
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags as i32)
        .open(file)
        .ok()?;
    let facts = file.metadata().ok()?;
    if !facts.is_file() || facts.len() > LARGEST {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// In one step, so that two consoles at once leave the file of one of them.
fn write(folder: &Path, history: &History) -> std::io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let new = folder.join(format!("commands.new-{}", std::process::id()));
    let text: String = history
        .lines()
        .iter()
        .flat_map(|line| [line, "\n"])
        .collect();
    // One that a killed console has left may have another mode.
    let _ = std::fs::remove_file(&new);
    let made: std::io::Result<File> = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new);
    let written = made
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&new, file(folder)));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn in_folder(folder: &Path) -> Keeper {
        Keeper::new(Some(folder.to_owned()), None)
    }

    fn kept(folder: &Path) -> Vec<String> {
        in_folder(folder).read().lines().to_vec()
    }

    #[test]
    fn kept_for_its_owner_alone_and_for_the_next_run() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("storekeeper");
        let keeper = in_folder(&folder);
        keeper.keep("sort size");
        // Another console beside it.
        in_folder(&folder).keep("theme mono");
        keeper.keep("sort size");
        assert_eq!(kept(&folder), ["theme mono", "sort size"]);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file(&folder)), mode(&folder)), (0o600, 0o700));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_secret_is_not_written() {
        let state = tempfile::tempdir().unwrap();
        let keeper = in_folder(state.path());
        keeper.keep(&format!("filter cache-1:{}==", "A".repeat(86)));
        assert!(!file(state.path()).exists());
    }

    #[test]
    fn what_is_hostile_is_passed_over() {
        let state = tempfile::tempdir().unwrap();
        let file = file(state.path());
        std::fs::write(
            &file,
            b"sort size\n\xff\xfe\n\x1b]0;x\x07\n\n  theme mono\x00\nfilter bad",
        )
        .unwrap();
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&file, mode).unwrap();
        let lines = kept(state.path());
        assert!(lines.iter().all(|line| !line.chars().any(char::is_control)));
        assert!(
            lines.contains(&"sort size".to_owned()) && lines.contains(&"filter bad".to_owned())
        );
        in_folder(state.path()).keep("sort name");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // A pipe, a link, a file of another size: nothing is waited for.
        std::fs::remove_file(&file).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RUSR).unwrap();
        assert!(kept(state.path()).is_empty());
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/proc/self/environ", &file).unwrap();
        assert!(kept(state.path()).is_empty());
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "x\n".repeat(1 << 20)).unwrap();
        assert!(kept(state.path()).is_empty());
    }
}
