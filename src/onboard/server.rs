//! What a new cache server does.
//!
//! In: the names that it shall use. Out: shell for Debian and its like, or the module for NixOS. With what is written here
//! sshd and Nix are all that runs there.

use super::{Step, add_line, end_line, word};

/// The module for NixOS as it is kept in the repository; it takes the knock from a file beside it.
const MODULE: &str = include_str!("../../docs/nixos/module.nix");

/// How the module names that file, and the script of the lease.
const SOURCE: &str = "source = ../../src/server/scripts/knock.sh;";
const LEASE_SOURCE: &str = "source = ../../src/server/scripts/lease.sh;";

/// The same of auto-sign, and of what appends to the audit log.
const AUTO_SIGN_SOURCE: &str = "source = ../../src/server/scripts/auto-sign.sh;";
const APPEND_SOURCE: &str = "text = builtins.concatStringsSep \"\" (map (part: builtins.readFile (../../src/server/scripts + \"/${part}.sh\")) [ \"path\" \"folder\" \"audit-log\" \"audit-append\" ]);";

/// The same of the policy timer.
const POLICY_SOURCE: &str = "source = ../../src/server/scripts/policy-run.sh;";

/// The scripts that the module puts on a server.
#[derive(Debug, Clone, Copy)]
pub struct Scripts<'a> {
    pub knock: &'a str,
    pub lease: &'a str,
    pub auto_sign: &'a str,
    /// What appends to the audit log.
    pub append: &'a str,
    /// The policy timer.
    pub policy: &'a str,
}

/// sshd's lines for the cache user. Of several files that say the same thing the first counts, by their names.
const LINES_FILE: &str = "/etc/ssh/sshd_config.d/50-storekeeper.conf";

/// Where Nix's daemon has its socket.
const SOCKET_FOLDER: &str = "/nix/var/nix/daemon-socket";

/// Where the knock goes, and for whom it runs.
const KNOCK: &str = "/etc/storekeeper/knock";
const KNOCK_USER: &str = "storekeeper";

/// A server that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewServer {
    /// The user that clients log in as.
    pub cache_user: String,
    /// The name of its signing key, such as `cache.example.org-1`.
    pub key_name: String,
    /// The folder of requests.
    pub requests_dir: String,
    pub audit_log: String,
    /// The text of the script that notes unknown keys, if they shall be.
    pub knock: Option<&'static str>,
    /// How many days uploads are kept, and the text of the script that does it, if it shall be.
    pub lease: Option<(u32, &'static str)>,
}

/// The line above the steps.
pub const HEAD: &str = "How a Debian server becomes a cache over SSH\nRun all of it as root, with Nix and its daemon installed (apt install nix-bin openssh-server).";

/// The steps on Debian and other systems with systemd.
pub fn debian(new: &NewServer) -> Vec<Step> {
    let mut steps = vec![signing_key(new), cache_user(new), folders(new), sshd(new)];
    if let Some(script) = new.knock {
        steps.push(knock(new, script));
    }
    if let Some((days, script)) = new.lease {
        steps.push(lease(days, script));
    }
    steps.push(Step::new(
        "Have sshd and Nix's daemon read that; a wrong configuration is not loaded",
        [
            "sshd -t && systemctl reload ssh".to_owned(),
            // Where it is started for each connection (Lix), starting it for good would stop that.
            "systemctl try-restart nix-daemon.service".to_owned(),
        ],
    ));
    steps.push(Step::new(
        "What clients have to trust, and how it looks from the administrator's machine",
        [
            // The file has no end of line.
            format!(
                "echo \"Public key: $(cat {})\"",
                word(&format!("/etc/nix/{}.pub", new.key_name))
            ),
            "# storekeeper status root@THIS_HOST\n# storekeeper onboard root@THIS_HOST".to_owned(),
        ],
    ));
    steps
}

