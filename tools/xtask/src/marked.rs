//! Tables that a command writes into a document, between two marks.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Puts `table` between the marks of the file.
pub fn write(path: &Path, [start, end]: [&str; 2], table: &str) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let (Some((head, _)), Some((_, tail))) = (text.split_once(start), text.split_once(end)) else {
        bail!("{} has lost its marks", path.display());
    };
    let text = format!("{head}{start}{table}{end}{tail}");
    fs::write(path, text).with_context(|| path.display().to_string())
}
