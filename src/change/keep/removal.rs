//! The plan that takes away what runs by itself.
//!
//! In: how it is installed. Out: a plan that names each file that goes, those that were edited, and what stays; where they are not ours to
//! remove, what to do instead.

use super::{About, Danger, Item, KeepError, KeepStep, Operation, Plan, REMOVE, empty};
use crate::domain::Notice;
use crate::domain::count::count;
use crate::domain::installable::{Found, Installable, Installation};
use crate::domain::text::visible;
use crate::link::quote;
use crate::server::Removal;
use crate::server::access::KnockInstall;

/// The warning of a file that an installation or a removal takes away, and what becomes of it.
pub fn edited(file: &str, becomes: &str) -> String {
    format!(
        "{} is not as this version writes it: somebody has edited it, or another version has written it; {becomes}",
        visible(file)
    )
}

/// Takes it away. `removal` says where its files are; which of them go, is decided here.
pub fn remove_installed(
    about: &About,
    found: &Installation,
    removal: Removal,
) -> Result<Plan, KeepError> {
    let what = found.what;
    let name = what.name();
    if found.nixos {
        return Err(KeepError::Refused(Notice::new(
            format!("on NixOS {name} comes with the module of storekeeper (docs/nixos)"),
            format!("set {} there", what.nixos()),
        )));
    }
    if !found.is_there() && found.files.is_empty() {
        return Err(KeepError::Nothing(format!(
            "{name} is not installed on the server"
        )));
    }
    let odd = found
        .files
        .iter()
        .find(|file| file.found == Found::NotPlain);
    if let Some(odd) = odd {
        return Err(KeepError::Refused(Notice::new(
            format!(
                "{} is a link or a folder, which storekeeper has not made, so nothing was removed",
                visible(&odd.path)
            ),
            "look at it on the server, and remove it there by hand",
        )));
    }
    let danger = match what {
        Installable::Lease => REMOVE,
        _ => Danger::Adds,
    };
    let mut plan = empty(
        about,
        what.remove(),
        summary(what, removal.knock.as_ref()),
        danger,
    );
    let chosen = found.chosen.to_string();
    if !chosen.is_empty() {
        let runs = if found.on { "on" } else { "off" };
        plan.lines
            .push(("now", format!("{runs}: {}", visible(&chosen))));
    }
    for file in &found.files {
        plan.lines.push(("-", file.path.clone()));
    }
    if let Some(folder) = removal.links.as_ref().filter(|_| found.links > 0) {
        plan.lines.push((
            "-",
            format!("{folder}, with {}", count(found.links, "link")),
        ));
        plan.lines.push((
            "effect",
            "what nothing else keeps of these uploads is dead then, and the next collection may take it".to_owned(),
        ));
    }
    plan.lines.push(("stays", stays(what).to_owned()));
    for own in &found.beside {
        plan.lines.push((
            "stays",
            format!("{}, which storekeeper has not written", visible(own)),
        ));
    }
    for differing in found.differing() {
        plan.warnings.push(edited(differing, "it goes too"));
    }
    if found.running {
        plan.warnings.push(
            "a run goes on: it is waited for, and where it lasts longer the timer is stopped and the files stay until you do this again".to_owned(),
        );
    }
    if what == Installable::Knock {
        plan.warnings.push(
            "with these lines sshd's LogLevel VERBOSE goes, without which refused keys are not logged"
                .to_owned(),
        );
    }
    commands(&mut plan, found, &removal);
    let files = found.files.iter().map(|file| {
        let sha256 = match &file.found {
            Found::Written { sha256 } | Found::Differs { sha256 } => Some(sha256.clone()),
            Found::State | Found::NotPlain => None,
        };
        (file.path.clone(), sha256)
    });
    let files: Vec<_> = files.collect();
    // Its first file is what starts it.
    let first = files.first().map(|(file, _)| file.clone());
    plan.items.push(Item::File {
        file: first.unwrap_or_else(|| name.to_owned()),
    });
    let removal = Removal { files, ..removal };
    plan.operation = Operation::Keep(vec![KeepStep::Remove(Box::new(removal))]);
    Ok(plan)
}

fn summary(what: Installable, knock: Option<&KnockInstall>) -> String {
    match (what, knock) {
        (Installable::AutoSign, _) => "sign new uploads by themselves no more".to_owned(),
        (Installable::PolicyTimer, _) => {
            "collect by the retention policy by a timer no more".to_owned()
        }
        (Installable::Lease, _) => {
            "keep new uploads from being collected by a lease no more".to_owned()
        }
        (Installable::Knock, Some(install)) => format!(
            "remove the knock for {}: unknown keys become requests no more",
            visible(&install.cache_user)
        ),
        (Installable::Knock, None) => "remove the knock".to_owned(),
    }
}

