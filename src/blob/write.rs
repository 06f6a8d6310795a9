//! Writing a blob, piece by piece, to whatever takes bytes.

use serde::Serialize;

use super::{ALIGN, CRC, DTYPE_F32, MAGIC, VERSION, align_words};

/// What takes the bytes of a blob, in order.
pub trait Sink {
    /// Why it refuses them.
    type Error;
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// Those of the medium.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
}

#[cfg(feature = "alloc")]
impl Sink for alloc::vec::Vec<u8> {
    type Error = core::convert::Infallible;

    fn put(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// One tensor to write.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'d> {
    /// The parameter's index in the plan.
    pub index: u16,
    /// Its shape, or just its length; empty: the length of `values`.
    pub dims: &'d [u32],
    pub values: &'d [f32],
}

/// Why a blob could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError<E> {
    #[error("the sink: {0:?}")]
    Sink(E),
    /// The blob would not fit 32-bit offsets.
    #[error("the blob would not fit 32-bit offsets")]
    TooLarge,
}

/// A sink that keeps the CRC and the number of bytes.
struct Summed<'s, S> {
    sink: &'s mut S,
    digest: crc::Digest<'static, u32, crc::NoTable>,
    len: usize,
}

static CRC_STATIC: crc::Crc<u32, crc::NoTable> = CRC;

impl<S: Sink> Summed<'_, S> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError<S::Error>> {
        self.digest.update(bytes);
        self.len += bytes.len();
        self.sink.put(bytes).map_err(WriteError::Sink)
    }

    /// A postcard value of at most ten bytes.
    fn put_value<T: Serialize>(&mut self, value: T) -> Result<(), WriteError<S::Error>> {
        let mut buffer = [0; 10];
        match postcard::to_slice(&value, &mut buffer) {
            Ok(bytes) => self.put(bytes),
            Err(_) => Err(WriteError::TooLarge),
        }
    }
}

/// How many bytes a varint of `value` takes.
const fn varint_len(value: u32) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        0x20_0000..=0xfff_ffff => 4,
        _ => 5,
    }
}

/// Writes a blob of `entries`, which ascend by index, and returns its length in bytes.
///
/// # Errors
///
/// Those of the sink, and [`WriteError::TooLarge`].
pub fn write<'d, S: Sink>(
    sink: &mut S,
    schema: u64,
    sequence: u32,
    entries: impl Iterator<Item = Entry<'d>> + Clone,
) -> Result<usize, WriteError<S::Error>> {
    let mut out = Summed {
        sink,
        digest: CRC_STATIC.digest(),
        len: 0,
    };
    out.put(&MAGIC)?;
    out.put_value(VERSION)?;
    out.put_value(schema)?;
    out.put_value(sequence)?;
    out.put_value(entries.clone().count() as u16)?;
    let mut place = 0u32;
    for entry in entries.clone() {
        out.put_value(entry.index)?;
        out.put_value(DTYPE_F32)?;
        let words = u32::try_from(entry.values.len()).map_err(|_| WriteError::TooLarge)?;
        let len = [words];
        // A single value may have no dimension.
        let dims = match entry.dims {
            [] if words != 1 => &len,
            dims => dims,
        };
        out.put_value(dims.len() as u8)?;
        for dim in dims {
            out.put_value(*dim)?;
        }
        out.put_value(place)?;
        let bytes = align_words(words).checked_mul(4);
        place = bytes
            .and_then(|bytes| place.checked_add(bytes))
            .ok_or(WriteError::TooLarge)?;
    }
    let zeros = [0; ALIGN];
    let unpadded = out.len + 1 + varint_len(place);
    let pad = unpadded.next_multiple_of(ALIGN) - unpadded;
    out.put_value(pad as u8)?;
    out.put(zeros.get(..pad).unwrap_or(&[]))?;
    out.put_value(place)?;
    for entry in entries {
        out.put(bytemuck::cast_slice(entry.values))?;
        let words = entry.values.len() as u32;
        let tail = 4 * (align_words(words) - words) as usize;
        out.put(zeros.get(..tail).unwrap_or(&[]))?;
    }
    let crc = out.digest.clone().finalize();
    let len = out.len + 4;
    out.sink.put(&crc.to_le_bytes()).map_err(WriteError::Sink)?;
    Ok(len)
}
