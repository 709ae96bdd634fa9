//! The plan that installs the upload lease.
//!
//! In: what the server has, and how many days. Out: a plan that shows the units and what follows from them; on NixOS, and without
//! systemd, what to do instead.

use super::{About, Danger, Item, KeepError, KeepStep, Operation, Plan, empty};
use crate::domain::notice;
use crate::link::quote;
use crate::server::{LeaseFacts, LeaseInstall};

pub fn install_lease(
    about: &About,
    facts: &LeaseFacts,
    install: LeaseInstall,
) -> Result<Plan, KeepError> {
    let days = install.days;
    if days == 0 {
        return Err(KeepError::Refused(notice!(
            "a lease of 0 days protects nothing",
            "give a number of days"
        )));
    }
    if facts.nixos {
        return Err(KeepError::Refused(notice!(
            "on NixOS the lease comes with the module of storekeeper (docs/nixos)",
            "set services.storekeeper.leaseDays = {days} there"
        )));
    }
    if !facts.systemd {
        return Err(KeepError::Refused(notice!(
            "there is no systemd, so no timer was installed",
            "have cron run the script of `storekeeper setup --lease {days}` every five minutes"
        )));
    }
    if !install.is_plain() {
        return Err(KeepError::Refused(notice!(
            "the path of the store has characters that systemd would read in its own way",
            "write the units by hand"
        )));
    }
    if facts.there {
        return Err(KeepError::Nothing(format!(
            "a lease of {days} days is installed there already"
        )));
    }
    let mut plan = empty(
        about,
        "install-lease",
        format!("protect uploads of the last {days} days from every collection"),
        Danger::Adds,
    );
    let unit = |end: &str| format!("{}/storekeeper-lease.{end}", install.units);
    plan.lines.push((
        "script",
        format!(
            "{} (root's, mode 755, {} bytes)",
            install.script,
            LeaseInstall::script_text().len()
        ),
    ));
    plan.lines.push(("file", unit("service")));
    for line in install.service().lines().filter(|line| !line.is_empty()) {
        plan.lines.push(("+", line.to_owned()));
    }
    plan.lines.push(("file", unit("timer")));
    for line in LeaseInstall::timer()
        .lines()
        .filter(|line| !line.is_empty())
    {
        plan.lines.push(("+", line.to_owned()));
    }
    plan.lines.push((
        "then",
        format!(
            "the timer is started and the script run once; its links are in {}",
            install.folder()
        ),
    ));
    plan.lines
        .push(("back", "setup SERVER --lease --off".to_owned()));
    plan.warnings.push("what arrives is kept from the timer's next run on, within five minutes; until then a collection may still take it".to_owned());
    plan.warnings.push(
        "what is leased counts as kept for `storekeeper gc` as well: a disk that fills up faster than the lease ends needs a shorter one"
            .to_owned(),
    );
    plan.commands = vec![
        format!("install -D -m 755 lease {}", quote(&install.script)),
        "systemctl daemon-reload".to_owned(),
        "systemctl enable --now storekeeper-lease.timer".to_owned(),
        "systemctl start storekeeper-lease.service".to_owned(),
    ];
    plan.items.push(Item::File {
        file: unit("timer"),
    });
    plan.operation = Operation::Keep(vec![KeepStep::Lease(install)]);
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install() -> LeaseInstall {
        LeaseInstall {
            days: 14,
            script: "/etc/storekeeper/lease".into(),
            units: "/etc/systemd/system".into(),
            store: "/nix/store".into(),
            state: "/nix/var/nix".into(),
        }
    }

    const USUAL: LeaseFacts = LeaseFacts {
        nixos: false,
        systemd: true,
        there: false,
    };

    fn plan(facts: &LeaseFacts, install: LeaseInstall) -> Result<Plan, KeepError> {
        let about = About {
            server: "prod".into(),
            address: "root@cache".into(),
            by: "root".into(),
        };
        install_lease(&about, facts, install)
    }

    #[test]
    fn shows_all_that_it_writes() {
        let plan = plan(&USUAL, install()).unwrap();
        let lines: Vec<&str> = plan.lines.iter().map(|(_, text)| text.as_str()).collect();
        let all = lines.join("\n");
        for part in [
            "ExecStart=/etc/storekeeper/lease 14 /nix/store /nix/var/nix/gcroots",
            "OnUnitInactiveSec=5min",
            "/nix/var/nix/gcroots/storekeeper-lease",
            "setup SERVER --lease --off",
        ] {
            assert!(all.contains(part), "{part} in {all}");
        }
        assert!(!all.contains("NIX_REMOTE"));
        assert_eq!(plan.items.len(), 1);
        let chroot = LeaseInstall {
            store: "/srv/nix/store".into(),
            state: "/srv/nix/var/nix".into(),
            ..install()
        };
        assert!(
            chroot
                .service()
                .contains("Environment=NIX_REMOTE=local?root=/srv\n")
        );
    }

    #[test]
    fn where_it_is_not_installed() {
        let refused = |facts: LeaseFacts, install| match plan(&facts, install) {
            Err(why @ KeepError::Refused(_)) => why.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(
            refused(
                LeaseFacts {
                    nixos: true,
                    ..USUAL
                },
                install()
            )
            .contains("leaseDays = 14")
        );
        assert!(
            refused(
                LeaseFacts {
                    systemd: false,
                    ..USUAL
                },
                install()
            )
            .contains("cron")
        );
        assert!(
            refused(
                USUAL,
                LeaseInstall {
                    days: 0,
                    ..install()
                }
            )
            .contains("0 days")
        );
        let odd = LeaseInstall {
            state: "/a b".into(),
            ..install()
        };
        assert!(refused(USUAL, odd).contains("by hand"));
        let again = plan(
            &LeaseFacts {
                there: true,
                ..USUAL
            },
            install(),
        );
        assert!(matches!(again, Err(KeepError::Nothing(_))));
    }
}
