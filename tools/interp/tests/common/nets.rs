//! Networks by hand: recurrent layers in each of the forms that the graph has for them.

use tinpail_plan::symbol::{Act, FullyConnected, Mode, Op, ScalarOp};
use tinpail_plan::{Sym, Symbols};

/// One recurrent layer over (T, N, I) by the sequence operator, from its weights and begin states: all h,
/// last h[, last c].
pub fn sequence(
    net: &mut Symbols,
    name: &str,
    mode: Mode,
    hidden: usize,
    inputs: &[Sym],
) -> Vec<Sym> {
    let op = Op::RnnLayer { mode, hidden };
    let outputs = op.outputs() as u32;
    let first = net.push(name, op, inputs);
    (0..outputs).map(|output| Sym { output, ..first }).collect()
}

/// The weights of a cell of `mxnet.rnn` in the order that [`sequence`] reads them.
pub fn cell_weights(net: &mut Symbols, prefix: &str) -> Vec<Sym> {
    ["i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias"]
        .map(|name| net.variable(&format!("{prefix}{name}")))
        .to_vec()
}

/// One step of LSTMCell as MXNet unrolls it: h and c from x, h, c of shape (N, ...).
pub fn lstm_step(
    net: &mut Symbols,
    (prefix, t): (&str, usize),
    hidden: usize,
    x: Sym,
    h: Sym,
    c: Sym,
) -> (Sym, Sym) {
    let name = |part: &str| format!("{prefix}t{t}_{part}");
    let (a, b) = gate_sums(net, (prefix, t), 4 * hidden, x, h);
    let sum = net.elemwise_add(&name("sum"), a, b);
    let gates = net.slice_channel(&name("slice"), sum, 4, 1, false);
    let i = net.activation(&name("i"), gates[0], Act::Sigmoid);
    let f = net.activation(&name("f"), gates[1], Act::Sigmoid);
    let g = net.activation(&name("c"), gates[2], Act::Tanh);
    let o = net.activation(&name("o"), gates[3], Act::Sigmoid);
    let kept = net.elemwise_mul(&name("kept"), f, c);
    let new = net.elemwise_mul(&name("new"), i, g);
    let c = net.elemwise_add(&name("state"), kept, new);
    let squashed = net.activation(&name("squashed"), c, Act::Tanh);
    (net.elemwise_mul(&name("out"), o, squashed), c)
}

/// One step of GRUCell as MXNet unrolls it: h from x and h of shape (N, ...).
pub fn gru_step(
    net: &mut Symbols,
    (prefix, t): (&str, usize),
    hidden: usize,
    x: Sym,
    h: Sym,
) -> Sym {
    let name = |part: &str| format!("{prefix}t{t}_{part}");
    let (a, b) = gate_sums(net, (prefix, t), 3 * hidden, x, h);
    let a = net.slice_channel(&name("i2h_slice"), a, 3, 1, false);
    let b = net.slice_channel(&name("h2h_slice"), b, 3, 1, false);
    let r = net.elemwise_add(&name("r"), a[0], b[0]);
    let r = net.activation(&name("r_act"), r, Act::Sigmoid);
    let z = net.elemwise_add(&name("z"), a[1], b[1]);
    let z = net.activation(&name("z_act"), z, Act::Sigmoid);
    let reset = net.elemwise_mul(&name("reset"), r, b[2]);
    let n = net.elemwise_add(&name("h"), a[2], reset);
    let n = net.activation(&name("h_act"), n, Act::Tanh);
    let rest = net.scalar(&name("rest"), z, ScalarOp::RMinus, 1.0);
    let new = net.elemwise_mul(&name("new"), rest, n);
    let kept = net.elemwise_mul(&name("kept"), z, h);
    net.elemwise_add(&name("out"), new, kept)
}

