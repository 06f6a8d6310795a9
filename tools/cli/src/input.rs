//! Input arrays by name, from .npz or JSON.
//!
//! JSON is an object from names to arrays, each as nested lists or as `{"shape": [..], "data": [..]}`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;

use crate::array::Array;
use crate::hint::Hint;
use crate::npz;

/// The arrays of a file.
pub fn read(path: &Path) -> Result<BTreeMap<String, Array>> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let parse = match extension {
        Some("npz") => npz::read,
        Some("json") => json,
        _ => {
            let error = anyhow!("{}: the name must end in .npz or .json", path.display());
            return Err(error).hint("np.savez('input.npz', data=array) writes one");
        }
    };
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&bytes).with_context(|| path.display().to_string())
}

fn json(bytes: &[u8]) -> Result<BTreeMap<String, Array>> {
    let value: Value = serde_json::from_slice(bytes)?;
    let Value::Object(object) = value else {
        bail!("an object from names to arrays is needed");
    };
    let each = object.into_iter().map(|(name, value)| {
        let array = array(&value).with_context(|| format!("array {name}"))?;
        Ok((name, array))
    });
    each.collect()
}

fn array(value: &Value) -> Result<Array> {
    if let Value::Object(object) = value {
        let field = |name: &str| {
            object
                .get(name)
                .with_context(|| format!("it has no {name}"))
        };
        let dims = field("shape")?.as_array().context("shape is no list")?;
        let dim = |dim: &Value| dim.as_u64().and_then(|dim| usize::try_from(dim).ok());
        let shape: Option<Vec<usize>> = dims.iter().map(dim).collect();
        let shape = shape.context("shape is no list of lengths")?;
        let data = field("data")?.as_array().context("data is no list")?;
        let data: Option<Vec<f64>> = data.iter().map(Value::as_f64).collect();
        let data = data.context("data is no flat list of numbers")?;
        let len = data.len();
        return Array::new(shape.clone(), data)
            .with_context(|| format!("shape {shape:?} does not hold {len} elements"));
    }
    let mut shape = Vec::new();
    let mut inner = value;
    while let Value::Array(list) = inner {
        shape.push(list.len());
        match list.first() {
            Some(first) => inner = first,
            None => break,
        }
    }
    let mut data = Vec::new();
    flatten(value, &shape, &mut data)?;
    Array::new(shape, data).context("the lists are ragged")
}

fn flatten(value: &Value, shape: &[usize], data: &mut Vec<f64>) -> Result<()> {
    match (value, shape) {
        (Value::Array(list), [len, inner @ ..]) => {
            ensure!(
                list.len() == *len,
                "the lists are ragged: one has {} elements, another {len}",
                list.len()
            );
            list.iter()
                .try_for_each(|value| flatten(value, inner, data))
        }
        (Value::Number(number), []) => {
            data.push(number.as_f64().context("a number is too large")?);
            Ok(())
        }
        (Value::Array(_), []) | (Value::Number(_), _) => bail!("the lists are ragged"),
        (other, _) => bail!("{other} is no number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_json() {
        let arrays = json(br#"{"a": [[1, 2.5], [3, 4]], "b": {"shape": [2, 1], "data": [5, 6]}}"#);
        let arrays = arrays.unwrap();
        assert_eq!(arrays["a"].shape(), [2, 2]);
        assert_eq!(arrays["a"].data(), [1.0, 2.5, 3.0, 4.0]);
        assert_eq!(arrays["b"].shape(), [2, 1]);
        for wrong in [
            "[1]",
            r#"{"a": [[1], [2, 3]]}"#,
            r#"{"a": [1, [2]]}"#,
            r#"{"a": [[1], 2]}"#,
            r#"{"a": ["x"]}"#,
            r#"{"a": {"shape": [3], "data": [1]}}"#,
            r#"{"a": {"shape": [18446744073709551615, 2], "data": [1]}}"#,
        ] {
            assert!(json(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
