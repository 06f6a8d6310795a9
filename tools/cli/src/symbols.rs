//! MXNet's symbol.json files of one network: `PREFIX-KEY-symbol.json`, one for each bucket.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::hint::Hint;

/// The file of each bucket key. `at` is a folder, or a folder and the prefix of its files.
pub fn find(at: &Path) -> Result<BTreeMap<u32, PathBuf>> {
    let (dir, wanted) = if at.is_dir() {
        (at, None)
    } else {
        let dir = match at.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        (dir, at.file_name().and_then(|name| name.to_str()))
    };
    let mut by_prefix: BTreeMap<String, BTreeMap<u32, PathBuf>> = BTreeMap::new();
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()));
    let entries = entries.hint("--symbols takes the folder with the *-KEY-symbol.json files")?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", dir.display()))?;
        let name = entry.file_name();
        let Some((prefix, key)) = name.to_str().and_then(split) else {
            continue;
        };
        if wanted.is_none_or(|wanted| wanted == prefix) {
            let keys = by_prefix.entry(prefix.to_owned()).or_default();
            keys.insert(key, entry.path());
        }
    }
    let prefixes: Vec<String> = by_prefix.keys().cloned().collect();
    let mut found = by_prefix.into_values();
    match (found.next(), found.next()) {
        (Some(files), None) => Ok(files),
        (None, _) => {
            let what = match wanted {
                Some(prefix) => format!("{}: no {prefix}-KEY-symbol.json", dir.display()),
                None => format!("{}: no file named *-KEY-symbol.json", dir.display()),
            };
            Err(anyhow::anyhow!(what)).hint(
                "save each bucket's symbol as PREFIX-KEY-symbol.json, as BucketingModule.save_checkpoint does",
            )
        }
        (Some(_), Some(_)) => bail_on_many(dir, &prefixes),
    }
}

fn bail_on_many<T>(dir: &Path, prefixes: &[String]) -> Result<T> {
    let first = prefixes.first().map_or("PREFIX", String::as_str);
    let error: Result<T> = (|| {
        bail!(
            "{} has the symbols of several networks: {}",
            dir.display(),
            prefixes.join(", ")
        )
    })();
    error.hint(format!(
        "say which: --symbols {}",
        dir.join(first).display()
    ))
}

/// Prefix and key of `PREFIX-KEY-symbol.json`.
fn split(name: &str) -> Option<(&str, u32)> {
    let (prefix, key) = name.strip_suffix("-symbol.json")?.rsplit_once('-')?;
    Some((prefix, key.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn prefixes_may_have_dashes() {
        assert_eq!(split("my-model-12-symbol.json"), Some(("my-model", 12)));
        assert_eq!(split("model-symbol.json"), None);
        assert_eq!(split("model-0001.params"), None);
    }
}
