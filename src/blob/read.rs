//! Reading a blob from any bytes: in memory or in a NOR flash.

use embedded_storage::nor_flash::ReadNorFlash;

use super::{ALIGN, CRC, DTYPE_F32, MAGIC, MAX_RANK, VERSION, align_words};
use crate::plan::{Home, Plan};

/// What is wrong with a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BlobError {
    /// It ends before its own length: `needed` bytes at least.
    #[error("it ends before its {needed}th byte")]
    Truncated { needed: usize },
    /// It does not begin with [`MAGIC`].
    #[error("it is no blob")]
    Magic,
    /// Made for another version of the layout.
    #[error("its layout is version {found}")]
    Version { found: u16 },
    /// Made for other parameters: names, shapes, dtypes or layout differ.
    #[error("it was made for other parameters: schema {found:#018x} in place of {expected:#018x}")]
    Schema { expected: u64, found: u64 },
    /// A number in the header cannot be read.
    #[error("the number at byte {at} cannot be read")]
    Header { at: usize },
    /// A tensor whose index the plan does not have, or that is not in ascending order.
    #[error("tensor {found} is not one of the plan, or comes twice")]
    Index { found: u16 },
    /// A tensor that is not f32.
    #[error("tensor {index} has dtype {found}, not f32")]
    Dtype { index: u16, found: u8 },
    /// A tensor whose elements are not as many as the plan's.
    #[error("tensor {index} has not {expected} elements")]
    Shape { index: u16, expected: u32 },
    /// A tensor that begins before the one before it ends.
    #[error("tensor {index} begins before the one before it ends")]
    Overlap { index: u16 },
    /// A tensor that begins later than its place.
    #[error("tensor {index} begins later than its place")]
    Hole { index: u16 },
    /// A parameter that is needed and is not there.
    #[error("parameter {index} is not there")]
    Missing { index: u16 },
    /// The payload's length is not that of its tensors.
    #[error("the payload has {found} bytes in place of {expected}")]
    Length { expected: usize, found: usize },
    /// The payload is not aligned to 16 bytes: in the blob, or the blob in memory.
    #[error("the payload is not aligned to 16 bytes")]
    Misaligned,
    /// A byte was changed.
    #[error("a byte was changed: the CRC is {found:#010x} in place of {expected:#010x}")]
    Crc { expected: u32, found: u32 },
    /// A weight is infinite or NaN; `at` is its byte in the blob.
    #[error("the weight at byte {at} is not finite")]
    NotFinite { at: usize },
    /// Bytes follow the blob.
    #[error("{bytes} bytes follow it")]
    Trailing { bytes: usize },
}

/// Why reading failed: the source itself, or what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ReadFailure<E> {
    #[error("the source: {0:?}")]
    Source(E),
    #[error("{0}")]
    Blob(BlobError),
}

impl<E> From<BlobError> for ReadFailure<E> {
    fn from(error: BlobError) -> Self {
        ReadFailure::Blob(error)
    }
}

impl ReadFailure<core::convert::Infallible> {
    /// The blob's error: a source in memory has none.
    pub fn blob(self) -> BlobError {
        match self {
            ReadFailure::Source(never) => match never {},
            ReadFailure::Blob(error) => error,
        }
    }
}

/// Bytes that can be read at any offset.
pub trait Source {
    /// Why a read fails.
    type Error;
    /// How many bytes there are; the blob may be shorter.
    fn capacity(&self) -> usize;
    /// Reads `out.len()` bytes from `at` on; all of them lie below [`Self::capacity`].
    ///
    /// # Errors
    ///
    /// Those of the medium.
    fn read(&mut self, at: usize, out: &mut [u8]) -> Result<(), Self::Error>;
}

impl Source for &[u8] {
    type Error = core::convert::Infallible;

    fn capacity(&self) -> usize {
        self.len()
    }

    fn read(&mut self, at: usize, out: &mut [u8]) -> Result<(), Self::Error> {
        let from = self.get(at..).unwrap_or(&[]);
        out.iter_mut()
            .zip(from)
            .for_each(|(out, from)| *out = *from);
        Ok(())
    }
}

/// Bytes read from the source at a time.
const CHUNK: usize = 64;

