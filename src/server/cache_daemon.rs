//! Whether Nix's daemon answers the sessions of clients. Root's own commands may open the store without it.
//!
//! In: the answers of one script, which shakes hands with the daemon there. Out: [`CacheDaemon`], or why it is not known.

use super::error::ServerError;
use super::script::{self, Answers};
use super::{Inner, Server};
use crate::domain::Fact;
use crate::domain::access::Unknown;
use crate::domain::cache_daemon::CacheDaemon;
use crate::domain::text::plain;
use crate::link::Command;

impl Server {
    /// Asks at the socket that a session of the cache user goes to.
    pub async fn cache_daemon(&self) -> Result<Fact<CacheDaemon>, ServerError> {
        let Inner {
            link, start, spec, ..
        } = &*self.inner;
        let command = Command::script(script::CACHE_DAEMON)
            .arg(&spec.nix_command)
            .arg(&spec.cache_user)
            .sudo(start.sudo);
        Ok(read(&script::ask(link, &command, &start.place).await?))
    }
}

fn read(answers: &Answers) -> Fact<CacheDaemon> {
    let said = |name: &str| answers.get(name).map(|text| plain(text).trim().to_owned());
    let socket = said("socket").unwrap_or_default();
    match (answers.get("needed"), answers.get("answer")) {
        (Some("no"), _) => Ok(CacheDaemon::NotNeeded),
        (Some("yes"), Some("yes")) => Ok(CacheDaemon::Answers { socket }),
        (Some("yes"), Some("no")) => {
            let why = said("said").unwrap_or_else(|| "it says nothing".to_owned());
            let why = why.trim_start_matches("error:").trim().to_owned();
            Ok(CacheDaemon::Silent { socket, why })
        }
        _ => Err(Unknown::new(
            said("why").unwrap_or_else(|| "the server did not say".to_owned()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(lines: &str) -> Fact<CacheDaemon> {
        let text = format!("storekeeper-answer\n{lines}\nend=\n");
        read(&Answers::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn what_the_server_says() {
        let socket = || "/s".to_owned();
        assert_eq!(of("needed=no"), Ok(CacheDaemon::NotNeeded));
        assert_eq!(
            of("needed=yes\nsocket=/s\nanswer=yes"),
            Ok(CacheDaemon::Answers { socket: socket() })
        );
        assert_eq!(
            of("needed=yes\nsocket=/s\nanswer=no\nsaid=error: cannot\u{1b}[2J connect"),
            Ok(CacheDaemon::Silent {
                socket: socket(),
                why: "cannot\\e[2J connect".to_owned()
            })
        );
        assert_eq!(
            of("needed=yes\nwhy=no nix"),
            Err(Unknown::new("no nix".to_owned()))
        );
        assert!(of("").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(lines in prop::collection::vec("(needed|socket|answer|said|why)=[^\n\r]{0,40}", 0..6)) {
            let _ = of(&lines.join("\n"));
        }
    }
}
