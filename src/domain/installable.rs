//! What storekeeper installs on a server, where it then runs by itself.
//!
//! In: what was found there. Out: which there are, what each is called and what it does, and how one is installed.

use std::fmt;

/// Days that a lease keeps an upload where nobody says another number.
pub const LEASE_DAYS: &str = "14";

/// When the policy timer runs where nobody says another time, as systemd.time(7) has it.
pub const POLICY_WHEN: &str = "daily";

/// The program that the policy timer runs where nobody names another.
pub const POLICY_PROGRAM: &str = "storekeeper";

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Installable {
    /// A timer that signs new uploads by rules.
    AutoSign,
    /// A timer that collects by the retention policy.
    PolicyTimer,
    /// A timer that keeps new uploads from being collected.
    Lease,
    /// A script that sshd runs for unknown keys.
    Knock,
}

impl Installable {
    /// All of them, as they are listed.
    pub const ALL: [Self; 4] = [Self::AutoSign, Self::PolicyTimer, Self::Lease, Self::Knock];

    /// The option of `setup`, and the word of the palette.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AutoSign => "auto-sign",
            Self::PolicyTimer => "gc",
            Self::Lease => "lease",
            Self::Knock => "knock",
        }
    }

    /// What it is called within a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AutoSign => "auto-sign",
            Self::PolicyTimer => "the policy timer",
            Self::Lease => "the upload lease",
            Self::Knock => "the knock",
        }
    }

    /// What it is called in a list.
    pub const fn label(self) -> &'static str {
        match self {
            Self::AutoSign => "auto-sign",
            Self::PolicyTimer => "policy timer",
            Self::Lease => "upload lease",
            Self::Knock => "knock",
        }
    }

    /// Whether a change installs or removes one of them.
    pub fn is_change(change: &str) -> bool {
        let of = |what: &Self| [what.install(), what.remove()].contains(&change);
        Self::ALL.iter().any(of)
    }

    /// The change that installs it.
    pub const fn install(self) -> &'static str {
        match self {
            Self::AutoSign => "install-auto-sign",
            Self::PolicyTimer => "install-gc",
            Self::Lease => "install-lease",
            Self::Knock => "install-knock",
        }
    }

    /// The change that removes it.
    pub const fn remove(self) -> &'static str {
        match self {
            Self::AutoSign => "remove-auto-sign",
            Self::PolicyTimer => "remove-gc",
            Self::Lease => "remove-lease",
            Self::Knock => "remove-knock",
        }
    }

    /// What it does, in a few words.
    pub const fn does(self) -> &'static str {
        match self {
            Self::AutoSign => "signs new uploads by their names",
            Self::PolicyTimer => "collects by the retention policy",
            Self::Lease => "keeps new uploads from being collected",
            Self::Knock => "turns unknown keys into requests",
        }
    }

    /// What NixOS calls it, where its module installs it.
    pub const fn nixos(self) -> &'static str {
        match self {
            Self::AutoSign => "services.storekeeper.autoSign.names = [ ]",
            Self::PolicyTimer => "services.storekeeper.gc.package = null",
            Self::Lease => "services.storekeeper.leaseDays = null",
            Self::Knock => "services.storekeeper.knock = false",
        }
    }
}

/// What was chosen for it, as its files there say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Patterns of the names that auto-sign signs.
    pub names: Vec<String>,
    /// Patterns of names that it never signs.
    pub never: Vec<String>,
    /// Fingerprints of the keys whose uploads it signs; none for whoever uploads.
    pub uploaders: Vec<String>,
    /// When the policy timer runs.
    pub when: Option<String>,
    /// The program that it runs.
    pub program: Option<String>,
    /// Days of the lease.
    pub days: Option<u32>,
}

impl fmt::Display for Chosen {
    /// Such as `daily` or `ledger-* docs-*`, as it came.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.names.is_empty() {
            return f.write_str(&self.names.join(" "));
        }
        match (&self.when, self.days) {
            (Some(when), _) => f.write_str(when),
            (None, Some(1)) => f.write_str("1 day"),
            (None, Some(days)) => write!(f, "{days} days"),
            (None, None) => Ok(()),
        }
    }
}