fn signing_key(new: &NewServer) -> Step {
    let secret = format!("/etc/nix/{}.sec", new.key_name);
    let file = word(&secret);
    let public = format!("/etc/nix/{}.pub", new.key_name);
    Step::new(
        "A key that signs what the cache serves; keep a copy of it offline",
        [
            "install -d -m 755 /etc/nix".to_owned(),
            format!(
                "[ -e {file} ] || nix-store --generate-binary-cache-key {} {file} {}",
                word(&new.key_name),
                word(&public)
            ),
            format!("chmod 600 {file}"),
            end_line("/etc/nix/nix.conf"),
            add_line(&format!("secret-key-files = {secret}"), "/etc/nix/nix.conf"),
        ],
    )
}

fn cache_user(new: &NewServer) -> Step {
    let user = word(&new.cache_user);
    Step::new(
        "The user that clients log in as; without PAM, sshd refuses one whose password is locked with !",
        [
            format!(
                "id {user} >/dev/null 2>&1 || useradd --system --create-home --home-dir {} --shell /bin/sh --user-group {user}",
                word(&format!("/var/lib/{}", new.cache_user))
            ),
            format!("usermod -p '*' {user}"),
            "# Debian's Nix has its daemon's socket in a folder that only the group nix-users may enter.".to_owned(),
            format!(
                "case $(stat -c '%A %G' {SOCKET_FOLDER} 2>/dev/null) in '' | d*[xt]' '* | *' root') ;; *) usermod -aG \"$(stat -c %G {SOCKET_FOLDER})\" {user} ;; esac"
            ),
        ],
    )
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or(
        "/",
        |(folder, _)| if folder.is_empty() { "/" } else { folder },
    )
}

fn folders(new: &NewServer) -> Step {
    let keys = format!("/etc/ssh/authorized_keys.d/{}", new.cache_user);
    let keys = word(&keys);
    Step::new(
        "The key file, which sshd reads only if nobody else may write it, and the folders of the audit log and the requests",
        [
            "install -d -m 755 /etc/ssh/authorized_keys.d".to_owned(),
            format!("[ -e {keys} ] || install -m 644 /dev/null {keys}"),
            format!("install -d -m 711 {}", word(folder(&new.audit_log))),
            format!("install -d -m 755 {}", word(&new.requests_dir)),
        ],
    )
}

fn sshd(new: &NewServer) -> Step {
    let user = &new.cache_user;
    Step::new(
        "The cache user gets the store and nothing else",
        [
            "serve=$(command -v nix-store || echo /nix/var/nix/profiles/default/bin/nix-store)"
                .to_owned(),
            format!("cat > {LINES_FILE} <<END"),
            format!("Match User {user}"),
            "    ForceCommand $serve --serve".to_owned(),
            "    AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u".to_owned(),
            "    AuthenticationMethods publickey".to_owned(),
            "    DisableForwarding yes".to_owned(),
            "    PermitTTY no".to_owned(),
            "    PermitUserRC no".to_owned(),
            "    # Without it sshd does not log which key was refused.".to_owned(),
            "    LogLevel VERBOSE".to_owned(),
            "Match all".to_owned(),
            "END".to_owned(),
            add_include(),
        ],
    )
}

/// Debian's `sshd_config` has this line; one that was kept from an old release has not.
fn add_include() -> String {
    "grep -qi '^[[:space:]]*Include[[:space:]]*/etc/ssh/sshd_config.d/' /etc/ssh/sshd_config || sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config"
        .to_owned()
}

