//! Named tensors in the order of their file.

use std::collections::HashMap;
use std::fmt;

/// Which of MXNet's two parameter dictionaries a tensor belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An argument of the network: trained by an optimizer (`arg:` in a file).
    Arg,
    /// An auxiliary value, such as batch normalisation's running mean (`aux:` in a file).
    Aux,
}

impl Kind {
    /// `arg:` or `aux:`, as MXNet writes it before a name.
    pub fn prefix(self) -> &'static str {
        match self {
            Kind::Arg => "arg:",
            Kind::Aux => "aux:",
        }
    }

    /// Splits `arg:fc_bias` into its kind and `fc_bias`. `None` for the kind if the name has neither prefix.
    pub fn split(full: &str) -> (Option<Kind>, &str) {
        for kind in [Kind::Arg, Kind::Aux] {
            if let Some(name) = full.strip_prefix(kind.prefix()) {
                return (Some(kind), name);
            }
        }
        (None, full)
    }
}

/// A dense `f32` tensor, row-major: the last dimension varies fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

/// The data's length is not the product of the shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("shape {shape:?} does not hold {data_len} elements")]
pub struct ShapeMismatch {
    /// The shape that was given.
    pub shape: Vec<usize>,
    /// How many elements came with it.
    pub data_len: usize,
}

impl Tensor {
    /// A tensor of that shape. An empty shape is a scalar: one element.
    ///
    /// # Errors
    /// `data` has not as many elements as the shape.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Result<Self, ShapeMismatch> {
        if element_count(&shape) == Some(data.len()) {
            Ok(Self { shape, data })
        } else {
            let data_len = data.len();
            Err(ShapeMismatch { shape, data_len })
        }
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The elements, row-major, as an owned list.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}

/// The product of the dimensions, `None` if it is more than a `usize` holds. A zero anywhere makes it zero,
/// however large the other dimensions are.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim))
}

/// One named tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Argument or auxiliary value.
    pub kind: Kind,
    /// The name without prefix, such as `fc_bias`.
    pub name: String,
    /// The values.
    pub tensor: Tensor,
}

impl Entry {
    /// The name with its prefix, such as `arg:fc_bias`.
    pub fn full_name(&self) -> String {
        format!("{}{}", self.kind.prefix(), self.name)
    }
}

/// A tensor of a file as it is stored, without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name as it stands in the file.
    pub name: String,
    /// Its element type (`f32`, `bf16`, `i32`), or MXNet's `row_sparse`, `csr`, `none`.
    pub dtype: String,
    /// The dimensions; `None` if it is not dense.
    pub shape: Option<Vec<usize>>,
}

/// Two tensors of one kind share a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two tensors are named `{full_name}`")]
pub struct DuplicateName {
    /// The name with its prefix.
    pub full_name: String,
}

/// The parameters of one file, in its order. No two of one [`Kind`] share a name.
#[derive(Clone, PartialEq, Default)]
pub struct Weights {
    entries: Vec<Entry>,
    index: HashMap<(Kind, String), usize>,
}

impl Weights {
    /// No tensors at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a tensor.
    ///
    /// # Errors
    /// One of that kind and name is there already; nothing is changed.
    pub fn push(&mut self, kind: Kind, name: String, tensor: Tensor) -> Result<(), DuplicateName> {
        let entry = Entry { kind, name, tensor };
        let key = (kind, entry.name.clone());
        if self.index.contains_key(&key) {
            return Err(DuplicateName {
                full_name: entry.full_name(),
            });
        }
        self.index.insert(key, self.entries.len());
        self.entries.push(entry);
        Ok(())
    }

    /// The tensor of that kind and name (without prefix).
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Tensor> {
        let at = *self.index.get(&(kind, name.to_owned()))?;
        Some(&self.entries[at].tensor)
    }

    /// The argument of that name.
    pub fn arg(&self, name: &str) -> Option<&Tensor> {
        self.get(Kind::Arg, name)
    }

    /// The auxiliary value of that name.
    pub fn aux(&self, name: &str) -> Option<&Tensor> {
        self.get(Kind::Aux, name)
    }

    /// All tensors, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<'a> IntoIterator for &'a Weights {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Weights {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// Names and shapes, not the values.
impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|e| (e.full_name(), e.tensor.shape())))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_apart_and_order_is_kept() {
        let one = |v: f32| Tensor::new(vec![1], vec![v]).unwrap();
        let mut w = Weights::new();
        w.push(Kind::Arg, "b".into(), one(1.0)).unwrap();
        w.push(Kind::Aux, "b".into(), one(2.0)).unwrap();
        w.push(Kind::Arg, "a".into(), one(3.0)).unwrap();
        assert_eq!(w.arg("b").unwrap().data(), [1.0]);
        assert_eq!(w.aux("b").unwrap().data(), [2.0]);
        assert_eq!(w.aux("a"), None);
        let names: Vec<String> = w.iter().map(Entry::full_name).collect();
        assert_eq!(names, ["arg:b", "aux:b", "arg:a"]);
        let again = w.push(Kind::Aux, "b".into(), one(4.0));
        assert_eq!(
            again,
            Err(DuplicateName {
                full_name: "aux:b".into()
            })
        );
        assert_eq!(w.len(), 3);
    }

    #[test]
    fn shape_and_length_agree() {
        assert!(Tensor::new(vec![], vec![1.0]).is_ok());
        assert!(Tensor::new(vec![2, 0], vec![]).is_ok());
        assert!(Tensor::new(vec![usize::MAX, 2], vec![]).is_err());
        assert!(Tensor::new(vec![2], vec![1.0]).is_err());
        assert_eq!(element_count(&[usize::MAX, 2, 0]), Some(0));
    }
}
