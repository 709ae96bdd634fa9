//! Whether an edit of a key file would be refused for whose it is.
//!
//! In: owner and mode of the file and of every folder above it. Out: why, with what to do, or nothing. The script of the edit
//! (`scripts/access-edit.sh`) has the last word; this says the same before there is a plan.

use super::strict::{Stat, User};
use crate::domain::Notice;

/// Modes that a key file may have: an edit gives no others.
const MODES: [u32; 3] = [0o644, 0o640, 0o600];

/// The reason. `folders` go from the file's own up to `/`; those that are missing are left out.
pub(super) fn problem(
    account: &User<'_>,
    path: &str,
    file: Option<Stat>,
    folders: &[(Stat, &str)],
) -> Option<Notice> {
    let name = account.name;
    // From `/` down to where root's folders end.
    let mut down = folders.iter().rev();
    let mut holder = 0;
    for (folder, at) in &mut down {
        if folder.uid == account.uid {
            holder = account.uid;
            break;
        }
        if folder.uid != 0 {
            return Some(Notice::new(
                format!(
                    "its folder {at} belongs to user id {}, who could put other files in the way",
                    folder.uid
                ),
                format!("give it to root or {name}"),
            ));
        }
        if folder.mode & 0o022 != 0 && folder.mode & 0o1000 == 0 {
            return Some(Notice::new(
                format!(
                    "others may write in its folder {at} (mode {:03o})",
                    folder.mode
                ),
                format!("run chmod go-w {at}"),
            ));
        }
    }
    if let Some((folder, at)) = down.find(|(folder, _)| folder.uid != holder) {
        return Some(Notice::new(
            format!(
                "the folder {at} belongs to user id {}, and lies in one of {name}, who can replace it",
                folder.uid
            ),
            format!("run chown {name} {at}"),
        ));
    }
    let file = file?;
    if file.uid != holder && (holder != 0 || file.uid != account.uid) {
        return Some(Notice::new(
            format!(
                "it belongs to user id {}, and lies in a folder of {}",
                file.uid,
                if holder == 0 { "root" } else { name }
            ),
            format!("run chown {name} {path}"),
        ));
    }
    (!MODES.contains(&file.mode)).then(|| {
        Notice::new(
            format!("its mode is {:03o}", file.mode),
            format!("run chmod 644 {path}, or 640 or 600"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(uid: u32, mode: u32) -> Stat {
        Stat { uid, gid: 0, mode }
    }

    #[test]
    fn as_the_script_of_the_edit_decides() {
        let account = User {
            name: "nix-ssh",
            uid: 7,
            gids: &[7],
            private_group: None,
            home: "/h",
        };
        let of = |owners: [(u32, u32); 3], file: Option<(u32, u32)>| {
            let paths = ["/h/.ssh", "/h", "/"];
            let folders: Vec<(Stat, &str)> = owners
                .into_iter()
                .zip(paths)
                .map(|((uid, mode), path)| (stat(uid, mode), path))
                .collect();
            let file = file.map(|(uid, mode)| stat(uid, mode));
            problem(&account, "/h/.ssh/k", file, &folders)
        };
        let (own, root) = ([(7, 0o700), (7, 0o755), (0, 0o755)], [(0, 0o755); 3]);
        for (folders, file) in [
            (own, Some((7, 0o600))),
            (own, None),
            (root, Some((0, 0o644))),
            (root, Some((7, 0o640))),
            ([(7, 0o700), (0, 0o1777), (0, 0o755)], Some((7, 0o600))),
        ] {
            assert_eq!(of(folders, file), None, "{folders:?} {file:?}");
        }
        for (folders, file, word) in [
            (own, Some((0, 0o644)), "chown nix-ssh /h/.ssh/k"),
            (own, Some((7, 0o4755)), "mode is 4755"),
            (root, Some((9, 0o644)), "user id 9"),
            (
                [(0, 0o755), (7, 0o755), (0, 0o755)],
                None,
                "chown nix-ssh /h/.ssh",
            ),
            (
                [(7, 0o755), (9, 0o755), (0, 0o755)],
                None,
                "/h belongs to user id 9",
            ),
            (
                [(0, 0o775), (0, 0o755), (0, 0o755)],
                None,
                "chmod go-w /h/.ssh",
            ),
        ] {
            let why = of(folders, file).unwrap();
            assert!(why.to_string().contains(word), "{why}");
        }
    }
}
