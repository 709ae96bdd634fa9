//! The queue of requests on the server, and the list of revoked keys.
//!
//! In: small files, one for each key, in the folders `waiting`, `approved`, `denied` and `revoked`. What waits was written
//! because of a stranger's connection: no name and no number in it is believed that is not checked here. Out: requests.
//!
//! For a knock, each further try is one more empty line behind the JSON, and the file's time is that of the last one.

use super::past;
use crate::change::token::Token;
use crate::domain::When;
use crate::domain::access::{Fact, Unknown};
use crate::domain::key_request::{
    MOST_REQUESTS, Nonce, PastKey, PastReview, Request, RevokedKey, Source, file_name,
};
use crate::domain::overflow::{Dropped, Overflow};
use crate::domain::path_info::hex;
use crate::domain::text::visible;
use crate::link::{Command, Exit, Limits};
use crate::server::error::{ServerError, Why};
use crate::server::script::{self, Answers, why};
use crate::server::{Inner, Server};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Room for thousands of decided requests.
const READ: Limits = Limits {
    output: 64 << 20,
    time: Duration::from_secs(60),
};

/// Room and time to write one.
const MARK: Limits = Limits {
    output: 16 << 10,
    time: Duration::from_secs(60),
};

/// How `scripts/access-mark.sh` ends where a request is not any more what was shown.
const DECIDED: u32 = 65;

/// Where a request is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// Nobody has decided yet.
    Waiting,
    /// The same, with the proof of its key: only where it still waits.
    Proven,
    /// Waits again after it was denied: only where it is still denied.
    Reopened,
    /// Authorized.
    Approved {
        /// It was shown as denied: the decision is changed.
        denied: bool,
    },
    /// Refused, and not asked about again.
    Denied,
    /// Was authorized once, and no longer is.
    Revoked,
}

impl Folder {
    /// Its name on the server; of what is proven or waits again, that is the script's word for a condition.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Proven => "proven",
            Self::Reopened => "reopened",
            Self::Approved { .. } => "approved",
            Self::Denied => "denied",
            Self::Revoked => "revoked",
        }
    }

    /// What the request has to be for the decision to stand, as the script calls it.
    const fn shown(self) -> &'static str {
        match self {
            Self::Approved { denied: true } | Self::Reopened => "denied",
            Self::Approved { denied: false } | Self::Denied | Self::Proven => "waiting",
            Self::Waiting | Self::Revoked => "any",
        }
    }
}

/// What lies in the queue.
pub(super) struct Found {
    pub(super) requests: Fact<Vec<Request>>,
    pub(super) overflow: Fact<Overflow>,
    pub(super) revoked: Fact<Vec<RevokedKey>>,
    pub(super) past: Vec<PastKey>,
    pub(super) reviewed: Option<PastReview>,
}

/// Reads all of it.
pub(super) async fn read(inner: &Inner) -> Result<Found, ServerError> {
    let command = Command::script(script::ACCESS_REQUESTS)
        .arg(&inner.spec.requests_dir)
        .arg(MOST_REQUESTS.to_string())
        .arg(&inner.spec.audit_log)
        .sudo(inner.start.sudo);
    let output = inner.link.run(&command, b"", READ).await?;
    Ok(match Answers::parse(&output.stdout) {
        Some(answers) => sort(&answers),
        None => failed(&format!("the requests can't be read: {}", why(&output))),
    })
}

fn failed(why: &str) -> Found {
    let unknown = Unknown::new(visible(why));
    Found {
        requests: Err(unknown.clone()),
        overflow: Err(unknown.clone()),
        revoked: Err(unknown),
        past: Vec::new(),
        reviewed: None,
    }
}

fn overflow(answers: &Answers) -> Fact<Overflow> {
    let dropped = match answers.get("dropped") {
        None => None,
        Some(text) => Some(Dropped::parse(text).ok_or_else(|| {
            Unknown::new(
                "the file `dropped` beside the waiting requests is not what the knock writes",
            )
        })?),
    };
    let unread = answers.get("unread").map_or(Ok(0), str::parse);
    Ok(Overflow {
        dropped,
        unread: unread.map_err(|_| Unknown::new("the waiting requests could not be counted"))?,
    })
}

/// A file's folder and name, if a program of ours has named it.
fn place(path: &str) -> Option<(&str, &str)> {
    let (folder, name) = path.split_once('/')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let middle = name.strip_prefix("key-")?.strip_suffix(".json")?;
    (middle.len() == 43 && middle.chars().all(plain)).then_some((folder, name))
}