fn knock(new: &NewServer, script: &str) -> Step {
    let queue = &new.requests_dir;
    let sub = |name: &str| word(&format!("{queue}/{name}")).into_owned();
    let mut lines = vec![
        format!(
            "id {KNOCK_USER} >/dev/null 2>&1 || useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --user-group {KNOCK_USER}"
        ),
        format!("install -d -m 755 /etc/storekeeper {}", sub("denied")),
        format!("install -d -m 700 {} {}", sub("approved"), sub("revoked")),
        format!("install -d -m 700 -o {KNOCK_USER} {}", sub("waiting")),
        format!("cat > {KNOCK} <<'END-OF-KNOCK'"),
    ];
    lines.extend(script.lines().map(str::to_owned));
    lines.extend([
        "END-OF-KNOCK".to_owned(),
        format!("chmod 755 {KNOCK}"),
        "# Only from OpenSSH 9.4 on sshd passes on the addresses of a connection.".to_owned(),
        "case $(sshd -V 2>&1) in *OpenSSH_9.[4-9]* | *OpenSSH_[1-9][0-9].*) connection=' %C' ;; *) connection= ;; esac"
            .to_owned(),
        "cat > /etc/ssh/sshd_config.d/10-storekeeper-knock.conf <<END".to_owned(),
        format!("Match User {}", new.cache_user),
        format!("    AuthorizedKeysCommand {KNOCK} %u %t %k %f {queue}$connection"),
        format!("    AuthorizedKeysCommandUser {KNOCK_USER}"),
        "Match all".to_owned(),
        "END".to_owned(),
    ]);
    Step::new(
        "The knock: a key that no file has becomes a request, and is refused as before",
        lines,
    )
}

fn lease(days: u32, script: &str) -> Step {
    let mut lines = vec![
        "install -d -m 755 /etc/storekeeper".to_owned(),
        "cat > /etc/storekeeper/lease <<'END-OF-LEASE'".to_owned(),
    ];
    lines.extend(script.lines().map(str::to_owned));
    lines.extend([
        "END-OF-LEASE".to_owned(),
        "chmod 755 /etc/storekeeper/lease".to_owned(),
        "cat > /etc/systemd/system/storekeeper-lease.service <<'END'".to_owned(),
        "[Service]".to_owned(),
        "Type=oneshot".to_owned(),
        format!("ExecStart=/etc/storekeeper/lease {days} /nix/store /nix/var/nix/gcroots"),
        "END".to_owned(),
        "cat > /etc/systemd/system/storekeeper-lease.timer <<'END'".to_owned(),
        "[Timer]".to_owned(),
        "OnBootSec=1min".to_owned(),
        "OnUnitInactiveSec=5min".to_owned(),
        "[Install]".to_owned(),
        "WantedBy=timers.target".to_owned(),
        "END".to_owned(),
        "systemctl daemon-reload && systemctl enable --now storekeeper-lease.timer".to_owned(),
    ]);
    Step::new(
        "The lease: what was uploaded in these days is kept from every collection",
        lines,
    )
}

/// The module for NixOS as one file, and how it is used. Without a knock it is the same with the option off.
pub fn nixos(new: &NewServer, scripts: &Scripts<'_>) -> String {
    let text = |script: &str| format!("text = {};", indented(script, "          "));
    let module = MODULE
        .replace(SOURCE, &text(scripts.knock))
        .replace(LEASE_SOURCE, &text(scripts.lease))
        .replace(AUTO_SIGN_SOURCE, &text(scripts.auto_sign))
        .replace(APPEND_SOURCE, &text(scripts.append))
        .replace(POLICY_SOURCE, &text(scripts.policy));
    format!(
        "# Keep this file as storekeeper.nix beside the server's configuration.nix, and there:\n#\n\
         #   imports = [ ./storekeeper.nix ];\n\
         #   services.storekeeper = {{ enable = true; user = {user}; knock = {knock}; {lease}signingKey = {key}; }};\n#\n\
         # The key is made once, on the server:\n\
         #   install -d -m 700 /var/keys\n\
         #   nix-store --generate-binary-cache-key {name} /var/keys/{name}.sec /var/keys/{name}.pub\n\
         # Then: nixos-rebuild switch\n\
         # In the configuration of storekeeper: nothing; sshd says where the key files are.\n\n{module}",
        user = crate::domain::text::nix_string(&new.cache_user),
        knock = new.knock.is_some(),
        lease = new
            .lease
            .map_or_else(String::new, |(days, _)| format!("leaseDays = {days}; ")),
        key = crate::domain::text::nix_string(&format!("/var/keys/{}.sec", new.key_name)),
        name = new.key_name,
    )
}