/// A range of a NOR flash, read in aligned chunks.
pub(crate) struct FlashSource<'f, F> {
    flash: &'f mut F,
    base: u32,
    capacity: usize,
    cache: [u8; CHUNK],
    cached_at: Option<usize>,
}

impl<'f, F: ReadNorFlash> FlashSource<'f, F> {
    const CHUNKS_FIT: () = assert!(
        CHUNK.is_multiple_of(F::READ_SIZE),
        "READ_SIZE must divide 64"
    );

    pub fn new(flash: &'f mut F, base: u32, capacity: usize) -> Self {
        let () = Self::CHUNKS_FIT;
        FlashSource {
            flash,
            base,
            // No chunk reaches beyond the range, behind which the flash may end.
            capacity: capacity - capacity % CHUNK,
            cache: [0; CHUNK],
            cached_at: None,
        }
    }
}

impl<F: ReadNorFlash> Source for FlashSource<'_, F> {
    type Error = F::Error;

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn read(&mut self, at: usize, out: &mut [u8]) -> Result<(), F::Error> {
        for (offset, byte) in out.iter_mut().enumerate() {
            let position = at + offset;
            let chunk = position - position % CHUNK;
            if self.cached_at != Some(chunk) {
                self.cached_at = None;
                self.flash.read(self.base + chunk as u32, &mut self.cache)?;
                self.cached_at = Some(chunk);
            }
            *byte = self.cache.get(position % CHUNK).copied().unwrap_or(0);
        }
        Ok(())
    }
}

/// What a blob must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Every parameter.
    All,
    /// Every parameter that is not frozen.
    Trainable,
    /// The optimizer's state of every parameter that has one, and behind the last index [`Counters`].
    OptimizerState,
}

/// What counts updates beside the states: their number, what they are counted from (both as bits), and what the optimizer
/// itself remembers.
pub(crate) type Counters = [f32; 3];

/// A tensor that a blob may have.
struct Expected {
    /// Elements.
    len: u32,
    /// Where it is copied to.
    home: Option<u32>,
    /// The blob must have it.
    needed: bool,
}

impl Need {
    /// The fingerprint of such a blob for `plan`.
    pub fn schema(self, plan: &Plan<'_>) -> u64 {
        match self {
            Need::All | Need::Trainable => plan.schema,
            // Another optimizer's state is another schema; "OPTIM" keeps it apart from parameters.
            Need::OptimizerState => {
                plan.schema.rotate_left(7) ^ 0x004f_5054_494d_0000 ^ plan.optimizer as u64
            }
        }
    }

    /// The tensor of an index, if there can be one.
    fn expected(self, plan: &Plan<'_>, index: usize) -> Option<Expected> {
        if self == Need::OptimizerState && index == plan.params.len() {
            return Some(Expected {
                len: size_of::<Counters>() as u32 / 4,
                home: None,
                needed: true,
            });
        }
        let param = plan.params.get(index)?;
        Some(match self {
            Need::All | Need::Trainable => Expected {
                len: param.len,
                home: match param.home {
                    Home::Arena(home) => Some(home),
                    Home::Flash => None,
                },
                needed: self == Need::All || param.home != Home::Flash,
            },
            Need::OptimizerState => Expected {
                len: match param.state {
                    Some(_) => plan.optimizer.state_len(param.len),
                    None => 0,
                },
                home: param.state,
                needed: param.state.is_some(),
            },
        })
    }
}

/// Where things lie in a blob that passed [`check`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub sequence: u32,
    pub tensors_at: usize,
    pub tensors: u16,
    pub payload_at: usize,
    pub payload_len: usize,
    pub total_len: usize,
}

/// A position in a source, from which numbers are read.
struct Cursor<'s, S> {
    source: &'s mut S,
    at: usize,
}

