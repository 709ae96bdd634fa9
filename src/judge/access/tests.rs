//! Rows, from files and logs as they are found.

use super::*;
use crate::domain::When;
use crate::domain::access::{LogReach, LogSource, Session};
use crate::domain::key_request::{Decision, PastKey, PastSource, Request, RevokedKey, Source};
use crate::domain::sshd_log::read_text;
use crate::judge::posture::tests::facts;

pub(in crate::judge) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
pub(in crate::judge) const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";

pub(in crate::judge) fn key(text: &str) -> PublicSshKey {
    PublicSshKey::parse(text).unwrap()
}

/// A read-only cache with this key file.
pub(in crate::judge) fn with(content: &str) -> AccessFacts {
    let mut facts = facts(Some("nix-store --serve"));
    facts
        .files
        .push(KeyFile::sample("/etc/ssh/nix-ssh", "nix-ssh", content));
    facts
}

fn rows(facts: &AccessFacts) -> Vec<KeyRow> {
    keys(facts, Age(7 * 86_400)).keys
}

/// The row of a key with this end.
pub(in crate::judge) fn row(expires: Option<When>) -> KeyRow {
    let mut rows = rows(&with(KEY));
    let row = rows.remove(0);
    KeyRow { expires, ..row }
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn the_document_has_the_form_of_the_contract() {
    let mut facts = with(&format!("# team\nrestrict {KEY} ada\u{202e}\n"));
    facts.reach = Some(LogReach {
        since: When::from_unix(1_790_000_000),
        source: LogSource::Journal,
    });
    let print = key(KEY).fingerprint();
    let log = format!(
        "2026-11-18T10:00:00Z h sshd[1]: Accepted publickey for nix-ssh from 10.0.0.7 port 5 ssh2: ED25519 {print}\n"
    );
    facts.events = Ok(read_text(log.as_bytes(), facts.at, 0).events);
    facts.sessions = Ok(vec![Session {
        pid: 1,
        user: "nix-ssh".into(),
        from: None,
        since: None,
        fingerprint: Some(print),
    }]);
    let json = serde_json::to_value(keys(&facts, Age(0))).unwrap();
    let names = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        names(&json),
        [
            "schema",
            "cacheUser",
            "files",
            "posture",
            "keys",
            "refused",
            "authorities"
        ]
    );
    assert_eq!(names(&json["files"][0])[..3], ["path", "editable", "why"]);
    let row = &json["keys"][0];
    assert_eq!(
        names(row)[..14],
        [
            "fingerprint",
            "type",
            "bits",
            "comment",
            "options",
            "expires",
            "file",
            "line",
            "active",
            "can",
            "lastUsed",
            "logsSince",
            "findings",
            "refused"
        ]
    );
    assert_eq!(row["fingerprint"], print.to_string());
    assert_eq!(
        (&row["type"], &row["bits"], &row["line"]),
        (&"ssh-ed25519".into(), &256.into(), &2.into())
    );
    assert_eq!(row["comment"], "ada\\u{202e}");
    assert_eq!(row["options"], serde_json::json!(["restrict"]));
    assert_eq!(
        (&row["active"], &row["can"]),
        (&true.into(), &serde_json::json!(["read"]))
    );
    assert_eq!(
        row["lastUsed"],
        serde_json::json!({"at": "2026-11-18T10:00:00Z", "from": "10.0.0.7"})
    );
    assert_eq!(row["logsSince"], "2026-09-21T14:13:20Z");
    assert_eq!(row["findings"][0]["code"], "comment-hostile");
    assert_eq!((&row["refused"], &row["sessions"]), (&0.into(), &1.into()));
}

#[test]
fn lines_that_are_not_taken() {
    let facts = with(&format!(
        "hello\nnonsense {KEY}\nexpiry-time=\"20200101Z\",restrict {OTHER}\n"
    ));
    let document = keys(&facts, Age(0));
    assert_eq!(codes(&document.files[0].findings), ["invalid-line"]);
    assert!(document.files[0].findings[0].message.contains("line 1 "));
    let rows = document.keys;
    assert_eq!(
        (rows[0].active, rows[0].options.clone(), rows[0].can.clone()),
        (false, None, Some(vec![]))
    );
    assert_eq!(codes(&rows[0].findings), ["bad-options"]);
    assert_eq!((rows[1].active, rows[1].expires.is_some()), (false, true));
    assert_eq!(codes(&rows[1].findings), ["expired"]);
}

