//! Which clients may have a path, by when it was uploaded.
//!
//! In: what sshd's log and the open sessions say of the cache user. Out: each key that had a session since then, and what is not
//! known. That a client had a session is not that it copied the path: what was sent in one is in no log.

use crate::domain::When;
use crate::domain::access::{AccessFacts, LogKind};
use crate::domain::count::count;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use std::collections::BTreeMap;

/// A key that had sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The key.
    pub fingerprint: Fingerprint,
    /// Its comment as far as one is known; fit to be shown.
    pub comment: String,
    /// Logins since then.
    pub logins: usize,
    /// The last of them, and from where; `None` where only an open session is known.
    pub last: Option<(When, String)>,
    /// Sessions that are open now, whenever they began.
    pub open: usize,
}

/// What is known of sessions since a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// The keys, the one that came last first.
    pub clients: Vec<Client>,
    /// Logins and open sessions of which no key is known.
    pub nameless: usize,
    /// What the log and the sessions do not say, as sentences.
    pub unknown: Vec<String>,
}

/// Looks for sessions of the cache user since then.
pub fn since(facts: &AccessFacts, when: When) -> Exposure {
    let mut unknown = Vec::new();
    let mut nameless = 0;
    let mut clients: BTreeMap<Fingerprint, Client> = BTreeMap::new();
    let client = |fingerprint: Fingerprint| Client {
        fingerprint,
        comment: comment(facts, &fingerprint),
        logins: 0,
        last: None,
        open: 0,
    };
    let user = facts.cache_user.as_ref().ok().map(|user| &user.name);
    match (&facts.events, user) {
        (Err(why), _) => unknown.push(format!(
            "which keys had sessions since then is not known: {}",
            visible(&why.to_string())
        )),
        (_, None) => {
            unknown.push("which keys had sessions is not known: there is no cache user".to_owned());
        }
        (Ok(events), Some(user)) => {
            let own = events.iter().filter(|event| {
                let accepted = matches!(event.kind, LogKind::Accepted(_));
                accepted && event.user == *user && event.at >= when
            });
            for event in own {
                let Some(key) = event.fingerprint else {
                    nameless += 1;
                    continue;
                };
                let client = clients.entry(key).or_insert_with(|| client(key));
                client.logins += 1;
                let last = (event.at, visible(&event.address).into_owned());
                client.last = client.last.take().max(Some(last));
            }
            match &facts.reach {
                Some(reach) if reach.since > when => unknown.push(format!(
                    "sshd's log reaches back to {} only; who had sessions from {when} until then is not known",
                    reach.since
                )),
                Some(_) => {}
                None => unknown.push(
                    "there is no log of sshd, so which keys had sessions is not known".to_owned(),
                ),
            }
        }
    }
    match &facts.sessions {
        Ok(open) => {
            for session in open {
                match session.fingerprint {
                    Some(key) => clients.entry(key).or_insert_with(|| client(key)).open += 1,
                    None => nameless += 1,
                }
            }
        }
        Err(why) => unknown.push(format!(
            "which sessions are open now is not known: {}",
            visible(&why.to_string())
        )),
    }
    let mut clients: Vec<Client> = clients.into_values().collect();
    clients.sort_by(|a, b| b.last.cmp(&a.last));
    Exposure {
        clients,
        nameless,
        unknown,
    }
}

/// The key's comment where it stands in a file, or as the audit log has it.
fn comment(facts: &AccessFacts, key: &Fingerprint) -> String {
    let in_file = facts.files.iter().find_map(|file| {
        let document = file.document().ok()?;
        let (_, line) = document.lines().find(|(_, line)| {
            line.any_key()
                .is_some_and(|own| own.key.fingerprint() == *key)
        })?;
        Some(line.any_key()?.key.comment().into_owned())
    });
    let revoked = facts.revoked.iter().flatten();
    let mut revoked = revoked.filter(|old| old.fingerprint == *key);
    let mut past = facts.past.iter().filter(|old| old.fingerprint == *key);
    let comment = in_file
        .or_else(|| revoked.next_back().map(|old| old.comment.clone()))
        .or_else(|| past.next_back().map(|old| old.comment.clone()));
    visible(&comment.unwrap_or_default()).into_owned()
}

