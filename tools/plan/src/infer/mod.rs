//! Shapes and dtypes of every symbol.
//!
//! Every operator has one rule (`rules`) that says what its operands' shapes say about each other, in both
//! directions: a layer's data gives the shapes of its weights, an elementwise operator gives the shape of
//! a state that is only ever added to something known. The rules run over the graph, forwards and
//! backwards, until nothing new follows. When all is known every rule has been checked as well.

mod axes;
mod dtype;
mod loss;
mod recurrent;
mod reshape;
mod rules;
mod table;
mod window;

use crate::{Error, Net, Op, Sym};
pub(crate) use axes::{aligned, index as axis_index, permutation, slice};
use table::Table;

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

/// Infers the shape of every output of every node, parameters and states included, and every dtype.
/// In the shapes that the network declares, 0 stands for `batch_size`.
///
/// # Errors
/// A graph that is not well-formed, shapes that disagree (with the symbol and both shapes), a shape that
/// nothing determines, and integers (ids, class labels, lengths) that are also read as numbers.
pub fn infer(net: &Net, batch_size: usize) -> Result<Shapes, Error> {
    if batch_size == 0 {
        return Err(Error::Config("the batch size is 0".into()));
    }
    net.check()?;
    let mut table = Table::new(net);
    declare(&mut table, batch_size)?;
    settle(&mut table, false)?;
    if table.first_unknown().is_some() {
        // A 0 in a variable's `__shape__` is whatever its readers need it to be, else the batch size.
        for index in 0..net.nodes.len() {
            let node = &net.nodes[index];
            let shape = match &node.op {
                Op::Variable => node.hints.shape.as_ref(),
                Op::Zeros { shape } | Op::Ones { shape } => Some(shape),
                _ => None,
            };
            let sym = table.output(index, 0);
            if let Some(shape) = shape
                && table.get(sym).is_none()
            {
                let shape = with_batch(shape, batch_size);
                table.unify(sym, &shape, "the symbol itself", "__shape__")?;
            }
        }
        settle(&mut table, false)?;
    }
    if table.first_unknown().is_some() {
        settle(&mut table, true)?;
    }
    if let Some(sym) = table.first_unknown() {
        return Err(Error::Unknown {
            symbol: table.name(sym),
            shape: crate::error::Dims(net.node(sym).hints.shape.clone().unwrap_or_default()),
        });
    }
    let dims = table.into_dims();
    let dtypes = dtype::dtypes(net, &dims)?;
    Ok(Shapes { dims, dtypes })
}

/// Enters what the network says of itself: data, labels, zeros, and `__shape__` where it is complete.
fn declare(table: &mut Table, batch_size: usize) -> Result<(), Error> {
    let net = table.net;
    for (index, node) in net.nodes.iter().enumerate() {
        let sym = table.output(index, 0);
        match &node.op {
            Op::Variable => {
                let declared = net.data.iter().chain(&net.labels);
                for desc in declared.filter(|desc| desc.name == node.name) {
                    table.unify(
                        sym,
                        &with_batch(&desc.shape, batch_size),
                        "the network",
                        "data or label",
                    )?;
                }
                if let Some(shape) = &node.hints.shape
                    && !shape.contains(&0)
                {
                    table.unify(sym, shape, "the symbol itself", "__shape__")?;
                }
            }
            // Of several unknown sizes only the readers know.
            Op::Zeros { shape } | Op::Ones { shape } if is_open(shape) => {}
            Op::Zeros { shape } | Op::Ones { shape } => {
                table.unify(sym, &with_batch(shape, batch_size), &node.name, "output")?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether more than one axis is left open.
fn is_open(shape: &[usize]) -> bool {
    shape.iter().filter(|&&dim| dim == 0).count() > 1
}

fn with_batch(shape: &[usize], batch_size: usize) -> Vec<usize> {
    let fill = |&dim: &usize| if dim == 0 { batch_size } else { dim };
    shape.iter().map(fill).collect()
}

/// Runs the rules until nothing new follows. `guess` also takes what is likely: that data of which only the
/// layer that reads it is known is a matrix.
fn settle(table: &mut Table, guess: bool) -> Result<(), Error> {
    let nodes = table.net.nodes.len();
    loop {
        table.changed = false;
        for index in (0..nodes).chain((0..nodes).rev()) {
            rules::apply(table, index, guess)?;
        }
        if !table.changed {
            return Ok(());
        }
    }
}
