//! Little-endian numbers, one behind the other.
//!
//! In: values, or bytes of a file that may be damaged. Out: bytes, or values; `None` where there are too few bytes.

/// Bytes that grow.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn numbers<const N: usize>(&mut self, all: impl Iterator<Item = [u8; N]>) {
        all.for_each(|number| self.0.extend_from_slice(&number));
    }

    /// How many there are in each list, then all of them.
    pub(super) fn lists<'a, T: Copy + 'a, const N: usize>(
        &mut self,
        lists: impl Iterator<Item = &'a [T]> + Clone,
        bytes: impl Fn(T) -> [u8; N],
    ) {
        self.numbers(lists.clone().map(|list| (list.len() as u32).to_le_bytes()));
        self.numbers(lists.flatten().map(|item| bytes(*item)));
    }
}

/// Bytes that are used up.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// So many numbers of `N` bytes.
    pub(super) fn numbers<const N: usize>(&mut self, count: usize) -> Option<&'a [[u8; N]]> {
        let bytes = self.take(count.checked_mul(N)?)?;
        Some(bytes.as_chunks().0)
    }

    /// As many lists as [`Writer::lists`] has written: where each ends, and all items.
    pub(super) fn lists<const N: usize>(
        &mut self,
        count: usize,
    ) -> Option<(Vec<u32>, &'a [[u8; N]])> {
        let lengths = self.numbers(count)?;
        let mut end = 0_u32;
        let ends = lengths.iter().map(|length| {
            end = end.checked_add(u32::from_le_bytes(*length))?;
            Some(end)
        });
        let ends: Option<Vec<u32>> = ends.collect();
        Some((ends?, self.numbers(end as usize)?))
    }
}
