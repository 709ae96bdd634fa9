//! The plan of a VACUUM of Nix's database.
//!
//! In: what one would find there. Out: a plan that says what it gains, what room it takes for a while and who waits meanwhile; or
//! why there is none, and how `sqlite3` gets there.

use super::{About, Danger, Item, KeepError, KeepStep, Operation, Plan, empty};
use crate::domain::count::number;
use crate::domain::{Bytes, notice};
use crate::link::quote;
use crate::server::{Vacuum, VacuumFacts};

/// Gives the free pages of the database back.
pub fn vacuum(about: &About, facts: &VacuumFacts, vacuum: Vacuum) -> Result<Plan, KeepError> {
    let Some(program) = &facts.sqlite3 else {
        return Err(KeepError::Refused(no_sqlite3(facts)));
    };
    if !facts.is_recent() {
        let version = facts.version.as_deref().unwrap_or_default();
        return Err(KeepError::Refused(notice!(
            "{program} there is {version}, and only 3.27 and later copy a database that others write to",
            "give another one as --sqlite3"
        )));
    }
    if !facts.flock {
        return Err(KeepError::Refused(notice!(
            "flock is not installed there, so collections could not be kept away meanwhile",
            "install util-linux there"
        )));
    }
    let Some((page, pages, free)) = facts.pages else {
        return Err(KeepError::Refused(notice!(
            "how many pages of Nix's database are free is not known",
            "look at the file on the server"
        )));
    };
    if free == 0 && facts.left.is_none() {
        return Err(KeepError::Nothing(format!(
            "none of the {} pages of Nix's database is free",
            number(pages as usize)
        )));
    }
    let (needed, gain) = (facts.needed(), Bytes(page.saturating_mul(free)));
    if let Some(available) = facts.available.filter(|available| *available < needed) {
        return Err(KeepError::Refused(notice!(
            "a VACUUM takes {needed} of room for a while, for a copy and the log, and {available} are available there",
            "collect garbage first, or enlarge the disk"
        )));
    }
    let mut plan = empty(
        about,
        "vacuum",
        format!("give {gain} of free pages of Nix's database back to the file system"),
        Danger::Adds,
    );
    plan.lines.push((
        "what",
        format!(
            "{}: {gain} of {} come free, {} of {} pages of {}",
            facts.database,
            facts.size,
            number(free as usize),
            number(pages as usize),
            Bytes(page)
        ),
    ));
    plan.lines.push((
        "how",
        "a copy beside it, which is checked; VACUUM in place, so owner, mode and label stay; a check, and each row compared with the copy, which goes then"
            .to_owned(),
    ));
    let available = facts.available.map_or_else(
        || "what is available there is not known".to_owned(),
        |available| format!("{available} are available there"),
    );
    plan.lines
        .push(("room", format!("{needed} for a while; {available}")));
    plan.lines.push((
        "effect",
        "collections wait until it is done; uploads go on, but for the moment of the VACUUM itself, in which they wait; readers do not wait"
            .to_owned(),
    ));
    if let Some(left) = facts.left {
        plan.warnings.push(format!(
            "a VACUUM before was interrupted and has left a copy of {left}; it goes first, if the database is whole"
        ));
    }
    plan.commands = vec![format!(
        "{} {} vacuum",
        quote(program),
        quote(&facts.database)
    )];
    plan.items.push(Item::File {
        file: facts.database.clone(),
    });
    plan.operation = Operation::Keep(vec![KeepStep::Vacuum(vacuum)]);
    Ok(plan)
}

/// How it gets there, for one command.
fn no_sqlite3(facts: &VacuumFacts) -> crate::domain::Notice {
    if facts.nixos {
        return notice!(
            "sqlite3 is not on the search path there",
            "`nix-build '<nixpkgs>' -A sqlite.bin --no-out-link` on the server prints a folder: give its bin/sqlite3 as --sqlite3"
        );
    }
    notice!(
        "sqlite3 is not on the search path there",
        "install it there (the package is sqlite3 on Debian, sqlite elsewhere), or give one of a Nix store as --sqlite3 /nix/store/…/bin/sqlite3"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> VacuumFacts {
        VacuumFacts {
            database: "/nix/var/nix/db/db.sqlite".into(),
            size: Bytes(1 << 30),
            wal: Bytes(0),
            pages: Some((4096, 262_144, 131_072)),
            available: Some(Bytes(8 << 30)),
            sqlite3: Some("/usr/bin/sqlite3".into()),
            version: Some("3.40.1".into()),
            flock: true,
            nixos: false,
            left: None,
        }
    }

    fn plan(facts: &VacuumFacts) -> Result<Plan, KeepError> {
        let about = About {
            server: "prod".into(),
            address: "root@cache".into(),
            by: "root".into(),
        };
        vacuum(&about, facts, Vacuum::default())
    }

    #[test]
    fn says_what_it_gains_and_takes() {
        let shown = plan(&facts()).unwrap();
        let all: Vec<String> = shown.lines.iter().map(|(_, text)| text.clone()).collect();
        let all = all.join("\n");
        for part in [
            "512 MiB of 1.0 GiB",
            "131,072 of 262,144 pages",
            "2.5 GiB for a while",
        ] {
            assert!(all.contains(part), "{part} in {all}");
        }
        assert_eq!((shown.danger, shown.items.len()), (Danger::Adds, 1));
        let left = VacuumFacts {
            left: Some(Bytes(5)),
            pages: Some((4096, 10, 0)),
            ..facts()
        };
        assert!(plan(&left).unwrap().warnings[0].contains("interrupted"));
    }

    #[test]
    fn where_there_is_none() {
        let refused = |facts: VacuumFacts| match plan(&facts) {
            Err(why @ KeepError::Refused(_)) => why.to_string(),
            other => panic!("{other:?}"),
        };
        let none = |nixos| VacuumFacts {
            sqlite3: None,
            nixos,
            ..facts()
        };
        assert!(refused(none(false)).contains("install it there"));
        assert!(refused(none(true)).contains("nix-build"));
        let version = Some("3.26.0".to_owned());
        assert!(refused(VacuumFacts { version, ..facts() }).contains("3.27"));
        let flock = false;
        assert!(refused(VacuumFacts { flock, ..facts() }).contains("flock"));
        let available = Some(Bytes(2 << 30));
        assert!(
            refused(VacuumFacts {
                available,
                ..facts()
            })
            .contains("2.5 GiB of room")
        );
        let pages = None;
        assert!(refused(VacuumFacts { pages, ..facts() }).contains("not known"));
        let pages = Some((4096, 10, 0));
        let nothing = plan(&VacuumFacts { pages, ..facts() });
        assert!(matches!(nothing, Err(KeepError::Nothing(_))));
    }
}
