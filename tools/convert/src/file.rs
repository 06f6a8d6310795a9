//! Reading a file by its extension.

use std::path::{Path, PathBuf};

use crate::{Listed, Weights, params, safetensors};

/// Why a file of parameters could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file system's own error.
    #[error("cannot read {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// Neither `.params` nor `.safetensors`.
    #[error("{path}: the name must end in .params or .safetensors", path = path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// A `.params` file with an error in it.
    #[error("{path}: {source}", path = path.display())]
    Params {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: params::ReadError,
    },
    /// A `.safetensors` file with an error in it.
    #[error("{path}: {source}", path = path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: safetensors::ReadError,
    },
}

/// Reads a `.params` or `.safetensors` file.
///
/// # Errors
/// See [`FileError`]; each variant names the file.
pub fn read_file(path: impl AsRef<Path>) -> Result<Weights, FileError> {
    parse(path.as_ref(), params::read, safetensors::read)
}

/// What a `.params` or `.safetensors` file holds, without its values.
///
/// # Errors
/// As [`read_file`], but for those of single tensors.
pub fn list_file(path: impl AsRef<Path>) -> Result<Vec<Listed>, FileError> {
    parse(path.as_ref(), params::list, safetensors::list)
}

fn parse<T>(
    path: &Path,
    params: impl Fn(&[u8]) -> Result<T, params::ReadError>,
    safetensors: impl Fn(&[u8]) -> Result<T, safetensors::ReadError>,
) -> Result<T, FileError> {
    let owned = || path.to_owned();
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    if !["params", "safetensors"].contains(&extension) {
        return Err(FileError::Extension { path: owned() });
    }
    let bytes = std::fs::read(path).map_err(|source| FileError::Io {
        path: owned(),
        source,
    })?;
    if extension == "params" {
        params(&bytes).map_err(|source| FileError::Params {
            path: owned(),
            source,
        })
    } else {
        safetensors(&bytes).map_err(|source| FileError::Safetensors {
            path: owned(),
            source,
        })
    }
}
