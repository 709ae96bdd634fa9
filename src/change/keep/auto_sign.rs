//! The plan that installs auto-sign.
//!
//! In: what the server has, and the rules. Out: a plan that shows rules and units and what follows from them; on NixOS, and without
//! systemd, what to do instead.

use super::{About, Danger, Item, KeepError, KeepStep, Operation, Plan, empty};
use crate::domain::Notice;
use crate::domain::notice;
use crate::domain::text::visible;
use crate::server::{AutoSignFacts, AutoSignInstall};

pub fn install_auto_sign(
    about: &About,
    facts: AutoSignFacts,
    install: AutoSignInstall,
) -> Result<Plan, KeepError> {
    if let Some(pattern) = install.odd_pattern() {
        return Err(KeepError::Refused(Notice::new(
            format!("\"{}\" is no pattern for names", visible(pattern)),
            "write the characters of names, with * for any of them and ? for one",
        )));
    }
    if install.names.is_empty() {
        return Err(KeepError::Refused(notice!(
            "without a name nothing would be signed",
            "give one or more, such as 'ledger-*' (--sign-name on the command line)"
        )));
    }
    if facts.nixos {
        return Err(KeepError::Refused(notice!(
            "on NixOS auto-sign comes with the module of storekeeper (docs/nixos)",
            "set services.storekeeper.autoSign.names there"
        )));
    }
    if !facts.systemd {
        return Err(KeepError::Refused(notice!(
            "there is no systemd, so no timer was installed",
            "have cron run src/server/scripts/auto-sign.sh with a file of rules"
        )));
    }
    if !install.is_plain() {
        return Err(KeepError::Refused(notice!(
            "the path of the key, of the store or of the audit log has characters that systemd would read in its own way",
            "choose plain ones, or write the units by hand"
        )));
    }
    if facts.there {
        return Err(KeepError::Nothing(
            "auto-sign is installed there already, with these rules".to_owned(),
        ));
    }
    let whose = if install.uploaders.is_empty() {
        ""
    } else {
        ", where sshd's log shows that chosen keys uploaded them,"
    };
    let names = install.names.join(" ");
    let mut plan = empty(
        about,
        "install-auto-sign",
        format!("sign new uploads called {names}{whose} automatically"),
        Danger::Adds,
    );
    let unit = |end: &str| format!("{}/storekeeper-auto-sign.{end}", install.units);
    let size = AutoSignInstall::script_text().len();
    plan.lines.push((
        "script",
        format!("{} (root's, mode 755, {size} bytes)", install.script()),
    ));
    let timer = AutoSignInstall::timer().to_owned();
    for (file, text) in [
        (install.rules_file(), install.rules()),
        (unit("service"), install.service()),
        (unit("timer"), timer),
    ] {
        plan.lines.push(("file", file));
        let lines = text.lines().filter(|line| !line.is_empty());
        plan.lines.extend(lines.map(|line| ("+", line.to_owned())));
    }
    plan.lines.push((
        "then",
        "the timer is started and the script run once; what it signs is recorded in the audit log, what it skips is reported with the reason".to_owned(),
    ));
    plan.lines
        .push(("back", "setup SERVER --auto-sign --off".to_owned()));
    plan.warnings.push(
        if install.uploaders.is_empty() {
            "the uploader chooses the name: any key that may upload here can have its paths accepted by clients"
        } else {
            "the uploader of a path is known only if sshd's log has full dates and all sessions at that moment were by these keys; all other uploads wait, also those while an administrator was logged in"
        }
        .to_owned(),
    );
    plan.warnings.push(format!(
        "root on the server has to be able to read the key {} as long as this runs",
        install.key
    ));
    plan.commands = vec![
        "systemctl daemon-reload".to_owned(),
        "systemctl enable --now storekeeper-auto-sign.timer".to_owned(),
        "systemctl start storekeeper-auto-sign.service".to_owned(),
    ];
    plan.items.push(Item::File {
        file: unit("timer"),
    });
    plan.operation = Operation::Keep(vec![KeepStep::AutoSign(Box::new(install))]);
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: AutoSignFacts = AutoSignFacts {
        nixos: false,
        systemd: true,
        there: false,
    };

    fn install(names: &[&str]) -> AutoSignInstall {
        AutoSignInstall {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            never: vec!["*-secret".to_owned()],
            uploaders: vec![],
            sshd_log: None,
            key: "/etc/nix/k.sec".to_owned(),
            trusted: vec!["k-1:AAAA".to_owned()],
            store: "/nix/store".to_owned(),
            log: "/var/lib/storekeeper/audit.jsonl".to_owned(),
            folder: "/etc/storekeeper".to_owned(),
            units: "/etc/systemd/system".to_owned(),
        }
    }

    fn plan(facts: AutoSignFacts, install: AutoSignInstall) -> Result<Plan, KeepError> {
        let about = About {
            server: "prod".into(),
            address: "root@cache".into(),
            by: "root".into(),
        };
        install_auto_sign(&about, facts, install)
    }

    #[test]
    fn shows_all_that_it_writes() {
        let plan = plan(USUAL, install(&["ledger-*"])).unwrap();
        let lines: Vec<&str> = plan.lines.iter().map(|(_, text)| text.as_str()).collect();
        let all = lines.join("\n");
        for part in [
            "ExecStart=/etc/storekeeper/auto-sign /etc/storekeeper/auto-sign.rules",
            "OnUnitInactiveSec=5min",
            "name ledger-*",
            "never *-secret",
            "key /etc/nix/k.sec",
            "trust k-1:AAAA",
        ] {
            assert!(all.contains(part), "{part} in {all}");
        }
    }

    #[test]
    fn where_it_is_not_installed() {
        let refused = |facts: AutoSignFacts, install| match plan(facts, install) {
            Err(why @ KeepError::Refused(_)) => why.to_string(),
            other => panic!("{other:?}"),
        };
        let nixos = AutoSignFacts {
            nixos: true,
            ..USUAL
        };
        let without = AutoSignFacts {
            systemd: false,
            ..USUAL
        };
        assert!(refused(nixos, install(&["a"])).contains("autoSign.names"));
        assert!(refused(without, install(&["a"])).contains("cron"));
        assert!(refused(USUAL, install(&[])).contains("--sign-name"));
        for odd in ["", "a b", "a/b", "$(x)", "a\nname *"] {
            assert!(
                refused(USUAL, install(&[odd])).contains("no pattern"),
                "{odd:?}"
            );
        }
        let there = AutoSignFacts {
            there: true,
            ..USUAL
        };
        assert!(matches!(
            plan(there, install(&["a"])),
            Err(KeepError::Nothing(_))
        ));
    }
}