impl<S: Source> Cursor<'_, S> {
    /// The next postcard integer of two bytes or more. All are read as the widest, so that reading is linked once.
    fn number<T: TryFrom<u64>>(&mut self) -> Result<T, ReadFailure<S::Error>> {
        let at = self.at;
        let value = self.varint((8 * size_of::<T>()).div_ceil(7))?;
        T::try_from(value).map_err(|_| BlobError::Header { at }.into())
    }

    #[inline(never)]
    fn varint(&mut self, longest: usize) -> Result<u64, ReadFailure<S::Error>> {
        let mut window = [0; 10];
        let left = self.source.capacity().saturating_sub(self.at);
        let window = window.get_mut(..left.min(longest)).unwrap_or(&mut []);
        self.source
            .read(self.at, window)
            .map_err(ReadFailure::Source)?;
        let window = &*window;
        match postcard::take_from_bytes(window) {
            Ok((value, rest)) => {
                self.at += window.len().saturating_sub(rest.len());
                Ok(value)
            }
            Err(_) if left < 10 => Err(self.ends_before(left)),
            Err(_) => Err(BlobError::Header { at: self.at }.into()),
        }
    }

    /// The next bytes: what postcard makes of an array of them, and of one.
    #[inline(never)]
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ReadFailure<S::Error>> {
        let left = self.source.capacity().saturating_sub(self.at);
        if left < N {
            return Err(self.ends_before(left));
        }
        let mut bytes = [0; N];
        self.source
            .read(self.at, &mut bytes)
            .map_err(ReadFailure::Source)?;
        self.at += N;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, ReadFailure<S::Error>> {
        let [byte] = self.bytes()?;
        Ok(byte)
    }

    fn ends_before(&self, left: usize) -> ReadFailure<S::Error> {
        let needed = self.at.saturating_add(left).saturating_add(1);
        BlobError::Truncated { needed }.into()
    }
}

/// One row of the tensor table.
pub(crate) struct Tensor {
    pub index: u16,
    dtype: u8,
    len: Option<u32>,
    pub offset: u32,
}

fn next_tensor<S: Source>(cursor: &mut Cursor<'_, S>) -> Result<Tensor, ReadFailure<S::Error>> {
    let index = cursor.number()?;
    let dtype = cursor.byte()?;
    let rank = cursor.byte()?;
    let mut len = Some(1u32);
    if usize::from(rank) > MAX_RANK {
        return Err(BlobError::Shape { index, expected: 0 }.into());
    }
    for _ in 0..rank {
        let dim: u32 = cursor.number()?;
        len = len.and_then(|len| len.checked_mul(dim));
    }
    let offset = cursor.number()?;
    Ok(Tensor {
        index,
        dtype,
        len,
        offset,
    })
}

/// Checks everything about a blob: header, table, length, CRC and that all weights are finite.
/// Reads the source twice over and changes nothing.
pub(crate) fn check<S: Source>(
    source: &mut S,
    plan: &Plan<'_>,
    need: Need,
) -> Result<Found, ReadFailure<S::Error>> {
    let found = check_header(source, plan, need)?;
    check_bytes(source, &found)?;
    Ok(found)
}

fn check_header<S: Source>(
    source: &mut S,
    plan: &Plan<'_>,
    need: Need,
) -> Result<Found, ReadFailure<S::Error>> {
    let capacity = source.capacity();
    let mut cursor = Cursor { source, at: 0 };
    if cursor.bytes()? != MAGIC {
        return Err(BlobError::Magic.into());
    }
    let version: u16 = cursor.number()?;
    if version != VERSION {
        return Err(BlobError::Version { found: version }.into());
    }
    let schema: u64 = cursor.number()?;
    let expected = need.schema(plan);
    if schema != expected {
        return Err(BlobError::Schema {
            expected,
            found: schema,
        }
        .into());
    }
    let sequence = cursor.number()?;
    let tensors = cursor.number()?;
    let tensors_at = cursor.at;
    let mut place = 0u32;
    let mut next = 0;
    for _ in 0..tensors {
        let tensor = next_tensor(&mut cursor)?;
        let index = tensor.index;
        let expected = loop {
            let expected = need.expected(plan, next);
            let expected = expected.ok_or(BlobError::Index { found: index })?;
            let at = next;
            next += 1;
            if at == usize::from(index) {
                break expected;
            }
            if expected.needed {
                return Err(BlobError::Missing { index: at as u16 }.into());
            }
        };
        if tensor.dtype != DTYPE_F32 {
            return Err(BlobError::Dtype {
                index,
                found: tensor.dtype,
            }
            .into());
        }
        if tensor.len != Some(expected.len) {
            return Err(BlobError::Shape {
                index,
                expected: expected.len,
            }
            .into());
        }
        if tensor.offset < place {
            return Err(BlobError::Overlap { index }.into());
        }
        if tensor.offset > place {
            return Err(BlobError::Hole { index }.into());
        }
        place = place.saturating_add(align_words(expected.len).saturating_mul(4));
    }
    while let Some(expected) = need.expected(plan, next) {
        if expected.needed {
            return Err(BlobError::Missing { index: next as u16 }.into());
        }
        next += 1;
    }
    let pad = cursor.byte()?;
    cursor.at += usize::from(pad);
    let payload_len: u32 = cursor.number()?;
    if payload_len != place {
        return Err(BlobError::Length {
            expected: place as usize,
            found: payload_len as usize,
        }
        .into());
    }
    let payload_at = cursor.at;
    if !payload_at.is_multiple_of(ALIGN) {
        return Err(BlobError::Misaligned.into());
    }
    let payload_len = payload_len as usize;
    let total_len = payload_at.saturating_add(payload_len).saturating_add(4);
    if total_len > capacity {
        return Err(BlobError::Truncated { needed: total_len }.into());
    }
    Ok(Found {
        sequence,
        tensors_at,
        tensors,
        payload_at,
        payload_len,
        total_len,
    })
}

