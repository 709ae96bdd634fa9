//! Reads the protocol's primitives from a stream, each under a cap.
//!
//! In: any `AsyncRead`. Out: integers, texts, paths; memory grows with what has arrived, never with what was announced, and
//! what is made of it is charged to a budget, which the caller, who knows what comes next, sets with [`Reader::allow`].
//! A read that is dropped half-way loses its place: the connection is then of no further use.

use super::{WireError, limits};
use crate::domain::budget::{Budget, TooLarge, entry, heap, most};
use crate::domain::{PathList, StorePath};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Room for one read from the stream, and the largest text that is looked at in place.
const ROOM: usize = 64 << 10;

/// A buffered reader of protocol values.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    room: Box<[u8]>,
    start: usize,
    end: usize,
    budget: Budget,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads from this stream.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            room: vec![0; ROOM].into_boxed_slice(),
            start: 0,
            end: 0,
            budget: Budget::new("the greeting", most::GREETING),
        }
    }

    /// From here on, values may take so much memory together.
    pub fn allow(&mut self, budget: Budget) {
        self.budget = budget;
    }

    /// What has become of the last budget.
    pub fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }

    /// The stream.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Takes room for so many entries of a list.
    pub(super) fn charge_entries<T>(&mut self, count: u64) -> Result<(), TooLarge> {
        self.budget.charge(entry::<T>().saturating_mul(count))
    }

    /// Whether bytes are here that were not read yet, so that a next read may not have to wait.
    pub fn has_buffered(&self) -> bool {
        self.start < self.end
    }

    /// Waits until there is a byte to read; `false` at the end of the stream.
    pub async fn wait(&mut self) -> Result<bool, WireError> {
        if self.has_buffered() {
            return Ok(true);
        }
        (self.start, self.end) = (0, 0);
        self.end = self.inner.read(&mut self.room).await?;
        Ok(self.end > 0)
    }

    /// Makes `count` bytes (at most [`ROOM`]) available in one piece.
    async fn ensure(&mut self, count: usize) -> Result<(), WireError> {
        while self.end - self.start < count {
            if self.start + count > self.room.len() {
                self.room.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            let got = self.inner.read(&mut self.room[self.end..]).await?;
            if got == 0 {
                return Err(WireError::Closed);
            }
            self.end += got;
        }
        Ok(())
    }

    /// 8 bytes, little endian.
    pub async fn integer(&mut self) -> Result<u64, WireError> {
        self.ensure(8).await?;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.room[self.start..self.start + 8]);
        self.start += 8;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Any integer but 0 is true.
    pub async fn boolean(&mut self) -> Result<bool, WireError> {
        Ok(self.integer().await? != 0)
    }

    /// An integer of at most `cap`, such as a count.
    pub async fn capped(&mut self, what: &'static str, cap: u64) -> Result<u64, WireError> {
        let got = self.integer().await?;
        if got > cap {
            return Err(WireError::TooLarge { what, got, cap });
        }
        Ok(got)
    }

    /// A text, handed to `take` in place where it is short enough.
    async fn with_text<T>(
        &mut self,
        what: &'static str,
        cap: usize,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, WireError> {
        let length = self.capped(what, cap as u64).await? as usize;
        self.budget.charge(heap(length))?;
        let padded = length.next_multiple_of(8);
        if padded <= ROOM {
            self.ensure(padded).await?;
            let bytes = &self.room[self.start..self.start + padded];
            self.start += padded;
            zeros(&bytes[length..])?;
            return Ok(take(&bytes[..length]));
        }
        let mut bytes = Vec::new();
        while bytes.len() < padded {
            let step = (padded - bytes.len()).min(ROOM);
            self.ensure(step).await?;
            bytes.extend_from_slice(&self.room[self.start..self.start + step]);
            self.start += step;
        }
        zeros(&bytes[length..])?;
        Ok(take(&bytes[..length]))
    }

    /// A text; bytes that are not UTF-8 become U+FFFD.
    pub async fn text(&mut self, what: &'static str, cap: usize) -> Result<String, WireError> {
        let (text, length) = self
            .with_text(what, cap, |bytes| {
                (String::from_utf8_lossy(bytes).into_owned(), bytes.len())
            })
            .await?;
        // U+FFFD takes three bytes for one.
        self.budget
            .charge(text.len().saturating_sub(length) as u64)?;
        Ok(text)
    }

    /// A text of which no more than `kept` bytes are wanted.
    pub(super) async fn beginning(
        &mut self,
        what: &'static str,
        cap: usize,
        kept: usize,
    ) -> Result<String, WireError> {
        self.with_text(what, cap, |bytes| {
            let end = bytes.len().min(kept);
            String::from_utf8_lossy(&bytes[..end]).into_owned()
        })
        .await
    }

    /// A store path.
    pub async fn path(&mut self) -> Result<StorePath, WireError> {
        self.with_text("a path", limits::PATH, parse_path).await?
    }

    /// A store path, or none for the empty text.
    pub async fn optional_path(&mut self) -> Result<Option<StorePath>, WireError> {
        self.with_text("a path", limits::PATH, |bytes| {
            if bytes.is_empty() {
                Ok(None)
            } else {
                parse_path(bytes).map(Some)
            }
        })
        .await?
    }

    /// A count and that many paths.
    pub async fn paths(&mut self) -> Result<Vec<StorePath>, WireError> {
        let count = self.capped("a number of paths", limits::PATHS).await?;
        let mut paths = Vec::with_capacity(count.min(1024) as usize);
        for _ in 0..count {
            self.charge_entries::<StorePath>(1)?;
            paths.push(self.path().await?);
        }
        Ok(paths)
    }

    /// A count and that many paths, for very many.
    pub async fn path_list(&mut self) -> Result<PathList, WireError> {
        let count = self.capped("a number of paths", limits::PATHS).await?;
        let mut paths = PathList::default();
        for _ in 0..count {
            self.charge_entries::<StorePath>(1)?;
            paths.push(&self.path().await?);
        }
        Ok(paths)
    }

    /// A count and that many texts.
    pub async fn texts(
        &mut self,
        what: &'static str,
        count_cap: u64,
        cap: usize,
    ) -> Result<Vec<String>, WireError> {
        let count = self.capped(what, count_cap).await?;
        let mut texts = Vec::with_capacity(count.min(16) as usize);
        for _ in 0..count {
            self.charge_entries::<String>(1)?;
            texts.push(self.text(what, cap).await?);
        }
        Ok(texts)
    }

    /// The first bytes of a stream that is no daemon's, for a message.
    pub(super) fn rest(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }
}

fn zeros(padding: &[u8]) -> Result<(), WireError> {
    if padding.iter().all(|byte| *byte == 0) {
        Ok(())
    } else {
        Err(WireError::Padding)
    }
}

fn parse_path(bytes: &[u8]) -> Result<StorePath, WireError> {
    let malformed = |why: String| {
        let text = crate::domain::text::visible_bytes(&bytes[..bytes.len().min(300)]);
        WireError::Path(format!("{text:?}: {why}"))
    };
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8".to_owned()))?;
    StorePath::parse(text).map_err(|why| malformed(why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Encoder;
    use crate::wire::tests::{now, unhex};
    use proptest::prelude::*;

    const PATH: &str = "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0";

    #[test]
    fn forms() {
        let bytes = unhex("0500000000000000 322e382e30000000");
        assert_eq!(now(Reader::new(&bytes[..]).text("x", 10)).unwrap(), "2.8.0");
        let mut encoder = Encoder::new();
        encoder.text("2.8.0");
        assert_eq!(encoder.bytes(), bytes);
        assert_eq!(now(Reader::new(&[0u8; 8][..]).text("x", 10)).unwrap(), "");
    }

    #[test]
    fn refuses() {
        let bytes = unhex("0500000000000000 322e382e30000001");
        let got = now(Reader::new(&bytes[..]).text("x", 10));
        assert!(matches!(got, Err(WireError::Padding)));
        let got = now(Reader::new(&bytes[..]).text("x", 4));
        assert!(matches!(got, Err(WireError::TooLarge { got: 5, .. })));
        let got = now(Reader::new(&bytes[..12]).text("x", 10));
        assert!(matches!(got, Err(WireError::Closed)));
        let endless = [0xff; 64];
        let got = now(Reader::new(&endless[..]).paths());
        assert!(matches!(got, Err(WireError::TooLarge { .. })));
        let mut encoder = Encoder::new();
        encoder.text("/nix/store/../etc");
        let got = now(Reader::new(encoder.bytes()).path());
        assert!(matches!(got, Err(WireError::Path(_))));
    }

    #[test]
    fn a_large_text_is_read_in_pieces() {
        let long = "é".repeat(ROOM);
        let mut encoder = Encoder::new();
        encoder.text(&long).integer(7);
        let mut reader = Reader::new(encoder.bytes());
        assert_eq!(now(reader.text("x", limits::TEXT)).unwrap(), long);
        assert_eq!(now(reader.integer()).unwrap(), 7);
        assert!(!now(reader.wait()).unwrap());
    }

    proptest! {
        #[test]
        fn round_trip(
            number: u64,
            flag: bool,
            texts in proptest::collection::vec(".{0,40}", 0..5),
            count in 0_usize..5,
            some: bool,
        ) {
            let path = StorePath::parse(PATH).unwrap();
            let paths = vec![path.clone(); count];
            let mut encoder = Encoder::new();
            encoder
                .integer(number)
                .boolean(flag)
                .texts(&texts)
                .paths(paths.iter())
                .optional_path(some.then_some(&path));
            let mut reader = Reader::new(encoder.bytes());
            prop_assert_eq!(now(reader.integer()).unwrap(), number);
            prop_assert_eq!(now(reader.boolean()).unwrap(), flag);
            prop_assert_eq!(now(reader.texts("x", 5, 200)).unwrap(), texts);
            prop_assert_eq!(now(reader.paths()).unwrap(), paths);
            prop_assert_eq!(now(reader.optional_path()).unwrap(), some.then_some(path));
            prop_assert!(!now(reader.wait()).unwrap());
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = now(Reader::new(&bytes[..]).text("x", limits::TEXT));
            let _ = now(Reader::new(&bytes[..]).paths());
            let _ = now(Reader::new(&bytes[..]).optional_path());
        }
    }
}
