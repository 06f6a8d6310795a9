//! `RNN` symbols become their layers. Letters: T steps, N batch, I inputs, H hidden, G gates, L layers, D directions.

use super::graph::Graph;
use crate::infer::Shapes;
use crate::symbol::{Mode, Rnn};
use crate::{Error, Net, Op, Sym};

/// All time steps from the last to the first.
pub(super) const REVERSE: Op = Op::SequenceReverse {
    use_sequence_length: false,
    axis: 0,
};

/// Replaces every `RNN` symbol.
pub(super) fn rnn_symbols(graph: &mut Graph, net: &Net, shapes: &Shapes) -> Result<(), Error> {
    for (index, node) in net.nodes.iter().enumerate() {
        if let Op::Rnn(rnn) = &node.op {
            if net.node(node.inputs[1]).op != Op::Variable {
                let what = "the parameters of an RNN symbol must be a variable";
                return Err(Error::symbol(&node.name, what));
            }
            let input_size = shapes.of(node.inputs[0])[2];
            expand(graph, net, index, rnn, input_size);
        }
    }
    Ok(())
}

fn expand(graph: &mut Graph, net: &Net, index: usize, rnn: &Rnn, input_size: usize) {
    let node = &net.nodes[index];
    let parameters = node.inputs[1];
    graph.hints(parameters).shape = Some(vec![rnn.parameter_len(input_size)]);
    let (begin_h, begin_c) = (node.inputs[2], node.inputs.get(3));
    let h_of = states(graph, net, index, rnn, begin_h, "state");
    let c_of = begin_c.map(|&begin_c| states(graph, net, index, rnn, begin_c, "state_cell"));

    let mut data = graph.resolve(node.inputs[0]);
    let (mut last_h, mut last_c) = (Vec::new(), Vec::new());
    let d = rnn.directions();
    let mut outputs = Vec::with_capacity(d);
    for (cell, at) in offsets(rnn, input_size).into_iter().enumerate() {
        let (l, backwards) = (cell / d, cell % d == 1);
        let name = match backwards {
            false => format!("{}_l{l}", node.name),
            true => format!("{}_l{l}_reverse", node.name),
        };
        let turned = |graph: &mut Graph, what: &str, sym: Sym| match backwards {
            false => sym,
            true => graph.add(index, &format!("{name}_{what}"), REVERSE, &[sym]),
        };
        let mut operands = vec![turned(graph, "x", data)];
        for (offset, shape, what) in at {
            let op = Op::ParamSlice { offset, shape };
            operands.push(graph.add(index, &format!("{name}_{what}"), op, &[parameters]));
        }
        operands.push(h_of[cell]);
        operands.extend(c_of.iter().map(|c_of| c_of[cell]));
        let op = Op::RnnLayer {
            mode: rnn.mode,
            hidden: rnn.state_size,
        };
        let layer = graph.add(index, &name, op, &operands);
        last_h.push(Sym { output: 1, ..layer });
        last_c.push(Sym { output: 2, ..layer });
        outputs.push(turned(graph, "y", layer));
        if outputs.len() < d {
            continue;
        }
        data = match std::mem::take(&mut outputs).as_slice() {
            &[only] => only,
            both => {
                let name = format!("{}_l{l}_both", node.name);
                graph.add(index, &name, Op::Concat { dim: 2 }, both)
            }
        };
        if rnn.p > 0.0 && l + 1 < rnn.num_layers {
            let op = Op::Dropout { p: rnn.p };
            let name = format!("{}_l{l}_dropout", node.name);
            data = graph.add(index, &name, op, &[data]);
        }
    }

    let output = |output: u32| Sym {
        output,
        ..super::pattern::output_of(index)
    };
    graph.replace(output(0), data);
    if rnn.state_outputs {
        let joined = join(graph, index, &format!("{}_state", node.name), &last_h);
        graph.replace(output(1), joined);
        if rnn.mode == Mode::Lstm {
            let joined = join(graph, index, &format!("{}_statecell", node.name), &last_c);
            graph.replace(output(2), joined);
        }
    }
}

/// Of each direction of each layer: offset, shape and name of its four parameters in the vector. All weights come first,
/// layer by layer, direction by direction, i2h before h2h; then all biases in the same order.
fn offsets(rnn: &Rnn, input_size: usize) -> Vec<[(usize, Vec<usize>, &'static str); 4]> {
    let (h, d) = (rnn.state_size, rnn.directions());
    let gh = rnn.mode.gates() * h;
    let cells = rnn.num_layers * d;
    let inputs = |cell: usize| if cell < d { input_size } else { d * h };
    let mut weight = 0;
    let mut bias: usize = (0..cells).map(|cell| gh * (inputs(cell) + h)).sum();
    let layer = |cell: usize| {
        let i = inputs(cell);
        let of_layer = [
            (weight, vec![gh, i], "i2h_weight"),
            (bias, vec![gh], "i2h_bias"),
            (weight + gh * i, vec![gh, h], "h2h_weight"),
            (bias + gh, vec![gh], "h2h_bias"),
        ];
        weight += gh * (i + h);
        bias += 2 * gh;
        of_layer
    };
    (0..cells).map(layer).collect()
}

/// The begin states (N, H) of each direction of each layer, from those of all (L D, N, H).
fn states(graph: &mut Graph, net: &Net, index: usize, rnn: &Rnn, all: Sym, what: &str) -> Vec<Sym> {
    let name = &net.nodes[index].name;
    let cells = rnn.num_layers * rnn.directions();
    if let Op::Zeros { shape } = &net.node(all).op {
        // N as it was given: the batch size, or a number of its own.
        let shape = vec![shape[1], rnn.state_size];
        let zeros = |l| {
            graph.add(
                index,
                &format!("{name}_l{l}_{what}"),
                Op::Zeros {
                    shape: shape.clone(),
                },
                &[],
            )
        };
        return (0..cells).map(zeros).collect();
    }
    let all = graph.resolve(all);
    // A slice even of one layer: unlike a reshape it gives a carried state its shape, from that of the part.
    let op = Op::SliceChannel {
        num_outputs: cells,
        axis: 0,
        squeeze_axis: true,
    };
    let first = graph.add(index, &format!("{name}_{what}s"), op, &[all]);
    (0..cells as u32)
        .map(|output| Sym { output, ..first })
        .collect()
}

/// States (N, H) of each direction of each layer as (L D, N, H).
fn join(graph: &mut Graph, index: usize, name: &str, states: &[Sym]) -> Sym {
    let mut expand =
        |name: &str, state: Sym| graph.add(index, name, Op::ExpandDims { axis: 0 }, &[state]);
    if let [only] = *states {
        return expand(name, only);
    }
    let numbered = states.iter().enumerate();
    let parts: Vec<Sym> = numbered
        .map(|(l, &state)| expand(&format!("{name}_l{l}"), state))
        .collect();
    graph.add(index, name, Op::Concat { dim: 0 }, &parts)
}
