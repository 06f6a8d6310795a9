//! Writing format V2, the one that MXNet 1.x writes itself.

use super::{CPU, FILE_MAGIC, V2};
use crate::{Kind, Weights};

/// Why tensors cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Format V2 has no tensor of rank 0: it would be read as "none".
    #[error("`{full_name}` is a scalar, which format V2 cannot hold: reshape it to (1,)")]
    Scalar {
        /// The name with its prefix.
        full_name: String,
    },
    /// More than the 32 dimensions that MXNet reads.
    #[error("`{full_name}` has {rank} dimensions, more than 32")]
    Rank {
        /// The name with its prefix.
        full_name: String,
        /// How many it has.
        rank: usize,
    },
}

/// A V2 file of `f32` tensors: all arguments, then all auxiliary values, each kind in its order, as
/// `Module.save_params` writes them.
///
/// # Errors
/// See [`WriteError`].
pub fn write(weights: &Weights) -> Result<Vec<u8>, WriteError> {
    let of_kind = |kind| weights.iter().filter(move |e| e.kind == kind);
    let entries = || of_kind(Kind::Arg).chain(of_kind(Kind::Aux));
    let count = (weights.len() as u64).to_le_bytes();
    let mut out = Vec::new();
    out.extend(FILE_MAGIC.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend(count);
    for entry in entries() {
        let shape = entry.tensor.shape();
        let full_name = || entry.full_name();
        if shape.is_empty() {
            return Err(WriteError::Scalar {
                full_name: full_name(),
            });
        }
        if shape.len() > super::MAX_RANK {
            return Err(WriteError::Rank {
                full_name: full_name(),
                rank: shape.len(),
            });
        }
        out.extend(V2.to_le_bytes());
        out.extend(0i32.to_le_bytes()); // dense
        out.extend((shape.len() as i32).to_le_bytes());
        shape
            .iter()
            .for_each(|&dim| out.extend((dim as i64).to_le_bytes()));
        [CPU, 0, 0]
            .iter()
            .for_each(|word| out.extend(word.to_le_bytes())); // device, its number, f32
        entry
            .tensor
            .data()
            .iter()
            .for_each(|x| out.extend(x.to_le_bytes()));
    }
    out.extend(count);
    for entry in entries() {
        let name = entry.full_name();
        out.extend((name.len() as u64).to_le_bytes());
        out.extend(name.as_bytes());
    }
    Ok(out)
}
