//! Writing a file whole or not at all.

use std::path::Path;

use anyhow::{Context, Result};

/// Writes `bytes` to `path` by way of a file beside it, so that an error leaves no half of one.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path
        .file_name()
        .with_context(|| format!("{} is no file name", path.display()))?
        .to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // The error that is reported is the first one.
        let _ = std::fs::remove_file(&part);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}