impl Client {
    /// `ada@ci (SHA256:…) had 3 sessions since it was uploaded, the last at … from 10.0.0.7`.
    fn words(&self) -> String {
        let key = self.fingerprint;
        let name = match self.comment.as_str() {
            "" => key.to_string(),
            comment => format!("{comment} ({key})"),
        };
        let open = match self.open {
            0 => String::new(),
            open => format!(", {} open now", count(open, "session")),
        };
        match &self.last {
            Some((at, from)) => {
                let logins = count(self.logins, "session");
                format!(
                    "{name} had {logins} since it was uploaded, the last at {at} from {from}{open}"
                )
            }
            None => format!("{name} has {} open", count(self.open, "session")),
        }
    }
}

impl Exposure {
    /// Who may have it, one sentence each, with what is not known.
    pub fn sentences(&self, when: When) -> Vec<String> {
        let mut said: Vec<String> = self.clients.iter().map(Client::words).collect();
        if self.nameless > 0 {
            said.push(format!(
                "{} of the cache user since it was uploaded name no key",
                count(self.nameless, "session")
            ));
        }
        if said.is_empty() && self.unknown.is_empty() {
            said.push(format!(
                "no key of the cache user had a session since it was uploaded at {when}"
            ));
        }
        said.extend(self.unknown.iter().cloned());
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::{LogReach, LogSource, Session, Unknown};
    use crate::domain::sshd_log::read_text;
    use crate::judge::posture::tests::facts;

    const PRINT: &str = "SHA256:qADiIglUi4O/qgiYyQU3mpby9E9do+IE70A96zix+94";

    fn at(minutes: i64) -> When {
        When::from_unix(1_795_600_000 + minutes * 60)
    }

    fn log(lines: &[(i64, &str)]) -> AccessFacts {
        let text: Vec<String> = lines
            .iter()
            .map(|(minutes, user)| {
                format!(
                    "{} h sshd[7]: Accepted publickey for {user} from 10.0.0.7 port 9 ssh2: ED25519 {PRINT}\n",
                    at(*minutes)
                )
            })
            .collect();
        let mut facts = facts(Some("nix-store --serve"));
        facts.events = Ok(read_text(text.concat().as_bytes(), at(99), facts.utc_offset).events);
        facts.reach = Some(LogReach {
            since: at(0),
            source: LogSource::Journal,
        });
        facts
    }

    #[test]
    fn sessions_since_the_upload_and_no_others_count() {
        let mut facts = log(&[
            (5, "nix-ssh"),
            (10, "nix-ssh"),
            (20, "nix-ssh"),
            (21, "root"),
        ]);
        let found = since(&facts, at(10));
        let [client] = found.clients.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(
            (client.logins, client.last.as_ref().unwrap().0),
            (2, at(20))
        );
        let said = found.sentences(at(10));
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with(PRINT) && said[0].contains("had 2 sessions"),
            "{said:?}"
        );
        let none = since(&facts, at(30)).sentences(at(30));
        assert!(
            none[0].starts_with("no key of the cache user had a session"),
            "{none:?}"
        );
        // One that is open is named, whenever it began.
        facts.sessions = Ok(vec![Session {
            pid: 7,
            user: "nix-ssh".into(),
            from: None,
            since: None,
            fingerprint: Fingerprint::parse(PRINT),
        }]);
        let open = since(&facts, at(30)).sentences(at(30));
        assert_eq!(open, [format!("{PRINT} has 1 session open")]);
    }

    #[test]
    fn what_the_log_does_not_reach_is_said() {
        let mut facts = log(&[(20, "nix-ssh")]);
        facts.reach.as_mut().unwrap().since = at(15);
        let said = since(&facts, at(10)).sentences(at(10)).concat();
        assert!(
            said.contains("reaches back to") && said.contains("not known"),
            "{said}"
        );
        facts.reach = None;
        let said = since(&facts, at(10)).sentences(at(10)).concat();
        assert!(said.contains("no log of sshd"), "{said}");
        facts.events = Err(Unknown::new("no rights"));
        let said = since(&facts, at(10)).sentences(at(10)).concat();
        assert!(said.contains("not known: no rights"), "{said}");
    }
}
