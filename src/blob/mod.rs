//! The parameter blob: how weights lie in flash.
//!
//! One postcard message and a CRC, little endian, read in place:
//!
//! ```text
//! | magic "TPB1" | version | schema | sequence | count | count x tensor | pad | payload        | crc |
//! | 4 bytes      | varint  | varint | varint   | varint|                | *   | varint, bytes  | 4   |
//!
//! tensor: | index | dtype | rank | rank x dim | offset |   each a varint; offset in bytes of the payload
//! pad:    | n     | n zero bytes |                         so that the payload starts at a multiple of 16
//! crc:    CRC-32 (ISO-HDLC) of everything before it, little endian
//! ```
//!
//! Tensors lie in the order of their indices, each at the first multiple of 16 bytes after the one before:
//! where one lies follows from the schema, so a plan can name flash addresses before a blob exists. Names
//! stay on the host; the `schema` fingerprint stands for them. A blob made by `tinpail convert` has every
//! parameter; one saved by a device has the trainable ones, and a `sequence` that tells the newer of two.

mod read;
mod write;

pub use read::{BlobError, ReadFailure, Source};
pub(crate) use read::{Counters, FlashSource, Found, Need, check, copy_into};
pub use write::{Entry, Sink, WriteError, write};

use crate::plan::Plan;

/// The first bytes of every blob.
pub const MAGIC: [u8; 4] = *b"TPB1";
/// The layout above.
pub const VERSION: u16 = 1;
/// Alignment of the payload and of each tensor in it, in bytes.
pub const ALIGN: usize = 16;
/// The only dtype that the device computes with; `tinpail convert` turns f16 and f64 into it.
pub const DTYPE_F32: u8 = 0;
/// More dimensions than this no parameter has.
pub const MAX_RANK: usize = 8;

pub(crate) const CRC: crc::Crc<u32, crc::NoTable> =
    crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);

/// The next multiple of [`ALIGN`] bytes, counted in elements.
pub const fn align_words(words: u32) -> u32 {
    let step = (ALIGN / 4) as u32;
    words.div_ceil(step) * step
}

/// A blob in memory, checked.
#[derive(Clone, Copy, Debug)]
pub struct Blob<'d> {
    /// The payload, where the plan's flash spans point.
    pub payload: &'d [f32],
}

impl<'d> Blob<'d> {
    /// Checks `bytes` against `plan` and lends its payload without a copy.
    ///
    /// # Errors
    ///
    /// Any bytes are accepted; whatever is wrong with them is a [`BlobError`].
    pub fn from_bytes(bytes: &'d [u8], plan: &Plan<'_>) -> Result<Self, BlobError> {
        let mut source = bytes;
        let found = check(&mut source, plan, Need::All).map_err(ReadFailure::blob)?;
        if found.total_len != bytes.len() {
            return Err(BlobError::Trailing {
                bytes: bytes.len().saturating_sub(found.total_len),
            });
        }
        let payload = bytes
            .get(found.payload_at..)
            .and_then(|rest| rest.get(..found.payload_len));
        let payload = payload.ok_or(BlobError::Truncated {
            needed: found.total_len,
        })?;
        let payload = bytemuck::try_cast_slice(payload).map_err(|_| BlobError::Misaligned)?;
        Ok(Blob { payload })
    }
}

/// `include_bytes!`, aligned so that [`Blob::from_bytes`] can lend the floats in it.
#[macro_export]
macro_rules! include_blob {
    ($path:expr) => {{
        #[repr(C, align(16))]
        struct Aligned<T: ?Sized>(T);
        static BYTES: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &BYTES.0
    }};
}
