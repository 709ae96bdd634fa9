//! Takes a copy of a database from a stream, checks it, and takes it again where it was written to meanwhile.
//!
//! In: what `database.sh` writes. Out: the words that it is to do, and two files; or that nothing was written since it was read
//! the last time. Every length comes before the bytes, so a stream that ends early, or goes on, is one that broke. What is sent
//! packed is unpacked here, never to more than was announced.

use super::facts::{Facts, Said};
use super::folder::Folder;
use super::held::{Held, Need};
use crate::domain::Bytes;
use crate::domain::budget::most;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

/// What comes as it is at least, first: it shows how fast the way is.
const FIRST: u64 = 1 << 20;

/// What the script reads at once. The first part ends with it, unless the database does.
const BLOCK: u64 = 64 << 10;

/// Copies that are taken until the server counts as too busy.
const TRIES: usize = 4;

/// Looks at a database that was only just written to, before that counts as a try.
const LOOKS: usize = 8;

/// What a login shell may print of its own.
const NOISE: u64 = 64 << 10;

/// The longest line of facts.
const LINE: u64 = 4 << 10;

/// Below this many bytes a second, `zstd -1` on the server makes the copy faster than sending it as it is.
const ZSTD_PAYS: f64 = 90e6;

/// The same for `gzip -1`, which is five times slower.
const GZIP_PAYS: f64 = 20e6;

/// What would be there sooner than a packer has started.
const SOON: Duration = Duration::from_millis(100);

/// What the script is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Send the rest as it is.
    Raw,
    /// Send the rest through `gzip -1`.
    Gzip,
    /// Send the rest through `zstd -1`.
    Zstd,
    /// Begin anew.
    Again,
    /// Send the database.
    Copy,
    /// Send so many bytes of the log behind so many.
    Log(u64, u64),
    /// Nothing more is needed.
    End,
}

impl Word {
    /// As the script reads it.
    pub fn line(self) -> String {
        match self {
            Self::Raw => "raw\n".to_owned(),
            Self::Gzip => "gzip\n".to_owned(),
            Self::Zstd => "zstd\n".to_owned(),
            Self::Again => "again\n".to_owned(),
            Self::Copy => "copy\n".to_owned(),
            Self::Log(from, bytes) => format!("log {from} {bytes}\n"),
            Self::End => "end\n".to_owned(),
        }
    }

    /// How much comes first of a database of so many bytes. A 64th of a large one: the more is at stake, the less may a moment in
    /// which a machine was busy look like a slow way.
    fn first(size: u64) -> u64 {
        size.min(FIRST.max(size / 64 / BLOCK * BLOCK))
    }

    /// The way for so many bytes, of which the first took so long.
    fn for_rest(facts: &Facts, first: u64, took: Duration) -> Self {
        let rest = facts.bytes().saturating_sub(first) as f64;
        let speed = first as f64 / took.as_secs_f64().max(1e-6);
        if rest / speed < SOON.as_secs_f64() {
            Self::Raw
        } else if facts.zstd && speed < ZSTD_PAYS {
            Self::Zstd
        } else if facts.gzip && speed < GZIP_PAYS {
            Self::Gzip
        } else {
            Self::Raw
        }
    }
}

/// Why there is no copy, as a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    why: String,
    /// The stream ended early, so the sender may have said why elsewhere.
    pub broke_off: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self {
            why: format!("its copy broke off: {error}"),
            broke_off: true,
        }
    }
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        why: why.into(),
        broke_off: false,
    })
}

/// What has become of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// It is the database as it is, which is like this.
    Held(Facts),
    /// There is none: nothing was written since the database was like what is known.
    Same,
}

