//! Which connections to a server are this program's, so that a log can be read without them.
//!
//! In: a link that was opened. Out: the client's address and port of each as the server sees them, which is what sshd logs.
//! Behind a proxy or a translated address this side can't know them, so the server is asked, once for each connection.

use super::script;
use crate::domain::When;
use crate::domain::access::OwnConnection;
use crate::link::{Command, Limits, Link, Place};
use futures_util::future::join_all;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Connections that are remembered, the newest of all servers.
const MOST: usize = 256;

/// How long a login may take: sshd logs a connection before it can be asked, after passphrases and second factors.
const BEFORE: i64 = 300;

const QUESTION: Limits = Limits {
    output: 4 << 10,
    time: Duration::from_secs(60),
};

/// By place; a console that was connected twice has both in its log.
static OWN: Mutex<Vec<(String, OwnConnection)>> = Mutex::new(Vec::new());

/// Links of a server that were not asked.
#[derive(Clone, Default)]
pub(super) struct Unasked(Arc<Mutex<Vec<Link>>>);

impl Unasked {
    /// It was opened.
    pub(super) fn add(&self, link: &Link) {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.push(link.clone());
    }

    /// Asks over each. A connection without an answer is shown like any other.
    pub(super) async fn learn(&self, place: &Place) {
        let links = {
            let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *links)
        };
        // On this machine, the user of this program may be logged in over ssh.
        if !matches!(place, Place::Local) {
            let place = place.describe();
            join_all(links.into_iter().map(|link| ask(link, &place))).await;
        }
    }
}

async fn ask(link: Link, place: &str) {
    let command = Command::script(script::OWN);
    let Ok(output) = link.run(&command, b"", QUESTION).await else {
        return;
    };
    if let Some(own) = script::Answers::parse(&output.stdout).and_then(|said| read(&said)) {
        let mut all = OWN.lock().unwrap_or_else(PoisonError::into_inner);
        let over = (all.len() + 1).saturating_sub(MOST);
        all.drain(..over);
        all.push((place.to_owned(), own));
    }
}

/// `SSH_CONNECTION`: the client's address and port, the server's address and port.
fn read(answers: &script::Answers) -> Option<OwnConnection> {
    let mut words = answers.get("connection")?.split(' ');
    let (address, port) = (words.next()?, words.next()?.parse().ok()?);
    let clock: i64 = answers.get("clock")?.parse().ok()?;
    Some(OwnConnection {
        address: address.to_owned(),
        port,
        since: When::from_unix(clock.saturating_sub(BEFORE)),
    })
}

/// Those to a place.
pub(super) fn all(place: &str) -> Vec<OwnConnection> {
    let all = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    let here = all.iter().filter(|(own, _)| own == place);
    here.map(|(_, own)| own.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_read_or_it_is_nobodys() {
        let said = |connection: &str, clock: &str| {
            let text =
                format!("storekeeper-answer\nconnection={connection}\nclock={clock}\nend=\n");
            script::Answers::parse(text.as_bytes()).and_then(|answers| read(&answers))
        };
        let own = said("2001:db8::7 50123 2001:db8::1 22", "1790000000").unwrap();
        assert_eq!((own.address.as_str(), own.port), ("2001:db8::7", 50_123));
        assert_eq!(own.since, When::from_unix(1_790_000_000 - BEFORE));
        for (connection, clock) in [
            ("", "1790000000"),
            ("10.0.0.1", "1790000000"),
            ("10.0.0.1 x 10.0.0.2 22", "1790000000"),
            ("10.0.0.1 66000 10.0.0.2 22", "1790000000"),
            ("10.0.0.1 50123 10.0.0.2 22", ""),
        ] {
            assert_eq!(said(connection, clock), None, "{connection}");
        }
    }
}
