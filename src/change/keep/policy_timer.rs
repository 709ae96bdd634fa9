//! The plan that installs the policy timer.
//!
//! In: what the server has, its policy, and what a run would take now. Out: a plan that shows all that is written and what follows from it;
//! where it can't be, what to do instead.

use super::{About, Danger, Effect, Item, KeepError, KeepStep, Operation, Plan, empty};
use crate::domain::count::count;
use crate::domain::notice;
use crate::domain::text::visible;
use crate::server::{PolicyTimer, PolicyTimerFacts};

/// Installs it. `effect` is what a collection by the policy would take now, where that was worked out.
pub fn install_policy_timer(
    about: &About,
    facts: &PolicyTimerFacts,
    timer: PolicyTimer,
    effect: Option<Effect>,
) -> Result<Plan, KeepError> {
    let program = ready(facts, &timer)?.to_owned();
    let timer = PolicyTimer { program, ..timer };
    if !timer.is_plain() {
        return Err(KeepError::Refused(notice!(
            "the path of storekeeper, of the store or of the audit log has characters that systemd would read in its own way",
            "choose plain ones, or write the units by hand (docs/retention.md)"
        )));
    }
    if facts.there {
        return Err(KeepError::Nothing(
            "the policy timer is installed there already, with this time".to_owned(),
        ));
    }
    let mut plan = empty(
        about,
        "install-gc",
        format!(
            "collect by the retention policy by a timer: {}",
            visible(&timer.when)
        ),
        Danger::Adds,
    );
    let version = facts.version.as_deref().unwrap_or("its version unknown");
    plan.lines
        .push(("program", format!("{} ({version})", timer.program)));
    let size = PolicyTimer::script_text().len();
    plan.lines.push((
        "script",
        format!("{} (root's, mode 755, {size} bytes)", timer.script()),
    ));
    for (file, text) in [
        (timer.config_file(), timer.config.clone()),
        (timer.unit("service"), timer.service()),
        (timer.unit("timer"), timer.timer()),
    ] {
        plan.lines.push(("file", file));
        let lines = text.lines().filter(|line| !line.is_empty());
        plan.lines.extend(lines.map(|line| ("+", line.to_owned())));
    }
    if let Some(effect) = effect {
        plan.lines.push((
            "effect",
            format!(
                "a run would take {}, {} of NARs, now; `retention SERVER check` lists them",
                count(effect.paths, "path"),
                effect.bytes
            ),
        ));
    }
    plan.lines.push((
        "then",
        "a dry run is made there, and the timer started; nothing is collected by this change itself".to_owned(),
    ));
    plan.lines
        .push(("back", "setup SERVER --gc --off".to_owned()));
    plan.warnings.push(
        "from then on paths go by themselves: all that the policy, as it is at the time, does not keep".to_owned(),
    );
    let ours = concat!("storekeeper ", env!("CARGO_PKG_VERSION"));
    if facts.version.as_deref() != Some(ours) {
        plan.warnings.push(format!(
            "the program there is {version}, this one is {ours}: a dry run made here may list other paths"
        ));
    }
    plan.commands = vec![
        "systemctl daemon-reload".to_owned(),
        "systemctl enable --now storekeeper-gc.timer".to_owned(),
    ];
    plan.items.push(Item::File {
        file: timer.unit("timer"),
    });
    plan.operation = Operation::Keep(vec![KeepStep::PolicyTimer(Box::new(timer))]);
    Ok(plan)
}