/// One byte joins the CRC. Apart: of several bytes the compiler writes each one's loop over its bits out.
#[inline(never)]
fn join(digest: &mut crc::Digest<'_, u32, crc::NoTable>, byte: u8) {
    digest.update(&[byte]);
}

/// The CRC, and that every weight is finite.
fn check_bytes<S: Source>(source: &mut S, found: &Found) -> Result<(), ReadFailure<S::Error>> {
    let covered = found.total_len.saturating_sub(4);
    let mut digest = CRC.digest();
    let mut not_finite = None;
    let mut at = 0;
    while at < covered {
        let mut chunk = [0; CHUNK];
        let chunk = chunk
            .get_mut(..(covered - at).min(CHUNK))
            .unwrap_or(&mut []);
        source.read(at, chunk).map_err(ReadFailure::Source)?;
        for byte in &*chunk {
            join(&mut digest, *byte);
        }
        for (index, word) in chunk.as_chunks::<4>().0.iter().enumerate() {
            let position = at + 4 * index;
            let weight = position >= found.payload_at;
            if weight && not_finite.is_none() && !f32::from_le_bytes(*word).is_finite() {
                not_finite = Some(position);
            }
        }
        at += CHUNK;
    }
    let mut stored = [0; 4];
    source
        .read(covered, &mut stored)
        .map_err(ReadFailure::Source)?;
    let (expected, found) = (u32::from_le_bytes(stored), digest.finalize());
    if expected != found {
        return Err(BlobError::Crc { expected, found }.into());
    }
    match not_finite {
        Some(at) => Err(BlobError::NotFinite { at }.into()),
        None => Ok(()),
    }
}

/// Copies the tensors of a blob that passed [`check`] into the arena, and the counters of an optimizer's state.
pub(crate) fn copy_into<S: Source>(
    source: &mut S,
    found: &Found,
    plan: &Plan<'_>,
    need: Need,
    arena: &mut [f32],
    counters: &mut Counters,
) -> Result<(), ReadFailure<S::Error>> {
    let mut at = found.tensors_at;
    for _ in 0..found.tensors {
        let mut cursor = Cursor { source, at };
        let tensor = next_tensor(&mut cursor)?;
        at = cursor.at;
        let index = tensor.index;
        let expected = need.expected(plan, usize::from(index));
        let expected = expected.ok_or(BlobError::Index { found: index })?;
        let words = match expected.home {
            Some(home) => {
                let home = home as usize;
                arena.get_mut(home..home.saturating_add(expected.len as usize))
            }
            None if usize::from(index) == plan.params.len() => Some(&mut counters[..]),
            None => continue,
        };
        let words = words.ok_or(BlobError::Shape {
            index,
            expected: expected.len,
        })?;
        let bytes = bytemuck::cast_slice_mut(words);
        source
            .read(found.payload_at + tensor.offset as usize, bytes)
            .map_err(ReadFailure::Source)?;
    }
    Ok(())
}
