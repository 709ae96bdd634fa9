//! Who makes a change: the login on the server, and the person and machine that it is made from.
//!
//! In: the environment and the kernel's names. Out: `root via ada@laptop`.

use crate::domain::text::visible;
use crate::domain::two_persons::Login;
use crate::server::Server;

/// `SERVER_USER via LOCAL_USER@LOCAL_HOST`.
pub fn by(server_user: &str) -> String {
    let user = name_of_user(
        |name| std::env::var(name).ok(),
        rustix::process::getuid().as_raw(),
        || std::fs::read_to_string("/etc/passwd").unwrap_or_default(),
    );
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    visible(&format!("{server_user} via {user}@{host}")).into_owned()
}

/// Who this connection is logged in as, and from where.
pub fn login(server: &Server) -> Login {
    server.login(by(&server.facts().user))
}

/// Behind sudo it is who called sudo; else who is logged in, as the environment or `passwd(5)` names it; else the number.
fn name_of_user(
    variable: impl Fn(&str) -> Option<String>,
    uid: u32,
    accounts: impl FnOnce() -> String,
) -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .filter_map(variable)
        .find(|name| !name.is_empty())
        .or_else(|| account(&accounts(), uid))
        .unwrap_or_else(|| format!("uid {uid}"))
}

/// The first account with this number.
fn account(accounts: &str, uid: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_behind_sudo() {
        let with = |pairs: &'static [(&str, &str)]| {
            name_of_user(
                move |name| {
                    pairs
                        .iter()
                        .find(|(key, _)| *key == name)
                        .map(|(_, value)| (*value).to_owned())
                },
                7,
                || "root:x:0:0::/root:/bin/sh\nbroken\ncleo:x:7:7::/home/cleo:/bin/sh\n".to_owned(),
            )
        };
        assert_eq!(with(&[("USER", "root"), ("SUDO_USER", "ada")]), "ada");
        assert_eq!(with(&[("USER", "bob"), ("SUDO_USER", "")]), "bob");
        assert_eq!(with(&[]), "cleo");
        assert_eq!(name_of_user(|_| None, 8, String::new), "uid 8");
    }

    #[test]
    fn reads_as_one_line() {
        let by = by("root\u{1b}");
        assert!(by.starts_with("root\\e via ") && by.contains('@'), "{by}");
    }
}
