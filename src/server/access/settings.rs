//! What `sshd -T -C user=…` prints, as values.
//!
//! In: lines `keyword value`, lower-case keywords as the script makes them, some of them repeated. Out: [`SshdSettings`]. A keyword that is not
//! printed stays unknown. Source: `dump_config` in OpenSSH's servconf.c.

use crate::domain::access::{Forwarding, LogLevel, SshdSettings};

pub(super) fn read<'a>(lines: impl IntoIterator<Item = &'a str>) -> SshdSettings {
    let mut settings = SshdSettings::default();
    for line in lines {
        let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = value.trim();
        let text = || Some(value.to_owned()).filter(|text| !text.is_empty() && text != "none");
        let flag = || match value {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let listed = |list: &mut Vec<String>| {
            list.extend(value.split_ascii_whitespace().map(str::to_owned));
        };
        // `permitopen any` and `authenticationmethods any` are printed for no limit.
        let limits = |list: &mut Vec<String>| {
            if value != "any" {
                listed(list);
            }
        };
        let it = &mut settings;
        match keyword {
            "authorizedkeyscommand" => it.authorized_keys_command = text(),
            "authorizedkeyscommanduser" => it.authorized_keys_command_user = text(),
            "authorizedprincipalsfile" => it.authorized_principals_file = text(),
            "authorizedprincipalscommand" => it.authorized_principals_command = text(),
            "trustedusercakeys" => it.trusted_user_ca_keys = text(),
            "revokedkeys" => it.revoked_keys = text(),
            "forcecommand" => it.force_command = text(),
            "chrootdirectory" => it.chroot_directory = text(),
            "permittty" => it.permit_tty = flag(),
            "allowtcpforwarding" => it.allow_tcp_forwarding = Forwarding::parse(value),
            "allowstreamlocalforwarding" => {
                it.allow_stream_local_forwarding = Forwarding::parse(value);
            }
            "x11forwarding" => it.x11_forwarding = flag(),
            "allowagentforwarding" => it.allow_agent_forwarding = flag(),
            "disableforwarding" => it.disable_forwarding = flag(),
            "permittunnel" => it.permit_tunnel = Some(value != "no"),
            "permitopen" => limits(&mut it.permit_open),
            "permitlisten" => limits(&mut it.permit_listen),
            "permituserrc" => it.permit_user_rc = flag(),
            "permituserenvironment" => it.permit_user_environment = Some(value != "no"),
            "pubkeyauthentication" => it.pubkey_authentication = flag(),
            "passwordauthentication" => it.password_authentication = flag(),
            "kbdinteractiveauthentication" => it.kbd_interactive_authentication = flag(),
            "authenticationmethods" => limits(&mut it.authentication_methods),
            "pubkeyacceptedalgorithms" => {
                it.pubkey_accepted_algorithms = value.split(',').map(str::to_owned).collect();
            }
            "casignaturealgorithms" => {
                it.ca_signature_algorithms = value.split(',').map(str::to_owned).collect();
            }
            "requiredrsasize" => it.required_rsa_size = value.parse().ok(),
            "maxsessions" => it.max_sessions = value.parse().ok(),
            "maxstartups" => {
                it.max_startups = value.split(':').next().and_then(|first| first.parse().ok());
            }
            "loglevel" => it.log_level = LogLevel::parse(value),
            "strictmodes" => it.strict_modes = flag(),
            "allowusers" => listed(&mut it.allow_users),
            "denyusers" => listed(&mut it.deny_users),
            "allowgroups" => listed(&mut it.allow_groups),
            "denygroups" => listed(&mut it.deny_groups),
            _ => {}
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_sshd_prints() {
        let lines = [
            "port 22",
            "forcecommand nix-store --serve --write",
            "authorizedkeyscommand none",
            "allowtcpforwarding local",
            "permitopen any",
            "authenticationmethods publickey password,publickey",
            "permitlisten none",
            "permittty no",
            "permittunnel no",
            "loglevel VERBOSE",
            "allowusers nix-ssh",
            "allowusers root",
            "requiredrsasize 1024",
            "casignaturealgorithms ssh-ed25519,rsa-sha2-256",
            "pubkeyacceptedalgorithms ssh-ed25519,rsa-sha2-512",
            "strictmodes",
        ];
        let settings = read(lines);
        assert_eq!(
            settings,
            SshdSettings {
                force_command: Some("nix-store --serve --write".into()),
                allow_tcp_forwarding: Some(Forwarding::Local),
                permit_listen: vec!["none".into()],
                authentication_methods: vec!["publickey".into(), "password,publickey".into()],
                permit_tty: Some(false),
                permit_tunnel: Some(false),
                log_level: Some(LogLevel::Verbose),
                allow_users: vec!["nix-ssh".into(), "root".into()],
                required_rsa_size: Some(1024),
                ca_signature_algorithms: vec!["ssh-ed25519".into(), "rsa-sha2-256".into()],
                pubkey_accepted_algorithms: vec!["ssh-ed25519".into(), "rsa-sha2-512".into()],
                ..SshdSettings::default()
            }
        );
    }
}
