//! `.safetensors` files, as PyTorch's, JAX's and MLX's tools write them.
//!
//! `arg:` and `aux:` before a name mean what they mean in a `.params` file; a name with neither is an argument. A name
//! map ([`crate::NameMap`]) can make it an auxiliary value.

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use crate::dtype::{Float, Overflow};
use crate::weights::{DuplicateName, ShapeMismatch};
use crate::{Kind, Listed, Tensor, Weights};

/// Why bytes are no `.safetensors` file of ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// What the format's own library says.
    #[error("not a valid .safetensors file: {0}")]
    Format(#[from] SafeTensorError),
    /// A tensor of another type than the four that are read.
    #[error("`{name}` is {dtype}; only F32, F16, BF16 and F64 are read")]
    Dtype {
        /// The name as it stands in the file.
        name: String,
        /// Its element type.
        dtype: Dtype,
    },
    /// A value of a double-precision tensor that `f32` cannot hold.
    #[error("`{name}`: {source}")]
    Overflow {
        /// The name as it stands in the file.
        name: String,
        /// Which element.
        source: Overflow,
    },
    /// A tensor whose bytes are not as many as its shape asks for.
    #[error("`{name}`: {source}")]
    Shape {
        /// The name as it stands in the file.
        name: String,
        /// The shape and the number of elements.
        source: ShapeMismatch,
    },
    /// A name occurs twice once the prefixes are off.
    #[error(transparent)]
    Duplicate(#[from] DuplicateName),
}

/// Reads a `.safetensors` file; tensors come in the order of their bytes in it.
///
/// # Errors
/// See [`ReadError`]. No input makes it panic.
pub fn read(bytes: &[u8]) -> Result<Weights, ReadError> {
    let file = SafeTensors::deserialize(bytes)?;
    let mut weights = Weights::new();
    for (name, view) in in_order(&file) {
        let float = match view.dtype() {
            Dtype::F32 => Float::F32,
            Dtype::F16 => Float::F16,
            Dtype::BF16 => Float::Bf16,
            Dtype::F64 => Float::F64,
            dtype => {
                return Err(ReadError::Dtype {
                    name: name.to_owned(),
                    dtype,
                });
            }
        };
        let data = float
            .to_f32(view.data())
            .map_err(|source| ReadError::Overflow {
                name: name.to_owned(),
                source,
            })?;
        let tensor =
            Tensor::new(view.shape().to_vec(), data).map_err(|source| ReadError::Shape {
                name: name.to_owned(),
                source,
            })?;
        let (kind, short) = Kind::split(name);
        weights.push(kind.unwrap_or(Kind::Arg), short.to_owned(), tensor)?;
    }
    Ok(weights)
}

/// What is in a `.safetensors` file, tensors that [`read`] refuses (integers) included.
///
/// # Errors
/// [`ReadError::Format`].
pub fn list(bytes: &[u8]) -> Result<Vec<Listed>, ReadError> {
    let file = SafeTensors::deserialize(bytes)?;
    let listed = in_order(&file).into_iter().map(|(name, view)| Listed {
        name: name.to_owned(),
        dtype: view.dtype().to_string().to_lowercase(),
        shape: Some(view.shape().to_vec()),
    });
    Ok(listed.collect())
}

/// The library lists tensors by hash; their place in the file is the one order that the file itself has.
/// Empty tensors share a place with the next one: the name settles it.
fn in_order<'f>(file: &'f SafeTensors<'f>) -> Vec<(&'f str, TensorView<'f>)> {
    let mut tensors: Vec<_> = file.iter().collect();
    tensors.sort_by_key(|(name, view)| (view.data().as_ptr().addr(), *name));
    tensors
}