/// How a file of an installation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// As this version writes it.
    Written {
        /// Its SHA-256.
        sha256: String,
    },
    /// Otherwise: edited, or written by another version.
    Differs {
        /// Its SHA-256.
        sha256: String,
    },
    /// What a run says of itself, which changes.
    State,
    /// A link or a folder, which storekeeper never makes there.
    NotPlain,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledFile {
    /// Where it is.
    pub path: String,
    /// How it is.
    pub found: Found,
}

/// How one of them is installed on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is of another thing")]
pub struct Installation {
    /// Which.
    pub what: Installable,
    /// The server is NixOS, whose module installs it.
    pub nixos: bool,
    /// It can be installed there: systemd runs, or sshd includes further files.
    pub possible: bool,
    /// Its files that are there.
    pub files: Vec<InstalledFile>,
    /// Those that are not there.
    pub missing: Vec<String>,
    /// What lies among its files that storekeeper has not written, such as a drop-in of its timer.
    pub beside: Vec<String>,
    /// Its timer runs, or sshd runs the script.
    pub on: bool,
    /// A run goes on.
    pub running: bool,
    /// Links of a lease: uploads that it keeps.
    pub links: usize,
    /// What was chosen for it.
    pub chosen: Chosen,
}

impl Installation {
    /// Whether anything of it is there.
    pub fn is_there(&self) -> bool {
        let of_its_own = |file: &InstalledFile| file.found != Found::State;
        self.on || self.files.iter().any(of_its_own)
    }

    /// The files that are not as this version writes them.
    pub fn differing(&self) -> impl Iterator<Item = &str> {
        let differs =
            |file: &&InstalledFile| matches!(file.found, Found::Differs { .. } | Found::NotPlain);
        let files = self.files.iter().filter(differs);
        files.map(|file| file.path.as_str())
    }

    /// How it is, in a few words.
    pub fn state(&self) -> String {
        if !self.is_there() {
            return "not installed".to_owned();
        }
        let on = if self.on { "on" } else { "off" };
        let how = if self.nixos {
            "installed by NixOS"
        } else if self.differing().next().is_some() {
            "edited or other version"
        } else if self.missing.is_empty() {
            "installed"
        } else {
            "installed in part"
        };
        format!("{how}, {on}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(files: &[Found], on: bool) -> Installation {
        let file = |found: &Found| InstalledFile {
            path: "/etc/storekeeper/lease".into(),
            found: found.clone(),
        };
        Installation {
            what: Installable::Lease,
            nixos: false,
            possible: true,
            files: files.iter().map(file).collect(),
            missing: vec![],
            beside: vec![],
            on,
            running: false,
            links: 0,
            chosen: Chosen::default(),
        }
    }

    #[test]
    fn states() {
        let written = Found::Written {
            sha256: "0".repeat(64),
        };
        let differs = Found::Differs {
            sha256: "1".repeat(64),
        };
        let state = |files: &[Found], on| installation(files, on).state();
        assert_eq!(state(&[], false), "not installed");
        // What a run has left is no installation.
        assert_eq!(state(&[Found::State], false), "not installed");
        assert_eq!(state(std::slice::from_ref(&written), true), "installed, on");
        assert_eq!(
            state(std::slice::from_ref(&written), false),
            "installed, off"
        );
        assert_eq!(
            state(&[written.clone(), differs], true),
            "edited or other version, on"
        );
        let part = Installation {
            missing: vec!["/etc/storekeeper/x".into()],
            ..installation(&[written], false)
        };
        assert_eq!(part.state(), "installed in part, off");
    }

    #[test]
    fn what_was_chosen() {
        let days = |days| Chosen {
            days: Some(days),
            ..Chosen::default()
        };
        assert_eq!(days(1).to_string(), "1 day");
        assert_eq!(days(14).to_string(), "14 days");
        assert_eq!(Chosen::default().to_string(), "");
    }
}
