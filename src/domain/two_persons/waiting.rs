//! A plan that waits on the server for a second administrator.
//!
//! In: what the first one has confirmed. Out: the text of its file, and the same back. The file says who, when, why and until when; what is
//! wanted, so that it can be planned again from what is there then; and what was shown, so that a difference is seen. Whatever a file
//! holds is read with limits and is fit to be shown.

use super::{Intent, Login};
use crate::domain::When;
use crate::domain::text::visible;
use serde::{Deserialize, Serialize};

/// The largest file, in bytes.
pub const LARGEST: usize = 256 << 10;

/// The only version of the format.
const VERSION: u32 = 1;

/// A plan that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitingPlan {
    version: u32,
    /// Of the receipt that says that it waits.
    pub id: String,
    /// The kind of change, such as `authorize`.
    pub change: String,
    /// One line, as it was shown.
    pub summary: String,
    /// Who has planned it.
    pub first: Login,
    /// When.
    pub at: When,
    /// Until when it may be confirmed, by the server's clock.
    pub until: When,
    /// Why, in the words of the first.
    pub reason: Option<String>,
    /// The change to make; `wish` in the file.
    #[serde(rename = "wish")]
    pub intent: Intent,
    /// What was shown that would happen, one line each.
    pub effects: Vec<String>,
}

impl WaitingPlan {
    /// One that begins to wait now. `until` and what was shown are the caller's.
    #[expect(clippy::too_many_arguments, reason = "the fields of a file")]
    pub fn new(
        id: String,
        change: &str,
        summary: &str,
        first: Login,
        (at, until): (When, When),
        reason: Option<&str>,
        intent: Intent,
        effects: &[String],
    ) -> Self {
        let shown = |text: &str| visible(text).into_owned();
        Self {
            version: VERSION,
            id,
            change: shown(change),
            summary: shown(summary),
            first,
            at,
            until,
            reason: reason.map(shown),
            intent,
            effects: effects.iter().map(|line| shown(line)).collect(),
        }
    }

    /// The text of its file; `None` where it would be longer than [`LARGEST`].
    pub fn text(&self) -> Option<String> {
        let mut text = serde_json::to_string_pretty(self).ok()?;
        text.push('\n');
        (text.len() <= LARGEST).then_some(text)
    }

    /// Reads a file of this name, without its ending. An error is fit to be shown.
    pub fn parse(id: &str, bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > LARGEST {
            return Err("it is larger than a plan can be".to_owned());
        }
        let mut plan: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("it is no plan: {}", visible(&error.to_string())))?;
        if plan.version != VERSION {
            return Err(format!(
                "it is of version {}, and this program knows {VERSION}",
                plan.version
            ));
        }
        if plan.id != id || !is_id(id) {
            return Err("its name is not its id".to_owned());
        }
        let clean = |text: &mut String| {
            if let std::borrow::Cow::Owned(seen) = visible(text) {
                *text = seen;
            }
        };
        let Self {
            change,
            summary,
            first,
            reason,
            effects,
            ..
        } = &mut plan;
        for text in [change, summary, &mut first.account, &mut first.by] {
            clean(text);
        }
        reason.iter_mut().for_each(clean);
        effects.iter_mut().for_each(clean);
        Ok(plan)
    }

    /// Whether it may not be confirmed any more.
    pub fn is_over(&self, now: When) -> bool {
        now > self.until
    }
}

/// Whether this can be the id of a plan: eight hexadecimal digits, so that it is a plain file name.
pub fn is_id(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 8 && text.bytes().all(digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ssh_key::Fingerprint;
    use crate::domain::two_persons::{CollectRules, PathList};
    use proptest::prelude::*;

    fn plan(intent: Intent) -> WaitingPlan {
        WaitingPlan::new(
            "7f3a0011".into(),
            "revoke",
            "revoke a\u{1b}",
            Login {
                account: "root".into(),
                key: Some(Fingerprint::of(b"a")),
                by: "root via ada@laptop".into(),
            },
            (
                When::from_unix(1_790_000_000),
                When::from_unix(1_790_003_600),
            ),
            Some("left"),
            intent,
            &["- a\u{7}".into()],
        )
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_hides_nothing() {
        let plan = plan(Intent::Revoke {
            key: Fingerprint::of(b"b"),
            end_sessions: true,
        });
        assert_eq!(plan.summary, "revoke a\\e");
        let text = plan.text().unwrap();
        assert!(text.contains("\"wish\": {"), "{text}");
        assert_eq!(
            WaitingPlan::parse("7f3a0011", text.as_bytes()).unwrap(),
            plan
        );
        assert!(!plan.is_over(plan.until) && plan.is_over(When::from_unix(1_790_003_601)));
        for (name, text) in [
            ("7f3a0012", text.clone()),
            ("7f3a0011", text.replace("\"version\": 1", "\"version\": 2")),
            (
                "7f3a0011",
                text.replace("\"do\": \"revoke\"", "\"do\": \"x\""),
            ),
            ("7f3a0011", text.replace("\"reason\"", "\"else\"")),
            ("7f3a0011", text.replace("SHA256:", "MD5:")),
            ("7f3a0011", String::new()),
            ("7f3a0011", format!("{text}{}", " ".repeat(LARGEST))),
        ] {
            assert!(WaitingPlan::parse(name, text.as_bytes()).is_err(), "{text}");
        }
        let hostile = text.replace("left", "a\\u001b[31mb");
        let read = WaitingPlan::parse("7f3a0011", hostile.as_bytes()).unwrap();
        assert_eq!(read.reason.unwrap(), "a\\e[31mb");
        assert!(is_id("0123abcd") && !is_id("../x/abc") && !is_id("0123ABCD") && !is_id("0"));
    }

    #[test]
    fn what_is_too_much_for_a_file_does_not_wait() {
        let text = "x".repeat(LARGEST);
        assert_eq!(plan(Intent::SetRetention { text }).text(), None);
    }

    proptest! {
        #[test]
        fn every_wish_comes_back(
            text in ".{0,40}", more in ".{0,40}", end in proptest::bool::ANY, seconds in 0_i64..4_000_000_000, which in 0..10,
        ) {
            let key = Fingerprint::of(text.as_bytes());
            let intent = match which {
                0 => Intent::Authorize { line: text, file: more },
                1 => Intent::Approve { request: text.clone(), line: text, file: more },
                2 => Intent::Suspend { key, end_sessions: end },
                3 => Intent::Resume { key },
                4 => Intent::Expire { key, expires: end.then(|| When::from_unix(seconds)) },
                5 => Intent::RemoveRoots { roots: vec![text, more] },
                6 => Intent::Unpin { pins: vec!["a".parse().unwrap()] },
                7 => Intent::Collect {
                    rules: CollectRules {
                        policy: end,
                        until_free: Some(text),
                        older_than: end.then_some(seconds as u64),
                        keep_newest: 3,
                        ..CollectRules::default()
                    },
                    list: PathList::default().seal(),
                },
                8 => Intent::SignCert {
                    key: text.clone(),
                    authority: key,
                    serial: seconds as u64,
                    id: text,
                    principals: vec![more],
                    from: None,
                    expires: When::from_unix(seconds),
                },
                _ => Intent::SetRule { text },
            };
            let plan = plan(intent);
            let text = plan.text().unwrap();
            prop_assert_eq!(WaitingPlan::parse("7f3a0011", text.as_bytes()), Ok(plan));
        }

        #[test]
        fn any_bytes_are_a_plan_or_one_sentence(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(why) = WaitingPlan::parse("7f3a0011", &bytes) {
                prop_assert!(!why.chars().any(char::is_control));
            }
        }
    }
}
