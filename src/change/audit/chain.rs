//! The chain of an audit log, checked line by line as it streams in.
//!
//! In: the bytes of its files, in order. Out: each line with its hash, for comparisons; at the end all that does not
//! fit. Whatever lies there, one line and the hashes of some thousand are held. Behind a flaw the check goes on: the line is
//! taken as it lies there.

use super::flaw::{Broken, Flaw, MOST_FLAWS, Place, Vouched};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};

/// The SHA-256 of a line without its newline.
pub(super) type Hash = [u8; 32];

/// What the first record has in the place of a hash.
pub(super) const NONE: Hash = [0; 32];

/// Bytes of a line that are kept; the longest record has half of that.
const MOST_LINE: usize = 16 << 20;

/// Earlier lines whose hashes are known, to tell what is out of order.
const MOST_EARLIER: usize = 4096;

/// The hash that a line has of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// None at all.
    Absent,
    /// Something that is no hash.
    Odd,
    /// This one.
    To(Hash),
}

/// A line, as far as it can be read.
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    pub(super) hash: Hash,
    pub(super) at: &'a Place,
    /// Of the line before it.
    pub(super) prev: Link,
    pub(super) id: Option<&'a str>,
}

/// Called with each line.
pub(super) type Each<'a> = &'a mut dyn FnMut(&Line<'_>);

/// A line that was checked.
#[derive(Debug, Clone)]
struct Before {
    at: Place,
    hash: Hash,
}

/// What the next line decides.
#[derive(Debug)]
enum Pending {
    /// The line before could not be read. Its flaw, its own link, and the line before it.
    Unread(usize, Link, Option<Before>),
    /// The line before does not fit to the one before it, by this link.
    Mismatch(Hash, Option<Before>, Option<String>),
}

/// What a line has in front of its record.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    prev: Option<Value>,
    #[serde(default)]
    part: Option<Value>,
    #[serde(default)]
    before: Option<Value>,
    #[serde(default)]
    id: Option<Value>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Chain {
    /// The line that is coming in: its start, its hash so far, its length.
    text: Vec<u8>,
    hasher: Sha256,
    length: usize,
    at: Place,
    before: Option<Before>,
    pending: Option<Pending>,
    /// The number of the last file.
    part: u64,
    /// Hashes of earlier lines, and the order in which they are forgotten.
    earlier: HashMap<Hash, Place>,
    order: VecDeque<Hash>,
    /// Links to lines that have not come yet, and the flaw that this made.
    awaited: HashMap<Hash, (usize, Place, Option<String>)>,
    /// Records that were cut off.
    torn: HashMap<String, usize>,
    pub(super) records: usize,
    pub(super) flaws: Vec<Broken>,
    pub(super) flaws_total: usize,
}

impl Chain {
    /// A file begins.
    pub(super) fn file(&mut self, name: Option<&str>, each: Each<'_>) {
        self.end_line(false, each);
        self.at = Place {
            file: name.map(str::to_owned),
            line: 0,
        };
    }

    /// More of it.
    pub(super) fn bytes(&mut self, mut bytes: &[u8], each: Each<'_>) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.more(line);
            self.length += 1;
            self.end_line(false, each);
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.more(bytes);
    }

    /// The log has ended. The hash of its last line.
    pub(super) fn end(&mut self, each: Each<'_>) -> Option<Hash> {
        self.end_line(true, each);
        self.decide(None);
        self.before.as_ref().map(|before| before.hash)
    }

    fn more(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len();
        let room = MOST_LINE.saturating_sub(self.text.len());
        self.text
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// `cut`: the log ends here, without a newline.
    fn end_line(&mut self, cut: bool, each: Each<'_>) {
        if self.length == 0 {
            return;
        }
        self.at.line += 1;
        let text = std::mem::take(&mut self.text);
        let hash: Hash = std::mem::take(&mut self.hasher).finalize().into();
        let whole = self.length <= text.len() + 1;
        self.length = 0;
        self.line(&text, hash, (cut, whole), each);
        // Its room is used again.
        self.text = text;
        self.text.clear();
    }

    fn line(&mut self, text: &[u8], hash: Hash, (cut, whole): (bool, bool), each: Each<'_>) {
        let (head, why) = read(text, whole);
        let prev = head.as_ref().map_or_else(|| start(text), link);
        let id = match &head {
            Some(head) => head.id.as_ref().and_then(Value::as_str).map(str::to_owned),
            None => id_of(text),
        };
        let id = id.map(|id| crate::domain::text::visible(&id).into_owned());
        let at = self.at.clone();
        let line = Line {
            text,
            hash,
            at: &at,
            prev,
            id: id.as_deref(),
        };
        each(&line);
        let before = head.as_ref().map(|head| own(head.before.as_ref()));
        let covered = self.decide(Some((prev, before.unwrap_or(Link::Absent), &at)));
        if cut {
            let expected = self.before.as_ref().map_or(NONE, |before| before.hash);
            let fits = prev == Link::To(expected);
            self.flaw(at.clone(), id, Flaw::Truncated { before: fits });
            if !fits && !covered && prev != Link::Absent {
                match self.before.clone() {
                    Some(before) => self.flaw(before.at, None, Flaw::Changed),
                    None => self.flaw(at.clone(), None, Flaw::NotFirst),
                };
            }
        } else if let Some(why) = why {
            let flaw = self.flaw(at.clone(), id.clone(), why);
            if let Some(id) = id.filter(|_| flaw < MOST_FLAWS) {
                self.torn.insert(id, flaw);
            }
            self.pending = Some(Pending::Unread(flaw, prev, self.before.clone()));
        } else {
            self.records += 1;
            if let Some(flaw) = id.as_ref().and_then(|id| self.torn.remove(id))
                && let Some(Flaw::Torn(vouched)) =
                    self.flaws.get_mut(flaw).map(|flaw| &mut flaw.why)
            {
                vouched.again = Some(at.clone());
            }
            let part = head.and_then(|head| head.part?.as_u64());
            self.fits(prev, part, covered, id);
        }
        self.remember(hash, at);
    }

    /// Whether a record fits to the line before it.
    fn fits(&mut self, prev: Link, part: Option<u64>, covered: bool, id: Option<String>) {
        let at = self.at.clone();
        let number = part.unwrap_or(1);
        let gap = number > self.part + 1 && at.line == 1;
        let missing = (self.part + 1, number.saturating_sub(1));
        if at.line == 1 {
            self.part = self.part.max(number);
        }
        let expected = self.before.as_ref().map_or(NONE, |before| before.hash);
        let Link::To(prev) = prev else {
            self.flaw(at, id, Flaw::OwnHash);
            return;
        };
        if prev == expected {
            return;
        }
        if gap {
            self.flaw(at, id, Flaw::MissingParts(missing.0, missing.1));
        } else if self.before.is_none() {
            self.flaw(at, id, Flaw::NotFirst);
        } else if let Some(behind) = self.earlier.get(&prev).cloned() {
            self.flaw(at, id, Flaw::OutOfOrder(behind));
        } else if !covered {
            self.pending = Some(Pending::Mismatch(prev, self.before.clone(), id));
        }
    }

    /// What the next line says of the one before it, where that was left open; nothing for the end of the log. Out: whether
    /// the next line's own misfit follows from that.
    fn decide(&mut self, next: Option<(Link, Link, &Place)>) -> bool {
        let Some(last) = self.before.clone() else {
            return false;
        };
        let fits = next.is_some_and(|(prev, ..)| prev == Link::To(last.hash));
        match self.pending.take() {
            None => false,
            Some(Pending::Unread(flaw, own, before)) => {
                let expected = before.as_ref().map_or(NONE, |before| before.hash);
                let said = [Some(own), next.map(|(_, before, _)| before)];
                let has = |link: Link| said.contains(&Some(link));
                let other = |said: &Option<Link>| {
                    said.is_some_and(|said| {
                        !matches!(said, Link::Absent) && said != Link::To(expected)
                    })
                };
                let counts = fits || next.is_none();
                let vouched = Vouched {
                    here: fits,
                    before: counts && has(Link::To(expected)),
                    again: None,
                };
                if let Some(flaw) = self.flaws.get_mut(flaw)
                    && let Flaw::Torn(now) | Flaw::NotJson(now) | Flaw::NoHash(now) = &mut flaw.why
                {
                    *now = vouched;
                }
                if counts && said.iter().any(other) {
                    match before {
                        Some(before) => self.flaw(before.at, None, Flaw::Changed),
                        None => self.flaw(last.at, None, Flaw::NotFirst),
                    };
                }
                !fits
            }
            Some(Pending::Mismatch(wanted, before, id)) => {
                let restart = wanted == NONE;
                let own_hash = next.is_some_and(|(prev, ..)| prev != Link::Absent) && !fits;
                let flaw = match before {
                    _ if own_hash => self.flaw(last.at.clone(), id.clone(), Flaw::OwnHash),
                    Some(before) if !restart => self.flaw(before.at, None, Flaw::Changed),
                    _ => self.flaw(last.at.clone(), id.clone(), Flaw::Restart),
                };
                if self.awaited.len() < MOST_EARLIER && !restart {
                    self.awaited.insert(wanted, (flaw, last.at, id));
                }
                own_hash
            }
        }
    }

    fn remember(&mut self, hash: Hash, at: Place) {
        // The line that another one belongs behind comes only now.
        if let Some((flaw, place, id)) = self.awaited.remove(&hash)
            && let Some(flaw) = self.flaws.get_mut(flaw)
        {
            *flaw = Broken {
                at: place,
                id,
                why: Flaw::OutOfOrder(at.clone()),
            };
        }
        if self.order.len() == MOST_EARLIER
            && let Some(oldest) = self.order.pop_front()
        {
            self.earlier.remove(&oldest);
        }
        self.order.push_back(hash);
        self.earlier.insert(hash, at.clone());
        self.before = Some(Before { at, hash });
    }

    /// Notes a flaw; its index, which is behind the end of the list when that is full.
    fn flaw(&mut self, at: Place, id: Option<String>, why: Flaw) -> usize {
        self.flaws_total += 1;
        if self.flaws.len() < MOST_FLAWS {
            self.flaws.push(Broken { at, id, why });
            return self.flaws.len() - 1;
        }
        usize::MAX
    }
}

/// What stands in front of a record; or why it is none.
fn read(text: &[u8], whole: bool) -> (Option<Head>, Option<Flaw>) {
    if !whole {
        return (None, Some(Flaw::NotJson(Vouched::default())));
    }
    match serde_json::from_slice::<Head>(text) {
        Ok(head) if text.first() == Some(&b'{') => match &head.prev {
            Some(Value::String(_)) => (Some(head), None),
            _ => (Some(head), Some(Flaw::NoHash(Vouched::default()))),
        },
        Err(error) if error.is_eof() && text.first() == Some(&b'{') => {
            (None, Some(Flaw::Torn(Vouched::default())))
        }
        _ if torn_by_zeros(text) => (None, Some(Flaw::Torn(Vouched::default()))),
        _ => (None, Some(Flaw::NotJson(Vouched::default()))),
    }
}

/// A crash may leave zeros where the end of a line was to be.
fn torn_by_zeros(text: &[u8]) -> bool {
    let kept = text
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    kept < text.len()
        && matches!(serde_json::from_slice::<Head>(text.get(..kept).unwrap_or_default()), Err(error) if error.is_eof())
}

fn link(head: &Head) -> Link {
    own(head.prev.as_ref())
}

fn own(value: Option<&Value>) -> Link {
    match value {
        Some(Value::String(text)) => unhex(text.as_bytes()).map_or(Link::Odd, Link::To),
        _ => Link::Absent,
    }
}

/// The link of a line that was cut off behind it.
fn start(text: &[u8]) -> Link {
    let hash = text.strip_prefix(b"{\"prev\":\"").and_then(|rest| {
        let (hash, rest) = rest.split_at_checked(64)?;
        rest.starts_with(b"\"").then_some(hash)
    });
    hash.and_then(unhex).map_or(Link::Absent, Link::To)
}

/// The identifier in a line that was cut off behind it: it stands near the start.
pub(super) fn id_of(text: &[u8]) -> Option<String> {
    let start = text.get(..text.len().min(300))?;
    let mark = b"\"id\":\"";
    let at = start.windows(mark.len()).position(|part| part == mark)?;
    let rest = start.get(at + mark.len()..)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let id = rest.get(..end).filter(|id| id.len() <= 32)?;
    Some(String::from_utf8_lossy(id).into_owned())
}

/// The hash at the start of a text, as every record begins.
pub(super) fn hash_of(text: &[u8]) -> Option<Hash> {
    match start(text) {
        Link::To(hash) => Some(hash),
        _ => None,
    }
}

/// 64 small hexadecimal digits.
pub(super) fn unhex(text: &[u8]) -> Option<Hash> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut hash = NONE;
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(hash)
}
