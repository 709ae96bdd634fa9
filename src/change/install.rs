//! What runs by itself on a server: how it is, and the plans that install it or take it away.
//!
//! In: a server, and what was chosen. Out: the state of each; a plan, or why there is none. One way for the command line and the console.

use super::Plan;
use super::access::{About, AccessError, install_knock, knock_to_install};
use super::keep::{
    Effect, KeepError, edited, install_auto_sign, install_lease, install_policy_timer,
    remove_installed,
};
use crate::domain::installable::{
    Chosen, Installable, Installation, LEASE_DAYS, POLICY_PROGRAM, POLICY_WHEN,
};
use crate::domain::{Explain as _, notice};
use crate::server::access::{KnockFacts, KnockInstall};
use crate::server::{
    AutoSignInstall, LeaseInstall, Places, PolicyTimer, Removal, Server, ServerError,
};

/// A plan, or why there is none.
pub type Planned = Result<Plan, KeepError>;

/// What is chosen where nobody chooses.
pub fn usual(what: Installable) -> Chosen {
    match what {
        Installable::AutoSign | Installable::Knock => Chosen::default(),
        Installable::PolicyTimer => Chosen {
            when: Some(POLICY_WHEN.to_owned()),
            program: Some(POLICY_PROGRAM.to_owned()),
            ..Chosen::default()
        },
        Installable::Lease => Chosen {
            days: LEASE_DAYS.parse().ok(),
            ..Chosen::default()
        },
    }
}

/// How one is installed.
pub async fn look(server: &Server, what: Installable) -> Result<Installation, ServerError> {
    let places = Places::default();
    match what {
        Installable::AutoSign => server.auto_sign_installation(&places).await,
        Installable::PolicyTimer => server.policy_timer_installation(&places).await,
        Installable::Lease => server.lease_installation(&places).await,
        Installable::Knock => {
            let (facts, install) = knock(server).await?;
            server.knock_installation(&facts, &install).await
        }
    }
}

/// How all of them are installed, in the order of the list.
pub async fn look_at_all(server: &Server) -> Result<[Installation; 4], ServerError> {
    let [sign, timer, lease, knock] = Installable::ALL;
    let (sign, timer, lease, knock) = tokio::try_join!(
        look(server, sign),
        look(server, timer),
        look(server, lease),
        look(server, knock)
    )?;
    Ok([sign, timer, lease, knock])
}

/// Plans to install it. `effect`: what a collection by the policy would take now, where that was worked out. What somebody has edited is
/// written anew, which the plan says.
pub async fn install(
    server: &Server,
    what: Installable,
    chosen: &Chosen,
    effect: Option<Effect>,
) -> Result<Planned, ServerError> {
    let mut plan = match planned(server, what, chosen, effect).await? {
        Ok(plan) => plan,
        nothing => return Ok(nothing),
    };
    let found = look(server, what).await?;
    let written = found
        .differing()
        .map(|file| edited(file, "it is written anew"));
    plan.warnings.extend(written);
    Ok(Ok(plan))
}

async fn planned(
    server: &Server,
    what: Installable,
    chosen: &Chosen,
    effect: Option<Effect>,
) -> Result<Planned, ServerError> {
    let about = About::of(server);
    match what {
        Installable::AutoSign => {
            let chosen = chosen.clone();
            let install = AutoSignInstall::of(server, chosen.names, chosen.never, chosen.uploaders);
            let Some(install) = install else {
                return Ok(Err(KeepError::Unknown(no_key())));
            };
            let found = server.auto_sign_facts(&install).await?;
            Ok(install_auto_sign(&about, found, install))
        }
        Installable::PolicyTimer => {
            let of = |word: &Option<String>, usual: &str| {
                word.clone().unwrap_or_else(|| usual.to_owned())
            };
            let program = of(&chosen.program, POLICY_PROGRAM);
            let when = of(&chosen.when, POLICY_WHEN);
            let Some(timer) = PolicyTimer::of(server, program, when) else {
                return Ok(Err(KeepError::Unknown(no_store())));
            };
            let facts = server.policy_timer_facts(&timer).await?;
            Ok(install_policy_timer(&about, &facts, timer, effect))
        }
        Installable::Lease => {
            let days = chosen.days.or_else(|| LEASE_DAYS.parse().ok());
            let Some(install) = LeaseInstall::of(server, days.unwrap_or_default()) else {
                return Ok(Err(KeepError::Unknown(no_store())));
            };
            let found = server.lease_facts(&install).await?;
            Ok(install_lease(&about, &found, install))
        }
        Installable::Knock => of_knock(server, &about).await,
    }
}

/// Plans to take it away.
pub async fn remove(server: &Server, what: Installable) -> Result<Planned, ServerError> {
    let (found, knock) = match what {
        Installable::Knock => {
            let (facts, install) = knock(server).await?;
            let found = server.knock_installation(&facts, &install).await?;
            (found, Some(install))
        }
        _ => (look(server, what).await?, None),
    };
    let links = match what {
        Installable::Lease => LeaseInstall::of(server, 0).map(|lease| lease.folder()),
        _ => None,
    };
    let removal = Removal {
        what,
        places: Places::default(),
        files: Vec::new(),
        links,
        knock,
    };
    Ok(remove_installed(&About::of(server), &found, removal))
}

/// What would be installed of the knock, and what that would find.
async fn knock(server: &Server) -> Result<(KnockFacts, KnockInstall), ServerError> {
    let facts = server.knock_facts().await?;
    let spec = server.spec();
    let install = knock_to_install(&facts, &spec.cache_user, &spec.requests_dir);
    Ok((facts, install))
}

async fn of_knock(server: &Server, about: &About) -> Result<Planned, ServerError> {
    let (facts, install) = knock(server).await?;
    let reads = server.access().await?.sshd.settings.ok();
    let command = reads.and_then(|settings| settings.authorized_keys_command);
    let in_use = command.is_some_and(|command| {
        command
            .split_ascii_whitespace()
            .eq(install.command().split(' '))
    });
    if facts.script_there && in_use {
        return Ok(Err(KeepError::Nothing(
            "the knock is installed there already".to_owned(),
        )));
    }
    let planned = install_knock(about, &facts, install, None);
    Ok(planned.map_err(|error| match error {
        AccessError::Knock(why) => KeepError::Refused(why),
        other => KeepError::Refused(other.notice()),
    }))
}

fn no_key() -> crate::domain::Unknown {
    crate::domain::Unknown(notice!(
        "the server has no key file of its own that can sign, or it is not known in which folder its store is",
        "set secret-key-files in its nix.conf or signing_key in the configuration, and log in as root"
    ))
}

/// Without it no service can be told which store it works on.
fn no_store() -> crate::domain::Unknown {
    crate::domain::Unknown(notice!(
        "it is not known in which folder the server's store is",
        "log in as root"
    ))
}