const fn stays(what: Installable) -> &'static str {
    match what {
        Installable::AutoSign => "what it has signed, and the records of its runs",
        Installable::PolicyTimer => "the policy, and the records of its runs",
        Installable::Lease => "what pins and other roots keep",
        Installable::Knock => {
            "requests and decisions on them, and the user storekeeper that the script ran as"
        }
    }
}

fn commands(plan: &mut Plan, found: &Installation, removal: &Removal) {
    if removal.knock.is_none() {
        let unit = removal.unit();
        plan.commands
            .push(format!("systemctl disable --now {unit}.timer"));
    }
    let files = found.files.iter().map(|file| quote(&file.path));
    let files: Vec<String> = files.collect();
    if !files.is_empty() {
        plan.commands.push(format!("rm {}", files.join(" ")));
    }
    if let Some(folder) = removal.links.as_ref().filter(|_| found.links > 0) {
        plan.commands.push(format!("rm -r {}", quote(folder)));
    }
    plan.commands.push(
        match removal.knock {
            Some(_) => "sshd -t && systemctl reload ssh",
            None => "systemctl daemon-reload",
        }
        .to_owned(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::installable::{Chosen, InstalledFile};
    use crate::server::Places;

    fn about() -> About {
        About {
            server: "prod".into(),
            address: "root@cache".into(),
            by: "root".into(),
        }
    }

    fn installed(what: Installable) -> Installation {
        let file = |path: &str, found| InstalledFile {
            path: path.into(),
            found,
        };
        let sha256 = || "0".repeat(64);
        Installation {
            what,
            nixos: false,
            possible: true,
            files: vec![
                file(
                    "/etc/systemd/system/storekeeper-x.timer",
                    Found::Written { sha256: sha256() },
                ),
                file("/etc/storekeeper/x", Found::Written { sha256: sha256() }),
                file("/var/lib/storekeeper/x.state", Found::State),
            ],
            missing: vec![],
            beside: vec![],
            on: true,
            running: false,
            links: 0,
            chosen: Chosen::default(),
        }
    }

    fn plan(found: &Installation) -> Result<Plan, KeepError> {
        let removal = Removal {
            what: found.what,
            places: Places::default(),
            files: vec![],
            links: (found.what == Installable::Lease)
                .then(|| "/nix/var/nix/gcroots/storekeeper-lease".into()),
            knock: None,
        };
        remove_installed(&about(), found, removal)
    }

    #[test]
    fn each_file_is_named_with_what_it_was() {
        for what in Installable::ALL {
            let found = installed(what);
            let made = plan(&found).unwrap();
            assert_eq!(made.change, what.remove());
            let goes = made.lines.iter().filter(|(label, _)| *label == "-");
            assert_eq!(goes.count(), 3, "{:?}", made.lines);
            let Operation::Keep(steps) = &made.operation else {
                panic!()
            };
            let [KeepStep::Remove(removal)] = &steps[..] else {
                panic!()
            };
            let sums = removal.files.iter().map(|(_, sum)| sum.is_some());
            assert_eq!(sums.collect::<Vec<_>>(), [true, true, false]);
            assert_eq!(made.word().is_some(), what == Installable::Lease);
        }
    }

    #[test]
    fn what_was_edited_and_what_is_not_ours_is_said() {
        let mut found = installed(Installable::Lease);
        found.links = 3;
        found.beside = vec!["/etc/systemd/system/storekeeper-lease.timer.d".into()];
        found.files[1].found = Found::Differs {
            sha256: "1".repeat(64),
        };
        let made = plan(&found).unwrap();
        let said = format!("{:?} {:?}", made.lines, made.warnings);
        for part in ["with 3 links", "timer.d, which", "somebody has edited it"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        found.files[1].found = Found::NotPlain;
        let why = plan(&found).unwrap_err();
        assert!(why.to_string().contains("by hand"), "{why}");
        found.nixos = true;
        let why = plan(&found).unwrap_err();
        assert!(why.to_string().contains("leaseDays = null"), "{why}");
        let none = Installation {
            files: vec![],
            on: false,
            ..installed(Installable::Knock)
        };
        assert!(matches!(plan(&none), Err(KeepError::Nothing(_))));
    }
}
