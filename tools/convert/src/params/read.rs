//! Reading formats V0 to V3.

use std::fmt;

use super::cursor::Cursor;
use super::{FILE_MAGIC, MAX_RANK, V1, V2, V3};
use crate::dtype::{Float, Overflow};
use crate::weights::{DuplicateName, element_count};
use crate::{Kind, Listed, Tensor, Weights};

/// MXNet's element types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum Dtype {
    F32,
    F64,
    F16,
    U8,
    I32,
    I8,
    I64,
    Bool,
    I16,
    U16,
    U32,
    U64,
    Bf16,
}

impl Dtype {
    /// By the number that stands in the file.
    fn from_code(code: i32) -> Option<Self> {
        use Dtype::*;
        let all = [
            F32, F64, F16, U8, I32, I8, I64, Bool, I16, U16, U32, U64, Bf16,
        ];
        all.get(usize::try_from(code).ok()?).copied()
    }

    fn bytes(self) -> usize {
        use Dtype::*;
        match self {
            U8 | I8 | Bool => 1,
            F16 | Bf16 | I16 | U16 => 2,
            F32 | I32 | U32 => 4,
            F64 | I64 | U64 => 8,
        }
    }

    /// `None` for the types that no parameter of ours can have.
    fn float(self) -> Option<Float> {
        match self {
            Dtype::F32 => Some(Float::F32),
            Dtype::F64 => Some(Float::F64),
            Dtype::F16 => Some(Float::F16),
            Dtype::Bf16 => Some(Float::Bf16),
            _ => None,
        }
    }
}

/// As Rust and NumPy abbreviate it: `f32`, `bf16`, `bool`.
impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// Why bytes are no `.params` file of ours. Positions count bytes from the start of the file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file does not begin with 0x112.
    #[error("not an MXNet .params file: it begins with {found:#x} instead of 0x112")]
    FileMagic {
        /// The first eight bytes.
        found: u64,
    },
    /// The file ends too early.
    #[error("the file ends early: {missing} more bytes are needed for what begins at byte {at}")]
    Truncated {
        /// Where the piece begins that is not complete.
        at: usize,
        /// How many of its bytes are missing.
        missing: usize,
    },
    /// A count or length that the rest of the file cannot hold.
    #[error("byte {at} announces {count} items or bytes, more than the file has left")]
    Count {
        /// Where it stands.
        at: usize,
        /// What it says.
        count: u64,
    },
    /// Neither one of MXNet's marks nor, as in the oldest format, a rank.
    #[error("array {index} begins with {found:#x}, which no format of MXNet's does")]
    ArrayMagic {
        /// Which array of the file, from 0.
        index: usize,
        /// The word it begins with.
        found: u32,
    },
    /// A rank outside 0 to 32, a negative dimension, or more elements than memory could hold.
    #[error("array {index} has an impossible shape")]
    Shape {
        /// Which array of the file, from 0.
        index: usize,
    },
    /// A storage type other than dense, row-sparse and CSR.
    #[error("array {index} has the unknown storage type {code}")]
    StorageCode {
        /// Which array of the file, from 0.
        index: usize,
        /// The number in the file.
        code: i32,
    },
    /// An element type that MXNet 1.9.1 has not.
    #[error("array {index} has the unknown dtype {code}")]
    DtypeCode {
        /// Which array of the file, from 0.
        index: usize,
        /// The number in the file.
        code: i32,
    },
    /// The arrays have no names.
    #[error("the {count} arrays of the file have no names: save a dict, not a list")]
    Unnamed {
        /// How many there are.
        count: usize,
    },
    /// Another number of names than of arrays.
    #[error("the file has {arrays} arrays but {names} names")]
    NameCount {
        /// How many arrays there are.
        arrays: usize,
        /// How many names there are.
        names: u64,
    },
    /// A name that is not UTF-8.
    #[error("name {index} is not UTF-8")]
    NameUtf8 {
        /// Which name of the file, from 0.
        index: usize,
    },
    /// A prefix other than `arg:` and `aux:`, which MXNet refuses as well.
    #[error("`{name}`: the only prefixes are arg: and aux:")]
    Prefix {
        /// The whole name.
        name: String,
    },
    /// A name occurs twice.
    #[error(transparent)]
    Duplicate(#[from] DuplicateName),
    /// A tensor of integers or booleans.
    #[error("`{name}` is {dtype}; only f32, f16, bf16 and f64 are read")]
    Dtype {
        /// The name as it stands in the file.
        name: String,
        /// Its element type.
        dtype: Dtype,
    },
    /// A row-sparse or CSR tensor.
    #[error("`{name}` is sparse ({storage}); convert it with tostype('default') and save it again")]
    Sparse {
        /// The name as it stands in the file.
        name: String,
        /// MXNet's name of the storage: `row_sparse` or `csr`.
        storage: &'static str,
    },
    /// A name without values.
    #[error("`{name}` is empty: it was saved before it had a shape")]
    None {
        /// The name as it stands in the file.
        name: String,
    },
    /// A value of a double-precision tensor that `f32` cannot hold.
    #[error("`{name}`: {source}")]
    Overflow {
        /// The name as it stands in the file.
        name: String,
        /// Which element.
        source: Overflow,
    },
    /// Bytes follow the last name.
    #[error("{len} bytes follow the end of the last name")]
    Trailing {
        /// How many.
        len: usize,
    },
}

