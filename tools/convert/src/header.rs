//! A blob's header, read on the host without a plan: for people who want to know what is in a file, above all
//! when the device refuses it.
//!
//! The device's own reader (`tinpail::blob`) stops at the first thing that is wrong. This one shares no code
//! with it, collects everything that is wrong with its place, and goes on as far as the layout can be followed.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;
use tinpail::blob::{ALIGN, BlobError, DTYPE_F32, MAGIC, MAX_RANK, VERSION};

/// What could be read of a blob. Positions count bytes from its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// The version of the layout.
    pub version: Option<u16>,
    /// The fingerprint of the parameter schema.
    pub schema: Option<u64>,
    /// Counts the times that a device has saved.
    pub sequence: Option<u32>,
    /// The rows of the tensor table, as many as are readable.
    pub tensors: Vec<Row>,
    /// Where the weights lie, as the header says; may reach beyond the end of the file.
    pub payload: Option<Range<usize>>,
    /// The check sum; `None` if the blob ends before it.
    pub crc: Option<Crc>,
    /// Everything that is wrong, in the order of the layout.
    pub problems: Vec<Problem>,
}

/// One row of the tensor table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where the row itself begins.
    pub at: usize,
    /// The parameter's index in the plan.
    pub index: u16,
    /// The element type; 0 is f32.
    pub dtype: u8,
    /// The dimensions.
    pub dims: Vec<u32>,
    /// First byte in the payload.
    pub offset: u32,
}

impl Row {
    /// Elements; `None` if they are more than an offset can address.
    pub fn len(&self) -> Option<u32> {
        self.dims
            .iter()
            .try_fold(1u32, |len, dim| len.checked_mul(*dim))
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Bytes of the elements, without the padding behind them.
    pub fn bytes(&self) -> Option<usize> {
        (self.len()? as usize).checked_mul(4)
    }
}

/// The stored check sum and that of the bytes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crc {
    /// What the blob says.
    pub stored: u32,
    /// What its bytes give.
    pub computed: u32,
}

impl Crc {
    /// Whether the two agree.
    pub fn is_right(self) -> bool {
        self.stored == self.computed
    }
}

/// Something that is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The first byte that it concerns.
    pub at: usize,
    /// What it is.
    pub error: BlobError,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, Said(self.error))
    }
}

