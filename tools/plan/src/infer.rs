//! Shapes and dtypes of every symbol.

use crate::Sym;

/// What an argument's elements are on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    F32,
    /// Token ids, class labels and sequence lengths.
    U16,
}

/// The result of shape inference.
#[derive(Clone, Debug)]
pub struct Shapes {
    /// Shape of each output of each node: `dims[node][output]`.
    pub dims: Vec<Vec<Vec<usize>>>,
    /// Dtype of each node's outputs (only variables, and reshapes of them, are ever U16).
    pub dtypes: Vec<Dtype>,
}

impl Shapes {
    /// The shape of a symbol.
    pub fn of(&self, sym: Sym) -> &[usize] {
        &self.dims[sym.node.0 as usize][sym.output as usize]
    }
}