#[test]
fn the_same_key_elsewhere() {
    let mut facts = with(&format!(
        "restrict {KEY} a\nrestrict {KEY} b\nrestrict {OTHER}\n"
    ));
    facts.other_files.push(KeyFile::sample(
        "/root/.ssh/authorized_keys",
        "root",
        &format!("{KEY}\n"),
    ));
    facts.other_files.push(KeyFile::sample(
        "/home/ada/.ssh/authorized_keys",
        "ada",
        OTHER,
    ));
    let rows = rows(&facts);
    assert_eq!(rows.len(), 3);
    assert_eq!(codes(&rows[0].findings), ["duplicate", "also-root"]);
    assert_eq!(codes(&rows[1].findings), ["duplicate", "also-root"]);
    assert_eq!(codes(&rows[2].findings), ["also-elsewhere"]);
}

#[test]
fn what_sshd_does_not_take() {
    let active = |change: &dyn Fn(&mut AccessFacts)| {
        let mut facts = with(&format!("{KEY}\n"));
        change(&mut facts);
        rows(&facts)[0].active
    };
    assert!(active(&|_| {}));
    assert!(!active(
        &|facts| facts.files[0].strict_modes_problem = Some("group-writable".into())
    ));
    assert!(!active(&|facts| facts
        .sshd
        .settings
        .as_mut()
        .unwrap()
        .pubkey_authentication = Some(false)));
    assert!(!active(&|facts| facts
        .sshd
        .settings
        .as_mut()
        .unwrap()
        .pubkey_accepted_algorithms =
        vec!["rsa-sha2-512".into()]));
    assert!(active(&|facts| {
        facts.files[0].strict_modes_problem = Some("group-writable".into());
        facts.sshd.settings.as_mut().unwrap().strict_modes = Some(false);
    }));
}

#[test]
fn requests_that_wait() {
    let mut facts = with("");
    let print = key(KEY).fingerprint();
    let line = |pid: u32, from: &str| {
        format!(
            "2026-11-18T10:00:0{pid}Z h sshd[{pid}]: Failed publickey for nix-ssh from {from} port 5 ssh2: ED25519 {print}\n"
        )
    };
    let log = line(1, "10.0.0.7") + &line(2, "10.0.0.8") + &line(3, "10.0.0.8");
    facts.events = Ok(read_text(log.as_bytes(), facts.at, 0).events);
    let seen = When::from_unix(1_794_000_000);
    let waiting = Request::new(key(KEY), Source::Knock, "nix-ssh", seen);
    let mut denied = Request::new(key(OTHER), Source::Paste, "nix-ssh", seen);
    denied.decision = Some(Decision {
        approved: false,
        at: seen,
        by: "ada".into(),
        reason: "who?".into(),
    });
    facts.requests = Ok(vec![waiting.clone(), denied]);
    facts.revoked = Ok(vec![RevokedKey {
        fingerprint: print,
        comment: String::new(),
        at: seen,
        by: "ada".into(),
        reason: "left\n".into(),
    }]);
    let document = requests(&facts);
    assert_eq!(document.requests.len(), 1);
    let row = &document.requests[0];
    assert_eq!(row.id, waiting.id());
    assert_eq!((row.tries, row.first_seen), (3, Some(seen)));
    assert_eq!(row.last_seen.unwrap().to_string(), "2026-11-18T10:00:03Z");
    assert_eq!(row.from, ["10.0.0.8", "10.0.0.7"]);
    assert_eq!(
        row.line.as_deref(),
        Some(format!("restrict {KEY}").as_str())
    );
    assert_eq!(codes(&row.findings), ["revoked-before"]);
    assert!(
        row.findings[0].message.ends_with("(left\\n)"),
        "{}",
        row.findings[0].message
    );
    assert!(row.words.starts_with("read every path"));
    let json = serde_json::to_value(row).unwrap();
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        names[..13],
        [
            "id",
            "fingerprint",
            "type",
            "bits",
            "comment",
            "source",
            "firstSeen",
            "lastSeen",
            "tries",
            "from",
            "proven",
            "line",
            "findings"
        ]
    );
    assert_eq!(json["source"], "knock");
    assert_eq!(codes(&of_candidate(&facts, &key(OTHER))), ["denied-before"]);
    facts.files[0].content = Ok(KEY.as_bytes().to_vec());
    assert_eq!(
        codes(&of_candidate(&facts, &key(KEY))),
        ["duplicate", "revoked-before"]
    );
}

/// What is shown for the key, given a key file and a log.
fn why_refused(facts: &mut AccessFacts, log: &str) -> Vec<Refused> {
    let print = key(KEY).fingerprint();
    let log = log.replace("KEY", &format!("ED25519 {print}"));
    facts.events = Ok(read_text(log.as_bytes(), facts.at, 0).events);
    keys(facts, Age(0)).refused
}

/// What is changed in what was found.
type Change<'a> = &'a dyn Fn(&mut AccessFacts);

