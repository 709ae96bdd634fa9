//! Making a certificate and writing it here.
//!
//! In: what a plan says. Out: the certificate in its file, whole or not at all. It is made on this machine, so only the record needs the server.

use super::Job;
use crate::change::access::{NewCertificate, may_write};
use crate::change::job::cache::CacheServer;
use crate::link::certify::certify;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

/// Makes it; why not.
pub(super) async fn make<C: CacheServer>(
    job: &mut Job<C>,
    new: &NewCertificate,
) -> Result<(), String> {
    let cancelled = || "not made: cancelled".to_owned();
    let made = tokio::select! {
        biased;
        () = job.cancel.cancelled() => {
            job.tally.cancelled = true;
            return Err(cancelled());
        }
        made = certify(&new.request) => made.map_err(|error| error.to_string())?,
    };
    may_write(&new.out, &new.request.key).map_err(|error| error.to_string())?;
    write(new, &made.line()).map_err(|error| {
        let file = new.out.display();
        format!("{file} cannot be written: {error}; name another file for it")
    })
}

fn write(new: &NewCertificate, line: &[u8]) -> std::io::Result<()> {
    let folder = match new.out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => std::path::Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(line)?;
    file.write_all(b"\n")?;
    let readable = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(readable)?;
    file.as_file().sync_all()?;
    file.persist(&new.out)?;
    Ok(())
}
