//! Trained weights for a plan: read, renamed, laid out as a blob.

use std::path::Path;

use anyhow::{Context, Result};
use tinpail_convert::{BlobError, FileError, NameMap, Weights, blob, read_file};
use tinpail_plan::PlanFile;

use crate::hint::Hint;

/// The tensors of a file under the network's names.
pub fn read(params: &Path, names: Option<&Path>) -> Result<Weights> {
    let weights = read_file(params);
    let weights = match &weights {
        Err(FileError::Extension { .. }) => weights.hint(
            "MXNet's save_params writes .params; PyTorch and JAX weights are saved as .safetensors",
        )?,
        _ => weights?,
    };
    let Some(names) = names else {
        return Ok(weights);
    };
    let text = std::fs::read_to_string(names)
        .with_context(|| format!("cannot read {}", names.display()))?;
    let map = NameMap::from_json(&text).with_context(|| names.display().to_string())?;
    map.apply(weights)
        .with_context(|| names.display().to_string())
}

/// The blob of a file's tensors.
pub fn to_blob(plan: &PlanFile, weights: &Weights, params: &Path) -> Result<Vec<u8>> {
    let made = blob(plan, weights);
    let hint = match &made {
        Ok(_) => String::new(),
        Err(BlobError::Missing { name, .. }) => format!(
            "if {name} has another name in the file, give --names MAP.json with {{\"its name\": \"{name}\"}}; if it is data, a label or a state, declare it with --data, --label or --state"
        ),
        Err(BlobError::Shape { name, .. }) => format!(
            "the weights are those of another network, or {name} is stored in another layout; MXNet's is (outputs, inputs)"
        ),
        Err(_) => "the training diverged, or the file is damaged".into(),
    };
    match made {
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(error)
            .with_context(|| params.display().to_string())
            .hint(hint),
    }
}
