//! Whole nets as `mxnet.rnn` unrolls them, operator by operator: recognised as sequence operators or not,
//! the numbers are the same.

use tinpail_plan::symbol::{Act, Embedding, FullyConnected, Op, ScalarOp, SoftmaxOutput, Sym};
use tinpail_plan::{Net, Symbols};

use crate::row::Row;

const H: usize = 3;

/// A cell: its gates, and what makes the new states from x and the old ones.
#[derive(Clone, Copy)]
struct Cell {
    prefix: &'static str,
    gates: usize,
    states: usize,
    step: fn(&mut Symbols, &str, Sym, Sym, &[Sym]) -> Vec<Sym>,
}

const RNN: Cell = Cell {
    prefix: "rnn",
    gates: 1,
    states: 1,
    step: |s, name, a, b, _| {
        let sum = s.elemwise_add(&format!("{name}_sum"), a, b);
        vec![s.activation(&format!("{name}_out"), sum, Act::Tanh)]
    },
};

const LSTM: Cell = Cell {
    prefix: "lstm",
    gates: 4,
    states: 2,
    step: |s, name, a, b, states| {
        let sum = s.elemwise_add(&format!("{name}_sum"), a, b);
        let gates = s.slice_channel(&format!("{name}_slice"), sum, 4, 1, false);
        let mut act = |part: &str, gate, act| s.activation(&format!("{name}_{part}"), gate, act);
        let i = act("i", gates[0], Act::Sigmoid);
        let f = act("f", gates[1], Act::Sigmoid);
        let g = act("c", gates[2], Act::Tanh);
        let o = act("o", gates[3], Act::Sigmoid);
        let kept = s.elemwise_mul(&format!("{name}_kept"), f, states[1]);
        let new = s.elemwise_mul(&format!("{name}_new"), i, g);
        let c = s.elemwise_add(&format!("{name}_state"), kept, new);
        let squashed = s.activation(&format!("{name}_squashed"), c, Act::Tanh);
        vec![s.elemwise_mul(&format!("{name}_out"), o, squashed), c]
    },
};

const GRU: Cell = Cell {
    prefix: "gru",
    gates: 3,
    states: 1,
    step: |s, name, a, b, states| {
        let a = s.slice_channel(&format!("{name}_i2h_slice"), a, 3, 1, false);
        let b = s.slice_channel(&format!("{name}_h2h_slice"), b, 3, 1, false);
        let r = s.elemwise_add(&format!("{name}_r"), a[0], b[0]);
        let r = s.activation(&format!("{name}_r_act"), r, Act::Sigmoid);
        let z = s.elemwise_add(&format!("{name}_z"), a[1], b[1]);
        let z = s.activation(&format!("{name}_z_act"), z, Act::Sigmoid);
        let reset = s.elemwise_mul(&format!("{name}_reset"), r, b[2]);
        let n = s.elemwise_add(&format!("{name}_h"), a[2], reset);
        let n = s.activation(&format!("{name}_h_act"), n, Act::Tanh);
        let rest = s.scalar(&format!("{name}_rest"), z, ScalarOp::RMinus, 1.0);
        let new = s.elemwise_mul(&format!("{name}_new"), rest, n);
        let kept = s.elemwise_mul(&format!("{name}_kept"), z, states[0]);
        vec![s.elemwise_add(&format!("{name}_out"), new, kept)]
    },
};

/// What stands in the way of recognising a cell: its products are more than a cell's.
const SKIPPING: Cell = Cell {
    prefix: "skip",
    gates: 1,
    states: 1,
    step: |s, name, a, b, states| {
        let sum = s.elemwise_add(&format!("{name}_sum"), a, b);
        let act = s.activation(&format!("{name}_act"), sum, Act::Tanh);
        vec![s.elemwise_add(&format!("{name}_out"), act, states[0])]
    },
};

/// The cell over the steps; its outputs and its last states.
fn unroll(
    s: &mut Symbols,
    cell: Cell,
    steps: &[Sym],
    mut states: Vec<Sym>,
) -> (Vec<Sym>, Vec<Sym>) {
    let weights = ["i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias"]
        .map(|part| s.variable(&format!("{}_{part}", cell.prefix)));
    let layer = Op::FullyConnected(FullyConnected::new(cell.gates * H));
    let mut outputs = Vec::new();
    for (t, x) in steps.iter().enumerate() {
        let name = format!("{}_t{t}", cell.prefix);
        let inputs = [*x, weights[0], weights[1]];
        let a = s.push(&format!("{name}_i2h"), layer.clone(), &inputs);
        let inputs = [states[0], weights[2], weights[3]];
        let b = s.push(&format!("{name}_h2h"), layer.clone(), &inputs);
        states = (cell.step)(s, &name, a, b, &states);
        outputs.push(states[0]);
    }
    (outputs, states)
}

