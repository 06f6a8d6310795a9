//! What is known of the shapes so far.

use crate::symbol::NodeId;
use crate::{Error, Net, Op, Sym};

/// No device that this is for addresses more; keeps products of hostile sizes from overflowing.
const MAX_ELEMENTS: usize = i32::MAX as usize;

/// A shape, once known, for each output of each node.
pub(super) struct Table<'a> {
    pub net: &'a Net,
    /// Whether anything became known since this was last set to false.
    pub changed: bool,
    dims: Vec<Vec<Option<Vec<usize>>>>,
}

impl<'a> Table<'a> {
    pub fn new(net: &'a Net) -> Self {
        let unknown = |op: &Op| vec![None; op.outputs()];
        Table {
            net,
            changed: false,
            dims: net.nodes.iter().map(|node| unknown(&node.op)).collect(),
        }
    }

    pub fn output(&self, index: usize, output: usize) -> Sym {
        Sym {
            node: NodeId(index as u32),
            output: output as u32,
        }
    }

    pub fn get(&self, sym: Sym) -> Option<&Vec<usize>> {
        self.dims[sym.node.0 as usize][sym.output as usize].as_ref()
    }

    /// The symbol as messages name it.
    pub fn name(&self, sym: Sym) -> String {
        self.net.output_name(sym)
    }

    /// `reader` needs `sym` to have `shape`, as its `role`: notes it, or finds it confirmed or contradicted.
    pub fn unify(
        &mut self,
        sym: Sym,
        shape: &[usize],
        reader: &str,
        role: &str,
    ) -> Result<(), Error> {
        match self.get(sym) {
            Some(known) if known == shape => Ok(()),
            Some(known) => {
                let what = format!("needed as {role} of {reader}, but found elsewhere");
                Err(Error::shapes(&self.name(sym), &what, shape, known))
            }
            None => {
                elements(&self.name(sym), shape)?;
                if let Some(hint) = &self.net.node(sym).hints.shape {
                    let fits = |(&hint, &dim): (&usize, &usize)| hint == 0 || hint == dim;
                    if hint.len() != shape.len() || !hint.iter().zip(shape).all(fits) {
                        let what = format!("needed as {role} of {reader}, but its __shape__ is");
                        return Err(Error::shapes(&self.name(sym), &what, shape, hint));
                    }
                }
                self.dims[sym.node.0 as usize][sym.output as usize] = Some(shape.to_vec());
                self.changed = true;
                Ok(())
            }
        }
    }

    /// The first symbol without a shape, variables before operators: those are what the user can name.
    pub fn first_unknown(&self) -> Option<Sym> {
        let unknown = |variables: bool| {
            let of_kind =
                move |index: &usize| (self.net.nodes[*index].op == Op::Variable) == variables;
            (0..self.dims.len()).filter(of_kind).find_map(|index| {
                let output = self.dims[index].iter().position(Option::is_none)?;
                Some(self.output(index, output))
            })
        };
        unknown(true).or_else(|| unknown(false))
    }

    pub fn into_dims(self) -> Vec<Vec<Vec<usize>>> {
        let known = |outputs: Vec<Option<_>>| outputs.into_iter().flatten().collect();
        self.dims.into_iter().map(known).collect()
    }
}

/// The number of elements of `shape`, which must be possible: at least one axis, no empty ones, and not too many.
pub(super) fn elements(symbol: &str, shape: &[usize]) -> Result<usize, Error> {
    if shape.is_empty() || shape.contains(&0) {
        return Err(Error::shape(symbol, "has no elements", shape));
    }
    let product = shape
        .iter()
        .try_fold(1usize, |product, &dim| product.checked_mul(dim));
    product
        .filter(|&product| product <= MAX_ELEMENTS)
        .ok_or_else(|| Error::shape(symbol, "has more elements than a device can address", shape))
}