/// A text as a string of the Nix language over several lines.
fn indented(text: &str, indent: &str) -> String {
    let mut string = "''\n".to_owned();
    for line in text.lines() {
        if !line.is_empty() {
            string.push_str(indent);
            string.push_str(&line.replace("''", "'''").replace("${", "''${"));
        }
        string.push('\n');
    }
    string.push_str(&indent[..indent.len().saturating_sub(2)]);
    string.push_str("''");
    string
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onboard::text;

    const SCRIPT: &str =
        "#!/bin/sh\nrest=${1#x}\n\n    case '' in '') echo \"$rest\" ;; esac\nexit 0\n";

    fn new(knock: Option<&'static str>) -> NewServer {
        NewServer {
            cache_user: "nix-ssh".into(),
            key_name: "cache.example.org-1".into(),
            requests_dir: "/var/lib/storekeeper/requests".into(),
            audit_log: "/var/lib/storekeeper/audit.jsonl".into(),
            knock,
            lease: knock.map(|script| (9, script)),
        }
    }

    #[test]
    fn debian_has_all_parts_and_is_sound_shell() {
        for knock in [None, Some(SCRIPT)] {
            let text = text(HEAD, &debian(&new(knock)));
            for part in [
                "nix-store --generate-binary-cache-key cache.example.org-1 /etc/nix/cache.example.org-1.sec",
                "secret-key-files = /etc/nix/cache.example.org-1.sec",
                "useradd --system",
                "Match User nix-ssh",
                "ForceCommand $serve --serve",
                "LogLevel VERBOSE",
                "install -d -m 711 /var/lib/storekeeper",
                "/var/lib/storekeeper/requests",
                "sshd -t && systemctl reload ssh",
                "\nsystemctl try-restart nix-daemon.service\n",
            ] {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert_eq!(
                text.contains("ExecStart=/etc/storekeeper/lease 9 /nix/store /nix/var/nix/gcroots"),
                knock.is_some()
            );
            assert_eq!(
                text.contains("AuthorizedKeysCommand /etc/storekeeper/knock %u %t %k %f /var/lib/storekeeper/requests"),
                knock.is_some()
            );
            let mut shell = std::process::Command::new("sh")
                .arg("-n")
                .stdin(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Write::write_all(&mut shell.stdin.take().unwrap(), text.as_bytes()).unwrap();
            assert!(shell.wait().unwrap().success(), "{text}");
        }
    }

    #[test]
    fn the_module_in_one_file() {
        assert_eq!(MODULE.matches(SOURCE).count(), 1);
        assert_eq!(MODULE.matches(LEASE_SOURCE).count(), 1);
        assert_eq!(MODULE.matches(AUTO_SIGN_SOURCE).count(), 1);
        assert_eq!(MODULE.matches(POLICY_SOURCE).count(), 1);
        assert_eq!(MODULE.matches(APPEND_SOURCE).count(), 1);
        let scripts = Scripts {
            knock: SCRIPT,
            lease: SCRIPT,
            auto_sign: SCRIPT,
            policy: SCRIPT,
            append: SCRIPT,
        };
        let module = nixos(&new(Some(SCRIPT)), &scripts);
        assert!(!module.contains("../.."), "{module}");
        assert!(module.contains("          rest=''${1#x}\n\n"), "{module}");
        assert!(module.contains("case ''' in ''')"), "{module}");
        assert!(module.contains(
            "knock = true; leaseDays = 9; signingKey = \"/var/keys/cache.example.org-1.sec\""
        ));
    }

    #[test]
    fn folders_of_files() {
        assert_eq!(folder("/a/b"), "/a");
        assert_eq!(folder("/a"), "/");
    }
}
