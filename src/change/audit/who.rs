//! Who makes a change: the login on the server, and the person and machine that it is made from.
//!
//! In: the environment and the kernel's names. Out: `root via ada@laptop`.

use crate::domain::text::visible;

/// `SERVER_USER via LOCAL_USER@LOCAL_HOST`.
pub fn by(server_user: &str) -> String {
    let user = name_of_user(
        |name| std::env::var(name).ok(),
        rustix::process::getuid().as_raw(),
    );
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    visible(&format!("{server_user} via {user}@{host}")).into_owned()
}

/// Behind sudo it is who called sudo; without any name, the number.
fn name_of_user(variable: impl Fn(&str) -> Option<String>, uid: u32) -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .filter_map(variable)
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid {uid}"))
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
            )
        };
        assert_eq!(with(&[("USER", "root"), ("SUDO_USER", "ada")]), "ada");
        assert_eq!(with(&[("USER", "bob"), ("SUDO_USER", "")]), "bob");
        assert_eq!(with(&[]), "uid 7");
    }

    #[test]
    fn reads_as_one_line() {
        let by = by("root\u{1b}");
        assert!(by.starts_with("root\\e via ") && by.contains('@'), "{by}");
    }
}