/// An array whose bytes were found but not looked at.
enum Array<'a> {
    None,
    Sparse(&'static str),
    Dense {
        shape: Vec<usize>,
        dtype: Dtype,
        bytes: &'a [u8],
    },
}

/// Reads a `.params` file of format V0, V1, V2 or V3.
///
/// A name without prefix, as Gluon's `save_parameters` writes it, is an argument.
///
/// # Errors
/// See [`ReadError`]. No input makes it panic, or allocate more than a small multiple of `bytes`.
pub fn read(bytes: &[u8]) -> Result<Weights, ReadError> {
    let mut weights = Weights::new();
    for (name, array) in named_arrays(bytes)? {
        let tensor = to_tensor(name, array)?;
        let (kind, short) = Kind::split(name);
        if kind.is_none() && short.contains(':') {
            return Err(ReadError::Prefix {
                name: name.to_owned(),
            });
        }
        weights.push(kind.unwrap_or(Kind::Arg), short.to_owned(), tensor)?;
    }
    Ok(weights)
}

/// What is in a `.params` file, tensors that [`read`] refuses (integers, sparse ones) included.
///
/// # Errors
/// See [`ReadError`]; those of the file's structure.
pub fn list(bytes: &[u8]) -> Result<Vec<Listed>, ReadError> {
    let listed = named_arrays(bytes)?.into_iter().map(|(name, array)| {
        let (dtype, shape) = match array {
            Array::None => ("none".to_owned(), None),
            Array::Sparse(storage) => (storage.to_owned(), None),
            Array::Dense { shape, dtype, .. } => (dtype.to_string(), Some(shape)),
        };
        Listed {
            name: name.to_owned(),
            dtype,
            shape,
        }
    });
    Ok(listed.collect())
}

/// The arrays of a file with their names as they stand in it.
fn named_arrays(bytes: &[u8]) -> Result<Vec<(&str, Array<'_>)>, ReadError> {
    let mut cursor = Cursor::new(bytes);
    let found = cursor.u64()?;
    if found != FILE_MAGIC {
        return Err(ReadError::FileMagic { found });
    }
    let _reserved = cursor.u64()?;
    let array_count = cursor.count(4)?;
    let arrays = (0..array_count)
        .map(|index| read_array(&mut cursor, index))
        .collect::<Result<Vec<_>, _>>()?;
    let names = read_names(&mut cursor, array_count)?;
    if cursor.left() != 0 {
        return Err(ReadError::Trailing { len: cursor.left() });
    }
    Ok(names.into_iter().zip(arrays).collect())
}

fn to_tensor(name: &str, array: Array<'_>) -> Result<Tensor, ReadError> {
    let name = || name.to_owned();
    let (shape, dtype, bytes) = match array {
        Array::None => return Err(ReadError::None { name: name() }),
        Array::Sparse(storage) => {
            return Err(ReadError::Sparse {
                name: name(),
                storage,
            });
        }
        Array::Dense {
            shape,
            dtype,
            bytes,
        } => (shape, dtype, bytes),
    };
    let float = dtype.float().ok_or_else(|| ReadError::Dtype {
        name: name(),
        dtype,
    })?;
    let data = float.to_f32(bytes).map_err(|source| ReadError::Overflow {
        name: name(),
        source,
    })?;
    // The bytes were cut to the shape, so the two agree; were they not to, it is the shape that is wrong.
    Tensor::new(shape, data).map_err(|_| ReadError::None { name: name() })
}

