//! Files that survive a power cut.
//!
//! In: a name and bytes. Out: a file of mode 0600 that has all of them, or the file that was there before.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// What the names of unfinished files begin with.
pub(super) const UNFINISHED: &str = ".new-";

/// Makes a folder for its owner alone, with those above it, where it is missing. When this returns, they last.
pub(super) fn folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|one| !one.exists()).collect();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    for made in missing {
        match made.parent() {
            Some(above) if above.as_os_str().is_empty() => sync(Path::new("."))?,
            Some(above) => sync(above)?,
            None => {}
        }
    }
    Ok(())
}

/// Writes a file of an existing folder beside its place, to the disk, and puts it there.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    // Mode 0600, as tempfile makes them.
    let mut new = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(folder)?;
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(folder.join(name))
        .map_err(|failed| failed.error)?;
    sync(folder)
}

/// Makes what was renamed or removed in a folder last.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
