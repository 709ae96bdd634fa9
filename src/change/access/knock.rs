//! The plan that installs the knock.
//!
//! In: what the server has. Out: a plan that shows each file and sshd's lines; on NixOS, and where sshd includes no folder
//! of files, the lines to add by hand.

use super::{About, AccessError, AccessOperation};
use crate::change::{Item, Plan};
use crate::domain::text::visible;
use crate::domain::{Notice, notice};
use crate::link::quote;
use crate::server::access::{KNOCK_SCRIPT, KNOCK_USER, KnockFacts, KnockInstall};

/// The file for sshd's lines. Of several files that set the same thing sshd takes the first.
const LINES_FILE: &str = "10-storekeeper-knock.conf";

/// What is installed, and where.
pub fn knock_to_install(facts: &KnockFacts, cache_user: &str, requests_dir: &str) -> KnockInstall {
    let folder = facts.folder.as_deref().unwrap_or("/etc/ssh/sshd_config.d");
    KnockInstall {
        script: KNOCK_SCRIPT.to_owned(),
        user: KNOCK_USER.to_owned(),
        lines_file: format!("{folder}/{LINES_FILE}"),
        requests_dir: requests_dir.to_owned(),
        cache_user: cache_user.to_owned(),
        addresses: facts.tells_addresses(),
    }
}

pub fn install_knock(
    about: &About,
    facts: &KnockFacts,
    install: KnockInstall,
    reason: Option<String>,
) -> Result<Plan, AccessError> {
    let shown = visible(&install.lines()).replace("\\n", "\n");
    if facts.nixos {
        return Err(AccessError::Knock(notice!(
            "on NixOS the knock comes with the module of storekeeper (docs/nixos)",
            "enable it there with these lines for sshd:\n{shown}"
        )));
    }
    if facts.folder.is_none() {
        return Err(AccessError::Knock(Notice::new(
            format!(
                "{} includes no folder of further files, so nothing was installed",
                visible(&facts.config)
            ),
            "add `Include /etc/ssh/sshd_config.d/*.conf` at its top and try again",
        )));
    }
    if !install.is_plain() {
        return Err(AccessError::Knock(notice!(
            "a path or a user name has characters that sshd would read in its own way",
            "choose plain ones"
        )));
    }
    let mut plan = about.plan(
        "install-knock",
        format!(
            "install the knock for {}: unknown keys become requests",
            visible(&install.cache_user)
        ),
        AccessOperation::default(),
    );
    plan.lines.push((
        "script",
        format!(
            "{} (root's, mode 755, {} bytes)",
            install.script,
            KnockInstall::script_text().len()
        ),
    ));
    plan.lines.push((
        "folder",
        format!(
            "{}/waiting, of the user {}",
            install.requests_dir, install.user
        ),
    ));
    plan.lines.push(("file", install.lines_file.clone()));
    for line in install.lines().lines() {
        plan.lines.push(("+", line.to_owned()));
    }
    plan.lines.push((
        "then",
        "sshd -t, sshd -T for the cache user, and a reload of sshd; all of it is undone if one fails".to_owned(),
    ));
    plan.lines
        .push(("back", "setup SERVER --knock --off".to_owned()));
    for file in [&install.script, &install.lines_file] {
        plan.items.push(Item::File { file: file.clone() });
    }
    if !facts.user_there {
        plan.commands.push(format!(
            "useradd --system --no-create-home --shell /usr/sbin/nologin {}",
            quote(&install.user)
        ));
    }
    plan.commands.extend([
        format!("install -D -m 755 knock {}", quote(&install.script)),
        format!(
            "install -d -m 700 -o {} {}",
            quote(&install.user),
            quote(&format!("{}/waiting", install.requests_dir))
        ),
        format!(
            "sshd -t -f {} && systemctl reload ssh",
            quote(&facts.config)
        ),
    ]);
    if !install.addresses {
        plan.warnings.push(
            "this sshd does not pass a key's address to the script (OpenSSH 9.4 and later do), so a flood is recognized by connection and time only"
                .to_owned(),
        );
    }
    if let Some(why) = &facts.assumed {
        plan.warnings.push(format!(
            "whether sshd reads {} when a client comes can't be seen: {why}",
            visible(&facts.config)
        ));
    }
    plan.warnings.push("sshd runs the script for each login with a key that is in no key file; logins with other keys are not slowed".to_owned());
    if let crate::change::Operation::Access(operation) = &mut plan.operation {
        operation.knock = Some(install);
    }
    plan.reason = reason;
    Ok(plan)
}
