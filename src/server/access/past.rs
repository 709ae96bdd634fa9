//! Which keys were authorized from here before, and when the keys were reviewed.
//!
//! In: the last records of the audit log that tell of an authorized key, as `scripts/access-requests.sh` gives them, and of reviews. Out: a
//! [`PastKey`] for each, and the last review. A record that is not as this program writes them is passed over.

use crate::domain::When;
use crate::domain::authorized_keys::AuthorizedKeys;
use crate::domain::key_request::{PastKey, PastReview, PastSource};
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::server::script::Answers;
use serde::Deserialize;

/// What the end of the audit log says of keys that were authorized.
pub(super) fn read(answers: &Answers) -> Vec<PastKey> {
    #[derive(Deserialize)]
    struct Record {
        at: When,
        by: String,
        summary: String,
        items: Vec<String>,
        #[serde(default)]
        reason: Option<String>,
    }
    let past = answers.all("audit").filter_map(|line| {
        let record: Record = serde_json::from_str(line).ok()?;
        // `SHA256:… in FILE`, or `request … of SHA256:…`.
        let mut words = record.items.iter().flat_map(|item| item.split(' '));
        let fingerprint = words.find_map(Fingerprint::parse)?;
        let (_, name) = record.summary.split_once(' ')?;
        // `ada (SHA256:…)`, or the fingerprint alone.
        let name = name.split(" (SHA256:").next().unwrap_or(name);
        let comment = if Fingerprint::parse(name).is_some() {
            ""
        } else {
            name
        };
        Some(PastKey {
            fingerprint,
            comment: visible(comment).into_owned(),
            at: record.at,
            source: PastSource::Audit {
                by: visible(&record.by).into_owned(),
                reason: visible(&record.reason.unwrap_or_default()).into_owned(),
            },
        })
    });
    past.collect()
}

/// The keys of a backup that an edit has left beside a key file, `at` the time of that edit.
pub(super) fn of_backup(file: &str, backup: &[u8], at: When) -> Vec<PastKey> {
    let document = AuthorizedKeys::parse(backup);
    let keys = document.lines().filter_map(|(_, line)| line.key());
    keys.map(|line| PastKey {
        fingerprint: line.key.fingerprint(),
        comment: visible(&line.key.comment()).into_owned(),
        at,
        source: PastSource::Backup(visible(file).into_owned()),
    })
    .collect()
}

/// The last review in the end of the audit log.
pub(super) fn reviewed(answers: &Answers) -> Option<PastReview> {
    #[derive(Deserialize)]
    struct Record {
        at: When,
        by: String,
    }
    let records = answers.all("review");
    let reviews = records.filter_map(|line| serde_json::from_str::<Record>(line).ok());
    let last = reviews.max_by_key(|record| record.at)?;
    Some(PastReview {
        at: last.at,
        by: visible(&last.by).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRINT: &str = "SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og";

    fn of(lines: &str) -> Vec<PastKey> {
        let text = format!("storekeeper-answer\n{lines}\nend=\n");
        read(&Answers::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn records_of_keys() {
        let record = |summary: &str, item: &str| {
            format!(
                r#"audit={{"prev":"x","at":"2026-01-02T03:04:05Z","by":"root via ada","change":"authorize","summary":"{summary}","items":["{item}"]}}"#
            )
        };
        let lines = [
            record(
                &format!("authorize ada ({PRINT})"),
                &format!("{PRINT} in /k, line 3"),
            ),
            record(&format!("authorize {PRINT}"), &format!("{PRINT} in /k")),
            record("approve bob", &format!("request bob of {PRINT}")),
            record("authorize nobody", "nothing in /k"),
            "audit={".to_owned(),
        ];
        let found = of(&lines.join("\n"));
        let names: Vec<&str> = found.iter().map(|key| key.comment.as_str()).collect();
        assert_eq!(names, ["ada", "", "bob"]);
        assert_eq!(found[0].fingerprint.to_string(), PRINT);
        assert_eq!(found[0].at.to_string(), "2026-01-02T03:04:05Z");
        let PastSource::Audit { by, .. } = &found[0].source else {
            panic!("{found:?}")
        };
        assert_eq!(by, "root via ada");
    }

    #[test]
    fn the_last_review_counts() {
        let of = |lines: &str| {
            let text = format!("storekeeper-answer\n{lines}\nend=\n");
            reviewed(&Answers::parse(text.as_bytes()).unwrap())
        };
        let line = |year: u32, by: &str| {
            format!(
                r#"review={{"prev":"x","at":"{year}-01-02T03:04:05Z","by":"{by}","change":"review"}}"#
            )
        };
        let lines = [line(2027, "eve"), line(2026, "ada"), "review={".to_owned()];
        assert_eq!(of(&lines.join("\n")).unwrap().by, "eve");
        assert_eq!(of(""), None);
    }

    proptest! {
        #[test]
        fn never_panics(value in "\\PC{0,80}") {
            let _ = of(&format!("audit={value}\nreview={value}"));
            let text = format!("storekeeper-answer\nreview={value}\nend=\n");
            let _ = Answers::parse(text.as_bytes()).and_then(|answers| reviewed(&answers));
        }
    }
}