fn gate_sums(
    net: &mut Symbols,
    (prefix, t): (&str, usize),
    rows: usize,
    x: Sym,
    h: Sym,
) -> (Sym, Sym) {
    let weights = cell_weights(net, prefix);
    let op = Op::FullyConnected(FullyConnected::new(rows));
    let name = |part: &str| format!("{prefix}t{t}_{part}");
    let a = net.push(&name("i2h"), op.clone(), &[x, weights[0], weights[1]]);
    let b = net.push(&name("h2h"), op, &[h, weights[2], weights[3]]);
    (a, b)
}

/// The attributes of a fused RNN that [`stacked`] takes apart.
#[derive(Clone, Copy)]
pub struct Stack {
    pub mode: Mode,
    pub hidden: usize,
    pub layers: usize,
    /// 2 if bidirectional.
    pub directions: usize,
    /// T, I
    pub steps: usize,
    pub inputs: usize,
}

/// What the fused RNN computes, out of sequence operators over slices of `parameters`: data (T, N, I),
/// states (layers * directions, N, H); y (T, N, directions * H) and the final states.
pub fn stacked(
    net: &mut Symbols,
    stack: Stack,
    data: Sym,
    parameters: Sym,
    states: &[Sym],
) -> Vec<Sym> {
    let (hidden, directions) = (stack.hidden, stack.directions);
    let rows = stack.mode.gates() * hidden;
    let cells = stack.layers * directions;
    let inputs_of = |cell: usize| match cell / directions {
        0 => stack.inputs,
        _ => hidden * directions,
    };
    let mut weight_at = 0;
    let mut bias_at: usize = (0..cells)
        .map(|cell| rows * (inputs_of(cell) + hidden))
        .sum();
    let begin: Vec<Vec<Sym>> = (states.iter().enumerate())
        .map(|(i, &state)| net.slice_channel(&format!("begin{i}"), state, cells, 0, true))
        .collect();
    let mut finals = vec![Vec::new(); states.len()];
    let mut x = data;
    for layer in 0..stack.layers {
        let mut outputs = Vec::new();
        for direction in 0..directions {
            let cell = layer * directions + direction;
            let name = |part: &str| format!("l{layer}d{direction}_{part}");
            let mut slice = |part: &str, at: &mut usize, shape: &[usize]| {
                let op = Op::ParamSlice {
                    offset: *at,
                    shape: shape.to_vec(),
                };
                *at += shape.iter().product::<usize>();
                net.push(&name(part), op, &[parameters])
            };
            let i2h_weight = slice("i2h_weight", &mut weight_at, &[rows, inputs_of(cell)]);
            let h2h_weight = slice("h2h_weight", &mut weight_at, &[rows, hidden]);
            let i2h_bias = slice("i2h_bias", &mut bias_at, &[rows]);
            let h2h_bias = slice("h2h_bias", &mut bias_at, &[rows]);
            let from = match direction {
                0 => x,
                _ => reversed(net, &name("x"), x, stack.steps),
            };
            let mut inputs = vec![from, i2h_weight, i2h_bias, h2h_weight, h2h_bias];
            inputs.extend(begin.iter().map(|states| states[cell]));
            let results = sequence(net, &name("layer"), stack.mode, hidden, &inputs);
            outputs.push(match direction {
                0 => results[0],
                _ => reversed(net, &name("y"), results[0], stack.steps),
            });
            for (i, (finals, &state)) in finals.iter_mut().zip(&results[1..]).enumerate() {
                finals.push(net.expand_dims(&name(&format!("final{i}")), state, 0));
            }
        }
        x = net.concat(&format!("l{layer}"), &outputs, 2);
    }
    let mut heads = vec![x];
    for (i, finals) in finals.iter().enumerate() {
        heads.push(net.concat(&format!("final{i}"), finals, 0));
    }
    heads
}

/// The steps of x (T, ...) from the last to the first.
fn reversed(net: &mut Symbols, name: &str, x: Sym, steps: usize) -> Sym {
    let mut parts = net.slice_channel(&format!("{name}_steps"), x, steps, 0, false);
    parts.reverse();
    net.concat(&format!("{name}_reversed"), &parts, 0)
}