/// Takes a copy, or brings one up to date, unless the database is as it is known. `say` tells the script what to do; it waits
/// for that at each of its lines where [`Held::asks`] says so.
pub fn receive(
    from: &mut impl BufRead,
    mut say: impl FnMut(Word) -> io::Result<()>,
    held: &mut Held,
    known: Option<&Facts>,
) -> Result<Received, Refusal> {
    let asks = held.asks(known);
    let (mut looks, mut tries) = (0, 0);
    let mut before = beginning(from)?;
    loop {
        if let Some(why) = before.refused() {
            return refuse(why);
        }
        if asks {
            if known.is_some_and(|known| known.same(&before)) {
                say(Word::End)?;
                return Ok(Received::Same);
            }
            match held.need(&before)? {
                Need::Nothing(now) => {
                    say(Word::End)?;
                    return Ok(Received::Held(now));
                }
                Need::Log(behind, bytes) => {
                    say(Word::Log(behind, bytes))?;
                    held.grow(bytes, |log| transfer(from, log, bytes))?;
                    before = facts(&line(from, LINE)?)?;
                    continue;
                }
                Need::All => say(Word::Copy)?,
            }
        }
        let to = held.spoil();
        room(&before, to)?;
        let first = Word::first(before.size);
        let mut file = to.create(Folder::DATABASE)?;
        if first > 0 {
            // That the sender's programs have to start says nothing of the way.
            from.fill_buf()?;
        }
        let began = Instant::now();
        transfer(from, &mut file, first)?;
        let took = began.elapsed();
        if before.is_stable() {
            tries += 1;
            let word = Word::for_rest(&before, first, took);
            say(word)?;
            let rest = Rest {
                before: &before,
                first,
                to,
            };
            let after = match word {
                Word::Gzip => packed(flate2::bufread::GzDecoder::new(&mut *from), &rest, file)?,
                Word::Zstd => {
                    let unpacked = ruzstd::decoding::StreamingDecoder::new(&mut *from)
                        .map_err(io::Error::other)?;
                    packed(unpacked, &rest, file)?
                }
                _ => rest.take(from, file)?,
            };
            if matches!(&after, Said::Facts(after) if before.still(after)) {
                held.is_whole(before.clone());
                return Ok(Received::Held(before));
            }
        } else {
            looks += 1;
        }
        if tries == TRIES || looks == LOOKS {
            return refuse("its database changes all the time");
        }
        say(Word::Again)?;
        before = facts(&line(from, LINE)?)?;
    }
}

/// What follows the first part.
struct Rest<'a> {
    before: &'a Facts,
    first: u64,
    to: &'a Folder,
}

impl Rest<'_> {
    /// Takes it, and says what the database is like now.
    fn take(&self, from: &mut impl BufRead, mut file: impl Write) -> Result<Said, Refusal> {
        transfer(from, &mut file, self.before.size - self.first)?;
        drop(file);
        if self.before.log > 0 {
            let mut log = self.to.create(Folder::LOG)?;
            transfer(from, &mut log, self.before.log)?;
        } else {
            self.to.remove(Folder::LOG)?;
        }
        let line = line(from, LINE)?;
        match Said::parse(&line) {
            Some(said) => Ok(said),
            None => refuse("its copy does not end as it should"),
        }
    }
}

/// Takes what comes packed, up to the end of that.
fn packed(unpacked: impl Read, rest: &Rest<'_>, file: impl Write) -> Result<Said, Refusal> {
    let mut unpacked = BufReader::with_capacity(256 << 10, unpacked);
    let said = rest.take(&mut unpacked, file)?;
    // The packer's own check stands at its end.
    if unpacked.read(&mut [0])? > 0 {
        return refuse("its copy does not end as it should");
    }
    Ok(said)
}

/// The first line of facts. What a login shell has printed of its own comes before it.
fn beginning(from: &mut impl BufRead) -> Result<Facts, Refusal> {
    let mut noise = 0;
    loop {
        let line = line(from, NOISE)?;
        if Said::parse(&line).is_some() {
            return facts(&line);
        }
        noise += line.len() as u64;
        if noise > NOISE {
            return refuse("something else than its database came");
        }
    }
}

fn facts(line: &str) -> Result<Facts, Refusal> {
    match Said::parse(line) {
        Some(Said::Facts(facts)) => Ok(facts),
        Some(Said::Problem(why)) => refuse(why),
        None => refuse("something else than its database came"),
    }
}

fn line(from: &mut impl BufRead, most: u64) -> Result<String, Refusal> {
    let mut line = Vec::new();
    from.take(most).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Moves exactly so many bytes.
fn transfer(from: &mut impl BufRead, to: &mut impl Write, bytes: u64) -> Result<(), Refusal> {
    let mut left = bytes;
    while left > 0 {
        let got = from.fill_buf()?;
        if got.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let step = got.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if let Err(error) = to.write_all(&got[..step]) {
            return refuse(format!("its copy can't be written here: {error}"));
        }
        from.consume(step);
        left -= step as u64;
    }
    Ok(())
}

/// Whether a copy is small enough, and there is room for it.
fn room(facts: &Facts, to: &Folder) -> Result<(), Refusal> {
    let needed = facts.bytes();
    if needed > most::COPY {
        return refuse(format!(
            "its database has {}, and at most {} are copied",
            Bytes(needed),
            Bytes(most::COPY)
        ));
    }
    let free = to.free()?;
    if needed.saturating_add(most::LEFT_FREE) > free {
        return refuse(format!(
            "its database has {}, and there are only {} free in {}",
            Bytes(needed),
            Bytes(free),
            to.shown()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
