//! The in-progress marker of a job, on a real file system.
//!
//! In: jobs that begin, end or are killed. Out: what the next job sees of them.

use super::real::scratches;
use crate::domain::When;
use crate::domain::unfinished::Unfinished;
use crate::server::unfinished::{self, Beginning};
use crate::server::{Server, Whose, audit};
use std::fs;

fn header(id: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"change\":\"sign\",\"at\":\"2026-01-02T03:04:05Z\",\"by\":\"eve\",\"summary\":\"s\",\"total\":2}}\na\nb\nend\n"
    )
}

async fn begin(server: &Server, id: &str, how: Beginning) -> Result<unfinished::Begun, String> {
    let begun = unfinished::begin(&server.inner, id, header(id).as_bytes(), how).await;
    begun.map_err(|error| error.to_string())
}

fn states(found: &[Unfinished]) -> Vec<(&str, Option<bool>)> {
    found
        .iter()
        .map(|one| (one.id.as_str(), one.running))
        .collect()
}

/// A lock goes a moment after what holds it.
async fn let_go(server: &Server, id: &str) {
    for _ in 0..200 {
        let found = server.unfinished().await.unwrap();
        if states(&found).contains(&(id, Some(false))) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{id} is still held");
}

#[tokio::test]
async fn jobs_see_each_other_and_the_record_of_a_killed_one_is_written_once() {
    let scratch = &scratches()[0];
    let (one, two) = tokio::join!(scratch.connect(), scratch.connect());
    assert!(one.unfinished().await.unwrap().is_empty());
    let first = begin(&one, "a1", Beginning::First).await.unwrap();
    assert!(first.room && first.kept && first.others.is_empty());
    let second = begin(&two, "b2", Beginning::First).await.unwrap();
    assert_eq!(states(&second.others), [("a1", Some(true))]);
    assert_eq!(second.others[0].at, When::from_unix(1_767_323_045));
    assert_eq!(one.planned("a1").await.unwrap(), ["a", "b"]);
    // Looking holds nobody up, and nobody who looks seems to run.
    let looks = tokio::join!(one.unfinished(), two.unfinished(), one.unfinished());
    for look in [looks.0, looks.1, looks.2] {
        assert_eq!(
            states(&look.unwrap()),
            [("a1", Some(true)), ("b2", Some(true))]
        );
    }
    // The same id is nobody else's.
    assert!(begin(&two, "a1", Beginning::First).await.is_err());
    let append = async |server: &Server, id: &str, whose| {
        let rest = format!("\"id\":\"{id}\"}}");
        audit::append(&server.inner, &rest, id, whose).await
    };
    // One that runs is not called killed, one that has ended leaves nothing.
    assert!(append(&two, "a1", Whose::Left).await.is_err());
    append(&two, "b2", Whose::Own).await.unwrap();
    drop(second);
    assert_eq!(
        states(&one.unfinished().await.unwrap()),
        [("a1", Some(true))]
    );
    drop(first);
    let_go(&two, "a1").await;
    // Over a new connection it goes on.
    let again = begin(&two, "a1", Beginning::Again).await.unwrap();
    assert_eq!(
        states(&one.unfinished().await.unwrap()),
        [("a1", Some(true))]
    );
    drop(again);
    let_go(&two, "a1").await;
    let both = tokio::join!(
        append(&one, "a1", Whose::Left),
        append(&two, "a1", Whose::Left)
    );
    assert_eq!(usize::from(both.0.is_ok()) + usize::from(both.1.is_ok()), 1);
    assert!(one.unfinished().await.unwrap().is_empty());
    assert!(begin(&two, "a1", Beginning::Again).await.is_err());
    let log = fs::read_to_string(scratch.file("log/audit.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 2);
    // Killed after its record was written: there is nothing to add.
    let third = begin(&one, "b2", Beginning::First).await.unwrap();
    drop(third);
    let_go(&two, "b2").await;
    assert!(append(&two, "b2", Whose::Left).await.is_err());
    assert!(one.unfinished().await.unwrap().is_empty());
    // What is cut off while it is written was no job.
    let whole = header("c3");
    let cut = &whole.as_bytes()[..whole.len() - 2];
    let begun = unfinished::begin(&one.inner, "c3", cut, Beginning::First);
    let patience = std::time::Duration::from_secs(1);
    assert!(tokio::time::timeout(patience, begun).await.is_err());
    for _ in 0..200 {
        if one.unfinished().await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(one.unfinished().await.unwrap().is_empty());
    let begun = begin(&two, "d4", Beginning::First).await.unwrap();
    assert!(begun.others.is_empty());
    append(&two, "d4", Whose::Own).await.unwrap();
    let left: Vec<_> = fs::read_dir(scratch.file("log")).unwrap().collect();
    // The log, and the last hash of it.
    assert_eq!(left.len(), 2, "{left:?}");
}