fn sort(answers: &Answers) -> Found {
    if let Some(why) = answers.get("why") {
        return Found {
            past: past::read(answers),
            reviewed: past::reviewed(answers),
            ..failed(why)
        };
    }
    let mut times = HashMap::new();
    let mut lines = HashMap::new();
    for (name, value) in answers.iter() {
        match name {
            "time" => {
                if let [path, seconds, owner] = *value.split(' ').collect::<Vec<_>>()
                    && let Ok(seconds) = seconds.parse()
                {
                    times.insert(path, (When::from_unix(seconds), owner == "0"));
                }
            }
            "lines" => {
                if let Some((path, number)) = value.rsplit_once(':')
                    && let Ok(number) = number.parse::<u64>()
                {
                    lines.insert(path, number);
                }
            }
            _ => {}
        }
    }
    let mut requests: BTreeMap<String, Request> = BTreeMap::new();
    let mut revoked = Vec::new();
    let mut waiting = 0;
    for (name, value) in answers.iter() {
        let Some((path, json)) = value.split_once(':').filter(|_| name == "json") else {
            continue;
        };
        let Some((folder, file)) = place(path) else {
            continue;
        };
        if folder == Folder::Revoked.word() {
            if let Ok(key) = serde_json::from_str::<RevokedKey>(json)
                && file_name(&key.fingerprint) == file
            {
                revoked.push(key);
            }
            continue;
        }
        let Ok(mut request) = Request::from_json(json.as_bytes()) else {
            continue;
        };
        if request.file_name() != file {
            continue;
        }
        if folder == Folder::Waiting.word() {
            waiting += 1;
            if waiting > MOST_REQUESTS {
                continue;
            }
            // A decision stands in another folder, and a proof counts that an administrator has written down.
            let (time, by_root) = times.get(path).copied().unzip();
            request.decision = None;
            if by_root != Some(true) {
                request.proof = None;
            }
            if request.source == Source::Knock {
                request.tries = request.tries.max(lines.get(path).copied().unwrap_or(0));
            }
            request.last_seen = time.or(request.last_seen);
            // Asked again after a decision: that is a new request.
            requests.insert(file.to_owned(), request);
        } else if request.decision.is_some() {
            match requests.get(file) {
                Some(earlier) if earlier.waits() => {}
                _ => {
                    requests.insert(file.to_owned(), request);
                }
            }
        }
    }
    let mut requests: Vec<Request> = requests.into_values().collect();
    requests.sort_by_key(|request| request.first_seen);
    revoked.sort_by_key(|key| key.at);
    Found {
        requests: Ok(requests),
        overflow: overflow(answers),
        revoked: Ok(revoked),
        past: past::read(answers),
        reviewed: past::reviewed(answers),
    }
}

impl Server {
    /// Keeps a request: one that waits, or one with its decision, which takes it out of those that wait. Gives back why
    /// nothing was changed, where somebody else has decided it since it was shown.
    pub async fn put_request(
        &self,
        token: &Token,
        folder: Folder,
        request: &Request,
    ) -> Result<Option<String>, ServerError> {
        self.mark_request(token, folder, request, "put").await
    }

    /// Looks whether a request is still what was shown, and changes nothing; gives back what happened to it.
    pub async fn look_at_request(
        &self,
        token: &Token,
        folder: Folder,
        request: &Request,
    ) -> Result<Option<String>, ServerError> {
        self.mark_request(token, folder, request, "look").await
    }

    async fn mark_request(
        &self,
        token: &Token,
        folder: Folder,
        request: &Request,
        how: &str,
    ) -> Result<Option<String>, ServerError> {
        let json = request
            .to_json()
            .map_err(|error| not_kept(&self.inner, error.to_string().into()))?;
        let nonce = request.nonce.as_ref().map_or("", Nonce::as_str);
        let name = request.file_name();
        mark(&self.inner, token, (folder, how), &name, &json, nonce).await
    }

    /// Keeps a key in the list of revoked ones. Later requests for it are asked about again, and flagged.
    pub async fn put_revoked(&self, token: &Token, key: &RevokedKey) -> Result<(), ServerError> {
        let mut json = serde_json::to_vec(key)
            .map_err(|error| not_kept(&self.inner, error.to_string().into()))?;
        json.push(b'\n');
        let name = file_name(&key.fingerprint);
        let what = (Folder::Revoked, "put");
        let kept = mark(&self.inner, token, what, &name, &json, "").await;
        kept.map(|_| ())
    }
}

/// The decision of somebody else, as the script sends it: who, what, when.
fn decision(json: &[u8]) -> Option<String> {
    let decision = Request::from_json(json).ok()?.decision?;
    let by = visible(&decision.by);
    let word = if decision.approved {
        "approved"
    } else {
        "denied"
    };
    Some(format!("{by} {word} it at {}", decision.at))
}

fn not_kept(inner: &Inner, why: Why) -> ServerError {
    ServerError::Script {
        place: inner.start.place.clone(),
        what: "keep a request",
        why,
        next: "check requests_dir for this server, and that this login may write it",
    }
}