/// The program there, if a timer can run it.
fn ready<'a>(facts: &'a PolicyTimerFacts, timer: &PolicyTimer) -> Result<&'a str, KeepError> {
    let refused = |notice| Err(KeepError::Refused(notice));
    if !timer.is_time() {
        let when = visible(&timer.when);
        return refused(notice!(
            "\"{when}\" is no time for a timer",
            "write it as systemd.time(7) has it, such as daily or Sun 03:00"
        ));
    }
    if facts.nixos {
        return refused(notice!(
            "on NixOS the policy timer comes with the module of storekeeper (docs/nixos)",
            "set services.storekeeper.gc.package there"
        ));
    }
    if !facts.systemd {
        return refused(notice!(
            "there is no systemd, so no timer was installed",
            "have cron run storekeeper gc local --policy --yes there"
        ));
    }
    let Some(program) = &facts.program else {
        let name = visible(&timer.program);
        return refused(notice!(
            "{name} is not there, and a policy is planned by the program that a dry run is made by",
            "put the static program at /usr/local/bin/storekeeper on the server, or run the timer on another machine (docs/retention.md)"
        ));
    };
    if let Some(loose) = facts.loose.first() {
        let (loose, program) = (visible(loose), visible(program));
        return refused(notice!(
            "others than root may change {loose}, so root's timer can't run {program}",
            "put the program where only root may write"
        ));
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Bytes;

    fn timer(when: &str) -> PolicyTimer {
        PolicyTimer {
            program: "storekeeper".into(),
            when: when.into(),
            config: "[servers.cache]\nhost = \"local\"\n".into(),
            store: "/nix/store".into(),
            log: "/var/lib/storekeeper/audit.jsonl".into(),
            folder: "/etc/storekeeper".into(),
            units: "/etc/systemd/system".into(),
        }
    }

    fn usual() -> PolicyTimerFacts {
        PolicyTimerFacts {
            systemd: true,
            program: Some("/usr/bin/storekeeper".into()),
            version: Some(concat!("storekeeper ", env!("CARGO_PKG_VERSION")).into()),
            ..PolicyTimerFacts::default()
        }
    }

    fn about() -> About {
        About {
            server: "prod".into(),
            address: "root@cache".into(),
            by: "root".into(),
        }
    }

    fn plan(facts: &PolicyTimerFacts, when: &str) -> Result<Plan, KeepError> {
        let effect = Effect {
            paths: 3,
            bytes: Bytes(4096),
        };
        install_policy_timer(&about(), facts, timer(when), Some(effect))
    }

    #[test]
    fn shows_all_that_it_writes() {
        let made = plan(&usual(), "Sun 03:00").unwrap();
        let lines: Vec<&str> = made.lines.iter().map(|(_, text)| text.as_str()).collect();
        let all = lines.join("\n");
        for part in [
            "ExecStart=/etc/storekeeper/gc run /usr/bin/storekeeper /etc/storekeeper/gc.toml /var/lib/storekeeper/gc.state",
            "OnCalendar=Sun 03:00",
            "host = \"local\"",
            "3 paths, 4.0 KiB",
        ] {
            assert!(all.contains(part), "{part} in {all}");
        }
        assert_eq!(made.warnings.len(), 1);
        let other = PolicyTimerFacts {
            version: Some("storekeeper 9.9.9".into()),
            ..usual()
        };
        assert!(plan(&other, "daily").unwrap().warnings[1].contains("9.9.9"));
    }

    #[test]
    fn where_it_is_not_installed() {
        let refused = |facts: &PolicyTimerFacts, when| match plan(facts, when) {
            Err(why @ KeepError::Refused(_)) => why.to_string(),
            other => panic!("{other:?}"),
        };
        let with = |change: fn(&mut PolicyTimerFacts)| {
            let mut facts = usual();
            change(&mut facts);
            facts
        };
        let nixos = with(|facts| facts.nixos = true);
        assert!(refused(&nixos, "daily").contains("gc.package"));
        let without = with(|facts| facts.systemd = false);
        assert!(refused(&without, "daily").contains("cron"));
        let none = with(|facts| facts.program = None);
        assert!(refused(&none, "daily").contains("/usr/local/bin"));
        let loose = with(|facts| facts.loose = vec!["/opt".into()]);
        assert!(refused(&loose, "daily").contains("others than root may change /opt"));
        for odd in ["", "daily\n[Service]", "a%b", "$(x)"] {
            assert!(refused(&usual(), odd).contains("no time"), "{odd:?}");
        }
        let there = with(|facts| facts.there = true);
        assert!(matches!(plan(&there, "daily"), Err(KeepError::Nothing(_))));
    }
}