#[test]
#[allow(clippy::too_many_lines, reason = "one table")]
fn a_client_that_is_refused_is_told_with_the_reason() {
    let now = with("").at;
    let before = |seconds: i64| When::from_unix(now.unix() - seconds);
    let line = |seconds: i64, what: &str, pid: u32| {
        let rest = "publickey for nix-ssh from 10.0.0.7 port";
        format!(
            "{} h sshd[{pid}]: {what} {rest} {pid} ssh2: KEY\n",
            before(seconds)
        )
    };
    let log = |seconds| line(seconds, "Failed", 5);
    let ended = before(7200).to_string().replace(['-', ':', 'T'], "");
    let ended = format!("expiry-time=\"{ended}\" {KEY} ada\n");
    let revoked = |facts: &mut AccessFacts| {
        facts.revoked = Ok(vec![RevokedKey {
            fingerprint: key(KEY).fingerprint(),
            comment: "ada".into(),
            at: before(3600),
            by: "root".into(),
            reason: "left".into(),
        }]);
    };
    let asked = |facts: &mut AccessFacts, decision: Option<Decision>| {
        let mut request = Request::new(
            key(&format!("{KEY} ada")),
            Source::Knock,
            "nix-ssh",
            before(60),
        );
        request.decision = decision;
        facts.requests = Ok(vec![request]);
    };
    let denied = Decision {
        approved: false,
        at: before(120),
        by: "root".into(),
        reason: "who?".into(),
    };
    let suspended = suspended::tests::suspended_line();
    let cases: [(&str, Change<'_>, String, Cause, &str); 12] = [
        (
            &suspended,
            &|_| (),
            log(10),
            Cause::Suspended,
            "key suspended 1h ago by root via ada (on leave)",
        ),
        (
            &suspended,
            &|facts| asked(facts, None),
            log(10),
            Cause::Suspended,
            "key suspended 1h ago",
        ),
        (
            &ended,
            &|_| (),
            log(10),
            Cause::Expired,
            "key expired 2h ago",
        ),
        (
            "",
            &revoked,
            log(10),
            Cause::Revoked,
            "key revoked 1h ago by root (left)",
        ),
        (
            "",
            &|facts| asked(facts, None),
            log(10),
            Cause::Waits,
            "waits",
        ),
        (
            "",
            &|facts| asked(facts, Some(denied.clone())),
            log(10),
            Cause::Denied,
            "request denied 2m ago by root (who?)",
        ),
        (
            "",
            &|_| (),
            line(600, "Accepted", 4) + &log(10),
            Cause::Removed,
            "no key file any more; it last logged in 10m ago",
        ),
        (
            &format!("from=\"10.9.0.0/16\" {KEY} ada\n"),
            &|_| (),
            format!(
                "{} h sshd[5]: Authentication tried for nix-ssh with correct key but not from a permitted host (host=10.0.0.7, ip=10.0.0.7, required=10.9.0.0/16).\n",
                before(10)
            ) + &log(10),
            Cause::Options,
            "other addresses only, from=\"10.9.0.0/16\"",
        ),
        (
            &format!("principals=\"a\" {KEY} ada\n"),
            &|_| (),
            log(10),
            Cause::NotRead,
            "but ",
        ),
        (
            &format!("{KEY} ada\n"),
            &|_| (),
            log(10),
            Cause::Authorized,
            "can log in",
        ),
        ("", &|_| (), log(10), Cause::NeverSeen, "never seen"),
        (
            &ended,
            &|facts| revoked(facts),
            log(10),
            Cause::Expired,
            "expired",
        ),
    ];
    for (content, change, log, cause, words) in cases {
        let mut facts = with(content);
        change(&mut facts);
        let found = why_refused(&mut facts, &log);
        let [one] = found.as_slice() else {
            panic!("{cause:?}: {found:?}");
        };
        assert_eq!((one.cause, one.times), (cause, 1), "{one:?}");
        assert!(one.message.contains(words), "{words}: {}", one.message);
        assert_eq!(one.last.from, "10.0.0.7");
    }
    // The audit log says who authorized it.
    let mut facts = with("");
    facts.past = vec![PastKey {
        fingerprint: key(KEY).fingerprint(),
        comment: "ada".into(),
        at: before(7200),
        source: PastSource::Audit {
            by: "root via bob".into(),
            reason: String::new(),
        },
    }];
    let found = why_refused(&mut facts, &log(10));
    assert_eq!(
        (found[0].cause, &*found[0].comment, &*found[0].message),
        (
            Cause::Removed,
            "ada",
            "key is in no key file any more; it was authorized 2h ago by root via bob"
        )
    );
    // Without it, the backup of an edit shows that the key was there.
    facts.past[0].source = PastSource::Backup("/k".into());
    assert_eq!(
        why_refused(&mut facts, &log(10))[0].message,
        "key is in no key file any more; it was in /k until an edit 2h ago"
    );
    // A later login outdates a refusal, and yesterday's refusals are not shown.
    let came = log(600) + &line(10, "Accepted", 6);
    assert_eq!(why_refused(&mut with(""), &came), []);
    assert_eq!(why_refused(&mut with(""), &log(90_000)), []);
}
