//! Weights as the blob that the device reads in place; its layout is drawn in [`tinpail::blob`].

use tinpail::blob::{Entry, write};
use tinpail::plan::ParamKind;
use tinpail_plan::PlanFile;

use crate::weights::Weights;

/// Why weights do not make a blob for a plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// A parameter of the plan that the weights lack.
    #[error("parameter {name} of the plan is missing; the file has {known}")]
    Missing { name: String, known: String },
    /// A parameter of another shape.
    #[error("parameter {name}: the plan has shape {expected:?}, the file {found:?}")]
    Shape {
        name: String,
        expected: Vec<usize>,
        found: Vec<usize>,
    },
    /// A weight that is infinite or NaN.
    #[error("parameter {name}: element {at} is {value}")]
    NotFinite { name: String, at: usize, value: f32 },
    /// More than 32-bit offsets can address.
    #[error("the parameters are too large for a blob")]
    TooLarge,
}

/// The blob of `weights` for the parameters of `plan`, in the plan's order. Weights that the plan does not
/// have are left out, as MXNet's `set_params` ignores them.
///
/// # Errors
///
/// [`BlobError`], naming the parameter.
pub fn blob(plan: &PlanFile, weights: &Weights) -> Result<Vec<u8>, BlobError> {
    let mut dims: Vec<Vec<u32>> = Vec::new();
    let mut values = Vec::new();
    for (param, placed) in plan.params.iter().zip(&plan.plan.params) {
        let found = match placed.kind {
            ParamKind::Argument => weights.arg(&param.name),
            ParamKind::Auxiliary => weights.aux(&param.name),
        };
        let tensor = found.ok_or_else(|| {
            let known: Vec<String> = weights.iter().map(|entry| entry.full_name()).collect();
            BlobError::Missing {
                name: param.name.clone(),
                known: known.join(", "),
            }
        })?;
        if tensor.shape() != param.shape {
            return Err(BlobError::Shape {
                name: param.name.clone(),
                expected: param.shape.clone(),
                found: tensor.shape().to_vec(),
            });
        }
        let data = tensor.data();
        if let Some(at) = data.iter().position(|value| !value.is_finite()) {
            return Err(BlobError::NotFinite {
                name: param.name.clone(),
                at,
                value: data[at],
            });
        }
        let shape: Result<Vec<u32>, _> =
            param.shape.iter().map(|dim| u32::try_from(*dim)).collect();
        dims.push(shape.map_err(|_| BlobError::TooLarge)?);
        values.push(data);
    }
    let entries = dims.iter().zip(&values).enumerate();
    let entries = entries.map(|(index, (dims, values))| Entry {
        index: index as u16,
        dims,
        values,
    });
    let mut bytes = Vec::new();
    write(&mut bytes, plan.plan.schema, 0, entries).map_err(|_| BlobError::TooLarge)?;
    Ok(bytes)
}

/// Bytes aligned to 16, as a blob in memory must be to be lent in place.
pub struct AlignedBlob {
    // u128 has the alignment that is needed.
    words: Vec<u128>,
    len: usize,
}

impl AlignedBlob {
    /// A copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        let mut words = vec![0u128; bytes.len().div_ceil(16)];
        bytemuck::cast_slice_mut::<_, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
        AlignedBlob {
            words,
            len: bytes.len(),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}
