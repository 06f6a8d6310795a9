//! Unrolled cells and fused `RNN` symbols become one [`crate::Op::RnnLayer`] for each layer.
//!
//! 1. `expand`: an `RNN` symbol becomes its layers, over slices of its parameter vector;
//! 2. `cell`, `chain`, `sequence`: the operators that MXNet's `LSTMCell`, `GRUCell` and `RNNCell` write for one
//!    step are recognised by `pattern`, steps are linked into layers, and a layer replaces its steps if it is certain
//!    to compute the same: what does not match stays unrolled and runs operator by operator;
//! 3. `last`: who takes only the last step reads the layer's final state.
//!
//! Nothing reads the names of nodes: a pattern is found wherever the arithmetic is that of a cell.

mod cell;
mod chain;
mod expand;
mod graph;
mod last;
mod pattern;
mod sequence;

use crate::{Error, Net, infer};
use graph::Graph;

/// `net` with its recurrent layers fused and its dead nodes dropped, in topological order. Heads, and the
/// names of their outputs, stay; data and labels stay even where nothing reads them.
///
/// The shapes are those for `batch_size`, but what is made of them holds for any other.
///
/// # Errors
/// Those of [`infer::infer`], and parameters of an `RNN` symbol that are not a variable.
pub fn fuse(net: &Net, batch_size: usize) -> Result<Net, Error> {
    net.check()?;
    let net = Graph::new(net).into_net(net)?;
    let shapes = infer::infer(&net, batch_size)?;
    let mut graph = Graph::new(&net);
    expand::rnn_symbols(&mut graph, &net, &shapes)?;
    sequence::fuse_cells(&mut graph, &net, &shapes);
    let net = graph.into_net(&net)?;
    let mut graph = Graph::new(&net);
    last::final_states(&mut graph, &net);
    graph.into_net(&net)
}
