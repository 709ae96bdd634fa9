//! A look at a server's audit log: its newest records, and whether it is whole.
//!
//! In: a server, and the copy on this machine. Out: [`Look`]. The log streams through; what is kept is bounded.

use super::verify::Check;
use super::witness::Copied;
use super::{Record, Verification};
use crate::server::{Followed, Server, ServerError};
use std::collections::VecDeque;

/// Bytes of the lines whose records are kept.
const MOST_BYTES: usize = 64 << 20;

/// What was found.
#[derive(Debug)]
pub struct Look {
    /// Whether the log is whole.
    pub verification: Verification,
    /// Its newest records, oldest first.
    pub records: Vec<Record>,
    /// Older ones, which were read and are not here.
    pub older: usize,
}

/// The same as [`look_on`], of all of the log.
pub async fn look(
    server: &Server,
    copy: Result<Copied, String>,
    most: usize,
) -> Result<Look, ServerError> {
    look_on(server, copy, most, &mut Followed::default()).await
}

/// Reads the log, of which what was read before need not come again, compares it with the copy (or says why there is none), and keeps at most so many of its newest records.
pub async fn look_on(
    server: &Server,
    copy: Result<Copied, String>,
    most: usize,
    followed: &mut Followed,
) -> Result<Look, ServerError> {
    let mut check = Check::new(copy).with_keys(super::signed::keys(server.spec()));
    let mut newest = Newest::new(most);
    server
        .follow_audit(followed, &mut |event| {
            check.take(&event, &mut |line| newest.line(line));
        })
        .await?;
    let verification = check.finish(&mut |line| newest.line(line));
    Ok(Look {
        verification,
        records: newest
            .records
            .into_iter()
            .map(|(record, _)| record)
            .collect(),
        older: newest.older,
    })
}

/// The newest records of a stream of lines.
struct Newest {
    most: usize,
    records: VecDeque<(Record, usize)>,
    bytes: usize,
    older: usize,
}

impl Newest {
    fn new(most: usize) -> Self {
        Self {
            most,
            records: VecDeque::new(),
            bytes: 0,
            older: 0,
        }
    }

    fn line(&mut self, line: &[u8]) {
        if self.most == 0 {
            return;
        }
        let Some(record) = Record::from_line(line) else {
            return;
        };
        self.bytes += line.len();
        self.records.push_back((record, line.len()));
        while self.records.len() > self.most || (self.bytes > MOST_BYTES && self.records.len() > 1)
        {
            if let Some((_, length)) = self.records.pop_front() {
                self.bytes -= length;
                self.older += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_are_kept() {
        let mut newest = Newest::new(3);
        for at in 0..10 {
            newest.line(format!("{{\"id\":\"{at}\"}}").as_bytes());
            newest.line(b"torn");
        }
        let ids: Vec<_> = newest
            .records
            .iter()
            .map(|(record, _)| record.id.as_str())
            .collect();
        assert_eq!((ids, newest.older), (vec!["7", "8", "9"], 7));
        let mut newest = Newest::new(1000);
        let large = format!("{{\"id\":\"x\",\"summary\":\"{}\"}}", "y".repeat(10 << 20));
        for _ in 0..20 {
            newest.line(large.as_bytes());
        }
        assert_eq!((newest.records.len(), newest.older), (6, 14));
    }
}
