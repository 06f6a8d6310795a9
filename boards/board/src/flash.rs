//! A NOR flash in a host file, so that what is saved outlives the emulator.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};
use semihosting::fs::File;
use semihosting::io::{self, Read, Seek, SeekFrom, Write};

const ERASED: u8 = 0xff;
const PAGE: usize = 4096;

/// `BYTES` bytes in pages of 4 KB. As on a real flash, a write can only clear bits.
pub struct FileFlash<const BYTES: usize> {
    file: File,
}

/// Why an operation failed.
#[derive(Debug)]
pub enum Error {
    File(io::Error),
    Kind(NorFlashErrorKind),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::File(error)
    }
}

impl From<NorFlashErrorKind> for Error {
    fn from(kind: NorFlashErrorKind) -> Self {
        Error::Kind(kind)
    }
}

impl NorFlashError for Error {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Error::File(_) => NorFlashErrorKind::Other,
            Error::Kind(kind) => *kind,
        }
    }
}

impl<const BYTES: usize> FileFlash<BYTES> {
    /// Opens the flash in the host's file `path`, and says whether it was there already; a new one is erased.
    pub fn open(path: &core::ffi::CStr) -> io::Result<(Self, bool)> {
        let existing = File::options().read(true).write(true).open(path);
        if let Ok(file) = existing
            && file.metadata()?.len() == BYTES as u64
        {
            return Ok((FileFlash { file }, true));
        }
        let mut created = File::create(path)?;
        for _ in 0..BYTES / 64 {
            created.write_all(&[ERASED; 64])?;
        }
        drop(created);
        let file = File::options().read(true).write(true).open(path)?;
        Ok((FileFlash { file }, false))
    }

    fn at(&mut self, offset: u32) -> io::Result<&mut File> {
        self.file.seek(SeekFrom::Start(u64::from(offset)))?;
        Ok(&mut self.file)
    }
}

impl<const BYTES: usize> ErrorType for FileFlash<BYTES> {
    type Error = Error;
}

impl<const BYTES: usize> ReadNorFlash for FileFlash<BYTES> {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Error> {
        check_read(self, offset, bytes.len())?;
        self.at(offset)?.read_exact(bytes)?;
        Ok(())
    }

    fn capacity(&self) -> usize {
        BYTES
    }
}

impl<const BYTES: usize> NorFlash for FileFlash<BYTES> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Error> {
        check_erase(self, from, to)?;
        let file = self.at(from)?;
        for _ in (from..to).step_by(64) {
            file.write_all(&[ERASED; 64])?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        check_write(self, offset, bytes.len())?;
        for (word, at) in bytes.as_chunks::<4>().0.iter().zip((offset..).step_by(4)) {
            let mut present = [0; 4];
            self.at(at)?.read_exact(&mut present)?;
            for (present, new) in present.iter_mut().zip(word) {
                *present &= new;
            }
            self.at(at)?.write_all(&present)?;
        }
        Ok(())
    }
}