fn begin(s: &mut Symbols, cell: Cell, named: bool) -> Vec<Sym> {
    (0..cell.states)
        .map(|index| match named {
            true => s.variable(["h0", "c0"][index]),
            false => s.zeros(&format!("{}_begin_{index}", cell.prefix), [0, H]),
        })
        .collect()
}

/// The cell over (N, T, 2), all its outputs and its last states.
fn merged(cell: Cell, with_states: bool) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let parts = s.slice_channel("steps", x, steps, 1, true);
        let states = begin(&mut s, cell, with_states);
        let (outputs, states) = unroll(&mut s, cell, &parts, states);
        let outputs: Vec<Sym> = (outputs.into_iter().enumerate())
            .map(|(t, y)| s.expand_dims(&format!("step{t}"), y, 1))
            .collect();
        let y = s.concat("merged", &outputs, 1);
        let heads = [&[y][..], &states].concat();
        s.net(heads).data("data", [0, steps, 2])
    }
}

/// Two cells on each other, the last output classified.
fn classifier(first: Cell, second: Cell) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let parts = s.slice_channel("steps", x, steps, 1, true);
        let states = begin(&mut s, first, false);
        let (outputs, _) = unroll(&mut s, first, &parts, states);
        let states = begin(&mut s, second, false);
        let (outputs, _) = unroll(&mut s, second, &outputs, states);
        let fc = s.fully_connected("fc", outputs[steps - 1], FullyConnected::new(4));
        let label = s.variable("label");
        let head = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
        s.net([head])
            .data("data", [0, steps, 2])
            .label("label", [0])
    }
}

/// A language model: an embedding, a cell, a layer over every step, a loss with padding.
fn language_model(cell: Cell) -> impl Fn(usize) -> Net {
    move |steps| {
        let mut s = Symbols::new();
        let tokens = s.variable("data");
        let attrs = Embedding {
            input_dim: 6,
            output_dim: 2,
        };
        let x = s.embedding("embed", tokens, attrs);
        let parts = s.slice_channel("steps", x, steps, 1, true);
        let states = begin(&mut s, cell, false);
        let (outputs, _) = unroll(&mut s, cell, &parts, states);
        let y = s.concat("concat", &outputs, 1);
        let y = s.reshape("rows", y, &[-1, H as i64]);
        let y = s.fully_connected("pred", y, FullyConnected::new(6));
        let label = s.variable("label");
        let label = s.reshape("labels", label, &[-1]);
        let attrs = SoftmaxOutput {
            use_ignore: true,
            ignore_label: 0,
            ..SoftmaxOutput::default()
        };
        let head = s.softmax_output("softmax", y, label, attrs);
        s.net([head])
            .data("data", [0, steps])
            .label("label", [0, steps])
    }
}

/// An LSTM of which each new h stays the old one where a mask of Dropout says so: a ZoneoutCell.
fn zoneout(steps: usize) -> Net {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let parts = s.slice_channel("steps", x, steps, 1, true);
    let mut states = begin(&mut s, LSTM, true);
    let mut heads = Vec::new();
    for (t, part) in parts.into_iter().enumerate() {
        let old = states.clone();
        let (_, new) = unroll(&mut s, LSTM, &[part], states);
        let ones = s.push(&format!("ones{t}"), Op::OnesLike, &[new[0]]);
        let mask = s.dropout(&format!("mask{t}"), ones, 0.3);
        let h = s.choose(&format!("h{t}"), mask, new[0], old[0]);
        heads.push(s.expand_dims(&format!("step{t}"), h, 1));
        states = vec![h, new[1]];
    }
    let y = s.concat("merged", &heads, 1);
    s.net([y]).data("data", [0, steps, 2])
}

pub fn rows() -> Vec<Row> {
    let mut rows = vec![Row::new("cell dropout of old states", zoneout)];
    for cell in [RNN, LSTM, GRU, SKIPPING] {
        let name = cell.prefix;
        let states: &[&str] = if cell.states == 2 {
            &["h0", "c0"]
        } else {
            &["h0"]
        };
        rows.push(Row::new(format!("cell {name}"), merged(cell, false)));
        rows.push(Row::new(format!("cell {name}, states"), merged(cell, true)).states(states));
        // Named arguments that are no states are parameters.
        rows.push(Row::new(
            format!("cell {name}, begin trained"),
            merged(cell, true),
        ));
        rows.push(Row::new(
            format!("embedding, cell {name}"),
            language_model(cell),
        ));
    }
    rows.push(Row::new("cells lstm gru", classifier(LSTM, GRU)));
    rows.push(Row::new("cells gru rnn", classifier(GRU, RNN)));
    let fixed = ["gru_i2h_weight", "gru_h2h_weight"];
    rows.push(Row::new("cells rnn gru, weights fixed", classifier(RNN, GRU)).fixed(&fixed));
    rows
}
