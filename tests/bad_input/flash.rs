//! A NOR flash in memory that insists on its rules, and fails on request.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashError {
    /// An offset or a length is not a multiple of what it must be.
    NotAligned,
    OutOfBounds,
    /// A byte is written that was not erased.
    NotErased,
    /// As requested.
    PowerCut,
    /// As requested.
    Unreadable,
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            FlashError::NotAligned => NorFlashErrorKind::NotAligned,
            FlashError::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            _ => NorFlashErrorKind::Other,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Flash {
    pub bytes: Vec<u8>,
    /// Writes and erases so far.
    operations: usize,
    reads: usize,
    /// The write or erase that fails, as all after it do; and how many eighths of it are done.
    pub cut_at: Option<(usize, usize)>,
    /// The read that fails.
    pub unreadable_at: Option<usize>,
    /// Bytes that no read gets past, as after a write that was cut on a flash with error correction.
    pub unreadable_until_erased: Option<std::ops::Range<usize>>,
    /// The four bytes from here on lose these bits when they are written.
    pub weak: Option<(usize, u8)>,
}

impl Flash {
    /// Erased.
    pub fn new(len: usize) -> Self {
        Flash {
            bytes: vec![0xff; len],
            operations: 0,
            reads: 0,
            cut_at: None,
            unreadable_at: None,
            unreadable_until_erased: None,
            weak: None,
        }
    }

    /// Writes and erases so far.
    pub fn operations(&self) -> usize {
        self.operations
    }

    /// Reads so far.
    pub fn reads(&self) -> usize {
        self.reads
    }

    /// The same flash after a reset.
    pub fn reset(mut self) -> Self {
        (self.operations, self.reads) = (0, 0);
        (self.cut_at, self.unreadable_at) = (None, None);
        self
    }

    fn range(&self, at: usize, len: usize, unit: usize) -> Result<(), FlashError> {
        if !at.is_multiple_of(unit) || !len.is_multiple_of(unit) {
            return Err(FlashError::NotAligned);
        }
        match at.checked_add(len) {
            Some(end) if end <= self.bytes.len() => Ok(()),
            _ => Err(FlashError::OutOfBounds),
        }
    }

    /// How much of the next write or erase of `len` bytes is done, and whether the power stays.
    fn powered(&mut self, len: usize) -> (usize, Result<(), FlashError>) {
        let operation = self.operations;
        self.operations += 1;
        match self.cut_at {
            Some((cut, eighths)) if operation == cut => {
                (len * eighths / 8, Err(FlashError::PowerCut))
            }
            Some((cut, _)) if operation > cut => (0, Err(FlashError::PowerCut)),
            _ => (len, Ok(())),
        }
    }
}

impl ErrorType for Flash {
    type Error = FlashError;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let (at, len) = (offset as usize, bytes.len());
        self.range(at, len, Self::READ_SIZE)?;
        let read = self.reads;
        self.reads += 1;
        let broken = self.unreadable_until_erased.as_ref();
        let is_broken = broken.is_some_and(|broken| at < broken.end && broken.start < at + len);
        if self.unreadable_at == Some(read) || is_broken {
            return Err(FlashError::Unreadable);
        }
        bytes.copy_from_slice(&self.bytes[at..at + len]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 16;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let (at, to) = (from as usize, to as usize);
        let len = to.checked_sub(at).ok_or(FlashError::OutOfBounds)?;
        self.range(at, len, Self::ERASE_SIZE)?;
        let (done, outcome) = self.powered(len);
        self.bytes[at..at + done].fill(0xff);
        self.unreadable_until_erased
            .take_if(|broken| at <= broken.start && broken.end <= at + done);
        outcome
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let at = offset as usize;
        self.range(at, bytes.len(), Self::WRITE_SIZE)?;
        let place = &self.bytes[at..at + bytes.len()];
        if place.iter().any(|byte| *byte != 0xff) {
            return Err(FlashError::NotErased);
        }
        let (done, outcome) = self.powered(bytes.len());
        self.bytes[at..at + done].copy_from_slice(&bytes[..done]);
        if let Some((weak, lost)) = self.weak
            && at <= weak
            && weak + 4 <= at + done
        {
            self.bytes[weak..weak + 4].iter_mut().for_each(|byte| {
                *byte &= !lost;
            });
        }
        outcome
    }
}
