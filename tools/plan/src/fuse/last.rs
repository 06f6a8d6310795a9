//! Who takes only the last step of a layer reads its final h, so that the layer need not keep the others.

use super::cell::Readers;
use super::graph::Graph;
use super::pattern::output_of;
use super::sequence::swaps_time_and_batch;
use crate::infer::axis_index;
use crate::{Net, Op, Sym};

/// Replaces SequenceLast over a layer, and SliceChannel of which only the last step is read, by the final h.
pub(super) fn final_states(graph: &mut Graph, net: &Net) {
    let readers = Readers::new(net);
    for (index, node) in net.nodes.iter().enumerate() {
        let (taken, axis) = match node.op {
            Op::SequenceLast {
                use_sequence_length: false,
                axis,
            } => (output_of(index), axis),
            Op::SliceChannel {
                num_outputs,
                axis,
                squeeze_axis: true,
            } => {
                let last = num_outputs as u32 - 1;
                let step = |output: u32| Sym {
                    output,
                    ..output_of(index)
                };
                let unread = |output: u32| readers.is_unread(step(output));
                match axis_index(axis, 3) {
                    // A part that is a head stays: its name counts the parts.
                    Some(axis) if (0..last).all(unread) && !net.heads.contains(&step(last)) => {
                        (step(last), axis)
                    }
                    _ => continue,
                }
            }
            _ => continue,
        };
        if let Some(layer) = layer_along(net, node.inputs[0], axis) {
            graph.replace(taken, Sym { output: 1, ..layer });
        }
    }
}

/// The layer of which `data` holds all h with the steps along `axis`.
fn layer_along(net: &Net, data: Sym, axis: usize) -> Option<Sym> {
    let node = net.node(data);
    match (&node.op, axis) {
        (Op::RnnLayer { .. }, 0) if data.output == 0 => Some(data),
        (op, 1) if swaps_time_and_batch(op) => layer_along(net, node.inputs[0], 0),
        _ => None,
    }
}