async fn mark(
    inner: &Inner,
    _: &Token,
    (folder, how): (Folder, &str),
    name: &str,
    json: &[u8],
    nonce: &str,
) -> Result<Option<String>, ServerError> {
    let command = Command::script(script::ACCESS_MARK)
        .arg(&inner.spec.requests_dir)
        .arg(folder.word())
        .arg(name)
        .arg(hex(&Sha256::digest(json)))
        .arg(nonce)
        .arg(folder.shown())
        .arg(how)
        .sudo(inner.start.sudo);
    let output = inner.link.run(&command, json, MARK).await?;
    match output.exit {
        Exit::Code(0) => Ok(None),
        Exit::Code(DECIDED) => Ok(Some(
            decision(&output.stdout).unwrap_or_else(|| why(&output).to_string()),
        )),
        _ => Err(not_kept(inner, why(&output))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key_request::Proof;
    use proptest::prelude::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhVmVJUK";

    fn request() -> Request {
        let json = format!(
            "{{\"schema\":1,\"type\":\"ssh-ed25519\",\"key\":\"{KEY}\",\"source\":\"knock\",\"user\":\"nix-ssh\",\"firstSeen\":\"2026-01-02T03:04:05Z\",\"tries\":1}}"
        );
        Request::from_json(json.as_bytes()).unwrap()
    }

    fn text(request: &Request) -> String {
        String::from_utf8(request.to_json().unwrap()).unwrap()
    }

    fn found(lines: &str) -> Found {
        let text = format!("storekeeper-answer\n{lines}\nend=\n");
        sort(&Answers::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn what_waits_is_counted_and_not_believed() {
        let mut request = request();
        let file = request.file_name();
        request.proof = Some(Proof {
            at: When::from_unix(7),
            by: "root".into(),
        });
        request.decision = Some(crate::domain::key_request::Decision {
            approved: true,
            at: When::from_unix(5),
            by: "somebody".into(),
            reason: String::new(),
        });
        let waiting = format!(
            "time=waiting/{file} 1800000000 61004\nlines=waiting/{file}:4\njson=waiting/{file}:{}",
            text(&request)
        );
        let requests = found(&waiting).requests.unwrap();
        assert_eq!(requests.len(), 1);
        assert!(requests[0].waits() && requests[0].proof.is_none());
        assert_eq!(requests[0].tries, 4);
        assert_eq!(requests[0].last_seen, Some(When::from_unix(1_800_000_000)));
        let by_root = found(&waiting.replace(" 61004", " 0")).requests.unwrap();
        assert!(by_root[0].waits() && by_root[0].proof.is_some());
        // Decided, and then asked again.
        let approved = format!("json=approved/{file}:{}", text(&request));
        let requests = found(&approved).requests.unwrap();
        assert!(!requests[0].waits() && requests[0].proof.is_some());
        let both = found(&format!("{approved}\n{waiting}")).requests.unwrap();
        assert!(both.len() == 1 && both[0].waits());
        // Another key's name, or none.
        let other = file.replace("key-", "key-x").replacen("xA", "x", 1);
        for path in [other.as_str(), "key-.json", "x", "../key"] {
            let json = format!("json=waiting/{path}:{}", text(&request));
            assert!(found(&json).requests.unwrap().is_empty(), "{path}");
        }
        let denied = found("why=no rights");
        assert!(denied.requests.is_err() && denied.revoked.is_err());
    }

    #[test]
    fn what_was_dropped_and_what_was_not_read() {
        assert_eq!(found("").overflow, Ok(Overflow::default()));
        let reported = found("dropped=37 1795000000 1795000007\nunread=4").overflow;
        let reported = reported.unwrap();
        assert_eq!(reported.dropped.unwrap().count, 37);
        assert_eq!(reported.unread, 4);
        for lines in ["dropped=root:x:0:0", "unread=many"] {
            let why = found(lines).overflow.unwrap_err().to_string();
            assert!(!why.contains("root:x"), "{why}");
        }
    }

    #[test]
    fn revoked_keys() {
        let key = RevokedKey {
            fingerprint: request().key.fingerprint(),
            comment: "ada".into(),
            at: When::from_unix(9),
            by: "root".into(),
            reason: "left".into(),
        };
        let json = serde_json::to_string(&key).unwrap();
        let line = format!("json=revoked/{}:{json}", file_name(&key.fingerprint));
        assert_eq!(found(&line).revoked.unwrap(), [key]);
    }

    proptest! {
        #[test]
        fn never_panics(lines in prop::collection::vec("(json|time|lines|dropped|unread)=[ -~]{0,60}", 0..9)) {
            let _ = found(&lines.join("\n"));
        }
    }
}
