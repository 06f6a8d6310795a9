//! Renaming: for a checkpoint whose names are not the network's.
//!
//! A map is a JSON object from the name in the checkpoint to the name in the network:
//!
//! ```json
//! { "encoder.weight_ih_l0": "gru_i2h_weight", "norm.running_mean": "aux:bn_moving_mean" }
//! ```
//!
//! Tensors that the map does not mention keep their names. All renamings happen at once, so two names can be swapped.
//! `arg:` or `aux:` before the old name says which of two tensors of one name is meant; before the new name it says what
//! the tensor becomes, which is otherwise what it was.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::weights::DuplicateName;
use crate::{Kind, Weights};

/// Why a map is no map, or does not fit the tensors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No JSON object of strings, or one with a name twice on the left.
    #[error("the name map must be a JSON object of strings: {0}")]
    Json(#[from] serde_json::Error),
    /// The map renames a tensor that is not there.
    #[error("the name map renames `{name}`, which the checkpoint has not; it has: {}", known.join(", "))]
    Unknown {
        /// The name on the left of the map.
        name: String,
        /// All names of the checkpoint, with prefixes.
        known: Vec<String>,
    },
    /// The map's left side could mean two tensors.
    #[error(
        "`{name}` is an argument and an auxiliary value: write arg:{name} or aux:{name} in the name map"
    )]
    Ambiguous {
        /// The name on the left of the map.
        name: String,
    },
    /// Two lines of the map (one with a prefix, one without) rename the same tensor.
    #[error("the name map renames `{full_name}` twice")]
    Twice {
        /// The tensor's name with its prefix.
        full_name: String,
    },
    /// After renaming two tensors share a name.
    #[error("after renaming, {0}")]
    Duplicate(#[from] DuplicateName),
}

/// Old names to new names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameMap {
    pairs: Vec<(String, String)>,
}

impl NameMap {
    /// Reads the JSON object.
    ///
    /// # Errors
    /// [`NameError::Json`]: it is not an object of strings, or names the same tensor twice.
    pub fn from_json(text: &str) -> Result<Self, NameError> {
        Ok(serde_json::from_str(text)?)
    }

    /// The tensors under their new names, in their old order.
    ///
    /// # Errors
    /// All of [`NameError`] but `Json`.
    pub fn apply(&self, weights: Weights) -> Result<Weights, NameError> {
        let mut new_names = vec![None; weights.len()];
        for (old, new) in &self.pairs {
            let at = find(&weights, old)?;
            if new_names[at].replace(new).is_some() {
                let full_name = weights
                    .iter()
                    .nth(at)
                    .map(|e| e.full_name())
                    .unwrap_or_default();
                return Err(NameError::Twice { full_name });
            }
        }
        let mut renamed = Weights::new();
        for (entry, new) in weights.into_iter().zip(new_names) {
            match new {
                None => renamed.push(entry.kind, entry.name, entry.tensor)?,
                Some(new) => {
                    let (kind, name) = Kind::split(new);
                    renamed.push(kind.unwrap_or(entry.kind), name.to_owned(), entry.tensor)?;
                }
            }
        }
        Ok(renamed)
    }
}

/// Where the tensor of that name stands.
fn find(weights: &Weights, old: &str) -> Result<usize, NameError> {
    let (kind, name) = Kind::split(old);
    let mut hits = weights
        .iter()
        .enumerate()
        .filter(|(_, e)| e.name == name && kind.is_none_or(|k| k == e.kind))
        .map(|(i, _)| i);
    match (hits.next(), hits.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => Err(NameError::Ambiguous {
            name: old.to_owned(),
        }),
        (None, _) => {
            let known = weights.iter().map(|e| e.full_name()).collect();
            Err(NameError::Unknown {
                name: old.to_owned(),
                known,
            })
        }
    }
}

/// By hand, because serde's own maps let the last of two equal keys win.
impl<'de> Deserialize<'de> for NameMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = NameMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from old names to new names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NameMap, A::Error> {
                let mut pairs: Vec<(String, String)> = Vec::new();
                while let Some((old, new)) = map.next_entry::<String, String>()? {
                    if pairs.iter().any(|(seen, _)| *seen == old) {
                        return Err(serde::de::Error::custom(format_args!(
                            "`{old}` stands there twice"
                        )));
                    }
                    pairs.push((old, new));
                }
                Ok(NameMap { pairs })
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Tensor};

    fn weights(full_names: &[&str]) -> Weights {
        let mut w = Weights::new();
        for (i, full) in full_names.iter().enumerate() {
            let (kind, name) = Kind::split(full);
            w.push(
                kind.unwrap(),
                name.into(),
                Tensor::new(vec![1], vec![i as f32]).unwrap(),
            )
            .unwrap();
        }
        w
    }

    fn rename(json: &str, full_names: &[&str]) -> Result<Vec<String>, String> {
        let map = NameMap::from_json(json).map_err(|e| e.to_string())?;
        let w = map.apply(weights(full_names)).map_err(|e| e.to_string())?;
        Ok(w.iter().map(Entry::full_name).collect())
    }

    #[test]
    fn renames_swaps_and_changes_kind() {
        assert_eq!(rename("{}", &["arg:a"]).unwrap(), ["arg:a"]);
        assert_eq!(
            rename(r#"{"a":"b","b":"a"}"#, &["arg:a", "arg:b", "aux:c"]).unwrap(),
            ["arg:b", "arg:a", "aux:c"]
        );
        assert_eq!(rename(r#"{"a":"aux:m"}"#, &["arg:a"]).unwrap(), ["aux:m"]);
        assert_eq!(
            rename(r#"{"aux:a":"m"}"#, &["arg:a", "aux:a"]).unwrap(),
            ["arg:a", "aux:m"]
        );
    }

    #[test]
    fn errors_name_the_culprit() {
        let said = |json: &str, names: &[&str]| rename(json, names).unwrap_err();
        assert!(
            said(r#"{"x":"y"}"#, &["arg:a", "aux:b"])
                .contains("`x`, which the checkpoint has not; it has: arg:a, aux:b")
        );
        assert!(said(r#"{"a":"b"}"#, &["arg:a", "aux:a"]).contains("arg:a or aux:a"));
        assert!(
            said(r#"{"a":"b"}"#, &["arg:a", "arg:b"]).contains("two tensors are named `arg:b`")
        );
        assert!(
            said(r#"{"a":"c","b":"c"}"#, &["arg:a", "arg:b"])
                .contains("two tensors are named `arg:c`")
        );
        assert!(said(r#"{"a":"b","a":"c"}"#, &["arg:a"]).contains("`a` stands there twice"));
        assert!(said(r#"{"a":"b","arg:a":"c"}"#, &["arg:a"]).contains("renames `arg:a` twice"));
        assert!(said(r#"{"a":1}"#, &["arg:a"]).contains("JSON object of strings"));
        assert!(said("[1]", &["arg:a"]).contains("old names to new names"));
    }
}