fn read_names<'a>(cursor: &mut Cursor<'a>, arrays: usize) -> Result<Vec<&'a str>, ReadError> {
    let names = cursor.count(8)?;
    if names == 0 && arrays != 0 {
        return Err(ReadError::Unnamed { count: arrays });
    }
    if names != arrays {
        return Err(ReadError::NameCount {
            arrays,
            names: names as u64,
        });
    }
    let one = |index| {
        let len = cursor.count(1)?;
        std::str::from_utf8(cursor.take(len)?).map_err(|_| ReadError::NameUtf8 { index })
    };
    (0..names).map(one).collect()
}

fn read_array<'a>(cursor: &mut Cursor<'a>, index: usize) -> Result<Array<'a>, ReadError> {
    let magic = cursor.u32()?;
    match magic {
        V2 | V3 => {
            let storage = cursor.i32()?;
            // How many index arrays follow the values: their dtypes and shapes before, their contents after.
            let (sparse, index_arrays) = match storage {
                0 => (None, 0),
                1 => (Some("row_sparse"), 1),
                2 => (Some("csr"), 2),
                code => return Err(ReadError::StorageCode { index, code }),
            };
            let stored = match sparse {
                Some(_) => read_shape(cursor, index)?,
                None => None,
            };
            let shape = match read_shape(cursor, index)? {
                None => return Ok(Array::None),
                Some(shape) if shape.is_empty() && magic == V2 => return Ok(Array::None),
                Some(shape) => shape,
            };
            match sparse {
                None => read_rest(cursor, index, shape),
                Some(name) => {
                    skip_sparse(cursor, index, &stored.unwrap_or_default(), index_arrays)?;
                    Ok(Array::Sparse(name))
                }
            }
        }
        V1 => match read_shape(cursor, index)? {
            Some(shape) if !shape.is_empty() => read_rest(cursor, index, shape),
            _ => Ok(Array::None),
        },
        0 => Ok(Array::None),
        rank if rank as usize <= MAX_RANK => {
            let shape = (0..rank)
                .map(|_| Ok(cursor.u32()? as usize))
                .collect::<Result<_, ReadError>>()?;
            read_rest(cursor, index, shape)
        }
        found => Err(ReadError::ArrayMagic { index, found }),
    }
}

/// `None` for rank -1.
fn read_shape(cursor: &mut Cursor<'_>, index: usize) -> Result<Option<Vec<usize>>, ReadError> {
    let impossible = || ReadError::Shape { index };
    let rank = cursor.i32()?;
    if rank == -1 {
        return Ok(None);
    }
    if usize::try_from(rank).map_err(|_| impossible())? > MAX_RANK {
        return Err(impossible());
    }
    let dim = |_| usize::try_from(cursor.i64()?).map_err(|_| impossible());
    (0..rank).map(dim).collect::<Result<_, _>>().map(Some)
}

/// Device, dtype and the values of a dense array.
fn read_rest<'a>(
    cursor: &mut Cursor<'a>,
    index: usize,
    shape: Vec<usize>,
) -> Result<Array<'a>, ReadError> {
    let _device = (cursor.i32()?, cursor.i32()?);
    let dtype = read_dtype(cursor, index)?;
    let bytes = cursor.take(byte_count(&shape, dtype, index)?)?;
    Ok(Array::Dense {
        shape,
        dtype,
        bytes,
    })
}

/// Goes over a sparse array, so that its name can be found behind it.
fn skip_sparse(
    cursor: &mut Cursor<'_>,
    index: usize,
    stored: &[usize],
    index_arrays: usize,
) -> Result<(), ReadError> {
    let _device = (cursor.i32()?, cursor.i32()?);
    let dtype = read_dtype(cursor, index)?;
    let mut sizes = vec![byte_count(stored, dtype, index)?];
    for _ in 0..index_arrays {
        let dtype = read_dtype(cursor, index)?;
        let shape = read_shape(cursor, index)?.unwrap_or_default();
        sizes.push(byte_count(&shape, dtype, index)?);
    }
    sizes
        .into_iter()
        .try_for_each(|size| cursor.take(size).map(drop))
}

fn read_dtype(cursor: &mut Cursor<'_>, index: usize) -> Result<Dtype, ReadError> {
    let code = cursor.i32()?;
    Dtype::from_code(code).ok_or(ReadError::DtypeCode { index, code })
}

fn byte_count(shape: &[usize], dtype: Dtype, index: usize) -> Result<usize, ReadError> {
    let bytes = element_count(shape).and_then(|n| n.checked_mul(dtype.bytes()));
    bytes.ok_or(ReadError::Shape { index })
}
