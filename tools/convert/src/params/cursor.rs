//! A position in bytes that never runs past their end.

use super::read::ReadError;

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..len).ok_or_else(|| ReadError::Truncated {
            at: self.at,
            missing: len - rest.len(),
        })?;
        self.at += len;
        Ok(taken)
    }

    fn word<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut word = [0; N];
        word.copy_from_slice(self.take(N)?);
        Ok(word)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ReadError> {
        self.word().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, ReadError> {
        self.word().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ReadError> {
        self.word().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, ReadError> {
        self.word().map(i64::from_le_bytes)
    }

    /// A count of things that take `least_bytes` each in what is left. More than fit there is an error, so that no
    /// allocation is larger than the file.
    pub(super) fn count(&mut self, least_bytes: usize) -> Result<usize, ReadError> {
        let at = self.at;
        let count = self.u64()?;
        match usize::try_from(count) {
            Ok(n) if n <= self.left() / least_bytes => Ok(n),
            _ => Err(ReadError::Count { at, count }),
        }
    }
}
