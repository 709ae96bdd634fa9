//! Why sshd would not read a key file.
//!
//! In: owner, group and mode of the file and of every folder above it. Out: one sentence, or nothing. Sources: OpenSSH's
//! `safe_path` in misc.c and `auth_openfile` in auth.c, which opens the file with the rights of the user who logs in.

use crate::domain::{Notice, notice};
/// Owner, group and permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
}

impl Stat {
    /// Reads `uid gid mode`, the mode in octal, and gives what follows.
    pub(super) fn parse(text: &str) -> Option<(Self, &str)> {
        let mut words = text.splitn(4, ' ');
        let stat = Self {
            uid: words.next()?.parse().ok()?,
            gid: words.next()?.parse().ok()?,
            mode: u32::from_str_radix(words.next()?, 8).ok()?,
        };
        Some((stat, words.next().unwrap_or("")))
    }

    /// Whether these bits (`4` to read, `1` to enter) are there for a user.
    fn allows(self, user: &User<'_>, bits: u32) -> bool {
        let shift = if self.uid == user.uid {
            6
        } else if user.gids.contains(&self.gid) {
            3
        } else {
            0
        };
        user.uid == 0 || (self.mode >> shift) & bits == bits
    }

    /// Whether sshd would mind its owner or its mode.
    fn complaint(self, user: &User<'_>) -> Option<String> {
        if self.uid != 0 && self.uid != user.uid {
            return Some(format!(
                "it belongs to user id {}, who is neither root nor {}",
                self.uid, user.name
            ));
        }
        let private = user.private_group == Some(self.gid);
        let who = match self.mode & if private { 0o002 } else { 0o022 } {
            0 => return None,
            0o002 => "others",
            0o020 => "its group",
            _ => "its group and others",
        };
        Some(format!("{who} may write it (mode {:03o})", self.mode))
    }
}

/// Who logs in.
pub(super) struct User<'a> {
    pub(super) name: &'a str,
    pub(super) uid: u32,
    pub(super) gids: &'a [u32],
    /// The group that nobody else is in, where sshd lets it write: Debian's does.
    pub(super) private_group: Option<u32>,
    /// Home folder without links; what is above it does not matter to sshd.
    pub(super) home: &'a str,
}

/// The reason. `folders` go from the file's own up to `/`; `strict` is `StrictModes`, which is on by default.
pub(super) fn problem(
    user: &User<'_>,
    path: &str,
    file: Stat,
    folders: &[(Stat, &str)],
    strict: bool,
) -> Option<Notice> {
    let name = user.name;
    if let Some((_, folder)) = folders.iter().find(|(folder, _)| !folder.allows(user, 0o1)) {
        return Some(Notice::new(
            format!(
                "sshd opens it as {0}, who may not enter {folder}",
                user.name
            ),
            format!("run chmod a+x {folder}"),
        ));
    }
    if !file.allows(user, 0o4) {
        return Some(Notice::new(
            format!(
                "sshd opens it as {}, who may not read it (mode {:03o})",
                user.name, file.mode
            ),
            format!("run chmod 644 {path}"),
        ));
    }
    if !strict {
        return None;
    }
    if let Some(complaint) = file.complaint(user) {
        return Some(notice!(
            "sshd refuses it (bad ownership or modes for file {path}): {complaint}",
            "give it to root or {name} and run chmod go-w {path}"
        ));
    }
    for (stat, folder) in folders {
        if let Some(complaint) = stat.complaint(user) {
            return Some(notice!(
                "sshd refuses it (bad ownership or modes for directory {folder}): {complaint}",
                "give it to root or {name} and run chmod go-w {folder}"
            ));
        }
        if *folder == user.home {
            break;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(uid: u32, mode: u32) -> Stat {
        Stat {
            uid,
            gid: uid,
            mode,
        }
    }

    fn of(file: Stat, keys: Stat, home: Stat, strict: bool) -> Option<String> {
        with(None, file, keys, home, strict)
    }

    fn with(
        private_group: Option<u32>,
        file: Stat,
        keys: Stat,
        home: Stat,
        strict: bool,
    ) -> Option<String> {
        let user = User {
            private_group,
            name: "nix-ssh",
            uid: 7,
            gids: &[7],
            home: "/h",
        };
        let folders = [(keys, "/h/.ssh"), (home, "/h"), (stat(99, 0o777), "/")];
        problem(&user, "/h/.ssh/k", file, &folders, strict).map(|why| why.to_string())
    }

    #[test]
    fn as_sshd_judges() {
        let fine = stat(7, 0o700);
        let mine = stat(7, 0o600);
        assert_eq!(of(mine, fine, fine, true), None);
        // What is above the home does not matter.
        assert_eq!(of(stat(0, 0o644), fine, fine, true), None);
        let said = |problem: Option<String>, words: &str| {
            let problem = problem.unwrap_or_default();
            assert!(problem.contains(words), "{problem}");
        };
        said(of(stat(0, 0o600), fine, fine, true), "may not read it");
        said(of(stat(7, 0o620), fine, fine, true), "modes for file /h");
        said(of(stat(8, 0o644), fine, fine, true), "user id 8");
        said(of(mine, stat(7, 0o702), fine, true), "directory /h/.ssh");
        said(of(mine, fine, stat(7, 0o777), true), "directory /h)");
        said(of(mine, stat(0, 0o700), fine, true), "may not enter");
        assert_eq!(of(stat(7, 0o666), stat(7, 0o777), fine, false), None);
        said(of(stat(0, 0o600), fine, fine, false), "may not read it");
    }

    #[test]
    fn a_group_of_ones_own() {
        let fine = stat(7, 0o770);
        assert_eq!(with(Some(7), stat(7, 0o660), fine, fine, true), None);
        assert!(with(Some(8), stat(7, 0o660), fine, fine, true).is_some());
        assert!(with(Some(7), stat(7, 0o662), fine, fine, true).is_some());
        assert!(with(Some(7), stat(0, 0o660), fine, fine, true).is_some());
    }

    #[test]
    fn reads_numbers() {
        let (read, rest) = Stat::parse("0 61003 644 12 root:nix-ssh").unwrap();
        assert_eq!((read.uid, read.gid, read.mode), (0, 61003, 0o644));
        assert_eq!(rest, "12 root:nix-ssh");
        assert_eq!(Stat::parse("a b c"), None);
    }
}