/// The device's [`BlobError`] in words.
#[derive(Clone, Copy, Debug)]
pub struct Said(pub BlobError);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            BlobError::Truncated { needed } => {
                write!(
                    f,
                    "the blob ends too early: it needs {needed} bytes at least"
                )
            }
            BlobError::Magic => f.write_str("this is no blob: it does not begin with \"TPB1\""),
            BlobError::Version { found } => {
                write!(f, "layout version {found}; only version {VERSION} is known")
            }
            BlobError::Schema { expected, found } => write!(
                f,
                "the blob is of schema {found:#018x}, the plan of {expected:#018x}: names, shapes or their order differ"
            ),
            BlobError::Header { .. } => f.write_str("a number of the header cannot be read"),
            BlobError::Index { found } => {
                write!(f, "tensor index {found} is unknown or out of order")
            }
            BlobError::Dtype { index, found } => {
                write!(f, "tensor {index} has dtype {found}; only 0 (f32) is known")
            }
            BlobError::Shape { index, expected: 0 } => {
                write!(f, "tensor {index} has an impossible shape")
            }
            BlobError::Shape { index, expected } => {
                write!(f, "tensor {index} has not the plan's {expected} elements")
            }
            BlobError::Overlap { index } => {
                write!(f, "tensor {index} begins before the one before it ends")
            }
            BlobError::Hole { index } => write!(
                f,
                "tensor {index} begins later than the first multiple of {ALIGN} bytes after the one before it"
            ),
            BlobError::Missing { index } => write!(f, "parameter {index} of the plan is missing"),
            BlobError::Length { expected, found } => {
                write!(f, "the payload has {found} bytes, its tensors {expected}")
            }
            BlobError::Misaligned => {
                write!(
                    f,
                    "the payload does not begin at a multiple of {ALIGN} bytes"
                )
            }
            BlobError::Crc { expected, found } => write!(
                f,
                "the check sum is {expected:#010x}, the bytes give {found:#010x}: a byte was changed"
            ),
            BlobError::NotFinite { at } => write!(f, "the weight at byte {at} is infinite or NaN"),
            BlobError::Trailing { bytes } => write!(f, "{bytes} bytes follow the blob"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl Header {
    /// Reads as much of `bytes` as can be followed. Takes any bytes.
    pub fn read(bytes: &[u8]) -> Self {
        let mut header = Header::default();
        let mut cursor = Cursor { bytes, at: 0 };
        if let Err(problem) = header.read_table(&mut cursor) {
            header.problems.push(problem);
        }
        header.read_crc(bytes);
        header.check_weights(bytes);
        header
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// The values of a row of [`Self::tensors`]; `None` if they are no f32 or do not lie in the payload.
    pub fn values<'b>(
        &self,
        bytes: &'b [u8],
        row: &Row,
    ) -> Option<impl Iterator<Item = f32> + 'b + use<'b>> {
        let payload = self.payload.clone()?;
        let start = payload.start.checked_add(row.offset as usize)?;
        let end = start.checked_add(row.bytes()?)?;
        if row.dtype != DTYPE_F32 || end > payload.end {
            return None;
        }
        let words = bytes.get(start..end)?.as_chunks::<4>().0;
        Some(words.iter().map(|word| f32::from_le_bytes(*word)))
    }

    fn problem(&mut self, at: usize, error: BlobError) {
        self.problems.push(Problem { at, error });
    }

    /// Everything before the payload. An error ends the reading.
    fn read_table(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Problem> {
        let is_blob = cursor.next::<[u8; 4]>()? == MAGIC;
        if !is_blob {
            self.problem(0, BlobError::Magic);
        }
        let version_at = cursor.at;
        let version = cursor.next()?;
        if version != VERSION {
            // Behind a wrong magic this says nothing more.
            if is_blob {
                self.version = Some(version);
                self.problem(version_at, BlobError::Version { found: version });
            }
            return Ok(());
        }
        self.version = Some(version);
        self.schema = Some(cursor.next()?);
        self.sequence = Some(cursor.next()?);
        let count: u16 = cursor.next()?;
        let mut place = 0u32;
        for _ in 0..count {
            let row = cursor.row()?;
            self.check_row(&row, place);
            let bytes = row.len().and_then(|len| len.checked_mul(4));
            let bytes = bytes.and_then(|bytes| bytes.checked_next_multiple_of(ALIGN as u32));
            place = row.offset.saturating_add(bytes.unwrap_or(0));
            self.tensors.push(row);
        }
        let pad: u8 = cursor.next()?;
        cursor.at += usize::from(pad);
        let len_at = cursor.at;
        let found = cursor.next::<u32>()? as usize;
        let expected = place as usize;
        if found != expected {
            self.problem(len_at, BlobError::Length { expected, found });
        }
        if !cursor.at.is_multiple_of(ALIGN) {
            self.problem(cursor.at, BlobError::Misaligned);
        }
        self.payload = Some(cursor.at..cursor.at.saturating_add(found));
        Ok(())
    }

    fn check_row(&mut self, row: &Row, place: u32) {
        let index = row.index;
        if self.tensors.last().is_some_and(|last| last.index >= index) {
            self.problem(row.at, BlobError::Index { found: index });
        }
        if row.dtype != DTYPE_F32 {
            let found = row.dtype;
            self.problem(row.at, BlobError::Dtype { index, found });
        }
        if row.len().is_none() {
            self.problem(row.at, BlobError::Shape { index, expected: 0 });
        }
        if row.offset < place {
            self.problem(row.at, BlobError::Overlap { index });
        }
        if row.offset > place {
            self.problem(row.at, BlobError::Hole { index });
        }
    }

    /// The check sum behind the payload; where the header does not say where that ends, the last four bytes.
    fn read_crc(&mut self, bytes: &[u8]) {
        let covered = match &self.payload {
            Some(payload) => payload.end,
            None if bytes.len() >= 4 => bytes.len() - 4,
            None => return,
        };
        let end = covered.saturating_add(4);
        let Some(stored) = bytes.get(covered..end) else {
            self.problem(bytes.len(), BlobError::Truncated { needed: end });
            return;
        };
        let stored = stored.iter().rev();
        let stored = stored.fold(0, |word, byte| word << 8 | u32::from(*byte));
        let digest = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
        let computed = digest.checksum(&bytes[..covered]);
        self.crc = Some(Crc { stored, computed });
        if stored != computed {
            self.problem(
                covered,
                BlobError::Crc {
                    expected: stored,
                    found: computed,
                },
            );
        }
        if bytes.len() > end {
            let bytes = bytes.len() - end;
            self.problem(end, BlobError::Trailing { bytes });
        }
    }

    /// The first weight of each tensor that is infinite or NaN.
    fn check_weights(&mut self, bytes: &[u8]) {
        let Some(payload) = self.payload.clone() else {
            return;
        };
        let mut bad = Vec::new();
        for row in &self.tensors {
            let mut values = self.values(bytes, row).into_iter().flatten();
            if let Some(element) = values.position(|value| !value.is_finite()) {
                bad.push(payload.start + row.offset as usize + 4 * element);
            }
        }
        for at in bad {
            self.problem(at, BlobError::NotFinite { at });
        }
    }
}

struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Cursor<'_> {
    fn next<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        match postcard::take_from_bytes(rest) {
            Ok((value, after)) => {
                self.at += rest.len() - after.len();
                Ok(value)
            }
            Err(postcard::Error::DeserializeUnexpectedEnd) => Err(Problem {
                at: self.at,
                error: BlobError::Truncated {
                    needed: self.at.max(self.bytes.len()) + 1,
                },
            }),
            Err(_) => Err(Problem {
                at: self.at,
                error: BlobError::Header { at: self.at },
            }),
        }
    }

    fn row(&mut self) -> Result<Row, Problem> {
        let at = self.at;
        let index = self.next()?;
        let dtype = self.next()?;
        let rank: u8 = self.next()?;
        if usize::from(rank) > MAX_RANK {
            let error = BlobError::Shape { index, expected: 0 };
            return Err(Problem { at, error });
        }
        let dims: Result<Vec<u32>, Problem> = (0..rank).map(|_| self.next()).collect();
        Ok(Row {
            at,
            index,
            dtype,
            dims: dims?,
            offset: self.next()?,
        })
    }
}
